"""How a rollout widens: its strategy and pace, as a preset has them, kept beside the workspace's other files.

Orders say what one wave does. How the next one follows is a matter of those who sign it, and of the job that
prepares it; ``rollouts/<product>.<rollout>.json`` tells the job, and travels with the workspace.
"""

from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from metadata.errors import MalformedError, UsageError
from metadata.fields import Seconds
from repo_tools.files import write
from repo_tools.rollouts.state import State
from repo_tools.workspace import Workspace

Strategy = Literal["immediate", "scheduled", "gated", "manual"]
"""How waves follow each other: all at once, at times that are signed ahead, on evidence, by hand."""
NORMAL = "normal"
_ROOM = files("repo_tools.rollouts") / "presets"


class Preset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The pace of a rollout."""

    after_s: Seconds
    """``scheduled``: how long after the wave before it a wave opens."""
    spread_s: Annotated[tuple[Seconds, ...], Meta(min_length=1)]
    """Over how long the hosts of the first, second, … wave start; the last counts for all that follow."""
    open_for_s: Seconds
    """How long after its opening a wave starts hosts."""
    soak_s: Seconds
    """How long a wave is open before the next one may follow on evidence."""
    heard_percent: Annotated[int, Meta(ge=1, le=100)]
    """Share of a wave's expected hosts that must be heard before."""
    urgent: bool
    """Whether hosts go ahead outside of their maintenance windows."""

    def spread(self, wave: int) -> int:
        """Return the seconds over which the hosts of a wave start; waves count from 0."""
        return self.spread_s[min(wave, len(self.spread_s) - 1)]

    @property
    def open_for(self) -> timedelta:
        """How long a wave starts hosts."""
        return timedelta(seconds=self.open_for_s)


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one rollout widens."""

    strategy: Strategy
    preset: str
    """The name of its pace."""
    pace: Preset


_AS_SAID = Preset(
    after_s=0, spread_s=(0,), open_for_s=7 * 86_400, soak_s=14_400, heard_percent=80, urgent=False
)
"""What counts where nobody names a preset: what options say, and otherwise all hosts of a wave at once."""


def plan(strategy: Strategy, name: str | None) -> Plan:
    """Return how a rollout widens; without a preset's name, at the usual pace where nobody steers by hand.

    Raises:
        UsageError: There is no preset of that name.
    """
    if name is None and strategy in {"immediate", "manual"}:
        return Plan(strategy=strategy, preset="", pace=_AS_SAID)
    return Plan(strategy=strategy, preset=name or NORMAL, pace=preset(name or NORMAL))


def presets() -> list[str]:
    """Return the names of all presets."""
    return sorted(path.name.removesuffix(".toml") for path in _ROOM.iterdir() if path.name.endswith(".toml"))


def preset(name: str) -> Preset:
    """Return a preset.

    Raises:
        UsageError: There is none of that name.
    """
    if name not in presets():
        raise UsageError(f"no preset {name!r}", f"one of: {', '.join(presets())}")
    return msgspec.toml.decode((_ROOM / f"{name}.toml").read_bytes(), type=Preset)


def keep(workspace: Workspace, product: str, rollout: str, plan: Plan) -> None:
    """Keep how a rollout widens."""
    path = _path(workspace, product, rollout)
    path.parent.mkdir(exist_ok=True)
    write(path, msgspec.json.format(msgspec.json.encode(plan), indent=1) + b"\n")


def forget(workspace: Workspace, product: str, rollout: str) -> None:
    """Forget how a rollout of this id widened, which was taken back: its id is given again."""
    _path(workspace, product, rollout).unlink(missing_ok=True)


def kept(workspace: Workspace, product: str, rollout: str) -> Plan | None:
    """Return how a rollout widens; None where nobody said so.

    Raises:
        MalformedError: The file cannot be read.
    """
    path = _path(workspace, product, rollout)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Plan)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise MalformedError(f"{path} cannot be read: {error}", "mend it, or take it from git") from error


def newest(workspace: Workspace, state: State) -> Plan | None:
    """Return how a channel's newest rollout widens; None where nobody said so, or before the first.

    Raises:
        MalformedError: The file cannot be read.
    """
    return kept(workspace, state.channel.product, state.newest) if state.newest else None


def _path(workspace: Workspace, product: str, rollout: str) -> Path:
    return workspace.folder / "rollouts" / f"{product}.{rollout}.json"
