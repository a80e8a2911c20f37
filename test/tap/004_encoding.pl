# Texts beyond ASCII, in databases of each kind of encoding: rows carry what is in the table, JSON is what a UTF-8 client
# can parse, and rollups do not pass from one encoding to another.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use Encode qw(decode encode);
use Insights;
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('encoding');
my %encoding = (in_utf8 => 'UTF8', in_latin1 => 'LATIN1', in_ascii => 'SQL_ASCII');
my $noon = "as_of => '" . NOON . "'";

# The bytes of a text, in hexadecimal; the only way to write and to read them past all conversions.
sub hex_of { return unpack 'H*', $_[0] }

sub sql_text
{
	my ($database, $bytes) = @_;
	return defined $bytes ? "convert_from('\\x" . hex_of($bytes) . "', '$encoding{$database}')" : 'NULL';
}

# 30 failures within the recent window, after an hour without any delivery: a failure cluster for both methods.
sub fail_in
{
	my ($database, $tenant, $endpoint) = @_;
	$node->safe_psql(
		$database,
		sprintf q(INSERT INTO deliveries
SELECT %s, %s, 'failed', timestamptz '%s' - n * interval '5 s' FROM generate_series(1, 30) AS n),
		sql_text($database, $tenant), sql_text($database, $endpoint), NOON
	);
	return;
}

foreach my $database (sort keys %encoding)
{
	$node->safe_psql('postgres',
		"CREATE DATABASE $database TEMPLATE template0 ENCODING '$encoding{$database}' LC_COLLATE 'C' LC_CTYPE 'C'");
	$node->safe_psql(
		$database, q(
CREATE EXTENSION anomaly_insights;
CREATE TABLE deliveries (tenant_id text, endpoint text, status text, created_at timestamptz);
SELECT delivery_source_register('deliveries');
)
	);
}

# Tenants and endpoints as (tenant, endpoint) => bytes in the table.
my %texts = (
	in_utf8 => [
		[ encode('UTF-8', "Gr\x{f6}\x{df}e"), encode('UTF-8', "https://\x{e9}.example/\x{fc}") ],
		[ encode('UTF-8', "\x{65e5}\x{672c}"), encode('UTF-8', "hook \x{1f680} \x{10ffff}") ],
		[ 'controls', "tab\t newline\n quote\" backslash\\ bell\a del\x7f </script>" ],
		[ encode('UTF-8', "e\x{301}"), encode('UTF-8', "\x{202e}right to left\x{feff}") ],
	],
	in_latin1 => [
		[ "Gr\xf6\xdfe", "https://\xe9.example/\xfc" ],
		[ "\xa0\xff", "\xd7 \x80 \x9f" ],
		[ 'controls', "quote\" backslash\\ \x01" ]
	],
	in_ascii => [
		[ encode('UTF-8', "Gr\x{f6}\x{df}e"), encode('UTF-8', "hook \x{1f680}") ],
		[ "Gr\xf6\xdfe", "https://\xe9.example/\xfc" ],
		[ "\xff", "a\xff" ],
		[ "\xfe", "a\xfe" ],
		[ 'cut', "cut \xf0\x9f\x9a" ],
		[ 'overlong', "nul \xc0\x80 slash \xc0\xaf" ],
		[ 'surrogate', "\xed\xa0\x80 and beyond \xf4\x90\x80\x80" ],
		[ 'continuation', "\x80\x80" ],
	]
);

# How a text of the table looks to a UTF-8 client; undef where it cannot be shown as it is.
sub as_unicode
{
	my ($database, $bytes) = @_;
	my $copy = $bytes;
	return decode('ISO-8859-1', $copy) if $database eq 'in_latin1';
	return eval { decode('UTF-8', $copy, Encode::FB_CROAK | Encode::LEAVE_SRC) };
}

foreach my $database (sort keys %encoding)
{
	my @keys = @{ $texts{$database} };
	fail_in($database, @$_) foreach @keys;
	foreach my $method (qw(rate reference))
	{
		subtest "$encoding{$database}, $method" => sub {
			my $arguments = "$noon, method => '$method'";
			my $to_bytes = sub { "encode(convert_to($_[0], '$encoding{$database}'), 'hex')" };
			my @rows = split /\n/,
			  $node->safe_psql(
				$database,
				sprintf 'SELECT %s, %s, %s FROM anomalies_current(%s)',
				(map { $to_bytes->($_) } qw(tenant_id endpoint message)), $arguments
			  );
			my %message = map { my @f = split /\|/; ("$f[0]|$f[1]" => pack 'H*', $f[2]) } @rows;
			is_deeply(
				[ sort keys %message ],
				[
					sort map {
						join '|', map { hex_of($_) } @$_
					} @keys
				],
				'rows carry the bytes of the table'
			);

			# Read it as a UTF-8 client does: broken bytes end the test here.
			my $json =
			  $node->safe_psql($database, "SET client_encoding = 'UTF8'; SELECT anomalies_current_json($arguments)");
			my $parsed = eval { JSON::PP->new->utf8->decode($json) };
			ok($parsed, 'the JSON is JSON in UTF-8') or diag($@);
			ok(defined eval { decode('UTF-8', my $copy = $json, Encode::FB_CROAK) }, 'and not just nearly so');
			my @incidents = @{ $parsed->{incidents} };
			is(scalar @incidents, scalar @keys, 'it has each incident');
			my %by_key = map { ("$_->{tenant_id}|$_->{endpoint}" => $_) } @incidents;

			foreach my $key (@keys)
			{
				my ($tenant, $endpoint) = map { as_unicode($database, $_) } @$key;
				my $message = $message{ join '|', map { hex_of($_) } @$key };
				like(
					$message,
					$database eq 'in_utf8'
					? qr/^\xf0\x9f\x9a\xa8 Failure Cluster: 30 failures to \Q$key->[1]\E /
					: qr/^Failure Cluster: 30 failures to \Q$key->[1]\E /,
					'the message has its emoji where there is one in the encoding'
				) if defined $message;
				like($message, qr/Tenant: \Q$key->[0]\E$/, 'and ends in the tenant') if defined $message;
				next unless defined $tenant && defined $endpoint;
				my $incident = $by_key{"$tenant|$endpoint"};
				ok($incident, 'the JSON has its texts') or next;
				is($incident->{recent_failures}, 30, 'with its figures');
				is($incident->{message}, as_unicode($database, $message), 'and its message');
			}

			foreach my $key (@keys)
			{
				my $explained = $node->safe_psql(
					$database,
					sprintf(
						q(SELECT value FROM anomalies_explain(%s, %s, method => '%s', %s) WHERE item = 'failure_cluster_detected'),
						(map { sql_text($database, $_) } @$key),
						$method, $noon
					)
				);
				is($explained, 'yes', 'explain finds it by its name');
				is(
					$node->safe_psql(
						$database,
						sprintf(
							'SELECT string_agg(%s, %s) FROM anomalies_current(%s, tenant => %s)',
							$to_bytes->('endpoint'),
							"','", $arguments, sql_text($database, $key->[0])
						)
					),
					hex_of($key->[1]),
					'and so does a report on the tenant'
				);
			}
		};
	}
}

subtest 'the message of the reference, to the letter' => sub {
	is(
		decode(
			'UTF-8',
			$node->safe_psql(
				'in_utf8',
				"SELECT message FROM anomalies_current($noon, method => 'reference', tenant => E'Gr\\u00f6\\u00dfe')"
			)
		),
		"\x{1f6a8} Failure Cluster: 30 failures to https://\x{e9}.example/\x{fc} (30.0x normal) \x{2013} Tenant: Gr\x{f6}\x{df}e",
		'UTF8'
	);
	is(
		decode(
			'UTF-8',
			$node->safe_psql(
				'in_latin1',
				"SET client_encoding = 'UTF8'; SELECT message FROM anomalies_current($noon, method => 'reference', tenant => convert_from('\\x4772f6df65', 'LATIN1'))"
			)
		) =~ s/ \S? (?=Tenant)/ /r,    # the dash is not in LATIN1 either; what stands for it is not promised
		"Failure Cluster: 30 failures to https://\x{e9}.example/\x{fc} (30.0x normal) Tenant: Gr\x{f6}\x{df}e",
		'LATIN1'
	);
};

# A client of another encoding gets what PostgreSQL gives it: a conversion, or an error that says that there is none.
is(
	$node->safe_psql(
		'in_latin1',
		"SET client_encoding = 'UTF8'; SELECT tenant_id FROM anomalies_current($noon, tenant => convert_from('\\x4772f6df65', 'LATIN1'))"
	),
	encode('UTF-8', "Gr\x{f6}\x{df}e"),
	'rows are converted for a UTF-8 client of a LATIN1 database'
);
fails_with(
	$node, 'in_utf8', "SET client_encoding = 'LATIN1'; SELECT message FROM anomalies_current($noon);",
	'22P05',
	qr/no equivalent/,
	'a LATIN1 client of a UTF8 database cannot have the emoji'
);
is(
	$node->safe_psql(
		'in_utf8',
		"SET client_encoding = 'LATIN1'; SELECT endpoint FROM anomalies_current($noon, tenant => E'Gr\\u00f6\\u00dfe')"
	),
	"https://\xe9.example/\xfc",
	'but the endpoint'
);

# Errors that quote what they were given stay valid in the encoding, however long it is.
foreach my $case (
	[ 'a long method', "SELECT anomalies_current_json(method => repeat('\xc3\xa9', 3000))" ],
	[ 'a long source', "SELECT anomalies_current_json(source => repeat('\xf0\x9f\x9a\x80', 3000))" ],
	[ 'a long source, off by one', "SELECT anomalies_current_json(source => 'a' || repeat('\xf0\x9f\x9a\x80', 3000))" ],
	[
		'a long status',
		"SELECT delivery_rollup_shape('2026-01-15', '1 hour', 1, jsonb_build_object('x', repeat('\xe6\x97\xa5', 3000)))"
	],
	[ 'a long rollup', "SELECT repeat('\xe6\x97\xa5', 3000)::text::delivery_rollup" ],
	[ 'a rollup, off by one', "SELECT ('aa' || repeat('\xe6\x97\xa5', 3000))::text::delivery_rollup" ],
	[ 'a rollup in hexadecimal', "SELECT ('\\x' || repeat('\xe6\x97\xa5', 3000))::text::delivery_rollup" ]
  )
{
	my ($name, $sql) = @$case;
	my ($state, $text) = error_of($node, 'in_utf8', "$sql;");
	like($state, qr/^(?:22|42)/, "$name is an error of the user's");
	ok(defined eval { decode('UTF-8', $text, Encode::FB_CROAK) }, "$name: the message is UTF-8");
}

# Rollups belong to their encoding.
my $aggregate =
  "SELECT delivery_rollup_agg(delivery_rollup_shape('2026-01-15 11:00+00', '1 hour'), created_at, tenant_id, endpoint, status, NULL) AS r FROM deliveries";
my (%rollup, %empty);
foreach my $database (sort keys %encoding)
{
	$node->safe_psql($database, "CREATE TABLE kept AS $aggregate; CREATE TABLE loaded (r delivery_rollup)");
	$rollup{$database} = $node->safe_psql($database, 'SELECT r FROM kept');
	$empty{$database} = $node->safe_psql($database, "SELECT delivery_rollup_shape('2026-01-15 11:00+00', '1 hour')");
	my $cells = join "\n", sort split /\n/, $node->safe_psql(
		$database,
		sprintf q(SELECT encode(convert_to(tenant_id, '%1$s'), 'hex'),
	    encode(convert_to(endpoint, '%1$s'), 'hex'), failed FROM kept, rollup_cells(r)), $encoding{$database}
	);
	is(
		$cells,
		join("\n", sort map { join '|', hex_of($_->[0]), hex_of($_->[1]), 30 } @{ $texts{$database} }),
		"$encoding{$database}: its cells have the bytes"
	);
	is($node->safe_psql($database, "SELECT r::text = (r::text::delivery_rollup)::text FROM kept"),
		't', "$encoding{$database}: and it is loaded where it was made");
}
foreach my $from (sort keys %encoding)
{
	foreach my $to (grep { $_ ne $from } sort keys %encoding)
	{
		foreach my $what ([ 'a rollup', $rollup{$from} ], [ 'an empty one', $empty{$from} ])
		{
			fails_with($node, $to, "SELECT '$what->[1]'::text::delivery_rollup;",
				'22P03', qr/encoding/, "$what->[0] of $encoding{$from} in $encoding{$to}");
		}
	}
}

# One that claims another encoding, so that its texts are broken there. Nothing but the encoding sets empty ones apart.
sub relabel
{
	my ($hex, $from, $to) = @_;
	foreach my $at (0 .. length($empty{$from}) - 1)
	{
		substr($hex, $at, 1) = substr($empty{$to}, $at, 1)
		  if substr($empty{$from}, $at, 1) ne substr($empty{$to}, $at, 1);
	}
	return $hex;
}
fails_with(
	$node, 'in_utf8', "SELECT '" . relabel($rollup{in_latin1}, 'in_latin1', 'in_utf8') . "'::text::delivery_rollup;",
	'22P03',
	qr/not valid in the database's encoding|encoding/,
	'texts that are no UTF-8 are refused in UTF8'
);
fails_with($node, 'in_utf8',
	"SELECT '" . relabel($rollup{in_ascii}, 'in_ascii', 'in_utf8') . "'::text::delivery_rollup;",
	'22P03', qr/encoding/, 'and so is anything from SQL_ASCII');

# A dump, loaded into a database of another encoding.
my $dump = PostgreSQL::Test::Utils::tempdir() . '/kept';
$node->command_ok([ 'pg_dump', '--data-only', '-t', 'kept', '-f', "$dump.sql", '-d', $node->connstr('in_utf8') ],
	'a dump of rollups');
my $sql = slurp_file("$dump.sql");
foreach my $database (sort keys %encoding)
{
	my ($state, $text) = error_of($node, $database, "TRUNCATE kept;\n$sql");
	if ($database eq 'in_utf8')
	{
		is($state, undef, 'a dump of UTF8 is loaded into UTF8') or diag($text);
		is($node->safe_psql($database, 'SELECT r FROM kept'), $rollup{in_utf8}, 'as it was');
	}
	else
	{
		is($state, '22P03', "a dump of UTF8 is refused by $encoding{$database}");
		like($text, qr/encoding.*COPY kept, line 1, column r/s, 'with the reason and the place');
	}
}
$node->safe_psql('in_utf8', "\\copy kept TO '$dump.binary' WITH (FORMAT binary)");
$node->safe_psql('in_utf8', "\\copy loaded FROM '$dump.binary' WITH (FORMAT binary)");
is($node->safe_psql('in_utf8', 'SELECT r FROM loaded'), $rollup{in_utf8}, 'binary COPY within an encoding');
fails_with($node, 'in_latin1', "\\copy loaded FROM '$dump.binary' WITH (FORMAT binary)\n",
	'22P03', qr/encoding/, 'and into another one');

$node->stop;
done_testing();
