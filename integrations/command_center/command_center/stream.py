"""Events of incidents as a stream: the hub wakes, the table tells."""
import logging
import random
from typing import AsyncGenerator, Optional

import psycopg
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

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

    def __init__(self, frames: AsyncGenerator[bytes, None]) -> None:
        super().__init__(frames, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._frames = frames

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._frames.aclose()


async def starting_point(session: Session, after: Optional[int]) -> int:
    """The seq after which a stream begins. What is beyond the newest comes from another life of the database."""
    newest = (await session.rows(NEWEST))[0][0]
    return newest if after is None else min(after, newest)


async def follow(session: Session, hub: Hub, after: int) -> AsyncGenerator[bytes, None]:
    """Frames for all events after that seq, until the client goes or the hub closes. Holds no connection while it
    waits."""
    with hub.subscribe() as bell:
        # An id without data is no event, but is what a client that is cut off now sends when it comes back.
        yield b"retry: 2000\nid: %d\n\n" % after
        silent = 0.0
        while not hub.closed:
            rows = await _events_after(session, after)
            if rows is None:
                return
            for seq, event, row in rows:
                yield b"id: %d\nevent: %s\ndata: %s\n\n" % (seq, event.encode(), row)
                after = seq
            if len(rows) == BATCH:
                continue
            silent = 0.0 if rows else silent
            # It looks by itself now and then, so that a lost notification costs only seconds; not all streams at once.
            wait = min(hub.settings.look_again, hub.settings.heartbeat) * random.uniform(0.8, 1.0)
            if not await bell.wait(wait):
                silent += wait
            if silent >= hub.settings.heartbeat:
                yield b": heartbeat\n\n"
                silent = 0.0


async def _events_after(session: Session, after: int) -> Optional[list]:
    """No rows while the database cannot be asked, since the stream goes on when it can; None where it refuses."""
    try:
        return await session.rows(AFTER, after=after)
    except psycopg.OperationalError as error:
        logger.warning("a stream could not read its events: %s", error)
        return []
    except (psycopg.Error, Problem) as error:
        logger.error("a stream ends, since it may not read its events: %s", error)
        return None
