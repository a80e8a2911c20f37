# The examples of docs/sources.md as they stand there, on the tables of the systems that it names (test/systems): what an
# empty mapping says, that the mapping to paste counts as plain SQL on the system's own words does, that an outage is seen
# with it, and that a replay puts a failed delivery where the system looks for its work.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use Insights;
use PostgreSQL::Test::Utils;
use Test::More;

my $ROOT = "$FindBin::RealBin/../..";

# A zone of its own: local times are read in the source's zone, not in the session's.
my $node = start_node('systems', "timezone = 'Asia/Kolkata'");

my ($general, $of_systems) = split /^# Systems$/m, slurp_file("$ROOT/docs/sources.md");
my %sections = $of_systems =~ /^## ([^\n]+)\n(.*?)(?=^## |\z)/gms;

# The blocks of a section: [language, text], in their order.
sub blocks
{
	my ($text) = @_;
	my @found;
	push @found, [ $1, $2 ] while $text =~ /^```(sql|text)\n(.*?)^```$/gms;
	return @found;
}

# What asks for an attempt over an API, or puts it into the table that the worker of docs/sources.md reads.
sub asked { return "SELECT delivery_id FROM app.resend WHERE source = '$_[0]'" }

# By the title of the section. counts: delivered, failed, pending and dead_letter of the last 24 hours in the system's own
# words; failed: some to replay; taken: what the system would take up next; followed: an attempt that a later one follows;
# plain: an UPDATE does it.
my %systems = (
	'Svix' => {
		file => 'svix',
		counts => q(count(*) FILTER (WHERE status = 0), count(*) FILTER (WHERE status = 2),
			count(*) FILTER (WHERE status IN (1, 3)), 0 FROM messageattempt WHERE created_at),
		failed => q(SELECT id FROM messageattempt WHERE status = 2 AND attempt_number = 7),
		taken => asked('svix'),
		followed => q('atmpt_followed_0')
	},
	'Convoy' => {
		file => 'convoy',
		counts => q(count(*) FILTER (WHERE status = 'Success'), count(*) FILTER (WHERE status = 'Retry'),
			count(*) FILTER (WHERE status IN ('Scheduled', 'Processing')),
			count(*) FILTER (WHERE status IN ('Failure', 'Discarded'))
			FROM convoy.event_deliveries WHERE deleted_at IS NULL AND created_at),
		failed => q(SELECT id FROM convoy.event_deliveries WHERE status = 'Failure'),
		taken => asked('convoy'),
		more => {
			convoy_attempts => q(count(*) FILTER (WHERE status), count(*) FILTER (WHERE NOT status), 0, 0
				FROM convoy.delivery_attempts WHERE created_at)
		}
	},
	'Hookdeck Outpost' => {
		file => 'outpost',
		counts => q(count(*) FILTER (WHERE status = 'success'), count(*) FILTER (WHERE status = 'failed'), 0, 0
			FROM attempts WHERE time),
		failed => q(SELECT id FROM attempts WHERE status = 'failed' AND code = 'ERR'),
		taken => asked('outpost'),
		followed => q('att_followed_0')
	},
	'Hook0' => {
		file => 'hook0',
		counts => q(count(succeeded_at), count(failed_at),
			count(*) FILTER (WHERE succeeded_at IS NULL AND failed_at IS NULL), 0
			FROM webhook.request_attempt WHERE created_at),
		failed => q(SELECT request_attempt__id FROM webhook.request_attempt WHERE failed_at IS NOT NULL AND retry_count = 24),
		# Another attempt of the same delivery.
		taken => q(SELECT o.request_attempt__id FROM webhook.request_attempt AS n
			JOIN webhook.request_attempt AS o USING (event__id, subscription__id)
			WHERE n.succeeded_at IS NULL AND n.failed_at IS NULL
			  AND (n.delay_until IS NULL OR n.delay_until <= statement_timestamp()) AND o.failed_at IS NOT NULL),
		followed => q(key_of('followed 0'))
	},
	'Hasura' => {
		file => 'hasura',
		counts => q(count(*) FILTER (WHERE delivered),
			count(*) FILTER (WHERE NOT delivered AND NOT error AND next_retry_at IS NOT NULL),
			count(*) FILTER (WHERE NOT delivered AND NOT error AND next_retry_at IS NULL), count(*) FILTER (WHERE error)
			FROM hdb_catalog.event_log WHERE NOT archived AND created_at AT TIME ZONE 'UTC'),
		failed => q(SELECT id FROM hdb_catalog.event_log WHERE error),
		taken => q(SELECT id FROM hdb_catalog.event_log WHERE NOT delivered AND NOT error AND NOT archived
			AND (locked IS NULL OR locked < now() - interval '30 minutes')
			AND (next_retry_at IS NULL OR next_retry_at <= now() AT TIME ZONE 'UTC') AND tries = 0),
		more => {
			hasura_attempts => q(count(*) FILTER (WHERE status = 200), count(*) FILTER (WHERE status IN (503, 1000)), 0, 0
				FROM hdb_catalog.event_invocation_logs WHERE created_at AT TIME ZONE 'UTC')
		}
	},
	'River' => {
		file => 'river',
		counts => q(count(*) FILTER (WHERE state = 'completed'), count(*) FILTER (WHERE state = 'retryable'),
			count(*) FILTER (WHERE state IN ('available', 'scheduled', 'pending', 'running')),
			count(*) FILTER (WHERE state IN ('discarded', 'cancelled')) FROM river_job WHERE created_at),
		failed => q(SELECT id FROM river_job WHERE state = 'discarded'),
		taken => q(SELECT id FROM river_job WHERE state = 'available' AND scheduled_at <= now() AND attempt < max_attempts)
	},
	'pg-boss' => {
		file => 'pgboss',
		counts => q(count(*) FILTER (WHERE state = 'completed'), count(*) FILTER (WHERE state = 'retry'),
			count(*) FILTER (WHERE state IN ('created', 'active')),
			count(*) FILTER (WHERE state IN ('failed', 'cancelled')) FROM pgboss.job WHERE created_on),
		failed => q(SELECT id FROM pgboss.job WHERE state = 'failed'),
		# And it is not what is deleted meanwhile.
		taken => q(SELECT id FROM pgboss.job WHERE state < 'active' AND NOT blocked AND start_after <= now()
			AND keep_until > now() AND completed_on IS NULL),
		stranded => 1
	},
	'Oban' => {
		file => 'oban',
		counts => q(count(*) FILTER (WHERE state = 'completed'), count(*) FILTER (WHERE state = 'retryable'),
			count(*) FILTER (WHERE state IN ('available', 'scheduled', 'suspended', 'executing')),
			count(*) FILTER (WHERE state IN ('discarded', 'cancelled')) FROM oban_jobs WHERE inserted_at AT TIME ZONE 'UTC'),
		failed => q(SELECT id FROM oban_jobs WHERE state = 'discarded'),
		taken => q(SELECT id FROM oban_jobs WHERE state = 'available' AND attempt < max_attempts
			AND scheduled_at <= now() AT TIME ZONE 'UTC'),
		plain => 1
	},
	'GoodJob' => {
		file => 'goodjob',
		counts => q(count(*) FILTER (WHERE finished_at IS NOT NULL AND error IS NULL),
			count(*) FILTER (WHERE finished_at IS NULL AND error IS NOT NULL),
			count(*) FILTER (WHERE finished_at IS NULL AND error IS NULL),
			count(*) FILTER (WHERE finished_at IS NOT NULL AND error IS NOT NULL)
			FROM good_jobs WHERE created_at AT TIME ZONE 'UTC'),
		failed => q(SELECT id FROM good_jobs WHERE finished_at IS NOT NULL AND error ~ 'ECONNREFUSED'),
		taken => q(SELECT id FROM good_jobs WHERE finished_at IS NULL AND locked_by_id IS NULL AND performed_at IS NULL
			AND scheduled_at <= now() AT TIME ZONE 'UTC')
	},
	'Supabase pg_net' => {
		file => 'pgnet',
		counts => q(count(*) FILTER (WHERE a.status_code = 200), count(*) FILTER (WHERE a.status_code = 503 OR a.timed_out),
			count(*) FILTER (WHERE a.id IS NULL), 0
			FROM webhook_requests AS r LEFT JOIN net._http_response AS a ON a.id = r.request_id WHERE r.requested_at),
		failed => q(SELECT id FROM net._http_response WHERE timed_out)
	});

is_deeply([ sort keys %sections ], [ sort keys %systems ], 'every system of the docs is tried');

# Runs the statements; what the server said, errors and warnings.
sub said
{
	my ($database, $sql) = @_;
	$node->psql($database, $sql, stderr => \my $stderr, on_error_stop => 1);
	return $stderr // '';
}

sub lines { my ($text) = @_; return grep { length } split /\n/, $text }

# What the docs quote must be among what was said, and nothing that is not quoted may have failed.
sub says_what_is_quoted
{
	my ($database, $sql, $quoted, $title) = @_;
	my $said = said($database, $sql);
	if ($quoted eq "registered\n")
	{
		is($said, '', "$title: registers");
		return;
	}
	foreach my $line (lines($quoted))
	{
		like($said, qr/\Q$line\E(?:\n|$)/, "$title: says: $line");
	}
	unlike($said, qr/ERROR: /, "$title: registers, with a warning") if $quoted !~ /^ERROR: /m;
	return;
}

sub stats_are
{
	my ($database, $source, $counts, $title) = @_;
	my ($ours, $theirs) = split /\n/, $node->safe_psql(
		$database, qq(SELECT delivered, failed, pending, dead_letter FROM insights.delivery_stats(24, source => '$source')
			UNION ALL (SELECT $counts > now() - interval '24 hours')));
	is($ours, $theirs, "$title: $source counts as the system does");
	is($node->safe_psql($database,
			"SELECT total - delivered - failed - pending - dead_letter FROM insights.delivery_stats(24, source => '$source')"),
		0, "$title: $source has no word that is not mapped");
	return;
}

# The section's table of words says what its mapping says.
sub words_are_mapped
{
	my ($database, $source, $section, $title) = @_;
	my ($table) = $section =~ /^\| word \|[^\n]*\n\|[-|]+\n((?:\|[^\n]*\n)+)/m or return;
	my @rows = map { "'$_'" } map { my ($words, $class) = /^\| (.*?) \|.*\| (\w+) \|$/; map { "$_ $class" } $words =~ /`(\w+)`/g }
	  lines($table);
	is($node->safe_psql($database,
			"SELECT count(*) FROM insights.delivery_sources, jsonb_each_text(mapping -> 'statuses') AS s (word, class)
			 WHERE name = '$source' AND word || ' ' || class IN (" . join(', ', @rows) . ')'),
		scalar @rows, "$title: its words are mapped as its table says");
	return;
}

sub replay
{
	my ($source, $id, $key) = @_;
	return qq(SELECT outcome FROM insights.replay_execute(ARRAY['$id'], '$key', force => true, source => '$source'));
}

# The mapping without its function.
sub register_plainly
{
	my ($source) = @_;
	return qq(SELECT insights.delivery_source_register(relation::regclass, name, mapping - 'replay_function')
		FROM insights.delivery_sources WHERE name = '$source');
}

sub try_system
{
	my ($title, $system) = @_;
	my $database = my $source = $system->{file};
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, 'CREATE SCHEMA insights; CREATE EXTENSION anomaly_insights SCHEMA insights;');
	$node->safe_psql($database, slurp_file("$ROOT/test/systems/$_.sql")) foreach 'plausible', $source;
	$node->safe_psql($database, $_->[1]) foreach blocks($general);

	my @blocks = blocks($sections{$title});
	is($blocks[1][0], 'text', "$title: begins with {} and what that says");
	while (@blocks > 1 && $blocks[1][0] eq 'text')
	{
		my ($statement, $quoted) = splice @blocks, 0, 2;
		says_what_is_quoted($database, $statement->[1], $quoted->[1], $title);
	}
	is(said($database, $_->[1]), '', "$title: " . (split /\n/, $_->[1])[0]) foreach @blocks;
	words_are_mapped($database, $source, $sections{$title}, $title);

	my %sources = ($source => $system->{counts}, %{ $system->{more} // {} });
	stats_are($database, $_, $sources{$_}, $title) foreach sort keys %sources;
	foreach my $name (sort keys %sources)
	{
		like($node->safe_psql($database,
				"SELECT DISTINCT endpoint FROM insights.anomalies_current(source => '$name') WHERE failure_cluster_detected"),
			qr/^\S*a$/, "$title: the outage is seen in $name, at the endpoint that refuses");
		is($node->safe_psql($database,
				"SELECT string_agg(format('%s: %s', \"check\", detail), '; ') FROM insights.delivery_source_check('$name')
				 WHERE level = 'error'"), '', "$title: the check of $name has no error");
	}
	try_replay($title, $database, $source, $system);
	return;
}

sub try_replay
{
	my ($title, $database, $source, $system) = @_;
	my ($id, $other) = split /\n/, $node->safe_psql($database, "$system->{failed} ORDER BY 1 DESC LIMIT 2");
	my $in_line = sub {
		my ($of) = @_;
		return $node->safe_psql($database, "SELECT count(*) FROM ($system->{taken}) AS t (id) WHERE id::text = '$of'");
	};
	if ($system->{taken})
	{
		is($in_line->($id), 0, "$title: what failed is not in line");
		is($node->safe_psql($database, replay($source, $id, 'first')), 'replayed', "$title: it is replayed");
		is($in_line->($id), 1, "$title: the system would take it up next");
		is($node->safe_psql($database, replay($source, $node->safe_psql($database, "SELECT $system->{followed}"), 'followed')),
			'refused', "$title: an attempt that another followed is not")
		  if $system->{followed};
		return if $system->{plain};
		$node->safe_psql($database, register_plainly($source));
	}
	if ($system->{stranded})
	{
		is($node->safe_psql($database, replay($source, $other, 'plain')), 'replayed', "$title: an UPDATE sets the status");
		is($in_line->($other), 0, "$title: but the system would not take it up");
		return;
	}
	like($node->safe_psql($database,
			"SELECT concat_ws(' ', detail, hint) FROM insights.delivery_source_check('$source') WHERE \"check\" = 'replay'"),
		$title eq 'River'
		? qr/"finalized_or_finalized_at_null" of river_job forbids it/
		: qr/cannot be put back in line.*replay_function/s,
		"$title: the check says that an UPDATE is refused");
	like($node->safe_psql($database,
			qq(SELECT outcome FROM insights.replay_plan('{"ids": ["$other"]}', source => '$source'))),
		qr/^refuse(?:\nrefuse)*$/, "$title: so does the plan");
	my ($state, $message) = error_of($node, $database, replay($source, $other, 'plain'));
	ok(($state // '') =~ /^(?:55000|23514)$/, "$title: an UPDATE is refused") or diag($state // 'no error');
	like($message, qr/finalized_or_finalized_at_null/, "$title: and says why") if $title eq 'River';
	is($node->safe_psql($database, 'SELECT count(*) FROM insights.operator_audit'),
		$system->{taken} ? 1 : 0, "$title: and is not in the audit");
	return;
}

try_system($_, $systems{$_}) foreach sort keys %systems;

# ---- the names and words that the docs list ----

my %type = (
	(map { $_ => 'timestamptz' } qw(created_at updated_at next_retry_at)),
	(map { $_ => 'int' } qw(triage_score attempts max_attempts http_status)));
my %rows = $general =~ /^\| `(\w+)` \|[^\n]*\| ([^|\n]*) \|$/gm;
is(scalar keys %rows, 14, 'every field has its row');
foreach my $field (sort keys %rows)
{
	foreach my $name ($rows{$field} =~ /`(\w+)`/g)
	{
		my %columns = (created_at => 'created_at timestamptz', endpoint => 'endpoint text', status => 'status text');
		$columns{$field} = qq("$name" ) . ($type{$field} // 'text');
		is($node->safe_psql('postgres',
				'CREATE TABLE usual (' . join(', ', sort values %columns) . ");
				 SELECT (delivery_source_register('usual') ->> '$field') ILIKE '%$name%'; DROP TABLE usual"),
			't', "$name is a usual name of $field");
	}
}

my ($listed) = $general =~ /the usual words are known in any case: ([^.]*)\./;
my @classes = map { [ /(\w+)/g ] } split /;/, $listed // '';
is(scalar @classes, 4, 'four classes of words');
foreach my $class (qw(delivered failed dead_letter pending))
{
	my $words = shift @classes;
	$node->safe_psql('postgres', 'DROP TABLE IF EXISTS usual;
		CREATE TABLE usual (created_at timestamptz DEFAULT now(), endpoint text, status text);
		INSERT INTO usual (status) VALUES ' . join(', ', map { "('$_'), (upper('$_'))" } @$words) . ";
		SELECT delivery_source_register('usual')");
	is($node->safe_psql('postgres', "SELECT $class FROM delivery_stats(24)"), 2 * @$words, "the usual words for $class: @$words");
}

done_testing();
