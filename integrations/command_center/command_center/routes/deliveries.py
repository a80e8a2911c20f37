"""The deliveries themselves, a page at a time."""
import base64
import json
from typing import Any, Dict, List, Optional, Tuple

from fastapi import APIRouter, Depends, Query, Response

from ..columns import json_object
from ..models.deliveries import Deliveries, Delivery
from ..models.values import Time
from ..problems import Problem, documented
from ..session import Session, json_response, viewer
from . import SOURCE

router = APIRouter(prefix="/deliveries", tags=["deliveries"])

# One row more than asked for tells whether there is another page. The cursor is where this one ends, to the
# microsecond; where ids are not unique, all rows of that place are on this page.
SEARCH = f"""
  WITH page AS (
    SELECT *, rank() OVER (ORDER BY created_at DESC, delivery_id COLLATE "C" DESC) AS place
    FROM {{schema}}.delivery_search(%(filter)s::jsonb, %(limit)s + 1, %(before_time)s::timestamptz,
      %(before_id)s::text, %(source)s::text) WITH ORDINALITY)
  SELECT pg_catalog.json_build_object(
    'deliveries', coalesce(pg_catalog.json_agg({json_object(Delivery)} ORDER BY ordinality)
      FILTER (WHERE place <= %(limit)s), '[]'::json),
    'next', CASE WHEN count(*) > %(limit)s THEN translate(encode(pg_catalog.convert_to(
      min(pg_catalog.json_build_array(created_at::text, delivery_id)::text) FILTER (WHERE ordinality = %(limit)s),
      'UTF8'), 'base64'), E'+/\\n', '-_') END)
  FROM page
"""


@router.get("", summary="Deliveries, the newest first", response_model=Deliveries, responses=documented(404))
async def list_deliveries(
    tenant: Optional[str] = Query(None, description="only deliveries of this tenant"),
    endpoint: Optional[str] = Query(None, description="only deliveries to this endpoint"),
    status: Optional[List[str]] = Query(
        None, description="delivered, failed, dead_letter or pending; may be given several times"
    ),
    triage_label: Optional[List[str]] = Query(
        None,
        description="transient_endpoint_down, permanent_4xx, rate_limited, unknown or unclassified; "
        "may be given several times",
    ),
    hours: Optional[float] = Query(None, gt=0, le=8760, description="the window back from now, such as 0.25"),
    since: Optional[Time] = Query(None, description="from then on; not together with hours"),
    until: Optional[Time] = Query(None, description="up to then; not together with hours"),
    ids: Optional[List[str]] = Query(None, description="only those of this id; may be given several times"),
    source: Optional[str] = SOURCE,
    limit: int = Query(
        50, ge=1, le=500, description="at most so many, beside those that share the last one's time and id"
    ),
    cursor: Optional[str] = Query(None, description="`next` of the page before, whose other parameters stay the same"),
    session: Session = Depends(viewer),
) -> Response:
    """A page of the deliveries that fit all that is asked for: delivery_search(). Role: viewer."""
    asked: Dict[str, Any] = {
        "tenant": tenant,
        "endpoint": endpoint,
        "status": status,
        "triage_label": triage_label,
        "hours": hours,
        "since": since and since.isoformat(),
        "until": until and until.isoformat(),
        "ids": ids,
    }
    before_time, before_id = _read_cursor(cursor)
    return json_response(
        await session.read(
            SEARCH,
            filter=json.dumps({name: value for name, value in asked.items() if value is not None}),
            limit=limit,
            before_time=before_time,
            before_id=before_id,
            source=source,
        )
    )


def _read_cursor(cursor: Optional[str]) -> Tuple[Optional[str], Optional[str]]:
    if cursor is None:
        return None, None
    try:
        before_time, before_id = json.loads(base64.urlsafe_b64decode(cursor))
    except (ValueError, TypeError, RecursionError):
        before_time = before_id = None
    if not isinstance(before_time, str) or not isinstance(before_id, str):
        raise Problem(422, "The cursor is none that a page before gave.")
    return before_time, before_id
