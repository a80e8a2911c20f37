"""Errors as RFC 9457 has them, and which error of the database is which status."""
import logging
from http import HTTPStatus
from typing import Any, Dict, Mapping, Optional

import psycopg
from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

logger = logging.getLogger("command_center")

RETRY_AFTER = {"Retry-After": "5"}
NO_STORE = {"Cache-Control": "no-store"}

# By SQLSTATE, the whole of it before its class.
_STATUS_OF = {
    "42501": 403,  # insufficient privilege
    "42704": 404,  # no such incident, mute or source
    "42P08": 422,  # several sources, and none is named
    "55000": 409,  # does not fit the state
    "55P03": 409,  # locked
    "40001": 409,  # serialization failure
    "40P01": 409,  # deadlock
    "P0001": 409,  # a trigger on the deliveries refuses
    "57014": 504,  # statement timeout
    "25006": 503,  # read-only: a standby
    "22": 422,
    "23": 409,
    "54": 422,
    "08": 503,
    "53": 503,
    "57": 503,
}

_OF_THE_SERVICE = {
    500: "The service failed. Its log has the details.",
    503: "The database cannot answer now.",
    504: "The database did not answer in time.",
}


class Problem(Exception):
    """An error as the client sees it. Members are extension members; those that are None are left out."""

    def __init__(self, status: int, detail: str, headers: Optional[Mapping[str, str]] = None, **members: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = {name: value for name, value in members.items() if value is not None}


def of_database(error: psycopg.Error) -> Problem:
    """What the database says of the request is passed on; what it says of itself is not."""
    status = 500 if _is_of_a_row(error) else 503 if _is_of_the_source(error) else _status_of(error)
    if status >= 500:
        return failure(error, status)
    return Problem(
        status,
        error.diag.message_primary or str(error),
        sqlstate=error.sqlstate,
        hint=error.diag.message_hint,
    )


def failure(error: psycopg.Error, status: int = 500) -> Problem:
    """One that is not the request's: the log has all of it, the client nothing."""
    logger.error("the database failed: %s: %s", error.sqlstate or type(error).__name__, error)
    return Problem(status, _OF_THE_SERVICE[status], RETRY_AFTER if status == 503 else None, sqlstate=error.sqlstate)


def _is_of_a_row(error: psycopg.Error) -> bool:
    """Whether a value of a delivery did not fit, such as a text that the mapping takes for a number.

    The extension names the source in the context. Values of the request are refused before it, or while a query is
    parsed, which is then given.
    """
    diagnostics = error.diag
    return (
        (error.sqlstate or "").startswith("22")
        and 'delivery source "' in (diagnostics.context or "")
        and diagnostics.internal_query is None
    )


def _is_of_the_source(error: psycopg.Error) -> bool:
    """Whether a delivery source is no longer what was registered: nobody who asks can mend that."""
    return error.sqlstate == "55000" and "changed since it was registered" in (error.diag.message_primary or "")


def _status_of(error: psycopg.Error) -> int:
    state = error.sqlstate
    if state is not None:
        return _STATUS_OF.get(state, _STATUS_OF.get(state[:2], 500))
    # Errors of the driver: a value that no text of PostgreSQL can hold, or no connection.
    if isinstance(error, psycopg.DataError):
        return 422
    return 503 if isinstance(error, psycopg.OperationalError) else 500


def response_of(request: Request, problem: Problem) -> JSONResponse:
    content = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "instance": request.url.path,
        **problem.members,
    }
    return JSONResponse(content, problem.status, {**NO_STORE, **problem.headers}, media_type="application/problem+json")


def install_handlers(app: FastAPI) -> None:
    """Makes every error of the application a problem."""

    async def on_problem(request: Request, error: Problem) -> JSONResponse:
        return response_of(request, error)

    async def on_database(request: Request, error: psycopg.Error) -> JSONResponse:
        return response_of(request, of_database(error))

    async def on_text(request: Request, error: UnicodeEncodeError) -> JSONResponse:
        return response_of(request, Problem(422, "A text holds what is no character of Unicode."))

    async def on_http(request: Request, error: HTTPException) -> JSONResponse:
        return response_of(request, Problem(error.status_code, str(error.detail), error.headers))

    async def on_invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return response_of(request, _of_validation(error))

    async def on_other(request: Request, error: Exception) -> JSONResponse:
        return response_of(request, Problem(500, _OF_THE_SERVICE[500]))

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(psycopg.Error, on_database)
    app.add_exception_handler(UnicodeEncodeError, on_text)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(Exception, on_other)


def _of_validation(error: RequestValidationError) -> Problem:
    errors = [{"where": ".".join(str(part) for part in each["loc"]), "message": each["msg"]} for each in error.errors()]
    detail = "; ".join(f"{each['where']}: {each['message']}" for each in errors)
    return Problem(422, detail, errors=jsonable_encoder(errors))


# The documentation --------------------------------------------------------------------------------------------------

SCHEMA = {
    "title": "Problem",
    "description": "An error, by RFC 9457.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "description": "about:blank: the status says it all"},
        "title": {"type": "string", "description": "the status in words"},
        "status": {"type": "integer", "description": "the HTTP status"},
        "detail": {"type": "string", "description": "what is wrong, in a sentence"},
        "instance": {"type": "string", "description": "the path that was asked for"},
        "sqlstate": {"type": "string", "description": "the database's code of the error, where it gave one"},
        "hint": {"type": "string", "description": "what to do, where the database knows it"},
        "errors": {
            "type": "array",
            "description": "each parameter or member that does not fit",
            "items": {
                "type": "object",
                "required": ["where", "message"],
                "properties": {"where": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}

_DESCRIPTIONS = {
    400: "A header or the body cannot be read.",
    401: "No known role.",
    403: "The role is too low, or the database grants less.",
    404: "There is none.",
    409: "It does not fit the state of things, or somebody else was faster.",
    413: "The body is too large.",
    422: "A parameter does not fit; the hint says what would.",
    500: "The service failed.",
    503: "The database cannot answer now; try again after Retry-After.",
    504: "The database did not answer in time.",
}

_HEADERS = {
    401: {"headers": {"WWW-Authenticate": {"description": "what the service believes", "schema": {"type": "string"}}}},
    503: {"headers": {"Retry-After": {"description": "in seconds", "schema": {"type": "integer"}}}},
}


def documented(*statuses: int) -> Dict[Any, Dict[str, Any]]:
    """Entries for `responses` of a route."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": _DESCRIPTIONS[status], "content": content, **_HEADERS.get(status, {})}
        for status in statuses
    }


COMMON = documented(400, 401, 403, 422, 500, 503, 504)
