import type { Mute } from '../api/types';

// Monday comes first; 1 January 2024 was one.
const A_MONDAY = Date.UTC(2024, 0, 1);
const DAY_MS = 86_400_000;
const weekday = new Intl.DateTimeFormat(undefined, { weekday: 'short', timeZone: 'UTC' });

/** What it mutes, in words. */
export function targetOf({ tenant_id, endpoint, source, severity_cap }: Mute): string {
  const parts = [
    endpoint ?? 'Every endpoint',
    tenant_id === null ? 'of every tenant' : `of ${tenant_id}`,
    source !== null && `in ${source}`,
    severity_cap === 'warning' && '(warnings only)',
  ];
  return parts.filter((part) => part !== false).join(' ');
}

/** When a weekly one applies; null for the others. */
export function scheduleOf({ days, from_time, to_time, time_zone }: Mute): string | null {
  if (!days || !from_time || !to_time) return null;
  const names = days.map((day) => weekday.format(A_MONDAY + (day - 1) * DAY_MS));
  return `${names.join(', ')} ${from_time.slice(0, 5)}–${to_time.slice(0, 5)} ${time_zone ?? ''}`.trim();
}
