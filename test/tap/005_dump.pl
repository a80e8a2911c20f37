# What a database knows survives its dump and restore: sources by the names of their tables, rollups by their bytes,
# incidents with all that is known of them. And what DROP EXTENSION leaves is nothing.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use Insights;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('dump');
my $noon = "as_of => '" . NOON . "'";
my $dir = PostgreSQL::Test::Utils::tempdir();

$node->safe_psql('postgres', 'CREATE DATABASE origin TEMPLATE template0; CREATE ROLE registrar; CREATE ROLE reader');
generate($node, 'origin', rows => 20000);
$node->safe_psql(
	'origin', q(
CREATE SCHEMA insights;
CREATE EXTENSION anomaly_insights SCHEMA insights;
SET search_path = insights, public;
SELECT delivery_source_register('public.deliveries');
GRANT EXECUTE ON FUNCTION delivery_source_register(regclass, text, jsonb) TO registrar;
GRANT SELECT ON delivery_sources TO reader;

-- Another schema, names that need quotes, local time, a map of statuses, a filter.
CREATE SCHEMA "odd schema";
CREATE TABLE "odd schema"."Order ""Events" (org uuid, "End Point" text, state smallint, "when" timestamp, deleted boolean);
INSERT INTO "odd schema"."Order ""Events"
  SELECT md5(tenant_id)::uuid, target, CASE status WHEN 'delivered' THEN 1 WHEN 'pending' THEN 0 ELSE 2 END,
    created_at AT TIME ZONE 'Europe/Berlin', attempts > 3 FROM public.deliveries;
SELECT delivery_source_register('"odd schema"."Order ""Events"', 'odd', '{
  "tenant_id": "org", "endpoint": "\"End Point\"", "status": "state", "created_at": "\"when\"",
  "statuses": {"0": "pending", "1": "delivered", "2": "failed"}, "where": "NOT deleted", "time_zone": "Europe/Berlin"}');

-- A view, and an expression with a function of somebody's own.
CREATE FUNCTION "odd schema".shorten(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT split_part($1, '/', 3) $$;
CREATE VIEW "odd schema".recent_ones AS SELECT * FROM public.deliveries WHERE event_type <> 'user.created';
SELECT delivery_source_register('"odd schema".recent_ones', 'view', '{"endpoint": "\"odd schema\".shorten(target)"}');

-- Its table is no more.
CREATE TABLE public.gone (tenant_id text, endpoint text, status text, created_at timestamptz);
SELECT delivery_source_register('public.gone', 'gone');
DROP TABLE public.gone;

CREATE TABLE public.kept AS SELECT tenant_id, delivery_rollup_agg(
  delivery_rollup_shape('2026-01-14 12:00+00', '1 hour', 24, '{"delivered": "delivered", "failed": "failed"}'),
  created_at, tenant_id, target, status, triage_label) AS rollup FROM public.deliveries GROUP BY tenant_id;
INSERT INTO public.kept VALUES ('nobody', NULL), ('none', delivery_rollup_shape('2026-01-14 12:00+00', '1 hour'));
CREATE TABLE public.with_default (n int, r insights.delivery_rollup DEFAULT insights.delivery_rollup_shape('2026-01-14 12:00+00', '1 hour'));
CREATE MATERIALIZED VIEW public.total AS SELECT rollup_merge(rollup) AS rollup FROM public.kept WHERE tenant_id <> 'none';
CREATE VIEW public.report AS SELECT * FROM insights.anomalies_current('10 minutes', '2 hours', source => 'default');
)
);

# Incidents: one is open, one acknowledged, one resolved, one resolved by hand as a false alarm, one muted.
my $noon_time = sprintf q(timestamptz '%s'), NOON;
$node->safe_psql(
	'origin', qq(
SET search_path = insights, public;
CREATE TABLE public.watched (tenant_id text, endpoint text, status text, created_at timestamptz);
INSERT INTO public.watched SELECT 'tenant', e, 'failed', $noon_time - n * interval '5 s'
  FROM unnest('{open,acknowledged,over,by hand,muted}'::text[]) AS e, generate_series(1, 20) AS n;
SELECT delivery_source_register('public.watched', 'watched');
SELECT anomaly_mute(endpoint => 'muted', starts_at => $noon_time - interval '1 day', reason => 'known'),
  anomaly_mute(tenant => 'Ünlü', days => '{6,7}', from_time => '00:00', to_time => '24:00', time_zone => 'Europe/Berlin');
SELECT * FROM anomalies_scan('watched', $noon_time);
SET anomaly_insights.actor = 'ann';
SELECT anomaly_acknowledge(id, 'looking', $noon_time + interval '1 day', $noon_time) FROM anomalies_active WHERE endpoint = 'acknowledged';
SELECT anomaly_resolve(id, 'a drill', true, $noon_time) FROM anomalies_active WHERE endpoint = 'by hand';
DELETE FROM public.watched WHERE endpoint = 'over';
INSERT INTO public.watched VALUES ('tenant', 'over', 'delivered', $noon_time);
SET anomaly_insights.resolve_after = 0;
SELECT * FROM anomalies_scan('watched', $noon_time + interval '1 s');
GRANT SELECT ON anomalies, anomalies_active, anomaly_events TO reader;
GRANT EXECUTE ON FUNCTION anomalies_scan TO registrar;
)
);
is(
	$node->safe_psql(
		'origin', q(SELECT string_agg(endpoint || ' ' || status, ', ' ORDER BY endpoint) FROM insights.anomalies)
	),
	'acknowledged acknowledged, by hand resolved, muted open, open open, over resolved',
	'incidents in all states'
);

# Everything that it can be asked.
sub state_of
{
	my ($database) = @_;
	my $sql = "SET search_path = insights, public;\n";
	$sql .= "SELECT name, relation, registered_by, mapping, registered_at, owner_name, relation_kind, created_at_type, needs FROM delivery_sources ORDER BY name;\n";
	$sql .= "SELECT tenant_id, rollup FROM kept ORDER BY tenant_id;\nSELECT rollup FROM total;\n";
	$sql .= "SELECT * FROM kept, rollup_cells(rollup) ORDER BY 1, 3, 4, 5;\n";
	$sql .= "INSERT INTO with_default VALUES (1); SELECT r FROM with_default;\n";
	$sql .= "SELECT count(*) FROM report;\n";
	$sql .= "SELECT * FROM $_ ORDER BY 1;\n" foreach qw(anomalies anomalies_active anomaly_events anomaly_mutes);
	$sql .= "SELECT has_table_privilege('reader', t, 'SELECT'), has_table_privilege('registrar', t, 'SELECT')
	    FROM unnest('{anomalies,anomalies_active,anomaly_events}'::text[]) AS t;\n";
	$sql .=
	  "SELECT has_function_privilege(r, 'anomalies_scan(text, timestamptz)', 'EXECUTE') FROM unnest('{registrar,reader}'::text[]) AS r;\n";
	$sql .= qq(SELECT "check", level, detail, hint, source FROM delivery_source_check();\n);
	$sql .= "SELECT has_function_privilege('registrar', 'delivery_source_register(regclass, text, jsonb)', 'EXECUTE'),
	  has_function_privilege('reader', 'delivery_source_register(regclass, text, jsonb)', 'EXECUTE'),
	  has_table_privilege('reader', 'delivery_sources', 'SELECT'), has_table_privilege('registrar', 'delivery_sources', 'SELECT');\n";

	foreach my $source (qw(default odd view))
	{
		foreach my $method (qw(rate reference))
		{
			my $arguments = "'5 minutes', '1 hour', '$method', '$source', $noon";
			$sql .= "SELECT * FROM anomalies_current($arguments);\nSELECT anomalies_current_json($arguments);\n";
			$sql .=
			  "SELECT * FROM anomalies_explain((SELECT max(tenant_id) FROM anomalies_current($arguments)), 'x', '5 minutes', '1 hour', '$method', '$source', $noon);\n";
		}
	}
	return $node->safe_psql($database, $sql);
}

my $origin = state_of('origin');
cmp_ok(length $origin, '>', 10000, 'there is much to compare');
like($origin, qr/\Q"odd schema"."Order ""Events"\E/, 'names that need quotes among it');
foreach my $source (qw(default odd view))
{
	cmp_ok($node->safe_psql('origin', "SELECT count(*) FROM insights.anomalies_current(source => '$source', $noon)"),
		'>', 0, "$source: its report is not empty");
}
$node->safe_psql('origin', 'DELETE FROM with_default');

$node->command_ok([ 'pg_dump', '-f', "$dir/plain.sql", '-d', $node->connstr('origin') ], 'pg_dump');
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/custom", '-d', $node->connstr('origin') ], 'pg_dump, custom format');
$node->command_ok([ 'pg_dump', '--clean', '--if-exists', '-f', "$dir/clean.sql", '-d', $node->connstr('origin') ],
	'pg_dump --clean');
$node->safe_psql('postgres', "CREATE DATABASE $_ TEMPLATE template0") foreach qw(plain custom single);
$node->command_ok(
	[ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$dir/plain.sql", '-d', $node->connstr('plain') ],
	'restored from SQL');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-j', '2', '-d', $node->connstr('custom'), "$dir/custom" ],
	'restored from custom format, in parallel');
$node->command_ok(
	[ 'pg_restore', '--exit-on-error', '--single-transaction', '-d', $node->connstr('single'), "$dir/custom" ],
	'restored in a single transaction');

foreach my $database (qw(plain custom single))
{
	is(state_of($database), $origin, "$database: it is what it was");
}
$node->safe_psql('plain', 'DELETE FROM with_default');
$node->command_ok(
	[ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$dir/clean.sql", '-d', $node->connstr('plain') ],
	'restored over itself');
is(state_of('plain'), $origin, 'and still what it was');
$node->command_ok([ 'pg_dump', '-f', "$dir/again.sql", '-d', $node->connstr('single') ],
	'pg_dump of what was restored');
is(
	without_restrict(slurp_file("$dir/again.sql")) =~ s/^COPY public\.with_default.*?^\\\.$//msr,
	without_restrict(slurp_file("$dir/plain.sql")) =~ s/^COPY public\.with_default.*?^\\\.$//msr,
	'is the same dump'
);

# pg_dump guards its scripts with a random word.
sub without_restrict { return $_[0] =~ s/^\\(?:un)?restrict .*$//mgr }

# Incidents go on where they were, and what is new gets a new number.
foreach my $database (qw(origin plain custom single))
{
	my $numbers = 'SELECT (SELECT max(id) FROM insights.anomalies), (SELECT max(seq) FROM insights.anomaly_events),
	    (SELECT max(id) FROM insights.anomaly_mutes)';
	is($node->safe_psql($database, $numbers), '5|8|2', "$database: so many there are");
	is(
		$node->safe_psql(
			$database, qq(
SET search_path = insights, public;
INSERT INTO public.watched SELECT 'tenant', e, 'failed', $noon_time - n * interval '5 s'
  FROM unnest('{new,over}'::text[]) AS e, generate_series(1, 20) AS n;
SELECT opened, resolved FROM anomalies_scan('watched', $noon_time + interval '2 s');
SELECT anomaly_mute('anybody');
SELECT string_agg(format('%s %s %s', seq, anomaly_id, event), ', ' ORDER BY seq) FROM anomaly_events WHERE seq > 8;
SELECT string_agg(endpoint, ', ' ORDER BY id) FROM anomalies_active)
		),
		"2|0\n3\n9 6 opened, 10 5 reopened\nacknowledged, muted, open, over, new",
		"$database: only what is new is opened, and what was over is open again"
	);
	is($node->safe_psql($database, $numbers), '6|10|3', "$database: with the next numbers");
}

# The table that is gone stays gone, whatever comes to be.
foreach my $database (qw(origin single))
{
	fails_with($node, $database, "SELECT * FROM insights.anomalies_current(source => 'gone');",
		'42P01', qr/gone/, "$database: no report without its table");
	like(
		$node->safe_psql(
			$database, q(SELECT level, detail FROM insights.delivery_source_check('gone') WHERE "check" = 'relation')
		),
		qr/^error\|.*public\.gone/,
		"$database: the check says so"
	);
	is(
		$node->safe_psql(
			$database,
			q(SELECT count(*) FROM insights.delivery_source_check() WHERE level = 'error' AND source <> 'gone')
		),
		'0',
		"$database: the other sources are well"
	);

	# Namesakes elsewhere, and enough new tables for any number to be used again.
	$node->safe_psql(
		$database, q(
CREATE SCHEMA elsewhere;
CREATE TABLE elsewhere.gone (tenant_id text, endpoint text, status text, created_at timestamptz);
SELECT format('CREATE TABLE elsewhere.t%s (tenant_id text, endpoint text, status text, created_at timestamptz)', n) FROM generate_series(1, 20) AS n \gexec
)
	);
	fails_with(
		$node, $database, "SET search_path = elsewhere, insights; CREATE TEMP TABLE gone (LIKE elsewhere.gone);
		SELECT * FROM anomalies_current(source => 'gone');", '42P01', qr/gone/, "$database: no namesake takes its place"
	);
	$node->safe_psql($database, 'CREATE TABLE public.gone (LIKE elsewhere.gone)');
	is($node->safe_psql($database, "SELECT count(*) FROM insights.anomalies_current(source => 'gone')"),
		'0', "$database: only one of its own name does");
}

# The number of the old table is free once its dead row is gone: the next one gets it where the counter is put there.
subtest 'a table with the old number' => sub {
	$node->safe_psql('postgres', 'CREATE DATABASE reused TEMPLATE template0');
	my $oid = $node->safe_psql(
		'reused', q(
CREATE EXTENSION anomaly_insights;
CREATE TABLE first (endpoint text, status text, created_at timestamptz);
DO $$ BEGIN PERFORM delivery_source_register('first'); END $$;
SELECT 'first'::regclass::oid; DROP TABLE first)
	);
	$node->safe_psql('reused', 'VACUUM');
	$node->stop;
	system_or_bail('pg_resetwal', '-o', $oid, '-D', $node->data_dir);
	$node->start;
	$node->safe_psql('reused', 'CREATE TABLE second (endpoint text, status text, created_at timestamptz)');
	is($node->safe_psql('reused', "SELECT 'second'::regclass::oid"), $oid, 'there is one');
	fails_with($node, 'reused', 'SELECT * FROM anomalies_current();',
		'42P01', qr/first/, 'and it is not taken for the first');
};

# DROP EXTENSION.
sub catalog
{
	my ($database) = @_;
	return $node->safe_psql(
		$database,
		join ";\n",
		map {
			my ($table, $what) = @$_;
			"SELECT '$table', $what FROM $table ORDER BY 1, 2"
		} (
			[ 'pg_class', 'relnamespace::regnamespace || \'.\' || relname' ],
			[ 'pg_proc', 'oid::regprocedure::text' ],
			[ 'pg_type', 'typnamespace::regnamespace || \'.\' || typname' ],
			[ 'pg_namespace', 'nspname' ],
			[ 'pg_aggregate', 'aggfnoid::text' ],
			[ 'pg_operator', 'oid::regoperator::text' ],
			[ 'pg_cast', 'castsource::regtype || \' \' || casttarget::regtype' ],
			[ 'pg_opclass', 'opcname::text' ],
			[ 'pg_constraint', 'conname::text' ],
			[ 'pg_trigger', 'tgname::text' ],
			[ 'pg_rewrite', 'ev_class::regclass || rulename' ],
			[ 'pg_event_trigger', 'evtname::text' ],
			[ 'pg_extension', 'extname::text' ],
			[ 'pg_attrdef', 'adrelid::regclass::text' ],
			[ 'pg_depend', 'count(*)' ],
			[ 'pg_description', 'count(*)' ],
			[ 'pg_init_privs', 'count(*)' ],
			[ 'pg_default_acl', 'count(*)' ],
			[ 'pg_seclabel', 'count(*)' ],
			[ 'pg_largeobject_metadata', 'count(*)' ]
		)
	);
}
foreach my $schema (qw(public insights))
{
	subtest "DROP EXTENSION in schema $schema" => sub {
		my $database = "dropped_from_$schema";
		$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE template0");
		$node->safe_psql($database,
			'CREATE SCHEMA IF NOT EXISTS insights; CREATE TABLE public.mine (endpoint text, status text, created_at timestamptz)'
		);
		my $before = catalog($database);
		$node->safe_psql(
			$database, "CREATE EXTENSION anomaly_insights SCHEMA $schema;
		  SELECT $schema.delivery_source_register('public.mine'); SELECT * FROM $schema.anomalies_current(); SELECT * FROM $schema.delivery_source_check();
		  INSERT INTO public.mine SELECT 'fails', 'failed', now() FROM generate_series(1, 20); SELECT * FROM $schema.anomalies_scan();
		  SELECT $schema.anomaly_acknowledge(id), $schema.anomaly_mute(everything => true) FROM $schema.anomalies_active"
		);
		isnt(catalog($database), $before, 'it was there');
		is(
			$node->safe_psql(
				$database, "SELECT count(*) FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = pronamespace
		    WHERE probin LIKE '%anomaly_insights%' AND nspname <> '$schema'"
			),
			'0',
			'all in the schema that was named'
		);
		$node->safe_psql($database, 'DROP EXTENSION anomaly_insights; DELETE FROM public.mine');
		is(catalog($database), $before, 'it leaves the catalog as it was');
		is(
			$node->safe_psql(
				$database,
				"SET search_path = $schema; CREATE EXTENSION anomaly_insights SCHEMA $schema; SELECT count(*) FROM delivery_sources"
			),
			'0',
			'and can come again, knowing nothing'
		);

		$node->safe_psql($database,
			"CREATE TABLE public.holds (n int, r $schema.delivery_rollup); INSERT INTO public.holds VALUES (1)");
		fails_with(
			$node, $database, 'DROP EXTENSION anomaly_insights;',
			'2BP01',
			qr/column r of table holds depends on type/,
			'but not from under a table with rollups'
		);
		$node->safe_psql($database, 'DROP EXTENSION anomaly_insights CASCADE');
		is($node->safe_psql($database, 'SELECT to_json(h) FROM public.holds AS h'),
			'{"n":1}', 'unless told to, and then only the column goes');
	};
}

# The audit's hashes are over what the texts say, not over how an encoding writes them.
subtest 'the audit in another encoding' => sub {
	$node->safe_psql('postgres', qq(CREATE DATABASE "audit_$_" TEMPLATE template0 ENCODING '$_' LOCALE 'C')) foreach qw(LATIN1 UTF8);
	$node->safe_psql(
		'audit_LATIN1', q(
		CREATE EXTENSION anomaly_insights;
		SET anomaly_insights.actor = U&'Ren\00e9';
		SELECT audit_record(U&'caf\00e9', U&'\00e9', jsonb_build_object(U&'cl\00e9', U&'\00e9t\00e9')))
	);
	is($node->safe_psql('audit_LATIN1', 'SELECT count(*) FROM audit_verify()'), '0', 'it is as it was recorded');
	my $head = $node->safe_psql('audit_LATIN1', q(SELECT id || ', ' || quote_literal(hash) FROM audit_head()));
	$node->command_ok([ 'pg_dump', '-f', "$dir/audit.sql", '-d', $node->connstr('audit_LATIN1') ], 'pg_dump');
	$node->command_ok([ 'psql', '-X', '-v', 'ON_ERROR_STOP=1', '-q', '-d', $node->connstr('audit_UTF8'), '-f', "$dir/audit.sql" ],
		'restore');
	is($node->safe_psql('audit_UTF8', q(SELECT actor = U&'Ren\00e9', octet_length(target_id) FROM operator_audit)),
		't|2', 'in other bytes');
	is($node->safe_psql('audit_UTF8', "SELECT count(*) FROM audit_verify($head)"), '0', 'it still is');
};

# A session that used it before sees that it is gone, and that it is back.
subtest 'a session outlives it' => sub {
	my $database = 'dropped_from_public';
	$node->safe_psql($database, 'CREATE EXTENSION anomaly_insights');
	my $session = $node->background_psql($database, on_error_stop => 0);
	my $register = "SELECT delivery_source_register('public.mine') IS NOT NULL";
	my $report = 'SELECT count(*) FROM anomalies_current()';
	is($session->query_safe("$register; $report"), "t\n0", 'it is there');
	$node->safe_psql($database, 'DROP EXTENSION anomaly_insights');
	is((background_error($session, "$report;"))[0], '42883', 'it is gone');
	$node->safe_psql($database, 'CREATE EXTENSION anomaly_insights SCHEMA insights');
	$session->query_safe('SET search_path = insights, public');
	is($session->query_safe("$register; $report"), "t\n0", 'it is back, elsewhere');
	$session->quit;
};

$node->stop;
done_testing();
