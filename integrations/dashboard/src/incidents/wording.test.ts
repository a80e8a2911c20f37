import { describe, expect, it } from 'vitest';
import type { Incident, Mute } from '../api/types';
import { scheduleOf, targetOf } from './mute';
import { kindsOf } from './wording';

describe('an incident', () => {
  it('is named by what it holds', () => {
    const kinds = { failure_cluster_detected: true, spike_detected: true, silence_detected: false } as Incident;
    expect(kindsOf(kinds)).toBe('Failure cluster and traffic spike');
  });
});

describe('a mute', () => {
  const mute: Mute = {
    id: 1,
    source: null,
    tenant_id: null,
    endpoint: null,
    severity_cap: 'warning',
    starts_at: '2026-01-01T00:00:00Z',
    ends_at: null,
    days: [5, 7],
    from_time: '22:00:00',
    to_time: '06:00:00',
    time_zone: 'Europe/Berlin',
    reason: null,
    created_by: 'postgres',
    actor: null,
    applies: true,
  };

  it('says what it mutes', () => {
    expect(targetOf(mute)).toBe('Every endpoint of every tenant (warnings only)');
    expect(targetOf({ ...mute, severity_cap: null, tenant_id: 'acme', endpoint: 'https://a', source: 'default' })).toBe(
      'https://a of acme in default',
    );
  });

  it('says when, if it is a weekly one', () => {
    expect(scheduleOf(mute)).toBe('Fri, Sun 22:00–06:00 Europe/Berlin');
    expect(scheduleOf({ ...mute, days: null })).toBeNull();
  });
});
