# A report runs with the privileges of its caller and no others: over connections of their own roles, under row-level
# security, with a search_path that somebody has set traps in, in a read-only transaction and on a standby.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use Insights;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('privileges', '', allows_streaming => 1);
my $noon = "as_of => '" . NOON . "'";
generate($node, 'postgres', rows => 200000);
$node->safe_psql('postgres', "CREATE ROLE $_ LOGIN") foreach qw(alice bob mallory registrar acme globex);
$node->safe_psql('postgres', "SELECT delivery_source_register('deliveries', 'generated')");

sub as { return $node->connstr('postgres') . " user=$_[0]" }

sub run_as
{
	my ($role, $sql) = @_;
	return $node->safe_psql('postgres', $sql, connstr => as($role));
}

sub denied
{
	my ($role, $sql, $message, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return fails_with($node, 'postgres', "$sql;", '42501', $message, $name, connstr => as($role));
}

my $generated = "source => 'generated', $noon";
my @reports = (
	"SELECT * FROM anomalies_current($generated)",
	"SELECT anomalies_current_json($generated)",
	"SELECT * FROM anomalies_explain('acme', 'https://hooks.acme.example/orders', $generated)"
);

subtest 'without SELECT' => sub {
	foreach my $report (@reports)
	{
		denied('alice', $report, qr/permission denied for table deliveries/, $report);
	}
	denied(
		'alice',
		"SET max_parallel_workers_per_gather = 4; SET parallel_setup_cost = 0; SET min_parallel_table_scan_size = 0; $reports[0]",
		qr/permission denied for table deliveries/,
		'in parallel'
	);
	$node->safe_psql(
		'postgres', 'CREATE SCHEMA closed CREATE TABLE events (endpoint text, status text, created_at timestamptz);
	  GRANT SELECT ON closed.events TO alice;'
	);
	$node->safe_psql('postgres', "SELECT delivery_source_register('closed.events', 'closed')");
	denied(
		'alice',
		"SELECT * FROM anomalies_current(source => 'closed')",
		qr/permission denied for schema closed/,
		'nor USAGE of the schema'
	);
};

subtest 'the columns that are mapped suffice' => sub {
	$node->safe_psql(
		'postgres',
		sprintf q(
CREATE TABLE orders (org text, hook text, state text, placed timestamptz, deleted boolean, secret text);
INSERT INTO orders SELECT 'org', 'hook', 'failed', timestamptz '%s' - n * interval '5 s', false, 'secret' FROM generate_series(1, 30) AS n;
SELECT delivery_source_register('orders', 'orders',
  '{"tenant_id": "org", "endpoint": "hook", "status": "state", "created_at": "placed", "where": "NOT deleted"}');
GRANT SELECT (org, hook, state, placed) ON orders TO alice;
), NOON
	);
	my $report = "SELECT tenant_id, endpoint, recent_failures FROM anomalies_current(source => 'orders', $noon)";
	denied('alice', $report, qr/permission denied for table orders/, 'one that the filter needs is missing');
	$node->safe_psql('postgres', 'GRANT SELECT (deleted) ON orders TO alice');
	is(run_as('alice', $report), 'org|hook|30', 'rows');
	is(run_as('alice', "SELECT anomalies_current_json(source => 'orders', $noon) #>> '{summary,total_incidents}'"),
		'1', 'JSON');
	is(
		run_as(
			'alice',
			"SELECT value FROM anomalies_explain('org', 'hook', source => 'orders', $noon) WHERE item = 'failure_cluster_detected'"
		),
		'yes',
		'explain'
	);
	is(run_as('alice', q(SELECT count(*) FROM delivery_source_check('orders') WHERE level = 'error')), '0', 'check');
	denied('alice', 'SELECT secret FROM orders', qr/permission denied for table orders/, 'and the rest stays closed');
};

subtest 'row-level security' => sub {
	$node->safe_psql(
		'postgres', q(
GRANT SELECT ON deliveries TO acme, globex, bob;
ALTER TABLE deliveries ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON deliveries FOR SELECT TO acme, globex USING (tenant_id = current_user);
)
	);
	my $all = $node->safe_psql('postgres', $reports[0]);
	my $tenants = "SELECT coalesce(string_agg(DISTINCT tenant_id, ','), 'none') FROM anomalies_current($generated)";
	like($node->safe_psql('postgres', $tenants), qr/acme.*globex/, 'a superuser sees all');
	is(run_as('acme', $tenants), 'acme', 'a tenant sees its own');
	is(run_as('globex', $tenants), 'globex', 'another one as well');
	is(run_as('bob', $tenants), 'none', 'who has no policy sees nothing');
	is(
		run_as(
			'acme',
			"SELECT string_agg(DISTINCT i ->> 'tenant_id', ',') FROM jsonb_array_elements(anomalies_current_json($generated) -> 'incidents') AS i"
		),
		'acme',
		'in the JSON too'
	);
	is(
		run_as('acme', "SELECT count(*) FROM anomalies_current($generated, tenant => 'globex', method => 'reference')"),
		'0',
		'nor by asking for another tenant'
	);
	is(
		run_as(
			'acme',
			"SELECT value FROM anomalies_explain('globex', 'https://hooks.globex.example/invoices', $generated) WHERE item = 'recent_count'"
		),
		'0',
		'nor by asking why'
	);
	my $part =
	  "SELECT count(*) > 0 FROM anomalies_explain('acme', 'https://hooks.acme.example/orders', $generated) WHERE meaning ~ 'only a part'";
	is(run_as('acme', $part), 't', 'explain says that it sees a part');
	is($node->safe_psql('postgres', $part), 'f', 'and not to who sees all');
	is(run_as('acme', q(SELECT level FROM delivery_source_check('generated') WHERE "check" = 'row security')),
		'info', 'so does the check');
	is(
		$node->safe_psql(
			'postgres', "SET ROLE acme; $tenants; SET ROLE globex; $tenants; RESET ROLE; SET ROLE acme; $tenants"
		),
		"acme\nglobex\nacme",
		'SET ROLE: the role of the moment counts'
	);
	denied('acme', "SET row_security = off; $reports[0]", qr/row-level security/, 'row_security = off refuses');
	my $free =
	  'SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
	  SET min_parallel_index_scan_size = 0';
	is(run_as('acme', "$free; $tenants"), 'acme', 'in parallel');
	is(run_as('acme', 'SET ' . force_parallel($node, 'on') . "; $tenants"), 'acme', 'in a worker');

	$node->safe_psql('postgres', "ALTER ROLE globex BYPASSRLS");
	is(run_as('globex', $reports[0]), $all, 'BYPASSRLS');
	is(run_as('globex', $part), 'f', 'BYPASSRLS sees all and is told so');
	$node->safe_psql('postgres', 'ALTER ROLE globex NOBYPASSRLS');

	# Views: the old kind looks with its owner's eyes, the other with the caller's.
	$node->safe_psql(
		'postgres', q(
CREATE VIEW as_owner AS SELECT * FROM deliveries;
CREATE VIEW as_caller WITH (security_invoker) AS SELECT * FROM deliveries;
GRANT SELECT ON as_owner, as_caller TO acme;
SELECT delivery_source_register('as_owner', 'as_owner');
SELECT delivery_source_register('as_caller', 'as_caller');
)
	);
	(my $by_owner = $tenants) =~ s/'generated'/'as_owner'/;
	(my $by_caller = $tenants) =~ s/'generated'/'as_caller'/;
	is(run_as('acme', $by_owner), $node->safe_psql('postgres', $tenants), "a view shows what its owner sees");
	is(run_as('acme', $by_caller), 'acme', 'a view of the invoker shows what the caller sees');
	is(run_as('acme', $part =~ s/'generated'/'as_owner'/r), 'f', 'which is not a part');
	is(run_as('acme', $part =~ s/'generated'/'as_caller'/r), 't', 'which is a part');
	$node->safe_psql('postgres', 'ALTER TABLE deliveries DISABLE ROW LEVEL SECURITY');
};

subtest 'SECURITY DEFINER' => sub {
	$node->safe_psql(
		'postgres',
		"CREATE FUNCTION for_all() RETURNS jsonb SECURITY DEFINER LANGUAGE sql SET search_path = public, pg_temp
	  AS \$\$ SELECT anomalies_current_json($generated) \$\$"
	);
	denied('alice', $reports[1], qr/permission denied/, 'alice may not');
	is(run_as('alice', 'SELECT for_all()'), $node->safe_psql('postgres', $reports[1]), 'but by a function of who may');
};

subtest 'who registers' => sub {
	denied(
		'alice',
		"SELECT delivery_source_register('orders', 'mine')",
		qr/permission denied for function delivery_source_register/,
		'not without EXECUTE'
	);
	denied(
		'alice',
		"SELECT delivery_source_drop('orders')",
		qr/permission denied for function delivery_source_drop/,
		'nor drops'
	);
	denied('alice', $_, qr/permission denied for table delivery_sources/, $_)
	  foreach (
		'SELECT * FROM delivery_sources',
		q(UPDATE delivery_sources SET mapping = '{}'),
		'DELETE FROM delivery_sources',
		q(INSERT INTO delivery_sources (name) VALUES ('x'))
	  );
	is(run_as('alice', q(SELECT count(*) FROM delivery_source_check('orders'))) > 0, 1, 'the check is for all');

	$node->safe_psql(
		'postgres', q(
GRANT EXECUTE ON FUNCTION delivery_source_register(regclass, text, jsonb), delivery_source_drop(text) TO registrar;
CREATE TABLE its_own (endpoint text, status text, created_at timestamptz);
ALTER TABLE its_own OWNER TO registrar;
)
	);
	run_as('registrar', "SELECT delivery_source_register('its_own', 'its_own')");
	is($node->safe_psql('postgres', q(SELECT registered_by FROM delivery_sources WHERE name = 'its_own')),
		'registrar', 'with EXECUTE it is registered, with its owner');
	denied(
		'registrar',
		"SELECT delivery_source_register('deliveries', 'theirs')",
		qr/must be owner of relation deliveries/,
		'not a table that is not its own'
	);
	denied(
		'registrar', "SELECT delivery_source_register('its_own', 'orders')",
		qr/owner/, 'not over the source of another'
	);
	denied('registrar', "SELECT delivery_source_drop('orders')", qr/owner/, 'nor drops that');
	run_as('registrar', "SELECT delivery_source_drop('its_own')");
	is($node->safe_psql('postgres', q(SELECT count(*) FROM delivery_sources WHERE name = 'its_own')),
		'0', 'its own it drops');
};

# A mapping is SQL of the source; a function in it runs as the caller of the report, whoever owns it, and so whoever
# replaces it later. That is PostgreSQL's rule for views as well, and the reason why registering is a privilege.
subtest 'a mapping runs as the caller' => sub {
	$node->safe_psql(
		'postgres', q(
CREATE SCHEMA AUTHORIZATION mallory;
GRANT USAGE ON SCHEMA mallory TO alice, bob;
CREATE TABLE bobs AS SELECT * FROM orders;
ALTER TABLE bobs OWNER TO bob;
GRANT SELECT ON bobs TO alice;
CREATE TABLE vault (secret text);
INSERT INTO vault VALUES ('the treasure');
)
	);
	run_as('mallory', 'CREATE FUNCTION mallory.name(text) RETURNS text LANGUAGE sql STABLE AS $$ SELECT $1 $$');
	$node->safe_psql(
		'postgres', q(SELECT delivery_source_register('bobs', 'named',
	  '{"tenant_id": "org", "endpoint": "mallory.name(hook)", "status": "state", "created_at": "placed"}'))
	);
	my $report = "SELECT endpoint, recent_count FROM anomalies_current(source => 'named', $noon)";
	is(run_as('alice', $report), 'hook|30', 'the function as it was');
	run_as('mallory',
		'CREATE OR REPLACE FUNCTION mallory.name(text) RETURNS text LANGUAGE sql STABLE AS $$ SELECT current_user::text || session_user::text $$'
	);
	is(run_as('alice', $report), 'alicealice|30', 'replaced, it runs as alice for alice');
	is(
		$node->safe_psql('postgres', $report),
		$node->safe_psql('postgres', 'SELECT current_user || current_user') . '|30',
		'and as the superuser for the superuser'
	);
	is($node->safe_psql('postgres', "SET ROLE alice; $report") =~ /^alice/ ? 1 : 0, 1, 'and as the role that is set');
	run_as('mallory',
		'CREATE OR REPLACE FUNCTION mallory.name(text) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN (SELECT secret FROM public.vault); END $$'
	);
	denied('alice', $report, qr/permission denied for table vault/, 'it opens nothing to alice that was closed to her');
	run_as('mallory',
		'CREATE OR REPLACE FUNCTION mallory.name(text) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN DELETE FROM public.bobs; RETURN $1; END $$'
	);
	my ($state, $text) = error_of($node, 'postgres', "$report;", connstr => as('alice'));
	is($state, '0A000', 'nor lets her delete');
	is($node->safe_psql('postgres', 'SELECT count(*) FROM bobs'), '30', 'all is still there');
	run_as('mallory',
		'CREATE OR REPLACE FUNCTION mallory.name(text) RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT $1 $$');
	($state, $text) = error_of($node, 'postgres', "$report;");
	is($state, '55000', 'a function that becomes volatile is an error');
	like($text, qr/changed since it was registered.*volatile, and was stable/s, 'that says so');
	run_as('mallory', 'DROP FUNCTION mallory.name(text)');
	($state, $text) = error_of($node, 'postgres', "$report;");
	is($state, '55000', 'a function that is gone is an error');
	like($text, qr/delivery source "named" changed.*function mallory\.name\(text\) does not exist/s, 'that names both');
	is(
		$node->safe_psql('postgres', q(SELECT count(*) > 0 FROM delivery_source_check('named') WHERE level = 'error')),
		't',
		'and the check finds it'
	);
	$node->safe_psql('postgres', q(SELECT delivery_source_drop('named')));
};

# Traps: look-alikes of all that a report might call by a name without a schema, each of which raises.
subtest 'search_path' => sub {
	my $traps = 'CREATE SCHEMA traps; GRANT ALL ON SCHEMA traps TO PUBLIC;';
	my $raise = q(LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE EXCEPTION 'trapped as %', current_user; END $$);
	foreach my $function (
		'delivery_rollup_agg(public.delivery_rollup, timestamptz, text, text, text, text) RETURNS public.delivery_rollup',
		'delivery_rollup_add(public.delivery_rollup, public.delivery_rollup, timestamptz, text, text, text, text) RETURNS public.delivery_rollup',
		'rollup_merge(public.delivery_rollup) RETURNS public.delivery_rollup',
		'timezone(text, timestamptz) RETURNS timestamp',
		'timezone(text, timestamp) RETURNS timestamptz',
		'now() RETURNS timestamptz',
		'lower(text) RETURNS text',
		'upper(text) RETURNS text',
		'btrim(text) RETURNS text',
		'length(text) RETURNS int',
		'text(boolean) RETURNS text',
		'to_regclass(text) RETURNS regclass',
		'quote_ident(text) RETURNS text',
		'current_setting(text) RETURNS text',
		'jsonb_each_text(jsonb) RETURNS text',
		'pg_get_expr(pg_node_tree, oid) RETURNS text',
		'format(text) RETURNS text',
		'anomalies_current() RETURNS int',
		'anomalies_current(interval) RETURNS int',
		'delivery_source_register(regclass) RETURNS int',
		(
			map { "compare_$_->[0]($_->[1], $_->[1]) RETURNS boolean" } (
				[ 'text', 'text' ],
				[ 'time', 'timestamptz' ],
				[ 'local', 'timestamp' ],
				[ 'name', 'name' ],
				[ 'oid', 'oid' ],
				[ 'bool', 'boolean' ],
				[ 'uuid', 'uuid' ]
			)
		)
	  )
	{
		$traps .= "CREATE FUNCTION traps.$function $raise;\n";
	}
	foreach my $type (
		[ 'text', 'text' ],
		[ 'time', 'timestamptz' ],
		[ 'local', 'timestamp' ],
		[ 'name', 'name' ],
		[ 'oid', 'oid' ],
		[ 'bool', 'boolean' ],
		[ 'uuid', 'uuid' ]
	  )
	{
		$traps .=
		  "CREATE OPERATOR traps.$_ (LEFTARG = $type->[1], RIGHTARG = $type->[1], PROCEDURE = traps.compare_$type->[0]);\n"
		  foreach qw(= <> < > <= >= ~);
	}

	# Types, and tables of the extension and of the catalog.
	$traps .= "CREATE DOMAIN traps.$_ AS pg_catalog.int4;\n"
	  foreach qw(delivery_rollup text timestamptz timestamp jsonb regclass interval boolean);
	$traps .= "CREATE TABLE traps.$_ AS SELECT 1 AS trap;\n"
	  foreach qw(delivery_sources deliveries pg_class pg_namespace pg_type pg_proc pg_attribute pg_index);
	$node->safe_psql('postgres', $traps);
	$node->safe_psql('postgres', 'GRANT SELECT ON deliveries TO alice');
	$node->safe_psql(
		'postgres',
		sprintf q(
CREATE TABLE local_orders AS SELECT org AS tenant_id, hook AS endpoint, state AS status, placed AT TIME ZONE 'UTC' AS created_at FROM orders;
SELECT delivery_source_register('local_orders', 'local', '{"time_zone": "Europe/Berlin", "where": "lower(status) <> ''skipped'' AND endpoint = ''hook''"}');
)
	);
	my $path = 'SET search_path = traps, public, pg_catalog;';
	is((error_of($node, 'postgres', "$path SELECT 'a'::pg_catalog.text = 'b'::pg_catalog.text;"))[0],
		'P0001', 'the traps are set');

	my @statements = (
		(map { s/FROM |SELECT \K(?=anomalies)/$&public./r =~ s/public\.public/public/r } @reports),
		"SELECT * FROM public.anomalies_current($generated, tenant => 'acme')",
		"SELECT * FROM public.anomalies_current(source => 'local', as_of => '2026-01-15 11:00+00')",
		"SELECT public.anomalies_current_json(source => 'local', as_of => '2026-01-15 11:00+00', method => 'reference')",
		"SELECT * FROM public.anomalies_explain('org', 'hook', source => 'local', as_of => '2026-01-15 11:00+00')",
		"SELECT * FROM public.delivery_source_check('generated')",
		"SELECT * FROM public.delivery_source_check('local')"
	);
	foreach my $statement (@statements)
	{
		my $plain = $node->safe_psql('postgres', $statement);
		isnt($plain, '', "there is something to compare: $statement");
		is($node->safe_psql('postgres', "$path $statement"), $plain, 'the superuser steps into no trap');
		my $temporary =
		  'CREATE TEMP TABLE deliveries (trap int); CREATE TEMP TABLE delivery_sources (trap int); CREATE TEMP TABLE pg_class (trap int);';
		is(
			$node->safe_psql(
				'postgres',
				"SET client_min_messages = warning; $temporary SET search_path = pg_temp, traps, public, pg_catalog; $statement"
			),
			$plain,
			'nor into one in pg_temp'
		);
	}
	is(run_as('alice', "$path $statements[0]"), $node->safe_psql('postgres', $statements[0]), 'nor does anyone else');
	is(
		$node->safe_psql(
			'postgres', "$path SELECT public.delivery_source_register('public.orders', 'trapped',
		  '{\"tenant_id\": \"org\", \"endpoint\": \"hook\", \"status\": \"state\", \"created_at\": \"placed\"}');
		SELECT public.delivery_source_drop('trapped')"
		) ne '',
		1,
		'registering and dropping does not either'
	);
	is(
		$node->safe_psql(
			'postgres',
			"CREATE TABLE traps.orders (trap int); $path SELECT count(*) FROM public.anomalies_current(source => 'orders', $noon)"
		),
		'1',
		'a source is its own table, not a namesake in front'
	);

	# A tenant that its column would find in any case is mapped to one spelling.
  SKIP:
	{
		skip 'citext is not installed', 2
		  if $node->safe_psql('postgres', q(SELECT count(*) FROM pg_available_extensions WHERE name = 'citext')) eq '0';
		$node->safe_psql(
			'postgres', q(
CREATE SCHEMA folded;
CREATE EXTENSION citext SCHEMA folded;
CREATE TABLE folded_orders AS SELECT 'Acme'::folded.citext AS tenant_id, hook AS endpoint, state AS status, placed AS created_at FROM orders;
SELECT delivery_source_register('folded_orders', 'folded', '{"tenant_id": "lower(tenant_id)"}');
)
		);
		my $count = "SELECT count(*) FROM public.anomalies_current(source => 'folded', tenant => 'acme', $noon)";
		is($node->safe_psql('postgres', "SET search_path = folded, public; $count"),
			'1', 'a citext tenant is found by that spelling');
		is($node->safe_psql('postgres', $count), '1', 'whatever the path is');
	}

	# The same with the functions of a mapping that lie in a schema of their own: they are found without any path.
	$node->safe_psql(
		'postgres', q(
CREATE SCHEMA ops;
CREATE FUNCTION ops.same(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT $1 OPERATOR(pg_catalog.=) $2 $$;
CREATE OPERATOR ops.=== (LEFTARG = text, RIGHTARG = text, PROCEDURE = ops.same);
CREATE DOMAIN ops.short AS text;
SET search_path = ops, public;
SELECT delivery_source_register('orders', 'ops',
  '{"tenant_id": "org::short", "endpoint": "hook", "status": "state", "created_at": "placed", "where": "state === ''failed''"}');
)
	);
	is(
		$node->safe_psql(
			'postgres', "SET search_path = ''; SELECT count(*) FROM public.anomalies_current(source => 'ops', $noon)"
		),
		'1',
		'an operator of the source is found without a path'
	);
	is($node->safe_psql('postgres', "$path SELECT count(*) FROM public.anomalies_current(source => 'ops', $noon)"),
		'1', 'and with traps in front');
};

subtest 'read-only transaction' => sub {
	foreach my $report (@reports, "SELECT * FROM delivery_source_check('generated')")
	{
		is($node->safe_psql('postgres', "BEGIN READ ONLY; $report; COMMIT"),
			$node->safe_psql('postgres', $report), $report);
	}
	fails_with(
		$node, 'postgres', "BEGIN READ ONLY; SELECT delivery_source_register('deliveries', 'read_only');",
		'25006',
		qr/read-only transaction/,
		'registering writes'
	);
	is($node->safe_psql('postgres', "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE; $reports[0]; COMMIT"),
		$node->safe_psql('postgres', $reports[0]), 'deferrable');
};

subtest 'hot standby' => sub {

	# An endpoint that has fallen silent, so that its verdict is part of the answer.
	$node->safe_psql(
		'postgres',
		sprintf q(
INSERT INTO deliveries (id, tenant_id, target, status, created_at)
SELECT gen_random_uuid(), 'quiet', 'https://quiet.example', 'delivered', timestamptz '%1$s' - interval '20 minutes' - n * interval '5 s' FROM generate_series(1, 720) AS n),
		NOON
	);
	$node->backup('standby');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($node, 'standby', has_streaming => 1);
	$standby->start;
	$node->wait_for_catchup($standby);
	is( $standby->safe_psql(
			'postgres', "SELECT count(*) FROM anomalies_current($generated) WHERE silence_detected"
		),
		'1',
		'where nothing is left to replay it is not behind, and judges silence'
	);

	# A commit that the standby replays, so that it knows the time; its lag is measured from there.
	$node->safe_psql('postgres', 'CREATE TABLE replayed ()');
	$node->wait_for_catchup($standby);
	is($standby->safe_psql('postgres', 'SELECT pg_is_in_recovery()'), 't', 'it is a standby');
	is($node->safe_psql('postgres', "SELECT count(*) FROM anomalies_current($generated) WHERE silence_detected"),
		'1', 'there is a silence');
	foreach my $arguments (
		$generated,
		"'3 hours', '18 hours', $generated",
		"source => 'orders', $noon",
		"source => 'local', as_of => '2026-01-15 11:00+00'"
	  )
	{
		is(
			answers($standby, 'postgres', $arguments),
			answers($node, 'postgres', $arguments),
			"the same answer: $arguments"
		);
		is(
			answers(
				$standby,
				'postgres',
				$arguments,
				settings =>
				  'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;'
			),
			answers($node, 'postgres', $arguments),
			'in parallel'
		);
	}
	is($standby->safe_psql('postgres', $_), $node->safe_psql('postgres', $_), $_)
	  foreach ($reports[2], 'SELECT * FROM delivery_source_check()');
	fails_with($standby, 'postgres', "SELECT delivery_source_register('deliveries', 'standby');",
		'25006', qr/read-only|recovery/, 'registering is for the primary');
	fails_with($standby, 'postgres', 'SELECT * FROM anomalies_current();', '42P08', qr/sources/, 'errors are errors');

	# New sources and deliveries arrive.
	$node->safe_psql('postgres',
		"SELECT delivery_source_register('orders', 'late', (SELECT mapping FROM delivery_sources WHERE name = 'orders'))"
	);
	$node->wait_for_catchup($standby);
	is($standby->safe_psql('postgres', "SELECT count(*) FROM anomalies_current(source => 'late', $noon)"),
		'1', 'a source that is registered later');

	# Promoted, it is as good as its primary.
	$standby->promote;
	is(
		answers($standby, 'postgres', $generated),
		answers($node, 'postgres', $generated),
		'the same answer after promotion'
	);
	$standby->safe_psql('postgres', "SELECT delivery_source_drop('late')");
	is($standby->safe_psql('postgres', "SELECT count(*) FROM delivery_sources WHERE name = 'late'"),
		'0', 'where it can write');
	$standby->stop;
};

$node->stop;
done_testing();
