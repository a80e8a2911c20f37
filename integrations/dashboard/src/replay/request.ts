import type { DeliveryFilter } from '../api/types';

/** What somebody wants to replay: rows that were selected, or whatever fits the filters. */
export type ReplayRequest =
  { of: 'selected'; filter: DeliveryFilter; count: number } | { of: 'matching'; filter: DeliveryFilter };

export const MOST_AT_ONCE = 500;
