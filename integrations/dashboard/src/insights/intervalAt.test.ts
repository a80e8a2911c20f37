import { expect, it, vi } from 'vitest';
import type uPlot from 'uplot';
import { deliveriesOptions } from './chartOptions';
import { intervalAt } from './intervalAt';

const BOUNDS = [100, 200, 300, 400];

it.each([
  [99, null],
  [100, 0],
  [199, 0],
  [200, 1],
  [390, 2],
  [400, 2],
])('at %d is interval %s', (time, index) => {
  expect(intervalAt(BOUNDS, time)).toBe(index);
});

it('the chart tells the interval under the pointer, not the one that begins nearest to it', () => {
  const onHover = vi.fn();
  const colors = { total: '', failures: '', rate: '', grid: '', text: '' };
  const { hooks } = deliveriesOptions({ colors, byDay: false, onHover });
  // The pointer is over the right end of the second bar.
  const plot = { data: [BOUNDS], cursor: { left: 295, idx: 2 }, posToVal: (left: number) => left };
  for (const hook of hooks?.setCursor ?? []) hook?.(plot as unknown as uPlot);
  expect(onHover).toHaveBeenLastCalledWith(1);

  plot.cursor.left = -10;
  for (const hook of hooks?.setCursor ?? []) hook?.(plot as unknown as uPlot);
  expect(onHover).toHaveBeenLastCalledWith(null);
});
