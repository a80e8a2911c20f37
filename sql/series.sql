-- operator_insights_series: buckets of the calendar in a time zone, also where the clock is changed.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_series;
SET search_path = regress_series, insights;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
\set SHOW_CONTEXT never

CREATE TABLE d (created_at timestamptz NOT NULL, tenant_id text, endpoint text, status text);
SELECT 1 AS registered FROM delivery_source_register('d');
SELECT * FROM operator_insights_series('2026-01-15', '2026-01-16') \gdesc

-- Buckets are [start, end), deliveries those of [since, until): 10 exactly upon each of four times, 100 a microsecond before.
INSERT INTO d SELECT at - before, 't', 'e', 'delivered'
FROM unnest(ARRAY['2026-01-15 10:20+00', '2026-01-15 11:00+00', '2026-01-15 12:00+00', '2026-01-15 12:40+00']::timestamptz[]) at,
  (VALUES (interval '0', 10), ('1 microsecond', 100)) v (before, n), generate_series(1, n);
-- since and until within a bucket: its edges are those of the calendar, what lies outside does not count
SELECT bucket_start, bucket_end, total_deliveries FROM operator_insights_series('2026-01-15 10:20+00', '2026-01-15 12:40+00');
SELECT bucket_start, bucket_end, total_deliveries FROM operator_insights_series('2026-01-15 10:20:00.000001+00', '2026-01-15 12:40:00.000001+00');
-- on an edge
SELECT bucket_start, bucket_end, total_deliveries FROM operator_insights_series('2026-01-15 11:00+00', '2026-01-15 12:00+00');
SELECT bucket_start, bucket_end, total_deliveries FROM operator_insights_series('2026-01-15 10:59:59.999999+00', '2026-01-15 12:00:00.000001+00');
-- within one bucket
SELECT bucket_start, bucket_end, total_deliveries FROM operator_insights_series('2026-01-15 10:30+00', '2026-01-15 10:59:59.999999+00');

-- All figures; an hour without deliveries is there with zeros.
TRUNCATE d;
INSERT INTO d SELECT at, tenant, endpoint, status FROM (VALUES
  (timestamptz '2026-01-15 10:00+00', 't', '/a', 'delivered', 3), ('2026-01-15 10:59+00', 't', '/b', 'failed', 1), ('2026-01-15 10:30+00', 'u', '/a', 'dead_letter', 1),
  ('2026-01-15 10:30+00', 'u', '/a', 'pending', 2), ('2026-01-15 10:30+00', 't', NULL, 'bogus', 1), ('2026-01-15 12:00+00', 't', '/b', 'failed', 15), ('2026-01-15 12:30+00', 't', '/b', 'sent', 1)) v (at, tenant, endpoint, status, n),
  generate_series(1, n);
SELECT * FROM operator_insights_series('2026-01-15 10:00+00', '2026-01-15 13:00+00', '1 hour');
-- of one endpoint, of one tenant, of both, of one that does not exist
SELECT bucket_start, total_deliveries, failures, pending FROM operator_insights_series('2026-01-15 10:00+00', '2026-01-15 13:00+00', endpoint => '/a');
SELECT bucket_start, total_deliveries, failures, pending FROM operator_insights_series('2026-01-15 10:00+00', '2026-01-15 13:00+00', tenant => 't');
SELECT bucket_start, total_deliveries, failures, pending FROM operator_insights_series('2026-01-15 10:00+00', '2026-01-15 13:00+00', endpoint => '/a', tenant => 't');
SELECT bucket_start, total_deliveries, failures, pending FROM operator_insights_series('2026-01-15 10:00+00', '2026-01-15 13:00+00', '1 day', endpoint => '/nowhere');
SELECT bucket_start, total_deliveries, failures, pending FROM operator_insights_series('2026-01-15 10:00+00', '2026-01-15 13:00+00', '1 day', endpoint => 'x'' OR true --');
-- minutes, down to one
SELECT bucket_start, bucket_end, total_deliveries, failures FROM operator_insights_series('2026-01-15 10:58+00', '2026-01-15 11:01+00', '1 minute');
SELECT bucket_start, bucket_end, total_deliveries FROM operator_insights_series('2026-01-15 10:00+00', '2026-01-15 13:00+00', '90 minutes');
SELECT bucket_start, bucket_end, total_deliveries FROM operator_insights_series('2026-01-15 10:00+00', '2026-01-15 13:00+00', '01:30');
-- a length that does not divide a day: without a gap or an overlap all the same
SELECT count(*) IN (206, 207) AS buckets, bool_and(bucket_end - bucket_start = interval '7 minutes') AS equal, bool_and(next IS NULL OR next = bucket_end) AS gapless,
       min(bucket_start) BETWEEN timestamptz '2026-01-15 09:53:00.000001+00' AND '2026-01-15 10:00+00' AS first, max(bucket_end) BETWEEN timestamptz '2026-01-16 10:00+00' AND '2026-01-16 10:06:59.999999+00' AS last,
       sum(total_deliveries) AS deliveries
FROM (SELECT *, lead(bucket_start) OVER (ORDER BY bucket_start) AS next FROM operator_insights_series('2026-01-15 10:00+00', '2026-01-16 10:00+00', '7 minutes')) s;

-- A delivery every half an hour for two days around each change of the clock in Berlin, 2026-03-29 02:00 to 03:00 and 2026-10-25 03:00 to 02:00.
TRUNCATE d;
INSERT INTO d SELECT at, 't', 'e', CASE WHEN extract(minute FROM at) = 0 THEN 'failed' ELSE 'delivered' END
FROM (VALUES (timestamptz '2026-03-27 23:00+00', timestamptz '2026-03-31 21:59+00'), ('2026-10-23 22:00+00', '2026-10-27 22:59+00')) v (since, until), generate_series(since, until, interval '30 minutes') at;
-- days of 23 and of 25 hours
SET timezone = 'Europe/Berlin';
SELECT bucket_start, bucket_end, bucket_end - bucket_start AS length, total_deliveries, failures FROM operator_insights_series('2026-03-28', '2026-04-01', '1 day');
SELECT bucket_start, bucket_end, bucket_end - bucket_start AS length, total_deliveries, failures FROM operator_insights_series('2026-10-24', '2026-10-28', '1 day');
-- hours: one is not there, one is there twice
SELECT bucket_start, bucket_end, total_deliveries FROM operator_insights_series('2026-03-29 00:00', '2026-03-29 05:00', '1 hour');
SELECT bucket_start, bucket_end, total_deliveries FROM operator_insights_series('2026-10-25 00:00', '2026-10-25 05:00', '1 hour');
-- several hours begin again with midnight: of those between which the clock is changed, one is longer or shorter
SELECT bucket_start, bucket_end, total_deliveries FROM operator_insights_series('2026-03-28', '2026-03-31', '24 hours');
SELECT bucket_start, bucket_end, total_deliveries FROM operator_insights_series('2026-10-25 12:00', '2026-10-26 12:00', '6 hours');
SELECT bucket_start, bucket_end, total_deliveries FROM operator_insights_series('2026-10-25 01:00', '2026-10-25 12:00', '6 hours');
SELECT bucket_start, bucket_end, bucket_end - bucket_start AS length, total_deliveries FROM operator_insights_series('2026-10-24 18:00', '2026-10-26 06:00', '6 hours');
SELECT bucket_start, bucket_end, bucket_end - bucket_start AS length, total_deliveries FROM operator_insights_series('2026-03-28 18:00', '2026-03-30 06:00', '6 hours');
SELECT bucket_start, bucket_end, bucket_end - bucket_start AS length FROM operator_insights_series('2026-10-25 00:00', '2026-10-25 06:00', '2 hours');
SELECT bucket_start, bucket_end, bucket_end - bucket_start AS length FROM operator_insights_series('2026-03-29 00:00', '2026-03-29 06:00', '2 hours');
-- a since that is behind the change belongs to a bucket that began before it
SELECT bucket_start, bucket_end FROM operator_insights_series('2026-10-25 03:30', '2026-10-25 04:30', '6 hours');
SELECT bucket_start, bucket_end FROM operator_insights_series('2026-03-29 03:10', '2026-03-29 04:30', '6 hours');
SELECT bucket_start, bucket_end FROM operator_insights_series('2026-03-29 03:10', '2026-03-29 04:30', '2 hours');
SELECT bucket_start, bucket_end FROM operator_insights_series('2026-10-25 02:30+01', '2026-10-25 03:30', '1 hour');
-- a change by half an hour: full hours again after it
SELECT bucket_start AT TIME ZONE 'Australia/Lord_Howe' AS local, bucket_end - bucket_start AS length FROM operator_insights_series('2026-04-04 13:00+00', '2026-04-04 18:00+00', '1 hour', 'Australia/Lord_Howe');
SELECT bucket_start AT TIME ZONE 'Australia/Lord_Howe' AS local, bucket_end - bucket_start AS length FROM operator_insights_series('2026-10-03 14:00+00', '2026-10-03 18:00+00', '1 hour', 'Australia/Lord_Howe');
-- Whatever divides a day begins with midnight on every day of a year, in every zone; and no two buckets overlap or leave a gap.
SELECT zone, bucket, count(*) FILTER (WHERE local::time = '00:00') AS midnights, bool_and(next IS NULL OR next = bucket_end) AS gapless,
       count(*) FILTER (WHERE bucket_end - bucket_start <> bucket) AS of_another_length
FROM unnest(ARRAY['Europe/Berlin', 'America/St_Johns', 'Australia/Lord_Howe']) zone, unnest(ARRAY['1 hour', '3 hours', '90 minutes', '12 hours', '24 hours']::interval[]) bucket,
  LATERAL (SELECT *, bucket_start AT TIME ZONE zone AS local, lead(bucket_start) OVER (ORDER BY bucket_start) AS next
           FROM operator_insights_series(timestamp '2026-01-01' AT TIME ZONE zone, timestamp '2027-01-01' AT TIME ZONE zone, bucket, zone)) s
GROUP BY zone, bucket ORDER BY zone COLLATE "C", bucket;
-- weeks begin on Monday, months on the first; a since that is within one
SELECT bucket_start, bucket_end, bucket_end - bucket_start AS length, total_deliveries FROM operator_insights_series('2026-03-28', '2026-03-31', '7 days');
SELECT bucket_start, bucket_end, bucket_end - bucket_start AS length, total_deliveries FROM operator_insights_series('2026-03-28', '2026-04-01 00:00:00.000001', '1 month');
SELECT bucket_start, bucket_end, total_deliveries FROM operator_insights_series('2025-12-31 23:59:59', '2027-01-01', '3 months');
SELECT bucket_start, bucket_end, total_deliveries FROM operator_insights_series('2026-03-28', '2027-01-01', '1 year');
-- the zone that is given goes before that of the session, by which times are only shown
SET timezone = 'UTC';
SELECT bucket_start, bucket_end, total_deliveries FROM operator_insights_series('2026-03-28 00:00+01', '2026-03-31 00:00+02', '1 day', 'Europe/Berlin');
SELECT bucket_start, bucket_end, total_deliveries FROM operator_insights_series('2026-03-28 00:00+01', '2026-03-31 00:00+02', '1 day');
SELECT bucket_start, bucket_end, total_deliveries FROM operator_insights_series('2026-03-28 00:00+01', '2026-03-28 06:00+01', '3 hours', 'Asia/Kolkata');
-- a zone of the session that has no name
SET TIME ZONE INTERVAL '+05:30' HOUR TO MINUTE;
SELECT bucket_start AT TIME ZONE 'UTC' AS utc, total_deliveries FROM operator_insights_series('2026-03-28 00:00+01', '2026-03-28 06:00+01', '3 hours');
SET timezone = 'UTC';

-- Days, weeks, months and quarters as PostgreSQL's date_trunc has them, in zones of all kinds, around changes of the clock: by half an hour, at midnight, by a day.
CREATE TABLE zones (zone text, change timestamptz);
INSERT INTO zones VALUES
  ('Europe/Berlin', '2026-03-29 01:00:00+00'), ('Europe/Berlin', '2026-10-25 01:00:00+00'), ('America/New_York', '2026-03-08 07:00:00+00'), ('America/New_York', '2026-11-01 06:00:00+00'),
  ('Australia/Lord_Howe', '2026-04-04 15:00:00+00'), ('Australia/Lord_Howe', '2026-10-03 15:30:00+00'), ('America/Sao_Paulo', '2018-11-04 03:00:00+00'), ('America/Sao_Paulo', '2018-02-18 02:00:00+00'),
  ('Pacific/Apia', '2011-12-30 10:00:00+00'), ('Asia/Kolkata', '2026-01-01 00:00:00+00'), ('America/St_Johns', '2026-03-08 05:30:00+00'), ('UTC', '2026-01-01 00:00:00+00');
TRUNCATE d;
INSERT INTO d SELECT DISTINCT change + i * interval '10 minutes' - interval '1 microsecond' * (i % 2), 't', 'e', CASE WHEN i % 3 = 0 THEN 'failed' ELSE 'delivered' END FROM zones, generate_series(-600, 600) i;
CREATE FUNCTION plain(since timestamptz, until timestamptz, unit text, zone text) RETURNS TABLE (bucket_start timestamptz, total bigint, failures bigint) LANGUAGE sql AS $$
  SELECT date_trunc(unit, created_at, zone), count(*), count(*) FILTER (WHERE status = 'failed') FROM d WHERE created_at >= since AND created_at < until GROUP BY 1
$$;
SELECT unit, count(*) AS changes, sum(buckets) AS buckets, sum(empty) AS empty, sum(missing) AS missing, sum(differ) AS differ, bool_and(reach) AS reach, bool_and(gapless) AS gapless
FROM zones, (VALUES ('day', '1 day'::interval), ('week', '7 days'), ('month', '1 month'), ('quarter', '3 months')) units (unit, bucket),
  LATERAL (SELECT change - interval '90 hours 3 minutes' AS since, change + interval '95 hours 4 minutes' AS until) p,
  LATERAL (SELECT count(s.bucket_start) AS buckets, count(*) FILTER (WHERE s.total_deliveries = 0) AS empty, count(*) FILTER (WHERE s.bucket_start IS NULL) AS missing,
                  count(*) FILTER (WHERE (s.total_deliveries, s.failures) IS DISTINCT FROM (coalesce(total, 0), coalesce(p.failures, 0))) AS differ,
                  min(s.bucket_start) <= since AND max(bucket_end) >= until AND min(bucket_end) > since AND max(s.bucket_start) < until AS reach,
                  sum(bucket_end - s.bucket_start) = max(bucket_end) - min(s.bucket_start) AND count(DISTINCT bucket_end) = count(*) AS gapless
           FROM operator_insights_series(since, until, bucket, zone) s FULL JOIN plain(since, until, unit, zone) p USING (bucket_start)) r
GROUP BY unit ORDER BY unit COLLATE "C";
-- a day that begins at one o'clock, and one that was left out of the calendar
SELECT bucket_start AT TIME ZONE 'America/Sao_Paulo' AS local, bucket_end - bucket_start AS length FROM operator_insights_series('2018-11-03 12:00-03', '2018-11-05 12:00-02', '1 day', 'America/Sao_Paulo');
SELECT bucket_start AT TIME ZONE 'Pacific/Apia' AS local, bucket_end - bucket_start AS length FROM operator_insights_series('2011-12-29 12:00-10', '2012-01-01 00:00+14', '1 day', 'Pacific/Apia');
-- Where the clock goes back over midnight, the day has its first hour twice and begins with the first of them. A delivery every half an hour.
TRUNCATE d;
INSERT INTO d SELECT at, 't', 'e', 'delivered' FROM generate_series(timestamptz '2025-10-25 00:00+00', '2025-10-27 23:30+00', interval '30 minutes') at;
SELECT bucket_start, bucket_end, total_deliveries, (SELECT count(*) FROM d WHERE (created_at AT TIME ZONE 'Atlantic/Azores')::date = (bucket_start AT TIME ZONE 'Atlantic/Azores')::date) AS of_that_date
FROM operator_insights_series('2025-10-25 00:00+00', '2025-10-27 01:00+00', '1 day', 'Atlantic/Azores');
SELECT bucket_start <= '2025-10-26 00:30+00' AS first, total_deliveries FROM operator_insights_series('2025-10-26 00:30+00', '2025-10-26 12:00+00', '1 day', 'Atlantic/Azores');
SELECT bucket_start <= '2025-11-02 04:30+00' AS first FROM operator_insights_series('2025-11-02 04:30+00', '2025-11-02 12:00+00', '1 day', 'America/Havana');

-- Several days are counted from Monday, January 3, 2000, several months from January 2000, years and decades too; also back from there.
SELECT bucket, since, bucket_start AT TIME ZONE 'Europe/Berlin' AS bucket_start, bucket_end AT TIME ZONE 'Europe/Berlin' AS bucket_end,
       timestamp '2000-01-03' + floor(((since AT TIME ZONE 'Europe/Berlin')::date - date '2000-01-03')::numeric / days) * days * interval '1 day' AS computed
FROM (VALUES (timestamptz '2026-01-15 12:00+00', '2 days', 2), ('2026-01-15 12:00+00', '10 days', 10), ('2026-01-15 12:00+00', '2 weeks', 14), ('2026-07-19 22:00+00', '14 days', 14), ('2026-07-19 21:59+00', '14 days', 14),
             ('1999-12-31 12:00+00', '7 days', 7), ('1999-12-31 12:00+00', '3 days', 3), ('1965-06-01 12:00+00', '14 days', 14)) v (since, bucket, days),
  operator_insights_series(since, since + interval '1 hour', bucket::interval, 'Europe/Berlin');
SELECT bucket, since, bucket_start, bucket_end
FROM (VALUES (timestamptz '2026-01-15 12:00+00', '5 months'), ('2026-06-30 23:59:59+00', '6 months'), ('2026-01-15 12:00+00', '10 years'), ('1999-12-31 12:00+00', '1 month'), ('1999-12-31 12:00+00', '5 months'), ('1969-07-20 20:17+00', '10 years'),
             ('0001-01-15 12:00+00 BC', '1 year')) v (since, bucket),
  operator_insights_series(since, since + interval '1 microsecond', bucket::interval, 'UTC');

-- What the summary counts, a series counts, whatever the buckets: (since, until] is [since + 1 microsecond, until + 1 microsecond).
TRUNCATE d;
INSERT INTO d SELECT timestamptz '2026-03-29 12:00+00' - i * interval '97 seconds', 't' || i % 3, 'e' || i % 5, (ARRAY['delivered', 'failed', 'dead_letter', 'pending', 'bogus', 'sent'])[i % 6 + 1] FROM generate_series(0, 1000) i;
SELECT bucket, count(*) AS buckets, sum(total_deliveries) = (SELECT total FROM delivery_stats(as_of => '2026-03-29 12:00+00')) AS total,
       sum(failures) = (SELECT failed + dead_letter FROM delivery_stats(as_of => '2026-03-29 12:00+00')) AS failures,
       sum(pending) = (SELECT pending FROM delivery_stats(as_of => '2026-03-29 12:00+00')) AS pending, sum(delivered) = (SELECT delivered FROM delivery_stats(as_of => '2026-03-29 12:00+00')) AS delivered
FROM unnest(ARRAY['1 minute', '5 minutes', '1 hour', '24 hours', '1 day', '2 days', '7 days', '1 month', '10 years']) WITH ORDINALITY AS b (bucket, place),
  operator_insights_series('2026-03-28 12:00:00.000001+00', '2026-03-29 12:00:00.000001+00', bucket::interval, 'Europe/Berlin')
GROUP BY bucket, place ORDER BY place;
-- of one endpoint and tenant
SELECT sum(total_deliveries) AS total, (SELECT count(*) FROM d WHERE endpoint = 'e3' AND tenant_id = 't1' AND created_at >= '2026-03-28 12:00+00') AS computed
FROM operator_insights_series('2026-03-28 12:00+00', '2026-03-30', endpoint => 'e3', tenant => 't1');

-- Times without a zone, in a declared one.
CREATE TABLE wall (created_at timestamp NOT NULL, endpoint text, status text);
SELECT 1 AS registered FROM delivery_source_register('wall', 'wall', '{"time_zone": "Europe/Berlin"}');
INSERT INTO wall SELECT created_at AT TIME ZONE 'Europe/Berlin', endpoint, status FROM d;
SELECT count(*) AS buckets, count(*) FILTER (WHERE w IS DISTINCT FROM d) AS differ FROM operator_insights_series('2026-03-28 12:00+00', '2026-03-29 12:00+00', '10 minutes', source => 'wall') w
FULL JOIN operator_insights_series('2026-03-28 12:00+00', '2026-03-29 12:00+00', '10 minutes', source => 'default') d USING (bucket_start);

DELETE FROM insights.delivery_sources;
DROP SCHEMA regress_series CASCADE;
