import { describe, expect, it } from 'vitest';
import { formatCount, formatMultiple, formatNoun, formatRate } from './numbers';
import { withoutSigns } from './text';
import { formatAbsolute, formatDuration, formatRelative } from './times';

describe('numbers', () => {
  it('are grouped, and what is missing is a dash', () => {
    expect(formatCount(1234567)).toBe('1,234,567');
    expect(formatCount(0)).toBe('0');
    expect(formatCount(null)).toBe('–');
  });

  it('rates come in percent and keep one decimal', () => {
    expect(formatRate(97)).toBe('97.0%');
    expect(formatRate(6.3)).toBe('6.3%');
  });

  it('have the right noun', () => {
    expect(formatNoun(1, 'delivery', 'deliveries')).toBe('1 delivery');
    expect(formatNoun(1200, 'delivery', 'deliveries')).toBe('1,200 deliveries');
    expect(formatMultiple(17.744)).toBe('17.74×');
  });
});

describe('times', () => {
  const now = Date.parse('2026-05-05T12:00:00Z');

  it('are relative in the greatest unit, cut off, or rounded up if they are to come', () => {
    expect(formatRelative('2026-05-05T11:59:59.500Z', now)).toBe('0 sec. ago');
    expect(formatRelative('2026-05-05T12:00:00Z', now)).toBe('0 sec. ago');
    expect(formatRelative('2026-05-05T12:00:04Z', now)).toBe('0 sec. ago');
    expect(formatRelative('2026-05-05T11:57:01Z', now)).toBe('2 min. ago');
    expect(formatRelative('2026-05-03T11:00:00Z', now)).toBe('2 days ago');
    expect(formatRelative('2026-05-05T14:00:00Z', now)).toBe('in 2 hr.');
    expect(formatRelative('2026-05-05T13:59:57Z', now)).toBe('in 2 hr.');
    expect(formatRelative('2026-05-05T12:29:30Z', now)).toBe('in 30 min.');
  });

  it('are not to come if they are only ahead of a clock that goes in steps', () => {
    expect(formatRelative('2026-05-05T12:00:04Z', now)).toBe(formatRelative('2026-05-05T12:00:00Z', now));
    expect(formatRelative('2026-05-05T12:00:06Z', now)).toBe('in 6 sec.');
  });

  it('are absolute with their zone, to the second', () => {
    expect(formatAbsolute('2026-05-05T11:57:01Z')).toBe('May 5, 2026, 11:57:01 AM UTC');
  });

  it('last for two parts at most', () => {
    expect(formatDuration(0)).toBe('0 sec');
    expect(formatDuration(59.6)).toBe('1 min');
    expect(formatDuration(90_061)).toBe('1 day 1 hr');
    expect(formatDuration(-3)).toBe('0 sec');
  });
});

describe('texts', () => {
  it('lose their signs', () => {
    expect(withoutSigns('🚨 Failure Cluster: 3 failures')).toBe('Failure Cluster: 3 failures');
    expect(withoutSigns('failing now: ⚠️ Traffic Spike: 9 deliveries')).toBe(
      'failing now: Traffic Spike: 9 deliveries',
    );
    expect(withoutSigns('15 failures (2.5x) – Tenant: #1*')).toBe('15 failures (2.5x) – Tenant: #1*');
  });
});
