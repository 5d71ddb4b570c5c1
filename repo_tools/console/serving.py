"""Listen on loopback, open the browser, and end when the person says so, or when nobody needs it."""

import socket
from collections.abc import Callable

import uvicorn

from repo_tools.console.app import application
from repo_tools.console.clerk import Clerk
from repo_tools.console.doors import Doors
from repo_tools.console.views import Views

LOOPBACK = "127.0.0.1"


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
    with socket.create_server((LOOPBACK, port)) as listener:
        doors = Doors(listener.getsockname()[1])
        app = application(clerk, doors, views, version)
        config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
        on_open(doors)
        uvicorn.Server(config).run([listener])
