-- GoodJob (bensheldon/good_job, lib/good_job/templates/install/migrations): the columns of good_jobs and some indexes.
-- What each state means and what it takes next: app/models/concerns/good_job/reportable.rb, app/models/good_job/job.rb.
-- Times are Rails' own: of UTC, without zone.
CREATE TABLE good_jobs (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  queue_name text,
  priority int,
  serialized_params jsonb,
  scheduled_at timestamp(6),
  performed_at timestamp(6),
  finished_at timestamp(6),
  error text,
  created_at timestamp(6) NOT NULL,
  updated_at timestamp(6) NOT NULL,
  active_job_id uuid,
  concurrency_key text,
  cron_key text,
  retried_good_job_id uuid,
  cron_at timestamp(6),
  batch_id uuid,
  batch_callback_id uuid,
  is_discrete boolean,
  executions_count int,
  job_class text,
  error_event smallint,
  labels text[],
  locked_by_id uuid,
  locked_at timestamp(6),
  lock_type smallint
);
CREATE INDEX ON good_jobs (created_at);
CREATE INDEX ON good_jobs (scheduled_at) WHERE finished_at IS NULL;

INSERT INTO good_jobs (queue_name, serialized_params, scheduled_at, performed_at, finished_at, error, created_at,
  updated_at, executions_count, job_class, error_event)
SELECT 'webhooks',
       jsonb_build_object('executions', 0, 'arguments', jsonb_build_array(jsonb_build_object('url', url, 'tenant', tenant))),
       CASE kind WHEN 'retried' THEN utc + interval '2 days' ELSE utc END,
       CASE WHEN kind IN ('delivered', 'exhausted', 'withdrawn', 'sending') THEN utc END,
       CASE WHEN kind IN ('delivered', 'exhausted', 'withdrawn') THEN utc END,
       CASE kind WHEN 'retried' THEN 'Net::OpenTimeout: execution expired'
                 WHEN 'exhausted' THEN 'Errno::ECONNREFUSED: Connection refused'
                 WHEN 'withdrawn' THEN 'GoodJob::Job::DiscardJobError: Discarded through dashboard' END,
       utc, utc, CASE kind WHEN 'exhausted' THEN 5 WHEN 'retried' THEN 2 WHEN 'waiting' THEN 0 ELSE 1 END, 'WebhookJob',
       CASE kind WHEN 'retried' THEN 3 WHEN 'exhausted' THEN 5 WHEN 'withdrawn' THEN 5 END
FROM plausible, LATERAL (SELECT at AT TIME ZONE 'UTC' AS utc) AS t;
