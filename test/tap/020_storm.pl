# Many endpoints that fail at once: their incidents open, the gravest first, however little time there is for it, and what
# comes between two commits of the worker neither loses nor doubles one.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use Insights;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_watched_node('storm', "restart_after_crash = on\nanomaly_insights.naptime = 0\nlog_statement = none");

sub sql { return $node->safe_psql('postgres', $_[0]) }

sub set
{
	sql("ALTER SYSTEM SET anomaly_insights.$_") foreach @_;
	$node->reload;
	return;
}

# Fresh deliveries of so many endpoints that all fail, those with a greater number more often, and no incidents.
sub storm
{
	my ($endpoints) = @_;
	sql(
		qq(DROP TABLE IF EXISTS deliveries;
		CREATE TABLE deliveries (tenant_id text, endpoint text, status text, created_at timestamptz);
		INSERT INTO deliveries SELECT 'tenant ' || e % 7, 'e' || e, status, now() - s * interval '1 s'
		  FROM generate_series(1, $endpoints) AS e,
		    (SELECT 'delivered' AS status, n * 300 + 400 AS s, 0 AS least FROM generate_series(0, 11) AS n
		     UNION ALL SELECT 'failed', n * 10, 0 FROM generate_series(1, 12) AS n
		     UNION ALL SELECT 'failed', 130, $endpoints / 2) AS times
		  WHERE e > least;
		CREATE INDEX ON deliveries (created_at);
		ANALYZE deliveries;
		SELECT delivery_source_register('deliveries'))
	);
	return;
}

# All of them are over, and nothing is known of them.
sub calm_down
{
	set('naptime = 0');
	poll_until(sub { sql(q(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'anomaly_insights worker')) eq '0' });
	sql('TRUNCATE deliveries; TRUNCATE anomalies, anomaly_events, anomaly_candidates');
	return;
}

sub status_is
{
	my ($condition, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return wait_for($node, 'postgres', "SELECT $condition FROM anomaly_insights_status()", $name);
}

# Each endpoint has one incident, with one event, and nothing is left of what was not confirmed.
sub all_are_open
{
	my ($endpoints, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(
		sql(
			q(SELECT (SELECT count(*) || ' ' || count(DISTINCT endpoint) FROM anomalies WHERE status = 'open'),
			  (SELECT count(*) || ' ' || count(DISTINCT anomaly_id) FROM anomaly_events WHERE event = 'opened'),
			  (SELECT count(*) FROM anomaly_candidates))
		),
		"$endpoints $endpoints|$endpoints $endpoints|0",
		$name
	);
}

# How often what was opened later is graver than what was opened before.
my $disorder = q(SELECT count(*) FROM (SELECT recent_failures, lag(recent_failures) OVER (ORDER BY id) AS before
  FROM anomalies) AS a WHERE recent_failures > before);

# A worker that has written some of them and is about to write the next thousand can be made to linger.
sql(
	q(CREATE TABLE lingering AS SELECT 0 AS after, 0::float8 AS seconds;
	CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	  PERFORM pg_sleep(seconds) FROM public.lingering WHERE seconds > 0 AND (SELECT count(*) >= after FROM public.anomalies);
	  RETURN NULL;
	END $$)
);

sub linger
{
	return sql("UPDATE lingering SET (after, seconds) = ($_[0], $_[1])");
}

sub lingers
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $lingering = q(FROM pg_stat_activity WHERE backend_type = 'anomaly_insights worker' AND wait_event = 'PgSleep');
	wait_for($node, 'postgres', "SELECT count(*) = 1 $lingering", 'the worker is between two commits');
	is(sql('SELECT count(*) BETWEEN 1000 AND 5000 FROM anomalies'), 't', 'some are open');
	return sql("SELECT pid $lingering");
}

subtest 'within the usual settings' => sub {
	my $offset = -s $node->logfile;
	storm(20_000);
	set('naptime = 1');
	status_is(q(state = 'ok' AND open_incidents = 20000 AND left_changes = 0), 'all are opened');
	all_are_open(20_000, 'once each');
	is(sql($disorder), 0, 'the gravest first');
	is(sql('SELECT count(*) FROM (SELECT anomaly_id, lag(anomaly_id) OVER (ORDER BY seq) AS before FROM anomaly_events
	  WHERE event = \'opened\') AS e WHERE anomaly_id < before'),
		0, 'and so are their events');
	is(log_lines($node, qr/LOG:  anomaly_insights: .*there was time for/, $offset), 0, 'there was time for all') or note('loaded?');
	calm_down();
};

sql('CREATE TRIGGER linger AFTER INSERT ON anomalies FOR EACH STATEMENT EXECUTE FUNCTION linger()');

subtest 'no time for all' => sub {
	storm(6000);
	linger(2000, 4.3);
	set(q(statement_timeout = '5s'), 'naptime = 3600');
	my $offset = -s $node->logfile;
	sql(q(SELECT delivery_source_register('deliveries')));
	status_is(q(state = 'partial' AND left_changes > 0), 'the status says that some are left');
	my ($opened, $left) = split /\|/, sql('SELECT open_incidents, left_changes FROM anomaly_insights_status()');
	is($opened + $left, 6000, 'how many they are');
	is(sql('SELECT last_error IS NULL AND failures = 0 FROM anomaly_insights_status()'), 't', 'which is no failure');
	like(
		slurp_file($node->logfile, $offset),
		qr/LOG:  anomaly_insights: delivery source "default" of database "postgres": there was time for \d+ changes of incidents, the gravest first\n[^\n]*DETAIL:  $left are left to the next evaluation/s,
		'so does the log'
	);
	is(sql($disorder), 0, 'the gravest are open');
	is(sql('SELECT max(recent_failures) FROM anomalies'), 13, 'and what is less grave comes later');
	linger(0, 0);
	set('naptime = 1');
	sql(q(SELECT delivery_source_register('deliveries')));
	status_is(q(state = 'ok' AND left_changes = 0 AND open_incidents = 6000), 'the next evaluations store the rest');
	all_are_open(6000, 'once each');
	calm_down();
	set('statement_timeout = DEFAULT');
};

subtest 'between two commits' => sub {
	storm(4000);
	linger(2000, 600);
	set('naptime = 1');
	my $worker = lingers();
	is(sql(q(SELECT outcome, opened FROM anomalies_scan('default'))), 'busy|0', 'nobody else scans');
	linger(0, 0);
	sql("SELECT pg_cancel_backend($worker)");
	status_is(q(state = 'ok' AND open_incidents = 4000), 'a cancel keeps nothing from being opened');
	all_are_open(4000, 'nor opens anything twice');
	calm_down();

	storm(4000);
	linger(2000, 600);
	set('naptime = 1');
	$worker = lingers();
	kill 'KILL', $worker;
	$node->poll_query_until('postgres', 'SELECT true');
	linger(0, 0);
	status_is(q(state = 'ok' AND open_incidents = 4000), 'a crash keeps nothing from being opened');
	all_are_open(4000, 'nor opens anything twice');
	calm_down();

	storm(4000);
	linger(2000, 2);
	set('naptime = 1');
	lingers();
	sql(q(BEGIN; SELECT delivery_source_drop('default'); UPDATE lingering SET seconds = 0; COMMIT));
	poll_until(sub { sql(q(SELECT count(*) FROM anomalies WHERE status <> 'resolved')) eq '0' });
	is(
		sql(
			q(SELECT string_agg(DISTINCT status || ' ' || resolve_reason, ', '), (SELECT count(*) = 2 * count(DISTINCT anomaly_id)
			  FROM anomaly_events) FROM anomalies)
		),
		'resolved source dropped|t',
		'a source that is dropped leaves nothing open'
	);
	calm_down();

	# Another relation by the same name has none of what was found in the one before.
	storm(4000);
	linger(2000, 2);
	set('naptime = 1');
	lingers();
	sql(
		q(CREATE TABLE others (LIKE deliveries);
		BEGIN; SELECT delivery_source_drop('default'); SELECT delivery_source_register('others'); UPDATE lingering SET seconds = 0; COMMIT)
	);
	status_is(q(state = 'ok' AND open_incidents = 0), 'a source that is registered anew begins anew');
	calm_down();
	sql('SELECT delivery_source_drop()');

	storm(4000);
	linger(2000, 2);
	set('naptime = 1');
	lingers();
	my $offset = -s $node->logfile;
	sql('DROP EXTENSION anomaly_insights; UPDATE lingering SET seconds = 0');
	poll_until(sub { sql(q(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'anomaly_insights worker')) eq '0' });
	is(log_lines($node, qr/ERROR:|PANIC:|terminated by signal/, $offset), 0, 'the extension can be dropped');
	set('naptime = 0');
	sql('CREATE EXTENSION anomaly_insights');
};

subtest 'by hand' => sub {
	storm(100_000);
	is(sql(q(SET statement_timeout = 0; SELECT outcome, opened FROM anomalies_scan('default'))),
		'done|100000', 'a hundred thousand open in one transaction');
	all_are_open(100_000, 'once each');
	is(sql($disorder), 0, 'the gravest first');
};

$node->stop;
done_testing();
