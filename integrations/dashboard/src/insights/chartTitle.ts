import type { Trends } from '../api/types';

const DAY = 24;

/** What the chart covers, by what the API has answered: while another period is loading, the old one is still shown. */
export function chartTitle({ total_hours: total, interval_hours: interval }: Trends): string {
  const span = total > DAY && total % DAY === 0 ? `${total / DAY} days` : `${total} hours`;
  return `Last ${span}, by ${interval === 1 ? 'hour' : `${interval} hours`}`;
}
