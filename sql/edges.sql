-- Windows are (start, end]: no delivery counts twice, and none from the future at all.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_edges;
SET search_path = regress_edges, insights;
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

-- An endpoint for each time that is an edge of method reference, or a microsecond beside it; each with 100 recent deliveries
-- and 10 in the baseline, so that it is an incident.
CREATE TABLE edges (name text, ago interval);
INSERT INTO edges VALUES
  ('a future', '-1 microsecond'), ('b as_of', '0'), ('c within', '1 microsecond'), ('d within', '4 minutes 59.999999 seconds'),
  ('e recent edge', '5 minutes'), ('f', '5 minutes 1 microsecond'), ('g', '59 minutes 59.999999 seconds'),
  ('h baseline edge', '60 minutes'), ('i', '60 minutes 1 microsecond');
SELECT sum(put('t', name, :t - ago, 1)) AS edge, sum(put('t', name, :t - interval '2 minutes', 100)) AS recent,
       sum(put('t', name, :t - interval '30 minutes', 10)) AS baseline FROM edges;
SELECT name, ago, recent_count - 100 AS in_recent, baseline_count - 10 AS in_baseline
FROM edges JOIN anomalies_current(method => 'reference', as_of => :t) ON endpoint = name ORDER BY name;

-- The same for method rate: failure windows of 1, 5, 15 and 60 minutes, the baseline from 15 to 75 minutes ago.
TRUNCATE deliveries, edges;
INSERT INTO edges SELECT chr(97 + (row_number() OVER (ORDER BY edge, beside))::int - 1), edge + beside
FROM unnest(ARRAY['0', '1 minute', '5 minutes', '15 minutes', '60 minutes', '75 minutes']::interval[]) edge,
     unnest(ARRAY['-1 microsecond', '0', '1 microsecond']::interval[]) beside;
SELECT sum(put('t', name, :t - ago, 1, 1)) AS edge FROM edges;
SELECT name, ago, max(value) FILTER (WHERE item = 'recent_count') AS recent, max(value) FILTER (WHERE item = 'triple_count') AS triple,
       max(value) FILTER (WHERE item = 'baseline_count') AS baseline, max(value) FILTER (WHERE item = 'failed 1 min') AS failed_1,
       max(value) FILTER (WHERE item = 'failed 5 min') AS failed_5, max(value) FILTER (WHERE item = 'failed 15 min') AS failed_15,
       max(value) FILTER (WHERE item = 'failed 60 min') AS failed_60
FROM edges, anomalies_explain('t', name, as_of => :t) GROUP BY name, ago ORDER BY name COLLATE "C";
-- each of the baseline's blocks, likewise: all deliveries lie on edges, each counts in the block that it ends
TRUNCATE deliveries, edges;
SELECT sum(put('t', 'blocks', :t - interval '75 minutes' + i * interval '5 minutes', i)) FROM generate_series(0, 15) i;
SELECT item, value FROM anomalies_explain('t', 'blocks', as_of => :t)
WHERE item IN ('recent_count', 'triple_count', 'baseline_count', 'peak_block', 'peak_triple', 'least_triple', 'sum_of_squares');

-- A delivery on a boundary is in one window or the other as time goes on, and never in both: the windows' sum is what
-- the two together hold.
TRUNCATE deliveries;
SELECT sum(put('t', 'e', :t - i * interval '1 second', 1)) AS deliveries FROM generate_series(0, 2400) i;
SELECT sum(put('t', 'e', :t - i * interval '1 minute', 100)) AS minutes FROM unnest(ARRAY[0, 30, 40]) i;
SELECT shift, recent_count, baseline_count, recent_count + baseline_count AS both,
       (SELECT count(*) FROM deliveries WHERE created_at > :t + shift - interval '40 minutes' AND created_at <= :t + shift) AS deliveries
FROM unnest(ARRAY['-1 minute', '-1 microsecond', '0', '1 microsecond', '1 minute', '5 minutes']::interval[]) shift
LEFT JOIN anomalies_current('30 minutes', '40 minutes', method => 'reference', as_of => :t + shift) ON true ORDER BY shift;

-- What was written in this transaction counts: now() is in the window that it ends.
TRUNCATE deliveries;
BEGIN;
SELECT put('t', 'e', now(), 50, 50);
SELECT recent_count, recent_failures, detected_at = now() AS now FROM anomalies_current();
SELECT recent_count, recent_failures FROM anomalies_current(method => 'reference');
-- not when it was taken back
SAVEPOINT s;
SELECT put('t', 'e', now(), 50, 50);
ROLLBACK TO s;
SELECT recent_count, recent_failures FROM anomalies_current();
-- and what lies ahead never does
SELECT put('t', 'ahead', now() + interval '1 second', 50, 50), put('t', 'e', now() + interval '1 hour', 50, 50);
SELECT endpoint, recent_count FROM anomalies_current();
COMMIT;
-- A cursor sees what it saw when it was opened.
BEGIN;
DECLARE c CURSOR FOR SELECT endpoint, recent_count FROM anomalies_current(as_of => :t);
SELECT put('t', 'e', :t, 50, 50);
FETCH ALL FROM c;
SELECT endpoint, recent_count FROM anomalies_current(as_of => :t);
ROLLBACK;
-- Infinite times are no deliveries of any window.
SELECT put('t', 'never', 'infinity', 50, 50), put('t', 'never', '-infinity', 50, 50), put('t', 'never', NULL, 50, 50);
SELECT count(*) FROM anomalies_current(as_of => :t);
-- As far as timestamps go.
SELECT put('t', 'late', '294000-01-01 00:00:00+00', 50, 50), put('t', 'early', '4000-01-01 00:00:00+00 BC', 50, 50);
SELECT endpoint, recent_count, detected_at FROM anomalies_current(as_of => '294000-01-01 00:00:00+00');
SELECT endpoint, recent_count, detected_at FROM anomalies_current(as_of => '4000-01-01 00:00:00+00 BC');
-- in JSON a year has four digits, and a minus before 1 BC, which is 0
SELECT at, anomalies_current_json(as_of => at) ->> 'detected_at' AS detected_at
FROM unnest(ARRAY['0044-03-15 00:00:00+00 BC', '0001-01-01 00:00:00+00 BC', '0001-01-01 00:00:00+00']::timestamptz[]) at;

DELETE FROM insights.delivery_sources;
DROP SCHEMA regress_edges CASCADE;
