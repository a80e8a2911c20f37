-- Both or neither: what a trigger does not let back in line is as it was, and what is in line is in the audit.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_refused;
SET search_path = regress_refused, insights;
SET timezone = 'UTC';
SET jit = off;
\set SHOW_CONTEXT never
\pset tuples_only on
\pset format unaligned

CREATE SEQUENCE keys;
CREATE TABLE deliveries (
  id int, created_at timestamptz, endpoint text, status text, attempts int, next_retry_at timestamptz, updated_at timestamptz, waiting boolean GENERATED ALWAYS AS (status = 'pending') STORED);
CREATE TABLE before (LIKE deliveries);
CREATE TABLE elsewhere (id int);
CREATE VIEW seen AS SELECT id AS no, created_at AS at, endpoint, status AS state, attempts AS tries FROM deliveries WHERE created_at IS NOT NULL;
SELECT count(delivery_source_register('deliveries', mapping => '{"replay_status": "pending"}'));
SELECT count(delivery_source_register('deliveries', 'not waiting', '{"replay_status": "pending", "where": "NOT waiting"}'));
SELECT count(delivery_source_register('seen', 'seen', '{"replay_status": "pending", "id": "no", "created_at": "at", "status": "state", "attempts": "tries"}'));
-- a row for each of the ids, failed
CREATE FUNCTION fill(ids int[]) RETURNS void LANGUAGE sql AS $$
  DELETE FROM deliveries; DELETE FROM before; DELETE FROM elsewhere;
  INSERT INTO deliveries SELECT i, now() - interval '5 hours', '/a', 'failed', 3 + ordinality, NULL, now() - interval '1 hour' FROM unnest(ids) WITH ORDINALITY u (i, ordinality);
  INSERT INTO before SELECT * FROM deliveries $$;
-- what becomes of a replay of them, or how it fails
CREATE FUNCTION replay(ids int[], key text, source text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  state text; message text; hint text;
BEGIN
  RETURN (SELECT string_agg(r.delivery_id || ' ' || r.outcome || CASE WHEN r.detail <> 'a trigger of the table kept it as it is' THEN ' (' || r.detail || ')' ELSE '' END, ', ' ORDER BY ordinality)
          FROM insights.replay_execute(ARRAY(SELECT DISTINCT i::text FROM unnest(ids) i ORDER BY 1), key, source => source) WITH ORDINALITY r);
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
  RETURN state || ': ' || message || coalesce(E'\n    hint: ' || nullif(hint, ''), '');
END $$;
-- what is in the table then, and in the audit
CREATE FUNCTION left_behind(key text) RETURNS text LANGUAGE sql AS $$
  SELECT E'\n  ' || coalesce(string_agg(d.id || CASE WHEN EXISTS (SELECT FROM before b WHERE b.* IS NOT DISTINCT FROM d.*) THEN ' as it was' ELSE ' ' || status || ' ' || attempts END, ', ' ORDER BY d.id, attempts), 'none')
    || coalesce('; elsewhere: ' || (SELECT string_agg(id::text, ' ' ORDER BY id) FROM elsewhere), '')
    || E'\n  audit: ' || coalesce((SELECT string_agg(target_id, ' ' ORDER BY id) FROM insights.operator_audit WHERE metadata ->> 'idempotency_key' = key), 'none')
  FROM deliveries d $$;
-- a replay where a trigger for each row does this, once it has been reached by the replay's own statement
CREATE FUNCTION with_trigger(event text, body text, ids int[] DEFAULT '{1,2,3}', source text DEFAULT 'default') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  key text := 'refused ' || nextval('keys');
  answer text;
BEGIN
  PERFORM fill(ids);
  EXECUTE format('CREATE FUNCTION body() RETURNS trigger LANGUAGE plpgsql AS %L', 'BEGIN IF pg_trigger_depth() = 1 THEN ' || body || ' END IF; RETURN new; END');
  EXECUTE format('CREATE %s TRIGGER body %s UPDATE ON deliveries FOR EACH ROW EXECUTE FUNCTION body()', CASE event WHEN 'CONSTRAINT' THEN event END, CASE event WHEN 'BEFORE' THEN event ELSE 'AFTER' END);
  answer := replay(ids, key, source);
  DROP FUNCTION body CASCADE;
  RETURN event || ' ' || body || E'\n  ' || answer || left_behind(key);
END $$;

-- A trigger before the row is written.
SELECT with_trigger('BEFORE', body) FROM (VALUES
  (''), ('new.status := old.status;'), ('IF new.id = 2 THEN new.status := ''dead_letter''; END IF;'), ('IF new.id = 2 THEN RETURN NULL; END IF;'), ('IF new.id = 2 THEN RETURN old; END IF;'),
  ('INSERT INTO elsewhere VALUES (new.id); IF new.id = 2 THEN RETURN NULL; END IF;')) v (body);
-- in place of it a statement of its own, which puts it back in line, or does something else
SELECT with_trigger('BEFORE', 'IF new.id = 2 THEN ' || statement || ' RETURN NULL; END IF;') FROM (VALUES
  ('UPDATE deliveries SET status = ''queued'' WHERE id = 2;'), ('UPDATE deliveries SET attempts = 0 WHERE id = 2;'), ('DELETE FROM deliveries WHERE id = 2;')) v (statement);
-- another id: that nobody asked for, or another one's
SELECT with_trigger('BEFORE', body) FROM (VALUES
  ('new.id := new.id + 100;'), ('IF new.id = 2 THEN new.id := 102; new.status := ''failed''; END IF;'), ('IF new.id = 2 THEN new.id := 3; END IF;')) v (body);

-- A trigger after it, when the row was in line for a moment.
SELECT with_trigger(event, body) FROM unnest(ARRAY['AFTER', 'CONSTRAINT']) event, (VALUES
  ('UPDATE deliveries SET status = ''failed'' WHERE id = new.id AND id = 2;'), ('UPDATE deliveries SET status = ''failed'' WHERE new.id = 3;')) v (body);
-- which takes it on from there
SELECT with_trigger('AFTER', body) FROM (VALUES
  ('UPDATE deliveries SET status = ''sending'' WHERE id = new.id;'), ('INSERT INTO elsewhere VALUES (new.id); DELETE FROM deliveries WHERE id = new.id;'), ('UPDATE deliveries SET id = 102 WHERE id = new.id AND id = 2;')) v (body);
-- for the statement as a whole
CREATE FUNCTION all_but_first() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF (SELECT count(*) > 2 FROM changed) THEN UPDATE deliveries SET status = 'failed' WHERE id = (SELECT min(id) FROM changed); END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER all_but_first AFTER UPDATE ON deliveries REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION all_but_first();
SELECT with_trigger('AFTER', '');
DROP TRIGGER all_but_first ON deliveries;

-- Where one row of an id is refused, the id is.
SELECT with_trigger(event, body, '{1,2,2,3}') FROM (VALUES
  ('BEFORE', 'IF old.attempts = 5 THEN new.status := ''failed''; END IF;'), ('BEFORE', 'IF old.attempts = 6 THEN RETURN NULL; END IF;'), ('AFTER', 'UPDATE deliveries SET status = ''failed'' WHERE id = 2 AND old.attempts = 5;')) v (event, body);

-- By what is in line already: once some are refused the others are not. By the number of the statement: others each time, until none is left, or it is given up.
SELECT with_trigger('BEFORE', 'IF (SELECT count(*) FROM deliveries WHERE waiting) >= 2 THEN RETURN NULL; END IF;');
CREATE SEQUENCE statements;
CREATE FUNCTION count_statement() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM nextval('statements'); RETURN NULL; END $$;
CREATE TRIGGER count_statement BEFORE UPDATE ON deliveries FOR EACH STATEMENT EXECUTE FUNCTION count_statement();
SELECT with_trigger('BEFORE', 'IF new.id = currval(''statements'') THEN new.status := ''failed''; END IF;', '{1,2,3,4}');
ALTER SEQUENCE statements RESTART;
SELECT with_trigger('BEFORE', 'IF new.id = currval(''statements'') THEN new.status := ''failed''; END IF;', '{1,2,3,4,5,6}');
SELECT count(*) FROM operator_replays WHERE idempotency_key = 'refused ' || currval('keys');
DROP TRIGGER count_statement ON deliveries;

-- Rows that leave the source as they are put back in line; and a view, whose rows are found by their ids.
SELECT source || ': ' || with_trigger(event, body, source => source) FROM unnest(ARRAY['not waiting', 'seen']) source, (VALUES
  ('BEFORE', 'IF new.id = 2 THEN new.status := ''failed''; END IF;'), ('BEFORE', 'IF new.id = 2 THEN RETURN NULL; END IF;'), ('AFTER', 'UPDATE deliveries SET status = ''failed'' WHERE id = 2 AND new.id = 2;'),
  ('AFTER', 'UPDATE deliveries SET created_at = NULL WHERE id = 2 AND new.id = 2;')) v (event, body);
-- so are those of a table of which somebody may read some columns only
CREATE ROLE regress_ai_reader;
GRANT USAGE ON SCHEMA regress_refused, insights TO regress_ai_reader;
GRANT SELECT (id, created_at, endpoint, status, attempts), UPDATE (status, attempts, next_retry_at, updated_at) ON deliveries TO regress_ai_reader;
GRANT EXECUTE ON FUNCTION replay_execute TO regress_ai_reader;
CREATE FUNCTION keep_two() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.id = 2 THEN new.status := 'failed'; END IF; RETURN new; END $$;
CREATE TRIGGER keep_two BEFORE UPDATE ON deliveries FOR EACH ROW EXECUTE FUNCTION keep_two();
SELECT fill('{1,2}');
SET ROLE regress_ai_reader;
SELECT replay('{1,2}', 'reader', 'default');
RESET ROLE;
SELECT left_behind('reader');
DROP TRIGGER keep_two ON deliveries;
REVOKE ALL ON FUNCTION replay_execute FROM regress_ai_reader;

-- Partitions by the status: the row moves, and what it meets there may send it back.
CREATE TABLE moving (id int, created_at timestamptz, endpoint text, status text, attempts int) PARTITION BY LIST (status);
CREATE TABLE moving_failed PARTITION OF moving FOR VALUES IN ('failed');
CREATE TABLE moving_others PARTITION OF moving DEFAULT;
INSERT INTO moving SELECT i, now() - interval '5 hours', '/a', 'failed', 3 FROM generate_series(1, 3) i;
SELECT count(delivery_source_register('moving', 'moving', '{"replay_status": "pending"}'));
CREATE FUNCTION send_back() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE moving SET status = 'failed' WHERE id = new.id AND id = 2; RETURN NULL; END $$;
CREATE TRIGGER send_back AFTER INSERT ON moving_others FOR EACH ROW EXECUTE FUNCTION send_back();
SELECT replay('{1,2,3}', 'moving', 'moving');
SELECT tableoid::regclass, id, status, attempts FROM moving ORDER BY id;

-- A deferred trigger comes after the replay, at the commit; unless it is told to come at once.
CREATE FUNCTION fail_again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE deliveries SET status = 'failed' WHERE id = new.id AND waiting; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER fail_again AFTER UPDATE ON deliveries DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail_again();
SELECT fill('{1}');
SELECT replay('{1}', 'deferred', 'default');
SELECT left_behind('deferred');
SELECT fill('{1}');
BEGIN;
SET CONSTRAINTS ALL IMMEDIATE;
SELECT replay('{1}', 'at once', 'default');
COMMIT;
SELECT left_behind('at once');

-- What a trigger does to the caller's settings goes with what it did.
CREATE FUNCTION set_path() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('search_path', 'regress_refused, insights, pg_catalog', false); IF new.id = 2 THEN RETURN NULL; END IF; RETURN new; END $$;
CREATE TRIGGER set_path BEFORE UPDATE ON deliveries FOR EACH ROW EXECUTE FUNCTION set_path();
DROP TRIGGER fail_again ON deliveries;
SELECT fill('{2}');
SELECT replay('{2}', 'settings undone', 'default');
SHOW search_path;
SELECT fill('{1,2}');
SELECT delivery_id, outcome FROM replay_execute('{1,2}', 'settings kept', source => 'default');
SHOW search_path;
SET search_path = regress_refused, insights;
DROP TRIGGER set_path ON deliveries;

SELECT count(*) FROM audit_verify();
SELECT count(delivery_source_drop(name)) FROM unnest(ARRAY['default', 'not waiting', 'seen', 'moving']) name;
ALTER TABLE insights.operator_audit DISABLE TRIGGER append_only;
DELETE FROM insights.operator_audit;
ALTER TABLE insights.operator_audit ENABLE TRIGGER append_only;
DELETE FROM insights.operator_replays;
REVOKE USAGE ON SCHEMA insights FROM regress_ai_reader;
DROP SCHEMA regress_refused CASCADE;
DROP ROLE regress_ai_reader;
