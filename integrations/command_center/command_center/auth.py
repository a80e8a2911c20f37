"""Who asks, and which roles they have."""
import logging
from dataclasses import dataclass
from typing import Iterable, Optional, Tuple

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader

from .problems import Problem
from .settings import check_database_role

logger = logging.getLogger("command_center")

# What each role amounts to, the least first. Each has the rights of those before it.
LEVELS = ("viewer", "operator", "admin")
_LEVEL_OF = {"viewer": "viewer", "operator": "operator", "admin": "admin", "system": "admin"}

HEADER_WARNING = (
    "roles are taken from the header X-User-Roles as it comes: whoever can reach this server can be anybody. Let only "
    "a proxy that sets the header itself reach it, or give CommandCenter an authenticate of your own"
)


@dataclass(frozen=True)
class Principal:
    """A user. Unknown roles count for nothing; database_role overrides the one that the settings map the role to."""

    user_id: Optional[str]
    roles: Tuple[str, ...]
    database_role: Optional[str] = None

    def __post_init__(self) -> None:
        if self.database_role is not None:
            check_database_role(self.database_role)

    @property
    def role(self) -> str:
        """The highest of viewer, operator and admin that the roles amount to; empty where it is none."""
        levels = [LEVELS.index(_LEVEL_OF[role]) for role in self.roles if role in _LEVEL_OF]
        return LEVELS[max(levels)] if levels else ""

    def has(self, role: str) -> bool:
        return self.role != "" and LEVELS.index(self.role) >= LEVELS.index(role)


def known_roles(text: str) -> Tuple[str, ...]:
    """Those of a comma-separated list that are known."""
    return tuple(_only_known(name.strip().lower() for name in text.split(",")))


def _only_known(names: Iterable[str]) -> Iterable[str]:
    return dict.fromkeys(name for name in names if name in _LEVEL_OF)


def principal_of(roles: str, user_id: Optional[str]) -> Principal:
    """Refuses with 401 where no role is left."""
    known = known_roles(roles)
    if not known:
        raise unauthenticated()
    return Principal(user_id=user_id or None, roles=known)


def unauthenticated() -> Problem:
    return Problem(
        401,
        "The request names none of the roles viewer, operator, admin and system.",
        headers={"WWW-Authenticate": "X-User-Roles"},
    )


roles_header = APIKeyHeader(
    name="X-User-Roles",
    scheme_name="roles",
    description="Comma-separated roles: viewer, operator, admin, system. The header X-User-Id names the person. "
    "Both are for networks where only a proxy that sets them can reach the service.",
    auto_error=False,
)


def user_of(request: Request) -> Optional[str]:
    """The person of the header X-User-Id, which Starlette reads as Latin-1 whatever the client wrote."""
    name = request.headers.get("X-User-Id")
    if name is None:
        return None
    try:
        return name.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        raise Problem(400, "The header X-User-Id is not UTF-8.") from None


async def authenticate(request: Request, roles: Optional[str] = Depends(roles_header)) -> Principal:
    """The default: the headers are believed."""
    return principal_of(roles or "", user_of(request))
