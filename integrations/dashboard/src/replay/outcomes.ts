import type { ReplayOutcome, ReplayResult } from '../api/types';
import type { Tone } from '../ui/Badge';

export const OUTCOME: Record<ReplayOutcome, { label: string; tone: Tone }> = {
  replayed: { label: 'Back in line', tone: 'green' },
  held: { label: 'On hold', tone: 'amber' },
  locked: { label: 'Locked', tone: 'amber' },
  not_failed: { label: 'Not failed any more', tone: 'grey' },
  not_found: { label: 'Not found', tone: 'grey' },
  refused: { label: 'Refused', tone: 'red' },
};

/** How many came out how, in a fixed order. */
export function countOutcomes(results: readonly ReplayResult[]): { outcome: ReplayOutcome; count: number }[] {
  return (Object.keys(OUTCOME) as ReplayOutcome[])
    .map((outcome) => ({ outcome, count: results.filter((each) => each.outcome === outcome).length }))
    .filter(({ count }) => count > 0);
}
