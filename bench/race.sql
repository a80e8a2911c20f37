-- The races behind bench/run: ours, count(status) over the same rows, and the best plain SQL, in turns in one session.
-- Expects the tables deliveries, peer (method, name, query) and setting (as_of, rounds, warmups, parts, peers_only), and
-- unless peers_only the extension in schema insights with deliveries registered.
\set ON_ERROR_STOP on
SET jit = off;

-- Those of one heat take turns.
CREATE TABLE contestant (
  n int GENERATED ALWAYS AS IDENTITY,
  heat text, method text, kind text, name text, workers int, planner text, query text
);
CREATE TABLE lap (n int, ms float8);
-- What each method reads.
CREATE TABLE scanned (part text, method text, minutes int);
INSERT INTO scanned VALUES ('anomalies', 'rate', 75), ('anomalies', 'reference', 60), ('summary', 'summary', 24 * 60);
-- What is timed beside the summary. What reads no deliveries is not measured by those who do.
CREATE TABLE report (
  turn int GENERATED ALWAYS AS IDENTITY,
  name text, function text, reads bool, installed bool, query text
);

-- Puts the constants that a client would send in the place of :tN and :uN.
CREATE FUNCTION bind(q text, as_of timestamptz) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  m int;
BEGIN
  FOR m IN SELECT DISTINCT hit[1]::int FROM regexp_matches(q, ':[tu](\d+)', 'g') AS hit LOOP
    q := regexp_replace(q, ':t' || m || '\M', format('%L::timestamptz', as_of - make_interval(mins => m)), 'g');
    q := regexp_replace(q, ':u' || m || '\M',
                            format('%L::timestamptz', as_of - make_interval(mins => m) + interval '1 microsecond'), 'g');
  END LOOP;
  RETURN q;
END $$;

INSERT INTO report (name, function, reads, query) VALUES
  ('operator_insights_trends(24)', 'operator_insights_trends', true,
   'SELECT * FROM insights.operator_insights_trends(24, as_of => :t0)'),
  ('anomalies_history(168, ''1 hour'')', 'anomalies_history', true,
   'SELECT * FROM insights.anomalies_history(168, ''1 hour'', as_of => :t0)'),
  ('anomalies_history(168, ''5 minutes'')', 'anomalies_history', true,
   'SELECT * FROM insights.anomalies_history(168, ''5 minutes'', as_of => :t0)'),
  ('insights_compare(12)', 'insights_compare', true, 'SELECT * FROM insights.insights_compare(12, as_of => :t0)'),
  ('replay_recommendations(24)', 'replay_recommendations', true,
   'SELECT * FROM insights.replay_recommendations(24, as_of => :t0)'),
  ('triage_classify, a million calls', 'triage_classify', false,
   -- a million rows of answers would cost as much as the calls
   'SELECT count(insights.triage_classify(status, http_status, error)) FROM attempt');
UPDATE report SET installed = EXISTS (
  SELECT FROM pg_proc JOIN pg_namespace s ON s.oid = pronamespace WHERE nspname = 'insights' AND proname = function);

-- What is triaged a million times. The lengths of the arrays have no common factor, so every combination comes up.
CREATE TABLE attempt AS
SELECT (ARRAY['failed', 'dead_letter', 'ERROR', 'pending', 'delivered'])[1 + n % 5] AS status,
       (ARRAY[200, 301, 404, 408, 429, 503, NULL])[1 + n % 7] AS http_status,
       (ARRAY['HTTP 503: service unavailable', 'connection refused', 'request timed out after 10 s',
              'HTTP 404: not found', 'HTTP 429: too many requests', 'getaddrinfo ENOTFOUND hooks.example',
              'Client network socket disconnected before secure TLS connection was established',
              'unexpected response body: <html><head><title>Sign in</title></head><body class="login">'
                || repeat('<p>You have been signed out.</p>', 12) || '</body></html>',
              NULL])[1 + n % 9] AS error
FROM setting, generate_series(1, CASE WHEN 'reports' = ANY (parts) THEN 1000000 END) AS n;
VACUUM (ANALYZE) attempt;

-- By its default costs the planner runs some peers without workers although they gain by them: where workers are allowed,
-- each peer also runs with those costs at 0 ("eager"), and the better one counts.
INSERT INTO contestant (heat, method, kind, name, workers, planner, query)
SELECT CASE method WHEN 'summary' THEN 'insights' ELSE 'anomalies' END,
       method, kind, name || CASE planner WHEN 'eager' THEN ', eager' ELSE '' END, workers, planner, query
FROM (
  SELECT part, method, 'ours' AS kind, 'anomalies_current' AS name,
         format('SELECT * FROM insights.anomalies_current(method => %L, as_of => :t0)', method) AS query, 1 AS turn
  FROM scanned WHERE part = 'anomalies'
  UNION ALL
  -- After the first round, a tick that finds what it found before.
  SELECT part, method, 'tick', 'anomalies_scan', 'SELECT * FROM insights.anomalies_scan(as_of => :t0)', 4
  FROM scanned WHERE method = 'rate'
  UNION ALL
  SELECT part, method, 'ours', 'operator_insights_summary',
         'SELECT insights.operator_insights_summary(24, as_of => :t0)', 1
  FROM scanned WHERE part = 'summary'
  UNION ALL
  SELECT part, method, 'count', 'count(status)',
         format('SELECT count(status) FROM deliveries WHERE created_at > :t%s AND created_at <= :t0', minutes), 2
  FROM scanned
  UNION ALL
  SELECT part, method, 'peer', name, query, 3 FROM peer JOIN scanned USING (method)
  UNION ALL
  SELECT 'reports', 'summary', 'report', name, query, 3 + turn FROM report WHERE installed
) AS entry, unnest(ARRAY[2, 0]) AS workers, unnest(ARRAY['default', 'eager']) AS planner, setting
WHERE (planner = 'default' OR kind = 'peer' AND workers > 0)
  AND NOT (peers_only AND kind IN ('ours', 'report', 'tick'))
  -- reports are measured by the summary and by its yardstick
  AND (part = ANY (parts) OR part = 'summary' AND kind <> 'peer' AND 'reports' = ANY (parts))
ORDER BY method, workers DESC, turn, name, planner;
UPDATE contestant SET query = bind(query, as_of) FROM setting;

-- The settings under which a contestant runs.
CREATE FUNCTION set_up(workers int, planner text) RETURNS text LANGUAGE sql AS $$
  SELECT format('SET max_parallel_workers_per_gather = %s; SET parallel_setup_cost = %s; SET parallel_tuple_cost = %s; ',
                workers, CASE planner WHEN 'eager' THEN '0' ELSE '1000' END,
                CASE planner WHEN 'eager' THEN '0' ELSE '0.1' END)
$$;

-- EXECUTE without INTO runs a query to its end and throws the rows away: no column can be optimised away, and nothing
-- is sent to a client.
DO $$
DECLARE
  h text;
  c record;
  began timestamptz;
  lap_number int;
  of setting;
BEGIN
  SELECT * INTO of FROM setting;
  FOR h IN SELECT DISTINCT heat FROM contestant ORDER BY heat LOOP
    FOR lap_number IN 1 .. of.warmups + of.rounds LOOP
      FOR c IN SELECT * FROM contestant WHERE heat = h ORDER BY n LOOP
        EXECUTE set_up(c.workers, c.planner);
        began := clock_timestamp();
        EXECUTE c.query;
        IF lap_number > of.warmups THEN
          INSERT INTO lap VALUES (c.n, extract(epoch FROM clock_timestamp() - began) * 1000);
        END IF;
      END LOOP;
    END LOOP;
  END LOOP;
END $$;

CREATE TABLE result AS
SELECT c.*, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS median, min(ms) AS least, max(ms) AS most,
       NULL::text AS plan
FROM contestant c JOIN lap USING (n) GROUP BY c.n, heat, method, kind, name, workers, planner, query;
