"""Roles by cookie, for demonstrations: a browser cannot set headers of its own on a stream."""
import logging
from typing import Optional
from urllib.parse import quote, unquote

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import RedirectResponse
from fastapi.security import APIKeyCookie

from .auth import Principal, known_roles, principal_of, principal_of_headers, refuse_other_sites

logger = logging.getLogger("command_center")

WARNING = "--demo-login lets everybody who can reach this server choose their roles. It is for demonstrations only"

roles_cookie = APIKeyCookie(
    name="user_roles",
    scheme_name="demo",
    description="As the header, with the cookie user_id; set by /demo/login. For demonstrations only.",
    auto_error=False,
)


async def authenticate(
    request: Request,
    principal: Optional[Principal] = Depends(principal_of_headers),
    cookie: Optional[str] = Depends(roles_cookie),
) -> Principal:
    """The headers, and where there are none, the cookies."""
    if principal is not None:
        return principal
    principal = principal_of(unquote(cookie or ""), unquote(request.cookies.get("user_id", "")))
    refuse_other_sites(request)
    return principal


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
