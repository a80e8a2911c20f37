-- No statement of ours calls what others put in front of PostgreSQL's functions, operators, types and tables: every one of
-- pg_catalog has a namesake that raises, in a schema that comes first on the path, and tables and types in pg_temp.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
\pset format unaligned
\pset tuples_only on
CREATE SCHEMA regress_traps;
CREATE TABLE regress_traps.d (id int, created_at timestamptz, endpoint text, status text, http_status int, error text, attempts int);
INSERT INTO regress_traps.d SELECT i, '2025-11-05 14:26:00+00'::timestamptz + i * interval '1 second', 'e', 'failed', 503, 'down', 1 FROM generate_series(1, 40) i;
CREATE TABLE regress_traps.l (id text, created_at timestamp, tenant_id text, endpoint text, status text);
INSERT INTO regress_traps.l SELECT i::text, '2025-11-05 14:26:00'::timestamp + i * interval '1 second', 't', 'e', 'failed' FROM generate_series(1, 40) i;

-- Functions: the same name and arguments, a result of the same type. What cannot be imitated is left out.
CREATE FUNCTION regress_traps.set_traps() RETURNS TABLE (functions bigint, operators bigint) LANGUAGE plpgsql AS $$
DECLARE
  it record;
BEGIN
  functions := 0; operators := 0;
  FOR it IN SELECT p.proname AS name, pg_get_function_identity_arguments(p.oid) AS arguments, p.proretset AS set,
      format_type(p.prorettype, NULL) AS result, array_length(p.proargmodes, 1) AS modes
    FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND p.provariadic = 0
      AND p.proargmodes IS NULL AND NOT 'internal'::regtype = ANY (p.proargtypes) AND p.prorettype <> 'internal'::regtype
  LOOP
    BEGIN
      EXECUTE format('CREATE FUNCTION regress_traps.%I(%s) RETURNS %s %s LANGUAGE plpgsql AS %L', it.name, it.arguments,
        CASE WHEN it.set THEN 'SETOF' ELSE '' END, it.result, 'BEGIN RAISE EXCEPTION ''trapped by a function''; END');
      functions := functions + 1;
    EXCEPTION WHEN feature_not_supported OR invalid_function_definition OR syntax_error OR undefined_object OR duplicate_function THEN
    END;
  END LOOP;
  FOR it IN SELECT o.oprname AS name, format_type(o.oprleft, NULL) AS a, format_type(o.oprright, NULL) AS b, o.oprleft = 0 AS prefix,
      format_type(o.oprresult, NULL) AS result, row_number() OVER (ORDER BY o.oid) AS number
    FROM pg_operator o WHERE o.oprnamespace = 'pg_catalog'::regnamespace AND o.oprcode <> 0
  LOOP
    BEGIN
      EXECUTE format('CREATE FUNCTION regress_traps.operator_%s(%s) RETURNS %s LANGUAGE plpgsql AS %L', it.number,
        CASE WHEN it.prefix THEN it.b ELSE it.a || ', ' || it.b END, it.result, 'BEGIN RAISE EXCEPTION ''trapped by an operator''; END');
      EXECUTE format('CREATE OPERATOR regress_traps.%s (FUNCTION = regress_traps.operator_%s, %s RIGHTARG = %s)', it.name, it.number,
        CASE WHEN it.prefix THEN '' ELSE 'LEFTARG = ' || it.a || ',' END, it.b);
      operators := operators + 1;
    EXCEPTION WHEN feature_not_supported OR invalid_function_definition OR syntax_error OR undefined_object THEN
    END;
  END LOOP;
  RETURN NEXT;
END $$;
SELECT functions > 1500 AS functions, operators > 700 AS operators FROM regress_traps.set_traps();

-- Tables and types of ours and of PostgreSQL in pg_temp.
CREATE TEMP TABLE anomalies (trap int);
CREATE TEMP TABLE anomaly_events (trap int);
CREATE TEMP TABLE delivery_sources (trap int);
CREATE TEMP TABLE pg_extension (trap int);
CREATE TEMP TABLE pg_timezone_abbrevs (trap int);
CREATE DOMAIN pg_temp.text AS int;
CREATE DOMAIN pg_temp.timestamptz AS int;
CREATE DOMAIN pg_temp.jsonb AS int;
SET search_path = pg_temp, regress_traps, insights, pg_catalog;

-- The traps work.
\set VERBOSITY terse
SELECT 'a'::pg_catalog.text < 'b'::pg_catalog.text;
SELECT lower('A'::pg_catalog.text);
SELECT now();

-- Every function that runs a statement.
SELECT insights.delivery_source_register('regress_traps.d', mapping => '{"replay_status": "pending"}') IS NOT NULL;
SELECT insights.delivery_source_register('regress_traps.l', 'local', '{"time_zone": "Europe/Berlin"}') IS NOT NULL;
SELECT insights.delivery_source_register('regress_traps.l', 'local', '{"time_zone": "EET"}') IS NOT NULL;
SELECT insights.delivery_source_register('regress_traps.d', 'again') IS NOT NULL;
SELECT insights.delivery_source_drop('again') IS NOT NULL;
SELECT "check", level FROM insights.delivery_source_check() WHERE false;
SELECT 1 FROM insights.anomalies_current(source => 'default', tenant => NULL, as_of => '2025-11-05 14:30:00+00') LIMIT 1;
SELECT 1 FROM insights.anomalies_current(source => 'local', tenant => 't', as_of => '2025-11-05 13:30:00+00') LIMIT 1;
SELECT insights.anomalies_current_json(source => 'default', as_of => '2025-11-05 14:30:00+00') IS NOT NULL;
SELECT 1 FROM insights.anomalies_explain(NULL, 'e', source => 'default', as_of => '2025-11-05 14:30:00+00') LIMIT 1;
SELECT 1 FROM insights.anomalies_history(source => 'default', as_of => '2025-11-05 14:30:00+00') LIMIT 1;
SELECT insights.anomalies_history_json(source => 'default', as_of => '2025-11-05 14:30:00+00') IS NOT NULL;
SELECT insights.operator_insights_summary(source => 'default', as_of => '2025-11-05 14:30:00+00') IS NOT NULL;
SELECT 1 FROM insights.top_failing_endpoints(source => 'default', as_of => '2025-11-05 14:30:00+00') LIMIT 1;
SELECT 1 FROM insights.top_failing_tenants(source => 'default', as_of => '2025-11-05 14:30:00+00') LIMIT 1;
SELECT 1 FROM insights.triage_distribution(source => 'default', as_of => '2025-11-05 14:30:00+00') LIMIT 1;
SELECT 1 FROM insights.delivery_stats(source => 'default', as_of => '2025-11-05 14:30:00+00');
SELECT 1 FROM insights.replay_stats(source => 'default', as_of => '2025-11-05 14:30:00+00');
SELECT 1 FROM insights.operator_insights_trends(source => 'default', as_of => '2025-11-05 14:30:00+00') LIMIT 1;
SELECT insights.operator_insights_trends_json(source => 'default', as_of => '2025-11-05 14:30:00+00') IS NOT NULL;
SELECT 1 FROM insights.operator_insights_series('2025-11-05', '2025-11-06', source => 'local') LIMIT 1;
SELECT 1 FROM insights.insights_compare(source => 'default', as_of => '2025-11-05 14:30:00+00') LIMIT 1;
SELECT 1 FROM insights.delivery_search('{"endpoint": "e", "status": "failed", "ids": ["1", "2"], "triage_label": "transient_endpoint_down"}', source => 'default', as_of => '2025-11-05 14:30:00+00') LIMIT 1;
SELECT 1 FROM insights.replay_recommendations(source => 'default', as_of => '2025-11-05 14:30:00+00') LIMIT 1;
SELECT insights.replay_recommendations_json(source => 'default', as_of => '2025-11-05 14:30:00+00') IS NOT NULL;
SELECT 1 FROM insights.replay_plan(source => 'default', as_of => '2025-11-05 14:30:00+00') LIMIT 1;
SELECT outcome FROM insights.replay_execute('{1,2}', 'shadows', true, 'default');
SELECT outcome FROM insights.replay_execute('{1,2}', 'shadows', true, 'default');
SELECT opened, outcome, detail FROM insights.anomalies_scan('default', '2025-11-05 14:30:00+00');
SELECT outcome FROM insights.anomalies_scan(NULL, '2025-11-05 14:31:00+00');
SELECT insights.anomaly_mute(endpoint => 'e', starts_at => '2025-11-05', reason => 'shadows', days => '{1,2,3,4,5,6,7}', from_time => '00:00', to_time => '23:00', time_zone => 'UTC') IS NOT NULL;
SELECT (insights.anomaly_acknowledge(id, as_of => '2025-11-05 14:32:00+00')).status FROM insights.anomalies_active;
SELECT (insights.anomaly_resolve(id, as_of => '2025-11-05 14:33:00+00')).status FROM insights.anomalies_active;
SELECT insights.anomaly_unmute(id) IS NOT NULL FROM insights.anomaly_mutes;
SELECT 1 FROM insights.anomalies_prune(as_of => '2025-11-05 14:34:00+00');
SELECT 1 FROM insights.anomaly_insights_status() LIMIT 1;
SELECT insights.audit_record('shadows') IS NOT NULL;
SELECT 1 FROM insights.audit_list(action => 'shadows') LIMIT 1;
SELECT 1 FROM insights.audit_stats() LIMIT 1;
SELECT problem FROM insights.audit_verify();
SELECT insights.insights_grant('viewer', 'pg_monitor') IS NOT NULL;
SELECT insights.insights_revoke('pg_monitor') IS NOT NULL;
SELECT insights.insights_tenants() IS NULL;

\set VERBOSITY default
RESET search_path;
ALTER TABLE insights.operator_audit DISABLE TRIGGER append_only;
DELETE FROM insights.operator_audit;
ALTER TABLE insights.operator_audit ENABLE ALWAYS TRIGGER append_only;
DELETE FROM insights.operator_replays;
DELETE FROM insights.anomalies;
DELETE FROM insights.anomaly_events;
DELETE FROM insights.anomaly_mutes;
DELETE FROM insights.delivery_sources;
DROP SCHEMA regress_traps CASCADE;
