"""How large a body may be. FastAPI reads all of it, and before it asks who sends it."""
from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST = 4 * 2**20


class BodyLimit:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        limited = scope["type"] == "http" and scope["method"] == "POST"
        await self.app(scope, _limited(receive) if limited else receive, send)


def _limited(receive: Receive) -> Receive:
    read = 0

    async def receive_some() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > LARGEST:
            raise HTTPException(413, f"The body is larger than {LARGEST} bytes.")
        return message

    return receive_some
