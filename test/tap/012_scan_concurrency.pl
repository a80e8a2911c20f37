# Many who scan, write and intervene at once: no error reaches anybody, no incident is there twice, and whoever reads the
# events in the order of seq misses none. And a scan without news writes nothing.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use Insights;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = $ENV{INSIGHTS_SECONDS} // 10;
my $scripts = PostgreSQL::Test::Utils::tempdir();

# What goes on at once. Endpoints fail and recover all the time, at random.
my %script = (
	write => q(\set e random(1, 40)
\set bad random(0, 1)
BEGIN;
DELETE FROM :table WHERE endpoint = 'e' || :e AND status = 'failed';
INSERT INTO :table SELECT 't' || :e % 7, 'e' || :e, 'failed', now() - n * interval '1 s' FROM generate_series(1, :bad * 10) AS n;
END;
),
	scan => q(INSERT INTO outcomes SELECT outcome, coalesce(detail, '') FROM anomalies_scan();
),
	scan_one => q(INSERT INTO outcomes SELECT outcome, coalesce(detail, '') FROM anomalies_scan('other');
),

	# Whoever acknowledges what somebody resolves at this moment is told so; that is no fault.
	acknowledge => q(DO $$ BEGIN
  PERFORM anomaly_acknowledge(id, 'seen', now() + interval '20 ms') FROM (SELECT id FROM anomalies_active ORDER BY random() LIMIT 1) AS i;
EXCEPTION WHEN object_not_in_prerequisite_state THEN NULL; END $$;
),
	resolve =>
	  q(SELECT anomaly_resolve(id, 'enough') FROM (SELECT id FROM anomalies_active ORDER BY random() LIMIT 1) AS i;
),
	mute => q(SELECT anomaly_unmute(anomaly_mute('t1'));
SELECT count(*) FROM anomaly_insights_status();
SELECT * FROM anomalies_prune();
),

	give_up => q(BEGIN;
SELECT * FROM anomalies_scan();
ROLLBACK;
),

	# Each statement of the block sees what has been committed when it begins.
	read => q(DO $$ DECLARE last bigint := 0; news bigint; over boolean; BEGIN
  LOOP
    over := EXISTS (SELECT FROM stopped);
    INSERT INTO seen SELECT seq FROM anomaly_events WHERE seq > last;
    GET DIAGNOSTICS news = ROW_COUNT;
    SELECT coalesce(max(seq), 0) INTO last FROM seen;
    IF news > 0 THEN INSERT INTO polls VALUES (news); END IF;
    EXIT WHEN over;
  END LOOP;
END $$;
),
);
foreach my $name (keys %script)
{
	append_to_file("$scripts/$name", $script{$name});
}

# Starts sessions that run scripts for as long as the test takes.
sub start_sessions
{
	my ($node, $count, @options) = @_;
	my %run = (out => '', err => '');
	$run{handle} = IPC::Run::start(
		[ 'pgbench', '-n', '-c', $count, '-j', '1', @options, '-h', $node->host, '-p', $node->port, 'postgres' ],
		'>', \$run{out}, '2>', \$run{err}, IPC::Run::timeout($seconds + $PostgreSQL::Test::Utils::timeout_default));
	return \%run;
}

sub scripts
{
	return map { ('-f', "$scripts/$_") } @_;
}

sub prepare
{
	my ($node) = @_;
	foreach my $table (qw(deliveries others))
	{
		create_deliveries($node, 'postgres', $table);
		$node->safe_psql('postgres',
			"SELECT deliver_to_$table('e' || e, 'delivered', 90, '90 minutes', tenant => 't' || e % 7) FROM generate_series(1, 40) AS e"
		);
	}
	$node->safe_psql(
		'postgres', q(
CREATE TABLE outcomes (outcome text, detail text);
CREATE TABLE seen (seq bigint);
CREATE TABLE polls (news bigint);
CREATE TABLE stopped ();
SELECT delivery_source_register('deliveries'), delivery_source_register('others', 'other');
)
	);
	return;
}

my $eager = q(
anomaly_insights.open_after = 0
anomaly_insights.resolve_after = 0
anomaly_insights.reopen_grace = 1
anomaly_insights.flap_threshold = 31
anomaly_insights.flap_window = 1
max_connections = 50
);

foreach my $preloaded (0, 1)
{
	my $node = start_node($preloaded ? 'with_worker' : 'without_worker',
		$eager . ($preloaded ? "shared_preload_libraries = 'anomaly_insights'\nanomaly_insights.naptime = 1" : ''));
	prepare($node);
	subtest $preloaded ? 'at once, with a worker' : 'at once, without a worker' => sub {
		my $sql = sub { return $node->safe_psql('postgres', $_[0]) };
		my $reader = start_sessions($node, 1, '-t', 1, scripts('read'));
		my %sessions = (
			'eight who scan' => start_sessions($node, 8, '-T', $seconds, scripts(qw(scan scan scan scan_one))),
			'two who write deliveries' =>
			  start_sessions($node, 2, '-T', $seconds, '-R', 100, '-D', 'table=deliveries', scripts('write')),
			'two who write others' =>
			  start_sessions($node, 2, '-T', $seconds, '-R', 100, '-D', 'table=others', scripts('write')),
			'three who intervene' => start_sessions(
				$node, 3, '-T', $seconds, '-R', 60, scripts(qw(acknowledge acknowledge resolve mute give_up))
			)
		);
		foreach my $name (sort keys %sessions)
		{
			my $run = $sessions{$name};
			ok($run->{handle}->finish, "$name: no error ends them") or diag($run->{err});
			unlike($run->{err}, qr/ERROR|WARNING|aborted/, "$name: nor reaches them");
			unlike($run->{out}, qr/number of failed transactions: [1-9]/, "$name: nor is hidden by a retry");
		}
		note($sql->('SELECT outcome, count(*) FROM outcomes GROUP BY outcome ORDER BY 1'));
		note($sql->('SELECT event, count(*) FROM anomaly_events GROUP BY event ORDER BY 1'));
		is(
			$sql->(
				q(SELECT string_agg(DISTINCT outcome, ' ' ORDER BY outcome) FROM outcomes WHERE outcome <> 'superseded')
			),
			'busy done',
			'some did the work, others found them at it'
		);
		is($sql->(q(SELECT count(*) > 0 AND bool_and(detail = '') FROM outcomes)), 't', 'none failed');
		is(
			$sql->(
				q(SELECT string_agg(DISTINCT event, ' ' ORDER BY event) FROM anomaly_events
				  WHERE event NOT IN ('muted', 'unmuted', 'escalated', 'flapping'))
			),
			'ack_expired acknowledged opened reopened resolved',
			'much has happened'
		);

		my $meanwhile = '( acknowledged| ack_expired| escalated| muted| unmuted)*';

		# The end of all failures is the end of all incidents.
		$sql->(q(DELETE FROM deliveries WHERE status = 'failed'; DELETE FROM others WHERE status = 'failed'));
		ok($node->poll_query_until('postgres', q(SELECT count(*) = 0 FROM anomalies_scan(), anomalies_active)),
			'when all is well nothing stays open');
		is(
			$sql->(
				qq(SELECT count(*) FROM (SELECT anomaly_id, string_agg(event, ' ' ORDER BY seq) AS story FROM anomaly_events
				    GROUP BY anomaly_id) AS e
				  FULL JOIN anomalies AS a ON id = anomaly_id WHERE coalesce(status <> 'resolved'
				    OR story !~ '^opened$meanwhile( resolved reopened$meanwhile)* resolved\$'
				    OR reopen_count <> (length(story) - length(replace(story, ' reopened', ''))) / length(' reopened'), true))
			),
			'0',
			'each incident has a story that makes sense'
		);
		is(
			$sql->(
				q(SELECT count(*) FROM (SELECT detected_at,
				    lag(resolved_at) OVER (PARTITION BY source, tenant_id, endpoint ORDER BY id) AS earlier FROM anomalies) AS i
		    WHERE earlier > detected_at)
			),
			'0',
			'no two of the same endpoint overlap'
		);

		$sql->('INSERT INTO stopped DEFAULT VALUES');
		ok($reader->{handle}->finish, 'a reader came to its end') or diag($reader->{err});
		cmp_ok($sql->('SELECT count(*) FROM polls'), '>', 5 * $seconds, 'it has read all the time');
		is($sql->(q(SELECT count(*) - count(DISTINCT seq) FROM seen)), '0', 'nothing twice');
		is($sql->(q(SELECT count(*) FROM (SELECT seq FROM anomaly_events EXCEPT SELECT seq FROM seen) AS missed)),
			'0', 'and has missed nothing');
		unlike(
			slurp_file($node->logfile),
			qr/ERROR:|PANIC:|terminated by signal/,
			'the log knows of no error: no deadlock, no duplicate'
		);
	};

	subtest 'pruning at once' => sub {
		$node->safe_psql(
			'postgres',
			q(INSERT INTO anomaly_events (anomaly_id, event, at, severity, status, source, scope, recent_count,
			    baseline_count, recent_failures, baseline_failures, peak_failures, message, notified, by_user)
		  SELECT 1, 'opened', now() - interval '91 days', 'critical', 'open', 'default', 'endpoint', 0, 0, 0, 0, 0, '', false, ''
		    FROM generate_series(1, 20000);
		  UPDATE anomaly_events SET at = at - interval '91 days';
		  UPDATE anomalies SET detected_at = detected_at - interval '91 days', resolved_at = resolved_at - interval '91 days')
		);
		append_to_file("$scripts/prune", 'SELECT * FROM anomalies_prune(:rows);') unless -e "$scripts/prune";
		my @runs = map { start_sessions($node, 4, '-t', 20, '-D', "rows=$_", scripts('prune')) } (300, 500);
		foreach my $run (@runs)
		{
			ok($run->{handle}->finish && $run->{err} !~ /ERROR|aborted/, 'no error') or diag($run->{err});
		}
		ok($node->poll_query_until('postgres', 'SELECT anomalies + events = 0 FROM anomalies_prune()'),
			'it comes to an end');
		is(
			$node->safe_psql(
				'postgres', q(SELECT (SELECT count(*) FROM anomaly_events), (SELECT count(*) FROM anomalies))
			),
			'0|0',
			'and nothing old is left'
		);
	};

	subtest 'other isolation levels' => sub {
		foreach my $level ('REPEATABLE READ', 'SERIALIZABLE')
		{
			foreach my $call (
				'SELECT * FROM anomalies_scan()',
				q(SELECT * FROM anomalies_scan('default')),
				'SELECT anomaly_acknowledge(1)',
				'SELECT anomaly_resolve(1)',
				'SELECT * FROM anomalies_prune()'
			  )
			{
				fails_with(
					$node,
					'postgres',
					"BEGIN ISOLATION LEVEL $level; $call;",
					'25000',
					qr/cannot run in a transaction that is REPEATABLE READ or SERIALIZABLE.*^HINT:  .*READ COMMITTED/ms,
					"$level: $call"
				);
			}
			is(
				$node->safe_psql(
					'postgres',
					"SET default_transaction_isolation = '$level'; BEGIN ISOLATION LEVEL READ COMMITTED; SELECT count(*) FROM anomalies_scan(); COMMIT"
				),
				'2',
				"$level by default, but not here"
			);
		}
	};
	$node->stop;
}

# What the extension has written so far.
sub written
{
	my ($node) = @_;
	return $node->safe_psql(
		'postgres', q(
SELECT pg_current_wal_insert_lsn(), (SELECT string_agg(
    format('%s %s %s %s %s', relname, n_tup_ins, n_tup_upd, n_tup_del, n_dead_tup), ', ' ORDER BY relname)
  FROM pg_stat_all_tables JOIN pg_depend ON objid = relid AND deptype = 'e'
    AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'anomaly_insights')))
	);
}

foreach my $preloaded (0, 1)
{
	subtest $preloaded ? 'nothing new, with the library preloaded' : 'nothing new' => sub {
		my $node = start_node(
			$preloaded ? 'quiet_with_worker' : 'quiet',
			"max_wal_senders = 0\nwal_level = minimal\n"
			  . ($preloaded ? "shared_preload_libraries = 'anomaly_insights'\nanomaly_insights.naptime = 0" : '')
		);
		create_deliveries($node, 'postgres');

		# All in the middle of a minute, so that none enters or leaves a window in its first half.
		my $noon = sprintf q(timestamptz '%s'), NOON;
		$node->safe_psql(
			'postgres', qq(
INSERT INTO deliveries SELECT 'tenant', e, 'delivered', $noon - m * interval '1 minute' - interval '30 seconds'
  FROM unnest('{fails,acknowledged,over,muted,fine}'::text[]) AS e, generate_series(0, 90) AS m, generate_series(1, 3);
INSERT INTO deliveries SELECT 'tenant', e, 'failed', $noon - interval '30 seconds'
  FROM unnest('{fails,acknowledged,over,muted}'::text[]) AS e, generate_series(1, 20);
SELECT delivery_source_register('deliveries');
SELECT anomaly_mute(endpoint => 'muted', starts_at => $noon - interval '1 day');
SELECT * FROM anomalies_scan(as_of => $noon);
SELECT anomaly_acknowledge(id, as_of => $noon) FROM anomalies_active WHERE endpoint = 'acknowledged';
DELETE FROM deliveries WHERE endpoint = 'over' AND status = 'failed';
SELECT * FROM anomalies_scan(as_of => $noon);
VACUUM;)
		);
		is(
			$node->safe_psql(
				'postgres',
				q(SELECT string_agg(endpoint || ' ' || status || coalesce(' ' || (calm_since IS NOT NULL)::text, '') || ' ' || muted,
				  ', ' ORDER BY endpoint) FROM anomalies)
			),
			'acknowledged acknowledged false false, fails open false false, muted open false true, over open true false',
			'one of each kind is open'
		);
		$node->safe_psql('postgres', "SELECT * FROM anomalies_scan(as_of => $noon)");
		my $before = written($node);
		foreach my $tick (1 .. 20)
		{
			my $call = $tick % 2 ? 'anomalies_scan(' : q(anomalies_scan('default', );
			is($node->safe_psql('postgres', "BEGIN; SELECT opened, updated, resolved, outcome FROM ${call}as_of => $noon + interval '$tick s');
				  SELECT pg_current_xact_id_if_assigned() IS NULL; COMMIT"),
				"0|0|0|done\nt", "tick $tick: nothing to do, and no transaction number");
		}
		is(written($node), $before, 'no WAL, no row written, no row dead');
		$node->safe_psql('postgres', "SELECT * FROM anomalies_scan(as_of => $noon + interval '11 minutes')");
		isnt(written($node), $before, 'unlike with news');

		if ($preloaded)
		{
			$node->safe_psql('postgres',
				'DELETE FROM deliveries; SELECT anomaly_resolve(id) FROM anomalies_active; VACUUM; ALTER SYSTEM SET anomaly_insights.naptime = 1'
			);
			$node->reload;
			wait_for(
				$node, 'postgres',
				'SELECT last_success IS NOT NULL AND run_by LIKE \'% worker\' FROM anomaly_insights_status()',
				'the worker begins'
			);
			$before = written($node);
			my $now = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
			wait_for(
				$node, 'postgres',
				"SELECT last_success > '$now'::timestamptz + interval '3 seconds' FROM anomaly_insights_status()",
				'it has looked several times'
			);
			is(written($node), $before, 'and written nothing');
		}
		$node->stop;
	};
}

done_testing();
