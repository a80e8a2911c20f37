-- The operators' audit: a chain that shows what was changed.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_audit;
SET search_path = regress_audit, insights;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
\set SHOW_CONTEXT never
\pset tuples_only on
\pset format unaligned

-- how a statement ends
CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  state text; message text; hint text;
BEGIN
  EXECUTE statement;
  RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
  RETURN state || ': ' || message || coalesce(E'\n  hint: ' || nullif(hint, ''), '');
END $$;

SELECT count(*) FROM audit_head();
SELECT count(*) FROM audit_verify();
SET anomaly_insights.actor = 'dana@example.com';
SELECT audit_record('delivery.replay', 'a1', '{"status_before": "failed", "n": 1.50}', '10.0.0.1');
SELECT audit_record('delivery.bulk_replay', NULL, '{"count": 3}', '2001:db8::/64');
RESET anomaly_insights.actor;
SELECT audit_record('delivery.replay', '');
SELECT id, actor = session_user AS by_session, action, target_id, metadata, source_ip, by_user = session_user, octet_length(hash),
  previous_hash = lag(hash, 1, decode(repeat('00', 32), 'hex')) OVER (ORDER BY id) AS chained
FROM operator_audit ORDER BY id;
SELECT count(*) FROM audit_verify();
-- The hash is over what stands in the row, whatever the session's settings.
SET timezone = 'Asia/Tokyo';
SET datestyle = 'German';
SET bytea_output = 'escape';
SELECT count(*) FROM audit_verify();
RESET bytea_output;
SET timezone = 'UTC';
SET datestyle = 'ISO';

-- Lists and figures.
SELECT id FROM audit_list();
SELECT id FROM audit_list('dana@example.com', 'delivery.replay');
SELECT id FROM audit_list(since => 'infinity');
SELECT id FROM audit_list(since => '2000-01-01', max_rows => 1);
SELECT actor = session_user, action, count, first_at <= last_at FROM audit_stats();
SELECT outcome('SELECT * FROM audit_list(max_rows => 1001)');
SELECT outcome('SELECT * FROM audit_list(max_rows => 0)');

-- Bad input.
SELECT outcome('SELECT audit_record(NULL)');
SELECT outcome($$SELECT audit_record('')$$);
SELECT outcome($$SELECT audit_record('x', metadata => NULL)$$);
SELECT outcome($$SELECT audit_record('x', metadata => '[1]')$$);
SELECT outcome('SELECT * FROM audit_verify(1)');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT outcome($$SELECT audit_record('x')$$);
COMMIT;
BEGIN READ ONLY;
SELECT outcome($$SELECT audit_record('x')$$);
COMMIT;

-- What is rolled back leaves no gap.
BEGIN;
SELECT audit_record('x');
ROLLBACK;
SELECT audit_record('y');
SELECT count(*) FROM audit_verify();

-- Nothing of it can be changed, by its owner neither; and whoever takes the trigger away is found out.
SELECT outcome('UPDATE operator_audit SET actor = NULL');
SELECT outcome('DELETE FROM operator_audit');
SELECT outcome('DELETE FROM operator_audit WHERE false');
SELECT outcome('TRUNCATE operator_audit');
SELECT outcome('SELECT audit_refuse()');
SELECT id AS head_id, hash AS head_hash FROM audit_head() \gset
SELECT count(*) FROM audit_verify(:head_id, :'head_hash');
-- Each change by itself, in a transaction that is rolled back.
CREATE FUNCTION found(tampering text, head_id bigint DEFAULT NULL, head_hash bytea DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  problems text;
BEGIN
  BEGIN
    ALTER TABLE insights.operator_audit DISABLE TRIGGER append_only;
    EXECUTE tampering;
    SELECT string_agg(id || ': ' || problem, '; ' ORDER BY id) INTO problems FROM insights.audit_verify(head_id, head_hash);
    RAISE EXCEPTION 'back' USING ERRCODE = 'P9999';
  EXCEPTION WHEN SQLSTATE 'P9999' THEN NULL;
  END;
  RETURN coalesce(problems, '-');
END $$;
SELECT column_name, found(format('UPDATE operator_audit SET %I = %s WHERE id = 2', column_name, CASE data_type WHEN 'jsonb' THEN '''{}'''
  WHEN 'inet' THEN '''10.0.0.9''' WHEN 'bytea' THEN 'sha256(hash)' WHEN 'timestamp with time zone' THEN 'created_at + interval ''1 us''' ELSE '''other''' END))
FROM information_schema.columns WHERE table_schema = 'insights' AND table_name = 'operator_audit' AND column_name <> 'id' ORDER BY ordinal_position;
SELECT found('UPDATE operator_audit SET id = 9 WHERE id = 4');
SELECT found('DELETE FROM operator_audit WHERE id = 1');
SELECT found('DELETE FROM operator_audit WHERE id IN (2, 3)');
SELECT found('DELETE FROM operator_audit WHERE id = 4');
SELECT found('DELETE FROM operator_audit WHERE id = 4', :head_id, :'head_hash');
SELECT found('DELETE FROM operator_audit', :head_id, :'head_hash');
SELECT found('UPDATE operator_audit SET hash = sha256(hash) WHERE id = 4', :head_id, :'head_hash');
SELECT count(*) FROM audit_verify(:head_id, :'head_hash');
-- Whoever owns the table can change it as well.
SELECT found('ALTER TABLE operator_audit ALTER created_at DROP NOT NULL; UPDATE operator_audit SET created_at = NULL WHERE id = 2; UPDATE operator_audit SET target_id = ''x'' WHERE id = 4');
SELECT found('ALTER TABLE operator_audit ALTER by_user TYPE name, ALTER target_id TYPE name');
SELECT found('ALTER TABLE operator_audit DROP CONSTRAINT operator_audit_pkey; INSERT INTO operator_audit SELECT * FROM operator_audit WHERE id = 3');
SET session_replication_role = replica;
SELECT outcome('UPDATE operator_audit SET target_id = NULL');
RESET session_replication_role;
-- A list is as old as the statement that asks for it.
SELECT audit_record('now') > 0 AS recorded, (SELECT count(*) FROM operator_audit) = (SELECT count(*) FROM audit_list()) AS same;
-- The schema's name may change.
ALTER SCHEMA insights RENAME TO renamed;
SELECT h.id = max(a.id) AS newest FROM renamed.audit_head() h, renamed.operator_audit a GROUP BY h.id;
SELECT sum(s.count) = (SELECT count(*) FROM renamed.operator_audit) AS all FROM renamed.audit_stats() s;
SELECT count(*) FROM renamed.audit_verify();
ALTER SCHEMA renamed RENAME TO insights;

-- Privileges.
CREATE ROLE regress_ai_auditor;
GRANT USAGE ON SCHEMA insights, regress_audit TO regress_ai_auditor;
SET ROLE regress_ai_auditor;
SELECT outcome(q) FROM unnest(ARRAY['SELECT insights.audit_record(''x'')', 'SELECT * FROM insights.audit_list()', 'SELECT * FROM insights.audit_verify()',
  'SELECT * FROM insights.audit_head()', 'SELECT * FROM insights.audit_stats()', 'SELECT * FROM insights.operator_audit']) q;
RESET ROLE;
GRANT EXECUTE ON FUNCTION audit_record TO regress_ai_auditor;
SET ROLE regress_ai_auditor;
SELECT audit_record('z') > 0;
SELECT outcome('INSERT INTO insights.operator_audit SELECT * FROM insights.operator_audit');
RESET ROLE;
REVOKE ALL ON FUNCTION audit_record FROM regress_ai_auditor;
REVOKE USAGE ON SCHEMA insights FROM regress_ai_auditor;

ALTER TABLE insights.operator_audit DISABLE TRIGGER append_only;
DELETE FROM insights.operator_audit;
ALTER TABLE insights.operator_audit ENABLE ALWAYS TRIGGER append_only;
DROP SCHEMA regress_audit CASCADE;
DROP ROLE regress_ai_auditor;
