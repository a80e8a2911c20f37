-- Inputs of method `rate` for each (tenant, endpoint): first by blocks of five minutes, found by date_bin, with the last
-- minute as a FILTER in them, then by group.
-- :t0 is as_of, :tN is N minutes before it, :uN one microsecond after :tN: constants, as a client would send them.
SELECT tenant_id, target,
       coalesce(x5, 0) AS x5, coalesce(x15, 0) AS x15, n1, f1,
       coalesce(n5, 0) AS n5, coalesce(f5, 0) AS f5, coalesce(n15, 0) AS n15, coalesce(f15, 0) AS f15,
       coalesce(n60, 0) AS n60, coalesce(f60, 0) AS f60,
       coalesce(b, 0) AS b, coalesce(q, 0) AS q, coalesce(pk5, 0) AS pk5,
       greatest(q1, q2, q3, q4, 0) AS pk15,
       least(coalesce(q1, 0), coalesce(q2, 0), coalesce(q3, 0), coalesce(q4, 0)) AS least15,
       coalesce(bn, 0) AS bn, coalesce(bf, 0) AS bf
FROM (
  SELECT tenant_id, target,
         sum(c) FILTER (WHERE block > :t5) AS x5, sum(c) FILTER (WHERE block > :t15) AS x15,
         sum(n1)::bigint AS n1, sum(f1)::bigint AS f1,
         sum(n) FILTER (WHERE block > :t5) AS n5, sum(f) FILTER (WHERE block > :t5) AS f5,
         sum(n) FILTER (WHERE block > :t15) AS n15, sum(f) FILTER (WHERE block > :t15) AS f15,
         sum(n) FILTER (WHERE block > :t60) AS n60, sum(f) FILTER (WHERE block > :t60) AS f60,
         sum(c) FILTER (WHERE block < :t15) AS b, sum(c::bigint * c) FILTER (WHERE block < :t15) AS q,
         max(c) FILTER (WHERE block < :t15) AS pk5,
         sum(c) FILTER (WHERE block < :t60) AS q1,
         sum(c) FILTER (WHERE block > :t60 AND block < :t45) AS q2,
         sum(c) FILTER (WHERE block > :t45 AND block < :t30) AS q3,
         sum(c) FILTER (WHERE block > :t30 AND block < :t15) AS q4,
         sum(n) FILTER (WHERE block < :t15) AS bn, sum(f) FILTER (WHERE block < :t15) AS bf
  FROM (
    SELECT tenant_id, target,
           -- a window is (start, end], so a block begins one microsecond after its edge
           date_bin('5 minutes', t, :u0) AS block,
           count(*)::int AS c, count(*) FILTER (WHERE settled)::int AS n, count(*) FILTER (WHERE failed)::int AS f,
           count(*) FILTER (WHERE settled AND t > :t1)::int AS n1,
           count(*) FILTER (WHERE failed AND t > :t1)::int AS f1
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
  ) AS blocked
  GROUP BY tenant_id, target
) AS counted
