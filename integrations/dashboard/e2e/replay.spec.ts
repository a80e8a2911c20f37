import type { Page } from '@playwright/test';
import type { Database } from './support/Database';
import { expect, test } from './support/fixtures';
import { quote } from './support/psql';
import { auditCount, healthyEndpoint, incidentOf, placeOf, startOutage, type Place } from './support/traffic';
import { deliveriesOf, deliveryRows, dialog } from './support/views';

const rowsOf = (database: Database, { endpoint }: Place) =>
  database.run(`SELECT string_agg(d::text, E'\n' ORDER BY id) FROM deliveries d WHERE target = ${quote(endpoint)}`);

const pendingOf = (database: Database, { endpoint }: Place) =>
  database.run(
    `SELECT string_agg(id::text, ',' ORDER BY id) FROM deliveries
     WHERE target = ${quote(endpoint)} AND status = 'pending' AND attempts = 0 AND next_retry_at <= now()`,
  );

async function select(page: Page, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const row = deliveryRows(page).nth(index);
    await row.getByRole('checkbox').check();
    ids.push((await row.getAttribute('data-delivery')) ?? '');
  }
  return ids.sort();
}

test('a dry run changes nothing', async ({ openAs, database }) => {
  const place = placeOf('dry-run');
  healthyEndpoint(database, place, 4);
  const page = await openAs('operator', 'olga', deliveriesOf(place));
  await select(page, 3);
  const before = { rows: rowsOf(database, place), audit: auditCount(database) };

  await page.getByRole('button', { name: 'Replay selected…' }).click();
  await expect(dialog(page)).toContainText('3 deliveries can be replayed, 0 on hold.');
  await expect(dialog(page).getByTestId('plan').locator('tbody tr')).toHaveCount(3);
  await dialog(page).getByRole('button', { name: 'Cancel' }).click();
  await expect(dialog(page)).toHaveCount(0);

  expect({ rows: rowsOf(database, place), audit: auditCount(database) }).toEqual(before);
  await expect(page.getByText('3 selected')).toBeVisible();
});

test('a replay puts the deliveries back in line and is audited', async ({ openAs, database }) => {
  const place = placeOf('replay');
  healthyEndpoint(database, place, 5);
  const page = await openAs('admin', 'alice', deliveriesOf(place));
  const ids = await select(page, 2);
  const audited = auditCount(database);

  await page.getByRole('button', { name: 'Replay selected…' }).click();
  const sent = page.waitForRequest((request) => request.url().endsWith('/api/replays'));
  await dialog(page).getByRole('button', { name: 'Replay 2 deliveries' }).click();
  expect((await sent).headers()['idempotency-key']).toMatch(/^[0-9a-f]{32}$/);
  await expect(dialog(page).getByTestId('outcomes')).toHaveText('2 Back in line');

  expect(pendingOf(database, place)).toBe(ids.join(','));
  const records = database.json<{ actor: string; action: string; target_id: string }[]>(
    `SELECT json_agg(json_build_object('actor', actor, 'action', action, 'target_id', target_id) ORDER BY target_id)
     FROM insights.audit_list(max_rows => 2)`,
  );
  expect(auditCount(database)).toBe(audited + 2);
  expect(records).toEqual(ids.map((target_id) => ({ actor: 'alice', action: 'delivery.bulk_replay', target_id })));

  await dialog(page).getByRole('button', { name: 'Close' }).click();
  await expect(deliveryRows(page)).toHaveCount(3);
  await expect(page.getByText('0 selected')).toBeVisible();

  await page.getByRole('link', { name: 'Audit' }).click();
  for (const id of ids) await expect(page.getByTestId('audit')).toContainText(id);
  await page.getByRole('button', { name: 'Verify' }).click();
  await expect(page.getByText('All records are as they were written')).toBeVisible();
});

test('all that match are replayed at once', async ({ openAs, database }) => {
  const place = placeOf('matching');
  healthyEndpoint(database, place, 6);
  const page = await openAs('operator', 'olga', deliveriesOf(place));
  await page.getByRole('button', { name: 'Replay all that match…' }).click();
  await dialog(page).getByRole('button', { name: 'Replay 6 deliveries' }).click();
  await expect(dialog(page).getByTestId('outcomes')).toHaveText('6 Back in line');
  expect(pendingOf(database, place).split(',')).toHaveLength(6);
});

test('an endpoint that is failing now needs force', async ({ openAs, database }) => {
  const place = placeOf('held');
  healthyEndpoint(database, place, 0);
  startOutage(database, place, 20);
  await incidentOf(database, place);
  const page = await openAs('operator', 'olga', deliveriesOf(place));
  const ids = await select(page, 2);

  await page.getByRole('button', { name: 'Replay selected…' }).click();
  await expect(dialog(page)).toContainText('0 deliveries can be replayed, 2 on hold.');
  await expect(dialog(page).getByRole('button', { name: 'Replay 0 deliveries' })).toHaveAttribute(
    'aria-disabled',
    'true',
  );
  await dialog(page)
    .getByRole('checkbox', { name: /^Force/ })
    .check();
  await dialog(page).getByRole('button', { name: 'Replay 2 deliveries' }).click();
  await expect(dialog(page).getByTestId('outcomes')).toHaveText('2 Back in line');
  expect(pendingOf(database, place)).toBe(ids.join(','));
});

test('what changed since the dry run is told by outcome', async ({ openAs, database }) => {
  const place = placeOf('outcomes');
  healthyEndpoint(database, place, 3);
  const page = await openAs('operator', 'olga', deliveriesOf(place));
  const [first, second] = await select(page, 3);
  await page.getByRole('button', { name: 'Replay selected…' }).click();
  const confirm = dialog(page).getByRole('button', { name: 'Replay 3 deliveries' });
  await expect(confirm).toBeVisible();

  database.run(`UPDATE deliveries SET status = 'delivered' WHERE id = ${quote(first ?? '')}`);
  database.run(`DELETE FROM deliveries WHERE id = ${quote(second ?? '')}`);
  await confirm.click();
  const outcomes = dialog(page).getByTestId('outcomes').getByRole('listitem');
  await expect(outcomes).toHaveText(['1 Back in line', '1 Not failed any more', '1 Not found']);
});

test('a replay whose answer was lost is done once', async ({ openAs, database }) => {
  const place = placeOf('lost');
  healthyEndpoint(database, place, 2);
  const page = await openAs('operator', 'olga', deliveriesOf(place));
  const ids = await select(page, 2);
  const audited = auditCount(database);
  const keys: (string | undefined)[] = [];
  await page.route('**/api/replays', async (route) => {
    keys.push(route.request().headers()['idempotency-key']);
    const response = await route.fetch();
    await (keys.length === 1 ? route.abort() : route.fulfill({ response }));
  });

  await page.getByRole('button', { name: 'Replay selected…' }).click();
  const confirm = dialog(page).getByRole('button', { name: 'Replay 2 deliveries' });
  await confirm.click();
  await expect(dialog(page).getByRole('alert')).toContainText('The service cannot be reached.');
  await confirm.click();
  await expect(dialog(page).getByTestId('outcomes')).toHaveText('2 Back in line');
  expect(keys).toEqual([keys[0], keys[0]]);
  expect(pendingOf(database, place)).toBe(ids.join(','));
  expect(auditCount(database)).toBe(audited + 2);
});

test('a replay that is under way is not left by accident', async ({ openAs, database }) => {
  const place = placeOf('escape');
  healthyEndpoint(database, place, 1);
  const page = await openAs('operator', 'olga', deliveriesOf(place));
  await select(page, 1);
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route('**/api/replays', async (route) => {
    await held;
    await route.continue();
  });
  await page.getByRole('button', { name: 'Replay selected…' }).click();
  await dialog(page).getByRole('button', { name: 'Replay 1 delivery' }).click();
  await expect(dialog(page).getByRole('button', { name: 'Replaying…' })).toBeVisible();
  for (let press = 0; press < 4; press += 1) await page.keyboard.press('Escape');
  await expect(dialog(page)).toBeVisible();
  release();
  await expect(dialog(page).getByTestId('outcomes')).toHaveText('1 Back in line');
  await page.keyboard.press('Escape');
  await expect(dialog(page)).toHaveCount(0);
});
