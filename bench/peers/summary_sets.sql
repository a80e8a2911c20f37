-- The contract of the summary from one scan: endpoints, tenants and totals at once by GROUPING SETS.
-- :t0 is as_of and :tN is N minutes before it: constants, as a client would send them.
WITH counted AS MATERIALIZED (
  -- level 1 is an endpoint, 2 a tenant, 3 all
  SELECT grouping(target, tenant_id) AS level, target, tenant_id,
         count(*) AS total,
         count(*) FILTER (WHERE status IN ('failed', 'dead_letter')) AS failures,
         count(*) FILTER (WHERE status = 'delivered') AS delivered,
         count(*) FILTER (WHERE status = 'failed') AS failed,
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
  GROUP BY GROUPING SETS ((target), (tenant_id), ())
), endpoint AS (
  SELECT target, failures, total FROM counted WHERE level = 1 AND failures > 0
  ORDER BY failures DESC, target COLLATE "C" LIMIT 10
), tenant AS (
  SELECT tenant_id, failures, total FROM counted WHERE level = 2 AND failures > 0
  ORDER BY failures DESC, tenant_id COLLATE "C" LIMIT 10
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
    'total', total, 'delivered', delivered, 'failed', failed, 'pending', pending, 'dead_letter', failures - failed,
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
FROM counted WHERE level = 3
