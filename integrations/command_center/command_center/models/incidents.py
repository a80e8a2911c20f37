"""Incidents, their events, and mutes."""
from datetime import datetime
from typing import List, Literal, Optional

from pydantic import BaseModel, Field, StrictBool, StrictInt, StrictStr

from .values import Body, Time

Severity = Literal["critical", "warning"]
State = Literal["open", "acknowledged", "resolved"]
Scope = Literal["endpoint", "fleet"]


class Incident(BaseModel):
    """A row of the table anomalies."""

    id: int
    tenant_id: Optional[str] = Field(None, description="null: none, or the fleet")
    endpoint: Optional[str] = Field(None, description="null: none, or the fleet")
    severity: Severity = Field(..., description="critical: deliveries fail; warning: a spike or silence")
    spike_detected: bool
    failure_cluster_detected: bool
    silence_detected: bool
    recent_count: int = Field(..., description="deliveries in the 5 minutes up to last_seen_at")
    baseline_count: int = Field(..., description="deliveries in the hour of the baseline")
    recent_failures: int
    baseline_failures: int
    detected_at: datetime = Field(..., description="when it opened first")
    resolved_at: Optional[datetime] = None
    acknowledged_by: Optional[str] = None
    source: str
    status: State
    last_seen_at: datetime
    acknowledged_at: Optional[datetime] = None
    ack_until: Optional[datetime] = Field(None, description="when the acknowledgement expires; null: never")
    note: Optional[str] = Field(None, description="the last that an operator noted")
    resolved_by: Optional[str] = None
    resolve_reason: Optional[Literal["calm", "new normal", "by hand", "expired", "source dropped"]] = None
    reopen_count: int
    peak_failures: int = Field(..., description="the most failures in 5 minutes")
    peak_multiplier: Optional[float] = Field(None, description="the most times the expected")
    flapping: bool
    message: str = Field(..., description="what is wrong, as last seen")
    scope: Scope = Field(..., description="fleet: all endpoints together")
    muted: bool
    false_positive: Optional[bool] = None
    calm_since: Optional[datetime] = None
    level_since: datetime
    evaluated_at: datetime
    usual_count: float
    usual_failure_ratio: float
    suppression: Optional[str] = None
    reopened_at: List[datetime]


class Event(BaseModel):
    """A row of the table anomaly_events: a transition of an incident, with the figures after it."""

    seq: int = Field(..., description="in the order of commits")
    anomaly_id: int = Field(..., description="the incident")
    event: Literal[
        "opened",
        "escalated",
        "acknowledged",
        "ack_expired",
        "reopened",
        "flapping",
        "resolved",
        "muted",
        "unmuted",
    ]
    at: datetime
    severity: Severity
    status: State
    source: str
    tenant_id: Optional[str] = None
    endpoint: Optional[str] = None
    scope: Scope
    recent_count: int
    baseline_count: int
    recent_failures: int
    baseline_failures: int
    peak_failures: int
    peak_multiplier: Optional[float] = None
    message: str
    resolve_reason: Optional[str] = None
    false_positive: Optional[bool] = None
    note: Optional[str] = None
    notified: bool = Field(..., description="false where a mute applied, or notifications are off")
    by_user: str
    actor: Optional[str] = Field(None, description="the person, where the application named one")


class Incidents(BaseModel):
    incidents: List[Incident]
    next: Optional[int] = Field(None, description="`before` of the next page; null: this is the last")
    last_seq: int = Field(..., description="seq of the newest event, where a stream may begin; 0: there is none")


class OneIncident(BaseModel):
    incident: Incident


class IncidentWithEvents(BaseModel):
    incident: Incident
    events: List[Event] = Field(..., description="by seq")


class Events(BaseModel):
    events: List[Event]
    last_seq: int = Field(..., description="`after` of the next request")


class Acknowledgement(Body):
    note: Optional[StrictStr] = None
    until: Optional[Time] = Field(None, description="when it expires; without it, never")


class Resolution(Body):
    note: Optional[StrictStr] = None
    false_positive: StrictBool = False


class Mute(BaseModel):
    """A row of the table anomaly_mutes."""

    id: int
    source: Optional[str] = Field(None, description="null: any; so are tenant_id and endpoint")
    tenant_id: Optional[str] = None
    endpoint: Optional[str] = None
    severity_cap: Optional[Severity] = Field(None, description="warning: critical incidents notify nevertheless")
    starts_at: datetime
    ends_at: Optional[datetime] = Field(None, description="null: until it is deleted")
    days: Optional[List[int]] = Field(None, description="of a weekly mute: 1 is Monday")
    from_time: Optional[str] = Field(None, description="such as 22:00:00")
    to_time: Optional[str] = Field(None, description="up to 24:00:00")
    time_zone: Optional[str] = None
    reason: Optional[str] = None
    created_at: datetime
    created_by: str
    actor: Optional[str] = None
    applies: bool = Field(..., description="whether it applies at this moment")


class Mutes(BaseModel):
    mutes: List[Mute]


class NewMute(Body):
    """What to mute, null for any; once from starts_at to ends_at, or weekly, which needs days, from_time, to_time and
    time_zone. Without tenant, endpoint and source it needs everything."""

    tenant: Optional[StrictStr] = None
    endpoint: Optional[StrictStr] = None
    starts_at: Optional[Time] = Field(None, description="without it, now")
    ends_at: Optional[Time] = Field(None, description="without it, until it is deleted")
    reason: Optional[StrictStr] = None
    severity_cap: Optional[Severity] = Field(None, description="warning: critical incidents notify nevertheless")
    source: Optional[StrictStr] = None
    days: Optional[List[StrictInt]] = Field(None, description="1 (Monday) to 7 (Sunday): the days on which it begins")
    from_time: Optional[StrictStr] = Field(None, description="such as 22:00")
    to_time: Optional[StrictStr] = Field(None, description="such as 06:00; not after from_time: on the next day")
    time_zone: Optional[StrictStr] = Field(None, description="such as Europe/Berlin")
    everything: StrictBool = Field(False, description="true: all incidents, of any tenant, endpoint and source")


class MuteId(BaseModel):
    id: int
