-- Svix (svix/svix-webhooks, server/svix-server/migrations up to 20250909214223): the columns of messageattempt, its key
-- and indexes. status: 0 success, 1 pending, 2 fail, 3 sending (core/types). attempt_number counts from 0, -1 is a
-- resend by hand; response_status_code is 0 where nothing answered (worker.rs).
CREATE TABLE messageattempt (
  id varchar COLLATE "C" PRIMARY KEY,
  created_at timestamptz NOT NULL,
  msg_id varchar COLLATE "C" NOT NULL,
  msg_dest_id varchar COLLATE "C",
  endp_id varchar COLLATE "C" NOT NULL,
  url varchar NOT NULL,
  status smallint NOT NULL,
  response_status_code smallint NOT NULL,
  response text NOT NULL DEFAULT '',
  ended_at timestamptz,
  trigger_type smallint NOT NULL,
  response_duration_ms bigint NOT NULL DEFAULT 0,
  attempt_number smallint NOT NULL DEFAULT -1,
  next_attempt timestamptz
);
CREATE INDEX ON messageattempt (msg_id, id DESC);
CREATE INDEX ON messageattempt (endp_id, status, id DESC) INCLUDE (response_status_code);

INSERT INTO messageattempt (id, created_at, msg_id, endp_id, url, status, response_status_code, response, ended_at,
  trigger_type, attempt_number, next_attempt)
SELECT 'atmpt_' || lpad(i::text, 6, '0'), at, 'msg_' || i, 'ep_' || right(url, 1), url,
       CASE kind WHEN 'delivered' THEN 0 WHEN 'waiting' THEN 1 WHEN 'sending' THEN 3 ELSE 2 END,
       CASE kind WHEN 'delivered' THEN 200 WHEN 'retried' THEN 503 ELSE 0 END,
       CASE kind WHEN 'delivered' THEN 'ok' WHEN 'retried' THEN 'upstream is down' ELSE '' END, at + interval '1 second',
       0, CASE kind WHEN 'exhausted' THEN 7 WHEN 'retried' THEN 1 ELSE 0 END,
       CASE kind WHEN 'retried' THEN at + interval '5 minutes' END
FROM plausible;
-- A message that was tried again, and arrived.
INSERT INTO messageattempt (id, created_at, msg_id, endp_id, url, status, response_status_code, trigger_type,
  attempt_number)
SELECT 'atmpt_followed_' || n, now() - interval '1 day' * (3 - n), 'msg_followed', 'ep_a', 'https://hooks.example/a', 2 - n * 2,
       503 - n * 303, 0, n
FROM generate_series(0, 1) AS n;
