-- Which deliveries are worth a replay (REFERENCE.md, M2): candidates, what is held back, what may be expected, and the JSON.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_replay;
SET search_path = regress_replay, insights;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
\set SHOW_CONTEXT never
\set t '''2026-01-15 12:00:00+00''::timestamptz'
\pset null NULL

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

CREATE TABLE deliveries (
  id text, tenant_id text, target text, status text, triage_label text, triage_score int, attempts int, created_at timestamptz);
SELECT delivery_source_register('deliveries');

-- Nothing has failed.
SELECT count(*) FROM replay_recommendations(as_of => :t);
\pset format unaligned
SELECT jsonb_pretty(replay_recommendations_json(as_of => :t) - ARRAY['generated_at', 'reasoning']) AS nothing;
\pset format aligned

-- Candidates: failed or dead-lettered, by the label, within the hours. In the ids: y is one, n is none.
INSERT INTO deliveries VALUES
  ('y transient', 't', '/a', 'failed', 'transient_endpoint_down', NULL, 1, :t - interval '1 hour'), ('y limited', 't', '/a', 'failed', 'rate_limited', NULL, 1, :t - interval '2 hours'),
  ('y dead', 't', '/a', 'dead_letter', 'transient_endpoint_down', NULL, 1, :t - interval '3 hours'), ('y word', 't', '/a', 'EXHAUSTED', 'rate_limited', NULL, 1, :t - interval '4 hours'),
  ('y now', 't', '/a', 'failed', 'rate_limited', NULL, 1, :t), ('y first', 't', '/a', 'failed', 'rate_limited', NULL, 1, :t - interval '24 hours' + interval '1 microsecond'),
  ('n too old', 't', '/a', 'failed', 'rate_limited', NULL, 1, :t - interval '24 hours'), ('n to come', 't', '/a', 'failed', 'rate_limited', NULL, 1, :t + interval '1 microsecond'),
  ('n no time', 't', '/a', 'failed', 'rate_limited', NULL, 1, NULL), ('n permanent', 't', '/a', 'failed', 'permanent_4xx', NULL, 1, :t - interval '1 hour'),
  ('n unknown', 't', '/a', 'failed', 'unknown', NULL, 1, :t - interval '1 hour'), ('n none', 't', '/a', 'failed', NULL, NULL, 1, :t - interval '1 hour'),
  ('n case', 't', '/a', 'failed', 'Rate_Limited', NULL, 1, :t - interval '1 hour'), ('n pending', 't', '/a', 'pending', 'rate_limited', NULL, 1, :t - interval '1 hour'),
  ('n delivered', 't', '/a', 'delivered', 'transient_endpoint_down', NULL, 1, :t - interval '1 hour'),
  ('n bogus', 't', '/a', 'bogus', 'transient_endpoint_down', NULL, 1, :t - interval '1 hour'),
  ('n null', 't', '/a', NULL, 'transient_endpoint_down', NULL, 1, :t - interval '1 hour');
SELECT delivery_id, created_at, status, triage_label, recommendation FROM replay_recommendations(as_of => :t);
SELECT string_agg(delivery_id, ', ') AS of_two_hours FROM replay_recommendations(2, as_of => :t);
SELECT count(*) AS of_a_year FROM replay_recommendations(8760, as_of => :t);
-- of 10 that failed within the hours, 4 have no such label
SELECT j -> 'total_recommended' AS recommended, j -> 'total_analyzed' AS analyzed, j -> 'recommended_ids' AS ids FROM replay_recommendations_json(as_of => :t) j;

-- Order: oldest first, ties by id as bytes; max_rows of them.
TRUNCATE deliveries;
INSERT INTO deliveries SELECT id, 't', '/a', 'failed', 'rate_limited', NULL, 1, :t - at FROM (VALUES
  ('b', interval '1 hour'), ('a', '1 hour'), ('B', '1 hour'), ('10', '1 hour'), ('9', '1 hour'), ('', '1 hour'), ('later', '1 minute'), ('earlier', '2 hours'),
  ('earliest', '2 hours 1 microsecond')) v (id, at);
SELECT string_agg(quote_literal(delivery_id), ' ' ORDER BY ordinality) AS ids FROM replay_recommendations(as_of => :t) WITH ORDINALITY;
SELECT max_rows, count(*), string_agg(quote_literal(delivery_id), ' ' ORDER BY ordinality) AS ids
FROM unnest(ARRAY[1, 8, 2147483647]) max_rows, replay_recommendations(24, max_rows, as_of => :t) WITH ORDINALITY GROUP BY max_rows ORDER BY max_rows;
SELECT max_rows, j -> 'recommended_ids' AS ids, j -> 'total_recommended' AS all_of_them FROM unnest(ARRAY[2, 1000]) max_rows, replay_recommendations_json(24, max_rows, as_of => :t) j;

-- What has no id is none, since nobody could replay it.
INSERT INTO deliveries VALUES (NULL, 't', '/a', 'failed', 'rate_limited', NULL, 1, :t);
SELECT count(*), count(delivery_id) AS ids FROM replay_recommendations(as_of => :t);
SELECT jsonb_array_length(replay_recommendations_json(as_of => :t) -> 'recommended_ids') AS ids;

-- The score is the stored one, or that of the label.
TRUNCATE deliveries;
INSERT INTO deliveries VALUES
  ('1', 't', '/a', 'failed', 'transient_endpoint_down', 99, 2, :t), ('2', 't', '/a', 'failed', 'transient_endpoint_down', NULL, NULL, :t),
  ('3', 't', '/a', 'failed', 'rate_limited', 81, 0, :t), ('4', 't', '/a', 'failed', 'rate_limited', NULL, -1, :t);
SELECT delivery_id, triage_label, triage_score, attempts FROM replay_recommendations(as_of => :t);
SELECT delivery_source_register('deliveries', mapping => '{"triage_score": null, "attempts": null}');
SELECT delivery_id, triage_label, triage_score, attempts FROM replay_recommendations(as_of => :t);
SELECT count(delivery_source_register('deliveries'));

-- What may be expected, by hand. Of the label, D of E retries that ended were delivered: r = (D + 1)/(E + 2). Of the
-- endpoint, by that label and over all tenants, d of e: 100 (d + 20 r)/(e + 20).
--   transient: 27 of 30 to /good, 2 of 10 to /poor, none of 1 to NULL: r = 30/43
--     /good (27 + 20 r)/50 = 81.907 %, /poor (2 + 20 r)/30 = 53.178 %, NULL (0 + 20 r)/21 = 66.445 %, /new r = 69.767 %
--   rate_limited: 3 of 4 to /good: r = 4/6
--     /good (3 + 20 r)/24 = 68.056 %, any other r = 66.667 %
TRUNCATE deliveries;
CREATE FUNCTION put(n int, tenant text, endpoint text, status text, label text, attempts int, age interval) RETURNS int LANGUAGE sql SET jit = off AS $$
  INSERT INTO deliveries SELECT concat_ws(' ', coalesce(tenant, 'NULL'), coalesce(endpoint, 'NULL'), status, left(label, 1), lpad(i::text, 2, '0')), tenant, endpoint, status, label, NULL,
    attempts, '2026-01-15 12:00+00'::timestamptz - age FROM generate_series(1, n) i;
  SELECT n $$;
SELECT sum(put(n, tenant, endpoint, status, label, attempts, age::interval)) AS deliveries FROM (VALUES
  (20, 'a', '/good', 'delivered', 'transient_endpoint_down', 2, '23 hours'), (7, 'b', '/good', 'delivered', 'transient_endpoint_down', 9, '5 hours'),
  (3, 'a', '/good', 'failed', 'transient_endpoint_down', 2, '4 hours'),
  (2, 'a', '/poor', 'delivered', 'transient_endpoint_down', 3, '3 hours'), (4, 'a', '/poor', 'failed', 'transient_endpoint_down', 3, '30 minutes'),
  (4, NULL, '/poor', 'dead_letter', 'transient_endpoint_down', 3, '7 hours'),
  (1, NULL, NULL, 'failed', 'transient_endpoint_down', 2, '4 hours'),
  (3, 'b', '/good', 'delivered', 'rate_limited', 2, '5 hours'), (1, 'b', '/good', 'failed', 'rate_limited', 2, '8 hours'),
  (1, 'b', '/new', 'failed', 'transient_endpoint_down', 1, '9 hours'), (1, 'b', '/new', 'failed', 'rate_limited', NULL, '10 hours')) v (n, tenant, endpoint, status, label, attempts, age);
-- which do not count: attempted once, still pending, of another label, of a status that nobody knows, too old, too new
SELECT sum(put(n, tenant, endpoint, status, label, attempts, age::interval)) AS deliveries FROM (VALUES
  (50, 'a', '/good', 'delivered', 'transient_endpoint_down', 1, '2 hours'), (50, 'a', '/good', 'pending', 'transient_endpoint_down', 4, '2 hours'),
  (50, 'a', '/good', 'delivered', NULL, 2, '2 hours'), (50, 'a', '/good', 'delivered', 'unknown', 2, '2 hours'),
  (50, 'a', '/good', 'delivered', 'permanent_4xx', 2, '2 hours'), (50, 'a', '/good', 'bogus', 'transient_endpoint_down', 2, '2 hours'),
  (50, 'a', '/good', 'delivered', 'transient_endpoint_down', 2, '24 hours'), (50, 'a', '/good', 'delivered', 'transient_endpoint_down', 2, '-1 microsecond'),
  (50, 'a', '/good', 'delivered', 'transient_endpoint_down', NULL, '2 hours')) v (n, tenant, endpoint, status, label, attempts, age);
SELECT endpoint, triage_label, count(*), min(expected_success_rate) AS expected, max(expected_success_rate) = min(expected_success_rate) AS the_same, count(DISTINCT recommendation) AS kinds
FROM replay_recommendations(as_of => :t) GROUP BY endpoint, triage_label ORDER BY endpoint, triage_label;
-- By the same formula over the table; a tenant's own record is another one.
CREATE FUNCTION expected(delivery text, one_tenant text) RETURNS numeric LANGUAGE sql SET jit = off AS $$
  SELECT round(100 * (count(*) FILTER (WHERE h.target IS NOT DISTINCT FROM d.target AND h.status = 'delivered') * (count(h.id) + 2)
                      + 20.0 * (count(*) FILTER (WHERE h.status = 'delivered') + 1))
               / ((count(*) FILTER (WHERE h.id IS NOT NULL AND h.target IS NOT DISTINCT FROM d.target) + 20) * (count(h.id) + 2)), 1)
  FROM deliveries d LEFT JOIN deliveries h ON h.triage_label = d.triage_label AND h.attempts > 1 AND h.status IN ('delivered', 'failed', 'dead_letter')
    AND h.created_at > '2026-01-14 12:00+00' AND h.created_at <= '2026-01-15 12:00+00' AND (one_tenant IS NULL OR h.tenant_id = one_tenant)
  WHERE d.id = delivery $$;
SELECT tenant, count(*) AS rows, count(DISTINCT expected_success_rate) AS rates, count(*) FILTER (WHERE expected_success_rate IS DISTINCT FROM expected(delivery_id, tenant)) AS wrong
FROM unnest(ARRAY[NULL, 'a', 'b']) tenant, replay_recommendations(tenant => tenant, as_of => :t) GROUP BY tenant ORDER BY tenant;
-- Only b: rate_limited as above; transient 7 of 7 to /good, so r = 8/9, and (7 + 20 r)/27 = 91.770 %, r = 88.889 %.
SELECT endpoint, triage_label, expected_success_rate FROM replay_recommendations(tenant => 'b', as_of => :t);
-- A half is rounded away from zero: 2 of 20 here, 1 of 10 elsewhere, so r = 4/32 and (2 + 20 r)/40 = 11.25 %.
TRUNCATE deliveries;
SELECT sum(put(n, tenant, endpoint, status, label, attempts, age::interval)) AS deliveries FROM (VALUES
  (2, 't', '/half', 'delivered', 'rate_limited', 2, '2 hours'), (18, 't', '/half', 'failed', 'rate_limited', 2, '2 hours'), (1, 't', '/else', 'delivered', 'rate_limited', 2, '2 hours'),
  (9, 'u', '/else', 'dead_letter', 'rate_limited', 2, '2 hours')) v (n, tenant, endpoint, status, label, attempts, age);
SELECT endpoint, count(*), min(expected_success_rate), max(expected_success_rate) FROM replay_recommendations(as_of => :t) GROUP BY endpoint ORDER BY endpoint;
-- Without attempts nothing is known to be a retry: r = 1/2.
SELECT delivery_source_register('deliveries', 'once', '{"attempts": null}') ? 'attempts' AS attempts;
SELECT endpoint, count(*), min(expected_success_rate), max(expected_success_rate), count(attempts) AS attempts FROM replay_recommendations(source => 'once', as_of => :t) GROUP BY endpoint
ORDER BY endpoint;
SELECT j -> 'total_recommended' AS recommended, j -> 'confidence' AS confidence, j #> '{breakdown,by_endpoint,0,expected_success_rate}' AS expected
FROM replay_recommendations_json(source => 'once', as_of => :t) j;
SELECT delivery_source_drop('once');

-- Held back: the tenant's endpoint has a failure cluster now, whatever fails there and since when; the same endpoint of
-- another tenant goes on. Those that are on hold come last, each oldest first.
TRUNCATE deliveries;
SELECT sum(put(n, tenant, endpoint, status, label, attempts, age::interval)) AS deliveries FROM (VALUES
  (9, 'a', '/down', 'failed', 'permanent_4xx', 1, '2 minutes'), (1, 'a', '/down', 'failed', 'transient_endpoint_down', 1, '1 minute'),
  (2, 'a', '/down', 'dead_letter', 'rate_limited', 5, '20 hours'), (1, 'b', '/down', 'failed', 'transient_endpoint_down', 1, '5 hours'),
  (10, NULL, '/down', 'failed', NULL, 1, '3 minutes'), (1, NULL, '/down', 'failed', 'rate_limited', 1, '6 hours'), (10, 'a', NULL, 'failed', 'unknown', 1, '3 minutes'),
  (1, 'a', NULL, 'failed', 'rate_limited', 1, '7 hours'), (1, 'b', NULL, 'failed', 'rate_limited', 1, '8 hours'),
  (10, NULL, NULL, 'failed', 'transient_endpoint_down', 1, '3 minutes'), (1, '', '/down', 'failed', 'rate_limited', 1, '9 hours'), (1, 'a', '', 'failed', 'rate_limited', 1, '10 hours'),
  (1, 'unknown', '/down', 'failed', 'rate_limited', 1, '11 hours'), (1, 'a', '/DOWN', 'failed', 'rate_limited', 1, '12 hours'),
  (1, 'a', '/up', 'failed', 'transient_endpoint_down', 1, '1 minute'), (30, 'a', '/up', 'delivered', NULL, 1, '2 minutes'),
-- these fail, and nothing waits for them
  (20, 'c', '/refuses', 'failed', 'permanent_4xx', 1, '2 minutes'), (20, 'c', '/waits', 'pending', 'transient_endpoint_down', 1, '2 minutes'),
-- five in a row are no cluster, six are
  (5, 'd', '/five', 'failed', 'transient_endpoint_down', 1, '1 minute'),
  (6, 'd', '/six', 'failed', 'transient_endpoint_down', 1, '1 minute')) v (n, tenant, endpoint, status, label, attempts, age);
SELECT recommendation, created_at, delivery_id, tenant_id, endpoint FROM replay_recommendations(as_of => :t) WHERE delivery_id !~ '0[2-9]$|10$';
SELECT recommendation, count(*), bool_and(reason ~ '^[A-Z].*[^ ]$') AS reasons FROM replay_recommendations(as_of => :t) GROUP BY recommendation ORDER BY recommendation DESC;
-- the same by anomalies_current at that time; its message stands in the reason
SELECT count(*) AS rows, count(*) FILTER (WHERE (r.recommendation = 'hold') IS DISTINCT FROM (a.message IS NOT NULL)) AS wrong,
       count(*) FILTER (WHERE position(a.message IN r.reason) > 0) AS with_the_message
FROM replay_recommendations(as_of => :t) r LEFT JOIN anomalies_current(method => 'rate', as_of => :t) a ON a.failure_cluster_detected AND a.tenant_id IS NOT DISTINCT FROM r.tenant_id
  AND a.endpoint IS NOT DISTINCT FROM r.endpoint;
-- by method rate, whatever the setting says
SET anomaly_insights.method = 'reference';
SELECT recommendation, count(*) FROM replay_recommendations(as_of => :t) GROUP BY recommendation ORDER BY recommendation DESC;
RESET anomaly_insights.method;
-- at another time: an hour ago none of them failed, and in a while it is over
SELECT to_char(as_of, 'HH24:MI') AS as_of, recommendation, count(*) FROM unnest(ARRAY[:t - interval '1 hour', :t, :t + interval '2 hours']) as_of, replay_recommendations(as_of => as_of)
GROUP BY 1, 2 ORDER BY 1, 2 DESC;
-- no more than max_rows of all: what may be replayed goes first
SELECT max_rows, count(*) FILTER (WHERE recommendation = 'replay') AS replay, count(*) FILTER (WHERE recommendation = 'hold') AS hold
FROM unnest(ARRAY[12, 14]) max_rows, replay_recommendations(24, max_rows, as_of => :t) GROUP BY max_rows ORDER BY max_rows;
-- of one tenant: what is held of it is the same
SELECT tenant, recommendation, count(*), string_agg(DISTINCT coalesce(tenant_id, 'NULL'), ' ') AS tenants
FROM unnest(ARRAY['a', 'b', '', 'nobody']) tenant, replay_recommendations(tenant => tenant, as_of => :t) GROUP BY tenant, recommendation ORDER BY tenant, recommendation DESC;

-- The JSON: totals of all, ids of those that are to be replayed now, breakdowns of these.
\pset format unaligned
SELECT jsonb_pretty(replay_recommendations_json(24, 5, as_of => :t) - ARRAY['generated_at', 'reasoning', 'held_back']) AS advice;
SELECT h ->> 'tenant_id' AS tenant, h ->> 'endpoint' AS endpoint, h -> 'deliveries' AS deliveries, h ->> 'message' = a.message AS its_message
FROM jsonb_array_elements(replay_recommendations_json(as_of => :t) -> 'held_back') h LEFT JOIN anomalies_current(method => 'rate', as_of => :t) a
  ON a.failure_cluster_detected AND a.tenant_id IS NOT DISTINCT FROM h ->> 'tenant_id' AND a.endpoint IS NOT DISTINCT FROM h ->> 'endpoint' ORDER BY tenant, endpoint;
\pset format aligned
-- where all of it is on hold, nothing is recommended
BEGIN;
DELETE FROM deliveries WHERE target = '/five';
SELECT count(*), min(recommendation) AS recommendation FROM replay_recommendations(24, 4, tenant => 'd', as_of => :t);
SELECT j -> 'recommended_ids' AS ids, j -> 'total_recommended' AS recommended, j -> 'total_held_back' AS held, j -> 'total_analyzed' AS analyzed, j -> 'confidence' AS confidence,
       j #> '{breakdown,by_endpoint}' AS endpoints, j #> '{breakdown,by_age,under_1h}' AS under_1h
FROM replay_recommendations_json(24, 4, tenant => 'd', as_of => :t) j;
ROLLBACK;
-- ten endpoints at most, those with most deliveries, ties by name
TRUNCATE deliveries;
SELECT sum(n) AS deliveries FROM generate_series(1, 14) e, put(CASE WHEN e < 4 THEN e ELSE 1 END, 't', '/' || e, 'failed', 'rate_limited', 1, '2 hours') n;
SELECT string_agg((e ->> 'endpoint') || ' ' || (e ->> 'deliveries'), ', ' ORDER BY place) AS endpoints
FROM jsonb_array_elements(replay_recommendations_json(as_of => :t) #> '{breakdown,by_endpoint}') WITH ORDINALITY v (e, place);
-- Ages: (as_of - 1h, as_of] and so on.
TRUNCATE deliveries;
SELECT sum(n) AS deliveries FROM unnest(ARRAY[interval '0', '1 hour', '6 hours', '24 hours']) edge, unnest(ARRAY[interval '-1 microsecond', '0', '1 microsecond']) past,
       put(1, 't', '/a', 'failed', 'rate_limited', 1, edge + past) n;
SELECT hours, j -> 'total_recommended' AS recommended, j #> '{breakdown,by_age}' AS ages FROM unnest(ARRAY[1, 2, 6, 24, 25]) hours, replay_recommendations_json(hours, as_of => :t) j
ORDER BY hours;
-- Keys and types: those above, and no others.
SELECT part, key, jsonb_typeof(value) AS type FROM replay_recommendations_json(as_of => :t) j,
       LATERAL (VALUES (1, 'advice', j), (2, 'breakdown', j -> 'breakdown'), (3, 'by_label', j #> '{breakdown,by_label}'), (4, 'by_age', j #> '{breakdown,by_age}'),
         (5, 'by_endpoint', j #> '{breakdown,by_endpoint,0}'),
  (6, 'expected', j #> '{breakdown,by_endpoint,0,expected_success_rate}'), (7, 'time_range', j -> 'time_range')) v (i, part, object), jsonb_each(object) ORDER BY i, key COLLATE "C";
SELECT j ->> 'reasoning' ~ '^[A-Z0-9].*\.$' AS a_sentence, j ->> 'generated_at' LIKE '____-__-__T__:__:__Z' AS form,
       now() - (j ->> 'generated_at')::timestamptz BETWEEN interval '0' AND interval '1 second' AS now FROM replay_recommendations_json(as_of => :t) j;

-- Confidence: high where at least 80 % of what is recommended are expected to succeed, by a record of at least 100 retries;
-- low under 50 %, or by fewer than 20, or where nothing is recommended. By d of e it is (d + 1)/(e + 2): by 81 of 100 80.39 %,
-- by 80 79.41 %; by 10 of 20 50 %, by 9 45.45 %.
CREATE FUNCTION confidence(delivered int, ended int) RETURNS text LANGUAGE sql AS $$
  TRUNCATE deliveries;
  SELECT put(delivered, 't', '/a', 'delivered', 'rate_limited', 2, '3 hours'), put(ended - delivered, 't', '/a', 'failed', 'rate_limited', 2, '3 hours'),
         put(1, 't', '/b', 'failed', 'rate_limited', 1, '2 hours');
  SELECT replay_recommendations_json(as_of => '2026-01-15 12:00+00') ->> 'confidence' $$;
SELECT delivered, ended, confidence(delivered, ended) FROM (VALUES (81, 100), (80, 100), (99, 99), (10, 20), (9, 20), (19, 19), (0, 0)) v (delivered, ended);

-- Names of the table's columns are not in the way of the query's own, nor its relation's.
CREATE TABLE d (tenant text, endpoint text, at text, held timestamptz, label text, id text, score text, attempts text, h int, d int, status text, "T" int);
INSERT INTO d SELECT 'endpoint ' || e, CASE e WHEN 1 THEN 'tenant 1' ELSE 'tenant 2' END, i::text, :t - interval '2 minutes', 'failed', 'rate_limited', 'not the status', 'nor the number',
  85, i % 3 + 1, 'delivered', 1
FROM generate_series(1, 2) e, generate_series(1, CASE e WHEN 1 THEN 8 ELSE 2 END) i;
SELECT delivery_source_register('d', 'odd', '{"id": "at", "created_at": "held", "tenant_id": "endpoint", "endpoint": "tenant", "status": "label", "triage_label": "id",
  "triage_score": "h", "attempts": "d", "where": "\"T\" = 1 AND status = ''delivered''"}');
SELECT delivery_id, created_at, tenant_id, endpoint, status, triage_label, triage_score, attempts, recommendation FROM replay_recommendations(source => 'odd', as_of => :t);
SELECT h.* FROM jsonb_array_elements(replay_recommendations_json(source => 'odd', as_of => :t) -> 'held_back') v, jsonb_to_record(v) AS h (tenant_id text, endpoint text, deliveries int);
-- the same through expressions, of a table whose name is a column's, and of a tenant
CREATE TABLE held AS SELECT * FROM d;
SELECT delivery_source_register('held', 'odder', '{"id": "''#'' || at", "created_at": "held + interval ''1 second''", "tenant_id": "upper(endpoint)", "endpoint": "tenant || ''/'' || label",
  "status": "CASE WHEN held IS NULL THEN tenant ELSE label END", "triage_label": "lower(id)",
  "triage_score": "h + d", "attempts": "d::bigint"}') ->> 'endpoint' AS endpoint;
SELECT recommendation, count(*), min(delivery_id) AS first, min(tenant_id) AS tenant, min(endpoint) AS endpoint, min(triage_score) AS score, max(attempts) AS attempts,
       min(created_at) AS created_at FROM replay_recommendations(source => 'odder', as_of => :t) GROUP BY recommendation ORDER BY recommendation DESC;
SELECT count(*) FROM replay_recommendations(source => 'odder', tenant => 'TENANT 1', as_of => :t);
-- ids, tenants and endpoints of other types are texts
CREATE TABLE typed (id bigint, created_at timestamptz, account_id uuid, endpoint int, status text, triage_label text, triage_score numeric, attempts smallint);
INSERT INTO typed SELECT 9223372036854775807 - i, :t - interval '1 minute', '00000000-0000-0000-0000-000000000001', 7, 'failed', 'rate_limited', 95.4, 1 FROM generate_series(0, 6) i;
SELECT count(delivery_source_register('typed', 'typed'));
SELECT delivery_id, tenant_id, endpoint, triage_score, attempts, recommendation FROM replay_recommendations(24, 2, 'typed', as_of => :t);
SELECT j -> 'recommended_ids' AS ids, j #> '{held_back,0,endpoint}' AS endpoint
FROM replay_recommendations_json(source => 'typed', tenant => '00000000-0000-0000-0000-000000000001', as_of => :t) j;
SELECT count(delivery_source_drop(name)) AS dropped FROM unnest(ARRAY['odd', 'odder', 'typed']) name;

-- A time without a zone is one of its zone: in Berlin the hour from 02:00 on 2026-10-25 comes twice, and what is written
-- in it is of the second time, so that 02:30 is 01:30 in UTC.
CREATE TABLE local (id text, happened timestamp, tenant text, endpoint text, status text, triage_label text, attempts int);
INSERT INTO local VALUES
  ('before', '2026-10-25 01:59:59.999999', 't', '/a', 'failed', 'rate_limited', 1), ('twice', '2026-10-25 02:30', 't', '/a', 'failed', 'rate_limited', 1),
  ('after', '2026-10-25 03:00', 't', '/a', 'failed', 'rate_limited', 1), ('last', '2026-10-25 04:00', 't', '/a', 'failed', 'rate_limited', 1),
  ('next', '2026-10-25 04:00:00.000001', 't', '/a', 'failed', 'rate_limited', 1), ('summer', '2026-07-15 12:00', 't', '/a', 'failed', 'rate_limited', 1),
  ('winter', '2026-01-15 12:00', 't', '/a', 'failed', 'rate_limited', 1);
SELECT count(delivery_source_register('local', 'local', '{"created_at": "happened", "time_zone": "Europe/Berlin"}'));
SELECT hours, as_of, string_agg(r.delivery_id, ' ' ORDER BY ordinality) AS ids, j -> 'total_recommended' = to_jsonb(count(r.delivery_id)) AS agrees,
       bool_and(r.created_at = l.happened AT TIME ZONE 'Europe/Berlin') AS times
FROM (VALUES (1, timestamptz '2026-07-15 10:00+00'), (1, '2026-01-15 11:00+00'), (1, '2026-10-25 01:00+00'), (1, '2026-10-25 02:00+00'), (1, '2026-10-25 03:00+00'),
  (24, '2026-10-25 03:00+00')) v (hours, as_of)
CROSS JOIN LATERAL replay_recommendations_json(hours, source => 'local', as_of => as_of) j
LEFT JOIN LATERAL replay_recommendations(hours, source => 'local', as_of => as_of) WITH ORDINALITY r ON true LEFT JOIN local l ON l.id = r.delivery_id
GROUP BY hours, as_of, j ORDER BY as_of, hours;
-- the zone of the session does not matter
SET timezone = 'Asia/Tokyo';
SELECT string_agg(delivery_id, ' ') AS ids FROM replay_recommendations(1, source => 'local', as_of => '2026-07-15 10:00+00');
SET timezone = 'UTC';
SELECT delivery_source_drop('local');

-- Without an id there is nothing to recommend.
CREATE TABLE nameless (created_at timestamptz, endpoint text, status text, triage_label text);
SELECT count(delivery_source_register('nameless', 'nameless'));
\pset tuples_only on
\pset format unaligned
SELECT outcome($$SELECT * FROM replay_recommendations(source => 'nameless')$$);
SELECT outcome($$SELECT replay_recommendations_json(source => 'nameless')$$);
SELECT count(delivery_source_register('deliveries', 'unnamed', '{"id": null}'));
SELECT outcome($$SELECT * FROM replay_recommendations(source => 'unnamed')$$);
\pset tuples_only off
\pset format aligned
SELECT count(delivery_source_drop(name)) AS dropped FROM unnest(ARRAY['nameless', 'unnamed']) name;

-- Row-level security: advice on what the caller sees, by what he sees.
TRUNCATE deliveries;
SELECT sum(put(n, tenant, endpoint, status, label, attempts, age::interval)) AS deliveries FROM (VALUES
  (7, 'x', '/down', 'failed', 'transient_endpoint_down', 2, '1 minute'), (2, 'x', '/up', 'failed', 'rate_limited', 1, '2 hours'),
  (3, 'y', '/down', 'failed', 'transient_endpoint_down', 1, '2 hours'),
  (8, 'y', '/down', 'delivered', 'transient_endpoint_down', 2, '2 hours')) v (n, tenant, endpoint, status, label, attempts, age);
CREATE ROLE regress_ai_x;
CREATE ROLE regress_ai_y;
CREATE ROLE regress_ai_z;
GRANT USAGE ON SCHEMA regress_replay, insights TO regress_ai_x, regress_ai_y, regress_ai_z;
GRANT SELECT ON deliveries TO regress_ai_x, regress_ai_y;
ALTER TABLE deliveries ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenants ON deliveries FOR SELECT USING ('regress_ai_' || tenant_id = current_user);
CREATE VIEW advice AS SELECT tenant_id, endpoint, recommendation, count(*), min(expected_success_rate) AS expected FROM replay_recommendations(as_of => '2026-01-15 12:00+00')
GROUP BY tenant_id, endpoint, recommendation ORDER BY tenant_id, endpoint;
GRANT SELECT ON advice TO PUBLIC;
-- transient: 8 of 15, so r = 9/17 and (8 + 20 r)/35 = 53.109 %; rate_limited: r = 1/2
SELECT * FROM advice;
SET ROLE regress_ai_x;
-- 0 of 7: r = 1/9 and 20 r/27 = 8.230 %
SELECT * FROM advice;
SELECT j -> 'total_recommended' AS recommended, j -> 'total_held_back' AS held, j -> 'total_analyzed' AS analyzed, jsonb_array_length(j -> 'recommended_ids') AS ids
FROM replay_recommendations_json(as_of => :t) j;
SELECT count(*) FROM replay_recommendations(tenant => 'y', as_of => :t);
SET ROLE regress_ai_y;
-- 8 of 8: r = 9/10 and (8 + 20 r)/28 = 92.857 %
SELECT * FROM advice;
SELECT j -> 'total_recommended' AS recommended, j -> 'total_held_back' AS held, j -> 'total_analyzed' AS analyzed FROM replay_recommendations_json(as_of => :t) j;
RESET ROLE;
-- who may read nothing, and who may not read the ids
\pset tuples_only on
\pset format unaligned
SET ROLE regress_ai_z;
SELECT outcome($$SELECT * FROM replay_recommendations()$$);
SELECT outcome($$SELECT replay_recommendations_json()$$);
RESET ROLE;
ALTER TABLE deliveries DISABLE ROW LEVEL SECURITY;
GRANT SELECT (created_at, tenant_id, target, status, triage_label, triage_score, attempts) ON deliveries TO regress_ai_z;
SET ROLE regress_ai_z;
SELECT outcome($$SELECT * FROM replay_recommendations()$$);
RESET ROLE;
GRANT SELECT (id) ON deliveries TO regress_ai_z;
SET ROLE regress_ai_z;
SELECT outcome($$SELECT * FROM replay_recommendations()$$);
SELECT count(*) FROM replay_recommendations(as_of => :t);
RESET ROLE;

-- Errors.
SELECT outcome($$SELECT * FROM replay_recommendations(max_rows => 0)$$);
SELECT outcome($$SELECT replay_recommendations_json(max_rows => NULL)$$);
SELECT outcome($$SELECT * FROM replay_recommendations(0)$$);
SELECT outcome($$SELECT * FROM replay_recommendations(source => 'nowhere')$$);
SELECT delivery_source_register('deliveries', mapping => '{"tenant_id": null}') ? 'tenant_id';
SELECT outcome($$SELECT * FROM replay_recommendations(tenant => 'x')$$);
SELECT recommendation, count(*), count(tenant_id) FROM replay_recommendations(as_of => :t) GROUP BY recommendation ORDER BY recommendation DESC;
\pset tuples_only off
\pset format aligned
SELECT * FROM replay_recommendations() \gdesc

DELETE FROM insights.delivery_sources;
DROP SCHEMA regress_replay CASCADE;
REVOKE USAGE ON SCHEMA insights FROM regress_ai_x, regress_ai_y, regress_ai_z;
DROP ROLE regress_ai_x, regress_ai_y, regress_ai_z;
