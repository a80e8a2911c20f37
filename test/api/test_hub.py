"""The listener goes on whatever happens."""
import asyncio
from contextlib import asynccontextmanager

import support
from command_center import Settings
from command_center.hub import Hub


class BrokenOnce(Hub):
    """Its first connection fails in a way that nobody has thought of."""

    def __init__(self):
        super().__init__(Settings("host=db"))
        self.connections = 0
        self.again = asyncio.Event()

    @asynccontextmanager
    async def _listening(self):
        self.connections += 1
        if self.connections == 1:
            raise ValueError("broken")
        self.again.set()
        yield Silence()


class Silence:
    """A connection on which nothing comes."""

    async def notifies(self):
        await asyncio.Event().wait()
        yield


async def listen():
    hub = BrokenOnce()
    async with hub.open():
        await asyncio.wait_for(hub.again.wait(), support.WAIT)


def test_a_failure_of_another_kind(caplog):
    asyncio.run(listen())
    assert "listening failed" in caplog.text
