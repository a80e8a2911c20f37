"""One session of the fuzz: a connection in a thread of its own."""

import collections
import random
import threading
import time

import verdict
from calls import Statement, Writer
from psycopg.pq import ConnStatus, ExecStatus, PGconn, TransactionStatus
from values import Values
from verdict import Error, Failure

REMEMBERED = 40


class Session(threading.Thread):
    def __init__(self, number, plan, world, report):
        super().__init__(daemon=True)
        self.number = number
        self.pid = None
        self.since = None  # of the statement that runs
        self.over = threading.Event()
        self._plan = plan
        self._world = world
        self._report = report
        self._history = collections.deque(maxlen=REMEMBERED)
        self._notices = []
        rng = random.Random(f"{plan.seed}/{world.number}/{number}")
        values = Values(rng, world.rollups, world.shapes)
        self.writer = Writer(rng, world, values, self._part, plan.own_settings, plan.timeout)
        self._connection = None

    def run(self):
        try:
            self.connect()
            while not self.over.is_set():
                for statement in self.writer.transaction():
                    if self.over.is_set() or not self.execute(statement):
                        break
                self.settle()
            self._connection.finish()
        except Exception as error:  # noqa: BLE001
            self._report.broken(f"session {self.number}: {error!r}")
            raise

    def _part(self, shared):
        return shared[self.number % self._plan.sessions :: self._plan.sessions]

    def connect(self):
        """Waits for a server that comes back from a crash."""
        deadline = time.monotonic() + 120 * self._plan.slowness
        while True:
            options = f"-c statement_timeout={self._plan.timeout} -c lock_timeout={self._plan.timeout // 4}"
            conninfo = f"{self._world.conninfo} options='{options}' application_name=sqlfuzz_{self.number}"
            connection = PGconn.connect(conninfo.encode())
            if connection.status == ConnStatus.OK:
                break
            if time.monotonic() > deadline:
                raise RuntimeError(connection.error_message.decode("utf-8", "replace"))
            time.sleep(0.2)
        connection.exec_(f"SET client_encoding = {self._world.encoding}".encode())
        connection.notice_handler = lambda result: self._notices.append(Error(result))
        self._connection = connection
        self.pid = connection.backend_pid
        self._history.append(("-- connected", ""))

    def execute(self, statement):
        """Whether the session goes on."""
        sql = self._world.place(statement.sql).encode(self._world.codec, "replace")
        self._notices.clear()
        self.since = time.monotonic()
        result = self._send(statement, sql)
        took, self.since = time.monotonic() - self.since, None
        self._remember(statement, sql, result)
        if result is None or self._connection.status != ConnStatus.OK:
            self._lost(statement, result)
            return False
        failures = [verdict.judge(statement, result, self._world.encoding)]
        failures += [verdict.judge_notice(notice) for notice in self._notices]
        if took > self._plan.patience:
            failures.append(Failure("time", f"it took {took:.1f} s, beyond its statement_timeout"))
        for failure in failures:
            if failure is not None:
                self._fail(failure, statement)
        self._report.count(statement, result.status in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK))
        if result.status == ExecStatus.FATAL_ERROR and self._in_failed_transaction():
            self._back_to_savepoint()
        return True

    def _send(self, statement, sql):
        """None where the connection broke in the midst."""
        try:
            if statement.parameter is not None:
                return self._connection.exec_params(sql, [statement.parameter], None, [1], 1)
            if statement.binary:
                return self._connection.exec_params(sql, None, result_format=1)
            return self._connection.exec_(sql)
        except MemoryError:
            return None

    def prove(self, function):
        """The results that must be failures, and are none."""
        found = []
        for check, sql in verdict.PROOFS:
            failure = verdict.judge(Statement(sql, function), self._connection.exec_(sql.encode()), self._world.encoding)
            found += [] if failure is not None and failure.check == check else [sql]
        return found + [content for content in (b"\xff", b"\xa4") if verdict.valid(content, self._world.encoding)]

    def settle(self):
        """Whatever the transaction was left in, ROLLBACK ends it."""
        if self._connection.status != ConnStatus.OK:
            self._connection.finish()
            self.connect()
            return
        for _ in range(3):  # of which the random timeouts and cancels may hit some
            if self._connection.transaction_status == TransactionStatus.IDLE:
                break
            if not self.execute(Statement("ROLLBACK")):
                self.connect()
                return
        else:
            self._fail(Failure("rollback", "ROLLBACK does not end the transaction"), Statement("ROLLBACK"))
            self._connection.finish()
            self.connect()
            return
        for sql in ("RESET SESSION AUTHORIZATION", "RESET ALL", "CLOSE ALL", "DROP TABLE IF EXISTS kept",
                    f"SET client_encoding = {self._world.encoding}"):
            if not self.execute(Statement(sql)):
                self.connect()
                return

    def _in_failed_transaction(self):
        return self._connection.transaction_status == TransactionStatus.INERROR

    def _back_to_savepoint(self):
        statement = Statement("ROLLBACK TO before")
        result = self._connection.exec_(statement.sql.encode())
        self._remember(statement, statement.sql.encode(), result)

    def _remember(self, statement, sql, result):
        outcome = str(Error(result)) if result is not None and result.status == ExecStatus.FATAL_ERROR else ""
        if statement.parameter is not None:
            sql += b" -- \\x" + statement.parameter.hex().encode()
        self._history.append((sql.decode(self._world.codec, "replace"), outcome))

    def _lost(self, statement, result):
        """The session has ended. Those whose server was restarted under them are told so."""
        errors = self._notices + ([Error(result)] if result is not None else [])
        said = self._connection.error_message.decode("utf-8", "replace").strip()
        if any(error.state in verdict.GONE for error in errors) or said.startswith("no connection"):
            self._report.victim()
            return
        ended = "FATAL:" in said or "PANIC:" in said
        self._fail(Failure("sessions" if ended else "server", said.split("\n")[0]), statement)

    def _fail(self, failure, statement):
        self._report.failure(failure, statement, self.number, list(self._history))
