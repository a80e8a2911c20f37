-- Who is fast and wrong has won nothing: what ours answers must be what plain SQL answers, to the last column for
-- `reference`, to the counts behind each verdict for `rate`. At as_of few rows are flagged; seven minutes after the
-- table begins the raw rule of `reference` flags very many.
CREATE TABLE agreement (what text, compared bigint, differ bigint);
DO $$
DECLARE
  moment timestamptz;
  columns text := 'tenant_id, endpoint, severity, spike_detected, failure_cluster_detected, recent_count, baseline_count,
    recent_failures, baseline_failures, spike_multiplier::float8, failure_multiplier::float8, message';
  best text := (SELECT query FROM peer WHERE name = 'rate_cells');
BEGIN
  FOR moment IN SELECT as_of FROM setting UNION ALL SELECT min(created_at) + interval '7 minutes' FROM deliveries LOOP
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
