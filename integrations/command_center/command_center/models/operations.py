"""The person, the audit, and the state of the service."""
from datetime import datetime
from typing import Any, Dict, List, Literal, Optional

from pydantic import BaseModel, Field


class Permissions(BaseModel):
    deliveries: bool
    incidents: bool
    replay: bool
    insights: bool
    audit: bool


class Me(BaseModel):
    user_id: Optional[str] = None
    roles: List[str]
    role: str = Field(..., description="the highest of viewer, operator and admin that the roles amount to")
    permissions: Permissions


class AuditRecord(BaseModel):
    """A row of the table operator_audit."""

    id: int
    actor: str
    action: str
    target_id: Optional[str] = None
    metadata: Dict[str, Any]
    source_ip: Optional[str] = None
    created_at: datetime
    by_user: str
    previous_hash: str = Field(..., description="in hexadecimal digits, as all hashes")
    hash: str


class AuditRecords(BaseModel):
    records: List[AuditRecord] = Field(..., description="the newest first")


class AuditStat(BaseModel):
    """A row of audit_stats()."""

    actor: str
    action: str
    count: int
    first_at: datetime
    last_at: datetime


class AuditStats(BaseModel):
    stats: List[AuditStat]


class AuditProblem(BaseModel):
    """A row of audit_verify()."""

    id: Optional[int] = None
    problem: str


class AuditHead(BaseModel):
    id: int
    hash: str


class AuditVerdict(BaseModel):
    problems: List[AuditProblem] = Field(..., description="every record that is not as it was written; none: all are")
    head: Optional[AuditHead] = Field(None, description="the newest record, to keep elsewhere; null: there is none")


class Source(BaseModel):
    name: str
    relation: str


class Sources(BaseModel):
    sources: List[Source]


class SourceStatus(BaseModel):
    """A row of anomaly_insights_status()."""

    source: Optional[str] = None
    state: Optional[str] = None
    last_run: Optional[datetime] = None
    last_success: Optional[datetime] = None
    duration: Optional[float] = Field(None, description="of the last run, in seconds")
    deliveries: Optional[int] = None
    open_incidents: Optional[int] = None
    failures: Optional[int] = Field(None, description="runs in a row that failed")
    next_run: Optional[datetime] = None
    last_error: Optional[str] = None
    last_error_at: Optional[datetime] = None
    run_by: Optional[str] = None
    worker: Optional[str] = Field(None, description="what the worker of the database is doing")
    worker_state: Optional[
        Literal[
            "running", "waiting", "starting", "failing", "off", "template", "no room", "no launcher", "not preloaded", "recovery"
        ]
    ] = Field(None, description="the same for programs")
    held_by: Optional[str] = Field(None, description="the session that keeps the worker from the source")
    held_since: Optional[datetime] = Field(None, description="when its transaction began")
    unmapped: Optional[int] = Field(None, description="deliveries among them with a status that nobody knows")
    left_changes: Optional[int] = Field(None, description="changes of incidents that there was no time to store yet")


class Status(BaseModel):
    sources: List[SourceStatus]
