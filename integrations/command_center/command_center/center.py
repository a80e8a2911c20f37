"""The API as an application of its own, to be mounted in another."""
import logging
from contextlib import asynccontextmanager
from typing import Any, AsyncIterator, Callable, Dict, Union

from fastapi import Depends, FastAPI, Request

from . import auth
from .auth import Principal
from .body import BodyLimit
from .database import Database
from .hub import Hub
from .parameters import only_known
from .problems import COMMON, SCHEMA, install_handlers
from .routes import anomalies, audit, deliveries, events, incidents, insights, me, mutes, operations, replays
from .session import STATE
from .settings import Settings
from .shutdown import before_shutdown

logger = logging.getLogger("command_center")

_AREAS = (me, anomalies, insights, incidents, mutes, deliveries, replays, audit, operations, events)


class _Application(FastAPI):
    def openapi(self) -> Dict[str, Any]:
        document = super().openapi()
        document["components"]["schemas"]["Problem"] = SCHEMA
        return document


class CommandCenter:
    """`authenticate` is a dependency of FastAPI that returns a Principal or raises."""

    def __init__(self, settings: Union[str, Settings], authenticate: Callable[..., Any] = auth.authenticate) -> None:
        self.settings = Settings(settings) if isinstance(settings, str) else settings
        self.database = Database(self.settings)
        self.hub = Hub(self.settings)
        self.authenticate = authenticate
        self.app = self._application()

    def mount(self, app: FastAPI, prefix: str = "/api") -> None:
        """Adds the API under the prefix, and opens and closes its pool with the application."""
        app.mount(prefix, self.app)
        inner = app.router.lifespan_context

        @asynccontextmanager
        async def lifespan(started: Any) -> AsyncIterator[Any]:
            async with self.running():
                async with inner(started) as state:
                    yield state

        app.router.lifespan_context = lifespan

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """What mount() ties to the application's lifespan; for those who start the API in another way."""
        if self.authenticate is auth.authenticate:
            logger.warning(auth.HEADER_WARNING)
        async with self.database.open(), self.hub.open():
            with before_shutdown(self.hub.close):
                yield

    def _application(self) -> FastAPI:
        app = _Application(
            title="Command center",
            description="Anomalies, incidents, insights, deliveries and replays of the PostgreSQL extension "
            "anomaly_insights. Times are ISO 8601; those without a zone are UTC.",
            version="1.0.0",
            docs_url=None,
            redoc_url=None,
        )
        app.state.database = self.database
        app.state.hub = self.hub
        app.add_middleware(BodyLimit)
        install_handlers(app)
        dependencies = [Depends(_remember(self.authenticate)), Depends(only_known)]
        for area in _AREAS:
            app.include_router(area.router, dependencies=dependencies, responses=COMMON)
        return app


def _remember(authenticate: Callable[..., Any]) -> Callable[..., None]:
    async def principal_of_request(request: Request, principal: Principal = Depends(authenticate)) -> None:
        setattr(request.state, STATE, principal)

    return principal_of_request
