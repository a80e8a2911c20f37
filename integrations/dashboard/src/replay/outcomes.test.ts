import { expect, it } from 'vitest';
import type { ReplayOutcome, ReplayResult } from '../api/types';
import { countOutcomes } from './outcomes';

const result = (outcome: ReplayOutcome): ReplayResult => ({
  delivery_id: outcome,
  outcome,
  audit_id: null,
  detail: null,
});

it('outcomes are counted in a fixed order, without those that did not happen', () => {
  expect(countOutcomes([result('refused'), result('replayed'), result('replayed')])).toEqual([
    { outcome: 'replayed', count: 2 },
    { outcome: 'refused', count: 1 },
  ]);
});
