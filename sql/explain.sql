-- anomalies_explain: every input of the verdict on one endpoint, and the reason for it.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_explain;
SET search_path = regress_explain, insights;
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
\pset format unaligned
\pset null NULL

-- A spike: 5 in each block of five minutes, 50 now (the first worked example of DETECTION.md).
SELECT sum(put('t', 'spike', :t - interval '2.5 minutes' - i * interval '5 minutes', CASE WHEN i = 0 THEN 50 ELSE 5 END)) AS put FROM generate_series(0, 14) i WHERE i <> 1;
SELECT * FROM anomalies_explain('t', 'spike', as_of => :t);
-- A cluster: 20 of 100 failed in five minutes, 10 of 1,200 before (another).
SELECT sum(put('t', 'cluster', at, n, f)) AS put FROM (VALUES
  (:t - interval '30 seconds', 20, 4), (:t - interval '3 minutes', 80, 16), (:t - interval '10 minutes', 200, 1), (:t - interval '40 minutes', 900, 9),
  (:t - interval '70 minutes', 300, 1)) AS part (at, n, f);
SELECT item, value FROM anomalies_explain('t', 'cluster', as_of => :t) WHERE part IN ('inputs', 'failure cluster', 'verdict');
-- A silence: 8 in each block, none for 15 minutes.
SELECT sum(put(NULL, 'silence', :t - interval '2.5 minutes' - i * interval '5 minutes', 8)) AS put FROM generate_series(3, 14) i;
SELECT item, value FROM anomalies_explain(NULL, 'silence', as_of => :t) WHERE part IN ('inputs', 'silence', 'verdict');
-- a NULL tenant is not one of any name
SELECT tenant, value, meaning FROM unnest(ARRAY['unknown', '', 'NULL', 'none', 't']) tenant, anomalies_explain(tenant, 'silence', as_of => :t) WHERE item = 'verdict';
-- An endpoint that does not exist, and one whose deliveries are out of the windows.
SELECT part, item, value, meaning FROM anomalies_explain('t', 'nowhere', as_of => :t) WHERE item IN ('recent_count', 'baseline_count', 'reason', 'verdict');
SELECT item, value, meaning FROM anomalies_explain('t', 'spike', as_of => :t + interval '1 day') WHERE item IN ('recent_count', 'verdict');
SELECT item, value, meaning FROM anomalies_explain('t', NULL, as_of => :t) WHERE item = 'verdict';
SELECT item, value, meaning FROM anomalies_explain(NULL, NULL, as_of => :t) WHERE item = 'verdict';

-- All reasons.
SELECT sum(put('t', name, :t - interval '77.5 minutes' + place * interval '5 minutes', n)) AS put
FROM (VALUES ('peak guard', '{120,5,5,5,5,5,5,5,5,5,5,5,0,0,120}'::int[]), ('poor baseline', '{1,0,0,2,0,0,0,0,1,0,0,0,0,0,40}'), ('no baseline', '{0,0,0,0,0,0,0,0,0,0,0,0,0,0,500}'),
             ('not significant', '{9,11,10,8,12,10,9,11,10,10,9,11,30,30,30}'), ('too few', '{1,1,1,1,1,1,1,1,1,1,1,1,0,0,9}'), ('not above', '{9,9,9,9,9,9,9,9,9,9,9,9,9,9,12}')) AS v (name, blocks),
     unnest(blocks) WITH ORDINALITY AS b (n, place);
SELECT name, part, value FROM unnest(ARRAY['peak guard', 'poor baseline', 'no baseline', 'not significant', 'too few', 'not above', 'spike']) WITH ORDINALITY AS n (name, place),
  ROWS FROM (anomalies_explain('t', name, as_of => :t)) AS e WHERE item = 'reason' ORDER BY place, part COLLATE "C";

-- What it says is what anomalies_current says, for each endpoint.
SELECT e.endpoint, e.value AS verdict, a.severity, a.spike_detected, a.failure_cluster_detected, a.silence_detected
FROM (SELECT DISTINCT tenant_id, target FROM deliveries) d, LATERAL (SELECT d.target AS endpoint, value FROM anomalies_explain(d.tenant_id, d.target, as_of => :t) WHERE item = 'verdict') e
LEFT JOIN anomalies_current(as_of => :t) a ON a.endpoint = e.endpoint ORDER BY e.endpoint COLLATE "C";

-- Other windows: what was used, and the names of the windows. Twelve times recent needs a baseline that is older in part.
SELECT item, value FROM anomalies_explain('t', 'spike', '90 seconds', '10 minutes', as_of => :t) WHERE part = 'windows' OR item LIKE 'failed %' OR item LIKE 'log10%';
SELECT item, value FROM anomalies_explain('t', 'spike', '10 minutes', '100 minutes', as_of => :t) WHERE part = 'windows' OR item LIKE 'failed %';
SELECT item, value FROM anomalies_explain('t', 'spike', '10 minutes', '2 hours', as_of => :t) WHERE part = 'windows' OR item LIKE 'failed %';
-- so a steady 10 % is no incident with any baseline
SELECT sum(put('t', 'steady 10 %', :t - i * interval '1 minute', 100, 10)) AS put FROM generate_series(0, 149) i;
SELECT baseline, value, (SELECT count(*) FROM anomalies_current('5 minutes', baseline, as_of => :t) WHERE endpoint = 'steady 10 %') AS rows
FROM unnest(ARRAY['30 minutes', '45 minutes', '60 minutes', '75 minutes', '2 hours']::interval[]) baseline,
     anomalies_explain('t', 'steady 10 %', '5 minutes', baseline, as_of => :t) WHERE item = 'verdict';
-- Settings show.
SET anomaly_insights.sensitivity = 'strict';
SELECT item, value FROM anomalies_explain('t', 'spike', as_of => :t) WHERE part = 'spike';
RESET anomaly_insights.sensitivity;
SET anomaly_insights.silence = off;
SELECT item, value FROM anomalies_explain(NULL, 'silence', as_of => :t) WHERE part IN ('silence', 'verdict');
RESET anomaly_insights.silence;

-- Method reference.
SELECT * FROM anomalies_explain('t', 'cluster', method => 'reference', as_of => :t);
SELECT sum(put('acme', 'worked', :t - interval '30 minutes', 10, 2) + put('acme', 'worked', :t - interval '2 minutes', 120, 115)) AS put;
SELECT item, value FROM anomalies_explain('acme', 'worked', method => 'reference', as_of => :t);
SELECT tenant, value FROM unnest(ARRAY['unknown', NULL, 'NULL']) tenant, anomalies_explain(tenant, 'silence', '5 minutes', '60 minutes', 'reference', as_of => :t) WHERE item = 'baseline_count';
SELECT item, value, meaning FROM anomalies_explain('t', 'nowhere', method => 'reference', as_of => :t) WHERE item = 'verdict';
\pset format aligned
\pset null ''

DELETE FROM insights.delivery_sources;
DROP SCHEMA regress_explain CASCADE;
