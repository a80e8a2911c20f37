# One source and one caller cannot stop the others: a view that swallows cancels, a transaction that is left open, and
# the settings, failures and arguments of whoever may scan.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use Faults;
use Insights;
use Time::HiRes qw(usleep);
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_faulty_node('isolation');

# A role that may do nothing but scan and acknowledge.
sql(
	q(CREATE ROLE alice LOGIN;
	GRANT EXECUTE ON FUNCTION anomalies_scan, anomaly_acknowledge, anomaly_resolve TO alice;
	GRANT SELECT ON anomalies, anomalies_active TO alice)
);

# A session of hers, and its pid.
sub alice
{
	my (%options) = @_;
	local $ENV{PGOPTIONS} = $options{settings} if $options{settings};
	my $session = $node->background_psql('postgres', extra_params => [ '-U', 'alice' ]);
	return ($session, $session->query_safe('SELECT pg_backend_pid()'));
}

sub as_role
{
	my ($role, $statements) = @_;
	return $node->safe_psql('postgres', $statements, connstr => $node->connstr('postgres') . " user=$role");
}

sub status
{
	my ($columns, $source) = @_;
	return sql("SELECT $columns FROM anomaly_insights_status() WHERE source = '$source'");
}

sub status_is
{
	my ($source, $condition, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return wait_for($node, 'postgres',
		"SELECT $condition FROM anomaly_insights_status() WHERE source = '$source'", $name);
}

# ---- code that does not stop ----

# What a source runs: for as long as the table says so it swallows whatever cancels it.
sql(
	q(CREATE TABLE stubbornness AS SELECT false AS stubborn;
	CREATE FUNCTION stubborn() RETURNS boolean LANGUAGE plpgsql AS $$
	BEGIN
	  WHILE (SELECT s.stubborn FROM public.stubbornness AS s) LOOP
	    BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END;
	  END LOOP;
	  RETURN true;
	END $$;
	CREATE VIEW runaway AS SELECT * FROM deliveries WHERE (SELECT stubborn()))
);
set(q(anomaly_insights.statement_timeout = '500ms'));
my $not_stopped = 'it did not stop at anomaly_insights.statement_timeout, so its worker was ended';

survives 'a view that swallows cancels' => sub {
	my $offset = -s $node->logfile;
	my $launcher = sql(q(SELECT pid FROM pg_stat_activity WHERE backend_type = 'anomaly_insights launcher'));

	# Its name comes before those of the others, which it would hold up.
	sql(q(SELECT delivery_source_register('runaway', 'a runaway'); UPDATE stubbornness SET stubborn = true));
	my $began = time;
	status_is('a runaway', "state = 'failing' AND failures = 1 AND last_error = '$not_stopped'", 'the source has failed');
	cmp_ok(time - $began, '<', 30, 'in time');
	is(status('worker_state IN (\'running\', \'waiting\')', 'a runaway'), 't', 'its worker has not');
	tick_passes('the others are evaluated', qw(default other));
	status_is('a runaway', 'failures = 2', 'it is tried again');
	tick_passes('the others are evaluated in between', qw(default other));
	is(log_lines($node, qr/LOG:  anomaly_insights: delivery source "a runaway" of database "postgres": $not_stopped/, $offset),
		1, 'the log says so once');
	is(log_lines($node, qr/no worker for database/, $offset), 0, 'and nothing of the database as a whole');
	is(sql(q(SELECT pid FROM pg_stat_activity WHERE backend_type = 'anomaly_insights launcher')),
		$launcher, 'the launcher is the same');

	# The back-off ends where the source is another one.
	sql(q(UPDATE stubbornness SET stubborn = false; SELECT delivery_source_register('runaway', 'a runaway')));
	my $registered = time;
	status_is('a runaway', "state = 'ok' AND failures = 0 AND last_error IS NULL", 'registered again it is evaluated');
	cmp_ok(time - $registered, '<', 4, 'at once');
	sql(q(SELECT delivery_source_drop('a runaway')));
	sql(q(SELECT delivery_source_register('deliveries', 'a runaway')));
	status_is('a runaway', q(state = 'ok' AND last_error_at IS NULL), 'another one of the same name begins anew');
	sql(q(SELECT delivery_source_drop('a runaway')));
};

survives 'a step of the database as a whole that swallows cancels' => sub {
	sql(
		q(UPDATE stubbornness SET stubborn = true;
		CREATE FUNCTION linger_on() RETURNS trigger LANGUAGE plpgsql AS
		  $$ BEGIN IF NEW.resolve_reason = 'expired' THEN PERFORM public.stubborn(); END IF; RETURN NEW; END $$;
		CREATE TRIGGER linger_on BEFORE UPDATE ON anomalies FOR EACH ROW EXECUTE FUNCTION linger_on();
		CREATE TABLE short_lived (LIKE deliveries);
		INSERT INTO short_lived SELECT 'tenant', 'short-lived', 'failed', now() FROM generate_series(1, 20);
		SELECT delivery_source_register('short_lived', 'short-lived'))
	);
	wait_for($node, 'postgres', q(SELECT count(*) = 1 FROM anomalies_active WHERE source = 'short-lived'), 'an incident');
	sql(
		q(DROP TABLE short_lived;
		UPDATE anomalies SET evaluated_at = evaluated_at - interval '2 hours' WHERE source = 'short-lived')
	);
	worker_is("^failing: expiring incidents: $not_stopped", 'the status says what did not stop');
	tick_passes('sources are evaluated nevertheless', qw(default other));
	sql(
		q(UPDATE stubbornness SET stubborn = false; DROP TRIGGER linger_on ON anomalies; DROP FUNCTION linger_on;
		SELECT delivery_source_drop('short-lived'))
	);
};

survives 'no limit' => sub {
	set('anomaly_insights.statement_timeout = 0');
	sql(q(UPDATE slowness SET seconds = 8; SELECT delivery_source_register('slow', 'slow')));
	status_is('slow', q(state = 'ok' AND duration > '8 s'), 'a source may take as long as it likes');
	sql(q(UPDATE slowness SET seconds = 600));
	my $pid = catch_worker();
	set(q(anomaly_insights.statement_timeout = '500ms'));
	status_is('slow', q(state = 'failing'), 'a limit that is set meanwhile counts');
	is(sql("SELECT count(*) FROM pg_stat_activity WHERE pid = $pid"), 0, 'and ends the worker');
	sql(q(SELECT delivery_source_drop('slow'); UPDATE slowness SET seconds = 0));
};
set('anomaly_insights.statement_timeout = DEFAULT');

survives 'the launcher that ends while a worker works' => sub {
	sql(q(UPDATE slowness SET seconds = 600; SELECT delivery_source_register('slow', 'slow')));
	my $pid = catch_worker();
	sql('UPDATE slowness SET seconds = 0');
	sql(q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'anomaly_insights launcher'));
	wait_for($node, 'postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid",
		'the next launcher leaves none behind that nobody looks after');
	sql(q(SELECT delivery_source_drop('slow')));
};

# ---- transactions that are left open ----

survives 'a scan that is left open' => sub {
	sql(
		q(CREATE TABLE broken AS SELECT 0 AS broken;
		CREATE VIEW held AS SELECT 'tenant'::text AS tenant_id, 'held'::text AS endpoint, 'failed'::text AS status,
		  now() - n * interval '1 s' AS created_at FROM generate_series(1, 20) AS n WHERE (SELECT 1 / (1 - broken) = 1 FROM broken);
		SELECT delivery_source_register('held', 'held'))
	);
	wait_for($node, 'postgres', q(SELECT count(*) = 1 FROM anomalies_active WHERE source = 'held'), 'an incident is open');
	my ($session, $pid) = alice();
	$session->query_safe(q(BEGIN; SELECT anomalies_scan('held')));
	status_is('held', "state = 'busy' AND held_by = 'alice, process $pid' AND failures = 0", 'the status names her');
	is(
		status(
			"held_since = (SELECT xact_start FROM pg_stat_activity WHERE pid = $pid), last_error IS NULL", 'held'
		),
		't|t',
		'and since when'
	);
	sql('CREATE ROLE ops LOGIN; GRANT pg_monitor TO ops');
	is(
		as_role('ops', q(SELECT held_by, held_since IS NOT NULL FROM anomaly_insights_status() WHERE source = 'held')),
		"alice, process $pid|t",
		'to whoever may ask'
	);
	tick_passes('the others go on', qw(default other));
	is(status('state, held_by, held_since', 'other'), 'ok||', 'and nobody holds them');

	# Nothing expires, neither while she holds it nor when she lets go.
	sql(q(UPDATE anomalies SET evaluated_at = now() - interval '2 hours' WHERE source = 'held'));
	tick_passes('time passes', 'other');
	tick_passes('and more of it', 'other');
	is(sql(q(SELECT status FROM anomalies WHERE source = 'held')), 'open', 'what nobody could evaluate does not expire');
	sql('UPDATE broken SET broken = 1');
	$session->query_safe('COMMIT');
	status_is('held', q(state = 'failing' AND held_by IS NULL), 'nobody holds it, but it fails');
	tick_passes('time passes', 'other');
	is(sql(q(SELECT status FROM anomalies WHERE source = 'held')), 'open', 'and has all of expire_after again');
	sql('UPDATE broken SET broken = 0');
	status_is('held', q(state = 'ok'), 'it is evaluated');
	is(sql(q(SELECT string_agg(event, ' ') FROM anomaly_events WHERE source = 'held')), 'opened', 'the incident goes on');
	$session->quit;
	sql(q(SELECT delivery_source_drop('held'); DROP VIEW held; DROP TABLE broken));
};

survives 'an acknowledgement that is left open' => sub {
	wait_for($node, 'postgres',
		"SELECT count(*) = 1 FROM anomalies_active WHERE endpoint = '" . current_endpoint() . "'",
		'an incident');
	my ($session, $pid) = alice();
	$session->query_safe('BEGIN; SELECT anomaly_acknowledge(id) FROM anomalies_active');
	sql(
		q(SELECT deliver_to_deliveries('waits', 'failed', 20, '2 minutes'), deliver_to_others('waits', 'failed', 20, '2 minutes'))
	);
	foreach my $source (qw(default other))
	{
		status_is(
			$source,
			"state = 'busy' AND held_by = 'alice, process $pid' AND failures = 0 AND held_since IS NOT NULL",
			"$source waits for her"
		);
	}

	# Who scans by hand and waits is not to blame.
	my $scan = $node->background_psql('postgres');
	$scan->query_until(qr/waits/, "\\echo waits\nSELECT outcome FROM anomalies_scan('default');\n");
	wait_for($node, 'postgres', q(SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted),
		'somebody scans and waits');
	is(status('held_by', 'default'), "alice, process $pid", 'she is named nevertheless');
	is(
		sql(
			q(SET lock_timeout = '100ms'; SELECT outcome FROM anomalies_scan('other'))
		),
		'busy',
		'by hand it is no error'
	);
	is(
		sql(q(SELECT bool_and(next_run < now() + interval '2 s') FROM anomaly_insights_status())),
		't', 'there is no back-off');

	# The incidents open at her end, however long the nap.
	set(q(anomaly_insights.naptime = '1h'));
	sql('SELECT pg_sleep(2)');
	$session->query_safe('ROLLBACK');
	wait_for($node, 'postgres', q(SELECT count(*) = 2 FROM anomalies_active WHERE endpoint = 'waits'),
		'what had to wait opens when she ends');
	set('anomaly_insights.naptime = 1');
	wake();
	$scan->quit;
	$session->quit;
	is(sql(q(SELECT count(*) FROM anomaly_insights_status() WHERE held_by IS NOT NULL)), 0, 'nobody holds anything');
	sql(q(DELETE FROM deliveries WHERE endpoint = 'waits'; DELETE FROM others WHERE endpoint = 'waits'));
	wait_for($node, 'postgres', q(SELECT count(*) = 0 FROM anomalies_active WHERE endpoint = 'waits'), 'and closes');
};

survives 'tidying up that meets the lock' => sub {
	my ($session) = alice();
	$session->query_safe('BEGIN; SELECT anomaly_acknowledge(id) FROM anomalies_active');
	sql(
		q(UPDATE anomalies SET detected_at = detected_at - interval '1 year', resolved_at = resolved_at - interval '1 year'
		    WHERE id = (SELECT max(id) FROM anomalies WHERE status = 'resolved');
		INSERT INTO anomalies OVERRIDING SYSTEM VALUE
		  SELECT (jsonb_populate_record(a, '{"id": 1000000, "source": "gone", "status": "open", "resolved_at": null,
		    "resolve_reason": null, "suppression": null}')).* FROM anomalies AS a WHERE resolved_at < now() - interval '100 days')
	);
	tick_passes('the worker meets the lock', 'other');
	tick_passes('again', 'other');
	is(sql('SELECT DISTINCT worker_state IN (\'waiting\', \'running\') FROM anomaly_insights_status()'),
		't', 'which is no failure');
	$session->query_safe('ROLLBACK');
	$session->quit;
	wait_for($node, 'postgres', q(SELECT count(*) = 0 FROM anomalies WHERE resolved_at < now() - interval '100 days'),
		'what is old is deleted afterwards');
	is(sql(q(SELECT resolve_reason FROM anomalies WHERE id = 1000000)), 'source dropped', 'what is left is resolved');
	sql('DELETE FROM anomalies WHERE id = 1000000');
};

# ---- the caller's settings, failures and arguments ----

survives 'settings of the caller' => sub {
	sql(
		q(CREATE TABLE odd (LIKE deliveries, amount float8, bytes bytea, span interval, price money);
		INSERT INTO odd SELECT 'tenant', 'odd', 'failed', now() - n * interval '1 s', 1.0 / 3, '\xff', '1 day 2 hours', 1234.5
		  FROM generate_series(1, 20) AS n;
		SELECT delivery_source_register('odd', 'odd', jsonb_build_object('endpoint',
		  'concat_ws(chr(32), amount, bytes, span, price, date_trunc(''year'', created_at))')))
	);
	wait_for($node, 'postgres', q(SELECT count(*) = 1 FROM anomalies_active WHERE source = 'odd'), 'an incident is open');
	my $open = q(SELECT string_agg(id || ' ' || endpoint || ' ' || status, ', ' ORDER BY id) FROM anomalies WHERE source = 'odd');
	my $before = sql($open);
	my @settings = (
		'anomaly_insights.max_groups = 1',
		'anomaly_insights.silence = off',
		'anomaly_insights.sensitivity = strict',
		'DateStyle = \'SQL, DMY\'',
		'IntervalStyle = iso_8601',
		'TimeZone = \'Asia/Kathmandu\'',
		'extra_float_digits = -15',
		'bytea_output = escape',
		'lc_monetary = \'C.UTF-8\''
	);
	my $scan = q(SELECT string_agg(delivery_source || ' ' || outcome || ' ' || opened || ' ' || resolved || coalesce(detail, ''), ', '
		ORDER BY delivery_source) FROM anomalies_scan());
	set('anomaly_insights.naptime = 0');
	poll_until(sub { sql(q(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'anomaly_insights worker')) == 0 });
	my $expected = 'default done 0 0, odd done 0 0, other done 0 0';
	is(sql($scan), $expected, 'a scan finds nothing new');
	is(sql(join('; ', map { "SET $_" } @settings) . "; $scan"), $expected, 'with his settings neither');
	is(sql("CREATE FUNCTION scans() RETURNS text LANGUAGE sql " . join(' ', map { "SET $_" } @settings) . " AS \$f\$ $scan \$f\$;
		SELECT scans(); DROP FUNCTION scans()"), $expected, 'nor with those of a function of his');
	sql("ALTER ROLE alice SET $_") foreach @settings;
	my ($by_role) = alice();
	is($by_role->query_safe($scan), $expected, 'nor with those of his role');
	$by_role->quit;
	sql('ALTER ROLE alice RESET ALL');
	my ($by_connection) = alice(settings => join(' ', map { '-c ' . $_ =~ s/ = /=/r =~ s/'//gr =~ s/, /,/r } @settings));
	is($by_connection->query_safe('SHOW anomaly_insights.max_groups'), 1, 'a connection has them');
	is($by_connection->query_safe($scan), $expected, 'nor with those of his connection');
	$by_connection->quit;
	is(sql($open), $before, 'the incident is the same');

	# What counts for all.
	sql('ALTER DATABASE postgres SET anomaly_insights.max_groups = 1');
	sql('ALTER ROLE ALL SET anomaly_insights.max_groups = 1000');
	like(sql($scan), qr/default failed .*more than 1 pairs/, 'what is set for the database counts');
	sql('ALTER DATABASE postgres RESET anomaly_insights.max_groups');
	is(sql($scan), $expected, 'what is set for all roles after that');
	sql('ALTER ROLE ALL RESET anomaly_insights.max_groups');
	my ($session) = alice();
	$session->query_safe('SET anomaly_insights.max_groups = 5000');
	set('anomaly_insights.max_groups = 1');
	ok(poll_until(sub { $session->query($scan) =~ /default failed/ }), 'what is in the file counts, in open sessions too');
	is($session->query('SHOW anomaly_insights.max_groups'), 5000, 'whatever they have for themselves');
	set('anomaly_insights.max_groups = DEFAULT');
	ok(poll_until(sub { $session->query($scan) eq $expected }), 'and so does what is taken out of it');
	$session->quit;
	set('anomaly_insights.naptime = 1');
	sql(q(SELECT delivery_source_drop('odd'); DROP TABLE odd));
};

survives 'failures of the caller' => sub {
	my $offset = -s $node->logfile;
	my $locker = $node->background_psql('postgres');
	sql(q(CREATE TABLE fails (LIKE deliveries); SELECT delivery_source_register('fails', 'fails')));
	status_is('fails', q(state = 'ok'), 'it is evaluated');

	# Between two runs of the worker, so that only the caller meets the lock.
	set(q(anomaly_insights.naptime = '1h'));
	sql('SELECT pg_sleep(2)');
	$locker->query_safe('BEGIN; LOCK TABLE fails IN ACCESS EXCLUSIVE MODE');
	my $before = status('state, failures, last_run, last_error, next_run', 'fails');
	like(
		as_role(
			'alice', q(SET lock_timeout = '100ms'; SELECT outcome, detail FROM anomalies_scan() WHERE delivery_source = 'fails')
		),
		qr/^failed\|.*lock timeout/,
		'a scan by hand fails'
	) foreach 1 .. 3;
	is(status('state, failures, last_run, last_error, next_run', 'fails'), $before, 'which the worker knows nothing of');
	$locker->query_safe('COMMIT');
	$locker->quit;
	set('anomaly_insights.naptime = 0');
	$node->poll_query_until('postgres', q(SELECT bool_and(worker_state = 'off') FROM anomaly_insights_status()));
	sql('ALTER TABLE fails RENAME TO gone; SELECT anomalies_scan()');
	is(status('state, failures, run_by', 'fails'), 'failing|1|postgres', 'without a worker nothing else is known');
	set('anomaly_insights.naptime = 1');
	sql(q(SELECT delivery_source_drop('fails'); DROP TABLE gone));
};

survives 'a time to come' => sub {
	fails_with(
		$node, 'postgres',
		qq(SELECT * FROM anomalies_scan($_ as_of => now() + interval '1 day');),
		'22023',
		qr/as_of is in the future: ".*".*^HINT:  Leave it out/ms,
		"a scan of what is to come: $_"
	) foreach ('', q('default',));
};

unscathed(0);

# ---- a library that comes late ----

subtest 'without preloading' => sub {
	my $plain = start_node('not_preloaded', 'anomaly_insights.sensitivity = strict');
	create_deliveries($plain, 'postgres');
	$plain->safe_psql('postgres', q(SELECT delivery_source_register('deliveries')));
	my $scan = 'SELECT outcome FROM anomalies_scan()';
	is($plain->safe_psql('postgres', "SET anomaly_insights.sensitivity = sensitive; $scan"),
		'done', 'a SET before the library is loaded hides nothing');
	local $ENV{PGOPTIONS} = '-c anomaly_insights.sensitivity=sensitive';
	fails_with(
		$plain, 'postgres', q(SELECT outcome FROM anomalies_scan('default');), '55000',
		qr/anomaly_insights\.sensitivity is set for this role or connection.*^HINT:  Add anomaly_insights to/ms,
		'what a connection hides is not guessed'
	);
	delete $ENV{PGOPTIONS};

	my $session = $plain->background_psql('postgres');
	$session->query_safe("BEGIN; $scan");
	my $pid = $session->query_safe('SELECT pg_backend_pid()');
	is(
		$plain->safe_psql('postgres', 'SELECT outcome FROM anomalies_scan()'), 'busy', 'a scan that is left open is in the way');
	is(
		$plain->safe_psql('postgres', 'SELECT held_by, held_since IS NOT NULL FROM anomaly_insights_status()'),
		"postgres, process $pid|t",
		'and named'
	);
	$session->query_safe('COMMIT');
	$session->quit;
	$plain->stop;

	$plain->append_conf('postgresql.conf', 'max_prepared_transactions = 2');
	$plain->start;
	$plain->safe_psql('postgres', "BEGIN; $scan; PREPARE TRANSACTION 'for later'");
	is(
		$plain->safe_psql('postgres', 'SELECT held_by, held_since IS NOT NULL FROM anomaly_insights_status()'),
		'postgres, prepared transaction "for later"|t',
		'so is one that is prepared'
	);
	$plain->safe_psql('postgres', q(ROLLBACK PREPARED 'for later'));
	is($plain->safe_psql('postgres', 'SELECT held_by FROM anomaly_insights_status()'), '', 'until it ends');
	$plain->stop;
};

done_testing();
