-- Inputs of method `rate` for each (tenant, endpoint): first by cells of time, the pieces that every window and block is
-- made of, found by width_bucket (cell 0 is the oldest block, 11 the newest, 12 to 15 the last 15 minutes), then by group.
-- :t0 is as_of, :tN is N minutes before it, :uN one microsecond after :tN: constants, as a client would send them.
SELECT tenant_id, target,
       coalesce(x5, 0) AS x5, coalesce(x15, 0) AS x15,
       coalesce(n1, 0) AS n1, coalesce(f1, 0) AS f1, coalesce(n5, 0) AS n5, coalesce(f5, 0) AS f5,
       coalesce(n15, 0) AS n15, coalesce(f15, 0) AS f15, coalesce(n60, 0) AS n60, coalesce(f60, 0) AS f60,
       coalesce(b, 0) AS b, coalesce(q, 0) AS q, coalesce(pk5, 0) AS pk5,
       greatest(q1, q2, q3, q4, 0) AS pk15,
       least(coalesce(q1, 0), coalesce(q2, 0), coalesce(q3, 0), coalesce(q4, 0)) AS least15,
       coalesce(bn, 0) AS bn, coalesce(bf, 0) AS bf
FROM (
  SELECT tenant_id, target,
         sum(c) FILTER (WHERE cell >= 14) AS x5, sum(c) FILTER (WHERE cell >= 12) AS x15,
         sum(n) FILTER (WHERE cell = 15) AS n1, sum(f) FILTER (WHERE cell = 15) AS f1,
         sum(n) FILTER (WHERE cell >= 14) AS n5, sum(f) FILTER (WHERE cell >= 14) AS f5,
         sum(n) FILTER (WHERE cell >= 12) AS n15, sum(f) FILTER (WHERE cell >= 12) AS f15,
         sum(n) FILTER (WHERE cell >= 3) AS n60, sum(f) FILTER (WHERE cell >= 3) AS f60,
         sum(c) FILTER (WHERE cell < 12) AS b, sum(c::bigint * c) FILTER (WHERE cell < 12) AS q,
         max(c) FILTER (WHERE cell < 12) AS pk5,
         sum(c) FILTER (WHERE cell BETWEEN 0 AND 2) AS q1, sum(c) FILTER (WHERE cell BETWEEN 3 AND 5) AS q2,
         sum(c) FILTER (WHERE cell BETWEEN 6 AND 8) AS q3, sum(c) FILTER (WHERE cell BETWEEN 9 AND 11) AS q4,
         sum(n) FILTER (WHERE cell < 12) AS bn, sum(f) FILTER (WHERE cell < 12) AS bf
  FROM (
    SELECT tenant_id, target,
           -- a window is (start, end], so a cell begins one microsecond after its edge
           width_bucket(t, ARRAY[:u70, :u65, :u60, :u55, :u50, :u45, :u40, :u35, :u30, :u25, :u20, :u15, :u10, :u5,
                                 :u1]) AS cell,
           count(*)::int AS c, count(*) FILTER (WHERE settled)::int AS n, count(*) FILTER (WHERE failed)::int AS f
    FROM (
      SELECT tenant_id, target, created_at AS t,
             status IN ('delivered', 'failed', 'dead_letter')
               OR triage_label IN ('permanent_4xx', 'transient_endpoint_down') AS settled,
             status IN ('failed', 'dead_letter')
               OR status <> 'delivered' AND triage_label IN ('permanent_4xx', 'transient_endpoint_down') AS failed
      FROM deliveries
      WHERE created_at > :t75 AND created_at <= :t0
    ) AS row
    GROUP BY 1, 2, 3
  ) AS celled
  GROUP BY tenant_id, target
) AS counted
