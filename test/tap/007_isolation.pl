# A report sees what a plain SELECT in its place would see, and stands in nobody's way.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use Insights;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('isolation', 'max_prepared_transactions = 2');
my $noon = "as_of => '" . NOON . "'";
$node->safe_psql(
	'postgres', q(
CREATE TABLE deliveries (endpoint text NOT NULL, status text NOT NULL, created_at timestamptz NOT NULL);
CREATE INDEX deliveries_created_at ON deliveries (created_at);
SELECT delivery_source_register('deliveries');
)
);

# 20 failures of an endpoint.
sub fail_at
{
	my ($endpoint) = @_;
	return
	  sprintf
	  q(INSERT INTO deliveries SELECT '%s', 'failed', timestamptz '%s' - n * interval '5 s' FROM generate_series(1, 20) AS n),
	  $endpoint, NOON;
}
my $seen =
  "SELECT coalesce(string_agg(endpoint || ' ' || recent_failures, ', ' ORDER BY endpoint), 'nothing') FROM anomalies_current($noon)";
my $seen_json = "SELECT coalesce(string_agg(i ->> 'endpoint', ', ' ORDER BY i ->> 'endpoint'), 'nothing')
  FROM jsonb_array_elements(anomalies_current_json($noon) -> 'incidents') AS i";
my $seen_explain = "SELECT value FROM anomalies_explain(NULL, 'b', $noon) WHERE item = 'recent_count'";

subtest 'one transaction' => sub {
	is(
		$node->safe_psql(
			'postgres', join ';', 'BEGIN', $seen, fail_at('a'), $seen,
			$seen_json, 'SAVEPOINT s', fail_at('b'), $seen, $seen_explain, 'ROLLBACK TO s',
			$seen, $seen_explain, 'ROLLBACK', $seen
		),
		"nothing\na 20\na\na 20, b 20\n20\na 20\n0\nnothing",
		'what it has written it sees, until it takes it back'
	);
	is(
		$node->safe_psql(
			'postgres',
			"BEGIN; CREATE TABLE other (LIKE deliveries); INSERT INTO other SELECT 'new', 'failed', '"
			  . NOON
			  . "' FROM generate_series(1, 20);
		DO \$\$ BEGIN PERFORM delivery_source_register('other', 'other'); END \$\$;
		SELECT endpoint FROM anomalies_current(source => 'other', $noon); ROLLBACK; SELECT count(*) FROM delivery_sources"
		),
		"new\n1",
		'a table and its source too'
	);

	# A statement sees what was there when it began, a statement of a volatile function what that has done.
	my $insert = fail_at('c');
	is(
		$node->safe_psql(
			'postgres',
			"BEGIN; WITH w AS ($insert RETURNING 1) SELECT (SELECT count(*) FROM w), (SELECT count(*) FROM anomalies_current($noon)); ROLLBACK"
		),
		'20|0',
		'not what its own statement writes'
	);
	is(
		$node->safe_psql(
			'postgres',
			"BEGIN; CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE plpgsql AS \$\$ BEGIN $insert; RETURN ($seen); END \$\$; SELECT pg_temp.f(); ROLLBACK"
		),
		'c 20',
		'but what a function has written before'
	);
};

my $reader = $node->background_psql('postgres', on_error_stop => 0);
my $writer = $node->background_psql('postgres', on_error_stop => 0);

subtest 'READ COMMITTED' => sub {
	$writer->query_safe('BEGIN; ' . fail_at('a'));
	is($reader->query_safe("BEGIN; $seen"), 'nothing', 'what is not committed is not seen');
	is($writer->query_safe($seen), 'a 20', 'but by its writer');
	$writer->query_safe('COMMIT');
	is($reader->query_safe($seen), 'a 20', 'committed, it is seen by the next report');
	$writer->query_safe('BEGIN; ' . fail_at('b'));
	$writer->query_safe("PREPARE TRANSACTION 'prepared'");
	is($reader->query_safe($seen), 'a 20', 'prepared is not committed');
	$writer->query_safe("ROLLBACK PREPARED 'prepared'");
	$reader->query_safe('COMMIT');
};

subtest 'REPEATABLE READ' => sub {
	foreach my $level ('REPEATABLE READ', 'SERIALIZABLE')
	{
		$node->safe_psql('postgres', 'DELETE FROM deliveries; ' . fail_at('a'));
		is($reader->query_safe("BEGIN ISOLATION LEVEL $level; $seen"), 'a 20', "$level: the first report");
		$node->safe_psql('postgres', fail_at('b'));
		is($reader->query_safe($seen), 'a 20', 'does not change when others insert');
		$node->safe_psql('postgres', q(UPDATE deliveries SET status = 'delivered'));
		is($reader->query_safe($seen), 'a 20', 'update');
		$node->safe_psql('postgres', 'DELETE FROM deliveries');
		is($reader->query_safe($seen), 'a 20', 'delete');
		is($reader->query_safe($seen_json), 'a', 'as JSON');
		is($reader->query_safe($seen_explain), '0', 'nor in what it explains');
		$reader->query_safe(fail_at('c'));
		is($reader->query_safe($seen), 'a 20, c 20', 'but by what it writes itself');
		$reader->query_safe('ROLLBACK');
		is($reader->query_safe($seen), 'nothing', 'and the next transaction sees them all');
	}

	# Sources are data as well.
	$reader->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ; $seen");
	$node->safe_psql('postgres', q(SELECT delivery_source_drop('default')));
	is($reader->query_safe($seen), 'nothing', 'a source that is dropped meanwhile is there until the end');
	$reader->query_safe('COMMIT');
	is((background_error($reader, "$seen;"))[0] ne '', 1, 'and not after it');
	$node->safe_psql('postgres', q(SELECT delivery_source_register('deliveries')));
};

subtest 'SERIALIZABLE' => sub {

	# Each decides by its report that nobody has failed and then fails: in no order would both have seen nothing.
	foreach my $settings (
		'SET max_parallel_workers_per_gather = 0',
		'SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
	  SET min_parallel_table_scan_size = 0; SET min_parallel_index_scan_size = 0'
	  )
	{
		is($_->query_safe("$settings; BEGIN ISOLATION LEVEL SERIALIZABLE; $seen"), 'nothing', 'both see nothing')
		  foreach ($reader, $writer);
		$reader->query_safe(fail_at('r'));
		$writer->query_safe(fail_at('w'));
		$reader->query_safe('COMMIT');
		is((background_error($writer, 'COMMIT;'))[0], '40001', 'the second one cannot be serialized');
		is($writer->query_safe($seen), 'r 20', 'so it did nothing');
		$node->safe_psql('postgres', 'DELETE FROM deliveries');
		$_->query_safe('RESET ALL') foreach ($reader, $writer);
	}
};

# What it holds, and for how long.
$node->safe_psql(
	'postgres',
	fail_at('a') . q(;
CREATE TABLE parts (LIKE deliveries) PARTITION BY RANGE (created_at);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-01-15 00:00+00') TO ('2026-01-15 11:30+00');
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM ('2026-01-15 11:30+00') TO ('2026-01-16 00:00+00');
INSERT INTO parts SELECT * FROM deliveries;
CREATE VIEW seen_through AS SELECT * FROM parts;
SELECT delivery_source_register('parts', 'parts');
SELECT delivery_source_register('seen_through', 'view');
)
);
my $default = "source => 'default', $noon";
foreach my $source (qw(default parts view))
{
	subtest "locks on $source" => sub {
		$reader->query_safe(
			"BEGIN; SELECT count(*) FROM anomalies_current(source => '$source', $noon); SELECT length(anomalies_current_json(source => '$source', $noon)::text);
		  SELECT count(*) FROM anomalies_explain(NULL, 'a', source => '$source', $noon)"
		);
		my $locks = $reader->query_safe(
			q(SELECT string_agg(DISTINCT relname || ' ' || mode, ', ' ORDER BY relname || ' ' || mode) FROM pg_locks AS l JOIN pg_class AS c ON c.oid = relation
		    WHERE pid = pg_backend_pid() AND relnamespace = 'public'::regnamespace AND relname !~ '^delivery_sources')
		);
		my $expected = {
			default => 'deliveries AccessShareLock, deliveries_created_at AccessShareLock',
			parts => 'parts AccessShareLock, parts_1 AccessShareLock, parts_2 AccessShareLock',
			view =>
			  'parts AccessShareLock, parts_1 AccessShareLock, parts_2 AccessShareLock, seen_through AccessShareLock'
		}->{$source};
		is($locks, $expected, 'the lock of a reader and no other');
		is(
			$reader->query_safe(
				q(SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation' AND mode <> 'AccessShareLock')
			),
			'0',
			'on no relation at all'
		);
		is($reader->query_safe('SELECT pg_current_xact_id_if_assigned() IS NULL'), 't', 'and no transaction number');
		is(
			$reader->query_safe(
				'SELECT count(*) FROM pg_stat_activity WHERE pid = pg_backend_pid() AND wait_event_type = \'Lock\''),
			'0',
			'nor does it wait'
		);
		$reader->query_safe('COMMIT');
		is(
			$reader->query_safe(
				q(SELECT count(*) FROM pg_locks JOIN pg_class AS c ON c.oid = relation WHERE pid = pg_backend_pid() AND relnamespace = 'public'::regnamespace)
			),
			'0',
			'at the end it has none'
		);
	};
}

subtest 'nobody is blocked' => sub {
	my $pid = $reader->query_safe('SELECT pg_backend_pid()');
	$reader->query_safe("BEGIN; SELECT count(*) FROM anomalies_current($default)");
	is(
		$node->safe_psql('postgres', "SELECT state, backend_xmin IS NULL FROM pg_stat_activity WHERE pid = $pid"),
		'idle in transaction|t',
		'between two reports it holds back no vacuum'
	);

	# NOWAIT gives an error where it would have to wait.
	foreach
	  my $mode ('ROW SHARE', 'ROW EXCLUSIVE', 'SHARE UPDATE EXCLUSIVE', 'SHARE', 'SHARE ROW EXCLUSIVE', 'EXCLUSIVE')
	{
		is((error_of($node, 'postgres', "BEGIN; LOCK TABLE deliveries IN $mode MODE NOWAIT; COMMIT;"))[0],
			undef, "$mode");
	}
	fails_with(
		$node, 'postgres', 'BEGIN; LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE NOWAIT;',
		'55P03',
		qr/could not obtain lock/,
		'only ACCESS EXCLUSIVE has to wait'
	);

	# They would wait, and the test run out of time, if the report were in their way.
	$node->safe_psql('postgres', $_, timeout => $PostgreSQL::Test::Utils::timeout_default)
	  foreach (
		fail_at('b'),
		q(UPDATE deliveries SET status = 'dead_letter' WHERE endpoint = 'b'),
		q(DELETE FROM deliveries WHERE endpoint = 'b'),
		'VACUUM deliveries',
		'ANALYZE deliveries',
		'CREATE INDEX CONCURRENTLY ON deliveries (endpoint)'
	  );
	pass('INSERT, UPDATE, DELETE, VACUUM, ANALYZE and CREATE INDEX CONCURRENTLY come through');
	is($reader->query_safe("SELECT count(*) FROM anomalies_current($default)"), '1', 'and the report goes on');
	$reader->query_safe('COMMIT');
};

subtest 'it is not blocked' => sub {

	# A writer that has locked all rows, and a table that is locked for all but readers.
	$writer->query_safe(
		'BEGIN; LOCK TABLE deliveries IN EXCLUSIVE MODE; SELECT count(*) FROM (SELECT * FROM deliveries FOR UPDATE) AS d'
	);
	is($reader->query_safe("SELECT count(*) FROM anomalies_current($default)"), '1', 'by a writer');
	$writer->query_safe('COMMIT');
	$writer->query_safe('BEGIN; LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE');
	my ($state, $text) =
	  background_error($reader, "SET lock_timeout = '10ms'; SELECT count(*) FROM anomalies_current($default);");
	is($state, '55P03', 'what locks out readers locks it out, and lock_timeout ends the wait');
	$writer->query_safe('COMMIT');
	is($reader->query_safe("RESET lock_timeout; SELECT count(*) FROM anomalies_current($default)"),
		'1', 'after which it works on');
};

subtest 'the table changes between two reports of a session' => sub {
	my $report = "SELECT endpoint, recent_count FROM anomalies_current($default)";
	is($reader->query_safe($report), 'a|20', 'before');
	$node->safe_psql('postgres',
		'ALTER TABLE deliveries ADD tenant_id text; ALTER TABLE deliveries ALTER status TYPE varchar(20); DROP INDEX deliveries_created_at'
	);
	is($reader->query_safe($report), 'a|20', 'other types, no index');
	$node->safe_psql('postgres', 'ALTER TABLE deliveries RENAME status TO state');
	my ($state, $text) = background_error($reader, "$report;");
	is($state, '55000', 'a column that is gone is an error');
	like($text, qr/delivery source "default"/, 'that names the source');
	$node->safe_psql('postgres', 'ALTER TABLE deliveries RENAME state TO status');
	is($reader->query_safe($report), 'a|20', 'it is back');
	$node->safe_psql('postgres',
		'BEGIN; ALTER TABLE deliveries RENAME TO archived; CREATE TABLE deliveries (LIKE archived); COMMIT; '
		  . (fail_at('swapped') =~ s/deliveries SELECT/deliveries (endpoint, status, created_at) SELECT/r));
	is($reader->query_safe($report), 'swapped|20', 'a table that has been swapped in is found by its name');
};

subtest 'two who register the same name' => sub {
	$writer->query_safe(q(BEGIN; DO $$ BEGIN PERFORM delivery_source_register('deliveries', 'contended'); END $$));
	my $pid = $reader->query_safe('SELECT pg_backend_pid()');
	$reader->query_until(qr/sent/, "\\echo sent\nSELECT delivery_source_register('archived', 'contended');\n");
	ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_locks WHERE pid = $pid AND NOT granted"),
		'the second waits for the first');
	$writer->query_safe('COMMIT');
	my $output = $reader->query('SELECT 1');
	is($reader->{stderr}, '', 'and then succeeds');
	is(
		$node->safe_psql('postgres', q(SELECT count(*), min(relation) FROM delivery_sources WHERE name = 'contended')),
		'1|public.archived',
		'the last one counts'
	);
};

$_->quit foreach ($reader, $writer);
$node->stop;
done_testing();
