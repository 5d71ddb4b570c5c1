"""What a publication would write: every object, in its order, with what caches are told."""

from dataclasses import dataclass

from repo_tools.desk import Desk
from repo_tools.publishing.order import publishing_order
from repo_tools.publishing.publish import Content, Publication, Staged, everything, sealed_by
from repo_tools.store.headers import headers


@dataclass(frozen=True)
class Planned:
    """One object."""

    name: str
    size_bytes: int
    cache_control: str
    content_type: str
    how: str
    """``create``, ``there`` (published already: not sent again) or ``replace``."""


def planned(desk: Desk, publication: Publication) -> list[Planned]:
    """Return what publishing would write, in its order; snapshot and timestamp are not signed for this."""
    seals = sealed_by(desk, publication, {"snapshot": [], "timestamp": []})
    content = everything(publication, seals)
    return [_planned(desk, name, content[name]) for name in publishing_order(content)]


def _planned(desk: Desk, name: str, content: Content) -> Planned:
    said = headers(name)
    size = content.path.stat().st_size if isinstance(content, Staged) else len(content)
    there = "there" if desk.store.has(name) else "create"
    how = "replace" if name == "metadata/timestamp.json" else there
    return Planned(name, size, said.cache_control, said.content_type, how)
