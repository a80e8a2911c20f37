import { expect, test } from './support/fixtures';
import { healthyEndpoint, incidentOf, placeOf, startOutage } from './support/traffic';
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
