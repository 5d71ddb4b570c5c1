"""How the API describes itself: by OpenAPI, with what opens each address."""

from collections.abc import Mapping

from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityRequirement, SecurityScheme

from repo_tools.console.doors import COOKIE

_SCHEMES: Mapping[str, SecurityScheme] = {
    "bearer": SecurityScheme(
        type="http",
        scheme="bearer",
        description="For scripts: the session's secret, which tidegate console --session-file writes",
    ),
    "cookie": SecurityScheme(
        type="apiKey",
        security_scheme_in="cookie",
        name=COOKIE,
        description="For browsers: what the link leaves there, shown below the room of the pages alone",
    ),
    "origin": SecurityScheme(
        type="apiKey",
        security_scheme_in="header",
        name="Origin",
        description="The console's own address, which browsers add: no other site changes anything",
    ),
}
READS: list[SecurityRequirement] = [{"bearer": []}, {"cookie": []}]
"""What opens an address that changes nothing."""
CHANGES: list[SecurityRequirement] = [{"bearer": []}, {"cookie": [], "origin": []}]
"""What opens one that does."""


def described(version: str) -> OpenAPIConfig:
    """Return how the API of this version of the program is described, and where."""
    return OpenAPIConfig(
        title="Tidegate console",
        version=version,
        path="/api/v1/openapi",
        security=READS,
        components=Components(security_schemes=dict(_SCHEMES)),
        render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        operation_id_creator=lambda handler, _method, _path: handler.handler_name,
    )
