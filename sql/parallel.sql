-- Parallel workers change nothing in any answer.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_parallel;
SET search_path = regress_parallel, insights;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
\set t '''2025-11-05 14:30:00+00''::timestamptz'
CREATE TABLE d (created_at timestamptz NOT NULL, tenant_id text, endpoint text, status text, triage_label text);
INSERT INTO d
SELECT :t - (i * 7919 % 5400) * interval '1 second', CASE WHEN i % 50 > 0 THEN 't' || i % 6 END, CASE WHEN i % 70 > 0 THEN '/e' || i % 21 END,
       CASE WHEN i * 7919 % 5400 < 300 AND i % 21 = 4 THEN 'failed' WHEN i % 11 = 0 THEN 'dead_letter' WHEN i % 13 = 0 THEN 'pending' ELSE 'delivered' END,
       CASE WHEN i % 17 = 0 THEN 'permanent_4xx' END
FROM generate_series(1, 20000) i;
INSERT INTO d SELECT :t - interval '1 minute', 't3', '/e3', 'delivered', NULL FROM generate_series(1, 900) i;
INSERT INTO d SELECT :t - interval '20 minutes' - i * interval '10 seconds', 't2', '/silent', 'delivered', NULL FROM generate_series(-30, 330) i;
CREATE TABLE parted (LIKE d) PARTITION BY RANGE (created_at);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (MINVALUE) TO ('2025-11-05 14:00:00+00');
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM ('2025-11-05 14:00:00+00') TO (MAXVALUE);
INSERT INTO parted SELECT * FROM d;
ANALYZE d;
ANALYZE parted;
SELECT count(delivery_source_register(name::regclass, name)) FROM unnest(ARRAY['d', 'parted']) name;

-- without workers
SET max_parallel_workers_per_gather = 0;
CREATE TABLE serial AS
  SELECT method, a.* FROM unnest(ARRAY['rate', 'reference']) method,
    LATERAL (SELECT row_number() OVER () AS place, to_jsonb(r) AS incident
             FROM anomalies_current(CASE method WHEN 'rate' THEN interval '5 minutes' ELSE '40 minutes' END, '60 minutes', method, 'd', as_of => :t) r) a;
SELECT method, count(*) AS incidents, count(*) FILTER (WHERE incident ->> 'severity' = 'critical') AS critical,
       count(*) FILTER (WHERE (incident ->> 'silence_detected')::boolean) AS silent FROM serial GROUP BY method ORDER BY method;
CREATE TABLE serial_rollup AS
  SELECT delivery_rollup_agg(delivery_rollup_shape('2025-11-05 13:00:00+00', '5 minutes', 20), created_at, tenant_id, endpoint, status, triage_label) AS rollup FROM d;
CREATE TABLE parts AS
  SELECT tenant_id, endpoint, delivery_rollup_agg(delivery_rollup_shape('2025-11-05 13:00:00+00', '5 minutes', 20), created_at, tenant_id, endpoint, status, triage_label) AS rollup
  FROM d GROUP BY tenant_id, endpoint;
ANALYZE parts;

SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET min_parallel_index_scan_size = 0;
CREATE FUNCTION differences(source text) RETURNS TABLE (reports bigint, counts boolean, explained bigint, rollup boolean, merged boolean, grouped boolean) LANGUAGE plpgsql AS $$
BEGIN
  CREATE TEMP TABLE now_ AS
    SELECT method, a.* FROM unnest(ARRAY['rate', 'reference']) method,
      LATERAL (SELECT row_number() OVER () AS place, to_jsonb(r) AS incident
               FROM anomalies_current(CASE method WHEN 'rate' THEN interval '5 minutes' ELSE '40 minutes' END, '60 minutes', method, source, as_of => '2025-11-05 14:30:00+00') r) a;
  reports := (SELECT count(*) FROM ((TABLE now_ EXCEPT TABLE serial) UNION ALL (TABLE serial EXCEPT TABLE now_)) v);
  counts := (SELECT anomalies_current_json(source => source, as_of => '2025-11-05 14:30:00+00') #>> '{summary,total_incidents}')::int = (SELECT count(*) FROM serial WHERE method = 'rate');
  explained := (SELECT count(*) FROM anomalies_explain('t3', '/e3', source => source, as_of => '2025-11-05 14:30:00+00')
                WHERE (item, value) IN (('recent_count', (SELECT incident ->> 'recent_count' FROM serial s WHERE s.method = 'rate' AND incident ->> 'endpoint' = '/e3' AND incident ->> 'tenant_id' = 't3')), ('spike_detected', 'yes')));
  EXECUTE format('SELECT (SELECT delivery_rollup_agg(delivery_rollup_shape(''2025-11-05 13:00:00+00'', ''5 minutes'', 20), created_at, tenant_id, endpoint, status, triage_label) FROM %I)::text
    = (SELECT rollup::text FROM serial_rollup)', source) INTO rollup;
  merged := (SELECT rollup_merge(p.rollup)::text FROM parts p) = (SELECT s.rollup::text FROM serial_rollup s);
  EXECUTE format('SELECT bool_and(p.rollup::text = g.rollup::text) FROM parts p JOIN (
      SELECT tenant_id, endpoint, delivery_rollup_agg(delivery_rollup_shape(''2025-11-05 13:00:00+00'', ''5 minutes'', 20), created_at, tenant_id, endpoint, status, triage_label) AS rollup
      FROM %I GROUP BY tenant_id, endpoint) g ON (p.tenant_id, p.endpoint) IS NOT DISTINCT FROM (g.tenant_id, g.endpoint)', source) INTO grouped;
  DROP TABLE now_;
  RETURN NEXT;
END $$;
SET max_parallel_workers_per_gather = 1;
SELECT * FROM differences('d');
SET max_parallel_workers_per_gather = 2;
SELECT source, d.* FROM unnest(ARRAY['d', 'parted']) source, differences(source) d ORDER BY source;
SET max_parallel_workers_per_gather = 4;
SELECT * FROM differences('d');
-- the leader only gathers
SET parallel_leader_participation = off;
SELECT * FROM differences('parted');
-- workers are asked for, but none comes
SET max_parallel_workers = 0;
SELECT * FROM differences('d');
RESET max_parallel_workers;
RESET parallel_leader_participation;
-- over an index
CREATE INDEX ON d (created_at);
CREATE INDEX ON parted (created_at);
SET enable_seqscan = off;
SELECT * FROM differences('parted');
RESET enable_seqscan;
-- plain, without a partial aggregate, in partitions
SET enable_partitionwise_aggregate = on;
SET enable_hashagg = off;
SELECT * FROM differences('parted');
RESET enable_hashagg;
RESET enable_partitionwise_aggregate;

-- That workers do take part: the plan of the reports' query has a partial aggregate and its last step.
CREATE FUNCTION steps(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
    IF line ~ 'Aggregate|Gather' THEN RETURN NEXT regexp_replace(line, '^[ >-]*', ''); END IF;
  END LOOP;
END $$;
SET max_parallel_workers_per_gather = 2;
SELECT steps($$SELECT delivery_rollup_agg(delivery_rollup_shape('2025-11-05 13:00:00+00', '5 minutes', 20), created_at, tenant_id, endpoint, status, triage_label) FROM d$$);
SELECT steps($$SELECT rollup_merge(rollup) FROM parts$$);
-- and errors of workers are errors
\set SHOW_CONTEXT never
SET anomaly_insights.max_groups = 5;
\set VERBOSITY sqlstate
SELECT count(*) FROM anomalies_current(source => 'd', as_of => :t);
\set VERBOSITY default
RESET anomaly_insights.max_groups;
SELECT count(*) > 0 AS again FROM anomalies_current(source => 'd', as_of => :t);
-- reports in a query that is parallel itself
SELECT source, (SELECT count(*) FROM anomalies_current(source => s.source, as_of => :t)) AS incidents FROM (SELECT unnest(ARRAY['d', 'parted']) AS source) s, (SELECT count(*) FROM d) c ORDER BY source;

DELETE FROM insights.delivery_sources;
DROP SCHEMA regress_parallel CASCADE;
