-- A replay writes the table's own word for pending, or nothing: what is known of it at registration, and what is said before.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_word;
SET search_path = regress_word, insights;
\set SHOW_CONTEXT never
\pset tuples_only on
\pset format unaligned
CREATE SEQUENCE keys;
-- a source of a column of such a type, with a row of each of the words beside a failed one: its word, check, plan, replay
CREATE FUNCTION try(type text, words text[], mapping jsonb DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  answer text;
BEGIN
  DROP TABLE IF EXISTS d;
  EXECUTE format('CREATE TABLE d (id int, created_at timestamptz, endpoint text, status %s)', type);
  INSERT INTO d SELECT 0, now() - interval '5 hours', '/a', 'failed';
  EXECUTE format('INSERT INTO d SELECT n, now() - interval ''5 hours'', ''/a'', w::%s FROM unnest($1) WITH ORDINALITY u (w, n)', split_part(type, ' ', 1)) USING words;
  answer := coalesce(delivery_source_register('d', mapping => mapping) ->> 'replay_status', 'none');
  answer := answer || E'\n  ' || (SELECT level || ': ' || detail FROM delivery_source_check() WHERE "check" = 'replay');
  answer := answer || E'\n  ' || (SELECT outcome || ': ' || reason FROM replay_plan('{"ids": ["0"]}'));
  BEGIN
    answer := answer || E'\n  ' || (SELECT outcome FROM replay_execute('{0}', 'word ' || nextval('keys')));
  EXCEPTION WHEN OTHERS THEN answer := answer || E'\n  ' || SQLSTATE || ': ' || SQLERRM;
  END;
  RETURN type || ' ' || words::text || ' ' || mapping::text || ': ' || answer || ', ' || (SELECT status::text FROM d WHERE id = 0);
END $$;
CREATE TYPE river AS ENUM ('queued', 'completed', 'discarded', 'failed', 'pending', 'scheduled');
CREATE TYPE upper_case AS ENUM ('PENDING', 'PROCESSING', 'FAILED', 'failed');
SELECT try(type, words::text[]) FROM (VALUES ('text', '{PENDING}'), ('text', '{Queued,delivered}'), ('text', '{}'), ('text', '{delivered}'), ('text', '{queued,retrying}'), ('text', '{queued,pending}'), ('text', '{pending,Pending}'),
  ('text', '{processing}'), ('text', '{processing,queued}'), ('text DEFAULT ''queued''', '{}'), ('text DEFAULT ''queued''', '{pending}'), ('text DEFAULT ''sending''', '{}'), ('text DEFAULT lower(''QUEUED'')', '{}'), ('text DEFAULT current_user', '{}'),
  ('varchar(10) DEFAULT ''Scheduled''', '{}')) v (type, words);
-- labels of an enum, and the default of the column, which says that "pending" is another thing
SELECT try('upper_case', '{}'), try('river DEFAULT ''queued''', '{}'), try('river', '{}');
-- as the mapping says
SELECT try('text', '{pending}', '{"replay_status": "queued"}');
SELECT try('upper_case', '{}', '{"replay_status": "queued"}');
SELECT try('text', '{}', '{"statuses": {"failed": "failed", "new": "pending", "running": "pending"}}');
-- a constraint in the way ends it with a hint
CREATE FUNCTION hint(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  hint text;
BEGIN
  EXECUTE statement;
  RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
  RETURN SQLSTATE || ': ' || SQLERRM || E'\n  hint: ' || hint;
END $$;
ALTER TABLE d ADD finalized_at timestamptz, ADD CONSTRAINT finalized CHECK (status IN ('failed', 'delivered') OR finalized_at IS NULL);
UPDATE d SET status = 'failed', finalized_at = now();
SELECT hint($$SELECT * FROM replay_execute('{0}', 'constraint')$$);
SELECT status FROM d;

-- of a table that was empty when it was registered: the word is looked for in what is there now, by the check as its owner
CREATE ROLE regress_ai_word;
GRANT ALL ON SCHEMA regress_word TO regress_ai_word;
GRANT USAGE ON SCHEMA insights TO regress_ai_word;
GRANT EXECUTE ON FUNCTION replay_execute TO regress_ai_word;
CREATE TABLE late (id int, created_at timestamptz, endpoint text, status text);
CREATE FUNCTION by_owner(text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
  IF current_user <> 'regress_ai_word' THEN RAISE EXCEPTION 'run as %', current_user; END IF;
  RETURN true;
END $$;
ALTER TABLE late OWNER TO regress_ai_word;
SELECT delivery_source_register('late', 'late', '{"where": "by_owner(status)"}') ? 'replay_status';
INSERT INTO late VALUES (1, now() - interval '5 hours', '/a', 'failed'), (2, now(), '/a', 'delivered');
SELECT level || ': ' || detail || E'\n  ' || hint FROM delivery_source_check('late') WHERE "check" = 'replay';
INSERT INTO late VALUES (3, now(), '/a', 'Queued');
SELECT level || ': ' || detail FROM delivery_source_check('late') WHERE "check" = 'replay';
SET ROLE regress_ai_word;
SELECT outcome FROM replay_plan('{"ids": ["1"]}', source => 'late');
SELECT outcome FROM replay_execute('{1}', 'late', source => 'late');
SELECT status FROM late WHERE id = 1;
RESET ROLE;
SELECT count(delivery_source_drop('late'));

-- ids of a sample that are not unique, or none
SELECT level || ': ' || detail FROM delivery_source_check() WHERE "check" = 'id';
INSERT INTO d SELECT id, now(), '/a', 'failed' FROM unnest('{1,2,2,3,3,3,NULL}'::int[]) id;
SELECT level || ': ' || detail || E'\n  ' || hint FROM delivery_source_check() WHERE "check" = 'id';

ALTER TABLE insights.operator_audit DISABLE TRIGGER append_only;
DELETE FROM insights.operator_audit;
ALTER TABLE insights.operator_audit ENABLE TRIGGER append_only;
DELETE FROM insights.operator_replays;
SELECT count(delivery_source_drop());
DROP SCHEMA regress_word CASCADE;
REVOKE ALL ON FUNCTION replay_execute FROM regress_ai_word;
REVOKE ALL ON SCHEMA insights FROM regress_ai_word;
DROP ROLE regress_ai_word;
