-- Hook0 (hook0/hook0, api/migrations up to 20260406201833): the columns of request_attempt, response, subscription,
-- target_http and event that matter, their keys, checks and indexes. What its worker takes: output-worker/src/pg.rs.
CREATE SCHEMA event;
CREATE SCHEMA webhook;
CREATE TABLE event.event (
  event__id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  application__id uuid NOT NULL,
  event_type__name text NOT NULL,
  received_at timestamptz NOT NULL DEFAULT statement_timestamp(),
  dispatched_at timestamptz
);
CREATE TABLE webhook.subscription (
  subscription__id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  application__id uuid NOT NULL,
  is_enabled boolean NOT NULL DEFAULT true,
  description text,
  target__id uuid NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
  deleted_at timestamptz
);
CREATE TABLE webhook.target (target__id uuid PRIMARY KEY DEFAULT gen_random_uuid());
CREATE TABLE webhook.target_http (
  method text NOT NULL,
  url text NOT NULL,
  headers jsonb NOT NULL DEFAULT jsonb_build_object()
) INHERITS (webhook.target);
CREATE TABLE webhook.response (
  response__id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  response_error__name text,
  http_code smallint,
  headers jsonb,
  body bytea,
  elapsed_time_ms int
);
CREATE TABLE webhook.request_attempt (
  request_attempt__id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  event__id uuid NOT NULL REFERENCES event.event,
  subscription__id uuid NOT NULL REFERENCES webhook.subscription,
  created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
  picked_at timestamptz,
  worker_name text,
  worker_version text,
  failed_at timestamptz,
  succeeded_at timestamptz,
  delay_until timestamptz,
  response__id uuid UNIQUE REFERENCES webhook.response,
  retry_count smallint NOT NULL DEFAULT 0,
  application__id uuid NOT NULL,
  CONSTRAINT request_attempt_status_exclusive CHECK (succeeded_at IS NULL OR failed_at IS NULL)
);
CREATE INDEX ON webhook.request_attempt (created_at);
CREATE INDEX ON webhook.request_attempt (created_at, retry_count NULLS FIRST)
  WHERE succeeded_at IS NULL AND failed_at IS NULL;

-- Keys that one can tell apart.
CREATE FUNCTION key_of(what text) RETURNS uuid LANGUAGE sql IMMUTABLE AS 'SELECT md5(what)::uuid';

INSERT INTO webhook.subscription (subscription__id, application__id, target__id)
SELECT DISTINCT key_of('subscription ' || url), key_of('application'), key_of('target ' || url) FROM plausible;
INSERT INTO webhook.target_http (target__id, method, url)
SELECT DISTINCT key_of('target ' || url), 'POST', url FROM plausible;
INSERT INTO event.event (event__id, application__id, event_type__name, received_at)
SELECT key_of('event ' || i), key_of('application'), 'user.account.created', at FROM plausible WHERE kind <> 'withdrawn';
INSERT INTO webhook.response (response__id, response_error__name, http_code)
SELECT key_of('response ' || i), CASE kind WHEN 'exhausted' THEN 'E_CONNECTION' END,
       CASE kind WHEN 'delivered' THEN 200 WHEN 'retried' THEN 503 END
FROM plausible WHERE kind IN ('delivered', 'retried', 'exhausted');
INSERT INTO webhook.request_attempt (request_attempt__id, event__id, subscription__id, created_at, picked_at, failed_at,
  succeeded_at, delay_until, response__id, retry_count, application__id)
SELECT key_of('attempt ' || i), key_of('event ' || i), key_of('subscription ' || url), at,
       CASE WHEN kind <> 'waiting' THEN at END, CASE WHEN kind IN ('retried', 'exhausted') THEN at END,
       CASE WHEN kind = 'delivered' THEN at END, CASE WHEN kind = 'waiting' THEN at + interval '1 hour' END,
       CASE WHEN kind IN ('delivered', 'retried', 'exhausted') THEN key_of('response ' || i) END,
       CASE kind WHEN 'exhausted' THEN 24 WHEN 'retried' THEN 1 ELSE 0 END, key_of('application')
FROM plausible WHERE kind <> 'withdrawn';
-- An event that was tried again, and arrived.
INSERT INTO event.event (event__id, application__id, event_type__name)
VALUES (key_of('event followed'), key_of('application'), 'user.account.created');
INSERT INTO webhook.request_attempt (request_attempt__id, event__id, subscription__id, created_at, failed_at, succeeded_at,
  retry_count, application__id)
SELECT key_of('followed ' || n), key_of('event followed'), key_of('subscription https://hooks.example/a'), at,
       CASE n WHEN 0 THEN at END, CASE n WHEN 1 THEN at END, n, key_of('application')
FROM generate_series(0, 1) AS n, LATERAL (SELECT now() - interval '1 day' * (3 - n) AS at) AS t;
