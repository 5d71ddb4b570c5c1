"""What must be true of a host after it was spoiled and has ticked once more."""

import json
from pathlib import Path
from typing import Any

from tests.support.sweep.lane import Lane
from tests.support.sweep.story import NEW, OLD, OLDEST, Story

ENDS = {("update_healthcheck", "ok"): "to", ("update_rollback", "ok"): "from"}
"""The events that settle which version runs: the one gone to, or the one come from."""


def half(lane: Lane, story: Story) -> list[str]:
    """Return what is wrong before anything was healed: what is current must be whole, whatever happened."""
    installed = lane.host.installed
    copied = lane.copy.exists() and contents(lane.copy) != contents(lane.stories.tree(OLD, None))
    if copied:
        return ["the copy is not whole"]
    if installed is None and story.name == "adopt":
        return []
    if installed not in {OLD, NEW}:
        return [f"current is {installed}"]
    found = [] if lane.runs in {OLD, NEW, None} else [f"{lane.runs} runs"]
    return found + _unlike(lane, story, installed)


def healed(lane: Lane, story: Story, done: dict[str, Any], *, disk_failed: bool) -> list[str]:
    """Return what is wrong after the tick that was to finish or to go back.

    Args:
        lane: The host.
        story: What was under way.
        done: How that tick ended.
        disk_failed: Whether the disk refused a call, so that it may have gone back to be tried again later.
    """
    if done["status"] != 0:
        return [f"the next tick exits {done['status']}: {done['err'].strip()}"]
    entry = json.loads(done["out"])["products"][0]
    ended = (entry["state"], entry["running"], entry["decision"]["rule"])
    wanted = {("IDLE", story.runs, story.rule)} | ({("IDLE", OLD, "backoff")} if disk_failed else set())
    found = [] if ended in wanted else [f"ended as {ended}"]
    if lane.runs != lane.host.installed:
        found.append(f"{lane.host.installed} is current and {lane.runs} runs")
    if (lane.host.folder / "tmp" / "drained").exists():
        found.append("the host is drained for good")
    version = lane.host.installed or "nothing"
    config = lane.host.config.read_text()
    if config != lane.wanted_config.get(version) and "could not restore" not in _last_detail(lane):
        found.append(f"{version} has the configuration {config!r}")
    return found + _unlike(lane, story, version) + _history(lane, version) + _rest(lane, version, disk_failed)


def _last_detail(lane: Lane) -> str:
    rows = lane.host.query(
        "SELECT detail FROM event WHERE stage = 'update_rollback' ORDER BY id DESC LIMIT 1"
    )
    return str(rows[0][0]) if rows else ""


def _unlike(lane: Lane, story: Story, version: str) -> list[str]:
    """Compare a version with what was built."""
    source = story if version == NEW else None
    built = lane.stories.tree(version, source)
    here = lane.host.root / "agent" / "versions" / version
    return [] if contents(built) == contents(here) else [f"{version} is not whole: {contents(here)}"]


def contents(folder: Path) -> dict[str, str]:
    """Return what is in a folder: text of files, targets of links, and which are programs."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_file():
            found[name] = f"{path.stat().st_mode & 0o777:o} {path.read_text()}"
        else:
            found[name] = "folder"
    return found


def _history(lane: Lane, version: str) -> list[str]:
    """The history must end where the host is, name each end once, and remember the highest number kept."""
    rows = lane.host.query('SELECT stage, outcome, "from", "to" FROM event WHERE "to" = ? ORDER BY id', NEW)
    ends = [
        (to if ENDS[stage, outcome] == "to" else start)
        for stage, outcome, start, to in rows
        if (stage, outcome) in ENDS
    ]
    found = [] if (ends[-1:] or [OLD]) == [version] else [f"history ends at {ends} and {version} is current"]
    if ends.count(NEW) > 1:
        found.append(f"{NEW} was kept twice")
    seqs = lane.host.query("SELECT value FROM memory WHERE key = 'highest_seq/agent'")
    if seqs != [("3" if version == NEW else "2",)]:
        found.append(f"the highest number kept is {seqs}")
    return found


def _rest(lane: Lane, version: str, disk_failed: bool) -> list[str]:
    """Nothing that was half-done stays on the disk; old versions may, where it would not let them go."""
    before = {NEW: OLD, OLD: OLDEST}.get(version, "nothing")
    link = lane.host.root / "agent" / "previous"
    found = [] if link.readlink().name == before else [f"the way back is {link.readlink()}"]
    allowed = {before, version}
    left = {path.name for path in (lane.host.root / "agent" / "versions").iterdir()} - allowed
    if disk_failed:
        left = {name for name in left if not name.startswith(".")} - {OLDEST, NEW}
    left |= {path.name for path in (lane.host.root / "agent").iterdir()} - {"versions", "current", "previous"}
    for name in ("downloads", "guard"):
        left |= {str(path) for path in (lane.host.state / name).rglob("*") if path.is_file()}
    return found + ([f"left behind: {sorted(left)}"] if left else [])
