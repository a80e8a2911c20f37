import type { Page } from '@playwright/test';
import { expect, test } from './support/fixtures';
import { quote } from './support/psql';
import { healthyEndpoint, incidentOf, placeOf, startOutage } from './support/traffic';
import { deliveriesOf, deliveryRows, dialog } from './support/views';

const MOST_TABS = 60;

/** Tab until the focus is where it should be. */
async function tabTo(page: Page, name: RegExp) {
  const focused = page.locator(':focus');
  for (let step = 0; step < MOST_TABS; step += 1) {
    await page.keyboard.press('Tab');
    if ((await focused.count()) === 0) continue;
    const label = await focused.evaluate((element) => element.getAttribute('aria-label') ?? element.textContent ?? '');
    if (name.test(label)) return focused;
  }
  throw new Error(`${MOST_TABS} tabs did not lead to ${name}`);
}

test('rows are selected and replayed with the keyboard alone, and the focus returns', async ({ openAs, database }) => {
  const place = placeOf('keyboard');
  healthyEndpoint(database, place, 2);
  const page = await openAs('operator', 'olga', deliveriesOf(place));
  await expect(deliveryRows(page)).toHaveCount(2);

  const skip = await tabTo(page, /^Skip to the content$/);
  await expect(skip).toBeInViewport();
  await tabTo(page, /^Select the delivery/);
  await page.keyboard.press('Space');
  await expect(page.getByText('1 selected')).toBeVisible();

  const opener = page.getByRole('button', { name: 'Replay selected…' });
  for (
    let step = 0;
    step < MOST_TABS && !(await opener.evaluate((element) => element === document.activeElement));
    step += 1
  ) {
    await page.keyboard.press('Shift+Tab');
  }
  await page.keyboard.press('Enter');
  await expect(dialog(page).getByRole('heading')).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(dialog(page)).toHaveCount(0);
  await expect(opener).toBeFocused();

  await page.keyboard.press('Enter');
  await expect(dialog(page).getByRole('button', { name: 'Replay 1 delivery' })).toBeVisible();
  await tabTo(page, /^Replay 1 delivery$/);
  await page.keyboard.press('Enter');
  await expect(dialog(page).getByTestId('outcomes')).toHaveText('1 Back in line');
  await tabTo(page, /^Close$/);
  await page.keyboard.press('Enter');
  await expect(opener).toBeFocused();
  expect(
    database.number(`SELECT count(*) FROM deliveries WHERE target = ${quote(place.endpoint)} AND status = 'pending'`),
  ).toBe(1);
});

const focusedText = (page: Page) => page.evaluate(() => document.activeElement?.textContent ?? '');

test('the focus stays on the page when what had it goes', async ({ openAs, database }) => {
  const place = placeOf('focus');
  healthyEndpoint(database, place, 60);
  const page = await openAs('operator', 'olga', deliveriesOf(place));
  const more = page.getByRole('button', { name: 'Load more' });
  await more.focus();
  await page.keyboard.press('Enter');
  await expect(more).toHaveCount(0);
  expect(await focusedText(page)).toBe('60 deliveries');

  await deliveryRows(page).first().getByRole('checkbox').check();
  const clear = page.getByRole('button', { name: 'Clear selection' });
  await clear.focus();
  await page.keyboard.press('Enter');
  await expect(page.getByText('0 selected')).toBeVisible();
  await expect(clear).toBeFocused();

  await page.getByLabel('Tenant', { exact: true }).fill('nobody');
  await page.getByLabel('Tenant', { exact: true }).press('Enter');
  await expect(page.getByText('No deliveries here.')).toBeVisible();
  await expect(page.getByRole('status').filter({ hasText: 'Nothing found' })).toHaveCount(1);
  await page.getByRole('button', { name: 'Clear filters' }).last().focus();
  await page.keyboard.press('Enter');
  await expect(page.getByText('No deliveries here.')).toHaveCount(0);
  await expect(page.getByRole('heading', { level: 1 })).toBeFocused();
});

test('a link within a page leads to the beginning of the next', async ({ openAs, database }) => {
  const place = placeOf('focus-link');
  healthyEndpoint(database, place, 0);
  startOutage(database, place);
  const id = await incidentOf(database, place);
  const page = await openAs('operator', 'olga', '/incidents');
  const link = page.locator(`[data-incident="${id}"]`).getByRole('link');
  await link.focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: `Incident #${id}` })).toBeFocused();
});

test('the theme is switched and kept', async ({ openAs }) => {
  const page = await openAs('viewer', 'vera', '/deliveries');
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  await page.getByRole('button', { name: 'Use the dark theme' }).focus();
  await page.keyboard.press('Enter');
  await expect.poll(background).not.toBe(light);
  const dark = await background();
  await page.reload();
  await expect(page.getByRole('button', { name: 'Use the light theme' })).toBeVisible();
  expect(await background()).toBe(dark);
});

test('without a choice the theme is that of the system, as it changes', async ({ openAs }) => {
  const page = await openAs('viewer', 'vera', '/deliveries');
  await page.emulateMedia({ colorScheme: 'dark' });
  await expect(page.getByRole('button', { name: 'Use the light theme' })).toBeVisible();
  await page.emulateMedia({ colorScheme: 'light' });
  await expect(page.getByRole('button', { name: 'Use the dark theme' })).toBeVisible();
});
