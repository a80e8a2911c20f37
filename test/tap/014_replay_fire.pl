# Replays under fire: many clients that replay what overlaps, the same key from all of them at once, and what is left when
# a backend or the server dies in the middle. What is put back in line is in the audit, once, and what is not is not.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use Insights;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = $ENV{INSIGHTS_SECONDS} || 8;
my $scripts = PostgreSQL::Test::Utils::tempdir();

my $node = start_node('fire',
	"jit = off\nmax_connections = 60\nrestart_after_crash = on\nlog_line_prefix = '%p %e '\ndeadlock_timeout = 100ms");
sub sql { return $node->safe_psql('postgres', $_[0]) }

# Failed hours ago, so that no endpoint is failing now. The trigger knows what has been done to each of them; it waits at
# the gate for those that somebody wants to catch in the act.
sql(
	q(
CREATE TABLE deliveries (
  id int PRIMARY KEY, tenant_id text, endpoint text, status text DEFAULT 'pending', attempts int, next_retry_at timestamptz,
  created_at timestamptz, updated_at timestamptz);
CREATE INDEX ON deliveries (created_at);
CREATE TABLE transitions (id int, before text, after text, pid int DEFAULT pg_backend_pid());
CREATE INDEX ON transitions (id);
CREATE TABLE outcomes (client int, delivery_id text, outcome text, audit_id bigint, detail text);
CREATE TABLE answers (client int, key text, answer text);
CREATE FUNCTION log_transition() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO transitions (id, before, after) VALUES (new.id, old.status, new.status);
  RETURN NULL;
END $$;
CREATE TRIGGER log_transition AFTER UPDATE ON deliveries FOR EACH ROW WHEN (old.status <> new.status)
  EXECUTE FUNCTION log_transition();
CREATE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  PERFORM pg_advisory_xact_lock_shared(new.id);
  RETURN new;
END $$;
CREATE TRIGGER at_update BEFORE UPDATE ON deliveries FOR EACH ROW WHEN (new.id BETWEEN 1000001 AND 1000100)
  EXECUTE FUNCTION wait_at_gate();
CREATE CONSTRAINT TRIGGER at_commit AFTER UPDATE ON deliveries DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (new.id BETWEEN 2000001 AND 2000100) EXECUTE FUNCTION wait_at_gate();
CREATE FUNCTION fail_some(first int, n int) RETURNS void LANGUAGE sql AS $$
  INSERT INTO deliveries SELECT i, 't' || i % 5, 'e' || i % 50, 'failed', 1, NULL, now() - interval '3 hours'
    - i % 3600 * interval '10 seconds', now() - interval '3 hours' FROM generate_series(first, first + n - 1) AS i;
$$;

-- What becomes of those that are in line, or at least in the way of whoever wants them.
CREATE FUNCTION work() RETURNS void LANGUAGE plpgsql AS $$ DECLARE
  taken int[] := ARRAY(SELECT id FROM deliveries WHERE status IN ('pending', 'failed') AND random() < 0.05
    ORDER BY random() LIMIT 20 FOR UPDATE SKIP LOCKED);
BEGIN
  PERFORM pg_sleep(0.003);
  UPDATE deliveries SET status = CASE WHEN random() < 0.7 THEN 'failed' ELSE 'delivered' END, attempts = attempts + 1
  WHERE id = ANY (taken) AND status = 'pending';
END $$;

-- What the audit and the table disagree about.
CREATE VIEW disagreements AS
SELECT * FROM
  (SELECT id::text, count(*) AS requeued FROM transitions WHERE before = 'failed' AND after = 'pending' GROUP BY id) AS t
  FULL JOIN (SELECT target_id AS id, count(*) AS audited FROM operator_audit GROUP BY target_id) AS a USING (id)
WHERE requeued IS DISTINCT FROM audited;
CREATE VIEW answered AS
SELECT r.*, o.idempotency_key FROM operator_replays AS o,
  jsonb_to_recordset(results) AS r (delivery_id text, outcome text, audit_id bigint, detail text);
SELECT delivery_source_register('deliveries');
)
);

# Whatever happened, this holds.
sub consistent
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(sql('SELECT count(*), min(problem) FROM audit_verify()'), '0|', "$name: the chain is whole");
	is(sql('SELECT count(*), min(id) FROM disagreements'), '0|', "$name: one row of the audit for each that was put back");
	is(
		sql(
			q(SELECT count(*) FROM answered AS r FULL JOIN operator_audit AS a
			    ON a.id = r.audit_id AND a.target_id = r.delivery_id AND a.metadata ->> 'idempotency_key' = r.idempotency_key
			  WHERE (r.outcome = 'replayed' OR r.outcome IS NULL) AND (a.id IS NULL OR r.audit_id IS NULL)
			    OR r.outcome <> 'replayed' AND r.audit_id IS NOT NULL)
		),
		'0',
		"$name: and each was answered so"
	);
	return;
}

# Sessions of pgbench that run some scripts.
my %script = (

	# Two transactions, between which others may do the same.
	replay => q(\set tenant random(0, 5)
\set rows random(10, 200)
SELECT coalesce(array_agg(delivery_id ORDER BY random()), '{}') AS ids
FROM replay_plan(CASE :tenant WHEN 5 THEN jsonb '{}' ELSE jsonb '{"tenant": "t:tenant"}' END, :rows) \gset
INSERT INTO outcomes SELECT :client_id, r.* FROM replay_execute(':ids', gen_random_uuid()::text) AS r;
),
	work => "SELECT work();\n",
	touch => q(\set id random(1, 4000)
UPDATE deliveries SET attempts = attempts + 1 WHERE id = :id;
),
	race => q(\set round :round + 1
INSERT INTO answers SELECT :client_id, 'race :round', (SELECT jsonb_agg(to_jsonb(r) ORDER BY r.delivery_id)
FROM replay_execute(ARRAY[(:first + :round)::text, (:first + :round + 1)::text], 'race :round') AS r);
),
	gated => q(INSERT INTO answers SELECT :client_id, ':key', (SELECT jsonb_agg(to_jsonb(r) ORDER BY r.delivery_id)
FROM replay_execute(':ids', ':key') AS r);
),
);
append_to_file("$scripts/$_", $script{$_}) foreach keys %script;

sub start_sessions
{
	my ($count, $names, @options) = @_;
	my %run = (out => '', err => '');
	$run{handle} = IPC::Run::start(
		[
			'pgbench', '-n', '-c', $count, '-j', '1', @options, (map { ('-f', "$scripts/$_") } @$names),
			'-h', $node->host, '-p', $node->port, 'postgres'
		],
		'>', \$run{out}, '2>',
		\$run{err},
		IPC::Run::timeout($seconds + $PostgreSQL::Test::Utils::timeout_default)
	);
	return \%run;
}

sub finishes
{
	my ($run, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok($run->{handle}->finish && $run->{err} !~ /ERROR|aborted/, "$name: no error") or diag($run->{err});
	return;
}

# A session whose statement cannot end yet; the rest of what it does comes when it can.
sub start_statement
{
	my ($statement) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = $session->query_safe('SELECT pg_backend_pid()');
	$session->query_until(qr/begun/, "\\echo begun\n$statement\n");
	return ($session, $pid);
}

# Closes the gates of some deliveries, until the session that is returned quits.
sub close_gates
{
	my @ids = @_;
	my $keeper = $node->background_psql('postgres', on_error_stop => 0);
	$keeper->query_safe(join ' ', map { "SELECT pg_advisory_lock($_);" } @ids);
	return $keeper;
}

sub wait_at
{
	my ($pid, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return wait_for($node, 'postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE pid = $pid AND wait_event = 'advisory'",
		"$what waits at the gate");
}

sub state_of
{
	my (@ids) = @_;
	my $ids = join ', ', @ids;
	return sql(
		"SELECT string_agg(id || ' ' || status || ' ' || (SELECT count(*) FROM operator_audit WHERE target_id = d.id::text), ', '
		  ORDER BY id) FROM deliveries AS d WHERE id IN ($ids)"
	);
}

subtest 'overlapping replays, once each' => sub {
	sql('SELECT fail_some(1, 4000)');
	my $run = start_sessions(8, ['replay'], '-T', $seconds);
	finishes($run, 'eight clients');
	my $left = sql(q(SELECT count(*) FROM deliveries WHERE status = 'failed'));
	note("$left are left");
	note(sql('SELECT outcome, count(*), count(DISTINCT client) FROM outcomes GROUP BY outcome ORDER BY 1'));

	# Whatever the clients did not come to.
	sql(q(INSERT INTO outcomes SELECT 9, r.* FROM replay_execute(
	    ARRAY(SELECT p.delivery_id FROM replay_plan('{"hours": 48}', 4000) AS p), 'the rest') AS r));
	is(sql(q(SELECT count(*), count(DISTINCT delivery_id) FROM outcomes WHERE outcome = 'replayed')),
		'4000|4000', 'each is replayed, and nobody is told so twice');
	is(sql('SELECT count(*), count(DISTINCT target_id) FROM operator_audit'), '4000|4000', 'one row of the audit each');
	is(sql(q(SELECT count(*), count(DISTINCT id) FROM transitions)), '4000|4000', 'and each was put back once');
	is(
		sql(
			q(SELECT count(*) FROM outcomes AS o LEFT JOIN operator_audit AS a ON a.id = o.audit_id AND target_id = delivery_id
			  WHERE (outcome = 'replayed') <> (a.id IS NOT NULL))
		),
		'0',
		'everybody knows the row of what he did'
	);
	is(sql(q(SELECT count(*) FROM deliveries WHERE status <> 'pending' OR attempts <> 0 OR next_retry_at IS NULL)),
		'0', 'all are back in line');
	cmp_ok(sql(q(SELECT count(DISTINCT client) FROM outcomes WHERE outcome = 'replayed')), '>', 2, 'several did so');
	cmp_ok(sql(q(SELECT count(*) FROM outcomes WHERE outcome IN ('locked', 'not_failed'))),
		'>', 0, 'and came too late for some');
	is(sql(q(SELECT count(*) FROM outcomes WHERE outcome NOT IN ('replayed', 'locked', 'not_failed'))),
		'0', 'nothing else was the matter');
	consistent('overlapping replays');
};

subtest 'while a worker fails them again' => sub {
	my @runs = (
		start_sessions(8, ['replay'], '-T', $seconds),
		start_sessions(2, ['work'], '-T', $seconds),
		start_sessions(2, ['touch'], '-T', $seconds, '-R', 300)
	);
	finishes($_, 'no one') foreach @runs;
	note(sql('SELECT before, after, count(*) FROM transitions GROUP BY 1, 2 ORDER BY 1, 2'));
	note(sql('SELECT outcome, count(*) FROM outcomes GROUP BY outcome ORDER BY 1'));
	cmp_ok(sql(q(SELECT max(n) FROM (SELECT count(*) AS n FROM operator_audit GROUP BY target_id) AS a)),
		'>', 1, 'some were replayed more than once');
	is(
		sql(
			q(SELECT count(*) FROM deliveries AS d
			  JOIN (SELECT target_id, count(*) AS audited FROM operator_audit GROUP BY target_id) AS a ON target_id = d.id::text
			  JOIN (SELECT id, count(*) FILTER (WHERE after = 'failed') AS failed FROM transitions GROUP BY id) AS t USING (id)
			  WHERE audited <> 1 + failed - (status = 'failed')::int)
		),
		'0',
		'once for each time that they failed'
	);
	is(sql(q(SELECT count(*) FROM outcomes WHERE outcome = 'replayed') ),
		sql('SELECT count(*) FROM operator_audit'), 'everybody was told what he did');
	consistent('failing again');
};

subtest 'one key from all at once' => sub {
	sql('SELECT fail_some(10000, 200); SELECT fail_some(1000001, 3)');
	my $run = start_sessions(8, ['race'], '-t', 30, '-D', 'round=0', '-D', 'first=10000');
	finishes($run, 'thirty races of eight');
	is(sql('SELECT count(DISTINCT key), count(DISTINCT (key, answer)), count(*) FROM answers'),
		'30|30|240', 'all get the same answer');
	is(sql(q(SELECT count(*), count(DISTINCT target_id) FROM operator_audit WHERE metadata ->> 'idempotency_key' LIKE 'race %')),
		'31|31', 'of what was done once');
	sql('TRUNCATE answers');

	# All of them there before the first has come to an end.
	my $keeper = close_gates(1000001);
	$run = start_sessions(8, ['gated'], '-t', 1, '-D', 'ids={1000001,1000002}', '-D', 'key=gated');
	wait_for(
		$node, 'postgres',
		q(SELECT count(*) FILTER (WHERE wait_event = 'advisory') = 1 AND count(*) FILTER (WHERE wait_event = 'transactionid') = 7
		  FROM pg_stat_activity WHERE query LIKE 'INSERT INTO answers%'),
		'one is at it, seven wait for it'
	);
	$keeper->quit;
	finishes($run, 'eight');
	is(sql('SELECT count(*), count(DISTINCT answer) FROM answers'), '8|1', 'all get the same answer');
	is(state_of(1000001, 1000002), '1000001 pending 1, 1000002 pending 1', 'and it was done once');

	# The first gives up: another one does it.
	sql('TRUNCATE answers');
	$keeper = close_gates(1000003);
	my ($first, $pid) = start_statement(q(SELECT * FROM replay_execute('{1000003}', 'given up');));
	wait_at($pid, 'the first');
	$run = start_sessions(4, ['gated'], '-t', 1, '-D', 'ids={1000003}', '-D', 'key=given up');
	wait_for($node, 'postgres',
		q(SELECT count(*) = 4 FROM pg_stat_activity WHERE query LIKE 'INSERT INTO answers%' AND wait_event = 'transactionid'),
		'four wait for it');
	sql("SELECT pg_cancel_backend($pid)");
	$keeper->quit;
	finishes($run, 'the four');
	is(sql(q(SELECT count(*), count(DISTINCT answer), min(answer::jsonb -> 0 ->> 'outcome') FROM answers)),
		'4|1|replayed', 'one of them did it, and all know');
	is(state_of(1000003), '1000003 pending 1', 'once');
	$first->quit;
	consistent('one key');
};

subtest 'some are refused' => sub {
	sql(
		q(
CREATE FUNCTION keep_back() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.status := 'failed'; RETURN new; END $$;
CREATE TRIGGER keep_back BEFORE UPDATE ON deliveries FOR EACH ROW WHEN (old.status = 'failed' AND new.id % 7 = 0)
  EXECUTE FUNCTION keep_back();
CREATE FUNCTION send_back() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE deliveries SET status = 'failed' WHERE id = new.id;
  RETURN NULL;
END $$;
CREATE TRIGGER send_back AFTER UPDATE ON deliveries FOR EACH ROW WHEN (new.status = 'pending' AND new.id % 11 = 0)
  EXECUTE FUNCTION send_back();
TRUNCATE outcomes;
UPDATE deliveries SET created_at = created_at - interval '30 days';
SELECT fail_some(40000, 2000))
	);
	finishes(start_sessions(8, ['replay'], '-T', $seconds), 'eight clients');
	note(sql('SELECT outcome, count(*), count(DISTINCT client) FROM outcomes GROUP BY outcome ORDER BY 1'));
	cmp_ok(sql(q(SELECT count(DISTINCT client) FROM outcomes WHERE outcome = 'refused')), '>', 1, 'several were refused some');
	sql(q(INSERT INTO outcomes SELECT 9, r.* FROM replay_execute(
	    ARRAY(SELECT p.delivery_id FROM replay_plan('{"hours": 48}', 4000) AS p), 'the rest but those refused') AS r));
	my $refused = 'id BETWEEN 40000 AND 41999 AND (id % 7 = 0 OR id % 11 = 0)';
	is(
		sql("SELECT count(*) FROM deliveries WHERE $refused AND (status, attempts) = ('failed', 1) AND next_retry_at IS NULL"),
		sql("SELECT count(*) FROM deliveries WHERE $refused"),
		'those are as they were'
	);
	is(sql("SELECT count(*) FROM operator_audit WHERE target_id IN (SELECT id::text FROM deliveries WHERE $refused)"),
		'0', 'and the audit knows nothing of them');
	is(sql(q(SELECT count(*) FROM deliveries WHERE id BETWEEN 40000 AND 41999 AND id % 7 <> 0 AND id % 11 <> 0 AND status = 'failed')),
		'0', 'all others are back in line');
	is(sql(q(SELECT count(*) FROM outcomes WHERE outcome NOT IN ('replayed', 'refused', 'locked', 'not_failed'))),
		'0', 'nothing else was the matter');
	consistent('some are refused');

	# One that is caught when the first try has been undone: what was refused is locked all the same, as all of it is.
	sql(
		q(
CREATE SEQUENCE tries;
CREATE FUNCTION wait_at_second() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF nextval('tries') % 2 = 0 THEN PERFORM pg_advisory_xact_lock_shared(new.id); END IF;
  RETURN new;
END $$;
CREATE TRIGGER second BEFORE UPDATE ON deliveries FOR EACH ROW WHEN (new.id = 50002) EXECUTE FUNCTION wait_at_second();
SELECT fail_some(50001, 2))
	);
	my $keeper = close_gates(50002);
	my ($session, $pid) = start_statement(q(SELECT * FROM replay_execute('{50001,50002}', 'second try');));
	wait_at($pid, 'its second try');
	is(sql(q(SELECT string_agg(r.delivery_id || ' ' || r.outcome, ', ') FROM replay_execute('{50001,50002}', 'meanwhile') AS r)),
		'50001 locked, 50002 locked', 'nobody else has them');
	fails_with($node, 'postgres', 'SELECT FROM deliveries WHERE id = 50001 FOR NO KEY UPDATE NOWAIT',
		'55P03', qr/could not obtain lock/, 'nor the refused one');
	sql("SELECT pg_cancel_backend($pid)");
	wait_for($node, 'postgres', "SELECT state = 'idle' FROM pg_stat_activity WHERE pid = $pid", 'cancelled');
	$_->quit foreach ($session, $keeper);
	is(state_of(50001, 50002), '50001 failed 0, 50002 failed 0', 'neither is done');
	is(
		sql(q(SELECT string_agg(r.delivery_id || ' ' || r.outcome, ', ') FROM replay_execute('{50001,50002}', 'second try') AS r)),
		'50001 refused, 50002 replayed',
		'until it is asked for again'
	);
	is(state_of(50001, 50002), '50001 failed 0, 50002 pending 1', 'and then what can be done is');
	sql('DROP TRIGGER keep_back ON deliveries; DROP TRIGGER send_back ON deliveries');
	consistent('in a second try');
};

subtest 'one that is stuck' => sub {
	sql('SELECT fail_some(1000011, 5); SELECT fail_some(20000, 5)');
	my $keeper = close_gates(1000011);
	my ($stuck, $pid) = start_statement(q(SELECT * FROM replay_execute('{1000011,1000012}', 'stuck');));
	wait_at($pid, 'it');
	my $patience = "SET statement_timeout = '30s';";
	is(sql("$patience SELECT r.outcome FROM replay_execute('{20000}', 'passes by') AS r"), 'replayed', 'others go on');
	is(
		sql("$patience SELECT string_agg(r.delivery_id || ' ' || r.outcome, ', ') FROM replay_execute('{1000011,1000012,20001}', 'overlaps') AS r"),
		'1000011 locked, 1000012 locked, 20001 replayed',
		'and do not wait for what it has'
	);
	is(sql("$patience SELECT audit_record('note') > 0"), 't', 'anybody can record');
	is(sql("$patience SELECT count(*) FROM replay_plan('{\"ids\": [\"1000011\", \"1000012\"]}')"), '2', 'and plan');
	is(sql("$patience SELECT count(*) FROM delivery_search('{\"ids\": [\"1000011\"]}')"), '1', 'and look');
	$keeper->quit;
	wait_for($node, 'postgres', "SELECT state = 'idle' FROM pg_stat_activity WHERE pid = $pid", 'it comes to its end');
	is(state_of(1000011, 1000012), '1000011 pending 1, 1000012 pending 1', 'and has done it');
	$stuck->quit;

	# Whoever has recorded and not committed has the end of the chain; whoever does not wait for it does nothing.
	my $open = $node->background_psql('postgres', on_error_stop => 0);
	$open->query_safe(q(BEGIN; SELECT * FROM replay_execute('{20002}', 'open')));
	fails_with($node, 'postgres', q(SET lock_timeout = '100ms'; SELECT * FROM replay_execute('{20003}', 'impatient')),
		'55P03', qr/lock timeout/, 'one that does not wait for the chain');
	is(state_of(20002, 20003), '20002 failed 0, 20003 failed 0', 'neither has done anything so far');
	my ($patient, $patient_pid) = start_statement(q(SELECT * FROM replay_execute('{20004}', 'patient');));
	wait_at($patient_pid, 'one that waits');
	$open->query_safe('ROLLBACK');
	wait_for($node, 'postgres', "SELECT state = 'idle' FROM pg_stat_activity WHERE pid = $patient_pid", 'goes on');
	is(state_of(20002, 20003, 20004), '20002 failed 0, 20003 failed 0, 20004 pending 1', 'and has done it');
	$_->quit foreach ($open, $patient);
	is(sql(q(SELECT id, audited FROM disagreements WHERE id IS NOT NULL)), '', 'each in the audit');
	is(sql('SELECT count(*) FROM audit_verify()'), '0', 'and the chain is whole');
};

# A backend dies where a replay is; what it did is gone with it, and its key is free.
sub survives_kill
{
	my ($name, $ids, $statement, $caught) = @_;
	subtest "killed $name" => sub {
		my $key = "killed $name";
		sql("SELECT fail_some($_, 1)") foreach @$ids;
		my $failed = join ', ', map { "$_ failed 0" } @$ids;
		my $list = join ',', @$ids;
		my $keeper = close_gates($ids->[0]);
		my ($victim, $pid) = start_statement(sprintf $statement, "replay_execute('{$list}', '$key')");
		wait_for($node, 'postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE pid = $pid AND $caught", 'caught in the act');
		is(state_of(@$ids), $failed, 'nobody sees anything of it');
		my $offset = -s $node->logfile;
		is(kill('KILL', $pid), 1, 'killed');
		ok(poll_until(sub { log_lines($node, qr/all server processes terminated; reinitializing/, $offset) }), 'the server notices');
		ok($node->poll_query_until('postgres', 'SELECT true'), 'and comes back');
		eval { $_->quit } foreach ($victim, $keeper);
		is(state_of(@$ids), $failed, 'nothing has been done');
		is(sql("SELECT count(*) FROM operator_replays WHERE idempotency_key = '$key'"), '0', 'nor is anything known of it');
		is(sql("SELECT string_agg(r.outcome, ', ') FROM replay_execute('{$list}', '$key') AS r"),
			join(', ', map { 'replayed' } @$ids), 'it can be done again under its key');
		is(state_of(@$ids), join(', ', map { "$_ pending 1" } @$ids), 'and then is done once');
		is(sql('SELECT count(*) FROM audit_verify()'), '0', 'the chain is whole');
	};
	return;
}
my $at_gate = q(wait_event = 'advisory');
survives_kill('in its update', [ 1000021, 1000022 ], 'SELECT * FROM %s;', $at_gate);
survives_kill('at its commit', [ 2000021, 2000022 ], 'SELECT * FROM %s;', $at_gate);
survives_kill('before its commit', [ 3000021, 3000022 ], 'BEGIN; SELECT * FROM %s;', q(state = 'idle in transaction'));

subtest 'the server stops at once' => sub {
	sql('SELECT fail_some(1000031, 2); SELECT fail_some(2000031, 2); SELECT fail_some(1000041, 1)');

	# Too old for those who plan without naming them.
	sql(q(UPDATE deliveries SET created_at = created_at - interval '30 days' WHERE status = 'failed'; SELECT fail_some(30000, 4000)));
	my $before = sql('SELECT count(*) FROM operator_audit');
	my $keeper = close_gates(1000031, 2000031);
	my ($in_update, $pid) = start_statement(q(SELECT * FROM replay_execute('{1000031,1000032}', 'stopped in its update');));
	wait_at($pid, 'one that updates');
	my ($at_commit, $commit_pid) =
	  start_statement(q(SELECT * FROM replay_execute('{2000031,2000032}', 'stopped at its commit');));
	wait_at($commit_pid, 'one that commits');
	$node->stop('immediate');
	$node->start;
	eval { $_->quit } foreach ($in_update, $at_commit, $keeper);
	is(
		state_of(1000031, 1000032, 2000031, 2000032),
		'1000031 failed 0, 1000032 failed 0, 2000031 failed 0, 2000032 failed 0',
		'neither has done anything'
	);
	is(sql(q(SELECT count(*) FROM operator_replays WHERE idempotency_key LIKE 'stopped %')), '0', 'nor is known');

	# In the middle of many.
	my $run = start_sessions(8, ['replay'], '-T', $seconds);
	wait_for($node, 'postgres', "SELECT count(*) > $before + 100 FROM operator_audit", 'much has been done');
	is(sql(q(SELECT r.outcome FROM replay_execute('{1000041}', 'committed') AS r)), 'replayed', 'this, too');
	$node->stop('immediate');
	$run->{handle}->finish;
	$node->start;
	is(state_of(1000041), '1000041 pending 1', 'what was committed is there');
	is(sql(q(SELECT r.outcome || (r.audit_id = a.id) FROM replay_execute('{1000041}', 'committed') AS r
	    JOIN operator_audit AS a ON target_id = r.delivery_id)), 'replayedtrue', 'with its answer');
	is(
		sql(
			q(SELECT count(*) FROM deliveries AS d
			  LEFT JOIN (SELECT target_id, count(*) AS audited FROM operator_audit GROUP BY target_id) AS a ON target_id = d.id::text
			  WHERE d.id BETWEEN 30000 AND 33999 AND coalesce(audited, 0) <> (status = 'pending')::int)
		),
		'0',
		'each is put back and in the audit, or neither'
	);
	cmp_ok(sql(q(SELECT count(*) FROM deliveries WHERE id BETWEEN 30000 AND 33999 AND status = 'pending')),
		'>', 0, 'there are some of them');
	is(sql(q(SELECT count(*) FROM disagreements WHERE id IS NOT NULL)), '0', 'as the trigger saw it');
	is(sql('SELECT count(*) FROM audit_verify()'), '0', 'the chain is whole');
	is(
		sql(q(SELECT count(*) FILTER (WHERE r.outcome = 'replayed') FROM replay_execute('{1000031,1000032,2000031,2000032}', 'stopped in its update') AS r)),
		'4',
		'and goes on'
	);
	is(sql('SELECT count(*) FROM audit_verify()'), '0', 'whole');
};

subtest 'other kinds of sources' => sub {
	my ($host, $port) = ($node->host, $node->port);
	sql(
		qq(
CREATE TABLE twice (LIKE deliveries);
CREATE FUNCTION fill() RETURNS void LANGUAGE sql AS \$\$
  DELETE FROM twice;
  INSERT INTO twice SELECT i, 't', 'e', 'failed', n, NULL, now() - interval '3 hours', NULL
  FROM (VALUES (1, 1), (1, 2), (2, 1), (3, 1), (4, 1), (5, 1)) AS v (i, n) \$\$;
CREATE FUNCTION twice_as() RETURNS text LANGUAGE sql AS
  \$\$ SELECT string_agg(id || ' ' || status || ' ' || attempts, ', ' ORDER BY id, attempts) FROM twice \$\$;
SELECT fill(), delivery_source_register('twice', 'twice', '{"replay_status": "pending"}'))
	);

	# Of one that has two rows, another session has one.
	my $other = $node->background_psql('postgres');
	$other->query_safe('BEGIN; SELECT FROM twice WHERE id = 1 AND attempts = 2 FOR UPDATE');
	my $outcomes = q(SELECT string_agg(r.delivery_id || ' ' || r.outcome, ', ') FROM replay_execute);
	is(sql("$outcomes('{1,2}', 'half', source => 'twice') AS r"), '1 refused, 2 replayed', 'one that is not alone');
	is(sql('SELECT twice_as()'),
		'1 failed 1, 1 failed 2, 2 pending 0, 3 failed 1, 4 failed 1, 5 failed 1', 'is left as it is');
	$other->quit;

	# What changes while a function is at it is not its doing.
	sql(
		q(
CREATE TABLE calls (ids text[]);
CREATE FUNCTION requeue(ids text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO calls VALUES (ids);
  PERFORM pg_advisory_xact_lock_shared(1);
  RETURN QUERY UPDATE twice SET status = 'pending' WHERE id = ANY (ids::int[]) AND status = 'failed' AND id <> 5 RETURNING id::text;
END $$;
SELECT fill(), delivery_source_register('twice', 'called', '{"replay_function": "requeue"}'))
	);
	my $keeper = close_gates(1);
	my ($session, $pid) = start_statement(
		"INSERT INTO answers (key, answer) SELECT 'called', ($outcomes('{2,3,4,5}', 'called', source => 'called') AS r);");
	wait_at($pid, 'the function');
	sql(q(UPDATE twice SET status = 'delivered' WHERE id = 3; DELETE FROM twice WHERE id = 4));
	$keeper->quit;
	wait_for($node, 'postgres', "SELECT state = 'idle' FROM pg_stat_activity WHERE pid = $pid", 'it comes to its end');
	$session->quit;
	is(sql(q(SELECT answer FROM answers WHERE key = 'called')),
		'2 replayed, 3 not_failed, 4 not_found, 5 refused', 'each is what it is');
	is(sql('SELECT twice_as()'), '1 failed 1, 1 failed 2, 2 pending 1, 3 delivered 1, 5 failed 1', 'and where it is');
	is(sql('SELECT ids FROM calls'), '{2}', 'the call that counts is the last');

	# A trigger on the other side of a foreign table.
	sql(
		qq(
CREATE EXTENSION postgres_fdw;
CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'postgres');
CREATE USER MAPPING FOR CURRENT_USER SERVER far;
CREATE FOREIGN TABLE far (id int, tenant_id text, endpoint text, status text, attempts int, next_retry_at timestamptz,
  created_at timestamptz, updated_at timestamptz) SERVER far OPTIONS (table_name 'twice');
CREATE TRIGGER keep_back BEFORE UPDATE ON twice FOR EACH ROW WHEN (new.id = 2) EXECUTE FUNCTION keep_back();
CREATE FUNCTION send_twice_back() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN
  UPDATE public.twice SET status = 'failed' WHERE id = new.id;
  RETURN NULL;
END \$\$;
CREATE TRIGGER send_back AFTER UPDATE ON twice FOR EACH ROW WHEN (new.id = 3 AND new.status = 'pending')
  EXECUTE FUNCTION send_twice_back();
SELECT fill(), delivery_source_register('far', 'far', '{"replay_status": "pending"}'))
	);
	is(sql("$outcomes('{1,2,3,4}', 'far', source => 'far') AS r"),
		'1 refused, 2 refused, 3 refused, 4 replayed', 'a foreign table');
	is(sql('SELECT twice_as()'),
		'1 failed 1, 1 failed 2, 2 failed 1, 3 failed 1, 4 pending 0, 5 failed 1', 'as over there');
	is(sql('SELECT count(*) FROM audit_verify()'), '0', 'the chain is whole');
	sql(q(SELECT delivery_source_drop(name) FROM unnest(ARRAY['twice', 'called', 'far']) AS name));
};

my $log = slurp_file($node->logfile);
unlike($log, qr/deadlock detected|PANIC|TRAP|terminate called/, 'no deadlock, and nothing failed badly');
is(() = $log =~ /was terminated by signal 9/g, 3, 'only those have crashed that were killed');
unlike($log, qr/ 23505 /, 'no duplicate key');
$node->stop;
done_testing();
