import { useSyncExternalStore } from 'react';
import { CLOCK_STEP_SECONDS } from '../format/times';

const STEP_MS = CLOCK_STEP_SECONDS * 1_000;

// One clock for all relative times of the page.
let now = Date.now();
let timer: number | undefined;
const listeners = new Set<() => void>();

function tick() {
  now = Date.now();
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void) {
  if (listeners.size === 0) {
    now = Date.now();
    timer = window.setInterval(tick, STEP_MS);
  }
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) window.clearInterval(timer);
  };
}

/** The time, in steps. */
export const useNow = () => useSyncExternalStore(subscribe, () => now);
