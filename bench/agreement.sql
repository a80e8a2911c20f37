-- Who is fast and wrong has won nothing: what ours answers must be what plain SQL answers, to the last column for
-- `reference`, to the counts behind each verdict for `rate`, to every key of the contract for the summary. And who reads
-- the rows in another way than its yardstick is not measured by it.
CREATE TABLE agreement (what text, compared bigint, differ bigint, unit text DEFAULT 'rows');

-- At as_of few rows are flagged; seven minutes after the table begins the raw rule of `reference` flags very many.
DO $$
DECLARE
  moment timestamptz;
  columns text := 'tenant_id, endpoint, severity, spike_detected, failure_cluster_detected, recent_count, baseline_count,
    recent_failures, baseline_failures, spike_multiplier::float8, failure_multiplier::float8, message';
  best text := (SELECT query FROM peer WHERE name = 'rate_cells');
BEGIN
  FOR moment IN
    SELECT unnest(ARRAY[as_of, (SELECT min(created_at) FROM deliveries) + interval '7 minutes'])
    FROM setting WHERE 'anomalies' = ANY (parts)
  LOOP
    EXECUTE format('INSERT INTO agreement
      WITH ours AS (SELECT %1$s FROM insights.anomalies_current(method => ''reference'', as_of => %2$L)),
           theirs AS (SELECT %1$s FROM (%3$s) AS peer)
      SELECT ''reference at '' || %2$L, (SELECT count(*) FROM theirs),
             (SELECT count(*) FROM (TABLE ours EXCEPT ALL TABLE theirs) AS a)
             + (SELECT count(*) FROM (TABLE theirs EXCEPT ALL TABLE ours) AS b)',
      columns, moment, bind((SELECT query FROM peer WHERE name = 'reference'), moment));
    EXECUTE format('INSERT INTO agreement
      WITH ours AS (SELECT * FROM insights.anomalies_current(method => ''rate'', as_of => %1$L)),
           theirs AS (%2$s)
      SELECT ''inputs of rate at '' || %1$L, count(*),
             count(*) FILTER (WHERE (recent_count, baseline_count, recent_failures, baseline_failures)
                                    IS DISTINCT FROM (x5, b, f5, bf))
      FROM ours LEFT JOIN theirs ON endpoint = coalesce(target, ''unknown'')
                                AND ours.tenant_id = coalesce(theirs.tenant_id, ''unknown'')',
      moment, bind(best, moment));
  END LOOP;
END $$;

-- When the first 40 have failed, many endpoints have failed once, so that the ties decide who is among the ten; an hour
-- before the table begins there is nothing.
DO $$
DECLARE
  moment timestamptz;
  ours jsonb;
  theirs jsonb;
  p peer;
BEGIN
  FOR moment IN
    SELECT unnest(ARRAY[as_of, (SELECT max(created_at)
                                FROM (SELECT created_at FROM deliveries WHERE status IN ('failed', 'dead_letter')
                                      ORDER BY created_at LIMIT 40) AS early),
                        (SELECT min(created_at) FROM deliveries) - interval '1 hour'])
    FROM setting WHERE 'summary' = ANY (parts)
  LOOP
    ours := insights.operator_insights_summary(24, as_of => moment);
    FOR p IN SELECT * FROM peer WHERE method = 'summary' ORDER BY name LOOP
      EXECUTE bind(p.query, moment) INTO STRICT theirs;
      INSERT INTO agreement
      SELECT p.name || ' at ' || moment, count(*),
             count(*) FILTER (WHERE (ours -> key = theirs -> key) IS NOT TRUE), 'keys'
      FROM unnest(ARRAY['top_failing_endpoints', 'top_failing_tenants', 'triage_distribution', 'delivery_stats',
                        'replay_stats', 'triage_accuracy', 'time_range']) AS key;
    END LOOP;
  END LOOP;
END $$;

INSERT INTO agreement
SELECT 'scans of ours and of count(status), ' || method, count(*),
       count(*) FILTER (WHERE (substring(ours.plan FROM '[^>]* Scan') = substring(yardstick.plan FROM '[^>]* Scan'))
                              IS NOT TRUE),
       'plans'
FROM result AS ours JOIN result AS yardstick USING (method, workers)
WHERE ours.kind = 'ours' AND yardstick.kind = 'count' GROUP BY method ORDER BY method;
