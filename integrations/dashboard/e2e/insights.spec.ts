import type { Summary } from '../src/api/types';
import { expect, test } from './support/fixtures';

const count = new Intl.NumberFormat('en-US');
const rate = (percent: number) => `${percent.toFixed(1)}%`;

test('the figures are those of the database', async ({ openAs, database }) => {
  const page = await openAs('admin', 'alice', '/insights');
  const summary = database.json<Summary>('SELECT insights.operator_insights_summary(24)');
  const { delivery_stats: stats, replay_stats: replays, triage_distribution: triage } = summary;

  await expect(page.getByTestId('total')).toHaveText(count.format(stats.total));
  await expect(page.getByTestId('success-rate')).toHaveText(rate(stats.success_rate));
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

test('the period is kept in the address', async ({ openAs, database }) => {
  const page = await openAs('admin', 'alice', '/insights?period=7d');
  await expect(page.getByRole('radio', { name: '7 d' })).toBeChecked();
  const total = database.number(`SELECT (insights.operator_insights_summary(168) #>> '{delivery_stats,total}')`);
  await expect(page.getByTestId('total')).toHaveText(count.format(total));
  await page.getByText('1 h', { exact: true }).click();
  await expect(page).toHaveURL(/period=1h/);
  await expect(page.getByText('Last 12 hours, by hour')).toBeVisible();
});

test('an endpoint leads to its failed deliveries', async ({ openAs }) => {
  const page = await openAs('admin', 'alice', '/insights');
  const link = page.getByTestId('failing-endpoint').getByRole('link').first();
  const endpoint = await link.innerText();
  await link.click();
  await expect(page.getByLabel('Endpoint', { exact: true })).toHaveValue(endpoint);
});
