-- The type delivery_rollup: rows to a rollup, rollups to one, a rollup to rows.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_rollup;
SET search_path = regress_rollup, insights;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';

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
\set SHOW_CONTEXT never

CREATE TABLE d (id int, created_at timestamptz, tenant_id text, endpoint text, status text, triage_label text, attempts int, max_attempts int);
INSERT INTO d
SELECT i, '2025-11-05 00:00:00+00'::timestamptz + (i * 7919 % 86400) * interval '1 second', CASE WHEN i % 10 > 0 THEN 't' || i % 5 END,
       CASE WHEN i % 11 > 0 THEN '/e' || i % 7 END, (ARRAY['delivered', 'failed', 'dead_letter', 'pending', 'bogus', NULL])[i % 6 + 1],
       (ARRAY['permanent_4xx', NULL, 'unknown', 'transient_endpoint_down', 'rate_limited'])[i % 5 + 1], nullif(i % 8, 7), nullif(i % 9, 8)
FROM generate_series(1, 5000) i;
CREATE FUNCTION shape() RETURNS delivery_rollup IMMUTABLE LANGUAGE sql RETURN delivery_rollup_shape('2025-11-05 00:00:00+00', '1 hour', 24);

-- What the cells say is what SQL counts.
CREATE TABLE truth AS
SELECT tenant_id, endpoint, date_trunc('hour', created_at, 'UTC') AS slot_start, date_trunc('hour', created_at, 'UTC') + interval '1 hour' AS slot_end, count(*) AS total,
       count(*) FILTER (WHERE status = 'delivered') AS delivered, count(*) FILTER (WHERE status = 'failed') AS failed,
       count(*) FILTER (WHERE status = 'dead_letter') AS dead_letter, count(*) FILTER (WHERE status = 'pending') AS pending,
       count(*) FILTER (WHERE ended) AS settled, count(*) FILTER (WHERE ended AND NOT arrived) AS failures,
       count(*) FILTER (WHERE failure) AS reference_failures,
       count(*) FILTER (WHERE transient) AS transient_endpoint_down, count(*) FILTER (WHERE triage_label = 'permanent_4xx') AS permanent_4xx,
       count(*) FILTER (WHERE triage_label = 'rate_limited') AS rate_limited, count(*) FILTER (WHERE triage_label = 'unknown') AS "unknown",
       count(*) FILTER (WHERE attempts > 1) AS retried, count(*) FILTER (WHERE attempts > 1 AND status IN ('delivered', 'failed', 'dead_letter')) AS retried_ended,
       count(*) FILTER (WHERE attempts > 1 AND arrived) AS retried_delivered, count(*) FILTER (WHERE attempts > 1 AND arrived AND transient) AS transient_retried_delivered,
       count(*) FILTER (WHERE attempts > 1 AND ended AND transient) AS transient_retried_ended, count(*) FILTER (WHERE attempts > 1 AND ended AND limited) AS rate_limited_retried_ended,
       count(*) FILTER (WHERE attempts > 1 AND arrived AND limited) AS rate_limited_retried_delivered,
       count(*) FILTER (WHERE ended AND NOT arrived AND transient) AS transient_failed, count(*) FILTER (WHERE ended AND NOT arrived AND limited) AS rate_limited_failed,
       count(*) FILTER (WHERE status = 'pending' AND attempts >= max_attempts - 1) AS near_failure,
       coalesce(sum(greatest(attempts, 1)) FILTER (WHERE arrived), 0) AS delivered_attempts,
       coalesce(ceil(extract(epoch FROM date_trunc('hour', created_at, 'UTC') + interval '1 hour' - min(created_at) FILTER (WHERE status = 'pending'))) - 1, 0)::bigint AS oldest_pending_seconds,
      count(*) FILTER (WHERE (status IN ('delivered', 'failed', 'dead_letter', 'pending')) IS NOT TRUE) AS unmapped,
       count(*) FILTER (WHERE arrived OR failure) AS detector_settled, count(*) FILTER (WHERE failure AND NOT arrived) AS detector_failures,
       0::bigint AS transient_before
FROM d, LATERAL (SELECT coalesce(status = 'delivered', false) AS arrived,
  coalesce(status IN ('failed', 'dead_letter'), false) OR coalesce(triage_label IN ('permanent_4xx', 'transient_endpoint_down'), false) AS failure,
  coalesce(status IN ('delivered', 'failed', 'dead_letter'), false) AS ended, coalesce(triage_label = 'rate_limited', false) AS limited,
  coalesce(triage_label = 'transient_endpoint_down', false) AS transient) v
GROUP BY tenant_id, endpoint, date_trunc('hour', created_at, 'UTC');
SELECT count(*) AS cells, sum(total) AS total, count(*) FILTER (WHERE tenant_id IS NULL) AS no_tenant, count(*) FILTER (WHERE endpoint IS NULL) AS no_endpoint,
       sum(delivered) AS delivered, sum(failed) AS failed, sum(dead_letter) AS dead_letter, sum(pending) AS pending, sum(settled) AS settled,
       sum(failures) AS failures, sum(reference_failures) AS reference_failures, sum(retried) AS retried, sum(near_failure) AS near_failure, sum(delivered_attempts) AS delivered_attempts,
       sum(detector_settled) AS detector_settled, sum(detector_failures) AS detector_failures
FROM rollup_cells((SELECT delivery_rollup_agg(shape(), created_at, tenant_id, endpoint, status, triage_label, attempts, max_attempts) FROM d));
CREATE VIEW cells AS SELECT * FROM rollup_cells((SELECT delivery_rollup_agg(shape(), created_at, tenant_id, endpoint, status, triage_label, attempts, max_attempts) FROM d));
(TABLE cells EXCEPT ALL TABLE truth) UNION ALL (TABLE truth EXCEPT ALL TABLE cells);
-- without attempts, each was attempted once
SELECT sum(total) AS total, sum(retried) AS retried, sum(near_failure) AS near_failure, sum(delivered) = sum(delivered_attempts) AS once
FROM rollup_cells((SELECT delivery_rollup_agg(shape(), created_at, tenant_id, endpoint, status, triage_label) FROM d));
-- in the order of tenant and endpoint by bytes, missing ones together, and slots
SELECT tenant_id, endpoint, slot_start, slot_end, total FROM rollup_cells((
  SELECT delivery_rollup_agg(shape(), created_at, tenant_id, endpoint, status, triage_label) FROM d WHERE id % 500 = 1)) ORDER BY tenant_id COLLATE "C", endpoint COLLATE "C", slot_start;
SELECT count(*) AS out_of_order
FROM (SELECT tenant_id, endpoint, slot_start, lag(tenant_id) OVER w AS tenant_before, lag(endpoint) OVER w AS endpoint_before, lag(slot_start) OVER w AS before
      FROM (SELECT *, row_number() OVER () AS place FROM cells) c WHERE tenant_id IS NOT NULL AND endpoint IS NOT NULL WINDOW w AS (ORDER BY place)) v
WHERE (tenant_before COLLATE "C", endpoint_before COLLATE "C", before) >= (tenant_id COLLATE "C", endpoint COLLATE "C", slot_start);

-- Whatever the parts and the order, they merge to what all at once are: byte by byte.
CREATE TABLE whole AS SELECT delivery_rollup_agg(shape(), created_at, tenant_id, endpoint, status, triage_label) AS rollup FROM d;
SELECT parts, (SELECT rollup_merge(rollup)::text FROM (
    SELECT delivery_rollup_agg(shape(), created_at, tenant_id, endpoint, status, triage_label) AS rollup FROM d GROUP BY id % parts) p)
  = (SELECT rollup::text FROM whole) AS same
FROM unnest(ARRAY[1, 2, 3, 17, 500]) parts;
SELECT (SELECT delivery_rollup_agg(shape(), created_at, tenant_id, endpoint, status, triage_label ORDER BY id DESC) FROM d)::text = rollup::text AS same FROM whole;
SELECT (SELECT delivery_rollup_agg(shape(), created_at, tenant_id, endpoint, status, triage_label ORDER BY md5(id::text)) FROM d)::text = rollup::text AS same FROM whole;
SELECT (SELECT rollup_merge(p.rollup ORDER BY p.k DESC)::text FROM (
    SELECT id % 7 AS k, delivery_rollup_agg(shape(), created_at, tenant_id, endpoint, status, triage_label) AS rollup FROM d GROUP BY 1) p) = rollup::text AS same FROM whole;
-- merging merged ones, empty ones and NULLs too
SELECT rollup_merge(r)::text = (SELECT rollup::text FROM whole) AS same
FROM (SELECT rollup_merge(r) AS r FROM (SELECT id % 2 AS half, delivery_rollup_agg(shape(), created_at, tenant_id, endpoint, status, triage_label) AS r FROM d GROUP BY id % 10, half) a GROUP BY half
      UNION ALL SELECT shape() UNION ALL SELECT NULL) b;
SELECT rollup_merge(r)::text = (SELECT rollup::text FROM whole) AS same FROM (SELECT NULL::delivery_rollup AS r UNION ALL SELECT shape() UNION ALL SELECT rollup FROM whole UNION ALL SELECT NULL) e;
SELECT rollup_merge(shape()) ::text = shape()::text AS empty_stays_empty, (SELECT count(*) FROM rollup_cells(shape())) AS cells;
-- twice the same is twice as much
SELECT sum(c.total) AS total FROM rollup_cells((SELECT rollup_merge(rollup) FROM (TABLE whole UNION ALL TABLE whole) w)) c;

-- Of nothing it is NULL; of deliveries without a time, or outside of all slots, empty.
SELECT delivery_rollup_agg(shape(), created_at, tenant_id, endpoint, status, triage_label) IS NULL AS of_no_rows FROM d WHERE false;
SELECT rollup_merge(rollup) IS NULL AS of_no_rows FROM whole WHERE false;
SELECT rollup_merge(NULL) IS NULL AS of_null FROM d WHERE id < 4;
SELECT delivery_rollup_agg(shape(), NULL, 't', 'e', 'failed', NULL)::text = shape()::text AS of_no_time FROM d WHERE id < 4;
SELECT delivery_rollup_agg(shape(), at, 't', 'e', 'failed', NULL)::text = shape()::text AS outside
FROM unnest(ARRAY['infinity', '-infinity', '2025-11-04 23:59:59.999999+00', '2025-11-06 00:00:00+00', '4713-01-01 00:00:00+00 BC', '294276-01-01 00:00:00+00']::timestamptz[]) at;
SELECT * FROM rollup_cells(NULL);
SELECT tenant_id, endpoint, slot_start, total FROM rollup_cells((
  SELECT delivery_rollup_agg(delivery_rollup_shape('2025-11-05 00:00:00+00', '1 hour', 2), at, NULL, NULL, NULL, NULL)
  FROM unnest(ARRAY['2025-11-05 00:00:00+00', '2025-11-05 00:59:59.999999+00', '2025-11-05 01:00:00+00', NULL]::timestamptz[]) at));

-- Shapes: slots of other widths, many of them, far away ones, statuses of one's own.
SELECT width, slots, count(*) AS cells, min(slot_start) AS first, max(slot_end) AS last, sum(total) AS total
FROM (VALUES (interval '1 microsecond', 1), ('00:00:01.5', 100000), ('1 day', 1), ('25 hours', 2), ('100 days', 1000)) v (width, slots),
     LATERAL (SELECT delivery_rollup_agg(delivery_rollup_shape('2025-11-05 00:00:00+00', width, slots), created_at, NULL, NULL, NULL, NULL) AS r FROM d) a,
     rollup_cells(r) GROUP BY width, slots ORDER BY width;
SELECT slot_start, slot_end FROM rollup_cells((SELECT delivery_rollup_agg(delivery_rollup_shape('4000-01-01 00:00:00+00 BC', '1 day'), '4000-01-01 12:00:00+00 BC', 't', 'e', 's', NULL)));
SELECT endpoint, total, delivered, failed, dead_letter, pending FROM rollup_cells((
  SELECT delivery_rollup_agg(delivery_rollup_shape('2025-11-05 00:00:00+00', '1 day', statuses => '{"1": "delivered", "2": "failed", "bogus": "dead_letter"}'),
    '2025-11-05 01:00:00+00', NULL, status, status, NULL) FROM unnest(ARRAY['1', '2', 'bogus', 'failed', NULL]) status)) ORDER BY endpoint;
SELECT endpoint, total, delivered, failed, dead_letter, pending FROM rollup_cells((
  SELECT delivery_rollup_agg(delivery_rollup_shape('2025-11-05 00:00:00+00', '1 day', statuses => '{}'), '2025-11-05 01:00:00+00', NULL, status, status, NULL)
  FROM unnest(ARRAY['OK', 'Failed', 'retrying']) status)) ORDER BY endpoint;
SELECT delivery_rollup_shape('2025-11-05 00:00:00+00', '1 day')::text = delivery_rollup_shape('2025-11-05 00:00:00+00', '24 hours', 1, '{}')::text AS same;
SELECT delivery_rollup_shape('2025-11-05 00:00:00+00', '1 day', 2)::text = delivery_rollup_shape('2025-11-05 00:00:00+00', '1 day', 3)::text AS same;

-- Errors of shapes.
\pset tuples_only on
\pset format unaligned
SELECT args, outcome(format('SELECT delivery_rollup_shape(%s)', args))
FROM unnest(ARRAY['NULL, ''1 hour''', '''2025-11-05'', NULL', '''2025-11-05'', ''1 hour'', NULL', '''infinity'', ''1 hour''', '''-infinity'', ''1 hour''',
  '''2025-11-05'', ''0''', '''2025-11-05'', ''-1 hour''', '''2025-11-05'', ''1 month''', '''2025-11-05'', ''1 hour'', 0', '''2025-11-05'', ''1 hour'', -1',
  '''2025-11-05'', ''1 hour'', 2147483647', '''2025-11-05'', ''100000 days'', 100000', '''294276-12-31'', ''1 day'', 2',
  '''2025-11-05'', ''1 hour'', 1, ''[]''', '''2025-11-05'', ''1 hour'', 1, ''{"a": "b"}''', '''2025-11-05'', ''1 hour'', 1, ''{"a": 1}''', '''2025-11-05'', ''1 hour'', 1, ''"a"''']) args;

-- Errors of aggregates: no shape, several, one that is not empty, unlike rollups.
SELECT outcome($$SELECT delivery_rollup_agg(NULL, created_at, tenant_id, endpoint, status, triage_label) FROM d$$);
SELECT outcome($$SELECT delivery_rollup_agg(CASE WHEN id < 2000 THEN shape() END, created_at, tenant_id, endpoint, status, triage_label) FROM d$$);
SELECT outcome($$SELECT delivery_rollup_agg(delivery_rollup_shape('2025-11-05 00:00:00+00', '1 hour', 24 + id / 3000), created_at, tenant_id, endpoint, status, triage_label) FROM d$$);
SELECT outcome($$SELECT delivery_rollup_agg((SELECT rollup FROM whole), created_at, tenant_id, endpoint, status, triage_label) FROM d$$);
SELECT outcome($$SELECT rollup_merge(r) FROM (VALUES (shape()), (delivery_rollup_shape('2025-11-05 00:00:00+00', '1 hour', 23))) v (r)$$);
SELECT outcome($$SELECT rollup_merge(r) FROM (VALUES (shape()), (delivery_rollup_shape('2025-11-05 01:00:00+00', '1 hour', 24))) v (r)$$);
SELECT outcome($$SELECT rollup_merge(r) FROM (VALUES (shape()), (delivery_rollup_shape('2025-11-05 00:00:00+00', '2 hours', 24))) v (r)$$);
SELECT outcome($$SELECT rollup_merge(r) FROM (VALUES (shape()), (delivery_rollup_shape('2025-11-05 00:00:00+00', '1 hour', 24, '{"a": "failed"}'))) v (r)$$);
SELECT outcome($$SELECT rollup_merge(r) FROM (SELECT rollup AS r FROM whole UNION ALL SELECT delivery_rollup_shape('2025-11-05 00:00:00+00', '1 day')) v$$);
-- Its functions are no functions for everybody's hand.
SELECT outcome($$SELECT delivery_rollup_add(NULL, shape(), now(), 't', 'e', 's', NULL)$$);
SELECT outcome($$SELECT delivery_rollup_add(rollup, shape(), now(), 't', 'e', 's', NULL) FROM whole$$);
SELECT outcome($$SELECT delivery_rollup_add(NULL, NULL, NULL, NULL, NULL, NULL, NULL)$$);
SELECT outcome($$SELECT delivery_rollup_combine(rollup, rollup) FROM whole$$);
SELECT outcome($$SELECT delivery_rollup_combine(NULL, NULL)$$);
SELECT outcome($$SELECT delivery_rollup_combine(rollup, NULL) FROM whole$$);
-- more groups than allowed
SET anomaly_insights.max_groups = 10;
SELECT outcome($$SELECT delivery_rollup_agg(shape(), created_at, tenant_id, endpoint, status, triage_label) FROM d$$);
SELECT outcome($$SELECT rollup_merge(r) FROM (SELECT delivery_rollup_agg(shape(), created_at, tenant_id, endpoint, status, triage_label) AS r FROM d GROUP BY id % 1000) v$$);
SELECT outcome($$SELECT delivery_rollup_agg(shape(), created_at, tenant_id, NULL, status, triage_label) FROM d$$);
RESET anomaly_insights.max_groups;
\pset tuples_only off
\pset format aligned

-- By group, hashed and sorted, in grouping sets, with a filter.
SET enable_hashagg = off;
CREATE TABLE by_sort AS SELECT tenant_id, delivery_rollup_agg(shape(), created_at, tenant_id, endpoint, status, triage_label) AS rollup FROM d GROUP BY tenant_id;
SET enable_hashagg = on;
SET enable_sort = off;
CREATE TABLE by_hash AS SELECT tenant_id, delivery_rollup_agg(shape(), created_at, tenant_id, endpoint, status, triage_label) AS rollup FROM d GROUP BY tenant_id;
RESET enable_sort;
RESET enable_hashagg;
SELECT count(*) AS groups, count(*) FILTER (WHERE s.rollup::text = h.rollup::text) AS same FROM by_sort s JOIN by_hash h ON s.tenant_id IS NOT DISTINCT FROM h.tenant_id;
SELECT rollup_merge(rollup)::text = (SELECT rollup::text FROM whole) AS same FROM by_sort;
SELECT tenant_id, (SELECT sum(total) FROM rollup_cells(rollup)) AS total FROM by_hash ORDER BY tenant_id;
SELECT level, count(*), sum((SELECT sum(total) FROM rollup_cells(r))) AS total
FROM (SELECT GROUPING(tenant_id, endpoint) AS level, delivery_rollup_agg(shape(), created_at, tenant_id, endpoint, status, triage_label) AS r FROM d
      GROUP BY GROUPING SETS ((tenant_id), (endpoint), ())) g GROUP BY level ORDER BY level;
SELECT (SELECT sum(total) FROM rollup_cells(delivery_rollup_agg(shape(), created_at, tenant_id, endpoint, status, triage_label) FILTER (WHERE id <= 100))) AS filtered FROM d;

-- As window functions they say at each row what all rows up to it are; each state is used more than once.
SELECT count(*) AS rows, count(*) FILTER (WHERE running <> self) AS differ
FROM (SELECT id, delivery_rollup_agg(shape(), created_at, tenant_id, endpoint, status, triage_label) OVER (ORDER BY id)::text AS running FROM d WHERE id <= 60) w
JOIN (SELECT a.id, delivery_rollup_agg(shape(), b.created_at, b.tenant_id, b.endpoint, b.status, b.triage_label)::text AS self
      FROM d a JOIN d b ON b.id <= a.id WHERE a.id <= 60 GROUP BY a.id) s USING (id);
SELECT count(*) AS rows, count(*) FILTER (WHERE running <> self) AS differ
FROM (SELECT id, delivery_rollup_agg(shape(), created_at, tenant_id, endpoint, status, triage_label) OVER (ORDER BY id ROWS BETWEEN 5 PRECEDING AND 2 FOLLOWING)::text AS running FROM d WHERE id <= 60) w
JOIN (SELECT a.id, delivery_rollup_agg(shape(), b.created_at, b.tenant_id, b.endpoint, b.status, b.triage_label)::text AS self
      FROM d a JOIN d b ON b.id BETWEEN a.id - 5 AND a.id + 2 AND b.id <= 60 WHERE a.id <= 60 GROUP BY a.id) s USING (id);
CREATE TABLE parts AS SELECT id % 20 AS k, delivery_rollup_agg(shape(), created_at, tenant_id, endpoint, status, triage_label) AS rollup FROM d GROUP BY id % 20;
SELECT count(*) AS rows, count(*) FILTER (WHERE running <> self) AS differ, bool_or(running = (SELECT rollup::text FROM whole)) AS whole
FROM (SELECT k, rollup_merge(rollup) OVER (ORDER BY k)::text AS running FROM parts) w
JOIN (SELECT a.k, rollup_merge(b.rollup)::text AS self FROM parts a JOIN parts b ON b.k <= a.k GROUP BY a.k) s USING (k);
SELECT count(*) AS rows, count(DISTINCT text) AS texts
FROM (SELECT rollup_merge(rollup) OVER w::text || rollup_merge(rollup) OVER w::text AS text FROM parts WINDOW w AS (ORDER BY k)) v;
-- the rollups that were merged stay as they were
SELECT sum((SELECT sum(total) FROM rollup_cells(rollup))) AS total FROM parts;
-- a set of them in PL/pgSQL variables, which keep what they were given
DO $$
DECLARE a delivery_rollup; b delivery_rollup; c delivery_rollup;
BEGIN
  SELECT delivery_rollup_agg(shape(), created_at, tenant_id, endpoint, status, triage_label) INTO a FROM d WHERE id <= 10;
  b := a;
  SELECT rollup_merge(r) INTO c FROM (SELECT a AS r UNION ALL SELECT b) v;
  RAISE WARNING '% % %', (SELECT sum(total) FROM rollup_cells(a)), (SELECT sum(total) FROM rollup_cells(b)), (SELECT sum(total) FROM rollup_cells(c));
  FOR i IN 1..3 LOOP
    SELECT rollup_merge(r) INTO c FROM (SELECT c AS r UNION ALL SELECT a) v;
  END LOOP;
  RAISE WARNING '% %', (SELECT sum(total) FROM rollup_cells(a)), (SELECT sum(total) FROM rollup_cells(c));
END $$;

-- In tables and materialized views, compressed and not, and updated one by one.
CREATE TABLE hourly (hour timestamptz PRIMARY KEY, rollup delivery_rollup NOT NULL);
INSERT INTO hourly SELECT date_trunc('hour', created_at, 'UTC'), delivery_rollup_agg(shape(), created_at, tenant_id, endpoint, status, triage_label) FROM d GROUP BY 1;
CREATE MATERIALIZED VIEW daily AS SELECT rollup_merge(rollup) AS rollup FROM hourly;
SELECT rollup::text = (SELECT rollup::text FROM whole) AS same FROM daily;
ALTER TABLE hourly ALTER rollup SET STORAGE EXTERNAL;
UPDATE hourly SET rollup = (SELECT rollup_merge(r) FROM (SELECT rollup AS r UNION ALL SELECT rollup) v);
REFRESH MATERIALIZED VIEW daily;
SELECT sum(total) AS total FROM daily, rollup_cells(rollup);
SELECT (SELECT rollup_merge(rollup)::text FROM hourly) = rollup::text AS same FROM daily;

-- As text, and in and out of a file's format.
SELECT rollup::text ~ '^\\x([0-9a-f][0-9a-f])+$' AS hexadecimal, rollup::text::delivery_rollup::text = rollup::text AS same,
       upper(substr(rollup::text, 3)) <> substr(rollup::text, 3) AND ('\x' || upper(substr(rollup::text, 3)))::delivery_rollup::text = rollup::text AS upper_case_too FROM whole;
SELECT decode(substr(rollup::text, 3), 'hex') = delivery_rollup_send(rollup) AS send_is_the_bytes FROM whole;
SELECT shape() IS NOT NULL AND pg_typeof(shape())::text LIKE '%delivery_rollup' AS typed;

DELETE FROM insights.delivery_sources;
DROP SCHEMA regress_rollup CASCADE;
