-- Whose code a scan runs: that of the relation's owner as himself, security-restricted; where he is a superuser, none but superusers' code.
-- A domain's check that catches errors may not run in a parallel worker, and PostgreSQL does not see it below row and xmltable.
SET max_parallel_workers_per_gather = 0;
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_trust;
SET search_path = regress_trust, insights;
SET timezone = 'UTC';
\set SHOW_CONTEXT never
\pset tuples_only on
\pset format unaligned
CREATE ROLE regress_ai_mallory;
CREATE ROLE regress_ai_caller;
GRANT USAGE ON SCHEMA insights TO PUBLIC;
GRANT ALL ON SCHEMA regress_trust TO PUBLIC;
GRANT EXECUTE ON FUNCTION delivery_source_register, delivery_source_drop, anomalies_scan TO PUBLIC;

-- how a statement ends
CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  state text; message text; detail text; hint text;
BEGIN
  EXECUTE statement;
  RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  RETURN replace(state || ': ' || message || coalesce(E'\n  detail: ' || nullif(detail, ''), '') || coalesce(E'\n  hint: ' || nullif(hint, ''), ''),
    session_user, 'THE SUPERUSER');
END $$;

-- Who called what, and whether he could have become somebody else. A superuser among them is the end of it.
CREATE TABLE calls (who text, attempts text[], via text);
CREATE TABLE afterwards (who text);
GRANT ALL ON calls, afterwards TO PUBLIC;
CREATE FUNCTION afterwards() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO regress_trust.calls VALUES (current_user, NULL, 'deferred trigger'); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER afterwards AFTER INSERT ON afterwards DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION afterwards();
CREATE FUNCTION called(via text) RETURNS void LANGUAGE plpgsql SET search_path = regress_trust, pg_catalog AS $$
DECLARE
  attempt text; attempts text[];
BEGIN
  FOREACH attempt IN ARRAY '{SET ROLE regress_ai_mallory,RESET SESSION AUTHORIZATION,CREATE TEMP TABLE t (),INSERT INTO afterwards SELECT}'::text[] LOOP
    BEGIN
      EXECUTE attempt;
      RESET ROLE;
      attempts := attempts || ('could ' || attempt);
    EXCEPTION WHEN OTHERS THEN attempts := attempts || SQLERRM;
    END;
  END LOOP;
  INSERT INTO calls VALUES (current_user, attempts, via);
END $$;

-- Mallory's ways into a query, one view each, and none that PostgreSQL itself runs for a SELECT only. All of them are called when the row is read.
SET ROLE regress_ai_mallory;
CREATE FUNCTION f(text, via text DEFAULT 'function') RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM regress_trust.called(via); RETURN $1; END $$;
CREATE FUNCTION alike(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM regress_trust.called('operator'); RETURN $1 OPERATOR(pg_catalog.=) $2; END $$;
CREATE FUNCTION unlike(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM regress_trust.called('negator'); RETURN $1 OPERATOR(pg_catalog.<>) $2; END $$;
CREATE FUNCTION equal(text, text) RETURNS boolean LANGUAGE sql AS $$ SELECT $1 OPERATOR(pg_catalog.=) $2 $$;
CREATE OPERATOR === (LEFTARG = text, RIGHTARG = text, FUNCTION = alike);
CREATE OPERATOR !== (LEFTARG = text, RIGHTARG = text, FUNCTION = unlike);
CREATE TYPE mood AS ENUM ('failed');
CREATE FUNCTION word(mood) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM regress_trust.called('cast'); RETURN 'failed'; END $$;
CREATE CAST (mood AS text) WITH FUNCTION word(mood);
CREATE DOMAIN checked AS text CHECK (f(VALUE, 'domain') IS DISTINCT FROM 'never');
CREATE FUNCTION collect(text, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM regress_trust.called('aggregate'); RETURN $2; END $$;
CREATE AGGREGATE last_of(text) (SFUNC = collect, STYPE = text);
CREATE TABLE d (created_at timestamptz NOT NULL, endpoint text, status text, mood mood);
INSERT INTO d VALUES (now(), 'e', 'failed', 'failed');
GRANT SELECT ON d TO PUBLIC;
CREATE TABLE guarded AS SELECT created_at, endpoint, status FROM d;
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY p ON guarded USING (f(endpoint, 'policy') IS NOT NULL);
CREATE MATERIALIZED VIEW kept AS SELECT * FROM d;
RESET ROLE;

-- What stands in the view of each way.
CREATE TABLE ways (way text PRIMARY KEY, query text);
GRANT SELECT ON ways TO PUBLIC;
INSERT INTO ways VALUES
  ('function', 'SELECT created_at, f(endpoint) AS endpoint, status FROM d'),
  ('operator', $$SELECT created_at, endpoint, status FROM d WHERE status === 'failed'$$),
  ('row_comparison', $$SELECT created_at, endpoint, status FROM d WHERE (f(status, 'row_comparison'), endpoint) < ('z', 'z')$$),
  ('array_operator', $$SELECT created_at, endpoint, status FROM d WHERE status === ANY ('{failed}'::text[])$$),
  ('cast', 'SELECT created_at, endpoint, mood::text AS status FROM d'),
  ('type', 'SELECT created_at, endpoint, mood AS status FROM d'),
  ('domain', 'SELECT created_at, endpoint::checked AS endpoint, status FROM d'),
  ('aggregate', 'SELECT created_at, last_of(endpoint) AS endpoint, status FROM d GROUP BY created_at, status'),
  ('window', 'SELECT created_at, last_of(endpoint) OVER () AS endpoint, status FROM d'),
  ('subquery', 'SELECT created_at, (SELECT f(endpoint)) AS endpoint, status FROM d'),
  ('cte', 'WITH c AS MATERIALIZED (SELECT created_at, f(endpoint) AS endpoint, status FROM d) SELECT * FROM c'),
  ('from', 'SELECT created_at, f AS endpoint, status FROM d, f(''e'')'),
  ('lateral', 'SELECT created_at, f AS endpoint, status FROM d, LATERAL f(endpoint)'),
  ('join', 'SELECT created_at, endpoint, status FROM d JOIN (VALUES (''e'')) v (e) ON f(endpoint) = e'),
  ('order', 'SELECT created_at, endpoint, status FROM d ORDER BY f(endpoint) LIMIT 1000'),
  ('limit', 'SELECT created_at, endpoint, status FROM d LIMIT length(f(''1000''))'),
  ('distinct', 'SELECT DISTINCT ON (f(endpoint)) created_at, endpoint, status FROM d'),
  ('having', 'SELECT created_at, endpoint, status FROM d GROUP BY 1, 2, 3 HAVING f(endpoint) IS NOT NULL'),
  ('union', 'SELECT created_at, endpoint, status FROM d UNION ALL SELECT created_at, f(endpoint), status FROM d'),
  ('case', 'SELECT created_at, CASE WHEN f(endpoint) = ''e'' THEN endpoint END AS endpoint, status FROM d'),
  ('record', $$SELECT d.created_at, r.endpoint, r.status FROM d, json_to_record(json_build_object('endpoint', 'e', 'status', 'failed')) AS r (endpoint text, status text, other checked)$$),
  ('xmltable', $$SELECT d.created_at, endpoint, status FROM d, unnest(xpath('/a', '<a/>'::xml)) AS x, XMLTABLE('/a' PASSING x COLUMNS other checked PATH '"o"')$$),
  ('policy', 'SELECT * FROM guarded'),
  ('table', 'SELECT * FROM d'),
  ('materialized', 'SELECT * FROM kept');
DELETE FROM ways WHERE way = 'xmltable' AND NOT EXISTS (SELECT FROM pg_config WHERE name = 'CONFIGURE' AND setting LIKE '%--with-libxml%');

-- Each way in a view, in a view of the same owner's below one, and in a security_invoker view.
CREATE FUNCTION make(owner text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  w ways;
BEGIN
  FOR w IN SELECT * FROM ways LOOP
    EXECUTE format('CREATE VIEW %1$I AS %2$s; CREATE VIEW %3$I AS SELECT * FROM %1$I; CREATE VIEW %4$I WITH (security_invoker) AS SELECT * FROM %1$I;
      ALTER VIEW %1$I OWNER TO %5$s; ALTER VIEW %3$I OWNER TO %5$s; ALTER VIEW %4$I OWNER TO %5$s',
      'v_' || w.way, w.query, 'below_' || w.way, 'invoker_' || w.way, owner);
  END LOOP;
END $$;
CREATE FUNCTION views() RETURNS SETOF text LANGUAGE sql AS $$ SELECT p || '_' || way FROM ways, unnest('{v,below,invoker}'::text[]) p ORDER BY 1 $$;

-- A plain role's: they run, as nobody but that role.
SELECT make('regress_ai_mallory');
SELECT v, outcome(format('SELECT delivery_source_register(%L, %1$L)', v)) FROM views() v WHERE outcome(format('SELECT delivery_source_register(%L, %1$L)', v)) <> 'ok';
SELECT DISTINCT who FROM calls;
TRUNCATE calls;
SET ROLE regress_ai_caller;
SELECT v, outcome(format('SELECT * FROM anomalies_scan(%L)', v)) FROM views() v WHERE outcome(format('SELECT * FROM anomalies_scan(%L)', v)) <> 'ok';
RESET ROLE;
SELECT outcome, count(*) = (SELECT count(*) FROM views()) FROM anomalies_scan() GROUP BY outcome;
SELECT DISTINCT who, unnest(attempts) FROM calls ORDER BY 2;
SELECT array_agg(DISTINCT via ORDER BY via) FROM calls;
TRUNCATE calls;
-- nor does looking at their state run anything
SELECT count(*) FROM anomaly_insights_status() WHERE state <> 'ok';
SELECT * FROM calls;
-- nor does a superuser's check run anything but as him
SELECT count(*) > 0, bool_or(level = 'error') FROM delivery_source_check();
SELECT DISTINCT who, unnest(attempts) FROM calls ORDER BY 2;
SELECT array_agg(DISTINCT via ORDER BY via) FROM calls;
TRUNCATE calls;
-- A mapping of his own, and what it sets does not outlast it.
SET ROLE regress_ai_mallory;
CREATE FUNCTION setting(text) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN
  PERFORM set_config('search_path', 'regress_trust', false), set_config('work_mem', '64kB', false), set_config('row_security', 'off', false); RETURN $1; END $$;
SELECT delivery_source_register('d', 'settings', '{"id": "endpoint", "endpoint": "setting(endpoint)"}') ->> 'endpoint';
RESET ROLE;
SELECT outcome, detail FROM anomalies_scan('settings');
SELECT name, setting FROM pg_settings WHERE name IN ('search_path', 'work_mem', 'row_security') AND source = 'session' ORDER BY name;
-- in a report they are, as in any SELECT, the caller's affair
BEGIN;
SELECT outcome($$SELECT count(*) FROM insights.anomalies_current(source => 'settings')$$);
SELECT regress_trust.outcome($$SELECT count(*) FROM insights.delivery_search('{"endpoint": "e"}', source => 'settings')$$);
ROLLBACK;
SELECT count(delivery_source_drop(name)) > 0 FROM delivery_sources;

-- A superuser's: registering refuses, whatever the way.
DO $$ DECLARE v text; BEGIN FOR v IN SELECT views() LOOP EXECUTE format('ALTER VIEW %I OWNER TO CURRENT_USER', v); END LOOP; END $$;
SELECT v, outcome(format('SELECT delivery_source_register(%L, %1$L)', v)) FROM views() v WHERE v LIKE 'v%';
SELECT v FROM views() v WHERE outcome(format('SELECT delivery_source_register(%L, %1$L)', v)) NOT LIKE '42501%';
SELECT * FROM calls;
-- and so does each evaluation, where Mallory came in later
CREATE TABLE own AS SELECT created_at, endpoint, status FROM d;
CREATE FUNCTION plain(text) RETURNS text LANGUAGE sql STABLE AS $$ SELECT $1 $$;
DO $$ DECLARE w ways; BEGIN FOR w IN SELECT * FROM ways LOOP EXECUTE format('CREATE VIEW late_%s AS SELECT created_at, plain(endpoint) AS endpoint, status FROM own', w.way); END LOOP; END $$;
SELECT count(delivery_source_register(('late_' || way)::regclass, 'late_' || way)) = count(*) FROM ways;
SELECT outcome FROM anomalies_scan() GROUP BY outcome;
DO $$ DECLARE w ways; BEGIN FOR w IN SELECT * FROM ways LOOP EXECUTE format('DROP VIEW late_%1$s; CREATE VIEW late_%1$s AS SELECT * FROM v_%1$s', w.way); END LOOP; END $$;
SELECT way, outcome(format('SELECT * FROM anomalies_scan(%L)', 'late_' || way)) FROM ways WHERE way = 'function';
SELECT way, outcome(format('SELECT * FROM anomalies_scan(%L)', 'late_' || way)) FROM ways WHERE outcome(format('SELECT * FROM anomalies_scan(%L)', 'late_' || way)) !~ '42501|changed';
SELECT "check", level, replace(detail, current_user, 'THE SUPERUSER'), hint FROM delivery_source_check('late_function') WHERE level = 'error' AND "check" = 'owner';
SELECT * FROM calls;
SELECT count(delivery_source_drop(name)) > 0 FROM delivery_sources;

-- What a superuser's relation has that only the planner looks at: run by none but him who owns it.
SET ROLE regress_ai_mallory;
CREATE FUNCTION fixed(text, via text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM regress_trust.called(via); RETURN $1; END $$;
CREATE DOMAIN later AS text;
RESET ROLE;
CREATE FUNCTION with_default(text, text DEFAULT f('x', 'default')) RETURNS text LANGUAGE sql STABLE AS $$ SELECT $1 $$;
CREATE OPERATOR ==== (LEFTARG = text, RIGHTARG = text, FUNCTION = equal);
CREATE FUNCTION good(text, text) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT $1 OPERATOR(pg_catalog.=) $2 $$;
CREATE OPERATOR ==~ (LEFTARG = text, RIGHTARG = text, FUNCTION = good, NEGATOR = !==);
CREATE TYPE pair AS (a text, b later);
CREATE DOMAIN outer_one AS later;
CREATE FUNCTION pair(text) RETURNS pair LANGUAGE sql STABLE AS $$ SELECT NULL::pair $$;
CREATE TABLE indexed AS SELECT created_at, endpoint, status FROM own;
CREATE INDEX ON indexed ((endpoint || fixed('x', 'index')));
CREATE TABLE partial AS SELECT created_at, endpoint, status FROM own;
CREATE INDEX ON partial (endpoint) WHERE endpoint > fixed('', 'predicate');
CREATE TABLE estimated AS SELECT created_at, endpoint, status FROM own;
CREATE STATISTICS estimates ON (endpoint || fixed('x', 'statistics')), status FROM estimated;
CREATE TABLE constrained (LIKE own, CHECK (endpoint > fixed('', 'constraint')));
CREATE TABLE parted (LIKE own) PARTITION BY LIST ((endpoint || fixed('x', 'partition')));
CREATE TABLE parent (LIKE own);
CREATE TABLE child () INHERITS (parent);
ALTER TABLE child OWNER TO regress_ai_mallory;
CREATE TABLE ranged (LIKE own) PARTITION BY LIST (endpoint);
CREATE TABLE partition PARTITION OF ranged DEFAULT;
ALTER TABLE partition OWNER TO regress_ai_mallory;
CREATE TABLE fine (LIKE own, PRIMARY KEY (created_at), CHECK (length(endpoint) > 0));
CREATE VIEW unqualified AS SELECT created_at, with_default(endpoint) AS endpoint, status FROM own;
CREATE VIEW not_alike AS SELECT created_at, endpoint, status FROM own WHERE NOT (endpoint ==~ 'x');
CREATE VIEW composite AS SELECT created_at, (endpoint::pair).a AS endpoint, status FROM own;
CREATE VIEW nested AS SELECT created_at, endpoint::outer_one AS endpoint, status FROM own;
CREATE VIEW array_of AS SELECT created_at, ('{}'::later[])[1] AS endpoint, status FROM own;
CREATE VIEW equal_by AS SELECT created_at, endpoint, status FROM own WHERE endpoint ==== 'x';
TRUNCATE calls;
SELECT r, outcome(format('SELECT delivery_source_register(%L, %1$L)', r)) FROM unnest('{fine,indexed,partial,estimated,constrained,parted,parent,ranged,unqualified,not_alike,composite,nested,array_of,equal_by}'::text[]) r;
SELECT * FROM calls;
SELECT delivery_source_drop('fine');

-- Swapped under the name of a superuser's table: the scan does not run what took its place.
SELECT count(delivery_source_register('own'));
SET ROLE regress_ai_mallory;
CREATE VIEW trap AS SELECT created_at, f(endpoint) AS endpoint, status FROM d;
RESET ROLE;
ALTER TABLE own RENAME TO owned;
ALTER VIEW trap RENAME TO own;
SELECT outcome('SELECT * FROM anomalies_scan()');
SELECT state FROM anomaly_insights_status();
SELECT * FROM calls;
SELECT count(delivery_source_drop());

-- Who may register, replace and drop, by whose rights.
CREATE ROLE regress_ai_member IN ROLE regress_ai_mallory;
CREATE TABLE tables_of_all AS SELECT * FROM owned;
CREATE TABLE his AS SELECT * FROM owned;
ALTER TABLE his OWNER TO regress_ai_mallory;
GRANT SELECT ON his TO regress_ai_caller;
SET ROLE regress_ai_caller;
SELECT outcome($$SELECT delivery_source_register('his', 'his')$$);
SET ROLE regress_ai_member;
SELECT outcome($$SELECT delivery_source_register('his', 'his')$$);
SELECT outcome($$SELECT delivery_source_register('tables_of_all', 'all')$$) <> 'ok';
SET ROLE regress_ai_caller;
SELECT outcome($$SELECT delivery_source_drop('his')$$);
CREATE TABLE callers AS SELECT created_at, endpoint, status FROM d;
SELECT outcome($$SELECT delivery_source_register('callers', 'his')$$);
RESET ROLE;
SELECT registered_by, owner_name FROM delivery_sources;
-- given to another: his to register again and to drop, and still its old owner's
ALTER TABLE his OWNER TO regress_ai_caller;
SELECT state FROM anomaly_insights_status();
SET ROLE regress_ai_caller;
SELECT outcome($$SELECT * FROM anomalies_scan()$$);
SELECT outcome($$SELECT delivery_source_register('his', 'his')$$);
SET ROLE regress_ai_mallory;
SELECT outcome($$SELECT delivery_source_drop('his')$$);
RESET ROLE;
SELECT outcome FROM anomalies_scan();
REASSIGN OWNED BY regress_ai_caller TO regress_ai_mallory;
SELECT state FROM anomaly_insights_status();
SET ROLE regress_ai_caller;
SELECT outcome($$SELECT delivery_source_drop('his')$$);
RESET ROLE;
-- What the owner needs, and what to type for it.
REVOKE USAGE ON SCHEMA insights FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION plain(text) FROM PUBLIC;
SELECT outcome($$SELECT delivery_source_register('his', 'his', '{"endpoint": "regress_trust.plain(endpoint)"}')$$);
GRANT USAGE ON SCHEMA insights TO regress_ai_mallory;
SELECT outcome($$SELECT delivery_source_register('his', 'his', '{"endpoint": "regress_trust.plain(endpoint)"}')$$);
GRANT EXECUTE ON FUNCTION regress_trust.plain(pg_catalog.text) TO regress_ai_mallory;
SELECT outcome($$SELECT delivery_source_register('his', 'his', '{"endpoint": "regress_trust.plain(endpoint)"}')$$);
SELECT outcome FROM anomalies_scan();
SELECT "check", level FROM delivery_source_check() WHERE "check" IN ('binding', 'owner');

-- A new role of an owner's old name inherits nothing; the owner under a new name goes on.
ALTER ROLE regress_ai_mallory RENAME TO regress_ai_mallet;
SELECT state FROM anomaly_insights_status();
CREATE ROLE regress_ai_mallory;
GRANT USAGE ON SCHEMA insights TO PUBLIC;
SET ROLE regress_ai_mallory;
SELECT outcome($$SELECT delivery_source_drop('his')$$);
RESET ROLE;
SELECT outcome FROM anomalies_scan();
SELECT owner_name, owner_oid::regrole FROM delivery_sources;

REVOKE USAGE ON SCHEMA insights FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION delivery_source_register, delivery_source_drop, anomalies_scan FROM PUBLIC;
DELETE FROM insights.delivery_sources;
DELETE FROM insights.anomaly_events;
DELETE FROM insights.anomalies;
DROP OWNED BY regress_ai_mallory, regress_ai_mallet, regress_ai_caller, regress_ai_member CASCADE;
DROP SCHEMA regress_trust CASCADE;
DROP ROLE regress_ai_mallory, regress_ai_mallet, regress_ai_caller, regress_ai_member;
