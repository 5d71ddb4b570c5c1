"""What people say of waves and keys when they found a repository, or add to it."""

from collections.abc import Mapping, Sequence
from typing import Any

from metadata.errors import UsageError
from repo_tools.founding.plan import GROUPS, Plan, wave_plans
from repo_tools.keys.choice import public_key
from repo_tools.keys.folder import KeyFile, KeyFolder
from repo_tools.names import check_name
from repo_tools.roles import Channel
from repo_tools.waves.said import parse_waves

_WAVES = ("canary=5", "early=25", "full=100")
_COUNTED = ("canary=1", "early=3", "full=rest")


def planned(
    channel: Channel, said: Mapping[str, Any], folder: KeyFolder, groups: Sequence[str] = GROUPS
) -> Plan:
    """Return what the options of the command line say of a channel.

    Args:
        channel: It; its names are checked.
        said: The options.
        folder: Where keys are found by name.
        groups: Roles for which keys and numbers of signatures may be said.

    Raises:
        UsageError: One of them makes no sense.
    """
    for ring in said["rings"]:
        check_name("ring", ring)
    usual = _COUNTED if said["count"] else _WAVES
    return Plan(
        channel,
        wave_plans(parse_waves(said["waves"] or usual, counted=said["count"])),
        solo=said.get("solo", False),
        rings=said["rings"],
        digits=4 if said["fine"] else 3,
        poll_s=said.get("poll_s", Plan.poll_s),
        given=_given(folder, said["keys"], groups),
        needs={group: _number(count) for group, count in _pairs("--threshold", said["needs"], groups)},
    )


def _pairs(option: str, texts: Sequence[str], groups: Sequence[str]) -> list[tuple[str, str]]:
    pairs = [(group, rest) for group, _, rest in (text.partition("=") for text in texts)]
    if any(group not in groups or not rest for group, rest in pairs):
        raise UsageError(
            f"not a value for {option}: {', '.join(texts)}", f"one of {', '.join(groups)}, =, value"
        )
    return pairs


def _given(folder: KeyFolder, texts: Sequence[str], groups: Sequence[str]) -> dict[str, tuple[KeyFile, ...]]:
    found: dict[str, tuple[KeyFile, ...]] = {}
    for group, text in _pairs("--key", texts, groups):
        found[group] = (*found.get(group, ()), public_key(folder, text))
    return found


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 100):
        raise UsageError(f"not a number of signatures: {text!r}", "write --threshold root=2")
    return int(text)
