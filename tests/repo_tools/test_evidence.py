"""What opened a wave can be checked by anybody afterwards, from what is published alone."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from tests.repo_tools.test_publishing_killed import SIGKILL, kill
from tests.support.audits import audit, found
from tests.support.chorus import WELL
from tests.support.collection import Collection
from tests.support.wave import Underway
from tests.support.workspace import Workspace

START = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)


@pytest.fixture(scope="module")
def in_canary(tmp_path_factory):
    """The folder of a gated rollout whose canary hosts are well, with its drop box; never changed."""
    base = tmp_path_factory.mktemp("evidence")
    repo = Workspace(base / "place").found("--store", "../store")
    repo.publish_release("1.4.2")
    (base / "box").mkdir()
    rollout = Underway(Collection(repo, base / "box"), START, "--strategy", "gated", "--preset", "fast")
    rollout.tell(rollout.join("canary", 3), *WELL)
    rollout.collection.collect()
    return base


@pytest.fixture
def repo(in_canary, tmp_path):
    """A copy of its repository."""
    return Workspace(shutil.copytree(in_canary / "place", tmp_path / "place"))


def opened(repo):
    """Let the job prepare the next wave, and publish it; return the evidence in the store."""
    repo.do("rollout", "advance", "stable")
    repo.sign_and_publish()
    [public] = (repo.store / "status" / "evidence").iterdir()
    return public


def embellished(repo, **changes):
    """Let whoever has all keys prepare the next wave on evidence that was written by hand."""
    repo.do("rollout", "advance", "stable")
    [staged] = (repo.folder / "staged" / "evidence").iterdir()
    document = json.loads(staged.read_bytes())
    for name, value in changes.items():
        document[name] = value if not isinstance(value, dict) else {**document[name], **value}
    data = json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
    staged.write_bytes(data)
    desk = repo.desk()
    with desk.tree.edit("agent.stable.early") as draft:
        for entry in desk.tree.view("agent.stable.early").entries.values():
            order = dict(entry.custom["tidegate"])
            order["evidence"] = {"sha256": sha256(data).hexdigest(), "counts": document["counts"]}
            draft.put(type(entry)(entry.path, entry.length, entry.sha256, {"tidegate": order}))
    repo.sign_and_publish()


def said(repo):
    """Return what an audit says of evidence, each with its level."""
    return [(one["level"], one["text"]) for one in found(repo).get("evidence", [])]


def test_good_evidence_is_no_finding(repo):
    """An audit finds nothing to say of a wave that was opened as the gate asks, and people can read why."""
    public = opened(repo)
    assert said(repo) == []
    route = next(iter(repo.desk().tree.view("agent.stable.early").entries))
    shown = repo.do("inspect", repo.store, route)
    assert shown["evidence"] == json.loads(public.read_bytes())
    assert shown["evidence"]["text"] == "all 3 hosts are well; so few need a person who signs"
    assert "evidence: 3 of 3 heard, 3 ok, 0 failed, 0 silent" in repo.run("log").stdout


def test_evidence_that_is_gone_or_changed(repo):
    """Whoever can write to the store can hide what opened a wave, and not that it is hidden."""
    public = opened(repo)
    public.write_bytes(public.read_bytes().replace(b'"ok":3', b'"ok":9'))
    [(level, text)] = said(repo)
    assert (level, "evidence that is not in" in text) == ("warning", True)
    public.unlink()
    assert said(repo) == [(level, text)]
    assert audit(repo).exit_code == 0


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"counts": {"ok": 2, "failed": 1}}, "opens nothing (wait): 1 of 3 hosts failed"),
        ({"counts": {"ok": 2, "heard": 2, "silent": 1}}, "opens nothing (wait): with 3 hosts everybody"),
        ({"counts": {"ok": 9}}, "counts do not add up"),
        ({"opened": "2026-01-01T00:00:00Z"}, "canary was not opened"),
        ({"at": "2099-01-01T00:00:00Z"}, "after it was published"),
        ({"version": "1.4.2"}, "evidence about stable-0002 for canary, 1.4.2"),
        ({"wave": "full"}, "evidence about stable-0002 for full, 1.5.0"),
        ({"format": "tidegate.evidence/9"}, "cannot be read"),
    ],
)
def test_weaker_evidence_is_a_warning(repo, changes, says):
    """Who holds all keys can open a wave on anything, and every auditor sees on what."""
    embellished(repo, **changes)
    [(level, text)] = said(repo)
    assert level == "warning"
    assert text.startswith("agent.stable.early 3 opens stable-0002 for early on evidence ")
    assert says in text


def test_a_wave_that_people_opened(repo):
    """An audit says where evidence lacks: a note if there never was any, a warning if a job had begun."""
    opened(repo)
    repo.do("rollout", "promote", "stable", "--early", "--reason", "somebody is in a hurry")
    repo.sign_and_publish()
    [(level, text)] = said(repo)
    assert (level, "stable-0002 came to full without evidence" in text) == ("warning", True)
    repo.add("1.6.0")
    repo.do("rollout", "start", "stable", "1.6.0", "--strategy", "manual")
    repo.sign_and_publish()
    for _ in range(2):
        repo.do("rollout", "promote", "stable", "--early")
        repo.sign_and_publish()
    assert [level for level, _ in said(repo)] == ["warning", "note"]
    assert "stable-0003 came to early, full without evidence" in said(repo)[1][1]


def test_a_killed_publisher_leaves_evidence_that_is_in_nobodys_way(repo):
    """What it left under the name stays as it is; other evidence for the same wave goes out beside it."""
    repo.do("rollout", "advance", "stable")
    repo.do("sign", "--yes")
    folder = repo.store / "status" / "evidence"
    calls = 0
    while not folder.exists():
        assert kill(repo, calls) == SIGKILL
        calls += 1
    [left] = folder.iterdir()
    before = left.read_bytes()
    repo.do("unstage", "agent.stable.early")
    repo.do("rollout", "advance", "stable", "--by", "the job of the day after")
    repo.sign_and_publish()
    assert left.read_bytes() == before
    assert len(list(folder.iterdir())) == 2
    assert said(repo) == []
