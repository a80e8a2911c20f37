# Whose a source is survives renames of its owner, dump and restore into another cluster, and pg_upgrade; and whose code
# the worker runs, also where the relation is a foreign one.
use strict;
use warnings FATAL => 'all';

use Cwd;
use FindBin;
use lib $FindBin::RealBin;
use Insights;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = Cwd::abs_path(PostgreSQL::Test::Utils::tempdir());
my $origin = start_node('origin');

$origin->safe_psql(
	'postgres', q(
CREATE DATABASE app TEMPLATE template0;
CREATE ROLE owner LOGIN;
CREATE ROLE helper LOGIN)
);
$origin->safe_psql(
	'app', q(
CREATE EXTENSION anomaly_insights;
CREATE SCHEMA shop AUTHORIZATION owner;
GRANT USAGE ON SCHEMA shop TO PUBLIC;
CREATE FUNCTION shop.place(text) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1';
ALTER FUNCTION shop.place OWNER TO helper;
SET ROLE owner;
CREATE TYPE shop.mood AS ENUM ('delivered', 'failed');
CREATE TABLE shop.deliveries (endpoint text, status shop.mood, created_at timestamptz NOT NULL);
INSERT INTO shop.deliveries SELECT 'e', 'failed', now() - n * interval '1 s' FROM generate_series(1, 20) AS n;
RESET ROLE;
SELECT delivery_source_register('shop.deliveries', mapping => '{"endpoint": "shop.place(endpoint)"}'))
);

use constant STATE => q(SELECT CASE state WHEN 'changed' THEN state ELSE 'well' END FROM anomaly_insights_status());

# The state of the source, and the outcome of a scan.
sub fate
{
	my ($node) = @_;
	return $node->safe_psql('app', STATE . '; SELECT outcome FROM anomalies_scan()');
}

# The roles that are stored, by name and number, each for its cluster.
sub stored
{
	my ($node) = @_;
	return $node->safe_psql(
		'app', q(
SELECT owner_name, owner_oid = to_regrole(owner_name)::oid, system_identifier = (SELECT system_identifier FROM pg_control_system()) FROM delivery_sources;
SELECT n ->> 'object', n ->> 'owner', (n ->> 'owner_oid')::oid = to_regrole(n ->> 'owner')::oid FROM delivery_sources, jsonb_array_elements(needs) AS n)
	);
}
my $well = "well\ndone";
my $needs = "function shop.place(pg_catalog.text)|helper|t\ntype shop.mood|owner|t";
is(fate($origin), $well, 'as it was registered');
is(stored($origin), "owner|t|t\n$needs", 'by name and number');

subtest 'roles of new and of old names' => sub {
	$origin->safe_psql('postgres', 'ALTER ROLE owner RENAME TO boss; CREATE ROLE owner LOGIN; ALTER ROLE helper RENAME TO aid');
	is($origin->safe_psql('app', STATE), 'well', 'the renamed owner goes on');
	$origin->safe_psql('app',
		'GRANT EXECUTE ON FUNCTION delivery_source_drop, delivery_source_register TO PUBLIC');
	fails_with($origin, 'app', 'SELECT delivery_source_drop();', '42501', qr/must be owner of delivery source "default"/,
		'the new role of the old name does not', connstr => $origin->connstr('app') . ' user=owner');
	is(fate($origin), $well, 'a scan');
	is(
		stored($origin),
		"boss|t|t\n" . ($needs =~ s/helper/aid/r =~ s/owner/boss/r),
		'stores the new names'
	);
	$origin->safe_psql('postgres', 'DROP ROLE owner; ALTER ROLE boss RENAME TO owner; ALTER ROLE aid RENAME TO helper');
	is(fate($origin), $well, 'and back');
};

# Into other clusters, where roles have other numbers.
$origin->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/app", '-d', $origin->connstr('app') ], 'pg_dump');
sub restored
{
	my ($name, $roles, @options) = @_;
	my $node = start_node($name);
	$node->safe_psql('postgres', "CREATE DATABASE app TEMPLATE template0; $roles");
	$node->command_checks_all([ 'pg_restore', @options, '-d', $node->connstr('app'), "$dir/app" ],
		$options[0] eq '-e' ? 0 : 1, [], [], "$name: restored")
	  if @options;
	return $node;
}
my $roles = 'CREATE ROLE other; CREATE ROLE more; CREATE ROLE helper LOGIN; CREATE ROLE owner LOGIN';

subtest 'another cluster' => sub {
	my $node = restored('elsewhere', $roles, '-e');
	isnt($node->safe_psql('app', q(SELECT owner_oid FROM delivery_sources)),
		$node->safe_psql('app', q(SELECT 'owner'::regrole::oid)), 'the roles have other numbers');
	is(stored($node), "owner|f|f\n" . ($needs =~ s/t$/f/gmr), 'which the dump does not know');
	is($node->safe_psql('app', STATE), 'well', 'the names count');
	is($node->safe_psql('app', q(SELECT count(*) FROM delivery_source_check() WHERE level = 'error')), '0', 'for the check');
	is($node->safe_psql('app', q(SELECT count(*) FROM anomalies_current())), '1', 'for reports');
	like(stored($node), qr/^owner\|f\|f/, 'which store nothing');
	is(fate($node), $well, 'for a scan');
	is(stored($node), "owner|t|t\n$needs", 'which stores them with their numbers here');
	$node->safe_psql('postgres', 'ALTER ROLE owner RENAME TO boss; CREATE ROLE owner');
	is(fate($node), $well, 'from then on the numbers count');
	like(stored($node), qr/^boss\|t\|t/, 'under any name');
	$node->safe_psql('app', 'ALTER TABLE shop.deliveries OWNER TO owner');
	is(fate($node), "changed\nfailed", 'a role of the old name is another');
	$node->stop;
};

subtest 'renamed before the first scan' => sub {
	my $node = restored('renamed', $roles, '-e');
	$node->safe_psql('postgres', 'ALTER ROLE owner RENAME TO boss');
	is(fate($node), "changed\nfailed", 'nobody can know whose it was');
	$node->safe_psql('app',
		'SELECT delivery_source_register(relation, name, mapping) FROM delivery_sources');
	is(fate($node), $well, 'registered again it goes on');
	$node->stop;
};

subtest 'restored without owners' => sub {
	my $node = restored('ownerless', $roles, '-e', '--no-owner');
	is(fate($node), "changed\nfailed", 'it is not run in the name of who restored it');
	like(
		$node->safe_psql('app', q(SELECT detail FROM delivery_source_check() WHERE level = 'error')),
		qr/changed since it was registered: The owner of shop\.deliveries is ".*", and was "owner"/,
		'the check says why'
	);
	$node->stop;
};

subtest 'restored where the owner is missing' => sub {
	my $node = restored('missing', 'CREATE ROLE helper', '--no-comments');
	is($node->safe_psql('app', 'SELECT name, owner_name FROM delivery_sources'), 'default|owner', 'our table is there');
	is(fate($node), "changed\nfailed", 'and the source changed');
	fails_with($node, 'app', 'SELECT * FROM anomalies_current();', '55000', qr/The owner of shop\.deliveries is .* and was "owner"/,
		'reports say so');
	$node->stop;
};

# pg_upgrade needs no other major to show what it makes of our tables.
subtest 'pg_upgrade' => sub {
	my $new = PostgreSQL::Test::Cluster->new('upgraded');
	$new->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
	my $bin = $origin->config_data('--bindir');
	plan skip_all => 'there is no pg_upgrade' unless -x "$bin/pg_upgrade";
	my ($old_data, $new_data) = map { Cwd::abs_path($_->data_dir) } $origin, $new;
	$origin->stop;
	# It leaves files where it is called.
	my $here = Cwd::getcwd();
	chdir $dir;
	command_ok([ 'pg_upgrade', '--no-sync', '-d', $old_data, '-D', $new_data, '-b', $bin, '-B', $bin,
			'-s', $new->host, '-p', $origin->port, '-P', $new->port ], 'it runs');
	chdir $here;
	$origin->start;
	$new->start;
	is($new->safe_psql('app', STATE), 'well', 'the source is well');
	is(fate($new), $well, 'and goes on');
	is(stored($new), "owner|t|t\n$needs", 'with the pairs of the new cluster');
	$new->stop;
};

# A foreign table is read by its owner's user mapping.
subtest 'foreign tables' => sub {
	plan skip_all => 'no postgres_fdw here'
	  if $origin->safe_psql('app', q(SELECT count(*) FROM pg_available_extensions WHERE name IN ('postgres_fdw', 'file_fdw'))) != 2;
	my ($host, $port) = ($origin->host, $origin->port);
	$origin->safe_psql(
		'app', qq(
CREATE EXTENSION postgres_fdw;
CREATE EXTENSION file_fdw;
CREATE ROLE far LOGIN;
CREATE TABLE near (endpoint text, status text, created_at timestamptz);
CREATE VIEW far_view AS SELECT endpoint, status, created_at FROM near;
GRANT SELECT ON far_view TO far;
INSERT INTO near VALUES ('e', 'failed', now() - interval '1 s');
CREATE SERVER here FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'app');
CREATE USER MAPPING FOR owner SERVER here OPTIONS (user 'far', password_required 'false');
GRANT USAGE ON FOREIGN SERVER here TO owner;
SET ROLE owner;
CREATE FOREIGN TABLE shop.remote (endpoint text, status text, created_at timestamptz) SERVER here OPTIONS (schema_name 'public', table_name 'far_view');
RESET ROLE;
SELECT delivery_source_drop();
SELECT delivery_source_register('shop.remote'))
	);
	is(fate($origin), $well, q(by the owner's mapping, and nobody else's));
	$origin->safe_psql('app', 'DROP USER MAPPING FOR owner SERVER here; CREATE USER MAPPING FOR CURRENT_USER SERVER here');
	is(fate($origin), "well\nfailed", 'not by the mapping of who asks for the scan');
	$origin->safe_psql('app', 'ALTER FOREIGN TABLE shop.remote OWNER TO CURRENT_USER');
	is($origin->safe_psql('app', 'SELECT count(delivery_source_register(relation, name, mapping)) FROM delivery_sources'),
		'1', q(a superuser's by his own));
	$origin->safe_psql('app', 'ALTER SERVER here OWNER TO owner');
	like(($origin->psql('app', 'SELECT outcome, detail FROM anomalies_scan()'))[1], qr/^failed\|.*cannot be read as superuser/,
		'not from a server that is another role\'s');

	my $file = "$dir/deliveries.csv";
	append_to_file($file, "e,failed,2026-01-15 12:00:00+00\n");
	$origin->safe_psql(
		'app', qq(
SELECT delivery_source_drop();
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE lines (endpoint text, status text, created_at timestamptz) SERVER files OPTIONS (filename '$file', format 'csv');
ALTER FOREIGN TABLE lines OWNER TO owner;
SELECT delivery_source_register('lines'))
	);
	is(fate($origin), $well, 'a file');
};

$origin->stop;
done_testing();
