-- Who may do what: reports run with the caller's privileges, registering is granted.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_privileges;
SET search_path = regress_privileges, insights;
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
\set SHOW_CONTEXT never
\set t '''2025-11-05 14:30:00+00''::timestamptz'
\pset tuples_only on
\pset format unaligned
CREATE ROLE regress_ai_reader;
CREATE ROLE regress_ai_columns;
CREATE ROLE regress_ai_nobody;
CREATE ROLE regress_ai_registrar;
CREATE ROLE regress_ai_other;
CREATE ROLE regress_ai_group;
GRANT regress_ai_group TO regress_ai_registrar, regress_ai_other;
GRANT USAGE ON SCHEMA regress_privileges, insights TO PUBLIC;
GRANT EXECUTE ON FUNCTION delivery_source_register, delivery_source_drop TO regress_ai_registrar, regress_ai_other, regress_ai_group;

CREATE TABLE d (created_at timestamptz NOT NULL, tenant_id text, endpoint text, status text, secret text);
INSERT INTO d SELECT :t, 't', 'e', 'failed', 'x' FROM generate_series(1, 30);
GRANT SELECT ON d TO regress_ai_reader;
GRANT SELECT (created_at, tenant_id, endpoint, status) ON d TO regress_ai_columns;
SELECT count(delivery_source_register('d'));

-- Who may read the table gets the report, and with no more than the mapping needs.
SET ROLE regress_ai_reader;
SELECT recent_failures FROM anomalies_current(as_of => :t);
SELECT jsonb_array_length(anomalies_current_json(as_of => :t) -> 'incidents');
SELECT count(*) > 0 FROM anomalies_explain('t', 'e', as_of => :t);
SET ROLE regress_ai_columns;
SELECT recent_failures FROM anomalies_current(as_of => :t);
SELECT "check", level FROM delivery_source_check() WHERE level IN ('warning', 'error');
-- Who may not gets the usual error.
SET ROLE regress_ai_nobody;
SELECT outcome(format('SELECT * FROM anomalies_current(as_of => %L)', :t));
SELECT outcome(format('SELECT anomalies_current_json(as_of => %L)', :t));
SELECT outcome(format('SELECT * FROM anomalies_explain(''t'', ''e'', as_of => %L)', :t));
-- check says so, and nothing of what is in the table
SELECT "check", level, detail FROM delivery_source_check() WHERE level = 'error';
-- What sources there are is no table for everybody.
SELECT outcome('SELECT * FROM insights.delivery_sources');
SELECT outcome('DELETE FROM insights.delivery_sources');
SELECT outcome($$INSERT INTO insights.delivery_sources (name) VALUES ('x')$$);
SELECT outcome($$UPDATE insights.delivery_sources SET registered_by = current_user$$);
-- Registering and dropping are not for everybody.
SELECT outcome($$SELECT delivery_source_register('d', 'mine')$$);
SELECT outcome($$SELECT delivery_source_drop()$$);
RESET ROLE;

-- One to whom it is granted registers what he owns, and no other, however well he may read it.
GRANT SELECT ON d TO regress_ai_registrar, regress_ai_other;
CREATE TABLE his AS SELECT * FROM d;
CREATE TABLE ours AS SELECT * FROM d;
ALTER TABLE his OWNER TO regress_ai_registrar;
ALTER TABLE ours OWNER TO regress_ai_group;
SET ROLE regress_ai_registrar;
SELECT outcome($$SELECT delivery_source_register('d', 'mine')$$);
SELECT delivery_source_register('his', 'mine', '{"tenant_id": null}');
SELECT recent_failures FROM anomalies_current(source => 'mine', as_of => :t);
-- not in the place of somebody else's
SELECT outcome($$SELECT delivery_source_register('his', 'default')$$);
SELECT outcome($$SELECT delivery_source_drop('default')$$);
SET ROLE regress_ai_other;
SELECT outcome($$SELECT delivery_source_register('his', 'mine')$$);
SELECT outcome($$SELECT delivery_source_register('ours', 'mine')$$);
SELECT outcome($$SELECT delivery_source_drop('mine')$$);
-- those of a group that he is in are his, too
SELECT outcome($$SELECT delivery_source_register('ours', 'group''s')$$);
SET ROLE regress_ai_registrar;
SELECT outcome($$SELECT delivery_source_register('ours', 'group''s', '{"tenant_id": null}')$$);
SELECT outcome($$SELECT delivery_source_drop('group''s')$$);
-- and the owner of the extension's any
RESET ROLE;
SELECT name, relation, registered_by, owner_name FROM delivery_sources WHERE owner_name LIKE 'regress%' ORDER BY name COLLATE "C";
SELECT outcome($$SELECT delivery_source_drop('mine')$$);
SELECT count(*) FROM delivery_sources WHERE owner_name LIKE 'regress%' AND name = 'mine';

-- Nothing that a mapping says runs as the owner of the extension, or as who registered it.
CREATE FUNCTION who() RETURNS text STABLE LANGUAGE sql AS $$ SELECT current_user::text $$;
CREATE VIEW seen AS SELECT created_at, endpoint, status, current_user AS tenant_id FROM d;
ALTER VIEW seen OWNER TO regress_ai_registrar;
GRANT SELECT ON seen, his TO PUBLIC;
SET ROLE regress_ai_registrar;
SELECT count(delivery_source_register('his', 'who', '{"tenant_id": "who()"}'));
SELECT count(delivery_source_register('seen', 'seen'));
SELECT tenant_id, session_user = tenant_id AS session FROM anomalies_current(source => 'who', as_of => :t);
SET ROLE regress_ai_reader;
SELECT source, method, tenant_id FROM unnest(ARRAY['who', 'seen']) source, unnest(ARRAY['rate', 'reference']) method, anomalies_current(source => source, method => method, as_of => :t) ORDER BY 1 DESC, 2;
SELECT i ->> 'tenant_id' FROM jsonb_array_elements(anomalies_current_json(source => 'who', as_of => :t) -> 'incidents') i;
SELECT value FROM anomalies_explain('regress_ai_reader', 'e', source => 'who', as_of => :t) WHERE item = 'verdict';
RESET ROLE;
-- what a mapping calls must be allowed to the caller
CREATE FUNCTION guarded(text) RETURNS text IMMUTABLE LANGUAGE sql RETURN 'guarded';
REVOKE EXECUTE ON FUNCTION guarded FROM PUBLIC;
GRANT EXECUTE ON FUNCTION guarded TO regress_ai_registrar;
SET ROLE regress_ai_registrar;
SELECT count(delivery_source_register('his', 'guarded', '{"tenant_id": null, "endpoint": "guarded(endpoint)"}'));
SELECT endpoint FROM anomalies_current(source => 'guarded', as_of => :t);
SET ROLE regress_ai_reader;
SELECT outcome(format('SELECT * FROM anomalies_current(source => ''guarded'', as_of => %L)', :t));
RESET ROLE;
-- nor does registering run anything as somebody else: types' and operators' functions are looked at, not called
CREATE FUNCTION loud(text) RETURNS text STABLE LANGUAGE plpgsql AS $$ BEGIN RAISE 'called as %', current_user; END $$;
SET ROLE regress_ai_registrar;
SELECT outcome($$SELECT delivery_source_register('his', 'loud', '{"tenant_id": null, "endpoint": "loud(endpoint)"}')$$);
SELECT outcome(format('SELECT * FROM anomalies_current(source => ''loud'', as_of => %L)', :t));
RESET ROLE;

-- A view's owner reads for those who may read the view.
CREATE VIEW open_view AS SELECT created_at, endpoint, status FROM d;
GRANT SELECT ON open_view TO regress_ai_nobody;
SELECT count(delivery_source_register('open_view', 'open'));
SET ROLE regress_ai_nobody;
SELECT recent_failures FROM anomalies_current(source => 'open', as_of => :t);
RESET ROLE;
-- A schema that the caller may not use is one more thing that is not his.
CREATE SCHEMA regress_privileges_hidden;
CREATE TABLE regress_privileges_hidden.d AS SELECT * FROM d;
GRANT SELECT ON regress_privileges_hidden.d TO PUBLIC;
SELECT count(delivery_source_register('regress_privileges_hidden.d', 'hidden'));
SET ROLE regress_ai_reader;
SELECT outcome(format('SELECT * FROM anomalies_current(source => ''hidden'', as_of => %L)', :t));
RESET ROLE;
DROP SCHEMA regress_privileges_hidden CASCADE;

-- A function that is called with the rights of its owner reports with them.
CREATE FUNCTION for_all() RETURNS bigint SECURITY DEFINER LANGUAGE sql AS $$ SELECT recent_failures FROM insights.anomalies_current(source => 'default', as_of => '2025-11-05 14:30:00+00') $$;
SET ROLE regress_ai_nobody;
SELECT for_all();
RESET ROLE;

-- The owner who may not use the extension, or not call what the mapping calls: registering says what to grant.
SELECT count(delivery_source_drop(name)) FROM delivery_sources;
REVOKE USAGE ON SCHEMA insights FROM PUBLIC;
SELECT outcome($$SELECT delivery_source_register('ours')$$);
GRANT USAGE ON SCHEMA insights TO regress_ai_group;
REVOKE EXECUTE ON FUNCTION insights.delivery_rollup_agg(insights.delivery_rollup, timestamptz, text, text, text, text, int, int) FROM PUBLIC;
SELECT outcome($$SELECT delivery_source_register('ours')$$);
GRANT EXECUTE ON FUNCTION insights.delivery_rollup_agg(insights.delivery_rollup, timestamptz, text, text, text, text, int, int) TO PUBLIC;
SELECT outcome($$SELECT delivery_source_register('ours', mapping => '{"tenant_id": "guarded(tenant_id)"}')$$);
GRANT USAGE ON SCHEMA insights TO PUBLIC;
SELECT outcome($$SELECT delivery_source_register('ours')$$);
SELECT "check", level, detail FROM delivery_source_check() WHERE "check" IN ('binding', 'owner');
-- What he loses later, the check and the scan say.
REVOKE USAGE ON SCHEMA insights FROM PUBLIC, regress_ai_group;
SELECT "check", level, detail, hint FROM delivery_source_check() WHERE "check" = 'owner';
SELECT outcome($$SELECT * FROM anomalies_scan('default')$$);
GRANT USAGE ON SCHEMA insights TO PUBLIC;
-- Who registered it does not matter any more.
SET ROLE regress_ai_other;
SELECT count(delivery_source_register('ours'));
RESET ROLE;
DROP OWNED BY regress_ai_other;
DROP ROLE regress_ai_other;
SELECT "check", level, detail, hint FROM delivery_source_check() WHERE "check" IN ('binding', 'owner');
SELECT outcome FROM anomalies_scan('default', :t);
\pset tuples_only off
\pset format aligned

REVOKE USAGE ON SCHEMA insights FROM PUBLIC;
DROP OWNED BY regress_ai_reader, regress_ai_columns, regress_ai_nobody, regress_ai_registrar, regress_ai_group;

DELETE FROM insights.delivery_sources;
DROP SCHEMA regress_privileges CASCADE;
DROP ROLE regress_ai_reader, regress_ai_columns, regress_ai_nobody, regress_ai_registrar, regress_ai_group;
