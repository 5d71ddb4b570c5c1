"""Jobs of the console: told as they go on, waiting for each other where they must, found again."""

import asyncio
import json
import os
from urllib.parse import urljoin

import pytest

from repo_tools.console import lines
from repo_tools.console.clerk import Clerk
from tests.support.console import WAIT_S, opened
from tests.support.host import eventually


@pytest.fixture
def console(rolled, tmp_path):
    """The console of a repository in which 1.5.0 is added and not published."""
    rolled.add("1.5.0")
    with opened(rolled, tmp_path / "session.json") as found:
        yield found


def test_its_end_waits_for_what_runs_and_for_nobody_who_listens(rolled, tmp_path):
    """Ctrl-C in the terminal lets a publication come to its end, and sends a page that is open away."""
    rolled.add("1.5.0")
    rolled.do("sign", "--yes")
    with opened(rolled, tmp_path / "session.json") as console:
        stream = console.get("events", stream=True)
        console.post("publish", headers={"prefer": "respond-async"})
    stream.close()
    assert rolled.desk().tree.staged() == []
    assert not (tmp_path / "session.json").exists()


def test_who_waits_elsewhere_is_told_how_it_goes_on(console, tmp_path):
    """A long command is answered at once if that is preferred; the stream tells its progress and its end."""
    source = tmp_path / "build"
    source.mkdir()
    (source / "agent").write_bytes(os.urandom(8 << 20))
    with console.get("events", stream=True) as stream:
        told = (line for line in stream.iter_lines(decode_unicode=True) if line)
        assert next(told) == ": listening"
        body = {"version": "1.6.0", "path": str(source), "platform": "linux-x86_64"}
        begun = console.post("releases", headers={"prefer": "respond-async"}, **body)
        assert (begun.status_code, begun.headers["location"]) == (202, "/api/v1/jobs/1")
        seen = []
        for line in told:
            if line.startswith("data: "):
                seen.append(json.loads(line.removeprefix("data: ")))
            if seen and seen[-1]["state"] == "done":
                break
    assert seen[-1]["exit_code"] == 0, seen[-1]["notes"]
    steps = [one["progress"]["done"] for one in seen if one["progress"]]
    assert steps == sorted(steps)
    assert steps[-1] > 8 << 20


def test_where_a_job_is_told_is_where_who_asked_may_look(console):
    """A page reaches the job that it began below its own room, and a script without one."""
    browser, home = console.entered
    later = {"prefer": "respond-async", "origin": console.url}
    with browser:
        for session, url in ((browser, home), (console.session, f"{console.url}/")):
            begun = session.post(f"{url}api/v1/unstage", json={}, headers=later, timeout=WAIT_S)
            assert begun.status_code == 202
            told = session.get(urljoin(begun.url, begun.headers["location"]), timeout=WAIT_S)
            assert (told.status_code, told.json()["id"]) == (200, begun.json()["id"])


def test_a_brake_waits_for_no_release_that_is_added(console, rolled):
    """A release that takes its time has no turn to itself: what comes after it begins at once."""
    later = {"prefer": "respond-async"}
    with rolled.desk().workspace.alone():
        build = str(rolled.build("1.6.0"))
        console.post("releases", headers=later, version="1.6.0", path=build, platform="linux-x86_64")
        console.post("brake", headers=later, channel="stable", reason="crash loops")
        eventually(lambda: [one["state"] for one in console.get("jobs").json()] == ["running", "running"])
    eventually(lambda: all(one["state"] == "done" for one in console.get("jobs").json()))
    assert [one["exit_code"] for one in console.get("jobs").json()] == [0, 0]


def test_a_brake_says_what_it_waits_for(console, rolled):
    """Whoever brakes while a publication has the workspace is told that, and by whom it is held up."""
    with rolled.desk().workspace.alone():
        console.post("brake", headers={"prefer": "respond-async"}, channel="stable", reason="crash loops")
        eventually(lambda: "another tidegate is at work" in "".join(console.get("jobs/1").json()["notes"]))
    eventually(lambda: console.get("jobs/1").json()["exit_code"] == 0)


def test_a_job_that_goes_on_is_not_forgotten(rolled, tmp_path):
    """The disaster: a publication takes its time, and whoever asks for it is told that there is none."""
    clerk = Clerk(rolled.folder, kept=2)
    missing = lines.AddRelease(version="1.6.0", path=str(tmp_path / "none"), platform="linux-x86_64")

    async def told_in_the_end():
        with rolled.desk().workspace.alone():
            held = clerk.begin(lines.Brake(channel="stable"))
            for _ in range(4):
                await clerk.ended(clerk.begin(missing))
            clerk.begin(missing)
            told = [one.id for one in clerk.jobs()]
        await clerk.ended(held)
        await clerk.idle()
        return told

    assert asyncio.run(told_in_the_end()) == [6, 5, 4, 1]
