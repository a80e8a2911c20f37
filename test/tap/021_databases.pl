# Which databases the launcher looks after, when it gets to know of them, and what it says where it does not.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use Insights;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_watched_node(
	'databases', q(
anomaly_insights.worker_role = 'watcher'
anomaly_insights.max_databases = 3
max_worker_processes = 16
));
$node->safe_psql('postgres', 'CREATE ROLE watcher LOGIN');

sub in
{
	my ($database, $sql) = @_;
	return $node->safe_psql($database, $sql);
}

sub set
{
	in('postgres', "ALTER SYSTEM SET $_") foreach @_;
	$node->reload;
	return;
}

# A database as template0 is; PostgreSQL 15 writes no WAL for its files.
sub create_database
{
	my ($name, $template) = @_;
	$template //= 'template0';
	return in('postgres', "CREATE DATABASE $name TEMPLATE $template STRATEGY file_copy");
}

# A database with a source whose endpoint fails.
sub create_watched
{
	my ($name) = @_;
	create_database($name);
	in($name, 'CREATE EXTENSION anomaly_insights');
	create_deliveries($node, $name);
	in($name, "SELECT deliver_to_deliveries('gone', 'failed', 20, '2 minutes')");
	in($name, "SELECT delivery_source_register('deliveries')");
	return;
}

sub worker_of
{
	return in($_[0], 'SELECT worker_state FROM anomaly_insights_status()');
}

# Nothing of ours is called, which would tell the launcher.
sub is_evaluated
{
	my ($database, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return wait_for($node, $database, 'SELECT count(*) = 1 FROM anomalies_active', $name);
}

sub worker_becomes
{
	my ($database, $state, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return wait_for($node, $database, "SELECT worker_state = '$state' FROM anomaly_insights_status()", $name);
}

# Of which the first gets room first.
my @crowd = qw(three four);
my $crowded = qr/LOG:  anomaly_insights: no worker for database "\w+": as many databases have one as/;

subtest 'more databases than there is room for' => sub {
	in('postgres', 'CREATE TABLE d (endpoint text, status text, created_at timestamptz)');
	in('postgres', q(SELECT delivery_source_register('d')));
	create_watched($_) foreach qw(one two);
	is_evaluated($_, "$_ is evaluated") foreach qw(one two);
	create_watched($_) foreach qw(three four);
	foreach my $name (qw(three four))
	{
		is(
			in($name, 'SELECT state, worker_state, worker FROM anomaly_insights_status()'),
			'never run|no room|no room: anomaly_insights.max_databases is 3',
			"the status of $name says that there is no room"
		);
	}
	ok(poll_until(sub { log_lines($node, $crowded) > 0 }), 'the log says so');
	worker_becomes('one', 'waiting', 'the others go on');
	is(log_lines($node, $crowded), 1, 'once');
	is(log_lines($node, qr/no worker for database "three": .*max_databases \(3\)/), 1, 'by name');

	in('postgres', 'DROP DATABASE two WITH (FORCE)');
	ok(poll_until(sub { grep { worker_of($_) ne 'no room' } qw(three four) }), 'one that is dropped makes room');
	@crowd = reverse @crowd if worker_of('three') eq 'no room';
	is(worker_of($crowd[1]), 'no room', 'for one');
	is_evaluated($crowd[0], 'which is evaluated');
	in($crowd[0], 'DROP EXTENSION anomaly_insights CASCADE');
	is_evaluated($crowd[1], 'so does an extension that is dropped, without anybody asking');
	ok(log_lines($node, $crowded) <= 2, 'the log has said it once until there was room');
};

subtest 'places where nobody works' => sub {
	in('postgres', "DROP DATABASE $crowd[0]");
	create_database('mold');
	in('postgres', 'ALTER DATABASE mold IS_TEMPLATE true');
	in('mold', 'CREATE EXTENSION anomaly_insights');
	create_deliveries($node, 'mold');
	in('mold', "SELECT deliver_to_deliveries('gone', 'failed', 20, '2 minutes')");
	in('mold', "SELECT delivery_source_register('deliveries')");
	is(
		in('mold', 'SELECT worker_state, worker, state FROM anomaly_insights_status()'),
		'template|template: no worker connects to a template|never run',
		'a template says that it is one'
	);
	my $offset = -s $node->logfile;
	create_database($_) foreach qw(closed invalid);
	in('postgres', q(ALTER DATABASE closed ALLOW_CONNECTIONS false));
	in('postgres', q(UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'invalid'));
	in('postgres', "DROP DATABASE $crowd[1] WITH (FORCE)");
	create_database('cast_of_mold', 'mold');
	is_evaluated('cast_of_mold', 'a copy of the template is noticed, without anybody asking');
	is(in('mold', 'SELECT count(*) FROM anomalies'), 0, 'nothing has been evaluated in the template');
	is(log_lines($node, qr/FATAL:|cannot be looked into/, $offset),
		0, 'nor has a worker been sent where it cannot connect');
	in('postgres', 'DROP DATABASE cast_of_mold WITH (FORCE)');
	in('postgres', 'ALTER DATABASE mold IS_TEMPLATE false');
	is_evaluated('mold', 'a template that is one no more is noticed');
};

subtest 'a database that cannot be looked into' => sub {
	in('postgres', 'DROP DATABASE mold WITH (FORCE)');
	create_watched('shut');
	in('postgres', 'REVOKE CONNECT ON DATABASE shut FROM PUBLIC');
	$node->restart;
	my $said = qr/LOG:  anomaly_insights: database "shut" cannot be looked into for the extension/;
	ok(poll_until(sub { log_lines($node, $said) > 0 }), 'the log says so');
	worker_becomes('shut', 'failing', 'the status says so');
	is(log_lines($node, $said), 1, 'once');
	in('postgres', 'GRANT CONNECT ON DATABASE shut TO watcher');
	wait_for($node, 'shut', 'SELECT last_run > pg_postmaster_start_time() FROM anomaly_insights_status()',
		'it is tried again');
};

subtest 'many databases without the extension' => sub {
	in('postgres', 'DROP DATABASE one WITH (FORCE)');
	create_database("empty_$_") foreach 1 .. 30;
	$node->restart;
	in('shut', q(SELECT deliver_to_deliveries('gone too', 'failed', 20, '2 minutes')));
	wait_for($node, 'shut', 'SELECT count(*) = 2 FROM anomalies_active',
		'after a restart those that have it are found, without anybody asking');
	set('anomaly_insights.naptime = 60');
	my $began = time;
	create_watched('late');
	is_evaluated('late', 'one that registers a source is noticed at once, however long the naptime');
	cmp_ok(time - $began, '<', 40, 'before that is over');
	set('anomaly_insights.naptime = 1');
};

subtest 'a worker that is yet to come' => sub {
	set('anomaly_insights.naptime = 60');
	$node->restart;
	is(
		in('late', 'SELECT worker_state, state FROM anomaly_insights_status()'),
		'starting|never run',
		'the status says so of the worker and of the source'
	);
	set('anomaly_insights.naptime = 1');
	in($_, "SELECT delivery_source_register('deliveries')") foreach qw(late shut);
	worker_becomes('late', 'waiting', 'which works as soon as it has reason to');
};

subtest 'time limits of others' => sub {
	my @limits = map { "$_ = '100ms'" } 'statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout',
	  'idle_session_timeout', ($node->pg_version >= 17 ? 'transaction_timeout' : ());
	create_slow_view($node, 'late');
	in('late', q(UPDATE slowness SET seconds = .5; SELECT delivery_source_register('slow', 'slow')));
	in('postgres', "ALTER ROLE watcher SET $_") foreach @limits;
	in('postgres', "ALTER DATABASE late SET $_") foreach @limits;
	# Our own sessions have them too, but their statements are quick.
	set(grep { !/idle/ } @limits);
	my $now = in('postgres', 'SELECT clock_timestamp()');
	wait_for($node, 'postgres', "SELECT last_success > '$now' FROM anomaly_insights_status()", 'elsewhere');
	wait_for($node, 'late', "SELECT min(last_success) > '$now' AND max(duration) >= '.5 s' FROM anomaly_insights_status()",
		'no worker is ended by them');
	in('postgres', 'ALTER SYSTEM RESET ALL');
	$node->reload;
};

subtest 'code of a source that ends the process' => sub {
	plan skip_all => 'no setting of a function does' if $node->pg_version < 17;
	in('late', q(
CREATE TABLE fate AS SELECT 0::float8 AS seconds;
CREATE FUNCTION deadly() RETURNS boolean LANGUAGE plpgsql SET transaction_timeout = '100ms' AS
  $$ BEGIN PERFORM pg_sleep(seconds) FROM public.fate; RETURN true; END $$;
CREATE VIEW ending AS SELECT * FROM deliveries WHERE (SELECT deadly());
SELECT delivery_source_register('ending', 'a first one');
UPDATE fate SET seconds = 5
));
	wait_for($node, 'late', q(SELECT state = 'failing' AND last_error ~ 'it ended before it was done'
	  FROM anomaly_insights_status() WHERE source = 'a first one'), 'that source fails');
	my $now = in('late', 'SELECT clock_timestamp()');
	wait_for($node, 'late', "SELECT last_success > '$now' FROM anomaly_insights_status() WHERE source = 'default'",
		'the others are evaluated');
	in('late', q(SELECT delivery_source_drop('a first one')));
};

subtest 'more sources than are remembered' => sub {
	$node->append_conf('postgresql.conf', 'anomaly_insights.max_sources = 2');
	$node->restart;
	in('late', "SELECT delivery_source_register('deliveries', 'source $_')") foreach 1 .. 3;
	wait_for($node, 'late', q(SELECT bool_or(state = 'forgotten') FROM anomaly_insights_status()), 'the status says so');
	my $said = qr/LOG:  anomaly_insights: more delivery sources are evaluated than anomaly_insights.max_sources \(2\)/;
	ok(poll_until(sub { log_lines($node, $said) > 0 }), 'the log says so');
	sleep 3;
	is(log_lines($node, $said), 1, 'once');
};

$node->stop;
done_testing();
