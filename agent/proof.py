"""Can a new updater still update? It shows it in a scratch folder, and the version before it judges.

It gets a copy of the journal and of the identity, an empty TUF cache and the pinned root, and must bring its
own release once more and find what is installed to be just that: a cold refresh and a staged install, by
``verify``. What it says is believed only with what it leaves behind.
"""

import json
import re
import shutil
import time
from pathlib import Path
from typing import Any, Literal

import msgspec

from agent import commands, trees
from agent.fetch import LARGE_DEADLINE_S, Fetcher
from agent.guard import arming
from agent.identity import folder as identity_folder
from agent.repository import Repository
from agent.settings import Network
from agent.states import Update
from agent.updater import PRODUCT, PROGRAM
from agent.work import READ_S, Work
from metadata.errors import TidegateError, UnreachableError

ANSWER_S = 120
"""How long a look at the journal may take, on a busy host."""
PROOF_S = LARGE_DEADLINE_S + READ_S + ANSWER_S
AGAIN_S = 10.0
"""The pause after a proof that the network did not allow."""
PATIENCE_S = 900
"""How long an unreachable repository is waited for, before it is asked whether the version is to blame."""


class Missing(msgspec.Struct, frozen=True):
    """What a new updater did not show."""

    reason: Literal["unproven", "unreachable"]
    text: str


def missing(work: Work, update: Update) -> Missing | None:
    """Return what the new updater did not show, or None when it has shown that it can update."""
    limit = time.monotonic() + PATIENCE_S
    scratch = work.settings.state_folder.absolute() / "proof"
    while True:
        work.announce(2 * PROOF_S, f"{update.version} shows that it can update")
        arming.arm(work, update, 2 * PROOF_S)
        trees.remove(scratch)
        try:
            found = _attempt(work, update, scratch)
            if found is None or found.reason == "unproven":
                return found
            if time.monotonic() > limit:
                return Missing("unproven", found.text) if _reachable(work, update, scratch) else found
        finally:
            trees.remove(scratch)
        time.sleep(AGAIN_S)


def _attempt(work: Work, update: Update, scratch: Path) -> Missing | None:
    settings = _prepare(work, update, scratch)
    return _knows(work, update, settings) or _updates(work, update, settings)


def _prepare(work: Work, update: Update, scratch: Path) -> Path:
    """Make a host of its own for the new updater, and return its settings."""
    state, slots = scratch / "state", scratch / "root" / PRODUCT
    (slots / "versions").mkdir(parents=True)
    state.mkdir(mode=0o700)
    (slots / "versions" / update.version).symlink_to(work.slots.slot(update.version).absolute())
    (slots / "current").symlink_to(f"versions/{update.version}")
    shutil.copytree(identity_folder(work.settings.state_folder), identity_folder(state))
    work.journal.copy(state / "journal.db")
    channel, platform = work.product.channel, work.platform
    lines = [f"state = {_quoted(str(state))}", f"root = {_quoted(str(scratch / 'root'))}"]
    lines += [*_network(work.settings.network), "[[product]]"]
    lines += [f'name = "{PRODUCT}"', f'channel = "{channel}"', f'platform = "{platform}"']
    (scratch / "agent.toml").write_text("\n".join(lines))
    return scratch / "agent.toml"


def _network(network: Network) -> list[str]:
    """Return the way to the repository as settings have it; none where nothing was set."""
    usual = msgspec.to_builtins(Network())
    given = {name: value for name, value in msgspec.to_builtins(network).items() if value != usual[name]}
    return ["[network]", *(f"{name} = {_quoted(value)}" for name, value in given.items())] if given else []


def _quoted(value: Any) -> str:
    """Return a value as TOML has it: as JSON does, but for tables."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(name)} = {json.dumps(value[name])}" for name in value) + " }"
    return json.dumps(value)


def _knows(work: Work, update: Update, settings: Path) -> Missing | None:
    """Whether it understands what the version before wrote down."""
    said, ran = _ask(work, update, [*_named(settings), "status", "--json"], ANSWER_S)
    state, _ = work.journal.state(work.name)
    entries = [(entry.get("state"), entry.get("running")) for entry in said.get("products", [])]
    if not ran.ok or entries != [(state.value, update.version)]:
        return Missing("unproven", f"the new version cannot read this host's journal: status {ran.text()}")
    return None


def _updates(work: Work, update: Update, settings: Path) -> Missing | None:
    """Whether it brings its own release from nothing but the pinned root, file for file."""
    said, ran = _ask(work, update, [*_named(settings), "verify", "--json"], PROOF_S)
    if ran.status == UnreachableError.exit_code:
        return Missing("unreachable", f"the repository cannot be reached: verify {ran.text()}")
    if not ran.ok or said.get("differences") != {PRODUCT: []}:
        return Missing("unproven", f"the new version cannot update: verify {ran.text()}")
    seen = _timestamp(settings.parent / "state" / "tuf")
    if seen < _timestamp(work.settings.state_folder / "tuf"):
        return Missing("unproven", "the new version saw an older repository than the one before it")
    return None


def _named(settings: Path) -> list[str]:
    return ["--config", str(settings)]


def _ask(
    work: Work, update: Update, arguments: list[str], limit_s: float
) -> tuple[dict[str, Any], commands.Ran]:
    slot = work.slots.slot(update.version).absolute()
    ran = commands.run([str(slot / PROGRAM), *arguments], slot, limit_s)
    found = re.search(r"^\{.*^\}", ran.output, re.DOTALL | re.MULTILINE)
    try:
        said = json.loads(found[0]) if found else {}
    except ValueError:
        said = {}
    return said, ran


def _reachable(work: Work, update: Update, scratch: Path) -> bool:
    """Whether the version before can bring at the same time what the new one could not."""
    root = (identity_folder(work.settings.state_folder) / "root.json").read_bytes()
    try:
        repository = Repository(scratch / "second", [work.identity.url], root, Fetcher(work.settings.network))
        if target := repository.find(update.artifact.path):
            repository.download(target, scratch / "packed")
    except TidegateError:
        return False
    return True


def _timestamp(cache: Path) -> int:
    """Return the version of the timestamp in a cache; none is older than all."""
    try:
        return int(json.loads((cache / "timestamp.json").read_bytes())["signed"]["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return -1
