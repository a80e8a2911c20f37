-- What a replay of failed deliveries would do: which are listed, what is held, what may be expected; and nothing is done.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_plan;
SET search_path = regress_plan, insights;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET jit = off;
\set SHOW_CONTEXT never
\set t '''2026-01-15 12:00:00+00''::timestamptz'
\pset null NULL

-- how a statement ends
CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  state text; message text; hint text;
BEGIN
  EXECUTE statement;
  RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
  RETURN state || ': ' || message || coalesce(E'\n  hint: ' || nullif(hint, ''), '');
END $$;
-- the ids of a plan, in their order; those on hold in brackets
CREATE FUNCTION planned(filter jsonb, as_of timestamptz DEFAULT '2026-01-15 12:00+00', source text DEFAULT 'default') RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(CASE outcome WHEN 'replay' THEN delivery_id WHEN 'hold' THEN '[' || delivery_id || ']' END, ' ' ORDER BY ordinality)
  FROM insights.replay_plan(filter, source => source, as_of => as_of) WITH ORDINALITY $$;

CREATE TABLE deliveries (
  id text, tenant_id text, target text, status text, triage_label text, triage_score int, attempts int, created_at timestamptz);
SELECT count(delivery_source_register('deliveries', mapping => '{"replay_status": "pending"}'));
SELECT * FROM replay_plan() \gdesc
SELECT count(*) FROM replay_plan(as_of => :t);

-- Failed and dead-lettered ones of any label, of the last 24 hours, oldest first, ties by the bytes of the id.
INSERT INTO deliveries SELECT id, tenant, '/a', status, label, NULL, attempts, :t - age::interval FROM (VALUES
  ('down', 't', 'failed', 'transient_endpoint_down', 3, '1 hour'), ('limited', 't', 'dead_letter', 'rate_limited', 5, '2 hours'), ('refused', 'u', 'failed', 'permanent_4xx', 1, '3 hours'),
  ('unknown', 't', 'failed', 'unknown', NULL, '4 hours'), ('none', NULL, 'EXHAUSTED', NULL, 1, '5 hours'), ('other', 't', 'failed', 'weird', 1, '6 hours'),
  ('first', 't', 'failed', 'rate_limited', 1, '23:59:59.999999'), ('now', 't', 'failed', 'rate_limited', 1, '0'),
  ('b', 't', 'failed', 'rate_limited', 1, '7 hours'), ('B', 't', 'failed', 'rate_limited', 1, '7 hours'), ('10', 't', 'failed', 'rate_limited', 1, '7 hours'), ('9', 't', 'failed', 'rate_limited', 1, '7 hours'),
  ('old', 't', 'failed', 'rate_limited', 1, '24 hours'), ('older', 't', 'dead_letter', 'transient_endpoint_down', 1, '300 days'), ('to come', 't', 'failed', 'rate_limited', 1, '-1 microsecond'),
  ('pending', 't', 'pending', 'rate_limited', 1, '1 hour'), ('delivered', 't', 'delivered', 'rate_limited', 1, '1 hour'), ('bogus', 't', 'bogus', 'rate_limited', 1, '1 hour'), ('null', 't', NULL, 'rate_limited', 1, '1 hour'),
  (NULL, 't', 'failed', 'rate_limited', 1, '1 hour'), ('timeless', 't', 'failed', 'rate_limited', 1, NULL)) v (id, tenant, status, label, attempts, age);
SELECT delivery_id, created_at, tenant_id, endpoint, status, triage_label, attempts, outcome, expected_success_rate, reason FROM replay_plan(as_of => :t);

-- Whoever names ids or times means them, however old they are; "until" alone means the 24 hours before it.
SELECT filter, planned(filter) FROM unnest(ARRAY['{}', '{"ids": ["old", "older", "down", "pending", "nope", "timeless", "to come"]}', '{"ids": "older", "hours": 24}', '{"hours": 8760}', '{"hours": 24.000001}',
  '{"hours": 1}', '{"since": "2026-01-14 12:00", "until": "2026-01-15 06:00"}', '{"until": "2026-01-15 06:00"}', '{"until": "2026-01-14 12:00"}', '{"since": "2025-01-01"}', '{"tenant": "u"}', '{"tenant": null}',
  '{"endpoint": "/b"}', '{"endpoint": "/a", "triage_label": ["unknown", "unclassified"]}', '{"triage_label": "rate_limited", "status": "dead_letter"}', '{"status": "failed", "hours": 4}', '{"status": ["delivered", "pending"]}',
  '{"status": [], "hours": 4}', '{"ids": []}']::jsonb[]) filter;
SELECT as_of, planned('{"hours": 2}', as_of) FROM unnest(ARRAY[:t - interval '6 hours', :t + interval '1 hour']) as_of;
SELECT max_rows, string_agg(delivery_id, ' ' ORDER BY ordinality) FROM unnest(ARRAY[1, 3, 2147483647]) max_rows, replay_plan('{"hours": 7.5}', max_rows, as_of => :t) WITH ORDINALITY GROUP BY max_rows ORDER BY 1;
\pset tuples_only on
\pset format unaligned
SELECT outcome($$SELECT * FROM replay_plan(NULL)$$);
SELECT outcome($$SELECT * FROM replay_plan('{"state": "failed"}')$$);
SELECT outcome($$SELECT * FROM replay_plan('{"hours": 0}')$$);
SELECT outcome($$SELECT * FROM replay_plan(max_rows => 0)$$);
SELECT outcome($$SELECT * FROM replay_plan(max_rows => NULL)$$);
SELECT outcome($$SELECT * FROM replay_plan(as_of => '-infinity')$$);
SELECT outcome($$SELECT * FROM replay_plan(source => 'nowhere')$$);
\pset tuples_only off
\pset format aligned

-- What may be expected: by the record of the last 6 hours; nothing of labels that are not worth it. Where there is no other
-- record in the day, it is what replay_recommendations says.
TRUNCATE deliveries;
INSERT INTO deliveries SELECT concat_ws(' ', target, label, status, i), 't', target, status, label, NULL, attempts, :t - age::interval FROM (VALUES
  (18, '/good', 'delivered', 'transient_endpoint_down', 2, '3 hours'), (2, '/good', 'failed', 'transient_endpoint_down', 2, '4 hours'), (10, '/poor', 'failed', 'transient_endpoint_down', 3, '5 hours'),
  (2, '/poor', 'dead_letter', 'rate_limited', 1, '6 hours'), (1, '/new', 'failed', 'transient_endpoint_down', 1, '7 hours'), (1, '/new', 'failed', 'permanent_4xx', 1, '7 hours'),
  (1, '/new', 'failed', NULL, 1, '7 hours')) v (n, target, status, label, attempts, age), generate_series(1, n) i;
-- transient: 18 of 30 were delivered: r = 19/32; /good (18 + 20 r)/40 = 74.688 %, /poor 20 r/30 = 39.583 %, /new 59.375 %; rate_limited: r = 1/2
SELECT endpoint, triage_label, count(*), min(expected_success_rate) AS expected, max(expected_success_rate) = min(expected_success_rate) AS the_same FROM replay_plan(as_of => :t) GROUP BY 1, 2 ORDER BY 1, 2;
SELECT count(*) AS advised, count(p.delivery_id) AS planned, count(*) FILTER (WHERE (r.expected_success_rate, r.reason, r.recommendation, r.created_at, r.attempts, r.tenant_id, r.endpoint, r.status, r.triage_label)
  IS DISTINCT FROM (p.expected_success_rate, p.reason, p.outcome, p.created_at, p.attempts, p.tenant_id, p.endpoint, p.status, p.triage_label)) AS different
FROM replay_recommendations(as_of => :t) r LEFT JOIN replay_plan(as_of => :t) p USING (delivery_id);
SELECT (SELECT array_agg(delivery_id ORDER BY ordinality) FROM replay_recommendations(as_of => :t) WITH ORDINALITY)
  = (SELECT array_agg(delivery_id ORDER BY ordinality) FROM replay_plan('{"triage_label": ["transient_endpoint_down", "rate_limited"]}', as_of => :t) WITH ORDINALITY) AS the_same_order;
-- the same record counts, whatever the filter asks for; what is older counts for the advice only
SELECT delivery_id, expected_success_rate FROM replay_plan('{"ids": ["/good transient_endpoint_down failed 1"], "hours": 8760}', as_of => :t);
-- 118 of 130 in the day: r = 119/132, and (118 + 20 r)/140 = 97.165 %
INSERT INTO deliveries SELECT 'older ' || i, 't', '/good', 'delivered', 'transient_endpoint_down', NULL, 2, :t - interval '6 hours' FROM generate_series(1, 100) i;
SELECT p.expected_success_rate AS planned, r.expected_success_rate AS advised FROM replay_plan('{"ids": ["/good transient_endpoint_down failed 1"]}', as_of => :t) p JOIN replay_recommendations(as_of => :t) r USING (delivery_id);

-- On hold: its endpoint has a failure cluster now, by the detector. The same endpoint of another tenant goes on.
TRUNCATE deliveries;
INSERT INTO deliveries SELECT concat_ws('-', coalesce(tenant, 'none'), substr(target, 2), what), tenant, target, 'failed', 'transient_endpoint_down', NULL, 1, :t - age::interval FROM (VALUES
  (9, 'a', '/down', '3 minutes'), (1, 'a', '/down', '20 hours'), (1, 'b', '/down', '19 hours'), (1, 'a', '/up', '18 hours'), (9, NULL, '/down', '2 minutes'), (1, NULL, '/down', '17 hours'))
  v (n, tenant, target, age), generate_series(1, n) i, LATERAL (SELECT CASE n WHEN 1 THEN 'old' ELSE i::text END) w (what);
SELECT delivery_id, outcome, expected_success_rate, reason FROM replay_plan(as_of => :t) WHERE delivery_id !~ '[2-9]$';
SELECT outcome, count(*) FROM replay_plan(as_of => :t) GROUP BY 1 ORDER BY 1;
SELECT planned('{"ids": ["a-down-old", "b-down-old"]}'), planned('{"ids": ["a-down-old", "b-down-old"]}', :t + interval '3 hours') AS later;
SET anomaly_insights.method = 'reference';
SELECT planned('{"ids": ["a-down-old", "b-down-old"]}');
RESET anomaly_insights.method;

-- Or by an incident that is not resolved, although there is nothing to see of it in the deliveries any more.
SELECT source, opened, outcome FROM anomalies_scan(as_of => :t) AS s (opened, updated, resolved, source, outcome) ORDER BY source;
SELECT tenant_id, endpoint, failure_cluster_detected, status, detected_at FROM anomalies ORDER BY tenant_id NULLS FIRST;
UPDATE deliveries SET created_at = created_at - interval '10 hours' WHERE id ~ '[1-9]$';
SELECT tenant_id, endpoint, recent_failures FROM anomalies_current(as_of => :t);
SELECT planned('{"endpoint": "/down", "ids": ["a-down-old", "b-down-old", "none-down-old"]}'), planned('{"endpoint": "/up"}');
SELECT outcome, reason, count(*) FROM replay_plan('{"endpoint": "/down"}', as_of => :t) GROUP BY 1, 2 ORDER BY 1, 2;
-- and so says the advice
SELECT recommendation, count(*) FROM replay_recommendations(as_of => :t) GROUP BY 1 ORDER BY 1;
SELECT j -> 'total_held_back' AS held, jsonb_array_length(j -> 'held_back') AS groups FROM replay_recommendations_json(as_of => :t) j;
-- not yet, at a time before it was opened; still so, while somebody looks after it; no more, when it is resolved
SELECT planned('{"ids": "a-down-old"}', :t - interval '1 minute') AS before;
SELECT count(anomaly_acknowledge(id, as_of => :t)) FROM anomalies_active;
SELECT planned('{"ids": ["a-down-old", "none-down-old"]}') AS acknowledged;
SELECT count(anomaly_resolve(id, as_of => :t + interval '1 minute')) FROM anomalies WHERE tenant_id = 'a';
SELECT planned('{"ids": ["a-down-old", "none-down-old"]}') AS one_resolved;
-- that of another source, and one that is no failure cluster, hold nothing
UPDATE anomalies SET source = 'another' WHERE tenant_id IS NULL;
SELECT planned('{"ids": ["a-down-old", "none-down-old"]}') AS of_another_source;
UPDATE anomalies SET source = 'default', failure_cluster_detected = false, silence_detected = true, severity = 'warning' WHERE tenant_id IS NULL;
SELECT planned('{"ids": ["a-down-old", "none-down-old"]}') AS a_silence;
UPDATE anomalies SET failure_cluster_detected = true, severity = 'critical', endpoint = '/Down' WHERE tenant_id IS NULL;
SELECT planned('{"ids": ["a-down-old", "none-down-old"]}') AS of_another_endpoint;
-- that of the fleet holds everything; a silence of the fleet does not
UPDATE anomalies SET endpoint = NULL, scope = 'fleet' WHERE tenant_id IS NULL;
SELECT outcome, count(*), count(expected_success_rate) AS rates, min(reason), max(reason) = min(reason) AS one_reason FROM replay_plan(as_of => :t) GROUP BY 1;
SELECT j -> 'recommended_ids' AS ids, j -> 'total_held_back' AS held, j -> 'total_recommended' AS recommended FROM replay_recommendations_json(as_of => :t) j;
UPDATE anomalies SET failure_cluster_detected = false, severity = 'warning' WHERE scope = 'fleet';
SELECT outcome, count(*) FROM replay_plan(as_of => :t) GROUP BY 1;
DELETE FROM anomaly_events;
DELETE FROM anomalies;
-- those that may be replayed go first
INSERT INTO deliveries SELECT 'six-' || i, 'd', '/six', 'failed', NULL, NULL, 1, :t - interval '1 minute' FROM generate_series(1, 6) i;
INSERT INTO deliveries VALUES ('six-old', 'd', '/six', 'failed', 'rate_limited', NULL, 1, :t - interval '22 hours'), ('well', 'd', '/well', 'failed', 'rate_limited', NULL, 1, :t - interval '30 seconds');
SELECT planned('{"tenant": "d"}');

-- A plan changes nothing, and says nothing in the audit.
BEGIN READ ONLY;
SELECT count(*) FROM replay_plan(as_of => :t);
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*) FROM replay_plan(as_of => :t);
COMMIT;
BEGIN;
SELECT count(*) FROM replay_plan(as_of => :t);
SELECT pg_current_xact_id_if_assigned() IS NULL AS nothing_written, (SELECT count(*) FROM operator_audit) AS audit, (SELECT count(*) FROM operator_replays) AS keys;
COMMIT;
SELECT status, count(*) FROM deliveries GROUP BY 1;

-- Statuses of its own, no tenants, no attempts, labels from the text; a time of its own zone.
CREATE TABLE jobs (no bigint, at timestamp, url text, state int, message text, hidden boolean DEFAULT false);
INSERT INTO jobs VALUES (1, '2026-01-15 11:00', '/a?x', 2, 'HTTP 503'), (2, '2026-01-15 12:59:59', '/a?y', 3, 'it is raining'), (3, '2026-01-15 12:00', '/a', 1, NULL), (4, '2026-01-15 12:00', '/b', 0, 'HTTP 429'),
  (6, '2026-01-15 13:00:00.000001', '/b', 2, NULL), (7, '2026-01-14 13:00', '/b', 2, NULL), (8, '2026-01-14 13:00:00.000001', '/b', 2, 'throttled');
INSERT INTO jobs VALUES (5, '2026-01-15 12:00', '/b', 2, NULL, true);
SELECT count(delivery_source_register('jobs', 'jobs', '{"id": "no", "created_at": "at", "time_zone": "Europe/Berlin", "endpoint": "split_part(url, ''?'', 1)", "status": "state", "error": "message",
  "statuses": {"0": "pending", "1": "delivered", "2": "failed", "3": "dead_letter"}, "where": "NOT hidden"}'));
SELECT delivery_id, created_at, tenant_id, endpoint, status, triage_label, attempts, outcome, expected_success_rate FROM replay_plan(source => 'jobs', as_of => :t);
SELECT planned('{"ids": ["007", "5", "2"]}', source => 'jobs'), planned('{"tenant": "t"}', source => 'jobs'), planned('{"tenant": null, "triage_label": "unknown"}', source => 'jobs');
CREATE TABLE nameless (created_at timestamptz, endpoint text, status text);
SELECT count(delivery_source_register('nameless', 'nameless'));
\pset tuples_only on
\pset format unaligned
SELECT outcome($$SELECT * FROM replay_plan(source => 'nameless')$$);
SELECT outcome($$SELECT * FROM replay_plan('{"ids": ["x"]}', source => 'jobs')$$);
SELECT count(delivery_source_drop(name)) FROM unnest(ARRAY['nameless', 'jobs']) name;

-- Rights: the caller's, and his rows. Incidents hold what he sees, though he may not read them.
CREATE ROLE regress_ai_plan_a;
CREATE ROLE regress_ai_plan_nobody;
GRANT USAGE ON SCHEMA regress_plan, insights TO regress_ai_plan_a, regress_ai_plan_nobody;
GRANT SELECT ON deliveries TO regress_ai_plan_a;
ALTER TABLE deliveries ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenants ON deliveries FOR SELECT USING ('regress_ai_plan_' || tenant_id = current_user);
INSERT INTO deliveries SELECT 'a-new-' || i, 'a', '/new', 'failed', 'rate_limited', NULL, 1, :t - interval '1 minute' FROM generate_series(1, 9) i;
SELECT count(*) FROM anomalies_scan(as_of => :t);
UPDATE deliveries SET created_at = :t - interval '5 hours' WHERE target = '/new';
SET ROLE regress_ai_plan_a;
SELECT outcome, min(reason) AS reason, count(*) FROM replay_plan(as_of => :t) GROUP BY 1;
RESET ROLE;
GRANT UPDATE (status, attempts) ON deliveries TO regress_ai_plan_a;
SET ROLE regress_ai_plan_a;
SELECT planned('{"endpoint": "/new"}'), planned('{"tenant": "d"}');
SELECT outcome, count(*), min(tenant_id), max(tenant_id) FROM replay_plan(as_of => :t) GROUP BY 1 ORDER BY 1;
SELECT outcome('SELECT * FROM insights.anomalies');
SET ROLE regress_ai_plan_nobody;
SELECT outcome('SELECT * FROM replay_plan()');
RESET ROLE;
SELECT bool_and(by_user = session_user) FROM anomaly_events WHERE event = 'opened';

DELETE FROM anomaly_events;
DELETE FROM anomalies;
DELETE FROM insights.anomaly_runs;
DELETE FROM insights.delivery_sources;
REVOKE USAGE ON SCHEMA insights FROM regress_ai_plan_a, regress_ai_plan_nobody;
DROP SCHEMA regress_plan CASCADE;
DROP ROLE regress_ai_plan_a, regress_ai_plan_nobody;
