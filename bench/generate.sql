-- Creates the table deliveries and fills it with a day in the life of a webhook service, in order of time.
--
--   psql -v rows=250000 -v hours=24 -v endpoints=200 -v tenants=20 -v incidents=on -v seed=42 -f bench/generate.sql
--
-- Everything follows from a row's number by hashing it with the seed: the same variables, `until` included, give the
-- same rows. Traffic has a daily curve in UTC and a few busy endpoints among many quiet ones (Zipf); each endpoint
-- fails in 2 to 4 % of its deliveries, some are retried, and those that are too young to have ended are pending.
-- The first three tenants each have one endpoint with steady traffic (12 a minute, less where rows are few). With
-- incidents on, one of them is down since 4 minutes, one fails in 35 % since 20 minutes, and one has had 8 times its
-- traffic for 5 minutes.
\set ON_ERROR_STOP on
\if :{?rows} \else \set rows 250000 \endif
\if :{?hours} \else \set hours 24 \endif
\if :{?endpoints} \else \set endpoints 200 \endif
\if :{?tenants} \else \set tenants 20 \endif
\if :{?until} \else \set until now \endif
\if :{?incidents} \else \set incidents on \endif
\if :{?seed} \else \set seed 42 \endif

BEGIN;
SELECT :'until'::timestamptz AS until \gset
SET LOCAL maintenance_work_mem = '512MB';
SET LOCAL work_mem = '64MB';
-- The one plan that keeps the rows in order: minutes in order, their rows in order, a hash lookup of the endpoint.
SET LOCAL enable_mergejoin = off;
SET LOCAL enable_sort = on;
SET LOCAL enable_memoize = off;
SET LOCAL max_parallel_workers_per_gather = 0;
SET LOCAL client_min_messages = warning;

-- Fails, and undoes everything, where a table of that name exists: it may be somebody's own.
CREATE TABLE deliveries (
  id uuid NOT NULL,
  alert_event_id text,
  tenant_id text,
  rule_id int,
  rule_name text,
  event_type text,
  target text,
  status text,
  triage_label text,
  triage_score int,
  attempts int,
  max_attempts int,
  last_error text,
  next_retry_at timestamptz,
  created_at timestamptz,
  updated_at timestamptz
);

-- Three independent numbers in [0, 1) from one hash, 20 bits each.
CREATE FUNCTION pg_temp.u1(h bigint) RETURNS float8 LANGUAGE sql IMMUTABLE AS
  'SELECT (h & 1048575) / 1048576.0::float8';
CREATE FUNCTION pg_temp.u2(h bigint) RETURNS float8 LANGUAGE sql IMMUTABLE AS
  'SELECT ((h >> 20) & 1048575) / 1048576.0::float8';
CREATE FUNCTION pg_temp.u3(h bigint) RETURNS float8 LANGUAGE sql IMMUTABLE AS
  'SELECT ((h >> 40) & 1048575) / 1048576.0::float8';

-- Endpoints 0 to 2 are the steady ones, the others are ranked by traffic. One in 50 belongs to nobody.
CREATE TEMP TABLE endpoint ON COMMIT DROP AS
SELECT e,
       CASE WHEN e > 2 AND e % 50 = 49 THEN NULL ELSE tenant END AS tenant,
       'https://hooks.' || tenant || '.example/' ||
         CASE e WHEN 0 THEN 'orders' WHEN 1 THEN 'invoices' WHEN 2 THEN 'signups' ELSE 'in/' || e END AS target,
       0.02 + 0.02 * pg_temp.u1(hashint8extended(e, :seed + 10)) AS failure_rate
FROM (SELECT e, CASE t WHEN 0 THEN 'acme' WHEN 1 THEN 'globex' WHEN 2 THEN 'initech'
                       ELSE 'tenant-' || to_char(t, 'FM0000') END AS tenant
      FROM (SELECT e, CASE WHEN e < 3 OR e < :tenants THEN e
                           ELSE abs(hashint8extended(e, :seed + 11) % greatest(:tenants, 3)) END AS t
            FROM generate_series(0, greatest(:endpoints, 4) - 1) AS e) AS numbered) AS named;
ANALYZE endpoint;

-- How many rows each minute has: the steady ones, those of the spike, and a share of the rest by the daily curve.
CREATE TEMP TABLE minute ON COMMIT DROP AS
WITH size AS (
  SELECT :hours * 60 AS minutes,
         least(12, floor(:rows * 0.4 / 3 / (:hours * 60)))::int AS steady
), plan AS (
  SELECT m, :'until'::timestamptz - make_interval(mins => minutes - m + 1) AS began, steady,
         CASE WHEN :'incidents'::bool AND m > minutes - 5 THEN 7 * steady ELSE 0 END AS spike,
         -- most at 14:00 UTC, least at 02:00
         1 + 0.6 * cos((extract(epoch FROM :'until'::timestamptz)::float8 / 60 - (minutes - m) - 840)
                       / 1440 * 2 * pi()) AS weight
  FROM size, generate_series(1, size.minutes) AS m
), curve AS (
  SELECT *, sum(weight) OVER (ORDER BY m) / sum(weight) OVER () AS upto,
         :rows - sum(3 * steady + spike) OVER () AS others
  FROM plan
), share AS (
  SELECT *, round(others * upto) - coalesce(lag(round(others * upto)) OVER (ORDER BY m), 0) AS other FROM curve
)
SELECT m, began, steady, spike, (3 * steady + spike + other)::int AS size,
       (sum(3 * steady + spike + other) OVER (ORDER BY m) - (3 * steady + spike + other))::bigint AS before
FROM share ORDER BY m;
ANALYZE minute;

INSERT INTO deliveries
SELECT md5(:seed || ':' || n)::uuid,
       'evt_' || n,
       tenant, rule_id, 'rule ' || rule_id,
       (ARRAY['order.created', 'order.paid', 'invoice.sent', 'user.created', 'alert.fired'])[rule_id % 5 + 1],
       target, status,
       CASE WHEN label = 'none' THEN NULL ELSE label END,
       CASE label WHEN 'transient_endpoint_down' THEN 90 WHEN 'permanent_4xx' THEN 85 WHEN 'rate_limited' THEN 95
                  WHEN 'unknown' THEN 60 END,
       attempts, 5,
       CASE label
         WHEN 'transient_endpoint_down' THEN
           (ARRAY['HTTP 503: service unavailable', 'connection refused', 'request timed out after 10 s',
                  'upstream error: 502 bad gateway'])[kind]
         WHEN 'permanent_4xx' THEN
           (ARRAY['HTTP 404: not found', 'HTTP 401: unauthorized', 'HTTP 400: invalid payload', 'HTTP 410: gone'])[kind]
         WHEN 'rate_limited' THEN 'HTTP 429: too many requests'
         WHEN 'unknown' THEN 'unexpected response body'
       END,
       CASE WHEN status = 'pending' OR status = 'failed' AND label <> 'permanent_4xx'
            THEN ended + make_interval(secs => 60 * power(2, attempts - 1)) END,
       created_at,
       least(ended, :'until'::timestamptz)
FROM (
  SELECT *,
         CASE WHEN ended > :'until'::timestamptz THEN 'pending'
              WHEN NOT failing THEN 'delivered'
              WHEN attempts = 5 THEN 'dead_letter'
              ELSE 'failed' END AS status,
         -- A delivery that needed more than one attempt keeps the label of the ones that failed.
         CASE WHEN ended > :'until'::timestamptz OR NOT failing AND (attempts = 1 OR w < 0.3) THEN 'none'
              WHEN outage OR NOT failing OR w < 0.5 THEN 'transient_endpoint_down'
              WHEN w < 0.7 THEN 'permanent_4xx'
              WHEN w < 0.85 THEN 'rate_limited'
              WHEN w < 0.95 THEN 'unknown'
              ELSE 'none' END AS label
  FROM (
    SELECT n, created_at, tenant, target, rule_id, kind, w, failing, outage, attempts,
           -- an answer within two seconds, ten where it failed; then one minute more for each further attempt
           created_at + make_interval(secs => (CASE WHEN failing THEN 10 ELSE 2 END) * v + 60 * (attempts - 1)) AS ended
    FROM (
      SELECT n, created_at, tenant, target, w, v, outage,
             1 + (h3 & 31)::int AS rule_id, 1 + ((h3 >> 8) & 3)::int AS kind,
             pg_temp.u1(h2) < CASE WHEN outage THEN 0.97 WHEN partial THEN 0.35 ELSE failure_rate END AS failing,
             CASE WHEN outage THEN 1
                  WHEN pg_temp.u2(h2) < 0.95 THEN 1
                  ELSE 2 + floor(4 * pg_temp.u3(h2))::int END AS attempts
      FROM (
        SELECT n, created_at, h2, h3, tenant, target, failure_rate,
               pg_temp.u2(h3) AS v, pg_temp.u3(h3) AS w,
               :'incidents'::bool AND e = 0 AND created_at > :'until'::timestamptz - interval '4 minutes' AS outage,
               :'incidents'::bool AND e = 1 AND created_at > :'until'::timestamptz - interval '20 minutes' AS partial
        FROM (
          -- Within its minute a row takes its place at random in its own slot of time, so the order holds. Each of the
          -- steady endpoints takes its share of the minute at random, the spike belongs to the third.
          SELECT n, h2, h3,
                 began + make_interval(secs => 60 * (n - before - 1 + pg_temp.u1(h1)) / size) AS created_at,
                 CASE WHEN pg_temp.u2(h1) * size < 3 * steady + spike
                      THEN least(2, floor(pg_temp.u2(h1) * size / greatest(steady, 1)))::int
                      ELSE least(greatest(:endpoints, 4),
                                 floor(exp(pg_temp.u3(h1) * ln(greatest(:endpoints, 4) - 2))) + 2)::int
                 END AS pick
          FROM (
            SELECT n, began, before, size, steady, spike, hashint8extended(n, :seed) AS h1,
                   hashint8extended(n, :seed + 1) AS h2, hashint8extended(n, :seed + 2) AS h3
            FROM minute, LATERAL generate_series(before + 1, before + size) AS n
            OFFSET 0
          ) AS hashed
          OFFSET 0
        ) AS placed
        JOIN endpoint ON e = pick
        OFFSET 0
      ) AS judged
      OFFSET 0
    ) AS tried
    OFFSET 0
  ) AS timed
  OFFSET 0
) AS labelled;

-- Indexes are built once over all rows, which is far cheaper than row by row.
ALTER TABLE deliveries ADD PRIMARY KEY (id);
CREATE INDEX ON deliveries (created_at);
COMMIT;
ANALYZE deliveries;
