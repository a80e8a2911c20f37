"""An application of somebody else's, in which the API is mounted: run by the tests under uvicorn."""
import asyncio
import json
import os
import threading
from contextlib import asynccontextmanager

from fastapi import FastAPI, Header

from command_center import CommandCenter, Principal, Settings

TOKENS = os.environ.get("HOST_TOKENS")  # its users have tokens, and database roles that begin so
app = FastAPI()
calls = []
released = threading.Event()


async def startup():
    calls.append("startup")


@asynccontextmanager
async def lifespan(_):
    await startup()
    yield


# The two ways in which an application starts; FastAPI(lifespan=...) is the second.
if TOKENS:
    app.router.lifespan_context = lifespan
else:
    app.on_event("startup")(startup)


class StateOfItsOwn:
    """A middleware that keeps the user of the application where all of its routes find it."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        scope.setdefault("state", {})["principal"] = "a user of the application"
        await self.app(scope, receive, send)


app.add_middleware(StateOfItsOwn)


@app.get("/calls")
async def list_calls():
    return calls


@app.get("/hold")
def hold():
    """Takes a thread until /release, as a route does that is not async."""
    calls.append("hold")
    released.wait()


@app.get("/release")
async def release():
    released.set()


async def tenants_own(x_token: str = Header(...)):
    """Each token is a viewer of one tenant, with a database role of its own."""
    return Principal(user_id=x_token, roles=("viewer",), database_role=f"{TOKENS}_{x_token}")


settings = Settings(os.environ["HOST_DSN"], **json.loads(os.environ["HOST_SETTINGS"]))
center = CommandCenter(settings, authenticate=tenants_own) if TOKENS else CommandCenter(settings)
center.mount(app, prefix="/ops/api")


@app.get("/inside")
async def inside():
    """What the process holds."""
    return {
        "subscribers": center.hub.subscribers(),
        "pool": center.database.statistics(),
        "tasks": len(asyncio.all_tasks()),
    }
