"""Who need not be told."""
from fastapi import APIRouter, Depends, Path, Query, Response

from ..columns import json_list, json_object
from ..models.incidents import Mute, MuteId, Mutes, NewMute
from ..problems import Problem, documented
from ..session import Session, json_response, operator
from . import LARGEST_ID

router = APIRouter(prefix="/mutes", tags=["mutes"])

OBJECT = json_object(Mute, applies="{schema}.anomaly_mute_applies(m, now())")

LIST = f"""
  SELECT pg_catalog.json_build_object('mutes', {json_list(OBJECT, "id DESC")})
  FROM {{schema}}.anomaly_mutes m WHERE NOT %(active)s OR ends_at IS NULL OR ends_at > now()
"""

CREATE = """
  SELECT pg_catalog.json_build_object('id', {schema}.anomaly_mute(%(tenant)s::text, %(endpoint)s::text,
    coalesce(%(starts_at)s::timestamptz, now()), %(ends_at)s::timestamptz, %(reason)s::text, %(severity_cap)s::text,
    %(source)s::text, %(days)s::int[], %(from_time)s::time, %(to_time)s::time, %(time_zone)s::text, %(everything)s))
"""

# The function reaches every mute; row-level security of anomaly_mutes is to hold here as well.
END = "SELECT {schema}.anomaly_unmute(m.id) FROM {schema}.anomaly_mutes m WHERE m.id = %(id)s"


@router.get("", summary="Mutes, the newest first", response_model=Mutes)
async def list_mutes(
    active: bool = Query(True, description="only those that have not ended"), session: Session = Depends(operator)
) -> Response:
    """Mutes, and whether each applies at this moment. Role: operator."""
    return json_response(await session.read(LIST, active=active))


@router.post("", summary="Mute incidents", status_code=201, response_model=MuteId, responses=documented(404, 413))
async def create_mute(body: NewMute, session: Session = Depends(operator)) -> Response:
    """Incidents go on and are recorded, and nobody is notified. A source that does not exist is 404. Role: operator."""
    return json_response(
        await session.write(
            CREATE,
            tenant=body.tenant,
            endpoint=body.endpoint,
            starts_at=body.starts_at,
            ends_at=body.ends_at,
            reason=body.reason,
            severity_cap=body.severity_cap,
            source=body.source,
            days=body.days,
            from_time=body.from_time,
            to_time=body.to_time,
            time_zone=body.time_zone,
            everything=body.everything,
        ),
        201,
    )


@router.delete("/{id}", summary="End a mute", status_code=204, response_class=Response, responses=documented(404))
async def delete_mute(
    id: int = Path(..., ge=1, le=LARGEST_ID, description="the mute"), session: Session = Depends(operator)
) -> Response:
    """It ends now; one that has ended stays as it is. Role: operator."""
    if not await session.rows(END, read_only=False, id=id):
        raise Problem(404, "There is no such mute, or none that you may see.", hint="GET /mutes lists them.")
    return Response(status_code=204)
