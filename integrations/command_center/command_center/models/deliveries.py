"""Deliveries and their replays."""
from datetime import datetime
from typing import Any, Dict, List, Literal, Optional

from pydantic import BaseModel, Field, StrictBool, StrictStr, conint

from .values import Body


class Delivery(BaseModel):
    """A row of delivery_search(). What the source does not map is null."""

    delivery_id: str
    created_at: datetime
    updated_at: Optional[datetime] = None
    tenant_id: Optional[str] = None
    endpoint: Optional[str] = None
    event_type: Optional[str] = None
    status: Optional[str] = Field(None, description="as the source has it")
    status_class: Optional[Literal["delivered", "failed", "dead_letter", "pending"]] = Field(
        None, description="null: not mapped"
    )
    triage_label: Optional[str] = None
    triage_score: Optional[int] = None
    attempts: Optional[int] = None
    max_attempts: Optional[int] = None
    next_retry_at: Optional[datetime] = None
    http_status: Optional[int] = None
    error: Optional[str] = None


class Deliveries(BaseModel):
    deliveries: List[Delivery]
    next: Optional[str] = Field(None, description="`cursor` of the next page; null: this is the last")


class PlanRequest(Body):
    filter: Dict[str, Any] = Field(
        default_factory=dict,
        description="ids, tenant, endpoint, status, triage_label, hours, since, until, as delivery_search() has them. "
        "Without ids or times, the last 24 hours",
    )
    max_rows: conint(strict=True, ge=1, le=10000) = 100  # type: ignore[valid-type]
    source: Optional[StrictStr] = None


class PlannedReplay(BaseModel):
    """A row of replay_plan()."""

    delivery_id: str
    created_at: datetime
    tenant_id: Optional[str] = None
    endpoint: Optional[str] = None
    status: Optional[str] = None
    triage_label: Optional[str] = None
    attempts: Optional[int] = None
    outcome: Literal["replay", "hold", "refuse"] = Field(
        ..., description="hold: its endpoint is failing now, so it needs force; refuse: it cannot be put back in line"
    )
    expected_success_rate: Optional[float] = Field(None, description="in percent; null: nothing is known")
    reason: str


class Plan(BaseModel):
    deliveries: List[PlannedReplay] = Field(..., description="the oldest first")
    total: int = Field(..., description="how many are listed")
    held: int = Field(..., description="how many of them need force")
    refused: int = Field(..., description="how many of them would be refused, with the reason in each")


class ReplayRequest(Body):
    ids: List[StrictStr] = Field(..., max_items=10000)
    force: StrictBool = Field(False, description="also those whose endpoint is failing now")
    source: Optional[StrictStr] = None


class ReplayResult(BaseModel):
    """A row of replay_execute()."""

    delivery_id: str
    outcome: Literal["replayed", "not_found", "not_failed", "held", "locked", "refused"]
    audit_id: Optional[int] = Field(None, description="the record in the audit; null: it was not replayed")
    detail: Optional[str] = None


class Replays(BaseModel):
    results: List[ReplayResult]
    replayed: int = Field(..., description="how many were put back in line")
