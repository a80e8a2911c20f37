"""Who did what."""
from typing import Optional

from fastapi import APIRouter, Depends, Query, Response

from ..columns import json_list, json_object
from ..models.operations import AuditHead, AuditProblem, AuditRecord, AuditRecords, AuditStat, AuditStats, AuditVerdict
from ..models.values import Time
from ..session import Session, admin, json_response

router = APIRouter(prefix="/audit", tags=["audit"])

SINCE = Query(None, description="only what was done from then on")

RECORD = json_object(AuditRecord, previous_hash="encode(previous_hash, 'hex')", hash="encode(hash, 'hex')")

LIST = f"""
  SELECT pg_catalog.json_build_object('records', {json_list(RECORD, "ordinality")})
  FROM {{schema}}.audit_list(%(actor)s::text, %(action)s::text, %(since)s::timestamptz, %(limit)s::int) WITH ORDINALITY
"""

STATS = f"""
  SELECT pg_catalog.json_build_object('stats', {json_list(json_object(AuditStat), "ordinality")})
  FROM {{schema}}.audit_stats(%(since)s::timestamptz) WITH ORDINALITY
"""

VERIFY = f"""
  SELECT pg_catalog.json_build_object(
    'problems', (SELECT {json_list(json_object(AuditProblem), "ordinality")}
      FROM {{schema}}.audit_verify() WITH ORDINALITY),
    'head', (SELECT {json_object(AuditHead, hash="encode(hash, 'hex')")} FROM {{schema}}.audit_head()))
"""


@router.get("", summary="Records of the audit, the newest first", response_model=AuditRecords)
async def list_records(
    actor: Optional[str] = Query(None, description="only what this person did"),
    action: Optional[str] = Query(None, description="only this, such as delivery.replay"),
    since: Optional[Time] = SINCE,
    limit: int = Query(100, ge=1, le=1000, description="at most so many"),
    session: Session = Depends(admin),
) -> Response:
    """What operators did, by person, action and time: audit_list(). Role: admin."""
    return json_response(await session.read(LIST, actor=actor, action=action, since=since, limit=limit))


@router.get("/stats", summary="Who did what how often", response_model=AuditStats)
async def stats(since: Optional[Time] = SINCE, session: Session = Depends(admin)) -> Response:
    """The most frequent first: audit_stats(). Role: admin."""
    return json_response(await session.read(STATS, since=since))


@router.get("/verify", summary="Whether the audit is as it was written", response_model=AuditVerdict)
async def verify(session: Session = Depends(admin)) -> Response:
    """Follows the chain of hashes, and gives its head to keep elsewhere: audit_verify(). Role: admin."""
    return json_response(await session.read(VERIFY))
