-- Registering a source: what is found, what is stored, and what becomes of it.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_sources;
SET search_path = regress_sources, insights;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
\set SHOW_CONTEXT never
\set t '''2025-11-05 14:30:00+00''::timestamptz'

-- Usual names are found without a mapping.
CREATE TABLE t1 (delivery_id int, created timestamptz, updated timestamptz, tenant text, webhook_url text, state text, tries int, last_error text);
CREATE TABLE t2 (id bigint, "time" timestamptz, account_id int, url text, delivery_status text, attempt_count int, status_code int, error_message text);
CREATE TABLE t3 (uuid uuid, "timestamp" timestamptz, customer_id uuid, endpoint_url text, status text, attempt_number smallint,
  response_code smallint, error_text text, next_attempt_at timestamptz, max_tries int, triage_label text, triage_score numeric, modified_at timestamptz);
CREATE TABLE t4 (ts timestamptz, organization_id text, target_url text, status text, retry_count int, max_retries int, failure_reason text, retry_at timestamptz);
CREATE TABLE t5 (inserted_at timestamptz, org_id text, destination text, status text, attempts int, attempts_max int, error text, http_code int);
SELECT name, jsonb_pretty(delivery_source_register(name::regclass, name)) AS mapping FROM unnest(ARRAY['t1', 't2', 't3', 't4', 't5']) name;
-- The canonical name goes before the others, and one of a type that does not fit is passed over.
CREATE TABLE several (created text, "time" timestamptz, created_at timestamptz, url text, target text, endpoint text, state text, status text,
  attempts text, attempt_count int);
SELECT delivery_source_register('several', 'several');
-- null says that a field is not there, though a column has its name
SELECT delivery_source_register('several', 'several', '{"attempts": null, "tenant_id": null}');
-- what the mapping says goes before what would be found, be it a name or an expression
SELECT delivery_source_register('several', 'several', '{"endpoint": "url", "status": "lower(state)", "created_at": "time", "tenant_id": "''only''"}');

-- What is stored: the relation qualified, who registered it, the mapping as it was understood.
SELECT name, relation, registered_by = current_user AS mine, owner_name = current_user AND owner_oid = current_user::regrole AS owned, relation_kind, created_at_type, needs, mapping ->> 'created_at' AS created_at, registered_at <= now() AS registered
FROM delivery_sources ORDER BY name COLLATE "C";

-- Registering again replaces, and one drops what it named; the relation stays.
SELECT delivery_source_register('t1', 't5');
SELECT name, relation, mapping ->> 'created_at' AS created_at FROM delivery_sources WHERE name = 't5';
SELECT delivery_source_drop('t5');
SELECT count(*) FROM delivery_sources WHERE name = 't5';
SELECT count(*) FROM t1;
SELECT delivery_source_drop(name) FROM delivery_sources;
SELECT delivery_source_register('t1');
SELECT name FROM delivery_sources;
SELECT delivery_source_drop();
SELECT count(*) FROM delivery_sources;

-- Quoted names, of every part.
CREATE SCHEMA "Sch""ema";
CREATE TABLE "Sch""ema"."Ta""ble" ("time" timestamptz NOT NULL, "Created At" timestamptz, "select" text, "Sta""tus" text, "té nant" text, "order" text);
SELECT delivery_source_register('"Sch""ema"."Ta""ble"', 'Na"me''s', '{"endpoint": "select", "status": "Sta\"tus", "tenant_id": "té nant"}');
INSERT INTO "Sch""ema"."Ta""ble" SELECT :t, :t + interval '1 day', '/' || i % 2, 'failed', 'x', 'y' FROM generate_series(1, 60) i;
SELECT tenant_id, endpoint, recent_failures FROM anomalies_current(source => 'Na"me''s', as_of => :t);
-- as an expression it needs its quotes, as a name it does not
SELECT delivery_source_register('"Sch""ema"."Ta""ble"', 'Na"me''s',
  '{"created_at": "Created At", "endpoint": "upper(\"select\")", "status": "Sta\"tus", "tenant_id": "\"té nant\" || \"order\""}');
SELECT tenant_id, endpoint, recent_failures FROM anomalies_current(source => 'Na"me''s', as_of => :t + interval '1 day');
SELECT relation FROM delivery_sources WHERE name = 'Na"me''s';
SELECT "check", level, detail FROM delivery_source_check('Na"me''s') WHERE "check" IN ('relation', 'time', 'statuses');
DROP SCHEMA "Sch""ema" CASCADE;
SELECT delivery_source_drop('Na"me''s');

-- A filter, such as of soft deletes.
CREATE TABLE soft (created_at timestamptz NOT NULL, endpoint text, status text, tenant_id text, deleted_at timestamptz, kind int);
INSERT INTO soft SELECT :t, 'kept', 'failed', 't', NULL, 1 FROM generate_series(1, 20);
INSERT INTO soft SELECT :t, 'deleted', 'failed', 't', :t, 1 FROM generate_series(1, 30);
INSERT INTO soft SELECT :t, 'other', 'failed', 't', NULL, NULL FROM generate_series(1, 40);
INSERT INTO soft SELECT :t, 'half', 'failed', 't', CASE WHEN i > 15 THEN :t END, 1 FROM generate_series(1, 25) i;
SELECT delivery_source_register('soft', mapping => '{"where": "deleted_at IS NULL AND kind = 1"}');
SELECT endpoint, recent_failures FROM anomalies_current(as_of => :t);
SELECT endpoint, recent_failures FROM anomalies_current(as_of => :t, tenant => 't', method => 'reference');
-- one with an OR binds as one
SELECT delivery_source_register('soft', mapping => '{"where": "deleted_at IS NOT NULL OR kind IS NULL"}');
SELECT endpoint, recent_failures FROM anomalies_current(as_of => :t);
SELECT count(*) FROM anomalies_current(as_of => :t, tenant => 'nobody');
SELECT count(*) FROM anomalies_current(as_of => :t + interval '1 day');
-- one that is not known is not fulfilled
SELECT delivery_source_register('soft', mapping => '{"where": "kind <> 2"}') ->> 'where' AS filter;
SELECT endpoint, recent_failures FROM anomalies_current(as_of => :t);
SELECT delivery_source_register('soft', mapping => '{"where": "true"}') ->> 'where' AS filter;
SELECT count(*) FROM anomalies_current(as_of => :t);
SELECT delivery_source_register('soft', mapping => '{"where": null}') ->> 'where' AS filter;
SELECT count(*) FROM anomalies_current(as_of => :t);

-- Names of the caller's search_path come out qualified, so that a report means the same to everybody.
CREATE SCHEMA regress_sources_mine;
CREATE FUNCTION regress_sources_mine.shorten(url text) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT pg_catalog.split_part(url, '?', 1) $$;
CREATE FUNCTION regress_sources_mine.same(a text, b text) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$ SELECT pg_catalog.lower(a) OPERATOR(pg_catalog.=) pg_catalog.lower(b) $$;
CREATE OPERATOR regress_sources_mine.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = regress_sources_mine.same);
CREATE TYPE regress_sources_mine.word AS ENUM ('failed', 'delivered');
SET search_path = regress_sources_mine, regress_sources, insights;
SELECT jsonb_pretty(delivery_source_register('soft', 'qualified',
  '{"endpoint": "shorten(endpoint)", "where": "status === ''FAILED''", "status": "status::word", "triage_label": "CASE WHEN kind = 1 THEN ''unknown'' END"}')) AS mapping;
-- a report under another search_path, also one that holds things that look like ours and PostgreSQL's
SET search_path = pg_catalog;
SELECT endpoint, recent_failures FROM insights.anomalies_current(source => 'qualified', as_of => :t);
CREATE SCHEMA regress_sources_evil;
SET search_path = regress_sources_evil, pg_catalog;
CREATE TABLE regress_sources_evil.soft (created_at timestamptz, endpoint text, status text, tenant_id text, deleted_at timestamptz, kind int);
CREATE TABLE regress_sources_evil.delivery_sources (name text, relation text, owner text, mapping jsonb);
CREATE FUNCTION regress_sources_evil.shorten(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil shorten'; END $$;
CREATE FUNCTION regress_sources_evil.evil_equal(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil ='; END $$;
CREATE FUNCTION regress_sources_evil.evil_time(timestamptz, timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil >'; END $$;
CREATE FUNCTION regress_sources_evil.lower(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil lower'; END $$;
CREATE FUNCTION regress_sources_evil.coalesce_(text) RETURNS text LANGUAGE sql AS $$ SELECT NULL::text $$;
CREATE FUNCTION regress_sources_evil.count(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil count'; END $$;
CREATE FUNCTION regress_sources_evil.delivery_rollup_agg(insights.delivery_rollup, timestamptz, text, text, text, text) RETURNS insights.delivery_rollup
  LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil aggregate'; END $$;
CREATE OPERATOR regress_sources_evil.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = regress_sources_evil.evil_equal);
CREATE OPERATOR regress_sources_evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = regress_sources_evil.evil_equal);
CREATE OPERATOR regress_sources_evil.> (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = regress_sources_evil.evil_time);
CREATE OPERATOR regress_sources_evil.<= (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = regress_sources_evil.evil_time);
SELECT endpoint, recent_failures FROM insights.anomalies_current(source => 'qualified', as_of => :t);
SELECT endpoint, recent_failures FROM insights.anomalies_current(source => 'default', tenant => 't', as_of => :t);
SELECT item, value FROM insights.anomalies_explain('t', 'kept', source => 'qualified', as_of => :t) WHERE item OPERATOR(pg_catalog.=) 'verdict';
SELECT "check", level FROM insights.delivery_source_check('qualified') WHERE "check" OPERATOR(pg_catalog.=) 'statuses';
SELECT insights.delivery_source_register('regress_sources.soft', 'evil', '{"where": "kind = 1"}') ->> 'where' AS filter;
SELECT insights.delivery_source_drop('evil');
SET search_path = regress_sources, insights;
DROP SCHEMA regress_sources_evil CASCADE;

-- A relation that is gone: an error with a hint, check says so, and other sources go on.
CREATE TABLE gone (created_at timestamptz NOT NULL, endpoint text, status text);
CREATE TABLE renamed (created_at timestamptz NOT NULL, endpoint text, status text);
SELECT count(delivery_source_register(name::regclass, name)) FROM unnest(ARRAY['gone', 'renamed']) name;
DROP TABLE gone;
ALTER TABLE renamed RENAME TO other_name;
SELECT * FROM anomalies_current(source => 'gone', as_of => :t);
SELECT anomalies_current_json(source => 'renamed', as_of => :t);
\set VERBOSITY sqlstate
SELECT * FROM anomalies_explain('t', 'e', source => 'gone', as_of => :t);
\set VERBOSITY default
SELECT "check", level, detail, hint FROM delivery_source_check('gone');
SELECT source, count(*) AS checks, count(*) FILTER (WHERE level = 'error') AS errors FROM delivery_source_check() GROUP BY source ORDER BY source COLLATE "C";
SELECT count(*) FROM anomalies_current(source => 'default', as_of => :t);
-- a new relation of the same name is found by its name, and is another one where it is a view
CREATE VIEW gone AS SELECT :t AS created_at, '/new' AS endpoint, 'failed' AS status FROM generate_series(1, 70);
SELECT endpoint, recent_failures FROM anomalies_current(source => 'gone', as_of => :t);
SELECT level FROM delivery_source_check('gone') WHERE "check" = 'relation';
-- one that lacks a column is an error of check, and of a report
DROP VIEW gone;
CREATE TABLE gone (created_at timestamptz, status text);
SELECT "check", level, detail FROM delivery_source_check('gone') WHERE level = 'error';
\set VERBOSITY sqlstate
SELECT * FROM anomalies_current(source => 'gone', as_of => :t);
\set VERBOSITY default
-- and its schema may go too
CREATE SCHEMA regress_sources_away;
CREATE TABLE regress_sources_away.d (created_at timestamptz NOT NULL, endpoint text, status text);
SELECT count(delivery_source_register('regress_sources_away.d', 'away'));
DROP SCHEMA regress_sources_away CASCADE;
SELECT * FROM anomalies_current(source => 'away', as_of => :t);
SELECT "check", level, detail, hint FROM delivery_source_check('away');
SELECT delivery_source_drop('away');

-- What check finds.
CREATE TABLE checked (created_at timestamptz, endpoint text, status text);
SELECT count(delivery_source_register('checked', 'checked'));
SELECT "check", level, detail, hint FROM delivery_source_check('checked') WHERE "check" <> 'owner';
ALTER TABLE checked ALTER created_at SET NOT NULL;
CREATE INDEX ON checked (endpoint, created_at);
SELECT "check", level FROM delivery_source_check('checked') WHERE "check" IN ('time', 'index');
CREATE INDEX ON checked (created_at);
SELECT "check", level, detail FROM delivery_source_check('checked') WHERE "check" IN ('time', 'index');
-- a status that no map knows
INSERT INTO checked SELECT :t, 'e', CASE i % 4 WHEN 0 THEN 'bounced' WHEN 1 THEN NULL WHEN 2 THEN 'lost' ELSE 'FAILED' END FROM generate_series(1, 11) i;
SELECT "check", level, detail FROM delivery_source_check('checked') WHERE "check" = 'statuses';
-- one that the mapping's own statuses leave out
SELECT count(delivery_source_register('checked', 'checked', '{"statuses": {"bounced": "failed", "FAILED": "failed"}}'));
SELECT "check", level, detail, hint FROM delivery_source_check('checked') WHERE "check" = 'statuses';
-- the time may be an expression, and an index be on it
ALTER TABLE checked ADD sent_at timestamptz;
DELETE FROM checked WHERE status = 'lost';
SELECT count(delivery_source_register('checked', 'checked', '{"created_at": "coalesce(sent_at, created_at)"}'));
SELECT "check", level, detail, hint FROM delivery_source_check('checked') WHERE "check" IN ('time', 'index');
CREATE INDEX ON checked (coalesce(sent_at, created_at));
SELECT "check", level, detail FROM delivery_source_check('checked') WHERE "check" = 'index';
-- of BRIN too
DROP TABLE checked;
CREATE TABLE checked (created_at timestamptz NOT NULL, endpoint text, status text);
CREATE INDEX ON checked USING brin (created_at);
SELECT count(delivery_source_register('checked', 'checked'));
SELECT "check", level FROM delivery_source_check('checked') WHERE "check" = 'index';
-- but not a partial index, nor a hash
DROP TABLE checked;
CREATE TABLE checked (created_at timestamptz NOT NULL, endpoint text, status text);
CREATE INDEX ON checked USING hash (created_at);
SELECT "check", level FROM delivery_source_check('checked') WHERE "check" = 'index';
CREATE INDEX ON checked (created_at) WHERE status = 'failed';
SELECT "check", level FROM delivery_source_check('checked') WHERE "check" = 'index';
-- of a partitioned table its own, of a view what lies below
CREATE TABLE parts (created_at timestamptz NOT NULL, endpoint text, status text) PARTITION BY RANGE (created_at);
CREATE INDEX ON parts (created_at);
CREATE VIEW seen AS SELECT * FROM parts;
CREATE MATERIALIZED VIEW kept AS SELECT * FROM parts;
SELECT count(delivery_source_register(name::regclass, name)) FROM unnest(ARRAY['parts', 'seen', 'kept']) name;
SELECT source, level, detail FROM delivery_source_check() WHERE "check" = 'index' AND source IN ('parts', 'seen', 'kept') ORDER BY source COLLATE "C";

DELETE FROM insights.delivery_sources;
DROP SCHEMA regress_sources_mine, regress_sources CASCADE;
