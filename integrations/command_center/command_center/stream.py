"""Events of incidents as a stream: the hub wakes, the table tells."""
import logging
import random
import time
from typing import AsyncGenerator, Optional

import psycopg
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from .columns import json_object
from .hub import Hub
from .models.incidents import Event
from .problems import Problem
from .session import Session

logger = logging.getLogger("command_center")

BATCH = 500

NEWEST = "SELECT coalesce(max(seq), 0) FROM {schema}.anomaly_events"

AFTER = f"""
  SELECT seq, event, {json_object(Event)}
  FROM {{schema}}.anomaly_events WHERE seq > %(after)s ORDER BY seq LIMIT {BATCH}
"""


class EventStream(StreamingResponse):
    media_type = "text/event-stream"

    def __init__(self, frames: AsyncGenerator[bytes, None], hub: Hub) -> None:
        super().__init__(frames, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._frames = frames
        self._hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            with self._hub.patience() as patience:
                await send(message)
            if patience.cancel_called:
                _cut_off(receive)

        try:
            await super().__call__(scope, receive, send_in_time)
        finally:
            await self._frames.aclose()


def _cut_off(receive: Receive) -> None:
    """Ends a connection with all that the client has not read, for which the server would wait.

    ASGI has no word for that, but the `receive` of uvicorn belongs to what holds the connection.
    """
    logger.warning("a stream is cut off, since its client does not read it")
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionAbortedError("a client does not read its stream")
    transport.abort()


async def starting_point(session: Session, after: Optional[int]) -> int:
    """The seq after which to begin. What is beyond the newest comes from another life of the database."""
    newest = (await session.rows(NEWEST))[0][0]
    return newest if after is None else min(after, newest)


async def follow(session: Session, hub: Hub, after: int) -> AsyncGenerator[bytes, None]:
    """Frames for all events after that seq, until the client goes, the stream has lived long enough or the hub closes.
    Holds no connection while it waits."""
    settings = hub.settings
    with hub.subscribe() as bell:
        # An id without data is no event, but is what a client that is cut off now sends when it comes back.
        yield b"retry: 2000\nid: %d\n\n" % after
        sent = time.monotonic()
        # Not all streams at once; nor when they look by themselves, below.
        end = sent + settings.stream_lifetime * random.uniform(0.8, 1.0)
        while not hub.closed and time.monotonic() < end:
            rows = await _events_after(session, hub, after)
            if rows is None:
                return
            for seq, event, row in rows:
                yield b"id: %d\nevent: %s\ndata: %s\n\n" % (seq, event.encode(), row)
                after = seq
                sent = time.monotonic()
            if len(rows) == BATCH:
                continue
            if time.monotonic() >= sent + settings.heartbeat:
                yield b": heartbeat\n\n"
                sent = time.monotonic()
            # It looks by itself now and then, so that a lost notification costs only seconds.
            look = time.monotonic() + settings.look_again * random.uniform(0.8, 1.0)
            await bell.wait(min(look, sent + settings.heartbeat, end) - time.monotonic())


async def _events_after(session: Session, hub: Hub, after: int) -> Optional[list]:
    """No rows while the database cannot be asked, since the stream goes on when it can; None where it refuses."""
    try:
        return await hub.in_turn(lambda: session.rows(AFTER, after=after))
    except psycopg.OperationalError as error:
        logger.warning("a stream could not read its events: %s", error)
        return []
    except (psycopg.Error, Problem) as error:
        logger.error("a stream ends, since it may not read its events: %s", error)
        return None
