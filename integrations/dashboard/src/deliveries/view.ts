import type { Delivery, DeliveryFilter, Incident, StatusClass, TriageLabel } from '../api/types';
import { FAILED } from './replayable';

/** What the Deliveries tab shows; all of it is kept in the address. */
export interface DeliveryView {
  tenant: string;
  endpoint: string;
  status: StatusClass[];
  triage: TriageLabel[];
  range: Range;
}

export const STATUSES: readonly StatusClass[] = ['delivered', 'failed', 'dead_letter', 'pending'];
export const LABELS: readonly TriageLabel[] = [
  'transient_endpoint_down',
  'permanent_4xx',
  'rate_limited',
  'unknown',
  'unclassified',
];
export const RANGES = ['15m', '1h', '24h', '7d', 'all'] as const;
export type Range = (typeof RANGES)[number];

const HOURS: Record<Range, number | null> = { '15m': 0.25, '1h': 1, '24h': 24, '7d': 168, all: null };
const DEFAULT_RANGE: Range = '24h';
const DAY_MS = 86_400_000;
const BEGINNING = '1970-01-01T00:00:00Z';

export const EVERYTHING: DeliveryView = { tenant: '', endpoint: '', status: [], triage: [], range: DEFAULT_RANGE };

/** Whoever edits the address by hand gets what makes sense of it. */
export function readView(search: URLSearchParams): DeliveryView {
  const range = search.get('range');
  return {
    tenant: search.get('tenant') ?? '',
    endpoint: search.get('endpoint') ?? '',
    status: STATUSES.filter((each) => search.getAll('status').includes(each)),
    triage: LABELS.filter((each) => search.getAll('triage').includes(each)),
    range: RANGES.find((each) => each === range) ?? DEFAULT_RANGE,
  };
}

export function deliveriesPath(view: DeliveryView, source?: string): string {
  const search = new URLSearchParams();
  if (source) search.set('source', source);
  if (view.tenant) search.set('tenant', view.tenant);
  if (view.endpoint) search.set('endpoint', view.endpoint);
  for (const status of view.status) search.append('status', status);
  for (const label of view.triage) search.append('triage', label);
  if (view.range !== DEFAULT_RANGE) search.set('range', view.range);
  const query = search.toString();
  return `/deliveries${query && `?${query}`}`;
}

export function filterOf(view: DeliveryView): DeliveryFilter {
  const hours = HOURS[view.range];
  return {
    ...(view.tenant && { tenant: view.tenant }),
    ...(view.endpoint && { endpoint: view.endpoint }),
    ...(view.status.length > 0 && { status: view.status }),
    ...(view.triage.length > 0 && { triage_label: view.triage }),
    ...(hours !== null && { hours }),
  };
}

/** A plan goes back a day unless it is told a time. */
export function planFilterOf(view: DeliveryView): DeliveryFilter {
  const filter = filterOf(view);
  return filter.hours === undefined ? { ...filter, since: BEGINNING } : filter;
}

export function isFiltered(view: DeliveryView): boolean {
  return deliveriesPath(view) !== deliveriesPath(EVERYTHING);
}

/** The view of a row's tenant and endpoint. None where it lacks one of them: no filter asks for those that have none,
 * and without a filter the view would be of everybody. */
export function alike(view: DeliveryView, { tenant_id, endpoint }: Delivery): DeliveryView | null {
  return tenant_id && endpoint ? { ...view, tenant: tenant_id, endpoint } : null;
}

/** The failed deliveries of an incident's tenant and endpoint; of everybody, if it is the fleet's. */
export function affectedBy(incident: Incident, now = Date.now()): DeliveryView {
  return {
    ...EVERYTHING,
    tenant: incident.tenant_id ?? '',
    endpoint: incident.endpoint ?? '',
    status: [...FAILED],
    range: now - Date.parse(incident.detected_at) > DAY_MS ? 'all' : DEFAULT_RANGE,
  };
}
