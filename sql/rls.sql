-- Row-level security: everybody sees the anomalies of his rows, and is told nothing of the fleet.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_rls;
SET search_path = regress_rls, insights;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';

-- the reference table, which needs no mapping
CREATE TABLE deliveries (
  id uuid DEFAULT gen_random_uuid(), alert_event_id text, tenant_id text, rule_id int, rule_name text, event_type text,
  target text, status text, triage_label text, triage_score int, attempts int, max_attempts int, last_error text,
  next_retry_at timestamptz, created_at timestamptz, updated_at timestamptz);

-- n deliveries of one tenant and endpoint at one time, the first of them failed
CREATE FUNCTION put(tenant text, endpoint text, at timestamptz, n int, failed int DEFAULT 0) RETURNS int
LANGUAGE sql SET jit = off BEGIN ATOMIC
  INSERT INTO deliveries (tenant_id, target, created_at, status)
  SELECT tenant, endpoint, at, CASE WHEN i <= failed THEN 'failed' ELSE 'delivered' END FROM generate_series(1, n) i;
  SELECT n;
END;
\set SHOW_CONTEXT never
\set t '''2025-11-05 14:30:00+00''::timestamptz'
CREATE ROLE regress_ai_t1;
CREATE ROLE regress_ai_t2;
CREATE ROLE regress_ai_none;
CREATE ROLE regress_ai_all BYPASSRLS;
CREATE ROLE regress_ai_owner;
GRANT USAGE ON SCHEMA regress_rls, insights TO PUBLIC;
GRANT SELECT ON deliveries TO PUBLIC;
ALTER TABLE deliveries ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenants ON deliveries FOR SELECT USING ('regress_ai_' || tenant_id = current_user);
SELECT 1 AS registered FROM delivery_source_register('deliveries');

-- Each tenant has an endpoint that fails, and one that falls silent, but for the last.
SELECT sum(put('t' || k, 'fails', :t - interval '2 minutes', 20 + k, 20 + k)) AS failing FROM generate_series(1, 6) k;
SELECT sum(put('t' || k, 'traffic', :t - interval '2.5 minutes' - i * interval '5 minutes', 20)) AS traffic
FROM generate_series(1, 6) k, generate_series(0, 14) i WHERE k = 6 OR i > 2;

-- who sees all
SELECT scope, tenant_id, endpoint, severity, recent_failures, silence_detected FROM anomalies_current(as_of => :t);
SET ROLE regress_ai_all;
SELECT scope, count(*) FROM anomalies_current(as_of => :t) GROUP BY scope ORDER BY scope;
-- who sees some
SET ROLE regress_ai_t1;
SELECT scope, tenant_id, endpoint, severity, recent_failures, silence_detected FROM anomalies_current(as_of => :t);
SELECT i ->> 'tenant_id' AS tenant, i ->> 'endpoint' AS endpoint FROM jsonb_array_elements(anomalies_current_json(as_of => :t) -> 'incidents') i;
SELECT tenant_id, endpoint FROM anomalies_current(method => 'reference', as_of => :t);
-- one cannot ask for another's
SELECT count(*) FROM anomalies_current(tenant => 't2', as_of => :t);
SELECT item, value FROM anomalies_explain('t2', 'fails', as_of => :t) WHERE item IN ('recent_count', 'verdict');
SELECT item, value FROM anomalies_explain('t1', 'fails', as_of => :t) WHERE item IN ('recent_count', 'verdict');
-- explain says that it is a part
SELECT item, value, meaning FROM anomalies_explain('t1', 'traffic', as_of => :t) WHERE item IN ('fleet_factor', 'fleet', 'silence_detected');
SELECT "check", level, detail, hint FROM delivery_source_check() WHERE "check" = 'row security';
SET ROLE regress_ai_t2;
SELECT scope, tenant_id, endpoint FROM anomalies_current(as_of => :t);
SET ROLE regress_ai_none;
SELECT count(*) FROM anomalies_current(as_of => :t);
RESET ROLE;
SELECT "check", level FROM delivery_source_check() WHERE "check" = 'row security';
SELECT meaning FROM anomalies_explain('t1', 'traffic', as_of => :t) WHERE item = 'fleet_factor';

-- A prepared statement follows the role.
PREPARE tenants AS SELECT array_agg(DISTINCT tenant_id) AS tenants FROM anomalies_current(as_of => $1) WHERE scope = 'endpoint';
SET ROLE regress_ai_t1;
EXECUTE tenants (:t);
SET ROLE regress_ai_t2;
EXECUTE tenants (:t);
RESET ROLE;
EXECUTE tenants (:t);
-- and a session that wants no policy to hide rows is told
SET ROLE regress_ai_t1;
SET row_security = off;
\set VERBOSITY sqlstate
SELECT count(*) FROM anomalies_current(as_of => :t);
\set VERBOSITY default
RESET row_security;
RESET ROLE;

-- The owner of the table sees all of it, unless the policy is forced on him too.
ALTER TABLE deliveries OWNER TO regress_ai_owner;
SELECT count(delivery_source_register('deliveries'));
SET ROLE regress_ai_owner;
SELECT scope, count(*) FROM anomalies_current(as_of => :t) GROUP BY scope ORDER BY scope;
ALTER TABLE deliveries FORCE ROW LEVEL SECURITY;
SELECT scope, count(*) FROM anomalies_current(as_of => :t) GROUP BY scope ORDER BY scope;
ALTER TABLE deliveries NO FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- Through a view, the policy is that of the view's owner; with security_invoker, the caller's.
CREATE VIEW as_owner AS SELECT * FROM deliveries;
CREATE VIEW as_caller WITH (security_invoker) AS SELECT * FROM deliveries;
ALTER VIEW as_owner OWNER TO regress_ai_owner;
ALTER VIEW as_caller OWNER TO regress_ai_owner;
GRANT SELECT ON as_owner, as_caller TO PUBLIC;
SELECT count(delivery_source_register(name::regclass, name)) FROM unnest(ARRAY['as_owner', 'as_caller']) name;
SET ROLE regress_ai_t1;
SELECT source, scope, count(*) FROM unnest(ARRAY['as_owner', 'as_caller']) source, anomalies_current(source => source, as_of => :t)
GROUP BY source, scope ORDER BY source COLLATE "C", scope;
-- which is a part, too
SELECT source, meaning FROM unnest(ARRAY['as_owner', 'as_caller']) source, anomalies_explain('t1', 'traffic', source => source, as_of => :t) WHERE item = 'fleet_factor';
SELECT source, level, detail FROM delivery_source_check() WHERE "check" = 'row security' AND source <> 'default' ORDER BY source COLLATE "C";
RESET ROLE;
-- A policy on something that the view joins.
CREATE TABLE names (tenant_id text, name text);
INSERT INTO names SELECT 't' || k, 'name ' || k FROM generate_series(1, 6) k;
GRANT SELECT ON names TO PUBLIC;
ALTER TABLE names ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenants ON names USING ('regress_ai_' || tenant_id = current_user);
ALTER TABLE deliveries DISABLE ROW LEVEL SECURITY;
CREATE VIEW named WITH (security_invoker) AS SELECT created_at, name AS tenant_id, target, status FROM deliveries JOIN names USING (tenant_id);
ALTER VIEW named OWNER TO regress_ai_owner;
GRANT SELECT ON named TO PUBLIC;
SELECT count(delivery_source_register('named', 'named'));
SELECT scope, count(*) FROM anomalies_current(source => 'named', as_of => :t) GROUP BY scope ORDER BY scope;
SET ROLE regress_ai_t2;
SELECT scope, tenant_id, endpoint FROM anomalies_current(source => 'named', as_of => :t);
RESET ROLE;

REVOKE USAGE ON SCHEMA insights FROM PUBLIC;

DELETE FROM insights.delivery_sources;
DROP SCHEMA regress_rls CASCADE;
DROP ROLE regress_ai_t1, regress_ai_t2, regress_ai_none, regress_ai_all, regress_ai_owner;
