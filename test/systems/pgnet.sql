-- Supabase pg_net (supabase/pg_net, sql/pg_net.sql): the columns of net._http_response, which has no key; and a table as
-- applications keep it of what they asked for, since the request itself is deleted once it is sent.
CREATE SCHEMA net;
CREATE UNLOGGED TABLE net._http_response (
  id bigint,
  status_code int,
  content_type text,
  headers jsonb,
  content text,
  timed_out boolean,
  error_msg text,
  created timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON net._http_response (created);
CREATE TABLE webhook_requests (request_id bigint PRIMARY KEY, tenant_id text, url text NOT NULL, requested_at timestamptz);

INSERT INTO webhook_requests SELECT i, tenant, url, at FROM plausible WHERE kind <> 'withdrawn';
INSERT INTO net._http_response (id, status_code, content, timed_out, error_msg, created)
SELECT i, CASE kind WHEN 'delivered' THEN 200 WHEN 'retried' THEN 503 END, '',
       kind = 'exhausted', CASE kind WHEN 'exhausted' THEN 'Timeout of 5000 ms reached. Total time: 5001 ms' END, at
FROM plausible WHERE kind IN ('delivered', 'retried', 'exhausted');
