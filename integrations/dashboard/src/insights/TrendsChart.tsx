import { useMemo, useState } from 'react';
import type { AlignedData } from 'uplot';
import type { Trends } from '../api/types';
import { useTheme } from '../app/useTheme';
import { formatCount, formatRate } from '../format/numbers';
import { formatDayHour } from '../format/times';
import { deliveriesOptions, rateOptions } from './chartOptions';
import { readColors } from './chartColors';
import { Plot } from './Plot';
import styles from './TrendsChart.module.css';

/** Two charts over one time axis: how many, and how many of them well. */
export function TrendsChart({ trends }: { trends: Trends }) {
  const { intervals } = trends;
  const theme = useTheme();
  const [hovered, setHovered] = useState<number | null>(null);
  const byDay = trends.total_hours > HOURS_OF_A_DAY;

  const options = useMemo(() => {
    const shared = { colors: readColors(), byDay, onHover: setHovered };
    return { theme, deliveries: deliveriesOptions(shared), rate: rateOptions(shared) };
  }, [theme, byDay]);

  const data = useMemo(() => chartData(trends), [trends]);

  const shown = intervals[hovered ?? -1] ?? intervals.at(-1);
  return (
    <>
      <figcaption className={styles.legend} aria-hidden="true">
        <span className={styles.when}>{shown && formatDayHour(Date.parse(shown.timestamp))}</span>
        <Key color="total" label="Deliveries" value={formatCount(shown?.total_deliveries)} />
        <Key color="failures" label="Failures" value={formatCount(shown?.failures)} />
        <Key color="rate" label="Success rate" value={formatRate(shown?.settled_success_rate)} />
      </figcaption>
      <Plot options={options.deliveries} data={data.deliveries} />
      <Plot options={options.rate} data={data.rate} />
    </>
  );
}

const HOURS_OF_A_DAY = 24;
const SECONDS_OF_AN_HOUR = 3_600;

/** Intervals are drawn from where they begin, so that one more point says where the last one ends. */
function chartData({ intervals, interval_hours }: Trends): { deliveries: AlignedData; rate: AlignedData } {
  const begins = intervals.map((each) => Date.parse(each.timestamp) / 1000);
  const rates = intervals.map((each) => each.settled_success_rate);
  const times = [...begins, (begins.at(-1) ?? 0) + interval_hours * SECONDS_OF_AN_HOUR];
  return {
    deliveries: [
      times,
      [...intervals.map((each) => each.total_deliveries), null],
      [...intervals.map((each) => each.failures), null],
    ],
    rate: [times, [...rates, rates.at(-1) ?? null]],
  };
}

function Key({ color, label, value }: { color: 'total' | 'failures' | 'rate'; label: string; value: string }) {
  return (
    <span className={styles.key}>
      <span className={styles.swatch} data-color={color} />
      {label} <strong>{value}</strong>
    </span>
  );
}
