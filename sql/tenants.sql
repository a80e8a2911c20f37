-- Tenants of all types, and the tenant argument.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_tenants;
SET search_path = regress_tenants, insights;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
\set SHOW_CONTEXT never
\set t '''2025-11-05 14:30:00+00''::timestamptz'

CREATE DOMAIN tenant_name AS varchar(30);
CREATE TYPE region AS ENUM ('north', 'south');
CREATE TABLE d (
  created_at timestamptz NOT NULL DEFAULT '2025-11-05 14:28:00+00', endpoint text, status text DEFAULT 'failed',
  as_text text, as_uuid uuid, as_int int, as_big bigint, as_varchar varchar(10), as_char char(10), as_domain tenant_name, as_region region,
  as_bool boolean, as_time timestamptz, as_num numeric);
-- 20 failures of the first tenant, 25 of the second
INSERT INTO d (endpoint, as_text, as_uuid, as_int, as_big, as_varchar, as_char, as_domain, as_region, as_bool, as_time, as_num)
SELECT 'e' || k, 't' || k, ('00000000-0000-0000-0000-00000000000' || k)::uuid, k, k * 10000000000, 't' || k, 't' || k, 't' || k,
       CASE k WHEN 1 THEN 'north' ELSE 'south' END::region, k = 1, :t + k * interval '1 day', k + 0.50
FROM (SELECT CASE WHEN i <= 20 THEN 1 ELSE 2 END AS k FROM generate_series(1, 45) i) v;

-- each type as tenant_id: the rows of all, and those of one by what they call it
CREATE TABLE fields (field text, tenant text);
INSERT INTO fields VALUES ('as_text', 't1'), ('as_uuid', '00000000-0000-0000-0000-000000000001'), ('as_int', '1'), ('as_big', '10000000000'),
  ('as_varchar', 't1'), ('as_char', 't1'), ('as_domain', 't1'), ('as_region', 'north'), ('as_bool', 'true'), ('as_time', '2025-11-06 14:30:00+00'),
  ('as_num', '1.50'), ('lower(as_text)', 't1'), ('as_int + 1', '2'), ('''x'' || as_int', 'x1'), ('CASE WHEN as_bool THEN as_uuid END', '00000000-0000-0000-0000-000000000001');
SELECT count(delivery_source_register('d', field, jsonb_build_object('tenant_id', field))) FROM fields;
SELECT field, method, tenants, one
FROM fields, unnest(ARRAY['rate', 'reference']) method,
  LATERAL (SELECT string_agg(coalesce(tenant_id, 'NULL') || ' ' || recent_failures, ', ' ORDER BY recent_failures) AS tenants
           FROM anomalies_current(source => field, method => method, as_of => :t)) a,
  LATERAL (SELECT string_agg(tenant_id || ' ' || recent_failures, ', ') AS one
           FROM anomalies_current(source => field, method => method, tenant => fields.tenant, as_of => :t)) o
ORDER BY field COLLATE "C", method;

-- A missing one is called 'unknown' by method reference, whatever its type.
SELECT tenant_id, recent_failures
FROM anomalies_current(source => 'CASE WHEN as_bool THEN as_uuid END', method => 'reference', tenant => 'unknown', as_of => :t);

-- One that the type cannot hold is an error of that type, no empty answer; one of other digits is the same tenant.
\set VERBOSITY sqlstate
SELECT count(*) FROM anomalies_current(source => 'as_uuid', tenant => 'nobody', as_of => :t);
SELECT count(*) FROM anomalies_current(source => 'as_int', tenant => 't1', as_of => :t);
SELECT count(*) FROM anomalies_current(source => 'as_int', tenant => '99999999999', as_of => :t);
SELECT count(*) FROM anomalies_current(source => 'as_region', tenant => 'east', as_of => :t);
SELECT count(*) FROM anomalies_current(source => 'as_bool', tenant => '', as_of => :t);
\set VERBOSITY default
SELECT tenant_id FROM anomalies_current(source => 'as_uuid', tenant => '{00000000-0000-0000-0000-000000000001}', as_of => :t);
SELECT tenant_id FROM anomalies_current(source => 'as_int', tenant => ' 01', as_of => :t);

-- A tenant is a value, not a piece of SQL.
INSERT INTO d (endpoint, as_text) SELECT 'odd', name FROM generate_series(1, 30),
  unnest(ARRAY['t1'' OR ''1''=''1', '''', '\', '\''; DROP TABLE d; --', '%', 't_', '$1', '', ' ', 'T1', 't1 ', E'a\nb', 'naïve', '日本', '😀']) name;
\pset format unaligned
SELECT quote_literal(name) AS tenant, string_agg(quote_nullable(tenant_id) || ' ' || recent_count, ', ') AS found
FROM unnest(ARRAY['t1'' OR ''1''=''1', '''', '\', '\''; DROP TABLE d; --', '%', 't_', '$1', '', ' ', 'T1', 't1 ', E'a\nb', 'naïve', '日本', '😀', 't1', 'none', 'NULL']) name
LEFT JOIN LATERAL anomalies_current(source => 'as_text', tenant => name, as_of => :t) ON true
GROUP BY name ORDER BY name COLLATE "C";
\pset format aligned
SET standard_conforming_strings = off;
SELECT tenant_id FROM anomalies_current(source => 'as_text', tenant => chr(92), as_of => :t);
SELECT tenant_id FROM anomalies_current(source => 'as_text', tenant => chr(92) || chr(39) || '; DROP TABLE d; --', as_of => :t);
RESET standard_conforming_strings;

-- With a tenant the figures are those of the report of all, where nothing depends on the others.
SELECT method, count(*) AS differences FROM unnest(ARRAY['rate', 'reference']) method, unnest(ARRAY['t1', 't2', 'T1', '%', '😀']) tenant,
  LATERAL ((SELECT a FROM anomalies_current(source => 'as_text', method => method, as_of => :t) a WHERE a.tenant_id = tenant
            EXCEPT SELECT a FROM anomalies_current(source => 'as_text', method => method, tenant => tenant, as_of => :t) a)
           UNION ALL (SELECT a FROM anomalies_current(source => 'as_text', method => method, tenant => tenant, as_of => :t) a
            EXCEPT SELECT a FROM anomalies_current(source => 'as_text', method => method, as_of => :t) a WHERE a.tenant_id = tenant)) x
GROUP BY method;

DELETE FROM insights.delivery_sources;
DROP SCHEMA regress_tenants CASCADE;
