-- The row functions as BI tools use them: as tables in queries and in queries around those, in views and materialized views,
-- prepared, through cursors, joined; and the queries of docs/bi.md as Grafana, Metabase and Superset send them.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_bi_clients;
SET search_path = regress_bi_clients, insights;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
\set SHOW_CONTEXT never
\set t '''2026-01-15 12:00:00+00''::timestamptz'
\pset null NULL

-- the reference table, which needs no mapping
CREATE TABLE deliveries (
  id uuid DEFAULT gen_random_uuid(), alert_event_id text, tenant_id text, rule_id int, rule_name text, event_type text,
  target text, status text, triage_label text, triage_score int, attempts int, max_attempts int, last_error text,
  next_retry_at timestamptz, created_at timestamptz, updated_at timestamptz);
SELECT 1 AS registered FROM delivery_source_register('deliveries');

-- 89 deliveries from 6:30 to noon: /orders ten every half past an hour, of which 0, 1, ... 5 failed; and three others at once. The day before, all went well.
INSERT INTO deliveries (tenant_id, target, status, triage_label, attempts, max_attempts, created_at)
SELECT tenant, endpoint, CASE WHEN i <= bad THEN status ELSE 'delivered' END, CASE WHEN i <= bad THEN label END, CASE WHEN i <= bad THEN 3 ELSE 1 END, 5, at
FROM (SELECT 'acme', '/orders', timestamptz '2026-01-15 06:30+00' + hour * interval '1 hour', 10, hour, 'failed', 'transient_endpoint_down' FROM generate_series(0, 5) hour
      UNION ALL SELECT 'acme', '/orders', '2026-01-14 06:30+00', 60, 0, 'failed', NULL
      UNION ALL VALUES ('acme', '/users', timestamptz '2026-01-15 07:05+00', 20, 1, 'failed', 'permanent_4xx'), ('globex', '/invoices', '2026-01-15 08:00+00', 5, 5, 'dead_letter', 'permanent_4xx'),
                       ('globex', '/refunds', '2026-01-15 11:59+00', 4, 4, 'pending', NULL)) v (tenant, endpoint, at, n, bad, status, label), generate_series(1, n) i;

-- SELECT ... WHERE ... ORDER BY ... LIMIT.
SELECT endpoint, failures, total FROM top_failing_endpoints(24, as_of => :t) WHERE failures < 10 ORDER BY failure_rate DESC LIMIT 1;
SELECT tenant_id, round(failure_rate) AS rate FROM top_failing_tenants(24, as_of => :t) WHERE total > 1 ORDER BY tenant_id DESC LIMIT 2;
SELECT triage_label AS label, deliveries FROM triage_distribution(24, as_of => :t) WHERE triage_label <> 'unclassified' ORDER BY deliveries DESC, label LIMIT 3;
SELECT delivered + failed AS ended FROM delivery_stats(24, as_of => :t) WHERE total > 0 ORDER BY 1 LIMIT 1;
SELECT total_replayed - replay_successes AS in_vain FROM replay_stats(24, as_of => :t) WHERE total_replayed > 0 ORDER BY 1 LIMIT 1;
SELECT bucket_start, failures FROM operator_insights_trends(6, as_of => :t) WHERE failures > 0 ORDER BY failures DESC, bucket_start DESC LIMIT 3;
SELECT bucket_start, total_deliveries FROM operator_insights_series('2026-01-15 06:00+00', '2026-01-15 12:00+00') WHERE total_deliveries > 0 ORDER BY bucket_start DESC LIMIT 2 OFFSET 1;
SELECT figure, current_value, previous_value FROM insights_compare(24, as_of => :t) WHERE scope = 'total' AND figure IN ('total', 'failed') ORDER BY figure LIMIT 5;
SELECT endpoint, change FROM insights_compare(24, as_of => :t) WHERE scope = 'endpoint' AND direction = 'worse' ORDER BY impact DESC LIMIT 1;
SELECT endpoint, recent_count FROM anomalies_current(method => 'reference', as_of => :t) WHERE recent_count > 0 ORDER BY endpoint LIMIT 1;
SELECT endpoint, detected_at FROM anomalies_history(24, method => 'reference', as_of => :t) WHERE endpoint = '/invoices' ORDER BY detected_at LIMIT 1;
SELECT endpoint, created_at, attempts FROM replay_recommendations(24, as_of => :t) WHERE status = 'failed' ORDER BY created_at LIMIT 2;
SELECT endpoint FROM top_failing_endpoints(24, as_of => :t) LIMIT 0;

-- Arguments by name, in any order, after some by place, and with the older arrow.
SELECT endpoint FROM top_failing_endpoints(as_of => :t, max_rows => 2, hours => 24, order_by => 'failure_rate');
SELECT endpoint FROM top_failing_endpoints(24, 2, as_of => :t, min_total => 6);
SELECT endpoint FROM top_failing_endpoints(hours := 24, tenant := 'globex', as_of := :t);
SELECT total FROM delivery_stats(tenant => 'acme', hours => 24, as_of => :t, source => 'default');
SELECT count(*) FROM operator_insights_trends(interval_hours => 6, hours => 24, as_of => :t);
SELECT sum(failures) AS failures FROM operator_insights_series(until => :t, since => '2026-01-15', tz => 'Europe/Berlin', endpoint => '/orders', bucket => '1 day');

-- Each in a view, a materialized view, a prepared statement, and through a cursor gives what it gives by itself.
CREATE TABLE reports (name text, call text);
INSERT INTO reports VALUES
  ('endpoints', 'top_failing_endpoints($1, as_of => $2)'), ('tenants', 'top_failing_tenants($1, as_of => $2)'), ('triage', 'triage_distribution($1, as_of => $2)'),
  ('stats', 'delivery_stats($1, as_of => $2)'), ('replay', 'replay_stats($1, as_of => $2)'), ('trends', 'operator_insights_trends($1, as_of => $2)'),
  ('series', 'operator_insights_series($2 - $1 * interval ''1 hour'', $2)'), ('compare', 'insights_compare($1, as_of => $2)'),
  ('anomalies', 'anomalies_current($1 * interval ''1 minute'', $1 * interval ''12 minutes'', as_of => $2)'), ('history', 'anomalies_history($1, method => ''reference'', as_of => $2)'),
  ('replays', 'replay_recommendations($1, as_of => $2)');
CREATE FUNCTION rows_of(query text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE r record; result text[] = '{}';
BEGIN
  FOR r IN EXECUTE query LOOP result := result || r::text; END LOOP;
  RETURN result;
END $$;
CREATE FUNCTION filled(call text, hours int) RETURNS text LANGUAGE sql AS $$
  SELECT 'SELECT * FROM ' || replace(replace(call, '$1', hours::text), '$2', 'timestamptz ''2026-01-15 12:00+00''') $$;
-- seven times, so that the plan without the values of the parameters comes in, with 24 and with 3 hours in turns
CREATE FUNCTION prepared(call text, OUT same boolean, OUT generic boolean) LANGUAGE plpgsql AS $$
DECLARE
  direct_24 text[] = rows_of(filled(call, 24));
  direct_3 text[] = rows_of(filled(call, 3));
BEGIN
  EXECUTE 'PREPARE report (int, timestamptz) AS SELECT * FROM ' || call;
  same := true;
  FOR i IN 1..7 LOOP
    same := same AND rows_of(format('EXECUTE report (%s, ''2026-01-15 12:00+00'')', CASE WHEN i % 2 = 1 THEN 24 ELSE 3 END))
      = CASE WHEN i % 2 = 1 THEN direct_24 ELSE direct_3 END;
  END LOOP;
  generic := (SELECT generic_plans > 0 FROM pg_prepared_statements WHERE name = 'report');
  DEALLOCATE report;
END $$;
CREATE FUNCTION fetched(call text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE c refcursor; r record; result text[] = '{}';
BEGIN
  OPEN c NO SCROLL FOR EXECUTE filled(call, 24);
  LOOP
    FETCH NEXT FROM c INTO r;
    EXIT WHEN NOT FOUND;
    result := result || r::text;
  END LOOP;
  CLOSE c;
  RETURN result;
END $$;
SELECT format('CREATE VIEW %I AS %s', name || '_view', filled(call, 24)) FROM reports ORDER BY name COLLATE "C" \gexec
SELECT format('CREATE MATERIALIZED VIEW %I AS %s', name || '_kept', filled(call, 24)) FROM reports ORDER BY name COLLATE "C" \gexec
SELECT name, cardinality(direct) > 0 AS rows, rows_of(format('TABLE %I', name || '_view')) = direct AS view, rows_of(format('TABLE %I', name || '_kept')) = direct AS kept,
       same AS prepared, generic, fetched(call) = direct AS fetched
FROM reports, rows_of(filled(call, 24)) direct, prepared(call) ORDER BY name COLLATE "C";
-- in a read-only transaction, too
START TRANSACTION READ ONLY;
SELECT count(*) AS reports, count(*) FILTER (WHERE rows_of(filled(call, 24)) = rows_of(format('TABLE %I', name || '_view'))) AS same FROM reports;
COMMIT;

-- A prepared statement as one writes it, filters and limit included.
PREPARE worst (int, text, bigint) AS
SELECT endpoint, failures FROM top_failing_endpoints($1, order_by => $2, min_total => 1, as_of => '2026-01-15 12:00+00') WHERE total >= $3 ORDER BY failures DESC LIMIT 2;
EXECUTE worst (24, 'failures', 1);
EXECUTE worst (24, 'failures', 20);
EXECUTE worst (24, 'impact', 1);
EXECUTE worst (5, 'failures', 1);
EXECUTE worst (3, 'failures', 1);
EXECUTE worst (2, 'failure_rate', 1);
EXECUTE worst (24, 'failures', 1);
SELECT generic_plans > 0 AS generic FROM pg_prepared_statements WHERE name = 'worst';
DEALLOCATE worst;

-- Cursors: forward by some, the rest, none; back and forth; beyond the transaction; not what was written after it was opened.
BEGIN;
DECLARE c NO SCROLL CURSOR FOR SELECT bucket_start, total_deliveries, failures FROM operator_insights_trends(6, as_of => :t);
FETCH FORWARD 2 FROM c;
FETCH FORWARD 1 FROM c;
MOVE FORWARD 1 FROM c;
FETCH FORWARD ALL FROM c;
FETCH FORWARD 1 FROM c;
CLOSE c;
DECLARE s SCROLL CURSOR FOR SELECT endpoint FROM top_failing_endpoints(24, as_of => :t);
FETCH LAST FROM s;
FETCH PRIOR FROM s;
FETCH ABSOLUTE 1 FROM s;
DECLARE h CURSOR WITH HOLD FOR SELECT triage_label, deliveries FROM triage_distribution(24, as_of => :t) WHERE deliveries > 0;
DECLARE o CURSOR FOR SELECT total FROM delivery_stats(24, as_of => :t);
INSERT INTO deliveries (tenant_id, target, status, created_at) VALUES ('acme', '/late', 'failed', :t);
FETCH ALL FROM o;
DELETE FROM deliveries WHERE target = '/late';
COMMIT;
FETCH FORWARD ALL FROM h;
CLOSE h;

-- Joined to a table; once for each row of one; in a CTE, a subquery, a union, a list of columns.
CREATE TABLE owners (endpoint text PRIMARY KEY, team text);
INSERT INTO owners VALUES ('/orders', 'sales'), ('/invoices', 'billing'), ('/nowhere', 'nobody');
SELECT e.endpoint, team, failures FROM top_failing_endpoints(24, as_of => :t) e LEFT JOIN owners USING (endpoint) ORDER BY failures DESC;
SELECT team, sum(failures) AS failures FROM owners JOIN top_failing_endpoints(24, as_of => :t) USING (endpoint) GROUP BY team ORDER BY team;
SELECT team, total_deliveries, failures FROM owners, operator_insights_series('2026-01-15', '2026-01-16', '1 day', endpoint => owners.endpoint) ORDER BY team;
SELECT tenant, e.endpoint, e.failures FROM unnest(ARRAY['acme', 'globex', 'nobody']) tenant LEFT JOIN top_failing_endpoints(24, 1, tenant => tenant, as_of => :t) e ON true ORDER BY tenant;
WITH failing AS (SELECT * FROM top_failing_endpoints(24, as_of => :t))
SELECT (SELECT count(*) FROM failing) AS endpoints, (SELECT max(failures) FROM failing) AS most, (SELECT total FROM delivery_stats(24, as_of => :t)) AS total;
SELECT 'endpoint' AS kind, endpoint AS name, failures FROM top_failing_endpoints(24, 1, as_of => :t) UNION ALL SELECT 'tenant', tenant_id, failures FROM top_failing_tenants(24, 1, as_of => :t) ORDER BY kind;
SELECT (f).endpoint, (f).failures FROM (SELECT top_failing_endpoints(24, 2, as_of => :t) AS f OFFSET 0) list;
SELECT count(*) FROM deliveries WHERE created_at > :t - interval '1 day' AND target IN (SELECT endpoint FROM top_failing_endpoints(24, as_of => :t));

-- The planner's estimate of rows: as many as there will be at most, or thereabouts.
CREATE FUNCTION plan_rows(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
  EXECUTE 'EXPLAIN (COSTS ON, FORMAT JSON) ' || query INTO plan;
  RETURN plan #>> '{0,Plan,Plan Rows}';
END $$;
SELECT plan_rows('SELECT * FROM top_failing_endpoints(24)') AS endpoints, plan_rows('SELECT * FROM top_failing_tenants(24)') AS tenants,
       plan_rows('SELECT * FROM triage_distribution(24)') AS triage, plan_rows('SELECT * FROM delivery_stats(24)') AS stats, plan_rows('SELECT * FROM replay_stats(24)') AS replay,
       plan_rows('SELECT * FROM operator_insights_trends(24)') AS trends;
SELECT plan_rows($$SELECT * FROM operator_insights_series('2026-01-01', '2026-01-02')$$) BETWEEN 24 AND 100 AS series, plan_rows('SELECT * FROM insights_compare(24)') BETWEEN 12 AND 100 AS compare,
       plan_rows('SELECT * FROM replay_recommendations(24)') BETWEEN 1 AND 100 AS replays, plan_rows('SELECT * FROM anomalies_history(24)') BETWEEN 1 AND 240 AS history;

-- Grafana (docs/bi.md). $__timeFrom() and $__timeTo() become quoted times in UTC, $__interval a length such as 5m, $__timezone the zone of the dashboard. A time series panel:
SELECT bucket_start AS time, total_deliveries AS deliveries, failures, pending
FROM insights.operator_insights_series('2026-01-15T06:00:00Z', '2026-01-15T12:00:00Z', '1h', 'utc')
ORDER BY time;
-- a range of which neither end is on an edge
SELECT bucket_start AS time, failure_rate
FROM insights.operator_insights_series('2026-01-15T07:25:13.718Z', '2026-01-15T07:47:13.718Z', '5m', 'Europe/Berlin', endpoint => nullif('/orders', ''))
ORDER BY time;
-- where the variable is empty, all endpoints
SELECT bucket_start AS time, failure_rate
FROM insights.operator_insights_series('2026-01-14T23:00:00Z', '2026-01-15T23:00:00Z', '1d', 'Europe/Berlin', endpoint => nullif('', ''))
ORDER BY time;
-- each length that Grafana writes, down to the shortest that there is
SELECT length, count(*) AS buckets, sum(total_deliveries) AS deliveries FROM unnest(ARRAY['1m', '2m', '5m', '10m', '15m', '20m', '30m', '1h', '2h', '3h', '6h', '12h', '1d', '7d', '30d', '1y']) WITH ORDINALITY AS l (length, place),
  insights.operator_insights_series('2026-01-15T06:00:00Z', '2026-01-15T12:00:00Z', length::interval, 'utc') GROUP BY length, place ORDER BY place;
\set VERBOSITY sqlstate
SELECT * FROM insights.operator_insights_series('2026-01-15T06:00:00Z', '2026-01-15T12:00:00Z', '20s', 'utc');
\set VERBOSITY default
-- a table panel, of the dashboard's range in hours
SELECT endpoint, failures, total, failure_rate, impact
FROM insights.top_failing_endpoints(
  hours => least(8760, ceil(extract(epoch FROM '2026-01-15T12:00:00Z'::timestamptz - '2026-01-15T06:00:00Z'::timestamptz) / 3600))::int,
  max_rows => 20, order_by => 'impact', as_of => '2026-01-15T12:00:00Z');
SELECT endpoint, failures, total, failure_rate, impact
FROM insights.top_failing_endpoints(
  hours => least(8760, ceil(extract(epoch FROM '2026-01-15T12:00:00.5Z'::timestamptz - '2026-01-15T11:59:00Z'::timestamptz) / 3600))::int,
  max_rows => 20, order_by => 'impact', as_of => '2026-01-15T12:00:00.5Z');
SELECT count(*)
FROM insights.top_failing_endpoints(
  hours => least(8760, ceil(extract(epoch FROM '2026-01-15T12:00:00Z'::timestamptz - '2016-01-15T06:00:00Z'::timestamptz) / 3600))::int,
  max_rows => 20, order_by => 'impact', as_of => '2026-01-15T12:00:00Z');

-- Metabase: numbers stand in the text, texts and dates come as parameters of type varchar and date; a question on a question is a subquery.
PREPARE metabase (varchar, varchar) AS
SELECT endpoint, failures, total, failure_rate
FROM insights.top_failing_endpoints(hours => 8760, order_by => $1, tenant => $2, as_of => '2026-01-15 12:00+00');
EXECUTE metabase ('failure_rate', 'acme');
PREPARE metabase_series (date, date, varchar) AS
SELECT bucket_start, total_deliveries, failures
FROM insights.operator_insights_series($1, $2, $3::interval, 'Europe/Berlin');
EXECUTE metabase_series ('2026-01-14', '2026-01-16', '1 day');
DEALLOCATE ALL;
SELECT source.endpoint AS endpoint, sum(source.failures) AS sum
FROM (SELECT endpoint, failures FROM insights.top_failing_endpoints(24, as_of => '2026-01-15 12:00+00')) AS source
WHERE source.failures > 1 GROUP BY source.endpoint ORDER BY source.endpoint ASC LIMIT 2000;
-- Superset: a virtual dataset is a subquery, too. Rates of longer buckets come from sums, not from rates.
SELECT DATE_TRUNC('day', bucket_start) AS bucket_start, sum(failures) AS "SUM(failures)", round(100.0 * sum(failures) / nullif(sum(total_deliveries), 0), 1) AS rate
FROM (SELECT * FROM insights.operator_insights_trends(168, 1, as_of => '2026-01-15 12:00+00')) AS virtual_table
WHERE bucket_start >= TO_TIMESTAMP('2026-01-14 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US') AND bucket_start < TO_TIMESTAMP('2026-01-16 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US')
GROUP BY DATE_TRUNC('day', bucket_start) ORDER BY "SUM(failures)" DESC LIMIT 1000;

-- A view's window ends when it is asked, not when it was made; what a materialized view keeps changes when it is refreshed.
TRUNCATE deliveries;
CREATE VIEW delivery_trends AS SELECT * FROM insights.operator_insights_trends(168, 1);
CREATE MATERIALIZED VIEW delivery_hours AS
SELECT * FROM insights.operator_insights_series(date_trunc('day', now(), 'UTC') - interval '30 days', date_trunc('hour', now(), 'UTC'), '1 hour', 'UTC');
CREATE UNIQUE INDEX ON delivery_hours (bucket_start);
INSERT INTO deliveries (tenant_id, target, status, created_at) SELECT 'acme', '/orders', 'failed', date_trunc('hour', now(), 'UTC') - interval '90 minutes' FROM generate_series(1, 3);
BEGIN;
SELECT count(*) AS buckets, max(bucket_end) = now() AS until_now, sum(failures) AS failures FROM delivery_trends;
COMMIT;
SELECT count(*) >= 720 AS buckets, sum(failures) AS failures FROM delivery_hours;
REFRESH MATERIALIZED VIEW CONCURRENTLY delivery_hours;
SELECT count(*) >= 720 AS buckets, sum(failures) AS failures FROM delivery_hours;
INSERT INTO deliveries (tenant_id, target, status, created_at) SELECT 'globex', '/invoices', 'failed', date_trunc('hour', now(), 'UTC') - interval '90 minutes' FROM generate_series(1, 4);
REFRESH MATERIALIZED VIEW delivery_hours;
SELECT sum(failures) AS failures FROM delivery_hours;

-- A view lends no rights on the deliveries, for the function within runs with those of whoever asks; a materialized view needs none.
CREATE ROLE regress_ai_grafana;
GRANT USAGE ON SCHEMA regress_bi_clients, insights TO regress_ai_grafana;
GRANT SELECT ON delivery_trends, delivery_hours TO regress_ai_grafana;
SET ROLE regress_ai_grafana;
SELECT sum(failures) AS failures FROM delivery_hours;
\set VERBOSITY terse
SELECT sum(failures) AS failures FROM delivery_trends;
RESET ROLE;
GRANT SELECT ON deliveries TO regress_ai_grafana;
SET ROLE regress_ai_grafana;
SELECT sum(failures) AS failures FROM delivery_trends;
-- with row-level security the view shows everybody his own, the materialized view what its owner sees
RESET ROLE;
ALTER TABLE deliveries ENABLE ROW LEVEL SECURITY;
CREATE POLICY globex ON deliveries FOR SELECT TO regress_ai_grafana USING (tenant_id = 'globex');
SET ROLE regress_ai_grafana;
SELECT sum(failures) AS failures FROM delivery_trends;
SELECT endpoint, failures FROM insights.top_failing_endpoints(24);
SELECT sum(failures) AS failures FROM delivery_hours;
RESET ROLE;

REVOKE ALL ON SCHEMA insights FROM regress_ai_grafana;
DROP OWNED BY regress_ai_grafana;
DELETE FROM insights.delivery_sources;
DROP SCHEMA regress_bi_clients CASCADE;
DROP ROLE regress_ai_grafana;
