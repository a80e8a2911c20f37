import type { Page } from '@playwright/test';

/** What the tests look for, by role and name as people do. */
export const banner = (page: Page) => page.getByRole('region', { name: 'Active incidents' });
export const connection = (page: Page) => page.locator('[data-state]');
export const deliveryRows = (page: Page) => page.getByTestId('deliveries').locator('tbody tr[data-delivery]');
export const dialog = (page: Page) => page.getByRole('dialog');

export const deliveriesOf = (place: { tenant: string; endpoint: string }) =>
  `/deliveries?${new URLSearchParams({ tenant: place.tenant, endpoint: place.endpoint }).toString()}&status=failed&status=dead_letter`;
