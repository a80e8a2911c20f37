-- Bytes that are no rollup, or one that was damaged: an error, and never a crash.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_rollup_corrupt;
SET search_path = regress_rollup_corrupt, insights;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
-- thousands of short queries, for which neither workers nor compiled expressions are worth starting
SET max_parallel_workers_per_gather = 0;
SET jit = off;
\set SHOW_CONTEXT never

-- rollups with all that there is: missing tenants and endpoints, counters of more than one byte, statuses of their own
CREATE TABLE samples (name text, rollup delivery_rollup);
INSERT INTO samples
SELECT 'plain', delivery_rollup_agg(delivery_rollup_shape('2025-11-05 00:00:00+00', '1 hour', 3), '2025-11-05 00:30:00+00'::timestamptz + i % 3 * interval '1 hour',
    CASE WHEN i % 5 > 0 THEN 'tenant ' || i % 3 END, CASE WHEN i % 7 > 0 THEN '/endpoint' || i % 4 END, (ARRAY['ok', 'failed', 'pending', 'dead', 'x'])[i % 5 + 1],
    CASE WHEN i % 3 = 0 THEN 'permanent_4xx' END)
FROM generate_series(1, 700) i;
INSERT INTO samples
SELECT 'statuses', delivery_rollup_agg(delivery_rollup_shape('1999-12-31 23:00:00+00', '1 microsecond', 100000, '{"1": "failed", "a": "delivered", "größe": "pending"}'),
    '1999-12-31 23:00:00+00'::timestamptz + i * interval '7 microseconds', '', 'ü', (ARRAY['1', 'a', 'größe', 'b'])[i % 4 + 1], NULL)
FROM generate_series(1, 40) i;
INSERT INTO samples VALUES ('empty', delivery_rollup_shape('2025-11-05 00:00:00+00', '1 day'));
SELECT name, (SELECT count(*) FROM rollup_cells(rollup)) AS cells, rollup::text::delivery_rollup::text = rollup::text AS round_trip FROM samples ORDER BY name COLLATE "C";

-- how a cast ends: ok, or with which state; what it takes must come out again, and be readable
CREATE FUNCTION ends(bytes bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  got delivery_rollup;
  cells bigint;
BEGIN
  BEGIN
    got := ('\x' || encode(bytes, 'hex'))::delivery_rollup;
  EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
  END;
  IF delivery_rollup_send(got) <> bytes THEN RAISE 'other bytes came out than went in'; END IF;
  SELECT count(*), count(tenant_id), count(endpoint), count(slot_start), count(slot_end), sum(total) INTO cells FROM rollup_cells(got);
  IF EXISTS (SELECT FROM rollup_cells(got) WHERE slot_start < '4714-11-24 00:00:00+00 BC' OR slot_end > '294276-12-31 23:59:59.999999+00') THEN
    RETURN 'times that are none';
  END IF;
  PERFORM rollup_merge(r) FROM (SELECT got AS r UNION ALL SELECT got) v;
  RETURN 'ok';
END $$;
CREATE VIEW bytes AS SELECT name, delivery_rollup_send(rollup) AS b FROM samples;

-- no hexadecimal text
\set VERBOSITY terse
SELECT ''::delivery_rollup;
SELECT 'x'::delivery_rollup;
SELECT '\x'::delivery_rollup;
SELECT 'hello'::delivery_rollup;
SELECT '\X00'::delivery_rollup;
SELECT ('größe ' || repeat('ü', 100))::delivery_rollup;
\set VERBOSITY sqlstate
SELECT '\x1'::delivery_rollup;
SELECT '\xzz'::delivery_rollup;
SELECT '\x00'::delivery_rollup;
SELECT ('\x' || repeat('00', 1000))::delivery_rollup;
SELECT ('\x' || repeat('ff', 1000))::delivery_rollup;
\set VERBOSITY terse
SELECT '\x0000'::delivery_rollup;
SELECT delivery_rollup_in('nothing');
\set VERBOSITY default

-- another magic, another version
SELECT place, string_agg(DISTINCT ends(set_byte(b, place, value)), ' ') AS ends FROM bytes, generate_series(0, 2) place, generate_series(0, 255) value
WHERE value <> get_byte(b, place) GROUP BY place ORDER BY place;
-- ended at each byte
SELECT name, string_agg(DISTINCT ends(substr(b, 1, length)), ' ') AS ends FROM bytes, generate_series(0, 10000) length WHERE length < octet_length(b) GROUP BY name ORDER BY name COLLATE "C";
-- begun later
SELECT name, string_agg(DISTINCT ends(substr(b, start)), ' ') AS ends FROM bytes, generate_series(2, 10000) start WHERE start <= octet_length(b) GROUP BY name ORDER BY name COLLATE "C";
-- longer by a byte, or by itself
SELECT name, string_agg(DISTINCT ends(b || set_byte('\x00', 0, value)), ' ') AS ends FROM bytes, generate_series(0, 255) value GROUP BY name ORDER BY name COLLATE "C";
SELECT name, ends(b || b) FROM bytes ORDER BY name COLLATE "C";
-- a byte left out, or one put in
SELECT name, string_agg(DISTINCT ends(substr(b, 1, place) || substr(b, place + 2)), ' ') AS ends FROM bytes, generate_series(0, 10000) place WHERE place < octet_length(b)
GROUP BY name ORDER BY name COLLATE "C";
-- each bit turned: what is still a rollup may be, what is not says so, and nothing else happens
SELECT name, count(*) > 100 AS some, string_agg(DISTINCT ends, ', ') FILTER (WHERE ends NOT IN ('22P03', 'ok')) AS other, bool_or(ends = '22P03') AS errors
FROM (SELECT name, ends(set_bit(b, bit, 1 - get_bit(b, bit))) FROM bytes, generate_series(0, 100000) bit WHERE bit < 8 * octet_length(b)) v GROUP BY name ORDER BY name COLLATE "C";
-- each byte made the greatest, the least, and one that goes on
SELECT name, string_agg(DISTINCT ends, ', ') FILTER (WHERE ends NOT IN ('22P03', 'ok')) AS other
FROM (SELECT name, ends(set_byte(b, place, value)) FROM bytes, generate_series(0, 10000) place, unnest(ARRAY[0, 127, 128, 255]) value WHERE place < octet_length(b)) v GROUP BY name ORDER BY name COLLATE "C";
-- a number that asks for very much memory put in anywhere
SELECT name, string_agg(DISTINCT ends, ', ') FILTER (WHERE ends NOT IN ('22P03', 'ok')) AS other
FROM (SELECT name, ends(substr(b, 1, place) || number || substr(b, place + 2)) FROM bytes, generate_series(0, 10000) place,
        unnest(ARRAY['\xffffffffffffffff7f', '\xffffffffffffffffff01', '\xffffffffffffffffffff01', '\xffffffff0f', '\x8080808080808080808000', '\x8000']::bytea[]) number
      WHERE place < octet_length(b)) v GROUP BY name ORDER BY name COLLATE "C";
-- texts that this encoding does not have
SELECT name, string_agg(DISTINCT ends(overlay(b PLACING '\xff' FROM position('\xc3bc'::bytea IN b) FOR 1)), ' ') AS ends FROM bytes WHERE position('\xc3bc'::bytea IN b) > 0 GROUP BY name;
SELECT name, string_agg(DISTINCT ends(overlay(b PLACING '\x00' FROM position('/endpoint'::bytea IN b) FOR 1)), ' ') AS ends FROM bytes WHERE position('/endpoint'::bytea IN b) > 0 GROUP BY name;

-- The binary format takes and refuses the same.
CREATE TABLE received (rollup delivery_rollup);
CREATE FUNCTION receive(bytes bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  stream bytea := '\x5047434f50590aff0d0a0000000000000000000001'::bytea || int4send(octet_length(bytes)) || bytes || '\xffff';
  escaped text := (SELECT string_agg('\' || lpad(octal, 3, '0'), '' ORDER BY i) FROM (
    SELECT i, (v / 64)::text || (v / 8 % 8)::text || (v % 8)::text AS octal FROM (SELECT i, get_byte(stream, i) AS v FROM generate_series(0, octet_length(stream) - 1) i) b) o);
BEGIN
  EXECUTE format('COPY received FROM PROGRAM %L (FORMAT binary)', 'printf ''' || escaped || '''');
  RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE;
END $$;
SELECT name, receive(b) FROM bytes ORDER BY name COLLATE "C";
SELECT count(*) AS received, count(*) FILTER (WHERE EXISTS (SELECT FROM samples s WHERE s.rollup::text = r.rollup::text)) AS same FROM received r;
SELECT receive(substr(b, 1, octet_length(b) - 1)) AS shorter, receive(b || '\x00') AS longer, receive(set_byte(b, 0, 0)) AS other, receive('') AS nothing FROM bytes WHERE name = 'plain';

DELETE FROM insights.delivery_sources;
DROP SCHEMA regress_rollup_corrupt CASCADE;
