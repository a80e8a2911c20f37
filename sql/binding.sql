-- A source is bound to what was checked when it was registered: what may change goes on, anything else is an error that says what.
-- Thousands of small statements, whose plans are not what is looked at.
SET jit = off;
SET max_parallel_workers_per_gather = 0;
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_binding;
SET search_path = regress_binding, insights;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
\set SHOW_CONTEXT never
\pset tuples_only on
\pset format unaligned
CREATE ROLE regress_ai_owner;
CREATE ROLE regress_ai_other;
GRANT USAGE ON SCHEMA insights TO PUBLIC;
GRANT ALL ON SCHEMA regress_binding TO regress_ai_owner, regress_ai_other;

-- how a statement ends
CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  state text; message text; detail text;
BEGIN
  EXECUTE statement;
  RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
  RETURN state || ': ' || message || coalesce(E'\n  detail: ' || nullif(detail, ''), '');
END $$;
-- how every function that reads a source ends, what the check says of its binding, and its state
CREATE FUNCTION answers(source text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY
  SELECT answer || CASE WHEN count(*) = 7 THEN '' ELSE E'\n  from ' || string_agg(who, ', ') END
  FROM (SELECT split_part(call, '(', 1) AS who, outcome(format('SELECT * FROM ' || call, source)) AS answer
        FROM unnest('{anomalies_current(source => %L),operator_insights_summary(source => %L),operator_insights_trends(source => %L),
          "delivery_search(''{\"endpoint\": \"s\"}'', source => %L)","replay_plan(''{\"endpoint\": \"s\"}'', source => %L)",
          "replay_execute(''{1}'', gen_random_uuid()::text, source => %L)",anomalies_scan(%L)}'::text[]) AS call) AS a
  GROUP BY answer;
  RETURN QUERY SELECT format('  %s %s: %s', c."check", c.level, c.detail) FROM delivery_source_check(source) AS c WHERE c.level = 'error';
  RETURN QUERY SELECT '  state ' || state FROM anomaly_insights_status() AS s WHERE s.source = answers.source AND state = 'changed';
END $$;
-- the same after some changes, which are undone
CREATE FUNCTION after(source text, VARIADIC changes text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  change text; said text[];
BEGIN
  BEGIN
    FOREACH change IN ARRAY changes LOOP EXECUTE change; END LOOP;
    said := ARRAY(SELECT answers(source));
    RAISE EXCEPTION USING ERRCODE = 'UNDO0';
  EXCEPTION WHEN SQLSTATE 'UNDO0' THEN NULL;
  END;
  RETURN QUERY SELECT unnest(said);
END $$;

-- A table whose mapping needs something of each kind, all of it of a plain role's.
SET ROLE regress_ai_owner;
CREATE TYPE mood AS ENUM ('failed', 'pending', 'delivered');
CREATE TYPE level AS ENUM ('low', 'high');
CREATE DOMAIN address AS text;
CREATE COLLATION rules (provider = 'libc', locale = 'C');
CREATE FUNCTION short(text) RETURNS text LANGUAGE sql STABLE AS $$ SELECT pg_catalog.left($1, 5) $$;
CREATE FUNCTION alike(text, text) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT $1 OPERATOR(pg_catalog.=) $2 $$;
CREATE FUNCTION unlike(text, text) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT $1 OPERATOR(pg_catalog.<>) $2 $$;
CREATE FUNCTION score_of(level) RETURNS int LANGUAGE sql STABLE AS $$ SELECT pg_catalog.length($1::text) $$;
CREATE CAST (level AS int) WITH FUNCTION score_of(level);
CREATE FUNCTION again(text[]) RETURNS SETOF text LANGUAGE sql AS $$ SELECT $1[1] WHERE false $$;
CREATE OPERATOR === (LEFTARG = text, RIGHTARG = text, FUNCTION = alike);
CREATE TABLE d (id int, created_at timestamptz NOT NULL, tenant_id varchar(9), place text, status mood, triage_score level,
  hook address, error text COLLATE rules, extra int, spare int);
INSERT INTO d VALUES (1, now() - interval '1 minute', 't', 'somewhere', 'failed', 'low', 'hook', 'broken');
CREATE TABLE parted (LIKE d) PARTITION BY RANGE (created_at);
CREATE TABLE part PARTITION OF parted DEFAULT;
CREATE TABLE base AS SELECT * FROM d;
CREATE VIEW v AS SELECT id, created_at, tenant_id, place, status, extra FROM base;
CREATE MATERIALIZED VIEW m AS SELECT * FROM v;
RESET ROLE;
GRANT EXECUTE ON FUNCTION delivery_source_register, delivery_source_drop TO regress_ai_owner;
SET ROLE regress_ai_owner;
SELECT count(delivery_source_register(name::regclass, name, $${"endpoint": "short(place)", "where": "hook === 'hook'", "triage_score": "triage_score::int", "replay_function": "again"}$$)) FROM unnest(ARRAY['d', 'parted']) name;
SELECT count(delivery_source_register(name::regclass, name, '{"endpoint": "short(place)", "replay_function": "again"}')) FROM unnest(ARRAY['v', 'm']) name;
RESET ROLE;
-- what was noted, and by whose names
SELECT owner_name, relation_kind, created_at_type FROM delivery_sources ORDER BY name;
SELECT n ->> 'object', n ->> 'volatility', n ->> 'owner', (n ->> 'owner_oid')::oid::regrole FROM delivery_sources, jsonb_array_elements(needs) n WHERE name = 'd';
SELECT answers(name) FROM delivery_sources ORDER BY name;

-- What goes on.
SELECT after('d', 'ALTER TABLE d ADD more int DEFAULT 7', 'ALTER TABLE d DROP extra');
SELECT after('d', 'CREATE INDEX ON d (created_at)', 'ALTER TABLE d ALTER id SET NOT NULL', 'ALTER TABLE d ADD PRIMARY KEY (id)');
SELECT after('d', 'ALTER TABLE d ALTER tenant_id TYPE text');
SELECT after('d', 'ALTER TABLE d ALTER tenant_id TYPE int USING 7', 'ALTER TABLE d ALTER id TYPE text');
SELECT after('d', 'ALTER TABLE d ALTER created_at TYPE timestamptz(0)');
SELECT after('d', $$ALTER TYPE mood ADD VALUE 'held'$$);
SELECT after('d', $$CREATE OR REPLACE FUNCTION short(text) RETURNS text LANGUAGE plpgsql STABLE STRICT AS 'BEGIN RETURN $1; END'$$);
SELECT after('d', 'CREATE FUNCTION short(text, int) RETURNS text LANGUAGE sql VOLATILE AS $f$ SELECT $1 $f$');
SELECT after('d', 'ALTER TABLE d RENAME TO old', 'CREATE TABLE d (LIKE old)', 'ALTER TABLE d OWNER TO regress_ai_owner');
SELECT after('d', 'ALTER TABLE d RENAME TO old', 'CREATE TABLE d (first int, LIKE old) PARTITION BY HASH (id)', 'ALTER TABLE d OWNER TO regress_ai_owner');
SELECT after('d', 'ALTER TABLE d ENABLE ROW LEVEL SECURITY', 'CREATE POLICY p ON d USING (true)');
SELECT after('d', 'ALTER EXTENSION anomaly_insights UPDATE');
SELECT after('parted', 'ALTER TABLE parted DETACH PARTITION part', 'ALTER TABLE parted ATTACH PARTITION part DEFAULT');
SELECT after('parted', 'ALTER TABLE parted DETACH PARTITION part');
SELECT after('parted', $$CREATE TABLE part2 PARTITION OF parted FOR VALUES FROM ('2025-01-01') TO ('2025-02-01')$$);
SELECT after('v', 'CREATE OR REPLACE VIEW v AS SELECT id, created_at, tenant_id, short(place) AS place, status, extra, now() AS more FROM base WHERE id > 0');
SELECT after('v', 'DROP VIEW v CASCADE', 'CREATE VIEW v AS SELECT status, created_at, id, upper(tenant_id)::text AS tenant_id, place FROM base', 'ALTER VIEW v OWNER TO regress_ai_owner');
SELECT after('v', 'ALTER VIEW v SET (security_barrier)');
SELECT after('m', 'REFRESH MATERIALIZED VIEW m');
VACUUM FULL d, parted, m;
SELECT answers(name) FROM delivery_sources ORDER BY name;

-- What does not. The relation: its owner and kind.
SELECT after('d', 'ALTER TABLE d OWNER TO regress_ai_other');
SELECT after('d', 'REASSIGN OWNED BY regress_ai_owner TO regress_ai_other');
SELECT after('d', 'ALTER TABLE d RENAME TO old', 'CREATE TABLE d (LIKE old)', 'ALTER TABLE d OWNER TO regress_ai_other');
SELECT after('d', 'ALTER TABLE d RENAME TO old', 'CREATE VIEW d AS SELECT * FROM old', 'ALTER VIEW d OWNER TO regress_ai_owner');
SELECT after('d', 'ALTER TABLE d RENAME TO old', 'CREATE MATERIALIZED VIEW d AS SELECT * FROM old', 'ALTER MATERIALIZED VIEW d OWNER TO regress_ai_owner');
SELECT after('v', 'DROP VIEW v CASCADE', 'CREATE TABLE v AS SELECT * FROM base', 'ALTER TABLE v OWNER TO regress_ai_owner');
SELECT after('m', 'DROP MATERIALIZED VIEW m', 'CREATE VIEW m AS SELECT * FROM v', 'ALTER VIEW m OWNER TO regress_ai_owner');
SELECT after('m', 'ALTER MATERIALIZED VIEW m OWNER TO regress_ai_other');

-- created_at, which reports read raw.
SELECT after('d', 'ALTER TABLE d ALTER created_at TYPE date');
SELECT after('d', 'ALTER TABLE d ALTER created_at TYPE timestamp');
SELECT after('d', 'ALTER TABLE d ALTER created_at TYPE text');
SELECT after('d', 'CREATE DOMAIN moment AS timestamptz', 'ALTER TABLE d ALTER created_at TYPE moment');
SELECT after('v', 'DROP VIEW v CASCADE', 'CREATE TYPE pair AS (x int8, y int8)',
  'CREATE FUNCTION time_of(pair) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $f$ SELECT now() $f$', 'CREATE CAST (pair AS timestamptz) WITH FUNCTION time_of(pair) AS IMPLICIT',
  'CREATE VIEW v AS SELECT id, ROW(1, 2)::pair AS created_at, tenant_id, place, status FROM base', 'ALTER VIEW v OWNER TO regress_ai_owner');

-- Functions: owner, volatility, signature, result.
SELECT after('d', 'ALTER FUNCTION short(text) OWNER TO regress_ai_other');
SELECT after('d', 'ALTER FUNCTION short(text) VOLATILE');
SELECT after('d', 'ALTER FUNCTION short(text) IMMUTABLE');
SELECT after('d', 'ALTER FUNCTION short(text) RENAME TO shorter');
SELECT after('d', 'DROP FUNCTION short(text)', $$CREATE FUNCTION short(text, int DEFAULT 1) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1'$$);
SELECT after('d', 'DROP FUNCTION short(text)', $$CREATE FUNCTION short(varchar) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1'$$);
SELECT after('v', 'CREATE FUNCTION default_length() RETURNS int LANGUAGE sql STABLE AS $f$ SELECT 3 $f$', 'DROP FUNCTION short(text)',
  $$CREATE FUNCTION short(text, int DEFAULT default_length()) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1'$$);
SELECT after('d', 'DROP FUNCTION short(text)', $$CREATE FUNCTION short(text) RETURNS varchar LANGUAGE sql STABLE AS 'SELECT $1::varchar'$$, 'ALTER FUNCTION short(text) OWNER TO regress_ai_owner');
SELECT after('d', 'ALTER FUNCTION again(text[]) OWNER TO regress_ai_other');
SELECT after('d', 'DROP FUNCTION again(text[])');
SELECT after('d', 'ALTER FUNCTION score_of(level) VOLATILE');
-- somebody else's that fits better
SELECT after('d', 'ALTER TABLE d ALTER place TYPE varchar', $$CREATE FUNCTION short(varchar) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1::text'$$, 'ALTER FUNCTION short(varchar) OWNER TO regress_ai_other');

-- Casts: a new one, another one, one by a function that is built in, none.
SELECT after('d', $$CREATE FUNCTION word(mood) RETURNS text LANGUAGE sql STABLE AS 'SELECT NULL::text'$$, 'CREATE CAST (mood AS text) WITH FUNCTION word(mood)');
SELECT after('d', 'CREATE CAST (mood AS text) WITH FUNCTION quote_literal(anyelement)');
SELECT after('d', 'DROP CAST (level AS int)', 'CREATE CAST (level AS int) WITH FUNCTION hashenum(anyenum)');
SELECT after('d', 'DROP CAST (level AS int)', 'CREATE CAST (level AS int) WITH INOUT');
SELECT after('d', 'DROP CAST (level AS int)');

-- Types and collations.
SELECT after('d', 'ALTER TYPE mood OWNER TO regress_ai_other');
SELECT after('d', 'ALTER TABLE d ALTER status TYPE text');
SELECT after('d', 'CREATE TYPE mood2 AS ENUM (''failed'')', 'ALTER TABLE d ALTER status TYPE mood2 USING ''failed''');
SELECT after('d', 'ALTER DOMAIN address OWNER TO regress_ai_other');
SELECT after('d', 'ALTER TABLE d ALTER hook TYPE text');
SELECT after('d', 'CREATE DOMAIN place AS text', 'ALTER TABLE d ALTER place TYPE place');
SELECT after('d', 'ALTER COLLATION rules OWNER TO regress_ai_other');
SELECT after('d', 'ALTER TABLE d ALTER error TYPE text COLLATE "C"');
SELECT after('d', 'CREATE COLLATION others (provider = ''libc'', locale = ''POSIX'')', 'ALTER TABLE d ALTER place TYPE text COLLATE others');

-- Operators: owner, function, none.
SELECT after('d', 'ALTER OPERATOR === (text, text) OWNER TO regress_ai_other');
SELECT after('d', 'ALTER FUNCTION alike(text, text) OWNER TO regress_ai_other');
SELECT after('d', 'DROP OPERATOR === (text, text)', 'CREATE OPERATOR === (LEFTARG = text, RIGHTARG = text, FUNCTION = unlike)', 'ALTER OPERATOR === (text, text) OWNER TO regress_ai_owner');
SELECT after('d', 'CREATE OPERATOR !== (LEFTARG = text, RIGHTARG = text, FUNCTION = unlike)', 'DROP OPERATOR === (text, text)',
  'CREATE OPERATOR === (LEFTARG = text, RIGHTARG = text, FUNCTION = alike, NEGATOR = !==)', 'ALTER OPERATOR === (text, text) OWNER TO regress_ai_owner');
SELECT after('d', 'DROP OPERATOR === (text, text)');

-- Columns that are gone.
SELECT after('d', 'ALTER TABLE d DROP place');
SELECT after('d', 'ALTER TABLE d RENAME status TO state');
SELECT after('d', 'ALTER TABLE d DROP error');
SELECT after('d', 'DROP TABLE d');

-- Registered again it goes on, by what the hint says.
ALTER TABLE d ALTER created_at TYPE date;
DO $$ BEGIN PERFORM delivery_search('{"tenant": "t"}', source => 'd'); EXCEPTION WHEN OTHERS THEN
  DECLARE hint text; BEGIN GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT; RAISE WARNING '%', hint; END; END $$;
ALTER TABLE d ALTER created_at TYPE timestamptz;
ALTER FUNCTION short(text) IMMUTABLE;
SELECT delivery_source_register(relation, name, mapping) ->> 'endpoint' FROM insights.delivery_sources WHERE name = 'd';
SELECT answers('d');
-- The same pair of names is stored where the source is another's by now.
ALTER TABLE d OWNER TO regress_ai_other;
GRANT EXECUTE ON FUNCTION delivery_source_register, delivery_source_drop TO regress_ai_other;
SET ROLE regress_ai_other;
SELECT count(delivery_source_register('d', 'd', '{"endpoint": "place"}'));
RESET ROLE;
SELECT owner_name FROM delivery_sources WHERE name = 'd';
SELECT count(delivery_source_drop(name)) FROM delivery_sources;

-- Tables of our own that their owner changed: what is read of them is checked, too.
BEGIN;
CREATE TABLE events (id int, created_at timestamptz NOT NULL, tenant_id text, endpoint text, status text, attempts int);
INSERT INTO events SELECT n, now() - n * interval '1 second', 't', 'e', 'failed', 3 FROM generate_series(1, 30) n;
SELECT count(delivery_source_register('events', mapping => '{"replay_status": "pending"}'));
SELECT outcome FROM anomalies_scan();
SELECT anomaly_mute(endpoint => 'nothing') > 0;
SELECT count(audit_record('a', 'b')) FROM generate_series(1, 2);
SELECT count(*) FROM replay_execute('{1}', 'a key', force => true);

-- old enough to be deleted
UPDATE insights.operator_replays SET requested_at = '2025-01-01';
UPDATE insights.anomaly_events SET at = '2025-01-01';
-- each function, for each column that has another type or may be NULL or is gone
CREATE FUNCTION calls() RETURNS SETOF text LANGUAGE sql AS $$ SELECT unnest(ARRAY['anomalies_scan()', 'anomalies_scan(as_of => now() + interval ''50 seconds'')',
  'anomaly_acknowledge((SELECT min(id) FROM insights.anomalies))', 'anomaly_resolve((SELECT min(id) FROM insights.anomalies))', 'anomaly_mute(endpoint => ''other'')',
  'anomaly_unmute((SELECT min(id) FROM insights.anomaly_mutes))', 'anomalies_prune()', 'anomaly_insights_status()', 'delivery_source_check()',
  'delivery_source_register(''events'', ''other'')', 'delivery_source_drop(''default'')', 'audit_record(''c'', ''d'')', 'audit_verify()', 'audit_head()',
  'replay_execute(''{1}'', ''a key'', force => true)', 'replay_execute(''{2}'', ''next key'', force => true)', 'replay_plan(''{"tenant": "t"}'')', 'delivery_search(''{"tenant": "t"}'')',
  'replay_recommendations()', 'operator_insights_summary()', 'anomalies_current()'])
$$;
CREATE FUNCTION with_change(change text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  said text[];
BEGIN
  BEGIN
    BEGIN EXECUTE change; EXCEPTION WHEN OTHERS THEN RETURN; END;  -- PostgreSQL refuses some
    said := ARRAY(SELECT outcome('SELECT * FROM ' || call) FROM calls() call);
    RAISE EXCEPTION USING ERRCODE = 'UNDO0';
  EXCEPTION WHEN SQLSTATE 'UNDO0' THEN NULL;
  END;
  RETURN QUERY SELECT unnest(said);
END $$;
SET client_min_messages = error;
-- by the classes of SQLSTATEs, since majors differ in which of a class it is
SELECT state, count(*) > 0 FROM (
  SELECT left(with_change(format(change, attrelid::regclass, attname)), 2) AS state
  FROM pg_attribute, unnest(ARRAY['ALTER TABLE %s ALTER %I DROP DEFAULT, ALTER %2$I TYPE text', 'ALTER TABLE %s ALTER %I DROP DEFAULT, ALTER %2$I TYPE bytea USING ''x''',
    'ALTER TABLE %s DROP %I CASCADE', 'ALTER TABLE %s ALTER %I DROP NOT NULL']) AS change
  WHERE attnum > 0 AND NOT attisdropped
    AND attrelid = ANY ('{insights.anomalies,insights.anomaly_events,insights.anomaly_mutes,insights.operator_audit,insights.operator_replays,insights.delivery_sources}'::regclass[])) s
GROUP BY state ORDER BY state;
-- what some of them say
SELECT DISTINCT with_change(change) FROM unnest(ARRAY['ALTER TABLE insights.operator_replays ALTER results TYPE text', 'ALTER TABLE insights.delivery_sources ALTER system_identifier TYPE text',
  'ALTER TABLE insights.delivery_sources DROP needs']) AS change ORDER BY 1;
ROLLBACK;

REVOKE USAGE ON SCHEMA insights FROM PUBLIC;
DELETE FROM insights.anomaly_events;
DELETE FROM insights.anomalies;
DELETE FROM insights.operator_replays;
DROP SCHEMA regress_binding CASCADE;
DROP OWNED BY regress_ai_owner, regress_ai_other;
DROP ROLE regress_ai_owner, regress_ai_other;
