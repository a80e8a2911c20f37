"""An application of somebody else's, in which the API is mounted: run by the tests under uvicorn."""
import asyncio
import os
from contextlib import asynccontextmanager

from fastapi import FastAPI, Header

from command_center import CommandCenter, Principal, Settings

app = FastAPI()
calls = []


async def startup():
    calls.append("startup")


@asynccontextmanager
async def lifespan(_):
    await startup()
    yield


# The two ways in which an application starts; FastAPI(lifespan=...) is the second.
if "HOST_ROLES" in os.environ:
    app.router.lifespan_context = lifespan
else:
    app.on_event("startup")(startup)


@app.get("/calls")
async def list_calls():
    return calls


async def tenants_own(x_token: str = Header(...)):
    """Each token is a viewer of one tenant, with a database role of its own."""
    return Principal(user_id=x_token, roles=("viewer",), database_role=f"{os.environ['HOST_ROLES']}_{x_token}")


if "HOST_ROLES" in os.environ:
    center = CommandCenter(os.environ["HOST_DSN"], authenticate=tenants_own)
elif "HOST_PATIENT" in os.environ:
    # Its streams never look by themselves while a test runs.
    center = CommandCenter(Settings(os.environ["HOST_DSN"], heartbeat=3600, look_again=3600))
else:
    center = CommandCenter(os.environ["HOST_DSN"])
center.mount(app, prefix="/ops/api")


@app.get("/inside")
async def inside():
    """What the process holds."""
    return {
        "subscribers": center.hub.subscribers(),
        "pool": center.database.statistics(),
        "tasks": len(asyncio.all_tasks()),
    }
