import { describe, expect, it } from 'vitest';
import type { Incident } from '../api/types';
import { gravestFirst, urgencyOf } from './ranking';
import { activeOf } from './useActiveIncidents';

const incident = (id: number, part: Partial<Incident> = {}) =>
  ({ id, status: 'open', severity: 'warning', muted: false, recent_failures: 0, ...part }) as Incident;

const order = (...incidents: Incident[]) => gravestFirst(incidents).map(({ id }) => id);

describe('the gravest incident', () => {
  it('is the critical one, then the one with the most failures, then the oldest', () => {
    const critical = { severity: 'critical' } as const;
    expect(
      order(incident(4), incident(3, critical), incident(2), incident(1, { ...critical, recent_failures: 9 })),
    ).toEqual([1, 3, 2, 4]);
  });

  it('calls for somebody: what is acknowledged or muted comes behind', () => {
    expect(
      order(
        incident(1, { severity: 'critical', status: 'acknowledged' }),
        incident(2, { severity: 'critical', muted: true }),
        incident(3),
      ),
    ).toEqual([3, 1, 2]);
  });
});

describe('the urgency', () => {
  it('is that of what calls for somebody', () => {
    expect(urgencyOf([incident(1), incident(2, { severity: 'critical' })])).toBe('critical');
    expect(urgencyOf([incident(1), incident(2, { severity: 'critical', muted: true })])).toBe('warning');
    expect(urgencyOf([incident(1, { status: 'acknowledged' })])).toBe('quiet');
  });
});

describe('how many there are', () => {
  const incidents = [incident(2), incident(1, { severity: 'critical' })];

  it('is told exactly if the API gave all of them', () => {
    const active = activeOf({ incidents, next: null, last_seq: 9 });
    expect(active).toMatchObject({ count: 2, label: '2' });
    expect(active.incidents[0]?.id).toBe(1);
  });

  it('is at least that if there are more', () => {
    expect(activeOf({ incidents, next: 1, last_seq: 9 }).label).toBe('2+');
  });
});
