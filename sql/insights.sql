-- The summary of the last hours (REFERENCE.md, M4): its keys and types, each figure, and the same figures as rows.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_insights;
SET search_path = regress_insights, insights;
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

-- 32 deliveries within 24 hours: 19 delivered, 8 failed, 1 dead-lettered, 3 pending, 1 whose status nobody knows (a label
-- makes no failure of the last two kinds); and some that are just too old or too new, which would change every figure.
CREATE TABLE worked (n int, tenant text, endpoint text, status text, label text, attempts int, max_attempts int, age interval);
INSERT INTO worked VALUES
  (10, 'acme',    '/a', 'delivered',   NULL,                      1,    5,    '1 hour'),
  (1,  'acme',    '/a', 'failed',      'transient_endpoint_down', 3,    5,    '2 hours'),
  (1,  'acme',    '/b', 'dead_letter', 'permanent_4xx',           5,    5,    '3 hours'),
  (2,  'acme',    '/b', 'delivered',   'transient_endpoint_down', 2,    5,    '4 hours'),
  (3,  'globex',  '/b', 'failed',      'permanent_4xx',           1,    5,    '5 hours'),
  (4,  'globex',  '/c', 'delivered',   NULL,                      NULL, NULL, '6 hours'),
  (1,  'globex',  '/c', 'pending',     'rate_limited',            4,    5,    '7 hours'),
  (1,  'globex',  '/c', 'pending',     'rate_limited',            2,    5,    '30 minutes'),
  (2,  NULL,      NULL, 'failed',      'something of their own',  1,    NULL, '8 hours'),
  (1,  NULL,      '/d', 'bogus',       'permanent_4xx',           6,    5,    '9 hours'),
  (2,  'initech', '/e', 'ERROR',       NULL,                      3,    3,    '10 hours'),
  (1,  'initech', '/e', 'Success',     'transient_endpoint_down', 4,    5,    '11 hours'),
  (1,  'initech', '/f', 'queued',      'permanent_4xx',           NULL, 5,    '23:59:59.9'),
  (2,  'initech', '/f', 'sent',        'unknown',                 1,    1,    '12 hours'),
  (50, 'acme',    '/a', 'failed',      'rate_limited',            9,    9,    '24 hours'),
  (50, 'acme',    '/a', 'pending',     'rate_limited',            9,    9,    '-1 microsecond'),
  (50, 'acme',    '/a', 'delivered',   'rate_limited',            9,    9,    NULL);
-- registered while it is empty, since nobody knows what "bogus" means
SELECT 1 AS registered FROM delivery_source_register('deliveries');
INSERT INTO deliveries (tenant_id, target, status, triage_label, attempts, max_attempts, created_at)
SELECT tenant, endpoint, status, label, attempts, max_attempts, :t - age FROM worked, generate_series(1, n);

\pset format unaligned
SELECT jsonb_pretty(operator_insights_summary(as_of => :t) - 'generated_at') AS summary;
\pset format aligned

-- The same as rows.
SELECT * FROM delivery_stats(as_of => :t);
SELECT * FROM replay_stats(as_of => :t);
SELECT * FROM triage_distribution(as_of => :t);
SELECT * FROM top_failing_endpoints(as_of => :t);
SELECT * FROM top_failing_tenants(as_of => :t);
\pset tuples_only on
-- by rate, of which two are equal: 4 of 6 and 2 of 3; and by impact: what failed beyond 9 of 32
SELECT endpoint, failures, total FROM top_failing_endpoints(24, 10, 'failure_rate', as_of => :t);
SELECT endpoint, impact, round(failures - total * 9 / 32.0, 2) AS computed FROM top_failing_endpoints(24, 10, 'impact', as_of => :t);
SELECT tenant_id, failures, total FROM top_failing_tenants(24, 10, 'failure_rate', as_of => :t);
SELECT tenant_id, impact, round(failures - total * 9 / 32.0, 2) AS computed FROM top_failing_tenants(24, 10, 'impact', as_of => :t);
-- no more than max_rows, nothing of fewer than min_total; 0 is as good as 1
SELECT endpoint FROM top_failing_endpoints(24, 1, as_of => :t);
SELECT endpoint FROM top_failing_endpoints(24, 2, 'impact', as_of => :t);
SELECT string_agg(endpoint, ' ') FROM top_failing_endpoints(min_total => 6, as_of => :t);
SELECT string_agg(endpoint, ' ') FROM top_failing_endpoints(min_total => 7, as_of => :t);
SELECT count(*) FROM top_failing_endpoints(min_total => 12, as_of => :t);
SELECT count(*) FROM top_failing_endpoints(max_rows => 2147483647, min_total => 0, as_of => :t);
SELECT string_agg(tenant_id, ' ') FROM top_failing_tenants(min_total => 6, as_of => :t);
-- min_total leaves a row out, not what it counts in the overall rate
SELECT endpoint, impact FROM top_failing_endpoints(24, 10, 'impact', 4, as_of => :t);
\pset tuples_only off
-- Fewer hours: what failed exactly two hours ago is not in the last two, and what did three hours ago not in three.
SELECT * FROM delivery_stats(2, as_of => :t);
SELECT count(*) FROM top_failing_endpoints(2, as_of => :t);
SELECT * FROM delivery_stats(3, as_of => :t);
SELECT * FROM delivery_stats(8760, as_of => :t);

-- The contract: keys and types. Beyond that of the service stand settled_success_rate, retry_stats and backlog.
CREATE TABLE contract (part text, key text, type text);
INSERT INTO contract VALUES
  ('summary', 'top_failing_endpoints', 'array'), ('summary', 'top_failing_tenants', 'array'),
  ('summary', 'triage_distribution', 'object'), ('summary', 'delivery_stats', 'object'), ('summary', 'replay_stats', 'object'),
  ('summary', 'triage_accuracy', 'object'), ('summary', 'time_range', 'object'), ('summary', 'generated_at', 'string'),
  ('summary', 'settled_success_rate', 'number'), ('summary', 'retry_stats', 'object'), ('summary', 'backlog', 'object'),
  ('top_failing_endpoints', 'endpoint', 'string'), ('top_failing_endpoints', 'failures', 'number'),
  ('top_failing_endpoints', 'total', 'number'), ('top_failing_endpoints', 'failure_rate', 'number'),
  ('top_failing_tenants', 'tenant_id', 'string'), ('top_failing_tenants', 'failures', 'number'),
  ('top_failing_tenants', 'total', 'number'), ('top_failing_tenants', 'failure_rate', 'number'),
  ('triage_distribution', 'transient_endpoint_down', 'number'), ('triage_distribution', 'permanent_4xx', 'number'),
  ('triage_distribution', 'rate_limited', 'number'), ('triage_distribution', 'unknown', 'number'),
  ('triage_distribution', 'unclassified', 'number'),
  ('delivery_stats', 'total', 'number'), ('delivery_stats', 'delivered', 'number'), ('delivery_stats', 'failed', 'number'),
  ('delivery_stats', 'pending', 'number'), ('delivery_stats', 'dead_letter', 'number'), ('delivery_stats', 'success_rate', 'number'),
  ('replay_stats', 'total_replayed', 'number'), ('replay_stats', 'replay_successes', 'number'),
  ('replay_stats', 'replay_success_rate', 'number'), ('replay_stats', 'counted_from', 'string'),
  ('triage_accuracy', 'transient_retry_success_rate', 'number'), ('triage_accuracy', 'note', 'string'),
  ('retry_stats', 'first_attempt_success_rate', 'number'), ('retry_stats', 'mean_attempts', 'number'),
  ('backlog', 'pending', 'number'), ('backlog', 'near_failure', 'number'), ('backlog', 'oldest_pending_seconds', 'number'),
  ('time_range', 'hours', 'number'), ('time_range', 'start', 'string'), ('time_range', 'end', 'string');
CREATE VIEW members AS
  WITH summary AS (SELECT operator_insights_summary(as_of => '2026-01-15 12:00:00+00') AS s),
  parts AS (
    SELECT 'summary' AS part, 0 AS place, s AS object FROM summary
    UNION ALL SELECT p.key, 0, p.value FROM summary, jsonb_each(s) p WHERE jsonb_typeof(p.value) = 'object'
    UNION ALL SELECT p.key, i.place, i.value FROM summary, jsonb_each(s) p,
      jsonb_array_elements(CASE jsonb_typeof(p.value) WHEN 'array' THEN p.value ELSE '[]' END) WITH ORDINALITY AS i (value, place))
  SELECT part, place, key, jsonb_typeof(value) AS type FROM parts, jsonb_each(object);
SELECT part, place, count(*) AS keys FROM members GROUP BY part, place ORDER BY part COLLATE "C", place;
-- keys that are missing or too many, or of another type: only the names that are missing
SELECT part, place, key, wanted.type AS type_wanted, m.type
FROM (SELECT part, place, c.key, c.type FROM (SELECT DISTINCT part, place FROM members) objects JOIN contract c USING (part)) wanted
FULL JOIN members m USING (part, place, key)
WHERE wanted.type IS DISTINCT FROM m.type ORDER BY part COLLATE "C", place, key COLLATE "C";

-- Rows and JSON say the same, in the same order.
SELECT s -> 'top_failing_endpoints' = (SELECT jsonb_agg(to_jsonb(r) - 'impact') FROM top_failing_endpoints(as_of => :t) r) AS endpoints,
       s -> 'top_failing_tenants' = (SELECT jsonb_agg(to_jsonb(r) - 'impact') FROM top_failing_tenants(as_of => :t) r) AS tenants,
       s -> 'triage_distribution' = (SELECT jsonb_object_agg(triage_label, deliveries) FROM triage_distribution(as_of => :t) r) AS triage,
       (s -> 'delivery_stats') || jsonb_build_object('success_rate', s -> 'settled_success_rate', 'settled_success_rate', s -> 'settled_success_rate',
         'reference_success_rate', s #> '{delivery_stats,success_rate}') = (SELECT to_jsonb(r) FROM delivery_stats(as_of => :t) r) AS stats,
       (s -> 'replay_stats') || (s -> 'retry_stats') || ((s -> 'triage_accuracy') - 'note') = (SELECT to_jsonb(r) FROM replay_stats(as_of => :t) r) AS replay
FROM operator_insights_summary(as_of => :t) s;

-- generated_at is the time of the transaction, time_range what was asked for, whatever the zone of the session.
SELECT s ->> 'generated_at' LIKE '____-__-__T__:__:__Z' AS form, now() - (s ->> 'generated_at')::timestamptz >= interval '0' AS past,
       now() - (s ->> 'generated_at')::timestamptz < interval '1 second' AS now
FROM operator_insights_summary(as_of => :t) s;
SET timezone = 'Asia/Kolkata';
SELECT operator_insights_summary(1, as_of => '2026-01-15 12:00:00') -> 'time_range' AS time_range;
SET timezone = 'UTC';
SELECT operator_insights_summary(8760, as_of => '2024-12-31 23:59:59+00') -> 'time_range' AS a_leap_year;
SELECT now() - (operator_insights_summary() #>> '{time_range,end}')::timestamptz < interval '1 second' AS until_now;

-- Types of the rows.
SELECT * FROM top_failing_endpoints() \gdesc
SELECT * FROM top_failing_tenants() \gdesc
SELECT * FROM triage_distribution() \gdesc
SELECT * FROM delivery_stats() \gdesc
SELECT * FROM replay_stats() \gdesc
SELECT * FROM operator_insights_trends() \gdesc

-- Trends: (start, end], oldest first, with the empty ones; what does not divide leaves a shorter first one.
SELECT * FROM operator_insights_trends(12, 5, as_of => :t);
SELECT * FROM operator_insights_trends(3, as_of => :t);
\pset format unaligned
SELECT jsonb_pretty(operator_insights_trends_json(3, as_of => :t) - 'generated_at') AS trends;
\pset format aligned
SELECT * FROM operator_insights_trends(1, 8760, as_of => :t);
-- keys and types
SELECT key, jsonb_typeof(value) AS type FROM jsonb_each(operator_insights_trends_json(as_of => :t)) ORDER BY key COLLATE "C";
SELECT key, jsonb_typeof(m.value) AS type, count(*) FROM jsonb_array_elements(operator_insights_trends_json(as_of => :t) -> 'intervals') i, jsonb_each(i) m
GROUP BY key, jsonb_typeof(m.value) ORDER BY key COLLATE "C";
-- For each length: as many as it takes, without a gap, and all together what the summary counts; the JSON says the same.
SELECT count(*) AS lengths, bool_and(buckets = ceil(24.0 / length)) AS buckets, bool_and(reach) AS reach, bool_and(gapless) AS gapless,
       bool_and(sums = ROW(total, delivered, failed + dead_letter, pending)) AS sums, bool_and(json) AS json
FROM unnest(ARRAY[1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 23, 24, 25, 48]) length, delivery_stats(as_of => :t) d,
  LATERAL (SELECT count(*) AS buckets, min(bucket_start) = :t - interval '24 hours' AND max(bucket_end) = :t AS reach,
                  count(DISTINCT bucket_start) = count(*) AND sum(bucket_end - bucket_start) = interval '24 hours' AS gapless,
                  ROW(sum(total_deliveries)::bigint, sum(v.delivered)::bigint, sum(failures)::bigint, sum(v.pending)::bigint) AS sums,
                  jsonb_agg(jsonb_build_object('timestamp', to_char(bucket_start, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'total_deliveries', total_deliveries,
                    'failures', failures, 'success_rate', CASE total_deliveries WHEN 0 THEN 0.0 ELSE round((total_deliveries - failures) * 100.0 / total_deliveries, 1) END,
                    'settled_success_rate', v.success_rate)) = operator_insights_trends_json(24, length, as_of => :t) -> 'intervals' AS json
           FROM operator_insights_trends(24, length, as_of => :t) v) b;
-- as plain SQL has it
SELECT count(*) AS buckets, count(*) FILTER (WHERE (total_deliveries, v.delivered, failures, pending, success_rate, failure_rate, settled_success_rate, reference_success_rate) IS DISTINCT FROM
         (p.total, p.delivered, p.failed, p.waiting, settled_rate, coalesce(round(100.0 * failed / nullif(total, 0), 1), 0)::float8, settled_rate,
          coalesce(round(100.0 * p.delivered / nullif(total, 0), 1), 0)::float8)) AS differ
FROM operator_insights_trends(24, 2, as_of => :t) v,
  LATERAL (SELECT count(*) AS total, count(*) FILTER (WHERE status IN ('delivered', 'Success', 'sent')) AS delivered,
                  count(*) FILTER (WHERE status IN ('failed', 'dead_letter', 'ERROR')) AS failed, count(*) FILTER (WHERE status IN ('pending', 'queued')) AS waiting
           FROM deliveries WHERE created_at > bucket_start AND created_at <= bucket_end) p,
  LATERAL (SELECT round(100.0 * p.delivered / nullif(p.delivered + failed, 0), 1)::float8 AS settled_rate) r;

-- Of a tenant; and one that nobody is.
SELECT * FROM delivery_stats(tenant => 'globex', as_of => :t);
SELECT * FROM top_failing_endpoints(tenant => 'globex', as_of => :t);
SELECT * FROM top_failing_tenants(tenant => 'acme', as_of => :t);
SELECT * FROM replay_stats(tenant => 'initech', as_of => :t);
SELECT * FROM triage_distribution(tenant => 'initech', as_of => :t);
SELECT bucket_start, total_deliveries, failures FROM operator_insights_trends(12, 6, tenant => 'acme', as_of => :t);
SELECT s -> 'backlog' AS backlog, s -> 'top_failing_tenants' AS tenants FROM operator_insights_summary(tenant => 'globex', as_of => :t) s;
\pset format unaligned
SELECT jsonb_pretty(operator_insights_summary(tenant => 'nobody', as_of => :t) - 'generated_at' - 'time_range') AS nothing;
\pset format aligned
SELECT * FROM delivery_stats(tenant => 'nobody', as_of => :t);
SELECT * FROM replay_stats(tenant => 'nobody', as_of => :t);
SELECT * FROM triage_distribution(tenant => 'nobody', as_of => :t);
SELECT count(*) FROM top_failing_tenants(tenant => 'nobody', as_of => :t);
SELECT * FROM operator_insights_trends(1, tenant => 'nobody', as_of => :t);

-- One success_rate, in all reports alike: of the settled ones, and none where there are none. The contracts keep the original's two.
TRUNCATE deliveries;
CREATE TABLE mixes (statuses text[]);
INSERT INTO mixes VALUES ('{}'), ('{pending,pending}'), ('{pending,bogus}'), ('{pending,failed}'), ('{pending,delivered}'), ('{pending,delivered,failed,dead_letter}');
INSERT INTO deliveries (tenant_id, target, status, created_at) SELECT statuses::text, 'e', status, :t FROM mixes, unnest(statuses) status;
SELECT statuses, s.success_rate, s.settled_success_rate, s.reference_success_rate,
       (s.success_rate, s.settled_success_rate, s.reference_success_rate) IS NOT DISTINCT FROM (t.success_rate, t.settled_success_rate, t.reference_success_rate) AS trends,
       (s.success_rate, s.settled_success_rate, s.reference_success_rate) IS NOT DISTINCT FROM (b.success_rate, b.settled_success_rate, b.reference_success_rate) AS series,
       (s.success_rate, s.settled_success_rate, s.reference_success_rate) IS NOT DISTINCT FROM (c.rates[1], c.rates[2], c.rates[3]) AS compare,
       to_jsonb(s.success_rate) IS NOT DISTINCT FROM nullif(j -> 'settled_success_rate', 'null') AND to_jsonb(s.success_rate) IS NOT DISTINCT FROM nullif(i -> 'settled_success_rate', 'null') AS json,
       j #> '{delivery_stats,success_rate}' AS summary_json, i -> 'success_rate' AS trends_json
FROM mixes, delivery_stats(1, tenant => statuses::text, as_of => :t) s, operator_insights_trends(1, tenant => statuses::text, as_of => :t) t,
  operator_insights_series(:t, :t + interval '1 hour', tenant => statuses::text) b, operator_insights_summary(1, tenant => statuses::text, as_of => :t) j,
  LATERAL (SELECT operator_insights_trends_json(1, tenant => statuses::text, as_of => :t) #> '{intervals,0}') x (i),
  LATERAL (SELECT array_agg(current_value ORDER BY array_position('{success_rate,settled_success_rate,reference_success_rate}', figure)) AS rates
           FROM insights_compare(1, tenant => statuses::text, as_of => :t) WHERE figure LIKE ANY ('{success_rate,settled_success_rate,reference_success_rate}')) c
ORDER BY cardinality(statuses), statuses;
-- no change where one of the two periods has none
SELECT figure, current_value, previous_value, change FROM insights_compare(1, tenant => '{pending,failed}', as_of => :t) WHERE figure LIKE '%success_rate' ORDER BY figure;

-- With the map of docs/figures.md the four words count, written exactly so, and no other.
TRUNCATE deliveries;
INSERT INTO deliveries (target, status, created_at)
SELECT 'e', status, :t FROM unnest(ARRAY['delivered', 'failed', 'pending', 'dead_letter', 'Delivered', 'FAILED', 'success', 'error', 'queued', '', NULL]) status;
SELECT * FROM delivery_stats(as_of => :t);
SET client_min_messages = error;
SELECT 1 AS registered FROM delivery_source_register('deliveries', mapping => '{
  "statuses": {"delivered": "delivered", "failed": "failed", "pending": "pending", "dead_letter": "dead_letter"}
}');
SET client_min_messages = warning;
SELECT * FROM delivery_stats(as_of => :t);
TRUNCATE deliveries;
SELECT 1 AS registered FROM delivery_source_register('deliveries');

-- Rounding: half away from zero on the exact decimal. 0.35 % and 8.35 % lie below the half as binary numbers, 6.25 % upon it.
TRUNCATE deliveries;
CREATE TABLE ratios (endpoint text, failed int, total int);
INSERT INTO ratios VALUES ('1 of 16', 1, 16), ('1 of 2000', 1, 2000), ('1 of 2001', 1, 2001), ('1 of 3', 1, 3), ('2 of 3', 2, 3), ('1 of 8', 1, 8),
  ('7 of 2000', 7, 2000), ('23 of 2000', 23, 2000), ('167 of 2000', 167, 2000), ('1 of 80', 1, 80), ('1999 of 2000', 1999, 2000),
  ('2000 of 2001', 2000, 2001), ('2001 of 2001', 2001, 2001), ('2 of 7', 2, 7);
INSERT INTO deliveries (target, status, created_at)
SELECT endpoint, CASE WHEN i <= failed THEN 'failed' ELSE 'delivered' END, :t FROM ratios, generate_series(1, total) i;
SELECT t.endpoint, t.failure_rate, round(100.0 * failed / r.total, 1) AS exact FROM top_failing_endpoints(max_rows => 20, as_of => :t) t JOIN ratios r USING (endpoint)
ORDER BY t.endpoint COLLATE "C";
-- an impact, too: 1 - 7/8 and 1 - 9/8 where 1 of 8 fails overall
TRUNCATE deliveries;
INSERT INTO deliveries (target, status, created_at)
SELECT endpoint, CASE WHEN i = 1 THEN 'failed' ELSE 'delivered' END, :t FROM (VALUES ('seven', 7), ('nine', 9)) v (endpoint, n), generate_series(1, n) i;
SELECT endpoint, impact FROM top_failing_endpoints(as_of => :t);
-- attempts: 1.005 on the mean is 1.01, and sums do not end at 2^31
TRUNCATE deliveries;
INSERT INTO deliveries (target, status, attempts, created_at) SELECT 'e', 'delivered', CASE i WHEN 1 THEN 2 ELSE 1 END, :t FROM generate_series(1, 200) i;
SELECT total_replayed, mean_attempts FROM replay_stats(as_of => :t);
UPDATE deliveries SET attempts = 2147483647;
SELECT total_replayed, replay_success_rate, first_attempt_success_rate, mean_attempts FROM replay_stats(as_of => :t);
UPDATE deliveries SET attempts = 0;
SELECT total_replayed, replay_success_rate, first_attempt_success_rate, mean_attempts FROM replay_stats(as_of => :t);
UPDATE deliveries SET attempts = -3;
SELECT total_replayed, replay_success_rate, first_attempt_success_rate, mean_attempts FROM replay_stats(as_of => :t);
-- near failure: one attempt is left, or none; at the ends of integers too
TRUNCATE deliveries;
CREATE TABLE limits (attempts int, max_attempts int);
INSERT INTO limits VALUES (0, 1), (1, 1), (0, 2), (3, 5), (4, 5), (9, 5), (NULL, 1), (1, NULL), (NULL, NULL), (0, 0), (-1, 0), (0, -2147483648),
  (-2147483648, -2147483648), (-2147483648, 2147483647), (2147483645, 2147483647), (2147483646, 2147483647);
INSERT INTO deliveries (tenant_id, target, status, attempts, max_attempts, created_at) SELECT limits::text, 'e', status, attempts, max_attempts, :t
FROM limits, unnest(ARRAY['pending', 'delivered', 'failed', 'dead_letter', 'bogus', NULL]) status;
SELECT attempts, max_attempts, s -> 'backlog' -> 'near_failure' AS near_failure, attempts >= max_attempts::bigint - 1 AS computed
FROM limits, operator_insights_summary(tenant => limits::text, as_of => :t) s ORDER BY attempts, max_attempts;

-- The oldest that is pending, in whole seconds.
TRUNCATE deliveries;
INSERT INTO deliveries (target, status, created_at) VALUES ('e', 'pending', :t), ('e', 'pending', :t - interval '0.999999 seconds'), ('e', 'delivered', :t - interval '1 hour');
SELECT operator_insights_summary(as_of => :t) #> '{backlog,oldest_pending_seconds}' AS oldest;
SELECT operator_insights_summary(as_of => :t + interval '1 microsecond') #> '{backlog,oldest_pending_seconds}' AS oldest;
SELECT operator_insights_summary(8760, as_of => :t + interval '8759 hours') #> '{backlog,oldest_pending_seconds}' AS oldest, 8759 * 3600 AS computed;

-- Ties go by the bytes of the names, a missing one last; at most ten.
TRUNCATE deliveries;
INSERT INTO deliveries (tenant_id, target, status, created_at)
SELECT name, name, 'dead_letter', :t FROM unnest(ARRAY['b', 'B', 'a', '', 'é', 'aa', NULL, '10', '9', ' ', 'ab', '😀']) name;
SELECT string_agg(quote_nullable(endpoint), ' ') AS endpoints, count(*) FROM top_failing_endpoints(as_of => :t);
SELECT string_agg(quote_nullable(tenant_id), ' ') AS tenants, count(*) FROM top_failing_tenants(max_rows => 12, as_of => :t);
SELECT string_agg(quote_nullable(endpoint), ' ') AS endpoints FROM top_failing_endpoints(max_rows => 12, order_by => 'failure_rate', as_of => :t);
SELECT string_agg(quote_nullable(endpoint), ' ') AS endpoints FROM top_failing_endpoints(max_rows => 12, order_by => 'impact', as_of => :t);
SELECT jsonb_path_query_array(operator_insights_summary(as_of => :t), '$.top_failing_tenants.tenant_id') AS tenants;
-- A name that is missing is not one that is called so, or empty.
SELECT quote_nullable(tenant_id) AS tenant, failures FROM top_failing_tenants(tenant => '', as_of => :t);
SELECT count(*) FROM top_failing_tenants(tenant => 'unknown', as_of => :t);

-- The same endpoint of several tenants is one endpoint, and the other way round.
TRUNCATE deliveries;
INSERT INTO deliveries (tenant_id, target, status, created_at)
SELECT t, e, 'failed', :t FROM unnest(ARRAY['t1', 't2', NULL]) t, unnest(ARRAY['e1', 'e2']) e;
SELECT endpoint, failures, total FROM top_failing_endpoints(as_of => :t);
SELECT tenant_id, failures, total FROM top_failing_tenants(as_of => :t);

-- On each edge: the end is in, the start is out. Tens are exactly on an edge, 10 on the first to 40 on the last; a single one is just before and after each.
TRUNCATE deliveries;
INSERT INTO deliveries (target, status, created_at)
SELECT 'e', CASE shift WHEN '0' THEN 'failed' ELSE 'delivered' END, :t - hours * interval '1 hour' + shift
FROM (VALUES (5, 10), (4, 20), (2, 30), (0, 40)) edges (hours, n), unnest(ARRAY['-1 microsecond', '0', '1 microsecond']::interval[]) shift,
  generate_series(1, CASE shift WHEN '0' THEN n ELSE 1 END);
SELECT bucket_start, bucket_end, total_deliveries, failures FROM operator_insights_trends(5, 2, as_of => :t);
SELECT shift, total, failed FROM unnest(ARRAY['-1 microsecond', '0', '1 microsecond']::interval[]) shift, delivery_stats(5, as_of => :t + shift) ORDER BY shift;
SELECT failures, total FROM top_failing_endpoints(5, as_of => :t);
SELECT operator_insights_summary(5, as_of => :t) #> '{delivery_stats,total}' AS total;

-- What was written in this transaction counts; what was taken back, and what lies ahead, does not.
TRUNCATE deliveries;
BEGIN;
INSERT INTO deliveries (tenant_id, target, status, created_at) VALUES ('t', 'e', 'failed', now()), ('t', 'e', 'pending', now());
SELECT total, failed, pending FROM delivery_stats(1);
SELECT endpoint, failures, total FROM top_failing_endpoints(1);
SELECT s #> '{delivery_stats,total}' AS total, s -> 'backlog' AS backlog FROM operator_insights_summary(1) s;
SELECT total_deliveries, bucket_end = now() AS now FROM operator_insights_trends(2);
SELECT total_deliveries FROM operator_insights_series(now(), now() + interval '1 microsecond', '1 day');
SAVEPOINT s;
INSERT INTO deliveries (tenant_id, target, status, created_at) VALUES ('t', 'e', 'failed', now());
SELECT total, failed, pending FROM delivery_stats(1);
ROLLBACK TO s;
INSERT INTO deliveries (tenant_id, target, status, created_at) VALUES ('t', 'e', 'failed', now() + interval '1 microsecond');
SELECT total, failed, pending FROM delivery_stats(1);
ROLLBACK;
-- Infinite times are no deliveries of any window.
INSERT INTO deliveries (target, status, created_at) VALUES ('never', 'failed', 'infinity'), ('never', 'failed', '-infinity');
SELECT total FROM delivery_stats(8760, as_of => :t);

-- A source that has no more than must be there: one nameless tenant, everything attempted once, nothing near failure.
CREATE TABLE bare (created_at timestamptz, endpoint text, status text);
INSERT INTO bare SELECT :t, endpoint, status FROM (VALUES ('e', 'failed', 1), ('e', 'delivered', 3), ('f', 'dead_letter', 1), ('f', 'pending', 2)) v (endpoint, status, n), generate_series(1, n);
SELECT 1 AS registered FROM delivery_source_register('bare', 'bare');
SELECT * FROM delivery_stats(source => 'bare', as_of => :t);
SELECT * FROM top_failing_endpoints(source => 'bare', as_of => :t);
SELECT * FROM top_failing_tenants(source => 'bare', as_of => :t);
SELECT * FROM operator_insights_trends(1, source => 'bare', as_of => :t);
-- with no status code and no text, what failed has no reason that is known
SELECT * FROM replay_stats(source => 'bare', as_of => :t);
SELECT * FROM triage_distribution(source => 'bare', as_of => :t);
SELECT s -> 'backlog' AS backlog, s -> 'retry_stats' AS retry_stats, s -> 'top_failing_tenants' AS tenants FROM operator_insights_summary(source => 'bare', as_of => :t) s;
-- Labels from status codes and texts (REFERENCE.md, M1).
CREATE TABLE web (created_at timestamptz DEFAULT '2026-01-15 12:00:00+00', url text DEFAULT 'u', state text, http_code int, error text, tries int DEFAULT 1);
INSERT INTO web (state, http_code, error, tries) VALUES
  ('ok', 200, NULL, 1), ('ok', 204, NULL, 2), ('failed', 500, NULL, 1), ('failed', 599, NULL, 1), ('failed', NULL, 'Connection Refused', 1), ('failed', 0, 'upstream error', 1),
  ('failed', 429, NULL, 1), ('failed', NULL, 'got: Too Many Requests', 1), ('failed', 503, 'rate limit', 1), ('failed', 404, NULL, 1), ('dead', 422, NULL, 1),
  ('failed', NULL, 'no idea', 1), ('dead', NULL, NULL, 1), ('queued', NULL, NULL, 1), ('ok', 503, NULL, 2), ('queued', 502, NULL, 3);
SELECT delivery_source_register('web', 'web');
-- transient: 500, 599, refused, upstream error, the one delivered after a 503, the one in line after a 502; rate limited: 429, a text, a text before the 503
SELECT * FROM triage_distribution(source => 'web', as_of => :t);
SELECT total_replayed, replay_successes, replay_success_rate, transient_retry_success_rate FROM replay_stats(source => 'web', as_of => :t);
-- a column of labels goes before, even where it has none
ALTER TABLE web ADD triage_label text;
UPDATE web SET triage_label = 'permanent_4xx' WHERE state = 'ok';
SELECT 1 AS registered FROM delivery_source_register('web', 'web');
SELECT triage_label, deliveries FROM triage_distribution(source => 'web', as_of => :t);

-- Fields that are expressions, and columns of other types: attempts as bigint, labels as an enum, statuses as booleans, codes or two times.
CREATE TYPE label AS ENUM ('permanent_4xx', 'rate_limited', 'other');
CREATE TABLE typed (happened timestamp, url text, ok boolean, code smallint, done timestamp, gave_up timestamp, retries bigint, allowed numeric, label label, account int);
INSERT INTO typed VALUES
  ('2026-01-15 13:00:00', 'https://h/x?a=1', true,  200, '2026-01-15 13:00:00', NULL, 0, 3, NULL, 1),
  ('2026-01-15 13:00:00', 'https://h/x?a=2', true,  200, '2026-01-15 13:00:00', NULL, 2, 3, 'other', 1),
  ('2026-01-15 13:00:00', 'https://h/x',     false, 404, NULL, '2026-01-15 13:00:00', 0, 3, 'permanent_4xx', 2),
  ('2026-01-14 13:00:00', 'https://h/x',     false, 404, NULL, '2026-01-15 13:00:00', 0, 3, 'permanent_4xx', 2),
  ('2026-01-15 12:00:00', 'https://h/y',     NULL,  NULL, NULL, NULL, 1, 3, 'rate_limited', 2),
  ('2026-01-15 12:30:00', 'https://h/y',     NULL,  NULL, NULL, NULL, 0, 3, NULL, 3),
  ('2026-01-15 13:00:01', 'https://h/y',     false, 404, NULL, NULL, 0, 3, NULL, 3);
CREATE FUNCTION mapped(status jsonb) RETURNS jsonb LANGUAGE sql AS $$
  SELECT '{"created_at": "happened", "time_zone": "Europe/Berlin", "endpoint": "split_part(url, ''?'', 1)", "attempts": "retries + 1",
    "max_attempts": "allowed", "triage_label": "label", "tenant_id": "account"}'::jsonb || status $$;
SELECT count(delivery_source_register('typed', name, mapped(status))) FROM (VALUES
  ('boolean', '{"status": "ok", "statuses": {"true": "delivered", "false": "failed"}}'::jsonb),
  ('code', '{"status": "coalesce(code, 0)", "statuses": {"200": "delivered", "404": "failed", "0": "pending"}}'),
  ('times', '{"status": "CASE WHEN done IS NOT NULL THEN ''delivered'' WHEN gave_up IS NOT NULL THEN ''dead_letter'' ELSE ''pending'' END"}')) v (name, status);
SELECT source, d.* FROM unnest(ARRAY['boolean', 'code', 'times']) source, delivery_stats(source => source, as_of => :t) d ORDER BY source COLLATE "C";
SELECT source, d.* FROM unnest(ARRAY['boolean', 'code', 'times']) source, replay_stats(source => source, as_of => :t) d ORDER BY source COLLATE "C";
SELECT source, d.* FROM unnest(ARRAY['boolean', 'code', 'times']) source, top_failing_endpoints(source => source, as_of => :t) d ORDER BY source COLLATE "C";
SELECT source, string_agg(triage_label || ' ' || deliveries, ', ' ORDER BY triage_label COLLATE "C") AS labels
FROM unnest(ARRAY['boolean', 'code', 'times']) source, triage_distribution(source => source, as_of => :t) GROUP BY source ORDER BY source COLLATE "C";
SELECT source, s -> 'backlog' AS backlog FROM unnest(ARRAY['boolean', 'code', 'times']) source, operator_insights_summary(source => source, as_of => :t) s ORDER BY source COLLATE "C";

-- Tenants that are integers or uuids, as each report takes them.
CREATE TABLE tenants (created_at timestamptz NOT NULL, endpoint text, status text, triage_label text, attempts int, as_int int, as_uuid uuid, as_text text);
INSERT INTO tenants SELECT :t - k * interval '1 minute', 'e' || k, CASE WHEN i <= k THEN 'failed' ELSE 'pending' END, 'unknown', k, k, ('00000000-0000-0000-0000-00000000000' || k)::uuid, 't' || k
FROM generate_series(1, 3) k, generate_series(1, 4) i;
SELECT count(delivery_source_register('tenants', field, jsonb_build_object('tenant_id', field))) FROM unnest(ARRAY['as_int', 'as_uuid', 'as_text']) field;
SELECT field, tenant, d.total, d.failed, e.endpoint, t.tenant_id, r.total_replayed, u.deliveries AS unknown, b.total_deliveries, c.total_deliveries AS of_series,
       s #> '{backlog,oldest_pending_seconds}' AS oldest
FROM (VALUES ('as_int', '2'), ('as_int', ' 02'), ('as_uuid', '00000000-0000-0000-0000-000000000002'), ('as_uuid', '{00000000000000000000000000000002}'), ('as_text', 't2')) v (field, tenant),
  delivery_stats(source => field, tenant => tenant, as_of => :t) d, top_failing_endpoints(source => field, tenant => tenant, as_of => :t) e,
  top_failing_tenants(source => field, tenant => tenant, as_of => :t) t, replay_stats(source => field, tenant => tenant, as_of => :t) r,
  triage_distribution(source => field, tenant => tenant, as_of => :t) u, operator_insights_trends(1, source => field, tenant => tenant, as_of => :t) b,
  operator_insights_series(:t - interval '1 hour', :t, '1 hour', source => field, tenant => tenant) c, operator_insights_summary(source => field, tenant => tenant, as_of => :t) s
WHERE u.triage_label = 'unknown' ORDER BY field COLLATE "C", tenant COLLATE "C";
SELECT field, ARRAY(SELECT tenant_id FROM top_failing_tenants(source => field, as_of => :t)) AS tenants FROM unnest(ARRAY['as_int', 'as_text', 'as_uuid']) field;
\set VERBOSITY sqlstate
SELECT * FROM delivery_stats(source => 'as_int', tenant => 't2', as_of => :t);
SELECT * FROM delivery_stats(source => 'as_uuid', tenant => '2', as_of => :t);
\set VERBOSITY default

-- Views, partitioned tables and the rest show what the table shows.
CREATE TABLE plain (id int, created_at timestamptz, tenant_id text, endpoint text, status text, triage_label text, attempts int, max_attempts int);
INSERT INTO plain SELECT row_number() OVER (), :t - age, tenant, endpoint, status, label, attempts, max_attempts FROM worked, generate_series(1, n) WHERE age IS NOT NULL;
CREATE TABLE parted (LIKE plain) PARTITION BY RANGE (created_at);
CREATE TABLE parted_old PARTITION OF parted FOR VALUES FROM (MINVALUE) TO ('2026-01-15 05:00:00+00');
CREATE TABLE parted_new PARTITION OF parted FOR VALUES FROM ('2026-01-15 05:00:00+00') TO (MAXVALUE);
INSERT INTO parted SELECT * FROM plain;
CREATE TABLE endpoints (endpoint_id int, url text);
INSERT INTO endpoints SELECT row_number() OVER (), endpoint FROM (SELECT DISTINCT endpoint FROM plain WHERE endpoint IS NOT NULL) e;
CREATE TABLE attempted AS SELECT created_at, tenant_id, endpoint_id, status, triage_label, attempts, max_attempts FROM plain LEFT JOIN endpoints ON url = endpoint;
CREATE VIEW joined AS SELECT a.*, url FROM attempted a LEFT JOIN endpoints USING (endpoint_id);
CREATE VIEW united AS SELECT * FROM plain WHERE id % 2 = 0 UNION ALL SELECT * FROM plain WHERE id % 2 = 1;
CREATE MATERIALIZED VIEW kept AS SELECT * FROM plain;
-- "bogus" stays what nobody knows, which is warned of
SET client_min_messages = error;
SELECT count(delivery_source_register(name::regclass, name, '{"statuses": {"delivered": "delivered", "sent": "delivered", "Success": "delivered", "failed": "failed", "ERROR": "failed", "dead_letter": "dead_letter", "pending": "pending", "queued": "pending"}}')) FROM unnest(ARRAY['plain', 'parted', 'joined', 'united', 'kept']) name;
SELECT source, s #> '{delivery_stats,total}' AS total, s - 'generated_at' = operator_insights_summary(source => 'plain', as_of => :t) - 'generated_at' AS summary,
       trends = (SELECT array_agg(p) FROM operator_insights_trends(24, 5, 'plain', as_of => :t) p) AS trends,
       series = (SELECT array_agg(p) FROM operator_insights_series(:t - interval '1 day', :t, '3 hours', source => 'plain') p) AS series
FROM unnest(ARRAY['parted', 'joined', 'united', 'kept']) source, operator_insights_summary(source => source, as_of => :t) s,
  LATERAL (SELECT array_agg(r) AS trends FROM operator_insights_trends(24, 5, source, as_of => :t) r) r,
  LATERAL (SELECT array_agg(r) AS series FROM operator_insights_series(:t - interval '1 day', :t, '3 hours', source => source) r) v
ORDER BY source COLLATE "C";
-- a filter of the source counts everywhere
SELECT 1 AS registered FROM delivery_source_register('plain', 'plain', '{"where": "attempts IS NOT NULL", "statuses": {"delivered": "delivered", "sent": "delivered", "Success": "delivered", "failed": "failed", "ERROR": "failed", "dead_letter": "dead_letter", "pending": "pending", "queued": "pending"}}');
SET client_min_messages = warning;
SELECT total, delivered, failed, pending, dead_letter FROM delivery_stats(source => 'plain', as_of => :t);
SELECT s #> '{delivery_stats,total}' AS total FROM operator_insights_summary(source => 'plain', as_of => :t) s;
SELECT sum(total_deliveries) AS total FROM operator_insights_trends(source => 'plain', as_of => :t);

-- Row-level security: figures of what the role sees, also what is overall.
DELETE FROM delivery_sources;
TRUNCATE deliveries;
SELECT 1 AS registered FROM delivery_source_register('deliveries');
INSERT INTO deliveries (tenant_id, target, status, triage_label, attempts, max_attempts, created_at)
SELECT coalesce(tenant, 'none'), endpoint, status, label, attempts, max_attempts, :t - age FROM worked, generate_series(1, n) WHERE age > '0' AND age < '24 hours';
CREATE ROLE regress_ai_acme;
CREATE ROLE regress_ai_stranger;
CREATE ROLE regress_ai_nobody;
GRANT USAGE ON SCHEMA regress_insights, insights TO PUBLIC;
GRANT SELECT ON deliveries TO regress_ai_acme, regress_ai_stranger;
ALTER TABLE deliveries ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenants ON deliveries FOR SELECT USING ('regress_ai_' || tenant_id = current_user);
SELECT total, failed, dead_letter FROM delivery_stats(as_of => :t);
SET ROLE regress_ai_acme;
SELECT * FROM delivery_stats(as_of => :t);
SELECT * FROM top_failing_tenants(as_of => :t);
-- 2 of 14 failed: 1 - 11 * 2/14, 1 - 3 * 2/14
SELECT endpoint, failures, total, failure_rate, impact FROM top_failing_endpoints(order_by => 'impact', as_of => :t);
SELECT * FROM replay_stats(as_of => :t);
SELECT triage_label, deliveries FROM triage_distribution(as_of => :t) WHERE deliveries > 0;
SELECT sum(total_deliveries) AS total, sum(failures) AS failures FROM operator_insights_trends(as_of => :t);
SELECT sum(total_deliveries) AS total, sum(failures) AS failures FROM operator_insights_series(:t - interval '1 day', :t);
SELECT s #> '{delivery_stats,total}' AS total, s -> 'top_failing_tenants' AS tenants, s -> 'backlog' AS backlog FROM operator_insights_summary(as_of => :t) s;
-- one cannot ask for another's
SELECT total FROM delivery_stats(tenant => 'globex', as_of => :t);
SET ROLE regress_ai_stranger;
SELECT total, success_rate FROM delivery_stats(as_of => :t);
SELECT s #> '{delivery_stats,total}' AS total, s -> 'top_failing_endpoints' AS endpoints FROM operator_insights_summary(as_of => :t) s;
-- A prepared statement follows the role.
RESET ROLE;
PREPARE totals AS SELECT total FROM delivery_stats(as_of => $1);
EXECUTE totals (:t);
SET ROLE regress_ai_acme;
EXECUTE totals (:t);
RESET ROLE;
-- Who may not read the table gets the usual error from each.
SET ROLE regress_ai_nobody;
\set VERBOSITY terse
SELECT operator_insights_summary(as_of => :t);
SELECT * FROM top_failing_endpoints(as_of => :t);
SELECT * FROM top_failing_tenants(as_of => :t);
SELECT * FROM triage_distribution(as_of => :t);
SELECT * FROM delivery_stats(as_of => :t);
SELECT * FROM replay_stats(as_of => :t);
SELECT * FROM operator_insights_trends(as_of => :t);
SELECT operator_insights_trends_json(as_of => :t);
SELECT * FROM operator_insights_series(:t - interval '1 day', :t);
SELECT * FROM insights_compare(as_of => :t);
SELECT * FROM anomalies_history(as_of => :t);
SELECT * FROM replay_recommendations(as_of => :t);
\set VERBOSITY sqlstate
SELECT * FROM delivery_stats(as_of => :t);
\set VERBOSITY default
RESET ROLE;
-- The columns that the mapping names are enough.
GRANT SELECT (created_at, target, status, tenant_id, triage_label, attempts, max_attempts) ON deliveries TO regress_ai_nobody;
ALTER TABLE deliveries DISABLE ROW LEVEL SECURITY;
SET ROLE regress_ai_nobody;
SELECT total FROM delivery_stats(as_of => :t);
SELECT s #> '{delivery_stats,total}' AS total FROM operator_insights_summary(as_of => :t) s;
RESET ROLE;

REVOKE USAGE ON SCHEMA insights FROM PUBLIC;
DROP OWNED BY regress_ai_acme, regress_ai_stranger, regress_ai_nobody;

DELETE FROM insights.delivery_sources;
DROP SCHEMA regress_insights CASCADE;
DROP ROLE regress_ai_acme, regress_ai_stranger, regress_ai_nobody;
