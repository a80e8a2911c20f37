export type Duration = '30m' | '1h' | '4h' | '24h' | 'open';

const MINUTES: Record<Duration, number | null> = { '30m': 30, '1h': 60, '4h': 240, '24h': 1440, open: null };

export const durationOptions = (open: string): { value: Duration; label: string }[] => [
  { value: '30m', label: '30 min' },
  { value: '1h', label: '1 h' },
  { value: '4h', label: '4 h' },
  { value: '24h', label: '24 h' },
  { value: 'open', label: open },
];

/** When it ends if it begins now; null: it has no end. */
export function endOf(duration: Duration, now = Date.now()): string | null {
  const minutes = MINUTES[duration];
  return minutes === null ? null : new Date(now + minutes * 60_000).toISOString();
}
