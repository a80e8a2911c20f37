-- What cannot be registered, and what the error says.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_sources_errors;
SET search_path = regress_sources_errors, insights;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';

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

CREATE TABLE d (id int, created_at timestamptz NOT NULL, updated_at text, local timestamp, day date, tenant_id text, endpoint text, status text,
  n int, other text, ok boolean, attempts int);
INSERT INTO d VALUES (1, '2025-11-05 14:30:00+00', NULL, NULL, NULL, 't', 'e', 'failed');
CREATE FUNCTION register(mapping text, relation text DEFAULT 'd') RETURNS text LANGUAGE sql
  RETURN outcome(format('SELECT delivery_source_register(%L, ''x'', %L)', relation, mapping));
\pset tuples_only on
\pset format unaligned

-- the mapping itself
SELECT register('[]');
SELECT register('"endpoint"');
SELECT register('null');
SELECT register('{"endpont": "endpoint"}');
SELECT register('{"Status": "status"}');
SELECT register('{"": "status"}');
SELECT register('{"endpoint": ""}');
SELECT register('{"endpoint": 1}');
SELECT register('{"endpoint": true}');
SELECT register('{"endpoint": ["endpoint"]}');
SELECT register('{"endpoint": {"a": "b"}}');
SELECT register('{"where": 1}');
SELECT register('{"where": ""}');

-- a required field that is not there
SELECT register('{"endpoint": null}');
SELECT register('{"status": null}');
SELECT register('{"created_at": null}');
CREATE TABLE nothing (a int);
SELECT register('{}', 'nothing');
SELECT register('{"created_at": "now()"}', 'nothing');
SELECT register('{"created_at": "now()", "endpoint": "''e''"}', 'nothing');

-- no such column, function, type
SELECT register('{"endpoint": "zzzzzzzzzzzz"}');
SELECT register('{"endpoint": "d.zzzzzzzzzzzz"}');
SELECT register('{"endpoint": "e.endpoint"}');
SELECT left(register('{"endpoint": "nofunction(endpoint)"}'), 6);
SELECT left(register('{"endpoint": "endpoint::notype"}'), 6);
SELECT left(register('{"endpoint": "lower("}'), 6);
SELECT left(register('{"endpoint": ")"}'), 6);
SELECT left(register('{"endpoint": " "}'), 6);
SELECT left(register('{"endpoint": "endpoint ||"}'), 6);
SELECT left(register('{"endpoint": "''unterminated"}'), 6);

-- of a wrong type
SELECT register('{"created_at": "day"}');
SELECT register('{"created_at": "endpoint"}');
SELECT register('{"created_at": "''2025-11-05''"}');
SELECT register('{"created_at": "NULL"}');
SELECT register('{"updated_at": "updated_at"}');
SELECT register('{"attempts": "endpoint"}');
SELECT register('{"triage_score": "ok"}');
SELECT register('{"http_status": "''500''"}');
SELECT register('{"where": "endpoint"}');
SELECT register('{"where": "n"}');
SELECT register('{"where": "''maybe''"}');

-- what does not fit an aggregate over rows, or is not the same at all times
SELECT register('{"endpoint": "(SELECT endpoint)"}');
SELECT register('{"endpoint": "(SELECT max(endpoint) FROM d)"}');
SELECT register('{"status": "CASE WHEN EXISTS (SELECT FROM d) THEN status END"}');
SELECT register('{"where": "n IN (SELECT n FROM d)"}');
SELECT register('{"endpoint": "max(endpoint)"}');
SELECT register('{"endpoint": "count(*)::text"}');
SELECT register('{"endpoint": "(row_number() OVER ())::text"}');
SELECT register('{"endpoint": "lag(endpoint) OVER (ORDER BY created_at)"}');
SELECT register('{"endpoint": "generate_series(1, 2)::text"}');
SELECT register('{"endpoint": "unnest(ARRAY[endpoint])"}');
SELECT register('{"endpoint": "random()::text"}');
SELECT register('{"created_at": "clock_timestamp()"}');
SELECT register('{"where": "random() < 0.5"}');
SELECT register('{"where": "pg_sleep(0) IS NOT NULL"}');
SELECT register('{"where": "bool_and(ok)"}');
SELECT register('{"endpoint": "grouping(endpoint)::text"}');

-- what is no single expression
SELECT left(register('{"endpoint": "status; DROP TABLE d"}'), 6);
SELECT left(register('{"endpoint": "1), (SELECT 2"}'), 6);
SELECT register('{"endpoint": "status FROM d --"}');
SELECT register('{"endpoint": "status FROM d"}');
SELECT register('{"endpoint": "status WHERE true"}');
SELECT register('{"endpoint": "status ORDER BY 1"}');
SELECT register('{"endpoint": "status LIMIT 1"}');
SELECT register('{"endpoint": "status GROUP BY 1"}');
SELECT register('{"endpoint": "status HAVING true"}');
SELECT left(register('{"endpoint": "status UNION SELECT status"}'), 6);
SELECT register('{"endpoint": "DISTINCT status"}');
SELECT register('{"endpoint": "status WINDOW w AS ()"}');
SELECT register('{"endpoint": "status FOR UPDATE"}');
SELECT left(register('{"endpoint": "status INTO evil"}'), 6);
SELECT register('{"endpoint": "status, endpoint"}');
SELECT register('{"endpoint": "status AS endpoint"}');
SELECT register('{"endpoint": "status endpoint"}');
SELECT left(register('{"endpoint": "SELECT status"}'), 6);
SELECT left(register('{"endpoint": "status)"}'), 6);
SELECT left(register('{"endpoint": "DEFAULT"}'), 6);
SELECT register('{"endpoint": "*"}');
SELECT register('{"endpoint": "d.*"}');
SELECT register('{"endpoint": "d"}');
SELECT register('{"endpoint": "d::text"}');
SELECT register('{"endpoint": "row_to_json(d)::text"}');
SELECT register('{"endpoint": "(d).endpoint"}');
SELECT left(register('{"endpoint": "$1"}'), 6);
SELECT left(register('{"endpoint": "$1::text"}'), 6);
SELECT left(register('{"endpoint": "x => 1"}'), 6);
SELECT left(register('{"endpoint": ":name"}'), 6);
SELECT register('{"where": "true) OR (true"}') <> 'ok';
SELECT register('{"where": "true; DELETE FROM d"}') <> 'ok';
SELECT register('{"where": "true, false"}') <> 'ok';
-- an expression is one to its end: comments do not swallow what comes after it
SELECT register('{"endpoint": "endpoint -- and so on"}');
SELECT register('{"where": "status = ''failed'' -- OR true"}');
SELECT mapping ->> 'endpoint' AS endpoint, mapping ->> 'where' AS filter FROM delivery_sources;
SELECT register('{"endpoint": "endpoint /* of the delivery */"}');
SELECT mapping ->> 'endpoint' AS endpoint FROM delivery_sources;
SELECT left(register('{"endpoint": "endpoint /* open"}'), 6);

-- statuses
SELECT register('{"statuses": {"ok": "fine"}}');
SELECT register('{"statuses": {"ok": "Delivered"}}');
SELECT register('{"statuses": {"ok": "unmapped"}}');
SELECT register('{"statuses": {"ok": 1}}');
SELECT register('{"statuses": {"ok": null}}');
SELECT register('{"statuses": {"ok": ["delivered"]}}');
SELECT register('{"statuses": {"ok": {"class": "delivered"}}}');
SELECT register('{"statuses": []}');
SELECT register('{"statuses": ["delivered"]}');
SELECT register('{"statuses": "delivered"}');
SELECT register('{"statuses": true}');
SELECT register('{"status": "n"}');
SELECT register('{"status": "ok"}');
SELECT register('{"status": "n", "statuses": {}}');
SELECT register('{"statuses": {}}'), register('{"statuses": null}'), register('{"status": "n", "statuses": {"1": "failed"}}');

-- relations
CREATE SEQUENCE a_sequence;
CREATE INDEX an_index ON d (created_at);
CREATE TYPE a_type AS (created_at timestamptz, endpoint text, status text);
CREATE TEMP TABLE temporary (created_at timestamptz, endpoint text, status text);
CREATE TEMP VIEW temporary_view AS SELECT * FROM d;
SELECT register('{}', 'a_sequence');
SELECT register('{}', 'an_index');
SELECT register('{}', 'a_type');
SELECT register('{}', 'temporary');
SELECT register('{}', 'temporary_view');
SELECT register('{}', 'nowhere');
SELECT left(outcome($$SELECT delivery_source_register(0)$$), 6);

-- zones
SELECT register('{"time_zone": "UTC"}');
SELECT register('{"created_at": "local"}');
SELECT register('{"created_at": "local", "time_zone": "Mars/Olympus"}');
SELECT register('{"created_at": "local", "time_zone": ""}');
SELECT register('{"created_at": "local", "time_zone": 1}');
SELECT register('{"created_at": "local", "time_zone": null}');
SELECT register('{"created_at": "local", "time_zone": "CEST"}');
SELECT register('{"created_at": "local", "time_zone": "EET"}');
SELECT register('{"created_at": "local", "time_zone": "UTC''; DROP TABLE d"}');
SELECT register('{"created_at": "local", "time_zone": "UTC"}'), register('{"created_at": "local", "time_zone": "utc"}'),
       register('{"created_at": "local", "time_zone": "Europe/Berlin"}');

-- All of that left one source, and the table as it was.
SELECT name, mapping FROM delivery_sources;
SELECT count(*) FROM d;

DELETE FROM insights.delivery_sources;
DROP SCHEMA regress_sources_errors CASCADE;
