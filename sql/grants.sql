-- Tiers and tenants: who is given what, and whose incidents, events and mutes a restricted role sees and changes.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_grants;
SET search_path = regress_grants, insights;
SET timezone = 'UTC';

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
  RETURN state || ': ' || regexp_replace(message, '(incident|mute) \d+', '\1 N') || coalesce(E'\n  detail: ' || nullif(detail, ''), '')
    || coalesce(E'\n  hint: ' || nullif(hint, ''), '');
END $$;
-- what a role holds by name, and not by membership
CREATE FUNCTION held(role_name text) RETURNS TABLE (privilege text, object text) LANGUAGE sql AS $$
  SELECT a.privilege_type, string_agg(a.object, ' ' ORDER BY a.object COLLATE "C")
  FROM (
    SELECT nspname::text AS object, (aclexplode(nspacl)).* FROM pg_namespace WHERE nspname = 'insights'
    UNION ALL SELECT proname, (aclexplode(proacl)).* FROM pg_proc WHERE pronamespace = 'insights'::regnamespace
    UNION ALL SELECT relname, (aclexplode(relacl)).* FROM pg_class WHERE relnamespace = 'insights'::regnamespace
    UNION ALL SELECT relname || '.' || attname, (aclexplode(attacl)).* FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
      WHERE relnamespace = 'insights'::regnamespace) AS a
  JOIN pg_roles r ON r.oid = a.grantee WHERE r.rolname = role_name GROUP BY 1 ORDER BY 1 $$;
\set SHOW_CONTEXT never
\pset tuples_only on
\pset format unaligned
CREATE ROLE regress_ai_acme;
CREATE ROLE regress_ai_both;
CREATE ROLE regress_ai_all;
CREATE ROLE regress_ai_none;
CREATE ROLE "regress_ai O'@ ""Neil";
CREATE ROLE regress_ai_super SUPERUSER;
CREATE ROLE regress_ai_bypass BYPASSRLS;

-- What is refused.
SELECT outcome(format('SELECT insights_grant(%s)', arguments)) FROM unnest(ARRAY[
  $$NULL, 'regress_ai_acme'$$, $$'operator', NULL$$, $$'Operator', 'regress_ai_acme'$$, $$'', 'regress_ai_acme'$$,
  $$'operator', 'regress_ai_nobody'$$, $$'operator', 'REGRESS_AI_ACME'$$, $$'operator', '"regress_ai_acme"'$$,
  $$'operator', ''$$, $$'operator', repeat('x', 100)$$, $$'operator', 'public'$$, $$'operator', 'PUBLIC'$$,
  $$'operator', 'current_user'$$, $$'operator', 'regress_ai_acme', '{}'$$, $$'operator', 'regress_ai_acme', '{a, NULL}'$$,
  $$'operator', 'regress_ai_acme', '{{a, b}, {c, d}}'$$, $$'admin', 'regress_ai_acme', '{acme}'$$,
  $$'operator', 'regress_ai_super', '{acme}'$$, $$'operator', 'regress_ai_bypass', '{acme}'$$]) AS arguments;
SELECT outcome($$SELECT insights_revoke(NULL)$$);
SELECT outcome($$SELECT insights_revoke('regress_ai_nobody')$$);
SELECT outcome($$SELECT insights_revoke('public')$$);
SELECT outcome($$INSERT INTO insights_grants VALUES ('x', 'viewer', '{}')$$);
SELECT outcome($$INSERT INTO insights_grants VALUES ('x', 'viewer', '{NULL}')$$);
SELECT outcome($$INSERT INTO insights_grants VALUES ('x', 'owner')$$);
SELECT count(*) FROM insights_grants;
GRANT USAGE ON SCHEMA insights, regress_grants TO PUBLIC;
SET ROLE regress_ai_none;
SELECT outcome($$SELECT insights_grant('admin', 'regress_ai_none')$$);
SELECT outcome($$SELECT insights_revoke('regress_ai_acme')$$);
SELECT outcome($$TABLE insights_grants$$);
RESET ROLE;

-- Each tier has what the one below it has; another one takes the place of the first.
SELECT insights_grant('viewer', 'regress_ai_all');
SELECT * FROM held('regress_ai_all');
SELECT insights_grant('admin', 'regress_ai_all');
SELECT * FROM held('regress_ai_all');
SELECT insights_grant('operator', 'regress_ai_all');
SELECT insights_grant('operator', 'regress_ai_all');
SELECT * FROM held('regress_ai_all');
-- What is inherited from a role of the lower tier is not given once more.
SELECT insights_grant('viewer', 'regress_ai_none');
GRANT regress_ai_none TO regress_ai_both;
SELECT insights_grant('operator', 'regress_ai_both', '{acme, globex}');
SELECT * FROM held('regress_ai_both');
SELECT insights_revoke('regress_ai_both');
SELECT insights_revoke('regress_ai_none');
REVOKE regress_ai_none FROM regress_ai_both;
SELECT * FROM held('regress_ai_both');
SELECT * FROM held('regress_ai_none');
-- A name is a name, whatever is in it.
SELECT insights_grant('operator', $$regress_ai O'@ "Neil$$, ARRAY['acme', $$O'@ "Neil, {}$$]);
SELECT * FROM held($$regress_ai O'@ "Neil$$);
SELECT insights_grant('operator', 'regress_ai_acme', '{acme}');
SELECT insights_grant('operator', 'regress_ai_both', '{acme, globex}');
SELECT * FROM insights_grants ORDER BY role_name COLLATE "C";

-- Incidents of two tenants, of one with an odd name, of none, and of the fleet; each with an event; and mutes.
CREATE FUNCTION put(tenant text, endpoint text, scope text DEFAULT 'endpoint') RETURNS bigint LANGUAGE sql AS $$
  WITH made AS (
    INSERT INTO insights.anomalies (tenant_id, endpoint, severity, spike_detected, failure_cluster_detected, silence_detected,
      recent_count, baseline_count, recent_failures, baseline_failures, detected_at, source, status, last_seen_at, reopen_count,
      peak_failures, flapping, message, scope, muted, level_since, evaluated_at, usual_count, usual_failure_ratio, reopened_at)
    VALUES (tenant, endpoint, 'critical', false, true, false, 20, 0, 20, 0, now(), 'grants', 'open', now(), 0, 20, false, 'it fails',
      scope, false, now(), now(), 0, 0, '{}') RETURNING *), event AS (
    INSERT INTO insights.anomaly_events (anomaly_id, event, at, severity, status, source, tenant_id, endpoint, scope, recent_count,
      baseline_count, recent_failures, baseline_failures, peak_failures, message, notified, by_user)
    SELECT id, 'opened', now(), severity, status, source, tenant_id, endpoint, scope, 20, 0, 20, 0, 20, message, false, 'regress' FROM made)
  SELECT id FROM made $$;
SELECT put('acme', 'a') AS acme, put('globex', 'g') AS globex, put($$O'@ "Neil, {}$$, 'n') AS neil, put(NULL, 'nobody''s') AS nobody,
  put(NULL, NULL, 'fleet') AS fleet, put('', 'empty') AS empty \gset
SELECT anomaly_mute('acme') AS acme_mute, anomaly_mute('globex') AS globex_mute, anomaly_mute(endpoint => 'g') AS any_mute \gset
CREATE FUNCTION seen() RETURNS TABLE (relation text, tenants text) LANGUAGE sql AS $$
  SELECT '1 anomalies', string_agg(coalesce(tenant_id, scope), ', ' ORDER BY id) FROM insights.anomalies WHERE source = 'grants'
  UNION ALL SELECT '2 events', string_agg(coalesce(tenant_id, scope), ', ' ORDER BY seq) FROM insights.anomaly_events WHERE source = 'grants' AND event = 'opened'
  UNION ALL SELECT '3 mutes', string_agg(coalesce(tenant_id, 'any'), ', ' ORDER BY id) FROM insights.anomaly_mutes
  UNION ALL SELECT '4 tenants', insights.insights_tenants()::text ORDER BY 1 $$;
SELECT * FROM seen();
SET ROLE regress_ai_all;
SELECT * FROM seen();
SET ROLE regress_ai_acme;
SELECT * FROM seen();
SET ROLE regress_ai_both;
SELECT * FROM seen();
SET ROLE "regress_ai O'@ ""Neil";
SELECT * FROM seen();
SET ROLE regress_ai_super;
SELECT * FROM seen();
RESET ROLE;
-- The view is the reader's own. Who was granted SELECT and no tier sees all, as who was granted some columns does.
GRANT SELECT ON anomalies_active TO regress_ai_acme, regress_ai_none;
GRANT SELECT (id, source, tenant_id) ON anomalies TO regress_ai_none;
GRANT SELECT ON anomaly_events, anomaly_mutes, anomalies TO regress_ai_bypass;
SET ROLE regress_ai_acme;
SELECT string_agg(tenant_id, ', ') FROM anomalies_active;
SET ROLE regress_ai_none;
SELECT count(*) FROM anomalies WHERE source = 'grants';
SELECT count(id) FROM anomalies_active WHERE source = 'grants';
SET ROLE regress_ai_bypass;
SELECT count(*) FROM anomalies WHERE source = 'grants';
RESET ROLE;

-- The tenants are found once for a query, before anything that could tell of a row.
CREATE FUNCTION tell(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE WARNING 'there is %', $1; RETURN true; END $$;
CREATE FUNCTION plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  line text;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
    RETURN NEXT regexp_replace(regexp_replace(line, ' \(returns .*\)', ''), '\$\d|\(InitPlan \d\)\.col1', 'its value', 'g');  -- 15 to 18
  END LOOP;
END $$;
SET ROLE regress_ai_acme;
SELECT plan_of('SELECT id FROM insights.anomalies WHERE regress_grants.tell(tenant_id)');
SELECT count(*) FROM anomalies WHERE tell(tenant_id);
SELECT count(*) FROM anomaly_mutes WHERE tell(tenant_id);
-- No setting widens it.
SET row_security = off;
SELECT outcome('TABLE anomalies'), outcome('TABLE anomaly_events'), outcome('TABLE anomaly_mutes');
RESET row_security;
CREATE FUNCTION pg_temp.eq(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR pg_temp.= (LEFTARG = text, RIGHTARG = text, FUNCTION = pg_temp.eq);
CREATE FUNCTION pg_temp.pg_has_role(oid, oid, text) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE FUNCTION pg_temp.insights_tenants(regclass) RETURNS text[] LANGUAGE sql AS 'SELECT NULL::text[]';
CREATE TEMP TABLE insights_grants (role_name text, tier text, tenants text[]);
SET search_path = pg_temp, regress_grants, insights, pg_catalog;
SELECT * FROM seen();
DROP TABLE pg_temp.insights_grants;
RESET ROLE;
DROP OPERATOR pg_temp.= (text, text);
DROP FUNCTION pg_temp.eq, pg_temp.pg_has_role, pg_temp.insights_tenants;
SET search_path = regress_grants, insights;
SET ROLE regress_ai_acme;
SET plan_cache_mode = force_generic_plan;
PREPARE mine AS SELECT string_agg(tenant_id, ', ' ORDER BY id) FROM insights.anomalies WHERE source = $1;
EXECUTE mine ('grants');
SET ROLE regress_ai_all;
EXECUTE mine ('grants');
SET ROLE regress_ai_both;
EXECUTE mine ('grants');
RESET ROLE;
RESET plan_cache_mode;

-- What reaches a role: itself, and what it inherits, as with policies. The tenants of all rows count, not a row without.
GRANT regress_ai_both TO regress_ai_none;
SET ROLE regress_ai_none;
SELECT insights_tenants();
RESET ROLE;
GRANT regress_ai_all TO regress_ai_none;
GRANT "regress_ai O'@ ""Neil" TO regress_ai_none;
SET ROLE regress_ai_none;
SELECT insights_tenants();
SELECT * FROM seen();
SET ROLE regress_ai_all;
SELECT insights_tenants();
RESET ROLE;
REVOKE regress_ai_all, "regress_ai O'@ ""Neil", regress_ai_both FROM regress_ai_none;
CREATE ROLE regress_ai_service NOINHERIT;
GRANT regress_ai_acme, regress_ai_all TO regress_ai_service;
SET ROLE regress_ai_service;
SELECT insights_tenants(), outcome('TABLE insights.anomalies');
RESET ROLE;
DROP ROLE regress_ai_service;

-- A function with the rights of its owner is its owner's; a view's owner counts for nothing, but must not lend his rights.
CREATE FUNCTION by_all() RETURNS SETOF text SECURITY DEFINER LANGUAGE sql AS $$ SELECT tenants FROM regress_grants.seen() $$;
CREATE FUNCTION by_acme() RETURNS SETOF text SECURITY DEFINER LANGUAGE sql AS $$ SELECT tenants FROM regress_grants.seen() $$;
ALTER FUNCTION by_all OWNER TO regress_ai_all;
ALTER FUNCTION by_acme OWNER TO regress_ai_acme;
SET ROLE regress_ai_acme;
SELECT by_all();
SET ROLE regress_ai_all;
SELECT by_acme();
RESET ROLE;
CREATE VIEW of_acme AS SELECT * FROM anomalies;
CREATE VIEW of_all AS SELECT * FROM anomalies;
ALTER VIEW of_acme OWNER TO regress_ai_acme;
ALTER VIEW of_all OWNER TO regress_ai_all;
CREATE VIEW of_owner AS SELECT * FROM anomalies;
CREATE ROLE regress_ai_guest;
GRANT SELECT ON of_acme, of_all, of_owner TO PUBLIC;
SET ROLE regress_ai_acme;
SELECT count(*) FROM of_acme WHERE source = 'grants';
SELECT count(*) FROM of_all WHERE source = 'grants';
SET ROLE regress_ai_all;
SELECT count(*) FROM of_acme WHERE source = 'grants';
SET ROLE regress_ai_guest;
SELECT outcome('SELECT * FROM regress_grants.of_acme'), outcome('SELECT * FROM regress_grants.of_all');
SELECT count(*) FROM of_owner WHERE source = 'grants';
SELECT insights_tenants(), outcome('SELECT insights_tenants(0)');
RESET ROLE;
DROP VIEW of_acme, of_all, of_owner;
DROP ROLE regress_ai_guest;

-- The operator's hand reaches as far.
SET ROLE regress_ai_acme;
SELECT outcome(format('SELECT anomaly_acknowledge(%s)', id)), outcome(format('SELECT anomaly_resolve(%s)', id))
FROM unnest(ARRAY[:globex, :nobody, :fleet]) AS id;
SELECT (anomaly_acknowledge(:acme, 'mine')).status;
SELECT (anomaly_resolve(:acme, 'mine')).status;
SELECT outcome('SELECT anomaly_mute(everything => true)');
SELECT outcome($$SELECT anomaly_mute(endpoint => 'a')$$);
SELECT outcome($$SELECT anomaly_mute('globex')$$);
SELECT outcome($$SELECT anomaly_mute('')$$);
SELECT anomaly_mute('acme', 'a') > 0;
SELECT outcome(format('SELECT anomaly_unmute(%s)', id)) FROM unnest(ARRAY[:globex_mute, :any_mute, :acme_mute]) AS id;
SET ROLE regress_ai_both;
SELECT (anomaly_acknowledge(:globex)).status;
SELECT anomaly_mute('globex') > 0;
SELECT outcome($$SELECT anomaly_mute(everything => true)$$);
SET ROLE regress_ai_all;
SELECT (anomaly_acknowledge(:fleet)).status, anomaly_mute(everything => true) > 0, anomaly_unmute(:any_mute);
RESET ROLE;
-- Within a function with its owner's rights, its owner is who asks, whoever calls it.
CREATE FUNCTION acknowledge_by_acme(id bigint) RETURNS text SECURITY DEFINER LANGUAGE sql AS $$ SELECT (insights.anomaly_acknowledge(id)).status $$;
CREATE FUNCTION acknowledge_by_all(id bigint) RETURNS text SECURITY DEFINER LANGUAGE sql AS $$ SELECT (insights.anomaly_acknowledge(id)).status $$;
ALTER FUNCTION acknowledge_by_acme OWNER TO regress_ai_acme;
ALTER FUNCTION acknowledge_by_all OWNER TO regress_ai_all;
SELECT outcome(format('SELECT acknowledge_by_acme(%s)', :neil));
SET ROLE regress_ai_acme;
SELECT acknowledge_by_all(:neil);
SELECT current_user, outcome('TABLE insights.insights_grants');
RESET ROLE;
SELECT tenant_id, status, acknowledged_by = session_user AS by_session FROM anomalies WHERE id = :neil;
-- So an index that a superuser builds anew does not lend its expression his rights.
CREATE TABLE bait AS SELECT :globex AS id;
ALTER TABLE bait OWNER TO regress_ai_acme;
GRANT CREATE ON SCHEMA regress_grants TO regress_ai_acme;
CREATE FUNCTION trap(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN $1; END $$;
SET ROLE regress_ai_acme;
CREATE INDEX ON bait (trap(id));
RESET ROLE;
CREATE OR REPLACE FUNCTION trap(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
  RAISE WARNING '% has %', current_user, insights.insights_tenants();
  PERFORM insights.anomaly_resolve($1); RETURN $1; END $$;
SELECT outcome('REINDEX TABLE bait');

-- What else would tell: how many are open, and why a replay is held.
CREATE TABLE deliveries (id int, created_at timestamptz NOT NULL, tenant_id text, endpoint text, status text, attempts int);
SELECT count(delivery_source_register('deliveries', 'grants', '{"replay_status": "pending"}'));
INSERT INTO deliveries SELECT i, now() - interval '3 hours', t, e, 'failed', 1
FROM (VALUES (1, 'globex', 'g'), (2, 'acme', 'a')) AS v (i, t, e);
GRANT SELECT, UPDATE (status, attempts) ON deliveries TO regress_ai_acme, regress_ai_all, regress_ai_both;
UPDATE anomalies SET status = 'resolved', resolved_at = now(), resolve_reason = 'by hand' WHERE id = :fleet;
SELECT put('acme', 'a') AS again \gset
SELECT source, open_incidents FROM anomaly_insights_status();
SELECT delivery_id, outcome, reason LIKE '%an incident is open since%' AS told FROM replay_plan() ORDER BY 1;
SET ROLE regress_ai_all;
SELECT source, open_incidents FROM anomaly_insights_status();
SET ROLE regress_ai_both;
SELECT source, open_incidents FROM anomaly_insights_status();
SET ROLE regress_ai_acme;
SELECT source, open_incidents FROM anomaly_insights_status();
SELECT delivery_id, outcome, reason LIKE '%an incident is open since%' AS told FROM replay_plan() ORDER BY 1;
RESET ROLE;

-- Ours is permissive: what is to narrow it must be restrictive.
CREATE POLICY only_n ON anomalies AS RESTRICTIVE FOR SELECT TO regress_ai_all USING (endpoint = 'n');
SET ROLE regress_ai_all;
SELECT string_agg(endpoint, ', ') FROM anomalies;
RESET ROLE;
DROP POLICY only_n ON anomalies;
-- FORCE holds the owner to his own policies; ours restricts nobody who owns.
ALTER TABLE anomalies FORCE ROW LEVEL SECURITY;
SELECT count(*) > 3 FROM anomalies;
ALTER TABLE anomalies NO FORCE ROW LEVEL SECURITY;

-- A role that is renamed sees nothing until it is granted a tier by its new name. Its old name is nobody's.
ALTER ROLE regress_ai_acme RENAME TO regress_ai_acme_2;
SET ROLE regress_ai_acme_2;
SELECT * FROM seen();
SELECT outcome(format('SELECT anomaly_acknowledge(%s)', :again)), outcome($$SELECT anomaly_mute('acme')$$);
RESET ROLE;
CREATE ROLE regress_ai_acme;
SET ROLE regress_ai_acme;
SELECT outcome('TABLE insights.anomalies');
RESET ROLE;
DROP ROLE regress_ai_acme;
SELECT insights_grant('operator', 'regress_ai_acme_2', '{acme}');
SELECT insights_revoke('regress_ai_acme');
SET ROLE regress_ai_acme_2;
SELECT * FROM seen();
RESET ROLE;
-- Without tenants it is restricted no more; without a tier it has nothing left.
SELECT insights_grant('operator', 'regress_ai_acme_2');
SET ROLE regress_ai_acme_2;
SELECT insights_tenants();
RESET ROLE;
SELECT insights_grant('viewer', 'regress_ai_acme_2', '{acme}');
SELECT * FROM held('regress_ai_acme_2');
SELECT insights_revoke('regress_ai_acme_2');
SELECT insights_revoke('regress_ai_acme_2');
SELECT * FROM held('regress_ai_acme_2');
SELECT role_name FROM insights_grants ORDER BY role_name COLLATE "C";
-- A role that was dropped leaves its row, which is revoked by its name.
DROP OWNED BY regress_ai_both;
DROP ROLE regress_ai_both;
SELECT tier, tenants FROM insights_grants WHERE role_name = 'regress_ai_both';
SELECT insights_revoke('regress_ai_both');
SELECT outcome($$SELECT insights_revoke('regress_ai_both')$$);

-- Another name of the schema.
ALTER SCHEMA insights RENAME TO "regress In'sights@";
SET search_path = regress_grants, "regress In'sights@";
SELECT insights_grant('operator', 'regress_ai_acme_2', '{acme}');
SET ROLE regress_ai_acme_2;
SELECT string_agg(DISTINCT tenant_id, ', ') FROM anomalies;
RESET ROLE;
SELECT insights_revoke('regress_ai_acme_2');
ALTER SCHEMA "regress In'sights@" RENAME TO insights;
SET search_path = regress_grants, insights;

DELETE FROM insights_grants;
DELETE FROM anomalies;
DELETE FROM anomaly_events;
DELETE FROM anomaly_mutes;
DELETE FROM anomaly_runs;
DELETE FROM delivery_sources;
REVOKE USAGE ON SCHEMA insights FROM PUBLIC;
DROP SCHEMA regress_grants CASCADE;
DROP OWNED BY regress_ai_acme_2, regress_ai_all, regress_ai_none, "regress_ai O'@ ""Neil", regress_ai_super, regress_ai_bypass;
DROP ROLE regress_ai_acme_2, regress_ai_all, regress_ai_none, "regress_ai O'@ ""Neil", regress_ai_super, regress_ai_bypass;
