-- The detector at each step back from as_of: its rows, and the JSON of the contract (REFERENCE.md, M3).
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_history;
SET search_path = regress_history, insights;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
\set SHOW_CONTEXT never
\set t '''2026-01-15 12:00:00+00''::timestamptz'
\pset null NULL

-- the reference table, which needs no mapping
CREATE TABLE deliveries (
  id uuid DEFAULT gen_random_uuid(), alert_event_id text, tenant_id text, rule_id int, rule_name text, event_type text,
  target text, status text, triage_label text, triage_score int, attempts int, max_attempts int, last_error text,
  next_retry_at timestamptz, created_at timestamptz, updated_at timestamptz);

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

-- nothing yet
SELECT delivery_source_register('deliveries') ->> 'endpoint' AS endpoint;
SELECT count(*) FROM anomalies_history(as_of => :t);
SELECT anomalies_history_json(as_of => :t) - 'generated_at' AS history;
SELECT count(*) FROM anomalies_history();

-- The scene, in blocks (start, end] of 5 minutes, the last delivery of each on its end:
--   acme    /surge    5 in each, and 100 in the one that ends at 08:00
--   globex  /outage  12 in each; from 09:00 to 10:00 all of them fail
--   initech /m1 .. /m7  nothing but 11 .. 17 failures in the one that ends at 06:00
--   NULL    NULL     12 failures in the one that ends at 03:00
INSERT INTO deliveries (tenant_id, target, status, created_at)
SELECT s.tenant, s.endpoint, CASE WHEN s.fails THEN 'failed' ELSE 'delivered' END, b - i * interval '1 second'
FROM generate_series('2026-01-14 20:00+00', :t, interval '5 minutes') b, LATERAL (
  SELECT 'acme' AS tenant, '/surge' AS endpoint, CASE b WHEN '2026-01-15 08:00+00' THEN 100 ELSE 5 END AS n, false AS fails
  UNION ALL SELECT 'globex', '/outage', 12, b > '2026-01-15 09:00+00' AND b <= '2026-01-15 10:00+00'
  UNION ALL SELECT 'initech', '/m' || m, 10 + m, true FROM generate_series(1, 7) m WHERE b = '2026-01-15 06:00+00'
  UNION ALL SELECT NULL, NULL, 12, true WHERE b = '2026-01-15 03:00+00') s,
  generate_series(0, s.n - 1) i;
ANALYZE deliveries;

-- On each hour, by rate. At 10:00 the outage lasts for an hour: 12 of 12 in 5 minutes against 108 of 144 before, which are
-- 9 expected. The surge is 100 where 5 are expected, and nothing fails. What has no baseline has nothing expected of it.
SELECT detected_at, tenant_id, endpoint, severity, spike_detected AS spike, failure_cluster_detected AS cluster, silence_detected AS silence,
       recent_count AS recent, baseline_count AS baseline,
       recent_failures AS failures, baseline_failures, spike_multiplier AS spike_x, failure_multiplier AS failure_x, expected_count, expected_failures, scope
FROM anomalies_history(12, as_of => :t);
-- what decided: of the outage its hour, since all of it failed where nothing did before; of the surge its 5 minutes
SELECT endpoint, window_used, score > 6 AS significant FROM anomalies_history(5, as_of => :t);
\pset format unaligned
SELECT detected_at, message FROM anomalies_history(4, as_of => :t) UNION ALL SELECT detected_at, message FROM anomalies_history(5, '5 hours', as_of => '2026-01-15 08:00+00');
\pset format aligned
-- By the reference an outage is seen when it begins, as its own failures are the baseline later: 12 against none.
SELECT detected_at, tenant_id, endpoint, severity, spike_detected AS spike, failure_cluster_detected AS cluster, recent_count AS recent, baseline_count AS baseline,
       recent_failures AS failures, baseline_failures, spike_multiplier AS spike_x, failure_multiplier AS failure_x
FROM anomalies_history(5, '5 minutes', method => 'reference', as_of => :t);
SELECT detected_at, endpoint FROM anomalies_history(5, '5 minutes', method => 'reference', tenant => 'globex', as_of => :t);
-- the setting names the method where the call does not
SET anomaly_insights.method = 'reference';
SELECT count(*), count(score) AS scores FROM anomalies_history(5, '5 minutes', as_of => :t);
RESET anomaly_insights.method;
-- by rate it lasts while it lasts: seen within 5 minutes, and gone a quarter of an hour after its end
SELECT min(detected_at) AS first, max(detected_at) BETWEEN '2026-01-15 10:00+00' AND '2026-01-15 10:15+00' AS ends,
       max(detected_at) - min(detected_at) = (count(*) - 1) * interval '5 minutes' AS without_a_gap
FROM anomalies_history(4, '5 minutes', as_of => :t) WHERE failure_cluster_detected;

-- Steps and hours: those that are less than hours back, newest first, whether they divide or not.
CREATE FUNCTION times(hours int, step interval, as_of timestamptz DEFAULT '2026-01-15 12:00+00') RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(to_char(detected_at, 'HH24:MI') || CASE n WHEN 1 THEN '' ELSE ' x' || n END, ' ' ORDER BY place)
  FROM (SELECT detected_at, count(*) AS n, min(ordinality) AS place FROM anomalies_history(hours, step, method => 'reference', as_of => as_of) WITH ORDINALITY GROUP BY detected_at) t $$;
SELECT hours, step, times(hours, step) FROM (VALUES
  (12, interval '2 hours'), (9, '3 hours'), (10, '3 hours'), (4, '4 hours'), (5, '4 hours'), (9, '2 hours 55 minutes'), (1, '1 day'), (12, '1 minute')) v (hours, step);
-- as_of itself is one, and the only one of a step as long as all
SELECT step, times(1, step, '2026-01-15 08:00+00') AS at_8, times(1, step, '2026-01-15 09:00+00') AS at_9 FROM unnest(ARRAY[interval '59 minutes', '1 hour', '30 days']) step;
SELECT times(2, '1 hour', '2026-01-15 09:00:00.000001+00') AS just_after, times(2, '1 hour', '2026-01-15 09:00+00') AS the_hour,
       times(1, '5 minutes', '2026-01-15 08:59:59.999999+00') AS just_before;
-- a step is as long as it is, whatever the clocks do: this night has 23 hours
INSERT INTO deliveries (tenant_id, target, status, created_at) SELECT 'night', '/n', 'failed', b - interval '1 minute'
FROM generate_series('2026-03-28 11:00+01', '2026-03-29 12:00+02', interval '1 hour') b, generate_series(1, 12);
SET timezone = 'Europe/Berlin';
SELECT detected_at FROM anomalies_history(48, '1 day', method => 'reference', tenant => 'night', as_of => '2026-03-29 12:00+02') UNION ALL
SELECT detected_at FROM anomalies_history(48, '24 hours', method => 'reference', tenant => 'night', as_of => '2026-03-29 12:00+02');
SET timezone = 'UTC';
DELETE FROM deliveries WHERE tenant_id = 'night';

-- Other windows, as anomalies_current has them: 10 minutes against 90.
SELECT detected_at, tenant_id, recent_count, baseline_count, recent_failures, window_used
FROM anomalies_history(4, '10 minutes', '10 minutes', '90 minutes', 'rate', tenant => 'globex', as_of => '2026-01-15 09:20+00') ORDER BY detected_at LIMIT 1;
SELECT detected_at, recent_count, baseline_count, recent_failures, baseline_failures
FROM anomalies_history(1, '5 minutes', '10 minutes', '30 minutes', 'reference', as_of => '2026-01-15 09:30+00');

-- Each is what anomalies_current says then, to the digit and in its order; of a tenant too, and of one that has none.
CREATE FUNCTION pointwise(hours int, step interval, method text, tenant text) RETURNS jsonb LANGUAGE sql SET jit = off AS $$
  SELECT jsonb_agg(to_jsonb(a) - 'ordinality' ORDER BY k, a.ordinality)
  FROM generate_series(0, 100) k, anomalies_current(method => method, tenant => tenant, as_of => '2026-01-15 12:00+00'::timestamptz - k * step) WITH ORDINALITY a
  WHERE k * step < hours * interval '1 hour' $$;
CREATE FUNCTION by_history(hours int, step interval, method text, tenant text) RETURNS jsonb LANGUAGE sql SET jit = off AS $$
  SELECT jsonb_agg(to_jsonb(a) - 'ordinality' ORDER BY a.ordinality)
  FROM anomalies_history(hours, step, method => method, tenant => tenant, as_of => '2026-01-15 12:00+00') WITH ORDINALITY a $$;
SELECT hours, step, method, tenant, jsonb_array_length(h) AS rows, h IS NOT DISTINCT FROM p AS same
FROM (VALUES (10, interval '1 hour', NULL), (4, '16 minutes', 'globex'), (1, '25 minutes', 'nobody')) v (hours, step, tenant), unnest(ARRAY['rate', 'reference']) method,
  by_history(hours, step, method, tenant) h, pointwise(hours, step, method, tenant) p
ORDER BY hours, method;
SELECT DISTINCT detected_at, tenant_id FROM anomalies_history(10, tenant => 'acme', as_of => :t);
SELECT count(*) FROM anomalies_history(10, tenant => 'nobody', as_of => :t);
-- a missing tenant and endpoint are missing, or unknown
SELECT method, tenant_id, endpoint, recent_failures FROM unnest(ARRAY['rate', 'reference']) method, anomalies_history(1, method => method, as_of => '2026-01-15 03:00+00') ORDER BY method;
SELECT endpoint FROM anomalies_history(1, method => 'reference', tenant => 'unknown', as_of => '2026-01-15 03:00+00');

-- The JSON: the times at which something was wrong, with the gravest five incidents of each.
\pset format unaligned
SELECT jsonb_pretty(jsonb_path_query_array(j, '$.snapshots[*] ? (@.timestamp < "2026-01-15T09")') #- '{1,incidents}') AS snapshots
FROM anomalies_history_json(6, '2 hours', as_of => '2026-01-15 10:00+00') j;
\pset format aligned
SELECT s ->> 'timestamp' AS timestamp, s -> 'incident_count' AS incidents, s -> 'critical_count' AS critical, jsonb_array_length(s -> 'incidents') AS shown,
       jsonb_path_query_array(s, '$.incidents[*].endpoint') AS endpoints
FROM jsonb_array_elements(anomalies_history_json(12, as_of => :t) -> 'snapshots') s;
-- keys and types, of the contract and no others; silence would be one more
SELECT key, jsonb_typeof(value) AS type FROM jsonb_each(anomalies_history_json(as_of => :t)) ORDER BY key COLLATE "C";
SELECT key, string_agg(DISTINCT jsonb_typeof(m.value), ', ') AS type, count(*) FROM jsonb_array_elements(anomalies_history_json(10, as_of => :t) -> 'snapshots') s, jsonb_each(s) m
GROUP BY key ORDER BY key COLLATE "C";
SELECT key, string_agg(DISTINCT jsonb_typeof(m.value), ', ' ORDER BY jsonb_typeof(m.value)) AS type, count(*)
FROM jsonb_array_elements(anomalies_history_json(10, as_of => :t) -> 'snapshots') s, jsonb_array_elements(s -> 'incidents') i, jsonb_each(i) m GROUP BY key ORDER BY key COLLATE "C";
SELECT count(*) AS incidents, count(*) FILTER (WHERE i ->> 'detected_at' IS DISTINCT FROM s ->> 'timestamp') AS of_another_time
FROM jsonb_array_elements(anomalies_history_json(10, '20 minutes', as_of => :t) -> 'snapshots') s, jsonb_array_elements(s -> 'incidents') i;
SELECT j -> 'hours_analyzed' AS hours, j ->> 'generated_at' LIKE '____-__-__T__:__:__Z' AS form,
       now() - (j ->> 'generated_at')::timestamptz BETWEEN interval '0' AND interval '1 second' AS now FROM anomalies_history_json(7, as_of => :t) j;
-- the zone of the session changes nothing
SET timezone = 'Asia/Kolkata';
SELECT jsonb_path_query_array(anomalies_history_json(3, as_of => '2026-01-15 12:00+00'), '$.snapshots[*].timestamp') AS times;
SET timezone = 'UTC';
-- The same as the rows, for both methods; and each snapshot is the beginning of anomalies_current_json at its time.
SELECT method, jsonb_array_length(j -> 'snapshots') AS snapshots, r.rows,
       (SELECT jsonb_agg(jsonb_build_object('timestamp', s -> 'timestamp', 'incident_count', s -> 'incident_count', 'critical_count', s -> 'critical_count') ORDER BY place)
        FROM jsonb_array_elements(j -> 'snapshots') WITH ORDINALITY AS e (s, place)) = r.counts AS counts,
       (SELECT bool_and(s -> 'incidents' = jsonb_path_query_array(c, '$.incidents[0 to 4]') AND s -> 'incident_count' = c #> '{summary,total_incidents}'
         AND s -> 'critical_count' = c #> '{summary,critical_incidents}')
        FROM jsonb_array_elements(j -> 'snapshots') s, anomalies_current_json(method => method, as_of => (s ->> 'timestamp')::timestamptz) c) AS incidents
FROM unnest(ARRAY['rate', 'reference']) method, anomalies_history_json(10, '20 minutes', method => method, as_of => :t) j, LATERAL (
  SELECT sum(n) AS rows, jsonb_agg(jsonb_build_object('timestamp', to_char(detected_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'incident_count', n, 'critical_count', critical)
    ORDER BY detected_at DESC) AS counts
  FROM (SELECT detected_at, count(*) AS n, count(*) FILTER (WHERE severity = 'critical') AS critical FROM anomalies_history(10, '20 minutes', method => method, as_of => :t)
    GROUP BY detected_at) a) r
ORDER BY method;

-- Errors name the argument, the value, and what to do.
\pset tuples_only on
SELECT step, outcome(format('SELECT * FROM anomalies_history(24, %L)', step)) AS rows, left(outcome(format('SELECT anomalies_history_json(24, %L)', step)), 5) AS json
FROM unnest(ARRAY[NULL, '0', '-1 hour', '30 seconds', '1 minute', '1 month', '1 month -30 days', '1 year']::interval[]) WITH ORDINALITY v (step, i) ORDER BY i;
SELECT step, left(outcome(format('SELECT * FROM anomalies_history(24, %L)', step)), 5) AS rows
FROM unnest(ARRAY['-1 microsecond', '59.999999 seconds', '1 minute 1 microsecond', '1 day -24 hours', '2 days -47 hours', '-2147483648 days',
  '2147483647 days']::interval[]) WITH ORDINALITY v (step, i) ORDER BY i;
SELECT hours, outcome(format('SELECT * FROM anomalies_history(%L, as_of => %L)', hours, :t)), left(outcome(format('SELECT anomalies_history_json(%L, as_of => %L)', hours, :t)), 5)
FROM unnest(ARRAY[NULL, 0, -1, 8761, -2147483648, 8760]) hours;
-- too many evaluations, be it by their number or by the blocks of each; a month of minutes is not
SELECT outcome(statement) ~ '^22023: .* 525600 evaluations.*\n  hint: Take a longer step' AS too_many
FROM unnest(ARRAY[$$SELECT * FROM anomalies_history(8760, '1 minute', method => 'rate')$$, $$SELECT anomalies_history_json(8760, '1 minute', method => 'rate')$$]) statement;
SELECT outcome($$SELECT * FROM anomalies_history(720, '1 minute', method => 'rate')$$);
SELECT outcome($$SELECT * FROM anomalies_history(8760, '5 minutes', '1 minute', '7 days')$$) ~ '^22023: .* 105120 evaluations' AS too_many;
-- the windows and the method are those of anomalies_current
SELECT recent, baseline,
       outcome(format('SELECT * FROM anomalies_history(24, recent => %L, baseline => %L)', recent, baseline)) =
         outcome(format('SELECT * FROM anomalies_current(recent => %L, baseline => %L)', recent, baseline)) AS same,
       left(outcome(format('SELECT * FROM anomalies_history(24, recent => %L, baseline => %L)', recent, baseline)), 5) AS state
FROM (VALUES ('5 minutes', '5 minutes'), ('0', '60 minutes'), ('-5 minutes', '60 minutes'), (NULL, '60 minutes'), ('5 minutes', NULL), ('1 month', '1 year'), ('30 seconds', '60 minutes'),
  ('5 minutes', '29 minutes'), ('10 minutes', '1 hour')) v (recent, baseline);
SELECT outcome($$SELECT * FROM anomalies_history(method => 'magic')$$), outcome($$SELECT * FROM anomalies_history(source => 'nowhere')$$);
SELECT outcome($$SELECT * FROM anomalies_history(as_of => NULL)$$), outcome($$SELECT * FROM anomalies_history(as_of => 'infinity')$$);
\pset tuples_only off
-- an endpoint's name is no SQL, nor is a tenant's
SELECT count(*) FROM anomalies_history(10, tenant => $$acme' OR true --$$, as_of => :t);

DELETE FROM insights.delivery_sources;
DROP SCHEMA regress_history CASCADE;
