import { expect, test } from './support/fixtures';
import { healthyEndpoint, incidentOf, placeOf, startOutage } from './support/traffic';
import { banner, deliveryRows } from './support/views';

test('a viewer sees deliveries and no trace of anything else', async ({ openAs, database, api }) => {
  const place = placeOf('viewer');
  healthyEndpoint(database, place, 3);
  startOutage(database, place);
  const id = await incidentOf(database, place);

  const page = await openAs('viewer', 'vera', '/audit');
  const asked = new Set<string>();
  const refused: string[] = [];
  page.on('request', (request) => {
    const { pathname } = new URL(request.url());
    if (pathname.startsWith('/api/')) asked.add(pathname);
  });
  page.on('response', (response) => {
    if (response.status() >= 400) refused.push(response.url());
  });

  for (const path of [`/incidents/${id}`, '/incidents', '/insights', '/audit']) {
    await page.goto(api.url + path);
    await expect(page.getByText('There is nothing at this address.')).toBeVisible();
  }
  await page.goto(`${api.url}/deliveries?tenant=${place.tenant}`);
  await expect(deliveryRows(page)).toHaveCount(50);
  await expect(page.getByRole('navigation', { name: 'Views' }).getByRole('link')).toHaveText(['Deliveries']);
  await expect(page.getByRole('checkbox', { name: /^Select/ })).toHaveCount(0);
  await expect(page.getByRole('button', { name: /Replay/ })).toHaveCount(0);
  await expect(banner(page)).toHaveCount(0);

  expect([...asked].sort()).toEqual(['/api/deliveries', '/api/me', '/api/sources']);
  expect(refused).toEqual([]);
});

test('an operator sees incidents and may replay, but has no insights and no audit', async ({ openAs }) => {
  const page = await openAs('operator', 'olga', '/deliveries');
  await expect(page.getByRole('navigation', { name: 'Views' }).getByRole('link')).toHaveText([
    'Deliveries',
    'Incidents',
  ]);
  await expect(page.getByRole('button', { name: 'Replay selected…' })).toBeVisible();
});

test('whoever is not signed in is told so', async ({ browser, api }) => {
  const page = await browser.newPage();
  await page.goto(api.url);
  await expect(page.getByRole('alert')).toContainText('HTTP 401');
  await page.close();
});
