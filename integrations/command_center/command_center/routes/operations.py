"""What is watched, and how the watching goes."""
from fastapi import APIRouter, Depends, Response

from ..columns import json_list, json_object
from ..models.operations import Source, Sources, SourceStatus, Status
from ..session import Session, json_response, operator, viewer

router = APIRouter(tags=["operations"])

SOURCES = f"""
  SELECT pg_catalog.json_build_object('sources', {json_list(json_object(Source), "name")})
  FROM {{schema}}.delivery_sources
"""

STATUS = f"""
  SELECT pg_catalog.json_build_object('sources',
    {json_list(json_object(SourceStatus, duration="extract(epoch FROM duration)::float8"), "source")})
  FROM {{schema}}.anomaly_insights_status()
"""


@router.get("/sources", summary="Delivery sources", response_model=Sources)
async def sources(session: Session = Depends(viewer)) -> Response:
    """The registered sources by name, for the parameter `source` of other routes. Role: viewer."""
    return json_response(await session.read(SOURCES))


@router.get("/status", summary="How the evaluations go", response_model=Status)
async def status(session: Session = Depends(operator)) -> Response:
    """The last evaluation of each source, and what the worker does: anomaly_insights_status(). Role: operator."""
    return json_response(await session.read(STATUS))
