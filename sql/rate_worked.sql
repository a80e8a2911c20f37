-- Method rate: the worked examples of DETECTION.md that need no history, as data.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_worked;
SET search_path = regress_worked, insights;
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

-- Spikes. Baseline blocks, oldest first, each in the middle of its five minutes; x5 in the recent ones, the rest of x15 in
-- the guard band. log10 p is 0 where a gate comes first.
CREATE TABLE spikes (name text, blocks int[], x5 int, x15 int, phi numeric, log10_p numeric, verdict text);
INSERT INTO spikes VALUES
  ('s01', array_fill(5, ARRAY[12]), 50, 55, 1.500000, -12.873133, 'flagged'),
  ('s02', array_fill(5, ARRAY[12]), 16, 26, 1.500000, 0, 'peak guard'),
  ('s03', '{0,12,3,9,1,14,0,2,8,7,1,3}', 50, 60, 4.542391, 0, 'peak guard'),
  ('s04', '{120,5,5,5,5,5,5,5,5,5,5,5}', 120, 130, 1.500000, 0, 'peak guard'),
  ('s05', '{120,5,5,5,5,5,5,5,5,5,5,5}', 360, 370, 1.500000, -138.393332, 'flagged'),
  ('s06', '{1,0,0,2,0,0,0,0,1,0,0,0}', 40, 40, 2.175000, 0, 'poor baseline'),
  ('s07', '{1,0,0,2,0,0,0,0,1,0,0,0}', 150, 150, 2.175000, -62.743634, 'flagged'),
  ('s08', array_fill(0, ARRAY[12]), 500, 500, 1.500000, 0, 'no baseline'),
  ('s09', '{2500,2480,2530,2510,2470,2500,2520,2490,2500,2510,2480,2510}', 5000, 15000, 1.572625, -112.085508, 'flagged'),
  ('s10', '{9,11,10,8,12,10,9,11,10,10,9,11}', 30, 90, 1.573611, -4.113874, 'not significant');
SELECT sum(put('spikes', name, :t - interval '77.5 minutes' + place * interval '5 minutes', n))
FROM spikes, unnest(blocks) WITH ORDINALITY AS b (n, place);
SELECT sum(put('spikes', name, :t - interval '10 minutes', x15 - x5)), sum(put('spikes', name, :t - interval '2 minutes', x5))
FROM spikes;

-- What anomalies_explain says. The last column holds what differs from the worked example.
SELECT s.name, e.phi, e.log10_p, e.flagged, e.reason,
       concat_ws(', ', CASE WHEN e.phi <> s.phi THEN 'phi' END, CASE WHEN e.log10_p <> s.log10_p THEN 'log10_p' END,
                 CASE WHEN e.reason <> s.verdict THEN 'reason' END,
                 CASE WHEN (e.flagged = 'yes') <> (s.verdict = 'flagged') THEN 'flag' END) AS differs
FROM spikes s, LATERAL (
  SELECT max(value) FILTER (WHERE item = 'dispersion')::numeric AS phi,
         min(value::numeric) FILTER (WHERE part = 'spike' AND item LIKE 'log10_p%') AS log10_p,
         max(value) FILTER (WHERE item = 'spike_detected') AS flagged,
         max(value) FILTER (WHERE part = 'spike' AND item = 'reason') AS reason
  FROM anomalies_explain('spikes', s.name, as_of => :t)) e
ORDER BY s.name COLLATE "C";
-- What anomalies_current says: the flagged ones, with -log10 p as their score.
SELECT s.name, a.spike_detected, round(a.score::numeric, 6) AS score, round(a.score::numeric, 6) = -s.log10_p AS as_expected,
       a.window_used, a.expected_count, a.spike_multiplier
FROM spikes s JOIN anomalies_current(as_of => :t) a ON a.endpoint = s.name ORDER BY s.name COLLATE "C";

-- Failure clusters: f of n in the windows of 1, 5, 15 and 60 minutes, bf of b in the baseline. What lies in one window but
-- not in the next smaller goes in between; of the baseline, 15 minutes are older than the hour.
CREATE TABLE clusters (
  name text, f1 int, n1 int, f5 int, n5 int, f15 int, n15 int, f60 int, n60 int, bf int, b int,
  ratio numeric, log10_p numeric, window_used text, verdict boolean);
INSERT INTO clusters VALUES
  ('f01', 1, 1, 5, 5, 5, 15, 5, 60, 0, 60, .050000, -5.204120, '5', false),
  ('f02', 0, 0, 3, 3, 3, 3, 3, 3, 0, 3, .050000, -3.122472, '5', false),
  ('f03', 0, 0, 1, 1, 2, 2, 6, 6, 4, 4, .050000, -6.244944, '60', true),
  ('f04', 4, 20, 20, 100, 21, 300, 30, 1200, 10, 1200, .050000, -5.717324, '5', true),
  ('f05', 2, 20, 12, 100, 14, 300, 24, 1200, 10, 1200, .050000, -1.999558, '5', false),
  ('f06', 11, 100, 55, 500, 105, 1500, 330, 6000, 300, 6000, .099339, -0.584693, '5', false),
  ('f07', 30, 100, 150, 500, 200, 1500, 425, 6000, 300, 6000, .099339, -28.184690, '5', true),
  ('f08', 10, 100, 50, 500, 150, 1500, 600, 6000, 600, 6000, .198512, 0, NULL, false),
  ('f09', 0, 20, 0, 100, 0, 300, 200, 1200, 200, 1200, .320800, 0, NULL, false),
  ('f10', 0, 10, 0, 50, 0, 150, 0, 600, 0, 600, .050000, 0, NULL, false);
SELECT sum(put('clusters', name, at, n, f)) FROM clusters, LATERAL (VALUES
  (:t - interval '30 seconds', n1, f1), (:t - interval '3 minutes', n5 - n1, f5 - f1),
  (:t - interval '10 minutes', n15 - n5, f15 - f5), (:t - interval '40 minutes', n60 - n15, f60 - f15),
  (:t - interval '70 minutes', b - (n60 - n15), bf - (f60 - f15))) AS part (at, n, f);

SELECT c.name, e.counts, e.ratio, e.log10_p, CASE WHEN e.log10_p < 0 THEN e.used END AS used, e.flagged,
       concat_ws(', ', CASE WHEN e.ratio <> c.ratio THEN 'ratio' END, CASE WHEN e.log10_p <> c.log10_p THEN 'log10_p' END,
                 CASE WHEN e.log10_p < 0 AND e.used <> c.window_used || ' min' THEN 'window' END,
                 CASE WHEN (e.flagged = 'yes') <> c.verdict THEN 'flag' END) AS differs
FROM clusters c, LATERAL (
  SELECT max(value) FILTER (WHERE item = 'ratio')::numeric AS ratio,
         string_agg(replace(value, ' of ', '/'), ' ' ORDER BY length(item), item) FILTER (WHERE item LIKE 'failed %') AS counts,
         min(value::numeric) FILTER (WHERE item LIKE 'log10_p%') AS log10_p,
         (array_agg(replace(item, 'log10_p ', '') ORDER BY value::numeric, length(item), item) FILTER (WHERE item LIKE 'log10_p%'))[1] AS used,
         max(value) FILTER (WHERE item = 'failure_cluster_detected') AS flagged
  FROM anomalies_explain('clusters', c.name, as_of => :t) WHERE part = 'failure cluster') e
ORDER BY c.name COLLATE "C";
SELECT c.name, a.severity, round(a.score::numeric, 6) AS score, round(a.score::numeric, 6) = -c.log10_p AS as_expected,
       a.window_used, a.recent_failures, a.baseline_failures, a.expected_failures, a.failure_multiplier
FROM clusters c JOIN anomalies_current(as_of => :t) a ON a.endpoint = c.name AND a.failure_cluster_detected
ORDER BY c.name COLLATE "C";

-- Silence: (4/5)^(b/phi) below 1e-6. Eight in each block are enough, seven are not; an aligned quarter of an hour without
-- any delivery makes the baseline unsteady, a block without does not.
TRUNCATE deliveries;
CREATE TABLE silences (name text, blocks int[], expected text);
INSERT INTO silences VALUES
  ('q1', array_fill(8, ARRAY[12]), 'flagged'), ('q2', array_fill(7, ARRAY[12]), 'not significant'),
  ('q3', '{90,90,90,0,0,0,90,90,90,90,90,90}', 'quiet baseline'), ('q4', '{90,90,0,90,90,90,90,90,90,90,90,90}', 'flagged');
SELECT sum(put('silences', name, :t - interval '77.5 minutes' + place * interval '5 minutes', n))
FROM silences, unnest(blocks) WITH ORDINALITY AS b (n, place);
SELECT s.name, e.log10_p, e.flagged, e.reason, e.reason = s.expected AS as_expected
FROM silences s, LATERAL (
  SELECT min(value::numeric) FILTER (WHERE item LIKE 'log10_p%') AS log10_p,
         max(value) FILTER (WHERE item = 'silence_detected') AS flagged, max(value) FILTER (WHERE item = 'reason') AS reason
  FROM anomalies_explain('silences', s.name, as_of => :t) WHERE part = 'silence') e
ORDER BY s.name COLLATE "C";
SELECT endpoint, silence_detected, recent_count, baseline_count, expected_count, spike_multiplier, round(score::numeric, 6) AS score, window_used
FROM anomalies_current(as_of => :t) ORDER BY endpoint COLLATE "C";

DELETE FROM insights.delivery_sources;
DROP SCHEMA regress_worked CASCADE;
