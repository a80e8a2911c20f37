"""The database of a round: the extension, relations of all kinds with deliveries, their sources, roles, and a secret."""

import re
import time

import functions
import psycopg
from psycopg import sql

ROLES = ["sqlfuzz_owner", "sqlfuzz_operator", "sqlfuzz_nobody"]
# PostgreSQL's own internal errors of DDL against DDL, for which it takes too few locks.
OWN_OF_DDL = r"tuple concurrently (updated|deleted)|cache lookup failed for |could not open relation with OID "
CANARY = "CANARYofsqlfuzz"
CODECS = {"UTF8": "utf-8", "EUC_JP": "euc_jp"}

COLUMNS = """id bigint, tenant_id text, endpoint text, event_type text, status text, triage_label text, triage_score int,
  attempts int, max_attempts int, next_retry_at timestamptz, http_status int, error text,
  created_at timestamptz NOT NULL, updated_at timestamptz"""
NAMES = """id, tenant_id, endpoint, event_type, status, triage_label, triage_score, attempts, max_attempts,
  next_retry_at, http_status, error, created_at, updated_at"""
ROWS = """SELECT i, (ARRAY['t1', 't2', '日本語', NULL, ''])[1 + i % 5], (ARRAY['e1', 'e2', 'e3', 'é"'])[1 + i % 4],
    'order.created', (ARRAY['delivered', 'delivered', 'delivered', 'failed', 'pending', 'dead_letter'])[1 + i % 6],
    (ARRAY[NULL, 'rate_limited', 'transient_endpoint_down', 'other'])[1 + i % 4], i % 100, 1 + i % 3, 5,
    now() + i * interval '1 minute', (ARRAY[200, 404, 429, 503, NULL])[1 + i % 5],
    (ARRAY[NULL, 'timeout', 'connection refused'])[1 + i % 3], now() - i * interval '40 seconds', now()
  FROM generate_series(1, 300) i
  UNION ALL SELECT 1000 + i, 't1', 'failing', 'order.created', CASE WHEN i <= 30 THEN 'failed' ELSE 'delivered' END, NULL,
    50, 5, 5, NULL, 503, 'timeout', now() - i * interval '9 seconds', now() FROM generate_series(1, 400) i
  UNION ALL SELECT -1, repeat('x', 3000), repeat('日', 2000), '', 'failed', '', -2147483648, 2147483647, -1, 'infinity',
    -2147483648, '%s %n', time, '-infinity'
  FROM unnest('{infinity,-infinity,4714-11-24 00:00:00+00 BC,294276-12-31 23:59:59+00}'::timestamptz[]) time"""


def fill(table):
    return f"INSERT INTO w.{table} ({NAMES}) {ROWS}"


# How each relation is made, and the name and the mapping of its source, if it is one.
RELATIONS = {
    "deliveries": (
        [f"CREATE TABLE w.deliveries ({COLUMNS})", fill("deliveries"), "CREATE INDEX ON w.deliveries (created_at)"],
        ("default", '{"replay_status": "pending"}'),
    ),
    "calm": (  # without incidents, so that it may be judged at any time
        [
            "CREATE TABLE w.calm (endpoint text, status text, created_at timestamptz)",
            "INSERT INTO w.calm SELECT 'e1', 'delivered', now() - i * interval '1 minute' FROM generate_series(1, 100) i",
        ],
        ("calm", "{}"),
    ),
    "parted": (
        [
            f"CREATE TABLE w.parted ({COLUMNS}) PARTITION BY RANGE (created_at)",
            "CREATE TABLE w.parted_old PARTITION OF w.parted FOR VALUES FROM (MINVALUE) TO ('2026-01-01')",
            "CREATE TABLE w.parted_rest PARTITION OF w.parted DEFAULT",
            fill("parted"),
        ],
        ("parted", '{"tenant_id": "w.word(tenant_id)"}'),
    ),
    "local_times": (
        [
            "CREATE TABLE w.local_times (id uuid, target varchar(4000), state int, created timestamp NOT NULL)",
            f"INSERT INTO w.local_times SELECT gen_random_uuid(), endpoint, id % 3, created_at AT TIME ZONE 'UTC' FROM ({ROWS})"
            f" AS d ({NAMES}) WHERE isfinite(created_at)",
        ],
        ("local", '{"time_zone": "Europe/Berlin", "statuses": {"0": "delivered", "1": "failed", "2": "pending"}}'),
    ),
    "typed": (
        [
            "CREATE TABLE w.typed (id w.number, tenant_id w.word_domain, endpoint name, status w.mood,"
            " attempts numeric, http_status smallint, error text, created_at w.time_domain NOT NULL)",
            f"INSERT INTO w.typed SELECT id, left(tenant_id, 100), left(endpoint, 10), status::w.mood, 1, 200, error,"
            f" created_at FROM ({ROWS}) AS d ({NAMES})",
        ],
        ("typed", "{}"),
    ),
    "beneath": ([f"CREATE TABLE w.beneath ({COLUMNS})", fill("beneath")], None),  # what a view reads cannot be altered
    "deliveries_view": (
        ["CREATE VIEW w.deliveries_view AS SELECT *, 1 AS more FROM w.beneath WHERE id > 5"],
        ("view", '{"where": "w.is_fine(status)"}'),
    ),
    "deliveries_mat": (["CREATE MATERIALIZED VIEW w.deliveries_mat AS SELECT * FROM w.beneath"], ("mat", "{}")),
    "foreign_deliveries": (
        [f"CREATE FOREIGN TABLE w.foreign_deliveries ({COLUMNS}) SERVER loopback OPTIONS (table_name 'deliveries')"],
        ("foreign", "{}"),
    ),
}
TYPES = [
    "CREATE TYPE w.mood AS ENUM ('delivered', 'failed', 'dead_letter', 'pending')",
    "CREATE DOMAIN w.number AS bigint",
    "CREATE DOMAIN w.word_domain AS text",
    "CREATE DOMAIN w.time_domain AS timestamptz",
    "CREATE TYPE w.moment AS (a text, b bigint)",
    "CREATE FUNCTION w.time_of(w.moment) RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT now()'",
    "CREATE CAST (w.moment AS timestamptz) WITH FUNCTION w.time_of(w.moment) AS IMPLICIT",
    "CREATE FUNCTION w.text_of(w.moment) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ($1).a'",
    "CREATE CAST (w.moment AS text) WITH FUNCTION w.text_of(w.moment) AS IMPLICIT",
    "CREATE FUNCTION w.word(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1'",
    "CREATE FUNCTION w.is_fine(text) RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN true; END'",
    "CREATE FUNCTION w.put_back(text) RETURNS text LANGUAGE sql AS 'SELECT $1'",
    "CREATE SEQUENCE w.numbers",
]
DROP = """DO $$ DECLARE kind text; BEGIN
  SELECT CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END
  INTO kind FROM pg_class WHERE oid = to_regclass('w.{0}');
  IF FOUND THEN EXECUTE 'DROP ' || kind || ' w.{0} CASCADE'; END IF; END $$"""


class World:
    def __init__(self, conninfo, number, encoding, schema):
        self.number = number
        self.encoding = encoding
        self.codec = CODECS[encoding]
        self.schema = schema
        self.quoted = '"' + schema.replace('"', '""') + '"'
        self.name = f"sqlfuzz_{encoding.lower()}"
        self.conninfo = f"{conninfo} dbname={self.name}"
        self._server = f"{conninfo} dbname=postgres"
        self.admin = None

    def place(self, statement):
        """The statement with the extension's schema in it."""
        return statement.replace("@@", self.quoted).replace("@.", self.quoted + ".")

    def create(self):
        self.drop()
        with connected(self._server) as server:
            for role in ROLES:
                if not server.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
                    server.execute(f"CREATE ROLE {role} LOGIN")
            made = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING {} LOCALE 'C'")
            server.execute(made.format(sql.Identifier(self.name), self.encoding))
        self._connect()
        self._run(f"CREATE TABLE public.secret AS SELECT '{CANARY}'::text AS canary")
        self._run("REVOKE ALL ON public.secret FROM PUBLIC")
        self._run("CREATE SCHEMA w AUTHORIZATION sqlfuzz_owner")
        self._run("GRANT USAGE ON SCHEMA w TO PUBLIC")
        self._link()
        for statement in TYPES:
            self._run(f"SET ROLE sqlfuzz_owner; {statement}; RESET ROLE")
        self.mend()
        self.functions = functions.read_functions(lambda query: self.admin.execute(query).fetchall())
        self.shapes, self.rollups = self._rollups()

    def _link(self):
        """A server that is this one, for foreign tables."""
        self._run("CREATE EXTENSION postgres_fdw")
        self._run(
            "DO $$ BEGIN EXECUTE format('CREATE SERVER loopback FOREIGN DATA WRAPPER postgres_fdw OPTIONS "
            "(host %L, port %L, dbname %L)', split_part(current_setting('unix_socket_directories'), ',', 1), "
            "current_setting('port'), current_database()); END $$"
        )
        self._run("GRANT USAGE ON FOREIGN SERVER loopback TO PUBLIC")
        self._run("CREATE USER MAPPING FOR PUBLIC SERVER loopback OPTIONS (user 'sqlfuzz_owner', password_required 'false')")

    def _rollups(self):
        shapes = [
            self._value(f"SELECT @.delivery_rollup_shape(timestamptz '2026-01-15', '{width}', {slots})")
            for width, slots in (("1 hour", 1), ("5 minutes", 24), ("1 day", 1000))
        ]
        rollups = [
            self._value(
                "SELECT @.delivery_rollup_agg(@.delivery_rollup_shape(date_trunc('hour', now()) - interval '3 hours', '1 hour', 4), created_at,"
                f" tenant_id, endpoint, status, triage_label) FROM w.deliveries WHERE id < {most}"
            )
            for most in (3, 20, 2000)
        ]
        return shapes, shapes + rollups

    def end_workers(self):
        """Those of this database; the launcher starts others."""
        self._run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type LIKE 'anomaly_insights%'"
            " AND datname = current_database()"
        )

    def patiently(self, work):
        """What may fail, since the sessions hold locks and break things: then it is left for another time."""
        if self.admin.closed:
            self._connect()
        try:
            self.admin.execute("SET lock_timeout = 1000")
            work()
        except psycopg.Error as error:
            if error.sqlstate and error.sqlstate.startswith("XX") and not re.match(OWN_OF_DDL, str(error)):
                raise

    def _connect(self):
        self.admin = connected(self.conninfo, client_encoding="UTF8")

    def mend(self, relation=None):
        """Makes a relation and its source anew, all by default, and the extension where it is gone."""
        if not self.admin.execute("SELECT 1 FROM pg_extension WHERE extname = 'anomaly_insights'").fetchone():
            self._run("CREATE SCHEMA IF NOT EXISTS @@")
            self._run("CREATE EXTENSION anomaly_insights SCHEMA @@ CASCADE")
            self._run("GRANT USAGE ON SCHEMA @@ TO sqlfuzz_owner, sqlfuzz_operator")
            self._run("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA @@ TO sqlfuzz_owner, sqlfuzz_operator")
            self._run("GRANT SELECT ON ALL TABLES IN SCHEMA @@ TO sqlfuzz_operator")
            relation = None
        for name in [relation] if relation else RELATIONS:
            statements, registration = RELATIONS[name]
            with self.admin.transaction():
                for statement in [DROP.format(name), "SET LOCAL ROLE sqlfuzz_owner", *statements]:
                    self._run(statement)
                self._run(f"GRANT SELECT, UPDATE ON w.{name} TO sqlfuzz_operator")
                self._run("RESET ROLE")
                if registration:
                    self._run("SELECT @.delivery_source_register('w.{}', '{}', '{}')".format(name, *registration))

    def _run(self, statement):
        return self.admin.execute(self.place(statement))

    def _value(self, statement):
        return self._run(statement).fetchone()[0]

    def drop(self):
        if self.admin is not None:
            # The worker would wait, deaf, for a connection to the database that waits for the worker.
            self.patiently(lambda: self._run("DROP SERVER loopback CASCADE"))
            self.admin.close()
        with connected(self._server) as server:
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(self.name)))


def connected(conninfo, **options):
    """Waits for a server that comes back from a crash."""
    for _ in range(600):
        try:
            return psycopg.connect(conninfo, autocommit=True, **options)
        except psycopg.OperationalError as error:
            last = error
            time.sleep(0.2)
    raise last
