import type { Page } from '@playwright/test';
import { expect, test } from './support/fixtures';
import { quote } from './support/psql';
import { healthyEndpoint, placeOf } from './support/traffic';
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
