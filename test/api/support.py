"""What the tests stand on: databases and servers of their own, and a client for streams."""
import http.client
import json
import os
import queue
import re
import socket
import subprocess
import sys
import threading
import time
import uuid
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import httpx
import psycopg
from psycopg import sql

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "integrations" / "command_center"
HOST = os.environ.get("PGHOST", "127.0.0.1")
PORT = os.environ.get("PGPORT", "5432")
USER = os.environ.get("PGUSER", "postgres")
SERVICE = "insights_service"

TABLE = """
  CREATE TABLE {} (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), tenant_id text, event_type text,
    target text, status text DEFAULT 'pending',
    triage_label text, triage_score int, attempts int NOT NULL DEFAULT 1, max_attempts int NOT NULL DEFAULT 5,
    last_error text, next_retry_at timestamptz, created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now())
"""

WAIT = 60.0  # a deadline for what should happen at once on a machine of its own


def wait_for(condition, what, seconds=WAIT):
    """The first true value of the condition."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.1)


class Database:
    """A database with the extension, a table of deliveries, and the roles of roles.sql."""

    def __init__(self, schema="insights", table="deliveries", encoding=None):
        self.name = f"api_{uuid.uuid4().hex[:12]}"
        self.schema = schema
        self.table = table
        with psycopg.connect(self._dsn("postgres", USER), autocommit=True) as connection:
            made = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self.name))
            if encoding is not None:
                made += sql.SQL(" TEMPLATE template0 ENCODING {} LOCALE 'C'").format(encoding)
            connection.execute(made)
        self.admin = psycopg.connect(self._dsn(self.name, USER), autocommit=True, client_encoding="UTF8")

    def prepare(self):
        self.run("CREATE SCHEMA {schema}")
        self.run("CREATE EXTENSION anomaly_insights SCHEMA {schema}")
        self.admin.execute(sql.SQL(TABLE).format(sql.Identifier(self.table)))
        self.register(self.table, "default")
        self.grant()

    @staticmethod
    def _dsn(name, user, port=PORT):
        return f"host={HOST} port={port} dbname={name} user={user}"

    @property
    def dsn(self):
        return self._dsn(self.name, SERVICE)

    def dsn_through(self, wire):
        return self._dsn(self.name, SERVICE, wire.port)

    def run(self, statement, *values):
        """All rows of a statement as superuser."""
        names = {"schema": self.quoted(self.schema), "table": self.quoted(self.table)}
        if values:
            names = {name: text.replace("%", "%%") for name, text in names.items()}
        cursor = self.admin.execute(statement.format(**names), values or None)
        return cursor.fetchall() if cursor.description else []

    def value(self, statement, *values):
        return self.run(statement, *values)[0][0]

    def register(self, relation, name):
        self.run("SELECT {schema}.delivery_source_register(%s::regclass, %s)", self.quoted(relation), name)

    def quoted(self, name):
        return sql.Identifier(name).as_string(self.admin)

    def grant(self, table=None):
        """roles.sql, as an operator of the database runs it."""
        variables = {"schema": self.schema, "deliveries": self.quoted(table or self.table)}
        command = ["psql", "-X", "-q", "-h", HOST, "-p", PORT, "-U", USER, "-d", self.name, "-f", "-"]
        for name, value in variables.items():
            command += ["-v", f"{name}={value}"]
        script = (PACKAGE / "roles.sql").read_text()
        subprocess.run(command, input=script, text=True, check=True)

    def insert(self, rows, table=None):
        """Rows are dicts of columns, alike; `ago` is the age in seconds."""
        now = datetime.now(timezone.utc)
        rows = [dict(row) for row in rows]
        for row in rows:
            if "ago" in row:
                row["created_at"] = now - timedelta(seconds=row.pop("ago"))
        columns = list(rows[0])
        copy = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(table or self.table), sql.SQL(", ").join(map(sql.Identifier, columns))
        )
        with self.admin.cursor() as cursor, cursor.copy(copy) as into:
            for row in rows:
                into.write_row([row[column] for column in columns])

    def service_backends(self):
        return self.run(
            "SELECT pid, state, query FROM pg_stat_activity WHERE datname = current_database() AND usename = %s",
            SERVICE,
        )

    def drop(self):
        self.admin.close()
        with psycopg.connect(self._dsn("postgres", USER), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(self.name)))


@contextmanager
def database(**options):
    made = Database(**options)
    try:
        made.prepare()
        yield made
    finally:
        made.drop()


class Wire:
    """What a service reaches its database through. Cut, it lets nothing through, and says nothing of it."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._whole = threading.Event()
        self.mend()
        self._start(self._accept)

    def cut(self):
        self._whole.clear()

    def mend(self):
        self._whole.set()

    @staticmethod
    def _start(target, *arguments):
        threading.Thread(target=target, args=arguments, daemon=True).start()

    def _accept(self):
        while True:
            client, _ = self._listener.accept()
            database = socket.create_connection((HOST, int(PORT)))
            self._start(self._carry, client, database)
            self._start(self._carry, database, client)

    def _carry(self, source, target):
        try:
            while data := source.recv(65536):
                self._whole.wait()
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # one end is gone, and so is this


def failing(tenant, endpoint, failed=20, delivered=120):
    """Deliveries of an endpoint that went well and fails now, beyond doubt."""
    before = [
        {"tenant_id": tenant, "target": endpoint, "status": "delivered", "triage_label": None, "ago": 400 + 25 * i}
        for i in range(delivered)
    ]
    now = [
        {
            "tenant_id": tenant,
            "target": endpoint,
            "status": "failed",
            "triage_label": "transient_endpoint_down",
            "ago": 20 + 5 * i,
        }
        for i in range(failed)
    ]
    return before + now


def open_incidents(database, count):
    """Waits for the worker to have opened so many, and gives their ids."""
    query = "SELECT id FROM {schema}.anomalies_active ORDER BY id"
    return wait_for(
        lambda: [row[0] for row in found] if len(found := database.run(query)) >= count else None,
        f"{count} incidents to open",
    )


# Servers ------------------------------------------------------------------------------------------------------------

DOCUMENTS = {}  # of the servers, by their ports


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    """A process that serves the API."""

    def __init__(self, command, prefix="/api", environment=None):
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.prefix = prefix
        environment = {**os.environ, "PYTHONPATH": str(PACKAGE), "PYTHONDONTWRITEBYTECODE": "1", **(environment or {})}
        self.process = subprocess.Popen(
            [sys.executable, "-m", *command, "--port", str(self.port)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.log = []
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        self.http = httpx.Client(base_url=self.base, timeout=WAIT)
        try:
            wait_for(self._answers, "the server to start")
        except AssertionError:
            self.stop()
            raise AssertionError("the server did not start:\n" + "".join(self.log)) from None

    def _read_log(self):
        self.log.extend(self.process.stdout)

    def _answers(self):
        if self.process.poll() is not None:
            raise AssertionError("it ended")
        try:
            response = self.http.get(self.prefix + "/openapi.json")
        except httpx.TransportError:
            return False
        if response.status_code != 200:
            return False
        DOCUMENTS[self.port] = response.json()
        return True

    def request(self, method, path, role=None, user=None, headers=None, **options):
        sent = dict(headers or {})
        if role is not None:
            sent["X-User-Roles"] = role
        if user is not None:
            sent["X-User-Id"] = user.encode()
        return self.http.request(method, self.prefix + path, headers=sent, **options)

    def get(self, path, role="admin", **options):
        return self.request("GET", path, role, **options)

    def post(self, path, json=None, role="admin", **options):
        return self.request("POST", path, role, json=json, **options)

    def stream(self, role="operator", after=None, last_event_id=None):
        return Stream(self.port, self.prefix, role, after, last_event_id)

    def ask(self, path):
        """A request that nobody waits for."""
        connection = socket.create_connection(("127.0.0.1", self.port))
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return connection

    def lazy(self, after):
        """A client of the stream that never reads."""
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", self.port))
        path = f"{self.prefix}/events/stream?after={after}"
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nX-User-Roles: operator\r\n\r\n".encode())
        return connection

    def stop(self):
        """Asks it to end, and gives its exit status."""
        self.http.close()
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(WAIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError("the server does not end:\n" + "".join(self.log)) from None
        finally:
            self._reader.join(WAIT)


@contextmanager
def served(dsn, *options):
    """The package's own server."""
    server = Server(["command_center", "--dsn", dsn, *options])
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def hosted(dsn, tokens=None, **settings):
    """The application of host.py, in which the API is mounted, with these settings."""
    variables = {"HOST_DSN": dsn, "HOST_SETTINGS": json.dumps(settings)}
    if tokens is not None:
        variables["HOST_TOKENS"] = tokens
    command = ["uvicorn", "host:app", "--app-dir", str(Path(__file__).parent)]
    server = Server(command, prefix="/ops/api", environment=variables)
    try:
        yield server
    finally:
        server.stop()


def is_problem(response, status):
    """The error of the response, which must be of that status."""
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert set(problem) >= {"type", "title", "status", "detail", "instance"}
    assert response.headers["cache-control"] == "no-store"
    is_documented(response)
    return problem


def is_documented(response):
    """The document has the status for the route, where there is one, and all headers that it should have."""
    document = DOCUMENTS[response.url.port]
    path = response.url.path[len(document["servers"][0]["url"]) :]
    for route, item in document["paths"].items():
        operation = item.get(response.request.method.lower())
        if operation and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", route), path):
            documented = operation["responses"][str(response.status_code)]
            for name in ("Retry-After", "WWW-Authenticate"):
                assert name not in response.headers or name in documented["headers"]


# Streams ------------------------------------------------------------------------------------------------------------


class Stream:
    """A client of /events/stream that reads in a thread of its own."""

    def __init__(self, port, prefix, role, after=None, last_event_id=None):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)
        headers = {"X-User-Roles": role, "Accept": "text/event-stream"}
        if last_event_id is not None:
            headers["Last-Event-ID"] = str(last_event_id)
        query = f"?after={after}" if after is not None else ""
        self._connection.request("GET", f"{prefix}/events/stream{query}", headers=headers)
        self._socket = self._connection.sock
        self.response = self._connection.getresponse()
        self.status = self.response.status
        self.frames = queue.Queue()
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        frame = {}
        try:
            for line in self.response:
                line = line.decode().rstrip("\n")
                if not line:
                    self.frames.put(frame)
                    frame = {}
                    continue
                name, _, value = line.partition(":")
                frame[name or "comment"] = value.removeprefix(" ")
        except (OSError, http.client.HTTPException, ValueError):
            pass  # killed, or cut off by the server: `ended` tells
        self.ended.set()

    def next_frame(self, seconds=WAIT):
        return self.frames.get(timeout=seconds)

    def beginning(self):
        """The seq of the first frame, which holds no event."""
        frame = self.next_frame()
        assert "data" not in frame
        return int(frame["id"])

    def next_event(self, seconds=WAIT):
        """Comments and the first frame are no events."""
        deadline = time.monotonic() + seconds
        while True:
            frame = self.next_frame(max(deadline - time.monotonic(), 0.01))
            if "data" in frame:
                event = json.loads(frame["data"])
                assert frame["event"] == event["event"]
                assert int(frame["id"]) == event["seq"]
                return event

    def kill(self):
        """As a client that vanishes."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the server was faster
        self._socket.close()
        self._thread.join(WAIT)
