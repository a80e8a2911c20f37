import type { ReplayAdvice, Summary } from '../src/api/types';
import { expect, test } from './support/fixtures';
import { OLD } from './support/traffic';

const count = new Intl.NumberFormat('en-US');
const rate = (percent: number) => `${percent.toFixed(1)}%`;

test('the figures are those of the database', async ({ openAs, database }) => {
  const page = await openAs('admin', 'alice', '/insights');
  const summary = database.json<Summary>('SELECT insights.operator_insights_summary(24)');
  const { delivery_stats: stats, replay_stats: replays, triage_distribution: triage } = summary;

  await expect(page.getByTestId('total')).toHaveText(count.format(stats.total));
  await expect(page.getByTestId('success-rate')).toHaveText(rate(summary.settled_success_rate ?? NaN));
  await expect(page.getByTestId('failed')).toHaveText(count.format(stats.failed));
  await expect(page.getByTestId('dead-letter')).toHaveText(count.format(stats.dead_letter));
  await expect(page.getByTestId('pending')).toHaveText(count.format(summary.backlog.pending));

  const endpoints = page.getByTestId('failing-endpoint').locator('tbody tr');
  await expect(endpoints).toHaveCount(summary.top_failing_endpoints.length);
  for (const [index, row] of summary.top_failing_endpoints.entries()) {
    const text = [row.endpoint, count.format(row.failures), count.format(row.total), rate(row.failure_rate)].join('');
    await expect(endpoints.nth(index)).toHaveText(text);
  }
  const tenants = page.getByTestId('failing-tenant').locator('tbody tr');
  await expect(tenants.locator('th')).toHaveText(summary.top_failing_tenants.map((row) => row.tenant_id));

  for (const label of ['transient_endpoint_down', 'permanent_4xx', 'rate_limited', 'unknown'] as const) {
    await expect(page.locator(`tr[data-label=${label}] td`).last()).toHaveText(count.format(triage[label]));
  }
  await expect(page.getByTestId('total-replayed')).toHaveText(count.format(replays.total_replayed));
  await expect(page.getByTestId('replay-successes')).toHaveText(count.format(replays.replay_successes));
  await expect(page.getByTestId('replay-success-rate')).toHaveText(rate(replays.replay_success_rate));
});

test('the chart has a table that says the same', async ({ openAs, database }) => {
  const page = await openAs('admin', 'alice', '/insights');
  await expect(page.getByRole('img', { name: /^Chart of the trends/ }).locator('canvas')).toHaveCount(2);
  await page.getByRole('button', { name: 'Show as table' }).click();
  const rows = page.getByTestId('trends').locator('tbody tr');
  await expect(rows).toHaveCount(24);
  const totals = await rows.evaluateAll((all) =>
    all.map((row) => Number(row.children[1]?.textContent?.replaceAll(',', ''))),
  );
  const total = database.number(`SELECT (insights.operator_insights_summary(24) #>> '{delivery_stats,total}')`);
  expect(totals.reduce((sum, each) => sum + each, 0)).toBe(total);
});

test('each period has figures of its own', async ({ openAs, database }) => {
  const totalOf = (hours: number) =>
    database.number(`SELECT (insights.operator_insights_summary(${hours}) #>> '{delivery_stats,total}')`);
  const [day, week] = [totalOf(24), totalOf(168)];
  expect(week).toBeGreaterThan(day);

  const page = await openAs('admin', 'alice', '/insights?period=7d');
  const total = page.getByTestId('total');
  await expect(page.getByRole('radio', { name: '7 d' })).toBeChecked();
  await expect(total).toHaveText(count.format(week));
  await expect(page.getByText('Last 7 days, by 6 hours')).toBeVisible();
  await page.getByText('24 h', { exact: true }).click();
  await expect(total).toHaveText(count.format(day));
  await expect(page.getByText('Last 24 hours, by hour')).toBeVisible();

  const before = totalOf(1);
  await page.getByText('1 h', { exact: true }).click();
  await expect(page).toHaveURL(/period=1h/);
  await expect(page.getByText('Last 12 hours, by hour')).toBeVisible();
  await expect(page.getByText('covers the last 12 hours, more than the period above')).toBeVisible();
  await expect(total).not.toHaveText(count.format(day));
  // An hour loses deliveries from one second to the next, and nobody adds any.
  const shown = Number((await total.innerText()).replaceAll(',', ''));
  expect(shown).toBeLessThanOrEqual(before);
  expect(shown).toBeGreaterThanOrEqual(totalOf(1));
  expect(before).toBeLessThan(day);
});

test('the figures of the period before, and who has changed', async ({ openAs, database }) => {
  const before = database.json<Record<string, number>>(
    `SELECT json_object_agg(figure, previous_value) FROM insights.insights_compare(24) WHERE scope = 'total'`,
  );
  expect(before).toMatchObject({ total: 60, failed: 3, success_rate: 95 });
  const page = await openAs('admin', 'alice', '/insights');
  const noteOf = (testId: string) => page.locator(`dd[data-testid=${testId}] + dd`);
  await expect(noteOf('total')).toContainText(`before: ${count.format(before.total ?? 0)}`);
  await expect(noteOf('success-rate')).toContainText(`before: ${rate(before.success_rate ?? 0)}`);
  await expect(noteOf('failed')).toContainText(`before: ${count.format(before.failed ?? 0)}`);
  await expect(noteOf('dead-letter')).toContainText(`before: ${count.format(before.dead_letter ?? 0)}`);

  const movers = page.getByTestId('movers').locator('tbody tr');
  await expect(movers).toHaveText([`${OLD.endpoint}Worse5.0%33.3%`]);
});

test('the advice is that of the database', async ({ openAs, database }) => {
  const page = await openAs('admin', 'alice', '/insights');
  const advice = database.json<ReplayAdvice>('SELECT insights.replay_recommendations_json(24)');
  expect(advice.total_recommended).toBeGreaterThan(0);
  await expect(page.getByTestId('advice')).toContainText(advice.reasoning);
  await expect(page.getByTestId('advice')).toContainText(`confidence ${advice.confidence}`);
  await page.getByRole('link', { name: 'View the candidates' }).click();
  for (const name of ['Failed', 'Dead letter', 'Transient', 'Rate limited'])
    await expect(page.getByRole('checkbox', { name, exact: true })).toBeChecked();
});

test('while another period is loading, nothing of the old one is shown as its own', async ({ openAs }) => {
  const page = await openAs('admin', 'alice', '/insights');
  const figures = page.getByTestId('key-figures');
  await expect(figures).toContainText('before:');
  await expect(figures).toHaveAttribute('aria-busy', 'false');

  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route(/(summary|trends)\?hours=168/, async (route) => {
    await held;
    await route.continue();
  });
  await page.getByText('7 d', { exact: true }).click();
  await expect(figures).toHaveAttribute('aria-busy', 'true');
  await expect(figures).not.toContainText('before:');
  await expect(page.getByText('Last 24 hours, by hour')).toBeVisible();

  release();
  await expect(page.getByText('Last 7 days, by 6 hours')).toBeVisible();
  await expect(figures).toHaveAttribute('aria-busy', 'false');
  await expect(figures).toContainText('before:');
});

for (const [period, name] of [
  ['1h', '1 h'],
  ['7d', '7 d'],
] as const) {
  test(`an endpoint leads to its failed deliveries of the same period, ${name}`, async ({ openAs }) => {
    const page = await openAs('admin', 'alice', `/insights?period=${period}`);
    const link = page.getByTestId('failing-endpoint').getByRole('link').first();
    const endpoint = await link.innerText();
    await link.click();
    await expect(page.getByLabel('Endpoint', { exact: true })).toHaveValue(endpoint);
    await expect(page.getByRole('radio', { name, exact: true })).toBeChecked();
  });
}
