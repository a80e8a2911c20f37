-- What a mapping means does not depend on the settings of whoever registers or asks, and checks fail softly.
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_hardening;
SET search_path = regress_hardening, insights;
SET timezone = 'UTC';
CREATE TABLE d (created_at timestamptz NOT NULL, endpoint text, status text);
CREATE INDEX ON d (created_at);

-- dates, intervals and backslashes are stored in a form that every session reads alike
SET datestyle = 'SQL, DMY';
SET timezone = 'Asia/Kolkata';
SET intervalstyle = 'sql_standard';
SELECT delivery_source_register('d', 'styles', '{"where":
  "created_at >= ''01/02/2020 00:00+00'' AND created_at + interval ''-1 day +2 hours'' > ''2020-01-01 00:00+00''"}') ->> 'where';
RESET datestyle;
RESET intervalstyle;
SET timezone = 'UTC';

-- a subquery cannot hide behind a backslash that ends a string in one session and not in another
SELECT count(delivery_source_register('d', 'hidden', jsonb_build_object('status',
  $q$status || '\' || ') || (select rolname from pg_authid limit 1))))::text, NULL::text) FROM d WHERE $2 IS NOT NULL AND $3 IS NOT NULL --' || '*/--'$q$)));

-- a pattern keeps its backslash whatever the reporting session makes of backslashes
SELECT count(delivery_source_register('d', 'pattern', '{"endpoint": "regexp_replace(endpoint, ''\\d+'', ''N'', ''g'')"}'));
INSERT INTO d SELECT timestamptz '2025-11-05 14:26:00+00' + i * interval '1 second', 'e' || i, 'failed' FROM generate_series(1, 20) i;
SELECT endpoint, recent_failures FROM anomalies_current(source => 'pattern', as_of => '2025-11-05 14:30:00+00');
SET standard_conforming_strings = off;
SET escape_string_warning = off;
SELECT endpoint, recent_failures FROM anomalies_current(source => 'pattern', as_of => '2025-11-05 14:30:00+00');
RESET standard_conforming_strings;
RESET escape_string_warning;

-- nor can a subquery hide so
SET standard_conforming_strings = off;
SET escape_string_warning = off;
SELECT count(*) FROM anomalies_current(source => 'hidden', as_of => '2025-11-05 14:30:00+00');
RESET standard_conforming_strings;
RESET escape_string_warning;

-- a volatile default argument is volatile
CREATE FUNCTION with_default(t text, r float8 DEFAULT random()) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN t; END';
\set VERBOSITY sqlstate
SELECT delivery_source_register('d', 'default_argument', '{"endpoint": "with_default(endpoint)"}');
\set VERBOSITY default

-- a C++ exception in a check is an SQL error, and the session goes on
SET anomaly_insights.debug_fault = 'bad_alloc';
\set VERBOSITY sqlstate
SELECT * FROM delivery_source_check('styles');
\set VERBOSITY default
RESET anomaly_insights.debug_fault;
SELECT count(*) > 0 FROM delivery_source_check('styles');
BEGIN;
SELECT count(*) > 0 FROM delivery_source_check('styles');
COMMIT;

-- a time that cannot be judged fails by source, and leaves the session in the transaction that it was in
BEGIN;
SELECT DISTINCT outcome, detail FROM anomalies_scan(as_of => '4714-11-24 00:00:00+00 BC');
ROLLBACK;
SELECT count(*) > 0 FROM delivery_source_check('styles');

-- a source in a schema that one may not use is a finding, not the end of the check
CREATE SCHEMA regress_hardening_private;
CREATE TABLE regress_hardening_private.d (created_at timestamptz NOT NULL, endpoint text, status text);
SELECT count(delivery_source_register('regress_hardening_private.d', 'private'));
CREATE ROLE regress_ai_outsider;
GRANT USAGE ON SCHEMA regress_hardening, insights TO regress_ai_outsider;
GRANT SELECT ON d TO regress_ai_outsider;
SET ROLE regress_ai_outsider;
SELECT source, "check", level, detail, hint FROM delivery_source_check() WHERE level = 'error';
SELECT count(DISTINCT source) FROM delivery_source_check();
RESET ROLE;

-- a partitioned table is told of an index that it can have
CREATE TABLE parted (created_at timestamptz NOT NULL, endpoint text, status text) PARTITION BY RANGE (created_at);
SELECT count(delivery_source_register('parted', 'parted'));
SELECT hint FROM delivery_source_check('parted') WHERE "check" = 'index';

-- more statuses than a table has are refused, and soon
SELECT count(delivery_rollup_shape('2026-01-01', '1 minute', 1, (SELECT jsonb_object_agg(i, 'failed') FROM generate_series(1, 1000) i)));
\set VERBOSITY sqlstate
SELECT delivery_rollup_shape('2026-01-01', '1 minute', 1, (SELECT jsonb_object_agg(i, 'failed') FROM generate_series(1, 1001) i));
\set VERBOSITY default

SELECT count(delivery_source_drop(name)) FROM delivery_sources;
DROP SCHEMA regress_hardening, regress_hardening_private CASCADE;
REVOKE USAGE ON SCHEMA insights FROM regress_ai_outsider;
DROP ROLE regress_ai_outsider;
