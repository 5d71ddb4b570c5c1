"""The job that widens rollouts dies between staging and publishing, and the next run finishes its work."""

import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.support.chorus import WELL
from tests.support.collection import Collection
from tests.support.wave import Underway
from tests.support.workspace import Workspace

EARLY, FULL = "agent.stable.early", "agent.stable.full"


def under_way(repo: Workspace, hosts: int) -> Path:
    """Begin a gated rollout with well hosts in canary, collect what they say, and return its place."""
    box = repo.base.with_name("box")
    box.mkdir()
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    rollout = Underway(Collection(repo, box), start, "--strategy", "gated", "--preset", "fast")
    rollout.tell(rollout.join("canary", hosts), *WELL)
    rollout.collection.collect()
    return repo.base


@pytest.fixture(scope="module")
def large(real_time, tmp_path_factory):
    """The place of a rollout whose next wave the job opens by itself; never changed."""
    return under_way(Workspace(shutil.copytree(real_time, tmp_path_factory.mktemp("large") / "place")), 200)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The place of a rollout whose next wave two people sign; never changed."""
    repo = Workspace(tmp_path_factory.mktemp("small") / "place")
    waves = ("--wave", "canary=5", "--wave", "full=100")
    repo.do("init", repo.folder, "--product", "agent", "--store", "../store", "--no-passphrase", *waves)
    repo.publish_release("1.4.2")
    repo.promote()
    return under_way(repo, 3)


@pytest.fixture
def opened(large, tmp_path):
    """A copy of it in which the job opens the next wave."""
    return Workspace(shutil.copytree(large, tmp_path / "place"))


@pytest.fixture
def asked(small, tmp_path):
    """A copy of it in which the job asks a person to sign the next wave."""
    return Workspace(shutil.copytree(small, tmp_path / "place"))


def killed(place: Path, copies: Path) -> list[Workspace]:
    """Return copies of a place in which the job died, each at another write; in the last it did not."""
    command = [sys.executable, "-m", "tests.support.dying_job", str(place), str(copies)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [Workspace(path) for path in sorted(copies.iterdir(), key=lambda path: int(path.name))]


def advance(repo: Workspace, *options: str) -> Any:
    """Let the job take its step."""
    return repo.do("rollout", "advance", "stable", *options)


def evidence(repo: Workspace) -> set[str]:
    """Return the digests of all evidence that is public."""
    paths = (repo.store / "status" / "evidence").iterdir()
    return {sha256(path.read_bytes()).hexdigest() for path in paths}


def live(repo: Workspace, wave: str = "early") -> Any:
    """Return what a wave is ordered in public."""
    waves = repo.do("rollout", "status", "stable")["waves"]
    return next(one["order"] for one in waves if one["name"] == wave)


def test_a_killed_opening_is_finished_by_the_next_run(large, tmp_path):
    """The disaster: a job that died between staging and publishing waits for itself for ever."""
    copies = killed(large, tmp_path)
    assert len(copies) > 12
    for repo in copies:
        advance(repo, "--publish")
        assert live(repo)["evidence"]["sha256"] in evidence(repo), repo.base.name
        assert repo.desk().tree.staged() == [], repo.base.name


def test_a_killed_question_is_put_by_the_next_run(small, tmp_path):
    """What people must sign is whole after any kill, and goes out once they did, with nobody there."""
    for repo in killed(small, tmp_path):
        step = advance(repo, "--publish")
        assert (step["action"], step["staged"], live(repo, "full")["version"]) == ("ask", [FULL], "1.4.2")
        repo.do("sign", "--yes")
        again = advance(repo, "--publish")
        assert (again["action"], list(again["published"])) == ("ask", [FULL])
        assert live(repo, "full")["evidence"]["sha256"] in evidence(repo)


def test_what_one_of_two_signed_waits_for_the_other(asked):
    """A person who signed is not run over: the next run leaves it as it is, and says who is missing."""
    advance(asked)
    asked.do("sign", "--key", "rollouts-1", "--yes")
    before = (asked.folder / "staged" / "metadata" / f"{FULL}.json").read_bytes()
    done = asked.run("rollout", "advance", "stable", "--publish")
    assert (done.exit_code, f"{FULL} was prepared before, and lacks signatures" in done.stdout) == (0, True)
    following = (
        f"next: tidegate -C {asked.folder} sign --role {FULL} (agent.stable.full: 1 more of rollouts-2)"
    )
    assert following in done.stdout
    assert (asked.folder / "staged" / "metadata" / f"{FULL}.json").read_bytes() == before
    asked.do("sign", "--key", "rollouts-2", "--yes")
    assert "was signed before" in advance(asked, "--dry-run")["text"]
    assert list(advance(asked, "--publish")["published"]) == [FULL]


def test_what_lay_too_long_is_prepared_anew(opened):
    """Where half of a spread is over, the job takes its own order back, and begins the spread with news."""
    advance(opened)
    an_hour_ago = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    opened.do("rollout", "resume", "stable", "--wave", "early", "--not-before", an_hour_ago)
    opened.do("sign", "--yes")
    assert "no longer holds" not in opened.run("publish", "--dry-run").stderr
    dry = opened.run("rollout", "advance", "stable", "--dry-run")
    assert f"would be taken back, as it was prepared before: {EARLY}" in dry.stdout
    step = advance(opened, "--publish")
    assert (step["taken_back"], step["action"]) == ([EARLY], "open")
    assert live(opened)["not_before"] > an_hour_ago
