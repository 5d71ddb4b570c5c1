"""The evidence that an order names goes out before the order: staged with it, published beside the roles."""

from hashlib import sha256
from pathlib import Path

from metadata.documents import Order
from metadata.errors import UntrustedError
from metadata.evidence import names_of
from repo_tools import files
from repo_tools.desk import Desk
from repo_tools.roles import is_wave
from repo_tools.rollouts.state import order_in


def stage(desk: Desk, order: Order, data: bytes) -> None:
    """Keep evidence until its order is published."""
    path = _path(desk, order)
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write(path, data)


def staged(desk: Desk, role: str) -> dict[str, bytes]:
    """Return the evidence that a staged role's orders name, by its name in the store; none if it is public.

    Raises:
        UntrustedError: What is staged is not what the order names.
    """
    order = _order(desk, role)
    if order is None or order.evidence is None or not _path(desk, order).exists():
        return {}
    data = _path(desk, order).read_bytes()
    if sha256(data).hexdigest() != order.evidence.sha256:
        hint = "take the order back and prepare it again: tidegate unstage, tidegate rollout advance"
        raise UntrustedError(f"{_path(desk, order)} is not the evidence that {role} names", hint)
    usual, own = names_of(order)
    taken = desk.store.read(usual) not in {None, data}  # by a publisher that was killed before its order
    return {own if taken else usual: data}


def opening(desk: Desk) -> list[str]:
    """Return the staged roles of waves to which a rollout comes on evidence."""
    named = {role: order for role in desk.tree.staged() if (order := _order(desk, role)) and order.evidence}
    public = desk.published()
    before = {role: _order(public, role) for role in named if public.tree.find(role)}
    return [
        role
        for role, order in named.items()
        if not ((known := before.get(role)) and known.rollout == order.rollout)
    ]


def tidy(desk: Desk) -> None:
    """Remove staged evidence that no staged order names."""
    whole = desk.whole()
    orders = [_order(whole, role) for role in whole.tree.staged()]
    kept = {_path(desk, order) for order in orders if order and order.evidence}
    for path in _folder(desk).glob("*.json"):
        if path not in kept:
            path.unlink()


def _order(desk: Desk, role: str) -> Order | None:
    entries = desk.tree.view(role).entries.values() if is_wave(role) else ()
    return next((order_in(entry) for entry in entries), None)


def _folder(desk: Desk) -> Path:
    return desk.workspace.folder / "staged" / "evidence"


def _path(desk: Desk, order: Order) -> Path:
    return _folder(desk) / f"{order.product}.{order.rollout}-{order.wave}.json"
