-- Incidents for those who handle them: mutes, privileges, bad arguments, what is kept, how runs went.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_incidents;
SET search_path = regress_incidents, insights;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET jit = off;  -- it compiles every statement that stores anything, for minutes
\set SHOW_CONTEXT never
\pset tuples_only on
\pset format unaligned

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
CREATE FUNCTION minute(n numeric) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS
$$ SELECT '2025-11-05 14:30:00+00'::timestamptz + n * interval '1 minute' $$;

CREATE TABLE d (created_at timestamptz NOT NULL, tenant_id text, endpoint text, status text);
CREATE INDEX ON d (created_at);
-- Ten deliveries a minute to each of four endpoints, two of which fail from 14:30 to 14:34: one of a NULL tenant.
INSERT INTO d SELECT minute(m + i / 10.0), t, e,
  CASE WHEN e IN ('a', 'b') AND m >= 0 AND m < 4 AND i < 9 THEN 'failed' ELSE 'delivered' END
FROM (VALUES ('t', 'a'), (NULL, 'b'), ('t', 'c'), ('u', 'd')) k (t, e), generate_series(-80, 60) m, generate_series(1, 9) i;

-- Nothing is evaluated where no source is registered, and a name must be one.
SELECT count(*) FROM anomalies_scan(as_of => minute(1)) WHERE delivery_source LIKE 'care%';
SELECT outcome($$SELECT * FROM anomalies_scan('care')$$) ~ '^42704: delivery source "care" does not exist';
SELECT count(delivery_source_register('d', 'care'));
SELECT outcome($$SELECT * FROM anomalies_scan('care', NULL)$$);
SELECT outcome($$SELECT * FROM anomalies_scan('care', 'infinity')$$);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT outcome($$SELECT * FROM anomalies_scan('care')$$);
SELECT outcome($$SELECT anomaly_resolve(1)$$);
SELECT outcome($$SELECT anomaly_acknowledge(1)$$);
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT outcome($$SELECT * FROM anomalies_scan()$$);
COMMIT;
BEGIN READ ONLY;
SELECT outcome($$SELECT * FROM anomalies_scan('care')$$);
ROLLBACK;

-- Mutes. b is muted for its NULL tenant as for any; a is so only for warnings.
SELECT outcome($$SELECT anomaly_mute('t', severity_cap => 'fatal')$$);
SELECT outcome($$SELECT anomaly_mute('t', starts_at => minute(1), ends_at => minute(1))$$);
SELECT outcome($$SELECT anomaly_mute('t', starts_at => NULL)$$);
SELECT outcome($$SELECT anomaly_mute()$$);
SELECT outcome($$SELECT anomaly_mute(ends_at => now() + interval '1 hour', reason => 'all of it?')$$);
SELECT outcome($$SELECT anomaly_mute('t', everything => true)$$);
SELECT outcome($$SELECT anomaly_mute(source => 'care', everything => true)$$);
SELECT outcome($$SELECT anomaly_mute('t', everything => NULL)$$);
BEGIN;
SELECT anomaly_mute(everything => true) AS everything \gset
SELECT tenant_id, endpoint, source FROM anomaly_mutes WHERE id = :everything;
ROLLBACK;
SELECT outcome($$SELECT anomaly_mute('t', days => '{6}')$$);
SELECT outcome($$SELECT anomaly_mute('t', days => '{0}', from_time => '08:00', to_time => '09:00', time_zone => 'UTC')$$);
SELECT outcome($$SELECT anomaly_mute('t', days => '{}', from_time => '08:00', to_time => '09:00', time_zone => 'UTC')$$);
SELECT outcome($$SELECT anomaly_mute('t', days => '{1,NULL}', from_time => '08:00', to_time => '09:00', time_zone => 'UTC')$$);
SELECT outcome($$SELECT anomaly_mute('t', days => '{1}', from_time => '08:00', to_time => '09:00', time_zone => 'Mars')$$);
SELECT outcome($$SELECT anomaly_mute('t', days => '{1}', from_time => '08:00', to_time => '09:00', time_zone => 'CET')$$);
SELECT outcome($$SELECT anomaly_mute('t', days => '{1}', from_time => '08:00', to_time => '09:00', time_zone => 'est')$$);
-- nothing is written as of a time to come
SELECT outcome($$SELECT anomalies_scan(as_of => '2100-01-01 00:00+00')$$);
SELECT outcome($$SELECT anomaly_acknowledge(1, as_of => '2100-01-01 00:00+00')$$);
SELECT outcome($$SELECT anomaly_resolve(1, as_of => '2100-01-01 00:00+00')$$);
SELECT outcome($$SELECT anomalies_prune(as_of => '2100-01-01 00:00+00')$$);
SELECT outcome($$SELECT anomaly_unmute(1, '2100-01-01 00:00+00')$$);
SELECT outcome($$SELECT anomaly_mute(source => 'nowhere')$$) ~ '^42704';
SELECT outcome($$SELECT anomaly_unmute(-1)$$);
SELECT outcome($$SELECT anomaly_unmute(NULL)$$);
SELECT anomaly_mute(endpoint => 'b', starts_at => minute(0), ends_at => minute(3.5), reason => 'deployment', source => 'care') AS b \gset
SELECT anomaly_mute(endpoint => 'a', starts_at => minute(0), severity_cap => 'warning', source => 'care') AS a \gset
SELECT reason, created_by = session_user, actor FROM anomaly_mutes WHERE id = :b;
SELECT opened, updated, resolved, outcome, deliveries FROM anomalies_scan('care', minute(3));
SELECT tenant_id, endpoint, severity, muted FROM anomalies_active WHERE source = 'care' ORDER BY endpoint;
SELECT endpoint, event, notified FROM anomaly_events WHERE source = 'care' ORDER BY endpoint, seq;
-- When the mute ends with the incident still open, that is an event that notifies; once.
SELECT opened, updated, resolved FROM anomalies_scan('care', minute(4));
SELECT opened, updated, resolved FROM anomalies_scan('care', minute(4.5));
SELECT endpoint, event, notified FROM anomaly_events WHERE source = 'care' AND at > minute(3) ORDER BY endpoint, seq;
-- A mute that begins meanwhile is recorded; what an operator does then notifies nobody.
SELECT anomaly_mute('t', starts_at => minute(4.75), source => 'care') AS t \gset
SELECT opened, updated, resolved FROM anomalies_scan('care', minute(5));
SELECT (anomaly_acknowledge(id, 'mine', as_of => minute(5))).status FROM anomalies_active WHERE source = 'care' AND endpoint = 'a';
SELECT endpoint, event, notified, note FROM anomaly_events WHERE source = 'care' AND at > minute(4.5) ORDER BY endpoint, seq;
SELECT anomaly_unmute(:t, minute(5.5)), anomaly_unmute(:t, minute(9)), anomaly_unmute(:a, minute(-9));
SELECT ends_at FROM anomaly_mutes WHERE id IN (:t, :a) ORDER BY id;

-- Weekly mutes, by the clock of their zone: Friday 22:00 to 06:00 in Berlin, where the clock went back on 26 October.
SELECT anomaly_mute(starts_at => '2025-01-01', days => '{5}', from_time => '22:00', to_time => '06:00', time_zone => 'Europe/Berlin', source => 'care') AS weekly \gset
SELECT at, anomaly_mute_applies(m, at) FROM anomaly_mutes m, unnest('{2024-12-27 23:00+00, 2025-10-24 19:59+00, 2025-10-24 20:00+00, 2025-10-25 03:59+00,
  2025-10-25 04:00+00, 2025-10-31 20:59+00, 2025-10-31 21:00+00, 2025-11-01 04:59+00, 2025-11-01 05:00+00, 2025-11-02 21:30+00}'::timestamptz[]) at
WHERE m.id = :weekly;
-- Weekdays at lunch; a whole day; from a day to the same hour of the next.
SELECT m.name, at, anomaly_mute_applies(ROW(0, NULL, NULL, NULL, NULL, '2025-01-01', NULL, m.days, m.f, m.t, 'UTC', NULL, now(), '', NULL)::anomaly_mutes, at)
FROM (VALUES ('lunch', '{1,2,3,4,5}'::int[], '12:00'::time, '13:00'::time), ('sunday', '{7}', '00:00', '24:00'), ('sunday on', '{7}', '09:00', '09:00')) m (name, days, f, t),
  unnest('{2025-11-07 12:00+00, 2025-11-08 12:00+00, 2025-11-09 12:00+00, 2025-11-10 08:59+00, 2025-11-10 12:59+00, 2025-11-10 13:00+00}'::timestamptz[]) at
ORDER BY 1, 2;

-- What is no incident.
SELECT outcome($$SELECT anomaly_acknowledge(-1)$$);
SELECT outcome($$SELECT anomaly_resolve(-1)$$);
SELECT outcome($$SELECT anomaly_acknowledge(NULL)$$);
SELECT outcome(format($$SELECT anomaly_acknowledge(%s, until => minute(5), as_of => minute(6))$$, id)) FROM anomalies_active WHERE source = 'care' AND endpoint = 'a';

-- A second unresolved incident of the same key is impossible, for NULL too, and for names that no btree entry holds.
SELECT outcome($$INSERT INTO anomalies (tenant_id, endpoint, severity, spike_detected, failure_cluster_detected, silence_detected, recent_count,
  baseline_count, recent_failures, baseline_failures, detected_at, source, status, last_seen_at, reopen_count, peak_failures, flapping,
  message, scope, muted, level_since, evaluated_at, usual_count, usual_failure_ratio, reopened_at)
  SELECT tenant_id, endpoint, severity, spike_detected, failure_cluster_detected, silence_detected, recent_count, baseline_count, recent_failures,
  baseline_failures, detected_at, source, status, last_seen_at, reopen_count, peak_failures, flapping, message, scope, muted, level_since, evaluated_at,
  usual_count, usual_failure_ratio, reopened_at FROM anomalies WHERE source = 'care' AND endpoint = 'b'$$) ~ '^23505';
SELECT anomaly_key('s', 'a', 'b', 'endpoint') = anomaly_key('s', 'a', 'b', 'endpoint'),
  count(DISTINCT k) FROM (VALUES (anomaly_key('s', 'a', 'b', 'endpoint')), (anomaly_key('s', 'ab', '', 'endpoint')), (anomaly_key('s', NULL, 'b', 'endpoint')),
  (anomaly_key('s', '', 'b', 'endpoint')), (anomaly_key('s', NULL, NULL, 'endpoint')), (anomaly_key('s', NULL, NULL, 'fleet')),
  (anomaly_key('s', repeat('x', 5000), 'b', 'endpoint')), (anomaly_key('s', repeat('x', 5001), 'b', 'endpoint'))) x (k);
INSERT INTO d SELECT minute(m + i / 13.0), 't', repeat('long/', 2000), CASE WHEN m >= 10 AND m < 13 THEN 'failed' ELSE 'delivered' END
FROM generate_series(-65, 12) m, generate_series(1, 12) i;
SELECT opened FROM anomalies_scan('care', minute(13));
SELECT length(endpoint), length(message) > 10000 FROM anomalies_active WHERE source = 'care' AND length(endpoint) > 5;

-- How runs went. A failed one says why, and the incidents stay as they are.
SELECT state, last_run IS NOT NULL, last_success = last_run, open_incidents, failures, last_error, run_by = session_user, worker
FROM anomaly_insights_status() WHERE source = 'care';
ALTER TABLE d RENAME COLUMN status TO state;
SELECT outcome($$SELECT * FROM anomalies_scan('care', minute(14))$$) ~ '^42703';
SET client_min_messages = error;
SELECT opened, updated, resolved, outcome, detail FROM anomalies_scan(as_of => minute(14)) WHERE delivery_source = 'care';
SET client_min_messages = warning;
SELECT state, last_success < last_run, open_incidents, failures, last_error, last_error_at = last_run FROM anomaly_insights_status() WHERE source = 'care';
ALTER TABLE d RENAME COLUMN state TO status;
SELECT outcome FROM anomalies_scan('care', minute(14));
SELECT state, failures, last_error FROM anomaly_insights_status() WHERE source = 'care';

-- Who may do what. Nothing is anybody's by default.
CREATE ROLE regress_ai_operator;
CREATE ROLE regress_ai_watcher;
CREATE ROLE regress_ai_owner;
GRANT USAGE ON SCHEMA regress_incidents, insights TO PUBLIC;
SET ROLE regress_ai_operator;
SELECT outcome(q) FROM unnest(ARRAY['SELECT * FROM insights.anomalies', 'SELECT * FROM insights.anomalies_active', 'SELECT * FROM insights.anomaly_events',
  'SELECT * FROM insights.anomaly_mutes', 'SELECT * FROM insights.anomaly_candidates', 'SELECT * FROM insights.anomaly_runs',
  'SELECT * FROM insights.anomalies_scan()', 'SELECT insights.anomaly_acknowledge(1)', 'SELECT insights.anomaly_resolve(1)', 'SELECT insights.anomaly_mute()',
  'SELECT insights.anomaly_unmute(1)', 'SELECT insights.anomalies_prune()', 'SELECT insights.anomaly_insights_status()',
  'SET anomaly_insights.resolve_after = 1']) q;
RESET ROLE;
-- The operator acknowledges without a privilege on any table.
GRANT EXECUTE ON FUNCTION anomaly_acknowledge, anomaly_resolve TO regress_ai_operator;
SELECT id AS a FROM anomalies_active WHERE source = 'care' AND endpoint = 'b' \gset
SET ROLE regress_ai_operator;
SELECT (anomaly_acknowledge(:a, as_of => minute(14))).status;
RESET ROLE;
-- Row-level security on the incidents is the readers' own, through the view too; the scan is not bound by it.
GRANT SELECT ON anomalies, anomalies_active TO regress_ai_watcher;
CREATE POLICY of_u ON anomalies AS RESTRICTIVE FOR SELECT TO regress_ai_watcher USING (tenant_id = 'u');
SET ROLE regress_ai_watcher;
SELECT count(*) FROM anomalies_active WHERE source = 'care';
RESET ROLE;
DROP POLICY of_u ON anomalies;
-- A scan reads with the rights of who owns the relation, not with those of the registrar, the caller or the extension's
-- owner.
GRANT EXECUTE ON FUNCTION delivery_source_register, delivery_source_drop, anomalies_scan TO regress_ai_owner;
GRANT SELECT ON d TO regress_ai_owner;
CREATE FUNCTION tell(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'the view runs as %', current_user; RETURN $1; END $$;
CREATE VIEW v AS SELECT * FROM d WHERE tell('x') = 'x' AND created_at = minute(1);
DELETE FROM d WHERE created_at = minute(1);
INSERT INTO d VALUES (minute(1), 't', 'one', 'delivered');
ALTER VIEW v OWNER TO regress_ai_owner;
SELECT count(delivery_source_register('v', 'careful'));
SELECT outcome, deliveries FROM anomalies_scan('careful', minute(13));
REVOKE SELECT ON d FROM regress_ai_owner;
SELECT outcome($$SELECT * FROM anomalies_scan('careful', minute(14))$$);
-- ... and nothing that the source runs becomes somebody else, or stays behind in the session.
GRANT SELECT ON d TO regress_ai_owner;
CREATE OR REPLACE FUNCTION tell(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN SET ROLE postgres; RETURN $1; END $$;
SELECT outcome($$SELECT * FROM anomalies_scan('careful', minute(14))$$);
CREATE OR REPLACE FUNCTION tell(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN CREATE TEMP TABLE trojan (); RETURN $1; END $$;
SELECT outcome($$SELECT * FROM anomalies_scan('careful', minute(14))$$);
CREATE OR REPLACE FUNCTION tell(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('anomaly_insights.actor', 'somebody else', false); RETURN $1; END $$;
SELECT outcome FROM anomalies_scan('careful', minute(14));
SELECT current_setting('anomaly_insights.actor');
SELECT delivery_source_drop('careful');
-- The role is gone: that says so.
UPDATE delivery_sources SET name = 'orphan', owner_name = 'regress_ai_gone', owner_oid = 1 WHERE name = 'care';
SELECT outcome($$SELECT * FROM anomalies_scan('orphan')$$);
DELETE FROM delivery_sources WHERE name = 'orphan';

-- A source that is gone by other ways than delivery_source_drop is noticed by the next scan of all.
SELECT count(*) FROM anomalies_active WHERE source = 'care';
SELECT count(*) FROM anomalies_scan(as_of => minute(15)) WHERE delivery_source = 'care';
SELECT status, resolve_reason, count(*) FROM anomalies WHERE source = 'care' GROUP BY 1, 2 ORDER BY 1;

-- What is older than the retention goes in small batches; 0 keeps all.
SELECT outcome($$SELECT anomalies_prune(0)$$);
SELECT outcome($$SELECT anomalies_prune(NULL)$$);
DELETE FROM anomalies WHERE source <> 'care';
DELETE FROM anomaly_events WHERE source <> 'care';
DELETE FROM anomaly_mutes WHERE source IS DISTINCT FROM 'care';
SELECT * FROM anomalies_prune(as_of => minute(15) + interval '89 days');
SET anomaly_insights.retention = 0;
SELECT * FROM anomalies_prune(as_of => minute(15) + interval '200 days');
RESET anomaly_insights.retention;
SELECT count(*) FROM anomalies;
SELECT count(*) FROM anomaly_events;
SELECT * FROM anomalies_prune(2, minute(15) + interval '91 days');
SELECT anomalies <= 1000, events > 0 FROM anomalies_prune(as_of => minute(15) + interval '91 days');
SELECT count(*) FROM anomalies;
SELECT count(*) FROM anomaly_events;
SELECT count(*) > 0 FROM anomaly_mutes WHERE ends_at IS NULL;

-- Settings.
SELECT outcome(format('SET anomaly_insights.notify_channel = %L', repeat('x', 64)));
SELECT outcome('SET anomaly_insights.flap_threshold = 32');
SELECT outcome('SET anomaly_insights.naptime = 5');

DELETE FROM anomaly_mutes;
DELETE FROM anomaly_runs;
DROP OWNED BY regress_ai_operator, regress_ai_watcher, regress_ai_owner;
DROP ROLE regress_ai_operator, regress_ai_watcher, regress_ai_owner;
REVOKE USAGE ON SCHEMA insights FROM PUBLIC;
DROP SCHEMA regress_incidents CASCADE;
