-- The contract of anomalies_current_json (REFERENCE.md, M3): its keys and types, by both methods.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_json;
SET search_path = regress_json, insights;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';

-- the reference table, which needs no mapping
CREATE TABLE deliveries (
  id uuid DEFAULT gen_random_uuid(), alert_event_id text, tenant_id text, rule_id int, rule_name text, event_type text,
  target text, status text, triage_label text, triage_score int, attempts int, max_attempts int, last_error text,
  next_retry_at timestamptz, created_at timestamptz, updated_at timestamptz);

-- n deliveries of one tenant and endpoint at one time, the first of them failed
CREATE FUNCTION put(tenant text, endpoint text, at timestamptz, n int, failed int DEFAULT 0) RETURNS int
LANGUAGE sql SET jit = off BEGIN ATOMIC
  INSERT INTO deliveries (tenant_id, target, created_at, status)
  SELECT tenant, endpoint, at, CASE WHEN i <= failed THEN 'failed' ELSE 'delivered' END FROM generate_series(1, n) i;
  SELECT n;
END;

SELECT 1 AS registered FROM delivery_source_register('deliveries');
\set at '''2025-11-05 14:30:00+00'''

-- A cluster, a spike and a silence.
SELECT sum(put('t', 'cluster', :at::timestamptz - i * interval '1 minute', 10, CASE WHEN i < 6 THEN 10 ELSE 0 END)) FROM generate_series(0, 74) i;
SELECT sum(put('t', 'spike', :at::timestamptz - i * interval '1 minute', CASE WHEN i < 5 THEN 1000 ELSE 10 END)) FROM generate_series(0, 74) i;
SELECT sum(put('t', 'silence', :at::timestamptz - i * interval '1 minute', 10)) FROM generate_series(15, 74) i;

-- The keys of the contract. A silence has one key more, silence_detected.
CREATE TABLE contract (part text, key text, type text);
INSERT INTO contract VALUES
  ('report', 'incidents', 'array'), ('report', 'summary', 'object'), ('report', 'window_minutes', 'number'),
  ('report', 'baseline_minutes', 'number'), ('report', 'detected_at', 'string'),
  ('summary', 'total_incidents', 'number'), ('summary', 'critical_incidents', 'number'), ('summary', 'warning_incidents', 'number'),
  ('incident', 'tenant_id', 'string'), ('incident', 'endpoint', 'string'), ('incident', 'severity', 'string'),
  ('incident', 'recent_count', 'number'), ('incident', 'baseline_count', 'number'), ('incident', 'recent_failures', 'number'),
  ('incident', 'baseline_failures', 'number'), ('incident', 'spike_detected', 'boolean'),
  ('incident', 'failure_cluster_detected', 'boolean'), ('incident', 'spike_multiplier', 'number'),
  ('incident', 'failure_multiplier', 'number'), ('incident', 'message', 'string'), ('incident', 'detected_at', 'string');

CREATE VIEW members AS
  WITH report AS (
    SELECT method, anomalies_current_json(method => method, as_of => '2025-11-05 14:30:00+00') AS r
    FROM unnest(ARRAY['rate', 'reference']) method),
  parts AS (
    SELECT method, 'report' AS part, '' AS name, r AS object FROM report
    UNION ALL SELECT method, 'summary', '', r -> 'summary' FROM report
    UNION ALL SELECT method, 'incident', i ->> 'endpoint', i FROM report, jsonb_array_elements(r -> 'incidents') i)
  SELECT p.method, p.part, p.name, m.key, jsonb_typeof(m.value) AS type FROM parts p, jsonb_each(p.object) m;

SELECT method, part, name, count(*) AS keys FROM members GROUP BY method, part, name
ORDER BY method COLLATE "C", part COLLATE "C", name COLLATE "C";
-- keys that are missing or too many, or of another type: only what a silence has, and what has no expectation
SELECT method, part, name, key, p.type AS type_wanted, m.type
FROM (SELECT method, part, name, c.key, c.type
      FROM (SELECT DISTINCT method, part, name FROM members) objects JOIN contract c USING (part)) p
FULL JOIN members m USING (method, part, name, key)
WHERE p.type IS DISTINCT FROM m.type
ORDER BY method COLLATE "C", part COLLATE "C", name COLLATE "C", key COLLATE "C";

-- rows and JSON say the same, in the same order
SELECT method, count(*) AS incidents,
       bool_and(i ->> 'tenant_id' IS NOT DISTINCT FROM a.tenant_id AND i ->> 'endpoint' IS NOT DISTINCT FROM a.endpoint
         AND i ->> 'severity' = a.severity AND (i -> 'recent_count')::bigint = a.recent_count
         AND (i -> 'baseline_count')::bigint = a.baseline_count AND (i -> 'recent_failures')::bigint = a.recent_failures
         AND (i -> 'baseline_failures')::bigint = a.baseline_failures AND (i -> 'spike_detected')::boolean = a.spike_detected
         AND (i -> 'failure_cluster_detected')::boolean = a.failure_cluster_detected
         AND (i ->> 'silence_detected')::boolean IS NOT DISTINCT FROM nullif(a.silence_detected, false)
         AND (i ->> 'spike_multiplier')::float8 IS NOT DISTINCT FROM a.spike_multiplier
         AND (i ->> 'failure_multiplier')::float8 IS NOT DISTINCT FROM a.failure_multiplier
         AND i ->> 'message' = a.message AND (i ->> 'detected_at')::timestamptz = a.detected_at) AS same
FROM unnest(ARRAY['rate', 'reference']) method,
     ROWS FROM (anomalies_current(method => method, as_of => :at)) WITH ORDINALITY AS a (
       tenant_id, endpoint, severity, spike_detected, failure_cluster_detected, silence_detected, recent_count, baseline_count,
       recent_failures, baseline_failures, spike_multiplier, failure_multiplier, message, detected_at, expected_count,
       expected_failures, score, window_used, scope, place),
     LATERAL (SELECT anomalies_current_json(method => method, as_of => :at) -> 'incidents' -> (place - 1)::int AS i) j
GROUP BY method ORDER BY method;
SELECT method, jsonb_array_length(r -> 'incidents') AS incidents, r -> 'summary' AS summary
FROM unnest(ARRAY['rate', 'reference']) method, anomalies_current_json(method => method, as_of => :at) r ORDER BY method;

\pset format unaligned
SELECT jsonb_pretty(anomalies_current_json(as_of => :at)) AS report;
\pset format aligned

-- baseline_minutes is the length that was used: the largest multiple of three times recent
SELECT r -> 'window_minutes' AS recent, r -> 'baseline_minutes' AS baseline
FROM (VALUES ('5 minutes'::interval, '70 minutes'::interval), ('5 minutes', '75 minutes'), ('1 minute', '7.5 minutes'),
             ('90 seconds', '10 minutes'), ('1 hour', '1 day')) v (recent, baseline),
     anomalies_current_json(v.recent, v.baseline, as_of => :at) r;

-- a time before 2000, one with a fraction of a second, and one of another zone
SELECT anomalies_current_json(as_of => '1969-12-31 23:59:59.5+00') ->> 'detected_at' AS before_2000,
       anomalies_current_json(as_of => '2025-11-05 14:30:00.75+00') ->> 'detected_at' AS fraction,
       anomalies_current_json(as_of => '2025-11-05 09:30:00-05') ->> 'detected_at' AS zone;

-- texts that JSON must escape come back as they were
INSERT INTO deliveries (tenant_id, target, created_at, status)
SELECT E'quote " backslash \\ tab \t newline \n bell \x07', E'/\u00e9\u4e2d\U0001F600</script>', :at, 'failed' FROM generate_series(1, 50);
SELECT i ->> 'tenant_id' = E'quote " backslash \\ tab \t newline \n bell \x07' AS tenant,
       i ->> 'endpoint' = E'/\u00e9\u4e2d\U0001F600</script>' AS endpoint
FROM jsonb_array_elements(anomalies_current_json(as_of => :at) -> 'incidents') i WHERE i ->> 'tenant_id' LIKE 'quote%';

-- a NULL tenant is null with method rate
INSERT INTO deliveries (target, created_at, status) SELECT 'n', :at, 'failed' FROM generate_series(1, 50);
SELECT i -> 'tenant_id' AS tenant, i ->> 'message' AS message
FROM jsonb_array_elements(anomalies_current_json(as_of => :at) -> 'incidents') i WHERE i ->> 'endpoint' = 'n' \gset rate_
SELECT :'rate_tenant' AS tenant, :'rate_message' LIKE '%Tenant: none' AS message;

DELETE FROM insights.delivery_sources;
DROP SCHEMA regress_json CASCADE;
