import uPlot, { type Axis, type Options } from 'uplot';
import { formatCompact, formatRate } from '../format/numbers';
import { formatDay, formatHour } from '../format/times';
import type { ChartColors } from './chartColors';
import { intervalAt } from './intervalAt';

export type ChartOptions = Omit<Options, 'width'>;

interface Shared {
  colors: ChartColors;
  /** The time axis counts days, not hours. */
  byDay: boolean;
  /** Which interval the pointer is over; null: none. */
  onHover: (index: number | null) => void;
}

const FONT = '12px system-ui, sans-serif';
const BAR_WIDTH = 0.72;
const WIDEST_BAR = 40;
const AXIS_WIDTH = 56;
const HEADROOM = 1.08;
const FULL = 100;
// So that the line of a calm day is not magnified into mountains.
const LEAST_RATE_SPAN = 5;

const bars = {
  paths: uPlot.paths.bars!({ size: [BAR_WIDTH, WIDEST_BAR], align: 1, radius: 0.12 }),
  points: { show: false },
};
const steps = { paths: uPlot.paths.stepped!({ align: 1 }), points: { show: false } };

export function deliveriesOptions(shared: Shared): ChartOptions {
  const { colors } = shared;
  return {
    ...common(shared),
    height: 180,
    scales: { x: { time: true }, y: { range: (_, __, max) => [0, Math.max(max ?? 0, 1) * HEADROOM] } },
    axes: [timeAxis(shared, false), valueAxis(colors, (values) => values.map(formatCompact))],
    series: [
      {},
      { stroke: colors.total, fill: colors.total, width: 0, ...bars },
      { stroke: colors.failures, fill: colors.failures, width: 0, ...bars },
    ],
  };
}

export function rateOptions(shared: Shared): ChartOptions {
  const { colors } = shared;
  return {
    ...common(shared),
    height: 120,
    scales: {
      x: { time: true },
      y: { range: (_, min) => [Math.max(0, Math.min(min ?? FULL, FULL - LEAST_RATE_SPAN) - 1), FULL] },
    },
    axes: [timeAxis(shared, true), valueAxis(colors, (values) => values.map(formatRate))],
    series: [{}, { stroke: colors.rate, width: 2, ...steps }],
  };
}

function common({ onHover }: Shared): Pick<Options, 'cursor' | 'legend' | 'hooks' | 'padding'> {
  return {
    padding: [8, 24, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false }, sync: { key: 'trends' } },
    hooks: { setCursor: [(plot) => onHover(hoveredOf(plot))] },
  };
}

// Not cursor.idx, which is the nearest point: from the middle of a bar on, that is the next one.
function hoveredOf(plot: uPlot): number | null {
  const left = plot.cursor.left ?? -1;
  return left < 0 ? null : intervalAt(plot.data[0], plot.posToVal(left, 'x'));
}

function timeAxis({ colors, byDay }: Shared, labels: boolean): Axis {
  const format = byDay ? formatDay : formatHour;
  return {
    font: FONT,
    stroke: colors.text,
    grid: { show: false },
    ticks: { stroke: colors.grid, width: 1, size: 4 },
    size: labels ? 28 : 8,
    space: 70,
    values: (_, times) => times.map((time) => (labels ? format(time * 1000) : '')),
  };
}

function valueAxis(colors: ChartColors, values: (numbers: number[]) => string[]): Axis {
  return {
    font: FONT,
    stroke: colors.text,
    grid: { stroke: colors.grid, width: 1 },
    ticks: { show: false },
    size: AXIS_WIDTH,
    space: 36,
    values: (_, numbers) => values(numbers),
  };
}
