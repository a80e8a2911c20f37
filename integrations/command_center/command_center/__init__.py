"""The HTTP API of the PostgreSQL extension anomaly_insights."""
from .auth import Principal, refuse_other_sites
from .center import CommandCenter
from .problems import Problem
from .settings import Settings

__all__ = ["CommandCenter", "Principal", "Problem", "Settings", "refuse_other_sites"]
