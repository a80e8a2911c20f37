import { execFileSync } from 'node:child_process';

/** Runs psql as whoever PGHOST, PGPORT and PGUSER say: a superuser. */
export function psql(database: string, ...args: string[]): string {
  const common = ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d', database];
  return execFileSync('psql', [...common, ...args], {
    encoding: 'utf8',
    env: { ...process.env, PGOPTIONS: '-c client_min_messages=warning' },
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trim();
}

/** A text as an SQL literal. */
export const quote = (text: string) => `'${text.replaceAll("'", "''")}'`;
