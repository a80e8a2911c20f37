-- Hasura (hasura/graphql-engine, server/src-rsr/init_pg_source.sql): the columns of event_log and
-- event_invocation_logs, their keys and indexes. What it takes, and what a redelivery sets:
-- server/src-lib/Hasura/Backends/Postgres/DDL/EventTrigger.hs. Its sessions write times of UTC.
CREATE SCHEMA hdb_catalog;
CREATE TABLE hdb_catalog.event_log (
  id text PRIMARY KEY DEFAULT gen_random_uuid(),
  schema_name text NOT NULL,
  table_name text NOT NULL,
  trigger_name text NOT NULL,
  payload jsonb NOT NULL,
  delivered boolean NOT NULL DEFAULT false,
  error boolean NOT NULL DEFAULT false,
  tries int NOT NULL DEFAULT 0,
  created_at timestamp DEFAULT now(),
  locked timestamptz,
  next_retry_at timestamp,
  archived boolean NOT NULL DEFAULT false
);
CREATE INDEX ON hdb_catalog.event_log (trigger_name);
CREATE INDEX ON hdb_catalog.event_log (locked NULLS FIRST, next_retry_at NULLS FIRST, created_at)
  WHERE NOT delivered AND NOT error AND NOT archived;
CREATE TABLE hdb_catalog.event_invocation_logs (
  id text PRIMARY KEY DEFAULT gen_random_uuid(),
  trigger_name text,
  event_id text,
  status int,
  request json,
  response json,
  created_at timestamp DEFAULT now()
);
CREATE INDEX ON hdb_catalog.event_invocation_logs (event_id);

INSERT INTO hdb_catalog.event_log (id, schema_name, table_name, trigger_name, payload, delivered, error, tries,
  created_at, locked, next_retry_at, archived)
SELECT 'event-' || i, 'public', 'orders', 'notify_' || right(url, 1),
       jsonb_build_object('op', 'INSERT', 'session_variables', jsonb_build_object('x-hasura-tenant-id', tenant)),
       kind = 'delivered', kind = 'exhausted',
       CASE kind WHEN 'exhausted' THEN 6 WHEN 'retried' THEN 2 WHEN 'delivered' THEN 1 ELSE 0 END, at AT TIME ZONE 'UTC',
       CASE WHEN kind = 'sending' THEN at END,
       CASE WHEN kind = 'retried' THEN (now() + interval '10 minutes') AT TIME ZONE 'UTC' END, kind = 'withdrawn'
FROM plausible;
-- A client error has no status of HTTP: 1000.
INSERT INTO hdb_catalog.event_invocation_logs (id, trigger_name, event_id, status, response, created_at)
SELECT 'invocation-' || i, 'notify_' || right(url, 1), 'event-' || i,
       CASE kind WHEN 'delivered' THEN 200 WHEN 'retried' THEN 503 ELSE 1000 END,
       CASE kind WHEN 'exhausted' THEN '{"type": "client_error", "data": {"message": "ConnectionTimeout"}}'::json
                 ELSE '{"type": "webhook_response", "data": {"body": "-"}}' END,
       at AT TIME ZONE 'UTC'
FROM plausible WHERE kind IN ('delivered', 'retried', 'exhausted');
