-- The contract of the summary from one scan: first each (tenant, endpoint) with a FILTER for each figure, then
-- endpoints, tenants and totals out of these few rows.
-- :t0 is as_of and :tN is N minutes before it: constants, as a client would send them.
WITH counted AS MATERIALIZED (
  SELECT tenant_id, target,
         count(*) AS total,
         count(*) FILTER (WHERE status = 'delivered') AS delivered,
         count(*) FILTER (WHERE status = 'failed') AS failed,
         count(*) FILTER (WHERE status = 'dead_letter') AS dead_letter,
         count(*) FILTER (WHERE status = 'pending') AS pending,
         count(*) FILTER (WHERE triage_label = 'transient_endpoint_down') AS transient,
         count(*) FILTER (WHERE triage_label = 'permanent_4xx') AS permanent,
         count(*) FILTER (WHERE triage_label = 'rate_limited') AS limited,
         count(triage_label) AS labelled,
         count(*) FILTER (WHERE attempts > 1) AS replayed,
         count(*) FILTER (WHERE attempts > 1 AND status = 'delivered') AS successes,
         count(*) FILTER (WHERE attempts > 1 AND status = 'delivered' AND triage_label = 'transient_endpoint_down')
           AS transient_successes
  FROM deliveries
  WHERE created_at > :t1440 AND created_at <= :t0
  GROUP BY tenant_id, target
), endpoint AS (
  SELECT target, sum(total) AS total, sum(failed + dead_letter) AS failures
  FROM counted GROUP BY target HAVING sum(failed + dead_letter) > 0
  ORDER BY failures DESC, target COLLATE "C" LIMIT 10
), tenant AS (
  SELECT tenant_id, sum(total) AS total, sum(failed + dead_letter) AS failures
  FROM counted GROUP BY tenant_id HAVING sum(failed + dead_letter) > 0
  ORDER BY failures DESC, tenant_id COLLATE "C" LIMIT 10
), figure AS (
  SELECT coalesce(sum(total), 0) AS total, coalesce(sum(delivered), 0) AS delivered,
         coalesce(sum(failed), 0) AS failed, coalesce(sum(dead_letter), 0) AS dead_letter,
         coalesce(sum(pending), 0) AS pending, coalesce(sum(transient), 0) AS transient,
         coalesce(sum(permanent), 0) AS permanent, coalesce(sum(limited), 0) AS limited,
         coalesce(sum(labelled), 0) AS labelled, coalesce(sum(replayed), 0) AS replayed,
         coalesce(sum(successes), 0) AS successes, coalesce(sum(transient_successes), 0) AS transient_successes
  FROM counted
)
SELECT jsonb_build_object(
  'top_failing_endpoints', (
    SELECT coalesce(jsonb_agg(jsonb_build_object('endpoint', target, 'failures', failures, 'total', total,
                                                 'failure_rate', round(100.0 * failures / total, 1))
                              ORDER BY failures DESC, target COLLATE "C"), '[]')
    FROM endpoint),
  'top_failing_tenants', (
    SELECT coalesce(jsonb_agg(jsonb_build_object('tenant_id', tenant_id, 'failures', failures, 'total', total,
                                                 'failure_rate', round(100.0 * failures / total, 1))
                              ORDER BY failures DESC, tenant_id COLLATE "C"), '[]')
    FROM tenant),
  'triage_distribution', jsonb_build_object(
    'transient_endpoint_down', transient, 'permanent_4xx', permanent, 'rate_limited', limited,
    'unknown', labelled - transient - permanent - limited, 'unclassified', total - labelled),
  'delivery_stats', jsonb_build_object(
    'total', total, 'delivered', delivered, 'failed', failed, 'pending', pending, 'dead_letter', dead_letter,
    'success_rate', coalesce(round(100.0 * delivered / nullif(total, 0), 1), 0)),
  'replay_stats', jsonb_build_object(
    'total_replayed', replayed, 'replay_successes', successes,
    'replay_success_rate', coalesce(round(100.0 * successes / nullif(replayed, 0), 1), 0)),
  'triage_accuracy', jsonb_build_object(
    'transient_retry_success_rate', coalesce(round(100.0 * transient_successes / nullif(transient, 0), 1), 0),
    'note', 'Measures how often ''transient'' failures succeed on retry'),
  'time_range', jsonb_build_object(
    'hours', 24, 'start', to_char(:t1440 AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
    'end', to_char(:t0 AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')))
FROM figure
