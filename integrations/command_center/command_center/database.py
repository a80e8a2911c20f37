"""The only way to the database: one query, in a transaction, in a role, for a person."""
import asyncio
import logging
from contextlib import asynccontextmanager
from typing import Any, AsyncIterator, Awaitable, List, Mapping, Optional, Set, Tuple

import psycopg
from psycopg.adapt import Loader
from psycopg_pool import AsyncConnectionPool

from .problems import RETRY_AFTER, Problem, failure
from .settings import Settings

logger = logging.getLogger("command_center")

# As SET LOCAL would, in one round trip, and with values as values.
_SET_UP = """
  SELECT set_config('role', %(role)s, true), set_config('anomaly_insights.actor', %(actor)s, true),
    set_config('statement_timeout', %(timeout)s, true), set_config('TimeZone', 'UTC', true),
    set_config('transaction_read_only',
      CASE WHEN %(read_only)s THEN 'on' ELSE current_setting('transaction_read_only') END, true)
"""

# There is none of that name, or the service is no member of it.
_NO_ROLE = (
    psycopg.errors.InvalidParameterValue,
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.UndefinedObject,
)

# Seconds beyond the statement timeout after which a server is taken to have vanished.
_MARGIN = 5.0

_Rows = Optional[List[Tuple[Any, ...]]]


class _AsWritten(Loader):
    """JSON as the database wrote it: 12.0 stays 12.0."""

    def load(self, data: Any) -> bytes:
        return bytes(data)


async def _configure(connection: psycopg.AsyncConnection) -> None:
    connection.adapters.register_loader("json", _AsWritten)
    connection.adapters.register_loader("jsonb", _AsWritten)
    # Statements are planned for their values, and poolers between here and the server need know of none.
    connection.prepare_threshold = None
    # What acts on incidents must see those of others that were committed meanwhile.
    await connection.set_isolation_level(psycopg.IsolationLevel.READ_COMMITTED)


def _quoted(name: str) -> str:
    """An identifier of a statement that has placeholders, in which a percent sign stands twice."""
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'


class Database:
    """A pool of connections while it is `open`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._schema = _quoted(settings.schema)
        self._pool: Optional[AsyncConnectionPool] = None
        self._running: Set[asyncio.Future] = set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """A database that is down does not keep the service from starting: until it is there, the answer is 503."""
        settings = self.settings
        pool = AsyncConnectionPool(
            settings.conninfo,
            min_size=settings.pool_min,
            max_size=settings.pool_max,
            timeout=settings.pool_timeout,
            # Soon, since the next request tries again, while this attempt waits ever longer between its tries.
            reconnect_timeout=settings.pool_timeout,
            configure=_configure,
            name="command_center",
            open=False,
        )
        await pool.open()
        self._pool = pool
        try:
            yield
        finally:
            self._pool = None
            # What goes on for clients that have gone.
            await asyncio.gather(*self._running, return_exceptions=True)
            await pool.close()

    def statistics(self) -> Mapping[str, int]:
        """Of the pool."""
        return self._opened().get_stats()

    async def run(
        self, role: str, actor: Optional[str], statement: str, values: Mapping[str, Any], read_only: bool
    ) -> List[Tuple[Any, ...]]:
        """The rows of the statement, in which {schema} is the extension's.

        It goes on where the request is cancelled, since the client may go at any moment, and a transaction that is
        left in the middle would cost its connection. The statement timeout ends it.
        """
        task = asyncio.ensure_future(self._run(role, actor, statement, values, read_only))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _run(
        self, role: str, actor: Optional[str], statement: str, values: Mapping[str, Any], read_only: bool
    ) -> List[Tuple[Any, ...]]:
        query = statement.replace("{schema}", self._schema)
        set_up = {
            "role": role,
            "actor": actor or "",
            "timeout": f"{round(self.settings.statement_timeout * 1000)}ms",
            "read_only": read_only,
        }
        for _ in range(2):
            async with self._opened().connection() as connection:
                rows = await self._in_time(connection, self._transaction(connection, set_up, query, values))
                if rows is not None:
                    return rows
            await self._opened().check()
        raise psycopg.OperationalError("the connection is lost")

    async def _in_time(self, connection: psycopg.AsyncConnection, transaction: Awaitable[_Rows]) -> _Rows:
        """A server that has vanished does not keep the statement timeout."""
        task = asyncio.ensure_future(transaction)
        await asyncio.wait({task}, timeout=self.settings.statement_timeout + _MARGIN)
        if task.done():
            return task.result()
        task.cancel()
        # Not for long, since psycopg may ask the server to cancel, and wait for that in vain as well.
        await asyncio.wait({task}, timeout=1)
        await connection.close()
        raise psycopg.OperationalError("the server does not answer")

    async def _transaction(
        self, connection: psycopg.AsyncConnection, set_up: Mapping[str, Any], query: str, values: Mapping[str, Any]
    ) -> _Rows:
        """Its rows; None where the connection has been lost since it was used last."""
        if not await self._began(connection, set_up):
            return None
        try:
            cursor = await connection.execute(query, values)
            rows = await cursor.fetchall()
            await connection.commit()
        except psycopg.errors.ReadOnlySqlTransaction as error:
            if set_up["read_only"]:
                # Not a standby, but a view or function that writes: trying again does not help.
                raise failure(error) from error
            raise
        return rows

    async def _began(self, connection: psycopg.AsyncConnection, set_up: Mapping[str, Any]) -> bool:
        """Whether the transaction is set up; not where the connection is lost."""
        try:
            await connection.execute(_SET_UP, set_up)
        except psycopg.Error as error:
            if connection.closed or isinstance(error, psycopg.errors.AdminShutdown):
                return False
            if isinstance(error, _NO_ROLE):
                raise _misconfigured(set_up["role"], error) from error
            raise
        return True

    def _opened(self) -> AsyncConnectionPool:
        if self._pool is None:
            logger.error("the pool is not open: the host application's lifespan does not run; see the README")
            raise Problem(503, "The service has not started.", RETRY_AFTER)
        return self._pool


def _misconfigured(role: str, error: psycopg.Error) -> Problem:
    logger.error('the service cannot become the database role "%s" (see roles.sql): %s', role, error)
    return Problem(500, "The service is not set up for this role. Its log has the details.", sqlstate=error.sqlstate)
