-- The deliveries themselves, a page at a time: filters, order, pages, sources of all kinds, and rights.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_deliveries;
SET search_path = regress_deliveries, insights;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET jit = off;
\set SHOW_CONTEXT never
\set t '''2026-01-15 12:00:00+00''::timestamptz'
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
  RETURN state || ': ' || message || coalesce(E'\n  hint: ' || nullif(hint, ''), '');
END $$;
-- the ids that a filter finds, in their order
CREATE FUNCTION found(filter jsonb, source text DEFAULT 'default', as_of timestamptz DEFAULT '2026-01-15 12:00+00') RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(delivery_id, ' ' ORDER BY ordinality) FROM insights.delivery_search(filter, 1000, source => source, as_of => as_of) WITH ORDINALITY $$;

CREATE TABLE deliveries (
  id text, tenant_id text, event_type text, target text, status text, triage_label text, triage_score int, attempts int, max_attempts int, http_status int, last_error text,
  next_retry_at timestamptz, created_at timestamptz, updated_at timestamptz);
SELECT count(delivery_source_register('deliveries'));
SELECT * FROM delivery_search() \gdesc
SELECT count(*) FROM delivery_search();

-- One of each kind; what has no id or no time is none.
INSERT INTO deliveries (id, created_at, tenant_id, target, status, triage_label)
SELECT id, :t - age::interval, tenant, endpoint, status, label FROM (VALUES
  ('a1', '10 minutes', 'acme', '/orders', 'failed', 'transient_endpoint_down'), ('a2', '20 minutes', 'acme', '/orders', 'dead_letter', 'rate_limited'),
  ('a3', '30 minutes', 'acme', '/invoices', 'delivered', NULL), ('a4', '1 hour', 'acme', NULL, 'pending', 'permanent_4xx'),
  ('b1', '2 hours', 'globex', '/orders', 'failed', 'unknown'), ('b2', '3 hours', 'globex', '', 'FAILED', 'weird'),
  ('n1', '5 hours', NULL, '/orders', 'Sent', ''), ('n2', '24 hours', NULL, NULL, 'bogus', NULL), ('n3', '48 hours', '', '/orders', NULL, 'Rate_Limited'),
  ('f1', '-1 microsecond', 'acme', '/orders', 'failed', NULL), ('x1', NULL, 'acme', '/orders', 'failed', NULL), (NULL, '10 minutes', 'acme', '/orders', 'failed', NULL))
  v (id, age, tenant, endpoint, status, label);
SELECT delivery_id, created_at, tenant_id, endpoint, status, status_class, triage_label FROM delivery_search(as_of => :t);
\x
INSERT INTO deliveries VALUES ('full', 't', 'order.paid', '/full', 'retrying', 'rate_limited', 95, 3, 8, 429, E'Too many\nrequests', :t + interval '5 minutes', :t, :t + interval '1 second');
SELECT * FROM delivery_search('{"ids": "full"}', as_of => :t);
\x
DELETE FROM deliveries WHERE id = 'full';

-- Tenant and endpoint: null is none, an empty text is one.
SELECT filter, found(filter) FROM unnest(ARRAY['{}', '{"tenant": "acme"}', '{"tenant": null}', '{"tenant": ""}', '{"tenant": "ACME"}', '{"endpoint": "/orders"}', '{"endpoint": null}', '{"endpoint": ""}',
  '{"tenant": "acme", "endpoint": "/orders"}', '{"tenant": null, "endpoint": null}', '{"tenant": "acme", "endpoint": null}']::jsonb[]) filter;
-- Status: classes, not words; no class at all is nothing.
SELECT filter, found(filter) FROM unnest(ARRAY['{"status": "failed"}', '{"status": ["failed"]}', '{"status": ["failed", "dead_letter"]}', '{"status": ["dead_letter", "failed", "failed"]}',
  '{"status": "pending"}', '{"status": "delivered"}', '{"status": ["delivered", "failed", "dead_letter", "pending"]}', '{"status": []}']::jsonb[]) filter;
-- Label: "unknown" is every other one, "unclassified" is none.
SELECT filter, found(filter) FROM unnest(ARRAY['{"triage_label": "transient_endpoint_down"}', '{"triage_label": "rate_limited"}', '{"triage_label": ["permanent_4xx"]}', '{"triage_label": "unknown"}',
  '{"triage_label": "unclassified"}', '{"triage_label": ["unclassified", "rate_limited"]}', '{"triage_label": []}',
  '{"triage_label": ["transient_endpoint_down", "permanent_4xx", "rate_limited", "unknown", "unclassified"]}', '{"triage_label": "unknown", "status": "failed", "tenant": "globex"}']::jsonb[]) filter;
-- Time: hours is (as_of - hours, as_of], since and until are both in.
SELECT filter, found(filter) FROM unnest(ARRAY['{"hours": 0.5}', '{"hours": 0.500001}', '{"hours": 24}', '{"hours": 24.000001}', '{"hours": 8760}', '{"hours": 1e-9}', '{"since": "2026-01-15 11:30Z"}',
  '{"since": "2026-01-15T11:30:00.000001Z"}', '{"until": "2026-01-15 11:30"}', '{"until": "2026-01-15 11:29:59.999999"}', '{"since": "2026-01-15 11:30", "until": "2026-01-15 13:30+02"}',
  '{"since": "2026-01-15 11:31", "until": "2026-01-15 11:30"}', '{"status": "failed", "until": "2026-01-15 12:00:00.000001"}', '{"status": "failed", "since": "2026-01-15 12:00:00.000001"}',
  '{"since": "4714-11-24 00:00Z BC", "until": "294276-12-31 23:59Z"}']::jsonb[]) filter;
SET timezone = 'Asia/Tokyo';
SELECT found('{"since": "2026-01-15 20:30"}') AS by_the_session_s_clock;
SET timezone = 'UTC';
SELECT as_of, found('{"hours": 1}', as_of => as_of) FROM unnest(ARRAY[:t - interval '30 minutes', :t + interval '1 microsecond', :t + interval '70 minutes']) as_of;
-- Ids, beside anything else.
SELECT filter, found(filter) FROM unnest(ARRAY['{"ids": "a1"}', '{"ids": ["n3", "a1", "nope", "a1"]}', '{"ids": []}', '{"ids": ["x1", "f1"]}', '{"ids": ["a1", "b1"], "tenant": "acme"}',
  '{"ids": ["a1", "a4"], "hours": 0.5}']::jsonb[]) filter;
-- what looks like syntax is a value
INSERT INTO deliveries (id, created_at, tenant_id, target, status) SELECT id, :t - interval '100 hours', id, id, 'failed'
FROM unnest(ARRAY['', ' ', '''', '"', '\', '\''', '''; DROP TABLE deliveries; --', '{}', '{a,b}', 'a,b', 'NULL', 'null', '$1', '$2', '%s', 'E''\n''', '"a"', '\\', U&'\00e9\+01F600', E'a\nb', '::int', '$$']) id;
SELECT count(*) AS ids, count(*) FILTER (WHERE found(jsonb_build_object('ids', jsonb_build_array(id))) = id) AS found_by_id,
  count(*) FILTER (WHERE found(jsonb_build_object('tenant', id, 'endpoint', id)) = id) AS by_name FROM deliveries WHERE created_at = :t - interval '100 hours';
SELECT count(*) AS all_at_once FROM delivery_search((SELECT jsonb_build_object('ids', jsonb_agg(id)) FROM deliveries WHERE created_at = :t - interval '100 hours'), as_of => :t);
DELETE FROM deliveries WHERE created_at = :t - interval '100 hours';
SELECT found('{"tenant": "acme'' OR true --"}'), found('{"ids": ["a1'' OR true --"]}'), found('{"endpoint": "\\'' OR 1=1 --"}');
SET standard_conforming_strings = off;
SET escape_string_warning = off;
SELECT found('{"tenant": "\\\\'' OR true --"}'), found('{"tenant": "acme"}');
RESET escape_string_warning;
RESET standard_conforming_strings;

-- What makes no sense.
\pset tuples_only on
\pset format unaligned
SELECT filter || E'\n  ' || outcome(format('SELECT * FROM delivery_search(%L)', filter)) FROM unnest(ARRAY['[]', '"a"', 'null', '{"Tenant": "a"}', '{"tenant_id": "a"}', '{"": 1}', '{"tenant": 5}', '{"tenant": ["a"]}',
  '{"endpoint": {}}', '{"status": "Failed"}', '{"status": ["failed", "retrying"]}', '{"status": null}', '{"status": ["failed", null]}', '{"status": 1}', '{"triage_label": "other"}', '{"triage_label": null}',
  '{"ids": null}', '{"ids": [1]}', '{"ids": [["a"]]}', '{"ids": {"a": "b"}}', '{"hours": 0}', '{"hours": -1}', '{"hours": 8760.5}', '{"hours": 1e400}', '{"hours": "1"}', '{"hours": null}', '{"since": 5}',
  '{"since": null}', '{"since": "infinity"}', '{"until": "-infinity"}', '{"since": "the other day"}', '{"since": "2026-02-30"}', '{"hours": 1, "since": "2026-01-01"}', '{"hours": 1, "until": "2026-01-01"}']) filter;
SELECT outcome('SELECT * FROM delivery_search(NULL)');
SELECT max_rows, outcome(format('SELECT * FROM delivery_search(max_rows => %L)', max_rows)) FROM unnest(ARRAY[NULL, -1, 0, 1, 1000, 1001]) max_rows;
SELECT outcome('SELECT * FROM delivery_search(before_time => now())');
SELECT outcome($$SELECT * FROM delivery_search(before_id => 'a')$$);
SELECT outcome($$SELECT * FROM delivery_search(before_time => 'infinity', before_id => 'a')$$);
SELECT outcome($$SELECT * FROM delivery_search(as_of => 'infinity')$$);
SELECT outcome($$SELECT * FROM delivery_search(as_of => NULL)$$);
SELECT outcome($$SELECT * FROM delivery_search(source => 'nowhere')$$);
\pset tuples_only off
\pset format aligned

-- Pages: newest first, ties by the bytes of the id; each row comes once, whatever the size of a page.
CREATE TABLE many (id text, created_at timestamptz, tenant text, endpoint text, status text);
INSERT INTO many SELECT i::text, :t - (i % 7) * interval '1 minute', 't' || i % 3, '/a', CASE WHEN i % 2 = 0 THEN 'failed' ELSE 'delivered' END FROM generate_series(1, 300) i;
INSERT INTO many VALUES ('never', 'infinity', 't0', '/a', 'failed'), ('ever', '-infinity', 't0', '/a', 'failed'), ('', :t, 't0', '/a', 'failed'), ('A', :t, 't0', '/a', 'failed'), ('a', :t, 't0', '/a', 'failed'), ('~', :t, 't0', '/a', 'failed'), (U&'\00e9', :t, 't0', '/a', 'failed'),
  (NULL, :t, 't0', '/a', 'failed'), ('timeless', NULL, 't0', '/a', 'failed');
SELECT count(delivery_source_register('many', 'many'));
CREATE FUNCTION walk(page int, filter jsonb DEFAULT '{}', source text DEFAULT 'many', as_of timestamptz DEFAULT '2026-01-15 12:00+00') RETURNS text[] LANGUAGE plpgsql SET jit = off AS $$
DECLARE
  ids text[] := '{}'; last_time timestamptz; last_id text; d record; rows int;
BEGIN
  LOOP
    rows := 0;
    FOR d IN SELECT * FROM insights.delivery_search(filter, page, last_time, last_id, source, as_of) LOOP
      ids := ids || d.delivery_id; last_time := d.created_at; last_id := d.delivery_id; rows := rows + 1;
    END LOOP;
    EXIT WHEN rows = 0;
  END LOOP;
  RETURN ids;
END $$;
SELECT page, filter, cardinality(ids) AS visited, ids = (SELECT array_agg(id ORDER BY created_at DESC, id COLLATE "C" DESC) FROM many
  WHERE id IS NOT NULL AND isfinite(created_at) AND (filter = '{}' OR status = 'failed' AND tenant = 't0')) AS right_order
FROM (VALUES ('{}'::jsonb, 7), ('{}', 61), ('{}', 304), ('{}', 305), ('{}', 1000), ('{"status": "failed", "tenant": "t0"}', 1), ('{"status": "failed", "tenant": "t0"}', 54)) v (filter, page), walk(page, filter) ids;
SELECT delivery_id, created_at FROM delivery_search('{"tenant": "t0"}', 7, source => 'many', as_of => :t);
-- a page begins behind any row, also one that is gone or was never there; what is newer by then does not matter
SELECT string_agg(delivery_id, ' ' ORDER BY ordinality) FROM delivery_search('{}', 3, :t, 'a', 'many', :t) WITH ORDINALITY;
DELETE FROM many WHERE id IN ('A', 'a');
INSERT INTO many VALUES ('later', :t + interval '1 second', 't0', '/a', 'failed'), ('b', :t, 't0', '/a', 'failed');
SELECT string_agg(delivery_id, ' ' ORDER BY ordinality) FROM delivery_search('{}', 3, :t, 'a', 'many', :t + interval '1 minute') WITH ORDINALITY;
SELECT string_agg(delivery_id, ' ' ORDER BY ordinality) FROM delivery_search('{}', 3, :t, 'zzz', 'many', :t - interval '5 minutes') WITH ORDINALITY;
SELECT count(*) FROM delivery_search('{}', 1000, '2025-01-01', '', 'many', :t);
SELECT count(*) FROM delivery_search('{"since": "2026-01-15 11:58"}', 1000, '2026-01-15 11:58', '', 'many', :t);

-- Ids of any type: they are compared as what they are, and shown as it writes them.
CREATE TYPE colour AS ENUM ('red', 'green', 'blue');
CREATE DOMAIN reference AS text CHECK (value <> 'bad');
CREATE FUNCTION by_type(type text, written text[], asked text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  each text; answer text;
BEGIN
  DROP TABLE IF EXISTS typed;
  EXECUTE format('CREATE TABLE typed (id %s, created_at timestamptz, tenant_id %1$s, endpoint %1$s, status text)', type);
  EXECUTE format('INSERT INTO typed SELECT v::%s, ''2026-01-15 11:00+00''::timestamptz - i * interval ''1 minute'', v::%1$s, v::%1$s, ''failed'' FROM unnest($1) WITH ORDINALITY AS u (v, i)', type) USING written;
  PERFORM insights.delivery_source_register('typed', 'typed');
  answer := quote_literal(found('{}', 'typed'));
  FOREACH each IN ARRAY asked LOOP
    answer := answer || '; ' || each || ': ' || coalesce(quote_literal(found(jsonb_build_object('ids', jsonb_build_array(each)), 'typed')), '-') || ' '
      || coalesce(quote_literal(found(jsonb_build_object('tenant', each, 'endpoint', each), 'typed')), '-');
  END LOOP;
  RETURN answer;
END $$;
SELECT type, by_type(type, written, asked) FROM (VALUES
  ('text', '{7,07,a}'::text[], '{7,07,A}'::text[]), ('varchar(8)', '{7,07,a}', '{7,a}'), ('varchar', '{x,y}', '{x}'), ('char(8)', '{abc,a,abcdefgh}', '{abc,a,abcdefgh,ab}'), ('name', '{n}', '{n,m}'),
  ('smallint', '{7,-7}', '{7,007}'), ('int', '{7,2147483647,-5}', '{007,2147483647,-5,8}'), ('bigint', '{7,9223372036854775807}', '{+7,9223372036854775807," 7 "}'), ('numeric', '{7.10,7}', '{7.1,7.0}'),
  ('uuid', '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}', '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,A0EEBC999C0B4EF8BB6D6BB9BD380A11,a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12}'),
  ('colour', '{red,blue}', '{blue,green}'), ('reference', '{r1}', '{r1}'), ('bytea', '{\\x00ff}', '{\\x00FF}'), ('date', '{2026-01-15}', '{2026-01-15,"Jan 15 2026"}'), ('oid', '{17}', '{17}')) v (type, written, asked);
\pset tuples_only on
\pset format unaligned
SELECT type, (SELECT string_agg(outcome(format('SELECT * FROM delivery_search(%L, source => ''typed'')', filter)), E'\n' ORDER BY n) FROM unnest(filters) WITH ORDINALITY AS f (filter, n))
FROM (VALUES ('int', ARRAY['{"ids": ["abc"]}', '{"ids": ["2147483648"]}', '{"tenant": "1; SELECT 1"}', '{"ids": [""]}']), ('uuid', ARRAY['{"ids": ["7"]}', '{"endpoint": "x"}']), ('colour', ARRAY['{"ids": ["pink"]}'])) v (type, filters),
  LATERAL (SELECT by_type(type, '{}', '{}')) AS made;
-- what cannot be compared
CREATE TABLE odd (id json, created_at timestamptz, endpoint text, status text);
SELECT count(delivery_source_register('odd', 'odd'));
SELECT outcome($$SELECT * FROM delivery_search('{"ids": ["{}"]}', source => 'odd')$$);
SELECT outcome($$SELECT * FROM delivery_search('{}', source => 'odd')$$);
\pset tuples_only off
\pset format aligned
SELECT by_type('int', '{7,8}', '{}'), found('{"ids": ["x", "7", "", "2147483648", "8", "nope"]}', 'typed'), found('{"ids": ["x"]}', 'typed');

-- Ids that are not unique: a page grows by those that are in the place of its last row, so that none is lost.
TRUNCATE many;
INSERT INTO many SELECT id, :t - age * interval '1 minute', 't0', '/a', 'failed' FROM (VALUES ('a', 0, 1), ('b', 1, 7), ('b', 2, 3), ('c', 2, 1), ('d', 2, 2)) v (id, age, n), generate_series(1, n);
SELECT page, (SELECT count(*) FROM delivery_search('{}', page, source => 'many', as_of => :t)) AS first_page, array_to_string(walk(page), '') FROM unnest(ARRAY[1, 2, 3, 7, 8, 9, 10, 13, 14]) page;
SELECT count(delivery_source_drop(name)) FROM unnest(ARRAY['typed', 'odd', 'many']) name;

-- Labels: stored ones as they are; where none is mapped, those of what failed, from code and text.
CREATE TABLE plain (id int, created_at timestamptz, url text, state text, code int, message text);
SELECT count(delivery_source_register('plain', 'plain', '{"status": "state", "http_status": "code", "error": "message", "endpoint": "url"}'));
INSERT INTO plain SELECT n, :t - n * interval '1 minute', '/a', status, code, message FROM (VALUES
  (1, 'failed', 503, NULL), (2, 'failed', 404, NULL), (3, 'failed', 429, NULL), (4, 'failed', NULL, 'it is raining'), (5, 'delivered', 200, NULL), (6, 'pending', 503, NULL),
  (7, 'delivered', 503, 'timeout'), (8, 'dead', NULL, 'Connection reset by peer'), (9, 'bogus', NULL, NULL)) v (n, status, code, message);
SELECT delivery_id, status, status_class, triage_label, triage_score, http_status, error, tenant_id, event_type, attempts FROM delivery_search(source => 'plain', as_of => :t);
SELECT label, found(jsonb_build_object('triage_label', label), 'plain') FROM unnest(ARRAY['transient_endpoint_down', 'permanent_4xx', 'rate_limited', 'unknown', 'unclassified']) label;
-- the same, as the triage of reports counts them
SELECT t.triage_label, t.total, t.total = (SELECT count(*) FROM delivery_search(jsonb_build_object('triage_label', t.triage_label, 'hours', 24), source => 'plain', as_of => :t)) AS agrees
FROM triage_distribution(source => 'plain', as_of => :t) AS t (triage_label, total);
-- a source that knows no tenants has only deliveries without
SELECT found('{"tenant": null}', 'plain'), found('{"tenant": "acme"}', 'plain'), found('{"ids": ["3", "5"], "status": "failed"}', 'plain');

-- Statuses of its own, numbers, and a condition.
CREATE TABLE numbers (key uuid, sent timestamptz, url text, state int, gone boolean, kind text);
INSERT INTO numbers SELECT ('00000000-0000-0000-0000-00000000000' || n)::uuid, :t - n * interval '1 minute', '/a?' || n, n % 5, n = 9, 'kind ' || n FROM generate_series(0, 9) n;
SELECT delivery_source_register('numbers', 'numbers', '{"id": "key", "created_at": "sent", "endpoint": "split_part(url, ''?'', 1)", "status": "state", "event_type": "upper(kind)", "where": "NOT gone",
  "statuses": {"0": "pending", "1": "delivered", "2": "failed", "3": "dead_letter"}}') -> 'statuses' AS statuses;
SELECT right(delivery_id, 1) AS id, endpoint, event_type, status, status_class, triage_label FROM delivery_search('{"endpoint": "/a"}', source => 'numbers', as_of => :t);
SELECT status, (SELECT string_agg(right(delivery_id, 1), ' ' ORDER BY created_at DESC) FROM delivery_search(jsonb_build_object('status', status), source => 'numbers', as_of => :t)) AS found
FROM unnest(ARRAY['pending', 'delivered', 'failed', 'dead_letter']) status;
SELECT count(*) FROM delivery_search('{"ids": ["00000000-0000-0000-0000-000000000009"]}', source => 'numbers', as_of => :t);

-- Views, partitions, expressions with a column's name of ours.
CREATE TABLE parts (id int, created_at timestamptz, target text, status text) PARTITION BY RANGE (created_at);
CREATE TABLE parts_old PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2026-01-15 11:30+00');
CREATE TABLE parts_new PARTITION OF parts FOR VALUES FROM ('2026-01-15 11:30+00') TO ('2026-02-01');
INSERT INTO parts SELECT n, :t - n * interval '10 minutes', '/a', 'failed' FROM generate_series(0, 5) n;
CREATE VIEW seen AS SELECT n.id AS d, p.created_at AS at, n.name AS class, p.status AS label FROM parts p JOIN (SELECT id, 'name ' || id AS name FROM parts) n USING (id);
CREATE MATERIALIZED VIEW kept AS SELECT * FROM parts WHERE id > 2;
SELECT count(delivery_source_register('parts', 'parts')), count(delivery_source_register('seen', 'seen', '{"id": "d", "created_at": "at", "endpoint": "class", "status": "label"}')),
  count(delivery_source_register('kept', 'kept')), count(delivery_source_register('parts', 'said', '{"id": "id * 2", "created_at": "created_at + interval ''1 minute''", "endpoint": "target || ''?''", "status": "lower(status)"}'));
SELECT source, found('{"hours": 0.75}', source), found('{"ids": ["4", "2"]}', source), found('{"endpoint": "name 1"}', source) FROM unnest(ARRAY['parts', 'seen', 'kept', 'said']) source;
SELECT delivery_id, created_at, endpoint FROM delivery_search('{"ids": ["4"]}', source => 'said', as_of => :t);
SELECT walk(1, source => 'parts') AS parts, walk(2, source => 'seen') AS seen;

-- A time without a zone is one of its zone. In Berlin 02:30 comes twice on 2026-10-25, and is taken for the second, and
-- not at all on 2026-03-29, and is taken for 03:30.
CREATE TABLE local (id text, created timestamp, updated timestamp, retry_at timestamptz, endpoint text, status text);
INSERT INTO local SELECT id, at::timestamp, at::timestamp, '2026-10-25 01:30+00', '/a', 'failed' FROM (VALUES ('before', '2026-10-25 01:59:59.999999'), ('two', '2026-10-25 02:00'), ('twice', '2026-10-25 02:30'),
  ('three', '2026-10-25 03:00'), ('spring', '2026-03-29 01:59'), ('skipped', '2026-03-29 02:30'), ('same', '2026-03-29 03:30'), ('four', '2026-03-29 04:00')) v (id, at);
SELECT count(delivery_source_register('local', 'local', '{"time_zone": "Europe/Berlin"}'));
SELECT delivery_id, created_at, updated_at, next_retry_at FROM delivery_search(source => 'local', as_of => '2026-12-01');
SELECT filter, found(filter, 'local', '2026-10-25 02:00+00') FROM unnest(ARRAY['{"hours": 1}', '{"hours": 1.000001}', '{"since": "2026-10-25 01:00Z"}', '{"since": "2026-10-24 23:59:59.999999Z", "until": "2026-10-25 01:00Z"}',
  '{"since": "2026-03-29 00:59:00.000001Z", "until": "2026-03-29 01:30Z"}', '{"since": "2026-03-29 01:30Z", "until": "2026-03-29 01:59:59Z"}']::jsonb[]) filter;
SELECT page, walk(page, source => 'local', as_of => '2026-12-01') FROM unnest(ARRAY[1, 3]) page;
SET timezone = 'America/New_York';
SELECT found('{"hours": 1}', 'local', '2026-10-25 02:00+00');
SET timezone = 'UTC';
-- each minute around both changes of the clock, by pages of any size: those of the hour that was skipped stand among those of the next
TRUNCATE local;
INSERT INTO local SELECT 'm' || lpad(i::text, 3, '0'), start + i * interval '1 minute', NULL, NULL, '/a', CASE WHEN i % 3 = 0 THEN 'failed' ELSE 'delivered' END
FROM unnest(ARRAY['2026-03-29 01:30', '2026-10-25 01:30']::timestamp[]) start, generate_series(0, 180) i;
SELECT page, filter, cardinality(ids) AS visited, ids = (SELECT array_agg(id ORDER BY created AT TIME ZONE 'Europe/Berlin' DESC, id COLLATE "C" DESC) FROM local WHERE filter = '{}' OR status = 'failed') AS right_order
FROM (VALUES ('{}'::jsonb, 7), ('{}', 30), ('{}', 61), ('{}', 200), ('{"status": "failed"}', 1), ('{"status": "failed"}', 10), ('{"status": "failed", "since": "2025-01-01"}', 40)) v (filter, page),
  walk(page, filter, 'local', '2026-12-01') ids;
SELECT minutes, count(*), count(*) = (SELECT count(*) FROM local WHERE created AT TIME ZONE 'Europe/Berlin' > as_of - minutes * interval '1 minute' AND created AT TIME ZONE 'Europe/Berlin' <= as_of) AS as_many
FROM unnest(ARRAY[15, 60, 90]) minutes, unnest(ARRAY['2026-03-29 01:30+00', '2026-03-29 01:59+00', '2026-10-25 01:10+00']::timestamptz[]) as_of,
  delivery_search(jsonb_build_object('hours', minutes / 60.0), 1000, source => 'local', as_of => as_of) GROUP BY minutes, as_of ORDER BY as_of, minutes;

-- Without an id there is nothing to tell them apart by.
CREATE TABLE nameless (created_at timestamptz, endpoint text, status text);
SELECT count(delivery_source_register('nameless', 'nameless'));
\pset tuples_only on
\pset format unaligned
SELECT outcome($$SELECT * FROM delivery_search(source => 'nameless')$$);
SELECT outcome($$SELECT * FROM delivery_search()$$);

-- Rights: the caller's own, on each column that is shown; under row-level security his own rows.
SELECT count(delivery_source_drop(name)) FROM delivery_sources WHERE name <> 'default';
CREATE ROLE regress_ai_acme;
CREATE ROLE regress_ai_globex;
CREATE ROLE regress_ai_nobody;
GRANT USAGE ON SCHEMA regress_deliveries, insights TO PUBLIC;
GRANT SELECT ON deliveries TO regress_ai_acme, regress_ai_globex;
ALTER TABLE deliveries ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenants ON deliveries FOR SELECT USING ('regress_ai_' || tenant_id = current_user);
SELECT found('{}');
SET ROLE regress_ai_acme;
SELECT found('{}'), found('{"tenant": "globex"}'), found('{"ids": ["a1", "b1"]}');
PREPARE mine AS SELECT string_agg(delivery_id, ' ' ORDER BY created_at DESC) FROM delivery_search(as_of => :t);
EXECUTE mine;
SET ROLE regress_ai_globex;
EXECUTE mine;
SELECT found('{"status": "failed"}');
SET ROLE regress_ai_nobody;
SELECT outcome('SELECT * FROM delivery_search()');
SELECT outcome($$SELECT * FROM delivery_search('{"ids": []}')$$);
RESET ROLE;
ALTER TABLE deliveries DISABLE ROW LEVEL SECURITY;
GRANT SELECT (id, tenant_id, event_type, target, status, triage_label, triage_score, attempts, max_attempts, http_status, next_retry_at, created_at, updated_at) ON deliveries TO regress_ai_nobody;
SET ROLE regress_ai_nobody;
SELECT outcome('SELECT * FROM delivery_search()');
RESET ROLE;
GRANT SELECT (last_error) ON deliveries TO regress_ai_nobody;
SET ROLE regress_ai_nobody;
SELECT found('{"status": "failed"}');
RESET ROLE;
-- a function of the caller's that has the name of one of ours is not called
CREATE FUNCTION lower(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'called'; END $$;
SET search_path = regress_deliveries, pg_catalog, insights;
SELECT found('{"status": "failed"}');
SET search_path = regress_deliveries, insights;
-- nothing is written
BEGIN READ ONLY;
SELECT count(*) FROM delivery_search(as_of => :t);
COMMIT;

REVOKE USAGE ON SCHEMA insights FROM PUBLIC;
DELETE FROM insights.delivery_sources;
DROP SCHEMA regress_deliveries CASCADE;
DROP ROLE regress_ai_acme, regress_ai_globex, regress_ai_nobody;
