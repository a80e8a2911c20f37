"""What an installation may choose."""
from dataclasses import dataclass, field
from typing import Dict, Mapping

from psycopg.conninfo import conninfo_to_dict, make_conninfo

DATABASE_ROLES: Mapping[str, str] = {
    "viewer": "insights_viewer",
    "operator": "insights_operator",
    "admin": "insights_admin",
}

# A host that vanishes without a word must not be waited for in vain. What the dsn says goes before.
_CONNECTION = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30000,
}

_ABOVE_0 = (
    "pool_timeout",
    "statement_timeout",
    "heartbeat",
    "look_again",
    "max_streams",
    "stream_lifetime",
    "send_timeout",
)


def _database_roles() -> Dict[str, str]:
    return dict(DATABASE_ROLES)


@dataclass(frozen=True)
class Settings:
    """Times are in seconds."""

    dsn: str = field(repr=False)  # may hold a password
    schema: str = "insights"
    roles: Mapping[str, str] = field(default_factory=_database_roles)
    pool_min: int = 1
    pool_max: int = 10
    pool_timeout: float = 5.0
    statement_timeout: float = 30.0
    channel: str = "anomaly_insights"
    heartbeat: float = 15.0
    look_again: float = 5.0
    max_streams: int = 1000
    stream_lifetime: float = 900.0
    send_timeout: float = 30.0

    def __post_init__(self) -> None:
        if set(self.roles) != set(DATABASE_ROLES):
            raise ValueError(f"roles must name a database role for each of {', '.join(DATABASE_ROLES)}")
        for name in self.roles.values():
            check_database_role(name)
        for name in ("schema", "channel"):
            if not getattr(self, name):
                raise ValueError(f"{name} must not be empty")
        if not 0 < self.pool_min <= self.pool_max:
            raise ValueError("pool_min must be at least 1, and pool_max no less")
        for name in _ABOVE_0:
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be more than 0")

    @property
    def conninfo(self) -> str:
        """What to connect with."""
        return make_conninfo(**{**_CONNECTION, **conninfo_to_dict(self.dsn), "client_encoding": "UTF8"})


def check_database_role(name: str) -> None:
    # To PostgreSQL "none" is no role but the end of SET ROLE: the query would run with the rights of the service.
    if not name or name.lower() == "none":
        raise ValueError(f'"{name}" cannot be a database role')
