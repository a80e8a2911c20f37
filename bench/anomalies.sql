-- The race behind bench/run: ours, count(status) over the same rows, and the best plain SQL, in turns in one session.
-- Expects the tables deliveries, peer (method, name, query) and setting (as_of, rounds, warmups, peers_only), and unless
-- peers_only the extension in schema insights with deliveries registered.
\set ON_ERROR_STOP on
SET jit = off;

CREATE TABLE contestant (
  n int GENERATED ALWAYS AS IDENTITY,
  method text, kind text, name text, workers int, planner text, query text
);
CREATE TABLE lap (n int, ms float8);

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

-- By its default costs the planner runs some peers without workers although they gain by them: where workers are allowed,
-- each peer also runs with those costs at 0 ("eager"), and the better one counts.
INSERT INTO contestant (method, kind, name, workers, planner, query)
SELECT method, kind, name || CASE planner WHEN 'eager' THEN ', eager' ELSE '' END, workers, planner, query
FROM (
  SELECT method, 'ours' AS kind, 'anomalies_current' AS name,
         format('SELECT * FROM insights.anomalies_current(method => %L, as_of => :t0)', method) AS query, 1 AS turn
  FROM unnest(ARRAY['rate', 'reference']) AS method, setting WHERE NOT peers_only
  UNION ALL
  SELECT method, 'count', 'count(status)',
         format('SELECT count(status) FROM deliveries WHERE created_at > :t%s AND created_at <= :t0', minutes), 2
  FROM (VALUES ('rate', 75), ('reference', 60)) AS scanned (method, minutes)
  UNION ALL
  SELECT method, 'peer', name, query, 3 FROM peer
) AS entry, unnest(ARRAY[2, 0]) AS workers, unnest(ARRAY['default', 'eager']) AS planner
WHERE planner = 'default' OR kind = 'peer' AND workers > 0
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
  c record;
  began timestamptz;
  lap_number int;
  of setting;
BEGIN
  SELECT * INTO of FROM setting;
  FOR lap_number IN 1 .. of.warmups + of.rounds LOOP
    FOR c IN SELECT * FROM contestant ORDER BY n LOOP
      EXECUTE set_up(c.workers, c.planner);
      began := clock_timestamp();
      EXECUTE c.query;
      IF lap_number > of.warmups THEN
        INSERT INTO lap VALUES (c.n, extract(epoch FROM clock_timestamp() - began) * 1000);
      END IF;
    END LOOP;
  END LOOP;
END $$;

CREATE TABLE result AS
SELECT c.*, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS median, min(ms) AS least, max(ms) AS most
FROM contestant c JOIN lap USING (n) GROUP BY c.n, method, kind, name, workers, planner, query;
