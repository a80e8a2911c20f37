-- What happened in 25 hours, for each system to tell in its own words: a delivery each 5 seconds to one of three
-- endpoints. Some were tried in vain and will be tried again (retried), some no more (exhausted), some were called off
-- (withdrawn), and for the last five minutes the first endpoint refuses all.
CREATE TABLE plausible AS
SELECT i, now() - i * interval '5 seconds' AS at, (ARRAY['acme', 'globex'])[1 + i / 3 % 2] AS tenant,
       'https://hooks.example/' || (ARRAY['a', 'b', 'c'])[1 + i % 3] AS url,
       CASE WHEN i % 3 = 0 AND i <= 60 THEN 'retried'
            WHEN i <= 12 THEN 'waiting'
            WHEN i <= 24 THEN 'sending'
            WHEN i % 97 = 0 THEN 'exhausted'
            WHEN i % 89 = 0 THEN 'retried'
            WHEN i % 83 = 0 THEN 'withdrawn'
            ELSE 'delivered' END AS kind
FROM generate_series(1, 18000) AS i;
