# Every figure of the insights against an oracle in plain SQL, on random deliveries. The seeds are new in each run;
# INSIGHTS_SEED='17 42' repeats those two.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use Insights;
use PostgreSQL::Test::Utils;
use Test::More;

my @seeds =
  defined $ENV{INSIGHTS_SEED} ? $ENV{INSIGHTS_SEED} =~ /\d+/g : map { int rand 1_000_000 } 1 .. 20;
note("INSIGHTS_SEED='@seeds'");

my $node = start_node('insights', "jit = off\nmax_parallel_workers = 8\nmax_parallel_workers_per_gather = 2");

# Two sources: one whose columns have the usual names, and one with nothing but names and types of its own.
$node->safe_psql(
	'postgres', q(
CREATE TABLE deliveries (
  id int, tenant_id text, target text, status text, triage_label text, attempts int, max_attempts int,
  created_at timestamptz) WITH (parallel_workers = 2);
CREATE TABLE logged (
  account int, url text, state smallint, verdict varchar(30), tries smallint, allowed int, gone_at timestamptz,
  happened timestamptz) WITH (parallel_workers = 2);
CREATE INDEX ON deliveries (created_at);
SELECT delivery_source_register('deliveries', 'plain');
SELECT delivery_source_register('logged', 'mapped', '{
  "created_at": "happened", "tenant_id": "account", "endpoint": "split_part(url, ''?'', 1)", "status": "state",
  "statuses": {"0": "pending", "1": "delivered", "2": "failed", "3": "dead_letter", "13": "failed"},
  "triage_label": "verdict", "attempts": "tries", "max_attempts": "allowed", "where": "gone_at IS NULL"}');
)
);

# The oracle: the schema has a function of the same name, arguments and result for each one of the extension.
$node->safe_psql(
	'postgres', q(
CREATE SCHEMA oracle;
SET search_path = oracle, public;

-- What a delivery is to the reports.
CREATE VIEW meaning AS
SELECT 'plain' AS origin, created_at AS at, tenant_id, target,
  CASE
    WHEN lower(status) IN ('delivered', 'success', 'succeeded', 'ok', 'completed', 'sent') THEN 'delivered'
    WHEN lower(status) IN ('failed', 'failure', 'error') THEN 'failed'
    WHEN lower(status) IN ('dead_letter', 'dead', 'exhausted', 'discarded') THEN 'dead_letter'
    WHEN lower(status) IN ('pending', 'queued', 'scheduled', 'processing', 'sending', 'retry', 'retrying', 'in_progress')
      THEN 'pending'
    ELSE 'not known'
  END AS state,
  CASE
    WHEN triage_label IS NULL THEN 'unclassified'
    WHEN triage_label IN ('transient_endpoint_down', 'permanent_4xx', 'rate_limited') THEN triage_label
    ELSE 'unknown'
  END AS label,
  attempts::bigint AS attempts, max_attempts::bigint AS max_attempts
FROM deliveries
UNION ALL
SELECT 'mapped', happened, account::text, split_part(url, '?', 1),
  CASE
    WHEN state = 0 THEN 'pending' WHEN state = 1 THEN 'delivered' WHEN state IN (2, 13) THEN 'failed'
    WHEN state = 3 THEN 'dead_letter' ELSE 'not known'
  END,
  CASE
    WHEN verdict IS NULL THEN 'unclassified'
    WHEN verdict IN ('transient_endpoint_down', 'permanent_4xx', 'rate_limited') THEN verdict
    ELSE 'unknown'
  END,
  tries, allowed
FROM logged WHERE gone_at IS NULL;
CREATE TABLE facts AS SELECT * FROM meaning;
CREATE INDEX ON facts (origin, at);

-- Percent, half away from zero on the exact decimal.
CREATE FUNCTION rate(part bigint, whole bigint) RETURNS numeric LANGUAGE sql IMMUTABLE AS
  $$ SELECT CASE whole WHEN 0 THEN 0.0 ELSE round(part * 100.0 / whole, 1) END $$;

-- Of those that settled: none where none has.
CREATE FUNCTION settled_rate(delivered bigint, failures bigint) RETURNS numeric LANGUAGE sql IMMUTABLE AS
  $$ SELECT CASE WHEN delivered + failures > 0 THEN rate(delivered, delivered + failures) END $$;

CREATE FUNCTION zulu(t timestamptz) RETURNS text LANGUAGE sql STABLE AS
  $$ SELECT to_char(t AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') $$;

-- All figures of the deliveries after since and not after until.
CREATE FUNCTION figures(source text, tenant text, since timestamptz, until timestamptz)
RETURNS TABLE (
  total bigint, delivered bigint, failed bigint, dead_letter bigint, pending bigint, failures bigint, settled bigint,
  success_rate numeric, reference_success_rate numeric, failure_rate numeric,
  transient bigint, permanent bigint, limited bigint, other bigint, unlabelled bigint,
  total_replayed bigint, replay_successes bigint, replay_success_rate numeric, transient_retry_success_rate numeric,
  first_attempt_success_rate numeric, mean_attempts numeric, near_failure bigint, oldest timestamptz)
LANGUAGE sql STABLE AS $$
  SELECT n.total, n.delivered, n.failed, n.dead_letter, n.pending, n.failed + n.dead_letter,
         n.delivered + n.failed + n.dead_letter,
         settled_rate(n.delivered, n.failed + n.dead_letter), rate(n.delivered, n.total),
         rate(n.failed + n.dead_letter, n.total),
         n.transient, n.permanent, n.limited, n.other, n.unlabelled,
         n.replayed, n.replayed_well, rate(n.replayed_well, n.replayed), rate(n.transient_well, n.transient),
         rate(n.first_well, n.first_known),
         CASE n.delivered WHEN 0 THEN 0.0
           ELSE (SELECT CASE WHEN m = round(m, 1) THEN round(m, 1) ELSE m END FROM round(n.tried / n.delivered, 2) AS m) END,
         n.near, n.oldest
  FROM (
    SELECT count(*) AS total,
           count(*) FILTER (WHERE state = 'delivered') AS delivered,
           count(*) FILTER (WHERE state = 'failed') AS failed,
           count(*) FILTER (WHERE state = 'dead_letter') AS dead_letter,
           count(*) FILTER (WHERE state = 'pending') AS pending,
           count(*) FILTER (WHERE label = 'transient_endpoint_down') AS transient,
           count(*) FILTER (WHERE label = 'permanent_4xx') AS permanent,
           count(*) FILTER (WHERE label = 'rate_limited') AS limited,
           count(*) FILTER (WHERE label = 'unknown') AS other,
           count(*) FILTER (WHERE label = 'unclassified') AS unlabelled,
           count(*) FILTER (WHERE attempts > 1) AS replayed,
           count(*) FILTER (WHERE attempts > 1 AND state = 'delivered') AS replayed_well,
           count(*) FILTER (WHERE attempts > 1 AND state = 'delivered' AND label = 'transient_endpoint_down')
             AS transient_well,
           count(*) FILTER (WHERE state = 'delivered' AND (attempts > 1) IS NOT TRUE) AS first_well,
           count(*) FILTER (WHERE state IN ('delivered', 'failed', 'dead_letter') OR attempts > 1) AS first_known,
           sum(greatest(coalesce(attempts, 1), 1)) FILTER (WHERE state = 'delivered') AS tried,
           count(*) FILTER (WHERE state = 'pending' AND attempts >= max_attempts - 1) AS near,
           min(at) FILTER (WHERE state = 'pending') AS oldest
    FROM facts
    WHERE origin = source AND at > since AND at <= until AND (tenant IS NULL OR tenant_id = tenant)
  ) AS n $$;

CREATE FUNCTION delivery_stats(hours int, source text, tenant text, as_of timestamptz)
RETURNS TABLE (total bigint, delivered bigint, failed bigint, pending bigint, dead_letter bigint,
  success_rate float8, settled_success_rate float8, reference_success_rate float8) LANGUAGE sql STABLE AS $$
  SELECT f.total, f.delivered, f.failed, f.pending, f.dead_letter, f.success_rate, f.success_rate,
         f.reference_success_rate
  FROM figures(source, tenant, as_of - make_interval(hours => hours), as_of) AS f $$;

CREATE FUNCTION replay_stats(hours int, source text, tenant text, as_of timestamptz)
RETURNS TABLE (total_replayed bigint, replay_successes bigint, replay_success_rate float8,
  transient_retry_success_rate float8, first_attempt_success_rate float8, mean_attempts float8, counted_from text)
LANGUAGE sql STABLE AS $$
  SELECT f.total_replayed, f.replay_successes, f.replay_success_rate, f.transient_retry_success_rate,
         f.first_attempt_success_rate, f.mean_attempts, 'attempts'
  FROM figures(source, tenant, as_of - make_interval(hours => hours), as_of) AS f $$;

CREATE FUNCTION triage_distribution(hours int, source text, tenant text, as_of timestamptz)
RETURNS TABLE (triage_label text, deliveries bigint, share float8) LANGUAGE sql STABLE AS $$
  SELECT v.label, v.n, rate(v.n, f.total)
  FROM figures(source, tenant, as_of - make_interval(hours => hours), as_of) AS f, LATERAL (VALUES
    (1, 'transient_endpoint_down', f.transient), (2, 'permanent_4xx', f.permanent), (3, 'rate_limited', f.limited),
    (4, 'unknown', f.other), (5, 'unclassified', f.unlabelled)) AS v (i, label, n)
  ORDER BY v.i $$;

-- Quotients are compared as whole numbers of 1e-18: those of counts below 1e8 differ by more, or not at all.
CREATE FUNCTION top_failing(
  by_tenant bool, hours int, max_rows int, order_by text, min_total bigint, source text, tenant text, as_of timestamptz)
RETURNS TABLE (name text, failures bigint, total bigint, failure_rate float8, impact float8) LANGUAGE sql STABLE AS $$
  WITH named AS (
    SELECT CASE WHEN by_tenant THEN tenant_id ELSE target END AS name,
           count(*) FILTER (WHERE state IN ('failed', 'dead_letter')) AS failures, count(*) AS total
    FROM facts
    WHERE origin = source AND at > as_of - make_interval(hours => hours) AND at <= as_of
      AND (tenant IS NULL OR tenant_id = tenant)
    GROUP BY 1
  ), overall AS (SELECT sum(failures) AS failures, sum(total) AS total FROM named)
  SELECT n.name, n.failures, n.total, rate(n.failures, n.total),
         round((n.failures * o.total - n.total * o.failures) / o.total, 2)
  FROM named AS n, overall AS o
  WHERE n.failures > 0 AND n.total >= min_total
  ORDER BY CASE order_by
             WHEN 'failures' THEN n.failures
             WHEN 'failure_rate' THEN div(n.failures * 1e18, n.total)
             WHEN 'impact' THEN n.failures * o.total - n.total * o.failures
           END DESC, n.name COLLATE "C" NULLS LAST
  LIMIT max_rows $$;

CREATE FUNCTION top_failing_endpoints(
  hours int, max_rows int, order_by text, min_total bigint, source text, tenant text, as_of timestamptz)
RETURNS TABLE (endpoint text, failures bigint, total bigint, failure_rate float8, impact float8)
LANGUAGE sql STABLE AS 'SELECT * FROM top_failing(false, hours, max_rows, order_by, min_total, source, tenant, as_of)';

CREATE FUNCTION top_failing_tenants(
  hours int, max_rows int, order_by text, min_total bigint, source text, tenant text, as_of timestamptz)
RETURNS TABLE (tenant_id text, failures bigint, total bigint, failure_rate float8, impact float8)
LANGUAGE sql STABLE AS 'SELECT * FROM top_failing(true, hours, max_rows, order_by, min_total, source, tenant, as_of)';

CREATE FUNCTION operator_insights_summary(hours int, source text, tenant text, as_of timestamptz)
RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object(
    'top_failing_endpoints', (
      SELECT coalesce(jsonb_agg(jsonb_build_object('endpoint', t.name, 'failures', t.failures, 'total', t.total,
                                                   'failure_rate', rate(t.failures, t.total)) ORDER BY t.i), '[]')
      FROM top_failing(false, hours, 10, 'failures', 1, source, tenant, as_of)
        WITH ORDINALITY AS t (name, failures, total, failure_rate, impact, i)),
    'top_failing_tenants', (
      SELECT coalesce(jsonb_agg(jsonb_build_object('tenant_id', t.name, 'failures', t.failures, 'total', t.total,
                                                   'failure_rate', rate(t.failures, t.total)) ORDER BY t.i), '[]')
      FROM top_failing(true, hours, 10, 'failures', 1, source, tenant, as_of)
        WITH ORDINALITY AS t (name, failures, total, failure_rate, impact, i)),
    'triage_distribution', jsonb_build_object(
      'transient_endpoint_down', f.transient, 'permanent_4xx', f.permanent, 'rate_limited', f.limited,
      'unknown', f.other, 'unclassified', f.unlabelled),
    'delivery_stats', jsonb_build_object(
      'total', f.total, 'delivered', f.delivered, 'failed', f.failed, 'pending', f.pending,
      'dead_letter', f.dead_letter, 'success_rate', f.reference_success_rate),
    'replay_stats', jsonb_build_object(
      'total_replayed', f.total_replayed, 'replay_successes', f.replay_successes,
      'replay_success_rate', f.replay_success_rate, 'counted_from', 'attempts'),
    'triage_accuracy', jsonb_build_object(
      'transient_retry_success_rate', f.transient_retry_success_rate,
      'note', 'Measures how often ''transient'' failures succeed on retry'),
    'time_range', jsonb_build_object(
      'hours', hours, 'start', zulu(as_of - make_interval(hours => hours)), 'end', zulu(as_of)),
    'generated_at', zulu(now()),
    'settled_success_rate', f.success_rate,
    'retry_stats', jsonb_build_object(
      'first_attempt_success_rate', f.first_attempt_success_rate, 'mean_attempts', f.mean_attempts),
    'backlog', jsonb_build_object(
      'pending', f.pending, 'near_failure', f.near_failure,
      'oldest_pending_seconds', floor(extract(epoch FROM as_of - f.oldest))))
  FROM figures(source, tenant, as_of - make_interval(hours => hours), as_of) AS f $$;

CREATE FUNCTION operator_insights_trends(
  hours int, interval_hours int, source text, tenant text, as_of timestamptz)
RETURNS TABLE (bucket_start timestamptz, bucket_end timestamptz, total_deliveries bigint, delivered bigint,
  failures bigint, pending bigint, success_rate float8, failure_rate float8, settled_success_rate float8,
  reference_success_rate float8) LANGUAGE sql STABLE AS $$
  SELECT b.start_at, b.end_at, f.total, f.delivered, f.failures, f.pending, f.success_rate, f.failure_rate,
         f.success_rate, f.reference_success_rate
  FROM generate_series(0, hours - 1, interval_hours) AS back, LATERAL (
    SELECT as_of - make_interval(hours => least(back + interval_hours, hours)) AS start_at,
           as_of - make_interval(hours => back) AS end_at) AS b,
    LATERAL figures(source, tenant, b.start_at, b.end_at) AS f
  ORDER BY back DESC $$;

CREATE FUNCTION operator_insights_trends_json(
  hours int, interval_hours int, source text, tenant text, as_of timestamptz)
RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object(
    'intervals', jsonb_agg(jsonb_build_object(
      'timestamp', zulu(t.bucket_start), 'total_deliveries', t.total_deliveries, 'failures', t.failures,
      'success_rate', rate(t.total_deliveries - t.failures, t.total_deliveries),
      'settled_success_rate', settled_rate(t.delivered, t.failures)) ORDER BY t.bucket_start),
    'interval_hours', interval_hours, 'total_hours', hours, 'generated_at', zulu(now()))
  FROM operator_insights_trends(hours, interval_hours, source, tenant, as_of) AS t $$;

-- The start of the calendar bucket of a local time. Equal intervals are not the same ('1 day' and '24 hours' are), so
-- this goes by what they are called. As a statement of its own, date_bin is not computed before the bucket is known to
-- have no months.
CREATE FUNCTION local_start(bucket interval, t timestamp) RETURNS timestamp LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  field text := CASE bucket::text
    WHEN '1 day' THEN 'day' WHEN '7 days' THEN 'week' WHEN '1 mon' THEN 'month' WHEN '3 mons' THEN 'quarter'
    WHEN '1 year' THEN 'year' END;
BEGIN
  IF field IS NULL THEN
    RETURN date_bin(bucket, t, timestamp '2000-01-03');
  END IF;
  RETURN date_trunc(field, t);
END $$;

-- Where the clock shows a multiple of so many hours or minutes. Of those that it shows twice the second one counts only
-- where that comes a multiple later; a multiple that it leaps over, where it comes before the next one.
CREATE FUNCTION clock_edges(since timestamptz, until timestamptz, bucket interval, zone text)
RETURNS SETOF timestamptz LANGUAGE sql STABLE AS $$
  WITH wall AS (
    SELECT w, w AT TIME ZONE zone AS usual
    FROM generate_series(local_start(bucket, (since AT TIME ZONE zone) - bucket - interval '1 day'),
                         (until AT TIME ZONE zone) + bucket + interval '1 day', bucket) AS w
  ), earlier AS (
    SELECT w, usual, (w - (((usual - interval '24 hours') AT TIME ZONE zone)
                           - ((usual - interval '24 hours') AT TIME ZONE 'UTC'))) AT TIME ZONE 'UTC' AS t FROM wall
  ), once AS (
    SELECT w, usual, CASE WHEN t < usual AND t AT TIME ZONE zone = w THEN t ELSE usual END AS t FROM earlier
  )
  SELECT t FROM (
    SELECT t, min(t) OVER (ORDER BY w ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS later FROM once) AS o
  WHERE later IS NULL OR t < later
  UNION
  SELECT usual FROM once WHERE t < usual AND mod(extract(epoch FROM usual - t), extract(epoch FROM bucket)) = 0 $$;

CREATE FUNCTION edges(since timestamptz, until timestamptz, bucket interval, zone text)
RETURNS TABLE (start_at timestamptz, end_at timestamptz) LANGUAGE sql STABLE AS $$
  SELECT e.start_at, e.end_at FROM (
    SELECT edge AS start_at, lead(edge) OVER (ORDER BY edge) AS end_at FROM (
      SELECT DISTINCT edge FROM (
        SELECT t AT TIME ZONE zone AS edge
        FROM generate_series(local_start(bucket, since AT TIME ZONE zone), (until AT TIME ZONE zone) + bucket, bucket) AS t
        WHERE extract(year FROM bucket) + extract(month FROM bucket) + extract(day FROM bucket) > 0
        UNION ALL
        SELECT t FROM clock_edges(since, until, bucket, zone) AS t
        WHERE extract(year FROM bucket) + extract(month FROM bucket) + extract(day FROM bucket) = 0) AS u) AS d) AS e
  WHERE e.start_at < until AND e.end_at > since $$;

CREATE FUNCTION operator_insights_series(
  since timestamptz, until timestamptz, bucket interval, tz text, endpoint text, source text, tenant text)
RETURNS TABLE (bucket_start timestamptz, bucket_end timestamptz, total_deliveries bigint, delivered bigint,
  failures bigint, pending bigint, success_rate float8, failure_rate float8, settled_success_rate float8,
  reference_success_rate float8) LANGUAGE sql STABLE AS $$
  WITH zone AS (SELECT coalesce(tz, current_setting('TimeZone')) AS name)
  SELECT e.start_at, e.end_at, coalesce(n.total, 0), coalesce(n.delivered, 0), coalesce(n.failures, 0),
         coalesce(n.pending, 0), settled_rate(n.delivered, n.failures),
         rate(coalesce(n.failures, 0), coalesce(n.total, 0)), settled_rate(n.delivered, n.failures),
         rate(coalesce(n.delivered, 0), coalesce(n.total, 0))
  FROM zone CROSS JOIN LATERAL edges(since, until, bucket, zone.name) AS e CROSS JOIN LATERAL (
    SELECT count(*) AS total,
           count(*) FILTER (WHERE state = 'delivered') AS delivered,
           count(*) FILTER (WHERE state IN ('failed', 'dead_letter')) AS failures,
           count(*) FILTER (WHERE state = 'pending') AS pending
    FROM facts
    WHERE origin = source AND at >= since AND at < until AND at >= e.start_at AND at < e.end_at
      AND (tenant IS NULL OR tenant_id = tenant) AND (endpoint IS NULL OR target = endpoint)) AS n
  ORDER BY 1 $$;

CREATE FUNCTION insights_compare(hours int, min_total bigint, source text, tenant text, as_of timestamptz)
RETURNS TABLE (scope text, endpoint text, figure text, current_value float8, previous_value float8, change float8,
  impact float8, direction text) LANGUAGE sql STABLE AS $$
  WITH bounds AS (
    SELECT as_of - make_interval(hours => hours) AS turn, as_of - 2 * make_interval(hours => hours) AS start_at
  ), counted AS (
    SELECT target,
           count(*) FILTER (WHERE at > turn) AS total_now, count(*) FILTER (WHERE at <= turn) AS total_then,
           count(*) FILTER (WHERE at > turn AND state IN ('failed', 'dead_letter')) AS failed_now,
           count(*) FILTER (WHERE at <= turn AND state IN ('failed', 'dead_letter')) AS failed_then
    FROM facts, bounds
    WHERE origin = source AND at > start_at AND at <= as_of AND (tenant IS NULL OR tenant_id = tenant)
    GROUP BY 1
  ), changed AS (
    SELECT *, failed_now * total_then - total_now * failed_then AS beyond FROM counted
    WHERE total_now >= min_total AND total_then >= min_total
      AND failed_now * total_then <> total_now * failed_then
  )
  SELECT r.scope, r.endpoint, r.figure, r.now, r.prev, r.now - r.prev, r.impact, r.direction
  FROM (
    SELECT 1 AS part, v.i, 'total' AS scope, NULL AS endpoint, v.figure, v.now::numeric AS now, v.prev::numeric AS prev,
           NULL::numeric AS impact, NULL AS direction
    FROM bounds, LATERAL figures(source, tenant, turn, as_of) AS c, LATERAL figures(source, tenant, start_at, turn) AS p,
      LATERAL (VALUES
        (1, 'total', c.total, p.total), (2, 'delivered', c.delivered, p.delivered), (3, 'failed', c.failed, p.failed),
        (4, 'dead_letter', c.dead_letter, p.dead_letter), (5, 'pending', c.pending, p.pending),
        (6, 'success_rate', c.success_rate, p.success_rate),
        (7, 'settled_success_rate', c.success_rate, p.success_rate),
        (8, 'failure_rate', c.failure_rate, p.failure_rate),
        (9, 'retried', c.total_replayed, p.total_replayed),
        (10, 'retry_success_rate', c.replay_success_rate, p.replay_success_rate),
        (11, 'first_attempt_success_rate', c.first_attempt_success_rate, p.first_attempt_success_rate),
        (12, 'mean_attempts', c.mean_attempts, p.mean_attempts),
        (13, 'reference_success_rate', c.reference_success_rate, p.reference_success_rate)) AS v (i, figure, now, prev)
    UNION ALL
    SELECT 2, row_number() OVER (ORDER BY div(abs(beyond) * 1e18, total_then) DESC, target COLLATE "C" NULLS LAST),
           'endpoint', target, 'failure_rate', rate(failed_now, total_now), rate(failed_then, total_then),
           round(beyond::numeric / total_then, 2), CASE WHEN beyond > 0 THEN 'worse' ELSE 'better' END
    FROM changed
  ) AS r
  ORDER BY part, i $$;
)
);

# Random deliveries: u(seed, k, i) is the k-th number in [0, 1) of row i. An endpoint belongs to many tenants, some
# names differ in nothing but case, and what may be missing is missing now and then. Each edge of a window has a
# delivery on it and one a microsecond to either side. They are inserted in no order of time.
$node->safe_psql(
	'postgres', q(
CREATE FUNCTION u(seed int, k int, i int) RETURNS float8 LANGUAGE sql IMMUTABLE AS
  $$ SELECT (hashint8extended(i, seed * 1000::bigint + k) & 1048575) / 1048576.0::float8 $$;
CREATE FUNCTION pick(x float8, texts text[]) RETURNS text LANGUAGE sql IMMUTABLE AS
  $$ SELECT texts[1 + floor(x * cardinality(texts))::int] $$;

CREATE TABLE moments (i int, at timestamptz);
-- What series the next random deliveries are to be asked for.
CREATE TABLE series (since timestamptz, until timestamptz, bucket interval, tz text);
CREATE FUNCTION generate(seed int, rows int, endpoints int, tenants int, hours int, as_of timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('search_path', 'oracle, public', true);
  TRUNCATE deliveries, logged, facts;
  INSERT INTO moments SELECT i, as_of - (u(seed, 1, i) * 2.3 - 0.1) * hours * interval '1 hour'
    FROM generate_series(1, rows) AS i;
  INSERT INTO moments SELECT 1000000 + 3 * h + d, as_of - h * interval '1 hour' + d * interval '1 microsecond'
    FROM generate_series(-1, 2 * hours + 1) AS h, generate_series(-1, 1) AS d;
  INSERT INTO moments SELECT 2000000 + row_number() OVER (ORDER BY edge, d)::int, edge + d * interval '1 microsecond'
    FROM (SELECT unnest(ARRAY[since, until]) AS edge FROM series
          UNION SELECT unnest(ARRAY[start_at, end_at])
          FROM series, LATERAL edges(since, until, bucket, coalesce(tz, current_setting('TimeZone')))) AS e,
      generate_series(-1, 1) AS d;
  INSERT INTO moments SELECT 3000000 + n, start_at + u(seed, 21, n) * (end_at - start_at)
    FROM (SELECT e.*, row_number() OVER (ORDER BY since, until, bucket, start_at, twice)::int AS n
          FROM series, LATERAL edges(since, until, bucket, coalesce(tz, current_setting('TimeZone'))) AS e,
            generate_series(1, 2) AS twice) AS b;
  INSERT INTO moments SELECT 4000000 + n, NULL FROM generate_series(1, 3) AS n;
  INSERT INTO deliveries
  SELECT i, CASE WHEN u(seed, 2, i) > 0.05
                 THEN pick(u(seed, 3, i) ^ 2, ARRAY(SELECT tenant_name(t) FROM generate_series(1, tenants) AS t)) END,
         CASE WHEN u(seed, 4, i) > 0.05 THEN
           pick(u(seed, 5, i) ^ 3, ARRAY(SELECT endpoint_name(e) FROM generate_series(1, endpoints) AS e)) END,
         CASE
           WHEN u(seed, 6, i) < 0.1 THEN pick(u(seed, 7, i), ARRAY[NULL, '', 'gone', 'FAIL', ' failed', 'dead letter', '2'])
           -- Some seeds know few words, and some have next to no failures.
           ELSE pick(u(seed, 8, i) ^ (1 + 2 * u(seed, 9, 0)), ARRAY[
             'delivered', 'DELIVERED', 'success', 'Succeeded', 'ok', 'OK', 'completed', 'sent', 'delivered',
             'pending', 'Queued', 'scheduled', 'processing', 'SENDING', 'retry', 'retrying', 'in_progress',
             'failed', 'FAILED', 'failure', 'Error', 'failed', 'dead_letter', 'Dead', 'exhausted', 'DISCARDED'])
         END,
         pick(u(seed, 10, i), ARRAY[
           NULL, NULL, 'transient_endpoint_down', 'transient_endpoint_down', 'permanent_4xx', 'rate_limited', 'unknown',
           'unclassified', '', 'Transient_Endpoint_Down', 'dns_failure']),
         CASE WHEN u(seed, 11, i) > 0.998 THEN 2147483647 ELSE
           pick(u(seed, 12, i), ARRAY[NULL, '-1', '0', '1', '1', '1', '2', '2', '3', '4', '5'])::int END,
         CASE WHEN u(seed, 13, i) > 0.998 THEN -2147483648 ELSE
           pick(u(seed, 14, i), ARRAY[NULL, '0', '3', '3', '5', '5', '2147483647'])::int END,
         at
  FROM moments ORDER BY u(seed, 15, i);
  INSERT INTO logged
  SELECT CASE WHEN u(seed, 16, id) > 0.05 THEN 1 + floor(u(seed, 17, id) * tenants)::int - 3 END, target || '?id=' || id,
         pick(u(seed, 18, id), ARRAY[NULL, '0', '0', '1', '1', '1', '1', '2', '3', '4', '-1', '13'])::smallint,
         triage_label, nullif(least(attempts, 7), 0)::smallint, max_attempts,
         CASE WHEN u(seed, 19, id) > 0.8 THEN created_at END, created_at
  FROM deliveries ORDER BY u(seed, 20, id);
  TRUNCATE moments;
  INSERT INTO facts SELECT * FROM meaning;
  ANALYZE deliveries, logged, facts;
END $$;
CREATE FUNCTION tenant_name(t int) RETURNS text LANGUAGE sql IMMUTABLE AS
  $$ SELECT CASE t WHEN 3 THEN '' WHEN 4 THEN 'Acme' WHEN 5 THEN 'acme' WHEN 6 THEN 'unknown' WHEN 2 THEN 'Zeta' ELSE 'tenant-' || t END $$;
CREATE FUNCTION endpoint_name(e int) RETURNS text LANGUAGE sql IMMUTABLE AS
  $$ SELECT CASE e WHEN 2 THEN '' WHEN 4 THEN 'https://a.example' WHEN 5 THEN 'https://A.example' WHEN 6 THEN U&'\00e9' WHEN 3 THEN 'https://Z.example' ELSE
       'https://hook-' || e || '.example/in' END $$;
)
);

# Calls a report and its oracle with each row of a query as arguments, and compares what they say row by row, in their
# order; JSON key by key. How many rows that were is added up, so that it is known in the end that each report said something.
my %compared;

sub agrees
{
	my ($function, $calls, $arguments, %params) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $said = sub {
		my $report = "$_[0]$function($arguments)";
		$report = "jsonb_each($report)" if $params{json};
		return "SELECT c::text AS call, r::text AS said FROM calls AS c, LATERAL $report WITH ORDINALITY AS r";
	};
	my $settings = $params{settings} // '';
	my ($rows, $differences) = split /\|/, $node->safe_psql(
		'postgres', "SET search_path = oracle, public;
SET intervalstyle = postgres;
$settings
WITH calls AS MATERIALIZED ($calls),
     ours AS MATERIALIZED (" . $said->('public.') . '),
     oracle AS MATERIALIZED (' . $said->('oracle.') . q[),
     differences AS (
       SELECT 'ours' AS by, d.* FROM (TABLE ours EXCEPT ALL TABLE oracle) AS d
       UNION ALL
       SELECT 'oracle', d.* FROM (TABLE oracle EXCEPT ALL TABLE ours) AS d)
SELECT (SELECT count(*) FROM oracle),
       (SELECT max(n) || ' differences' || string_agg(format(E'\n%s %s says %s', call, by, left(said, 1000)), '')
        FROM (SELECT *, count(*) OVER () AS n FROM differences ORDER BY call, said LIMIT 6) AS d)]
	), 2;
	$compared{$function} += $rows;
	my $name = $params{name} // $function;
	return is($differences, '', "$name, $rows rows");
}

# The seeds --------------------------------------------------------------------------------------------------------

# Of each list, what a seed takes; by the seed alone, so that it can be repeated.
my @as_of = (
	NOON,
	'2026-03-29 12:00:00.000001+00',
	'2026-10-25 01:00:00+00',
	'2025-12-31 23:59:59.999999+00',
	'1999-12-31 22:30:00.5+00',
	'2018-11-04 03:00:00+00',
	'1969-12-31 23:59:59.25+00'
);
my @hours = (1, 2, 5, 23, 24, 25, 30, 48, 168);
my @endpoints = (1, 7, 40, 400);
my @tenants = (1, 6, 9, 60);

# The zone of a session that names none.
my $zone = "SET timezone = 'America/St_Johns';";

my $free = 'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
  SET min_parallel_index_scan_size = 0;';

my ($as_of, $hours);
foreach my $seed (@seeds)
{
	srand($seed);
	($as_of, $hours, my ($endpoints, $tenants)) =
	  map { $_->[ rand @$_ ] } (\@as_of, \@hours, \@endpoints, \@tenants);
	my $rows = 1500 + int rand 2500;
	my $longest = $hours > 24 ? $hours : 24;

	subtest "seed $seed: $rows rows to $as_of, $hours hours, $endpoints endpoints, $tenants tenants" => sub {
		my $until = "timestamptz '$as_of'";
		$node->safe_psql(
			'postgres', "$zone
TRUNCATE series;
INSERT INTO series
SELECT $until - length, $until + rest, bucket, tz FROM (VALUES
  (interval '26 hours', interval '0', interval '1 hour', 'UTC'),
  ('1 hour', '20 seconds', '1 minute', 'Asia/Tokyo'),
  ('3 hours 0.000001 seconds', '7 minutes', '15 minutes', 'Asia/Kathmandu'),
  ('2 days', '1 hour', '6 hours', 'Europe/Berlin'),
  ('40 hours', '1 microsecond', '7 hours', 'Australia/Lord_Howe'),
  ('40 hours', '-1 microsecond', '90 minutes', NULL),
  ('10 days', '1 day', '1 day', 'Europe/Berlin'),
  ('20 days', '0', '3 days', 'America/Sao_Paulo'),
  ('60 days', '1 day', '7 days', 'America/New_York'),
  ('300 days', '40 days', '1 month', NULL),
  ('800 days', '0', '3 months', 'Asia/Kathmandu'),
  ('800 days', '3 days', '1 year', 'Europe/Berlin')) AS v (length, rest, bucket, tz);
SELECT generate($seed, $rows, $endpoints, $tenants, $longest, '$as_of')"
		);
		run_seed($seed, $hours, $as_of);
	};
}

sub run_seed
{
	my ($seed, $hours, $as_of) = @_;

	# Both sources, everybody and a tenant of each, one whose name is empty and one that is none; windows whose ends
	# are on an edge and a microsecond to either side of it.
	my $windows = "FROM (VALUES ('plain', NULL), ('plain', 'tenant-1'), ('plain', ''), ('plain', 'nobody'),
	                      ('mapped', NULL), ('mapped', '1'), ('mapped', '-2')) AS s (source, tenant),
	  (SELECT DISTINCT h FROM (VALUES (24), ($hours)) AS v (h)) AS w (hours),
	  (SELECT timestamptz '$as_of' + d * interval '1 microsecond' FROM generate_series(-1, 1) AS d) AS t (as_of)";
	my $arguments = 'c.hours, source => c.source, tenant => c.tenant, as_of => c.as_of';
	agrees($_, "SELECT * $windows", $arguments) foreach qw(delivery_stats replay_stats triage_distribution);
	agrees('operator_insights_summary', "SELECT * $windows", $arguments, json => 1);
	agrees(
		$_,
		"SELECT * FROM (SELECT * $windows) AS w,
		  (VALUES (1, 1), (3, 0), (10, 1), (1000, 1), (1000, 5), (10, 1000000)) AS m (max_rows, min_total),
		  unnest(ARRAY['failures', 'failure_rate', 'impact']) AS o (order_by)
		 WHERE as_of = '$as_of' AND hours = $hours",
		'c.hours, max_rows => c.max_rows, order_by => c.order_by, min_total => c.min_total, source => c.source,
		  tenant => c.tenant, as_of => c.as_of'
	) foreach qw(top_failing_endpoints top_failing_tenants);
	agrees(
		'insights_compare',
		"SELECT * FROM (SELECT * $windows) AS w, unnest(ARRAY[1, 5, 20]) AS m (min_total)
		 WHERE as_of = '$as_of' OR tenant IS NULL",
		'c.hours, min_total => c.min_total, source => c.source, tenant => c.tenant, as_of => c.as_of'
	);

	# All divisors of 24, and others.
	my $trends = "SELECT * FROM (SELECT * $windows) AS w, LATERAL (
	    SELECT unnest(ARRAY[1, 2, 3, 4, 6, 8, 12, 24, 5, 7, 9, 11, 13, 23, 25, 30]) WHERE hours = 24
	    UNION SELECT unnest(ARRAY[greatest(1, $hours / 7), $hours - 1, $hours]) WHERE hours > 1) AS i (interval_hours)
	  WHERE interval_hours > 0 AND (as_of = '$as_of' AND (tenant IS NULL OR interval_hours = 5) OR interval_hours = 7 AND tenant IS NULL)";
	my $trend_arguments =
	  'c.hours, c.interval_hours, source => c.source, tenant => c.tenant, as_of => c.as_of';
	agrees('operator_insights_trends', $trends, $trend_arguments);
	agrees('operator_insights_trends_json', $trends, $trend_arguments, json => 1);
	is(
		$node->safe_psql(
			'postgres', "SELECT count(*) FILTER (WHERE t = s), string_agg(c::text, ' ') FILTER (WHERE t IS DISTINCT FROM s)
			FROM ($trends) AS c, LATERAL (
			    SELECT ROW(sum(total_deliveries)::bigint, sum(delivered)::bigint, sum(failures)::bigint, sum(pending)::bigint)
			    FROM operator_insights_trends($trend_arguments)) AS a (t),
			  LATERAL (SELECT ROW(total, delivered, failed + dead_letter, pending) FROM delivery_stats($arguments)) AS b (s)"
		  ),
		$node->safe_psql('postgres', "SELECT count(*), NULL FROM ($trends) AS c"),
		'trends add up to the statistics'
	);

	agrees(
		'operator_insights_series',
		"SELECT * FROM series, (VALUES ('plain', NULL, NULL), ('plain', 'https://hook-1.example/in', NULL), ('plain', '', NULL),
		    ('plain', 'https://hook-1.example/in', 'tenant-1'), ('mapped', NULL, NULL), ('mapped', NULL, '1'),
		    ('mapped', 'https://hook-1.example/in', NULL)) AS s (source, endpoint, tenant)",
		'c.since, c.until, c.bucket, c.tz, c.endpoint, c.source, c.tenant',
		settings => $zone
	);

	# JSON and rows, without the oracle in between: the calls where they differ.
	is(
		$node->safe_psql(
			'postgres', "SELECT c FROM (SELECT * $windows) AS c, LATERAL (
			  SELECT (operator_insights_summary($arguments) #- '{triage_accuracy,note}')
			         - ARRAY['generated_at', 'time_range', 'backlog']
			) AS a (said), LATERAL (
			  SELECT jsonb_build_object(
			    'top_failing_endpoints', (
			      SELECT coalesce(jsonb_agg(to_jsonb(t) - 'impact' - 'ordinality' ORDER BY ordinality), '[]')
			      FROM top_failing_endpoints($arguments) WITH ORDINALITY AS t),
			    'top_failing_tenants', (
			      SELECT coalesce(jsonb_agg(to_jsonb(t) - 'impact' - 'ordinality' ORDER BY ordinality), '[]')
			      FROM top_failing_tenants($arguments) WITH ORDINALITY AS t),
			    'triage_distribution', (SELECT jsonb_object_agg(triage_label, deliveries) FROM triage_distribution($arguments)),
			    'delivery_stats', to_jsonb(d) - ARRAY['settled_success_rate', 'reference_success_rate']
			      || jsonb_build_object('success_rate', d.reference_success_rate),
			    'settled_success_rate', d.settled_success_rate,
			    'replay_stats', jsonb_build_object(
			      'total_replayed', total_replayed, 'replay_successes', replay_successes, 'replay_success_rate', replay_success_rate,
			      'counted_from', counted_from),
			    'triage_accuracy', jsonb_build_object('transient_retry_success_rate', transient_retry_success_rate),
			    'retry_stats', jsonb_build_object(
			      'first_attempt_success_rate', first_attempt_success_rate, 'mean_attempts', mean_attempts))
			  FROM delivery_stats($arguments) AS d, replay_stats($arguments)
			) AS b (said) WHERE a.said IS DISTINCT FROM b.said"
		),
		'',
		'the summary as JSON and as rows'
	);
	is(
		$node->safe_psql(
			'postgres', "SELECT c FROM ($trends) AS c, LATERAL (
			  SELECT operator_insights_trends_json($trend_arguments) -> 'intervals') AS a (said), LATERAL (
			  SELECT jsonb_agg(jsonb_build_object('timestamp', oracle.zulu(bucket_start), 'total_deliveries', total_deliveries,
			                                      'failures', failures, 'success_rate', oracle.rate(total_deliveries - failures, total_deliveries),
			                                      'settled_success_rate', success_rate) ORDER BY ordinality)
			  FROM operator_insights_trends($trend_arguments) WITH ORDINALITY) AS b (said)
			WHERE a.said IS DISTINCT FROM b.said"
		),
		'',
		'the trends as JSON and as rows'
	);

	my $source = qw(plain mapped) [ $seed / 3 % 2 ];
	my $serial = everything($source, $hours, $as_of, 'SET max_parallel_workers_per_gather = 0;');
	cmp_ok(length $serial, '>', 1000, 'there is something to compare');
	my $forced = force_parallel($node, qw(off on regress) [ $seed % 3 ]);
	is(everything($source, $hours, $as_of, "$free SET $forced;"), $serial, "$source: the same in parallel, $forced");
	return;
}

# What each report says, less the time at which it was asked.
sub everything
{
	my ($source, $hours, $as_of, $settings) = @_;
	my $rest = "source => '$source', as_of => '$as_of'";
	return $node->safe_psql(
		'postgres',
		join ";\n",
		$settings,
		"SELECT operator_insights_summary($hours, $rest) - 'generated_at'",
		"SELECT operator_insights_trends_json($hours, 1, $rest) - 'generated_at'",
		map { "SELECT * FROM $_" } (
			"top_failing_endpoints($hours, 1000, 'impact', $rest)",
			"top_failing_tenants($hours, 1000, 'failure_rate', $rest)",
			"triage_distribution($hours, $rest)",
			"delivery_stats($hours, $rest)",
			"replay_stats($hours, $rest)",
			"operator_insights_trends($hours, 5, $rest)",
			"insights_compare($hours, 1, $rest)",
			"operator_insights_series(timestamptz '$as_of' - interval '9 hours', '$as_of', '15 minutes', 'Asia/Kathmandu', source => '$source')"
		)
	);
}

# That they were parallel, by the plans of the same calls.
subtest 'workers' => sub {
	foreach my $source (qw(plain mapped))
	{
		$node->psql(
			'postgres', "LOAD 'auto_explain'; $free
			SET auto_explain.log_min_duration = 0; SET auto_explain.log_analyze = on;
			SET auto_explain.log_nested_statements = on; SET auto_explain.log_level = notice;
			SELECT operator_insights_summary($hours, '$source', as_of => '$as_of');",
			stdout => \my $stdout,
			stderr => \my $stderr
		);
		like($stderr, qr/delivery_rollup_agg\(.*Workers Launched: [1-9]/s, $source);
	}
};

# Calendars --------------------------------------------------------------------------------------------------------

# Each bucket has deliveries on both of its edges, a microsecond to either side of them, and in between.
sub calendar
{
	my ($name, @series) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return subtest $name => sub {
		$node->safe_psql(
			'postgres',
			"TRUNCATE series; INSERT INTO series VALUES "
			  . join(', ', map { sprintf "('%s', '%s', '%s', '%s')", @$_ } @series)
			  . "; SELECT generate($seeds[0], 10, 3, 3, 1, '2026-01-15 12:00+00')"
		);
		agrees(
			'operator_insights_series',
			"SELECT * FROM series, (VALUES ('plain', NULL, NULL), ('plain', 'https://hook-1.example/in', NULL),
			    ('plain', NULL, 'tenant-1'), ('mapped', NULL, NULL)) AS s (source, endpoint, tenant)",
			'c.since, c.until, c.bucket, c.tz, c.endpoint, c.source, c.tenant'
		);
		agrees(
			'operator_insights_series',
			q(SELECT * FROM series, (VALUES ('plain', NULL::text, NULL::text)) AS s (source, endpoint, tenant)),
			'c.since, c.until, c.bucket, NULL, c.endpoint, c.source, c.tenant',
			settings => "SET timezone = '$series[0][3]';",
			name => 'in the zone of the session'
		);
	};
}

# Where in local time the buckets begin, and how many minutes they have.
sub lengths
{
	my ($since, $until, $bucket, $tz) = @_;
	return $node->safe_psql(
		'postgres',
		"SELECT string_agg(to_char(bucket_start AT TIME ZONE '$tz', 'MM-DD HH24:MI ')
		                   || extract(epoch FROM bucket_end - bucket_start)::int / 60, ', ' ORDER BY bucket_start)
		 FROM operator_insights_series('$since', '$until', '$bucket', '$tz', source => 'plain')"
	);
}

calendar(
	'Europe/Berlin across both changes of the clock',
	[ '2026-03-27 23:00+00', '2026-03-31 22:00+00', '1 day', 'Europe/Berlin' ],
	[ '2026-10-23 22:00+00', '2026-10-26 23:00+00', '1 day', 'Europe/Berlin' ],
	[ '2026-03-28 14:15+00', '2026-03-30 05:00:00.000001+00', '1 day', 'Europe/Berlin' ],
	[ '2026-03-28 23:00+00', '2026-03-29 22:00+00', '1 day', 'Europe/Berlin' ],
	[ '2026-03-01 09:00+00', '2026-11-05 17:00+00', '1 day', 'Europe/Berlin' ],
	[ '2026-03-28 22:00+00', '2026-03-29 04:00+00', '1 hour', 'Europe/Berlin' ],
	[ '2026-10-24 21:30+00', '2026-10-25 04:00:00.000001+00', '1 hour', 'Europe/Berlin' ],
	[ '2026-03-28 23:59+00', '2026-03-29 02:10+00', '5 minutes', 'Europe/Berlin' ],
	[ '2026-03-27 23:00+00', '2026-03-30 22:00+00', '6 hours', 'Europe/Berlin' ],
	[ '2026-03-29 03:00+00', '2026-03-30 22:00+00', '6 hours', 'Europe/Berlin' ],
	[ '2026-10-24 12:00+00', '2026-10-26 22:00+00', '24 hours', 'Europe/Berlin' ],
	[ '2026-10-24 21:00+00', '2026-10-25 05:00+00', '45 minutes', 'Europe/Berlin' ],
	[ '2026-03-28 21:00+00', '2026-03-29 05:00+00', '45 minutes', 'Europe/Berlin' ],
	[ '2026-10-24 21:00+00', '2026-10-25 05:00+00', '40 minutes', 'Europe/Berlin' ],
	[ '2026-10-24 21:00+00', '2026-10-25 05:00+00', '2 hours', 'Europe/Berlin' ],
	[ '2026-01-31 23:00+00', '2026-12-31 23:00+00', '1 month', 'Europe/Berlin' ],
	[ '2025-12-31 22:59:59.999999+00', '2026-12-31 23:00:00.000001+00', '1 month', 'Europe/Berlin' ],
	[ '2026-01-05 12:00+00', '2026-12-07 12:00+00', '3 months', 'Europe/Berlin' ],
	[ '2026-03-15 23:00+00', '2026-11-08 23:00+00', '7 days', 'Europe/Berlin' ],
	[ '2026-03-17 12:34:56+00', '2026-11-03 00:00+00', '7 days', 'Europe/Berlin' ],
	[ '2026-03-17 12:34:56+00', '2026-05-03 00:00+00', '14 days', 'Europe/Berlin' ]
);
calendar(
	'other zones',
	[ '2026-01-14 20:00+00', '2026-01-15 02:07+00', '15 minutes', 'Asia/Kathmandu' ],
	[ '2026-01-14 20:07+00', '2026-01-15 02:00+00', '1 hour', 'Asia/Kathmandu' ],
	[ '2026-01-10 00:00+00', '2026-01-15 00:00+00', '1 day', 'Asia/Kathmandu' ],
	# Midnight of 2018-11-04 does not exist, the hour before that of 2018-02-18 comes twice.
	[ '2018-11-02 03:00+00', '2018-11-07 02:00+00', '1 day', 'America/Sao_Paulo' ],
	[ '2018-11-04 03:00+00', '2018-11-05 02:00+00', '1 day', 'America/Sao_Paulo' ],
	[ '2018-11-03 12:00+00', '2018-11-04 02:59:59.999999+00', '1 day', 'America/Sao_Paulo' ],
	[ '2018-11-04 01:00+00', '2018-11-04 06:00+00', '1 hour', 'America/Sao_Paulo' ],
	[ '2018-02-15 12:00+00', '2018-02-20 12:00+00', '1 day', 'America/Sao_Paulo' ],
	[ '2018-02-18 01:30+00', '2018-02-18 02:30+00', '1 day', 'America/Sao_Paulo' ],
	[ '2018-10-29 00:00+00', '2018-11-20 00:00+00', '7 days', 'America/Sao_Paulo' ],
	# Half an hour forth and back, and a day that was left out.
	[ '2026-04-04 10:00+00', '2026-04-05 10:00+00', '1 hour', 'Australia/Lord_Howe' ],
	[ '2026-10-03 10:00+00', '2026-10-04 10:00+00', '30 minutes', 'Australia/Lord_Howe' ],
	[ '2026-04-03 10:00+00', '2026-04-07 10:00+00', '1 day', 'Australia/Lord_Howe' ],
	[ '2011-12-28 12:00+00', '2012-01-03 12:00+00', '1 day', 'Pacific/Apia' ]
);
is(
	lengths('2026-03-28 00:00+01', '2026-03-31 00:00+02', '1 day', 'Europe/Berlin'),
	'03-28 00:00 1440, 03-29 00:00 1380, 03-30 00:00 1440',
	'a day of 23 hours in spring'
);
is(
	lengths('2026-10-24 00:00+02', '2026-10-27 00:00+01', '1 day', 'Europe/Berlin'),
	'10-24 00:00 1440, 10-25 00:00 1500, 10-26 00:00 1440',
	'and one of 25 in autumn'
);
is(
	lengths('2026-03-29 01:00+01', '2026-03-29 04:00+02', '1 hour', 'Europe/Berlin'),
	'03-29 01:00 60, 03-29 03:00 60',
	'the hour that is left out'
);
is(
	lengths('2026-10-25 01:00+02', '2026-10-25 03:00+01', '1 hour', 'Europe/Berlin'),
	'10-25 01:00 60, 10-25 02:00 60, 10-25 02:00 60',
	'the hour that comes twice'
);
is(
	lengths('2018-11-03 12:00-03', '2018-11-05 12:00-02', '1 day', 'America/Sao_Paulo'),
	'11-03 00:00 1440, 11-04 01:00 1380, 11-05 00:00 1440',
	'a day without a midnight begins at one'
);
is(
	lengths('2026-01-15 10:07+05:45', '2026-01-15 10:31+05:45', '15 minutes', 'Asia/Kathmandu'),
	'01-15 10:00 15, 01-15 10:15 15, 01-15 10:30 15',
	'quarters of an hour in Kathmandu'
);

# A day has the deliveries whose date it is on the clock, also where its first hour comes twice: in Havana 01:00 of
# 2026-11-01 is 00:00 again, at 05:00 UTC.
subtest 'midnight comes twice' => sub {
	$node->safe_psql(
		'postgres', q(
		TRUNCATE series; INSERT INTO series VALUES ('2026-10-30 12:00+00', '2026-11-03 12:00+00', '10 minutes', 'UTC');
		SELECT generate(1, 10, 3, 3, 1, '2026-01-15 12:00+00'))
	);
	foreach my $bounds (
		[ '2026-10-30 12:00+00', '2026-11-03 12:00+00' ],
		[ '2026-10-30 12:00+00', '2026-11-01 04:30+00' ],
		[ '2026-11-01 04:30+00', '2026-11-02 12:00+00' ],
		[ '2026-11-01 04:30+00', '2026-11-01 04:45+00' ]
	  )
	{
		my ($since, $until) = @$bounds;
		my $series =
		  "SELECT * FROM operator_insights_series('$since', '$until', '1 day', 'America/Havana', source => 'plain')";
		my $by_date = $node->safe_psql(
			'postgres', "SELECT (created_at AT TIME ZONE 'America/Havana')::date, count(*) FROM deliveries
			  WHERE created_at >= '$since' AND created_at < '$until' GROUP BY 1 ORDER BY 1"
		);
		cmp_ok(length $by_date, '>', 0, 'there is something to count');
		$node->psql(
			'postgres',
			"SELECT (bucket_start AT TIME ZONE 'America/Havana')::date, total_deliveries FROM ($series) AS s;
			 SELECT min(bucket_start) <= '$since', max(bucket_end) >= '$until' FROM ($series) AS s",
			stdout => \my $stdout,
			stderr => \my $stderr
		);
		is($stdout, "$by_date\nt|t", "$since to $until") or diag($stderr);
	}
};

# History ----------------------------------------------------------------------------------------------------------

# Nine hours of 26 endpoints in blocks of 5 minutes, counted back: steady but for a surge and a silence of all, and now
# and then a spike, a failure cluster or the silence of one. Some deliveries are exactly on the edges of windows.
$node->safe_psql(
	'postgres', q(
CREATE TABLE events (tenant_id text, endpoint text, status text, triage_label text, created_at timestamptz);
CREATE INDEX ON events (created_at);
SELECT delivery_source_register('events', 'events');
CREATE FUNCTION generate_events(seed int, as_of timestamptz) RETURNS void LANGUAGE sql AS $$
  TRUNCATE events;
  INSERT INTO events
  SELECT CASE WHEN e < 25 THEN 'tenant-' || e % 6 END, CASE WHEN e < 26 THEN 'hook-' || e END,
         CASE WHEN u(seed, 3, id) < 0.02 THEN 'pending' WHEN u(seed, 4, id) > failing THEN 'delivered'
              WHEN u(seed, 5, id) < 0.5 THEN 'failed' ELSE 'dead_letter' END,
         CASE WHEN u(seed, 6, id) < 0.01 THEN 'permanent_4xx' END,
         as_of - (block + u(seed, 7, id)) * interval '5 minutes'
  FROM (
    SELECT e, block, e * 1000000 + block * 1000 + i AS id,
           CASE WHEN e = 3 AND block BETWEEN 5 AND 9 OR e = 4 AND block = 0 THEN 0.9
                WHEN e = 5 AND block BETWEEN 60 AND 66 THEN 0.4 ELSE 0.03 END AS failing
    FROM generate_series(1, 26) AS e, generate_series(0, 108) AS block, LATERAL generate_series(1,
      CASE WHEN e >= 25 THEN 1
           WHEN e < 23 AND block BETWEEN 44 AND 47 OR e = 1 AND block < 4 THEN 0
           ELSE (8 + 5 * u(seed, 1, e * 1000 + block))::int END
      * CASE WHEN block = 20 THEN 8 WHEN e = 2 AND block IN (0, 30, 70) THEN 10
             WHEN u(seed, 2, e * 1000 + block) < 0.01 THEN 25 ELSE 1 END) AS i) AS planned;
  INSERT INTO events
  SELECT 'tenant-0', 'hook-6', CASE WHEN n % 3 = 0 THEN 'failed' ELSE 'delivered' END, NULL,
         as_of - n * step + d * interval '1 microsecond'
  FROM (VALUES (interval '5 minutes', 100), ('7 minutes', 70)) AS s (step, steps), LATERAL generate_series(0, steps) AS n,
    generate_series(-1, 1) AS d;
  ANALYZE events $$;

-- What anomalies_current says at each of the times.
CREATE TABLE oracle.incident AS SELECT * FROM anomalies_current(source => 'events') LIMIT 0;
CREATE FUNCTION oracle.anomalies_history(
  hours int, step interval, recent interval, baseline interval, method text, source text, tenant text, as_of timestamptz)
RETURNS SETOF oracle.incident LANGUAGE sql STABLE AS $$
  SELECT a.tenant_id, a.endpoint, a.severity, a.spike_detected, a.failure_cluster_detected, a.silence_detected,
         a.recent_count, a.baseline_count, a.recent_failures, a.baseline_failures, a.spike_multiplier,
         a.failure_multiplier, a.message, a.detected_at, a.expected_count, a.expected_failures, a.score, a.window_used,
         a.scope
  FROM generate_series(0, (extract(epoch FROM hours * interval '1 hour') / extract(epoch FROM step))::int) AS k,
    LATERAL anomalies_current(recent, baseline, method, source, tenant, as_of - k * step) WITH ORDINALITY AS a
  WHERE k * step < hours * interval '1 hour' ORDER BY k, a.ordinality $$;
CREATE FUNCTION oracle.anomalies_history_json(
  hours int, step interval, recent interval, baseline interval, method text, source text, tenant text, as_of timestamptz)
RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object(
    'snapshots', coalesce(jsonb_agg(jsonb_build_object(
        'timestamp', j -> 'detected_at', 'incident_count', j -> 'summary' -> 'total_incidents',
        'critical_count', j -> 'summary' -> 'critical_incidents',
        'incidents', jsonb_path_query_array(j, '$.incidents[0 to 4]')) ORDER BY k)
      FILTER (WHERE j -> 'incidents' <> '[]'), '[]'),
    'hours_analyzed', hours, 'generated_at', oracle.zulu(now()))
  FROM generate_series(0, (extract(epoch FROM hours * interval '1 hour') / extract(epoch FROM step))::int) AS k,
    LATERAL anomalies_current_json(recent, baseline, method, source, tenant, as_of - k * step) AS j
  WHERE k * step < hours * interval '1 hour' $$;
)
);
foreach my $seed (@seeds[ 0 .. ($#seeds < 2 ? $#seeds : 2) ])
{
	subtest "history, seed $seed" => sub {
		my $until = q('2026-01-15 12:00:00.123457+00');
		$node->safe_psql('postgres', "SELECT generate_events($seed, $until)");
		my $calls = "SELECT * FROM (VALUES
		    (8, interval '1 hour', interval '5 minutes', interval '60 minutes'), (8, '5 minutes', '5 minutes', '60 minutes'),
		    (3, '7 minutes', '5 minutes', '60 minutes'), (2, '90 seconds', '2 minutes', '40 minutes'),
		    (4, '25 minutes', '10 minutes', '90 minutes'), (1, '3 hours', '5 minutes', '60 minutes')) AS v (hours, step, recent, baseline),
		  unnest(ARRAY['rate', 'reference']) AS m (method),
		  (SELECT timestamptz $until + d * interval '1 microsecond' FROM generate_series(-1, 1) AS d) AS t (as_of),
		  unnest(ARRAY[NULL, 'tenant-1', 'nobody']) AS n (tenant)
		WHERE as_of = $until OR step = '1 hour'";
		my $arguments = "c.hours, c.step, c.recent, c.baseline, c.method, 'events', c.tenant, c.as_of";
		agrees('anomalies_history', $calls, $arguments);
		agrees('anomalies_history_json', $calls, $arguments, json => 1);
		is(
			$node->safe_psql(
				'postgres',
				"SELECT count(*) FILTER (WHERE scope = 'fleet' AND spike_detected) > 0,
				        count(*) FILTER (WHERE scope = 'fleet' AND silence_detected) > 0,
				        count(*) FILTER (WHERE scope <> 'fleet' AND spike_detected) > 0,
				        count(*) FILTER (WHERE scope <> 'fleet' AND silence_detected) > 0,
				        count(*) FILTER (WHERE failure_cluster_detected) > 0
				 FROM anomalies_history(8, '5 minutes', method => 'rate', source => 'events', as_of => $until)"
			),
			't|t|t|t|t',
			'there was something of each kind'
		);
	};
}

# By hand ----------------------------------------------------------------------------------------------------------

subtest 'nothing' => sub {
	$node->safe_psql('postgres', 'TRUNCATE deliveries, logged, oracle.facts');
	my $arguments = "source => 'plain', as_of => '" . NOON . "'";
	is(
		$node->safe_psql('postgres', "SELECT operator_insights_summary($arguments) - 'generated_at' = '{
		    \"top_failing_endpoints\": [], \"top_failing_tenants\": [],
		    \"triage_distribution\": {\"transient_endpoint_down\": 0, \"permanent_4xx\": 0, \"rate_limited\": 0, \"unknown\": 0, \"unclassified\": 0},
		    \"delivery_stats\": {\"total\": 0, \"delivered\": 0, \"failed\": 0, \"pending\": 0, \"dead_letter\": 0, \"success_rate\": 0.0},
		    \"replay_stats\": {\"total_replayed\": 0, \"replay_successes\": 0, \"replay_success_rate\": 0.0, \"counted_from\": \"attempts\"},
		    \"triage_accuracy\": {\"transient_retry_success_rate\": 0.0, \"note\": \"Measures how often ''transient'' failures succeed on retry\"},
		    \"time_range\": {\"hours\": 24, \"start\": \"2026-01-14T12:00:00Z\", \"end\": \"2026-01-15T12:00:00Z\"},
		    \"settled_success_rate\": null, \"retry_stats\": {\"first_attempt_success_rate\": 0.0, \"mean_attempts\": 0.0},
		    \"backlog\": {\"pending\": 0, \"near_failure\": 0, \"oldest_pending_seconds\": null}}'"),
		't',
		'the summary'
	);
	is($node->safe_psql('postgres', "SELECT count(*) FROM $_($arguments)"), 0, $_)
	  foreach qw(top_failing_endpoints top_failing_tenants);
	is(
		$node->safe_psql('postgres', "SELECT * FROM triage_distribution($arguments)"),
		"transient_endpoint_down|0|0\npermanent_4xx|0|0\nrate_limited|0|0\nunknown|0|0\nunclassified|0|0",
		'each label'
	);
	is($node->safe_psql('postgres', "SELECT * FROM delivery_stats($arguments)"), '0|0|0|0|0|||0', 'delivery_stats');
	is($node->safe_psql('postgres', "SELECT * FROM replay_stats($arguments)"), '0|0|0|0|0|0|attempts', 'replay_stats');
	is(
		$node->safe_psql('postgres', "SELECT * FROM operator_insights_trends(5, 2, $arguments)"),
		"2026-01-15 07:00:00+00|2026-01-15 08:00:00+00|0|0|0|0||0||0
2026-01-15 08:00:00+00|2026-01-15 10:00:00+00|0|0|0|0||0||0
2026-01-15 10:00:00+00|2026-01-15 12:00:00+00|0|0|0|0||0||0",
		'trends with a shorter first one'
	);
	is(
		$node->safe_psql(
			'postgres',
			"SELECT * FROM operator_insights_series('2026-01-14 12:00+00', '2026-01-15 12:00+00', '1 day', 'UTC', source => 'plain')"
		),
		"2026-01-14 00:00:00+00|2026-01-15 00:00:00+00|0|0|0|0||0||0
2026-01-15 00:00:00+00|2026-01-16 00:00:00+00|0|0|0|0||0||0",
		'series'
	);
	is(
		$node->safe_psql(
			'postgres',
			"SELECT count(*), count(*) FILTER (WHERE scope = 'total' AND current_value = 0 AND previous_value = 0 AND change = 0)
			 FROM insights_compare($arguments)"
		),
		'13|11',
		'insights_compare'
	);
	agrees($_, "SELECT 24 AS hours, 'mapped' AS source, NULL AS tenant, timestamptz '" . NOON . "' AS as_of",
		'c.hours, source => c.source, tenant => c.tenant, as_of => c.as_of')
	  foreach qw(delivery_stats replay_stats triage_distribution operator_insights_summary);
};

# 16 deliveries, one of them failed: 6.25 % and 93.75 % are halves. Of the two that were retried one is delivered.
subtest 'sixteen' => sub {
	$node->safe_psql(
		'postgres', "INSERT INTO deliveries (tenant_id, target, status, triage_label, attempts, max_attempts, created_at)
		SELECT 't', 'e', CASE i WHEN 1 THEN 'Failed' ELSE 'ok' END, CASE WHEN i < 3 THEN 'transient_endpoint_down' END,
		       CASE i WHEN 1 THEN 2 WHEN 2 THEN 3 END, 5, timestamptz '" . NOON . "' - i * interval '1 minute'
		FROM generate_series(1, 16) AS i"
	);
	my $arguments = "source => 'plain', as_of => '" . NOON . "'";
	is($node->safe_psql('postgres', "SELECT * FROM top_failing_endpoints($arguments)"), 'e|1|16|6.3|0', 'endpoints');
	is($node->safe_psql('postgres', "SELECT * FROM top_failing_tenants($arguments)"), 't|1|16|6.3|0', 'tenants');
	is($node->safe_psql('postgres', "SELECT * FROM delivery_stats($arguments)"), '16|15|1|0|0|93.8|93.8|93.8',
		'delivery_stats');

	# First attempts: 14 of 16 are 87.5 %. Attempts of those delivered: 14 and 3, 17 / 15 = 1.1333.
	is($node->safe_psql('postgres', "SELECT * FROM replay_stats($arguments)"), '2|1|50|50|87.5|1.13|attempts', 'replay_stats');
	is(
		$node->safe_psql('postgres', "SELECT * FROM triage_distribution($arguments)"),
		"transient_endpoint_down|2|12.5\npermanent_4xx|0|0\nrate_limited|0|0\nunknown|0|0\nunclassified|14|87.5",
		'triage_distribution'
	);
	is(
		$node->safe_psql('postgres', "SELECT * FROM operator_insights_trends(24, 24, $arguments)"),
		'2026-01-14 12:00:00+00|2026-01-15 12:00:00+00|16|15|1|0|93.8|6.3|93.8|93.8',
		'trends'
	);
};

# 100 of 1000 after 100 of 1001 are both 10.0 %, and yet worse by 100 - 1000 * 100 / 1001 = 0.0999; 1 of 20 after 2 of 40
# is the same; 5 of 20 after none of 20 are 5 too many, none of 25 after 5 of 25 as many too few; 19 are not enough.
subtest 'changes' => sub {
	$node->safe_psql(
		'postgres', "TRUNCATE deliveries;
		INSERT INTO deliveries (tenant_id, target, status, created_at)
		SELECT 't', target, CASE WHEN i <= failed THEN 'failed' ELSE 'delivered' END,
		       timestamptz '" . NOON . "' - hour * interval '1 hour'
		FROM (VALUES ('hardly', 0, 1000, 100), ('hardly', 1, 1001, 100), ('same', 0, 20, 1), ('same', 1, 40, 2),
		             ('worse', 0, 20, 5), ('worse', 1, 20, 0), ('Better', 0, 25, 0), ('Better', 1, 25, 5),
		             ('few', 0, 19, 19), ('few', 1, 20, 0), ('fewer', 0, 20, 20), ('fewer', 1, 19, 0)
		     ) AS v (target, hour, total, failed), LATERAL generate_series(1, total) AS i"
	);
	my $compare = "insights_compare(1, source => 'plain', as_of => '" . NOON . "')";
	is(
		$node->safe_psql('postgres', "SELECT * FROM $compare WHERE scope = 'endpoint'"),
		"endpoint|Better|failure_rate|0|20|-20|-5|better
endpoint|worse|failure_rate|25|0|25|5|worse
endpoint|hardly|failure_rate|10|10|0|0.1|worse",
		'endpoints'
	);
	is(
		$node->safe_psql('postgres', "SELECT figure, current_value, previous_value, change FROM $compare LIMIT 3"),
		"total|1104|1125|-21\ndelivered|959|1018|-59\nfailed|145|107|38",
		'totals'
	);
};

foreach my $function (
	qw(delivery_stats replay_stats triage_distribution top_failing_endpoints top_failing_tenants insights_compare
	operator_insights_summary operator_insights_trends operator_insights_trends_json operator_insights_series
	anomalies_history anomalies_history_json)
  )
{
	cmp_ok($compared{$function}, '>', 20, "$function was compared");
}

$node->stop;
done_testing();
