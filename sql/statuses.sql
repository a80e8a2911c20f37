-- Statuses of all types, and the maps from them.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_statuses;
SET search_path = regress_statuses, insights;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
\set t '''2025-11-05 14:30:00+00''::timestamptz'

-- Without a map, the usual words are known in any case; what is none counts in totals only. 30 of each now.
CREATE TABLE words (created_at timestamptz NOT NULL DEFAULT '2025-11-05 14:28:00+00', endpoint text, status text);
-- registered while it is empty: what is none would have to be mapped
SELECT 1 AS registered FROM delivery_source_register('words');
INSERT INTO words (endpoint, status)
SELECT word, word FROM generate_series(1, 30), unnest(ARRAY[
  'delivered', 'success', 'succeeded', 'ok', 'completed', 'sent', 'failed', 'failure', 'error', 'dead_letter', 'dead', 'exhausted',
  'discarded', 'pending', 'queued', 'scheduled', 'processing', 'sending', 'retry', 'retrying', 'in_progress',
  'bounced', 'deferred', 'retryable', 'available', 'executing', 'running', 'cancelled',
  'FAILED', 'Dead_Letter', 'oK', 'PENDING', 'bogus', '', ' failed', 'failed ', 'dead letter', 'dead-letter', 'fail', 'errors', '1', NULL]) word;
CREATE VIEW classes AS
  SELECT endpoint, split_part(value, ' of ', 1)::int AS failed, split_part(value, ' of ', 2)::int AS settled, reference.recent_failures AS reference
  FROM (SELECT DISTINCT endpoint FROM words) w
  JOIN anomalies_current(method => 'reference', as_of => '2025-11-05 14:30:00+00') reference USING (endpoint),
  LATERAL anomalies_explain(NULL, endpoint, as_of => '2025-11-05 14:30:00+00') e
  WHERE e.item = 'failed 5 min';
SELECT CASE WHEN failed = 30 AND settled = 30 THEN 'failed' WHEN settled = 30 THEN 'delivered' ELSE 'neither' END AS class,
       bool_and(reference = failed) AS reference_too, string_agg(quote_nullable(endpoint), ' ' ORDER BY endpoint COLLATE "C") AS words
FROM classes GROUP BY 1 ORDER BY 1;
SELECT level, detail FROM delivery_source_check() WHERE "check" = 'statuses';

-- A map of one's own stands for itself: what it leaves out is not known, and case counts.
SELECT 1 AS registered FROM delivery_source_register('words', mapping => '{"statuses": {"bogus": "failed", "": "dead_letter", "failed": "delivered", "1": "failed", "ok": "pending"}}');
SELECT CASE WHEN failed = 30 AND settled = 30 THEN 'failed' WHEN settled = 30 THEN 'delivered' ELSE 'neither' END AS class,
       bool_and(reference = failed) AS reference_too, string_agg(quote_nullable(endpoint), ' ' ORDER BY endpoint COLLATE "C") AS words
FROM classes GROUP BY 1 ORDER BY 1;
-- an empty one is none
CREATE TABLE moved AS TABLE words;
TRUNCATE words;
SELECT delivery_source_register('words', mapping => '{"statuses": {}}') ? 'statuses' AS has_statuses;
INSERT INTO words TABLE moved;
SELECT count(*) FILTER (WHERE failed = 30) AS failed FROM classes;

-- Other types: smallint, boolean, enum, numeric, varchar, char, domain, two timestamps; each with 30 failures of 40.
CREATE TYPE state AS ENUM ('queued', 'failed', 'delivered', 'given up');
CREATE DOMAIN outcome AS text CHECK (value <> '');
CREATE TABLE typed (
  created_at timestamptz NOT NULL DEFAULT '2025-11-05 14:28:00+00', endpoint text NOT NULL DEFAULT 'e',
  small smallint, big bigint, num numeric, flag boolean, state state, var varchar(10), fixed char(12), dom outcome,
  delivered_at timestamptz, failed_at timestamptz, data jsonb, codes int[]);
INSERT INTO typed (small, big, num, flag, state, var, fixed, dom, delivered_at, failed_at, data, codes)
SELECT f + 1, f + 1, f + 1.5, f = 0, CASE f WHEN 1 THEN 'failed' ELSE 'delivered' END::state, CASE f WHEN 1 THEN 'Failed' ELSE 'ok' END,
       CASE f WHEN 1 THEN 'failed' ELSE 'ok' END, CASE f WHEN 1 THEN 'failed' ELSE 'ok' END,
       CASE f WHEN 0 THEN :t END, CASE f WHEN 1 THEN :t END, jsonb_build_object('status', CASE f WHEN 1 THEN 'failed' ELSE 'ok' END), ARRAY[f]
FROM (SELECT CASE WHEN i <= 30 THEN 1 ELSE 0 END AS f FROM generate_series(1, 40) i) v;
CREATE FUNCTION failures(mapping jsonb) RETURNS text LANGUAGE sql AS $$
  SELECT delivery_source_register('typed', 'typed', mapping);
  SELECT s.mapping ->> 'status' || ': ' || recent_failures || ' of ' || recent_count
  FROM delivery_sources s LEFT JOIN anomalies_current(source => 'typed', as_of => '2025-11-05 14:30:00+00') ON true WHERE s.name = 'typed'
$$;
\pset tuples_only on
SELECT failures('{"status": "small", "statuses": {"1": "delivered", "2": "failed"}}');
SELECT failures('{"status": "big", "statuses": {"1": "delivered", "2": "dead_letter"}}');
SELECT failures('{"status": "num", "statuses": {"1.5": "delivered", "2.5": "failed"}}');
SELECT failures('{"status": "flag", "statuses": {"true": "delivered", "false": "failed"}}');
SELECT failures('{"status": "state::text"}');
SELECT failures('{"status": "state", "statuses": {"delivered": "delivered", "failed": "failed", "given up": "dead_letter", "queued": "pending"}}');
SELECT failures('{"status": "var"}');
SELECT failures('{"status": "fixed"}');
SELECT failures('{"status": "fixed", "statuses": {"ok": "delivered", "failed": "failed"}}');
SELECT failures('{"status": "dom"}');
SELECT failures('{"status": "data ->> ''status''"}');
SELECT failures('{"status": "codes[1]", "statuses": {"0": "delivered", "1": "failed"}}');
SELECT failures('{"status": "codes", "statuses": {"{0}": "delivered", "{1}": "failed"}}');
SELECT failures('{"status": "CASE WHEN delivered_at IS NOT NULL THEN ''delivered'' WHEN failed_at IS NOT NULL THEN ''failed'' ELSE ''pending'' END"}');
SELECT failures('{"status": "failed_at IS NULL", "statuses": {"true": "delivered", "false": "failed"}}');
SELECT failures('{"status": "CASE WHEN small = 2 THEN ''failed'' END"}');
SELECT failures('{"status": "''failed''"}');
\pset tuples_only off
-- what no map knows, of a type that is no text
SELECT 1 AS registered FROM delivery_source_register('typed', 'typed', '{"status": "small", "statuses": {"2": "failed", "7": "pending"}}');
SELECT level, detail FROM delivery_source_check('typed') WHERE "check" = 'statuses';
-- a label that only an expression gives
SELECT 1 AS registered FROM delivery_source_register('typed', 'typed', '{"status": "''queued''", "triage_label": "CASE WHEN small = 2 THEN ''permanent_4xx'' END"}');
SELECT recent_failures, recent_count FROM anomalies_current(source => 'typed', as_of => :t);

-- A map of many words, long ones too, each by itself.
CREATE TABLE many (created_at timestamptz NOT NULL DEFAULT '2025-11-05 14:28:00+00', endpoint text, status text);
INSERT INTO many (endpoint, status) SELECT 'e' || i % 3, repeat('x', i) || i FROM generate_series(1, 300) i, generate_series(1, 2);
SELECT 1 AS registered FROM delivery_source_register('many', 'many', (SELECT jsonb_build_object('statuses',
  jsonb_object_agg(repeat('x', i) || i, (ARRAY['failed', 'delivered', 'pending'])[i % 3 + 1])) FROM generate_series(1, 300) i));
SELECT endpoint, value FROM unnest(ARRAY['e0', 'e1', 'e2']) endpoint, anomalies_explain(NULL, endpoint, source => 'many', as_of => :t)
WHERE item = 'failed 5 min' ORDER BY endpoint;

DELETE FROM insights.delivery_sources;
DROP SCHEMA regress_statuses CASCADE;
