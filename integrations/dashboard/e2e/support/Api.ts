import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { expect } from '@playwright/test';

const INTEGRATIONS = new URL('../../../', import.meta.url).pathname;

const LOGS = `${INTEGRATIONS}dashboard/test-results/`;

/** The API's server with the built dashboard, on a port of its own that it keeps when it is restarted. */
export class Api {
  #process: ChildProcess | null = null;

  private constructor(
    private readonly database: string,
    private readonly port: number,
  ) {}

  static async start(database: string): Promise<Api> {
    const api = new Api(database, await freePort());
    await api.start();
    return api;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  async start() {
    mkdirSync(LOGS, { recursive: true });
    const log = openSync(`${LOGS}api.log`, 'a');
    const dist = `${INTEGRATIONS}dashboard/dist`;
    const options = [
      '--dsn',
      `dbname=${this.database} user=insights_service`,
      '--port',
      String(this.port),
      '--static',
      dist,
      '--demo-login',
    ];
    this.#process = spawn('/usr/bin/python3', ['-m', 'command_center', ...options, '--log-level', 'warning'], {
      env: { ...process.env, PYTHONPATH: `${INTEGRATIONS}command_center` },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    await expect.poll(() => this.#answers()).toBe(true);
  }

  async stop() {
    const child = this.#process;
    this.#process = null;
    if (!child || child.exitCode !== null) return;
    const ended = once(child, 'exit');
    child.kill();
    await ended;
  }

  async #answers(): Promise<boolean> {
    if (this.#process?.exitCode !== null) throw new Error(`the API has ended, see ${LOGS}api.log`);
    const headers = { 'X-User-Roles': 'viewer' };
    return fetch(`${this.url}/api/sources`, { headers }).then(
      (response) => response.ok,
      () => false,
    );
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
