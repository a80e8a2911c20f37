-- The life of incidents, by scans at times of our choosing.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS insights;
CREATE EXTENSION IF NOT EXISTS anomaly_insights SCHEMA insights;
CREATE SCHEMA regress_lifecycle;
SET search_path = regress_lifecycle, insights;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
-- Hundreds of scans of a few rows each: neither JIT nor parallel workers are what this is about.
SET jit = off;
SET max_parallel_workers_per_gather = 0;
\set SHOW_CONTEXT never
\pset tuples_only on
\pset format unaligned

CREATE TABLE d (created_at timestamptz NOT NULL, tenant_id text, endpoint text, status text);
CREATE INDEX ON d (created_at);
SELECT count(delivery_source_register('d', 'life'));

-- The time of a minute after 14:30.
CREATE FUNCTION minute(n numeric) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS
$$ SELECT '2025-11-05 14:30:00+00'::timestamptz + n * interval '1 minute' $$;

-- n deliveries a minute from one minute up to another, of which a share fails
CREATE FUNCTION traffic(endpoint text, first int, last int, n int, failing numeric DEFAULT 0) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  rows int;
BEGIN
  INSERT INTO regress_lifecycle.d SELECT regress_lifecycle.minute(m) + (i - 0.5) * interval '1 minute' / n, 't', endpoint,
    CASE WHEN i <= round(n * failing) THEN 'failed' ELSE 'delivered' END
  FROM generate_series(first, last - 1) m, generate_series(1, n) i;
  GET DIAGNOSTICS rows = ROW_COUNT;
  RETURN rows;
END $$;

-- Scans at a minute: what it counts, and the events that it brings.
CREATE TEMP TABLE seen AS SELECT coalesce(max(seq), 0) AS seq FROM anomaly_events;
CREATE FUNCTION happened() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  news text;
BEGIN
  SELECT string_agg(format('%s: %s %s, %s%s', coalesce(e.endpoint, e.scope), e.event, e.severity, e.status,
    ' (' || e.resolve_reason || ')'), '; ' ORDER BY e.seq) INTO news
  FROM insights.anomaly_events e, seen WHERE e.seq > seen.seq;
  UPDATE seen SET seq = (SELECT coalesce(max(e.seq), 0) FROM insights.anomaly_events e);
  RETURN coalesce(news, '-');
END $$;
CREATE FUNCTION scan(n numeric) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  counted text;
BEGIN
  SELECT format('%s opened, %s updated, %s resolved', s.opened, s.updated, s.resolved)
    || CASE WHEN s.outcome <> 'done' THEN ', ' || s.outcome ELSE '' END INTO counted
  FROM insights.anomalies_scan('life', regress_lifecycle.minute(n)) s;
  RETURN counted || ' | ' || regress_lifecycle.happened();
END $$;
-- Scans every minute, and shows those with events.
CREATE FUNCTION scan_each(first int, last int) RETURNS TABLE (minute int, outcome text) LANGUAGE plpgsql AS $$
BEGIN
  FOR n IN first..last LOOP
    minute := n;
    outcome := regress_lifecycle.scan(n);
    IF outcome NOT LIKE '% | -' THEN RETURN NEXT; END IF;
  END LOOP;
END $$;

-- An hour and more of calm, then failures: they open at once, for they are beyond doubt.
SELECT traffic('pay', -75, 0, 10);
SELECT scan(0);
SELECT traffic('pay', 0, 3, 10, 0.9);
SELECT scan(1);
SELECT tenant_id, endpoint, severity, spike_detected, failure_cluster_detected, silence_detected, recent_count,
  recent_failures, baseline_count, baseline_failures, status, detected_at, last_seen_at, peak_failures, peak_multiplier,
  scope, message
FROM anomalies_active WHERE source = 'life';

-- It follows: last_seen_at once a minute, a peak at once; a scan without news writes nothing.
SELECT scan(1.5), scan(2), scan(2), scan(3);
SELECT last_seen_at, recent_failures, peak_failures FROM anomalies WHERE source = 'life';

-- The failures end. When none of the detector's windows is flagged and no failure is in the last five minutes it is
-- calm; and after ten minutes of that resolved.
SELECT traffic('pay', 3, 40, 10);
SELECT * FROM scan_each(4, 38);
SELECT status, resolved_at, resolve_reason, resolved_by, calm_since FROM anomalies WHERE source = 'life';

-- A breach within half an hour is the same incident: the row is opened again.
SELECT traffic('pay', 40, 42, 100, 0.9);
SELECT scan(41);
SELECT status, reopen_count, reopened_at, resolved_at, resolve_reason, detected_at FROM anomalies WHERE source = 'life';
-- Resolved by hand while it breaches: it stays so, whatever the detector says.
SELECT (anomaly_resolve(id, 'known', as_of => minute(42))).status FROM anomalies WHERE source = 'life';
SELECT happened();
SELECT resolved_by = session_user, resolve_reason, note, false_positive, suppression FROM anomalies WHERE source = 'life';
SELECT scan(43), scan(44);
SELECT count(*) > 0 AS still_wrong FROM anomalies_current(source => 'life', as_of => minute(44));
-- Calm for ten minutes once, it may come back; but half an hour after its end it is another one.
SELECT traffic('pay', 42, 140, 10);
SELECT * FROM scan_each(45, 139);
SELECT suppression IS NULL AS may_come_back FROM anomalies WHERE source = 'life';
SELECT traffic('pay', 140, 142, 20, 0.9);
SELECT scan(141.5), scan(142.5);
SELECT count(*), count(*) FILTER (WHERE status <> 'resolved') FROM anomalies WHERE source = 'life';

-- An acknowledgement; twice is once; it expires.
SELECT id AS current FROM anomalies WHERE source = 'life' AND status <> 'resolved' \gset
SET anomaly_insights.actor = 'dana@example.com';
SELECT (a).status, (a).acknowledged_by, (a).acknowledged_at, (a).ack_until, (a).note
FROM (SELECT anomaly_acknowledge(:current, 'on it', minute(145), minute(143)) AS a OFFSET 0) x;
SELECT happened();
SELECT (anomaly_acknowledge(:current, NULL, minute(145), minute(143))).status, happened();
SELECT event, by_user = session_user AS by_user, actor, note FROM anomaly_events WHERE anomaly_id = :current ORDER BY seq;
RESET anomaly_insights.actor;
SELECT scan(144), scan(145);
SELECT status, acknowledged_by, ack_until FROM anomalies WHERE id = :current;
-- Resolving is once and for all; what is resolved cannot be acknowledged.
SELECT (anomaly_resolve(:current, false_positive => true, as_of => minute(146))).false_positive;
SELECT happened();
SELECT (anomaly_resolve(:current, 'no, really', as_of => minute(147))).note;
SELECT happened(), false_positive, resolved_at FROM anomalies WHERE id = :current;
DO $$
DECLARE
  hint text;
BEGIN
  PERFORM anomaly_acknowledge((SELECT max(id) FROM anomalies WHERE source = 'life'));
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
  RAISE WARNING '%: % (%)', SQLSTATE, regexp_replace(SQLERRM, '\d+', 'N'), hint;
END $$;

-- A spike opens at its first evaluation; failures make it critical, acknowledged or not. Both must be calm.
SELECT traffic('pay', 142, 400, 10), traffic('shop', 60, 400, 10);
SELECT * FROM scan_each(148, 200);
SELECT traffic('shop', 200, 206, 200);
SELECT scan(201), scan(201.5);
SELECT (anomaly_acknowledge(max(id), as_of => minute(202))).status FROM anomalies WHERE source = 'life' AND endpoint = 'shop';
SELECT traffic('shop', 202, 206, 300, 0.4);
SELECT scan(202.5), scan(203);
SELECT severity, spike_detected, failure_cluster_detected, status FROM anomalies WHERE endpoint = 'shop' AND source = 'life';
SELECT * FROM scan_each(204, 240);

-- Failures that are not beyond doubt must be seen twice, 20 s apart.
SELECT traffic('maybe', 180, 300, 20), traffic('maybe', 300, 303, 20, 0.4);
SELECT scan(302), count(*) FROM anomaly_candidates WHERE source = 'life';
SELECT scan(302.25), count(*) FROM anomaly_candidates WHERE source = 'life';
SELECT scan(302.4), count(*) FROM anomaly_candidates WHERE source = 'life';
SELECT traffic('maybe', 303, 400, 20);
SELECT * FROM scan_each(303, 340);

-- Silence is seen twice as well, and ends ten minutes after deliveries are back.
SELECT traffic('other1', 300, 460, 10), traffic('other2', 300, 460, 10), traffic('other3', 300, 460, 10);
SELECT scan(414.9), scan(415.1), scan(415.5);
SELECT endpoint, silence_detected, severity, message FROM anomalies_active WHERE source = 'life' ORDER BY endpoint;
SELECT traffic('pay', 420, 460, 10);
SELECT * FROM scan_each(416, 440);

-- What stays for a day is the new normal, and does not come back at that level; only higher.
SELECT traffic('flat', 900, 1000, 10), traffic('flat', 1000, 3000, 10, 1);
SELECT * FROM scan_each(999, 1003);
SET anomaly_insights.expire_after = '2d';
SELECT scan(n) FROM generate_series(1100, 2400, 100) n;
SELECT * FROM scan_each(2438, 2460);
SELECT status, resolve_reason, suppression FROM anomalies WHERE source = 'life' AND endpoint = 'flat';
SELECT count(*) > 0 AS still_wrong FROM anomalies_current(source => 'life', as_of => minute(2460));

-- Times before the last scan are not evaluated.
SELECT traffic('shop', 2400, 2480, 10), traffic('shop', 2480, 2482, 300);
SELECT scan(2481), scan(2470);

-- Reopened more often than three times in six hours, it flaps, and is held open until it has been calm for longer than
-- it takes to come back.
DELETE FROM d WHERE endpoint = 'flat';
SET anomaly_insights.reopen_grace = '100min';
SELECT traffic('shop', 2482, 3000, 10);
SELECT count(traffic('shop', m, m + 2, 300)) FROM generate_series(2570, 2900, 90) m;
SELECT * FROM scan_each(2482, 2999);
SELECT status, flapping, reopen_count, array_length(reopened_at, 1) FROM anomalies WHERE source = 'life' AND flapping;

-- Without a scan for an hour, an incident is nobody's: it expires when any scan runs. And a source that is dropped
-- takes its incidents along.
RESET anomaly_insights.reopen_grace;
RESET anomaly_insights.expire_after;
SELECT traffic('pay', 2900, 3000, 10), traffic('pay', 3000, 3003, 10, 1);
SELECT * FROM scan_each(3002, 3003);
ALTER TABLE d RENAME TO elsewhere;
SET client_min_messages = error;
SELECT outcome, detail FROM anomalies_scan(as_of => minute(3063)) WHERE delivery_source = 'life';
SELECT happened();
SELECT outcome, detail FROM anomalies_scan(as_of => minute(3064)) WHERE delivery_source = 'life';
SELECT happened();
SET client_min_messages = warning;
ALTER TABLE elsewhere RENAME TO d;
SELECT traffic('pay', 3003, 3200, 10), traffic('pay', 3200, 3203, 10, 1);
SELECT * FROM scan_each(3202, 3203);
SELECT delivery_source_drop('life');
SELECT happened();
SELECT count(*) FROM anomalies_active WHERE source = 'life';

-- Anything that happened to an incident is in its events, in their order.
SELECT count(*) FROM (
  SELECT event, lag(status) OVER w AS before, status, lag(seq) OVER w AS previous
  FROM anomaly_events WHERE source = 'life' WINDOW w AS (PARTITION BY anomaly_id ORDER BY seq)) e
WHERE (event = 'opened') <> (previous IS NULL) OR (event = 'reopened' AND before <> 'resolved');

DROP SCHEMA regress_lifecycle CASCADE;
