-- Triage: the rules of the original (REFERENCE.md, M1), the holes that the default closes, and what a source without a
-- triage_label column is counted by.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_triage;
SET search_path = regress_triage, insights;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
\set SHOW_CONTEXT never
\set t '''2026-01-15 12:00:00+00''::timestamptz'
\pset null NULL

-- how a statement ends
CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  state text; message text; detail text; hint text;
BEGIN
  EXECUTE statement;
  RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
    hint = PG_EXCEPTION_HINT;
  RETURN state || ': ' || message || coalesce(E'\n  detail: ' || nullif(detail, ''), '')
    || coalesce(E'\n  hint: ' || nullif(hint, ''), '');
END $$;

-- The rules --------------------------------------------------------------------------------------------------------

-- label, score and action by the number of the rule
CREATE TABLE rules (rule int, label text, score int, action text);
INSERT INTO rules VALUES (1, 'rate_limited', 95, 'wait_and_retry'), (2, 'transient_endpoint_down', 90, 'retry'), (3, 'permanent_4xx', 85, 'manual_fix'),
                         (4, 'unknown', 60, 'review_then_retry'), (5, 'unknown', 50, 'none');

-- A case for each part of each condition, in which both methods agree.
CREATE TABLE cases (rule int, status text, http_status int, error text);
INSERT INTO cases VALUES
  (1, 'failed', 429, NULL), (1, 'failed', NULL, 'rate limit'), (1, 'failed', NULL, 'Too Many Requests'),
  (2, 'failed', 500, NULL), (2, 'failed', 599, NULL), (2, 'failed', NULL, 'connection refused'), (2, 'failed', NULL, 'timeout'),
  (2, 'failed', NULL, 'timed out'), (2, 'failed', NULL, 'upstream error'), (2, 'failed', NULL, 'network error'), (2, 'failed', NULL, 'service unavailable'),
  (3, 'failed', 400, NULL), (3, 'failed', 404, NULL), (3, 'failed', 499, NULL),
  (4, 'failed', NULL, NULL), (4, 'error', NULL, NULL), (4, 'dead_letter', NULL, NULL), (4, 'Failed', NULL, NULL), (4, 'ERROR', NULL, NULL), (4, 'Dead_Letter', NULL, NULL),
  (5, 'delivered', NULL, NULL), (5, 'pending', NULL, NULL), (5, '', NULL, NULL), (5, NULL, NULL, NULL), (5, 'bogus', NULL, NULL), (5, ' failed', NULL, NULL), (5, 'failed ', NULL, NULL),
  (5, 'fail', NULL, NULL),
-- next to the ranges
  (4, 'failed', 199, NULL), (4, 'failed', 200, NULL), (4, 'failed', 600, NULL), (4, 'failed', 0, NULL), (4, 'failed', -1, NULL), (4, 'failed', -429, NULL), (4, 'failed', 2147483647, NULL),
  (4, 'failed', -2147483648, NULL),
  (5, 'delivered', 200, NULL), (5, NULL, 204, ''), (3, 'failed', 428, NULL), (3, 'failed', 430, NULL),
-- in any case, anywhere in the text
  (1, 'failed', NULL, 'the RATE LIMIT of 10/s'), (1, 'failed', NULL, 'too many requestS'), (2, 'failed', NULL, 'cONNECTION rEFUSED'), (2, 'failed', NULL, E'first line\nread timeout'),
  (2, 'failed', NULL, 'Unterminated upstream erroR'), (4, 'failed', NULL, 'connectionrefused'), (4, 'failed', NULL, 'time out'), (4, 'failed', NULL, 'rate-limit'),
  (4, 'failed', NULL, 'ratelimit'),
  (2, 'failed', NULL, 'größe überschritten: timeout 🚀'), (4, 'failed', NULL, 'größe überschritten 🚀'),
  (4, 'failed', NULL, repeat('timeou ', 20000)),
-- the first rule that matches
  (1, 'failed', 503, 'rate limit'), (1, 'failed', 404, 'Too many requests'), (1, 'failed', NULL, 'timeout, then rate limit'), (1, 'failed', 429, 'connection refused'),
  (2, 'failed', 503, 'not found'),
-- the status of a delivery says only what nothing else does
  (3, NULL, 403, NULL), (2, 'pending', 502, NULL), (4, 'failed', NULL, ''), (4, 'failed', NULL, 'it is raining'),
  (5, 'delivered', NULL, 'it is raining');
SELECT rule, count(*) AS cases FROM cases GROUP BY rule ORDER BY rule;
-- those that are not as the table says: none
SELECT method, c.rule, c.status, c.http_status, left(c.error, 60) AS error, t.label, t.score, t.recommended_action
FROM cases c JOIN rules r USING (rule), unnest(ARRAY['default', 'reference']) method, triage_classify(c.status, c.http_status, c.error, method) t
WHERE (t.label, t.score, t.recommended_action) IS DISTINCT FROM (r.label, r.score, r.action);
-- without a method it is the default, whatever that of the detector is
SET anomaly_insights.method = 'reference';
SELECT count(*) FROM cases, triage_classify(status, http_status, error) t WHERE t IS DISTINCT FROM triage_classify(status, http_status, error, 'default');
SELECT label FROM triage_classify('failed', 408, NULL);
RESET anomaly_insights.method;

-- Method reference is these five rules and no more: a second reading of them, on everything with everything.
CREATE FUNCTION rule_of(status text, http_status int, error text) RETURNS int LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN http_status = 429 OR error ILIKE ANY (ARRAY['%rate limit%', '%too many requests%']) THEN 1
    WHEN http_status BETWEEN 500 AND 599
      OR error ILIKE ANY (ARRAY['%connection refused%', '%timeout%', '%timed out%', '%upstream error%', '%network error%', '%service unavailable%']) THEN 2
    WHEN http_status BETWEEN 400 AND 499 THEN 3
    WHEN lower(status) IN ('failed', 'error', 'dead_letter') THEN 4
    ELSE 5
  END $$;
CREATE TABLE texts (error text);
INSERT INTO texts SELECT DISTINCT error FROM cases WHERE length(error) < 1000 OR error IS NULL UNION VALUES
  ('HTTP 503: down'), ('HTTP 404: Not Found'), ('HTTP 429'), ('status code: 410'), ('getaddrinfo ENOTFOUND'), ('connection reset by peer'), ('broken pipe'), ('TLS handshake failed'),
  ('throttled'), ('socket closed'), ('socket hang up'), ('HTTP 404: gateway timeout'), ('HTTP/1.1 301 Moved'), ('HTTP 400: rate limit');
SELECT count(*) AS compared, count(*) FILTER (WHERE (t.label, t.score, t.recommended_action) IS DISTINCT FROM (r.label, r.score, r.action)) AS wrong,
       count(DISTINCT rule_of(status, http_status, error)) AS rules
FROM unnest(ARRAY['failed', 'FAILED', 'error', 'dead_letter', 'failure', 'exhausted', 'dead', 'delivered', 'pending', '', NULL]) status,
     unnest(ARRAY[NULL, -1, 0, 200, 301, 399, 400, 404, 408, 410, 425, 428, 429, 430, 499, 500, 503, 599, 600, 2147483647]) http_status,
     texts, triage_classify(status, http_status, error, 'reference') t, rules r
WHERE r.rule = rule_of(status, http_status, error);

-- The holes that the default closes: the rule by the default, and by the reference.
CREATE TABLE holes (by_default int, by_reference int, http_status int, error text);
INSERT INTO holes VALUES
-- a status code in the text counts as the status
  (2, 4, NULL, 'HTTP 503: down'), (2, 4, NULL, 'HTTP 500'), (3, 4, NULL, 'HTTP 404: Not Found'), (1, 4, NULL, 'HTTP 429'), (2, 4, NULL, 'http 502 from upstream'),
  (2, 4, NULL, 'HTTP/1.1 503 Unavailable'), (2, 4, NULL, 'HTTP/2 500'),
  (2, 4, NULL, 'HTTP status 503'), (3, 4, NULL, 'Request failed with status code 404'), (3, 4, NULL, 'status: 410'), (2, 4, NULL, 'status=503'), (2, 4, NULL, '{"status": 503}'),
  (2, 4, NULL, '503 Server Error: down for url: https://x.example'),
  (3, 4, NULL, '404 Client Error: Not Found for url: https://x.example'), (3, 4, NULL, 'The answer was HTTP 403.'), (2, 4, NULL, 'HTTP 408'), (2, 4, NULL, 'HTTP 425: Too Early'),
  (3, 4, NULL, 'HTTP 301: Moved'),
-- but for what is none
  (4, 4, NULL, 'HTTP 200'), (4, 4, NULL, '5030 items'), (4, 4, NULL, 'order 404 was lost'), (4, 4, NULL, 'https://x.example/404'), (4, 4, NULL, 'http://503.example/'),
  (4, 4, NULL, 'HTTP 5030'), (4, 4, NULL, 'HTTP 50'), (4, 4, NULL, 'HTTP'),
  (4, 4, NULL, 'took 500 ms'), (4, 4, NULL, 'status 500ms ago'), (4, 4, NULL, 'HTTP 600'), (4, 4, NULL, 'http'), (4, 4, NULL, 'status'), (4, 4, NULL, 'status code:'),
  (4, 4, NULL, 'HTTP/1.1'),
-- the status itself goes before the one in the text
  (2, 2, 503, 'HTTP 404'), (3, 3, 404, 'HTTP 503'), (2, 4, 0, 'HTTP 503'), (2, 4, -1, 'HTTP 503'),
-- DNS failures
  (2, 4, NULL, 'getaddrinfo ENOTFOUND hooks.example'), (2, 4, NULL, 'getaddrinfo EAI_AGAIN hooks.example'), (2, 4, NULL, 'Could not resolve host: hooks.example'),
  (2, 4, NULL, '[Errno -2] Name or service not known'),
  (2, 4, NULL, '[Errno -3] Temporary failure in name resolution'), (2, 4, NULL, 'dial tcp: lookup hooks.example: no such host'), (2, 4, NULL, 'DNS lookup failed'),
  (2, 4, NULL, 'dns.resolver.NXDOMAIN'),
-- connections that break, and sockets that are closed
  (2, 4, NULL, 'Connection reset by peer'), (2, 4, NULL, 'read ECONNRESET'), (2, 4, NULL, '[Errno 32] Broken pipe'), (2, 4, NULL, 'write EPIPE'), (2, 4, NULL, 'socket hang up'),
  (2, 4, NULL, 'Socket closed'),
  (2, 4, NULL, 'the connection closed before an answer'),
-- TLS
  (2, 4, NULL, 'TLS handshake failed'), (2, 4, NULL, 'SSL handshake failure'), (2, 2, NULL, 'net/http: TLS handshake timeout'),
-- 408 and 425
  (2, 3, 408, NULL), (2, 3, 425, NULL), (2, 2, 408, 'timeout'),
-- throttling
  (1, 4, NULL, 'request was throttled'), (1, 4, NULL, 'ThrottlingException'), (1, 2, 503, 'Throttled'),
-- what is beyond the first 2 kB is not read, and no word that begins there
  (4, 2, NULL, repeat('x', 100000) || ' timeout'), (2, 2, NULL, repeat('x', 2040) || ' timeout'), (4, 2, NULL, repeat('x', 2041) || ' timeout '), (2, 2, NULL, 'timeout ' || repeat('ü', 100000)),
  (4, 2, NULL, repeat('ü', 1023) || ' timeout'),
-- 410 and 3xx are permanent
  (3, 3, 410, NULL), (3, 4, 300, NULL), (3, 4, 301, 'Moved Permanently'), (3, 4, 399, NULL), (4, 4, 299, NULL),
-- and a 4xx stays so whose text merely mentions a timeout
  (3, 2, 404, 'timeout'), (3, 2, 400, 'invalid field "timeout"'), (3, 2, 422, 'connection refused by policy'), (3, 2, NULL, 'HTTP 404: gateway timeout page'),
  (3, 2, 410, 'service unavailable for good'), (3, 2, 301, 'timed out'),
  (1, 1, 404, 'rate limit'), (1, 3, 400, 'throttled');
SELECT by_default, by_reference, count(*) AS cases FROM holes GROUP BY by_default, by_reference ORDER BY by_default, by_reference;
-- those that are not as said: none
SELECT method, wanted.label AS wanted, h.http_status, h.error, t.label, t.score, t.recommended_action
FROM holes h CROSS JOIN LATERAL (VALUES ('default', by_default), ('reference', by_reference)) v (method, rule) JOIN rules wanted USING (rule),
     triage_classify('failed', h.http_status, h.error, method) t
WHERE (t.label, t.score, t.recommended_action) IS DISTINCT FROM (wanted.label, wanted.score, wanted.action);
-- What was delivered has nothing to triage, whatever its answer says.
SELECT method, count(*) AS delivered, count(*) FILTER (WHERE t.score > 50) AS labelled
FROM holes h, unnest(ARRAY['delivered', 'Success']) status, unnest(ARRAY['default', 'reference']) method, triage_classify(status, h.http_status, h.error, method) t GROUP BY method ORDER BY method;
-- Stored apart or compressed, a text says the same.
CREATE TABLE stored_texts (error text, http_status int);
ALTER TABLE stored_texts ALTER error SET STORAGE EXTERNAL;
INSERT INTO stored_texts SELECT error || repeat(' ' || md5(error), 300), http_status FROM holes;
ALTER TABLE stored_texts ALTER error SET STORAGE EXTENDED;
INSERT INTO stored_texts SELECT error || repeat(' ' || md5(error), 300), http_status FROM holes;
SELECT count(*) AS compared, count(DISTINCT pg_column_size(error)) > 1 AS compressed, count(*) FILTER (WHERE triage_label('failed', http_status, error) IS DISTINCT FROM (triage_classify('failed', http_status, error || '')).label) AS wrong
FROM stored_texts;
-- A text that ends early has what it has: the 8 characters of HTTP 503, the 28 up to throttl.
SELECT t.label, min(n) AS from_length FROM generate_series(0, 30) n, triage_classify('failed', NULL, left('HTTP 503 broken pipe throttled', n)) t GROUP BY t.label ORDER BY from_length;

-- The same as clients of several languages write it.
CREATE TABLE clients (rule int, error text);
INSERT INTO clients VALUES
  (2, $$Max retries exceeded with url: / (Caused by NewConnectionError('<HTTPSConnection>: Failed to establish a new connection: [Errno 111] Connection refused'))$$),
  (2, $$HTTPSConnectionPool(host='x.example', port=443): Read timed out. (read timeout=10)$$), (2, $$('Connection aborted.', ConnectionResetError(104, 'Connection reset by peer'))$$),
  (2, 'Post "https://x.example": context deadline exceeded (Client.Timeout exceeded while awaiting headers)'),
  (2, 'Post "https://x.example": dial tcp 10.0.0.1:443: connect: connection refused'),
  (2, 'connect ECONNREFUSED 10.0.0.1:443'), (2, 'curl: (6) Could not resolve host: x.example'), (2, 'curl: (28) Operation timed out after 5000 milliseconds'),
  (2, 'java.net.SocketTimeoutException: Read timed out'),
  (2, '502 Bad Gateway'), (2, 'HTTP Error 503: Service Unavailable'), (2, $$Server error '503 Service Unavailable' for url 'https://x.example/'$$),
  (1, $$429, message='Too Many Requests', url='https://x.example/'$$),
-- DNS
  (2, 'java.net.UnknownHostException: x.example'), (2, '[Errno 8] nodename nor servname provided, or not known'),
-- TLS
  (2, 'javax.net.ssl.SSLHandshakeException: Remote host terminated the handshake'), (2, 'remote error: tls: handshake failure'),
  (2, '[SSL: SSLV3_ALERT_HANDSHAKE_FAILURE] sslv3 alert handshake failure (_ssl.c:1007)'),
-- what was closed
  (2, 'Remote end closed connection without response'), (2, 'Server disconnected without sending a response.'), (2, 'write tcp 10.0.0.1:443: use of closed network connection'),
  (2, 'java.net.SocketException: Socket is closed'),
-- a status code
  (3, $$Client error '404 Not Found' for url 'https://x.example/'$$), (2, $$Server error '500 Internal Server Error' for url 'https://x.example/'$$),
  (3, $$404, message='Not Found', url='https://x.example/'$$),
  (2, 'Server returned HTTP response code: 503 for URL: https://x.example/'), (3, 'Response code 404 (Not Found)');
-- those that are not as said: none
SELECT wanted.label AS wanted, t.label, c.error FROM clients c JOIN rules wanted USING (rule), triage_classify('failed', NULL, c.error) t WHERE t.label IS DISTINCT FROM wanted.label;

-- The reason names the signal that decided: the code, the words, or the status; one sentence, plain.
\pset format unaligned
SELECT method, http_status, error, t.label,
       CASE WHEN signal IS NULL THEN t.reason !~ '[0-9"]' ELSE position(lower(signal) IN lower(t.reason)) > 0 END AS names_it, t.reason ~ '^[A-Z][^.]*\.$' AS a_sentence
FROM (VALUES ('default', 503, NULL, '503'), ('reference', 404, NULL, '404'), ('default', NULL, 'HTTP 502: oops', '502'), ('default', NULL, 'Connection RESET by peer', 'connection reset'),
             ('reference', NULL, 'Rate Limit', 'rate limit'), ('default', 400, 'throttled', 'throttl'), ('default', 404, 'timeout', '404'), ('reference', 404, 'timeout', 'timeout'),
             ('default', NULL, NULL, NULL)) v (method, http_status, error, signal),
     triage_classify('failed', http_status, error, method) t;
-- of everything above, in both methods
SELECT count(*) > 0 AS some, count(*) FILTER (WHERE t.reason !~ '^[A-Z].*\.$' OR t.reason ~ E'\n' OR length(t.reason) > 160) AS no_sentence
FROM (SELECT status, http_status, error FROM cases UNION ALL SELECT 'failed', http_status, error FROM holes UNION ALL SELECT 'failed', NULL, error FROM clients) v,
     unnest(ARRAY['default', 'reference']) method, triage_classify(status, http_status, error, method) t;
\pset format aligned

-- NULLs: any argument but the method.
SELECT method, t.label, t.score, t.recommended_action FROM unnest(ARRAY['default', 'reference']) method, triage_classify(NULL, NULL, NULL, method) t;
SELECT (triage_classify(NULL, 503, NULL)).label AS a, (triage_classify(NULL, NULL, 'timeout')).label AS b, (triage_classify('failed', NULL, NULL)).score AS c;
\pset tuples_only on
\pset format unaligned
SELECT outcome($$SELECT triage_classify('failed', 503, NULL, NULL)$$);
SELECT outcome($$SELECT * FROM triage_classify('failed', 503, NULL, NULL)$$);
SELECT quote_literal(method), outcome(format('SELECT triage_classify(''failed'', 503, NULL, %L)', method)) FROM unnest(ARRAY['', 'rate', 'Default', 'reference ', 'magic']) method;
-- each row's method is its own
SELECT outcome($$SELECT triage_classify('failed', 503, NULL, m) FROM unnest(ARRAY['default', 'reference', 'neither']) m$$);
\pset tuples_only off
\pset format aligned

-- As a composite, in FROM, and its columns' names and types.
SELECT triage_classify('failed', 429, NULL) = ROW('rate_limited'::text, 95, (triage_classify('failed', 429, NULL)).reason, 'wait_and_retry'::text) AS composite;
SELECT (triage_classify('failed', 410, NULL, method => 'reference')).recommended_action;
SELECT * FROM triage_classify(error => 'timeout', http_status => NULL, status => 'failed') \gdesc
SELECT label, count(*), min(score) AS score FROM cases, triage_classify(status, http_status, error) GROUP BY label ORDER BY label;
SELECT (t).label, (t).score FROM (SELECT triage_classify('failed', code, NULL) AS t FROM unnest(ARRAY[404, 429, 503]) code) s ORDER BY (t).score;
SELECT to_jsonb(t) - 'reason' AS json FROM triage_classify('failed', 503, NULL) t;
SELECT triage_classify(label, code, NULL, m) IS NOT NULL AS ok FROM (VALUES ('x', 1, 'default')) v (label, code, m);

-- triage_label: the same label, and none where there is nothing to triage.
SELECT count(*) AS compared, count(*) FILTER (WHERE triage_label(status, http_status, error) IS DISTINCT FROM CASE WHEN t.score > 50 THEN t.label END) AS wrong,
       count(*) FILTER (WHERE t.score = 50) AS nothing
FROM (SELECT status, http_status, error FROM cases UNION ALL SELECT 'failed', http_status, error FROM holes) v, triage_classify(status, http_status, error) t;
SELECT triage_label('failed', 503, NULL) AS code, triage_label('FAILED', NULL, NULL) AS status, triage_label('delivered', 200, NULL) AS delivered, triage_label(NULL, NULL, NULL) AS nothing,
       triage_label('pending', NULL, 'throttled') AS text, triage_label('delivered', NULL, 'throttled') AS delivered_text, triage_label(NULL, NULL, '') AS no_text, pg_typeof(triage_label(NULL, NULL, NULL));

-- IMMUTABLE: in an index, in a generated column, in a constraint.
CREATE TABLE kept (
  id int, status text, http_status int, error text, label text GENERATED ALWAYS AS (triage_label(status, http_status, error)) STORED,
  score int GENERATED ALWAYS AS ((triage_classify(status, http_status, error, 'reference')).score) STORED CHECK ((triage_classify(status, http_status, error)).score BETWEEN 50 AND 95));
CREATE INDEX kept_label ON kept (triage_label(status, http_status, error));
CREATE INDEX kept_action ON kept (((triage_classify(status, http_status, error)).recommended_action)) WHERE triage_label(status, http_status, error) IS NOT NULL;
INSERT INTO kept SELECT i, CASE WHEN i % 10 = 0 THEN 'failed' ELSE 'delivered' END, CASE WHEN i % 20 = 0 THEN 400 + i % 40 END, CASE WHEN i % 50 = 0 THEN 'throttled' END
FROM generate_series(1, 2000) i;
UPDATE kept SET status = 'pending', error = 'timeout', http_status = NULL WHERE id = 1;
ANALYZE kept;
SELECT label, score, count(*) FROM kept GROUP BY label, score ORDER BY label COLLATE "C" NULLS LAST, score;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM kept WHERE triage_label(status, http_status, error) = 'transient_endpoint_down';
SELECT id FROM kept WHERE triage_label(status, http_status, error) = 'transient_endpoint_down';
EXPLAIN (COSTS OFF) SELECT count(*) FROM kept WHERE (triage_classify(status, http_status, error)).recommended_action = 'wait_and_retry'
  AND triage_label(status, http_status, error) IS NOT NULL;
SELECT count(*) FROM kept WHERE (triage_classify(status, http_status, error)).recommended_action = 'wait_and_retry' AND triage_label(status, http_status, error) IS NOT NULL;
RESET enable_seqscan;
RESET enable_bitmapscan;

-- Sources without a triage_label column -----------------------------------------------------------------------------

-- What is known of each kind of delivery, how many there are, and its label by hand where all of it is seen, where only
-- the code is, where only the error is, and where only the status is.
CREATE TABLE kinds (kind text, n int, status text, code int, error text, attempts int, by_all text, by_code text, by_error text, by_status text);
INSERT INTO kinds VALUES
  ('well',           40, 'delivered',   200,  NULL,                            1, NULL,                      NULL,                      NULL,                      NULL),
  ('well at once',   12, 'delivered',   NULL, 'no timeout, no rate limit',     1, NULL,                      NULL,                      NULL,                      NULL),
  ('well at last',    3, 'delivered',   NULL, 'timeout, then it was accepted', 2, 'transient_endpoint_down', NULL,                      'transient_endpoint_down', NULL),
  ('well after 503',  5, 'delivered',   503,  NULL,                            3, 'transient_endpoint_down', 'transient_endpoint_down', NULL,                      NULL),
  ('down',            7, 'failed',      503,  'HTTP 503: down',                1, 'transient_endpoint_down', 'transient_endpoint_down', 'transient_endpoint_down', 'unknown'),
  ('refused',         4, 'dead_letter', NULL, 'Connection refused',            5, 'transient_endpoint_down', 'unknown',                 'transient_endpoint_down', 'unknown'),
  ('gone',            6, 'failed',      410,  'HTTP 410',                      1, 'permanent_4xx',           'permanent_4xx',           'permanent_4xx',           'unknown'),
  ('no such page',    2, 'dead_letter', 404,  'timeout is no parameter',       1, 'permanent_4xx',           'permanent_4xx',           'transient_endpoint_down', 'unknown'),
  ('limited',         8, 'failed',      429,  NULL,                            2, 'rate_limited',            'rate_limited',            'unknown',                 'unknown'),
  ('throttled',       9, 'pending',     NULL, 'throttled',                     1, 'rate_limited',            NULL,                      'rate_limited',            NULL),
  ('waiting',        30, 'pending',     503,  'HTTP 503: try again later',     1, 'transient_endpoint_down', 'transient_endpoint_down', 'transient_endpoint_down', NULL),
  ('queued',         25, 'pending',     NULL, NULL,                            1, NULL,                      NULL,                      NULL,                      NULL),
  ('why',            11, 'failed',      NULL, 'it is raining',                 1, 'unknown',                 'unknown',                 'unknown',                 'unknown'),
  ('what',            1, 'bogus',       NULL, NULL,                            1, NULL,                      NULL,                      NULL,                      NULL),
  ('what, down',     20, 'bogus',       502,  'HTTP 502',                      1, 'transient_endpoint_down', 'transient_endpoint_down', 'transient_endpoint_down', NULL),
  ('nothing',         1, NULL,          NULL, NULL,                            1, NULL,                      NULL,                      NULL,                      NULL);
CREATE TABLE base AS
  SELECT row_number() OVER (ORDER BY kind COLLATE "C", i)::int AS id, :t - interval '3 minutes' AS created_at, 'tenant ' || i % 2 AS tenant_id, kind AS endpoint,
         status, code, error, attempts
  FROM kinds, generate_series(1, n) i;

CREATE TABLE all_known AS SELECT id, created_at, tenant_id, endpoint, status, code AS http_status, error AS last_error, attempts FROM base;
CREATE TABLE codes AS SELECT id, created_at, tenant_id, endpoint, status, code AS http_status, attempts FROM base;
CREATE TABLE code_texts AS SELECT id, created_at, tenant_id, endpoint, status, code::text AS answer, attempts FROM base;
CREATE TABLE errors AS SELECT id, created_at, tenant_id, endpoint, status, error, attempts FROM base;
CREATE TABLE statuses AS SELECT id, created_at, tenant_id, endpoint, status, attempts FROM base;
CREATE TABLE numbers AS
  SELECT id, created_at, tenant_id, endpoint,
         (CASE status WHEN 'delivered' THEN 1 WHEN 'failed' THEN 2 WHEN 'dead_letter' THEN 3 WHEN 'pending' THEN 0 WHEN 'bogus' THEN 9 END)::smallint AS state,
         code::smallint AS status_code, error AS error_message, attempts::smallint AS tries FROM base;
CREATE TABLE words AS
  SELECT id, created_at, tenant_id, endpoint,
         CASE status WHEN 'delivered' THEN 'OK' WHEN 'failed' THEN CASE WHEN id % 2 = 0 THEN 'FAILED' ELSE 'FAILURE' END WHEN 'dead_letter' THEN 'EXHAUSTED' ELSE upper(status) END::varchar(20) AS status,
         code::numeric AS response_code, upper(error) AS failure_reason, attempts FROM base;
-- one that has such a column keeps what is in it, be it nothing; unless the mapping says that there is none
CREATE TABLE stored AS SELECT id, created_at, tenant_id, endpoint, status, code AS http_status, error, attempts, CASE WHEN endpoint = 'down' THEN 'permanent_4xx' END AS triage_label
FROM base;

CREATE TABLE sources (source text, relation regclass, mapping jsonb, seen text);
INSERT INTO sources VALUES
  ('all known', 'all_known', '{}', 'all'), ('codes', 'codes', '{}', 'code'), ('code texts', 'code_texts', '{"http_status": "answer::int"}', 'code'), ('errors', 'errors', '{}', 'error'),
  ('statuses', 'statuses', '{}', 'status'),
  ('numbers', 'numbers', '{"statuses": {"0": "pending", "1": "delivered", "2": "failed", "3": "dead_letter"}}', 'all'), ('words', 'words', '{}', 'all'), ('stored', 'stored', '{}', 'column'),
  ('left out', 'stored', '{"triage_label": null}', 'all');
-- registered while they are empty, since nobody knows what "bogus" means
CREATE FUNCTION register_empty(relation regclass, source text, mapping jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  understood jsonb;
BEGIN
  EXECUTE format('CREATE TABLE put_aside AS TABLE %1$s; TRUNCATE %1$s', relation);
  understood := delivery_source_register(relation, source, mapping);
  EXECUTE format('INSERT INTO %s TABLE put_aside; DROP TABLE put_aside', relation);
  RETURN understood;
END $$;
SELECT source, register_empty(relation, source, mapping) - ARRAY['id', 'created_at', 'tenant_id', 'endpoint', 'statuses'] AS mapping FROM sources ORDER BY source;
-- a text is no number, so it must be made one
\pset tuples_only on
\pset format unaligned
SELECT outcome($$SELECT delivery_source_register('code_texts', 'no', '{"http_status": "answer"}')$$);
\pset tuples_only off
\pset format aligned

-- The oracle: what a delivery is to each source, its label by calling triage_classify for each row, or, where a retry
-- delivered it, that of the failure before; and either by hand.
CREATE VIEW facts AS
  SELECT s.source, b.id, b.tenant_id, b.endpoint, b.attempts, coalesce(b.status, 'NULL') AS state,
         CASE WHEN t.score > 50 AND b.status IS DISTINCT FROM 'delivered' THEN t.label END AS label,
         CASE WHEN t.score > 50 AND b.status = 'delivered' AND b.attempts > 1 THEN t.label END AS before,
         CASE s.seen WHEN 'all' THEN k.by_all WHEN 'code' THEN k.by_code WHEN 'error' THEN k.by_error WHEN 'status' THEN k.by_status END AS by_hand
  FROM sources s CROSS JOIN base b JOIN kinds k ON k.kind = b.endpoint,
    triage_classify(CASE WHEN b.status IN ('failed', 'dead_letter') THEN 'failed' END, CASE WHEN s.seen IN ('all', 'code') THEN b.code END,
                    CASE WHEN s.seen IN ('all', 'error') THEN b.error END) t
  WHERE s.seen <> 'column'
  UNION ALL
  SELECT s.source, b.id, b.tenant_id, b.endpoint, b.attempts, coalesce(b.status, 'NULL'), b.triage_label, NULL, CASE b.endpoint WHEN 'down' THEN 'permanent_4xx' END
  FROM sources s CROSS JOIN stored b WHERE s.seen = 'column';
SELECT count(*) AS deliveries, count(*) FILTER (WHERE coalesce(label, before) IS DISTINCT FROM by_hand) AS wrong, count(before) AS before FROM facts;
-- by the function that is meant for it, the same
SELECT count(*) FILTER (WHERE triage_label(CASE WHEN status IN ('failed', 'dead_letter') THEN 'failed' END, code, error) IS DISTINCT FROM by_all) AS wrong
FROM base JOIN kinds USING (status, error, code);

-- The labels of each source, and whether the oracle has the same.
CREATE VIEW labels AS
  SELECT source, coalesce(label, 'unclassified') AS triage_label, count(*) AS deliveries FROM facts GROUP BY 1, 2;
SELECT source, string_agg(triage_label || ' ' || deliveries, ', ' ORDER BY triage_label COLLATE "C") AS labels, sum(deliveries) AS total,
       jsonb_object_agg(triage_label, deliveries) FILTER (WHERE deliveries > 0) = (SELECT jsonb_object_agg(triage_label, deliveries) FROM labels l WHERE l.source = s.source) AS agrees
FROM sources s, triage_distribution(source => source, as_of => :t) GROUP BY source ORDER BY source;
-- the summary: labels, and what became of retries of transient ones, with 1 decimal
SELECT s.source, (SELECT jsonb_object_agg(triage_label, deliveries) FROM labels l WHERE l.source = s.source) <@ (j -> 'triage_distribution') AS distribution,
       j #> '{triage_accuracy,transient_retry_success_rate}' AS transient_retries,
       j #> '{triage_accuracy,transient_retry_success_rate}' = to_jsonb(round(100.0 * o.retried / greatest(o.transient, 1), 1)) AS agrees,
       (j -> 'delivery_stats') - 'success_rate' = jsonb_build_object('total', o.total, 'delivered', o.delivered, 'failed', o.failed,
         'dead_letter', o.dead_letter, 'pending', o.pending) AS statuses
FROM sources s, operator_insights_summary(source => s.source, as_of => :t) j, LATERAL (
  SELECT count(*) AS total, count(*) FILTER (WHERE state = 'delivered') AS delivered, count(*) FILTER (WHERE state = 'failed') AS failed,
         count(*) FILTER (WHERE state = 'dead_letter') AS dead_letter,
         count(*) FILTER (WHERE state = 'pending') AS pending, count(*) FILTER (WHERE coalesce(label, before) = 'transient_endpoint_down') AS transient,
         count(*) FILTER (WHERE coalesce(label, before) = 'transient_endpoint_down' AND attempts > 1 AND state = 'delivered') AS retried
  FROM facts f WHERE f.source = s.source) o ORDER BY s.source;
-- of one tenant
SELECT s.source, bool_and(d.deliveries = o.n) AS agrees, sum(d.deliveries) AS total FROM sources s, triage_distribution(source => s.source, tenant => 'tenant 1', as_of => :t) d,
  LATERAL (SELECT count(*) AS n FROM facts f WHERE f.source = s.source AND f.tenant_id = 'tenant 1' AND coalesce(f.label, 'unclassified') = d.triage_label) o
WHERE s.source = 'all known' GROUP BY s.source;

-- What was delivered is in no list of a label, but where the table has stored one.
SELECT s.source, count(*) FILTER (WHERE d.status_class = 'delivered') AS delivered, count(d.triage_label) FILTER (WHERE d.status_class = 'delivered') AS labelled,
       bool_and(d.triage_label IS NOT DISTINCT FROM f.label) AS agrees
FROM sources s, delivery_search('{"hours": 1}', 1000, source => s.source, as_of => :t) d, facts f WHERE f.source = s.source AND f.id::text = d.delivery_id GROUP BY s.source ORDER BY s.source;
SELECT l.label, count(*) AS found, count(*) FILTER (WHERE d.status_class = 'delivered') AS delivered
FROM unnest(ARRAY['transient_endpoint_down', 'permanent_4xx', 'rate_limited', 'unknown', 'unclassified']) l (label), delivery_search(jsonb_build_object('hours', 1, 'triage_label', l.label), 1000, source => 'all known', as_of => :t) d
GROUP BY l.label ORDER BY l.label;
-- a rollup of one's own has it by the same words; what was not delivered by a retry has no failure before
SELECT status, attempts, c.transient_endpoint_down AS transient, c.transient_before, c.transient_retried_delivered AS transient_retried, c.rate_limited, c.rate_limited_retried_delivered AS limited_retried, c.unknown, c.reference_failures
FROM (VALUES ('delivered', 2), ('delivered', 1), ('delivered', NULL), ('failed', 2), ('pending', 2)) v (status, attempts),
  LATERAL (SELECT delivery_rollup_agg(delivery_rollup_shape(:t - interval '1 minute', '1 hour', 1), :t, 't', 'e', status, label, attempts, NULL)
           FROM unnest(ARRAY['was transient_endpoint_down', 'was rate_limited', 'was permanent_4xx', 'was unknown', 'was it', 'was ']) label) r (rollup), rollup_cells(rollup) c;

-- The detector: what has not arrived and has a label that says so is a failure, a pending delivery too; to the
-- reference one that has arrived as well.
CREATE VIEW failing AS
  SELECT source, method, tenant_id, endpoint, count(*) AS recent_count,
         count(*) FILTER (WHERE state IN ('failed', 'dead_letter') OR label IN ('transient_endpoint_down', 'permanent_4xx')
           AND (method = 'reference' OR state <> 'delivered')) AS recent_failures
  FROM facts, unnest(ARRAY['rate', 'reference']) method GROUP BY source, method, tenant_id, endpoint;
SELECT s.source, m.method, count(a.endpoint) AS reported, count(*) FILTER (WHERE (a.recent_count, a.recent_failures) IS DISTINCT FROM (f.recent_count, f.recent_failures)) AS wrong,
       string_agg(DISTINCT a.endpoint, ', ') FILTER (WHERE a.severity = 'critical') AS failing
FROM sources s CROSS JOIN unnest(ARRAY['rate', 'reference']) m (method) CROSS JOIN LATERAL anomalies_current(method => m.method, source => s.source, as_of => :t) a
LEFT JOIN failing f ON (f.source, f.method, f.tenant_id, f.endpoint) = (s.source, m.method, a.tenant_id, a.endpoint) GROUP BY s.source, m.method ORDER BY s.source, m.method;
-- by hand: 15 of 15 pending ones are failures where the error is seen, and none where only the status is
SELECT s.source, max(value) FILTER (WHERE endpoint = 'waiting') AS waiting, max(value) FILTER (WHERE endpoint = 'well after 503') AS delivered
FROM sources s, unnest(ARRAY['waiting', 'well after 503']) endpoint, anomalies_explain('tenant 1', endpoint, source => s.source, as_of => :t)
WHERE item = 'failed 5 min' AND s.source IN ('errors', 'numbers', 'statuses', 'words') GROUP BY s.source ORDER BY s.source;
-- in the history as well
SELECT s.source, count(*) AS reported, count(*) FILTER (WHERE to_jsonb(h) = to_jsonb(a)) AS same
FROM sources s, anomalies_history(1, method => 'rate', source => s.source, as_of => :t) h
LEFT JOIN LATERAL (SELECT * FROM anomalies_current(source => s.source, as_of => :t) a WHERE (a.tenant_id, a.endpoint) = (h.tenant_id, h.endpoint)) a ON true
WHERE s.source IN ('codes', 'numbers', 'statuses') GROUP BY s.source ORDER BY s.source;
-- and those worth a replay have the same labels
SELECT s.source, count(*) AS candidates, count(*) FILTER (WHERE r.triage_label = f.label) AS agree,
       (SELECT count(*) FROM facts o WHERE o.source = s.source AND o.state IN ('failed', 'dead_letter') AND o.label IN ('transient_endpoint_down', 'rate_limited')) AS wanted
FROM sources s, replay_recommendations(source => s.source, as_of => :t) r LEFT JOIN facts f ON f.id::text = r.delivery_id WHERE f.source = s.source GROUP BY s.source ORDER BY s.source;

DELETE FROM insights.delivery_sources;
DROP SCHEMA regress_triage CASCADE;
