import { expect, type Page } from '@playwright/test';
import { deliveriesOf, deliveryRows, dialog } from './views';
import type { Place } from './traffic';

interface View {
  name: string;
  path: string;
  /** Brings it to rest. */
  arrive: (page: Page) => Promise<void>;
  /** It goes on below the window with something else than more of the same rows. */
  long?: boolean;
}

const open = (button: RegExp) => async (page: Page) => {
  await page.getByRole('button', { name: button }).click();
  await expect(dialog(page)).toBeVisible();
};

async function planned(page: Page) {
  for (const index of [0, 1, 2]) await deliveryRows(page).nth(index).getByRole('checkbox').check();
  await page.getByRole('button', { name: 'Replay selected…' }).click();
  await expect(dialog(page).getByTestId('plan')).toBeVisible();
}

/** Every view there is, of an incident that is not over. The last one replays three of its deliveries. */
export function views(incident: number, place: Place): View[] {
  const rowsIn = (testId: string) => async (page: Page) => {
    await expect(page.getByTestId(testId).locator('tbody tr:not([aria-hidden])').first()).toBeVisible();
    await expect(page.locator('[aria-busy=true]')).toHaveCount(0);
  };
  return [
    { name: 'deliveries', path: '/deliveries', arrive: rowsIn('deliveries') },
    { name: 'affected-deliveries', path: deliveriesOf(place), arrive: rowsIn('deliveries') },
    {
      name: 'nothing-found',
      path: '/deliveries?tenant=nobody',
      arrive: async (page) => expect(page.getByText('No deliveries here.')).toBeVisible(),
    },
    {
      name: 'error',
      path: '/deliveries?source=nowhere',
      arrive: async (page) => expect(page.getByRole('alert')).toBeVisible(),
    },
    { name: 'replay', path: deliveriesOf(place), arrive: planned },
    { name: 'incidents', path: '/incidents', arrive: rowsIn('incidents'), long: true },
    {
      name: 'incident',
      path: `/incidents/${incident}`,
      arrive: async (page) => expect(page.getByTestId('timeline').locator('li').first()).toBeVisible(),
      long: true,
    },
    { name: 'acknowledge', path: `/incidents/${incident}`, arrive: open(/^Acknowledge/) },
    { name: 'mute', path: `/incidents/${incident}`, arrive: open(/^Mute/) },
    { name: 'resolve', path: `/incidents/${incident}`, arrive: open(/^Resolve/) },
    {
      name: 'insights',
      path: '/insights',
      long: true,
      arrive: async (page) => {
        await expect(page.locator('canvas')).toHaveCount(2);
        await expect(page.getByText('Advice', { exact: true })).toBeVisible();
      },
    },
    { name: 'audit', path: '/audit', arrive: rowsIn('audit'), long: true },
    {
      name: 'replay-results',
      path: deliveriesOf(place),
      arrive: async (page) => {
        await planned(page);
        // The incident holds them.
        await dialog(page)
          .getByRole('checkbox', { name: /^Force/ })
          .check();
        await dialog(page)
          .getByRole('button', { name: /^Replay 3/ })
          .click();
        await expect(dialog(page).getByTestId('outcomes')).toHaveText('3 Back in line');
      },
    },
  ];
}
