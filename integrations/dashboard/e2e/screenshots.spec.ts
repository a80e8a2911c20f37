import { expect } from '@playwright/test';
import { Api } from './support/Api';
import { Database } from './support/Database';
import { DATABASE_NAME, test } from './support/fixtures';
import { views } from './support/tour';
import { incidentOf } from './support/traffic';
import { connection } from './support/views';

const FOLDER = new URL('../../../docs/screenshots/', import.meta.url).pathname;
const OUTAGE = { tenant: 'acme', endpoint: 'https://hooks.acme.example/orders' };

test.skip(process.env.UPDATE_SCREENSHOTS !== '1', 'UPDATE_SCREENSHOTS=1 makes them anew');

test('screenshots of each view', async ({ browser }) => {
  test.setTimeout(300_000);
  const database = new Database(`${DATABASE_NAME}_screenshots`);
  database.drop();
  Database.create(database.name, { rows: 250_000, hours: 48, incidents: true });
  const api = await Api.start(database.name);
  try {
    const incident = await incidentOf(database, OUTAGE);
    database.run(`SET anomaly_insights.actor = 'dana';
      SELECT insights.anomaly_acknowledge(${incident}, 'Their gateway is down, calling them', now() + interval '2 hours');
      SELECT FROM insights.replay_execute(ARRAY(SELECT delivery_id FROM insights.replay_plan('{"hours": 6}', 12)
        WHERE outcome = 'replay'), 'screenshots')`);
    for (const scheme of ['light', 'dark'] as const) {
      const context = await browser.newContext({ colorScheme: scheme, reducedMotion: 'reduce' });
      await context.request.get(`${api.url}/demo/login?roles=admin&user=alice`);
      const page = await context.newPage();
      for (const view of views(incident, OUTAGE)) {
        await page.goto(api.url + view.path);
        await expect(connection(page)).toHaveText('Live');
        await view.arrive(page);
        await page.screenshot({ path: `${FOLDER}${view.name}-${scheme}.png`, fullPage: view.long ?? false });
      }
      await context.close();
    }
  } finally {
    await api.stop();
    database.drop();
  }
});
