"""Listen on loopback, open the browser, and end when the person says so, or when nobody needs it."""

import asyncio
import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn

from repo_tools.console.app import application
from repo_tools.console.clerk import Clerk
from repo_tools.console.doors import Doors
from repo_tools.console.guard import guarded
from repo_tools.console.views import Views

LOOPBACK = "127.0.0.1"


class _Server(uvicorn.Server):
    """Sends away who only listens when it is to end, or it would wait for them."""

    def __init__(self, config: uvicorn.Config, clerk: Clerk) -> None:
        super().__init__(config)
        self._clerk = clerk

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        asyncio.get_running_loop().call_soon_threadsafe(self._clerk.part)
        super().handle_exit(sig, frame)


def serve(clerk: Clerk, views: Views, port: int, version: str, on_open: Callable[[Doors], None]) -> None:
    """Serve the console until it is interrupted; a command that is at work is waited for.

    Args:
        clerk: Runs commands in the workspace.
        views: Shows it.
        port: Where to listen; 0 for any that is free.
        version: Of this program.
        on_open: Told how to enter, once it listens.

    Raises:
        OSError: Somebody listens there already.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C does: it leaves nothing behind
    with socket.create_server((LOOPBACK, port)) as listener:
        doors = Doors(listener.getsockname()[1])
        app = application(clerk, doors, views.below(f"/{doors.room}/"), version)
        config = uvicorn.Config(
            guarded(app, doors), log_level="warning", access_log=False, server_header=False
        )
        on_open(doors)
        _Server(config, clerk).run([listener])
