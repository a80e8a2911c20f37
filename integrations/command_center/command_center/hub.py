"""Wakes the streams: one LISTEN for the whole process."""
import asyncio
import logging
import random
from contextlib import asynccontextmanager, contextmanager
from typing import AsyncIterator, Iterator, Set

import psycopg
from psycopg import sql

from .settings import Settings

logger = logging.getLogger("command_center")

_FIRST_DELAY = 0.5
_LONGEST_DELAY = 30.0


class Bell:
    """What one stream waits at."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        self._event.set()

    async def wait(self, seconds: float) -> bool:
        """Whether it rang since it was waited for last, or rings within the time."""
        try:
            await asyncio.wait_for(self._event.wait(), seconds)
        except asyncio.TimeoutError:
            return False
        self._event.clear()
        return True


class Hub:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.closed = True
        self._bells: Set[Bell] = set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        self.closed = False
        task = asyncio.ensure_future(self._listen())
        try:
            yield
        finally:
            self.close()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def close(self) -> None:
        """Ends all streams."""
        self.closed = True
        self._wake()

    @contextmanager
    def subscribe(self) -> Iterator[Bell]:
        bell = Bell()
        self._bells.add(bell)
        try:
            yield bell
        finally:
            self._bells.discard(bell)

    def subscribers(self) -> int:
        return len(self._bells)

    def _wake(self) -> None:
        for bell in self._bells:
            bell.ring()

    async def _listen(self) -> None:
        delay = _FIRST_DELAY
        while True:
            try:
                async with await self._connect() as connection:
                    delay = _FIRST_DELAY
                    # Whatever happened while nobody listened.
                    self._wake()
                    async for _ in connection.notifies():
                        self._wake()
            except psycopg.Error as error:
                logger.warning("notifications of the database are lost, trying again in %.1f s: %s", delay, error)
            # Not all processes at once.
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))
            delay = min(delay * 2, _LONGEST_DELAY)

    async def _connect(self) -> psycopg.AsyncConnection:
        # With keepalives, since a server that vanished without a word would be waited for in vain.
        connection = await psycopg.AsyncConnection.connect(
            self.settings.dsn, autocommit=True, keepalives_idle=30, keepalives_interval=10, keepalives_count=3
        )
        await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self.settings.channel)))
        return connection
