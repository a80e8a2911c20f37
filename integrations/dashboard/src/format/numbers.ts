const whole = new Intl.NumberFormat();
const one = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const multiple = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 });
const compact = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 });
const rate = new Intl.NumberFormat(undefined, { style: 'percent', minimumFractionDigits: 1, maximumFractionDigits: 1 });

const MISSING = '–';
const or = (value: number | null | undefined, format: (value: number) => string) =>
  value === null || value === undefined ? MISSING : format(value);

export const formatCount = (value: number | null | undefined) => or(value, whole.format);
export const formatDecimal = (value: number | null | undefined) => or(value, one.format);
export const formatCompact = (value: number | null | undefined) => or(value, compact.format);
export const formatMultiple = (value: number | null | undefined) => or(value, (times) => `${multiple.format(times)}×`);
/** The API's rates are in percent already. */
export const formatRate = (percent: number | null | undefined) => or(percent, (value) => rate.format(value / 100));

/** "1 delivery", "2 deliveries". */
export const formatNoun = (count: number, noun: string, plural = `${noun}s`) =>
  `${whole.format(count)} ${count === 1 ? noun : plural}`;
