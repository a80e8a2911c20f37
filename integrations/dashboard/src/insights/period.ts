const PERIODS = ['1h', '24h', '7d'] as const;
export type Period = (typeof PERIODS)[number];

interface Span {
  hours: number;
  /** The chart needs more than one bar, and the API has no shorter interval than an hour. */
  chartHours: number;
  intervalHours: number;
  chartTitle: string;
}

export const SPAN: Record<Period, Span> = {
  '1h': { hours: 1, chartHours: 12, intervalHours: 1, chartTitle: 'Last 12 hours, by hour' },
  '24h': { hours: 24, chartHours: 24, intervalHours: 1, chartTitle: 'Last 24 hours, by hour' },
  '7d': { hours: 168, chartHours: 168, intervalHours: 6, chartTitle: 'Last 7 days, by 6 hours' },
};

export const PERIOD_OPTIONS: readonly { value: Period; label: string }[] = [
  { value: '1h', label: '1 h' },
  { value: '24h', label: '24 h' },
  { value: '7d', label: '7 d' },
];

export const readPeriod = (search: URLSearchParams): Period =>
  PERIODS.find((period) => period === search.get('period')) ?? '24h';
