-- Kinds of relations: partitioned tables, views with a join, materialized views, foreign tables; columns that are not there.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_relations;
SET search_path = regress_relations, insights;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
\set SHOW_CONTEXT never
\set t '''2025-11-05 14:30:00+00''::timestamptz'

-- One table that holds it all, and relations that show the same in other ways: no difference anywhere.
CREATE TABLE plain (id int PRIMARY KEY, created_at timestamptz NOT NULL, tenant_id text, endpoint text, status text, triage_label text);
INSERT INTO plain
SELECT i, :t - (i * 7919 % 5400) * interval '1 second', 't' || i % 3, '/e' || i % 7,
       CASE WHEN i * 7919 % 5400 < 300 AND i % 7 = 2 THEN 'failed' WHEN i % 11 = 0 THEN 'dead_letter' WHEN i % 13 = 0 THEN 'pending' ELSE 'delivered' END,
       CASE WHEN i % 17 = 0 THEN 'permanent_4xx' END
FROM generate_series(1, 20000) i;
INSERT INTO plain SELECT 20000 + i, :t - interval '1 minute', 't1', '/e3', 'delivered', NULL FROM generate_series(1, 600) i;

CREATE TABLE parted (LIKE plain) PARTITION BY RANGE (created_at);
CREATE TABLE parted_old PARTITION OF parted FOR VALUES FROM (MINVALUE) TO ('2025-11-05 13:30:00+00') PARTITION BY HASH (id);
CREATE TABLE parted_old_0 PARTITION OF parted_old FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parted_old_1 PARTITION OF parted_old FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE parted_hour PARTITION OF parted FOR VALUES FROM ('2025-11-05 13:30:00+00') TO ('2025-11-05 14:30:00+00');
CREATE TABLE parted_new PARTITION OF parted FOR VALUES FROM ('2025-11-05 14:30:00+00') TO (MAXVALUE);
INSERT INTO parted SELECT * FROM plain;

CREATE TABLE endpoints (endpoint_id int PRIMARY KEY, owner text, url text);
INSERT INTO endpoints SELECT row_number() OVER (ORDER BY tenant_id, endpoint), tenant_id, endpoint FROM plain GROUP BY tenant_id, endpoint;
CREATE TABLE attempts (at timestamptz NOT NULL, endpoint_id int, code smallint, label text);
INSERT INTO attempts SELECT created_at, endpoint_id, CASE status WHEN 'delivered' THEN 1 WHEN 'failed' THEN 2 WHEN 'dead_letter' THEN 3 ELSE 0 END, triage_label
FROM plain JOIN endpoints ON owner = tenant_id AND url = endpoint;
CREATE VIEW joined AS SELECT at, owner AS tenant_id, url, code, label FROM attempts JOIN endpoints USING (endpoint_id);
CREATE VIEW united AS SELECT * FROM plain WHERE id % 2 = 0 UNION ALL SELECT * FROM plain WHERE id % 2 = 1;
CREATE VIEW barrier WITH (security_barrier) AS SELECT * FROM plain;
CREATE MATERIALIZED VIEW kept AS SELECT * FROM plain;
CREATE TABLE parent (LIKE plain);
CREATE TABLE child () INHERITS (parent);
INSERT INTO parent SELECT * FROM plain WHERE id % 2 = 0;
INSERT INTO child SELECT * FROM plain WHERE id % 2 = 1;
CREATE UNLOGGED TABLE unlogged AS SELECT * FROM plain;
CREATE INDEX ON unlogged (created_at);
CREATE TABLE narrow (created_at timestamptz NOT NULL, tenant_id varchar(20), endpoint varchar, status char(11), triage_label name);
INSERT INTO narrow SELECT created_at, tenant_id, endpoint, status, triage_label FROM plain;

SELECT count(delivery_source_register(name::regclass, name))
FROM unnest(ARRAY['plain', 'parted', 'united', 'barrier', 'kept', 'parent', 'unlogged', 'narrow']) name;
SELECT delivery_source_register('joined', 'joined', '{"created_at": "at", "status": "code", "triage_label": "label",
  "statuses": {"0": "pending", "1": "delivered", "2": "failed", "3": "dead_letter"}}');

SELECT tenant_id, endpoint, severity, recent_count, baseline_count, recent_failures, baseline_failures FROM anomalies_current(source => 'plain', as_of => :t);
SELECT count(*) AS incidents, sum(recent_count) AS deliveries FROM anomalies_current('40 minutes', '60 minutes', 'reference', 'plain', as_of => :t);
-- nothing differs
CREATE FUNCTION report_of(source text, method text, as_of timestamptz) RETURNS TABLE (place bigint, incident jsonb) LANGUAGE sql BEGIN ATOMIC
  SELECT row_number() OVER (), to_jsonb(a)
  FROM anomalies_current(CASE method WHEN 'rate' THEN interval '5 minutes' ELSE '40 minutes' END, '60 minutes', method, source, NULL, as_of) a;
END;
CREATE TABLE answers AS
  SELECT method, as_of, ARRAY(SELECT (r.place, r.incident)::text FROM report_of('plain', method, as_of) r) AS answer
  FROM unnest(ARRAY['rate', 'reference']) method, unnest(ARRAY[:t, :t - interval '20 minutes']) as_of;
SELECT method, as_of, cardinality(answer) AS incidents FROM answers ORDER BY method, as_of;
SELECT source, method, as_of, ARRAY(SELECT (r.place, r.incident)::text FROM report_of(source, method, as_of) r) AS answer
FROM unnest(ARRAY['parted', 'joined', 'united', 'barrier', 'kept', 'parent', 'unlogged', 'narrow']) source, answers
WHERE answer <> ARRAY(SELECT (r.place, r.incident)::text FROM report_of(source, method, as_of) r);
SELECT source FROM unnest(ARRAY['parted', 'joined', 'united', 'barrier', 'kept', 'parent', 'unlogged', 'narrow']) source
WHERE anomalies_current_json(source => source, tenant => 't1', as_of => :t) <> anomalies_current_json(source => 'plain', tenant => 't1', as_of => :t);

-- A materialized view shows what it held when it was refreshed.
INSERT INTO plain SELECT 30000 + i, :t - interval '1 minute', 'late', '/late', 'failed', NULL FROM generate_series(1, 50) i;
SELECT source, count(*) FROM unnest(ARRAY['plain', 'kept', 'united']) source, anomalies_current(source => source, as_of => :t) a
WHERE a.tenant_id = 'late' GROUP BY source ORDER BY source COLLATE "C";
REFRESH MATERIALIZED VIEW kept;
SELECT count(*) FROM anomalies_current(source => 'kept', as_of => :t) WHERE tenant_id = 'late';
REFRESH MATERIALIZED VIEW kept WITH NO DATA;
\set VERBOSITY sqlstate
SELECT count(*) FROM anomalies_current(source => 'kept', as_of => :t);
SELECT delivery_source_register('kept', 'kept');
\set VERBOSITY default
SELECT "check", level FROM delivery_source_check('kept') WHERE level = 'error';

-- Without tenant and label.
CREATE TABLE bare (created_at timestamptz, url text, state text);
INSERT INTO bare SELECT :t - interval '1 minute', '/x', 'failed' FROM generate_series(1, 50);
SELECT delivery_source_register('bare', 'bare');
SELECT tenant_id IS NULL AS no_tenant, endpoint, recent_failures FROM anomalies_current(source => 'bare', as_of => :t);
SELECT tenant_id, endpoint, recent_failures FROM anomalies_current(source => 'bare', method => 'reference', as_of => :t);
SELECT i -> 'tenant_id' AS tenant FROM jsonb_array_elements(anomalies_current_json(source => 'bare', as_of => :t) -> 'incidents') i;

-- Columns that come and go: dropped ones before and between, a type that changes, a new name.
CREATE TABLE changing (gone1 int, created_at timestamptz NOT NULL, gone2 text, endpoint varchar(5), status text);
SELECT count(delivery_source_register('changing', 'changing'));
ALTER TABLE changing DROP gone1, DROP gone2, ADD added int;
INSERT INTO changing SELECT :t, '/c', 'failed' FROM generate_series(1, 50);
SELECT endpoint, recent_failures FROM anomalies_current(source => 'changing', as_of => :t);
ALTER TABLE changing ALTER endpoint TYPE text;
SELECT endpoint, recent_failures FROM anomalies_current(source => 'changing', as_of => :t);
ALTER TABLE changing ALTER endpoint TYPE int USING 7;
SELECT endpoint, recent_failures FROM anomalies_current(source => 'changing', as_of => :t);
ALTER TABLE changing RENAME endpoint TO place;
\set VERBOSITY sqlstate
SELECT endpoint, recent_failures FROM anomalies_current(source => 'changing', as_of => :t);
\set VERBOSITY default

-- A foreign table; file_fdw, postgres_fdw and others may not be installed, so one without a handler stands for them.
CREATE FOREIGN DATA WRAPPER regress_ai_wrapper;
CREATE SERVER regress_ai_server FOREIGN DATA WRAPPER regress_ai_wrapper;
CREATE FOREIGN TABLE remote (created_at timestamptz, endpoint text, status text) SERVER regress_ai_server;
\set VERBOSITY sqlstate
SELECT delivery_source_register('remote', 'remote');
\set VERBOSITY default
DROP FOREIGN DATA WRAPPER regress_ai_wrapper CASCADE;

-- Reports in a prepared statement, a view, a materialized view and a PL/pgSQL function see what there is when they run.
CREATE VIEW report AS SELECT tenant_id, endpoint FROM anomalies_current(source => 'changing_2', as_of => '2025-11-05 14:30:00+00');
CREATE TABLE changing_2 (created_at timestamptz NOT NULL, endpoint text, status text);
SELECT count(delivery_source_register('changing_2', 'changing_2'));
PREPARE report AS SELECT endpoint, recent_failures FROM anomalies_current(source => 'changing_2', as_of => $1);
CREATE FUNCTION report() RETURNS text LANGUAGE plpgsql AS $$ BEGIN
  RETURN (SELECT string_agg(endpoint || ' ' || recent_failures, ', ') FROM anomalies_current(source => 'changing_2', as_of => '2025-11-05 14:30:00+00'));
END $$;
EXECUTE report (:t);
SELECT report();
INSERT INTO changing_2 SELECT :t, '/c', 'failed' FROM generate_series(1, 50);
EXECUTE report (:t);
SELECT report();
SELECT endpoint FROM report;
ALTER TABLE changing_2 ALTER endpoint TYPE bytea USING 'x'::bytea;
EXECUTE report (:t);
SELECT report();
DEALLOCATE report;
SELECT delivery_source_register('plain', 'changing_2', '{"where": "tenant_id = ''late''"}') ->> 'where' AS filter;
SELECT report();
CREATE MATERIALIZED VIEW snapshot AS SELECT * FROM report;
SELECT endpoint FROM snapshot;

DELETE FROM insights.delivery_sources;
DROP SCHEMA regress_relations CASCADE;
