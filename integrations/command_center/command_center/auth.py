"""Who asks, and which roles they have."""
import logging
from dataclasses import dataclass
from typing import Optional, Tuple
from urllib.parse import urlsplit

from fastapi import Depends, Header, Request
from fastapi.security import APIKeyHeader

from .problems import Problem
from .settings import check_database_role

logger = logging.getLogger("command_center")

# What each role amounts to, the least first. Each has the rights of those before it.
LEVELS = ("viewer", "operator", "admin")
_LEVEL_OF = {"viewer": "viewer", "operator": "operator", "admin": "admin", "system": "admin"}

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

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
        if not isinstance(self.user_id, (str, type(None))):
            raise TypeError(f"user_id must be a str or None, not {self.user_id!r}")
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
    """Those of a comma-separated list that are known, each once."""
    names = (name.strip().lower() for name in text.split(","))
    return tuple(dict.fromkeys(name for name in names if name in _LEVEL_OF))


def principal_of(roles: str, user_id: Optional[str]) -> Principal:
    """Refuses with 401 where no role is left."""
    known = known_roles(roles)
    if not known:
        raise _without_role()
    return Principal(user_id=user_id or None, roles=known)


def _without_role() -> Problem:
    return Problem(
        401,
        "The request names none of the roles viewer, operator, admin and system.",
        headers={"WWW-Authenticate": "X-User-Roles"},
    )


roles_header = APIKeyHeader(
    name="X-User-Roles",
    scheme_name="roles",
    description="Comma-separated roles: viewer, operator, admin, system. For networks where only a proxy that sets "
    "them can reach the service.",
    auto_error=False,
)

_USER_HEADER = Header(None, alias="X-User-Id", description="the person, in UTF-8: who events, mutes and the audit name")


async def principal_of_headers(
    request: Request, roles: Optional[str] = Depends(roles_header), user_id: Optional[str] = _USER_HEADER
) -> Optional[Principal]:
    """What the headers say; None where they name no role at all."""
    for name in ("X-User-Roles", "X-User-Id"):
        if len(request.headers.getlist(name)) > 1:
            # One of them may be the client's own, to which a proxy has added its.
            raise Problem(400, f"The header {name} is there more than once.")
    return None if roles is None else principal_of(roles, _as_utf8(user_id))


def _as_utf8(name: Optional[str]) -> Optional[str]:
    """Starlette reads headers as Latin-1, whatever the client wrote."""
    try:
        return name and name.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        raise Problem(400, "The header X-User-Id is not UTF-8.") from None


async def authenticate(principal: Optional[Principal] = Depends(principal_of_headers)) -> Principal:
    """The default: the headers are believed."""
    if principal is None:
        raise _without_role()
    return principal


def refuse_other_sites(request: Request) -> None:
    """For an authentication by cookies, which come along with whatever page makes the browser ask."""
    if request.method in _SAFE_METHODS:
        return
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    same_site = site is None or site in ("same-origin", "none")
    same_origin = origin is None or urlsplit(origin).netloc == request.headers.get("Host")
    if not (same_site and same_origin):
        raise Problem(403, "The request comes from another site.")
