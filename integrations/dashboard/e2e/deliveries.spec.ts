import { expect, test } from './support/fixtures';
import { quote } from './support/psql';
import { healthyEndpoint, placeOf } from './support/traffic';
import { deliveriesOf, deliveryRows } from './support/views';

const MINUTE_MS = 60_000;

test('filters are kept in the address, and pages follow each other', async ({ openAs, database }) => {
  const place = placeOf('paging');
  healthyEndpoint(database, place, 7);
  const page = await openAs('viewer', 'vera', '/deliveries');
  await page.getByLabel('Tenant', { exact: true }).fill(place.tenant);
  await page.getByLabel('Tenant', { exact: true }).press('Enter');
  await expect(deliveryRows(page)).toHaveCount(50);
  await expect(page).toHaveURL(/tenant=e2e-paging/);

  for (const shown of [100, 150, 200, 250, 300, 307]) {
    await page.getByRole('button', { name: 'Load more' }).click();
    await expect(deliveryRows(page)).toHaveCount(shown);
  }
  await expect(page.getByRole('button', { name: 'Load more' })).toHaveCount(0);
  const ids = await deliveryRows(page).evaluateAll((rows) => rows.map((row) => row.getAttribute('data-delivery')));
  expect(new Set(ids).size).toBe(307);

  await page.getByText('Transient', { exact: true }).first().click();
  await expect(deliveryRows(page)).toHaveCount(7);
  await page.reload();
  await expect(deliveryRows(page)).toHaveCount(7);
  await page.goBack();
  await expect(page.getByRole('checkbox', { name: 'Transient' })).not.toBeChecked();
  await expect(deliveryRows(page)).toHaveCount(50);

  const asked = Date.now();
  await page.getByText('15 min', { exact: true }).click();
  await expect(page).toHaveURL(/range=15m/);
  await expect(page.locator('[aria-busy=true]')).toHaveCount(0);
  // Five a minute that end five minutes ago are a page at most, and all of them are shown.
  await expect(page.getByRole('button', { name: 'Load more' })).toHaveCount(0);
  const oldest = await deliveryRows(page).last().locator('time').getAttribute('datetime');
  const age = (asked - Date.parse(oldest ?? '')) / MINUTE_MS;
  expect(age).toBeGreaterThan(13);
  expect(age).toBeLessThan(15);
});

test('nothing found is said, with a way out', async ({ openAs }) => {
  const page = await openAs('viewer', 'vera', '/deliveries?tenant=nobody');
  await expect(page.getByText('No deliveries here.')).toBeVisible();
  await page.getByRole('button', { name: 'Clear filters' }).last().click();
  await expect(deliveryRows(page)).toHaveCount(50);
});

test('a filter that is not in force any more is gone from its field, and does not come back', async ({ openAs }) => {
  const page = await openAs('viewer', 'vera', '/deliveries');
  const tenant = page.getByLabel('Tenant', { exact: true });
  const address = /\/deliveries$/;
  await tenant.fill('acme');
  await tenant.press('Enter');
  await expect(page).toHaveURL(/tenant=acme/);
  await page.getByRole('button', { name: 'Clear filters' }).click();
  await expect(page).toHaveURL(address);
  await expect(tenant).toHaveValue('');
  await tenant.focus();
  await tenant.blur();
  await expect(page).toHaveURL(address);

  await tenant.fill('globex');
  await tenant.press('Enter');
  await expect(page).toHaveURL(/tenant=globex/);
  await page.goBack();
  await expect(page).toHaveURL(address);
  await expect(tenant).toHaveValue('');
});

test('the rows of other filters cannot be selected while the right ones are loading', async ({ openAs, database }) => {
  const place = placeOf('stale');
  healthyEndpoint(database, place, 3);
  const page = await openAs('operator', 'olga', deliveriesOf(place));
  const checkbox = deliveryRows(page).first().getByRole('checkbox');
  await expect(checkbox).toBeEnabled();

  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route(/\/api\/deliveries\?.*triage_label=/, async (route) => {
    await held;
    await route.continue();
  });
  await page.getByText('Transient', { exact: true }).first().click();
  await expect(page.getByTestId('deliveries')).toHaveAttribute('aria-busy', 'true');
  await expect(checkbox).toBeDisabled();
  await expect(page.getByRole('checkbox', { name: /^Select all/ })).toBeDisabled();

  release();
  await expect(checkbox).toBeEnabled();
});

test('what is not on the page any more is not selected any more', async ({ openAs, database }) => {
  const place = placeOf('deselected');
  healthyEndpoint(database, place, 2);
  const page = await openAs('operator', 'olga', deliveriesOf(place));
  for (const index of [0, 1]) await deliveryRows(page).nth(index).getByRole('checkbox').check();
  await expect(page.getByText('2 selected')).toBeVisible();
  const first = await deliveryRows(page).first().getAttribute('data-delivery');
  database.run(`UPDATE deliveries SET status = 'delivered' WHERE id = ${quote(first ?? '')}`);
  await page.getByRole('button', { name: 'Refresh' }).click();
  await expect(page.getByText('1 selected')).toBeVisible();
  await expect(deliveryRows(page)).toHaveCount(1);
});

test('rows that are not refreshed say how old they are', async ({ openAs, database, api }) => {
  const place = placeOf('age');
  healthyEndpoint(database, place, 2);
  const page = await openAs('operator', 'olga', '/deliveries');
  await page.clock.install();
  await page.goto(api.url + deliveriesOf(place));
  await deliveryRows(page).first().getByRole('checkbox').check();
  await page.clock.fastForward('03:00');
  await expect(page.getByTestId('as-of')).toHaveText(/^as of [34] min\. ago$/);
  await page.getByRole('button', { name: 'Refresh' }).click();
  await expect(page.getByTestId('as-of')).toHaveText(/^as of \d+ sec\. ago$/);
});

test('a delivery of no tenant does not lead to those of everybody', async ({ openAs, database }) => {
  const place = placeOf('nobody');
  healthyEndpoint(database, place, 1);
  database.run(`UPDATE deliveries SET tenant_id = NULL WHERE target = ${quote(place.endpoint)} AND status = 'failed'`);
  const page = await openAs('viewer', 'vera', `/deliveries?${new URLSearchParams({ endpoint: place.endpoint })}`);
  await expect(deliveryRows(page)).toHaveCount(50);
  await expect(deliveryRows(page).getByRole('link')).toHaveCount(50);
  await page.getByText('Failed', { exact: true }).first().click();
  await expect(deliveryRows(page)).toHaveCount(1);
  await expect(deliveryRows(page).getByText(place.endpoint)).toBeVisible();
  await expect(deliveryRows(page).getByRole('link')).toHaveCount(0);
});
