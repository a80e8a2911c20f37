/** The shapes of the HTTP API's requests and answers. Times are ISO 8601 in UTC. */

type Role = 'viewer' | 'operator' | 'admin';
export type Permission = 'deliveries' | 'incidents' | 'replay' | 'insights' | 'audit';

export interface Me {
  user_id: string | null;
  roles: string[];
  role: Role;
  permissions: Record<Permission, boolean>;
}

export interface Source {
  name: string;
  relation: string;
}

export type StatusClass = 'delivered' | 'failed' | 'dead_letter' | 'pending';

export type TriageLabel = 'transient_endpoint_down' | 'permanent_4xx' | 'rate_limited' | 'unknown' | 'unclassified';

export interface Delivery {
  delivery_id: string;
  created_at: string;
  updated_at: string | null;
  tenant_id: string | null;
  endpoint: string | null;
  event_type: string | null;
  status: string | null;
  status_class: StatusClass | null;
  triage_label: string | null;
  triage_score: number | null;
  attempts: number | null;
  max_attempts: number | null;
  next_retry_at: string | null;
  http_status: number | null;
  error: string | null;
}

export interface DeliveryPage {
  deliveries: Delivery[];
  next: string | null;
}

/** What delivery_search() and replay_plan() filter by. */
export interface DeliveryFilter {
  ids?: string[];
  tenant?: string;
  endpoint?: string;
  status?: StatusClass[];
  triage_label?: TriageLabel[];
  hours?: number;
  since?: string;
}

export interface PlannedReplay {
  delivery_id: string;
  created_at: string;
  tenant_id: string | null;
  endpoint: string | null;
  status: string | null;
  triage_label: string | null;
  attempts: number | null;
  outcome: 'replay' | 'hold' | 'refuse';
  expected_success_rate: number | null;
  reason: string;
}

export interface ReplayPlan {
  deliveries: PlannedReplay[];
  total: number;
  held: number;
  refused: number;
}

export type ReplayOutcome = 'replayed' | 'not_found' | 'not_failed' | 'held' | 'locked' | 'refused';

export interface ReplayResult {
  delivery_id: string;
  outcome: ReplayOutcome;
  audit_id: number | null;
  detail: string | null;
}

export interface ReplayAnswer {
  results: ReplayResult[];
  replayed: number;
}

export type Severity = 'warning' | 'critical';
export type IncidentStatus = 'open' | 'acknowledged' | 'resolved';
export type IncidentListing = 'active' | IncidentStatus | 'all';

export interface Incident {
  id: number;
  tenant_id: string | null;
  endpoint: string | null;
  severity: Severity;
  spike_detected: boolean;
  failure_cluster_detected: boolean;
  silence_detected: boolean;
  recent_count: number;
  baseline_count: number;
  recent_failures: number;
  baseline_failures: number;
  detected_at: string;
  resolved_at: string | null;
  acknowledged_by: string | null;
  source: string;
  status: IncidentStatus;
  last_seen_at: string;
  acknowledged_at: string | null;
  ack_until: string | null;
  note: string | null;
  resolved_by: string | null;
  resolve_reason: string | null;
  reopen_count: number;
  peak_failures: number;
  peak_multiplier: number | null;
  flapping: boolean;
  message: string;
  scope: 'endpoint' | 'fleet';
  muted: boolean;
  false_positive: boolean | null;
  calm_since: string | null;
  usual_count: number;
  usual_failure_ratio: number;
}

export interface IncidentPage {
  incidents: Incident[];
  next: number | null;
  last_seq: number;
}

export const EVENT_NAMES = [
  'opened',
  'escalated',
  'acknowledged',
  'ack_expired',
  'reopened',
  'flapping',
  'resolved',
  'muted',
  'unmuted',
] as const;

export type EventName = (typeof EVENT_NAMES)[number];

export interface IncidentEvent {
  seq: number;
  anomaly_id: number;
  event: EventName;
  at: string;
  severity: Severity;
  status: IncidentStatus;
  recent_count: number;
  recent_failures: number;
  peak_multiplier: number | null;
  message: string;
  resolve_reason: string | null;
  false_positive: boolean | null;
  note: string | null;
  notified: boolean;
  by_user: string;
  actor: string | null;
}

export interface IncidentDetail {
  incident: Incident;
  events: IncidentEvent[];
}

export interface EventPage {
  events: IncidentEvent[];
  last_seq: number;
}

export interface Mute {
  id: number;
  source: string | null;
  tenant_id: string | null;
  endpoint: string | null;
  severity_cap: Severity | null;
  starts_at: string;
  ends_at: string | null;
  days: number[] | null;
  from_time: string | null;
  to_time: string | null;
  time_zone: string | null;
  reason: string | null;
  created_by: string;
  actor: string | null;
  applies: boolean;
}

export interface NewMute {
  tenant: string | null;
  endpoint: string | null;
  source: string;
  ends_at: string | null;
  reason: string | null;
}

export interface SourceStatus {
  source: string | null;
  state: string | null;
  last_run: string | null;
  last_success: string | null;
  failures: number | null;
  last_error: string | null;
  worker: string | null;
  held_by: string | null;
  deliveries: number | null;
  unmapped: number | null;
  left_changes: number | null;
}

interface FailingEndpoint {
  endpoint: string;
  failures: number;
  total: number;
  failure_rate: number;
}

interface FailingTenant {
  tenant_id: string;
  failures: number;
  total: number;
  failure_rate: number;
}

export interface Summary {
  delivery_stats: {
    total: number;
    delivered: number;
    failed: number;
    pending: number;
    dead_letter: number;
  };
  /** Of those that settled; null: none has. */
  settled_success_rate: number | null;
  top_failing_endpoints: FailingEndpoint[];
  top_failing_tenants: FailingTenant[];
  triage_distribution: Record<TriageLabel, number>;
  replay_stats: {
    counted_from: 'replays' | 'attempts';
    total_replayed: number;
    replay_successes: number;
    replay_success_rate: number;
  };
  triage_accuracy: { transient_retry_success_rate: number; note: string };
  retry_stats: { first_attempt_success_rate: number; mean_attempts: number };
  backlog: { pending: number; near_failure: number; oldest_pending_seconds: number | null };
  generated_at: string;
}

export interface Interval {
  timestamp: string;
  total_deliveries: number;
  failures: number;
  settled_success_rate: number | null;
}

export interface Trends {
  intervals: Interval[];
  interval_hours: number;
  total_hours: number;
  generated_at: string;
}

export interface ComparedFigure {
  scope: 'total' | 'endpoint';
  endpoint: string | null;
  figure: string;
  current_value: number | null;
  previous_value: number | null;
  change: number | null;
  impact: number | null;
  direction: string | null;
}

export interface ReplayAdvice {
  total_recommended: number;
  total_analyzed: number;
  total_held_back: number;
  confidence: 'high' | 'medium' | 'low';
  reasoning: string;
}

export interface AuditRecord {
  id: number;
  actor: string;
  action: string;
  target_id: string | null;
  metadata: Record<string, unknown>;
  source_ip: string | null;
  created_at: string;
  by_user: string;
  hash: string;
}

export interface AuditStat {
  actor: string;
  action: string;
  count: number;
  first_at: string;
  last_at: string;
}

export interface AuditVerdict {
  problems: { id: number | null; problem: string }[];
  head: { id: number; hash: string } | null;
}
