import { expect, test } from './support/fixtures';
import { deliveryRows } from './support/views';

test.describe('the database does not answer', () => {
  test.afterEach(({ database }) => database.open());

  test('the problem is shown, and trying again works when it answers', async ({ openAs, database }) => {
    const page = await openAs('viewer', 'vera', '/deliveries');
    await expect(deliveryRows(page)).toHaveCount(50);
    database.close();
    await page.getByText('Pending', { exact: true }).first().click();
    const problem = page.getByRole('alert');
    await expect(problem).toContainText('Service Unavailable');
    await expect(problem).toContainText('HTTP 503');

    database.open();
    await problem.getByRole('button', { name: 'Try again' }).click();
    await expect(problem).toHaveCount(0);
    await expect(deliveryRows(page).first()).toBeVisible();
  });
});

test('what the database says of a request is passed on with its hint', async ({ openAs, database }) => {
  const page = await openAs('viewer', 'vera', '/deliveries?source=nowhere');
  const problem = page.getByRole('alert');
  await expect(problem).toContainText('nowhere');
  await expect(problem).toContainText('Hint:');
  await expect(problem).toContainText('SQLSTATE');
  // Nor is it told that anything is on its way.
  await expect(page.getByText('Loading')).toHaveCount(0);
  expect(database.number('SELECT count(*) FROM insights.delivery_sources')).toBe(1);
});

test('an incident that does not exist', async ({ openAs }) => {
  const page = await openAs('operator', 'olga', '/incidents/999999');
  await expect(page.getByRole('alert')).toContainText('HTTP 404');
});

test('a view that cannot be loaded leaves the rest of the page, and a way to try again', async ({ openAs }) => {
  const page = await openAs('admin', 'alice', '/deliveries');
  await page.route('**/assets/InsightsPage*.js', (route) => route.abort());
  await page.getByRole('link', { name: 'Insights' }).click();
  await expect(page.getByRole('alert')).toContainText('The dashboard failed');
  await page.getByRole('link', { name: 'Deliveries' }).click();
  await expect(deliveryRows(page).first()).toBeVisible();
  await page.getByRole('link', { name: 'Insights' }).click();

  await page.unroute('**/assets/InsightsPage*.js');
  await page.getByRole('alert').getByRole('button', { name: 'Reload' }).click();
  await expect(page.getByTestId('total')).toBeVisible();
});

test('a chart that cannot be loaded leaves the figures', async ({ openAs, api }) => {
  const page = await openAs('admin', 'alice', '/deliveries');
  await page.route('**/assets/TrendsChart*.js', (route) => route.abort());
  await page.goto(`${api.url}/insights`);
  await expect(page.getByRole('alert').getByRole('button', { name: 'Reload' })).toBeVisible();
  await expect(page.getByTestId('total')).toBeVisible();
  await page.getByRole('button', { name: 'Show as table' }).click();
  await expect(page.getByTestId('trends').locator('tbody tr')).toHaveCount(24);
});
