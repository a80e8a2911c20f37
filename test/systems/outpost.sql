-- Hookdeck Outpost (hookdeck/outpost, internal/migrator/migrations/postgres up to 000010): the columns of attempts, its
-- key, partitions and indexes. Words of status: internal/models/entities.go; attempt_number counts from 1; code is the
-- HTTP status as text, or a word such as ERR.
CREATE TABLE attempts (
  id text NOT NULL,
  event_id text NOT NULL,
  destination_id text NOT NULL,
  status text NOT NULL,
  time timestamptz NOT NULL,
  code text,
  response_data text,
  manual boolean NOT NULL DEFAULT false,
  attempt_number int NOT NULL DEFAULT 0,
  tenant_id text NOT NULL,
  topic text NOT NULL,
  event_time timestamptz NOT NULL,
  eligible_for_retry boolean NOT NULL,
  event_data text NOT NULL,
  event_metadata jsonb NOT NULL,
  destination_type text NOT NULL DEFAULT '',
  PRIMARY KEY (time, id)
) PARTITION BY RANGE (time);
CREATE TABLE attempts_default PARTITION OF attempts DEFAULT;
CREATE INDEX ON attempts (tenant_id, time DESC, id DESC);
CREATE INDEX ON attempts (id);

-- What is not sent yet is in no table.
INSERT INTO attempts (id, event_id, destination_id, status, time, code, response_data, attempt_number, tenant_id, topic,
  event_time, eligible_for_retry, event_data, event_metadata, destination_type)
SELECT 'att_' || i, 'evt_' || i, 'des_' || right(url, 1), CASE kind WHEN 'delivered' THEN 'success' ELSE 'failed' END, at,
       CASE kind WHEN 'delivered' THEN '200' WHEN 'retried' THEN '503' ELSE 'ERR' END,
       CASE kind WHEN 'delivered' THEN '{"body": "ok"}' WHEN 'retried' THEN '{"body": "upstream is down"}'
                 ELSE '{"error": "connection refused"}' END,
       CASE kind WHEN 'exhausted' THEN 10 WHEN 'retried' THEN 2 ELSE 1 END, tenant, 'user.created', at, true, '{}', '{}',
       'webhook'
FROM plausible WHERE kind NOT IN ('waiting', 'sending');
-- An event that was tried again, and arrived.
INSERT INTO attempts (id, event_id, destination_id, status, time, code, attempt_number, tenant_id, topic, event_time,
  eligible_for_retry, event_data, event_metadata)
SELECT 'att_followed_' || n, 'evt_followed', 'des_a', (ARRAY['failed', 'success'])[1 + n], now() - interval '1 day' * (3 - n),
       (ARRAY['503', '200'])[1 + n], n + 1, 'acme', 'user.created', now() - interval '3 days', true, '{}', '{}'
FROM generate_series(0, 1) AS n;
