-- pg-boss (timgit/pg-boss, src/plans.ts as of 2026-08): the columns of job, its states, key, partitions and the indexes
-- of a queue. What it takes next, what its own retry sets, and what it deletes: fetchNextJob, retryJobs, deletion.
CREATE SCHEMA pgboss;
CREATE TYPE pgboss.job_state AS ENUM ('created', 'retry', 'active', 'completed', 'cancelled', 'failed');
CREATE TABLE pgboss.job (
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  name text NOT NULL,
  priority int NOT NULL DEFAULT 0,
  data jsonb,
  state pgboss.job_state NOT NULL DEFAULT 'created',
  retry_limit int NOT NULL DEFAULT 2,
  retry_count int NOT NULL DEFAULT 0,
  retry_delay int NOT NULL DEFAULT 0,
  retry_backoff boolean NOT NULL DEFAULT false,
  retry_delay_max int,
  expire_seconds int NOT NULL DEFAULT 900,
  deletion_seconds int NOT NULL DEFAULT 604800,
  singleton_key text,
  singleton_on timestamp,
  group_id text,
  group_tier text,
  start_after timestamptz NOT NULL DEFAULT now(),
  created_on timestamptz NOT NULL DEFAULT now(),
  started_on timestamptz,
  completed_on timestamptz,
  keep_until timestamptz NOT NULL DEFAULT now() + interval '14 days',
  output jsonb,
  dead_letter text,
  policy text,
  heartbeat_on timestamptz,
  heartbeat_seconds int,
  blocked boolean NOT NULL DEFAULT false,
  blocking boolean NOT NULL DEFAULT false,
  pending_dependencies int NOT NULL DEFAULT 0,
  source_name text,
  source_id uuid,
  source_created_on timestamptz,
  source_retry_count int,
  PRIMARY KEY (name, id)
) PARTITION BY LIST (name);
CREATE TABLE pgboss.job_common PARTITION OF pgboss.job DEFAULT;
CREATE INDEX ON pgboss.job_common (name, start_after) INCLUDE (priority, created_on, id) WHERE state < 'active';
CREATE UNIQUE INDEX ON pgboss.job_common (name, singleton_on, coalesce(singleton_key, ''))
  WHERE state <> 'cancelled' AND singleton_on IS NOT NULL;

INSERT INTO pgboss.job (name, data, state, retry_count, start_after, created_on, started_on, completed_on, keep_until,
  output)
SELECT 'webhook', jsonb_build_object('url', url, 'tenant', tenant),
       (CASE kind WHEN 'delivered' THEN 'completed' WHEN 'retried' THEN 'retry' WHEN 'exhausted' THEN 'failed'
                  WHEN 'withdrawn' THEN 'cancelled' WHEN 'sending' THEN 'active' ELSE 'created' END)::pgboss.job_state,
       CASE kind WHEN 'exhausted' THEN 2 WHEN 'retried' THEN i % 2 ELSE 0 END, at, at, CASE WHEN kind <> 'waiting' THEN at END,
       CASE WHEN kind IN ('delivered', 'exhausted', 'withdrawn') THEN at END, at + interval '14 days',
       CASE WHEN kind IN ('retried', 'exhausted') THEN '{"message": "fetch failed"}'::jsonb END
FROM plausible;
