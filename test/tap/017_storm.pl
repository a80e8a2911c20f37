# What a call names may vanish while it waits: the extension, its schema, its tables. Then it ends with an error that says
# so, and neither with a crash nor with an internal error.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use Insights;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = $ENV{INSIGHTS_SECONDS} // 10;

# Every function that reads or writes what may vanish, as it would do much if nothing vanished.
my %call = (
	anomalies_current => 'SELECT * FROM insights.anomalies_current()',
	anomalies_current_json => 'SELECT insights.anomalies_current_json()',
	anomalies_explain => q(SELECT * FROM insights.anomalies_explain('tenant', 'fails')),
	anomalies_history => 'SELECT * FROM insights.anomalies_history(2)',
	anomalies_history_json => 'SELECT insights.anomalies_history_json(2)',
	anomalies_prune => 'SELECT * FROM insights.anomalies_prune()',
	anomalies_scan => 'SELECT * FROM insights.anomalies_scan()',
	anomaly_acknowledge => q(SELECT insights.anomaly_acknowledge(1, 'seen')),
	anomaly_insights_status => 'SELECT * FROM insights.anomaly_insights_status()',
	anomaly_mute => q(SELECT insights.anomaly_mute('tenant')),
	anomaly_mute_applies => 'SELECT insights.anomaly_mute_applies(m, now()) FROM insights.anomaly_mutes AS m',
	anomaly_resolve => q(SELECT insights.anomaly_resolve(1, 'enough')),
	anomaly_unmute => 'SELECT insights.anomaly_unmute(1)',
	audit_head => 'SELECT * FROM insights.audit_head()',
	audit_list => 'SELECT * FROM insights.audit_list()',
	audit_record => q(SELECT insights.audit_record('storm')),
	audit_stats => 'SELECT * FROM insights.audit_stats()',
	audit_verify => 'SELECT * FROM insights.audit_verify()',
	delivery_search => 'SELECT * FROM insights.delivery_search()',
	delivery_source_check => 'SELECT * FROM insights.delivery_source_check()',
	delivery_source_drop => 'SELECT insights.delivery_source_drop()',
	delivery_source_register => q(SELECT insights.delivery_source_register('deliveries')),
	delivery_stats => 'SELECT * FROM insights.delivery_stats()',
	insights_grant => q(SELECT insights.insights_grant('viewer', 'viewer', '{tenant}')),
	insights_revoke => q(SELECT insights.insights_revoke('viewer')),
	insights_tenants => 'SELECT insights.insights_tenants()',
	insights_compare => 'SELECT * FROM insights.insights_compare()',
	operator_insights_series => q(SELECT * FROM insights.operator_insights_series(now() - interval '2 h', now())),
	operator_insights_summary => 'SELECT insights.operator_insights_summary()',
	operator_insights_trends => 'SELECT * FROM insights.operator_insights_trends()',
	operator_insights_trends_json => 'SELECT insights.operator_insights_trends_json()',
	replay_execute => q(SELECT * FROM insights.replay_execute(ARRAY['1', '2'], gen_random_uuid()::text)),
	replay_plan => 'SELECT * FROM insights.replay_plan()',
	replay_recommendations => 'SELECT * FROM insights.replay_recommendations()',
	replay_recommendations_json => 'SELECT insights.replay_recommendations_json()',
	replay_stats => 'SELECT * FROM insights.replay_stats()',
	top_failing_endpoints => 'SELECT * FROM insights.top_failing_endpoints()',
	top_failing_tenants => 'SELECT * FROM insights.top_failing_tenants()',
	triage_distribution => 'SELECT * FROM insights.triage_distribution()',
);

# How everything vanishes, or is something else at once.
my %end = (
	'DROP SCHEMA' => 'DROP SCHEMA insights CASCADE',
	'DROP EXTENSION' => 'DROP EXTENSION anomaly_insights CASCADE',
	'RENAME' => 'ALTER SCHEMA insights RENAME TO elsewhere',
	'DROP and CREATE' => 'DROP EXTENSION anomaly_insights CASCADE; CREATE EXTENSION anomaly_insights SCHEMA insights',
);

# Of the database's own: between the look-up of a function by its name and its call nothing keeps it from being dropped.
# And the body of a function in SQL, as the type of a table's rows, names the table by OID, so that one that was dropped
# while they waited for it is missed late. And a GRANT and a rename of the schema do not wait for each other.
my %by_oid = map { ($_ => 1) } qw(audit_head audit_list audit_stats);

sub is_internal
{
	my ($function, $state, $message) = @_;
	return 0 if $state !~ /^XX/ || $message =~ /^cache lookup failed for function \d+$/;
	return 0 if $function =~ /^insights_(grant|revoke)$/ && $message eq 'tuple concurrently updated';
	return !($by_oid{$function} && $message =~ /^could not open relation with OID \d+$/);
}

my $prepare = q(
DROP EXTENSION IF EXISTS anomaly_insights CASCADE;
DROP SCHEMA IF EXISTS insights CASCADE;
DROP SCHEMA IF EXISTS elsewhere CASCADE;
CREATE SCHEMA insights;
CREATE EXTENSION anomaly_insights SCHEMA insights;
SELECT insights.delivery_source_register('deliveries', mapping => '{"replay_status": "pending"}');
SELECT insights.anomaly_mute('nobody');
SELECT * FROM insights.anomalies_scan();
SELECT insights.audit_record('first'));

my $node = start_node('storm',
	"anomaly_insights.open_after = 0\nmax_connections = 100\nclient_min_messages = warning\nlog_min_messages = warning");
$node->safe_psql(
	'postgres', q(
CREATE TABLE deliveries (id bigint GENERATED ALWAYS AS IDENTITY, tenant_id text, endpoint text, status text, attempts int DEFAULT 1,
  created_at timestamptz);
CREATE INDEX ON deliveries (created_at);
CREATE ROLE viewer;
INSERT INTO deliveries (tenant_id, endpoint, status, created_at)
  SELECT 'tenant', 'fails', CASE WHEN n <= 20 THEN 'failed' ELSE 'delivered' END, now() - n * interval '10 s'
  FROM generate_series(1, 400) AS n)
);
$node->safe_psql('postgres', $prepare);

# One that is there but not above would not be tried.
is( $node->safe_psql(
		'postgres',
		q(SELECT string_agg(DISTINCT proname, ' ' ORDER BY proname) FROM pg_proc
		  JOIN pg_depend ON classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e'
		    AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'anomaly_insights')
		  WHERE provolatile <> 'i' AND prorettype <> 'trigger'::regtype)
	),
	join(' ', sort keys %call),
	'every function that is not IMMUTABLE is called');
my @tables = split /\n/,
  $node->safe_psql(
	'postgres', q(SELECT objid::regclass FROM pg_depend JOIN pg_class ON classid = 'pg_class'::regclass AND objid = pg_class.oid
	  WHERE deptype = 'e' AND relkind = 'r' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'anomaly_insights')
	  ORDER BY 1));
cmp_ok(@tables, '>', 5, 'there are tables to wait for');

my %caller = map { ($_ => $node->background_psql('postgres', on_error_stop => 0)) } keys %call;

$_->query_safe(q(SET deadlock_timeout = '1 h'; SET application_name = 'caller')) foreach values %caller;

sub crashed
{
	return log_lines($node, qr/terminated by signal|PANIC:|TRAP:/);
}

# Whoever holds something holds it, all others call, and what they wait for vanishes. Of two who wait for each other, as
# they may unless all is held, it is the caller who gives up.
sub vanish
{
	my ($name, $hold, $end) = @_;
	my $patience = $name eq 'all tables' ? '1 min' : '2 s';
	$node->safe_psql('postgres', $prepare);
	my $holder = $node->background_psql('postgres');
	$holder->query_safe(qq(SET deadlock_timeout = '1 h'; BEGIN; $hold));
	my %said;
	foreach my $function (sort keys %call)
	{
		$said{$function} = $caller{$function}->query_until(qr/started/,
			"SET lock_timeout = '$patience';\n\\echo started\n$call{$function};\n\\echo ended :SQLSTATE :LAST_ERROR_MESSAGE\n");
	}
	my $settled = q(SELECT count(*) = 0 FROM pg_stat_activity
	  WHERE application_name = 'caller' AND state = 'active' AND wait_event_type IS DISTINCT FROM 'Lock');
	$node->poll_query_until('postgres', $settled) or die 'the callers neither end nor wait';
	my %waits = map { ($_ => 1) } split /\n/,
	  $node->safe_psql('postgres', q(SELECT query FROM pg_stat_activity WHERE application_name = 'caller' AND wait_event_type = 'Lock'));
	$holder->query_safe("$end{$end}; COMMIT");
	$holder->quit;

	my @bad;
	foreach my $function (sort keys %call)
	{
		last if crashed();
		my ($state, $message) = ($said{$function} . $caller{$function}->query(q(\echo))) =~ /ended (\w{5}) ?(.*)/;
		push @bad, "$function: $state $message" if is_internal($function, $state, $message);

		# Who waits for all of it, as everybody does in the end, is not answered by what has vanished.
		push @bad, "$function: was answered"
		  if $state eq '00000' && $name eq 'all tables' && $waits{"$call{$function};"} && $end =~ /^DROP \w+$/;
	}
	is(join("\n", @bad), '', "$name, $end: each error is clean");
	is(crashed(), 0, "$name, $end: nothing crashes") or die 'the server is gone';
	return scalar keys %waits;
}

subtest 'what is waited for vanishes' => sub {
	my $all = 'LOCK TABLE ' . join(', ', @tables);
	cmp_ok(vanish('all tables', $all, $_), '>', 20, "$_: many have waited") foreach sort keys %end;
	my $waited = 0;
	$waited += vanish($_, "LOCK TABLE $_", 'DROP SCHEMA') foreach @tables;
	cmp_ok($waited, '>', 10, 'many have waited for one table');

	# Those who write keep others waiting by locks of their own.
	$waited = 0;
	foreach my $function (
		qw(audit_record anomaly_acknowledge anomaly_mute anomalies_scan delivery_source_register delivery_source_drop
		replay_execute)
	  )
	{
		$waited += vanish($function, $call{$function}, $_) foreach $function eq 'audit_record' ? sort keys %end : 'DROP SCHEMA';
	}
	cmp_ok($waited, '>', 5, 'many have waited for one who writes');
	$_->quit foreach values %caller;
};

subtest 'storm' => sub {
	$node->safe_psql(
		'postgres', q(
CREATE TABLE outcomes (function text, state text, message text);
CREATE TABLE stopped ();
CREATE TABLE calls (function text, statement text))
	);
	$node->safe_psql('postgres', "INSERT INTO calls VALUES ('$_', \$call\$$call{$_}\$call\$)") foreach sort keys %call;
	my $loop = q(
DO $$ DECLARE called record; state text; message text; BEGIN
  LOOP
    FOR called IN SELECT * FROM calls ORDER BY random() LIMIT 3 LOOP
      state := '00000'; message := '';
      BEGIN
        EXECUTE called.statement;
      EXCEPTION WHEN others THEN
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
      END;
      INSERT INTO outcomes VALUES (called.function, state, message);
    END LOOP;
    COMMIT;
    EXIT WHEN EXISTS (SELECT FROM stopped);
  END LOOP;
END $$);
	my @callers = map {
		my %run = (err => '');
		$run{handle} = IPC::Run::start([ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-c', q(SET lock_timeout = '1 s'), '-c', $loop ],
			'2>', \$run{err}, IPC::Run::timeout($seconds + $PostgreSQL::Test::Utils::timeout_default));
		\%run
	} 1 .. 4;
	my $made = 0;
	my $enough = time + $seconds;
	my $until = $enough + $PostgreSQL::Test::Utils::timeout_default / 2;
	while (!crashed() && time < $until && (time < $enough || $made < 8))
	{
		foreach my $end (sort keys %end)
		{
			last if crashed();
			my $settings = q(SET lock_timeout = '10 s'; SET deadlock_timeout = '1 h';);
			$made += $node->psql('postgres', "$settings BEGIN; $end{$end}; COMMIT", on_error_stop => 1, stderr => \my $why) == 0;
			$node->psql('postgres', "$settings $prepare", on_error_stop => 1, stderr => \$why);
		}
	}
	is(crashed(), 0, 'nothing crashes') or die 'the server is gone';
	$node->safe_psql('postgres', 'INSERT INTO stopped DEFAULT VALUES');
	foreach my $run (@callers)
	{
		ok($run->{handle}->finish, 'a caller comes to its end') or diag($run->{err});
	}
	cmp_ok($made, '>=', 8, 'much has vanished');
	is($node->safe_psql('postgres', 'SELECT count(DISTINCT function) FROM outcomes'),
		scalar keys %call, 'every function has been called');
	cmp_ok($node->safe_psql('postgres', q(SELECT count(*) FROM outcomes WHERE state = '00000')), '>', 50, 'many were answered');
	cmp_ok($node->safe_psql('postgres', q(SELECT count(*) FROM outcomes WHERE state <> '00000')), '>', 50, 'many were not');
	note($node->safe_psql('postgres', 'SELECT state, count(*), min(message) FROM outcomes GROUP BY 1 ORDER BY 2 DESC'));
	my @internal = grep { is_internal(split /\|/) } split /\n/,
	  $node->safe_psql('postgres', q(SELECT DISTINCT function, state, message FROM outcomes WHERE state ~ '^XX'));
	is(join("\n", @internal), '', 'with no internal error');
};

$node->stop;
done_testing();
