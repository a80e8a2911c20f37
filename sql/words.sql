-- Words of statuses when a source is registered: what is known, what is asked, what is warned of; and usual names and keys.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_words;
SET search_path = regress_words, insights;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on

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
CREATE FUNCTION register(mapping jsonb DEFAULT '{}', relation text DEFAULT 'd') RETURNS text LANGUAGE sql
  RETURN outcome(format('SELECT delivery_source_register(%L, %L, %L)', relation, 'x', mapping));
CREATE TABLE d (created_at timestamptz NOT NULL, endpoint text, status text);
CREATE FUNCTION fill(VARIADIC words text[]) RETURNS void LANGUAGE sql AS $$
  TRUNCATE regress_words.d;
  INSERT INTO regress_words.d SELECT '2026-01-15 12:00+00', 'e', word FROM unnest(words) WITH ORDINALITY w (word, place), generate_series(1, place);
$$;

-- An empty table registers, and so does one of the usual words in any case.
SELECT register();
SELECT fill('DELIVERED', 'Bounced', 'available', 'executing', 'running', 'Sent');
DELETE FROM d WHERE status = 'Sent';
SELECT register();

-- One that nobody knows: a map to complete, commonest words first. It is not valid before it is complete.
SELECT fill('Delivered', 'lost', 'FAILED', 'cancelled', NULL, 'it''s "odd"', '');
SELECT register();
SELECT register('{"statuses": {"cancelled": "?"}}');
SELECT register('{"statuses": {"": "pending", "it''s \"odd\"": "failed", "cancelled": "pending", "FAILED": "failed", "lost": "dead_letter", "Delivered": "delivered"}}');
-- a long text is no word, and a hundred of them are no statuses
SELECT fill('ok', repeat('x', 300));
SELECT register();
TRUNCATE d;
INSERT INTO d SELECT '2026-01-15 12:00+00', 'e', md5(i::text) FROM generate_series(1, 300) i;
SELECT left(register(), 60), right(split_part(register(), E'\n', 1), 20);

-- A map that leaves a word out, and a row without a status, are warned of.
SELECT fill('ok', 'lost', NULL);
SELECT register('{"statuses": {"ok": "delivered"}}');
SELECT level, detail FROM delivery_source_check('x') WHERE "check" = 'statuses';
SELECT fill('ok', NULL);
SELECT register();

-- Words that mean another thing in some systems do not register silently.
SELECT fill('Success', 'Failure', 'Retry', 'Discarded', 'Scheduled');
SELECT register();
SELECT level, detail, hint FROM delivery_source_check('x') WHERE "check" = 'statuses';
SELECT register('{"statuses": {"Success": "delivered", "Failure": "failed", "Retry": "failed", "Discarded": "pending", "Scheduled": "pending"}}');
SELECT level, detail FROM delivery_source_check('x') WHERE "check" = 'statuses';
SELECT fill('sent', 'failed');
SELECT register();
SELECT fill('sent', 'delivered');
SELECT register();

-- Of an enum all labels, whatever is in the table.
CREATE TYPE state AS ENUM ('queued', 'failed', 'delivered', 'cancelled');
CREATE TABLE e (created_at timestamptz NOT NULL, endpoint text, status state);
SELECT register(relation => 'e');
SELECT register('{"statuses": {"queued": "pending", "failed": "failed", "delivered": "delivered"}}', 'e');
SELECT register('{"status": "status::text"}', 'e');

-- Only the newest are looked at, by the time's index; without one, those at the end of the table, and of what has no end
-- any of them; or none, where all that reads too much.
CREATE TABLE big (created_at timestamptz NOT NULL, endpoint text, status text);
INSERT INTO big SELECT '2026-01-15 12:00+00', 'e', 'ok' FROM generate_series(1, 100000);
INSERT INTO big SELECT '2026-01-14 12:00+00', 'e', 'old' FROM generate_series(1, 10);
CREATE INDEX ON big (created_at);
ANALYZE big;
SELECT register(relation => 'big');
DROP INDEX big_created_at_idx;
SELECT register(relation => 'big');
CREATE VIEW seen AS SELECT * FROM big;
SELECT register(relation => 'seen');
SET seq_page_cost = 100000;
SET random_page_cost = 100000;
SELECT register(relation => 'big');
SELECT level, detail, hint FROM delivery_source_check('x') WHERE "check" = 'statuses';
SELECT register(relation => 'seen');
RESET seq_page_cost;
RESET random_page_cost;
-- what the mapping's expressions do takes some seconds at most
CREATE FUNCTION slow(text) RETURNS text IMMUTABLE COST 1 LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(.005); RETURN $1; END $$;
SELECT clock_timestamp() AS started \gset
SELECT register('{"status": "slow(status)"}', 'big');
SELECT clock_timestamp() - :'started'::timestamptz < interval '25 s';

-- A row that the mapping raises on is warned of; until it is mended the source fails.
SELECT fill('ok', 'failed');
SELECT register('{"status": "CASE WHEN status = ''ok'' THEN (1 / length(substr(status, 3)))::text ELSE status END"}');

-- Usual names, in any spelling.
CREATE TABLE camel ("createdAt" timestamptz, "tenantId" text, "endpointUrl" text, "deliveryStatus" text, "errorMsg" text, "attempt" int, "nextRetryAt" timestamptz);
SELECT delivery_source_register('camel', 'x');
CREATE TABLE names (created_on date, enqueued_at timestamptz, sent_at timestamptz, attempted_at timestamptz, outcome text, error boolean, error_msg text, project_id int, destination_id int);
SELECT delivery_source_register('names', 'x');
SELECT delivery_source_register('names', 'x', '{"created_at": "attempted_at"}') ->> 'created_at';
SELECT register('{"error": "error"}', 'names');
SELECT register('{"error": "attempted_at IS NULL"}', 'names');
-- the usual name as it is goes before another spelling
CREATE TABLE both_ways ("createdAt" timestamptz, created_at timestamptz, url text, "Url" text, status text);
SELECT delivery_source_register('both_ways', 'x');

-- Retries are one less than attempts, of any type; the largest number too.
CREATE TABLE retries (id int PRIMARY KEY, created_at timestamptz, endpoint text, status text, retry_count int, max_retries smallint, "Retries" numeric);
INSERT INTO retries VALUES (1, '2026-01-15 12:00+00', 'e', 'failed', 2, 5, 7), (2, '2026-01-15 12:00+00', 'e', 'failed', NULL, NULL, NULL);
SELECT delivery_source_register('retries', 'x', '{"replay_status": "pending"}') - 'replay_status' - 'id' - 'created_at' - 'endpoint' - 'status';
SELECT delivery_id, attempts, max_attempts FROM delivery_search(source => 'x', as_of => '2026-01-15 12:01+00') ORDER BY 1;
-- a replay sets the column below to 0, whoever wrote the sum
SELECT outcome FROM replay_execute('{1}', 'below', source => 'x');
SELECT * FROM retries WHERE id = 1;
CREATE FUNCTION replay(attempts text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  UPDATE regress_words.retries SET status = 'failed', retry_count = 2, "Retries" = 7 WHERE id = 1;
  PERFORM delivery_source_register('regress_words.retries', 'x', jsonb_build_object('attempts', attempts, 'replay_status', 'pending'));
  PERFORM FROM replay_execute('{1}', 'of ' || attempts, source => 'x');
  RETURN (SELECT format('%s, %s, %s', status, retry_count, "Retries") FROM regress_words.retries WHERE id = 1);
END $$;
SELECT replay('retry_count + 1'), replay('1 + retry_count'), replay('"Retries" + 1'), replay('retry_count::bigint + 1');
SELECT outcome(format('SELECT replay(%L)', attempts)) FROM unnest('{retry_count + 2,retry_count - 1,greatest(retry_count + 1),retry_count + max_retries}'::text[]) attempts;

-- Keys that their type or collation takes for the same.
CREATE EXTENSION citext SCHEMA regress_words;
CREATE COLLATION ignore_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE DOMAIN named AS citext;
CREATE TABLE keys (created_at timestamptz, tenant_id citext, endpoint text COLLATE ignore_case, status citext, "Named" named, plain text, fixed char(3), number numeric);
SELECT register('{"endpoint": "plain"}', 'keys');
SELECT register('{"tenant_id": "plain"}', 'keys');
SELECT register('{"tenant_id": "Named", "endpoint": "plain"}', 'keys');
SELECT register('{"tenant_id": "lower(\"Named\")", "endpoint": "lower(endpoint)"}', 'keys');
SELECT register('{"tenant_id": "lower(tenant_id)", "endpoint": "lower(endpoint) COLLATE \"C\""}', 'keys');
SELECT register('{"tenant_id": "tenant_id::text", "endpoint": "fixed"}', 'keys'), register('{"tenant_id": "number", "endpoint": "plain COLLATE \"C\""}', 'keys');

-- A source called default is the one that is meant, however many there are.
SELECT fill('failed');
SELECT outcome('SELECT * FROM delivery_stats()');
SELECT count(delivery_source_register('e', 'y', '{"status": "status::text"}'));
SELECT outcome('SELECT * FROM delivery_stats()');
SELECT count(delivery_source_register('d'));
SELECT total FROM delivery_stats(as_of => '2026-01-15 12:01+00');
SELECT count(*) FROM anomalies_current();

-- Where statuses are no words, the map has the values that are there; a word in doubt is asked for as well.
CREATE TABLE codes (created_at timestamptz NOT NULL, endpoint text, done boolean, code smallint, amount numeric);
SELECT register('{"status": "done"}', 'codes');
SELECT register('{"status": "code"}', 'codes');
INSERT INTO codes SELECT now() - i * interval '1 second', 'e', i % 3 = 0, i % 4, i % 2 + 0.5 FROM generate_series(1, 12) i;
INSERT INTO codes VALUES (now(), 'e', NULL, NULL, NULL);
SELECT register('{"status": "done"}', 'codes');
SELECT register('{"status": "code"}', 'codes');
SELECT register('{"status": "amount"}', 'codes');
TRUNCATE d;
SELECT fill('delivered', 'delivered', 'delivered', 'retryable', 'retryable', 'retry', 'sent', 'lost');
SELECT register();

-- Above 1 % that nobody knows a source is unmapped, until that is over. Here the library may be preloaded or not.
SELECT delivery_source_drop(name) FROM delivery_sources;
TRUNCATE d;
SELECT count(delivery_source_register('d'));
INSERT INTO d SELECT now() - interval '1 minute', 'e', 'ok' FROM generate_series(1, 198);
INSERT INTO d SELECT now() - interval '1 minute', 'e', unnest('{lost,NULL}'::text[]);
CREATE FUNCTION scanned() RETURNS text LANGUAGE sql AS $$
  SELECT outcome FROM insights.anomalies_scan('default');
  SELECT concat_ws(', ', state, unmapped, deliveries) FROM insights.anomaly_insights_status();
$$;
SELECT scanned();
INSERT INTO d VALUES (now() - interval '1 minute', 'e', 'lost');
SELECT scanned();
SELECT total, delivered FROM delivery_stats();
DELETE FROM d WHERE status = 'lost';
SELECT scanned();

DELETE FROM insights.delivery_sources;
DELETE FROM insights.operator_replays;
DROP SCHEMA regress_words CASCADE;
