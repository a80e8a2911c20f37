const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'always', style: 'short' });
const absolute = new Intl.DateTimeFormat(undefined, {
  year: 'numeric',
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  timeZoneName: 'short',
});
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

// The page's clock goes in steps of this: what is later by less has just been.
export const CLOCK_STEP_SECONDS = 5;

/** In the greatest unit of which there is at least one: "3 min. ago". What has passed is cut off, what is to come is
 * rounded up, so that an hour that has just begun to run does not look like 59 minutes, or a day like 23 hours. */
export function formatRelative(iso: string, now: number): string {
  const later = (Date.parse(iso) - now) / 1000;
  // Of the two zeros the negative one is "0 sec. ago".
  const seconds = later >= 0 && later <= CLOCK_STEP_SECONDS ? -0 : later;
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? ['second', 1];
  // Both upwards: the past is negative.
  return relative.format(Math.ceil(seconds / size), unit);
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
