# A report that is cancelled, or fails in the middle, ends cleanly, at once, and leaves nothing behind in the backend.
# How long it took to end is printed and never judged.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use Insights;
use List::Util qw(max);
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('cancel');
my $noon = "as_of => '" . NOON . "'";

# big: 3 million deliveries of 200 endpoints in an hour, a scan of a second; slow: the same, and each takes a while.
# wide: 300,000 endpoints, so that judging and printing them takes longer than counting.
# late: 20,000 deliveries of 2,000 endpoints, where the last one divides by zero.
$node->safe_psql(
	'postgres',
	sprintf q(
CREATE UNLOGGED TABLE big (created_at timestamptz NOT NULL, endpoint text NOT NULL, status text NOT NULL);
INSERT INTO big SELECT timestamptz '%1$s' - n * interval '1.2 ms', 'endpoint ' || n %% 200,
    CASE WHEN n %% 7 = 0 THEN 'failed' ELSE 'delivered' END
  FROM generate_series(0, 2999999) AS n;
CREATE UNLOGGED TABLE wide (LIKE big);
INSERT INTO wide SELECT timestamptz '%1$s' - n * interval '0.1 ms', 'https://an.endpoint.with.a.name.of.some.length.example/' || n, 'failed'
  FROM generate_series(0, 299999) AS n;
CREATE UNLOGGED TABLE late (LIKE big, n int);
INSERT INTO late SELECT timestamptz '%1$s' - interval '3 s' + n * interval '0.1 ms', 'an endpoint whose name is long enough ' || n %% 2000, 'failed', n
  FROM generate_series(1, 20000) AS n;
ANALYZE;
SELECT delivery_source_register('big', 'big');
SELECT delivery_source_register('big', 'slow', '{"where": "md5(repeat(endpoint, 1000)) >= status"}');
SELECT delivery_source_register('wide', 'wide');
SELECT delivery_source_register('late', 'whole');
SELECT delivery_source_register('late', 'late', '{"where": "1 / (20000 - n) >= 0"}');
), NOON
);

my $serial = 'SET max_parallel_workers_per_gather = 0';
my $parallel = 'SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
  SET min_parallel_table_scan_size = 0';

# pg_cancel_backend, pg_terminate_backend. The slow source would take minutes, so the signal comes in the scan.
foreach my $mode ([ 'serial', $serial, 0 ], [ 'parallel', $parallel, 2 ])
{
	my ($name, $settings, $workers) = @$mode;
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	$session->query_safe($settings);
	my $pid = $session->query_safe('SELECT pg_backend_pid()');
	my $works_on = sub {
		my ($after) = @_;
		is(
			$session->query_safe(
				"SELECT count(*), pg_backend_pid() FROM anomalies_current(source => 'whole', method => 'reference', $noon)"
			),
			"2000|$pid",
			"$name: after $after the session works on"
		);
	};

	# The statement is sent; its banner comes when it is over.
	my $start = sub {
		my ($sql) = @_;
		$session->query_until(qr/started/, "\\set VERBOSITY verbose\n\\echo started\n$sql;\n");
		$node->poll_query_until(
			'postgres', "SELECT count(*) > $workers FROM pg_stat_activity
		    WHERE state = 'active' AND (pid = $pid OR leader_pid = $pid)"
		) or die 'the report does not run';
	};
	my $error = sub {
		my $stdout = $session->query("SELECT 'over'");
		like($stdout, qr/over/, "$name: the statement has ended");
		my ($state) = $session->{stderr} =~ /ERROR:  (\w{5})/;
		$session->{stderr} = '';
		return $state;
	};

	foreach my $report (
		"SELECT * FROM anomalies_current(source => 'slow', $noon)",
		"SELECT anomalies_current_json(source => 'slow', $noon)",
		"SELECT * FROM anomalies_explain(NULL, 'endpoint 1', source => 'slow', $noon)"
	  )
	{
		$start->($report);
		is($node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)"), 't', "$name: cancelled: $report");
		is($error->(), '57014', "$name: it ends with 57014");
		$works_on->('a cancel');
	}
	if ($workers)
	{
		$start->("SELECT * FROM anomalies_current(source => 'slow', $noon)");
		$node->safe_psql('postgres',
			"SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE leader_pid = $pid LIMIT 1");
		is($error->(), '57014', "$name: a cancelled worker ends it");
		$works_on->('that of a worker');
	}
	$session->query_safe('SET statement_timeout = 50');
	$session->{stderr} = '';
	is((background_error($session, "SELECT * FROM anomalies_current(source => 'slow', $noon);"))[0],
		'57014', "$name: statement_timeout");
	$session->query_safe('RESET statement_timeout');
	$works_on->('a timeout');

	$start->("SELECT * FROM anomalies_current(source => 'slow', $noon)");
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
	ok(
		$node->poll_query_until(
			'postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid OR leader_pid = $pid"
		),
		"$name: terminated, it and its workers are gone"
	);
	$session->{run}->finish;
}

# How late: timeouts in every phase of a statement, from the scan to the last row.
sub latencies
{
	my ($settings, $statement) = @_;
	my $script = "\\set VERBOSITY sqlstate\n$settings;\n\\timing on\n";
	my $stdout = $node->safe_psql('postgres', "$script\\echo begin\n$statement \\g /dev/null");
	my ($whole) = $stdout =~ /begin\nTime: ([\d.]+)/;

	# That first one was slowed down by what it found uncached, so some of these will finish in time.
	foreach my $step (0 .. 5)
	{
		my $timeout = 1 + int($whole * $step / 6);
		$script .= "SET statement_timeout = $timeout;\n\\echo timeout $timeout\n$statement \\g /dev/null\n";
	}
	my $stderr;
	$node->psql('postgres', $script, stdout => \$stdout, stderr => \$stderr, on_error_stop => 0);
	my @late;
	push @late, $2 - $1 while $stdout =~ /timeout (\d+)\nTime: ([\d.]+)/g;
	is(scalar(@late), 6, 'all have ended');
	my @states = $stderr =~ /ERROR:  (\w{5})/g;
	cmp_ok(scalar(@states), '>', 0, 'some in a timeout');
	is(scalar(grep { $_ ne '57014' } @states), 0, 'and none in another error');
	diag(sprintf '%6.1f ms late at most, in %4.0f ms: %s', max(@late), $whole, $statement);
	return;
}
foreach my $mode ([ 'serial', $serial ], [ 'parallel', $parallel ])
{
	subtest "$mode->[0]: a timeout at any time" => sub {
		foreach my $method (qw(rate reference))
		{
			latencies($mode->[1], "SELECT * FROM anomalies_current(source => 'wide', method => '$method', $noon)");
			latencies($mode->[1], "SELECT anomalies_current_json(source => 'wide', method => '$method', $noon)");
		}
		latencies($mode->[1], "SELECT * FROM anomalies_current(source => 'big', $noon)");
	};
}
subtest 'a timeout in what is made of a rollup' => sub {
	my $rollup =
	  "SELECT delivery_rollup_agg(delivery_rollup_shape('2026-01-15 11:00+00', '1 minute', 61), created_at, NULL, endpoint, status, NULL) AS r FROM wide";
	$node->safe_psql('postgres', "CREATE TABLE kept AS $rollup; INSERT INTO kept SELECT r FROM kept");
	latencies($serial, $rollup);
	latencies($serial, 'SELECT rollup_merge(r) FROM kept');
	latencies($serial, 'SELECT c.* FROM kept, rollup_cells(r) AS c');
	latencies($serial, 'SELECT octet_length(r::text) FROM kept');
	latencies($serial, 'SELECT r::text::delivery_rollup FROM kept LIMIT 1');
};

# Memory. What a call leaves behind shows in the sum of the memory contexts, or, where C++ holds it, in the resident
# set; of that only what is the backend's own, since shared buffers count from when they are first touched. After a
# warm-up the caches of catalog and plans are full and malloc keeps what it got, so both should stand still. The slack
# is for what they do not promise: a cache that grows by a block, holes in the heap, and counts of pages that the kernel
# rounds (64 for each CPU). A rollup of these 2,000 endpoints is half a megabyte: one in 50 calls that left its own
# behind would show.
use constant { SLACK_CONTEXTS => 1 << 20, SLACK_RESIDENT => 6 << 20 };

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

my @reports =
  map { ("SELECT * FROM anomalies_current($_) \\g /dev/null\n", "SELECT anomalies_current_json($_) \\g /dev/null\n") }
  ("source => '%s', method => 'rate', $noon", "source => '%s', method => 'reference', $noon");
foreach my $case (
	[ 'cancelled', 'big', "SET statement_timeout = 3;\n", 'RESET statement_timeout', '57014' ],
	[ 'a late row that fails', 'late', '', '', '22012' ],
	[ 'too many groups', 'whole', "SET anomaly_insights.max_groups = 1900;\n", '', '54000' ],
	[ 'out of memory', 'whole', "SET anomaly_insights.debug_fault = bad_alloc;\n", '', '53200' ],
	[ 'an exception', 'whole', "SET anomaly_insights.debug_fault = runtime_error;\n", '', 'XX000' ],
	[ 'a success', 'whole', '', '', undef, 0.1 ]
  )
{
	my ($name, $source, $before, $after, $state, $share) = @$case;
	foreach my $mode ([ 'serial', $serial, 1000 ], [ 'parallel', $parallel, 250 ])
	{
		my ($how, $settings, $calls) = @$mode;
		$calls *= $share // 1;
		my $call = sub { sprintf $reports[ $_[0] % @reports ], $source };
		my $reset = $after ? "$after;\n" : '';
		my $script =
			"\\set VERBOSITY sqlstate\n$settings;\n$before"
		  . join('', map { $call->($_) } 1 .. 100)
		  . "$reset$memory\n$before"
		  . join('', map { $call->($_) } 1 .. $calls)
		  . "$reset$memory\n";
		$node->psql('postgres', $script, stdout => \my $stdout, stderr => \my $stderr, on_error_stop => 0);
		my @states = $stderr =~ /ERROR:  (\w{5})/g;
		my $expected = $state ? 100 + $calls : 0;
		is(scalar(@states), $expected, "$name, $how: $expected calls failed");
		is(scalar(grep { $_ ne ($state // '') } @states), 0, "$name, $how: each with " . ($state // 'nothing'));
		stands_still("$name, $how", $stdout);
	}
}

my $runtime_error = 'SET anomaly_insights.debug_fault = runtime_error;';
my $bad_alloc = 'SET anomaly_insights.debug_fault = bad_alloc;';

# The same in subtransactions of one transaction, which frees less than its end does; many calls, so that a text of
# a hundred bytes that each left behind would show.
$node->safe_psql(
	'postgres', q(
CREATE PROCEDURE fail(calls int, report text, state text) LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN 1 .. calls LOOP
    BEGIN
      EXECUTE report;
      RAISE EXCEPTION 'it did not fail';
    EXCEPTION WHEN OTHERS THEN
      IF SQLSTATE <> state THEN RAISE; END IF;
    END;
  END LOOP;
END $$;
CREATE TABLE one AS SELECT * FROM late LIMIT 1;
SELECT delivery_source_register('one', 'one', '{"where": "1 / (n - n) >= 0"}');
CREATE TABLE kept_small AS SELECT delivery_rollup_agg(
  delivery_rollup_shape('2026-01-15 11:00+00', '1 hour', 1, '{"failed": "failed"}'), created_at, NULL, endpoint, status, NULL) AS r FROM late;
)
);
foreach my $case (
	[ 'a row that fails', '', "SELECT * FROM anomalies_current(source => 'one', $noon)", '22012', 10000 ],
	[
		'an exception in a report',
		$runtime_error, "SELECT * FROM anomalies_current(source => 'whole', $noon)",
		'XX000', 500
	],
	[
		'no memory for a report',
		$bad_alloc, "SELECT * FROM anomalies_current(source => 'whole', $noon)",
		'53200', 10000
	],
	[
		'an unknown source',
		'', "SELECT anomalies_current_json(source => 'no such source of deliveries is registered here')",
		'42704', 10000
	],
	[
		'text that is no rollup',
		'', "SELECT 'this is no rollup, and its text is long enough'::text::delivery_rollup",
		'22P02', 50000
	],
	[
		'bytes that are no rollup',
		'', "SELECT substr(r::text, 1, 4000)::delivery_rollup FROM kept_small",
		'22P03', 1000
	],
	[ 'an exception in the input', $runtime_error, "SELECT r::text::delivery_rollup FROM kept_small", 'XX000', 1000 ],
	[ 'no memory for the input', $bad_alloc, "SELECT r::text::delivery_rollup FROM kept_small", '53200', 5000 ],
	[
		'rollups that do not merge',
		'',
		"SELECT rollup_merge(r) FROM (VALUES (delivery_rollup_shape('2026-01-01', '1 minute')), (delivery_rollup_shape('2026-01-02', '1 minute'))) AS v(r)",
		'22023',
		50000
	]
  )
{
	my ($name, $settings, $report, $state, $calls) = @$case;
	my $stderr;
	my $status = $node->psql(
		'postgres', "$serial; $settings BEGIN;
	  CALL fail(${\($calls / 10)}, \$report\$$report\$report\$, '$state'); $memory
	  CALL fail($calls, \$report\$$report\$report\$, '$state'); $memory COMMIT;",
		stdout => \my $stdout,
		stderr => \$stderr
	);
	is($status, 0, "$name, in subtransactions: each failed with $state") or diag($stderr);
	stands_still("$name, in subtransactions", $stdout);
}

# Successes, many and small: what a rollup keeps for its shape (each slot of a week, each status of a map) is its own too.
$node->safe_psql(
	'postgres', q(
CREATE TABLE few AS SELECT * FROM late LIMIT 5;
SELECT delivery_source_register('few', 'few');
)
);
foreach my $case (
	[ 'a week of slots', "anomalies_current('5 minutes', '7 days', source => 'few', $noon)", 2000 ],
	[ 'a week of slots as JSON', "anomalies_current_json('5 minutes', '7 days', source => 'few', $noon)", 2000 ],
	[
		'a week of slots explained', "anomalies_explain(NULL, 'x', '5 minutes', '7 days', source => 'few', $noon)",
		2000
	],
	[ 'method reference', "anomalies_current('5 minutes', '7 days', 'reference', source => 'few', $noon)", 20000 ],
	[
		'a map of statuses', "(SELECT delivery_rollup_agg(s, created_at, NULL, endpoint, status, NULL) FROM few,
	    (SELECT delivery_rollup_shape('2026-01-15 11:00+00', '1 hour', 1, jsonb_object_agg('status ' || n, 'delivered')) AS s
	     FROM generate_series(1, 500) AS n) AS shape) AS r", 2000
	],
	[
		'merging',
		"(SELECT rollup_merge(r) FROM (SELECT * FROM kept_small UNION ALL SELECT * FROM kept_small) AS u) AS r", 500
	],
	[ 'cells', 'kept_small, rollup_cells(r)', 500 ],
	[ 'output and input', '(SELECT r::text::delivery_rollup FROM kept_small) AS r', 500 ]
  )
{
	my ($name, $from, $calls) = @$case;
	my $loop = 'DO $do$ BEGIN FOR i IN 1 .. %d LOOP PERFORM * FROM ' . ($from =~ s/%/%%/gr) . '; END LOOP; END $do$;';
	stands_still(
		"success: $name",
		$node->safe_psql(
			'postgres',
			"$serial;\n" . sprintf($loop, $calls / 10) . "\n$memory\n" . sprintf($loop, $calls) . "\n$memory"
		)
	);
}

# A cursor that is left open in the middle of a report's rows, and a report that is abandoned by LIMIT.
subtest 'reports that nobody reads to the end' => sub {
	my $limit =
	  "SELECT * FROM anomalies_current(source => 'whole', method => 'reference', $noon) LIMIT 1 \\g /dev/null\n";
	my $cursor =
	  "BEGIN;\nDECLARE c CURSOR FOR SELECT * FROM anomalies_current(source => 'whole', method => 'reference', $noon);\nFETCH 1 FROM c \\g /dev/null\nROLLBACK;\n";
	my $stdout = $node->safe_psql('postgres',
		"$serial;\n" . ($limit . $cursor) x 20 . "$memory\n" . ($limit . $cursor) x 200 . $memory);
	stands_still('LIMIT and cursors', $stdout);
};

is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'"),
	'0', 'no worker is left over');
$node->stop;
done_testing();
