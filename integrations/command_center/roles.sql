-- Roles of the command center, with no more rights than its routes need. May be run again at any time, as the owner of
-- the extension and of the deliveries (or a superuser), after delivery_source_register:
--
--   psql -v schema=insights -v deliveries=deliveries -v service=insights_service -f roles.sql
--
-- Run it once for each source. The service has no password yet: \password insights_service
\set ON_ERROR_STOP on
\if :{?schema} \else \set schema insights \endif
\if :{?deliveries} \else \set deliveries deliveries \endif
\if :{?service} \else \set service insights_service \endif

BEGIN;
SET LOCAL client_min_messages = warning;

SELECT format('CREATE ROLE %I NOLOGIN', name)
FROM unnest('{insights_viewer, insights_operator, insights_admin}'::text[]) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
-- The service is nobody by itself: it becomes one of the three in each transaction.
SELECT format('CREATE ROLE %I LOGIN', :'service') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'service')
\gexec
ALTER ROLE :"service" NOINHERIT;
GRANT insights_viewer TO insights_operator;
GRANT insights_operator TO insights_admin;
GRANT insights_viewer, insights_operator, insights_admin TO :"service";

-- What the extension has, by tier; tenants to which a role was restricted stay.
SELECT count(:"schema".insights_grant(name, 'insights_' || name,
  (SELECT g.tenants FROM :"schema".insights_grants g WHERE g.role_name = 'insights_' || name))) AS granted
FROM unnest('{viewer, operator, admin}'::text[]) AS name \gset

-- viewer: the deliveries. The reports are everybody's who may read them.
SELECT format('GRANT USAGE ON SCHEMA %s TO insights_viewer; GRANT SELECT ON %s TO insights_viewer',
  relnamespace::regnamespace, oid::regclass)
FROM pg_class WHERE oid = :'deliveries'::regclass \gexec

-- operator: what a replay sets, the columns that the source maps, where they are columns.
SELECT format('GRANT UPDATE (%s) ON %s TO insights_operator', string_agg(quote_ident(a.attname), ', '),
  :'deliveries'::regclass)
FROM pg_attribute a
WHERE a.attrelid = :'deliveries'::regclass AND a.attnum > 0 AND NOT a.attisdropped AND EXISTS (
  SELECT FROM :"schema".delivery_sources s, unnest('{status, attempts, next_retry_at, updated_at}'::text[]) AS field
  WHERE to_regclass(s.relation) = a.attrelid AND s.mapping ->> field = quote_ident(a.attname))
HAVING count(*) > 0 \gexec

-- The worker reads the deliveries as their owner, who needs the schema for it.
SELECT format('GRANT USAGE ON SCHEMA %I TO %I', :'schema', rolname)
FROM pg_class JOIN pg_roles ON pg_roles.oid = relowner WHERE pg_class.oid = :'deliveries'::regclass AND NOT rolsuper \gexec

COMMIT;
