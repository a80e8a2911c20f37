"""Roles by cookie, for demonstrations: a browser cannot set headers of its own on a stream."""
import logging
from typing import Optional
from urllib.parse import quote, unquote, urlsplit

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import RedirectResponse
from fastapi.security import APIKeyCookie

from .auth import Principal, known_roles, principal_of, roles_header, user_of
from .problems import Problem

logger = logging.getLogger("command_center")

WARNING = "--demo-login lets everybody who can reach this server choose their roles. It is for demonstrations only"

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

roles_cookie = APIKeyCookie(
    name="user_roles",
    scheme_name="demo",
    description="As the header, with the cookie user_id; set by /demo/login. For demonstrations only.",
    auto_error=False,
)


async def authenticate(
    request: Request, header: Optional[str] = Depends(roles_header), cookie: Optional[str] = Depends(roles_cookie)
) -> Principal:
    """The headers, and where there are none, the cookies."""
    if header is not None:
        return principal_of(header, user_of(request))
    principal = principal_of(unquote(cookie or ""), unquote(request.cookies.get("user_id", "")))
    _refuse_other_sites(request)
    return principal


def _refuse_other_sites(request: Request) -> None:
    """Cookies come along with whatever page makes the browser ask."""
    if request.method in _SAFE_METHODS:
        return
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    same_site = site is None or site in ("same-origin", "none")
    same_origin = origin is None or urlsplit(origin).netloc == request.headers.get("Host")
    if not (same_site and same_origin):
        raise Problem(403, "The request comes from another site.")


def add_login(app: FastAPI) -> None:
    """GET /demo/login?roles=admin&user=alice."""
    logger.warning(WARNING)

    @app.get("/demo/login", include_in_schema=False)
    async def login(roles: str = "admin", user: str = "demo") -> RedirectResponse:
        if not known_roles(roles):
            raise HTTPException(422, "Roles are viewer, operator, admin and system.")
        response = RedirectResponse("/", 303)
        for name, value in (("user_roles", ",".join(known_roles(roles))), ("user_id", user)):
            response.set_cookie(name, quote(value), httponly=True, samesite="lax")
        return response
