# Replay advice against an oracle in plain SQL on random deliveries; names beyond ASCII in the JSON of the insights; and
# the same reports cancelled or failing in the middle. The seeds are new in each run; INSIGHTS_SEED='17 42' repeats
# those two.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use Encode qw(decode encode);
use Insights;
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

my @seeds =
  defined $ENV{INSIGHTS_SEED} ? $ENV{INSIGHTS_SEED} =~ /\d+/g : map { int rand 1_000_000 } 1 .. 10;
note("INSIGHTS_SEED='@seeds'");

my $node = start_node('replay', "jit = off\nmax_parallel_workers = 8\nmax_parallel_workers_per_gather = 2");
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');

my $serial = 'SET max_parallel_workers_per_gather = 0;';
my $parallel = 'SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
  SET min_parallel_table_scan_size = 0; SET min_parallel_index_scan_size = 0;';

# Three sources: one whose columns have the usual names and a label; one with names and types of its own, local times
# and no label; and one that knows neither tenants nor attempts.
$node->safe_psql(
	'postgres', q(
CREATE TABLE deliveries (
  id int, tenant_id text, target text, status text, triage_label text, triage_score int, attempts int,
  created_at timestamptz) WITH (parallel_workers = 2);
CREATE INDEX ON deliveries (created_at);
CREATE TABLE logged (
  held text, account int, endpoint text, label smallint, code int, message text, tries smallint, gone_at timestamptz,
  at timestamp) WITH (parallel_workers = 2);
CREATE VIEW anonymous AS SELECT id, target, status, triage_label, created_at FROM deliveries;
SELECT delivery_source_register('deliveries', 'plain', '{"replay_status": "pending"}');
SELECT delivery_source_register('logged', 'mapped', '{
  "id": "held", "created_at": "at", "time_zone": "Europe/Berlin", "tenant_id": "account",
  "endpoint": "split_part(endpoint, ''?'', 1)", "status": "label",
  "statuses": {"0": "pending", "1": "delivered", "2": "failed", "3": "dead_letter", "13": "failed"},
  "http_status": "code", "error": "message", "attempts": "tries", "where": "gone_at IS NULL"}');
SELECT delivery_source_register('anonymous', 'anonymous');
)
);

# The oracle: the schema has a function of the same name, arguments and result for each one of the extension.
$node->safe_psql(
	'postgres', q(
CREATE SCHEMA oracle;
SET search_path = oracle, public;

-- Codes and texts of errors, and what the rules of triage make of them; NULL: by the status alone.
CREATE TABLE errors (code int, message text, label text);
INSERT INTO errors VALUES
  (NULL, NULL, NULL), (200, NULL, NULL),
  (503, NULL, 'transient_endpoint_down'), (NULL, 'HTTP 502: oops', 'transient_endpoint_down'),
  (NULL, 'Connection reset by peer', 'transient_endpoint_down'),
  (429, NULL, 'rate_limited'), (NULL, 'request throttled', 'rate_limited'),
  (404, 'timeout', 'permanent_4xx'), (NULL, 'HTTP 410: gone', 'permanent_4xx'), (NULL, 'it is raining', NULL);

-- What a delivery is to the reports.
CREATE FUNCTION state_of(status text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN lower(status) IN ('delivered', 'success', 'succeeded', 'ok', 'completed', 'sent') THEN 'delivered'
    WHEN lower(status) IN ('failed', 'failure', 'error') THEN 'failed'
    WHEN lower(status) IN ('dead_letter', 'dead', 'exhausted', 'discarded') THEN 'dead_letter'
    ELSE 'neither' END $$;
CREATE VIEW meaning AS
SELECT 'plain' AS origin, id::text AS id, created_at AS at, tenant_id, target, status, state_of(status) AS state,
       triage_label AS label, triage_score AS score, attempts
FROM deliveries
UNION ALL
SELECT 'anonymous', id::text, created_at, NULL, target, status, state_of(status), triage_label, NULL, NULL
FROM deliveries
UNION ALL
SELECT 'mapped', held, at AT TIME ZONE 'Europe/Berlin', account::text, split_part(endpoint, '?', 1), logged.label::text,
       s.state, coalesce(e.label, CASE WHEN s.state IN ('failed', 'dead_letter') THEN 'unknown' END), NULL, tries
FROM logged, LATERAL (
  SELECT CASE WHEN logged.label = 1 THEN 'delivered' WHEN logged.label IN (2, 13) THEN 'failed'
              WHEN logged.label = 3 THEN 'dead_letter' ELSE 'neither' END AS state) AS s, errors AS e
WHERE gone_at IS NULL AND e.code IS NOT DISTINCT FROM logged.code AND e.message IS NOT DISTINCT FROM logged.message;
CREATE TABLE facts AS SELECT * FROM meaning;

CREATE FUNCTION zulu(t timestamptz) RETURNS text LANGUAGE sql STABLE AS
  $$ SELECT to_char(t AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') $$;

CREATE FUNCTION within(hours int, source text, tenant text, as_of timestamptz) RETURNS SETOF facts LANGUAGE sql STABLE AS $$
  SELECT * FROM facts WHERE origin = source AND at > as_of - make_interval(hours => hours) AND at <= as_of
    AND (tenant IS NULL OR tenant_id = tenant) $$;

-- What failed and may be worth a replay, and the message of the failure cluster that its endpoint has now.
CREATE FUNCTION candidates(hours int, source text, tenant text, as_of timestamptz)
RETURNS TABLE (id text, at timestamptz, tenant_id text, target text, status text, label text, score int, attempts int,
  message text) LANGUAGE sql STABLE AS $$
  WITH failing AS MATERIALIZED (
    SELECT a.tenant_id, a.endpoint, a.message
    FROM anomalies_current(method => 'rate', source => source, tenant => tenant, as_of => as_of) AS a
    WHERE a.failure_cluster_detected)
  SELECT f.id, f.at, f.tenant_id, f.target, f.status, f.label, f.score, f.attempts, failing.message
  FROM within(hours, source, tenant, as_of) AS f LEFT JOIN failing
    ON failing.tenant_id IS NOT DISTINCT FROM f.tenant_id AND failing.endpoint IS NOT DISTINCT FROM f.target
  WHERE f.state IN ('failed', 'dead_letter') AND f.label IN ('transient_endpoint_down', 'rate_limited') $$;

-- Of retries that ended, by label and endpoint: how many there were, and how many were delivered.
CREATE FUNCTION records(hours int, source text, tenant text, as_of timestamptz)
RETURNS TABLE (label text, target text, ended bigint, delivered bigint) LANGUAGE sql STABLE AS $$
  SELECT label, target, count(*), count(*) FILTER (WHERE state = 'delivered') FROM within(hours, source, tenant, as_of)
  WHERE attempts > 1 AND state IN ('delivered', 'failed', 'dead_letter')
    AND label IN ('transient_endpoint_down', 'rate_limited') GROUP BY label, target $$;

-- The chance of each label and endpoint of the window, in percent: 100 (d + 20 r)/(e + 20), r = (D + 1)/(E + 2), as one
-- fraction, so that it is exact; half away from zero.
CREATE FUNCTION chances(hours int, source text, tenant text, as_of timestamptz)
RETURNS TABLE (label text, target text, expected numeric) LANGUAGE sql STABLE AS $$
  WITH record AS MATERIALIZED (SELECT * FROM records(hours, source, tenant, as_of)),
  overall AS (
    SELECT l.label, coalesce(sum(r.ended), 0) + 2 AS e, coalesce(sum(r.delivered), 0) + 1 AS d
    FROM unnest(ARRAY['transient_endpoint_down', 'rate_limited']) AS l (label) LEFT JOIN record AS r USING (label)
    GROUP BY l.label)
  SELECT o.label, t.target,
         round(100 * (coalesce(r.delivered, 0) * o.e + 20 * o.d) / ((coalesce(r.ended, 0) + 20) * o.e), 1)
  FROM overall AS o CROSS JOIN (SELECT DISTINCT target FROM within(hours, source, tenant, as_of)) AS t
  LEFT JOIN record AS r ON r.label = o.label AND r.target IS NOT DISTINCT FROM t.target $$;

-- All of them in their order.
CREATE FUNCTION listed(hours int, source text, tenant text, as_of timestamptz)
RETURNS TABLE (id text, at timestamptz, tenant_id text, target text, status text, label text, score int, attempts int,
  recommendation text, expected float8, message text) LANGUAGE sql STABLE AS $$
  SELECT c.id, c.at, c.tenant_id, c.target, c.status, c.label,
         coalesce(c.score, CASE c.label WHEN 'transient_endpoint_down' THEN 90 ELSE 95 END), c.attempts,
         CASE WHEN c.message IS NULL THEN 'replay' ELSE 'hold' END, p.expected, c.message
  FROM candidates(hours, source, tenant, as_of) AS c JOIN chances(hours, source, tenant, as_of) AS p
    ON p.label = c.label AND p.target IS NOT DISTINCT FROM c.target
  ORDER BY c.message IS NOT NULL, c.at, c.id COLLATE "C" $$;

CREATE FUNCTION replay_recommendations(hours int, max_rows int, source text, tenant text, as_of timestamptz)
RETURNS TABLE (delivery_id text, created_at timestamptz, tenant_id text, endpoint text, status text, triage_label text,
  triage_score int, attempts int, recommendation text, expected_success_rate float8, message text) LANGUAGE sql STABLE AS
  'SELECT * FROM listed(hours, source, tenant, as_of) LIMIT max_rows';

CREATE FUNCTION replay_recommendations_json(hours int, max_rows int, source text, tenant text, as_of timestamptz)
RETURNS jsonb LANGUAGE sql STABLE AS $$
  WITH list AS MATERIALIZED (SELECT * FROM listed(hours, source, tenant, as_of) WITH ORDINALITY),
  chance AS MATERIALIZED (SELECT * FROM chances(hours, source, tenant, as_of)),
  chosen AS (SELECT * FROM list WHERE recommendation = 'replay'),
  record AS MATERIALIZED (SELECT * FROM records(hours, source, tenant, as_of)),
  -- how many of a hundred of the chosen ones would succeed, each by the record of its label
  outlook AS (
    SELECT count(*) AS chosen, coalesce((SELECT sum(ended) FROM record), 0) AS known,
           round(avg((SELECT 100 * (coalesce(sum(r.delivered), 0) + 1) / (coalesce(sum(r.ended), 0) + 2)
                      FROM record AS r WHERE r.label = c.label)), 1) AS rate
    FROM chosen AS c)
  SELECT jsonb_build_object(
    'recommended_ids', (
      SELECT coalesce(jsonb_agg(id ORDER BY ordinality), '[]') FROM chosen WHERE ordinality <= max_rows),
    'total_recommended', (SELECT count(*) FROM chosen),
    'total_analyzed', (
      SELECT count(*) FROM within(hours, source, tenant, as_of) WHERE state IN ('failed', 'dead_letter')),
    'total_held_back', (SELECT count(*) FROM list WHERE recommendation = 'hold'),
    'confidence', CASE
      WHEN o.chosen = 0 OR o.known < 20 OR o.rate < 50 THEN 'low'
      WHEN o.known >= 100 AND o.rate >= 80 THEN 'high'
      ELSE 'medium' END,
    'breakdown', jsonb_build_object(
      'by_label', (
        SELECT jsonb_object_agg(l, (SELECT count(*) FROM chosen WHERE label = l))
        FROM unnest(ARRAY['transient_endpoint_down', 'rate_limited']) AS l),
      'by_age', (
        SELECT jsonb_build_object(
          'under_1h', count(*) FILTER (WHERE age < 1), '1h_to_6h', count(*) FILTER (WHERE age >= 1 AND age < 6),
          '6h_to_24h', count(*) FILTER (WHERE age >= 6 AND age < 24), 'over_24h', count(*) FILTER (WHERE age >= 24))
        FROM (SELECT extract(epoch FROM as_of - at) / 3600 AS age FROM chosen) AS a),
      'by_endpoint', (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
                 'endpoint', target, 'deliveries', n, 'expected_success_rate', (
                   SELECT jsonb_object_agg(p.label, p.expected) FROM chance AS p
                   WHERE p.target IS NOT DISTINCT FROM t.target)) ORDER BY n DESC, target COLLATE "C" NULLS LAST), '[]')
        FROM (SELECT target, count(*) AS n FROM chosen GROUP BY target
              ORDER BY n DESC, target COLLATE "C" NULLS LAST LIMIT 10) AS t)),
    'held_back', (
      SELECT coalesce(jsonb_agg(jsonb_build_object(
               'tenant_id', tenant_id, 'endpoint', target, 'deliveries', n, 'message', message)), '[]')
      FROM (SELECT tenant_id, target, message, count(*) AS n FROM list WHERE recommendation = 'hold'
            GROUP BY tenant_id, target, message) AS h),
    'time_range', jsonb_build_object(
      'hours', hours, 'start', zulu(as_of - make_interval(hours => hours)), 'end', zulu(as_of)),
    'generated_at', zulu(now()))
  FROM outlook AS o $$;

-- No order is promised of what is held back, and no words of the reasoning.
CREATE FUNCTION comparable(advice jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT advice - 'reasoning' || jsonb_build_object('held_back', (
    SELECT coalesce(jsonb_agg(h ORDER BY h::text COLLATE "C"), '[]')
    FROM jsonb_array_elements(advice -> 'held_back') AS h)) $$;
)
);

# Random deliveries: fraction(seed, k, i) is the k-th number in [0, 1) of row i. They reach back somewhat beyond the hours;
# every edge has some on it and a microsecond to either side, and many share one time. Of the last 80 minutes there
# is more: groups that fail now, that failed and recovered, that begin to fail at the very end, and that are well.
$node->safe_psql(
	'postgres', q(
CREATE FUNCTION fraction(seed int, k int, i int) RETURNS float8 LANGUAGE sql IMMUTABLE AS
  $$ SELECT (hashint8extended(i, seed * 1000::bigint + k) & 1048575) / 1048576.0::float8 $$;
CREATE FUNCTION pick(x float8, texts text[]) RETURNS text LANGUAGE sql IMMUTABLE AS
  $$ SELECT texts[1 + floor(x * cardinality(texts))::int] $$;
CREATE FUNCTION tenant_name(t int) RETURNS text LANGUAGE sql IMMUTABLE AS
  $$ SELECT (ARRAY['tenant-1', NULL, '', 'Acme', 'acme'] || ARRAY(SELECT 'tenant-' || n FROM generate_series(6, t) AS n))[t] $$;
CREATE FUNCTION endpoint_name(e int) RETURNS text LANGUAGE sql IMMUTABLE AS
  $$ SELECT (ARRAY['https://hook-1.example/in', NULL, '', 'https://A.example', 'https://a.example', U&'\00e9']
             || ARRAY(SELECT 'https://hook-' || n || '.example/in' FROM generate_series(7, e) AS n))[e] $$;
CREATE TABLE moments (i int, at timestamptz, tenant int, endpoint int, failing float8);
CREATE FUNCTION generate(seed int, rows int, endpoints int, tenants int, hours int, as_of timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('search_path', 'oracle, public', true);
  TRUNCATE deliveries, logged, facts, moments;
  INSERT INTO moments
  SELECT i, as_of - CASE WHEN fraction(seed, 1, i) < 0.3
                         THEN floor(fraction(seed, 2, i) * 7 * hours) * interval '10 minutes'
                         ELSE (fraction(seed, 2, i) * 1.2 - 0.1) * hours * interval '1 hour' END,
         1 + floor(fraction(seed, 3, i) ^ 2 * tenants)::int, 1 + floor(fraction(seed, 4, i) ^ 2 * endpoints)::int,
         fraction(seed, 5, 0)
  FROM generate_series(1, rows) AS i;
  INSERT INTO moments
  SELECT 1000000 + row_number() OVER (ORDER BY h, d, n)::int,
         as_of - h * interval '1 hour' + d * interval '1 microsecond', 1 + n % tenants, 1 + n % endpoints, 0.9
  FROM (SELECT DISTINCT h FROM unnest(ARRAY[0, 1, 6, 24, hours, 2 * hours]) AS h) AS edge,
    generate_series(-1, 1) AS d, generate_series(1, 6) AS n;
  INSERT INTO moments
  SELECT 2000000 + g * 1000 + m * 10 + n,
         as_of - (m + fraction(seed, 6, g * 1000 + m * 10 + n)) * interval '1 minute',
         1 + floor(fraction(seed, 7, g) * tenants)::int, 1 + floor(fraction(seed, 8, g) * endpoints)::int,
         CASE WHEN kind < 0.3 THEN CASE WHEN m < 20 THEN 0.9 ELSE 0.05 END
              WHEN kind < 0.5 THEN CASE WHEN m BETWEEN 10 AND 50 THEN 0.9 ELSE 0 END
              WHEN kind < 0.65 THEN CASE WHEN m < 2 THEN 1 ELSE 0 END
              ELSE 0.02 END
  FROM generate_series(1, 14) AS g, LATERAL (SELECT fraction(seed, 9, g)) AS k (kind), generate_series(0, 79) AS m,
    LATERAL generate_series(1, 1 + floor(fraction(seed, 10, g) * 4)::int) AS n;
  INSERT INTO deliveries
  SELECT i, tenant_name(tenant), endpoint_name(endpoint),
         pick(fraction(seed, 12, i), CASE
           WHEN fraction(seed, 11, i) < 0.05 THEN ARRAY[NULL, '', 'gone', 'dead letter', ' failed']
           WHEN fraction(seed, 11, i) < 0.1 THEN ARRAY['pending', 'Queued', 'retry']
           WHEN fraction(seed, 13, i) < failing
             THEN ARRAY['failed', 'FAILED', 'failure', 'Error', 'dead_letter', 'Dead', 'exhausted', 'DISCARDED']
           ELSE ARRAY['delivered', 'Delivered', 'success', 'OK', 'completed', 'sent'] END),
         pick(fraction(seed, 14, i), ARRAY[
           NULL, 'transient_endpoint_down', 'transient_endpoint_down', 'transient_endpoint_down', 'permanent_4xx',
           'rate_limited', 'rate_limited', 'unknown', '', 'Rate_Limited']),
         CASE WHEN fraction(seed, 15, i) < 0.5 THEN 81 + floor(fraction(seed, 16, i) * 19)::int END,
         pick(fraction(seed, 17, i), ARRAY[NULL, '-1', '0', '1', '1', '2', '2', '3', '9', '2147483647'])::int, at
  FROM moments ORDER BY fraction(seed, 18, i);
  INSERT INTO logged
  SELECT CASE i % 3 WHEN 0 THEN 'ref ' WHEN 1 THEN 'REF ' ELSE '' END || i, CASE WHEN tenant <> 2 THEN tenant - 3 END,
         endpoint_name(endpoint) || '?id=' || i,
         pick(fraction(seed, 12, i), CASE
           WHEN fraction(seed, 11, i) < 0.05 THEN ARRAY[NULL, '4', '-1', '0']
           WHEN fraction(seed, 13, i) < failing THEN ARRAY['2', '2', '3', '13']
           ELSE ARRAY['1'] END)::smallint,
         e.code, e.message,
         pick(fraction(seed, 17, i), ARRAY[NULL, '-1', '0', '1', '1', '2', '2', '3', '9', '32767'])::smallint,
         CASE WHEN fraction(seed, 19, i) > 0.8 THEN at END, at AT TIME ZONE 'Europe/Berlin'
  FROM moments, LATERAL (
    SELECT * FROM errors ORDER BY code, message OFFSET floor(fraction(seed, 14, i) * 10)::int LIMIT 1) AS e
  ORDER BY fraction(seed, 20, i);
  INSERT INTO facts SELECT * FROM meaning;
  ANALYZE deliveries, logged, facts;
END $$;
)
);

# Calls a report and its oracle with each row of a query as arguments, and compares what they say. How many rows that were
# is added up, so that it is known in the end that each report said something.
my %compared;

sub agrees
{
	my ($function, $calls, $report) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $said = sub {
		my ($schema) = @_;
		return "SELECT c::text AS call, r::text AS said FROM calls AS c, LATERAL (" . $report->($schema) . ') AS r';
	};
	my ($rows, $differences) = split /\|/, $node->safe_psql(
		'postgres', "SET search_path = oracle, public;
WITH calls AS MATERIALIZED ($calls),
     ours AS MATERIALIZED (" . $said->('public') . '),
     oracle AS MATERIALIZED (' . $said->('oracle') . q[),
     differences AS (
       SELECT 'ours' AS by, d.* FROM (TABLE ours EXCEPT ALL TABLE oracle) AS d
       UNION ALL
       SELECT 'oracle', d.* FROM (TABLE oracle EXCEPT ALL TABLE ours) AS d)
SELECT (SELECT count(*) FROM oracle),
       (SELECT max(n) || ' differences' || string_agg(format(E'\n%s %s says %s', call, by, left(said, 1000)), '')
        FROM (SELECT *, count(*) OVER () AS n FROM differences ORDER BY call, said LIMIT 6) AS d)]
	), 2;
	$compared{$function} += $rows;
	return is($differences, '', "$function, $rows rows");
}

my $arguments = 'c.hours, c.max_rows, c.source, c.tenant, c.as_of';
my $columns = 'delivery_id, created_at, tenant_id, endpoint, status, triage_label, triage_score, attempts, recommendation,
  expected_success_rate';
my @as_of = (
	NOON,
	'2026-10-25 01:30:00.000001+00',
	'2026-03-29 01:00:00+00',
	'2025-12-31 23:59:59.999999+00',
	'1999-12-31 22:30:00.5+00'
);
my @hours = (1, 2, 6, 7, 23, 24, 25, 48, 100);

foreach my $seed (@seeds)
{
	srand($seed);
	my ($as_of, $hours, $endpoints, $tenants) =
	  map { $_->[ rand @$_ ] } (\@as_of, \@hours, [ 1, 7, 40 ], [ 1, 6, 20 ]);
	my $rows = 500 + int rand 1500;
	subtest "seed $seed: $rows rows to $as_of, $hours hours, $endpoints endpoints, $tenants tenants" => sub {
		$node->safe_psql('postgres', "SELECT generate($seed, $rows, $endpoints, $tenants, $hours, '$as_of')");

		# Windows whose ends are on an edge and a microsecond to either side of it; a tenant whose name is empty, and one
		# that is none.
		my $calls = "SELECT * FROM (VALUES ('plain', NULL), ('plain', 'tenant-1'), ('plain', ''), ('plain', 'nobody'),
		    ('mapped', NULL), ('mapped', '-2'), ('anonymous', NULL)) AS s (source, tenant),
		  (SELECT DISTINCT h FROM (VALUES (24), ($hours)) AS v (h)) AS w (hours),
		  unnest(ARRAY[1, 20, 100000]) AS m (max_rows),
		  (SELECT timestamptz '$as_of' + d * interval '1 microsecond' FROM generate_series(-1, 1) AS d) AS t (as_of)
		WHERE CASE WHEN max_rows = 100000 THEN as_of = '$as_of' OR tenant IS NULL AND hours = $hours
		           ELSE as_of = '$as_of' AND hours = $hours AND (max_rows = 20 OR source = 'mapped') END";
		agrees('replay_recommendations', $calls,
			sub { "SELECT ordinality, $columns FROM $_[0].replay_recommendations($arguments) WITH ORDINALITY" });
		agrees('replay_recommendations_json', $calls,
			sub { "SELECT m.* FROM jsonb_each(comparable($_[0].replay_recommendations_json($arguments))) AS m" });

		# The reasons: a held one's has the message of its failure cluster.
		is(
			$node->safe_psql(
				'postgres', "SET search_path = oracle, public;
				SELECT count(*) FROM ($calls AND as_of = '$as_of' AND max_rows = 20) AS c,
				  LATERAL public.replay_recommendations($arguments) AS ours
				JOIN LATERAL oracle.replay_recommendations($arguments) AS o USING (delivery_id)
				WHERE ours.reason IS NULL OR position(o.message IN ours.reason) = 0 OR ours.reason !~ '^[A-Z].* '"
			),
			0,
			'the reasons'
		);

		# The same whatever the plan.
		my $everything = sub {
			return join "\n", map {
				my $rest = "source => '$_', as_of => '$as_of'";
				$node->safe_psql(
					'postgres', "$_[0] SELECT * FROM replay_recommendations($hours, 100, $rest);
					SELECT replay_recommendations_json($hours, 100, $rest) - 'generated_at'"
				)
			} qw(plain mapped anonymous);
		};
		my $alone = $everything->($serial);
		cmp_ok(length $alone, '>', 1000, 'there is something to compare');
		my $forced = force_parallel($node, qw(off on regress) [ $seed % 3 ]);
		is($everything->("$parallel SET $forced;"), $alone, "the same in parallel, $forced");

		# What the data were good for; a single group may be well.
		note(
			$node->safe_psql(
				'postgres', "SELECT string_agg(source || ': ' || recommendation || ' ' || n, ', ')
				FROM (SELECT s AS source, recommendation, count(*) AS n
				      FROM unnest(ARRAY['plain', 'mapped', 'anonymous']) AS s,
				        replay_recommendations($hours, 100000, s, as_of => '$as_of') GROUP BY 1, 2 ORDER BY 1, 2) AS r"
			)
		);
		my ($held, $ready) = split /\|/,
		  $node->safe_psql(
			'postgres', "SELECT count(*) FILTER (WHERE recommendation = 'hold'),
			  count(*) FILTER (WHERE recommendation = 'replay')
			FROM unnest(ARRAY['plain', 'mapped']) AS s, replay_recommendations($hours, 100000, s, as_of => '$as_of')"
		  );
		$compared{hold} += $held;
		$compared{replay} += $ready;
	};
}
cmp_ok($compared{$_} // 0, '>', 20, "$_ was compared")
  foreach qw(replay_recommendations replay_recommendations_json hold replay);

# Collations -------------------------------------------------------------------------------------------------------

# Words are compared as bytes, whatever the collation of the columns takes for equal: rows and totals agree.
SKIP:
{
	skip 'no ICU here', 1
	  unless $node->safe_psql('postgres', "SELECT count(*) > 0 FROM pg_collation WHERE collprovider = 'i'") eq 't';
	subtest 'a collation that knows no case' => sub {
		$node->safe_psql(
			'postgres', sprintf q(
CREATE COLLATION no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE relaxed (
  id text COLLATE no_case, tenant_id text, endpoint text, status text COLLATE no_case,
  triage_label text COLLATE no_case, attempts int, created_at timestamptz);
INSERT INTO relaxed
SELECT concat_ws(' ', status, label, tenant, n), tenant, 'hook', status, label, 1, timestamptz '%s' - n * interval '5 s'
FROM unnest(ARRAY['failed', 'FAILED']) AS status,
  unnest(ARRAY['transient_endpoint_down', 'Transient_Endpoint_Down', 'rate_limited', 'Rate_Limited']) AS label,
  (VALUES ('fails', 1, 8), ('FAILS', 1000, 1000)) AS t (tenant, a, b), generate_series(a, b) AS n;
SELECT delivery_source_register('relaxed', 'relaxed', '{"statuses": {"failed": "failed", "sent": "delivered"}}');
SELECT delivery_source_register('relaxed', 'relaxed words');
), NOON
		);
		foreach my $source ([ 'relaxed', "status = 'failed' COLLATE \"C\"" ], [ 'relaxed words', 'true' ])
		{
			my $call = "24, 1000, '$source->[0]', as_of => '" . NOON . "'";
			my $worth = "FROM relaxed
			  WHERE $source->[1] AND triage_label COLLATE \"C\" IN ('transient_endpoint_down', 'rate_limited')";
			is(
				$node->safe_psql(
					'postgres', "SELECT delivery_id COLLATE \"C\", triage_label, recommendation
					FROM replay_recommendations($call) ORDER BY 1"
				),
				$node->safe_psql(
					'postgres', "SELECT id COLLATE \"C\", triage_label,
					  CASE tenant_id COLLATE \"C\" WHEN 'fails' THEN 'hold' ELSE 'replay' END $worth ORDER BY 1"
				),
				"$source->[0]: rows"
			);
			is(
				$node->safe_psql(
					'postgres',
					"SELECT j -> 'total_recommended', j -> 'total_held_back', jsonb_array_length(j -> 'recommended_ids')
					 FROM replay_recommendations_json($call) AS j"
				),
				$node->safe_psql(
					'postgres',
					"SELECT count(*) FILTER (WHERE big), count(*) FILTER (WHERE NOT big), count(*) FILTER (WHERE big)
					 FROM (SELECT tenant_id COLLATE \"C\" = 'FAILS' AS big $worth) AS w"
				),
				"$source->[0]: totals"
			);
		}
	};
}

# Encodings --------------------------------------------------------------------------------------------------------

my %encoding = (in_utf8 => 'UTF8', in_latin1 => 'LATIN1', in_ascii => 'SQL_ASCII');

# Names as bytes in the table. The last two of SQL_ASCII are no UTF-8, so that no client can be shown them as they are.
my %names = (
	in_utf8 => [
		encode('UTF-8', "https://\x{e9}.example/\x{fc}"),
		encode('UTF-8', "\x{65e5}\x{672c} \x{1f680} \x{10ffff}"),
		"quote\" backslash\\ tab\t bell\a"
	],
	in_latin1 => [ "https://\xe9.example/\xfc", "\xa0 \xff \x80 \x9f", "quote\" backslash\\ \x01" ],
	in_ascii => [
		encode('UTF-8', "https://\x{e9}.example/\x{1f680}"), 'ascii',
		"https://\xe9.example/\xfc", "cut \xf0\x9f\x9a"
	]
);

# How a text of the table looks to a UTF-8 client; undef where it cannot be shown as it is.
sub as_unicode
{
	my ($database, $bytes) = @_;
	my $copy = $bytes;
	return decode('ISO-8859-1', $copy) if $database eq 'in_latin1';
	return eval { decode('UTF-8', $copy, Encode::FB_CROAK | Encode::LEAVE_SRC) };
}

# Bytes pass into the server and out of it in hexadecimal, past all conversions.
sub sql_text
{
	my ($database, $bytes) = @_;
	return sprintf "convert_from('\\x%s', '%s')", unpack('H*', $bytes), $encoding{$database};
}
sub sql_bytes
{
	my ($database, $column) = @_;
	return "encode(convert_to($column, '$encoding{$database}'), 'hex')";
}

# JSON as a client reads it that takes all text for UTF-8: broken bytes end it.
sub parsed
{
	my ($database, $report, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $text = $node->safe_psql($database, "SET client_encoding = 'UTF8'; SELECT $report");
	my $json = eval { JSON::PP->new->decode(decode('UTF-8', $text, Encode::FB_CROAK)) };
	ok($json, "$name is JSON in UTF-8") or diag("$@: $text");
	return $json // {};
}

foreach my $database (sort keys %encoding)
{
	$node->safe_psql('postgres',
		"CREATE DATABASE $database TEMPLATE template0 ENCODING '$encoding{$database}' LC_COLLATE 'C' LC_CTYPE 'C'");
	$node->safe_psql(
		$database, q(
CREATE EXTENSION anomaly_insights;
CREATE TABLE deliveries (id text, tenant_id text, endpoint text, status text, triage_label text, created_at timestamptz);
SELECT delivery_source_register('deliveries');
)
	);
	my @names = @{ $names{$database} };

	# Of each name 30 failures now, of a tenant of that name; and two of a tenant that is well, whose ids have it too.
	$node->safe_psql(
		$database,
		sprintf q(
INSERT INTO deliveries
  SELECT n || name, name, name, 'failed', 'transient_endpoint_down', timestamptz '%1$s' - n * interval '5 s'
  FROM unnest(ARRAY[%2$s]) AS name, generate_series(1, 30) AS n;
INSERT INTO deliveries
  SELECT n || name, 'well', name, 'failed', 'rate_limited', timestamptz '%1$s' - n * interval '2 hours'
  FROM unnest(ARRAY[%2$s]) AS name, generate_series(1, 2) AS n;), NOON, join(', ', map { sql_text($database, $_) } @names)
	);
	subtest $encoding{$database} => sub {
		my $noon = "as_of => '" . NOON . "'";

		# Rows have the bytes of the table, and so have their texts.
		my $bytes = sub { join ', ', map { sql_bytes($database, $_) } @_ };
		my @rows = map { [ map { pack 'H*', $_ } split /\|/ ] }
		  split /\n/,
		  $node->safe_psql(
			$database,
			'SELECT '
			  . $bytes->(qw(delivery_id tenant_id endpoint recommendation reason))
			  . " FROM replay_recommendations(24, 1000, $noon)"
		  );
		is_deeply(
			[ sort map { join '|', @$_[ 0 .. 3 ] } @rows ],
			[
				sort map {
					my $name = $_;
					((map { "$_$name|$name|$name|hold" } 1 .. 30), (map { "$_$name|well|$name|replay" } 1 .. 2))
				} @names
			],
			'rows of replay_recommendations'
		);
		is(scalar(grep { $_->[3] eq 'hold' && index($_->[4], " $_->[2] ") < 0 } @rows),
			0, 'whose reasons name what is failing');
		is(
			$node->safe_psql($database,
				'SELECT ' . sql_bytes($database, 'endpoint') . " FROM anomalies_history(1, $noon) ORDER BY 1"),
			join("\n", sort map { unpack 'H*', $_ } @names),
			'rows of anomalies_history'
		);
		is(
			$node->safe_psql(
				$database,
				'SELECT '
				  . sql_bytes($database, 'endpoint')
				  . ", failures FROM top_failing_endpoints(24, $noon) ORDER BY 1"
			),
			join("\n", sort map { unpack('H*', $_) . '|32' } @names),
			'rows of top_failing_endpoints'
		);

		my $summary = parsed($database, "operator_insights_summary($noon)", 'operator_insights_summary');
		my $advice = parsed($database, "replay_recommendations_json(24, 1000, $noon)", 'replay_recommendations_json');
		my $history = parsed($database, "anomalies_history_json(1, $noon)", 'anomalies_history_json');
		my @incidents = map { @{ $_->{incidents} } } @{ $history->{snapshots} };
		my %lists = (
			'top_failing_endpoints' => [ map { $_->{endpoint} } @{ $summary->{top_failing_endpoints} } ],
			'top_failing_tenants' => [ map { $_->{tenant_id} } @{ $summary->{top_failing_tenants} } ],
			'endpoints of the history' => [ map { $_->{endpoint} } @incidents ],
			'tenants of the history' => [ map { $_->{tenant_id} } @incidents ],
			'held_back, endpoints' => [ map { $_->{endpoint} } @{ $advice->{held_back} } ],
			'held_back, tenants' => [ map { $_->{tenant_id} } @{ $advice->{held_back} } ],
			'by_endpoint' => [ map { $_->{endpoint} } @{ $advice->{breakdown}{by_endpoint} } ],
			'recommended_ids' => [ map { s/^[12]//r } @{ $advice->{recommended_ids} } ]
		);
		foreach my $list (sort keys %lists)
		{
			my @found = @{ $lists{$list} };
			cmp_ok(scalar @found, '>=', scalar @names, "$list: all are there");
			foreach my $name (grep { defined } map { as_unicode($database, $_) } @names)
			{
				ok((grep { $_ eq $name } @found) > 0, encode('UTF-8', "$list names $name"));
			}
		}

		# Messages name the endpoint too.
		foreach my $said (@incidents, @{ $advice->{held_back} })
		{
			ok(index($said->{message}, " $said->{endpoint} ") > 0, 'a message has its endpoint');
		}

		# A tenant is found by the bytes of its name.
		foreach my $name (@names)
		{
			my $tenant = 'tenant => ' . sql_text($database, $name);
			is(
				$node->safe_psql(
					$database,
					"SELECT j -> 'total_held_back', s #> '{delivery_stats,failed}', jsonb_array_length(h -> 'snapshots')
					FROM replay_recommendations_json($tenant, $noon) AS j, operator_insights_summary($tenant, $noon) AS s,
					  anomalies_history_json(1, $tenant, $noon) AS h"
				),
				'30|30|1',
				'a tenant by its name'
			);
		}
	};
}

# Cancelled --------------------------------------------------------------------------------------------------------

# waits: a scan, or what reads the ids behind it, stops at a lock until it is cancelled. slow: 300,000 deliveries that take
# a while each, for workers. late: 20,000 of 2,000 endpoints, of which the last row, or its id, divides by zero.
my $noon = "as_of => '" . NOON . "'";
$node->safe_psql(
	'postgres',
	sprintf q(
CREATE TABLE late (
  id int, created_at timestamptz NOT NULL, tenant_id text, endpoint text NOT NULL, status text NOT NULL,
  triage_label text, attempts int) WITH (parallel_workers = 2);
INSERT INTO late SELECT n, timestamptz '%1$s' - interval '3 s' + n * interval '0.1 ms', 'tenant ' || n %% 7,
    'an endpoint whose name is long enough ' || n %% 2000, CASE WHEN n %% 10 < 9 THEN 'failed' ELSE 'delivered' END,
    'transient_endpoint_down', 2
  FROM generate_series(1, 20000) AS n;
CREATE TABLE many WITH (parallel_workers = 2) AS SELECT l.* FROM late AS l, generate_series(1, 15);
CREATE FUNCTION waits(x text) RETURNS text STABLE LANGUAGE plpgsql AS
  $$ BEGIN PERFORM pg_advisory_lock_shared(42); PERFORM pg_advisory_unlock_shared(42); RETURN x; END $$;
ANALYZE;
SELECT delivery_source_register('late', 'whole');
SELECT delivery_source_register('many', 'many');
SELECT delivery_source_register('late', 'late', '{"where": "1 / (20000 - id) >= 0"}');
SELECT delivery_source_register('late', 'late ids', '{"id": "1 / (19998 - id)"}');
SELECT delivery_source_register('late', 'waits', '{"where": "waits(endpoint) > status"}');
SELECT delivery_source_register('late', 'waits for ids', '{"id": "waits(id::text)"}');
SELECT delivery_source_register('many', 'slow', '{"where": "md5(repeat(endpoint, 5000)) >= status"}');
), NOON
);
my %reports = (
	operator_insights_summary => "SELECT operator_insights_summary(source => '%s', $noon)",
	anomalies_history => "SELECT * FROM anomalies_history(3, source => '%s', $noon)",
	anomalies_history_json => "SELECT anomalies_history_json(3, '5 minutes', method => 'reference', source => '%s', $noon)",
	insights_compare => "SELECT * FROM insights_compare(source => '%s', $noon)",
	replay_recommendations => "SELECT * FROM replay_recommendations(24, 1000, source => '%s', $noon)",
	replay_recommendations_json => "SELECT replay_recommendations_json(24, 1000, source => '%s', $noon)"
);

# What a report says, in short, less the time at which it was asked.
sub digest_of
{
	my ($report) = @_;
	return "SELECT md5(string_agg(regexp_replace(x::text, 'generated_at[^,}]*', ''), ',')) FROM ($report) AS x";
}

my $blocker = $node->background_psql('postgres');
$blocker->query_safe('SELECT pg_advisory_lock(42)');
foreach my $mode ([ 'serial', $serial, 'waits', 0 ], [ 'serial', $serial, 'waits for ids', 0 ],
	[ 'parallel', $parallel, 'slow', 2 ])
{
	my ($how, $settings, $source, $workers) = @$mode;
	subtest "cancelled: $source, $how" => sub {
		my $session = $node->background_psql('postgres', on_error_stop => 0);
		$session->query_safe($settings);
		my $pid = $session->query_safe('SELECT pg_backend_pid()');
		my $runs = $workers
		  ? "SELECT count(*) > $workers FROM pg_stat_activity WHERE state = 'active' AND (pid = $pid OR leader_pid = $pid)"
		  : "SELECT count(*) = 1 FROM pg_stat_activity WHERE pid = $pid AND wait_event = 'advisory'";
		foreach my $report (sort keys %reports)
		{
			next if $source eq 'waits for ids' && $report !~ /^replay/;
			my $digest = digest_of(sprintf $reports{$report}, 'whole');
			my $well = $session->query_safe($digest);
			$session->query_until(qr/started/,
				"\\set VERBOSITY verbose\n\\echo started\n" . sprintf($reports{$report}, $source) . ";\n");
			$node->poll_query_until('postgres', $runs) or die 'the report does not run';
			is($node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)"), 't', "$report: cancelled");
			like($session->query("SELECT 'over'"), qr/over/, "$report: it has ended");
			like($session->{stderr}, qr/ERROR:  57014:/, "$report: with 57014");
			$session->{stderr} = '';
			is($session->query_safe($digest), $well, "$report: afterwards it gives what it gave before");

			$session->query_safe('SET statement_timeout = 50');
			$session->{stderr} = '';
			my ($state) = background_error($session, sprintf($reports{$report}, $source) . ';');
			is($state, '57014', "$report: statement_timeout");
			$session->query_safe('RESET statement_timeout');
			is($session->query_safe($digest), $well, "$report: and that is forgotten as well");
		}
		is($session->query_safe('SELECT pg_backend_pid()'), $pid, 'all in one backend');
		is($session->query_safe("SELECT count(*) FROM pg_locks WHERE pid = $pid AND locktype = 'advisory'"),
			0, 'which waits for nothing');
		$session->quit;
	};
}
$blocker->quit;

# Memory -----------------------------------------------------------------------------------------------------------

# As in 002_cancel.pl: the sum of the memory contexts and the resident set of the backend's own, which stand still after
# a warm-up. A rollup of these 14,000 groups is more than a megabyte, so one in thirty calls that left its own behind
# would show.
use constant { SLACK_CONTEXTS => 1 << 20, SLACK_RESIDENT => 8 << 20 };

my $memory = -r '/proc/self/statm'
  ? q(SELECT 'memory', sum(total_bytes), (SELECT (f[2]::bigint - f[3]::bigint) * 4096 FROM
      string_to_array(pg_read_file('/proc/' || pg_backend_pid() || '/statm'), ' ') AS f) FROM pg_backend_memory_contexts;)
  : q(SELECT 'memory', sum(total_bytes), 0 FROM pg_backend_memory_contexts;);

sub stands_still
{
	my ($name, $stdout) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @at = map { [ split /\|/ ] } $stdout =~ /^memory\|(\d+\|-?\d+)$/mg;
	is(scalar(@at), 2, "$name: measured before and after") or return;
	my ($contexts, $resident) = ($at[1][0] - $at[0][0], $at[1][1] - $at[0][1]);
	note("$name: contexts $at[0][0] -> $at[1][0], resident $at[0][1] -> $at[1][1]");
	cmp_ok($contexts, '<', SLACK_CONTEXTS, "$name: the memory contexts stand still");
	cmp_ok($resident, '<', SLACK_RESIDENT, "$name: the resident set stands still");
	return;
}

foreach my $case (
	[ 'cancelled', 'many', "SET statement_timeout = 3;\n", 'RESET statement_timeout', '57014', 0.5 ],
	[ 'a late row that fails', 'late', '', '', '22012', 1 ],
	[ 'a late id that fails', 'late ids', '', '', '22012', 0.5, qr/^replay/ ],
	[ 'too many groups', 'whole', "SET anomaly_insights.max_groups = 1900;\n", '', '54000', 1 ],
	[ 'out of memory', 'whole', "SET anomaly_insights.debug_fault = bad_alloc;\n", '', '53200', 1 ],
	[ 'an exception', 'whole', "SET anomaly_insights.debug_fault = runtime_error;\n", '', 'XX000', 1 ],
	[ 'a success', 'whole', '', '', undef, 0.2 ]
  )
{
	my ($name, $source, $before, $after, $state, $share, $which) = @$case;
	my @reports = map { sprintf "$reports{$_} \\g /dev/null\n", $source }
	  grep { $_ =~ ($which // qr/./) } sort keys %reports;
	foreach my $mode ([ 'serial', $serial, 300 ], [ 'parallel', $parallel, 60 ])
	{
		my ($how, $settings, $calls) = @$mode;
		my $warm = 10 * @reports;
		$calls = @reports * int($calls * $share / @reports);
		my $reset = $after ? "$after;\n" : '';
		my $call = sub { join '', map { $reports[ $_ % @reports ] } 1 .. $_[0] };
		my $script = "\\set VERBOSITY sqlstate\n$settings\n$before"
		  . $call->($warm) . "$reset$memory\n$before"
		  . $call->($calls) . "$reset$memory\n";
		$node->psql('postgres', $script, stdout => \my $stdout, stderr => \my $stderr, on_error_stop => 0);
		my @states = $stderr =~ /ERROR:  (\w{5})/g;
		my $expected = $state ? $warm + $calls : 0;
		is(scalar(@states), $expected, "$name, $how: $expected calls failed");
		is(scalar(grep { $_ ne ($state // '') } @states), 0, "$name, $how: each with " . ($state // 'nothing'));
		stands_still("$name, $how", $stdout);
	}
}

# Faults -----------------------------------------------------------------------------------------------------------

# In every report of this kind, and in each kind of plan: a clean error, and a backend that works on. Those that tell no
# endpoints apart have no long loop, which is where the exception is; they ask for memory like any other.
my $whole = "source => 'whole', $noon";
my %grouped = (
	(map { ($_ => sprintf $reports{$_}, 'whole') } keys %reports),
	top_failing_endpoints => "SELECT * FROM top_failing_endpoints($whole)",
	top_failing_tenants => "SELECT * FROM top_failing_tenants($whole)"
);
my %statements = (
	%grouped,
	triage_distribution => "SELECT * FROM triage_distribution($whole)",
	delivery_stats => "SELECT * FROM delivery_stats($whole)",
	replay_stats => "SELECT * FROM replay_stats($whole)",
	operator_insights_trends => "SELECT * FROM operator_insights_trends($whole)",
	operator_insights_trends_json => "SELECT operator_insights_trends_json($whole)",
	operator_insights_series => "SELECT * FROM operator_insights_series(
	    timestamptz '${\NOON}' - interval '1 hour', '${\NOON}', '1 minute', 'UTC', source => 'whole')"
);
my %ungrouped = map { ($_ => 1) } qw(triage_distribution delivery_stats replay_stats operator_insights_trends
  operator_insights_trends_json operator_insights_series);
my $in_workers = "$parallel SET parallel_leader_participation = off;";
my $jit = 'SET jit = on; SET jit_above_cost = 0; SET jit_inline_above_cost = 0; SET jit_optimize_above_cost = 0;';
foreach my $mode (
	[ serial => $serial ],
	[ parallel => $parallel ],
	[ 'in workers' => $in_workers ],
	[ jit => "$serial $jit" ]
  )
{
	my ($how, $settings) = @$mode;
	subtest "faults, $how" => sub {
		my $session = $node->background_psql('postgres', on_error_stop => 0);
		$session->query_safe($settings);
		my $pid = $session->query_safe('SELECT pg_backend_pid()');
		foreach my $name (sort keys %statements)
		{
			my $digest = digest_of($statements{$name});
			my $well = $session->query_safe($digest);
			foreach my $fault (
				[ 'bad_alloc', '53200', qr/^out of memory$/m ],
				[ 'runtime_error', 'XX000', qr/^fault injected by anomaly_insights\.debug_fault$/m ]
			  )
			{
				my ($setting, $expected, $message) = @$fault;
				next if $setting eq 'runtime_error' && !$grouped{$name};
				# The injected exception comes from a loop over very many cells, and these reports have few.
				next if $setting eq 'runtime_error' && $ungrouped{$name};
				$session->query_safe("SET anomaly_insights.debug_fault = $setting");
				my ($state, $text) = background_error($session, "$statements{$name};");
				is($state, $expected, "$name: $setting is $expected") or diag(substr $text, 0, 500);
				like($text, $message, "$name: and says so");
				$session->query_safe('RESET anomaly_insights.debug_fault');
				is($session->query_safe($digest), $well, "$name: afterwards it gives what it gave before");
			}
		}
		is($session->query_safe('SELECT pg_backend_pid()'), $pid, 'all in one backend');
		$session->quit;
	};
}

is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'"),
	'0', 'no worker is left over');
is($node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'), $started, 'the server has never restarted');
unlike(slurp_file($node->logfile), qr/was terminated by signal|PANIC|terminate called/, 'nothing has crashed');
$node->stop;
done_testing();
