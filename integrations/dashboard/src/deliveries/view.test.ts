import { describe, expect, it } from 'vitest';
import type { Delivery, Incident } from '../api/types';
import {
  affectedBy,
  alike,
  deliveriesPath,
  EVERYTHING,
  filterOf,
  isFiltered,
  planFilterOf,
  readView,
  type DeliveryView,
} from './view';

const NOW = Date.parse('2026-05-05T12:00:00Z');

const incident = (part: Partial<Incident>) =>
  ({
    tenant_id: 'acme',
    endpoint: 'https://a.example/?x=1&y=2',
    detected_at: '2026-05-05T11:00:00Z',
    ...part,
  }) as Incident;

const searchOf = (path: string) => new URL(path, 'http://host').searchParams;

describe('the address', () => {
  it('is short where nothing is filtered', () => {
    expect(deliveriesPath(EVERYTHING)).toBe('/deliveries');
    expect(isFiltered(EVERYTHING)).toBe(false);
  });

  it('keeps everything that is filtered', () => {
    const view: DeliveryView = {
      tenant: 'Müller & Söhne',
      endpoint: 'https://a.example/?x=1&y=2',
      status: ['failed', 'dead_letter'],
      triage: ['rate_limited'],
      range: 'all',
    };
    expect(readView(searchOf(deliveriesPath(view)))).toEqual(view);
    expect(isFiltered(view)).toBe(true);
  });

  it('carries the source, which is no filter', () => {
    expect(deliveriesPath(EVERYTHING, 'webhooks')).toBe('/deliveries?source=webhooks');
  });

  it('is read as far as it makes sense', () => {
    const view = readView(searchOf('/deliveries?status=failed&status=nonsense&triage=&range=3h'));
    expect(view).toEqual({ ...EVERYTHING, status: ['failed'] });
  });
});

describe('the filter', () => {
  it('leaves out what is not filtered', () => {
    expect(filterOf({ ...EVERYTHING, range: 'all' })).toEqual({});
    expect(filterOf({ ...EVERYTHING, range: '15m', tenant: 'acme' })).toEqual({ tenant: 'acme', hours: 0.25 });
  });

  it('of a plan always has a time', () => {
    expect(planFilterOf({ ...EVERYTHING, range: '1h' })).toEqual({ hours: 1 });
    expect(planFilterOf({ ...EVERYTHING, range: 'all' })).toEqual({ since: '1970-01-01T00:00:00Z' });
  });
});

describe('the deliveries like one', () => {
  const row = { tenant_id: 'acme', endpoint: 'https://a.example' } as Delivery;

  it('are those of its tenant and endpoint, under the same filters', () => {
    expect(alike({ ...EVERYTHING, range: '1h' }, row)).toEqual({
      ...EVERYTHING,
      range: '1h',
      tenant: 'acme',
      endpoint: 'https://a.example',
    });
  });

  it('cannot be asked for where it has none', () => {
    expect(alike(EVERYTHING, { ...row, tenant_id: null })).toBeNull();
    expect(alike(EVERYTHING, { ...row, endpoint: null })).toBeNull();
  });
});

describe('what an incident affects', () => {
  it('is what failed at its endpoint', () => {
    expect(affectedBy(incident({}), NOW)).toEqual({
      tenant: 'acme',
      endpoint: 'https://a.example/?x=1&y=2',
      status: ['failed', 'dead_letter'],
      triage: [],
      range: '24h',
    });
  });

  it('is everybody for the fleet, and reaches back far enough', () => {
    const view = affectedBy(incident({ tenant_id: null, endpoint: null, detected_at: '2026-05-01T00:00:00Z' }), NOW);
    expect(view).toMatchObject({ tenant: '', endpoint: '', range: 'all' });
  });
});
