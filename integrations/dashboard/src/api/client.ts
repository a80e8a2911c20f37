import { apiUrl, request } from './http';
import type * as T from './types';

/** Every call that the dashboard makes, one for each route of the API. */

interface Cancellable {
  signal?: AbortSignal | undefined;
}

type SourceName = string | undefined;

export const api = {
  me: ({ signal }: Cancellable) => request<T.Me>('/me', { signal }),

  sources: ({ signal }: Cancellable) => request<{ sources: T.Source[] }>('/sources', { signal }),

  deliveries: (
    {
      filter,
      source,
      limit,
      cursor,
    }: { filter: T.DeliveryFilter; source: SourceName; limit: number; cursor?: string | undefined },
    { signal }: Cancellable,
  ) => request<T.DeliveryPage>('/deliveries', { params: { ...filter, source, limit, cursor }, signal }),

  planReplay: (body: { filter: T.DeliveryFilter; max_rows: number; source: SourceName }, { signal }: Cancellable) =>
    request<T.ReplayPlan>('/replays/plan', { method: 'POST', body, signal }),

  replay: (body: { ids: string[]; force: boolean; source: SourceName }, idempotencyKey: string) =>
    request<T.ReplayAnswer>('/replays', { method: 'POST', body, headers: { 'Idempotency-Key': idempotencyKey } }),

  incidents: (
    params: { status: T.IncidentListing; limit: number; before?: number | undefined },
    { signal }: Cancellable,
  ) => request<T.IncidentPage>('/incidents', { params, signal }),

  incident: (id: number, { signal }: Cancellable) => request<T.IncidentDetail>(`/incidents/${id}`, { signal }),

  acknowledge: (id: number, body: { note: string | null; until: string | null }) =>
    request<{ incident: T.Incident }>(`/incidents/${id}/acknowledge`, { method: 'POST', body }),

  resolve: (id: number, body: { note: string | null; false_positive: boolean }) =>
    request<{ incident: T.Incident }>(`/incidents/${id}/resolve`, { method: 'POST', body }),

  mutes: ({ signal }: Cancellable) => request<{ mutes: T.Mute[] }>('/mutes', { params: { active: true }, signal }),

  mute: (body: T.NewMute) => request<{ id: number }>('/mutes', { method: 'POST', body }),

  unmute: (id: number) => request<undefined>(`/mutes/${id}`, { method: 'DELETE' }),

  status: ({ signal }: Cancellable) => request<{ sources: T.SourceStatus[] }>('/status', { signal }),

  events: (after: number) => request<T.EventPage>('/events', { params: { after } }),

  eventStream: (after: number) => new EventSource(apiUrl('/events/stream', { after })),

  summary: (params: { hours: number; source: SourceName }, { signal }: Cancellable) =>
    request<T.Summary>('/operator-insights/summary', { params, signal }),

  trends: (params: { hours: number; interval_hours: number; source: SourceName }, { signal }: Cancellable) =>
    request<T.Trends>('/operator-insights/trends', { params, signal }),

  compare: (params: { hours: number; source: SourceName }, { signal }: Cancellable) =>
    request<{ rows: T.ComparedFigure[] }>('/operator-insights/compare', { params, signal }),

  replayAdvice: (params: { hours: number; source: SourceName }, { signal }: Cancellable) =>
    request<T.ReplayAdvice>('/operator-insights/replay-recommendations', { params, signal }),

  audit: (
    params: { actor: string | undefined; action: string | undefined; since: string | undefined; limit: number },
    { signal }: Cancellable,
  ) => request<{ records: T.AuditRecord[] }>('/audit', { params, signal }),

  auditStats: (params: { since: string | undefined }, { signal }: Cancellable) =>
    request<{ stats: T.AuditStat[] }>('/audit/stats', { params, signal }),

  auditVerify: ({ signal }: Cancellable) => request<T.AuditVerdict>('/audit/verify', { signal }),
};
