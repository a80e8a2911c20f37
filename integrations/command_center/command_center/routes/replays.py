"""Putting failed deliveries back in line."""
import ipaddress
import json
from typing import Optional

from fastapi import APIRouter, Depends, Header, Request, Response

from ..columns import json_list, json_object
from ..models.deliveries import Plan, PlannedReplay, PlanRequest, ReplayRequest, ReplayResult, Replays
from ..problems import documented
from ..session import Session, json_response, operator

router = APIRouter(prefix="/replays", tags=["replays"])

PLAN = f"""
  SELECT pg_catalog.json_build_object('deliveries', {json_list(json_object(PlannedReplay), "ordinality")},
    'total', count(*), 'held', count(*) FILTER (WHERE outcome = 'hold'),
    'refused', count(*) FILTER (WHERE outcome = 'refuse'))
  FROM {{schema}}.replay_plan(%(filter)s::jsonb, %(max_rows)s::int, %(source)s::text) WITH ORDINALITY
"""

EXECUTE = f"""
  SELECT pg_catalog.json_build_object('results', {json_list(json_object(ReplayResult), "ordinality")},
    'replayed', count(*) FILTER (WHERE outcome = 'replayed'))
  FROM {{schema}}.replay_execute(%(ids)s::text[], %(key)s::text, %(force)s, %(source)s::text, %(source_ip)s::inet)
    WITH ORDINALITY
"""


@router.post("/plan", summary="What a replay would do", response_model=Plan, responses=documented(404, 413))
async def plan(body: PlanRequest, session: Session = Depends(operator)) -> Response:
    """A dry run: the failed deliveries of a filter, and which need force or are refused: replay_plan(). Role: operator."""
    return json_response(
        await session.read(PLAN, filter=json.dumps(body.filter), max_rows=body.max_rows, source=body.source)
    )


@router.post("", summary="Replay deliveries", response_model=Replays, responses=documented(404, 409, 413))
async def replay(
    request: Request,
    body: ReplayRequest,
    idempotency_key: str = Header(
        ...,
        min_length=1,
        max_length=200,
        description="a key of this replay alone, such as a random UUID: the same request under the same key is done "
        "once and gives the same answer; another request under it is 422",
    ),
    session: Session = Depends(operator),
) -> Response:
    """Puts failed deliveries back in line and records each in the audit: replay_execute(). Role: operator."""
    return json_response(
        await session.write(
            EXECUTE,
            ids=body.ids,
            key=idempotency_key,
            force=body.force,
            source=body.source,
            source_ip=_address_of(request),
        )
    )


def _address_of(request: Request) -> Optional[str]:
    """The client's address, where it has one: over a Unix socket it has none."""
    try:
        # Without the scope of a link-local address, which the database does not know.
        return str(ipaddress.ip_address(request.client.host.partition("%")[0])) if request.client else None
    except ValueError:
        return None
