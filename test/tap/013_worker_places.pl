# Roles, connections, databases and standbys: what may keep a worker from its work. The same holds after each of it.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use Faults;
use Insights;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_faulty_node('worker_places');

# ---- roles and connections ----

# The worker cannot start, for a while: with ever longer waits.
sub cannot_start
{
	my ($name, $breaks, $mends, $says, $fatal) = @_;
	return survives $name => sub {
		my $offset = -s $node->logfile;
		$breaks->();
		worker_is("^failing: .*$says", 'the status says so');
		my $failed = sql('SELECT max(last_run) FROM anomaly_insights_status()');
		if ($fatal)
		{
			ok(poll_until(sub { log_lines($node, $fatal, $offset) >= 3 }), 'it is tried again');
			my @at = map { /:(\d+\.\d+) / ? $1 : () } grep { $_ =~ $fatal } split /\n/,
			  slurp_file($node->logfile, $offset);
			cmp_ok(($at[2] - $at[0]) % 60, '>=', 3, 'after one and after two more seconds');
		}
		is(sql('SELECT max(last_run) FROM anomaly_insights_status()'), $failed, 'there was no run');
		is(
			log_lines($node, qr/LOG:  anomaly_insights: no worker for database "postgres": .*$says/m, $offset),
			1,
			'the log says so once'
		);
		$mends->();
		wake();
	};
}

cannot_start 'a role that does not exist', sub { set(q(anomaly_insights.worker_role = 'nobody')) },
  sub { set(q(anomaly_insights.worker_role = 'watcher')) },
  'role of anomaly_insights.worker_role does not exist';
SKIP:
{
	skip 'a role needs no LOGIN', 1 if $node->pg_version >= 17;
	cannot_start 'a role without LOGIN', sub { sql('ALTER ROLE watcher NOLOGIN') },
	  sub { sql('ALTER ROLE watcher LOGIN') }, 'server.s log says why',
	  qr/FATAL:  role "watcher" is not permitted to log in/;
}
cannot_start 'a role that may not connect', sub { sql('REVOKE CONNECT ON DATABASE postgres FROM PUBLIC') },
  sub { sql('GRANT CONNECT ON DATABASE postgres TO watcher') },
  'server.s log says why';

survives 'a database without connections' => sub {
	sql('ALTER DATABASE postgres CONNECTION LIMIT 0; ALTER ROLE watcher CONNECTION LIMIT 0');
	tick_passes('a worker is no connection that counts');
	sql('ALTER DATABASE postgres CONNECTION LIMIT -1; ALTER ROLE watcher CONNECTION LIMIT -1');
	sql('GRANT CONNECT ON DATABASE postgres TO visitor');
	my @sessions = map { $node->background_psql('postgres', extra_params => [ '-U', 'visitor' ]) } 1 .. 17;
	like(
		($node->psql('postgres', 'SELECT 1', connstr => $node->connstr('postgres') . ' user=visitor'))[2],
		qr/remaining connection slots are reserved/,
		'nobody else may connect'
	);
	tick_passes('but the worker');
	$_->quit foreach @sessions;
};

survives 'settings of the role that would harm it' => sub {
	sql(qq(ALTER ROLE watcher SET $_))
	  foreach (
		'default_transaction_read_only = on',
		q(default_transaction_isolation = 'serializable'),
		q(search_path = 'nowhere'),
		'standard_conforming_strings = off',
		'row_security = off',
		q(lock_timeout = '1ms'),
		q(statement_timeout = '1ms'),
		'transform_null_equals = on',
		'enable_indexscan = off',
		q(idle_in_transaction_session_timeout = '1ms'),
		q(DateStyle = 'SQL, DMY'),
		q(IntervalStyle = 'iso_8601'),
		q(timezone = 'Asia/Kathmandu'),
		'extra_float_digits = 0',
		'quote_all_identifiers = on'
	  );
	tick_passes('are overruled');
	sql('ALTER ROLE watcher RESET ALL');
};

survives 'no slot for a worker' => sub {
	$node->append_conf('postgresql.conf', 'max_worker_processes = 2');
	$node->restart;
	worker_is('^failing: no slot is free; raise max_worker_processes', 'the status says so');
	is(sql(q(SELECT state FROM anomaly_insights_status() WHERE source = 'default')),
		'never run', 'and that no source was evaluated');
	is(log_lines($node, qr/LOG:  anomaly_insights: no worker for database "postgres": no slot is free/, 0),
		1, 'the log says so once');
	$node->append_conf('postgresql.conf', 'max_worker_processes = 16');
	$node->restart;
};

# ---- extensions and databases ----

survives 'an extension that comes and goes' => sub {
	sql('CREATE DATABASE fickle TEMPLATE template0');
	my $in = sub { return $node->safe_psql('fickle', $_[0]) };
	foreach my $round (1 .. 3)
	{
		$in->('CREATE EXTENSION anomaly_insights');
		create_deliveries($node, 'fickle');
		create_slow_view($node, 'fickle');
		$in->(
			q(SELECT deliver_to_deliveries('gone', 'failed', 20, '2 minutes'); SELECT delivery_source_register('slow'))
		);
		wait_for($node, 'fickle', 'SELECT count(*) = 1 FROM anomalies_active', "$round: it is watched at once");
		$in->('UPDATE slowness SET seconds = 2');
		catch_worker('fickle');
		is((error_of($node, 'fickle', 'DROP EXTENSION anomaly_insights;'))[0],
			undef, "$round: dropped in the middle of a tick");
		$in->('DROP VIEW slow; DROP TABLE slowness, deliveries; DROP FUNCTION deliver_to_deliveries');
	}
};

survives 'a database that is dropped' => sub {
	my $offset = -s $node->logfile;
	$node->safe_psql('fickle', 'CREATE EXTENSION anomaly_insights');
	create_deliveries($node, 'fickle');
	create_slow_view($node, 'fickle');
	$node->safe_psql('fickle', q(UPDATE slowness SET seconds = 60; SELECT delivery_source_register('slow')));
	catch_worker('fickle');
	tick_passes('a database whose worker takes long does not hold up the others');
	is((error_of($node, 'postgres', 'DROP DATABASE fickle;'))[0],
		'55006', 'a worker in the middle of a tick is somebody who uses the database');
	is((error_of($node, 'postgres', 'DROP DATABASE fickle WITH (FORCE);'))[0], undef, 'but ends where all others end');
	tick_passes('the other database is watched');
	unlike(
		slurp_file($node->logfile, $offset),
		qr/database .*does not exist/,
		'nothing is started in a database that is gone'
	);
};

# As after an update of the package, before that of the extension.
survives 'an extension of another version' => sub {
	my $offset = -s $node->logfile;
	sql(q(UPDATE pg_extension SET extversion = '0.9' WHERE extname = 'anomaly_insights'));
	my $says = 'extension anomaly_insights is of version 0.9, the library of 1.0';
	worker_is("^failing: $says", 'the status says what is wrong');
	my $failed = sql('SELECT clock_timestamp()');
	wait_for(
		$node, 'postgres',
		"SELECT min(next_run) > '$failed'::timestamptz + interval '3 seconds' FROM anomaly_insights_status()",
		'it is tried ever less often'
	);
	is(log_lines($node, qr/LOG:  anomaly_insights: .*$says/m, $offset), 1, 'the log says so once');
	sql(q(UPDATE pg_extension SET extversion = '1.0' WHERE extname = 'anomaly_insights'));
	wake();
};

# ---- a standby ----

subtest 'a standby' => sub {
	my $all = q(SELECT string_agg(format('%s %s %s', id, source, endpoint), ', ' ORDER BY id) FROM anomalies_active);
	my $open = sql($all);
	$node->backup('base');
	foreach my $preloaded (0, 1)
	{
		my $standby = PostgreSQL::Test::Cluster->new("standby_$preloaded");
		$standby->init_from_backup($node, 'base', has_streaming => 1);
		$standby->append_conf('postgresql.conf', q(shared_preload_libraries = '')) unless $preloaded;
		$standby->start;
		$node->wait_for_catchup($standby);
		is($standby->safe_psql('postgres', $all), $open, 'it sees the incidents');
		like(
			$standby->safe_psql('postgres', 'SELECT DISTINCT worker, worker_state FROM anomaly_insights_status()'),
			$preloaded ? qr/^waiting for the end of recovery\|recovery$/ : qr/^not preloaded: .*\|not preloaded$/,
			'the status says that no worker runs'
		);
		is(
			$standby->safe_psql(
				'postgres', q(SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'anomaly_insights%')
			),
			0,
			'none does'
		);

		foreach my $statement (
			'SELECT * FROM anomalies_scan()',
			"SELECT * FROM anomalies_scan('default')",
			'SELECT anomaly_resolve(1)',
			'SELECT anomaly_acknowledge(1)',
			'SELECT * FROM anomalies_prune()'
		  )
		{
			fails_with($standby, 'postgres', "$statement;", '25006', qr/cannot execute \w+\(?\)? during recovery/,
				$statement);
		}
		if ($preloaded)
		{
			$node->stop('immediate');
			$standby->promote;
			wait_for(
				$standby, 'postgres',
				q(SELECT bool_and(state = 'ok') FROM anomaly_insights_status()),
				'promoted, it works'
			);
			is($standby->safe_psql('postgres', $all), $open, 'on the same incidents');
			$standby->safe_psql(
				'postgres',
				q(DELETE FROM deliveries WHERE status = 'failed';
				  SELECT deliver_to_deliveries('after', 'failed', 20, '2 minutes'))
			);
			wait_for(
				$standby, 'postgres',
				q(SELECT count(*) = 1 AND min(endpoint) = 'after' FROM anomalies_active),
				'which close while others open'
			);
		}
		$standby->stop;
	}
};

unscathed(0);
done_testing();
