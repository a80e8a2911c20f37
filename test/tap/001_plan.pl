# The planner does the work: the inner query of a report is parallel, uses indexes and prunes partitions, and reads the
# table once. What it answers does not depend on how it ran.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use Insights;
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node(
	'plan', q(
session_preload_libraries = 'auto_explain'
auto_explain.log_level = notice
auto_explain.log_format = json
auto_explain.log_analyze = on
auto_explain.log_timing = off
auto_explain.log_nested_statements = on
max_parallel_workers = 8
max_parallel_workers_per_gather = 2
)
);
generate($node, 'postgres', rows => 400000);
$node->safe_psql('postgres', "SELECT delivery_source_register('deliveries')");

my $noon = "as_of => '" . NOON . "'";
my $generated = "$noon, source => 'default'";

# With these windows a report needs all of the 24 hours.
my $wide = "'3 hours', '21 hours', $noon";
my $whole = "$wide, source => 'default'";

# Every plan that a call ran, that of the call itself included.
sub plans_of
{
	my ($sql) = @_;
	my $stderr = '';
	my $status = $node->psql(
		'postgres', "SET auto_explain.log_min_duration = 0;\n$sql",
		stdout => \my $stdout,
		stderr => \$stderr
	);
	is($status, 0, 'it runs') or diag($stderr);
	my @plans;
	while ($stderr =~ /NOTICE:  duration: .*? plan:\n(?=\{)/g)
	{
		push @plans, (JSON::PP->new->decode_prefix(substr($stderr, pos $stderr)))[0];
	}
	return @plans;
}

sub nodes_of
{
	my ($plan) = @_;
	return ($plan, map { nodes_of($_) } @{ $plan->{Plans} // [] });
}

# The nodes of the one inner query, which is also the only one that reads the table (or its partitions).
sub inner_nodes
{
	my ($sql, $table) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @plans = plans_of($sql);
	my @inner = grep { $_->{'Query Text'} =~ /^SELECT \S*delivery_rollup_agg\(/ } @plans;
	is(scalar @inner, 1, 'one inner query');
	my @readers = grep {
		grep { ($_->{'Relation Name'} // '') =~ /^$table/ }
		  nodes_of($_->{Plan})
	} @plans;
	is_deeply(\@readers, \@inner, 'nothing else reads the table');
	return $inner[0] ? nodes_of($inner[0]{Plan}) : ();
}

sub shape_of
{
	return join ' > ', map {
		join ' ', grep { defined } @$_{ 'Partial Mode', 'Node Type', 'Relation Name' }
	} @_;
}

sub scans_of
{
	return grep { $_->{'Relation Name'} } @_;
}

# The other reports over these 24 hours, without their last argument.
my @insights = (
	'operator_insights_summary(24', 'top_failing_endpoints(24',
	'top_failing_tenants(24', 'triage_distribution(24',
	'delivery_stats(24', 'replay_stats(24',
	'operator_insights_trends(24, 5', 'operator_insights_trends_json(24',
	'insights_compare(12', "anomalies_history(22, '1 hour'",
	"anomalies_history_json(22, '5 minutes'",
	"operator_insights_series('2026-01-14 12:00+00', '2026-01-15 12:00+00', '1 hour'"
);

# A series has bounds of its own.
sub call_of
{
	my ($report, $arguments) = @_;
	$arguments =~ s/as_of => '[^']*',? ?// if $report =~ /series/;
	return "SELECT * FROM $report, $arguments)";
}

foreach my $report (
	(map { call_of($_, $generated) } @insights),
	"SELECT * FROM anomalies_current($whole)",
	"SELECT * FROM anomalies_current($whole, method => 'reference')",
	"SELECT anomalies_current_json($whole)",
	"SELECT * FROM anomalies_explain('acme', 'https://hooks.acme.example/orders', $whole)"
  )
{
	subtest "parallel: $report" => sub {
		my @nodes = inner_nodes("$report;", 'deliveries');
		is(
			shape_of(@nodes),
			'Finalize Aggregate > Gather > Partial Aggregate > Seq Scan deliveries',
			'a partial aggregate in each worker, combined by the leader'
		);
		my ($gather) = grep { $_->{'Node Type'} eq 'Gather' } @nodes;
		is($gather->{'Workers Launched'}, 2, 'workers launched');
		my ($scan) = scans_of(@nodes);
		ok($scan->{'Parallel Aware'}, 'the scan is shared among them');
		is($scan->{'Actual Loops'}, 3, 'and made once by each, the leader included');
	};
}

# A small part of the table comes by the index on the time.
foreach my $report (
	"anomalies_current($generated)",
	"anomalies_current_json($generated)",
	"anomalies_explain('acme', 'x', $generated)"
  )
{
	subtest "index: $report" => sub {
		my @nodes = inner_nodes("SELECT * FROM $report;", 'deliveries');
		my @found = grep { ($_->{'Index Cond'} // '') =~ /created_at > .* AND .*created_at <= / } @nodes;
		is(scalar @found, 1, 'both bounds are conditions of an index scan') or diag(shape_of(@nodes));
		is($found[0]{'Index Name'}, 'deliveries_created_at_idx', 'that of created_at') if @found;
	};
}

# One tenant comes by an index that begins with it, whatever the type of the column.
$node->safe_psql(
	'postgres', q(
CREATE TABLE by_number AS
  SELECT coalesce(hashtext(tenant_id), 0) AS tenant_id, target AS endpoint, status, created_at FROM deliveries;
CREATE INDEX by_number_idx ON by_number (tenant_id, created_at);
CREATE TABLE by_uuid AS
  SELECT md5(tenant_id)::uuid AS tenant_id, target AS endpoint, status, created_at FROM deliveries;
CREATE INDEX by_uuid_idx ON by_uuid (tenant_id, created_at);
CREATE INDEX by_text_idx ON deliveries (tenant_id, created_at);
ANALYZE;
SELECT delivery_source_register('by_number', 'by_number');
SELECT delivery_source_register('by_uuid', 'by_uuid');
)
);
foreach my $case (
	[ 'default', 'by_text_idx', "'tenant-0019'" ],
	[ 'by_number', 'by_number_idx', "hashtext('tenant-0019')::text" ],
	[ 'by_uuid', 'by_uuid_idx', "md5('tenant-0019')::uuid::text" ]
  )
{
	my ($source, $index, $tenant) = @$case;
	subtest "one tenant by $index" => sub {
		my @nodes = inner_nodes("SELECT * FROM anomalies_current($wide, source => '$source', tenant => $tenant);",
			$source eq 'default' ? 'deliveries' : $source);
		my @found = grep { ($_->{'Index Cond'} // '') =~ /tenant_id = .*created_at > .*created_at <= / } @nodes;
		is(scalar @found, 1, 'tenant and bounds are conditions of an index scan') or diag(shape_of(@nodes));
		is($found[0]{'Index Name'}, $index, 'that of both') if @found;
	};
}
foreach my $report (@insights)
{
	subtest "one tenant of $report" => sub {
		my @nodes = inner_nodes(call_of($report, "$generated, tenant => 'tenant-0019'") . ';', 'deliveries');
		my @found = grep { ($_->{'Index Cond'} // '') =~ /tenant_id = .*created_at > .*created_at <= / } @nodes;
		is(scalar @found, 1, 'tenant and bounds are conditions of an index scan') or diag(shape_of(@nodes));
		is($found[0]{'Index Name'}, 'by_text_idx', 'that of both') if @found;
	};
}

# The advice on replays counts in one scan, and lists in another.
subtest 'replay_recommendations' => sub {
	my @readers = grep {
		grep { ($_->{'Relation Name'} // '') eq 'deliveries' } nodes_of($_->{Plan})
	} plans_of("SELECT * FROM replay_recommendations(24, 10, $generated);");
	is(scalar @readers, 2, 'two queries read the table');
	like($readers[0]{'Query Text'}, qr/^SELECT \S*delivery_rollup_agg\(/, 'the first one counts');
	my ($limit) = nodes_of($readers[1]{Plan});
	is($limit->{'Node Type'}, 'Limit', 'the second one is limited');
	cmp_ok($limit->{'Actual Rows'}, '==', 10, 'to the rows that were asked for');
};

is(
	$node->safe_psql(
		'postgres',
		"SELECT count(*), min(recent_count) > 0 FROM anomalies_current(source => 'by_uuid', tenant => md5('acme')::uuid::text, $noon)"
	),
	'1|t',
	'a tenant that is a uuid is found'
);

# Partitions, by timestamptz and by a timestamp that is local time.
$node->safe_psql(
	'postgres', q(
CREATE TABLE parts (tenant_id text, endpoint text, status text, created_at timestamptz) PARTITION BY RANGE (created_at);
CREATE TABLE local_parts (tenant_id text, endpoint text, status text, created_at timestamp) PARTITION BY RANGE (created_at);
SELECT format('CREATE TABLE %1$s_%2$s PARTITION OF %1$s FOR VALUES FROM (%3$L) TO (%4$L)',
              t, lpad(h::text, 2, '0'),
              timestamp '2026-01-14 12:00' + h * interval '1 hour', timestamp '2026-01-14 13:00' + h * interval '1 hour')
FROM unnest(ARRAY['parts', 'local_parts']) AS t, generate_series(0, 24) AS h \gexec
INSERT INTO parts SELECT tenant_id, target, status, created_at FROM deliveries;
INSERT INTO local_parts SELECT tenant_id, endpoint, status, created_at AT TIME ZONE 'UTC' FROM parts;
ANALYZE;
SELECT delivery_source_register('parts', 'parts');
SELECT delivery_source_register('local_parts', 'local_parts', '{"time_zone": "UTC"}');
)
);
foreach my $table (qw(parts local_parts))
{
	# The bounds are 10:45 and 12:00; the 24th partition begins at 12:00. Local time may be widened around the change
	# of a clock, but not by more than a day's share of hours; in UTC there is none.
	subtest "partitions of $table" => sub {
		my @nodes = inner_nodes("SELECT * FROM anomalies_current($noon, source => '$table');", $table);
		is(
			join(' ', sort map { $_->{'Relation Name'} } scans_of(@nodes)),
			"${table}_22 ${table}_23 ${table}_24",
			'only those of the window are scanned'
		);
	};
	subtest "partitions of $table in parallel" => sub {
		my @nodes = inner_nodes("SELECT * FROM anomalies_current($wide, source => '$table');", $table);
		my ($gather) = grep { $_->{'Node Type'} eq 'Gather' } @nodes;
		ok($gather && $gather->{'Workers Launched'} > 0, 'workers launched') or diag(shape_of(@nodes));
		is(scalar(scans_of(@nodes)), 25, 'each partition is scanned once');
	};
}

# However it runs, it says the same.
sub compare_answers
{
	my ($arguments) = @_;
	my $serial = answers($node, 'postgres', $arguments, settings => 'SET max_parallel_workers_per_gather = 0;');
	cmp_ok(length $serial, '>', 1000, 'there is something to compare');
	my $free = 'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
	  SET min_parallel_index_scan_size = 0;';
	foreach my $workers (1, 2, 4)
	{
		is(
			answers($node, 'postgres', $arguments, settings => "$free SET max_parallel_workers_per_gather = $workers;"),
			$serial,
			"the same with $workers workers"
		);
	}
	is(answers($node, 'postgres', $arguments, settings => "$free SET max_parallel_workers = 0;"),
		$serial, 'the same where workers are planned and none is to be had');
	is(answers($node, 'postgres', $arguments, settings => "$free SET parallel_leader_participation = off;"),
		$serial, 'the same where the leader only combines');
	foreach my $value (qw(on regress))
	{
		is(answers($node, 'postgres', $arguments, settings => 'SET ' . force_parallel($node, $value) . ';'),
			$serial, 'the same with ' . force_parallel($node, $value));
	}
	foreach my $method (qw(rate reference))
	{
		my $rows = "SELECT to_jsonb(a) FROM anomalies_current($arguments, method => '$method') AS a";
		my $json = "SELECT anomalies_current_json($arguments, method => '$method')";
		is(
			$node->safe_psql(
				'postgres',
				$free . in_parallel_mode('to_jsonb(a)', "anomalies_current($arguments, method => d.only || '$method')")
			),
			$node->safe_psql('postgres', $rows),
			"the same rows in a parallel query, $method"
		);
		is(
			$node->safe_psql(
				'postgres',
				$free . in_parallel_mode('a', "anomalies_current_json($arguments, method => d.only || '$method')")
			),
			$node->safe_psql('postgres', $json),
			"the same JSON in a parallel query, $method"
		);
	}
}

# A report that runs in the leader of a parallel query, while its workers are at work.
sub in_parallel_mode
{
	my ($what, $report) = @_;
	return "SELECT $what FROM (SELECT '' AS only FROM deliveries
	    WHERE alert_event_id = 'evt_7' OFFSET 0) AS d
	  CROSS JOIN LATERAL $report AS a;";
}
subtest 'windows of the default' => sub { compare_answers($generated) };
subtest 'windows over the whole table' => sub { compare_answers($whole) };
subtest 'partitions' => sub { compare_answers("$wide, source => 'parts'") };
is(
	answers($node, 'postgres', "$wide, source => 'local_parts'"),
	answers($node, 'postgres', "$wide, source => 'parts'"),
	'local time in UTC says the same as timestamptz'
);

subtest 'the outer query was parallel' => sub {
	foreach my $report (
		"anomalies_current($whole, method => d.only || 'rate')",
		"anomalies_current_json($whole, method => d.only || 'rate')"
	  )
	{
		my @plans = plans_of(in_parallel_mode('a', $report));
		my ($outer) = grep { $_->{'Query Text'} =~ /AS only/ } @plans;
		like(
			shape_of(nodes_of($outer->{Plan})),
			qr/^Nested Loop > Gather > Seq Scan deliveries > Function Scan$/,
			'it has workers of its own'
		);
	}
};

# A cursor fetches row by row, so its outer plan cannot be parallel; the inner one still is.
subtest 'cursor' => sub {
	my @nodes = inner_nodes(
		"BEGIN; DECLARE c CURSOR FOR SELECT * FROM anomalies_current($whole); FETCH 1 FROM c; FETCH 1 FROM c; COMMIT;",
		'deliveries'
	);
	like(shape_of(@nodes), qr/^Finalize Aggregate > Gather > Partial Aggregate > Seq Scan deliveries$/, 'parallel');
};

$node->stop;
done_testing();
