"""What happens to incidents: to be polled, or as a stream."""
from typing import Optional

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from ..columns import json_list, json_object
from ..models.incidents import Event, Events
from ..problems import RETRY_AFTER, Problem
from ..session import Session, json_response, operator
from ..stream import EventStream, follow, starting_point
from . import LARGEST_ID

router = APIRouter(prefix="/events", tags=["events"])

AFTER = Query(
    None, ge=0, le=LARGEST_ID, description="the seq of the last event that was seen; without it, only what is new"
)

POLL = f"""
  WITH page AS (
    SELECT * FROM {{schema}}.anomaly_events WHERE seq > %(after)s ORDER BY seq LIMIT %(limit)s)
  SELECT pg_catalog.json_build_object('events', {json_list(json_object(Event), "seq")},
    'last_seq', coalesce(max(seq), %(after)s)) FROM page
"""

STREAM_CONTENT = {
    "text/event-stream": {
        "schema": {"type": "string"},
        "example": 'id: 42\nevent: opened\ndata: {"seq": 42, "anomaly_id": 17, "event": "opened"}\n\n',
    }
}


@router.get("", summary="Events after a seq", response_model=Events)
async def poll(
    after: Optional[int] = AFTER,
    limit: int = Query(500, ge=1, le=1000, description="at most so many"),
    session: Session = Depends(operator),
) -> Response:
    """For clients without streams: ask again with `after` = last_seq. Without `after` it says where to begin.
    Role: operator."""
    begin = await starting_point(session, after)
    return json_response(await session.read(POLL, after=begin, limit=limit))


@router.get(
    "/stream",
    summary="Events as they happen",
    status_code=200,
    response_class=EventStream,
    responses={200: {"description": "Server-sent events, until the client goes.", "content": STREAM_CONTENT}},
)
async def stream(
    request: Request,
    after: Optional[int] = AFTER,
    last_event_id: Optional[int] = Header(
        None, ge=0, le=LARGEST_ID, description="what EventSource sends when it connects again; goes before `after`"
    ),
    session: Session = Depends(operator),
) -> Response:
    """`id` is the seq, `event` its name, `data` the row of anomaly_events as JSON; comments keep the line busy. A first
    frame without data says where the stream begins. Role: operator."""
    begin = await starting_point(session, after if last_event_id is None else last_event_id)
    hub = request.app.state.hub
    if hub.is_full():
        raise Problem(503, "There are as many streams as the service allows.", RETRY_AFTER)
    return EventStream(follow(session, hub, begin), hub)
