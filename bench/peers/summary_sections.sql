-- The contract of the summary as most would write it: a query of its own for each section, put together in one JSONB.
-- :t0 is as_of and :tN is N minutes before it: constants, as a client would send them.
SELECT jsonb_build_object(
  'top_failing_endpoints', (
    SELECT coalesce(jsonb_agg(jsonb_build_object('endpoint', target, 'failures', failures, 'total', total,
                                                 'failure_rate', round(100.0 * failures / total, 1))
                              ORDER BY failures DESC, target COLLATE "C"), '[]')
    FROM (
      SELECT target, count(*) AS total, count(*) FILTER (WHERE status IN ('failed', 'dead_letter')) AS failures
      FROM deliveries
      WHERE created_at > :t1440 AND created_at <= :t0
      GROUP BY target HAVING count(*) FILTER (WHERE status IN ('failed', 'dead_letter')) > 0
      ORDER BY failures DESC, target COLLATE "C" LIMIT 10
    ) AS endpoint),
  'top_failing_tenants', (
    SELECT coalesce(jsonb_agg(jsonb_build_object('tenant_id', tenant_id, 'failures', failures, 'total', total,
                                                 'failure_rate', round(100.0 * failures / total, 1))
                              ORDER BY failures DESC, tenant_id COLLATE "C"), '[]')
    FROM (
      SELECT tenant_id, count(*) AS total, count(*) FILTER (WHERE status IN ('failed', 'dead_letter')) AS failures
      FROM deliveries
      WHERE created_at > :t1440 AND created_at <= :t0
      GROUP BY tenant_id HAVING count(*) FILTER (WHERE status IN ('failed', 'dead_letter')) > 0
      ORDER BY failures DESC, tenant_id COLLATE "C" LIMIT 10
    ) AS tenant),
  'triage_distribution', (
    SELECT jsonb_build_object('transient_endpoint_down', transient, 'permanent_4xx', permanent, 'rate_limited', limited,
                              'unknown', labelled - transient - permanent - limited, 'unclassified', total - labelled)
    FROM (
      SELECT count(*) AS total, count(triage_label) AS labelled,
             count(*) FILTER (WHERE triage_label = 'transient_endpoint_down') AS transient,
             count(*) FILTER (WHERE triage_label = 'permanent_4xx') AS permanent,
             count(*) FILTER (WHERE triage_label = 'rate_limited') AS limited
      FROM deliveries
      WHERE created_at > :t1440 AND created_at <= :t0
    ) AS triage),
  'delivery_stats', (
    SELECT jsonb_build_object('total', total, 'delivered', delivered, 'failed', failed, 'pending', pending,
                              'dead_letter', dead_letter,
                              'success_rate', coalesce(round(100.0 * delivered / nullif(total, 0), 1), 0))
    FROM (
      SELECT count(*) AS total,
             count(*) FILTER (WHERE status = 'delivered') AS delivered,
             count(*) FILTER (WHERE status = 'failed') AS failed,
             count(*) FILTER (WHERE status = 'pending') AS pending,
             count(*) FILTER (WHERE status = 'dead_letter') AS dead_letter
      FROM deliveries
      WHERE created_at > :t1440 AND created_at <= :t0
    ) AS delivery),
  'replay_stats', (
    SELECT jsonb_build_object('total_replayed', replayed, 'replay_successes', successes,
                              'replay_success_rate', coalesce(round(100.0 * successes / nullif(replayed, 0), 1), 0))
    FROM (
      SELECT count(*) AS replayed, count(*) FILTER (WHERE status = 'delivered') AS successes
      FROM deliveries
      WHERE created_at > :t1440 AND created_at <= :t0 AND attempts > 1
    ) AS replay),
  'triage_accuracy', (
    SELECT jsonb_build_object(
             'transient_retry_success_rate', coalesce(round(100.0 * successes / nullif(transient, 0), 1), 0),
             'note', 'Measures how often ''transient'' failures succeed on retry')
    FROM (
      SELECT count(*) AS transient, count(*) FILTER (WHERE attempts > 1 AND status = 'delivered') AS successes
      FROM deliveries
      WHERE created_at > :t1440 AND created_at <= :t0 AND triage_label = 'transient_endpoint_down'
    ) AS accuracy),
  'time_range', jsonb_build_object(
    'hours', 24, 'start', to_char(:t1440 AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
    'end', to_char(:t0 AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')))
