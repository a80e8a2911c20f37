const AUDIT_RANGES = ['24h', '7d', '30d', 'all'] as const;
type AuditRange = (typeof AUDIT_RANGES)[number];

export interface AuditView {
  actor: string;
  action: string;
  range: AuditRange;
}

export const AUDIT_RANGE_OPTIONS: readonly { value: AuditRange; label: string }[] = [
  { value: '24h', label: '24 h' },
  { value: '7d', label: '7 d' },
  { value: '30d', label: '30 d' },
  { value: 'all', label: 'All' },
];

const HOURS: Record<AuditRange, number | null> = { '24h': 24, '7d': 168, '30d': 720, all: null };
const DEFAULT_RANGE: AuditRange = '7d';
const HOUR_MS = 3_600_000;

export const readAuditView = (search: URLSearchParams): AuditView => ({
  actor: search.get('actor') ?? '',
  action: search.get('action') ?? '',
  range: AUDIT_RANGES.find((range) => range === search.get('range')) ?? DEFAULT_RANGE,
});

export function auditSearch(view: AuditView): URLSearchParams {
  const search = new URLSearchParams();
  if (view.actor) search.set('actor', view.actor);
  if (view.action) search.set('action', view.action);
  if (view.range !== DEFAULT_RANGE) search.set('range', view.range);
  return search;
}

export function sinceOf(range: AuditRange, now = Date.now()): string | undefined {
  const hours = HOURS[range];
  return hours === null ? undefined : new Date(now - hours * HOUR_MS).toISOString();
}
