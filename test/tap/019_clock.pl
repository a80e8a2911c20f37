# A clock that is three days ahead for some seconds: nothing waits for that time to come.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use Insights;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

# A library that moves the server's clock by what a file says; what passes goes on as it does.
my $dir    = PostgreSQL::Test::Utils::tempdir;
my $shift  = "$dir/shift";
my $source = "$dir/clock.c";
append_to_file($source, <<'END');
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

static volatile int64_t *seconds;

__attribute__((constructor)) static void begin(void) {
  int file = open(getenv("CLOCK_SHIFT"), O_RDONLY);
  void *map = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
  seconds = map == MAP_FAILED ? NULL : map;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  static int (*real)(clockid_t, struct timespec *);
  if (real == NULL) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(clock, now);
  if (clock == CLOCK_REALTIME && seconds != NULL) now->tv_sec += *seconds;
  return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  struct timespec precise;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &precise);
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *to) {
  struct timespec precise;
  clock_gettime(CLOCK_REALTIME, &precise);
  if (to != NULL) *to = precise.tv_sec;
  return precise.tv_sec;
}
END
system_or_bail($ENV{CC} // 'cc', '-shared', '-fPIC', '-O1', '-o', "$dir/clock.so", $source, '-ldl');

sub set_clock
{
	my ($ahead) = @_;
	open my $file, -e $shift ? '+<' : '>', $shift or die $!;
	syswrite $file, pack('q', $ahead);
	close $file or die $!;
	return;
}

set_clock(0);
my $node;
{
	local $ENV{CLOCK_SHIFT} = $shift;
	local $ENV{LD_PRELOAD}  = "$dir/clock.so";
	$node = start_watched_node('clock', 'anomaly_insights.retention = 90');
}

sub sql { return $node->safe_psql('postgres', $_[0]) }

sub comes
{
	my ($condition, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return wait_for($node, 'postgres', "SELECT $condition", $name);
}

sub status { return "(SELECT $_[0] FROM anomaly_insights_status())" }

# What failed of an endpoint in the last minutes, and what was delivered before.
sub breach
{
	my ($endpoint) = @_;
	sql(
		"INSERT INTO deliveries (tenant_id, endpoint, status, created_at)
		 SELECT 't', '$endpoint', 'delivered', now() - interval '3 minutes' - i * interval '20 seconds' FROM generate_series(1, 240) i
		 UNION ALL SELECT 't', '$endpoint', 'failed', now() - i * interval '2 seconds' FROM generate_series(1, 40) i"
	);
	return;
}

sub is_open { return "EXISTS (SELECT FROM anomalies_active WHERE endpoint = '$_[0]' AND failure_cluster_detected)" }

sql('CREATE TABLE deliveries (tenant_id text, endpoint text, status text, created_at timestamptz)');
breach('before');
sql(q(SELECT delivery_source_register('deliveries')));
comes(is_open('before'), 'an incident opens');

# ---- ahead ----

my $real = sql('SELECT clock_timestamp()');
set_clock(3 * 86400);
is(sql("SELECT clock_timestamp() > timestamptz '$real' + interval '2 days'"), 't', 'the clock is ahead');
comes("EXISTS (SELECT FROM anomalies WHERE evaluated_at > timestamptz '$real' + interval '2 days')",
	'the worker evaluates as of then');
sql(q(SELECT anomaly_acknowledge(id) FROM anomalies_active WHERE endpoint = 'before'));
sql(q(INSERT INTO anomaly_candidates (source, scope, tenant_id, endpoint, failure_since) VALUES ('default', 'endpoint', 't', 'x', now())));
usleep(3_000_000);
set_clock(0);

# ---- and right again ----

breach('after');
my $began = time;
comes(is_open('after'), 'the next incident opens');
cmp_ok(time - $began, '<', 60, 'at once');
comes(status(q(state = 'ok' AND worker_state IN ('waiting', 'running'))), 'the source is evaluated');
comes(status(q(last_success BETWEEN now() - interval '10 seconds' AND clock_timestamp())), 'its age is right');
is(sql('SELECT ' . status(q(last_run <= clock_timestamp() AND next_run < clock_timestamp() + interval '1 minute'))),
	't', 'no time of the status is ahead, and the next run is near');
comes(
	q(NOT EXISTS (SELECT FROM anomalies WHERE greatest(detected_at, last_seen_at, evaluated_at, level_since, calm_since,
		resolved_at, acknowledged_at) > now()) AND NOT EXISTS (SELECT FROM anomaly_events WHERE at > now())
		AND NOT EXISTS (SELECT FROM anomaly_candidates WHERE failure_since > now())),
	'nor is what was stored'
);
comes(q((SELECT outcome = 'done' FROM anomalies_scan())), 'a scan by hand is done');
sql(q(UPDATE deliveries SET status = 'delivered'));
comes(q(NOT EXISTS (SELECT FROM anomalies_active)), 'incidents end');
is(sql(q(SELECT bool_and(resolved_at <= now() AND resolved_at >= detected_at) FROM anomalies)), 't', 'when they did');

# ---- a restart of the server while its clock is ahead ----

set_clock(3 * 86400);
{
	local $ENV{CLOCK_SHIFT} = $shift;
	local $ENV{LD_PRELOAD}  = "$dir/clock.so";
	$node->restart;
}
comes(status(q(state = 'ok')), 'after a restart the source is evaluated');
set_clock(0);
breach('restarted');
comes(is_open('restarted'), 'and goes on when the clock is right');

# ---- pruning ----

sql(q(UPDATE anomaly_events SET at = now() - interval '200 days';
	UPDATE anomaly_events SET at = now() + interval '3 days' WHERE seq IN (SELECT seq FROM anomaly_events ORDER BY seq LIMIT 2)));
comes(
	q(NOT EXISTS (SELECT FROM anomaly_events WHERE at < now() - interval '100 days' OR at > now())),
	'events of the future are no obstacle to pruning'
);

# ---- as_of ----

my $id = sql('SELECT min(id) FROM anomalies');
my $mute = sql(q(SELECT anomaly_mute('t')));
my %writes = (
	anomalies_scan      => "anomalies_scan(as_of => %s)",
	anomaly_acknowledge => "anomaly_acknowledge($id, as_of => %s)",
	anomaly_resolve     => "anomaly_resolve($id, as_of => %s)",
	anomalies_prune     => "anomalies_prune(as_of => %s)",
	anomaly_unmute      => "anomaly_unmute($mute, at => %s)",
);
foreach my $name (sort keys %writes)
{
	my $ahead = sprintf $writes{$name}, "now() + interval '61 seconds'";
	fails_with($node, 'postgres', "SELECT $ahead", '22023', qr/^(?:as_of|at) is in the future: ".*".*^HINT:  Leave it out/ms, "$name of the future");
}
is(sql(q(SELECT outcome FROM anomalies_scan(as_of => now() + interval '50 seconds'))), 'done', 'a moment ahead is allowed');
is(sql(q(SELECT count(*) FROM anomalies_current(as_of => '2100-01-01'))), '0', 'a report takes any time');

subtest 'superseded, without a worker' => sub {
	sql(q(ALTER SYSTEM SET anomaly_insights.naptime = 0));
	$node->reload;
	comes(status(q(worker_state = 'off')), 'the worker is off');
	breach('superseded');
	comes(q((SELECT outcome = 'done' FROM anomalies_scan())), 'a scan');
	is(sql(q(SELECT outcome FROM anomalies_scan(as_of => now() - interval '1 hour'))), 'superseded', 'a scan of the past');
	is(sql('SELECT ' . status('state')), 'superseded', 'is what the status says');
	comes(q((SELECT outcome = 'done' FROM anomalies_scan())), 'until the next');
	is(sql('SELECT ' . status('state')), 'ok', 'which is done');
};

$node->stop;
done_testing();
