"""Incidents, and the operator's hand on them."""
from enum import Enum
from typing import Optional

from fastapi import APIRouter, Depends, Path, Query, Response

from ..columns import json_list, json_object
from ..models.incidents import (
    Acknowledgement,
    Event,
    Incident,
    Incidents,
    IncidentWithEvents,
    OneIncident,
    Resolution,
)
from ..problems import documented
from ..session import Session, json_response, operator
from . import LARGEST_ID

router = APIRouter(prefix="/incidents", tags=["incidents"])

ID = Path(..., ge=1, le=LARGEST_ID, description="the incident")
OBJECT = json_object(Incident)
NONE = "There is no such incident, or none that you may see."


class Which(str, Enum):
    active = "active"
    open = "open"
    acknowledged = "acknowledged"
    resolved = "resolved"
    all = "all"


# In the words of the partial indexes.
_WHICH = {
    Which.active: "status <> 'resolved'",
    Which.open: "status = 'open' AND status <> 'resolved'",
    Which.acknowledged: "status = 'acknowledged' AND status <> 'resolved'",
    Which.resolved: "status = 'resolved'",
    Which.all: "true",
}

# One row more than asked for tells whether there is another page.
LIST = f"""
  SELECT pg_catalog.json_build_object(
    'incidents', {json_list(OBJECT, "id DESC")},
    'next', (SELECT CASE WHEN count(*) > %(limit)s THEN min(id) FILTER (WHERE n = %(limit)s) END FROM page),
    'last_seq', (SELECT coalesce(max(seq), 0) FROM {{schema}}.anomaly_events))
  FROM page WHERE n <= %(limit)s
"""

PAGE = """
  WITH page AS (
    SELECT *, row_number() OVER (ORDER BY id DESC) AS n
    FROM {{schema}}.anomalies WHERE {conditions} ORDER BY id DESC LIMIT %(limit)s + 1)
"""

ONE = f"""
  SELECT pg_catalog.json_build_object('incident', {OBJECT}, 'events', (
    SELECT {json_list(json_object(Event), "seq")} FROM {{schema}}.anomaly_events e WHERE e.anomaly_id = a.id))
  FROM {{schema}}.anomalies a WHERE id = %(id)s
"""

# The functions reach every incident; row-level security of anomalies is to hold here as well.
ACKNOWLEDGE = f"""
  SELECT pg_catalog.json_build_object('incident', {OBJECT})
  FROM (SELECT i.*
    FROM {{schema}}.anomalies a, {{schema}}.anomaly_acknowledge(a.id, %(note)s::text, %(until)s::timestamptz) i
    WHERE a.id = %(id)s) i
"""

RESOLVE = f"""
  SELECT pg_catalog.json_build_object('incident', {OBJECT})
  FROM (SELECT i.* FROM {{schema}}.anomalies a, {{schema}}.anomaly_resolve(a.id, %(note)s::text, %(false_positive)s) i
    WHERE a.id = %(id)s) i
"""


@router.get("", summary="Incidents, the newest first", response_model=Incidents)
async def list_incidents(
    status: Which = Query(Which.active, description="active: those that are open or acknowledged"),
    tenant: Optional[str] = Query(None, description="only incidents of this tenant"),
    endpoint: Optional[str] = Query(None, description="only incidents of this endpoint"),
    source: Optional[str] = Query(None, description="only incidents of this delivery source"),
    limit: int = Query(50, ge=1, le=1000, description="at most so many"),
    before: Optional[int] = Query(None, ge=1, le=LARGEST_ID, description="only older ones: `next` of the page before"),
    session: Session = Depends(operator),
) -> Response:
    """A page of incidents, and the seq of the newest event, after which a stream may begin. Role: operator."""
    asked = {
        "tenant_id = %(tenant)s": tenant,
        "endpoint = %(endpoint)s": endpoint,
        "source = %(source)s": source,
        "id < %(before)s": before,
    }
    conditions = [_WHICH[status], *(text for text, value in asked.items() if value is not None)]
    statement = PAGE.format(conditions=" AND ".join(conditions)) + LIST
    return json_response(
        await session.read(statement, tenant=tenant, endpoint=endpoint, source=source, before=before, limit=limit)
    )


@router.get(
    "/{id}", summary="One incident and what happened", response_model=IncidentWithEvents, responses=documented(404)
)
async def one_incident(id: int = ID, session: Session = Depends(operator)) -> Response:
    """The incident, and its events in their order. Role: operator."""
    return json_response(await session.read(ONE, id=id), missing=NONE)


@router.post(
    "/{id}/acknowledge",
    summary="Look after an incident",
    response_model=OneIncident,
    responses=documented(404, 409, 413),
)
async def acknowledge(
    id: int = ID, body: Optional[Acknowledgement] = None, session: Session = Depends(operator)
) -> Response:
    """Somebody looks after the incident, until a time or its end. Role: operator."""
    given = body or Acknowledgement()
    return json_response(await session.write(ACKNOWLEDGE, id=id, note=given.note, until=given.until), missing=NONE)


@router.post(
    "/{id}/resolve", summary="End an incident", response_model=OneIncident, responses=documented(404, 409, 413)
)
async def resolve(id: int = ID, body: Optional[Resolution] = None, session: Session = Depends(operator)) -> Response:
    """It is over, or was a false alarm; while it still breaches it stays resolved until calm once. Role: operator."""
    given = body or Resolution()
    return json_response(
        await session.write(RESOLVE, id=id, note=given.note, false_positive=given.false_positive), missing=NONE
    )
