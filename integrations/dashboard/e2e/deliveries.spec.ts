import { expect, test } from './support/fixtures';
import { healthyEndpoint, placeOf } from './support/traffic';
import { deliveryRows } from './support/views';

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

  await page.getByText('15 min', { exact: true }).click();
  await expect(page.locator('[aria-busy=true]')).toHaveCount(0);
  const oldest = await deliveryRows(page).last().locator('time').getAttribute('datetime');
  const age = (Date.now() - Date.parse(oldest ?? '')) / MINUTE_MS;
  expect(age).toBeGreaterThan(13);
  expect(age).toBeLessThan(16);
});

test('nothing found is said, with a way out', async ({ openAs }) => {
  const page = await openAs('viewer', 'vera', '/deliveries?tenant=nobody');
  await expect(page.getByText('No deliveries here.')).toBeVisible();
  await page.getByRole('button', { name: 'Clear filters' }).last().click();
  await expect(deliveryRows(page)).toHaveCount(50);
});
