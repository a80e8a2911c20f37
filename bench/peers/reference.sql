-- The rule of method `reference` as one GROUP BY: what anomalies_current(method => 'reference') answers, all columns
-- that the method has.
-- :t0 is as_of and :tN is N minutes before it: constants, as a client would send them.
SELECT tenant_id, endpoint,
       CASE WHEN cluster THEN 'critical' ELSE 'warning' END AS severity,
       spike AS spike_detected, cluster AS failure_cluster_detected, false AS silence_detected,
       r AS recent_count, b AS baseline_count, rf AS recent_failures, bf AS baseline_failures,
       times AS spike_multiplier, failure_times AS failure_multiplier,
       CASE WHEN cluster
            THEN format('🚨 Failure Cluster: %s failures to %s (%sx normal) – Tenant: %s',
                        rf, endpoint, CASE WHEN failure_times = trunc(failure_times)
                                           THEN trunc(failure_times) || '.0' ELSE failure_times::text END, tenant_id)
            ELSE format('⚠️ Traffic Spike: %s deliveries to %s (%sx normal) – Tenant: %s',
                        r, endpoint, CASE WHEN times = trunc(times)
                                          THEN trunc(times) || '.0' ELSE times::text END, tenant_id)
       END AS message,
       :t0 AS detected_at
FROM (
  SELECT coalesce(tenant_id, 'unknown') AS tenant_id, coalesce(target, 'unknown') AS endpoint,
         r, greatest(b, 1) AS b, rf, greatest(bf, 1) AS bf,
         r > 1.5 * greatest(b, 1) AS spike, rf > 10 * greatest(bf, 1) AS cluster,
         -- rint() of the binary value halves to even, as Python's round() nearly always does
         round(r::float8 / greatest(b, 1) * 100) / 100 AS times,
         round(rf::float8 / greatest(bf, 1) * 100) / 100 AS failure_times
  FROM (
    SELECT tenant_id, target,
           count(*) FILTER (WHERE recent) AS r,
           count(*) FILTER (WHERE NOT recent) AS b,
           count(*) FILTER (WHERE recent AND failing) AS rf,
           count(*) FILTER (WHERE NOT recent AND failing) AS bf
    FROM (
      SELECT tenant_id, target,
             created_at > :t5 AS recent,
             status IN ('failed', 'dead_letter')
               OR triage_label IN ('permanent_4xx', 'transient_endpoint_down') AS failing
      FROM deliveries
      WHERE created_at > :t60 AND created_at <= :t0
    ) AS row
    GROUP BY tenant_id, target
  ) AS counted
) AS judged
WHERE spike OR cluster
ORDER BY cluster DESC, rf DESC, tenant_id COLLATE "C", endpoint COLLATE "C"
