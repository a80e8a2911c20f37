const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'always', style: 'short' });
const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const hourMinute = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric' });
const dayHour = new Intl.DateTimeFormat(undefined, {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
});

const UNITS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
];

/** In the greatest unit of which there is at least one, cut off: "3 min. ago". */
export function formatRelative(iso: string, now: number): string {
  const seconds = (Date.parse(iso) - now) / 1000;
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? ['second', 1];
  return relative.format(Math.trunc(seconds / size), unit);
}

export const formatAbsolute = (iso: string) => absolute.format(new Date(iso));
export const formatHour = (time: Date | number) => hourMinute.format(time);
export const formatDay = (time: Date | number) => day.format(time);
export const formatDayHour = (time: Date | number) => dayHour.format(time);

const PARTS: readonly [string, number][] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
];

/** The two greatest parts: "2 hr, 5 min". */
export function formatDuration(seconds: number): string {
  let left = Math.max(0, Math.round(seconds));
  const parts: string[] = [];
  for (const [unit, size] of PARTS) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0)
      parts.push(new Intl.NumberFormat(undefined, { style: 'unit', unit, unitDisplay: 'short' }).format(count));
  }
  return (
    parts.slice(0, 2).join(' ') ||
    new Intl.NumberFormat(undefined, { style: 'unit', unit: 'second', unitDisplay: 'short' }).format(0)
  );
}
