# What the TAP tests share: a server with the extension, generated deliveries, and errors as SQLSTATE and message.
package Insights;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use File::Basename qw(dirname);
use JSON::PP       ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

our @EXPORT = qw(start_node generate error_of fails_with answers force_parallel background_error NOON
  start_watched_node create_deliveries create_slow_view wait_for poll_until log_lines);

# Where generated deliveries end: the same rows in each run, so the same answers.
use constant NOON => '2026-01-15 12:00:00+00';

# A server whose database postgres is UTF8 and has the extension. It does not come back from a crash by itself, so a
# backend that crashes ends the test.
sub start_node
{
	my ($name, $conf, %init) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(extra => [ '--encoding=UTF8', '--locale=C' ], %init);
	$node->append_conf('postgresql.conf', $_)
	  foreach (
		'autovacuum = off',
		"timezone = 'UTC'",
		'max_worker_processes = 16',
		'shared_buffers = 128MB',
		$conf // ''
	  );
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION anomaly_insights');
	return $node;
}

# The table deliveries of bench/generate.sql; variables as there.
sub generate
{
	my ($node, $database, %variables) = @_;
	%variables = (until => NOON, %variables);
	system_or_bail(
		'psql', '-X', '-q', '-d',
		$node->connstr($database),
		(map { ('-v', "$_=$variables{$_}") } sort keys %variables),
		'-f', dirname(__FILE__) . '/../../bench/generate.sql'
	);
	return;
}

# SQLSTATE and the whole message (with detail, hint, context) of the first error of the statements, or nothing.
sub error_of
{
	my ($node, $database, $sql, %params) = @_;
	my $stderr = '';
	$node->psql(
		$database, "\\set VERBOSITY verbose\n$sql",
		stdout => \my $stdout,
		stderr => \$stderr,
		on_error_stop => 1,
		%params
	);
	return $stderr =~ /(?:ERROR|FATAL):  (\w{5}): (.*)/s ? ($1, $2) : ();
}

# The same for a session that stays open.
sub background_error
{
	my ($session, $sql) = @_;
	$session->{stderr} = '';
	my $stdout = $session->query("\\set VERBOSITY verbose\n$sql");
	my $stderr = $session->{stderr};
	$session->{stderr} = '';
	return $stderr =~ /(?:ERROR|FATAL):  (\w{5}): (.*)/s ? ($1, $2) : ('', $stdout);
}

sub fails_with
{
	my ($node, $database, $sql, $state, $message, $name, %params) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($found, $text) = error_of($node, $database, $sql, %params);
	return is($found, $state, $name) && like($text, $message, "$name: its message");
}

# What both methods say, as rows and as JSON, in one text to compare.
sub answers
{
	my ($node, $database, $arguments, %params) = @_;
	my $settings = $params{settings} // '';
	return $node->safe_psql(
		$database,
		join(
			'',
			$settings,
			map {
				"SELECT to_jsonb(a) FROM anomalies_current($arguments, method => '$_') AS a;
				 SELECT anomalies_current_json($arguments, method => '$_');"
			} qw(rate reference)
		),
		($params{connstr} ? (connstr => $params{connstr}) : ())
	);
}

# A server whose workers look every second, and whose incidents open and end within seconds.
sub start_watched_node
{
	my ($name, $conf, %init) = @_;
	return start_node(
		$name,
		join("\n",
			"shared_preload_libraries = 'anomaly_insights'",
			'anomaly_insights.naptime = 1',
			'anomaly_insights.open_after = 1',
			'anomaly_insights.resolve_after = 1',
			$conf // ''),
		%init
	);
}

# An empty table of deliveries and what fills it: a number of deliveries to an endpoint, spread evenly over a stretch of
# time that began and ended so long ago.
sub create_deliveries
{
	my ($node, $database, $table) = @_;
	$table //= 'deliveries';
	$node->safe_psql(
		$database, qq(
CREATE TABLE $table (tenant_id text, endpoint text NOT NULL, status text NOT NULL, created_at timestamptz NOT NULL);
CREATE INDEX ON $table (created_at);
CREATE FUNCTION deliver_to_$table(endpoint text, status text, n int, first interval, last interval DEFAULT '0', tenant text DEFAULT 'tenant')
RETURNS void LANGUAGE sql AS \$\$
  INSERT INTO $table SELECT tenant, endpoint, status, now() - last - (first - last) * i / n FROM generate_series(0, n - 1) AS i
\$\$)
	);
	return;
}

# A view on them that takes as long as the table slowness says, so that a tick can be caught in the act.
sub create_slow_view
{
	my ($node, $database) = @_;
	$node->safe_psql(
		$database, q(
CREATE TABLE slowness AS SELECT 0::float8 AS seconds;
CREATE VIEW slow AS SELECT * FROM deliveries WHERE (SELECT pg_sleep(seconds) IS NOT NULL FROM slowness))
	);
	return;
}

# Waits until the query is true; where it never is, says what the worker says.
sub wait_for
{
	my ($node, $database, $query, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $came = $node->poll_query_until($database, $query);
	ok($came, $name)
	  or diag($query, "\n", $node->safe_psql($database, 'SELECT to_jsonb(s) FROM anomaly_insights_status() AS s'));
	return $came;
}

# The same for a condition that is no query.
sub poll_until
{
	my ($condition) = @_;
	foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return 1 if $condition->();
		usleep(100_000);
	}
	return 0;
}

# How many lines of the server's log match, from a position on.
sub log_lines
{
	my ($node, $pattern, $offset) = @_;
	my $count = () = slurp_file($node->logfile, $offset // 0) =~ /$pattern/g;
	return $count;
}

# The setting that makes every plan parallel that may be.
sub force_parallel
{
	my ($node, $value) = @_;
	return ($node->pg_version >= 16 ? 'debug_parallel_query' : 'force_parallel_mode') . " = $value";
}

1;
