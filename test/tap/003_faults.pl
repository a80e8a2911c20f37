# C++ that fails, in every function and on every way in: a clean error, and a session and a server that work on.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use Insights;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('faults');
my $noon = "as_of => '" . NOON . "'";

# Enough endpoints for every loop to come to where it looks for an interrupt, which is where the fault is.
$node->safe_psql(
	'postgres',
	sprintf q(
CREATE TABLE deliveries (tenant_id text, endpoint text NOT NULL, status text NOT NULL, created_at timestamptz NOT NULL);
INSERT INTO deliveries SELECT 'tenant ' || n %% 7, 'endpoint ' || n %% 5000, 'failed', timestamptz '%s' - n * interval '10 ms'
  FROM generate_series(0, 39999) AS n;
ANALYZE;
SELECT delivery_source_register('deliveries', 'default', '{"statuses": {"failed": "failed", "fine": "delivered"}}');
CREATE TABLE kept AS SELECT delivery_rollup_agg(delivery_rollup_shape('2026-01-15 11:00+00', '1 minute', 61,
    '{"failed": "failed"}'), created_at, tenant_id, endpoint, status, NULL) AS r FROM deliveries;
INSERT INTO kept SELECT r FROM kept;
CREATE ROLE mortal LOGIN;
GRANT SELECT ON deliveries, kept TO mortal;
CREATE TABLE delivery_copy (r delivery_rollup);
), NOON
);
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');

my $shape = "delivery_rollup_shape('2026-01-15 11:00+00', '1 minute', 61, '{\"failed\": \"failed\"}')";
my $agg = "SELECT delivery_rollup_agg($shape, created_at, tenant_id, endpoint, status, NULL) FROM deliveries";
my $hex = $node->safe_psql('postgres', 'SELECT r FROM kept LIMIT 1');
my $copy = PostgreSQL::Test::Utils::tempdir() . '/rollup.binary';
$node->safe_psql('postgres', "\\copy (SELECT r FROM kept LIMIT 1) TO '$copy' WITH (FORMAT binary)");
my %statements = (
	'anomalies_current, rate' => "SELECT * FROM anomalies_current($noon)",
	'anomalies_current, reference' => "SELECT * FROM anomalies_current($noon, method => 'reference')",
	'anomalies_current_json, rate' => "SELECT anomalies_current_json($noon)",
	'anomalies_current_json, reference' => "SELECT anomalies_current_json($noon, method => 'reference')",
	'anomalies_explain' => "SELECT * FROM anomalies_explain('tenant 1', 'endpoint 1', $noon)",
	'delivery_rollup_agg' => $agg,
	'rollup_merge' => 'SELECT rollup_merge(r) FROM kept',
	'input' => "SELECT '$hex'::text::delivery_rollup",
	'literal' => "SELECT '$hex'::delivery_rollup",
	'receive' => "\\copy delivery_copy FROM '$copy' WITH (FORMAT binary)"
);

my $serial = 'SET max_parallel_workers_per_gather = 0; SET jit = off';
my $parallel = 'SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
  SET min_parallel_table_scan_size = 0';

# The leader takes no row, so the error is a worker's.
my $workers = "$parallel; SET parallel_leader_participation = off";
my $jit = 'SET jit = on; SET jit_above_cost = 0; SET jit_inline_above_cost = 0; SET jit_optimize_above_cost = 0';
my %modes = (
	serial => $serial,
	parallel => $parallel,
	'in workers' => $workers,
	jit => "SET max_parallel_workers_per_gather = 0; $jit",
	'jit in workers' => "$workers; $jit"
);

foreach my $mode (sort keys %modes)
{
	subtest "$mode" => sub {
		my $session = $node->background_psql('postgres', on_error_stop => 0);
		$session->query_safe("$modes{$mode};");
		my $pid = $session->query_safe('SELECT pg_backend_pid()');
		my %before;
		foreach my $name (sort keys %statements)
		{
			my $digest =
			  $statements{$name} =~ /^SELECT/
			  ? "SELECT md5(string_agg(x::text, ',')) FROM ($statements{$name}) AS x"
			  : 'SELECT 1';
			my $well = $session->query_safe($digest);
			foreach my $fault ([ 'bad_alloc', '53200', qr/^out of memory$/m ],
				[ 'runtime_error', 'XX000', qr/^fault injected by anomaly_insights.debug_fault$/m ])
			{
				my ($setting, $expected, $message) = @$fault;
				$session->query_safe("SET anomaly_insights.debug_fault = $setting");
				my ($state, $text) = background_error($session, "$statements{$name}\n;");
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

# In a worker it is the worker's error. A shape without a map of statuses is read without any memory, and counting in
# the leader comes to no long loop before the workers are done, so each of these strikes in a worker first.
subtest 'the error comes from a worker' => sub {
	my $plain = $node->safe_psql('postgres', "SELECT delivery_rollup_shape('2026-01-15 11:00+00', '1 minute', 61)");
	my $count = "SELECT delivery_rollup_agg('$plain', created_at, tenant_id, endpoint, status, NULL) FROM deliveries";
	foreach my $case (
		[ 'bad_alloc', '53200', $count ],
		[ 'runtime_error', 'XX000', $count ],
		[ 'runtime_error', 'XX000', $statements{'anomalies_current, rate'} ],
		[ 'runtime_error', 'XX000', $statements{'anomalies_current_json, reference'} ]
	  )
	{
		my ($fault, $expected, $statement) = @$case;
		my ($state, $text) =
		  error_of($node, 'postgres', "$workers; SET anomaly_insights.debug_fault = $fault; $statement;");
		is($state, $expected, "$fault: $statement");
		like($text, qr/^CONTEXT:  parallel worker$/m, 'from a worker');
	}
};

# In a subtransaction, which rolls back alone.
is(
	$node->safe_psql(
		'postgres', qq(
SET anomaly_insights.debug_fault = bad_alloc;
CREATE TEMP TABLE seen (state text);
DO \$\$ BEGIN
  INSERT INTO seen VALUES ('before');
  BEGIN
    INSERT INTO seen VALUES ('inside');
    PERFORM * FROM anomalies_current($noon);
  EXCEPTION WHEN out_of_memory THEN
    INSERT INTO seen VALUES (SQLSTATE);
  END;
END \$\$;
SELECT string_agg(state, ' ') FROM seen;)
	),
	'before 53200',
	'an exception in a subtransaction rolls it back and no more'
);

# Many at once, from many sessions: one that fails disturbs no other.
subtest 'side by side' => sub {
	my $bad = $node->background_psql('postgres', on_error_stop => 0);
	my $good = $node->background_psql('postgres', on_error_stop => 0);
	$bad->query_safe('SET anomaly_insights.debug_fault = runtime_error');
	my $answer = $good->query_safe("SELECT md5(anomalies_current_json($noon)::text)");
	foreach (1 .. 5)
	{
		is((background_error($bad, "SELECT anomalies_current_json($noon);"))[0], 'XX000', 'one fails');
		is($good->query_safe("SELECT md5(anomalies_current_json($noon)::text)"), $answer, 'the other does not notice');
	}
	$_->quit foreach ($bad, $good);
};

# The setting is for superusers.
my $as_mortal = $node->connstr('postgres') . ' user=mortal';
fails_with(
	$node, 'postgres', "SELECT '$hex'::delivery_rollup; SET anomaly_insights.debug_fault = bad_alloc;",
	'42501',
	qr/permission denied to set parameter/,
	'only a superuser may inject a fault',
	connstr => $as_mortal
);

# Before the library is loaded the name is unknown, so it can be set, and loading must not honour that.
is(
	$node->safe_psql(
		'postgres',
		"SET anomaly_insights.debug_fault = bad_alloc; SELECT count(*) FROM (SELECT '$hex'::text::delivery_rollup) AS r",
		connstr => $as_mortal
	),
	'1',
	'nor before the library is loaded'
);
is(
	$node->safe_psql(
		'postgres',
		"SELECT count(*) FROM (SELECT '$hex'::text::delivery_rollup) AS r",
		connstr => "$as_mortal options='-c anomaly_insights.debug_fault=bad_alloc'"
	),
	'1',
	'nor as an option of the connection'
);
fails_with($node, 'postgres', "SELECT '$hex'::delivery_rollup; SET anomaly_insights.debug_fault = segfault;",
	'22023', qr/debug_fault/, 'an unknown fault');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_settings WHERE name = 'anomaly_insights.debug_fault'"),
	'0', 'nobody stumbles upon it');

# The limit of groups is an error with advice, wherever they are counted.
my $limit = 'SET anomaly_insights.max_groups = 4999;';
my %counting = (
	%statements,
	'anomalies_explain, reference' =>
	  "SELECT * FROM anomalies_explain('tenant 1', 'endpoint 1', $noon, method => 'reference')"
);
delete @counting{ 'input', 'literal', 'receive' };
foreach my $mode (sort keys %modes)
{
	subtest "max_groups, $mode" => sub {
		foreach my $name (sort keys %counting)
		{
			my ($state, $text) = error_of($node, 'postgres', "$modes{$mode}; $limit $counting{$name};");
			is($state, '54000', $name);
			like($text, qr/^HINT:  .*anomaly_insights\.max_groups/m, "$name: the hint names the setting");
		}
	};
}
is(
	$node->safe_psql(
		'postgres',
		"SET anomaly_insights.max_groups = 35000; SELECT count(*) FROM anomalies_current($noon, method => 'reference')"
	),
	$node->safe_psql('postgres', "SELECT count(*) FROM anomalies_current($noon, method => 'reference')"),
	'as many as there may be is not too many'
);

# Memory that the server does not get. The address space of one backend is limited from outside, so that it, and it
# alone, runs dry.
SKIP:
{
	skip 'prlimit is not here', 4 unless -x '/usr/bin/prlimit';
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	$session->query_safe($serial);
	my $reports = "SELECT count(*) FROM anomalies_current('3 hours', '7 days', $noon)";
	my $count = $session->query_safe($reports);
	my $pid = $session->query_safe('SELECT pg_backend_pid()');
	$node->safe_psql(
		'postgres',
		sprintf q(
CREATE TABLE wide AS SELECT 'https://an.endpoint.with.a.name.of.some.length.example/' || n AS endpoint, 'failed' AS status, timestamptz '%s' - n * interval '1 ms' AS created_at
  FROM generate_series(0, 999999) AS n;
SELECT delivery_source_register('wide', 'wide');), NOON
	);
	my ($size) = slurp_file("/proc/$pid/statm") =~ /^(\d+)/;
	my $bytes = $size * 4096 + 100 * 1024 * 1024;
	system_or_bail('prlimit', '--pid', $pid, "--as=$bytes:");
	foreach my $report (
		"SELECT * FROM anomalies_current(source => 'wide', $noon)",
		"SELECT anomalies_current_json(source => 'wide', $noon)"
	  )
	{
		my ($state, $text) = background_error($session, "$report;");
		is($state, '53200', "without memory: $report") or diag(substr $text, 0, 300);
	}
	is($session->query_safe("SELECT count(*) FROM anomalies_current(source => 'default', $noon)") ne '',
		1, 'and the session works on');
	is($session->query_safe('SELECT pg_backend_pid()'), $pid, 'in the same backend');
	$session->quit;
}

is($node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'), $started, 'the server has never restarted');
unlike(slurp_file($node->logfile), qr/was terminated by signal|PANIC|terminate called/, 'nothing has crashed');
$node->stop;
done_testing();
