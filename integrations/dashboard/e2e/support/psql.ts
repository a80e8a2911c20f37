import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';

const optionsFor = (database: string) => ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d', database];
const environment = () => ({ ...process.env, PGOPTIONS: '-c client_min_messages=warning' });

/** Runs psql as whoever PGHOST, PGPORT and PGUSER say: a superuser. */
export function psql(database: string, ...args: string[]): string {
  return execFileSync('psql', [...optionsFor(database), ...args], {
    encoding: 'utf8',
    env: environment(),
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trim();
}

/** The same, beside whatever else the test does. */
export async function psqlMeanwhile(database: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('psql', [...optionsFor(database), ...args], { env: environment() });
  return stdout.trim();
}

/** A text as an SQL literal. */
export const quote = (text: string) => `'${text.replaceAll("'", "''")}'`;
