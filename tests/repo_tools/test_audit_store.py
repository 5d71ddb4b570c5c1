"""Audit: what a store does with files, and what a server does with questions."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest
from tuf.api.metadata import Metadata, Timestamp

from tests.agent.forge import ISSUED
from tests.support.audits import audit, found
from tests.support.web import Web, answer, serving


@pytest.fixture
def web(told) -> Iterator[Web]:
    """The repository as everybody can read it."""
    with serving(told.store) as web:
        yield web


def rewrite(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a JSON file in place."""
    value = json.loads(path.read_bytes())
    change(value)
    path.write_text(json.dumps(value))


def test_a_sound_history_holds_and_is_counted(told, web):
    """Nothing is found, over HTTP as in the folder, and the counts say how much was looked at."""
    here, there = audit(told, "--files"), audit(told, "--files", url=web.url)
    assert here.exit_code == there.exit_code == 0, here.stdout
    assert here.json["findings"] == []
    assert here.json["counts"] == there.json["counts"]
    assert here.json["counts"]["publications"] == 6
    assert here.json["counts"]["signatures"] >= here.json["counts"]["versions"] > 30
    assert here.json["counts"]["files"] > 40


def test_every_file_is_fetched_once(told, web):
    """A history is read without asking twice."""
    audit(told, url=web.url)
    asked = [path for path in web.requests if not path.endswith("/metadata/timestamp.json")]
    assert len(asked) == len(set(asked))


def test_a_tampered_version_is_found_wherever_it_lies(told):
    """Bytes of an old version that changed are found, although no client asks for them any more."""
    path = told.store / "metadata" / "2.agent.stable.canary.json"
    rewrite(path, lambda value: value["signed"]["targets"].popitem())
    rules = found(told)
    assert {"pinned", "signature"} <= rules.keys()
    assert rules["pinned"][0]["version"] == 2


def test_a_missing_version_is_a_gap(told, forge):
    """History that was removed cannot be audited; what agents need is another matter."""
    (told.store / "metadata" / "2.timestamp.json").unlink()
    (told.store / "metadata" / "2.agent.stable.early.json").unlink()
    rules = found(told)
    assert rules.keys() == {"gap"}
    assert {one["role"] for one in rules["gap"]} == {"timestamp", "agent.stable.early"}
    assert audit(told).exit_code == 0
    forge.path("agent.stable.early").unlink()
    assert "not in the store" in found(told)["pinned"][0]["text"]
    assert audit(told).exit_code == 12


def test_an_old_timestamp_in_front_is_found(told):
    """Whoever serves what was true two publications ago is found by what was kept."""
    told.do("refresh")
    told.do("refresh")
    newest = max(int(path.name.split(".")[0]) for path in told.store.glob("metadata/*.timestamp.json"))
    old = told.store / "metadata" / f"{newest - 2}.timestamp.json"
    (told.store / "metadata" / "timestamp.json").write_bytes(old.read_bytes())
    one, other = found(told)["served"]
    assert {one["level"], other["level"]} == {"error"}
    assert f"{newest} was signed already: one killed publisher leaves one" in other["text"]


def test_a_served_timestamp_that_was_not_kept_is_found(told, forge):
    """Two timestamps of one version: one for everybody, one for somebody."""
    path = told.store / "metadata" / "timestamp.json"
    metadata = Metadata[Timestamp].from_bytes(path.read_bytes())
    metadata.signed.unrecognized_fields[ISSUED] = f"{told.now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    forge.sign(metadata, "online")
    path.write_bytes(metadata.to_bytes())
    assert "differs from the one that is kept" in found(told)["served"][0]["text"]


def test_what_has_expired_by_now_is_found(told):
    """A repository that nobody refreshes."""
    told.now += timedelta(days=8)
    assert {one["role"] for one in found(told)["expired"]} == {"timestamp", "snapshot"}


def test_files_are_recomputed_only_when_asked(told):
    """A damaged artifact is invisible to metadata, and found by its digest."""
    artifact = next(told.store.glob("targets/releases/agent/1.5.0/*.tar.zst"))
    artifact.write_bytes(artifact.read_bytes() + b"x")
    assert found(told) == {}
    (finding,) = found(told, "--files")["file"]
    assert finding["level"] == "error"
    assert "1.5.0" in finding["text"]
    artifact.unlink()
    assert "cannot be read" in found(told, "--files")["file"][0]["text"]


def test_what_cannot_be_read_is_named_and_the_walk_goes_on(told):
    """Garbage in one place does not hide what is wrong in another."""
    (told.store / "metadata" / "3.agent.stable.canary.json").write_bytes(b"\xff{")
    rewrite(
        told.store / "metadata" / "2.agent.stable.early.json", lambda value: value["signed"].update(version=9)
    )
    rules = found(told)
    assert {"unreadable", "number", "pinned"} <= rules.keys()


def test_names_that_are_no_roles_are_never_fetched(told, forge, web):
    """A listed name becomes a path; only names that roles have do."""
    metadata = forge.load("snapshot")
    metadata.signed.meta["../../secrets.json"] = metadata.signed.meta["fleet.json"]
    path = forge.path("snapshot")
    forge.sign(metadata, "online")
    path.write_bytes(metadata.to_bytes())
    result = audit(told, url=web.url)
    assert result.exit_code == 12
    assert not [name for name in web.requests if "secrets" in name]


def test_a_server_in_trouble_is_unreachable_and_not_untrusted(told, web):
    """A failing server says nothing about trust."""
    web.faults["2.timestamp.json"] = answer(500)
    assert audit(told, url=web.url).exit_code == 11
    assert audit(told, url="http://127.0.0.1:9").exit_code == 11
    assert told.run("audit", told.base / "nothing", "--root", told.root_file).exit_code == 13


def test_a_root_file_that_is_none_is_refused(told, tmp_path):
    """The first thing to go wrong is the thing that is trusted."""
    (tmp_path / "root.json").write_text("{}")
    assert told.run("audit", told.store, "--root", tmp_path / "root.json").exit_code == 10
    assert told.run("audit", told.store, "--root", tmp_path / "missing.json").exit_code == 10
    timestamp = told.store / "metadata" / "timestamp.json"
    assert told.run("audit", told.store, "--root", timestamp).exit_code == 10
