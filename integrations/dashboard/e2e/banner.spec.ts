import { expect, test } from './support/fixtures';
import type { Database } from './support/Database';
import { psqlMeanwhile, quote } from './support/psql';
import { activeCount, healthyEndpoint, incidentOf, placeOf, startOutage, type Place } from './support/traffic';
import { banner, connection, deliveryRows } from './support/views';

// What the product promises, from the moment the event is committed.
const PROMISE_MS = 2_000;

/** When others could see for the first time that an incident of this endpoint had opened. How long somebody had
 * evaluated before is not counted. */
async function committed(database: Database, { endpoint }: Place): Promise<number> {
  const opened = `SELECT FROM insights.anomaly_events WHERE event = 'opened' AND endpoint = ${quote(endpoint)}`;
  const time = await psqlMeanwhile(
    database.name,
    '-c',
    `DO $$ BEGIN WHILE NOT EXISTS (${opened}) LOOP PERFORM pg_sleep(0.005); END LOOP; END $$`,
    '-c',
    'SELECT extract(epoch FROM clock_timestamp()) * 1000',
  );
  return Number(time);
}

test('the banner appears by itself when an incident opens', async ({ openAs, database }) => {
  const place = placeOf('banner');
  healthyEndpoint(database, place, 0);
  const page = await openAs('admin', 'alice', '/deliveries');
  await expect(connection(page)).toHaveText('Live');
  await expect(banner(page)).toHaveCount(0);

  const watcher = await page.evaluateHandle(() => ({
    appeared: new Promise<number>((resolve) => {
      const look = () => document.querySelector('[data-testid=incident-banner]') && resolve(Date.now());
      new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
    }),
  }));
  const visible = committed(database, place);
  startOutage(database, place);
  await incidentOf(database, place);
  const latency = (await watcher.evaluate(({ appeared }) => appeared)) - (await visible);
  console.log(`the banner appeared ${Math.round(latency)} ms after the incident`);
  expect(latency).toBeLessThan(PROMISE_MS);

  await expect(banner(page)).toContainText('1 Active Incident');
  await expect(banner(page)).toContainText(place.endpoint);
  await expect(page.getByTestId('announcer')).toContainText('New incident, critical');
  await expect(page).toHaveTitle(/^\(1\) Deliveries/);
});

test('the banner counts what is active and shows the gravest', async ({ openAs, database }) => {
  const small = placeOf('banner-small');
  const large = placeOf('banner-large');
  for (const [place, failures] of [
    [small, 8],
    [large, 20],
  ] as const) {
    healthyEndpoint(database, place, 0);
    startOutage(database, place, failures);
    await incidentOf(database, place);
  }
  const page = await openAs('operator', 'olga', '/deliveries');
  await expect(banner(page)).toContainText(`${activeCount(database)} Active Incidents`);
  await expect(banner(page)).toContainText(large.endpoint);
});

test('of more incidents than a page of them holds, the gravest is shown however old it is', async ({
  openAs,
  database,
}) => {
  const place = placeOf('banner-many');
  healthyEndpoint(database, place, 0);
  startOutage(database, place);
  const id = await incidentOf(database, place);
  const columns = database.run(
    `SELECT string_agg(attname, ', ') FROM pg_attribute WHERE attrelid = 'insights.anomalies'::regclass AND attnum > 0
       AND NOT attisdropped AND attname NOT IN ('id', 'endpoint', 'severity', 'failure_cluster_detected',
         'spike_detected')`,
  );
  database.run(
    `INSERT INTO insights.anomalies (${columns}, endpoint, severity, failure_cluster_detected, spike_detected)
     SELECT ${columns}, 'https://many.example/' || i, 'warning', false, true
     FROM insights.anomalies, generate_series(1, 250) AS i WHERE id = ${id}`,
  );
  const page = await openAs('operator', 'olga', '/deliveries');
  await expect(banner(page)).toContainText(`${activeCount(database)} Active Incidents`);
  await expect(banner(page)).toContainText(place.endpoint);
});

test('"View affected deliveries" filters the table', async ({ openAs, database }) => {
  const place = placeOf('affected');
  healthyEndpoint(database, place, 2);
  startOutage(database, place);
  await incidentOf(database, place);
  const page = await openAs('operator', 'olga', '/incidents');

  await banner(page).getByRole('link', { name: 'View affected deliveries' }).click();
  await expect(page.getByRole('heading', { name: 'Deliveries', level: 1 })).toBeFocused();
  await expect(page.getByLabel('Tenant', { exact: true })).toHaveValue(place.tenant);
  await expect(page.getByLabel('Endpoint', { exact: true })).toHaveValue(place.endpoint);
  await expect(page.getByRole('checkbox', { name: 'Failed', exact: true })).toBeChecked();
  await expect(page.getByRole('checkbox', { name: 'Dead letter' })).toBeChecked();

  const failed = database.number(
    `SELECT count(*) FROM deliveries WHERE target = ${quote(place.endpoint)} AND status = 'failed'`,
  );
  await expect(deliveryRows(page)).toHaveCount(failed);
  await expect(deliveryRows(page).filter({ hasText: place.endpoint }).filter({ hasText: 'Failed' })).toHaveCount(
    failed,
  );
});

test('"View affected deliveries" leads to the beginning of the page, also from the page itself', async ({
  openAs,
  database,
}) => {
  const place = placeOf('affected-here');
  healthyEndpoint(database, place, 2);
  startOutage(database, place);
  await incidentOf(database, place);
  const page = await openAs('operator', 'olga', '/deliveries');
  await banner(page).getByRole('link', { name: 'View affected deliveries' }).click();
  await expect(page.getByLabel('Endpoint', { exact: true })).toHaveValue(place.endpoint);
  await expect(page.getByRole('heading', { name: 'Deliveries', level: 1 })).toBeFocused();
});
