-- The role of the exporter, with no more rights than queries.yaml needs. May be run again at any time, as the owner of
-- the extension (or a superuser):
--
--   psql -v schema=insights -v role=prometheus -f grants.sql
--
-- The role has no password: over a socket, peer authentication knows it by its name; else \password prometheus.
\set ON_ERROR_STOP on
\if :{?schema} \else \set schema insights \endif
\if :{?role} \else \set role prometheus \endif

BEGIN;
SELECT format('CREATE ROLE %I LOGIN', :'role') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec

-- A scrape that cannot be answered fails, and does not pile up behind a lock.
ALTER ROLE :"role" SET statement_timeout = '5s';
ALTER ROLE :"role" SET lock_timeout = '1s';
ALTER ROLE :"role" SET default_transaction_read_only = on;

-- Of incidents what becomes a label or a value, not what operators noted; of the audit that there was something.
GRANT USAGE ON SCHEMA :"schema" TO :"role";
GRANT SELECT (name) ON :"schema".delivery_sources TO :"role";
GRANT SELECT (id, source, tenant_id, endpoint, scope, severity, status, muted, spike_detected, failure_cluster_detected,
  silence_detected, detected_at, recent_count, recent_failures) ON :"schema".anomalies TO :"role";
GRANT SELECT (id) ON :"schema".operator_audit TO :"role";
GRANT EXECUTE ON FUNCTION :"schema".anomaly_insights_status TO :"role";
COMMIT;
