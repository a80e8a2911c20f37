\echo Use "CREATE EXTENSION anomaly_insights" to load this file. \quit

-- Sources ------------------------------------------------------------------------------------------------------------

CREATE TABLE @extschema@.delivery_sources (
  name text PRIMARY KEY CHECK (name <> ''),
  relation text NOT NULL,
  mapping jsonb NOT NULL,
  registered_by text NOT NULL,
  registered_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
  owner_name text NOT NULL,
  owner_oid oid NOT NULL,
  system_identifier bigint NOT NULL,
  relation_kind text NOT NULL,
  created_at_type text NOT NULL,
  needs jsonb NOT NULL
);
COMMENT ON TABLE @extschema@.delivery_sources IS
  'where deliveries are, and what their columns mean; written by delivery_source_register and delivery_source_drop';
COMMENT ON COLUMN @extschema@.delivery_sources.name IS 'how reports call the source';
COMMENT ON COLUMN @extschema@.delivery_sources.relation IS
  'the relation, quoted and qualified; by name, so that it survives dump and restore';
COMMENT ON COLUMN @extschema@.delivery_sources.mapping IS
  'expressions of the canonical fields as PostgreSQL deparses them; statuses, where, time_zone';
COMMENT ON COLUMN @extschema@.delivery_sources.registered_by IS 'the role that registered it last, for the record';
COMMENT ON COLUMN @extschema@.delivery_sources.registered_at IS 'when it was registered last';
COMMENT ON COLUMN @extschema@.delivery_sources.owner_name IS
  'the role that owned the relation then, and as which the worker reads it; what counts in another cluster, such as after a restore';
COMMENT ON COLUMN @extschema@.delivery_sources.owner_oid IS 'its OID, which counts in the same cluster';
COMMENT ON COLUMN @extschema@.delivery_sources.system_identifier IS 'of the cluster in which the OIDs hold';
COMMENT ON COLUMN @extschema@.delivery_sources.relation_kind IS 'table, view or materialized view';
COMMENT ON COLUMN @extschema@.delivery_sources.created_at_type IS 'of the raw created_at';
COMMENT ON COLUMN @extschema@.delivery_sources.needs IS
  'functions, operators, types and collations that are not built in and that the mapping needs, with owner and volatility';
REVOKE ALL ON TABLE @extschema@.delivery_sources FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('@extschema@.delivery_sources', '');

CREATE FUNCTION @extschema@.delivery_source_register(
  relation regclass, name text DEFAULT 'default', mapping jsonb DEFAULT '{}')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ai_source_register' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.delivery_source_register(regclass, text, jsonb) IS
  'registers a relation as a source of deliveries, or again under the same name; returns the mapping as it was understood';
-- A mapping is SQL that runs with the privileges of whoever asks for a report, and with those of the relation's owner.
REVOKE ALL ON FUNCTION @extschema@.delivery_source_register(regclass, text, jsonb) FROM PUBLIC;

CREATE FUNCTION @extschema@.delivery_source_drop(name text DEFAULT 'default')
RETURNS void
AS 'MODULE_PATHNAME', 'ai_source_drop' LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on;
COMMENT ON FUNCTION @extschema@.delivery_source_drop(text) IS
  'forgets a source of deliveries; the relation stays as it is';
REVOKE ALL ON FUNCTION @extschema@.delivery_source_drop(text) FROM PUBLIC;

CREATE FUNCTION @extschema@.delivery_source_check(name text DEFAULT NULL)
RETURNS TABLE ("check" text, level text, detail text, hint text, source text)
AS 'MODULE_PATHNAME', 'ai_source_check' LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on;
COMMENT ON FUNCTION @extschema@.delivery_source_check(text) IS
  'what to know of a source (all for NULL) before relying on it: level ok, info, warning or error';

-- Rollups ------------------------------------------------------------------------------------------------------------

CREATE TYPE @extschema@.delivery_rollup;

CREATE FUNCTION @extschema@.delivery_rollup_in(cstring) RETURNS @extschema@.delivery_rollup
AS 'MODULE_PATHNAME', 'ai_rollup_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.delivery_rollup_in(cstring) IS 'I/O';

CREATE FUNCTION @extschema@.delivery_rollup_out(@extschema@.delivery_rollup) RETURNS cstring
AS 'MODULE_PATHNAME', 'ai_rollup_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.delivery_rollup_out(@extschema@.delivery_rollup) IS 'I/O';

CREATE FUNCTION @extschema@.delivery_rollup_recv(internal) RETURNS @extschema@.delivery_rollup
AS 'MODULE_PATHNAME', 'ai_rollup_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.delivery_rollup_recv(internal) IS 'I/O';

CREATE FUNCTION @extschema@.delivery_rollup_send(@extschema@.delivery_rollup) RETURNS bytea
AS 'MODULE_PATHNAME', 'ai_rollup_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.delivery_rollup_send(@extschema@.delivery_rollup) IS 'I/O';

CREATE TYPE @extschema@.delivery_rollup (
  INPUT = @extschema@.delivery_rollup_in,
  OUTPUT = @extschema@.delivery_rollup_out,
  RECEIVE = @extschema@.delivery_rollup_recv,
  SEND = @extschema@.delivery_rollup_send,
  INTERNALLENGTH = VARIABLE,
  ALIGNMENT = int4,
  STORAGE = extended
);
COMMENT ON TYPE @extschema@.delivery_rollup IS
  'deliveries counted by tenant, endpoint and time slot; two of the same shape can be merged';

CREATE FUNCTION @extschema@.delivery_rollup_shape(
  slot_origin timestamptz, slot_width interval, slots int DEFAULT 1, statuses jsonb DEFAULT NULL)
RETURNS @extschema@.delivery_rollup
AS 'MODULE_PATHNAME', 'ai_rollup_shape' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.delivery_rollup_shape(timestamptz, interval, int, jsonb) IS
  'an empty rollup: its slots are [slot_origin, slot_origin + slot_width) and so on; statuses maps raw values as in a source';

CREATE FUNCTION @extschema@.delivery_rollup_add(
  state @extschema@.delivery_rollup, shape @extschema@.delivery_rollup,
  created_at timestamptz, tenant_id text, endpoint text, status text, triage_label text)
RETURNS @extschema@.delivery_rollup
AS 'MODULE_PATHNAME', 'ai_rollup_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.delivery_rollup_add(
  @extschema@.delivery_rollup, @extschema@.delivery_rollup, timestamptz, text, text, text, text) IS
  'transition function of delivery_rollup_agg';

CREATE FUNCTION @extschema@.delivery_rollup_add(
  state @extschema@.delivery_rollup, shape @extschema@.delivery_rollup,
  created_at timestamptz, tenant_id text, endpoint text, status text, triage_label text,
  attempts int, max_attempts int)
RETURNS @extschema@.delivery_rollup
AS 'MODULE_PATHNAME', 'ai_rollup_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.delivery_rollup_add(
  @extschema@.delivery_rollup, @extschema@.delivery_rollup, timestamptz, text, text, text, text, int, int) IS
  'transition function of delivery_rollup_agg';

CREATE FUNCTION @extschema@.delivery_rollup_combine(
  state @extschema@.delivery_rollup, rollup @extschema@.delivery_rollup)
RETURNS @extschema@.delivery_rollup
AS 'MODULE_PATHNAME', 'ai_rollup_merge' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.delivery_rollup_combine(@extschema@.delivery_rollup, @extschema@.delivery_rollup) IS
  'combine function of delivery_rollup_agg and rollup_merge';

CREATE AGGREGATE @extschema@.delivery_rollup_agg(
  shape @extschema@.delivery_rollup,
  created_at timestamptz, tenant_id text, endpoint text, status text, triage_label text) (
  SFUNC = @extschema@.delivery_rollup_add,
  STYPE = @extschema@.delivery_rollup,
  SSPACE = 65536,
  COMBINEFUNC = @extschema@.delivery_rollup_combine,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.delivery_rollup_agg(
  @extschema@.delivery_rollup, timestamptz, text, text, text, text) IS
  'deliveries to a rollup of the shape of an empty one; NULL where there are no rows';

CREATE AGGREGATE @extschema@.delivery_rollup_agg(
  shape @extschema@.delivery_rollup,
  created_at timestamptz, tenant_id text, endpoint text, status text, triage_label text,
  attempts int, max_attempts int) (
  SFUNC = @extschema@.delivery_rollup_add,
  STYPE = @extschema@.delivery_rollup,
  SSPACE = 65536,
  COMBINEFUNC = @extschema@.delivery_rollup_combine,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.delivery_rollup_agg(
  @extschema@.delivery_rollup, timestamptz, text, text, text, text, int, int) IS
  'the same with the attempts made and allowed, without which every delivery counts as attempted once';

CREATE AGGREGATE @extschema@.rollup_merge(rollup @extschema@.delivery_rollup) (
  SFUNC = @extschema@.delivery_rollup_combine,
  STYPE = @extschema@.delivery_rollup,
  SSPACE = 65536,
  COMBINEFUNC = @extschema@.delivery_rollup_combine,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.rollup_merge(@extschema@.delivery_rollup) IS
  'rollups of one shape to one rollup';

CREATE FUNCTION @extschema@.rollup_cells(rollup @extschema@.delivery_rollup)
RETURNS TABLE (
  tenant_id text, endpoint text, slot_start timestamptz, slot_end timestamptz,
  total bigint, delivered bigint, failed bigint, dead_letter bigint, pending bigint,
  settled bigint, failures bigint, reference_failures bigint,
  transient_endpoint_down bigint, permanent_4xx bigint, rate_limited bigint, unknown bigint,
  retried bigint, retried_ended bigint, retried_delivered bigint, transient_retried_delivered bigint,
  transient_retried_ended bigint, rate_limited_retried_ended bigint, rate_limited_retried_delivered bigint,
  transient_failed bigint, rate_limited_failed bigint,
  near_failure bigint, delivered_attempts bigint, oldest_pending_seconds bigint, unmapped bigint,
  detector_settled bigint, detector_failures bigint, transient_before bigint)
AS 'MODULE_PATHNAME', 'ai_rollup_cells' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 1000;
COMMENT ON FUNCTION @extschema@.rollup_cells(@extschema@.delivery_rollup) IS
  'a rollup as rows, one for each tenant, endpoint and slot in which there are deliveries; failures are failed and dead_letter, settled those and delivered, as in the reports; detector_failures and detector_settled also hold what is not delivered and has the label of a failure; transient_before are delivered ones whose label says that the failure before was transient';

-- Triage -------------------------------------------------------------------------------------------------------------

CREATE FUNCTION @extschema@.triage_classify(
  status text, http_status int, error text, method text DEFAULT 'default',
  OUT label text, OUT score int, OUT reason text, OUT recommended_action text)
AS 'MODULE_PATHNAME', 'ai_triage_classify' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.triage_classify(text, int, text, text) IS
  'why a delivery failed: label, how sure it is (50 to 95), the signal that decided, and what to do';

CREATE FUNCTION @extschema@.triage_label(status text, http_status int, error text) RETURNS text
AS 'MODULE_PATHNAME', 'ai_triage_label' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.triage_label(text, int, text) IS
  'the label of triage_classify; NULL where there is nothing to triage. What a source without triage_label is counted by';

-- Anomalies ----------------------------------------------------------------------------------------------------------

CREATE FUNCTION @extschema@.anomalies_current(
  recent interval DEFAULT '5 minutes', baseline interval DEFAULT '60 minutes', method text DEFAULT NULL,
  source text DEFAULT NULL, tenant text DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
RETURNS TABLE (
  tenant_id text, endpoint text, severity text,
  spike_detected boolean, failure_cluster_detected boolean, silence_detected boolean,
  recent_count bigint, baseline_count bigint, recent_failures bigint, baseline_failures bigint,
  spike_multiplier double precision, failure_multiplier double precision,
  message text, detected_at timestamptz,
  expected_count double precision, expected_failures double precision, score double precision,
  window_used interval, scope text)
AS 'MODULE_PATHNAME', 'ai_anomalies_current' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 10
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on;
COMMENT ON FUNCTION @extschema@.anomalies_current(interval, interval, text, text, text, timestamptz) IS
  'what is wrong at as_of: spikes, failure clusters and silence by tenant and endpoint, gravest first';

CREATE FUNCTION @extschema@.anomalies_current_json(
  recent interval DEFAULT '5 minutes', baseline interval DEFAULT '60 minutes', method text DEFAULT NULL,
  source text DEFAULT NULL, tenant text DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ai_anomalies_current_json' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on;
COMMENT ON FUNCTION @extschema@.anomalies_current_json(interval, interval, text, text, text, timestamptz) IS
  'the same as the JSON of GET /anomalies/current';

CREATE FUNCTION @extschema@.anomalies_explain(
  tenant text, endpoint text,
  recent interval DEFAULT '5 minutes', baseline interval DEFAULT '60 minutes', method text DEFAULT NULL,
  source text DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
RETURNS TABLE (part text, item text, value text, meaning text)
AS 'MODULE_PATHNAME', 'ai_anomalies_explain' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 40
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on;
COMMENT ON FUNCTION @extschema@.anomalies_explain(text, text, interval, interval, text, text, timestamptz) IS
  'every input of the verdict on one tenant and endpoint (NULL means the missing one), and the reason for it';

CREATE FUNCTION @extschema@.anomalies_history(
  hours int DEFAULT 24, step interval DEFAULT '1 hour',
  recent interval DEFAULT '5 minutes', baseline interval DEFAULT '60 minutes', method text DEFAULT NULL,
  source text DEFAULT NULL, tenant text DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
RETURNS TABLE (
  tenant_id text, endpoint text, severity text,
  spike_detected boolean, failure_cluster_detected boolean, silence_detected boolean,
  recent_count bigint, baseline_count bigint, recent_failures bigint, baseline_failures bigint,
  spike_multiplier double precision, failure_multiplier double precision,
  message text, detected_at timestamptz,
  expected_count double precision, expected_failures double precision, score double precision,
  window_used interval, scope text)
AS 'MODULE_PATHNAME', 'ai_anomalies_history' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 100
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on;
COMMENT ON FUNCTION @extschema@.anomalies_history(
  int, interval, interval, interval, text, text, text, timestamptz) IS
  'what anomalies_current said at as_of and at each step back from it, newest first, from one scan';

CREATE FUNCTION @extschema@.anomalies_history_json(
  hours int DEFAULT 24, step interval DEFAULT '1 hour',
  recent interval DEFAULT '5 minutes', baseline interval DEFAULT '60 minutes', method text DEFAULT NULL,
  source text DEFAULT NULL, tenant text DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ai_anomalies_history_json' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on;
COMMENT ON FUNCTION @extschema@.anomalies_history_json(
  int, interval, interval, interval, text, text, text, timestamptz) IS
  'the same as JSON: the times at which something was wrong, with the gravest five incidents of each';

-- Insights -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION @extschema@.operator_insights_summary(
  hours int DEFAULT 24,
  source text DEFAULT NULL, tenant text DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ai_operator_insights_summary' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on;
COMMENT ON FUNCTION @extschema@.operator_insights_summary(int, text, text, timestamptz) IS
  'how the deliveries of the last hours went, as the JSON of GET /operator-insights/summary';

CREATE FUNCTION @extschema@.top_failing_endpoints(
  hours int DEFAULT 24, max_rows int DEFAULT 10, order_by text DEFAULT 'failures', min_total bigint DEFAULT 1,
  source text DEFAULT NULL, tenant text DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
RETURNS TABLE (
  endpoint text, failures bigint, total bigint, failure_rate double precision, impact double precision)
AS 'MODULE_PATHNAME', 'ai_top_failing_endpoints' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 10
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on;
COMMENT ON FUNCTION @extschema@.top_failing_endpoints(int, int, text, bigint, text, text, timestamptz) IS
  'the endpoints that failed most, by failures, failure_rate or impact: failures beyond those at the overall rate';

CREATE FUNCTION @extschema@.top_failing_tenants(
  hours int DEFAULT 24, max_rows int DEFAULT 10, order_by text DEFAULT 'failures', min_total bigint DEFAULT 1,
  source text DEFAULT NULL, tenant text DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
RETURNS TABLE (
  tenant_id text, failures bigint, total bigint, failure_rate double precision, impact double precision)
AS 'MODULE_PATHNAME', 'ai_top_failing_tenants' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 10
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on;
COMMENT ON FUNCTION @extschema@.top_failing_tenants(int, int, text, bigint, text, text, timestamptz) IS
  'the tenants that failed most, by failures, failure_rate or impact: failures beyond those at the overall rate';

CREATE FUNCTION @extschema@.triage_distribution(
  hours int DEFAULT 24,
  source text DEFAULT NULL, tenant text DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
RETURNS TABLE (triage_label text, deliveries bigint, share double precision)
AS 'MODULE_PATHNAME', 'ai_triage_distribution' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 5
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on;
COMMENT ON FUNCTION @extschema@.triage_distribution(int, text, text, timestamptz) IS
  'how many deliveries have each triage label, and their share in percent; unclassified: those without one';

CREATE FUNCTION @extschema@.delivery_stats(
  hours int DEFAULT 24,
  source text DEFAULT NULL, tenant text DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
RETURNS TABLE (
  total bigint, delivered bigint, failed bigint, pending bigint, dead_letter bigint,
  success_rate double precision, settled_success_rate double precision, reference_success_rate double precision)
AS 'MODULE_PATHNAME', 'ai_delivery_stats' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 1
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on;
COMMENT ON FUNCTION @extschema@.delivery_stats(int, text, text, timestamptz) IS
  'deliveries by status; success_rate (and settled_success_rate, the same) is delivered in percent of delivered, failed and dead_letter, NULL where there are none; reference_success_rate of all';

CREATE FUNCTION @extschema@.replay_stats(
  hours int DEFAULT 24,
  source text DEFAULT NULL, tenant text DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
RETURNS TABLE (
  total_replayed bigint, replay_successes bigint, replay_success_rate double precision,
  transient_retry_success_rate double precision, first_attempt_success_rate double precision,
  mean_attempts double precision, counted_from text)
AS 'MODULE_PATHNAME', 'ai_replay_stats' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 1
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on;
COMMENT ON FUNCTION @extschema@.replay_stats(int, text, text, timestamptz) IS
  'deliveries that operators replayed (counted_from = replays) or, where none was or the caller may not read operator_audit, that were attempted more than once (attempts), and how they fared';

CREATE FUNCTION @extschema@.operator_insights_trends(
  hours int DEFAULT 24, interval_hours int DEFAULT 1,
  source text DEFAULT NULL, tenant text DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
RETURNS TABLE (
  bucket_start timestamptz, bucket_end timestamptz, total_deliveries bigint, delivered bigint, failures bigint,
  pending bigint, success_rate double precision, failure_rate double precision,
  settled_success_rate double precision, reference_success_rate double precision)
AS 'MODULE_PATHNAME', 'ai_operator_insights_trends' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 24
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on;
COMMENT ON FUNCTION @extschema@.operator_insights_trends(int, int, text, text, timestamptz) IS
  'deliveries in intervals (bucket_start, bucket_end] counted back from as_of, oldest first, the empty ones too; rates as in delivery_stats';

CREATE FUNCTION @extschema@.operator_insights_trends_json(
  hours int DEFAULT 24, interval_hours int DEFAULT 1,
  source text DEFAULT NULL, tenant text DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ai_operator_insights_trends_json' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on;
COMMENT ON FUNCTION @extschema@.operator_insights_trends_json(int, int, text, text, timestamptz) IS
  'the same as the JSON of GET /operator-insights/trends, whose success_rate takes all that has not failed for a success; settled_success_rate is that of the rows';

CREATE FUNCTION @extschema@.operator_insights_series(
  since timestamptz, until timestamptz, bucket interval DEFAULT '1 hour', tz text DEFAULT NULL,
  endpoint text DEFAULT NULL, source text DEFAULT NULL, tenant text DEFAULT NULL)
RETURNS TABLE (
  bucket_start timestamptz, bucket_end timestamptz, total_deliveries bigint, delivered bigint, failures bigint,
  pending bigint, success_rate double precision, failure_rate double precision,
  settled_success_rate double precision, reference_success_rate double precision)
AS 'MODULE_PATHNAME', 'ai_operator_insights_series' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 100
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on;
COMMENT ON FUNCTION @extschema@.operator_insights_series(
  timestamptz, timestamptz, interval, text, text, text, text) IS
  'deliveries of [since, until) in calendar buckets [bucket_start, bucket_end) of a time zone (NULL: the session''s); rates as in delivery_stats';

CREATE FUNCTION @extschema@.insights_compare(
  hours int DEFAULT 24, min_total bigint DEFAULT 20,
  source text DEFAULT NULL, tenant text DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
RETURNS TABLE (
  scope text, endpoint text, figure text, current_value double precision, previous_value double precision,
  change double precision, impact double precision, direction text)
AS 'MODULE_PATHNAME', 'ai_insights_compare' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 50
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on;
COMMENT ON FUNCTION @extschema@.insights_compare(int, bigint, text, text, timestamptz) IS
  'each figure of the last hours and of the hours before; and the endpoints that got worse or better, by impact; rates as in delivery_stats, NULL in a period in which nothing settled; retried are those with more than one attempt, whoever caused it';

CREATE FUNCTION @extschema@.replay_recommendations(
  hours int DEFAULT 24, max_rows int DEFAULT 100,
  source text DEFAULT NULL, tenant text DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
RETURNS TABLE (
  delivery_id text, created_at timestamptz, tenant_id text, endpoint text, status text, triage_label text,
  triage_score int, attempts int, recommendation text, expected_success_rate double precision, reason text)
AS 'MODULE_PATHNAME', 'ai_replay_recommendations' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 100
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on;
COMMENT ON FUNCTION @extschema@.replay_recommendations(int, int, text, text, timestamptz) IS
  'failed deliveries worth a replay, oldest first; behind them those on hold, since their endpoint is failing now';

CREATE FUNCTION @extschema@.replay_recommendations_json(
  hours int DEFAULT 24, max_rows int DEFAULT 100,
  source text DEFAULT NULL, tenant text DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ai_replay_recommendations_json' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on;
COMMENT ON FUNCTION @extschema@.replay_recommendations_json(int, int, text, text, timestamptz) IS
  'the same as JSON: the ids to replay, totals, confidence, breakdowns, and what is held back';

CREATE FUNCTION @extschema@.replay_plan(
  filter jsonb DEFAULT '{}', max_rows int DEFAULT 100,
  source text DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
RETURNS TABLE (
  delivery_id text, created_at timestamptz, tenant_id text, endpoint text, status text, triage_label text,
  attempts int, outcome text, expected_success_rate double precision, reason text)
AS 'MODULE_PATHNAME', 'ai_replay_plan' LANGUAGE C STABLE PARALLEL UNSAFE COST 10000 ROWS 100
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on;
COMMENT ON FUNCTION @extschema@.replay_plan(jsonb, int, text, timestamptz) IS
  'what a replay of the failed deliveries that the filter of delivery_search asks for would do, oldest first: replay, hold, which needs force, or refuse; without ids or times, those of the last 24 hours';

-- Deliveries ---------------------------------------------------------------------------------------------------------

CREATE FUNCTION @extschema@.delivery_search(
  filter jsonb DEFAULT '{}', max_rows int DEFAULT 50,
  before_time timestamptz DEFAULT NULL, before_id text DEFAULT NULL,
  source text DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
RETURNS TABLE (
  delivery_id text, created_at timestamptz, updated_at timestamptz, tenant_id text, endpoint text, event_type text,
  status text, status_class text, triage_label text, triage_score int, attempts int, max_attempts int,
  next_retry_at timestamptz, http_status int, error text)
AS 'MODULE_PATHNAME', 'ai_delivery_search' LANGUAGE C STABLE PARALLEL UNSAFE COST 10000 ROWS 50
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on;
COMMENT ON FUNCTION @extschema@.delivery_search(jsonb, int, timestamptz, text, text, timestamptz) IS
  'deliveries, newest first, at most 1000; filter may hold ids, tenant, endpoint (null: none), status, triage_label (one or an array), hours, since, until. The next page begins before created_at and delivery_id of the last row';

-- Incidents ----------------------------------------------------------------------------------------------------------

CREATE FUNCTION @extschema@.anomaly_key(source text, tenant_id text, endpoint text, scope text) RETURNS uuid
AS 'MODULE_PATHNAME', 'ai_anomaly_key' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.anomaly_key(text, text, text, text) IS
  'what an incident is about, in 128 bits of SHA-256: texts of any length, and NULL is a value';

CREATE TABLE @extschema@.anomalies (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant_id text,
  endpoint text,
  severity text NOT NULL CHECK (severity IN ('warning', 'critical')),
  spike_detected boolean NOT NULL,
  failure_cluster_detected boolean NOT NULL,
  silence_detected boolean NOT NULL,
  recent_count bigint NOT NULL,
  baseline_count bigint NOT NULL,
  recent_failures bigint NOT NULL,
  baseline_failures bigint NOT NULL,
  detected_at timestamptz NOT NULL,
  resolved_at timestamptz,
  acknowledged_by text,
  source text NOT NULL,
  status text NOT NULL CHECK (status IN ('open', 'acknowledged', 'resolved')),
  last_seen_at timestamptz NOT NULL,
  acknowledged_at timestamptz,
  ack_until timestamptz,
  note text,
  resolved_by text,
  resolve_reason text CHECK (resolve_reason IN ('calm', 'new normal', 'by hand', 'expired', 'source dropped')),
  reopen_count int NOT NULL,
  peak_failures bigint NOT NULL,
  peak_multiplier double precision,
  flapping boolean NOT NULL,
  message text NOT NULL,
  scope text NOT NULL CHECK (scope IN ('endpoint', 'fleet')),
  muted boolean NOT NULL,
  false_positive boolean,
  calm_since timestamptz,
  level_since timestamptz NOT NULL,
  evaluated_at timestamptz NOT NULL,
  usual_count double precision NOT NULL,
  usual_failure_ratio double precision NOT NULL,
  suppression text CHECK (suppression IN ('until calm', 'until calm or worse')),
  reopened_at timestamptz[] NOT NULL,
  CHECK ((status = 'resolved') = (resolved_at IS NOT NULL)),
  CHECK ((status = 'resolved') = (resolve_reason IS NOT NULL)),
  CHECK (status <> 'acknowledged' OR (acknowledged_at IS NOT NULL AND acknowledged_by IS NOT NULL)),
  CHECK (status = 'resolved' OR suppression IS NULL),
  CHECK ((severity = 'critical') = failure_cluster_detected),
  CHECK (spike_detected OR failure_cluster_detected OR silence_detected),
  CHECK (scope = 'endpoint' OR (tenant_id IS NULL AND endpoint IS NULL))
) WITH (fillfactor = 70);
COMMENT ON TABLE @extschema@.anomalies IS
  'incidents: each opens once, follows what happens and closes by itself; written by anomalies_scan and by the operators'' functions';
COMMENT ON COLUMN @extschema@.anomalies.id IS 'its number';
COMMENT ON COLUMN @extschema@.anomalies.tenant_id IS 'NULL: none, or the fleet';
COMMENT ON COLUMN @extschema@.anomalies.endpoint IS 'NULL: none, or the fleet';
COMMENT ON COLUMN @extschema@.anomalies.severity IS 'critical: deliveries fail; warning: a spike or silence';
COMMENT ON COLUMN @extschema@.anomalies.spike_detected IS 'it holds a spike of traffic';
COMMENT ON COLUMN @extschema@.anomalies.failure_cluster_detected IS 'it holds a failure cluster';
COMMENT ON COLUMN @extschema@.anomalies.silence_detected IS 'it holds a silence';
COMMENT ON COLUMN @extschema@.anomalies.recent_count IS 'deliveries in the 5 minutes up to last_seen_at';
COMMENT ON COLUMN @extschema@.anomalies.baseline_count IS 'deliveries in the hour of the baseline';
COMMENT ON COLUMN @extschema@.anomalies.recent_failures IS 'failures in the 5 minutes up to last_seen_at';
COMMENT ON COLUMN @extschema@.anomalies.baseline_failures IS 'failures in the hour of the baseline';
COMMENT ON COLUMN @extschema@.anomalies.detected_at IS 'when it opened first';
COMMENT ON COLUMN @extschema@.anomalies.resolved_at IS 'when it ended; NULL while it lasts';
COMMENT ON COLUMN @extschema@.anomalies.acknowledged_by IS 'anomaly_insights.actor, else the session''s user';
COMMENT ON COLUMN @extschema@.anomalies.source IS 'the delivery source';
COMMENT ON COLUMN @extschema@.anomalies.status IS 'open, acknowledged or resolved';
COMMENT ON COLUMN @extschema@.anomalies.last_seen_at IS 
  'the last breach that was stored, at most a minute old while it lasts';
COMMENT ON COLUMN @extschema@.anomalies.acknowledged_at IS 'when it was acknowledged';
COMMENT ON COLUMN @extschema@.anomalies.ack_until IS 'when the acknowledgement expires; NULL: never';
COMMENT ON COLUMN @extschema@.anomalies.note IS 'the last that an operator noted';
COMMENT ON COLUMN @extschema@.anomalies.resolved_by IS 'who resolved it by hand';
COMMENT ON COLUMN @extschema@.anomalies.resolve_reason IS 
  'calm; new normal: a level that stayed for a day; by hand; expired: nobody evaluated it; source dropped';
COMMENT ON COLUMN @extschema@.anomalies.reopen_count IS 'how often it came back soon after its end';
COMMENT ON COLUMN @extschema@.anomalies.peak_failures IS 'the most failures in 5 minutes';
COMMENT ON COLUMN @extschema@.anomalies.peak_multiplier IS 
  'the most times the expected; NULL where nothing was expected';
COMMENT ON COLUMN @extschema@.anomalies.flapping IS 
  'it came back so often that it stays open until it has been calm for longer than it takes to come back';
COMMENT ON COLUMN @extschema@.anomalies.message IS 'what is wrong, as last seen';
COMMENT ON COLUMN @extschema@.anomalies.scope IS 'endpoint; or fleet: all endpoints together';
COMMENT ON COLUMN @extschema@.anomalies.muted IS 
  'a mute applied at the last step: it is recorded, and nobody is notified';
COMMENT ON COLUMN @extschema@.anomalies.false_positive IS 'the verdict of whoever resolved it by hand';
COMMENT ON COLUMN @extschema@.anomalies.calm_since IS 'below the lower thresholds since then';
COMMENT ON COLUMN @extschema@.anomalies.level_since IS 'opened, reopened or escalated last';
COMMENT ON COLUMN @extschema@.anomalies.evaluated_at IS 'the last evaluation that was stored';
COMMENT ON COLUMN @extschema@.anomalies.usual_count IS 'deliveries expected in 5 minutes, frozen at opening';
COMMENT ON COLUMN @extschema@.anomalies.usual_failure_ratio IS 'of settled deliveries, frozen at opening';
COMMENT ON COLUMN @extschema@.anomalies.suppression IS 'why a breach does not reopen it, though it is resolved';
COMMENT ON COLUMN @extschema@.anomalies.reopened_at IS 'the latest times at which it was reopened, oldest first';
COMMENT ON SEQUENCE @extschema@.anomalies_id_seq IS 'the numbers of incidents';

-- NULLS NOT DISTINCT by the key's own doing: it has no NULL.
CREATE UNIQUE INDEX anomalies_one_unresolved ON @extschema@.anomalies
  (@extschema@.anomaly_key(source, tenant_id, endpoint, scope)) WHERE status <> 'resolved';
COMMENT ON INDEX @extschema@.anomalies_one_unresolved IS 'a second unresolved incident for the same key is impossible';
CREATE INDEX anomalies_open ON @extschema@.anomalies (source, id) WHERE status <> 'resolved' OR suppression IS NOT NULL;
COMMENT ON INDEX @extschema@.anomalies_open IS 'what is open now, and what may not be reopened';
CREATE INDEX anomalies_latest ON @extschema@.anomalies (detected_at DESC, id DESC);
COMMENT ON INDEX @extschema@.anomalies_latest IS 'the latest first';
CREATE INDEX anomalies_resolved ON @extschema@.anomalies (resolved_at) WHERE status = 'resolved';
COMMENT ON INDEX @extschema@.anomalies_resolved IS 'what may be reopened, and what is old enough to be deleted';
REVOKE ALL ON TABLE @extschema@.anomalies FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('@extschema@.anomalies', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.anomalies_id_seq', '');

CREATE VIEW @extschema@.anomalies_active WITH (security_invoker = true) AS
  SELECT id, tenant_id, endpoint, severity, spike_detected, failure_cluster_detected, silence_detected,
    recent_count, baseline_count, recent_failures, baseline_failures, detected_at, acknowledged_by, source, status,
    last_seen_at, acknowledged_at, ack_until, note, reopen_count, peak_failures, peak_multiplier, flapping, message,
    scope, muted, calm_since
  FROM @extschema@.anomalies WHERE status <> 'resolved';
COMMENT ON VIEW @extschema@.anomalies_active IS
  'incidents that are open or acknowledged; with the reader''s own privileges on anomalies';
REVOKE ALL ON TABLE @extschema@.anomalies_active FROM PUBLIC;

CREATE TABLE @extschema@.anomaly_events (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  anomaly_id bigint NOT NULL,
  event text NOT NULL CHECK (event IN ('opened', 'escalated', 'acknowledged', 'ack_expired', 'reopened', 'flapping',
    'resolved', 'muted', 'unmuted')),
  at timestamptz NOT NULL,
  severity text NOT NULL,
  status text NOT NULL,
  source text NOT NULL,
  tenant_id text,
  endpoint text,
  scope text NOT NULL,
  recent_count bigint NOT NULL,
  baseline_count bigint NOT NULL,
  recent_failures bigint NOT NULL,
  baseline_failures bigint NOT NULL,
  peak_failures bigint NOT NULL,
  peak_multiplier double precision,
  message text NOT NULL,
  resolve_reason text,
  false_positive boolean,
  note text,
  notified boolean NOT NULL,
  by_user text NOT NULL,
  actor text
);
COMMENT ON TABLE @extschema@.anomaly_events IS
  'every transition of an incident, with the numbers at that moment; only ever added to, and pruned after anomaly_insights.retention';
COMMENT ON COLUMN @extschema@.anomaly_events.seq IS 
  'in the order of commits: whoever asks for what came after the last seq that he saw misses nothing';
COMMENT ON COLUMN @extschema@.anomaly_events.anomaly_id IS 'the incident';
COMMENT ON COLUMN @extschema@.anomaly_events.event IS 'what happened';
COMMENT ON COLUMN @extschema@.anomaly_events.at IS 'when: as_of of the scan, or of the operator, who may have waited; the order is that of seq';
COMMENT ON COLUMN @extschema@.anomaly_events.severity IS 
  'of the incident, after the step that the event is of; so are all of the figures';
COMMENT ON COLUMN @extschema@.anomaly_events.status IS 'of the incident';
COMMENT ON COLUMN @extschema@.anomaly_events.source IS 'the delivery source';
COMMENT ON COLUMN @extschema@.anomaly_events.tenant_id IS 'NULL: none, or the fleet';
COMMENT ON COLUMN @extschema@.anomaly_events.endpoint IS 'NULL: none, or the fleet';
COMMENT ON COLUMN @extschema@.anomaly_events.scope IS 'endpoint or fleet';
COMMENT ON COLUMN @extschema@.anomaly_events.recent_count IS 'deliveries in 5 minutes';
COMMENT ON COLUMN @extschema@.anomaly_events.baseline_count IS 'deliveries in the hour of the baseline';
COMMENT ON COLUMN @extschema@.anomaly_events.recent_failures IS 'failures in 5 minutes';
COMMENT ON COLUMN @extschema@.anomaly_events.baseline_failures IS 'failures in the hour of the baseline';
COMMENT ON COLUMN @extschema@.anomaly_events.peak_failures IS 'the most failures in 5 minutes so far';
COMMENT ON COLUMN @extschema@.anomaly_events.peak_multiplier IS 'the most times the expected so far';
COMMENT ON COLUMN @extschema@.anomaly_events.message IS 'what is wrong';
COMMENT ON COLUMN @extschema@.anomaly_events.resolve_reason IS 'why it ended';
COMMENT ON COLUMN @extschema@.anomaly_events.false_positive IS 'the verdict of whoever resolved it';
COMMENT ON COLUMN @extschema@.anomaly_events.note IS 'what the operator noted';
COMMENT ON COLUMN @extschema@.anomaly_events.notified IS 'false where a mute applied, or notifications are off';
COMMENT ON COLUMN @extschema@.anomaly_events.by_user IS 'session_user of whoever did it';
COMMENT ON COLUMN @extschema@.anomaly_events.actor IS 'the application''s user: anomaly_insights.actor, if set';
COMMENT ON SEQUENCE @extschema@.anomaly_events_seq_seq IS 'the numbers of events';
CREATE INDEX anomaly_events_of ON @extschema@.anomaly_events (anomaly_id, seq);
COMMENT ON INDEX @extschema@.anomaly_events_of IS 'the timeline of an incident';
REVOKE ALL ON TABLE @extschema@.anomaly_events FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('@extschema@.anomaly_events', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.anomaly_events_seq_seq', '');

-- What is lost with it in a crash is half a minute of patience.
CREATE UNLOGGED TABLE @extschema@.anomaly_candidates (
  source text NOT NULL,
  tenant_id text,
  endpoint text,
  scope text NOT NULL,
  failure_since timestamptz,
  silence_since timestamptz
);
COMMENT ON TABLE @extschema@.anomaly_candidates IS 'breaches that were seen once and are not confirmed yet';
COMMENT ON COLUMN @extschema@.anomaly_candidates.source IS 'the delivery source';
COMMENT ON COLUMN @extschema@.anomaly_candidates.tenant_id IS 'NULL: none, or the fleet';
COMMENT ON COLUMN @extschema@.anomaly_candidates.endpoint IS 'NULL: none, or the fleet';
COMMENT ON COLUMN @extschema@.anomaly_candidates.scope IS 'endpoint or fleet';
COMMENT ON COLUMN @extschema@.anomaly_candidates.failure_since IS 'failures were flagged first';
COMMENT ON COLUMN @extschema@.anomaly_candidates.silence_since IS 'silence was flagged first';
CREATE UNIQUE INDEX anomaly_candidates_one ON @extschema@.anomaly_candidates
  (@extschema@.anomaly_key(source, tenant_id, endpoint, scope));
COMMENT ON INDEX @extschema@.anomaly_candidates_one IS 'one row for a key';
REVOKE ALL ON TABLE @extschema@.anomaly_candidates FROM PUBLIC;

-- Mutes --------------------------------------------------------------------------------------------------------------

CREATE TABLE @extschema@.anomaly_mutes (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  source text,
  tenant_id text,
  endpoint text,
  severity_cap text CHECK (severity_cap IN ('warning', 'critical')),
  starts_at timestamptz NOT NULL,
  ends_at timestamptz,
  days int[],
  from_time time,
  to_time time,
  time_zone text,
  reason text,
  created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
  created_by text NOT NULL,
  actor text,
  CHECK (ends_at >= starts_at),
  CHECK ((days IS NULL) = (time_zone IS NULL)),
  CHECK ((days IS NULL) = (from_time IS NULL)),
  CHECK ((days IS NULL) = (to_time IS NULL))
);
COMMENT ON TABLE @extschema@.anomaly_mutes IS
  'who need not be told, and when; written by anomaly_mute and anomaly_unmute';
COMMENT ON COLUMN @extschema@.anomaly_mutes.id IS 'its number';
COMMENT ON COLUMN @extschema@.anomaly_mutes.source IS 'NULL: any; so are tenant_id and endpoint';
COMMENT ON COLUMN @extschema@.anomaly_mutes.tenant_id IS 'NULL: any';
COMMENT ON COLUMN @extschema@.anomaly_mutes.endpoint IS 'NULL: any';
COMMENT ON COLUMN @extschema@.anomaly_mutes.severity_cap IS 'warning: critical incidents notify nevertheless';
COMMENT ON COLUMN @extschema@.anomaly_mutes.starts_at IS 'nothing is muted before';
COMMENT ON COLUMN @extschema@.anomaly_mutes.ends_at IS 'NULL: until anomaly_unmute';
COMMENT ON COLUMN @extschema@.anomaly_mutes.days IS 'of a weekly mute, 1 is Monday: the days on which it begins';
COMMENT ON COLUMN @extschema@.anomaly_mutes.from_time IS 'of a weekly mute: from then on';
COMMENT ON COLUMN @extschema@.anomaly_mutes.to_time IS 'up to then; not after from_time: on the next day';
COMMENT ON COLUMN @extschema@.anomaly_mutes.time_zone IS 'whose clock it goes by';
COMMENT ON COLUMN @extschema@.anomaly_mutes.reason IS 'why';
COMMENT ON COLUMN @extschema@.anomaly_mutes.created_at IS 'when it was made';
COMMENT ON COLUMN @extschema@.anomaly_mutes.created_by IS 'session_user of whoever made it';
COMMENT ON COLUMN @extschema@.anomaly_mutes.actor IS 'anomaly_insights.actor, if set';
COMMENT ON SEQUENCE @extschema@.anomaly_mutes_id_seq IS 'the numbers of mutes';
REVOKE ALL ON TABLE @extschema@.anomaly_mutes FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('@extschema@.anomaly_mutes', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.anomaly_mutes_id_seq', '');

CREATE FUNCTION @extschema@.anomaly_mute_applies(mute @extschema@.anomaly_mutes, at timestamptz) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT mute.starts_at <= at AND (mute.ends_at IS NULL OR at < mute.ends_at) AND (mute.days IS NULL OR CASE
    WHEN mute.from_time < mute.to_time THEN local.day = ANY (mute.days)
      AND local.clock >= mute.from_time AND local.clock < mute.to_time
    ELSE (local.day = ANY (mute.days) AND local.clock >= mute.from_time)
      OR ((local.day + 5) % 7 + 1 = ANY (mute.days) AND local.clock < mute.to_time) END)
  FROM (SELECT extract(isodow FROM moment)::int AS day, moment::time AS clock
    FROM (SELECT at AT TIME ZONE coalesce(mute.time_zone, 'UTC') AS moment) m) local
$$;
COMMENT ON FUNCTION @extschema@.anomaly_mute_applies(@extschema@.anomaly_mutes, timestamptz) IS
  'whether a mute applies at a time; weekly ones by the clock of their zone';

CREATE FUNCTION @extschema@.anomaly_mute(
  tenant text DEFAULT NULL, endpoint text DEFAULT NULL,
  starts_at timestamptz DEFAULT pg_catalog.now(), ends_at timestamptz DEFAULT NULL,
  reason text DEFAULT NULL, severity_cap text DEFAULT NULL, source text DEFAULT NULL,
  days int[] DEFAULT NULL, from_time time DEFAULT NULL, to_time time DEFAULT NULL, time_zone text DEFAULT NULL,
  everything boolean DEFAULT false)
RETURNS bigint
AS 'MODULE_PATHNAME', 'ai_anomaly_mute' LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.anomaly_mute(
  text, text, timestamptz, timestamptz, text, text, text, int[], time, time, text, boolean) IS
  'mutes incidents, NULL for any: once from starts_at to ends_at, or weekly on days (1 is Monday) between two times of a zone; without tenant, endpoint and source it needs everything => true; returns the mute''s id';
REVOKE ALL ON FUNCTION @extschema@.anomaly_mute(
  text, text, timestamptz, timestamptz, text, text, text, int[], time, time, text, boolean) FROM PUBLIC;

CREATE FUNCTION @extschema@.anomaly_unmute(id bigint, at timestamptz DEFAULT pg_catalog.now()) RETURNS void
AS 'MODULE_PATHNAME', 'ai_anomaly_unmute' LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.anomaly_unmute(bigint, timestamptz) IS 'ends a mute; one that has ended stays as it is';
REVOKE ALL ON FUNCTION @extschema@.anomaly_unmute(bigint, timestamptz) FROM PUBLIC;

-- Rights -------------------------------------------------------------------------------------------------------------

CREATE TABLE @extschema@.insights_grants (
  role_name text PRIMARY KEY,
  tier text NOT NULL CHECK (tier IN ('viewer', 'operator', 'admin')),
  tenants text[] CHECK (cardinality(tenants) > 0 AND array_position(tenants, NULL) IS NULL)
);
COMMENT ON TABLE @extschema@.insights_grants IS
  'what insights_grant gave to whom, and to which tenants it restricts him; written by insights_grant and insights_revoke';
COMMENT ON COLUMN @extschema@.insights_grants.role_name IS
  'the role; by name, so that it survives dump and restore, also where there is no such role';
COMMENT ON COLUMN @extschema@.insights_grants.tier IS 'viewer, operator or admin';
COMMENT ON COLUMN @extschema@.insights_grants.tenants IS
  'whose incidents, events and mutes alone the role sees and changes; NULL: not restricted';
REVOKE ALL ON TABLE @extschema@.insights_grants FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('@extschema@.insights_grants', '');

CREATE FUNCTION @extschema@.insights_grant(tier text, role_name text, tenants text[] DEFAULT NULL) RETURNS void
AS 'MODULE_PATHNAME', 'ai_grant' LANGUAGE C VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on;
COMMENT ON FUNCTION @extschema@.insights_grant(text, text, text[]) IS
  'gives a role the privileges of a tier (viewer, operator or admin) in place of what it was given before, and restricts it to tenants; NULL: to none';
REVOKE ALL ON FUNCTION @extschema@.insights_grant(text, text, text[]) FROM PUBLIC;

CREATE FUNCTION @extschema@.insights_revoke(role_name text) RETURNS void
AS 'MODULE_PATHNAME', 'ai_revoke' LANGUAGE C VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on;
COMMENT ON FUNCTION @extschema@.insights_revoke(text) IS
  'takes from a role the privileges of all tiers, and forgets its tenants';
REVOKE ALL ON FUNCTION @extschema@.insights_revoke(text) FROM PUBLIC;

-- For everybody, since the policies ask it of whoever reads.
CREATE FUNCTION @extschema@.insights_tenants(relation regclass DEFAULT NULL) RETURNS text[]
AS 'MODULE_PATHNAME', 'ai_tenants' LANGUAGE C STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on;
COMMENT ON FUNCTION @extschema@.insights_tenants(regclass) IS
  'the tenants that the current role is restricted to; NULL: to none. Of a relation, an error where only a view''s owner may read it';

-- The subqueries are evaluated once for a query; NULL is never equal, so what is of no tenant is nobody's who is
-- restricted.
ALTER TABLE @extschema@.anomalies ENABLE ROW LEVEL SECURITY;
CREATE POLICY insights_tenants ON @extschema@.anomalies USING (
  (SELECT @extschema@.insights_tenants('@extschema@.anomalies')) IS NULL
  OR tenant_id = ANY ((SELECT @extschema@.insights_tenants('@extschema@.anomalies'))::text[]));
COMMENT ON POLICY insights_tenants ON @extschema@.anomalies IS 'who is restricted to tenants, sees theirs';
ALTER TABLE @extschema@.anomaly_events ENABLE ROW LEVEL SECURITY;
CREATE POLICY insights_tenants ON @extschema@.anomaly_events USING (
  (SELECT @extschema@.insights_tenants('@extschema@.anomaly_events')) IS NULL
  OR tenant_id = ANY ((SELECT @extschema@.insights_tenants('@extschema@.anomaly_events'))::text[]));
COMMENT ON POLICY insights_tenants ON @extschema@.anomaly_events IS 'who is restricted to tenants, sees theirs';
ALTER TABLE @extschema@.anomaly_mutes ENABLE ROW LEVEL SECURITY;
CREATE POLICY insights_tenants ON @extschema@.anomaly_mutes USING (
  (SELECT @extschema@.insights_tenants('@extschema@.anomaly_mutes')) IS NULL
  OR tenant_id = ANY ((SELECT @extschema@.insights_tenants('@extschema@.anomaly_mutes'))::text[]));
COMMENT ON POLICY insights_tenants ON @extschema@.anomaly_mutes IS 'who is restricted to tenants, sees theirs';

-- The lifecycle ------------------------------------------------------------------------------------------------------

CREATE FUNCTION @extschema@.anomalies_scan(source text DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
RETURNS TABLE (
  opened int, updated int, resolved int, delivery_source text, outcome text, deliveries bigint, detail text)
AS 'MODULE_PATHNAME', 'ai_anomalies_scan' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000 ROWS 1 SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on;
COMMENT ON FUNCTION @extschema@.anomalies_scan(text, timestamptz) IS
  'one tick of the lifecycle of incidents: a row per source (all for NULL); outcome is done, busy, superseded or failed. All of it is one transaction, the caller''s; the worker commits a thousand incidents at a time';
REVOKE ALL ON FUNCTION @extschema@.anomalies_scan(text, timestamptz) FROM PUBLIC;

CREATE FUNCTION @extschema@.anomaly_acknowledge(
  id bigint, note text DEFAULT NULL, until timestamptz DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
RETURNS @extschema@.anomalies
AS 'MODULE_PATHNAME', 'ai_anomaly_acknowledge' LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.anomaly_acknowledge(bigint, text, timestamptz, timestamptz) IS
  'somebody looks after the incident, until a time or its end; returns it. Needs READ COMMITTED';
REVOKE ALL ON FUNCTION @extschema@.anomaly_acknowledge(bigint, text, timestamptz, timestamptz) FROM PUBLIC;

CREATE FUNCTION @extschema@.anomaly_resolve(
  id bigint, note text DEFAULT NULL, false_positive boolean DEFAULT false, as_of timestamptz DEFAULT pg_catalog.now())
RETURNS @extschema@.anomalies
AS 'MODULE_PATHNAME', 'ai_anomaly_resolve' LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.anomaly_resolve(bigint, text, boolean, timestamptz) IS
  'ends the incident by hand; while it still breaches it stays so until it has been calm once; returns it. Needs READ COMMITTED';
REVOKE ALL ON FUNCTION @extschema@.anomaly_resolve(bigint, text, boolean, timestamptz) FROM PUBLIC;

CREATE FUNCTION @extschema@.anomalies_prune(max_rows int DEFAULT 1000, as_of timestamptz DEFAULT pg_catalog.now())
RETURNS TABLE (anomalies int, events int, mutes int, replays int)
AS 'MODULE_PATHNAME', 'ai_anomalies_prune' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1 SECURITY DEFINER
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.anomalies_prune(int, timestamptz) IS
  'deletes at most so many of the resolved incidents, events, ended mutes and keys of replays that are older than anomaly_insights.retention; the worker does so by itself';
REVOKE ALL ON FUNCTION @extschema@.anomalies_prune(int, timestamptz) FROM PUBLIC;

-- Without the library preloaded, what is known of runs. A tick without news does not write.
CREATE UNLOGGED TABLE @extschema@.anomaly_runs (
  source text PRIMARY KEY,
  last_run timestamptz NOT NULL,
  last_success timestamptz,
  duration interval,
  deliveries bigint,
  failures int NOT NULL,
  last_error text,
  last_error_at timestamptz,
  run_by text NOT NULL,
  superseded boolean NOT NULL,
  unmapped bigint NOT NULL
);
COMMENT ON TABLE @extschema@.anomaly_runs IS
  'the last run of each source that brought news, where the library is not preloaded; see anomaly_insights_status()';
COMMENT ON COLUMN @extschema@.anomaly_runs.source IS 'the delivery source';
COMMENT ON COLUMN @extschema@.anomaly_runs.last_run IS 'when it began';
COMMENT ON COLUMN @extschema@.anomaly_runs.last_success IS 'when the last one began that succeeded';
COMMENT ON COLUMN @extschema@.anomaly_runs.duration IS 'how long it took';
COMMENT ON COLUMN @extschema@.anomaly_runs.deliveries IS 'that were counted by the last that succeeded';
COMMENT ON COLUMN @extschema@.anomaly_runs.failures IS 'runs in a row that failed';
COMMENT ON COLUMN @extschema@.anomaly_runs.last_error IS 'of the last run; NULL: it succeeded';
COMMENT ON COLUMN @extschema@.anomaly_runs.last_error_at IS 'when the last one began that failed';
COMMENT ON COLUMN @extschema@.anomaly_runs.run_by IS 'who ran it';
COMMENT ON COLUMN @extschema@.anomaly_runs.superseded IS
  'a later one came to nothing, since the source had been evaluated as of a time after its own';
COMMENT ON COLUMN @extschema@.anomaly_runs.unmapped IS 'of the deliveries, those with a status that nobody knows';
REVOKE ALL ON TABLE @extschema@.anomaly_runs FROM PUBLIC;

CREATE FUNCTION @extschema@.anomaly_insights_status()
RETURNS TABLE (
  source text, state text, last_run timestamptz, last_success timestamptz, duration interval, deliveries bigint,
  open_incidents bigint, failures int, next_run timestamptz, last_error text, last_error_at timestamptz, run_by text,
  worker text, worker_state text, held_by text, held_since timestamptz, unmapped bigint,
  left_changes bigint)
AS 'MODULE_PATHNAME', 'ai_status' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 2
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on;
COMMENT ON FUNCTION @extschema@.anomaly_insights_status() IS
  'a row per source: how its last evaluation went, what is open, which other session keeps the worker from it (held_by, whose transaction began at held_since), how many of the deliveries have a status that nobody knows (unmapped), how many changes of incidents it had no time to store, which the next one does (left_changes), and what the worker of this database is doing; worker_state is running, waiting, starting, failing, off, template, no room, no launcher, not preloaded or recovery';
REVOKE ALL ON FUNCTION @extschema@.anomaly_insights_status() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.anomaly_insights_status() TO pg_monitor;

-- Audit --------------------------------------------------------------------------------------------------------------

CREATE TABLE @extschema@.operator_audit (
  id bigint PRIMARY KEY,
  actor text NOT NULL,
  action text NOT NULL CHECK (action <> ''),
  target_id text,
  metadata jsonb NOT NULL,
  source_ip inet,
  created_at timestamptz NOT NULL,
  by_user text NOT NULL,
  previous_hash bytea NOT NULL,
  hash bytea NOT NULL
);
COMMENT ON TABLE @extschema@.operator_audit IS
  'who did what: each row carries a hash over itself and the row before; only ever added to, by audit_record';
COMMENT ON COLUMN @extschema@.operator_audit.id IS 'its number, without gaps';
COMMENT ON COLUMN @extschema@.operator_audit.actor IS 'anomaly_insights.actor, else the session''s user';
COMMENT ON COLUMN @extschema@.operator_audit.action IS 'what was done, such as delivery.replay';
COMMENT ON COLUMN @extschema@.operator_audit.target_id IS 'to what';
COMMENT ON COLUMN @extschema@.operator_audit.metadata IS 'an object with whatever else is worth keeping';
COMMENT ON COLUMN @extschema@.operator_audit.source_ip IS 'whence, as the application says';
COMMENT ON COLUMN @extschema@.operator_audit.created_at IS 'when, by the clock of the transaction';
COMMENT ON COLUMN @extschema@.operator_audit.by_user IS 'session_user';
COMMENT ON COLUMN @extschema@.operator_audit.previous_hash IS 'of the row before; 32 zeros for the first';
COMMENT ON COLUMN @extschema@.operator_audit.hash IS 'SHA-256 over all columns before it';
CREATE INDEX operator_audit_latest ON @extschema@.operator_audit (created_at DESC, id DESC);
COMMENT ON INDEX @extschema@.operator_audit_latest IS 'the latest first';
REVOKE ALL ON TABLE @extschema@.operator_audit FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('@extschema@.operator_audit', '');

CREATE FUNCTION @extschema@.audit_refuse() RETURNS trigger
AS 'MODULE_PATHNAME', 'ai_audit_refuse' LANGUAGE C PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.audit_refuse() IS 'trigger function: what is recorded stays as it is';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON @extschema@.operator_audit
  FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.audit_refuse();
ALTER TABLE @extschema@.operator_audit ENABLE ALWAYS TRIGGER append_only;
COMMENT ON TRIGGER append_only ON @extschema@.operator_audit IS 'refuses UPDATE, DELETE and TRUNCATE';

CREATE FUNCTION @extschema@.audit_record(
  action text, target_id text DEFAULT NULL, metadata jsonb DEFAULT '{}', source_ip inet DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'ai_audit_record' LANGUAGE C VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.audit_record(text, text, jsonb, inet) IS
  'adds to the audit what the current actor does, in the caller''s transaction; returns the row''s id. Needs READ COMMITTED';
REVOKE ALL ON FUNCTION @extschema@.audit_record(text, text, jsonb, inet) FROM PUBLIC;

CREATE FUNCTION @extschema@.audit_head() RETURNS TABLE (id bigint, hash bytea)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT a.id, a.hash FROM @extschema@.operator_audit a ORDER BY a.id DESC LIMIT 1;
END;
COMMENT ON FUNCTION @extschema@.audit_head() IS
  'the newest row''s id and hash: kept elsewhere, they show the loss of the newest rows or a rewrite of all';

CREATE FUNCTION @extschema@.audit_verify(head_id bigint DEFAULT NULL, head_hash bytea DEFAULT NULL)
RETURNS TABLE (id bigint, problem text)
AS 'MODULE_PATHNAME', 'ai_audit_verify' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 1
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.audit_verify(bigint, bytea) IS
  'every row that is not as it was recorded; none where all are. With a head that was kept, also what came of that';

CREATE FUNCTION @extschema@.audit_list(
  actor text DEFAULT NULL, action text DEFAULT NULL, since timestamptz DEFAULT NULL, max_rows int DEFAULT 100)
RETURNS SETOF @extschema@.operator_audit
AS 'MODULE_PATHNAME', 'ai_audit_list' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 100
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.audit_list(text, text, timestamptz, int) IS
  'the audit, newest first, at most 1000 rows; NULL for any actor, action or time';

CREATE FUNCTION @extschema@.audit_stats(since timestamptz DEFAULT NULL)
RETURNS TABLE (actor text, action text, count bigint, first_at timestamptz, last_at timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT a.actor, a.action, pg_catalog.count(*), pg_catalog.min(a.created_at), pg_catalog.max(a.created_at)
  FROM @extschema@.operator_audit a
  WHERE since IS NULL OR a.created_at OPERATOR(pg_catalog.>=) since
  GROUP BY a.actor, a.action ORDER BY 3 DESC, 1, 2;
END;
COMMENT ON FUNCTION @extschema@.audit_stats(timestamptz) IS 'who did what how often';

-- Replays ------------------------------------------------------------------------------------------------------------

CREATE TABLE @extschema@.operator_replays (
  by_user text NOT NULL,
  idempotency_key text NOT NULL,
  request_hash bytea NOT NULL,
  requested_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
  actor text,
  results jsonb NOT NULL DEFAULT '[]',
  PRIMARY KEY (by_user, idempotency_key)
);
COMMENT ON TABLE @extschema@.operator_replays IS
  'replays that were asked for, so that one that is asked for twice is done once; written by replay_execute';
COMMENT ON COLUMN @extschema@.operator_replays.by_user IS 'session_user';
COMMENT ON COLUMN @extschema@.operator_replays.idempotency_key IS 'as the caller gave it';
COMMENT ON COLUMN @extschema@.operator_replays.request_hash IS 'SHA-256 over role, source, ids and force';
COMMENT ON COLUMN @extschema@.operator_replays.requested_at IS 'when, by the clock of the transaction';
COMMENT ON COLUMN @extschema@.operator_replays.actor IS 'anomaly_insights.actor, if set';
COMMENT ON COLUMN @extschema@.operator_replays.results IS 'what came of it';
CREATE INDEX operator_replays_oldest ON @extschema@.operator_replays (requested_at);
COMMENT ON INDEX @extschema@.operator_replays_oldest IS 'what is old enough to be deleted';
REVOKE ALL ON TABLE @extschema@.operator_replays FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('@extschema@.operator_replays', '');

CREATE FUNCTION @extschema@.replay_execute(
  ids text[], idempotency_key text, force boolean DEFAULT false, source text DEFAULT NULL, source_ip inet DEFAULT NULL)
RETURNS TABLE (delivery_id text, outcome text, audit_id bigint, detail text)
AS 'MODULE_PATHNAME', 'ai_replay_execute' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000 ROWS 100;
COMMENT ON FUNCTION @extschema@.replay_execute(text[], text, boolean, text, inet) IS
  'puts failed deliveries back in line, with the caller''s rights, and records each in operator_audit, both or neither; outcome is replayed, not_found, not_failed, held (needs force), locked or refused. The same key again gives the same answer and replays nothing';
REVOKE ALL ON FUNCTION @extschema@.replay_execute(text[], text, boolean, text, inet) FROM PUBLIC;
