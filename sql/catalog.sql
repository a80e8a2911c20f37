-- What the extension puts into the catalog: names, arguments, volatility, comments, grants, settings.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_catalog;
SET search_path = regress_catalog, insights;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';

-- every function, its kind (f, a), volatility, parallel safety, strictness and security
SELECT p.proname AS name, p.prokind AS kind, p.provolatile AS volatility, p.proparallel AS parallel,
       p.proisstrict AS strict, p.prosecdef AS definer
FROM pg_depend d JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND e.extname = 'anomaly_insights'
WHERE d.deptype = 'e' ORDER BY p.proname COLLATE "C";

-- reports: names, order and defaults of their arguments
SELECT p.proname AS name, arguments
FROM pg_proc p, unnest(string_to_array(pg_get_function_arguments(p.oid), ', ')) WITH ORDINALITY AS a (arguments, place)
WHERE p.pronamespace = 'insights'::regnamespace
  AND p.proname !~ '^delivery_rollup_(add|combine|in|out|recv|send)$'
ORDER BY p.proname COLLATE "C", place;

-- and the columns and types of the rows
SELECT a.place, a.name, a.type
FROM pg_proc p,
  LATERAL (SELECT place, p.proargnames[place] AS name, p.proallargtypes[place]::regtype AS type, p.proargmodes[place] AS mode
           FROM generate_subscripts(p.proargnames, 1) AS place) a
WHERE p.oid = 'insights.anomalies_current'::regproc AND a.mode = 't' ORDER BY a.place;
-- those of the history are the same; this has no rows
SELECT * FROM (SELECT pg_get_function_result('insights.anomalies_current'::regproc) AS current,
                      pg_get_function_result('insights.anomalies_history'::regproc) AS history) r
WHERE current IS DISTINCT FROM history;
SELECT p.proname AS name, pg_get_function_result(p.oid) AS result
FROM pg_proc p
WHERE p.pronamespace = 'insights'::regnamespace
  AND p.proname NOT IN ('anomalies_current', 'anomalies_history')
  AND p.proname !~ '^delivery_rollup_(add|combine|in|out|recv|send)$'
ORDER BY p.proname COLLATE "C";

-- nothing is without a comment; this has no rows
SELECT pg_describe_object(d.classid, d.objid, 0) AS without_comment
FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
WHERE e.extname = 'anomaly_insights' AND d.deptype = 'e'
  AND NOT EXISTS (SELECT FROM pg_description c WHERE c.classoid = d.classid AND c.objoid = d.objid AND c.objsubid = 0)
  AND NOT EXISTS (SELECT FROM pg_shdescription c WHERE c.classoid = d.classid AND c.objoid = d.objid)
  -- row types and array types come by themselves, and are members from PostgreSQL 17 on
  AND NOT EXISTS (SELECT FROM pg_type t WHERE d.classid = 'pg_type'::regclass AND t.oid = d.objid AND (t.typrelid <> 0 OR t.typcategory = 'A'));
SELECT a.attrelid::regclass AS without_comment, a.attname
FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
JOIN pg_attribute a ON d.classid = 'pg_class'::regclass AND a.attrelid = d.objid
JOIN pg_class t ON t.oid = d.objid AND t.relkind = 'r'  -- a view's columns are those of its table
WHERE e.extname = 'anomaly_insights' AND d.deptype = 'e' AND a.attnum > 0 AND NOT a.attisdropped
  AND col_description(a.attrelid, a.attnum) IS NULL;

-- the aggregates can run in parallel, and their state is no pseudo-type
SELECT a.aggfnoid::regproc AS name, p.proparallel AS parallel, a.aggcombinefn::oid <> 0 AS combines,
       a.aggtranstype::regtype AS state, t.typtype = 'b' AS base_type
FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid JOIN pg_type t ON t.oid = a.aggtranstype
WHERE p.pronamespace = 'insights'::regnamespace ORDER BY 1;
SELECT typlen, typstorage, typinput, typoutput, typreceive, typsend FROM pg_type WHERE oid = 'delivery_rollup'::regtype;

-- what everybody may do: registering is not for everybody, and the table of sources is nobody's
SELECT p.proname AS name, has_function_privilege('public', p.oid, 'EXECUTE') AS everybody
FROM pg_proc p WHERE p.pronamespace = 'insights'::regnamespace ORDER BY p.proname COLLATE "C";
SELECT has_table_privilege('public', 'delivery_sources', privilege) AS everybody, privilege
FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) privilege;

-- sources are dumped, the extension stays where it was put
SELECT extrelocatable, extversion,
       ARRAY(SELECT c::regclass::text FROM unnest(extconfig) c ORDER BY c::regclass::text COLLATE "C") AS dumped
FROM pg_extension WHERE extname = 'anomaly_insights';
\set VERBOSITY sqlstate
ALTER EXTENSION anomaly_insights SET SCHEMA regress_catalog;
\set VERBOSITY default

-- settings, which the library brings
LOAD 'anomaly_insights';
SHOW anomaly_insights.method;
SHOW anomaly_insights.sensitivity;
SHOW anomaly_insights.silence;
SHOW anomaly_insights.max_groups;
SELECT name, context, vartype, enumvals FROM pg_settings
WHERE name ~ '^anomaly_insights\.(method|sensitivity|silence|max_groups)$' ORDER BY name COLLATE "C";
\set VERBOSITY sqlstate
SET anomaly_insights.method = 'guess';
SET anomaly_insights.sensitivity = 'very';
SET anomaly_insights.silence = 'maybe';
SET anomaly_insights.max_groups = 0;
SET anomaly_insights.max_groups = '64MB';
SET anomaly_insights.nonsense = 1;
\set VERBOSITY default
CREATE ROLE regress_ai_user;
SET ROLE regress_ai_user;
\set VERBOSITY sqlstate
SET anomaly_insights.debug_fault = 'bad_alloc';
\set VERBOSITY default
SET anomaly_insights.sensitivity = 'strict';
RESET anomaly_insights.sensitivity;
RESET ROLE;
DROP ROLE regress_ai_user;

-- a failure of C++ is an error like any other, and what comes after it works
CREATE TABLE deliveries (created_at timestamptz NOT NULL, tenant_id text, endpoint text, status text);
SELECT delivery_source_register('deliveries');
INSERT INTO deliveries SELECT '2025-11-05 14:28:00+00', 't', 'e' || i, 'delivered' FROM generate_series(1, 20000) i;
SET anomaly_insights.debug_fault = 'bad_alloc';
\set VERBOSITY sqlstate
SELECT count(*) FROM anomalies_current(as_of => '2025-11-05 14:30:00+00');
SELECT anomalies_current_json(as_of => '2025-11-05 14:30:00+00');
SET anomaly_insights.debug_fault = 'runtime_error';
SELECT count(*) FROM anomalies_current(as_of => '2025-11-05 14:30:00+00');
SET anomaly_insights.debug_fault = 'none';
\set VERBOSITY default
SELECT count(*) FROM anomalies_current(as_of => '2025-11-05 14:30:00+00');

-- more groups than allowed end with an error, as many as allowed do not
DELETE FROM deliveries WHERE endpoint NOT IN ('e1', 'e2', 'e3');
SET anomaly_insights.max_groups = 2;
\set SHOW_CONTEXT never
SELECT count(*) FROM anomalies_current(as_of => '2025-11-05 14:30:00+00');
\set VERBOSITY sqlstate
SELECT count(*) FROM anomalies_current(as_of => '2025-11-05 14:30:00+00');
\set VERBOSITY default
SET anomaly_insights.max_groups = 3;
SELECT count(*) FROM anomalies_current(as_of => '2025-11-05 14:30:00+00');
RESET anomaly_insights.max_groups;

DELETE FROM insights.delivery_sources;
DROP SCHEMA regress_catalog CASCADE;
