-- The contract of the summary from one scan: what matters of status, label and attempts becomes one small number, and
-- the first level counts the rows of each (tenant, endpoint, number), with no FILTER at all. Nearly every row is an
-- ordinary success, which the first WHEN finds.
-- :t0 is as_of and :tN is N minutes before it: constants, as a client would send them.
WITH counted AS MATERIALIZED (
  SELECT tenant_id, target,
         -- ones: status; tens: label; hundreds: attempted again
         CASE WHEN status = 'delivered' AND triage_label IS NULL AND attempts <= 1 THEN 1
              ELSE CASE status WHEN 'delivered' THEN 1 WHEN 'failed' THEN 2 WHEN 'dead_letter' THEN 3
                               WHEN 'pending' THEN 4 ELSE 0 END
                 + CASE triage_label WHEN 'transient_endpoint_down' THEN 10 WHEN 'permanent_4xx' THEN 20
                                     WHEN 'rate_limited' THEN 30
                                     ELSE CASE WHEN triage_label IS NULL THEN 0 ELSE 40 END END
                 + CASE WHEN attempts > 1 THEN 100 ELSE 0 END
         END AS kind,
         count(*) AS n
  FROM deliveries
  WHERE created_at > :t1440 AND created_at <= :t0
  GROUP BY 1, 2, 3
), endpoint AS (
  SELECT target, sum(n) AS total, sum(n) FILTER (WHERE kind % 10 IN (2, 3)) AS failures
  FROM counted GROUP BY target HAVING count(*) FILTER (WHERE kind % 10 IN (2, 3)) > 0
  ORDER BY failures DESC, target COLLATE "C" LIMIT 10
), tenant AS (
  SELECT tenant_id, sum(n) AS total, sum(n) FILTER (WHERE kind % 10 IN (2, 3)) AS failures
  FROM counted GROUP BY tenant_id HAVING count(*) FILTER (WHERE kind % 10 IN (2, 3)) > 0
  ORDER BY failures DESC, tenant_id COLLATE "C" LIMIT 10
), figure AS (
  SELECT coalesce(sum(n), 0) AS total,
         coalesce(sum(n) FILTER (WHERE kind % 10 = 1), 0) AS delivered,
         coalesce(sum(n) FILTER (WHERE kind % 10 = 2), 0) AS failed,
         coalesce(sum(n) FILTER (WHERE kind % 10 = 3), 0) AS dead_letter,
         coalesce(sum(n) FILTER (WHERE kind % 10 = 4), 0) AS pending,
         coalesce(sum(n) FILTER (WHERE kind / 10 % 10 = 0), 0) AS unclassified,
         coalesce(sum(n) FILTER (WHERE kind / 10 % 10 = 1), 0) AS transient,
         coalesce(sum(n) FILTER (WHERE kind / 10 % 10 = 2), 0) AS permanent,
         coalesce(sum(n) FILTER (WHERE kind / 10 % 10 = 3), 0) AS limited,
         coalesce(sum(n) FILTER (WHERE kind / 10 % 10 = 4), 0) AS unknown,
         coalesce(sum(n) FILTER (WHERE kind >= 100), 0) AS replayed,
         coalesce(sum(n) FILTER (WHERE kind >= 100 AND kind % 10 = 1), 0) AS successes,
         coalesce(sum(n) FILTER (WHERE kind = 111), 0) AS transient_successes
  FROM (SELECT kind, sum(n) AS n FROM counted GROUP BY kind) AS kind
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
    'unknown', unknown, 'unclassified', unclassified),
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
