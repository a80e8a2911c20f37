-- Method rate, the default: the defects of the original that it must not have (REFERENCE.md, M3).
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_rate;
SET search_path = regress_rate, insights;
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
\set t '''2025-11-05 14:30:00+00''::timestamptz'

-- both methods on one endpoint
CREATE FUNCTION by_method(wanted text) RETURNS TABLE (
  method text, severity text, spike boolean, cluster boolean, silence boolean, recent bigint, baseline bigint,
  failures bigint, baseline_failures bigint)
LANGUAGE sql BEGIN ATOMIC
  SELECT m, a.severity, a.spike_detected, a.failure_cluster_detected, a.silence_detected, a.recent_count, a.baseline_count,
         a.recent_failures, a.baseline_failures
  FROM unnest(ARRAY['rate', 'reference']) m,
       anomalies_current(method => m, as_of => '2025-11-05 14:30:00+00'::timestamptz) a
  WHERE a.endpoint = wanted ORDER BY m;
END;

-- A tenfold surge over a steady 10 a minute is silent in the original, which compares 500 with 550.
SELECT sum(put('t', 'surge', :t - i * interval '6 seconds', CASE WHEN i < 50 THEN 10 ELSE 1 END)) FROM generate_series(0, 749) i;
SELECT * FROM by_method('surge');

-- 50 of 50 failing now against 11 of 550 before: nothing in the original, since 50 is not over 110.
SELECT sum(put('t', 'outage', :t - i * interval '6 seconds', 1, CASE WHEN i < 50 OR i % 50 = 25 AND i < 600 THEN 1 ELSE 0 END))
FROM generate_series(0, 749) i;
SELECT * FROM by_method('outage');

-- Two rows on a new endpoint are a "spike 2.0x" of the original.
SELECT put('t', 'new', :t - interval '2 minutes', 2);
SELECT * FROM by_method('new');

-- 11 failures among 10,000 deliveries where none failed before are "critical" to the original.
SELECT sum(put('t', 'busy', :t - i * interval '30 seconds', 1000, CASE WHEN i = 3 THEN 11 ELSE 0 END)) FROM generate_series(0, 149) i;
SELECT * FROM by_method('busy');
DELETE FROM deliveries WHERE target = 'busy';

-- An endpoint that falls silent is never seen by the original.
SELECT sum(put('t', 'silent', :t - i * interval '6 seconds', 1)) FROM generate_series(150, 749) i;
SELECT * FROM by_method('silent');
SELECT recent_count, silence_detected, severity, window_used FROM anomalies_current(as_of => :t) WHERE endpoint = 'silent';
SET anomaly_insights.silence = off;
SELECT count(*) FROM anomalies_current(as_of => :t) WHERE endpoint = 'silent' OR silence_detected;
SELECT value, meaning FROM anomalies_explain('t', 'silent', as_of => :t) WHERE part = 'silence';
RESET anomaly_insights.silence;
-- one delivery ends it
BEGIN;
SELECT put('t', 'silent', :t, 1);
SELECT count(*) FROM anomalies_current(as_of => :t) WHERE silence_detected;
ROLLBACK;
SELECT count(*) FROM anomalies_current(as_of => :t) WHERE silence_detected;

-- A NULL tenant is none, not 'unknown'; the original's method calls it so, and merges it with one of that name.
TRUNCATE deliveries;
SELECT sum(put(v.tenant, v.endpoint, :t - interval '2 minutes', v.n, v.n))
FROM (VALUES (NULL, 'e', 20), ('unknown', 'e', 30), ('t', NULL, 40), (NULL, NULL, 50)) AS v (tenant, endpoint, n);
\pset null NULL
\pset format unaligned
SELECT tenant_id, endpoint, recent_failures, message FROM anomalies_current(as_of => :t);
SELECT tenant_id, endpoint, recent_failures, message FROM anomalies_current(method => 'reference', as_of => :t);
\pset format aligned
SELECT tenant_id, endpoint, recent_failures FROM anomalies_current(tenant => 'unknown', as_of => :t);

-- Pending deliveries are traffic, but neither failed nor settled; a status that no map knows is so too, and one with a
-- label that says failure has failed unless it was delivered.
TRUNCATE deliveries;
INSERT INTO deliveries (tenant_id, target, created_at, status, triage_label)
SELECT 't', e, :t - interval '2 minutes', s, l
FROM (VALUES ('1 pending', 'pending', NULL), ('2 bogus', 'bogus', NULL), ('3 null', NULL, NULL), ('4 labelled', 'pending', 'permanent_4xx'),
             ('5 labelled', 'bogus', 'transient_endpoint_down'), ('6 delivered', 'delivered', 'permanent_4xx'),
             ('7 limited', 'pending', 'rate_limited'), ('8 dead', 'dead_letter', NULL)) AS v (e, s, l), generate_series(1, 50);
SELECT endpoint, recent_count, recent_failures, severity FROM anomalies_current(as_of => :t) ORDER BY endpoint COLLATE "C";
SELECT e AS endpoint, x.value AS settled
FROM unnest(ARRAY['1 pending', '2 bogus', '3 null', '4 labelled', '5 labelled', '6 delivered', '7 limited', '8 dead']) e,
     anomalies_explain('t', e, as_of => :t) x WHERE x.item = 'failed 5 min' ORDER BY e;

-- Order: critical first, then recent failures descending, then tenant and endpoint, missing ones last.
TRUNCATE deliveries;
SELECT sum(put(v.tenant, v.endpoint, :t - interval '2 minutes', v.n, v.f))
FROM (VALUES ('z', 'few', 10, 10), ('a', 'more', 11, 11), ('B', 'x', 10, 10), ('b', 'y', 10, 10), ('b', 'x', 10, 10),
             (NULL, 'x', 10, 10), ('b', NULL, 10, 10), ('b', 'spike', 1000, 3), ('a', 'spike', 1000, 3),
             ('c', 'spike', 1000, 12)) AS v (tenant, endpoint, n, f);
SELECT sum(put(v, 'spike', :t - i * interval '1 minute', 1)) FROM unnest(ARRAY['a', 'b', 'c']) v, generate_series(20, 74) i;
SELECT severity, recent_failures, tenant_id, endpoint FROM anomalies_current(as_of => :t);
\pset null ''

-- Sensitivity: strict asks for twice the rate and p below 1e-7, shared by two windows, sensitive for 1e-5 only. Of
-- 5 in each block, 29 (p = 10^-5.07), 31 (p = 10^-5.72), 33 (10^-6.40), 42 and 43 (10^-7.23 and 10^-7.54 for twice the rate).
TRUNCATE deliveries;
SELECT sum(put('t', 'n' || n, :t - interval '2.5 minutes' - i * interval '5 minutes', CASE WHEN i = 0 THEN n ELSE 5 END))
FROM unnest(ARRAY[29, 31, 32, 33, 42, 43]) n, generate_series(0, 14) i WHERE i = 0 OR i > 2;
SET anomaly_insights.sensitivity = 'strict';
SELECT endpoint, round(score::numeric, 6) AS score FROM anomalies_current(as_of => :t);
SET anomaly_insights.sensitivity = 'normal';
SELECT endpoint, round(score::numeric, 6) AS score FROM anomalies_current(as_of => :t);
SET anomaly_insights.sensitivity = 'sensitive';
SELECT endpoint, round(score::numeric, 6) AS score FROM anomalies_current(as_of => :t);
RESET anomaly_insights.sensitivity;

-- The score ends at 300.
SELECT put('t', 'loud', :t - interval '2 minutes', 3000, 3000);
SELECT score FROM anomalies_current(as_of => :t) WHERE endpoint = 'loud';

DELETE FROM insights.delivery_sources;
DROP SCHEMA regress_rate CASCADE;
