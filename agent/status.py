"""What a host is doing, from its journal alone: no network, no clock."""

from typing import Any

from agent import files
from agent.journal import Journal
from agent.settings import ProductSettings, Settings
from agent.slots import Slots

SHOWN = ("action", "rule", "version", "until", "text")


def status(settings: Settings, journal: Journal, agent: str) -> dict[str, Any]:
    """Return the status document: ``{"agent", "products": [...]}``, the form of ``status --json``."""
    products = [product_status(settings, journal, entry.name) for entry in settings.product]
    found: dict[str, Any] = {"agent": agent, "products": products}
    if clock := journal.recall("clock"):
        found["clock"] = clock
    if disk := [str(folder) for folder in settings.folders if folder.exists() and files.is_read_only(folder)]:
        found["disk"] = f"{', '.join(disk)}: read-only file system, so nothing can be updated"
    return found


def product_status(
    settings: Settings, journal: Journal, name: str, decision: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return one product's entry; ``decision`` is the one just taken, or else the last one noted."""
    noted = decision or journal.recall(f"decision/{name}")
    state, update = journal.state(name)
    trouble = journal.recall(f"trouble/{name}")
    (product,) = (entry for entry in settings.product if entry.name == name)
    running = Slots(settings.products_folder / name).running()
    if noted and noted["rule"] == "current" and running is None:
        noted = None  # it speaks of a version that is gone
    why = watched(product, journal)
    unrestored = journal.recall(f"unrestored/{name}")
    given_up = [one["version"] for one in journal.given_up(name)]
    return {
        "name": name,
        "running": running,
        "state": state.value,
        "wave": update.wave if update else (noted or {}).get("wave"),
        "decision": {key: noted.get(key) for key in SHOWN} if noted else None,
        **({"watched": why} if why else {}),
        **({"quarantine": given_up} if given_up else {}),
        **({"trouble": trouble} if trouble else {}),
        **({"unrestored": unrestored} if unrestored else {}),
    }


def watched(product: ProductSettings, journal: Journal) -> str:
    """Return why a product is only watched; empty when it is managed."""
    if product.mode == "observe":
        return "the settings say observe"
    let_go = journal.recall(f"let_go/{product.name}")
    return f"let go at {let_go['at']}" if let_go else ""
