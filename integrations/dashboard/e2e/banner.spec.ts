import { expect, test } from './support/fixtures';
import { quote } from './support/psql';
import { activeCount, healthyEndpoint, incidentOf, placeOf, startOutage } from './support/traffic';
import { banner, connection, deliveryRows } from './support/views';

// What the product promises, from the moment the event is committed. The event's time is the beginning of the
// transaction, so that the evaluation itself is counted as well.
const PROMISE_MS = 2_000;

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
  startOutage(database, place);
  const id = await incidentOf(database, place);
  const event = `FROM insights.anomaly_events WHERE anomaly_id = ${id} AND event = 'opened'`;
  const latency =
    (await watcher.evaluate(({ appeared }) => appeared)) -
    database.number(`SELECT extract(epoch FROM at) * 1000 ${event}`);
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
