-- Texts: unicode, long ones, ones that do not compress, control characters.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_texts;
SET search_path = regress_texts, insights;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
\set t '''2025-11-05 14:30:00+00''::timestamptz'
CREATE TABLE d (created_at timestamptz NOT NULL DEFAULT '2025-11-05 14:28:00+00', tenant_id text, endpoint text, status text DEFAULT 'failed');
SELECT 1 AS registered FROM delivery_source_register('d');

CREATE TABLE texts (name text, value text);
INSERT INTO texts VALUES
  ('umlauts', 'https://müller.example/größe?ß=ẞ'), ('cyrillic', 'https://пример.рф/вебхук'), ('chinese', 'https://例え.テスト/フック'),
  ('emoji', '🚨⚠️👩‍👩‍👧‍👦🏳️‍🌈'), ('composed', U&'e\0301'), ('precomposed', U&'\00e9'), ('right to left', 'https://مثال.إختبار/'), ('greatest', U&'\+10FFFF'),
  ('control', E'\x01\x02\x1f\x7f\u0080\u009f'), ('line ends', E'a\nb\r\nc\u2028d'), ('quotes', '"''`\"'), ('braces', '{}{0}%s%n$1\'),
  ('spaces', '  '), ('empty', ''), ('null', 'null'), ('NULL', 'NULL'), ('none', 'none'), ('byte order', U&'\FEFFx'),
  ('compressible 10 kB', repeat('https://example.com/', 512)), ('compressible 1 MB', repeat('x', 1048576)),
  ('zeros', repeat('0', 3000));
-- ones that do not compress, some of 10 kB and one of 200 kB, the same for thousands of bytes, or in all but the last
INSERT INTO texts SELECT 'hashes ' || k, (SELECT string_agg(md5(k || ' ' || i), '') FROM generate_series(1, 320) i) FROM generate_series(1, 5) k;
INSERT INTO texts SELECT 'many hashes', string_agg(md5(i::text), '') FROM generate_series(1, 6400) i;
INSERT INTO texts SELECT 'common ' || k, (SELECT value FROM texts WHERE name = 'hashes 1') || k FROM generate_series(1, 3) k;

-- As endpoints, and as tenants. What comes out is what went in.
INSERT INTO d (tenant_id, endpoint) SELECT 't', value FROM texts, generate_series(1, 12);
INSERT INTO d (tenant_id, endpoint) SELECT value, 'e' FROM texts, generate_series(1, 13);
SELECT method, count(*) AS incidents, count(*) FILTER (WHERE tenant_id = 't' AND e.name IS NOT NULL AND recent_failures = 12) AS endpoints,
       count(*) FILTER (WHERE endpoint = 'e' AND t.name IS NOT NULL AND recent_failures = 13) AS tenants,
       count(*) FILTER (WHERE message LIKE '%12 failures to ' || replace(replace(e.value, '\', '\\'), '%', '\%') || ' (%') AS messages,
       (SELECT count(*) FROM texts) AS texts
FROM unnest(ARRAY['rate', 'reference']) method, anomalies_current(method => method, as_of => :t) a
LEFT JOIN texts e ON a.tenant_id = 't' AND e.value = a.endpoint LEFT JOIN texts t ON a.endpoint = 'e' AND t.value = a.tenant_id
GROUP BY method ORDER BY method;
SELECT count(*) AS incidents, count(*) FILTER (WHERE i ->> 'tenant_id' = 't' AND e.name IS NOT NULL) AS endpoints,
       count(*) FILTER (WHERE i ->> 'endpoint' = 'e' AND t.name IS NOT NULL) AS tenants
FROM jsonb_array_elements(anomalies_current_json(as_of => :t) -> 'incidents') i
LEFT JOIN texts e ON i ->> 'tenant_id' = 't' AND e.value = i ->> 'endpoint' LEFT JOIN texts t ON i ->> 'endpoint' = 'e' AND t.value = i ->> 'tenant_id';
-- by bytes, so that no two that differ are one, and in the order of bytes
SELECT count(*) AS out_of_order
FROM (SELECT endpoint, lag(endpoint) OVER (ORDER BY place) AS previous
      FROM ROWS FROM (anomalies_current(as_of => :t)) WITH ORDINALITY AS a (
        tenant_id, endpoint, severity, spike_detected, failure_cluster_detected, silence_detected, recent_count, baseline_count, recent_failures,
        baseline_failures, spike_multiplier, failure_multiplier, message, detected_at, expected_count, expected_failures, score, window_used, scope, place)
      WHERE tenant_id = 't') v WHERE previous >= endpoint COLLATE "C";
-- explain and the tenant argument find each
SELECT name FROM texts WHERE NOT EXISTS (SELECT FROM anomalies_explain('t', value, as_of => :t) WHERE item = 'recent_count' AND value = '12');
SELECT name FROM texts WHERE (SELECT count(*) FROM anomalies_current(tenant => value, as_of => :t) WHERE endpoint = 'e' AND tenant_id = value) <> 1;

-- Rollups hold them too, each by itself, merged, as texts and in a table.
CREATE TABLE kept AS
  SELECT name, delivery_rollup_agg(delivery_rollup_shape('2025-11-05 14:00:00+00', '1 hour'), created_at, tenant_id, endpoint, status, NULL) AS rollup
  FROM d JOIN texts ON value IN (endpoint, tenant_id) GROUP BY name;
SELECT count(*) AS rollups, count(*) FILTER (WHERE rollup::text::delivery_rollup::text <> rollup::text) AS differ FROM kept;
SELECT sum(total) AS total, count(*) AS cells, count(DISTINCT (tenant_id, endpoint)) AS groups,
       count(*) FILTER (WHERE tenant_id = 't' AND EXISTS (SELECT FROM texts WHERE value = endpoint)) AS endpoints
FROM rollup_cells((SELECT rollup_merge(rollup) FROM kept));
SELECT (SELECT rollup_merge(rollup) FROM kept)::text = delivery_rollup_agg(delivery_rollup_shape('2025-11-05 14:00:00+00', '1 hour'), created_at, tenant_id, endpoint, status, NULL)::text AS same
FROM d;

-- As the type that JSON has, a number or a boolean, is a text all the same.
TRUNCATE d;
INSERT INTO d (tenant_id, endpoint) SELECT '1', 'true' FROM generate_series(1, 20);
SELECT i -> 'tenant_id' AS tenant, i -> 'endpoint' AS endpoint FROM jsonb_array_elements(anomalies_current_json(as_of => :t) -> 'incidents') i;

DELETE FROM insights.delivery_sources;
DROP SCHEMA regress_texts CASCADE;
