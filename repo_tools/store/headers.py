"""What caches and browsers are told about a file. Pure."""

import mimetypes
from dataclasses import dataclass

from repo_tools.store.base import TIMESTAMP

IMMUTABLE = "public, max-age=31536000, immutable"
"""One year, which RFC 9111 caches treat as for ever; a name's content never changes."""
BRIEF_S = 60
"""How long a cache may serve what was just replaced."""
BRIEF = f"public, max-age={BRIEF_S}"
_KEPT = ("metadata/", "targets/", "status/assets/", "status/builds/", "status/agents/")
_JSON = "application/json"
_ARCHIVES = {".zst": "application/zstd", ".gz": "application/gzip", ".xz": "application/x-xz"}


@dataclass(frozen=True)
class Headers:
    """The response headers that a store keeps with a file."""

    cache_control: str
    content_type: str


def headers(name: str) -> Headers:
    """Return the headers of a file in the store."""
    return Headers(IMMUTABLE if _is_kept(name) else BRIEF, _content_type(name))


def _is_kept(name: str) -> bool:
    """Return whether a name's content never changes."""
    return name.startswith(_KEPT) and name != TIMESTAMP


def _content_type(name: str) -> str:
    if name.startswith(("targets/rollout/", "targets/fleet/")):
        return _JSON  # routes, policies and brakes have no suffix
    suffix = "." + name.rpartition(".")[2]
    return _ARCHIVES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
