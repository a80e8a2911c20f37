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
  expect(database.number('SELECT count(*) FROM insights.delivery_sources')).toBe(1);
});

test('an incident that does not exist', async ({ openAs }) => {
  const page = await openAs('operator', 'olga', '/incidents/999999');
  await expect(page.getByRole('alert')).toContainText('HTTP 404');
});
