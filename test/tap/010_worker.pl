# From deliveries that go bad to incidents that open, notify, follow and close, without anybody calling a function. Time
# moves by the rows: a test that wants ten minutes to pass writes them as they would be then.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use Insights;
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_watched_node(
	'worker', q(
anomaly_insights.worker_role = 'watcher'
anomaly_insights.flap_threshold = 1
)
);

# The worker's role may do nothing but connect; the deliveries are somebody else's, who registers them.
$node->safe_psql(
	'postgres', q(
CREATE ROLE watcher LOGIN;
CREATE ROLE shopkeeper LOGIN;
CREATE DATABASE shop TEMPLATE template0;
REVOKE ALL ON DATABASE shop FROM PUBLIC;
GRANT CONNECT ON DATABASE shop TO watcher, shopkeeper;
)
);
$node->safe_psql(
	'shop', q(
CREATE EXTENSION anomaly_insights;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO shopkeeper;
GRANT EXECUTE ON FUNCTION delivery_source_register(regclass, text, jsonb) TO shopkeeper;
)
);
create_deliveries($node, 'shop');
$node->safe_psql('shop', 'ALTER TABLE deliveries OWNER TO shopkeeper');
my @healthy = map { "calm $_" } 1 .. 6;

sub sql      { return $node->safe_psql('shop', $_[0]) }
sub deliver  { return sql("SELECT deliver_to_deliveries($_[0])") }
sub fails    { return deliver("'$_[0]', 'failed', 20, '2 minutes'") }
sub recovers { return sql("DELETE FROM deliveries WHERE endpoint = '$_[0]' AND status = 'failed'") }
sub incident { return sql("SELECT $_[1] FROM anomalies WHERE endpoint = '$_[0]'") }

deliver("'$_', 'delivered', 180, '90 minutes'") foreach @healthy, qw(flaky busy hushed);
deliver("'quiet', 'delivered', 180, '90 minutes'");
$node->safe_psql(
	'shop',
	q(SELECT delivery_source_register('deliveries')),
	connstr => $node->connstr('shop') . ' user=shopkeeper'
);

# All events, in their order: each test says which come next, and none but them may.
my $last_seq = 0;
my $as_text =
  q(coalesce(endpoint, scope) || ' ' || event || ' ' || severity || ' ' || status || coalesce(' ' || resolve_reason, ''));
my @read;

sub comes
{
	my ($expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $count = () = $expected =~ /\n|$/g;
	$node->poll_query_until('shop', "SELECT count(*) >= $count FROM anomaly_events WHERE seq > $last_seq")
	  or diag("$expected: did not come");
	my @news = split /\n/, sql("SELECT seq, $as_text FROM anomaly_events WHERE seq > $last_seq ORDER BY seq");
	push @read, @news;
	($last_seq) = $news[-1] =~ /^(\d+)/ if @news;
	return is(join("\n", map { s/^\d+\|//r } @news), $expected, $name);
}

# A tick that began after what has been done up to now.
sub tick_passes
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $now = sql('SELECT clock_timestamp()');
	return wait_for($node, 'shop', "SELECT min(last_success) > '$now' FROM anomaly_insights_status()", $_[0]);
}

# Who was told.
my $listener = $node->background_psql('shop');
$listener->query_safe('LISTEN anomaly_insights');
my @told;

sub told
{
	my $output = $listener->query_safe('SELECT 1');
	push @told, $1 while $output =~ /^Asynchronous notification "anomaly_insights" with payload "(.*)" received/mg;
	return \@told;
}

subtest 'who works' => sub {
	is(
		sql(
			q(SELECT rolsuper, pg_has_role('watcher', 'shopkeeper', 'MEMBER'), has_schema_privilege('watcher', 'public', 'USAGE'),
	    has_table_privilege('watcher', 'deliveries', 'SELECT') FROM pg_roles WHERE rolname = 'watcher')
		),
		'f|f|f|f',
		'its role has no rights'
	);
	tick_passes('the worker evaluates the source nevertheless');
	is(
		sql(
			'SELECT source, state, open_incidents, failures, last_error, run_by, last_run = last_success, deliveries > 1000,
			  next_run > last_run FROM anomaly_insights_status()'
		),
		'default|ok|0|0||anomaly_insights worker|t|t|t',
		'and says so'
	);
	like(
		sql('SELECT worker FROM anomaly_insights_status()'),
		qr/^(?:waiting|running: process \d+)$/,
		'and what it does now'
	);
	is(
		sql(
			q(SELECT count(*), min(application_name), bool_and(datname IS NULL) FROM pg_stat_activity
			  WHERE backend_type = 'anomaly_insights launcher')
		),
		'1|anomaly_insights launcher|t',
		'there is one launcher, in no database'
	);

	# Caught in the act, while a view takes its time.
	create_slow_view($node, 'shop');
	sql('GRANT SELECT ON slowness TO shopkeeper; ALTER VIEW slow OWNER TO shopkeeper');
	sql(q(UPDATE slowness SET seconds = 30; SELECT delivery_source_register('slow', 'slow')));
	wait_for(
		$node, 'shop', q(SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'anomaly_insights worker'
	  AND application_name = 'anomaly_insights worker' AND usename = 'watcher' AND datname = 'shop' AND state = 'active'
	  AND query = 'anomaly_insights: evaluating delivery source "slow"' AND wait_event = 'PgSleep'),
		'a worker says what it is doing'
	);
	my $pid = sql(
		q(SELECT pid FROM pg_stat_activity WHERE backend_type = 'anomaly_insights worker' AND wait_event = 'PgSleep'));
	is(sql(q(SELECT DISTINCT worker, worker_state FROM anomaly_insights_status())),
		"running: process $pid|running", 'so does the status');
	is(
		sql(
			qq(SELECT count(*) FROM pg_locks WHERE pid = $pid AND locktype = 'relation' AND mode NOT IN ('AccessShareLock'))
		),
		'0',
		'it holds no lock on a table that blocks anyone'
	);
	sql("SELECT pg_terminate_backend($pid)");
	wait_for($node, 'shop', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid", 'SIGTERM stops it at once');
	sql(q(UPDATE slowness SET seconds = 0; SELECT delivery_source_drop('slow')));
	tick_passes('and another one goes on');
};

subtest 'a failing endpoint' => sub {
	fails('flaky');
	comes('flaky opened critical open', 'deliveries fail: an incident opens');
	my $id = incident('flaky', 'id');
	is(
		incident(
			'flaky',
			'tenant_id, failure_cluster_detected, spike_detected, recent_failures, peak_failures, source, scope, resolved_at IS NULL'
		),
		'tenant|t|f|20|20|default|endpoint|t',
		'with its figures'
	);
	is(sql("SELECT by_user, actor, notified FROM anomaly_events WHERE anomaly_id = $id"),
		'watcher||t', 'found by the worker');
	deliver("'flaky', 'failed', 10, '1 minute'");
	wait_for($node, 'shop', "SELECT peak_failures = 30 FROM anomalies WHERE id = $id", 'it follows what happens');

	is(
		sql(
			"SET anomaly_insights.actor = 'ann'; SELECT acknowledged_by, note, ack_until - acknowledged_at
		  FROM anomaly_acknowledge($id, 'mine', now() + interval '1 second')"
		),
		'ann|mine|00:00:01',
		'somebody acknowledges it for a while, and is known to have done so'
	);
	comes("flaky acknowledged critical acknowledged\nflaky ack_expired critical open",
		'nothing happens, so the acknowledgement expires');
	sql("SELECT anomaly_acknowledge($id)");
	comes('flaky acknowledged critical acknowledged', 'again, without an end');

	recovers('flaky');
	comes('flaky resolved critical resolved calm', 'deliveries come through again: it closes');
	is(
		incident('flaky', 'resolved_at > detected_at, resolved_by IS NULL, acknowledged_by IS NOT NULL, peak_failures'),
		't|t|t|30',
		'and keeps what it was'
	);
	is(sql('SELECT count(*) FROM anomalies_active'), '0', 'nothing is open');
	fails('flaky');
	comes('flaky reopened critical open', 'they fail again soon: the same incident is open again');
	recovers('flaky');
	comes('flaky resolved critical resolved calm', 'closed again');
	fails('flaky');
	comes("flaky reopened critical open\nflaky flapping critical open", 'and again: it flaps');
	is(incident('flaky', 'id, reopen_count, flapping, acknowledged_by IS NULL'), "$id|2|t|t", 'one incident in all');

	recovers('flaky');
	wait_for(
		$node, 'shop',
		"SELECT now() - calm_since > '2 seconds' FROM anomalies WHERE id = $id",
		'it is calm for longer than resolve_after'
	);
	tick_passes('and is looked at');
	is(incident('flaky', 'status'), 'open', 'but held open, for it would only come back');
	$node->safe_psql('postgres', q(ALTER SYSTEM SET anomaly_insights.reopen_grace = '1s'));
	$node->reload;
	comes('flaky resolved critical resolved calm', 'until it has been calm for longer than it takes to come back');
	$node->safe_psql('postgres', 'ALTER SYSTEM RESET anomaly_insights.reopen_grace');
	$node->reload;
};

subtest 'a spike that becomes a failure' => sub {
	my $more = "deliver_to_deliveries('busy', 'delivered', 200, '2 minutes')";
	sql("SELECT $more");
	comes('busy opened warning open', 'a spike is a warning');
	sql("SELECT anomaly_acknowledge(id) FROM anomalies_active WHERE endpoint = 'busy'");
	comes('busy acknowledged warning acknowledged', 'known to somebody');
	sql(
		q(UPDATE deliveries SET status = 'failed' WHERE endpoint = 'busy' AND created_at > now() - interval '150 seconds')
	);
	comes('busy escalated critical acknowledged', 'when they fail it is an escalation, acknowledged or not');
	is(incident('busy', 'spike_detected, failure_cluster_detected'), 't|t', 'of the same incident, which holds both');
	recovers('busy');
	comes('busy resolved critical resolved calm', 'closed when both are over');
};

subtest 'mutes' => sub {
	my $mute = sql(q(SELECT anomaly_mute(endpoint => 'hushed', reason => 'deployment')));
	fails('hushed');
	comes('hushed opened critical open', 'a muted incident is one');
	is(incident('hushed', 'muted'), 't', 'that is known to be muted');
	is(sql(q(SELECT notified FROM anomaly_events WHERE endpoint = 'hushed')), 'f', 'and nobody is told');
	sql("SELECT anomaly_unmute($mute)");
	comes('hushed unmuted critical open', 'when the mute ends, they are');
	is(sql(q(SELECT string_agg(notified::text, ' ' ORDER BY seq) FROM anomaly_events WHERE endpoint = 'hushed')),
		'false true', 'once');
	recovers('hushed');
	comes('hushed resolved critical resolved calm', 'and of its end');
};

subtest 'silence' => sub {
	sql(q(UPDATE deliveries SET created_at = created_at - interval '16 minutes' WHERE endpoint = 'quiet'));
	comes('quiet opened warning open', 'an endpoint that has been silent for a quarter of an hour');
	is(incident('quiet', 'silence_detected, recent_count, scope'), 't|0|endpoint', 'is an incident');
	deliver("'quiet', 'delivered', 1, '1 second'");
	comes('quiet resolved warning resolved calm', 'one delivery ends it');

	sql(q(UPDATE deliveries SET created_at = created_at - interval '16 minutes'));
	comes('fleet opened warning open', 'all are silent at once: that is one incident');
	tick_passes('and remains one');
	is(sql('SELECT count(*), min(scope), bool_and(tenant_id IS NULL AND endpoint IS NULL) FROM anomalies_active'),
		'1|fleet|t', 'of the fleet');
	sql(q(UPDATE deliveries SET created_at = created_at + interval '16 minutes'));
	comes('fleet resolved warning resolved calm', 'closed when they are back');
};

# Whoever listened heard of each event that was to be told, whoever reads after the last one that he saw has read all.
subtest 'who has heard of it' => sub {
	my $expected = sql('SELECT count(*) FROM anomaly_events WHERE notified');
	poll_until(sub { @{ told() } >= $expected });
	is(scalar @told, $expected, 'as many notifications as events');
	my $payloads = join ',', @told;
	is(
		sql(
			"SELECT string_agg(DISTINCT k, ' ' ORDER BY k) FROM jsonb_array_elements('[$payloads]') AS p, jsonb_object_keys(p) AS k"
		),
		'at event id seq severity v',
		'without names: anybody may listen'
	);
	is(
		sql(
			"SELECT count(*) FROM anomaly_events AS e FULL JOIN jsonb_array_elements('[$payloads]') AS p ON seq = (p ->> 'seq')::bigint
	    AND anomaly_id = (p ->> 'id')::bigint AND event = p ->> 'event' AND severity = p ->> 'severity'
	    AND date_trunc('second', at) = (p ->> 'at')::timestamptz AND p -> 'v' = '1'
	    WHERE notified IS DISTINCT FROM (p IS NOT NULL)"
		),
		'0',
		'and they are the same'
	);
	is(
		join("\n", @read),
		sql("SELECT seq, $as_text FROM anomaly_events ORDER BY seq"),
		'who reads on from the last seq misses nothing'
	);
	is(
		join(' ', map { JSON::PP->new->decode($_)->{seq} } @told),
		sql("SELECT string_agg(seq::text, ' ' ORDER BY seq) FROM anomaly_events WHERE notified"),
		'notifications come in the order of seq'
	);
};

subtest 'notifications with names' => sub {
	$node->safe_psql('postgres', 'ALTER SYSTEM SET anomaly_insights.notify_details = on');
	$node->reload;

	# 512 bytes end in the middle of a character; quotes and controls take more room as JSON than in the database.
	my %names = ('long' => q('x' || repeat('é', 600)), 'odd' => q(repeat(E'"\\\\\n\x01', 400)), 'plain' => q('plain'));
	foreach my $name (sort keys %names)
	{
		@told = ();
		deliver("$names{$name}, 'delivered', 180, '90 minutes'");
		deliver("$names{$name}, 'failed', 20, '2 minutes'");
		ok(poll_until(sub { @{ told() } > 0 }), "$name: it is notified");
		is(scalar @told, 1, "$name: once");
		cmp_ok(length $told[0], '<', 2000, "$name: in less than 2000 bytes");
		my $payload = $told[0] =~ s/'/''/gr;
		is(
			sql("SELECT string_agg(k, ' ' ORDER BY k) FROM jsonb_object_keys('$payload') AS k"),
			'at endpoint event id message seq severity tenant v',
			"$name: with names and message"
		);
		my $whole =
		  $name eq 'odd'
		  ? 'octet_length(p.endpoint) BETWEEN 1 AND 512'
		  : "p.endpoint = left(e.endpoint, " . ($name eq 'long' ? 1 + 255 : 5) . ')';
		is(
			sql(
				"SELECT event, p.tenant, $whole, starts_with(e.endpoint, p.endpoint),
				    starts_with(e.message, rtrim(p.message, '.…')) AND p.message <> ''
		    FROM anomaly_events AS e JOIN jsonb_to_record('$payload') AS p (seq bigint, tenant text, endpoint text, message text) USING (seq)"
			),
			'opened|tenant|t|t|t',
			"$name: cut where a character ends"
		);
	}
	sql(q(DELETE FROM deliveries WHERE endpoint NOT LIKE 'calm%'));
	$node->safe_psql('postgres', 'ALTER SYSTEM RESET anomaly_insights.notify_details');
	$node->reload;
	sql(q(SELECT anomaly_resolve(id) FROM anomalies_active));
	$listener->quit;
};

subtest 'rights of the source' => sub {
	my $offset = -s $node->logfile;
	sql('REVOKE SELECT ON deliveries FROM shopkeeper');
	wait_for(
		$node, 'shop',
		q(SELECT state = 'failing' AND failures >= 2 FROM anomaly_insights_status()),
		'its owner may not read it any more'
	);
	is(
		sql('SELECT last_error, last_success < last_run, last_error_at = last_run FROM anomaly_insights_status()'),
		'permission denied for table deliveries|t|t',
		'the status says why'
	);
	is(log_lines($node, qr/LOG: .*delivery source "default" of database "shop": permission denied for table deliveries/m, $offset),
		1, 'the log once');
	is(log_lines($node, qr/permission denied/m, $offset), 1, 'in one way');
	sql('GRANT SELECT ON deliveries TO shopkeeper');
	wait_for(
		$node, 'shop',
		q(SELECT state = 'ok' AND failures = 0 AND last_error IS NULL FROM anomaly_insights_status()),
		'it may again, and it goes on'
	);
};

subtest 'statuses that nobody knows' => sub {
	my $offset = -s $node->logfile;
	my $logged = qr/LOG: .*delivery source "default" of database "shop": \d+ of \d+ deliveries have a status that nobody knows/m;
	sql(
		q(INSERT INTO deliveries (created_at, tenant_id, endpoint, status)
		  SELECT now(), 't', 'swapped', 'lost' FROM generate_series(1, 10000))
	);
	wait_for($node, 'shop', q(SELECT state = 'unmapped' AND unmapped >= 10000 FROM anomaly_insights_status()), 'the state says so');
	wait_for(
		$node, 'shop',
		q(SELECT last_run > clock_timestamp() - interval '1 s' FROM anomaly_insights_status()),
		'evaluations go on'
	) for 1 .. 2;
	is(log_lines($node, $logged, $offset), 1, 'the log once');
	sql(q(DELETE FROM deliveries WHERE endpoint = 'swapped'));
	wait_for($node, 'shop', q(SELECT state = 'ok' AND unmapped = 0 FROM anomaly_insights_status()), 'it is over');
	sql(q(INSERT INTO deliveries (created_at, tenant_id, endpoint, status) SELECT now(), 't', 'swapped', 'lost' FROM generate_series(1, 10000)));
	wait_for($node, 'shop', q(SELECT state = 'unmapped' FROM anomaly_insights_status()), 'and begins again');
	is(log_lines($node, $logged, $offset), 2, 'which is logged again');
	sql(q(DELETE FROM deliveries WHERE endpoint = 'swapped'));
	wait_for($node, 'shop', q(SELECT state = 'ok' FROM anomaly_insights_status()), 'until it is over');
};

subtest 'a mapping that raises on a delivery' => sub {
	my $offset = -s $node->logfile;
	my $logged = qr/LOG:  .*delivery source "raw" of database "shop": http_status of the delivery with id 7 cannot be had: invalid input syntax for type integer: "oops"/;
	sql(
		q(CREATE TABLE raw (id int PRIMARY KEY, created_at timestamptz, endpoint text, status text, code text);
		INSERT INTO raw VALUES (1, now(), 'raw', 'failed', '503'), (7, now(), 'raw', 'failed', 'oops');
		SELECT delivery_source_register('raw', 'raw', '{"http_status": "code::int"}'))
	);
	wait_for($node, 'shop',
		q(SELECT state = 'failing' AND failures > 2 AND last_error ~ 'id 7 cannot be had' AND deliveries = 2 FROM anomaly_insights_status() WHERE source = 'raw'),
		'the source is failing, and evaluated');
	is(log_lines($node, $logged, $offset), 1, 'the log says so once');
	sql(q(UPDATE raw SET code = '500' WHERE id = 7));
	wait_for($node, 'shop', q(SELECT state = 'ok' AND failures = 0 FROM anomaly_insights_status() WHERE source = 'raw'), 'until it is mended');
	sql(q(SELECT delivery_source_drop('raw'); DROP TABLE raw));
};

subtest 'where and when' => sub {
	my $worker = 'SELECT DISTINCT worker FROM anomaly_insights_status()';
	$node->safe_psql('postgres', 'ALTER SYSTEM SET anomaly_insights.naptime = 0');
	$node->reload;
	wait_for(
		$node, 'shop',
		q(SELECT worker = 'off: anomaly_insights.naptime is 0' AND worker_state = 'off' AND next_run IS NULL FROM anomaly_insights_status()),
		'naptime 0 stops it'
	);
	wait_for(
		$node, 'shop',
		q(SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'anomaly_insights worker'),
		'no worker is left'
	);
	my $stopped = sql('SELECT last_run FROM anomaly_insights_status()');
	$node->safe_psql('postgres', q(ALTER SYSTEM SET anomaly_insights.databases = 'postgres, "Other"'));
	$node->safe_psql('postgres', 'ALTER SYSTEM SET anomaly_insights.naptime = 1');
	$node->safe_psql('postgres',
		q(CREATE TABLE d (endpoint text, status text, created_at timestamptz); SELECT delivery_source_register('d')));
	$node->reload;
	wait_for(
		$node, 'postgres',
		'SELECT last_success IS NOT NULL FROM anomaly_insights_status()',
		'it works in a database that is listed'
	);
	is(
		sql('SELECT worker, worker_state, last_run FROM anomaly_insights_status()'),
		"off: not in anomaly_insights.databases|off|$stopped",
		'not in one that is not'
	);
	$node->safe_psql('postgres', 'ALTER SYSTEM RESET anomaly_insights.databases');
	$node->reload;
	tick_passes('all are listed: there too');
};

subtest 'nobody is in the way' => sub {
	foreach my $statement (
		'CREATE DATABASE copy TEMPLATE shop',
		'ALTER DATABASE copy RENAME TO other',
		'ALTER DATABASE shop RENAME TO moved',
		'ALTER DATABASE moved RENAME TO shop',
		'DROP DATABASE other'
	  )
	{
		is((error_of($node, 'postgres', "$statement;"))[0], undef, $statement);
	}
	tick_passes('it works on');
	$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE shop; GRANT CONNECT ON DATABASE copy TO watcher');
	wait_for(
		$node, 'copy',
		q(SELECT state = 'ok' AND last_run > pg_postmaster_start_time() FROM anomaly_insights_status()),
		'the copy is watched as well'
	);
	is((error_of($node, 'postgres', 'DROP DATABASE copy;'))[0], undef, 'and dropped while it is');
};

subtest 'the launcher comes back' => sub {
	my $pid = sql(q(SELECT pid FROM pg_stat_activity WHERE backend_type = 'anomaly_insights launcher'));
	sql("SELECT pg_terminate_backend($pid)");
	wait_for(
		$node, 'shop',
		q(SELECT DISTINCT (worker, worker_state) = ('the launcher is not running', 'no launcher') FROM anomaly_insights_status()),
		'it is gone, and the status says so'
	);
	wait_for(
		$node,
		'shop',
		qq(SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'anomaly_insights launcher' AND pid <> $pid),
		'it is back'
	);
	tick_passes('and works on');
};

# All that the log tells of workers is what has been done to them above.
my $log = slurp_file($node->logfile);
unlike($log, qr/was terminated by signal|PANIC:|ERROR:|WARNING:/, 'nothing has crashed or failed');
is(
	join("\n", $log =~ /LOG:  anomaly_insights: (.*)/g) =~ s/\d+ of \d+ (?=deliveries)//gr,
	join(
		"\n",
		'no database is looked into for the extension: the role of anomaly_insights.worker_role does not exist',
		q(delivery source "slow" of database "shop": it ended before it was done; the server's log says why),
		'delivery source "default" of database "shop": permission denied for table deliveries',
		('delivery source "default" of database "shop": deliveries have a status that nobody knows') x 2,
		'delivery source "raw" of database "shop": http_status of the delivery with id 7 cannot be had: invalid input syntax for type integer: "oops"'
	),
	'and the log is short'
);
$node->stop;
done_testing();
