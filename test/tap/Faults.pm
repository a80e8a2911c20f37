# What the tests of faults share: a server whose worker finds one incident after the other, and the proof that it still
# does so once something has befallen it.
package Faults;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use Insights;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(start_faulty_node sql set wake tick_passes worker_is catch_worker current_endpoint survives unscathed);

my $node;
my $endpoint = 0;

# A server whose worker watches two tables; of one there is always an incident open, until the next one takes its place.
sub start_faulty_node
{
	my ($name) = @_;
	$node = start_watched_node(
		$name, q(
anomaly_insights.worker_role = 'watcher'
anomaly_insights.lock_timeout = '300ms'
anomaly_insights.resolve_after = 0
restart_after_crash = on
max_connections = 20
hot_standby = on
), allows_streaming => 1
	);
	sql('CREATE ROLE watcher LOGIN; CREATE ROLE visitor LOGIN');
	create_deliveries($node, 'postgres', $_) foreach qw(deliveries others);
	create_slow_view($node, 'postgres');
	sql(
		q(
SELECT deliver_to_deliveries('steady', 'delivered', 180, '90 minutes'), deliver_to_others('steady', 'delivered', 180, '90 minutes');
SELECT delivery_source_register('deliveries'), delivery_source_register('others', 'other');

-- A worker that has written an incident and is about to write its event can be made to linger.
CREATE TABLE lingering AS SELECT 0::float8 AS seconds;
CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN PERFORM pg_sleep(seconds) FROM public.lingering; RETURN NEW; END $$;
CREATE TRIGGER linger BEFORE INSERT ON anomaly_events FOR EACH ROW EXECUTE FUNCTION linger();
)
	);
	next_fails();
	wait_for($node, 'postgres', 'SELECT count(*) = 1 FROM anomalies_active', 'an incident to begin with');
	return $node;
}

sub sql { return $node->safe_psql('postgres', $_[0]) }

sub set
{
	sql("ALTER SYSTEM SET $_") foreach @_;
	$node->reload;
	return;
}

# Makes the launcher look at once, whatever it waits for.
sub wake { return sql(q(SELECT delivery_source_register('deliveries'))) }

# A tick of each source, or of those that are named, that began after what has been done up to now.
sub tick_passes
{
	my ($name, @sources) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $now = sql('SELECT clock_timestamp()');
	my $which = @sources ? sprintf(q(source IN ('%s')), join "', '", @sources) : 'true';
	return wait_for($node, 'postgres', "SELECT min(last_success) > '$now' FROM anomaly_insights_status() WHERE $which",
		$name);
}

# Waits until the status says so of the worker.
sub worker_is
{
	return wait_for($node, 'postgres', "SELECT bool_and(worker ~ '$_[0]') FROM anomaly_insights_status()", $_[1]);
}

sub worker_asleep
{
	return
	  q(SELECT pid FROM pg_stat_activity WHERE backend_type = 'anomaly_insights worker' AND wait_event = 'PgSleep');
}

# The pid of the worker, once it sleeps.
sub catch_worker
{
	my ($database) = @_;
	$database //= 'postgres';
	wait_for(
		$node, 'postgres',
		'SELECT count(*) = 1 FROM (' . worker_asleep() . " AND datname = '$database') AS w",
		'a worker is caught in the act'
	);
	return sql(worker_asleep() . " AND datname = '$database'");
}

# The cause of the open incident ends and the next one begins, while whatever happens next happens.
sub next_fails
{
	++$endpoint;
	return sql(
		"DELETE FROM deliveries WHERE status = 'failed';
	  SELECT deliver_to_deliveries('endpoint $endpoint', 'failed', 20, '2 minutes')"
	);
}

sub events_of
{
	my ($number) = @_;
	return sql(
		"SELECT string_agg(event, ' ' ORDER BY seq) FROM anomaly_events
	  WHERE source = 'default' AND endpoint = 'endpoint $number'"
	);
}

# What has happened is survived: both have been noticed, once each, and nothing else is open.
sub goes_on
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $last = $endpoint - 1;
	wait_for(
		$node, 'postgres',
		"SELECT string_agg(source || ' ' || endpoint, ', ') = 'default endpoint $endpoint' FROM anomalies_active",
		'the old incident closes, the new one opens'
	);
	tick_passes('all sources are evaluated again', qw(default other));
	is(events_of($last) . ', ' . events_of($endpoint), 'opened resolved, opened', 'in one step each');
	is(sql('SELECT count(*) FROM anomalies_active'), 1, 'nothing else is open');
	is(
		sql(
			q(SELECT string_agg(DISTINCT state || coalesce(last_error, ''), ', ') FROM anomaly_insights_status()
			  WHERE source IN ('default', 'other'))
		),
		'ok',
		'the status says that all is well'
	);
	return;
}

sub survives
{
	my ($name, $fault) = @_;
	return subtest $name => sub {
		next_fails();
		$fault->();
		goes_on();
	};
}

# The endpoint that fails now.
sub current_endpoint { return "endpoint $endpoint" }

# At the end: the log of the server that was here all along.
sub unscathed
{
	my ($kills) = @_;
	my $log = slurp_file($node->logfile);
	is(() = $log =~ /was terminated by signal/g, $kills, 'only those have crashed that were killed');
	unlike($log, qr/PANIC:|TRAP|terminate called/, 'and none has failed badly');
	unlike($log, qr/duplicate key|deadlock detected|could not serialize/, 'no worker was ever in the way of another');
	return;
}

1;
