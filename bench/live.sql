-- Lets the day of generate.sql go on: every two seconds the deliveries of its last minutes happen again, now, with their
-- incidents; and what was replayed is delivered. Runs until its session ends.
--
--   psql -f bench/live.sql
\set ON_ERROR_STOP on
\set QUIET on
\pset format unaligned
\pset tuples_only on

-- Four minutes, up to one before the end, since by then each delivery has an outcome.
CREATE TEMP TABLE live_loop AS
  SELECT d.*, d.created_at - first.at AS after, d.updated_at - d.created_at AS took
  FROM (SELECT max(created_at) - interval '5 minutes' AS at FROM deliveries) first, deliveries d
  WHERE d.created_at > first.at AND d.created_at <= first.at + interval '4 minutes' AND d.status <> 'pending';
CREATE TEMP TABLE live_clock AS SELECT now() AS began, now() AS until;

CREATE FUNCTION pg_temp.live_step() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  clock live_clock;
  loop_length CONSTANT interval := '4 minutes';
BEGIN
  SELECT * INTO clock FROM live_clock;
  INSERT INTO deliveries
  SELECT gen_random_uuid(), l.alert_event_id, l.tenant_id, l.rule_id, l.rule_name, l.event_type, l.target, l.status,
         l.triage_label, l.triage_score, l.attempts, l.max_attempts, l.last_error, at.time + (l.next_retry_at - l.created_at),
         at.time, least(at.time + l.took, now())
  FROM generate_series(0, floor(extract(epoch FROM now() - clock.began) / extract(epoch FROM loop_length))::int) AS round,
       live_loop l, LATERAL (SELECT clock.began + round * loop_length + l.after AS time) at
  WHERE at.time > clock.until AND at.time <= now();
  UPDATE live_clock SET until = now();
  -- The sender of this demo: what is in line again is delivered after a few seconds.
  UPDATE deliveries SET status = 'delivered', attempts = 1, next_retry_at = NULL, updated_at = now()
  WHERE status = 'pending' AND attempts = 0 AND next_retry_at < now() - interval '5 seconds'
    AND created_at > now() - interval '1 day';
END $$;

SELECT pg_temp.live_step() \watch 2
