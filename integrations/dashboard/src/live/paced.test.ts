import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { paced } from './paced';

const PAUSE_MS = 200;
const TASK_MS = 300;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('500 askings in a flood are a few runs, one after the other, the last of them after the last asking', async () => {
  let running = 0;
  let most = 0;
  let asked = 0;
  const seen: number[] = [];
  const ask = paced(async () => {
    seen.push(asked);
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, TASK_MS));
    running -= 1;
  }, PAUSE_MS);

  for (asked = 1; asked <= 500; asked += 1) {
    ask();
    await vi.advanceTimersByTimeAsync(2);
  }
  asked = 500;
  await vi.advanceTimersByTimeAsync(10 * (PAUSE_MS + TASK_MS));
  // A second of askings, at half a second for each run, and what was asked for during the last.
  expect(seen.length).toBeLessThanOrEqual(4);
  expect(seen.at(-1)).toBe(500);
  expect(most).toBe(1);
});

it('one asking is one run, soon', async () => {
  const task = vi.fn(async () => undefined);
  const ask = paced(task, PAUSE_MS);
  ask();
  await vi.advanceTimersByTimeAsync(PAUSE_MS);
  expect(task).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(10 * PAUSE_MS);
  expect(task).toHaveBeenCalledTimes(1);
  ask();
  await vi.advanceTimersByTimeAsync(PAUSE_MS);
  expect(task).toHaveBeenCalledTimes(2);
});
