\echo Use "CREATE EXTENSION anomaly_insights" to load this file. \quit

-- Sources ------------------------------------------------------------------------------------------------------------

CREATE TABLE @extschema@.delivery_sources (
  name text PRIMARY KEY CHECK (name <> ''),
  relation text NOT NULL,
  owner text NOT NULL,
  mapping jsonb NOT NULL,
  registered_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE @extschema@.delivery_sources IS
  'where deliveries are, and what their columns mean; written by delivery_source_register and delivery_source_drop';
COMMENT ON COLUMN @extschema@.delivery_sources.name IS 'how reports call the source';
COMMENT ON COLUMN @extschema@.delivery_sources.relation IS
  'the relation, quoted and qualified; by name, so that it survives dump and restore';
COMMENT ON COLUMN @extschema@.delivery_sources.owner IS 'the role that registered it';
COMMENT ON COLUMN @extschema@.delivery_sources.mapping IS
  'expressions of the canonical fields as PostgreSQL deparses them; statuses, where, time_zone';
COMMENT ON COLUMN @extschema@.delivery_sources.registered_at IS 'when it was registered last';
REVOKE ALL ON TABLE @extschema@.delivery_sources FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('@extschema@.delivery_sources', '');

CREATE FUNCTION @extschema@.delivery_source_register(
  relation regclass, name text DEFAULT 'default', mapping jsonb DEFAULT '{}')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ai_source_register' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.delivery_source_register(regclass, text, jsonb) IS
  'registers a relation as a source of deliveries, or again under the same name; returns the mapping as it was understood';
-- A mapping is SQL that runs with the privileges of whoever asks for a report.
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
  near_failure bigint, delivered_attempts bigint, oldest_pending_seconds bigint)
AS 'MODULE_PATHNAME', 'ai_rollup_cells' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 1000;
COMMENT ON FUNCTION @extschema@.rollup_cells(@extschema@.delivery_rollup) IS
  'a rollup as rows, one for each tenant, endpoint and slot in which there are deliveries';

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
  success_rate double precision, settled_success_rate double precision)
AS 'MODULE_PATHNAME', 'ai_delivery_stats' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 1
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on;
COMMENT ON FUNCTION @extschema@.delivery_stats(int, text, text, timestamptz) IS
  'deliveries by status; rates in percent of all and of those that ended';

CREATE FUNCTION @extschema@.replay_stats(
  hours int DEFAULT 24,
  source text DEFAULT NULL, tenant text DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
RETURNS TABLE (
  total_replayed bigint, replay_successes bigint, replay_success_rate double precision,
  transient_retry_success_rate double precision, first_attempt_success_rate double precision,
  mean_attempts double precision)
AS 'MODULE_PATHNAME', 'ai_replay_stats' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 1
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on;
COMMENT ON FUNCTION @extschema@.replay_stats(int, text, text, timestamptz) IS
  'deliveries that were attempted more than once, and how they fared';

CREATE FUNCTION @extschema@.operator_insights_trends(
  hours int DEFAULT 24, interval_hours int DEFAULT 1,
  source text DEFAULT NULL, tenant text DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
RETURNS TABLE (
  bucket_start timestamptz, bucket_end timestamptz, total_deliveries bigint, delivered bigint, failures bigint,
  pending bigint, success_rate double precision, failure_rate double precision)
AS 'MODULE_PATHNAME', 'ai_operator_insights_trends' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 24
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on;
COMMENT ON FUNCTION @extschema@.operator_insights_trends(int, int, text, text, timestamptz) IS
  'deliveries in intervals (bucket_start, bucket_end] counted back from as_of, oldest first, the empty ones too';

CREATE FUNCTION @extschema@.operator_insights_trends_json(
  hours int DEFAULT 24, interval_hours int DEFAULT 1,
  source text DEFAULT NULL, tenant text DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ai_operator_insights_trends_json' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on;
COMMENT ON FUNCTION @extschema@.operator_insights_trends_json(int, int, text, text, timestamptz) IS
  'the same as the JSON of GET /operator-insights/trends';

CREATE FUNCTION @extschema@.operator_insights_series(
  since timestamptz, until timestamptz, bucket interval DEFAULT '1 hour', tz text DEFAULT NULL,
  endpoint text DEFAULT NULL, source text DEFAULT NULL, tenant text DEFAULT NULL)
RETURNS TABLE (
  bucket_start timestamptz, bucket_end timestamptz, total_deliveries bigint, delivered bigint, failures bigint,
  pending bigint, success_rate double precision, failure_rate double precision)
AS 'MODULE_PATHNAME', 'ai_operator_insights_series' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 100
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on;
COMMENT ON FUNCTION @extschema@.operator_insights_series(
  timestamptz, timestamptz, interval, text, text, text, text) IS
  'deliveries of [since, until) in calendar buckets [bucket_start, bucket_end) of a time zone (NULL: the session''s)';

CREATE FUNCTION @extschema@.insights_compare(
  hours int DEFAULT 24, min_total bigint DEFAULT 20,
  source text DEFAULT NULL, tenant text DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
RETURNS TABLE (
  scope text, endpoint text, figure text, current_value double precision, previous_value double precision,
  change double precision, impact double precision, direction text)
AS 'MODULE_PATHNAME', 'ai_insights_compare' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 50
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on;
COMMENT ON FUNCTION @extschema@.insights_compare(int, bigint, text, text, timestamptz) IS
  'each figure of the last hours and of the hours before; and the endpoints that got worse or better, by impact';

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
