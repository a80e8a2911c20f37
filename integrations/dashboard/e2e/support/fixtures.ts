import { test as base, type BrowserContext, type Page } from '@playwright/test';
import { Api } from './Api';
import { Database } from './Database';
import { resolveAll } from './traffic';

export const DATABASE_NAME = 'dashboard_e2e';

interface WorkerFixtures {
  api: Api;
  database: Database;
}

interface TestFixtures {
  /** A page of somebody with this role, in a browser profile of their own. */
  openAs: (role: 'viewer' | 'operator' | 'admin', user: string, path: string) => Promise<Page>;
  noIncidents: undefined;
}

export const test = base.extend<TestFixtures, WorkerFixtures>({
  database: [async ({}, use) => use(new Database(DATABASE_NAME)), { scope: 'worker' }],

  api: [
    async ({}, use) => {
      const api = await Api.start(DATABASE_NAME);
      await use(api);
      await api.stop();
    },
    { scope: 'worker' },
  ],

  noIncidents: [
    async ({ database }, use) => {
      resolveAll(database);
      await use(undefined);
    },
    { auto: true },
  ],

  openAs: async ({ api, browser }, use) => {
    const contexts: BrowserContext[] = [];
    await use(async (role, user, path) => {
      const context = await browser.newContext();
      contexts.push(context);
      await context.request.get(`${api.url}/demo/login?roles=${role}&user=${user}`);
      const page = await context.newPage();
      await page.goto(api.url + path);
      return page;
    });
    for (const context of contexts) await context.close();
  },
});

export { expect } from '@playwright/test';
