# Ends, locks and tables: what may befall a worker while it works. After each of it there is no incident twice, none is
# lost, none stays open, the other sources go on, the status tells the truth, and nothing goes round in circles.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use Faults;
use Insights;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_faulty_node('worker_faults');

# ---- ends of all kinds ----

my $kills = 0;

sub kill_hard
{
	my ($pid) = @_;
	my $offset = -s $node->logfile;
	is(kill('KILL', $pid), 1, 'kill -9');
	++$kills;
	$node->wait_for_log(qr/all server processes terminated; reinitializing/, $offset);
	ok($node->poll_query_until('postgres', 'SELECT true'), 'the server is there again');
	return;
}

survives 'a worker that is killed while it reads' => sub {
	sql(q(UPDATE slowness SET seconds = 60; SELECT delivery_source_register('slow', 'slow')));
	my $pid = catch_worker();
	kill_hard($pid);
	sql(q(SELECT delivery_source_drop('slow'); UPDATE slowness SET seconds = 0));
};

survives 'a worker that is killed while it writes' => sub {
	sql('UPDATE lingering SET seconds = 60');
	sql("SELECT deliver_to_others('torn', 'failed', 20, '2 minutes')");
	my $pid = catch_worker();
	is(sql(q(SELECT count(*) FROM anomalies WHERE endpoint = 'torn')), 0, 'it has not committed');
	kill_hard($pid);
	sql('UPDATE lingering SET seconds = 0');
	wait_for(
		$node, 'postgres',
		q(SELECT count(*) = 1 FROM anomaly_events WHERE endpoint = 'torn'),
		'the next one opens the incident'
	);
	is(sql(q(SELECT count(*) FROM anomalies WHERE endpoint = 'torn')), 1, 'once');
	sql(q(DELETE FROM others WHERE endpoint = 'torn'));
	wait_for($node, 'postgres',
		q(SELECT count(*) = 1 FROM anomalies WHERE endpoint = 'torn' AND resolve_reason = 'calm'),
		'which closes');
};

survives 'the launcher that is killed' => sub {
	kill_hard(sql(q(SELECT pid FROM pg_stat_activity WHERE backend_type = 'anomaly_insights launcher')));
};

survives 'an immediate shutdown in the middle of a tick' => sub {
	sql('UPDATE lingering SET seconds = 60');
	sql("SELECT deliver_to_others('stopped', 'failed', 20, '2 minutes')");
	catch_worker();
	$node->stop('immediate');
	$node->start;
	sql('UPDATE lingering SET seconds = 0');
	wait_for(
		$node, 'postgres',
		q(SELECT count(*) = 1 FROM anomalies_active WHERE endpoint = 'stopped'),
		'the incident is found after the restart'
	);
	sql(q(DELETE FROM others WHERE endpoint = 'stopped'));
	wait_for(
		$node,
		'postgres',
		q(SELECT string_agg(event, ' ' ORDER BY seq) = 'opened resolved' FROM anomaly_events WHERE endpoint = 'stopped'),
		'once, and closes'
	);
};

survives 'a fast shutdown in the middle of a tick' => sub {
	sql('UPDATE lingering SET seconds = 60');
	sql("SELECT deliver_to_others('fast', 'failed', 20, '2 minutes')");
	catch_worker();
	$node->restart;
	sql(q(UPDATE lingering SET seconds = 0; DELETE FROM others WHERE endpoint = 'fast'));
	tick_passes('it works on', 'other');
	wait_for(
		$node, 'postgres',
		q(SELECT count(*) = 0 FROM anomalies_active WHERE endpoint = 'fast'),
		'nothing of it is left open'
	);
	like(
		sql(q(SELECT string_agg(event, ' ' ORDER BY seq) FROM anomaly_events WHERE endpoint = 'fast')),
		qr/^(?:|opened resolved)$/,
		'what did not commit never was'
	);
};

# ---- locks, timeouts, tables ----

sub fails_alone
{
	my ($source, $error, $offset) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	wait_for(
		$node,
		'postgres',
		"SELECT state = 'failing' AND failures >= 2 AND last_error ~ '$error' AND coalesce(last_error_at > last_success, true)
		  FROM anomaly_insights_status() WHERE source = '$source'",
		"$source fails, and the status says why"
	);
	tick_passes('other goes on', 'other');
	is(log_lines($node, qr/LOG:  anomaly_insights: delivery source "$source" of database "postgres": .*$error/m, $offset),
		1, 'the log says so once');
	return;
}

survives 'deliveries that are locked' => sub {
	my $offset = -s $node->logfile;
	my $locker = $node->background_psql('postgres');
	$locker->query_safe('BEGIN; LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE');
	fails_alone('default', 'lock timeout', $offset);
	$locker->query_safe('COMMIT');
	$locker->quit;
};

survives 'an operator who does not commit' => sub {
	my $operator = $node->background_psql('postgres');
	wait_for($node, 'postgres',
		"SELECT count(*) = 1 FROM anomalies_active WHERE endpoint = '" . current_endpoint() . "'",
		'an incident');
	$operator->query_safe("BEGIN; SELECT anomaly_acknowledge(id) FROM anomalies_active");
		sql("SELECT deliver_to_deliveries('delayed', 'failed', 20, '2 minutes')");
	wait_for(
		$node, 'postgres',
		q(SELECT state = 'busy' AND failures = 0 FROM anomaly_insights_status() WHERE source = 'default'),
		'the source waits for him, which is no failure'
	);
	tick_passes('other goes on', 'other');
	$operator->query_safe('ROLLBACK');
	$operator->quit;
	wait_for(
		$node, 'postgres',
		q(SELECT count(*) = 1 FROM anomalies_active WHERE endpoint = 'delayed'),
		'the incident that had to wait opens'
	);
	sql(q(DELETE FROM deliveries WHERE endpoint = 'delayed'));
	wait_for($node, 'postgres', q(SELECT count(*) = 0 FROM anomalies_active WHERE endpoint = 'delayed'), 'and closes');
};

survives 'a source that takes too long' => sub {
	my $offset = -s $node->logfile;
	set(q(anomaly_insights.statement_timeout = '500ms'));
	sql(q(UPDATE slowness SET seconds = 60; SELECT delivery_source_register('slow', 'slow')));
	fails_alone('slow', 'statement timeout', $offset);
	sql('UPDATE slowness SET seconds = 0');
	wait_for(
		$node, 'postgres',
		q(SELECT state = 'ok' AND last_error IS NULL FROM anomaly_insights_status() WHERE source = 'slow'),
		'it is fast again'
	);
	sql(q(SELECT delivery_source_drop('slow')));
	is(sql(q(SELECT count(*) FROM anomaly_insights_status() WHERE source = 'slow')),
		0, 'a source that is dropped has no status');
	set('anomaly_insights.statement_timeout = DEFAULT');
};

survives 'a table that is renamed' => sub {
	my $offset = -s $node->logfile;
	sql('ALTER TABLE deliveries RENAME TO archived');
	fails_alone('default', 'public.deliveries', $offset);
	sql('ALTER TABLE archived RENAME TO deliveries');
};

survives 'a table that is dropped' => sub {
	my $offset = -s $node->logfile;
	create_deliveries($node, 'postgres', 'doomed');
	sql(
		q(SELECT delivery_source_register('doomed', 'doomed');
	  SELECT deliver_to_doomed('doomed', 'failed', 20, '2 minutes'))
	);
	my $reason = q(SELECT string_agg(status || coalesce(' ' || resolve_reason, ''), ', ' ORDER BY id)
	  FROM anomalies WHERE source = 'doomed');
	ok($node->poll_query_until('postgres', $reason, 'open'), 'an incident is open');
	sql('DROP TABLE doomed');
	fails_alone('doomed', 'public.doomed', $offset);
	is(sql($reason), 'open', 'and nobody knows whether it is over');
	sql(q(UPDATE anomalies SET evaluated_at = evaluated_at - interval '61 minutes' WHERE source = 'doomed'));
	ok($node->poll_query_until('postgres', $reason, 'resolved expired'), 'after expire_after it expires');

	sql('DROP FUNCTION deliver_to_doomed');
	create_deliveries($node, 'postgres', 'doomed');
	sql(q(SELECT deliver_to_doomed('again', 'failed', 20, '2 minutes')));
	ok($node->poll_query_until('postgres', $reason, 'resolved expired, open'), 'the table is back, and fails');
	sql(q(SELECT delivery_source_drop('doomed')));
	is(sql($reason), 'resolved expired, resolved source dropped', 'with its source goes the incident');
	is(
		sql(
			q(SELECT string_agg(event || ' ' || by_user, ', ' ORDER BY seq) FROM anomaly_events WHERE endpoint = 'again')
		),
		'opened watcher, resolved postgres',
		'as an event'
	);
	sql('DROP TABLE doomed');
};

unscathed($kills);
done_testing();
