-- Inputs of method `rate` for each (tenant, endpoint): the rows of a group become one array of small numbers, block by
-- date_bin and what the row is, and are counted out of it group by group.
-- :t0 is as_of, :tN is N minutes before it, :uN one microsecond after :tN: constants, as a client would send them.
SELECT tenant_id, target, x5, x15, n1, f1, n5, f5, n15, f15, n60, f60, b, q, pk5, pk15, least15, bn, bf
FROM (
  SELECT tenant_id, target,
         count(*) FILTER (WHERE t > :t5) AS x5, count(*) FILTER (WHERE t > :t15) AS x15,
         count(*) FILTER (WHERE settled AND t > :t1) AS n1, count(*) FILTER (WHERE failed AND t > :t1) AS f1,
         count(*) FILTER (WHERE settled AND t > :t5) AS n5, count(*) FILTER (WHERE failed AND t > :t5) AS f5,
         count(*) FILTER (WHERE settled AND t > :t15) AS n15, count(*) FILTER (WHERE failed AND t > :t15) AS f15,
         count(*) FILTER (WHERE settled AND t > :t60) AS n60, count(*) FILTER (WHERE failed AND t > :t60) AS f60,
         count(*) FILTER (WHERE t <= :t15) AS b,
         count(*) FILTER (WHERE settled AND t <= :t15) AS bn, count(*) FILTER (WHERE failed AND t <= :t15) AS bf,
         -- a window is (start, end], so a block begins one microsecond after its edge
         array_agg(date_bin('5 minutes', t, :u0)) FILTER (WHERE t <= :t15) AS blocks
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
) AS counted, LATERAL (
  SELECT coalesce(sum(c * c), 0) AS q, coalesce(max(c), 0) AS pk5,
         greatest(sum(c) FILTER (WHERE block < :t60), sum(c) FILTER (WHERE block > :t60 AND block < :t45),
                  sum(c) FILTER (WHERE block > :t45 AND block < :t30), sum(c) FILTER (WHERE block > :t30), 0) AS pk15,
         least(coalesce(sum(c) FILTER (WHERE block < :t60), 0),
               coalesce(sum(c) FILTER (WHERE block > :t60 AND block < :t45), 0),
               coalesce(sum(c) FILTER (WHERE block > :t45 AND block < :t30), 0),
               coalesce(sum(c) FILTER (WHERE block > :t30), 0)) AS least15
  FROM (SELECT block, count(*) AS c FROM unnest(blocks) AS block GROUP BY block) AS per_block
) AS peaks
