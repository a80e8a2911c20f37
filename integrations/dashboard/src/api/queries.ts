import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query';
import { api } from './client';
import type { DeliveryFilter, IncidentListing } from './types';

// As many as the API gives at once: an old one can be the gravest.
const ACTIVE_LIMIT = 1000;
const PAGE = 50;
export const AUDIT_STEP = 200;
// As many as the API gives at once.
export const AUDIT_LIMIT = 1000;
const A_MINUTE = 60_000;

/** Prefixes to invalidate by. */
export const keys = {
  deliveries: ['deliveries'],
  incidents: ['incidents'],
  mutes: ['mutes'],
  audit: ['audit'],
} as const;

export const me = queryOptions({ queryKey: ['me'], queryFn: api.me, staleTime: Infinity });

export const sources = queryOptions({ queryKey: ['sources'], queryFn: api.sources, staleTime: 5 * A_MINUTE });

export const deliveries = (filter: DeliveryFilter, source: string | undefined) =>
  infiniteQueryOptions({
    queryKey: [...keys.deliveries, source, filter],
    queryFn: ({ pageParam, signal }) => api.deliveries({ filter, source, limit: PAGE, cursor: pageParam }, { signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
    placeholderData: keepPreviousData,
  });

export const activeIncidents = queryOptions({
  queryKey: [...keys.incidents, 'active'],
  queryFn: (context) => api.incidents({ status: 'active', limit: ACTIVE_LIMIT }, context),
  refetchInterval: A_MINUTE,
});

export const eventsAfter = (seq: number) =>
  queryOptions({ queryKey: ['events', seq], queryFn: () => api.events(seq), staleTime: 0, gcTime: 0 });

export const incidentList = (status: IncidentListing) =>
  infiniteQueryOptions({
    queryKey: [...keys.incidents, 'list', status],
    queryFn: ({ pageParam, signal }) => api.incidents({ status, limit: PAGE, before: pageParam }, { signal }),
    // Its figures change without an event.
    refetchInterval: A_MINUTE,
    initialPageParam: undefined as number | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
    placeholderData: keepPreviousData,
  });

export const incident = (id: number) =>
  queryOptions({
    queryKey: [...keys.incidents, 'one', id],
    queryFn: (context) => api.incident(id, context),
    refetchInterval: A_MINUTE,
  });

export const mutes = queryOptions({ queryKey: keys.mutes, queryFn: api.mutes, refetchInterval: A_MINUTE });

export const status = queryOptions({ queryKey: ['status'], queryFn: api.status, refetchInterval: A_MINUTE / 2 });

const insights = { refetchInterval: A_MINUTE, placeholderData: keepPreviousData };

export const summary = (hours: number, source: string | undefined) =>
  queryOptions({
    queryKey: ['insights', 'summary', hours, source],
    queryFn: (context) => api.summary({ hours, source }, context),
    ...insights,
  });

export const trends = (hours: number, interval_hours: number, source: string | undefined) =>
  queryOptions({
    queryKey: ['insights', 'trends', hours, interval_hours, source],
    queryFn: (context) => api.trends({ hours, interval_hours, source }, context),
    ...insights,
  });

export const compare = (hours: number, source: string | undefined) =>
  queryOptions({
    queryKey: ['insights', 'compare', hours, source],
    queryFn: (context) => api.compare({ hours, source }, context),
    ...insights,
  });

export const replayAdvice = (hours: number, source: string | undefined) =>
  queryOptions({
    queryKey: ['insights', 'advice', hours, source],
    queryFn: (context) => api.replayAdvice({ hours, source }, context),
    ...insights,
  });

interface AuditFilter {
  actor: string | undefined;
  action: string | undefined;
  since: string | undefined;
}

export const audit = (filter: AuditFilter, limit: number) =>
  queryOptions({
    queryKey: [...keys.audit, 'records', filter, limit],
    queryFn: (context) => api.audit({ ...filter, limit }, context),
    placeholderData: keepPreviousData,
  });

export const auditStats = (since: string | undefined) =>
  queryOptions({
    queryKey: [...keys.audit, 'stats', since],
    queryFn: (context) => api.auditStats({ since }, context),
    placeholderData: keepPreviousData,
  });

export const auditVerdict = queryOptions({
  queryKey: [...keys.audit, 'verdict'],
  queryFn: api.auditVerify,
  enabled: false,
});
