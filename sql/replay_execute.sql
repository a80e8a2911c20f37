-- Failed deliveries are put back in line, and who did it is recorded: both or neither, and once.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_execute;
SET search_path = regress_execute, insights;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET jit = off;
\set SHOW_CONTEXT never
\pset null NULL

-- how a statement ends
CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  state text; message text; hint text;
BEGIN
  EXECUTE statement;
  RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
  RETURN state || ': ' || regexp_replace(message, 'at \d{4}-\d\d-\d\d.*$', 'at some time') || coalesce(E'\n  hint: ' || nullif(hint, ''), '');
END $$;
-- what becomes of a replay, in one line, or how it fails
CREATE FUNCTION replay(ids text[], key text, force boolean DEFAULT false, source text DEFAULT 'default') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  state text; message text; hint text;
BEGIN
  RETURN (SELECT string_agg(r.delivery_id || ' ' || r.outcome || coalesce(' (' || r.detail || ')', ''), ', ' ORDER BY ordinality) FROM insights.replay_execute(ids, key, force, source) WITH ORDINALITY r);
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
  RETURN state || ': ' || regexp_replace(message, 'at \d{4}-\d\d-\d\d.*$', 'at some time') || coalesce(E'\n  hint: ' || nullif(hint, ''), '');
END $$;

CREATE TABLE deliveries (
  id int PRIMARY KEY, tenant_id text, target text, event_type text, status text, triage_label text, triage_score int, attempts int, max_attempts int, http_status int, last_error text,
  payload jsonb, next_retry_at timestamptz, created_at timestamptz, updated_at timestamptz);
INSERT INTO deliveries SELECT i, 't' || i % 3, '/' || i % 5, 'order.paid', 'failed', 'transient_endpoint_down', 90, 1 + i % 4, 8, 503, 'HTTP 503', '{"n": 1}',
  NULL, now() - i * interval '10 minutes' - interval '2 hours', now() - interval '1 hour' FROM generate_series(1, 60) i;
SELECT count(delivery_source_register('deliveries'));
UPDATE deliveries SET status = 'delivered' WHERE id = 51;
UPDATE deliveries SET status = 'pending' WHERE id = 52;
UPDATE deliveries SET status = 'bogus' WHERE id = 53;
UPDATE deliveries SET status = NULL WHERE id = 54;
UPDATE deliveries SET status = 'dead_letter', attempts = NULL, tenant_id = NULL, target = NULL WHERE id = 55;
UPDATE deliveries SET status = 'EXHAUSTED', created_at = NULL WHERE id = 56;
CREATE TABLE before AS SELECT * FROM deliveries;
-- which ones are not as they were before, and how
CREATE FUNCTION changes() RETURNS TABLE (id int, change jsonb) LANGUAGE sql AS $$
  SELECT d.id, (SELECT jsonb_object_agg(key, CASE WHEN key IN ('next_retry_at', 'updated_at') THEN to_jsonb((value ->> 0)::timestamptz = now()) ELSE value END) FROM jsonb_each(to_jsonb(d)) WHERE value <> to_jsonb(b) -> key)
  FROM deliveries d JOIN before b USING (id) WHERE d IS DISTINCT FROM b ORDER BY d.id $$;
SELECT * FROM replay_execute('{}', 'nothing') \gdesc

-- One: its status, attempts, next retry and time of change, and nothing else.
SET anomaly_insights.actor = 'dana@example.com';
BEGIN;
SELECT * FROM replay_execute('{1}', 'one', source_ip => '10.0.0.1');
SELECT * FROM changes();
SELECT id, actor, action, target_id, metadata, source_ip, created_at = now() AS now, by_user = session_user AS by_session FROM audit_list(max_rows => 1);
SELECT idempotency_key, requested_at = now() AS now, actor, by_user = session_user AS by_session, octet_length(request_hash), results FROM operator_replays;
COMMIT;
-- Several: each has its own answer, in the order of their bytes.
BEGIN;
SELECT * FROM replay_execute('{2,999,51,10,52,53,54,55,56,1}', 'several', source_ip => '2001:db8::/64');
SELECT * FROM changes() WHERE id > 1;
SELECT id, action, target_id, metadata, source_ip FROM operator_audit WHERE id > 1 ORDER BY id;
COMMIT;
RESET anomaly_insights.actor;
SELECT * FROM replay_execute('{3}', 'without an actor');
SELECT actor = session_user AS by_session, target_id, metadata ->> 'status_before' AS before, source_ip FROM audit_list(max_rows => 1);
SELECT count(*) FROM audit_verify();
-- None at all.
SELECT * FROM replay_execute('{}', 'none'); SELECT * FROM replay_execute('{999,998}', 'nowhere');
SELECT count(*) AS audit FROM operator_audit;

-- The same again is done once, whatever happened meanwhile; the actor and the address are not what is asked for.
\pset tuples_only on
\pset format unaligned
SELECT replay('{4,5,51}', 'again');
UPDATE deliveries SET status = 'failed', attempts = 7 WHERE id IN (4, 5);
SELECT replay('{4,5,51}', 'again');
SELECT delivery_id, outcome, audit_id = (SELECT max(id) FROM operator_audit WHERE target_id = delivery_id) AS the_same FROM replay_execute('{4,5,51}', 'again', source_ip => '10.9.9.9');
SELECT id, status, attempts FROM deliveries WHERE id IN (4, 5) ORDER BY id;
SELECT count(*), max(metadata ->> 'idempotency_key') FROM operator_audit WHERE target_id IN ('4', '5');
-- something else under the same key is not
SELECT replay(ids, 'again', force) FROM (VALUES ('{4,5}'::text[], false), ('{5,4,51}', false), ('{4,5,51,51}', false), ('{04,5,51}', false), ('{4,5,51}', true), ('{}', false)) v (ids, force);
SELECT count(delivery_source_register('deliveries', 'second', '{"statuses": {"delivered": "delivered", "failed": "failed", "dead_letter": "dead_letter", "pending": "pending", "EXHAUSTED": "dead_letter"}}'));
SELECT replay('{4,5,51}', 'again', source => 'second');
-- a new key is a new replay
SELECT replay('{4,5,51}', 'Again');
SELECT replay('{4,5,51}', 'again ');
SELECT count(*) FROM operator_audit WHERE target_id IN ('4', '5');
-- a delivery that is asked for twice is replayed once, and one id is one however it is written
SELECT replay('{6,6,006," 6 "}', 'six');
SELECT action, count(*) FROM operator_audit WHERE target_id = '6' GROUP BY action;
SELECT replay('{" 7",+7,7,8}', 'seven');
SELECT action, target_id FROM operator_audit WHERE target_id IN ('7', '8') ORDER BY id;

-- What makes no sense; it takes no key.
SELECT coalesce(ids::text, 'NULL') || ': ' || replay(ids, 'bad') FROM (VALUES (NULL::text[]), ('{9,NULL}'), ('{{9},{10}}'), ('{9}')) v (ids);
-- what cannot be an id is not found, by itself alone
SELECT ids::text || ': ' || replay(ids, 'malformed ' || ids::text) FROM (VALUES ('{x}'::text[]), ('{46,"",x,47,y,x}'), ('{2147483648}'), ('{"9); DROP TABLE deliveries; --"}')) v (ids);
SELECT replay(array_agg(i::text), 'many') FROM generate_series(1000, 11000) i;
SELECT count(*), min(r.outcome) = max(r.outcome) AS all_the_same, min(r.outcome) FROM replay_execute((SELECT array_agg(i::text) FROM generate_series(1000, 10999) i), 'many', source => 'default') r;
SELECT coalesce(left(key, 3), 'NULL') || ': ' || replay('{11}', key) FROM unnest(ARRAY[NULL, '', repeat('k', 201), repeat(U&'\00e9', 101), repeat('k', 200), ' ', E'\\''"', U&'\+01F600']) key;
SELECT replay('{11}', 'force', NULL);
SELECT replay('{12}', 'k', source => 'nowhere');
SELECT count(delivery_source_drop('second'));
BEGIN READ ONLY;
SELECT replay('{12}', 'read only');
SELECT replay('{1}', 'one');
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT replay('{12}', 'repeatable read');
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT replay('{1}', 'one');
COMMIT;
SELECT status, attempts FROM deliveries WHERE id = 12;
SELECT string_agg(idempotency_key, ' ' ORDER BY idempotency_key COLLATE "C") FROM operator_replays WHERE idempotency_key ~ '^[a-z ]+$' AND idempotency_key !~ 'kk';

-- Both or neither, and then neither has the key.
BEGIN;
SELECT replay('{12}', 'rolled back');
ROLLBACK;
BEGIN;
SAVEPOINT s;
SELECT replay('{12}', 'rolled back');
ROLLBACK TO s;
SELECT status FROM deliveries WHERE id = 12;
SELECT count(*) FROM operator_audit WHERE target_id = '12';
SELECT replay('{12}', 'rolled back');
-- twice in a transaction, and again after it failed there
SELECT replay('{12}', 'rolled back'), replay('{12}', 'a second');
UPDATE deliveries SET status = 'failed' WHERE id = 12;
SELECT replay('{12}', 'a third');
COMMIT;
SELECT count(*) FROM operator_audit WHERE target_id = '12';
SELECT outcome($$SELECT * FROM replay_execute('{13}', 'fails later'); SELECT 1 / 0$$);
SELECT status FROM deliveries WHERE id = 13;
SELECT count(*) FROM operator_audit WHERE target_id = '13';
SELECT r.delivery_id, r.outcome FROM (VALUES ('{13}'::text[], 'fails later'), ('{14}', 'in a row')) v (ids, key), replay_execute(ids, key) r;
SELECT count(*) FROM audit_verify();

-- Held back: the endpoint has a failure cluster now, or an incident; until somebody insists.
INSERT INTO deliveries (id, tenant_id, target, status, attempts, created_at) SELECT 100 + i, 'a', '/down', 'failed', 1, now() - interval '3 minutes' FROM generate_series(1, 9) i;
INSERT INTO deliveries (id, tenant_id, target, status, attempts, created_at) VALUES (110, 'a', '/down', 'dead_letter', 1, now() - interval '40 days'), (111, 'b', '/down', 'failed', 1, now() - interval '20 hours'),
  (112, 'a', '/down', 'delivered', 1, now() - interval '1 hour');
SELECT p.delivery_id, p.outcome, p.reason FROM replay_plan('{"ids": ["110", "111"]}') p;
SELECT replay('{101,110,111,112}', 'held');
SELECT replay('{101,110,111,112}', 'held'), replay('{101,110,111,112}', 'held', true);
SELECT replay('{101,110,111,112}', 'insisted', true);
SELECT target_id, metadata -> 'force' AS force, metadata ->> 'status_before' AS before FROM operator_audit WHERE target_id IN ('101', '110', '111') ORDER BY id;
DELETE FROM anomalies;
SELECT opened FROM anomalies_scan();
UPDATE deliveries SET created_at = created_at - interval '1 day' WHERE target = '/down';
SELECT replace(replay('{102}', 'incident'), (SELECT detected_at::text FROM anomalies), 'then');
UPDATE anomalies SET scope = 'fleet', tenant_id = NULL, endpoint = NULL;
SELECT replace(replay('{15,102,111}', 'fleet'), (SELECT detected_at::text FROM anomalies), 'then');
SELECT replay('{15,102}', 'fleet, insisted', true);
SELECT count(anomaly_resolve(id)) FROM anomalies;
SELECT replay('{16,103}', 'over');
DELETE FROM anomaly_events;
DELETE FROM anomalies;
DELETE FROM insights.anomaly_runs;

-- What follows is not about how it reads: without workers it is as good, also where every plan that may be is made parallel.
SET max_parallel_workers_per_gather = 0;

-- Refused: a trigger keeps it.
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.id % 2 = 0 THEN RETURN NULL; END IF; new.payload := '{"by": "trigger"}'; RETURN new; END $$;
CREATE TRIGGER keep BEFORE UPDATE ON deliveries FOR EACH ROW EXECUTE FUNCTION keep();
SELECT replay('{17,18,19,20}', 'trigger');
SELECT id, status, attempts, payload FROM deliveries WHERE id BETWEEN 17 AND 20 ORDER BY id;
SELECT string_agg(target_id, ' ' ORDER BY id) FROM operator_audit WHERE target_id IN ('17', '18', '19', '20');
DROP TRIGGER keep ON deliveries;
-- or leaves it as it was, but for its status
CREATE FUNCTION put_back() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.id = 58 THEN new.status := 'dead_letter'; ELSIF new.id = 59 THEN new.status := 'sending'; END IF; RETURN new; END $$;
CREATE TRIGGER put_back BEFORE UPDATE ON deliveries FOR EACH ROW EXECUTE FUNCTION put_back();
SELECT replay('{57,58,59}', 'put back');
SELECT * FROM changes() WHERE id BETWEEN 57 AND 59;
SELECT string_agg(target_id, ' ' ORDER BY id) FROM operator_audit WHERE target_id IN ('57', '58', '59');
DROP TRIGGER put_back ON deliveries;
-- a trigger that fails ends all of it
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.id = 22 THEN RAISE 'not 22' USING ERRCODE = 'P0042', HINT = 'Leave it.'; END IF; RETURN new; END $$;
CREATE TRIGGER fail AFTER UPDATE ON deliveries FOR EACH ROW EXECUTE FUNCTION fail();
SELECT replay('{21,22}', 'fails');
SELECT status FROM deliveries WHERE id = 21;
SELECT replay('{21}', 'fails');
DROP TRIGGER fail ON deliveries;
-- a trigger finds what is in the caller's search_path, and his settings; afterwards they are as before
CREATE SCHEMA regress_execute_own;
CREATE TABLE regress_execute_own.log (id int, path text, conforming text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log SELECT new.id, current_setting('search_path'), current_setting('standard_conforming_strings'); RETURN NULL; END $$;
CREATE TRIGGER note AFTER UPDATE ON deliveries FOR EACH ROW EXECUTE FUNCTION note();
SET search_path = regress_execute_own, insights;
SET standard_conforming_strings = off;
SET escape_string_warning = off;
SET quote_all_identifiers = on;
SET bytea_output = escape;
SELECT delivery_id, outcome FROM replay_execute('{23}', 'notes');
SHOW search_path;
SHOW standard_conforming_strings;
RESET standard_conforming_strings;
RESET escape_string_warning;
RESET quote_all_identifiers;
RESET bytea_output;
SELECT * FROM log;
SET search_path = regress_execute, insights;
SELECT replay('{24}', 'notes nothing');
DROP TRIGGER note ON deliveries;
SELECT count(*) FROM audit_verify();

-- Ids of other types, and ids that look like syntax.
CREATE SEQUENCE tries;
CREATE FUNCTION by_type(type text, written text[], asked text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  key text := 'typed ' || nextval('tries');
  answer text;
BEGIN
  DROP TABLE IF EXISTS typed;
  EXECUTE format('CREATE TABLE typed (id %s, created_at timestamptz, tenant_id text, endpoint text, status text)', type);
  EXECUTE format('INSERT INTO typed SELECT v::%s, now() - interval ''5 hours'', ''t'', ''/a'', ''failed'' FROM unnest($1) v', type) USING written;
  PERFORM insights.delivery_source_register('typed', 'typed', '{"replay_status": "pending"}');
  answer := replay(asked, key, source => 'typed');
  answer := answer || '; left: ' || coalesce((SELECT string_agg(quote_literal(id::text), ' ' ORDER BY id::text COLLATE "C") FROM typed WHERE status = 'failed'), '-');
  RETURN answer || '; audit: ' || coalesce((SELECT string_agg(quote_literal(target_id), ' ' ORDER BY id) FROM insights.operator_audit WHERE metadata ->> 'idempotency_key' = key), '-');
END $$;
SELECT type, by_type(type, written, asked) FROM (VALUES ('text', '{a,A,07}'::text[], '{A,7}'::text[]), ('varchar(8)', '{a,b}', '{b,c}'), ('char(8)', '{abc,a,ab}', '{abc,b}'), ('smallint', '{7,8}', '{007}'),
  ('bigint', '{1234567890123456789,7}', '{1234567890123456789,8}'), ('numeric', '{7.10}', '{7.1}'),
  ('uuid', '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12}', '{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11,a0eebc999c0b4ef8bb6d6bb9bd380a11}'), ('uuid', '{}', '{7}'), ('bytea', '{\\x00ff}', '{\\x00FF}')) v (type, written, asked);
SELECT by_type('varchar', ids, ids) = (SELECT string_agg(id || ' replayed', ', ' ORDER BY id COLLATE "C") || '; left: -; audit: ' || string_agg(quote_literal(id), ' ' ORDER BY id COLLATE "C") FROM unnest(ids) id) AS all_of_them
FROM (VALUES (ARRAY['', ' ', '''', '"', '\', '\''', '''; DROP TABLE deliveries; --', '{}', '{a,b}', 'a,b', 'NULL', 'null', '$1', '%s', '"a"', '\\', U&'\00e9\+01F600', E'a\nb', E'\x01', '$$'])) v (ids);
-- two rows of one id: whoever asks for it means one of them
SELECT by_type('text', '{twice,twice,once}', '{twice,once}');
SELECT count(delivery_source_drop('typed'));

-- Statuses: which to set, where there is a choice.
CREATE TABLE jobs (id int, created_at timestamptz DEFAULT now() - interval '5 hours', url text DEFAULT '/a', state int, gone boolean DEFAULT false);
CREATE FUNCTION by_statuses(mapping jsonb, status int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  answer text;
BEGIN
  DELETE FROM jobs;
  INSERT INTO jobs (id, state) VALUES (1, status);
  INSERT INTO jobs (id, state, gone) VALUES (2, status, true);
  PERFORM insights.delivery_source_register('jobs', 'jobs', mapping || '{"status": "state", "where": "NOT gone"}');
  answer := replay('{1,2}', 'jobs ' || nextval('tries'), source => 'jobs');
  RETURN answer || '; ' || (SELECT string_agg(state::text, ' ' ORDER BY id) FROM jobs);
EXCEPTION WHEN invalid_parameter_value THEN RETURN SQLSTATE || ': ' || SQLERRM;
END $$;
SELECT mapping::text || ' ' || status || E'\n  ' || by_statuses(mapping, status) FROM (VALUES ('{"statuses": {"0": "pending", "1": "delivered", "2": "failed", "3": "dead_letter"}}'::jsonb, 2), ('{"statuses": {"0": "pending", "1": "delivered", "2": "failed", "3": "dead_letter"}}', 3),
  ('{"statuses": {"0": "pending", "1": "delivered", "2": "failed", "3": "dead_letter"}}', 1), ('{"statuses": {"0": "pending", "9": "pending", "2": "failed"}}', 2), ('{"statuses": {"0": "pending", "9": "pending", "2": "failed"}, "replay_status": "9"}', 2),
  ('{"statuses": {"0": "pending", "2": "failed"}, "replay_status": "2"}', 2), ('{"statuses": {"0": "pending", "2": "failed"}, "replay_status": "pending"}', 2), ('{"statuses": {"2": "failed"}}', 2)) v (mapping, status);
CREATE TYPE progress AS ENUM ('queued', 'sent', 'failed');
CREATE TABLE enums (id int, created_at timestamptz DEFAULT now() - interval '5 hours', endpoint text DEFAULT '/a', status progress);
INSERT INTO enums (id, status) VALUES (1, 'failed'), (2, 'failed');
SELECT delivery_source_register('enums', 'enums') ? 'replay_status';
SELECT replay('{1}', 'enum', source => 'enums');
SELECT delivery_source_register('enums', 'enums', '{"replay_status": "queued"}') -> 'replay_status';
SELECT replay('{1}', 'enum, queued', source => 'enums');
SELECT string_agg(status::text, ' ' ORDER BY id) FROM enums;
SELECT outcome(format('SELECT delivery_source_register(''enums'', ''enums'', %L)', mapping)) FROM unnest(ARRAY['{"replay_status": "failed"}', '{"replay_status": "nothing"}', '{"replay_status": ""}', '{"replay_status": 5}', '{"replay_status": null}']) mapping;
SELECT count(delivery_source_drop(name)) FROM unnest(ARRAY['jobs', 'enums']) name;

-- What no UPDATE can set.
CREATE TABLE raw (id int, created_at timestamptz DEFAULT now() - interval '5 hours', endpoint text DEFAULT '/a', ok boolean DEFAULT false, tries int DEFAULT 1, status text DEFAULT 'failed',
  state text GENERATED ALWAYS AS (CASE WHEN ok THEN 'delivered' ELSE 'failed' END) STORED, updated_at timestamptz GENERATED ALWAYS AS ('2020-01-01'::timestamptz AT TIME ZONE 'UTC' AT TIME ZONE 'UTC') STORED);
INSERT INTO raw VALUES (1), (2), (3), (4), (5);
CREATE MATERIALIZED VIEW kept AS SELECT * FROM raw;
CREATE VIEW grouped AS SELECT id, max(created_at) AS created_at, min(endpoint) AS endpoint, min(status) AS status FROM raw GROUP BY id;
CREATE VIEW renamed AS SELECT id AS no, created_at AS at, endpoint, status AS state FROM raw WHERE id <> 3;
CREATE FUNCTION by_mapping(relation regclass, mapping jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM insights.delivery_source_register(relation, 'mapped', '{"replay_status": "pending"}' || mapping);
  RETURN replay('{1,3}', 'mapped ' || nextval('tries'), source => 'mapped');
END $$;
SELECT relation || ' ' || mapping::text || E'\n  ' || by_mapping(relation::regclass, mapping) FROM (VALUES ('raw', '{"status": "state"}'::jsonb), ('raw', '{"status": "lower(status)"}'), ('raw', '{"attempts": "tries + 2"}'),
  ('raw', '{"next_retry_at": "created_at + interval ''1 day''"}'), ('kept', '{}'), ('grouped', '{}'), ('renamed', '{"id": "no", "created_at": "at", "status": "state"}')) v (relation, mapping);
SELECT id, tries, status FROM raw ORDER BY id;
-- an updated_at that cannot be set is left alone
SELECT by_mapping('raw', '{"id": "id"}');
SELECT string_agg(status, ' ' ORDER BY id) FROM raw;
-- a view that cannot be updated, and one with a trigger that does, which locks nothing that can be seen
CREATE VIEW joined AS SELECT r.id, r.created_at, r.endpoint, r.status FROM raw r JOIN before b ON b.id = r.id + 1;
UPDATE raw SET status = 'failed';
SELECT by_mapping('joined', '{}');
CREATE FUNCTION instead() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE raw SET status = new.status WHERE id = old.id; RETURN new; END $$;
CREATE TRIGGER instead INSTEAD OF UPDATE ON joined FOR EACH ROW EXECUTE FUNCTION instead();
SELECT by_mapping('joined', '{}');
SELECT string_agg(status, ' ' ORDER BY id) FROM raw;
-- rules: one that does something else, also below a view, and one that does something more
CREATE TABLE ruled (id int, created_at timestamptz DEFAULT now() - interval '5 hours', endpoint text DEFAULT '/a', status text DEFAULT 'failed');
INSERT INTO ruled VALUES (1), (2), (3);
CREATE TABLE ruled_log (LIKE ruled);
CREATE VIEW over_ruled AS SELECT * FROM ruled;
CREATE RULE elsewhere AS ON UPDATE TO ruled DO INSTEAD INSERT INTO ruled_log VALUES (old.*) RETURNING ruled_log.*;
SELECT by_mapping('ruled', '{}');
SELECT by_mapping('over_ruled', '{}');
DROP RULE elsewhere ON ruled;
CREATE RULE also AS ON UPDATE TO ruled DO ALSO INSERT INTO ruled_log VALUES (new.*);
SELECT by_mapping('ruled', '{}');
SELECT id, status, (SELECT count(*) FROM ruled_log l WHERE l.id = r.id) AS logged FROM ruled r ORDER BY id;
-- names that were quoted without need
UPDATE ruled SET status = 'failed';
SET quote_all_identifiers = on;
SELECT delivery_source_register('ruled', 'mapped', '{"replay_status": "pending"}') -> 'id';
RESET quote_all_identifiers;
SELECT replay('{1,3,1}', 'quoted', source => 'mapped');
-- partitions, and a key that is unique only with the time
CREATE TABLE parts (id int, created_at timestamptz, endpoint text, status text, PRIMARY KEY (id, created_at)) PARTITION BY RANGE (created_at);
CREATE TABLE parts_old PARTITION OF parts FOR VALUES FROM (MINVALUE) TO ('2026-01-01');
CREATE TABLE parts_new PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO (MAXVALUE);
INSERT INTO parts VALUES (1, '2025-12-31', '/a', 'failed'), (2, '2026-01-02', '/a', 'failed'), (3, '2025-12-31', '/a', 'failed'), (3, '2026-01-03', '/a', 'failed'), (4, '2025-12-31', '/a', 'failed'), (4, '2026-01-03', '/a', 'delivered');
SELECT by_mapping('parts', '{}');
SELECT string_agg(id || status, ' ' ORDER BY id, created_at) FROM parts;
SELECT replay('{2,4}', 'parts', source => 'mapped');
SELECT string_agg(id || status, ' ' ORDER BY id, created_at) FROM parts;
-- local times
CREATE TABLE local (id int, created timestamp, endpoint text, status text, next_retry_at timestamp, updated_at timestamptz);
INSERT INTO local VALUES (1, '2026-01-15 12:00', '/a', 'failed');
BEGIN;
SELECT by_mapping('local', '{"time_zone": "Asia/Tokyo"}');
SELECT status, next_retry_at = now() AT TIME ZONE 'Asia/Tokyo', updated_at = now() FROM local;
COMMIT;
SELECT count(delivery_source_drop('mapped'));
CREATE TABLE nameless (created_at timestamptz, endpoint text, status text);
SELECT count(delivery_source_register('nameless', 'nameless'));
SELECT replay('{1}', 'nameless', source => 'nameless');
SELECT count(delivery_source_drop('nameless'));

-- A function of the source's own.
DELETE FROM deliveries WHERE status = 'bogus' OR status IS NULL;
CREATE SCHEMA regress_execute_hidden;
CREATE TABLE called (role text, path text, ids text[]);
CREATE FUNCTION regress_execute_hidden.as_set(ids text[]) RETURNS SETOF text LANGUAGE sql AS $$
  INSERT INTO regress_execute.called VALUES (current_user, current_setting('search_path'), ids);
  UPDATE regress_execute.deliveries SET status = 'queued' WHERE id = ANY (ids::int[]) AND status = 'failed' AND id <> 26 RETURNING id::text $$;
CREATE FUNCTION as_array(ids text[]) RETURNS text[] LANGUAGE sql AS $$ SELECT array_agg(i) FROM regress_execute_hidden.as_set(ids) i $$;
CREATE FUNCTION as_null(ids text[]) RETURNS text[] LANGUAGE sql AS 'SELECT NULL::text[]';
CREATE FUNCTION of_null(ids text[]) RETURNS SETOF text LANGUAGE sql AS 'SELECT NULL::text';
CREATE FUNCTION others(ids text[]) RETURNS SETOF text LANGUAGE sql AS $$ SELECT '31'::text $$;
CREATE FUNCTION twice(ids text[]) RETURNS text[] LANGUAGE sql AS 'SELECT ids || ids';
CREATE FUNCTION padded(ids text[]) RETURNS SETOF text LANGUAGE sql AS $$ SELECT '0' || i FROM unnest(ids) i $$;
CREATE FUNCTION fails(ids text[]) RETURNS text[] LANGUAGE plpgsql AS $$ BEGIN UPDATE regress_execute.deliveries SET status = 'pending' WHERE id = 27; RAISE 'no' USING HINT = 'Ask somebody else.'; END $$;
CREATE FUNCTION "Odd ""name"".x"(ids text[]) RETURNS text[] LANGUAGE sql AS 'SELECT ids';
CREATE FUNCTION loosely(VARIADIC ids text[]) RETURNS text[] LANGUAGE sql AS 'SELECT ids';
CREATE FUNCTION of_numbers(ids text[]) RETURNS SETOF int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION of_arrays(ids text[]) RETURNS SETOF text[] LANGUAGE sql AS 'SELECT ids';
CREATE FUNCTION one_text(ids text[]) RETURNS text LANGUAGE sql AS $$ SELECT '1' $$;
CREATE FUNCTION nothing(ids text[]) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION of_others(ids int[]) RETURNS text[] LANGUAGE sql AS 'SELECT NULL::text[]';
CREATE PROCEDURE procedure(ids text[]) LANGUAGE sql AS '';
SELECT name || ': ' || outcome(format('SELECT delivery_source_register(''deliveries'', ''own'', %L)', jsonb_build_object('replay_function', name))) FROM unnest(ARRAY['as_array', 'as_set', 'regress_execute_hidden.as_set', 'missing', 'hidden.as_set',
  'of_numbers', 'of_arrays', 'one_text', 'nothing', 'of_others', 'procedure', '"Odd ""name"".x"', 'as_array(text[])', 'loosely', 'a.b.c.d', '']) name;
SELECT outcome($$SELECT delivery_source_register('deliveries', 'own', '{"replay_function": 17}')$$), outcome($$SELECT delivery_source_register('deliveries', 'own', '{"replay_function": null}')$$);
CREATE FUNCTION by_function(name text, ids text[], force boolean DEFAULT false) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  RETURN (insights.delivery_source_register('deliveries', 'own', jsonb_build_object('replay_function', name)) ->> 'replay_function') || ': ' || replay(ids, name || ids::text, force, 'own');
END $$;
SELECT by_function('regress_execute_hidden.as_set', '{25,26,51,999}');
SELECT role = current_user, path, ids FROM called;
SELECT id, status, attempts FROM deliveries WHERE id IN (25, 26) ORDER BY id;
SELECT target_id, metadata ->> 'source' FROM audit_list(max_rows => 1);
SELECT by_function('as_array', '{27,26}');
SELECT by_function('regress_execute_hidden.as_set', '{51,999}');
SELECT count(*) FROM called;
INSERT INTO deliveries (id, tenant_id, target, status, created_at) SELECT 120 + i, 'z', '/failing', 'failed', now() - interval '3 minutes' FROM generate_series(1, 9) i;
SELECT by_function('as_array', '{121,28}');
SELECT by_function('as_array', '{121}', true);
DELETE FROM deliveries WHERE id > 120;
SELECT by_function(name, '{29,30}') FROM unnest(ARRAY['as_null', 'of_null', '"Odd ""name"".x"']) name;
SELECT by_function(name, '{29,30}') FROM unnest(ARRAY['others', 'twice', 'padded', 'fails']) name;
SELECT status FROM deliveries WHERE id = 27;
SELECT count(*) FROM operator_audit WHERE target_id IN ('031', '31');
-- it may leave out those that it left alone, and no others
CREATE FUNCTION unsaid(ids text[]) RETURNS SETOF text LANGUAGE sql AS $$ UPDATE regress_execute.deliveries SET status = 'queued' WHERE id = ANY (ids::int[]); SELECT '29'::text WHERE '29' = ANY (ids) $$;
CREATE FUNCTION gone_unsaid(ids text[]) RETURNS text[] LANGUAGE sql AS $$ DELETE FROM regress_execute.deliveries WHERE id = ANY (ids::int[]); SELECT NULL::text[] $$;
SELECT by_function(name, '{29,30}') FROM unnest(ARRAY['unsaid', 'gone_unsaid']) name;
SELECT id, status, attempts FROM deliveries WHERE id IN (29, 30) ORDER BY id;
SELECT by_function('unsaid', '{29}');
UPDATE deliveries SET status = 'failed' WHERE id = 29;
-- found by its name, wherever the caller looks; until it is gone, or another one
SELECT by_function('as_array', '{32}');
SET search_path = insights;
SELECT delivery_id, outcome FROM replay_execute('{33}', 'from elsewhere', source => 'own');
SET search_path = regress_execute, insights;
ALTER FUNCTION as_array SET SCHEMA regress_execute_hidden;
SELECT replay('{34}', 'moved', source => 'own');
CREATE FUNCTION as_array(ids text[]) RETURNS int LANGUAGE sql AS 'SELECT 1';
SELECT replay('{34}', 'changed', source => 'own');
SELECT count(*) FROM replay_plan('{"ids": ["34"]}', source => 'own');
SELECT count(*) FROM audit_verify();

-- Rights: EXECUTE, and on the table no more than is read and set.
CREATE ROLE regress_ai_clerk;
CREATE ROLE regress_ai_colleague;
GRANT USAGE ON SCHEMA regress_execute, insights TO regress_ai_clerk, regress_ai_colleague;
SELECT count(*) AS audit FROM operator_audit \gset before_
SET ROLE regress_ai_clerk;
SELECT replay('{35}', 'clerk');
RESET ROLE;
GRANT EXECUTE ON FUNCTION replay_execute TO regress_ai_clerk, regress_ai_colleague;
SET ROLE regress_ai_clerk;
SELECT replay('{35}', 'clerk');
RESET ROLE;
GRANT SELECT (id, tenant_id, target, status, triage_label, attempts, max_attempts, created_at) ON deliveries TO regress_ai_clerk;
SET ROLE regress_ai_clerk;
SELECT replay('{35}', 'clerk');
RESET ROLE;
GRANT UPDATE (status, attempts, next_retry_at) ON deliveries TO regress_ai_clerk;
SET ROLE regress_ai_clerk;
SELECT replay('{35}', 'clerk');
SELECT replay('{35}', 'clerk', true), replay('{51}', 'clerk, nothing to do');
RESET ROLE;
SELECT count(*) - :before_audit FROM operator_audit;
SELECT idempotency_key FROM operator_replays WHERE idempotency_key LIKE 'clerk%';
GRANT UPDATE (updated_at) ON deliveries TO regress_ai_clerk;
SET ROLE regress_ai_clerk;
SELECT replay('{35}', 'clerk');
SELECT outcome('SELECT * FROM insights.operator_replays'), outcome('DELETE FROM insights.operator_replays'), outcome('SELECT * FROM insights.operator_audit');
SELECT outcome($$SELECT insights.audit_record('delivery.replay', '35')$$);
RESET ROLE;
-- the session's user is who has done it, and whose key it is
GRANT ALL ON deliveries TO regress_ai_colleague;
SET SESSION AUTHORIZATION regress_ai_colleague;
SELECT replay('{36}', 'clerk');
SELECT replay('{36}', 'clerk');
SET SESSION AUTHORIZATION regress_ai_clerk;
SELECT replay('{36}', 'clerk');
SELECT replay('{37}', 'clerk');
RESET SESSION AUTHORIZATION;
SELECT by_user, idempotency_key FROM operator_replays WHERE idempotency_key = 'clerk' AND by_user LIKE 'regress%' ORDER BY by_user COLLATE "C";
SELECT actor = by_user, by_user = session_user AS by_superuser, replace(by_user, session_user, 'superuser'), target_id FROM audit_list(max_rows => 2);
-- with the rights of a function that is called with its owner's
CREATE FUNCTION for_all(id text) RETURNS text SECURITY DEFINER LANGUAGE sql AS $$ SELECT regress_execute.replay(ARRAY[id], 'for all ' || id) $$;
REVOKE ALL ON deliveries FROM regress_ai_clerk;
SET SESSION AUTHORIZATION regress_ai_clerk;
SELECT for_all('38');
SELECT replay('{39}', 'by himself');
RESET SESSION AUTHORIZATION;

-- Row-level security: what he does not see is not there, what he may not change is refused.
GRANT ALL ON deliveries TO regress_ai_clerk;
UPDATE deliveries SET status = 'failed', tenant_id = CASE WHEN id < 43 THEN 'mine' WHEN id < 46 THEN 'seen' ELSE 'other' END WHERE id BETWEEN 40 AND 48;
ALTER TABLE deliveries ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON deliveries FOR SELECT USING (tenant_id IN ('mine', 'seen'));
CREATE POLICY mine ON deliveries FOR UPDATE USING (tenant_id = 'mine') WITH CHECK (id <> 42);
SET ROLE regress_ai_clerk;
-- no word for pending was seen when the source was registered, nor is in his rows
SELECT replay('{40,43,46}', 'policy');
RESET ROLE;
SELECT count(delivery_source_register('deliveries', mapping => '{"replay_status": "pending"}'));
SET ROLE regress_ai_clerk;
SELECT replay('{40,43,46}', 'policy');
SELECT replay('{41,42}', 'check');
SELECT replay('{41}', 'check');
RESET ROLE;
SELECT id, status FROM deliveries WHERE id BETWEEN 40 AND 48 ORDER BY id;
SELECT string_agg(target_id, ' ' ORDER BY id) FROM operator_audit WHERE target_id ~ '^4[0-8]$';
-- and the figures are of what he sees
SET ROLE regress_ai_clerk;
SELECT total_replayed, replay_successes, counted_from FROM replay_stats(source => 'default');
RESET ROLE;
ALTER TABLE deliveries DISABLE ROW LEVEL SECURITY;
-- a function's rights are the caller's, too
SELECT (delivery_source_register('deliveries', 'own', '{"replay_function": "regress_execute_hidden.as_set"}')) ? 'replay_function';
SET ROLE regress_ai_clerk;
SELECT replay('{47}', 'function', source => 'own');
RESET ROLE;
GRANT USAGE ON SCHEMA regress_execute_hidden TO regress_ai_clerk;
REVOKE EXECUTE ON FUNCTION regress_execute_hidden.as_set FROM PUBLIC;
SET ROLE regress_ai_clerk;
SELECT replay('{47}', 'function', source => 'own');
RESET ROLE;
GRANT EXECUTE ON FUNCTION regress_execute_hidden.as_set TO regress_ai_clerk;
GRANT INSERT ON called TO regress_ai_clerk;
SET ROLE regress_ai_clerk;
SELECT replay('{47}', 'function', source => 'own');
RESET ROLE;
SELECT role FROM called WHERE '47' = ANY (ids);
SELECT count(*) FROM audit_verify();
SELECT count(delivery_source_drop('own'));

-- Figures: of replays, where there are any that are known; else of deliveries that were attempted more than once.
\pset tuples_only off
\pset format aligned
CREATE TABLE fresh (id bigint, created_at timestamptz DEFAULT now() - interval '5 hours', tenant_id text DEFAULT 't', endpoint text DEFAULT '/a', status text DEFAULT 'failed', attempts int DEFAULT 3);
INSERT INTO fresh (id) SELECT 1234567890123456780 + i FROM generate_series(0, 9) i;
INSERT INTO fresh (id, status) VALUES (1, 'delivered'), (2, 'delivered');
INSERT INTO fresh (id, created_at) VALUES (3, now() - interval '25 hours');
SELECT count(delivery_source_register('fresh', 'fresh', '{"replay_status": "pending"}'));
SELECT total_replayed, replay_successes, replay_success_rate, counted_from FROM replay_stats(source => 'fresh');
SELECT operator_insights_summary(source => 'fresh') -> 'replay_stats' AS summary;
-- what somebody records is no replay of this source
SELECT count(audit_record(action, id, metadata)) FROM (VALUES ('delivery.replay', '1234567890123456780', '{}'::jsonb), ('delivery.replay', '1234567890123456780', '{"source": "other"}'), ('delivery.replay', '1234567890123456780', '{"source": ["fresh"]}'),
  ('something.else', '1234567890123456780', '{"source": "fresh"}')) v (action, id, metadata);
SELECT total_replayed, counted_from FROM replay_stats(source => 'fresh');
-- nor is what is no id of it
SELECT count(audit_record('delivery.replay', id, '{"source": "fresh"}')) FROM unnest(ARRAY[NULL, '', ' ', 'abc', '99999999999999999999', '9223372036854775808', '-', '1e5', '1.0', E'1\n', U&'\0661', '00000000-0000-0000-0000-000000000001', '{1}', '''', '\', 'NULL']) id;
SELECT total_replayed, replay_successes FROM replay_stats(source => 'fresh');
SELECT outcome, count(*) FROM replay_execute(ARRAY['1234567890123456780', '1234567890123456781', '1234567890123456782', '3', '1'], 'fresh', source => 'fresh') GROUP BY outcome ORDER BY outcome;
SELECT total_replayed, replay_successes, replay_success_rate, counted_from FROM replay_stats(source => 'fresh');
UPDATE fresh SET status = 'delivered', attempts = 1 WHERE id IN (1234567890123456780, 1234567890123456781, 3);
SELECT hours, total_replayed, replay_successes, replay_success_rate, counted_from FROM unnest(ARRAY[4, 24, 48]) hours, replay_stats(hours, 'fresh');
SELECT tenant, total_replayed, replay_successes, counted_from FROM unnest(ARRAY['t', 'u']) tenant, replay_stats(source => 'fresh', tenant => tenant);
SELECT operator_insights_summary(source => 'fresh') -> 'replay_stats' AS summary;
SELECT total_replayed, counted_from FROM replay_stats(source => 'fresh', as_of => now() - interval '1 hour');
-- the same delivery twice is one
UPDATE fresh SET status = 'failed' WHERE id = 1234567890123456780;
SELECT count(*) FROM replay_execute('{1234567890123456780}', 'fresh again', source => 'fresh');
SELECT total_replayed, replay_successes, replay_success_rate, counted_from FROM replay_stats(source => 'fresh');
SELECT count(delivery_source_drop('fresh'));
CREATE FUNCTION counted(type text, id text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  answer text := by_type(type, ARRAY[id], ARRAY[id]);
BEGIN
  RETURN (SELECT total_replayed || ' ' || counted_from FROM insights.replay_stats(source => 'typed'));
END $$;
SELECT type, counted(type, id) FROM (VALUES ('text', 'counted'), ('varchar(9)', 'counted'), ('char(9)', 'counted'), ('int', '2000000001'), ('smallint', '-32768'), ('bigint', '-9223372036854775808'), ('numeric', '17.50'),
  ('uuid', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380AFF'), ('name', 'counted')) v (type, id);
SELECT count(delivery_source_drop('typed'));

-- Old keys are deleted, and then may be used again; the audit stays.
SELECT count(*) AS audit FROM operator_audit \gset
SELECT replays FROM anomalies_prune();
UPDATE operator_replays SET requested_at = now() - interval '90 days' + interval '1 minute' WHERE idempotency_key = 'several';
UPDATE operator_replays SET requested_at = now() - interval '90 days 1 minute' WHERE idempotency_key IN ('one', 'without an actor', 'none');
SELECT replays FROM anomalies_prune(2);
SELECT replays FROM anomalies_prune();
SELECT idempotency_key FROM operator_replays WHERE idempotency_key IN ('one', 'without an actor', 'none', 'several');
SET anomaly_insights.retention = 0;
UPDATE operator_replays SET requested_at = '2020-01-01' WHERE idempotency_key = 'several';
SELECT replays FROM anomalies_prune();
RESET anomaly_insights.retention;
UPDATE deliveries SET status = 'failed' WHERE id = 1;
SELECT replay('{1}', 'one');
SELECT count(*) - :audit AS added FROM operator_audit;
SELECT count(*) FROM audit_verify();

-- Nothing of the mapping is resolved by the caller's search_path: an operator that fits better than that of pg_catalog is
-- not called, though a table's trigger sees that path.
CREATE TYPE kind AS ENUM ('live', 'gone');
CREATE TABLE kinds (id int, created_at timestamptz DEFAULT now(), target text DEFAULT '/kinds', status text DEFAULT 'failed', kind kind DEFAULT 'live');
INSERT INTO kinds VALUES (1), (2);
SELECT count(delivery_source_register('kinds', 'kinds', '{"replay_status": "pending", "where": "kind <> ''gone''"}'));
CREATE FUNCTION evil(kind, kind) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil was called'; END $$;
CREATE OPERATOR <> (FUNCTION = evil, LEFTARG = kind, RIGHTARG = kind);
SELECT replay('{1,2}', 'kinds', true, 'kinds');
SELECT id, status FROM kinds ORDER BY id;
DROP OPERATOR <> (kind, kind);
-- One id, two endpoints, one of which may be failing: only with force. And only the rows that were taken are touched.
CREATE TABLE twins (id int, created_at timestamptz DEFAULT now(), target text, status text, gone boolean DEFAULT false);
INSERT INTO twins (id, target, status, gone) VALUES (1, '/one', 'failed', false), (1, '/two', 'failed', false), (1, '/two', 'delivered', false),
  (1, '/one', 'failed', true), (2, '/one', 'failed', false), (2, '/one', 'dead_letter', false);
SELECT count(delivery_source_register('twins', 'twins', '{"replay_status": "pending", "where": "NOT gone"}'));
SELECT replay('{1,2}', 'twins', false, 'twins');
SELECT replay('{1}', 'twins by force', true, 'twins');
SELECT id, target, status, gone FROM twins ORDER BY id, target COLLATE "C", gone, status COLLATE "C";
-- What an update takes out of a view is replayed all the same; what a trigger kept is not.
CREATE VIEW failing AS SELECT id, created_at, target, status FROM twins WHERE status = 'failed';
INSERT INTO twins (id, target, status) VALUES (3, '/three', 'failed'), (4, '/four', 'failed'), (4, '/four', 'delivered');
SELECT count(delivery_source_register('failing', 'failing', '{"replay_status": "pending"}'));
SELECT replay('{3}', 'out of sight', true, 'failing');
SELECT status FROM twins WHERE id = 3;
CREATE FUNCTION keep_four() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN CASE WHEN new.id <> 4 THEN new END; END $$;
CREATE TRIGGER keep_four BEFORE UPDATE ON twins FOR EACH ROW EXECUTE FUNCTION keep_four();
SELECT replay('{4}', 'kept', true, 'twins'), replay('{4}', 'kept in sight', true, 'failing');
SELECT count(*) FROM operator_audit WHERE metadata ->> 'source' IN ('twins', 'failing') AND target_id IN ('3', '4');
-- Types that no list of texts can be made of.
CREATE TABLE odd (id int[], created_at timestamptz DEFAULT now(), target text DEFAULT '/odd', status text DEFAULT 'failed');
SELECT count(delivery_source_register('odd', 'odd', '{"replay_status": "pending"}'));
SELECT replay('{1}', 'odd', true, 'odd');
-- What deletes the record of its own replay ends it: the same request could be done again.
CREATE FUNCTION forgetful(ids text[]) RETURNS text[] LANGUAGE plpgsql AS $$ BEGIN DELETE FROM insights.operator_replays WHERE idempotency_key = 'forgotten'; RETURN ids; END $$;
UPDATE kinds SET status = 'failed';
SELECT count(delivery_source_register('kinds', 'kinds', '{"replay_function": "forgetful"}'));
SELECT replay('{1}', 'forgotten', true, 'kinds');
SELECT count(*) FROM operator_audit WHERE metadata ->> 'idempotency_key' = 'forgotten';
-- Settings in which an id looks another way.
CREATE TABLE dated (id date, created_at timestamptz DEFAULT now(), target text DEFAULT '/dated', status text DEFAULT 'failed');
INSERT INTO dated VALUES ('2026-01-02');
SELECT count(delivery_source_register('dated', 'dated', '{"replay_status": "pending"}'));
SET datestyle = 'German';
SELECT replay('{02.01.2026}', 'dated', true, 'dated');
RESET datestyle;
SET datestyle = 'ISO';

ALTER TABLE insights.operator_audit DISABLE TRIGGER append_only;
DELETE FROM insights.operator_audit;
ALTER TABLE insights.operator_audit ENABLE TRIGGER append_only;
DELETE FROM insights.operator_replays;
DELETE FROM insights.delivery_sources;
REVOKE ALL ON FUNCTION replay_execute FROM regress_ai_clerk, regress_ai_colleague;
REVOKE USAGE ON SCHEMA insights FROM regress_ai_clerk, regress_ai_colleague;
DROP SCHEMA regress_execute, regress_execute_own, regress_execute_hidden CASCADE;
DROP ROLE regress_ai_clerk, regress_ai_colleague;
