-- Times without a zone, in a declared one: the same answers as with a zone, also when the clock is changed.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_local_time;
SET search_path = regress_local_time, insights;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
-- thousands of short queries, for which neither workers nor compiled expressions are worth starting
SET max_parallel_workers_per_gather = 0;
SET jit = off;

-- The same deliveries twice: in UTC, and as a clock on the wall shows them, for some zones. Steady traffic of two endpoints with
-- bursts of failures, for some hours around each change of the clock of 2025.
CREATE TABLE zones (zone text, change timestamptz);
INSERT INTO zones VALUES
  ('Europe/Berlin', '2025-03-30 01:00:00+00'), ('Europe/Berlin', '2025-10-26 01:00:00+00'),
  ('America/New_York', '2025-03-09 07:00:00+00'), ('America/New_York', '2025-11-02 06:00:00+00'),
  ('Australia/Lord_Howe', '2025-04-05 15:00:00+00'), ('Australia/Lord_Howe', '2025-10-04 15:30:00+00'),
  ('Pacific/Apia', '2011-12-30 10:00:00+00'), ('Asia/Kolkata', '2025-01-01 00:00:00+00'), ('UTC', '2025-01-01 00:00:00+00');
CREATE TABLE truth (zone text, created_at timestamptz NOT NULL, tenant_id text, endpoint text, status text);
INSERT INTO truth
SELECT zone, change + i * interval '20 seconds' + CASE WHEN i % 9 = 0 THEN interval '0' ELSE interval '7 seconds' END, 't', 'e' || i % 2,
       CASE WHEN i % 2 = 0 AND (i + 720) / 45 % 4 = 3 THEN 'failed' ELSE 'delivered' END
FROM zones, generate_series(-720, 720) i;
CREATE TABLE wall (zone text, created_at timestamp NOT NULL, tenant_id text, endpoint text, status text);
INSERT INTO wall SELECT zone, created_at AT TIME ZONE zone, tenant_id, endpoint, status FROM truth;
CREATE INDEX ON wall (created_at);
-- What the clock on the wall shows twice cannot be told apart, so the truth is what PostgreSQL makes of it.
UPDATE truth SET created_at = created_at AT TIME ZONE zone AT TIME ZONE zone WHERE created_at <> created_at AT TIME ZONE zone AT TIME ZONE zone;

CREATE INDEX ON truth (created_at);
ANALYZE truth, wall;

SELECT count(delivery_source_register('truth', 'truth ' || zone, jsonb_build_object('where', format('zone = %L', zone)))),
       count(delivery_source_register('wall', 'wall ' || zone, jsonb_build_object('where', format('zone = %L', zone), 'time_zone', zone)))
FROM (SELECT DISTINCT zone FROM zones) z;

-- No difference at any of 49 times around each change, by both methods; and there is something to differ.
CREATE FUNCTION report_of(source text, method text, as_of timestamptz) RETURNS SETOF jsonb LANGUAGE sql BEGIN ATOMIC
  SELECT to_jsonb(a) FROM anomalies_current(CASE method WHEN 'rate' THEN interval '5 minutes' ELSE '40 minutes' END, '60 minutes', method, source, NULL, as_of) a;
END;
CREATE VIEW both_ways AS
  SELECT zone, change, method, as_of, ARRAY(SELECT report_of('truth ' || zone, method, as_of)) AS truth,
         ARRAY(SELECT report_of('wall ' || zone, method, as_of)) AS wall
  FROM zones, unnest(ARRAY['rate', 'reference']) method, generate_series(change - interval '4 hours', change + interval '4 hours', '10 minutes') as_of;
SELECT zone, change, method, count(*) AS times, sum(cardinality(truth)) > 0 AS incidents, count(*) FILTER (WHERE truth <> wall) AS differ
FROM both_ways GROUP BY zone, change, method ORDER BY zone COLLATE "C", change, method COLLATE "C";
-- at a second before and after the edge of a window too
SELECT zone, change, seconds, method FROM zones, unnest(ARRAY[-1, 0, 1]) seconds, unnest(ARRAY['rate', 'reference']) method,
  unnest(ARRAY[0, 15, 75]) minutes, LATERAL (SELECT change + minutes * interval '1 minute' + seconds * interval '1 second' AS as_of) a
WHERE anomalies_current_json(method => method, source => 'truth ' || zone, as_of => as_of)
   <> anomalies_current_json(method => method, source => 'wall ' || zone, as_of => as_of);

-- The zone of the session is another matter.
SET timezone = 'Asia/Tokyo';
SELECT anomalies_current_json(source => 'wall Europe/Berlin', as_of => '2025-10-26 02:15:00+00')
     = anomalies_current_json(source => 'truth Europe/Berlin', as_of => '2025-10-26 02:15:00+00') AS same;
SET timezone = 'UTC';
-- The index on the raw column serves: no report reads what is hours away. An expression that fails for other rows shows it.
SELECT "check", level, detail FROM delivery_source_check('wall Europe/Berlin') WHERE "check" IN ('index', 'time');
SELECT count(delivery_source_register('wall', 'failing', '{"time_zone": "Europe/Berlin", "endpoint": "(1 / (CASE WHEN created_at < ''2025-10-25'' OR created_at > ''2025-10-27'' THEN 0 ELSE 1 END))::text"}'));
SELECT recent_count > 0 AS found FROM anomalies_current('40 minutes', '60 minutes', 'reference', 'failing', as_of => '2025-10-26 01:00:00+00');

-- An expression may add a zone itself.
SELECT delivery_source_register('wall', 'by expression', '{"created_at": "created_at AT TIME ZONE zone"}') ->> 'created_at' AS created_at;
SELECT count(*) FILTER (WHERE truth <> by_expression) AS differ, count(*) AS times
FROM (SELECT as_of, anomalies_current_json(source => 'by expression', as_of => as_of) AS by_expression,
             anomalies_current_json(source => 'truth Europe/Berlin', as_of => as_of) AS truth
      FROM generate_series('2025-10-26 00:00:00+00'::timestamptz, '2025-10-26 03:00:00+00', '15 minutes') as_of) v;

-- A view may show a wall clock, and a domain be one.
CREATE DOMAIN wall_clock AS timestamp;
CREATE TABLE domained (created_at wall_clock, endpoint text, status text);
INSERT INTO domained SELECT '2025-07-01 14:00:00', 'e', 'failed' FROM generate_series(1, 30);
SELECT count(delivery_source_register('domained', 'domained', '{"time_zone": "Europe/Berlin"}'));
SELECT recent_failures FROM anomalies_current(source => 'domained', as_of => '2025-07-01 12:00:00+00');
SELECT count(*) FROM anomalies_current(source => 'domained', as_of => '2025-07-01 14:00:00+00');
-- far away times do not hurt
INSERT INTO domained VALUES ('infinity', 'e', 'failed'), ('-infinity', 'e', 'failed'), ('294276-12-31 23:59:59', 'e', 'failed'), ('4713-01-02 00:00:00 BC', 'e', 'failed'), (NULL, 'e', 'failed');
SELECT recent_failures FROM anomalies_current(source => 'domained', as_of => '2025-07-01 12:00:00+00');
SELECT count(*) FROM anomalies_current(source => 'domained', as_of => '1890-01-01 12:00:00+00');
SELECT count(*) FROM anomalies_current(source => 'domained', as_of => '200000-01-01 12:00:00+00');

-- In autumn the clock shows an hour twice, and what is written then has the times of one: from its beginning until 75 minutes after its end nothing is said of traffic. A steady source in Berlin, where the clock goes back from 03:00 to 02:00 at 01:00 UTC.
CREATE TABLE autumn (created_at timestamp NOT NULL, endpoint text, status text);
INSERT INTO autumn SELECT at AT TIME ZONE 'Europe/Berlin', 'e', 'delivered' FROM generate_series(timestamptz '2025-10-25 20:00+00', '2025-10-26 06:00+00', interval '10 seconds') at;
SELECT 1 AS registered FROM delivery_source_register('autumn', 'autumn', '{"time_zone": "Europe/Berlin"}');
SELECT as_of, part, value FROM unnest(ARRAY['2025-10-25 23:59:59', '2025-10-26 00:00', '2025-10-26 00:30', '2025-10-26 01:30', '2025-10-26 02:00', '2025-10-26 03:14:59', '2025-10-26 03:15', '2025-10-26 05:00']::timestamp[]) at,
  LATERAL (SELECT at AT TIME ZONE 'UTC' AS as_of) a, LATERAL anomalies_explain(NULL, 'e', source => 'autumn', as_of => as_of) WHERE item = 'reason' AND part IN ('spike', 'silence') ORDER BY as_of, part DESC;
SELECT detected_at, spike_detected, silence_detected FROM anomalies_history(9, '1 minute', source => 'autumn', as_of => '2025-10-26 06:00+00');
-- failures are judged all the while
UPDATE autumn SET status = 'failed' WHERE created_at >= '2025-10-26 03:00';
SELECT severity, spike_detected, failure_cluster_detected FROM anomalies_current(source => 'autumn', as_of => '2025-10-26 02:05+00');
-- in spring nothing has one time for two, nor where times have a zone
INSERT INTO autumn SELECT at AT TIME ZONE 'Europe/Berlin', 'e', 'delivered' FROM generate_series(timestamptz '2026-03-28 20:00+00', '2026-03-29 06:00+00', interval '10 seconds') at;
SELECT count(*) FROM anomalies_history(9, '1 minute', source => 'autumn', as_of => '2026-03-29 06:00+00');
SELECT value FROM anomalies_explain(NULL, 'e', source => 'autumn', as_of => '2026-03-29 01:30+00') WHERE item = 'reason' AND part = 'spike';

DELETE FROM insights.delivery_sources;
DROP SCHEMA regress_local_time CASCADE;
