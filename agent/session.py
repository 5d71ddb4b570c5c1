"""Requests that ask for little: a probe of a service here, one object of reports; no idle tick makes any."""

from typing import Any

import requests

from agent.settings import Network


class Session(requests.Session):
    """Leaves redirects to its user; otherwise it reads the whole body of one, even to follow none."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return no target."""


def route(network: Network) -> dict[str, Any]:
    """Return what requests must be told about the way out; the environment counts where nothing is set."""
    proxies = {"http": network.proxy, "https": network.proxy} if network.proxy else None
    return {"proxies": proxies, "verify": network.ca or None}
