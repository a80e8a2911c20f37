-- Inputs of method `rate` for each (tenant, endpoint): one level, a FILTER for each window and block.
-- :t0 is as_of and :tN is N minutes before it: constants, as a client would send them.
SELECT tenant_id, target, x5, x15, n1, f1, n5, f5, n15, f15, n60, f60,
       b1 + b2 + b3 + b4 + b5 + b6 + b7 + b8 + b9 + b10 + b11 + b12 AS b,
       b1*b1 + b2*b2 + b3*b3 + b4*b4 + b5*b5 + b6*b6 + b7*b7 + b8*b8 + b9*b9 + b10*b10 + b11*b11 + b12*b12 AS q,
       greatest(b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11, b12) AS pk5,
       greatest(b1 + b2 + b3, b4 + b5 + b6, b7 + b8 + b9, b10 + b11 + b12) AS pk15,
       least(b1 + b2 + b3, b4 + b5 + b6, b7 + b8 + b9, b10 + b11 + b12) AS least15,
       bn, bf
FROM (
  SELECT tenant_id, target,
         count(*) FILTER (WHERE t > :t5) AS x5,
         count(*) FILTER (WHERE t > :t15) AS x15,
         count(*) FILTER (WHERE settled AND t > :t1) AS n1,
         count(*) FILTER (WHERE failed AND t > :t1) AS f1,
         count(*) FILTER (WHERE settled AND t > :t5) AS n5,
         count(*) FILTER (WHERE failed AND t > :t5) AS f5,
         count(*) FILTER (WHERE settled AND t > :t15) AS n15,
         count(*) FILTER (WHERE failed AND t > :t15) AS f15,
         count(*) FILTER (WHERE settled AND t > :t60) AS n60,
         count(*) FILTER (WHERE failed AND t > :t60) AS f60,
         count(*) FILTER (WHERE settled AND t <= :t15) AS bn,
         count(*) FILTER (WHERE failed AND t <= :t15) AS bf,
         count(*) FILTER (WHERE t <= :t70) AS b1,
         count(*) FILTER (WHERE t > :t70 AND t <= :t65) AS b2,
         count(*) FILTER (WHERE t > :t65 AND t <= :t60) AS b3,
         count(*) FILTER (WHERE t > :t60 AND t <= :t55) AS b4,
         count(*) FILTER (WHERE t > :t55 AND t <= :t50) AS b5,
         count(*) FILTER (WHERE t > :t50 AND t <= :t45) AS b6,
         count(*) FILTER (WHERE t > :t45 AND t <= :t40) AS b7,
         count(*) FILTER (WHERE t > :t40 AND t <= :t35) AS b8,
         count(*) FILTER (WHERE t > :t35 AND t <= :t30) AS b9,
         count(*) FILTER (WHERE t > :t30 AND t <= :t25) AS b10,
         count(*) FILTER (WHERE t > :t25 AND t <= :t20) AS b11,
         count(*) FILTER (WHERE t > :t20 AND t <= :t15) AS b12
  FROM (
    SELECT tenant_id, target, created_at AS t,
           status IN ('delivered', 'failed', 'dead_letter')
             OR triage_label IN ('permanent_4xx', 'transient_endpoint_down') AS settled,
           status IN ('failed', 'dead_letter')
             OR status <> 'delivered' AND triage_label IN ('permanent_4xx', 'transient_endpoint_down') AS failed
    FROM deliveries
    WHERE created_at > :t75 AND created_at <= :t0
  ) AS row
  GROUP BY tenant_id, target
) AS counted
