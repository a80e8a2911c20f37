"""What is wrong, now and before, as the detector says."""
from typing import Optional

from fastapi import APIRouter, Depends, Query, Response

from ..models.reports import AnomalyHistory, CurrentAnomalies
from ..problems import documented
from ..session import Session, admin, json_response
from . import HOURS, SOURCE, TENANT

router = APIRouter(prefix="/anomalies", tags=["anomalies"], responses=documented(404))

METHOD = Query(
    None, description="rate or reference; without it, the database's setting", enum=["rate", "reference"]
)

CURRENT = """
  SELECT {schema}.anomalies_current_json(pg_catalog.make_interval(mins => %(window_minutes)s),
    pg_catalog.make_interval(mins => %(baseline_minutes)s), %(method)s::text, %(source)s::text, %(tenant)s::text)
"""

HISTORY = """
  SELECT {schema}.anomalies_history_json(%(hours)s::int, pg_catalog.make_interval(mins => %(step_minutes)s),
    method => %(method)s::text, source => %(source)s::text, tenant => %(tenant)s::text)
"""


@router.get("/current", summary="What is wrong right now", response_model=CurrentAnomalies)
async def current(
    window_minutes: int = Query(5, ge=1, le=576000, description="how much counts as now"),
    baseline_minutes: int = Query(60, ge=1, le=576000, description="what it is compared with; longer than the window"),
    tenant: Optional[str] = TENANT,
    method: Optional[str] = METHOD,
    source: Optional[str] = SOURCE,
    session: Session = Depends(admin),
) -> Response:
    """Spikes, failure clusters and silence by tenant and endpoint: anomalies_current_json(). Role: admin."""
    return json_response(
        await session.read(
            CURRENT,
            window_minutes=window_minutes,
            baseline_minutes=baseline_minutes,
            method=method,
            source=source,
            tenant=tenant,
        )
    )


@router.get("/history", summary="What was wrong in the last hours", response_model=AnomalyHistory)
async def history(
    hours: int = HOURS,
    step_minutes: int = Query(60, ge=1, le=525600, description="how far apart the evaluations are"),
    tenant: Optional[str] = TENANT,
    method: Optional[str] = METHOD,
    source: Optional[str] = SOURCE,
    session: Session = Depends(admin),
) -> Response:
    """The detector at now and at each step back from it: anomalies_history_json(). Role: admin."""
    return json_response(
        await session.read(HISTORY, hours=hours, step_minutes=step_minutes, method=method, source=source, tenant=tenant)
    )
