-- The role of Grafana's data source, with no more rights than the dashboard needs. May be run again at any time, as the
-- owner of the extension and of the deliveries (or a superuser), once for each source:
--
--   psql -v schema=insights -v role=grafana -v deliveries=deliveries -f grants.sql
--
-- The role has no password yet: \password grafana
\set ON_ERROR_STOP on
\if :{?schema} \else \set schema insights \endif
\if :{?role} \else \set role grafana \endif
\if :{?deliveries} \else \set deliveries deliveries \endif

BEGIN;
SELECT format('CREATE ROLE %I LOGIN', :'role') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec

-- Whoever may edit a dashboard may send any statement: what it reads is bounded by the grants, how long by this.
ALTER ROLE :"role" SET statement_timeout = '30s';
ALTER ROLE :"role" SET default_transaction_read_only = on;

GRANT USAGE ON SCHEMA :"schema" TO :"role";
GRANT SELECT (name) ON :"schema".delivery_sources TO :"role";
GRANT SELECT ON :"schema".anomalies, :"schema".anomalies_active, :"schema".anomaly_events TO :"role";
GRANT EXECUTE ON FUNCTION :"schema".anomaly_insights_status TO :"role";

-- Reports read the deliveries with the rights of whoever asks.
SELECT format('GRANT USAGE ON SCHEMA %s TO %I; GRANT SELECT ON %s TO %2$I',
  relnamespace::regnamespace, :'role', oid::regclass)
FROM pg_class WHERE oid = :'deliveries'::regclass \gexec
COMMIT;
