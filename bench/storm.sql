-- The storm behind bench/run: :endpoints endpoints fail at once. storm_step() scans as of some time, in a session of its
-- own, against anomalies_current() as of that time; sample_memory(), in another session, watches what it takes. Expects
-- the extension in schema insights.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
DROP TABLE IF EXISTS storm, storm_step, storm_memory;
CREATE TABLE storm_step (n int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, step text, pid int, before_kb int, current_ms float8, scan_ms float8, changes int);
CREATE TABLE storm_memory (pid int, private_kb int);

-- Each endpoint delivers every five minutes, fails every 20 s for seven minutes, and delivers again.
CREATE TABLE storm AS
SELECT 'tenant ' || e % 500 AS tenant_id, 'https://hooks.example/' || e AS endpoint, status,
       timestamptz '2026-01-15 12:00:00+00' + (s + e % 20 * .9) * interval '1 s' AS created_at
FROM (SELECT s, 'delivered' AS status FROM generate_series(-75 * 60, -6 * 60, 300) AS s
      UNION ALL SELECT s, 'failed' FROM generate_series(-4 * 60, 3 * 60, 20) AS s
      UNION ALL SELECT s, 'delivered' FROM generate_series(4 * 60, 40 * 60, 60) AS s) AS times,
     generate_series(1, :endpoints) AS e
ORDER BY created_at;
CREATE INDEX ON storm (created_at);
VACUUM (ANALYZE) storm;
SELECT insights.delivery_source_register('storm', 'storm') \g /dev/null

-- What a process holds of its own: all but shared memory and files.
CREATE OR REPLACE FUNCTION private_kb(pid int) RETURNS int LANGUAGE sql AS
$$ SELECT substring(pg_read_file('/proc/' || pid || '/status', 0, 10000, true) FROM 'RssAnon:\s+(\d+)')::int $$;

CREATE OR REPLACE PROCEDURE storm_step(step text, as_of timestamptz) LANGUAGE plpgsql AS $$
DECLARE
  began timestamptz;
  laps float8[];
  found record;
BEGIN
  FOR lap IN 1 .. 3 LOOP
    began := clock_timestamp();
    PERFORM count(*) FROM insights.anomalies_current(source => 'storm', as_of => as_of);
    laps := laps || 1000 * extract(epoch FROM clock_timestamp() - began)::float8;
  END LOOP;
  INSERT INTO storm_step (step, pid, before_kb, current_ms) SELECT step, pg_backend_pid(), private_kb(pg_backend_pid()), percentile_cont(.5) WITHIN GROUP (ORDER BY lap)
    FROM unnest(laps) AS lap;
  COMMIT;
  began := clock_timestamp();
  SELECT * INTO found FROM insights.anomalies_scan('storm', as_of);
  COMMIT;
  UPDATE storm_step SET scan_ms = 1000 * extract(epoch FROM clock_timestamp() - began),
    changes = found.opened + found.updated + found.resolved WHERE scan_ms IS NULL;
END $$;

-- Until so many steps are done.
CREATE OR REPLACE PROCEDURE sample_memory(steps int) LANGUAGE plpgsql AS $$
BEGIN
  WHILE (SELECT count(scan_ms) < steps FROM storm_step) LOOP
    INSERT INTO storm_memory SELECT pid, private_kb(pid) FROM storm_step WHERE scan_ms IS NULL;
    COMMIT;
    PERFORM pg_sleep(.01);
  END LOOP;
END $$;
