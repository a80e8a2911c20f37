import { expect, test } from './support/fixtures';

test('the records of one person, and back to those of all', async ({ openAs, database }) => {
  database.run(`SET anomaly_insights.actor = 'carol'; SELECT insights.audit_record('test.filter', 'row', '{}')`);
  const page = await openAs('admin', 'alice', '/audit');
  const actor = page.getByLabel('Actor', { exact: true });
  const rows = page.getByTestId('audit').locator('tbody tr');
  await actor.fill('carol');
  await actor.press('Enter');
  await expect(page).toHaveURL(/actor=carol/);
  await expect(rows).toHaveCount(database.number("SELECT count(*) FROM insights.audit_list('carol')"));
  await expect(rows.first()).toContainText(/\d{4}, \d\d:\d\d:\d\d [AP]M UTC/);

  await page.goBack();
  await expect(page).toHaveURL(/\/audit$/);
  await expect(actor).toHaveValue('');
  await actor.focus();
  await actor.blur();
  await expect(page).toHaveURL(/\/audit$/);
});

test('there is more than the newest 200, and it is had anew on request', async ({ openAs, database }) => {
  const record = "SELECT insights.audit_record('test.paging', 'row ' || i, '{}') FROM generate_series(1, 250) AS i";
  database.run(`SET anomaly_insights.actor = 'erin'; ${record}`);
  const page = await openAs('admin', 'alice', '/audit?actor=erin');
  const rows = page.getByTestId('audit').locator('tbody tr');
  await expect(page.getByText('The newest 200 records')).toBeVisible();
  await expect(rows).toHaveCount(200);
  await page.getByRole('button', { name: 'Show the newest 1,000' }).click();
  await expect(page.getByText('250 records')).toBeVisible();
  await expect(rows).toHaveCount(250);

  database.run(`SET anomaly_insights.actor = 'erin'; SELECT insights.audit_record('test.paging', 'the last', '{}')`);
  await page.getByRole('button', { name: 'Refresh' }).click();
  await expect(rows.first()).toContainText('the last');
  await expect(page.getByTestId('as-of')).toContainText('as of');
});

test.describe('in another time zone', () => {
  test.use({ timezoneId: 'Asia/Kolkata' });

  test('times are those of the reader, and say so', async ({ openAs, database }) => {
    database.run(`SELECT insights.audit_record('test.zone', 'row', '{}')`);
    const page = await openAs('admin', 'alice', '/audit?action=test.zone');
    const time = page.getByTestId('audit').locator('tbody time').first();
    const recorded = new Date((await time.getAttribute('datetime')) ?? '');
    const clock = { timeZone: 'Asia/Kolkata', hour: '2-digit', minute: '2-digit', second: '2-digit' } as const;
    await expect(time).toContainText(`${new Intl.DateTimeFormat('en-US', clock).format(recorded)} GMT+5:30`);
  });
});
