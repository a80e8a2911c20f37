"""Wakes the streams: one LISTEN for the whole process. And keeps them from taking more than their share."""
import asyncio
import logging
import random
from contextlib import asynccontextmanager, contextmanager
from typing import AsyncIterator, Awaitable, Callable, Iterator, Optional, Set

import anyio
import psycopg
from psycopg import sql

from .settings import Settings

logger = logging.getLogger("command_center")

_FIRST_DELAY = 0.5
_LONGEST_DELAY = 30.0

# Notifications that come within this time wake the streams once.
_GATHERED = 0.1

# How long a client may still take to read when the streams are to end.
_LAST_SEND = 1.0


class Bell:
    """What one stream waits at."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """Until it has rung since it was waited for last, or the time is over."""
        with anyio.move_on_after(seconds):
            await self._event.wait()
        self._event.clear()


class Hub:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.closed = True
        self._bells: Set[Bell] = set()
        self._sends: Set[anyio.CancelScope] = set()
        self._waking: Optional[asyncio.TimerHandle] = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        self.closed = False
        # Here, where the event loop is that it will be used in.
        self._turns = asyncio.Semaphore(max(1, self.settings.pool_max // 2))
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
        soon = asyncio.get_running_loop().time() + _LAST_SEND
        for scope in self._sends:
            scope.deadline = min(scope.deadline, soon)

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

    def is_full(self) -> bool:
        return self.subscribers() >= self.settings.max_streams

    @contextmanager
    def patience(self) -> Iterator[anyio.CancelScope]:
        """Cancels what it holds where a client takes too long to read; sooner when the streams are to end."""
        with anyio.move_on_after(_LAST_SEND if self.closed else self.settings.send_timeout) as scope:
            self._sends.add(scope)
            try:
                yield scope
            finally:
                self._sends.discard(scope)

    async def in_turn(self, read: Callable[[], Awaitable[list]]) -> list:
        """Streams read with half of the connections, so that requests find one; no rows where the turn does not come
        before a heartbeat is due."""
        has_turn = False
        with anyio.move_on_after(self.settings.heartbeat):
            has_turn = await self._turns.acquire()
        if not has_turn:
            return []
        try:
            return await read()
        finally:
            self._turns.release()

    def _wake(self) -> None:
        self._waking = None
        for bell in self._bells:
            bell.ring()

    def _wake_soon(self) -> None:
        if self._waking is None:
            self._waking = asyncio.get_running_loop().call_later(_GATHERED, self._wake)

    async def _listen(self) -> None:
        delay = _FIRST_DELAY
        while True:
            try:
                async with self._listening() as connection:
                    delay = _FIRST_DELAY
                    # Whatever happened while nobody listened.
                    self._wake()
                    async for _ in connection.notifies():
                        self._wake_soon()
            except psycopg.Error as error:
                logger.warning("notifications of the database are lost, trying again in %.1f s: %s", delay, error)
            except Exception:
                # Such as a payload that is no text: anybody may notify.
                logger.exception("listening failed, trying again in %.1f s", delay)
            # Not all processes at once.
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))
            delay = min(delay * 2, _LONGEST_DELAY)

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[psycopg.AsyncConnection]:
        async with await psycopg.AsyncConnection.connect(self.settings.conninfo, autocommit=True) as connection:
            await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self.settings.channel)))
            yield connection
