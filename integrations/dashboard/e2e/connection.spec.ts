import { expect, test } from './support/fixtures';
import { healthyEndpoint, incidentOf, placeOf, resolveAll, startOutage } from './support/traffic';
import { banner, connection } from './support/views';

test('a dropped stream is shown, comes back, and nothing is missed', async ({ openAs, database, api }) => {
  const place = placeOf('dropped');
  healthyEndpoint(database, place, 0);
  const page = await openAs('operator', 'olga', '/incidents');
  await expect(connection(page)).toHaveText('Live');

  await api.stop();
  await expect(connection(page)).toHaveText('Offline');
  startOutage(database, place);
  await incidentOf(database, place);
  await expect(banner(page)).toHaveCount(0);

  await api.start();
  await expect(connection(page)).toHaveText('Live');
  await expect(banner(page)).toContainText(place.endpoint);
  await expect(page.getByTestId('announcer')).toContainText('New incident');
});

test('without a stream it polls', async ({ openAs, database, api }) => {
  const place = placeOf('polling');
  healthyEndpoint(database, place, 0);
  const page = await openAs('operator', 'olga', '/deliveries');
  await expect(connection(page)).toHaveText('Live');
  // A proxy that does not let streams through.
  await page.route('**/api/events/stream*', (route) => route.abort());
  await page.goto(`${api.url}/deliveries`);
  await expect(connection(page)).toHaveText('Polling');
  startOutage(database, place);
  await incidentOf(database, place);
  await expect(banner(page)).toContainText(place.endpoint);

  await page.unroute('**/api/events/stream*');
  await expect(connection(page)).toHaveText('Live');
});

test('a session that has ended is told so, and goes on after a new one', async ({ openAs, api }) => {
  const page = await openAs('operator', 'olga', '/deliveries');
  await expect(connection(page)).toHaveText('Live');
  await page.context().clearCookies();
  await api.stop();
  await api.start();
  await expect(page.getByRole('alert')).toContainText('HTTP 401');
  await expect(connection(page)).toHaveCount(0);

  await page.context().request.get(`${api.url}/demo/login?roles=viewer&user=olga`);
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByRole('navigation', { name: 'Views' }).getByRole('link')).toHaveText(['Deliveries']);
});

test('whoever may do less than before sees less', async ({ openAs, api }) => {
  const page = await openAs('admin', 'alice', '/deliveries');
  await expect(page.getByRole('link', { name: 'Insights' })).toBeVisible();
  await page.context().request.get(`${api.url}/demo/login?roles=viewer&user=alice`);
  // By the address, as the link goes when any other request of the page is the first that is refused.
  await page.evaluate(() => history.pushState(null, '', '/insights'));
  await expect(page.getByText('There is nothing at this address.')).toBeVisible();
  await expect(page.getByRole('navigation', { name: 'Views' }).getByRole('link')).toHaveText(['Deliveries']);
});

test('a database from a backup, with fewer events than there were, is followed', async ({ openAs, database, api }) => {
  const place = placeOf('restored');
  healthyEndpoint(database, place, 0);
  startOutage(database, place);
  await incidentOf(database, place);
  const page = await openAs('operator', 'olga', '/incidents');
  await expect(connection(page)).toHaveText('Live');
  await expect(banner(page)).toContainText(place.endpoint);

  await api.stop();
  resolveAll(database);
  database.run('TRUNCATE insights.anomaly_events RESTART IDENTITY');
  await api.start();
  await expect(connection(page)).toHaveText('Live');
  await expect(banner(page)).toHaveCount(0);

  const next = placeOf('restored-next');
  healthyEndpoint(database, next, 0);
  startOutage(database, next);
  await incidentOf(database, next);
  await expect(page.getByTestId('announcer')).toContainText(next.endpoint);
  await expect(banner(page)).toContainText(next.endpoint);
});

test('a flood of events is no flood of requests', async ({ openAs, database }) => {
  const place = placeOf('flood');
  healthyEndpoint(database, place, 0);
  startOutage(database, place);
  const id = await incidentOf(database, place);
  const page = await openAs('operator', 'olga', '/incidents');
  await expect(connection(page)).toHaveText('Live');
  await expect(page.getByTestId('incidents')).toContainText(place.endpoint);

  let requests = 0;
  page.on('request', (request) => (requests += Number(new URL(request.url()).pathname.startsWith('/api/'))));
  const columns = database.run(
    `SELECT string_agg(attname, ', ') FROM pg_attribute WHERE attrelid = 'insights.anomaly_events'::regclass
       AND attnum > 0 AND NOT attisdropped AND attname NOT IN ('seq', 'event', 'notified', 'message')`,
  );
  database.run(
    `INSERT INTO insights.anomaly_events (${columns}, event, notified, message)
     SELECT ${columns}, 'escalated', i = 500, 'number ' || i
     FROM (SELECT * FROM insights.anomaly_events WHERE anomaly_id = ${id} ORDER BY seq LIMIT 1) AS e,
       generate_series(1, 500) AS i`,
  );
  await expect(page.getByTestId('announcer')).toContainText('number 500');
  await expect.poll(() => page.evaluate(() => document.querySelector('[aria-busy=true]'))).toBeNull();
  // One for each event were a thousand and more.
  expect(requests).toBeLessThan(40);
});
