-- What all endpoints do at once is one event of the fleet, not one of each endpoint.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_fleet;
SET search_path = regress_fleet, insights;
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

SELECT 1 AS registered FROM delivery_source_register('deliveries');
\set t '''2025-11-05 14:30:00+00''::timestamptz'

-- Silence. Six endpoints with 10 in each block could be judged, one with 1 cannot.
CREATE FUNCTION steady(tenant text, endpoint text, n int, since interval) RETURNS bigint LANGUAGE sql BEGIN ATOMIC
  SELECT sum(put(tenant, endpoint, '2025-11-05 14:30:00+00'::timestamptz - interval '2.5 minutes' - i * interval '5 minutes', n))
  FROM generate_series(0, 14) i WHERE i * interval '5 minutes' >= since;
END;

-- Three of six are half, so three endpoints fell silent.
SELECT sum(steady('t' || i, 'e', 10, CASE WHEN i <= 3 THEN '15 minutes' ELSE '0 minutes' END::interval)) FROM generate_series(1, 6) i;
SELECT steady('t1', 'thin', 1, '15 minutes');
SELECT scope, tenant_id, endpoint, silence_detected FROM anomalies_current(as_of => :t);

-- Four of six are more than half: one row of the fleet, without a tenant or an endpoint.
DELETE FROM deliveries WHERE tenant_id = 't4' AND created_at > :t - interval '15 minutes';
\pset expanded on
\pset format unaligned
\pset null NULL
SELECT * FROM anomalies_current(as_of => :t);
\pset expanded off
SELECT anomalies_current_json(as_of => :t) -> 'incidents' AS incidents;
\pset format aligned
SELECT item, value FROM anomalies_explain('t1', 'e', as_of => :t) WHERE part IN ('silence', 'verdict') AND meaning IS NOT NULL;
-- with a tenant nothing is said of the fleet, and what is wrong with the tenant's endpoint is
SELECT scope, tenant_id, endpoint, silence_detected FROM anomalies_current(tenant => 't1', as_of => :t);
SELECT scope, tenant_id, endpoint FROM anomalies_current(tenant => 't5', as_of => :t);
-- nor is it where silence is not asked for
SET anomaly_insights.silence = off;
SELECT count(*) FROM anomalies_current(as_of => :t);
RESET anomaly_insights.silence;
-- another kind of anomaly is reported beside it, after it or before it by its severity
SELECT put('t5', 'e', :t - interval '1 minute', 40, 40), put('t6', 'e', :t - interval '1 minute', 1000);
SELECT scope, tenant_id, severity, spike_detected, failure_cluster_detected, silence_detected FROM anomalies_current(as_of => :t);
-- the reference method knows no fleet
SELECT scope, tenant_id FROM anomalies_current(method => 'reference', as_of => :t) ORDER BY tenant_id;

-- Everything surges. 20 endpoints of 5 tenants, 10 in each block and 80 now: each alone would be a spike, all
-- together are one event. The one that does thirty times as much is another.
TRUNCATE deliveries;
SELECT sum(steady('t' || i % 5, 'e' || i, 10, '0')) AS deliveries FROM generate_series(1, 20) i;
SELECT sum(put('t' || i % 5, 'e' || i, :t - interval '2 minutes', CASE WHEN i = 20 THEN 290 ELSE 70 END)) FROM generate_series(1, 20) i;
\pset format unaligned
SELECT scope, tenant_id, endpoint, severity, spike_detected, recent_count, baseline_count, expected_count, spike_multiplier,
       round(score::numeric, 6) AS score, window_used, message
FROM anomalies_current(as_of => :t);
\pset format aligned
SELECT item, value FROM anomalies_explain('t1', 'e1', as_of => :t) WHERE item IN ('fleet_factor', 'spike_detected');
-- a tenant by itself has no fleet: its four endpoints are spikes
SELECT scope, tenant_id, endpoint FROM anomalies_current(tenant => 't1', as_of => :t);
-- nor do 20 endpoints of four tenants make one, nor 19 endpoints
UPDATE deliveries SET tenant_id = 't0' WHERE tenant_id = 't4';
SELECT scope, count(*) FROM anomalies_current(as_of => :t) GROUP BY scope;
UPDATE deliveries SET tenant_id = 't4' WHERE target = 'e4';
SELECT scope, count(*) FROM anomalies_current(as_of => :t) GROUP BY scope ORDER BY scope;
DELETE FROM deliveries WHERE target = 'e1';
SELECT scope, count(*) FROM anomalies_current(as_of => :t) GROUP BY scope;

-- The factor is a median, and at least 1: where most of them do half, the others are judged as ever.
TRUNCATE deliveries;
SELECT sum(steady('t' || i % 5, 'e' || i, 10, '5 minutes')) AS deliveries FROM generate_series(1, 21) i;
SELECT sum(put('t' || i % 5, 'e' || i, :t - interval '2 minutes', CASE WHEN i = 21 THEN 60 WHEN i > 12 THEN 12 ELSE 5 END)) FROM generate_series(1, 21) i;
SELECT scope, tenant_id, endpoint FROM anomalies_current(as_of => :t);
SELECT item, value FROM anomalies_explain('t1', 'e21', as_of => :t) WHERE item IN ('fleet_factor', 'spike_detected');

-- Everything doubles, which alone is no spike of so small an endpoint, but is an event of the fleet.
TRUNCATE deliveries;
SELECT sum(steady('t' || i % 5, 'e' || i, 10, '0') + put('t' || i % 5, 'e' || i, :t - interval '2 minutes', 10)) AS deliveries FROM generate_series(1, 20) i;
\pset format unaligned
SELECT scope, tenant_id, endpoint, recent_count, message FROM anomalies_current(as_of => :t);
\pset format aligned
\pset null ''

DELETE FROM insights.delivery_sources;
DROP SCHEMA regress_fleet CASCADE;
