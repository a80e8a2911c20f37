"""How deliveries are going."""
from typing import Optional

from fastapi import APIRouter, Depends, Query, Response

from ..columns import json_list, json_object
from ..models.reports import ComparedFigure, Comparison, ReplayAdvice, Summary, Trends
from ..problems import documented
from ..session import Session, admin, json_response
from . import HOURS, LARGEST_ID, SOURCE, TENANT

router = APIRouter(prefix="/operator-insights", tags=["insights"], responses=documented(404))

SUMMARY = "SELECT {schema}.operator_insights_summary(%(hours)s::int, %(source)s::text, %(tenant)s::text)"

TRENDS = """
  SELECT {schema}.operator_insights_trends_json(%(hours)s::int, %(interval_hours)s::int, %(source)s::text,
    %(tenant)s::text)
"""

COMPARE = f"""
  SELECT pg_catalog.json_build_object('rows', {json_list(json_object(ComparedFigure), "ordinality")})
  FROM {{schema}}.insights_compare(%(hours)s::int, %(min_total)s::bigint, %(source)s::text, %(tenant)s::text)
    WITH ORDINALITY
"""

RECOMMENDATIONS = """
  SELECT {schema}.replay_recommendations_json(%(hours)s::int, %(max_rows)s::int, %(source)s::text, %(tenant)s::text)
"""


@router.get("/summary", summary="How deliveries went", response_model=Summary)
async def summary(
    hours: int = HOURS,
    tenant: Optional[str] = TENANT,
    source: Optional[str] = SOURCE,
    session: Session = Depends(admin),
) -> Response:
    """Top failing endpoints and tenants, triage, replays: operator_insights_summary(). Role: admin."""
    return json_response(await session.read(SUMMARY, hours=hours, source=source, tenant=tenant))


@router.get("/trends", summary="Deliveries over time", response_model=Trends)
async def trends(
    hours: int = HOURS,
    interval_hours: int = Query(1, ge=1, le=8760, description="the length of an interval"),
    tenant: Optional[str] = TENANT,
    source: Optional[str] = SOURCE,
    session: Session = Depends(admin),
) -> Response:
    """Intervals counted back from now, the oldest first: operator_insights_trends_json(). Role: admin."""
    return json_response(
        await session.read(TRENDS, hours=hours, interval_hours=interval_hours, source=source, tenant=tenant)
    )


@router.get("/compare", summary="The last hours against those before", response_model=Comparison)
async def compare(
    hours: int = HOURS,
    min_total: int = Query(20, ge=0, le=LARGEST_ID, description="fewer deliveries make no endpoint worth a row"),
    tenant: Optional[str] = TENANT,
    source: Optional[str] = SOURCE,
    session: Session = Depends(admin),
) -> Response:
    """Each figure now and before, and the endpoints that got worse or better: insights_compare(). Role: admin."""
    return json_response(await session.read(COMPARE, hours=hours, min_total=min_total, source=source, tenant=tenant))


@router.get("/replay-recommendations", summary="Which replays are worth it", response_model=ReplayAdvice)
async def replay_recommendations(
    hours: int = HOURS,
    max_rows: int = Query(100, ge=1, le=10000, description="at most so many ids"),
    tenant: Optional[str] = TENANT,
    source: Optional[str] = SOURCE,
    session: Session = Depends(admin),
) -> Response:
    """What a replay would help, and what to hold back: replay_recommendations_json(). Role: admin."""
    return json_response(
        await session.read(RECOMMENDATIONS, hours=hours, max_rows=max_rows, source=source, tenant=tenant)
    )
