import { expect, type Page } from '@playwright/test';
import { deliveriesOf, deliveryRows, dialog } from './views';
import type { Place } from './traffic';

/** Every view there is, each brought to rest. */
export function views(
  incident: number,
  place: Place,
): { name: string; path: string; arrive: (page: Page) => Promise<void> }[] {
  const rowsIn = (testId: string) => async (page: Page) => {
    await expect(page.getByTestId(testId).locator('tbody tr:not([aria-hidden])').first()).toBeVisible();
    await expect(page.locator('[aria-busy=true]')).toHaveCount(0);
  };
  return [
    { name: 'deliveries', path: '/deliveries', arrive: rowsIn('deliveries') },
    { name: 'affected-deliveries', path: deliveriesOf(place), arrive: rowsIn('deliveries') },
    {
      name: 'replay',
      path: deliveriesOf(place),
      arrive: async (page) => {
        for (const index of [0, 1, 2]) await deliveryRows(page).nth(index).getByRole('checkbox').check();
        await page.getByRole('button', { name: 'Replay selected…' }).click();
        await expect(dialog(page).getByTestId('plan')).toBeVisible();
      },
    },
    { name: 'incidents', path: '/incidents', arrive: rowsIn('incidents') },
    {
      name: 'incident',
      path: `/incidents/${incident}`,
      arrive: async (page) => expect(page.getByTestId('timeline').locator('li').first()).toBeVisible(),
    },
    {
      name: 'acknowledge',
      path: `/incidents/${incident}`,
      arrive: async (page) => {
        await page.getByRole('button', { name: /^Acknowledge/ }).click();
        await expect(dialog(page)).toBeVisible();
      },
    },
    {
      name: 'insights',
      path: '/insights',
      arrive: async (page) => {
        await expect(page.locator('canvas')).toHaveCount(2);
        await expect(page.getByText('Advice', { exact: true })).toBeVisible();
      },
    },
    { name: 'audit', path: '/audit', arrive: rowsIn('audit') },
  ];
}
