# Tiers and tenants survive dump and restore: whoever was restricted to tenants sees theirs in the new cluster, and no
# other; and who may dump the incidents at all.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use Insights;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir();
my $origin = start_node('origin');

# The extension's owner was a superuser when it was created, and is none any more.
$origin->safe_psql(
	'postgres', q(
CREATE DATABASE app TEMPLATE template0;
CREATE ROLE keeper LOGIN SUPERUSER;
CREATE ROLE acme LOGIN;
CREATE ROLE acme_child LOGIN IN ROLE acme;
CREATE ROLE "O'Neil ""@" LOGIN;
CREATE ROLE everybodys LOGIN;
CREATE ROLE by_hand LOGIN;
CREATE ROLE leaver LOGIN;
CREATE ROLE bypasser LOGIN BYPASSRLS IN ROLE pg_read_all_data;
CREATE ROLE reader LOGIN IN ROLE pg_read_all_data)
);
$origin->safe_psql('app',
	'SET ROLE keeper; CREATE SCHEMA "odd schema"; CREATE EXTENSION anomaly_insights SCHEMA "odd schema"');
$origin->safe_psql('postgres', 'ALTER ROLE keeper NOSUPERUSER');
$origin->safe_psql(
	'app', q(
SET search_path = "odd schema", public;
CREATE TABLE public.deliveries (tenant_id text, endpoint text, status text, created_at timestamptz);
ALTER TABLE deliveries OWNER TO keeper;
INSERT INTO deliveries SELECT t, 'fails', 'failed', now() - n * interval '5 s'
  FROM unnest('{acme,globex,initech,NULL}'::text[]) AS t, generate_series(1, 20) AS n;
SELECT delivery_source_register('deliveries');
SELECT * FROM anomalies_scan();
SELECT anomaly_mute(t, everything => t IS NULL) FROM unnest('{acme,globex,NULL}'::text[]) AS t;
GRANT USAGE ON SCHEMA "odd schema" TO by_hand;
GRANT SELECT ON anomalies, anomaly_events, anomaly_mutes TO by_hand)
);

sub as
{
	my ($node, $role) = @_;
	return $node->connstr('app') . " user=" . ($role =~ s/(['\\ ])/\\$1/gr);
}

subtest 'the owner grants, superuser or not' => sub {
	$origin->safe_psql(
		'app', q(
SELECT "odd schema".insights_grant('operator', 'acme', '{acme}');
SELECT "odd schema".insights_grant('operator', 'O''Neil "@', '{acme,globex}');
SELECT "odd schema".insights_grant('admin', 'everybodys');
SELECT "odd schema".insights_grant('operator', 'leaver', '{initech}')
), connstr => as($origin, 'keeper')
	);
	fails_with(
		$origin, 'app', q(SELECT "odd schema".insights_grant('admin', 'acme');),
		'42501', qr/permission denied for function insights_grant/,
		'nobody else does',
		connstr => as($origin, 'acme')
	);
	fails_with(
		$origin, 'app', q(SELECT "odd schema".insights_grant('operator', 'keeper', '{acme}');),
		'22023', qr/keeper.*cannot be restricted/,
		'nor is he restricted'
	);
};

# What each role sees, and what it is allowed.
my @tables = qw(anomalies anomaly_events anomaly_mutes);
my @roles = ('acme', 'acme_child', q(O'Neil "@), 'everybodys', 'by_hand', 'bypasser', 'reader');

sub seen_by
{
	my ($node, $role) = @_;
	return $node->safe_psql(
		'app',
		join(";\n",
			(map { qq(SELECT '$_', coalesce(tenant_id, '-'), count(*) FROM "odd schema".$_ GROUP BY 1, 2 ORDER BY 1, 2) }
				  @tables),
			'SELECT "odd schema".insights_tenants()',
			q(SELECT p.proname FROM pg_proc p WHERE pronamespace = '"odd schema"'::regnamespace
			    AND has_function_privilege(oid, 'EXECUTE') ORDER BY 1),
			q(SELECT relname, has_table_privilege(oid, 'SELECT'), has_any_column_privilege(oid, 'SELECT')
			    FROM pg_class WHERE relnamespace = '"odd schema"'::regnamespace AND relkind IN ('r', 'v') ORDER BY 1)),
		connstr => as($node, $role)
	);
}

sub grants_of
{
	my ($node) = @_;
	return $node->safe_psql('app', 'SELECT * FROM "odd schema".insights_grants ORDER BY role_name');
}

my %seen = map { $_ => seen_by($origin, $_) } @roles;
my $grants = grants_of($origin);
my $own = "anomalies|acme|1\nanomaly_events|acme|1\nanomaly_mutes|acme|1\n{acme}\n";
is(substr($seen{acme}, 0, length $own), $own, 'a tenant sees its own');
is($seen{acme_child}, $seen{acme}, 'a member sees as much');
like($seen{q(O'Neil "@)}, qr/^anomalies\|acme\|1\nanomalies\|globex\|1\nanomaly_events/, 'two tenants, another role');
my $all = join '', map { "anomalies|$_|1\n" } qw(- acme globex initech);
is(substr($seen{$_}, 0, length $all), $all, "all is seen by $_")
  foreach qw(everybodys by_hand bypasser reader);

# pg_dump wants all rows of a table or none: row_security = off.
subtest 'who may dump' => sub {
	foreach my $role ('', qw(keeper bypasser))
	{
		my $file = "$dir/by_$role.sql";
		$origin->command_ok(
			[ 'pg_dump', '-f', $file, '-d', $role ? as($origin, $role) : $origin->connstr('app') ],
			$role ? "pg_dump by $role" : 'pg_dump by a superuser');
		my %rows = slurp_file($file) =~ /^COPY "odd schema"\.(\w+) .*?\n(.*?)^\\\.$/msg;
		is($rows{$_} =~ tr/\n//, $_ eq 'anomaly_mutes' ? 3 : 4, "takes all of $_") foreach @tables;
		is($rows{insights_grants} =~ tr/\n//, 4, 'and who was granted what');
	}
	$origin->command_fails_like(
		[ 'pg_dump', '-f', "$dir/nothing.sql", '-d', as($origin, 'reader') ],
		qr/query would be affected by row-level security policy for table "anomalies"/,
		'pg_read_all_data alone does not do');
	$origin->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/custom", '-d', $origin->connstr('app') ], 'custom format');
	$origin->command_ok([ 'pg_dumpall', '--roles-only', '-f', "$dir/roles.sql" ], 'pg_dumpall --roles-only');
};

# A new cluster with all roles but one, or with all.
sub new_cluster
{
	my ($name, $missing) = @_;
	my $node = start_node($name);
	my $roles = slurp_file("$dir/roles.sql");
	my $there = join '|', map { quotemeta } 'postgres', scalar getpwuid($<), $missing // ();
	$roles =~ s/^(CREATE|ALTER) ROLE ($there)\b.*\n//mg;
	append_to_file("$dir/roles_of_$name.sql", $roles);
	$node->command_ok(
		[ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$dir/roles_of_$name.sql", '-d', $node->connstr('postgres') ],
		"$name: its roles");
	$node->safe_psql('postgres', 'CREATE DATABASE app TEMPLATE template0');
	return $node;
}

sub is_restored
{
	my ($node, $name) = @_;
	is(grants_of($node), $grants, "$name: the rows of all roles");
	is(seen_by($node, $_), $seen{$_}, "$name: $_ sees what it saw") foreach @roles;
}

# Errors of a restore, but those of grants to the role that is not there.
sub other_errors
{
	my ($out, $errors) = run_command(\@_);
	return join "\n", grep { !/role "leaver" does not exist/ } $errors =~ /(?:ERROR|FATAL|error): +(.*)/g;
}

my $custom = new_cluster('custom');
$custom->command_ok([ 'pg_restore', '--exit-on-error', '-j', '2', '-d', $custom->connstr('app'), "$dir/custom" ],
	'restored from custom format');
is_restored($custom, 'custom');
$custom->stop;

my $plain = new_cluster('plain', 'leaver');
is(other_errors('psql', '-X', '-q', '-f', "$dir/by_.sql", '-d', $plain->connstr('app')),
	'', 'restored from SQL where a role is missing');
is_restored($plain, 'plain');

# pg_restore grants all that is granted on an object or nothing. What our tiers gave is in the table.
subtest 'grants that were lost' => sub {
	$plain->safe_psql('postgres', 'ALTER DATABASE app RENAME TO whole; CREATE DATABASE app TEMPLATE template0');
	is(other_errors('pg_restore', '-d', $plain->connstr('app'), "$dir/custom"), '', 'restored from custom format');
	is(grants_of($plain), $grants, 'the rows of all roles');
	$plain->safe_psql(
		'app', q(SELECT "odd schema".insights_grant(tier, role_name, tenants) FROM "odd schema".insights_grants
		  WHERE role_name IN (SELECT rolname FROM pg_roles))
	);
	is(seen_by($plain, $_), $seen{$_}, "$_ sees what it saw") foreach 'acme', 'acme_child', q(O'Neil "@), 'everybodys';
	$plain->safe_psql('postgres', 'DROP DATABASE app; ALTER DATABASE whole RENAME TO app');
};

subtest 'without its grants' => sub {
	$plain->safe_psql('postgres', 'CREATE DATABASE bare TEMPLATE template0');
	$plain->command_ok(
		[ 'pg_restore', '--exit-on-error', '--no-acl', '-d', $plain->connstr('bare'), "$dir/custom" ],
		'restored without errors');
	$plain->safe_psql('bare',
		'GRANT USAGE ON SCHEMA "odd schema" TO acme; GRANT SELECT ON ALL TABLES IN SCHEMA "odd schema" TO acme');
	is(
		$plain->safe_psql(
			'bare',
			q(SET ROLE acme; SELECT DISTINCT tenant_id FROM "odd schema".anomalies)
		),
		'acme',
		'what a restricted role is granted by hand is its tenants\' only'
	);
};

subtest 'and life goes on' => sub {
	my $acknowledge = q(SELECT ("odd schema".anomaly_acknowledge(id)).status FROM "odd schema".anomalies);
	is($plain->safe_psql('app', $acknowledge, connstr => as($plain, 'acme')), 'acknowledged', 'with its own incident');
	my $other = $plain->safe_psql('app', q(SELECT id FROM "odd schema".anomalies WHERE tenant_id = 'globex'));
	fails_with($plain, 'app', qq(SELECT "odd schema".anomaly_acknowledge($other);),
		'42704', qr/there is no incident $other/, 'not with another\'s', connstr => as($plain, 'acme'));
	$plain->safe_psql('app', 'ALTER ROLE acme RENAME TO acme_inc');
	is(
		$plain->safe_psql('app', 'SELECT count(*) FROM "odd schema".anomalies', connstr => as($plain, 'acme_inc')),
		'0', 'a role that is renamed sees nothing');
	$plain->safe_psql(
		'app', q(SELECT "odd schema".insights_grant('operator', 'acme_inc', '{acme}'), "odd schema".insights_revoke('acme'),
		  "odd schema".insights_revoke('leaver'))
	);
	is($plain->safe_psql('app', 'SELECT tenant_id FROM "odd schema".anomalies', connstr => as($plain, 'acme_inc')),
		'acme', 'until it is granted anew');
	$plain->safe_psql('app', 'DROP EXTENSION anomaly_insights');
	is($plain->safe_psql('app', 'SELECT count(*) FROM pg_policy'), '0', 'no policy outlives the extension');
};

done_testing();
