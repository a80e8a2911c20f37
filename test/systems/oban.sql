-- Oban (oban-bg/oban, lib/oban/migrations/postgres v01 to v14): the columns of oban_jobs, its states, checks and
-- indexes. What it takes next, and what its own retry sets: lib/oban/engines/basic.ex. Times are of UTC, without zone.
CREATE TYPE oban_job_state AS ENUM (
  'available', 'suspended', 'scheduled', 'executing', 'retryable', 'completed', 'discarded', 'cancelled');
CREATE TABLE oban_jobs (
  id bigserial PRIMARY KEY,
  state oban_job_state NOT NULL DEFAULT 'available',
  queue text NOT NULL DEFAULT 'default',
  worker text NOT NULL,
  args jsonb NOT NULL DEFAULT '{}',
  errors jsonb[] NOT NULL DEFAULT '{}',
  attempt int NOT NULL DEFAULT 0,
  max_attempts int NOT NULL DEFAULT 20,
  inserted_at timestamp NOT NULL DEFAULT timezone('UTC', now()),
  scheduled_at timestamp NOT NULL DEFAULT timezone('UTC', now()),
  attempted_at timestamp,
  completed_at timestamp,
  attempted_by text[],
  discarded_at timestamp,
  priority int NOT NULL DEFAULT 0,
  tags text[] DEFAULT '{}',
  meta jsonb DEFAULT '{}',
  cancelled_at timestamp,
  CONSTRAINT worker_length CHECK (char_length(worker) BETWEEN 1 AND 127),
  CONSTRAINT queue_length CHECK (char_length(queue) BETWEEN 1 AND 127),
  CONSTRAINT positive_max_attempts CHECK (max_attempts > 0),
  CONSTRAINT attempt_range CHECK (attempt BETWEEN 0 AND max_attempts),
  CONSTRAINT non_negative_priority CHECK (priority >= 0)
);
CREATE INDEX ON oban_jobs (state, queue, priority, scheduled_at, id);

INSERT INTO oban_jobs (state, worker, args, errors, attempt, inserted_at, scheduled_at, attempted_at, completed_at,
  discarded_at, cancelled_at)
SELECT (CASE kind WHEN 'delivered' THEN 'completed' WHEN 'retried' THEN 'retryable' WHEN 'exhausted' THEN 'discarded'
                  WHEN 'withdrawn' THEN 'cancelled' WHEN 'sending' THEN 'executing'
                  ELSE (ARRAY['available', 'scheduled', 'suspended'])[1 + i % 3] END)::oban_job_state,
       'App.WebhookWorker', jsonb_build_object('url', url, 'tenant', tenant),
       CASE WHEN kind IN ('retried', 'exhausted')
            THEN ARRAY['{"attempt": 1, "at": "-", "error": "** (Mint.TransportError) connection refused"}']::jsonb[]
            ELSE '{}' END,
       CASE kind WHEN 'exhausted' THEN 20 WHEN 'retried' THEN 2 WHEN 'waiting' THEN 0 ELSE 1 END, utc, utc,
       CASE WHEN kind <> 'waiting' THEN utc END, CASE WHEN kind = 'delivered' THEN utc END,
       CASE WHEN kind = 'exhausted' THEN utc END, CASE WHEN kind = 'withdrawn' THEN utc END
FROM plausible, LATERAL (SELECT at AT TIME ZONE 'UTC' AS utc) AS t ORDER BY i DESC;
