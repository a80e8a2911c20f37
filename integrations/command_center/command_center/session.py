"""What a route asks the database through: somebody's own rights."""
from typing import Any, Callable, Optional

from fastapi import Request, Response

from .auth import Principal
from .database import Database
from .problems import NO_STORE, Problem

# Where a request keeps its principal. The application that this one is mounted in shares the state.
STATE = "command_center_principal"


class Session:
    """The database as one person may use it."""

    def __init__(self, database: Database, principal: Principal) -> None:
        self.principal = principal
        self._database = database
        self._role = principal.database_role or database.settings.roles[principal.role]

    async def rows(self, statement: str, read_only: bool = True, **values: Any) -> list:
        return await self._database.run(self._role, self.principal.user_id, statement, values, read_only)

    async def read(self, statement: str, **values: Any) -> Optional[bytes]:
        """The one JSON document that the statement gives; None where it has no row."""
        return _document(await self.rows(statement, True, **values))

    async def write(self, statement: str, **values: Any) -> Optional[bytes]:
        return _document(await self.rows(statement, False, **values))


def _document(rows: list) -> Optional[bytes]:
    return rows[0][0] if rows else None


def requires(role: str) -> Callable[[Request], Session]:
    """A dependency: the session of whoever asks, who must have at least this role."""

    # Without await, and yet async: what is not would take its turn in the threads of the application.
    async def session(request: Request) -> Session:
        principal: Optional[Principal] = getattr(request.state, STATE, None)
        if principal is None:
            # A parameter of the authentication is missing. FastAPI would say so after all dependencies have run.
            raise Problem(401, "The request does not say who asks.")
        if not principal.has(role):
            raise Problem(403, f"This needs the role {role}.")
        return Session(request.app.state.database, principal)

    return session


viewer = requires("viewer")
operator = requires("operator")
admin = requires("admin")


def json_response(document: Optional[bytes], status: int = 200, missing: str = "There is none.") -> Response:
    """A document of the database, byte for byte."""
    if document is None:
        raise Problem(404, missing)
    return Response(document, status, NO_STORE, "application/json")
