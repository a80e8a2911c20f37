import { expect, test } from './support/fixtures';
import { deliveryRows } from './support/views';

test.afterEach(({ database }) => {
  database.run(`SELECT insights.delivery_source_drop('second'); DROP TABLE second`);
});

test('with two sources, one is picked and kept from view to view', async ({ openAs, database }) => {
  database.run(`CREATE TABLE second (LIKE deliveries INCLUDING ALL);
    INSERT INTO second SELECT * FROM deliveries ORDER BY created_at DESC LIMIT 7;
    SELECT insights.delivery_source_register('second', 'second');
    GRANT SELECT ON second TO insights_viewer`);
  const page = await openAs('admin', 'alice', '/deliveries');
  const source = page.getByLabel('Source');
  await expect(source.getByRole('option')).toHaveCount(2);
  await source.selectOption('second');
  await expect(page).toHaveURL(/source=second/);
  await expect(deliveryRows(page)).toHaveCount(7);

  await page.getByRole('link', { name: 'Insights' }).click();
  await expect(source).toHaveValue('second');
  await expect(page.getByTestId('total')).toHaveText('7');
});
