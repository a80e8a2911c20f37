import { expect, test } from './support/fixtures';
import { quote } from './support/psql';
import { healthyEndpoint, incidentOf, placeOf, scan, startOutage } from './support/traffic';
import { banner, dialog } from './support/views';

test('an acknowledgement shows everywhere', async ({ openAs, database }) => {
  const place = placeOf('acknowledge');
  healthyEndpoint(database, place, 0);
  startOutage(database, place);
  const id = await incidentOf(database, place);
  const hers = await openAs('operator', 'olga', `/incidents/${id}`);
  const his = await openAs('admin', 'bob', `/incidents/${id}`);
  await expect(banner(his)).toHaveAttribute('data-urgency', 'critical');

  await hers.getByRole('button', { name: 'Acknowledge…' }).click();
  await dialog(hers).getByText('4 h', { exact: true }).click();
  await dialog(hers).getByLabel('Note').fill('calling them');
  await dialog(hers).getByRole('button', { name: 'Acknowledge' }).click();
  await expect(dialog(hers)).toHaveCount(0);

  for (const page of [hers, his]) {
    const entry = page.getByTestId('timeline').locator('[data-event=acknowledged]');
    await expect(entry).toContainText('calling them');
    await expect(entry).toContainText('olga');
    // In full and with the zone, for whoever reads it later.
    await expect(entry).toContainText(/\d{4}, \d\d:\d\d:\d\d [AP]M UTC \d+ \S+ ago/);
    await expect(banner(page)).toHaveAttribute('data-urgency', 'quiet');
  }
  const stored = database.json<object>(
    `SELECT json_build_object('status', status, 'by', acknowledged_by, 'note', note,
       'hours', round(extract(epoch FROM ack_until - now()) / 3600)) FROM insights.anomalies WHERE id = ${id}`,
  );
  expect(stored).toEqual({ status: 'acknowledged', by: 'olga', note: 'calling them', hours: 4 });
});

test('a resolved incident is gone everywhere', async ({ openAs, database }) => {
  const place = placeOf('resolve');
  healthyEndpoint(database, place, 0);
  startOutage(database, place);
  const id = await incidentOf(database, place);
  const hers = await openAs('operator', 'olga', `/incidents/${id}`);
  const his = await openAs('admin', 'bob', '/incidents');
  await expect(his.getByTestId('incidents')).toContainText(place.endpoint);

  await hers.getByRole('button', { name: 'Resolve…' }).click();
  await dialog(hers).getByLabel('Note').fill('a test');
  await dialog(hers).getByLabel('It was a false positive').check();
  await dialog(hers).getByRole('button', { name: 'Resolve' }).click();

  await expect(banner(his)).toHaveCount(0);
  await expect(his.getByText('No active incidents.')).toBeVisible();
  await his.getByText('Resolved', { exact: true }).click();
  await expect(his).toHaveURL(/status=resolved/);
  await expect(his.locator(`[data-incident="${id}"]`)).toContainText('False positive');
  await expect(hers.getByRole('button', { name: 'Acknowledge…' })).toHaveAttribute('aria-disabled', 'true');
});

test('a mute is made, shown and ended', async ({ openAs, database }) => {
  const place = placeOf('mute');
  healthyEndpoint(database, place, 0);
  startOutage(database, place);
  const id = await incidentOf(database, place);
  const page = await openAs('operator', 'olga', `/incidents/${id}`);

  await page.getByRole('button', { name: 'Mute…' }).click();
  await expect(dialog(page)).toContainText(place.endpoint);
  await dialog(page).getByText('30 min', { exact: true }).click();
  await dialog(page).getByLabel('Reason').fill('deployment');
  await dialog(page).getByRole('button', { name: 'Mute' }).click();
  await expect(dialog(page)).toHaveCount(0);
  const mute = database.json<{ id: number }>(
    `SELECT json_build_object('id', id, 'reason', reason, 'minutes', round(extract(epoch FROM ends_at - now()) / 60))
     FROM insights.anomaly_mutes WHERE endpoint = ${quote(place.endpoint)}`,
  );
  expect(mute).toMatchObject({ reason: 'deployment', minutes: 30 });

  scan(database);
  await page.reload();
  await expect(page.getByTestId('timeline').locator('[data-event=muted]')).toBeVisible();
  await expect(banner(page)).toHaveAttribute('data-urgency', 'quiet');

  await page.getByRole('link', { name: 'All incidents' }).click();
  const line = page.locator(`[data-mute="${mute.id}"]`);
  await expect(line).toContainText('deployment');
  await line.getByRole('button', { name: /^Unmute/ }).click();
  await expect(line).toHaveCount(0);
  await expect(page.getByRole('group', { name: 'Mutes in force' })).toBeFocused();
  expect(
    database.number(`SELECT count(*) FROM insights.anomaly_mutes WHERE id = ${mute.id} AND ends_at <= now()`),
  ).toBe(1);
});

test('the list of incidents stays up to date without an event', async ({ openAs, database, api }) => {
  const place = placeOf('list');
  healthyEndpoint(database, place, 0);
  startOutage(database, place, 8);
  const id = await incidentOf(database, place);
  const page = await openAs('operator', 'olga', '/incidents');
  await page.clock.install();
  await page.goto(`${api.url}/incidents`);
  const row = page.locator(`[data-incident="${id}"]`);
  await expect(row).toContainText('8 of');
  database.run(`UPDATE insights.anomalies SET peak_multiplier = 7777 WHERE id = ${id}`);
  await expect(row).not.toContainText('7,777×');
  await page.clock.fastForward('01:30');
  await expect(row).toContainText('7,777×');
});
