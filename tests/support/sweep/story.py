"""The updates that are swept, and the product in them: a few lines of shell, which start at once."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.agent.scene import WAVES, copied
from tests.support.workspace import CHANNEL, Workspace

OLDEST, OLD, NEW = "0.9.0", "1.0.0", "1.1.0"
VERSION_IN = "STORY_VERSION"
"""The variable by which a process tells which version it is."""
PROGRAM = """#!/bin/sh
case "$1" in
--version) echo "agent {version}" ;;
--well) {well} ;;
--hook) test "$TIDEGATE_TO" = {version} ;;
*) {migrate}
{variable}={version} exec sleep 1000000 ;;
esac
"""
BLUE, GREEN = "colour = blue\n", "colour = green\n"


@dataclass(frozen=True)
class Story:
    """One update, and how it ends when nothing disturbs it."""

    name: str
    store: Path
    runs: str
    rule: str
    command: tuple[str, ...] = ("tick", "--json")
    """What is disturbed."""


@dataclass(frozen=True)
class Stories:
    """A repository that has v0.9.0, then v1.0.0, and what became of it in each story."""

    first: Workspace
    before: Workspace
    good: Story
    bad: Story
    adopted: Story
    let_go: Story

    def of(self, manager: str) -> tuple[Story, ...]:
        """Return those that differ from manager to manager; adoption never speaks to one that is running."""
        both = (self.good, self.bad)
        return (*both, self.adopted, self.let_go) if manager in {"none", "command"} else both

    def tree(self, version: str, story: Story | None) -> Path:
        """Return the folder that a version was packed from."""
        base = story.store.parent if story else self.before.base
        return base / "builds" / version


def tell(folder: Path) -> Stories:
    """Found a repository, and let it go two ways: to a version that is well, and to one that is not."""
    first = Workspace(folder / "first").found(*WAVES)
    _release(first, OLDEST, "true", "true", "10")
    before = copied(first, folder / "before")
    _release(before, OLD, "true", "true", "10")
    good, bad = copied(before, folder / "good"), copied(before, folder / "bad")
    _release(good, NEW, "true", f"printf '{GREEN.strip()}\\n' >\"$2\"", "10")
    _release(bad, NEW, "false", f"printf '{GREEN.strip()}\\n' >\"$2\"", "0")
    return Stories(
        first,
        before,
        Story("update", good.store, NEW, "current"),
        Story("rollback", bad.store, OLD, "quarantined"),
        Story("adopt", good.store, NEW, "current", ("adopt", "agent", "--version", OLD, "--from", "legacy")),
        Story("let-go", good.store, NEW, "current", ("let-go", "agent", "--to", "copy")),
    )


def _release(work: Workspace, version: str, well: str, migrate: str, start_s: str) -> None:
    tree = _build(work.base / "builds", version, well, migrate)
    probe = ("--probe", "bin/agent --version", "--expect", "{version}", "--health", "exec:bin/agent --well")
    hooks = ("--pre-switch", "bin/agent --hook", "--post-switch", "bin/agent --hook")
    work.add(version, tree, *probe, *hooks, "--start-s", start_s, "--trial-s", "0")
    work.do("rollout", "start", CHANNEL, version, "--strategy", "immediate")
    work.sign_and_publish()


def _build(folder: Path, version: str, well: str, migrate: str) -> Path:
    tree = folder / version
    shutil.rmtree(tree, ignore_errors=True)
    program = tree / "bin" / "agent"
    program.parent.mkdir(parents=True)
    program.write_text(PROGRAM.format(version=version, well=well, migrate=migrate, variable=VERSION_IN))
    program.chmod(0o755)
    (tree / "share").mkdir()
    (tree / "share" / "notes.txt").write_text(f"This is {version}.\n")
    (tree / "share" / "latest.txt").symlink_to("notes.txt")
    return tree
