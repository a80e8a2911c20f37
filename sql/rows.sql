-- One row must not end a source: what is no number there counts as missing, and a row on which a mapping raises is named.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_rows;
SET search_path = regress_rows, insights;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
\set SHOW_CONTEXT never
\set t '''2026-01-15 12:00:00+00''::timestamptz'
\pset null NULL

-- Numbers -----------------------------------------------------------------------------------------------------------

-- The same deliveries in columns of each type: those of `plain` have NULL where the others have what is no number there.
CREATE TABLE plain (id int, created_at timestamptz, tenant_id text, endpoint text, status text, http_status int, attempts int, max_attempts int, triage_score int, error text);
INSERT INTO plain SELECT i, :t - i * interval '1 second', 't', 'e' || i % 3, (ARRAY['delivered', 'failed', 'pending', 'dead_letter'])[1 + i % 4],
  CASE WHEN i % 7 <> 0 THEN 200 + 100 * (i % 4) END, CASE WHEN i % 5 <> 0 THEN i % 4 END, CASE WHEN i % 6 <> 0 THEN 3 END, CASE WHEN i % 8 <> 0 THEN 50 + i % 50 END,
  CASE WHEN i % 9 = 0 THEN 'timeout' END FROM generate_series(1, 200) i;
CREATE TABLE bad (type text, worst text);
INSERT INTO bad VALUES ('smallint', NULL), ('int', NULL), ('bigint', '2147483648'), ('bigint', '-9223372036854775808'), ('numeric', 'NaN'), ('numeric', 'Infinity'), ('numeric', '-Infinity'),
  ('numeric', '1e100'), ('numeric', '2147483647.5'), ('real', 'NaN'), ('real', 'Infinity'), ('real', '2147483648'), ('double precision', 'NaN'), ('double precision', '-Infinity'), ('double precision', '1e300'),
  ('wide', '9223372036854775807');
CREATE DOMAIN wide AS bigint CHECK (value >= 0);
CREATE FUNCTION answers(source text) RETURNS TABLE (what text, answer text) LANGUAGE sql STABLE AS $$
  SELECT 'summary', (operator_insights_summary(source => $1, as_of => '2026-01-15 12:00:00+00') - 'generated_at')::text
  UNION ALL SELECT 'labels', jsonb_agg(to_jsonb(d))::text FROM triage_distribution(source => $1, as_of => '2026-01-15 12:00:00+00') d
  UNION ALL SELECT 'replays', jsonb_agg(to_jsonb(d))::text FROM replay_stats(source => $1, as_of => '2026-01-15 12:00:00+00') d
  UNION ALL SELECT 'anomalies', jsonb_agg(to_jsonb(d))::text FROM anomalies_current(source => $1, as_of => '2026-01-15 12:00:00+00') d
  UNION ALL SELECT 'recommendations', jsonb_agg(to_jsonb(d))::text FROM replay_recommendations(source => $1, as_of => '2026-01-15 12:00:00+00') d
  UNION ALL SELECT 'plan', jsonb_agg(to_jsonb(d))::text FROM replay_plan('{"hours": 1}', source => $1, as_of => '2026-01-15 12:00:00+00') d
  UNION ALL SELECT 'deliveries', jsonb_agg(to_jsonb(d))::text FROM delivery_search('{"hours": 1}', 1000, source => $1, as_of => '2026-01-15 12:00:00+00') d
$$;
SELECT 1 AS plain FROM delivery_source_register('plain', 'plain');
CREATE TABLE results (type text, worst text, what text, same boolean);
CREATE FUNCTION try(type text, worst text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TABLE wrong (id int, created_at timestamptz, tenant_id text, endpoint text, status text, http_status %1$s, attempts %1$s, max_attempts %1$s, triage_score %1$s, error text)', type);
  EXECUTE format('INSERT INTO wrong SELECT id, created_at, tenant_id, endpoint, status, coalesce(http_status, %2$L::%1$s), coalesce(attempts, %2$L::%1$s), coalesce(max_attempts, %2$L::%1$s),
                  coalesce(triage_score, %2$L::%1$s), error FROM plain', type, worst);
  PERFORM delivery_source_register('wrong', 'wrong');
  INSERT INTO results SELECT $1, $2, w.what, w.answer IS NOT DISTINCT FROM p.answer FROM answers('wrong') w JOIN answers('plain') p USING (what);
  INSERT INTO results SELECT $1, $2, 'replayed ' || outcome, outcome = 'replayed' FROM replay_execute(ARRAY['1', '5', '7', '35'], concat($1, $2), source => 'wrong');
  PERFORM delivery_source_drop('wrong');
  DROP TABLE wrong;
END $$;
SELECT count(try(type, worst)) AS tried FROM bad;
SELECT count(*) AS answers, count(DISTINCT what) AS functions, count(*) FILTER (WHERE what = 'replayed replayed') AS replayed FROM results;
-- those that are not as with NULLs: none
SELECT * FROM results WHERE NOT same;
-- A score beyond 0 to 100 is none, in each function.
UPDATE plain SET triage_score = CASE WHEN id % 2 = 0 THEN 101 ELSE -1 END;
SELECT count(triage_score) AS scores, count(*) AS deliveries FROM delivery_search('{"hours": 1}', 1000, source => 'plain', as_of => :t);

-- Mappings that raise -----------------------------------------------------------------------------------------------

CREATE TABLE raw (id int, at timestamptz, payload json);
CREATE INDEX ON raw (at);
INSERT INTO raw SELECT i, :t - i * interval '1 second', json_build_object('url', 'e', 'state', 'failed', 'tries', i % 3, 'body', 'HTTP 503') FROM generate_series(1, 1000) i;
SELECT 1 AS registered FROM delivery_source_register('raw', 'raw', '{"created_at": "at", "endpoint": "payload ->> ''url''", "status": "payload ->> ''state''", "attempts": "(payload ->> ''tries'')::int", "error": "payload ->> ''body''"}');
CREATE FUNCTION look(OUT level text, OUT detail text, OUT hint text) LANGUAGE sql AS $$ SELECT level, detail, hint FROM delivery_source_check('raw') WHERE "check" = 'mapping' $$;
SELECT * FROM look();
UPDATE raw SET payload = jsonb_set(payload::jsonb, '{tries}', '"three"') WHERE id IN (7, 700);
SELECT * FROM look();
-- the newest is named first
UPDATE raw SET payload = jsonb_set(payload::jsonb, '{tries}', '3') WHERE id = 7;
SELECT * FROM look();
UPDATE raw SET payload = '{"url": "e", "state": "failed", "body": "a\u0000b"}' WHERE id = 700;
SELECT * FROM look();
UPDATE raw SET payload = '{"url": "e", "state": "failed"}' WHERE id = 700;
SELECT * FROM look();
-- its last row, one of many of one time, and the only one
UPDATE raw SET at = :t, payload = payload::jsonb || '{"tries": "x"}' WHERE id = 1000;
SELECT detail FROM look();
UPDATE raw SET at = :t;
SELECT detail FROM look();
DELETE FROM raw WHERE id <> 1000;
SELECT detail FROM look();
-- the other checks are there, and the source is failing until it is mended
SELECT "check", level FROM delivery_source_check('raw') ORDER BY "check";
\set VERBOSITY terse
SELECT count(*) FROM replay_stats(source => 'raw', as_of => :t);
UPDATE raw SET payload = payload::jsonb || '{"tries": 1}';
SELECT count(*) FROM replay_stats(source => 'raw', as_of => :t);
SELECT detail FROM look();
-- an id that raises has none to be named by
SELECT 1 AS registered FROM delivery_source_register('raw', 'raw', '{"id": "(payload ->> ''state'')::int", "created_at": "at", "endpoint": "payload ->> ''url''", "status": "payload ->> ''state''"}');
SELECT detail, hint FROM look();

-- The text of an error is whole where it is shown, and the first 2 kB of it are read.
TRUNCATE raw;
INSERT INTO raw SELECT i, :t, json_build_object('url', 'e', 'state', 'failed', 'body', CASE WHEN i = 1 THEN 'timeout ' ELSE '' END || repeat('ü', 30000) || ' timeout') FROM generate_series(1, 2) i;
SELECT 1 AS registered FROM delivery_source_register('raw', 'raw', '{"created_at": "at", "endpoint": "payload ->> ''url''", "status": "payload ->> ''state''", "error": "payload ->> ''body''"}');
SELECT delivery_id, triage_label, length(error) FROM delivery_search('{}', source => 'raw', as_of => :t) ORDER BY delivery_id;

-- A scan says on which of the newest deliveries the mapping raises, though the detector does not need to know; a plain column never raises.
TRUNCATE raw;
INSERT INTO raw SELECT i, now() - i * interval '1 second', '{"url": "e", "state": "failed", "code": 503}' FROM generate_series(1, 30) i;
SELECT 1 AS registered FROM delivery_source_register('raw', 'raw', '{"created_at": "at", "endpoint": "payload ->> ''url''", "status": "payload ->> ''state''", "http_status": "(payload ->> ''code'')::int"}');
SELECT outcome, deliveries, detail FROM anomalies_scan('raw');
UPDATE raw SET payload = '{"url": "e", "state": "failed", "code": "none"}' WHERE id = 9;
SELECT outcome, deliveries, detail FROM anomalies_scan('raw');
SELECT state, failures, last_error, last_success = last_run AS evaluated FROM anomaly_insights_status() WHERE source = 'raw';
UPDATE raw SET payload = '{"url": "e", "state": "failed"}' WHERE id = 9;
SELECT outcome, deliveries, detail FROM anomalies_scan('raw');
SELECT state, failures, last_error FROM anomaly_insights_status() WHERE source = 'raw';

-- What a sample says of values that no type forbids.
CREATE TABLE odd (id int PRIMARY KEY, created_at timestamptz, endpoint text, status text, attempt_number int);
INSERT INTO odd SELECT i, :t, NULL, (ARRAY['delivered', 'failed'])[1 + i % 2], i FROM generate_series(0, 3) i;
SELECT 1 AS registered FROM delivery_source_register('odd', 'odd');
SELECT "check", level, detail, hint FROM delivery_source_check('odd') WHERE "check" IN ('endpoint', 'attempts') ORDER BY "check";
UPDATE odd SET endpoint = 'e', attempt_number = attempt_number + 1 WHERE id < 2;
SELECT count(*) FROM delivery_source_check('odd') WHERE "check" IN ('endpoint', 'attempts');

DELETE FROM insights.delivery_sources;
DROP SCHEMA regress_rows CASCADE;
