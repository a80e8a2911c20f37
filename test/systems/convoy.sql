-- Convoy (frain-dev/convoy, sql/1677078479 to 1780000400): the columns of event_deliveries and delivery_attempts, their
-- keys and indexes on time. Words of status and members of metadata: datastore/models.go.
CREATE SCHEMA convoy;
CREATE TYPE convoy.delivery_mode AS ENUM ('at_least_once', 'at_most_once');
CREATE TABLE convoy.event_deliveries (
  id varchar PRIMARY KEY,
  status text NOT NULL,
  description text NOT NULL,
  project_id varchar NOT NULL,
  endpoint_id varchar,
  event_id varchar NOT NULL,
  device_id varchar,
  subscription_id varchar NOT NULL,
  metadata jsonb NOT NULL,
  headers jsonb,
  attempts bytea,
  cli_metadata jsonb,
  created_at timestamptz DEFAULT now(),
  updated_at timestamptz DEFAULT now(),
  deleted_at timestamptz,
  url_query_params varchar,
  idempotency_key text,
  latency text,
  event_type text,
  acknowledged_at timestamptz,
  latency_seconds numeric,
  delivery_mode convoy.delivery_mode DEFAULT 'at_least_once',
  target_url text,
  event_bytes bigint
);
CREATE INDEX ON convoy.event_deliveries (status);
CREATE INDEX ON convoy.event_deliveries (created_at);
CREATE TABLE convoy.delivery_attempts (
  id varchar PRIMARY KEY,
  url text NOT NULL,
  method varchar NOT NULL,
  api_version varchar NOT NULL,
  project_id varchar NOT NULL,
  endpoint_id varchar NOT NULL,
  event_delivery_id varchar NOT NULL REFERENCES convoy.event_deliveries (id),
  ip_address varchar,
  request_http_header jsonb,
  response_http_header jsonb,
  http_status varchar,
  response_data bytea,
  error text,
  status bool,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz
);
CREATE INDEX ON convoy.delivery_attempts (created_at);

INSERT INTO convoy.event_deliveries (id, status, description, project_id, endpoint_id, event_id, subscription_id,
  metadata, created_at, updated_at, deleted_at, event_type)
SELECT 'ed-' || i,
       CASE kind WHEN 'delivered' THEN 'Success' WHEN 'retried' THEN 'Retry' WHEN 'exhausted' THEN 'Failure'
                 WHEN 'withdrawn' THEN 'Discarded' WHEN 'waiting' THEN 'Scheduled' ELSE 'Processing' END,
       CASE WHEN kind IN ('retried', 'exhausted') THEN 'Endpoint returned a non-2xx response' ELSE '' END,
       tenant, 'endpoint-' || right(url, 1), 'event-' || i, 'subscription-' || right(url, 1),
       jsonb_build_object(
         'num_trials', CASE kind WHEN 'exhausted' THEN 5 WHEN 'retried' THEN 2 WHEN 'delivered' THEN 1 ELSE 0 END,
         'retry_limit', 5, 'interval_seconds', 10, 'strategy', 'linear',
         'next_send_time', to_char((at + interval '10 seconds') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')),
       at, at, CASE WHEN i % 500 = 0 THEN at END, 'invoice.paid'
FROM plausible;
INSERT INTO convoy.delivery_attempts (id, url, method, api_version, project_id, endpoint_id, event_delivery_id,
  http_status, error, status, created_at)
SELECT 'da-' || i, url, 'POST', '2024-04-01', tenant, 'endpoint-' || right(url, 1), 'ed-' || i,
       CASE kind WHEN 'delivered' THEN '200 OK' WHEN 'retried' THEN '503 Service Unavailable' END,
       CASE kind WHEN 'exhausted' THEN 'dial tcp 192.0.2.1:443: connect: connection refused' END, kind = 'delivered', at
FROM plausible WHERE kind IN ('delivered', 'retried', 'exhausted');
