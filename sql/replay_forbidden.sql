-- What is in the way of a replay is said before anybody tries: constraints, types, ids that several have, rights.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_forbidden;
SET search_path = regress_forbidden, insights;
SET timezone = 'UTC';
SET jit = off;
\set SHOW_CONTEXT never
\pset tuples_only on
\pset format unaligned
CREATE SEQUENCE keys;
-- what the check says; what the plan says of each failed row, and what then becomes of it
CREATE FUNCTION said(relation text, mapping jsonb DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  answer text;
  planned record;
  became text;
BEGIN
  PERFORM insights.delivery_source_register(relation, mapping => '{"replay_status": "pending"}' || mapping);
  answer := (SELECT level || ': ' || detail || coalesce(E'\n    ' || hint, '') FROM insights.delivery_source_check() WHERE "check" = 'replay');
  FOR planned IN SELECT * FROM insights.replay_plan('{"hours": 100}') ORDER BY delivery_id LOOP
    BEGIN
      became := (SELECT outcome FROM insights.replay_execute(ARRAY[planned.delivery_id], 'forbidden ' || nextval('keys')));
    EXCEPTION WHEN OTHERS THEN became := SQLSTATE || ' ' || SQLERRM;
    END;
    answer := answer || E'\n  ' || concat_ws(' ', planned.delivery_id, planned.outcome, CASE planned.outcome WHEN 'refuse' THEN '(' || planned.reason || ')' END, '->', became);
  END LOOP;
  RETURN answer;
END $$;
-- a table of failed rows with a column more, of which the first three have a value
CREATE FUNCTION try(more text, mapping jsonb DEFAULT '{}', status text DEFAULT 'text') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  DROP TABLE IF EXISTS d;
  EXECUTE format('CREATE TABLE d (id int, created_at timestamptz, endpoint text, status %s, attempts int DEFAULT 3, next_retry_at timestamptz, note int, %s)', status, more);
  INSERT INTO d (id, created_at, endpoint, status, note) SELECT n, now() - interval '5 hours', '/a', 'failed', nullif(n, 3) FROM generate_series(1, 3) n;
  RETURN concat_ws(', ', status, more, mapping) || E'\n  ' || said('d', mapping);
END $$;

-- River's own: finalized_at exactly in the final states.
CREATE TYPE river_state AS ENUM ('available', 'cancelled', 'completed', 'discarded', 'pending', 'retryable', 'running', 'scheduled');
CREATE TABLE river (id bigint PRIMARY KEY, created_at timestamptz, kind text, state river_state DEFAULT 'available', attempt smallint, finalized_at timestamptz,
  CONSTRAINT finalized CHECK ((finalized_at IS NOT NULL) = (state IN ('cancelled', 'completed', 'discarded'))));
INSERT INTO river VALUES (1, now() - interval '5 hours', 'mail', 'discarded', 3, now()), (2, now(), 'mail', 'completed', 1, now()), (3, now(), 'mail', 'retryable', 1, NULL);
SELECT said('river', '{"endpoint": "kind", "replay_status": "available", "statuses": {"available": "pending", "pending": "pending", "running": "pending", "scheduled": "pending", "completed": "delivered", "discarded": "failed", "cancelled": "failed", "retryable": "failed"}}');

-- What it would write of the other columns, and constraints that do not mind or do not look at what it sets.
SELECT try(more) FROM unnest(ARRAY['CHECK (attempts > 0)', 'CHECK (note IS NULL OR status = ''failed'')', 'CHECK (status <> ''''), CHECK (attempts >= 0)', 'CONSTRAINT always CHECK (note IS NULL OR note > 0)', 'CHECK (next_retry_at < ''2026-01-01'')',
  'CONSTRAINT "a ""b" CHECK (lower(status) COLLATE "C" = ''failed'' OR attempts + note > 2)']) more;
SELECT try('CONSTRAINT late CHECK (retry_count > 0 OR status = ''failed''), retry_count int DEFAULT 2', '{"attempts": "retry_count + 1"}');
SELECT try('odd text DEFAULT ''x''', '{"where": "note > 1"}'), try('CHECK (note = 2 OR status = ''failed'')', '{"where": "note > 1"}');
-- what cannot be tried is left out: by chance, an error, what is made of others, a whole row
CREATE FUNCTION dice() RETURNS int LANGUAGE sql AS 'SELECT 1';
SELECT try('CHECK (status = ''failed'' OR dice() = 2)'), try('CHECK (1 / attempts < 2)'), try('waiting boolean GENERATED ALWAYS AS (status <> ''failed'') STORED, CHECK (NOT waiting)'), try('CHECK (d IS NOT NULL OR status = ''failed'')');
-- what holds for new rows only
SELECT left(try('x int'), 0);
UPDATE d SET status = 'failed';
ALTER TABLE d ADD CONSTRAINT from_now_on CHECK (status = 'failed' OR note = 1) NOT VALID;
SELECT said('d');
-- a trigger may yet see to it
CREATE FUNCTION clear_note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.note := NULL; RETURN new; END $$;
SELECT left(try('CHECK (note IS NULL OR status = ''failed'')'), 0);
UPDATE d SET status = 'failed' WHERE status = 'pending';
CREATE TRIGGER clear_note BEFORE UPDATE ON d FOR EACH ROW EXECUTE FUNCTION clear_note();
SELECT said('d');

-- Words that the type of the column does not take.
CREATE DOMAIN word AS text CHECK (VALUE IN ('failed', 'sent', 'queued'));
CREATE DOMAIN short_word AS varchar(6);
SELECT try('x int', status => status) FROM unnest(ARRAY['varchar(6)', 'char(6)', 'word', 'short_word', 'varchar(7)']) status;
SELECT try('x int', '{"replay_status": "queued"}', 'word'), try('x int', '{"replay_status": "queued"}', 'varchar(6) CHECK (status <> ''queued'')');

-- Partitions: their own constraints count for their rows, unless a replay moves these to another.
CREATE TABLE parts (id int, created_at timestamptz, endpoint text, status text, attempts int, CONSTRAINT of_all CHECK (attempts <> 0 OR id <> 1)) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE parts_2 (status text, id int, gone int, attempts int, endpoint text, created_at timestamptz, CONSTRAINT of_all CHECK (attempts <> 0 OR id <> 1));
ALTER TABLE parts_2 DROP gone, ADD CONSTRAINT own CHECK (status = 'failed' OR id > 12);
ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES FROM (10) TO (20);
INSERT INTO parts SELECT n, now() - interval '5 hours', '/a', 'failed', 2 FROM unnest('{1,2,12,13}'::int[]) n;
SELECT said('parts');
CREATE TABLE states (id int, created_at timestamptz, endpoint text, status text) PARTITION BY LIST (status);
CREATE TABLE states_failed PARTITION OF states (CONSTRAINT own CHECK (status = 'failed')) FOR VALUES IN ('failed');
CREATE TABLE states_others PARTITION OF states DEFAULT;
INSERT INTO states VALUES (1, now() - interval '5 hours', '/a', 'failed');
SELECT said('states');
CREATE TABLE above (id int, created_at timestamptz, endpoint text, status text, CONSTRAINT own CHECK (status = 'failed') NO INHERIT);
CREATE TABLE below (CONSTRAINT below CHECK (status = 'failed' OR id > 2)) INHERITS (above);
INSERT INTO above VALUES (1, now() - interval '5 hours', '/a', 'failed');
INSERT INTO below VALUES (2, now() - interval '5 hours', '/a', 'failed'), (3, now() - interval '5 hours', '/a', 'failed');
SELECT said('above');

-- Ids that several deliveries have, failed ones or others; those that the source leaves out do not count.
CREATE TABLE shared (id int, created_at timestamptz, endpoint text, status text, gone boolean);
INSERT INTO shared SELECT id, now() - interval '5 hours', '/a', status, gone FROM (VALUES (1, 'failed', false), (2, 'failed', false), (2, 'failed', false), (3, 'failed', false), (3, 'delivered', false), (4, 'failed', false), (4, 'failed', true)) v (id, status, gone);
SELECT said('shared', '{"where": "NOT gone"}');

-- Rights: who may read but not set says so; the function, too.
CREATE ROLE regress_ai_reader;
CREATE ROLE regress_ai_owner;
GRANT USAGE ON SCHEMA regress_forbidden, insights TO regress_ai_reader, regress_ai_owner;
SELECT left(try('CONSTRAINT mine CHECK (status = ''failed'' OR id <> 1)'), 0);
UPDATE d SET status = 'failed', attempts = 3;
GRANT SELECT, UPDATE (status) ON d TO regress_ai_reader;
SET ROLE regress_ai_reader;
SELECT level || ': ' || detail || E'\n  ' || hint FROM delivery_source_check() WHERE "check" = 'replay';
SELECT delivery_id, outcome, reason FROM replay_plan('{"ids": ["2"]}');
RESET ROLE;
GRANT UPDATE (attempts, next_retry_at) ON d TO regress_ai_reader;
SET ROLE regress_ai_reader;
SELECT delivery_id, outcome, reason FROM replay_plan() ORDER BY 1;
RESET ROLE;
CREATE FUNCTION requeue(ids text[]) RETURNS text[] LANGUAGE sql AS 'SELECT ids';
REVOKE ALL ON FUNCTION requeue FROM public;
SELECT delivery_source_register('d', mapping => '{"replay_function": "requeue"}') ->> 'replay_function';
SET ROLE regress_ai_reader;
SELECT level || ': ' || detail || E'\n  ' || hint FROM delivery_source_check() WHERE "check" = 'replay';
SELECT outcome, reason FROM replay_plan('{"ids": ["1"]}');
RESET ROLE;
GRANT EXECUTE ON FUNCTION requeue TO regress_ai_reader;
SET ROLE regress_ai_reader;
SELECT outcome FROM replay_plan('{"ids": ["1"]}');
RESET ROLE;
-- what a constraint calls is called as the table's owner where a superuser looks
CREATE FUNCTION by_owner() RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN current_user = 'regress_ai_owner'; END $$;
SELECT left(try('CONSTRAINT owners CHECK (status = ''failed'' OR NOT regress_forbidden.by_owner())'), 0);
UPDATE d SET status = 'failed', attempts = 3;
ALTER TABLE d OWNER TO regress_ai_owner;
SELECT said('d');

-- Errors of views, of which the constraints are not seen beforehand, carry the hint.
CREATE TABLE base (id int, created_at timestamptz, endpoint text, status text, CONSTRAINT low CHECK (status <> 'pending' OR id <> 3));
INSERT INTO base SELECT n, now() - interval '5 hours', '/a', 'failed' FROM generate_series(1, 4) n;
CREATE VIEW plain AS SELECT * FROM base;
CREATE VIEW checked AS SELECT * FROM base WHERE status <> 'pending' OR id = 1 WITH CHECK OPTION;
CREATE VIEW joined AS SELECT b.* FROM base b JOIN base c USING (id);
CREATE FUNCTION complain() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.id = 2 AND new.status = 'pending' THEN RAISE EXCEPTION 'not this one'; END IF; RETURN new; END $$;
CREATE TRIGGER complain BEFORE UPDATE ON base FOR EACH ROW EXECUTE FUNCTION complain();
CREATE FUNCTION tried(relation text, id text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  hint text;
BEGIN
  PERFORM insights.delivery_source_register(relation, mapping => '{"replay_status": "pending"}');
  RETURN relation || ' ' || id || ': ' || (SELECT outcome FROM insights.replay_execute(ARRAY[id], 'view ' || nextval('keys')));
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
  RETURN relation || ' ' || id || E': ' || SQLSTATE || ' ' || SQLERRM || E'\n  hint: ' || hint;
END $$;
SELECT tried(relation, id::text) FROM unnest(ARRAY['checked', 'plain', 'joined', 'base']) relation, generate_series(1, 4) id WHERE relation <> 'joined' OR id = 2;

ALTER TABLE insights.operator_audit DISABLE TRIGGER append_only;
DELETE FROM insights.operator_audit;
ALTER TABLE insights.operator_audit ENABLE TRIGGER append_only;
DELETE FROM insights.operator_replays;
SELECT count(delivery_source_drop());
DROP SCHEMA regress_forbidden CASCADE;
REVOKE ALL ON SCHEMA insights FROM regress_ai_reader, regress_ai_owner;
DROP ROLE regress_ai_reader, regress_ai_owner;
