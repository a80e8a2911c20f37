"""Reports. Those that the database writes as JSON itself are only documented here."""
from datetime import datetime
from typing import Dict, List, Literal, Optional

from pydantic import BaseModel, Field


class Anomaly(BaseModel):
    tenant_id: Optional[str] = None
    endpoint: Optional[str] = None
    severity: Literal["critical", "warning"]
    recent_count: int
    baseline_count: int
    recent_failures: int
    baseline_failures: int
    spike_detected: bool
    failure_cluster_detected: bool
    silence_detected: Optional[bool] = Field(None, description="there where it is true")
    spike_multiplier: Optional[float] = None
    failure_multiplier: Optional[float] = None
    message: str
    detected_at: datetime


class AnomalyCounts(BaseModel):
    total_incidents: int
    critical_incidents: int
    warning_incidents: int


class CurrentAnomalies(BaseModel):
    incidents: List[Anomaly] = Field(..., description="the gravest first")
    summary: AnomalyCounts
    window_minutes: float
    baseline_minutes: float
    detected_at: datetime


class Snapshot(BaseModel):
    timestamp: datetime
    incident_count: int
    critical_count: int
    incidents: List[Anomaly] = Field(..., description="at most 5")


class AnomalyHistory(BaseModel):
    snapshots: List[Snapshot] = Field(..., description="the newest first; none without incidents")
    hours_analyzed: int
    generated_at: datetime


class TimeRange(BaseModel):
    hours: int
    start: datetime
    end: datetime


class FailingEndpoint(BaseModel):
    endpoint: Optional[str] = None
    failures: int
    total: int
    failure_rate: float = Field(..., description="in percent, as all rates")


class FailingTenant(BaseModel):
    tenant_id: Optional[str] = None
    failures: int
    total: int
    failure_rate: float


class TriageDistribution(BaseModel):
    transient_endpoint_down: int
    permanent_4xx: int
    rate_limited: int
    unknown: int
    unclassified: int


class DeliveryStats(BaseModel):
    total: int
    delivered: int
    failed: int
    pending: int
    dead_letter: int
    success_rate: float = Field(..., description="delivered of all, as the original has it")


class ReplayStats(BaseModel):
    total_replayed: int
    replay_successes: int
    replay_success_rate: float
    counted_from: Literal["replays", "attempts"] = Field(
        ..., description="attempts: none was replayed by an operator"
    )


class TriageAccuracy(BaseModel):
    transient_retry_success_rate: float
    note: str


class RetryStats(BaseModel):
    mean_attempts: float
    first_attempt_success_rate: float


class Backlog(BaseModel):
    pending: int
    near_failure: int
    oldest_pending_seconds: Optional[int] = None


class Summary(BaseModel):
    top_failing_endpoints: List[FailingEndpoint]
    top_failing_tenants: List[FailingTenant]
    triage_distribution: TriageDistribution
    delivery_stats: DeliveryStats
    replay_stats: ReplayStats
    triage_accuracy: TriageAccuracy
    retry_stats: RetryStats
    backlog: Backlog
    settled_success_rate: Optional[float] = Field(
        None, description="delivered of those that settled, which is success_rate in SQL; null: none has settled"
    )
    time_range: TimeRange
    generated_at: datetime


class Interval(BaseModel):
    timestamp: datetime = Field(..., description="where it begins")
    total_deliveries: int
    failures: int
    success_rate: float = Field(..., description="all that did not fail, pending ones too, as the original has it")
    settled_success_rate: Optional[float] = Field(None, description="as in the summary")


class Trends(BaseModel):
    intervals: List[Interval] = Field(..., description="the oldest first")
    interval_hours: int
    total_hours: int
    generated_at: datetime


class ComparedFigure(BaseModel):
    """A row of insights_compare()."""

    scope: str
    endpoint: Optional[str] = None
    figure: str
    current_value: Optional[float] = None
    previous_value: Optional[float] = None
    change: Optional[float] = None
    impact: Optional[float] = None
    direction: Optional[str] = None


class Comparison(BaseModel):
    rows: List[ComparedFigure]


class AdvisedEndpoint(BaseModel):
    endpoint: Optional[str] = None
    deliveries: int
    expected_success_rate: Dict[str, Optional[float]] = Field(..., description="by label")


class AdviceBreakdown(BaseModel):
    by_label: Dict[str, int]
    by_age: Dict[str, int]
    by_endpoint: List[AdvisedEndpoint]


class HeldEndpoint(BaseModel):
    tenant_id: Optional[str] = None
    endpoint: Optional[str] = None
    deliveries: int
    message: str


class ReplayAdvice(BaseModel):
    recommended_ids: List[str] = Field(..., description="the oldest first")
    total_recommended: int
    total_analyzed: int
    total_held_back: int
    confidence: Literal["high", "medium", "low"]
    reasoning: str
    breakdown: AdviceBreakdown
    held_back: List[HeldEndpoint] = Field(..., description="endpoints that are failing now")
    time_range: TimeRange
    generated_at: datetime
