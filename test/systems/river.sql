-- River (riverqueue/river, riverdriver/riverpgxv5/migration/main up to 007): the columns of river_job, its states,
-- checks and indexes. What it takes next, and what its own retry sets: internal/dbsqlc/river_job.sql.
CREATE TYPE river_job_state AS ENUM (
  'available', 'cancelled', 'completed', 'discarded', 'pending', 'retryable', 'running', 'scheduled');
CREATE TABLE river_job (
  id bigserial PRIMARY KEY,
  state river_job_state NOT NULL DEFAULT 'available',
  attempt smallint NOT NULL DEFAULT 0,
  max_attempts smallint NOT NULL DEFAULT 25,
  attempted_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  finalized_at timestamptz,
  scheduled_at timestamptz NOT NULL DEFAULT now(),
  priority smallint NOT NULL DEFAULT 1,
  args jsonb NOT NULL,
  attempted_by text[],
  errors jsonb[],
  kind text NOT NULL,
  metadata jsonb NOT NULL DEFAULT '{}',
  queue text NOT NULL DEFAULT 'default',
  tags varchar(255)[] NOT NULL DEFAULT '{}',
  unique_key bytea,
  unique_states bit(8),
  CONSTRAINT finalized_or_finalized_at_null CHECK (
    (finalized_at IS NOT NULL) = (state IN ('cancelled', 'completed', 'discarded'))),
  CONSTRAINT max_attempts_is_positive CHECK (max_attempts > 0),
  CONSTRAINT priority_in_range CHECK (priority BETWEEN 1 AND 4),
  CONSTRAINT queue_length CHECK (char_length(queue) BETWEEN 1 AND 127),
  CONSTRAINT kind_length CHECK (char_length(kind) BETWEEN 1 AND 127)
);
CREATE INDEX ON river_job (kind);
CREATE INDEX ON river_job (state, finalized_at) WHERE finalized_at IS NOT NULL;
CREATE INDEX ON river_job (state, queue, priority, scheduled_at, id);

INSERT INTO river_job (state, attempt, attempted_at, created_at, finalized_at, scheduled_at, args, errors, kind)
SELECT (CASE kind WHEN 'delivered' THEN 'completed' WHEN 'retried' THEN 'retryable' WHEN 'exhausted' THEN 'discarded'
                  WHEN 'withdrawn' THEN 'cancelled' WHEN 'sending' THEN 'running'
                  ELSE (ARRAY['available', 'scheduled', 'pending'])[1 + i % 3] END)::river_job_state,
       CASE kind WHEN 'exhausted' THEN 25 WHEN 'retried' THEN 2 WHEN 'waiting' THEN 0 ELSE 1 END,
       CASE WHEN kind <> 'waiting' THEN at END, at, CASE WHEN kind IN ('delivered', 'exhausted', 'withdrawn') THEN at END,
       at, jsonb_build_object('url', url, 'tenant', tenant),
       CASE WHEN kind IN ('retried', 'exhausted')
            THEN ARRAY['{"attempt": 1, "error": "EOF"}', '{"attempt": 2, "error": "connection refused"}']::jsonb[] END,
       'webhook'
FROM plausible ORDER BY i DESC;
