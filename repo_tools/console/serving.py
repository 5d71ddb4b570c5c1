"""Listen on loopback, open the browser, and end when the person says so, or when nobody needs it."""

import resource
import signal
import socket
from collections.abc import Callable

import uvicorn

from repo_tools.console.app import application
from repo_tools.console.clerk import Clerk
from repo_tools.console.doors import Doors
from repo_tools.console.guard import guarded
from repo_tools.console.views import Views

LOOPBACK = "127.0.0.1"


class _Server(uvicorn.Server):
    """Sends away who only listens when it ends, or it would wait for them."""

    def __init__(self, config: uvicorn.Config, clerk: Clerk) -> None:
        super().__init__(config)
        self._clerk = clerk

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._clerk.part()
        await super().shutdown(sockets)


def serve(clerk: Clerk, views: Views, port: int, version: str, on_open: Callable[[Doors], None]) -> None:
    """Serve the console until Ctrl-C or SIGTERM; a command that is at work is waited for.

    Args:
        clerk: Runs commands in the workspace.
        views: Shows it.
        port: Where to listen; 0 for any that is free.
        version: Of this program.
        on_open: Told how to enter, once it listens.

    Raises:
        OSError: Somebody listens there already.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # who else is on this machine can hold many open
    with socket.create_server((LOOPBACK, port)) as listener:
        doors = Doors(listener.getsockname()[1])
        app = application(clerk, doors, views.below(f"/{doors.room}/"), version)
        config = uvicorn.Config(
            guarded(app, doors), log_level="warning", access_log=False, server_header=False
        )
        server = _Server(config, clerk)
        for end in (signal.SIGINT, signal.SIGTERM):
            signal.signal(end, server.handle_exit)  # one that comes early counts too
        on_open(doors)
        server.run([listener])
