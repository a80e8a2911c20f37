"""What is changed under the calls."""

from dataclasses import dataclass

TABLES = ["deliveries", "parted", "typed"]


@dataclass
class Change:
    """Statements as a role; one that would not be mended is only ever rolled back."""

    name: str
    role: str
    statements: list
    lasting: bool = True


def _retype(column, kind, value):
    return Change(
        f"{column} becomes {kind}",
        "sqlfuzz_owner",
        [f"ALTER TABLE w.{{table}} ALTER {column} TYPE {kind} USING {value}"],
    )


def _view(name, created_at):
    """The table aside, and in its place a view whose column is something else."""
    return Change(
        f"a view with {name} for a table",
        "sqlfuzz_owner",
        [
            "ALTER TABLE w.{table} RENAME TO aside",
            f"CREATE VIEW w.{{table}} AS SELECT id, tenant_id, endpoint, status, {created_at} AS created_at, error, attempts FROM w.aside",
        ],
        lasting=False,
    )


def _own(name, *statements):
    """The extension's own tables, which a superuser may break as he likes."""
    return Change(name, "postgres", list(statements), lasting=False)


# What would keep a table's columns as they are.
NO_VIEW = ["ALTER EXTENSION anomaly_insights DROP VIEW @.anomalies_active", "DROP VIEW @.anomalies_active"]

NO_FUNCTIONS = [
    statement
    for function in ("audit_head()", "audit_stats(timestamptz)")
    for statement in (f"ALTER EXTENSION anomaly_insights DROP FUNCTION @.{function}", f"DROP FUNCTION @.{function}")
] + ["ALTER TABLE @.operator_audit DISABLE TRIGGER append_only"]

RELATION_CHANGES = [
    _retype("created_at", "date", "'2026-01-15'"),
    _retype("created_at", "date", "now()::date"),
    _retype("created_at", "timestamp", "now()"),
    _retype("created_at", "integer", "1000"),
    _retype("created_at", "bigint", "8000000000000000000"),
    _retype("created_at", "text", "'2026-01-15'"),
    _retype("created_at", "jsonb", "'{{}}'"),
    _retype("created_at", "w.moment", "ROW(repeat('x', 100), 1)::w.moment"),
    _retype("created_at", "w.time_domain", "now()"),
    _retype("tenant_id", "integer", "7"),
    _retype("tenant_id", "bytea", "'\\x00ff'"),
    _retype("tenant_id", "varchar(300)", "left(tenant_id::text, 300)"),
    _retype("tenant_id", "w.moment", "ROW('t1', 5)::w.moment"),
    _retype("endpoint", "bigint", "-1"),
    _retype("endpoint", "text[]", "'{{a,NULL}}'"),
    _retype("endpoint", "json", "'[1, 2]'"),
    _retype("status", "integer", "1"),
    _retype("status", "w.mood", "'failed'"),
    _retype("status", "boolean", "true"),
    _retype("status", "w.moment", "ROW('failed', 5)::w.moment"),
    _retype("id", "text", "id::text"),
    _retype("id", "double precision", "'NaN'"),
    _retype("id", "w.moment", "ROW('1', 1)::w.moment"),
    _retype("attempts", "text", "'many'"),
    _retype("attempts", "numeric", "1e100"),
    _retype("error", "bytea", "'\\x80'"),
    _view("a date", "created_at::date"),
    _view("a number", "5"),
    _view("a composite", "ROW('x', 1)::w.moment"),
    _view("a text", "created_at::text"),
    _view("an array", "ARRAY[created_at]"),
    _view("a division by zero", "created_at + interval '1 s' * (1 / (id - id))"),
    _view("the same", "created_at"),
    Change("a column is dropped", "sqlfuzz_owner", ["ALTER TABLE w.{table} DROP COLUMN status CASCADE"]),
    Change("the time is dropped", "sqlfuzz_owner", ["ALTER TABLE w.{table} DROP COLUMN created_at CASCADE"]),
    Change("a column is renamed", "sqlfuzz_owner", ["ALTER TABLE w.{table} RENAME tenant_id TO other"]),
    Change(
        "columns change places",
        "sqlfuzz_owner",
        ["ALTER TABLE w.{table} RENAME id TO aside", "ALTER TABLE w.{table} RENAME attempts TO id",
         "ALTER TABLE w.{table} RENAME aside TO attempts"],
    ),
    Change("a column is added", "sqlfuzz_owner", ["ALTER TABLE w.{table} ADD COLUMN event_name int DEFAULT 5"]),
    Change("the table is dropped", "sqlfuzz_owner", ["DROP TABLE w.{table} CASCADE"]),
    Change("the table is emptied", "sqlfuzz_owner", ["TRUNCATE w.{table}"]),
    Change("the table is renamed", "sqlfuzz_owner", ["ALTER TABLE w.{table} RENAME TO renamed"], lasting=False),
    Change("its schema is renamed", "postgres", ["ALTER SCHEMA w RENAME TO v"], lasting=False),
    Change("it has another owner", "postgres", ["ALTER TABLE w.{table} OWNER TO sqlfuzz_nobody"]),
    Change("it has row-level security", "sqlfuzz_owner",
           ["ALTER TABLE w.{table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
            "CREATE POLICY p ON w.{table} USING (w.is_fine(status::text))"]),
    Change(
        "the view has other columns",
        "sqlfuzz_owner",
        ["DROP VIEW w.deliveries_view", "CREATE VIEW w.deliveries_view AS SELECT 1 AS id, 'x'::text AS tenant_id, 2 AS endpoint,"
         " 'failed'::text AS status, current_date AS created_at"],
    ),
    Change("the materialized view is a table", "sqlfuzz_owner",
           ["DROP MATERIALIZED VIEW w.deliveries_mat", "CREATE TABLE w.deliveries_mat AS SELECT *, 1 AS one FROM w.deliveries"]),
    Change("it is refreshed", "sqlfuzz_owner", ["REFRESH MATERIALIZED VIEW w.deliveries_mat"]),
    Change(
        "the function gives garbage",
        "sqlfuzz_owner",
        ["CREATE OR REPLACE FUNCTION w.word(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT repeat($1, 100)'"],
    ),
    Change(
        "the function fails",
        "sqlfuzz_owner",
        ["CREATE OR REPLACE FUNCTION w.is_fine(text) RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN 1/0; END'"],
        lasting=False,
    ),
    Change(
        "the function drops the table",
        "sqlfuzz_owner",
        ["CREATE OR REPLACE FUNCTION w.is_fine(text) RETURNS boolean LANGUAGE plpgsql STABLE AS"
         " 'BEGIN EXECUTE ''DROP TABLE w.deliveries CASCADE''; RETURN true; END'"],
        lasting=False,
    ),
    Change("the function is dropped", "sqlfuzz_owner", ["DROP FUNCTION w.word(text)"], lasting=False),
    Change("the function has another type", "sqlfuzz_owner",
           ["DROP FUNCTION w.word(text)", "CREATE FUNCTION w.word(text) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'"],
           lasting=False),
    Change("an enum has more values", "sqlfuzz_owner", ["ALTER TYPE w.mood ADD VALUE IF NOT EXISTS 'strange'"]),
    Change("a trigger undoes", "sqlfuzz_owner",
           ["CREATE FUNCTION w.undo() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
            "CREATE TRIGGER undo BEFORE UPDATE ON w.deliveries FOR EACH ROW EXECUTE FUNCTION w.undo()"], lasting=False),
    Change("the foreign table is of another", "sqlfuzz_owner",
           ["ALTER FOREIGN TABLE w.foreign_deliveries OPTIONS (SET table_name 'typed')"]),
    Change("the foreign table has other types", "sqlfuzz_owner",
           ["ALTER FOREIGN TABLE w.foreign_deliveries ALTER created_at TYPE text, ALTER tenant_id TYPE bigint"]),
]

EXTENSION_CHANGES = [
    Change("the extension is dropped", "postgres", ["DROP EXTENSION anomaly_insights CASCADE"]),
    Change("the schema is dropped", "postgres", ["DROP SCHEMA @@ CASCADE"]),
    Change("the extension is made anew", "postgres",
           ["DROP EXTENSION anomaly_insights CASCADE", "CREATE EXTENSION anomaly_insights SCHEMA @@"], lasting=False),
    Change("the schema is renamed", "postgres", ["ALTER SCHEMA @@ RENAME TO elsewhere"], lasting=False),
    Change("the schema is renamed and back", "postgres",
           ["ALTER SCHEMA @@ RENAME TO elsewhere", "ALTER SCHEMA elsewhere RENAME TO @@"]),
    Change("nobody may use the schema", "postgres", ["REVOKE USAGE ON SCHEMA @@ FROM sqlfuzz_owner, sqlfuzz_operator"],
           lasting=False),
    Change("the sources are locked", "postgres", ["LOCK TABLE @.delivery_sources"], lasting=False),
    Change("the incidents are locked", "postgres", ["LOCK TABLE @.anomalies, @.anomaly_events"], lasting=False),
    Change("the audit is locked", "postgres", ["LOCK TABLE @.operator_audit"], lasting=False),
    Change("a trigger of ours is used elsewhere", "postgres",
           ["CREATE TRIGGER ours BEFORE INSERT OR UPDATE ON w.deliveries FOR EACH ROW EXECUTE FUNCTION @.audit_refuse()",
            "UPDATE w.deliveries SET id = id WHERE id = 1"], lasting=False),
]

OWN_CHANGES = [
    _own("the audit is written to", "ALTER TABLE @.operator_audit DISABLE TRIGGER append_only", "UPDATE @.operator_audit SET actor = 'x'"),
    _own("a source has no mapping", "UPDATE @.delivery_sources SET mapping = '[]'"),
    _own("a source's mapping is a number", "UPDATE @.delivery_sources SET mapping = '5'"),
    _own("a source's mapping is empty", "UPDATE @.delivery_sources SET mapping = '{{}}'"),
    _own("a source's mapping is of numbers",
         "UPDATE @.delivery_sources SET mapping = '{{\"created_at\": 1, \"endpoint\": [], \"status\": null, \"statuses\": 5}}'"),
    _own("a source's mapping is no SQL",
         "UPDATE @.delivery_sources SET mapping = '{{\"created_at\": \"((\", \"endpoint\": \"1\", \"status\": \"\"}}'"),
    _own("a source's statuses are none",
         "UPDATE @.delivery_sources SET mapping = mapping || '{{\"statuses\": {{\"a\": \"b\", \"c\": [null]}}, \"time_zone\": \"x\"}}'"),
    _own("a source's relation is no name", "UPDATE @.delivery_sources SET relation = 'a.b.c.d'"),
    _own("a source's relation is another", "UPDATE @.delivery_sources SET relation = 'pg_catalog.pg_class'"),
    _own("a source's relation is nothing", "UPDATE @.delivery_sources SET relation = ''"),
    _own("a source's needs are none", "UPDATE @.delivery_sources SET needs = '[{{\"object\": 5}}, null, [], \"x\"]'"),
    _own("a source's needs are no list", "UPDATE @.delivery_sources SET needs = '{{}}'"),
    _own("a source's needs are much", "UPDATE @.delivery_sources SET needs = (SELECT jsonb_agg(i) FROM generate_series(1, 2000) i)"),
    _own("a source is of another cluster", "UPDATE @.delivery_sources SET system_identifier = -1, owner_oid = 4294967295"),
    _own("a source is of nobody", "UPDATE @.delivery_sources SET owner_oid = 0, owner_name = ''"),
    _own("a source is of a superuser", "UPDATE @.delivery_sources SET owner_oid = 10, owner_name = 'postgres'"),
    _own("a source is of a kind that is not there", "UPDATE @.delivery_sources SET relation_kind = repeat('x', 100000)"),
    _own("grants are strange", *(f"ALTER TABLE @.insights_grants DROP CONSTRAINT insights_grants_{name}_check"
                                for name in ("tier", "tenants")), "INSERT INTO @.insights_grants (role_name, tier, tenants) VALUES"
         " ('sqlfuzz_operator', 'viewer', '[5:6]={{t1,NULL}}'), ('sqlfuzz_owner', 'x', '{{{{a}},{{b}}}}')"),
    _own("grants' tenants are a text", "ALTER TABLE @.insights_grants DROP CONSTRAINT insights_grants_tenants_check", "ALTER TABLE @.insights_grants ALTER tenants TYPE text"),
    _own("mapping is a text", "ALTER TABLE @.delivery_sources ALTER mapping DROP DEFAULT, ALTER mapping TYPE text"),
    _own("a source's name is a number", "ALTER TABLE @.delivery_sources DROP CONSTRAINT delivery_sources_name_check",
         "ALTER TABLE @.delivery_sources ALTER name TYPE int USING 1"),
    _own("metadata is a text", "ALTER TABLE @.operator_audit ALTER metadata TYPE text"),
    _own("hash is a text", *NO_FUNCTIONS, "ALTER TABLE @.operator_audit ALTER hash TYPE text USING 'x'"),
    _own("hashes are short", "ALTER TABLE @.operator_audit DISABLE TRIGGER append_only",
         "UPDATE @.operator_audit SET hash = '', previous_hash = '\\x00'"),
    _own("the audit's ids are texts", *NO_FUNCTIONS, "ALTER TABLE @.operator_audit ALTER id TYPE text"),
    _own("the audit has no actor", *NO_FUNCTIONS, "ALTER TABLE @.operator_audit DROP COLUMN actor CASCADE"),
    _own("the audit has more columns", "ALTER TABLE @.operator_audit ADD COLUMN more int"),
    _own("incidents have no note", *NO_VIEW, "ALTER TABLE @.anomalies DROP COLUMN note CASCADE"),
    _own("incidents have more columns", "ALTER TABLE @.anomalies ADD COLUMN more text DEFAULT 'x'"),
    _own("incidents' times are dates", *NO_VIEW,
         "ALTER TABLE @.anomalies ALTER detected_at TYPE date, ALTER evaluated_at TYPE date, ALTER last_seen_at TYPE date"),
    _own("incidents' counts are texts", *NO_VIEW, "ALTER TABLE @.anomalies ALTER peak_failures TYPE text"),
    _own("reopened_at has strange bounds", "UPDATE @.anomalies SET reopened_at = '[5:6]={{2026-01-01,infinity}}'"),
    _own("reopened_at holds NULL", "UPDATE @.anomalies SET reopened_at = '{{NULL}}'"),
    _own("reopened_at has two dimensions", "UPDATE @.anomalies SET reopened_at = '{{{{2026-01-01}},{{2026-01-02}}}}'"),
    _own("incidents are of no time", "UPDATE @.anomalies SET detected_at = '-infinity', level_since = 'infinity',"
         " evaluated_at = 'infinity', usual_count = 'NaN', peak_failures = -1, calm_since = '4714-11-24 BC'"),
    _own("days have strange bounds", "INSERT INTO @.anomaly_mutes (starts_at, created_by, days, from_time, to_time, time_zone)"
         " VALUES (now(), '', '[3:4][1:2]={{{{1,NULL}},{{99,-1}}}}', '12:00', '11:00', 'nowhere')"),
    _own("mutes' days are texts", "ALTER TABLE @.anomaly_mutes ALTER days TYPE text[]"),
    _own("results are no array", "UPDATE @.operator_replays SET results = '5'"),
    _own("results hold anything", "UPDATE @.operator_replays SET results = '[null, 5, {{\"id\": []}}, [[]]]'"),
    _own("runs are gone", "ALTER EXTENSION anomaly_insights DROP TABLE @.anomaly_runs", "DROP TABLE @.anomaly_runs CASCADE"),
]  # fmt: skip
CHANGES = RELATION_CHANGES + EXTENSION_CHANGES + OWN_CHANGES


def pairs():
    """Each change with each table, the extension's as often as the tables'."""
    return [(change, table) for change in RELATION_CHANGES + 2 * EXTENSION_CHANGES + OWN_CHANGES for table in TABLES]
