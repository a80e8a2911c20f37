"""Streams have no end of their own, and servers wait for them when they are told to stop."""
import asyncio
import signal
from contextlib import contextmanager
from typing import Any, Callable, Iterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def before_shutdown(action: Callable[[], None]) -> Iterator[None]:
    """Calls the action in this event loop when the process is told to stop, besides whatever it does then.

    The server's own handler is called as before, or runs as a callback of the event loop, which a handler of Python
    does not keep from it. Where the signal simply kills there is nothing to wait for, and other threads than the main
    one cannot handle signals.
    """
    loop = asyncio.get_running_loop()
    installed = {}

    def handler_for(previous: Callable[..., Any]) -> Callable[..., None]:
        def handle(number: int, frame: Any) -> None:
            loop.call_soon_threadsafe(action)
            previous(number, frame)

        return handle

    for number in _SIGNALS:
        previous = signal.getsignal(number)
        if not callable(previous):
            continue
        handler = handler_for(previous)
        try:
            signal.signal(number, handler)
        except ValueError:
            break
        installed[number] = (handler, previous)
    try:
        yield
    finally:
        for number, (handler, previous) in installed.items():
            if signal.getsignal(number) is handler:
                signal.signal(number, previous)
