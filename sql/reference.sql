-- Method reference: the rule of the original (REFERENCE.md, M3), by rows and by JSON.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_reference;
SET search_path = regress_reference, insights;
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

SELECT delivery_source_register('deliveries');
\set at '''2025-11-05 14:30:00+00'''

-- an empty table has no incidents
SELECT * FROM anomalies_current(method => 'reference', as_of => :at);
SELECT anomalies_current_json(method => 'reference', as_of => :at);

-- The worked example: 120 recent deliveries of which 115 failed, 10 in the baseline of which 2 failed.
SELECT put('acme', 'https://api.acme.test/hook', '2025-11-05 14:00:00+00', 10, 2),
       put('acme', 'https://api.acme.test/hook', '2025-11-05 14:28:00+00', 120, 115);
\pset format unaligned
\pset expanded on
SELECT * FROM anomalies_current(method => 'reference', as_of => :at);
SELECT jsonb_pretty(anomalies_current_json(method => 'reference', as_of => :at)) AS report;
\pset expanded off
\pset format aligned
-- numbers of the JSON are numbers, to the digit
SELECT i -> 'spike_multiplier' = '12.0' AS spike, i -> 'failure_multiplier' = '57.5' AS failure,
       jsonb_typeof(i -> 'spike_multiplier') AS multiplier, jsonb_typeof(i -> 'recent_count') AS count,
       jsonb_typeof(i -> 'spike_detected') AS flag, jsonb_typeof(i -> 'detected_at') AS time,
       jsonb_typeof(r -> 'window_minutes') AS minutes, jsonb_typeof(r -> 'incidents') AS incidents
FROM anomalies_current_json(method => 'reference', as_of => :at) r, jsonb_array_elements(r -> 'incidents') i;

-- the setting names the method where the call does not, and the call overrides it
SET anomaly_insights.method = 'reference';
SELECT tenant_id, spike_multiplier FROM anomalies_current(as_of => :at);
SELECT count(*) FROM anomalies_current(method => 'rate', as_of => :at) WHERE spike_multiplier = 12;
RESET anomaly_insights.method;

-- Every row of the list in DETECTION.md: recent, baseline, their failures, and what is expected.
TRUNCATE deliveries;
CREATE TABLE cases (name text, r int, b int, rf int, bf int, spike boolean, cluster boolean);
INSERT INTO cases VALUES
  ('1', 2, 0, 0, 0, true, false), ('2', 1, 0, 0, 0, false, false), ('3', 90, 60, 0, 0, false, false),
  ('4', 91, 60, 0, 0, true, false), ('5', 12, 0, 10, 0, true, false), ('6', 12, 0, 11, 0, true, true),
  ('7', 40, 300, 20, 2, false, false), ('8', 40, 300, 21, 2, false, true);
SELECT sum(put('t', name, '2025-11-05 14:00:00+00', b, bf)), sum(put('t', name, '2025-11-05 14:28:00+00', r, rf)) FROM cases;
SELECT c.*, a.spike_detected, a.failure_cluster_detected, a.spike_multiplier, a.failure_multiplier,
       coalesce(a.spike_detected, false) = c.spike AND coalesce(a.failure_cluster_detected, false) = c.cluster AS as_expected
FROM cases c LEFT JOIN anomalies_current(method => 'reference', as_of => :at) a ON a.endpoint = c.name
ORDER BY c.name COLLATE "C";
-- a baseline without deliveries counts as 1
SELECT endpoint, recent_count, baseline_count, recent_failures, baseline_failures
FROM anomalies_current(method => 'reference', as_of => :at) WHERE endpoint IN ('1', '6');

-- Order: critical first, then recent failures descending, then tenant and endpoint.
TRUNCATE deliveries;
SELECT put('b', 'y', '2025-11-05 14:28:00+00', 20, 5), put('b', 'x', '2025-11-05 14:28:00+00', 20, 5),
       put('a', 'z', '2025-11-05 14:28:00+00', 20, 5), put('z', 'few', '2025-11-05 14:28:00+00', 20, 11),
       put('z', 'more', '2025-11-05 14:28:00+00', 20, 12), put('c', 'most', '2025-11-05 14:28:00+00', 500, 0),
       put('B', 'y', '2025-11-05 14:28:00+00', 20, 5);
SELECT severity, recent_failures, tenant_id, endpoint FROM anomalies_current(method => 'reference', as_of => :at);
SELECT ARRAY(SELECT i ->> 'endpoint' FROM jsonb_array_elements(r -> 'incidents') WITH ORDINALITY AS e (i, place) ORDER BY place)
         = ARRAY(SELECT endpoint FROM anomalies_current(method => 'reference', as_of => :at)) AS same_order, r -> 'summary' AS summary
FROM anomalies_current_json(method => 'reference', as_of => :at) r;

-- What is a failure: one of two labels, or status failed or dead_letter, whatever the other says.
TRUNCATE deliveries;
INSERT INTO deliveries (tenant_id, target, created_at, status, triage_label)
SELECT 't', coalesce(status, 'NULL') || ' / ' || coalesce(label, 'NULL'), :at, status, label
FROM unnest(ARRAY['delivered', 'failed', 'dead_letter', 'pending', 'bogus', NULL]) status,
     unnest(ARRAY['permanent_4xx', 'transient_endpoint_down', 'rate_limited', 'unknown', NULL]) label, generate_series(1, 12);
SELECT endpoint, recent_count, recent_failures, severity FROM anomalies_current(method => 'reference', as_of => :at)
ORDER BY endpoint COLLATE "C";

-- Multipliers round to 2 decimals as Python does: half to even on the binary value: 2.125 is a tie, 2.675 is
-- a little less and 1.525 too.
TRUNCATE deliveries;
SELECT sum(put('t', b || ' ' || r, '2025-11-05 14:00:00+00', b)), sum(put('t', b || ' ' || r, '2025-11-05 14:28:00+00', r))
FROM (VALUES (3, 5), (8, 17), (200, 535), (16, 29), (40, 61), (7, 1000), (1, 100)) AS v (b, r);
\pset format unaligned
SELECT baseline_count AS b, recent_count AS r, spike_multiplier, message
FROM anomalies_current(method => 'reference', as_of => :at) ORDER BY b;

-- A missing tenant or endpoint is 'unknown', and one with the name.
TRUNCATE deliveries;
SELECT put(NULL, 'e', '2025-11-05 14:28:00+00', 6), put('unknown', 'e', '2025-11-05 14:28:00+00', 7),
       put('t', NULL, '2025-11-05 14:28:00+00', 8), put(NULL, NULL, '2025-11-05 14:28:00+00', 9),
       put('', '', '2025-11-05 14:28:00+00', 10);
SELECT tenant_id, endpoint, recent_count, message FROM anomalies_current(method => 'reference', as_of => :at);
\pset format aligned
-- by its name, all of it
SELECT tenant_id, endpoint, recent_count FROM anomalies_current(method => 'reference', tenant => 'unknown', as_of => :at);

-- Other windows: 10 minutes against an hour and a half, and what the JSON says of them.
TRUNCATE deliveries;
SELECT put('t', 'e', '2025-11-05 14:22:00+00', 20), put('t', 'e', '2025-11-05 13:01:00+00', 5);
SELECT recent_count, baseline_count FROM anomalies_current('10 minutes', '90 minutes', 'reference', as_of => :at);
SELECT recent_count, baseline_count FROM anomalies_current('10 minutes', '60 minutes', 'reference', as_of => :at);
SELECT r -> 'window_minutes' AS recent, r -> 'baseline_minutes' AS baseline, r ->> 'detected_at' AS detected_at
FROM (VALUES ('10 minutes'::interval, '90 minutes'::interval), ('30 seconds', '1 day')) v (recent, baseline),
     anomalies_current_json(v.recent, v.baseline, 'reference', as_of => '2025-11-05 14:30:00.999999+00') r;
-- no silence with this method
SELECT count(*) FROM anomalies_current(method => 'reference', as_of => '2025-11-05 14:45:00+00');

DELETE FROM insights.delivery_sources;
DROP SCHEMA regress_reference CASCADE;
