import type { Range } from '../deliveries/view';

const PERIODS = ['1h', '24h', '7d'] as const satisfies Range[];
export type Period = (typeof PERIODS)[number];

export const HOURS: Record<Period, number> = { '1h': 1, '24h': 24, '7d': 168 };

interface ChartSpan {
  hours: number;
  intervalHours: number;
}

/** The chart needs more than one bar, and the API has no shorter interval than an hour. */
export const CHART: Record<Period, ChartSpan> = {
  '1h': { hours: 12, intervalHours: 1 },
  '24h': { hours: 24, intervalHours: 1 },
  '7d': { hours: 168, intervalHours: 6 },
};

export const PERIOD_OPTIONS: readonly { value: Period; label: string }[] = [
  { value: '1h', label: '1 h' },
  { value: '24h', label: '24 h' },
  { value: '7d', label: '7 d' },
];

export const readPeriod = (search: URLSearchParams): Period =>
  PERIODS.find((period) => period === search.get('period')) ?? '24h';
