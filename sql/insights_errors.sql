-- Bad arguments of the insights end with an error that names the value, never with a wrong answer.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_insights_errors;
SET search_path = regress_insights_errors, insights;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
\set SHOW_CONTEXT never

-- how a statement ends
CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  state text; message text; detail text; hint text;
BEGIN
  EXECUTE statement;
  RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
    hint = PG_EXCEPTION_HINT;
  RETURN state || ': ' || message || coalesce(E'\n  detail: ' || nullif(detail, ''), '')
    || coalesce(E'\n  hint: ' || nullif(hint, ''), '');
END $$;

-- the reference table, which needs no mapping
CREATE TABLE deliveries (
  id uuid DEFAULT gen_random_uuid(), alert_event_id text, tenant_id text, rule_id int, rule_name text, event_type text,
  target text, status text, triage_label text, triage_score int, attempts int, max_attempts int, last_error text,
  next_retry_at timestamptz, created_at timestamptz, updated_at timestamptz);

-- Each report, with %s for the arguments that differ; all end with source, tenant and, but for a series, as_of.
CREATE TABLE reports (place serial, name text, call text);
INSERT INTO reports (name, call)
SELECT name, format('SELECT * FROM %s(%%s)', name)
FROM unnest(ARRAY['operator_insights_summary', 'top_failing_endpoints', 'top_failing_tenants', 'triage_distribution', 'delivery_stats', 'replay_stats',
                  'operator_insights_trends', 'operator_insights_trends_json', 'insights_compare', 'anomalies_history', 'anomalies_history_json',
                  'replay_recommendations', 'replay_recommendations_json']) name;
\pset format unaligned
\pset tuples_only on

-- no source
SELECT name, outcome(format(call, '')) FROM reports ORDER BY place;
SELECT outcome($$SELECT * FROM operator_insights_series('2026-01-15', '2026-01-16')$$);

SELECT count(delivery_source_register('deliveries', name)) FROM unnest(ARRAY['first', 'second']) name;
-- two of them, one that does not exist
SELECT name, outcome(format(call, '')) FROM reports ORDER BY place;
SELECT name, outcome(format(call, 'source => ''nowhere''')) FROM reports ORDER BY place;
SELECT outcome($$SELECT * FROM operator_insights_series('2026-01-15', '2026-01-16')$$);
SELECT outcome($$SELECT * FROM operator_insights_series('2026-01-15', '2026-01-16', source => 'nowhere')$$);
-- one of the two
SELECT count(*), count(*) FILTER (WHERE outcome(format(call, 'source => ''second''')) = 'ok') AS ok FROM reports;
SELECT delivery_source_drop('second');

-- hours
SELECT name, outcome(format(call, '0')) FROM reports ORDER BY place;
SELECT name, outcome(format(call, '8761')) FROM reports ORDER BY place;
SELECT name, outcome(format(call, 'NULL')) FROM reports ORDER BY place;
SELECT hours, count(*), string_agg(DISTINCT left(outcome(format(call, hours)), 5), ' ') FROM unnest(ARRAY[-2147483648, -24, -1, 1, 8760, 2147483647]) hours, reports GROUP BY hours ORDER BY hours;

-- as_of
SELECT name, outcome(format(call, 'as_of => NULL')) FROM reports ORDER BY place;
SELECT name, outcome(format(call, 'as_of => ''infinity''')) FROM reports ORDER BY place;
SELECT outcome($$SELECT * FROM delivery_stats(as_of => '-infinity')$$);
-- at the ends of time: no window reaches beyond the first, and the last is as good as any
SELECT count(*), count(*) FILTER (WHERE outcome(format(call, 'as_of => ''4714-11-24 00:00:00+00 BC''')) LIKE '22023: %') AS refused FROM reports;
SELECT count(*), count(*) FILTER (WHERE outcome(format(call, 'as_of => ''294276-12-31 23:59:59.999999+00''')) = 'ok') AS ok FROM reports;

-- tenant where the source has none
CREATE TABLE plain (id int, created_at timestamptz NOT NULL, endpoint text, status text, triage_label text);
SELECT count(delivery_source_register('plain', 'plain'));
SELECT name, outcome(format(call, 'source => ''plain'', tenant => ''x''')) FROM reports ORDER BY place;
SELECT outcome($$SELECT * FROM operator_insights_series('2026-01-15', '2026-01-16', source => 'plain', tenant => 'x')$$);
-- without it there is nothing amiss
SELECT count(*), count(*) FILTER (WHERE outcome(format(call, 'source => ''plain''')) = 'ok') AS ok FROM reports;
SELECT delivery_source_drop('plain');

-- interval_hours
SELECT hours, outcome(format('SELECT * FROM operator_insights_trends(24, %L)', hours)), outcome(format('SELECT operator_insights_trends_json(24, %L)', hours))
FROM unnest(ARRAY[NULL, 0, -1, -2147483648, 25, 8760]) hours;

-- max_rows, order_by, min_total
SELECT max_rows, outcome(format('SELECT * FROM top_failing_endpoints(24, %L)', max_rows)), outcome(format('SELECT * FROM top_failing_tenants(24, %L)', max_rows)),
       outcome(format('SELECT * FROM replay_recommendations(24, %L)', max_rows)), outcome(format('SELECT * FROM replay_recommendations_json(24, %L)', max_rows))
FROM unnest(ARRAY[NULL, 0, -1, -2147483648, 1, 2147483647]) max_rows;
SELECT quote_nullable(order_by), outcome(format('SELECT * FROM top_failing_endpoints(order_by => %L)', order_by)), outcome(format('SELECT * FROM top_failing_tenants(order_by => %L)', order_by))
FROM unnest(ARRAY[NULL, '', 'magic', 'FAILURES', 'failures ', 'total', 'failures; DROP TABLE deliveries', 'failures', 'failure_rate', 'impact']) order_by;
SELECT min_total, outcome(format('SELECT * FROM top_failing_endpoints(min_total => %L)', min_total)), outcome(format('SELECT * FROM top_failing_tenants(min_total => %L)', min_total)),
       outcome(format('SELECT * FROM insights_compare(min_total => %L)', min_total))
FROM unnest(ARRAY[NULL, -1, -9223372036854775808, 0, 9223372036854775807]) min_total;

-- A series: since and until
SELECT since, until, outcome(format('SELECT * FROM operator_insights_series(%L, %L)', since, until))
FROM (VALUES (NULL, '2026-01-15'), ('2026-01-15', NULL), (NULL, NULL), ('2026-01-15', '2026-01-15'), ('2026-01-15 00:00:00.000001', '2026-01-15'), ('2026-01-16', '2026-01-15'),
             ('-infinity', '2026-01-15'), ('2026-01-15', 'infinity'), ('infinity', '-infinity'), ('infinity', 'infinity'), ('2026-01-15', '2026-01-15 00:00:00.000001')) v (since, until);
-- bucket
SELECT quote_nullable(bucket), outcome(format('SELECT * FROM operator_insights_series(''2026-01-15'', ''2026-01-16'', %L)', bucket))
FROM unnest(ARRAY[NULL, '0', '-1 hour', '-1 day', '-1 month', '30 seconds', '59.999999 seconds', '500 ms', '1 microsecond', '1 month 1 day', '1 month 1 hour', '1 day 1 hour',
                  '1 month -30 days', '1 day -24 hours', '1 month 1 day 1 minute', '-1 day 25 hours', '1 minute', '1 minute 1 microsecond', '1 day', '1 week', '1 month', '1 year']) bucket;
-- one that PostgreSQL knows from 17 on, and before does not
SELECT bucket, left(outcome(format('SELECT * FROM operator_insights_series(''2026-01-15'', ''2026-01-16'', %L)', bucket)), 2) FROM unnest(ARRAY['infinity', '-infinity']) bucket;
-- no more than 10,000, where the first and the last are cut too
SELECT since, until, bucket, outcome(format('SELECT * FROM operator_insights_series(%L, %L, %L)', since, until, bucket))
FROM (VALUES ('2026-01-01 00:00', '2026-01-07 22:40', '1 minute'), ('2026-01-01 00:00', '2026-01-07 22:40:00.000001', '1 minute'), ('2026-01-01 00:00:59', '2026-01-07 22:40:01', '1 minute'),
             ('2026-01-01', '2027-02-21 16:00', '1 hour'), ('2026-01-01', '2027-02-21 16:00:01', '1 hour'), ('2000-01-01', '2027-05-19', '1 day'), ('2000-01-01', '2027-05-20', '1 day'),
             ('2000-01-01', '2833-05-01', '1 month'), ('2000-01-01', '2833-05-02', '1 month'), ('2000-01-01', '294000-01-01', '1 minute'), ('2000-01-01', '294000-01-01', '30 years')) v (since, until, bucket);
SELECT count(*) FROM operator_insights_series('2026-01-01', '2026-01-07 22:40', '1 minute');
-- A bucket that reaches beyond the times that there are is an error, never an edge that lies anywhere.
SELECT since, bucket, outcome(format('SELECT * FROM operator_insights_series(%L, %L::timestamptz + interval ''30 minutes'', %L)', since, since, bucket)) LIKE '220%' AS refused
FROM (VALUES ('2026-01-15', '2147483647 days'), ('2026-01-15', '2147483647 months'), ('2026-01-15', '178956970 years'), ('2026-01-15', '200000000 days'), ('2026-01-15', '300000 years'),
             ('294276-12-31 23:00', '1 hour'), ('294276-12-31 23:00', '1 day'), ('294276-12-31 23:00', '1 month'), ('294276-12-31 23:00', '1 minute'), ('2026-01-15', '100000 years')) v (since, bucket);
-- tz
SELECT outcome(format('SELECT * FROM operator_insights_series(''2026-01-15'', ''2026-01-16'', tz => %L)', tz)) FROM unnest(ARRAY['Mars/Olympus', '', 'Europe', 'utc', 'EUROPE/BERLIN', NULL]) tz;
-- An endpoint that its type cannot hold is an error of that type, no empty answer.
CREATE TABLE numbered (created_at timestamptz NOT NULL, endpoint int, status text, tenant_id uuid);
SELECT count(delivery_source_register('numbered', 'numbered'));
SELECT left(outcome($$SELECT * FROM operator_insights_series('2026-01-15', '2026-01-16', endpoint => 'x', source => 'numbered')$$), 5),
       left(outcome($$SELECT * FROM operator_insights_series('2026-01-15', '2026-01-16', tenant => 'x', source => 'numbered')$$), 5),
       left(outcome($$SELECT * FROM operator_insights_series('2026-01-15', '2026-01-16', endpoint => ' 7', source => 'numbered')$$), 5);
-- nor is it SQL
SELECT outcome($$SELECT * FROM operator_insights_series('2026-01-15', '2026-01-16', endpoint => 'x'' OR true --', source => 'first')$$);

-- An error of the deliveries' own query tells of which source it is.
CREATE TABLE words (id int, created_at timestamptz NOT NULL, endpoint text, status text, triage_label text, n text);
SELECT count(delivery_source_register('words', 'words', '{"status": "(100 / n::int)::text"}'));
INSERT INTO words VALUES (1, '2026-01-15', 'e', 'ok', NULL, '0');
CREATE FUNCTION context_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE context text;
BEGIN
  EXECUTE statement;
  RETURN NULL;
EXCEPTION WHEN division_by_zero THEN
  GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
  RETURN context;
END $$;
SELECT name, context_of(format(call, 'source => ''words'', as_of => ''2026-01-15''')) LIKE '%delivery source "words"%' AS names_it FROM reports ORDER BY place;
SELECT context_of($$SELECT * FROM operator_insights_series('2026-01-15', '2026-01-16', source => 'words')$$) LIKE '%delivery source "words"%' AS names_it;

-- A table that is gone.
DROP TABLE numbered;
SELECT outcome($$SELECT * FROM delivery_stats(source => 'numbered')$$);
\pset tuples_only off
\pset format aligned

DELETE FROM insights.delivery_sources;
DROP SCHEMA regress_insights_errors CASCADE;
