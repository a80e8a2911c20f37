-- Bad arguments end with an error that names the value, never with a wrong answer.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_arguments;
SET search_path = regress_arguments, insights;
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

\set t '''2025-11-05 14:30:00+00'''
\pset format unaligned
\pset tuples_only on

-- no source, one that does not exist
SELECT outcome($$SELECT * FROM anomalies_current()$$);
SELECT outcome($$SELECT anomalies_current_json()$$);
SELECT outcome($$SELECT * FROM anomalies_explain('t', 'e')$$);
SELECT outcome($$SELECT * FROM anomalies_current(source => 'nowhere')$$);
SELECT outcome($$SELECT * FROM delivery_source_check('nowhere')$$);
SELECT outcome($$SELECT delivery_source_drop('nowhere')$$);
SELECT outcome($$SELECT delivery_source_drop()$$);
-- all of none
SELECT count(*) FROM delivery_source_check();

-- two sources: one must be named, and a name must be one of them
SELECT count(delivery_source_register('deliveries', name)) FROM unnest(ARRAY['first', 'the "second"']) name;
SELECT outcome($$SELECT * FROM anomalies_current()$$);
SELECT outcome($$SELECT anomalies_current_json()$$);
SELECT outcome($$SELECT * FROM anomalies_explain('t', 'e')$$);
SELECT outcome($$SELECT * FROM anomalies_current(source => 'second')$$);
SELECT outcome($$SELECT * FROM anomalies_current(source => '')$$);
SELECT outcome($$SELECT * FROM anomalies_current(source => 'FIRST')$$);
SELECT outcome($$SELECT * FROM anomalies_current(source => 'the "second"')$$);
SELECT outcome($$SELECT delivery_source_drop()$$);
SELECT source FROM delivery_source_check() GROUP BY source ORDER BY source COLLATE "C";
SELECT delivery_source_drop('the "second"');

-- an unknown method
SELECT outcome($$SELECT * FROM anomalies_current(method => 'magic')$$);
SELECT outcome($$SELECT anomalies_current_json(method => '')$$);
SELECT outcome($$SELECT * FROM anomalies_explain('t', 'e', method => 'RATE')$$);

-- intervals, by each method
CREATE TABLE intervals (place serial, recent interval, baseline interval);
INSERT INTO intervals (recent, baseline) VALUES
  (NULL, '60 minutes'), ('5 minutes', NULL), ('0', '60 minutes'), ('-5 minutes', '60 minutes'),
  ('5 minutes', '0'), ('5 minutes', '-60 minutes'), ('5 minutes', '5 minutes'), ('60 minutes', '5 minutes'),
  ('1 month', '60 minutes'), ('5 minutes', '1 month'), ('5 minutes', '1 year'), ('1 month -30 days', '60 minutes'),
  ('1 day', '1 month -1 day'), ('10 minutes', '11 months -1 year'),
  ('5 minutes', '401 days'),
  ('59 seconds', '60 minutes'), ('59.999999 seconds', '60 minutes'), ('1 minute', '6 minutes'), ('1 minute', '5 minutes 59.999999 seconds'),
  ('5 minutes', '29 minutes'), ('5 minutes', '30 minutes'), ('1 minute', '400 days'), ('24 hours', '6 days'), ('1 day', '144 hours'),
  ('1 microsecond', '2 microseconds'), ('5 minutes', '5 minutes 1 microsecond');
SELECT place, recent, baseline, method, outcome(format('SELECT * FROM anomalies_current(%L, %L, %L, as_of => %L)', recent, baseline, method, :t))
FROM intervals, unnest(ARRAY['rate', 'reference']) method ORDER BY place, method;
-- far beyond what counts in microseconds, and both at once
SELECT recent, baseline, method, left(outcome(format('SELECT * FROM anomalies_current(%L, %L, %L, as_of => %L)', recent, baseline, method, :t)), 5) AS state
FROM (VALUES (interval '5 minutes', interval '178000000 days'), ('5 minutes', '2147483647 days 2147483647 hours'),
             ('-2147483648 days', '60 minutes'), ('2147483647 days', '2147483647 days 1 hour'), (NULL, NULL), ('0', '1 month')) AS v (recent, baseline),
     unnest(ARRAY['rate', 'reference']) method;
-- the other reports have the same arguments
SELECT outcome($$SELECT anomalies_current_json('0', '60 minutes')$$);
SELECT outcome($$SELECT anomalies_current_json('5 minutes', '1 month')$$);
SELECT outcome($$SELECT * FROM anomalies_explain('t', 'e', '5 minutes', NULL)$$);
SELECT outcome($$SELECT * FROM anomalies_explain('t', 'e', '5 minutes', '20 minutes')$$);
SELECT outcome($$SELECT * FROM anomalies_explain('t', 'e', '5 minutes', '20 minutes', 'reference')$$);

-- as_of
SELECT as_of, outcome(format('SELECT * FROM anomalies_current(as_of => %L)', as_of))
FROM unnest(ARRAY[NULL, 'infinity', '-infinity', '294276-12-31 23:59:59.999999+00', '4714-11-24 00:00:00+00 BC', '2000-01-01']::timestamptz[]) as_of;
SELECT outcome($$SELECT anomalies_current_json(as_of => NULL)$$);
SELECT outcome($$SELECT * FROM anomalies_explain('t', 'e', as_of => 'infinity')$$);

-- a tenant where the source has none
CREATE TABLE plain (created_at timestamptz NOT NULL, endpoint text, status text);
SELECT count(delivery_source_register('plain', 'plain'));
SELECT outcome($$SELECT * FROM anomalies_current(source => 'plain', tenant => 'x')$$);
SELECT outcome($$SELECT anomalies_current_json(source => 'plain', tenant => 'x', method => 'reference')$$);
SELECT outcome($$SELECT * FROM anomalies_current(source => 'plain')$$);
-- a tenant that nobody has is no error
SELECT outcome($$SELECT * FROM anomalies_current(source => 'first', tenant => 'nobody')$$), outcome($$SELECT * FROM anomalies_current(source => 'first', tenant => '')$$);

-- names of drop and register
SELECT outcome($$SELECT delivery_source_drop(NULL)$$);
SELECT outcome($$SELECT delivery_source_drop('')$$);
SELECT outcome($$SELECT delivery_source_register('plain', NULL)$$);
SELECT outcome($$SELECT delivery_source_register('plain', '')$$);
SELECT outcome($$SELECT delivery_source_register(NULL)$$);
SELECT outcome($$SELECT delivery_source_register('plain', 'plain', NULL)$$);

-- An error of the deliveries' own query tells of which source it is.
CREATE TABLE words (created_at timestamptz NOT NULL, endpoint text, status text, n text);
SELECT count(delivery_source_register('words', 'words', '{"endpoint": "(100 / n::int)::text"}'));
INSERT INTO words VALUES (:t, 'e', 'ok', '0');
CREATE FUNCTION context_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE context text;
BEGIN
  EXECUTE statement;
  RETURN NULL;
EXCEPTION WHEN division_by_zero THEN
  GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
  RETURN context;
END $$;
SELECT context_of(format('SELECT * FROM anomalies_current(source => ''words'', as_of => %L)', :t)) LIKE '%delivery source "words"%' AS names_it;
-- and one that comes next is not blamed on it
SELECT context_of(format('SELECT count(*), (SELECT 1 / n FROM generate_series(0, 0) n) FROM anomalies_current(source => ''plain'', as_of => %L)', :t)) LIKE '%delivery source%' AS blamed;
\pset tuples_only off
\pset format aligned

DELETE FROM insights.delivery_sources;
DROP SCHEMA regress_arguments CASCADE;
