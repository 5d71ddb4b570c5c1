"""Supervisors that take over: from one that died, and from another version, without systemd."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from agent import control, locking, updater
from agent.bare import Bare
from agent.fetch import TRIES
from tests.agent.scene import WAVES, copied
from tests.agent.test_supervisor import listens, service, ticks
from tests.support.host import eventually
from tests.support.updater import PRODUCT, LocalUpdater, Trees
from tests.support.web import Handler, hang_up, serving, silent
from tests.support.workspace import CHANNEL, Workspace


@pytest.fixture(scope="module")
def trees(tmp_path_factory) -> Trees:
    """What makes versions of the updater."""
    return Trees(tmp_path_factory.mktemp("library"))


@pytest.fixture
def running(supervised):
    """A supervisor that has installed a first version and waits for the next poll."""
    supervised.enroll()
    supervised.release("1.0.0")
    supervised.host.supervise()
    supervised.host.eventually(lambda: supervised.host.runs == "1.0.0")
    supervised.host.eventually(lambda: supervised.host.stands == "IDLE")
    return supervised


def test_a_hung_tick_of_a_dead_supervisor_is_ended(running):
    """The next supervisor finds who holds the lock, and holds that tick to a deadline too."""
    done = threading.Event()
    running.web.faults["timestamp.json"] = silent(done)
    running.web.forget()
    eventually(lambda: running.web.asked("timestamp.json") > 0)
    (hung,) = ticks(running.host.supervisor_pid)
    running.host.kill_supervisor()
    running.web.faults.clear()
    running.release("1.1.0")
    running.host.supervise()
    eventually(lambda: listens(running.host))
    control.ask(running.host.state, {"op": "next", "seconds": 0})
    control.ask(running.host.state, {"op": "deadline", "seconds": 0})
    running.host.eventually(lambda: running.host.runs == "1.1.0")
    done.set()
    assert hung not in ticks(running.host.supervisor_pid)
    assert "did not end in time" in (running.host.folder / "supervisor.log").read_text()


def test_a_new_version_takes_over_with_all_that_runs(running, trees):
    """The same process is another version afterwards, and has the same service in its care."""
    slots = running.host.root / PRODUCT
    trees.build(slots / "versions" / "2.0.0")
    (slots / "current").symlink_to("versions/2.0.0")
    before = service(running.host)
    assert control.ask(running.host.state, {"op": "who"})["version"] is None
    control.ask(running.host.state, {"op": "renew"})
    eventually(lambda: listens(running.host) and resident(running.host.state) == "2.0.0")
    assert control.ask(running.host.state, {"op": "who"})["pid"] == running.host.supervisor_pid
    assert service(running.host) == before
    os.kill(before, signal.SIGKILL)
    eventually(lambda: service(running.host) not in {0, before})


def resident(state: Path) -> str | None:
    """Return the version of the supervisor that answers."""
    try:
        version: str | None = control.ask(state, {"op": "who"})["version"]
    except control.NoSupervisorError:
        return None
    return version


def test_a_version_that_cannot_be_started_takes_nothing_over(running):
    """The supervisor stays what it is, and goes on."""
    control.ask(running.host.state, {"op": "renew"})
    log = running.host.folder / "supervisor.log"
    eventually(lambda: "cannot take over" in log.read_text())
    assert service(running.host)


def test_an_updater_that_sees_nothing_for_a_week_lets_its_elder_try(supervised):
    """The version before this one may still find its way; it does every other tick."""
    supervised.enroll()
    slots = supervised.host.root / PRODUCT
    program = slots / "versions" / "0.9.0" / PRODUCT
    program.parent.mkdir(parents=True)
    asked = supervised.host.folder / "asked"
    program.write_text(f'#!/bin/sh\necho "$@" >>{asked}\n')
    program.chmod(0o755)
    (slots / "previous").symlink_to("versions/0.9.0")
    places = Bare(supervised.host.state, supervised.host.root)
    assert updater.elder(places) is None
    updater.note_refresh(supervised.host.state)
    assert updater.elder(places) is None
    seen = supervised.host.state / updater.REFRESHED
    week_ago = time.time() - timedelta(days=7).total_seconds()
    os.utime(seen, (week_ago + 3_600, week_ago + 3_600))
    assert updater.elder(places) is None
    os.utime(seen, (week_ago - 60, week_ago - 60))
    supervised.host.supervise()
    eventually(asked.exists)
    assert asked.read_text() == f"--config {supervised.host.settings} tick\n"


@pytest.fixture
def local(tmp_path, trees) -> Iterator[LocalUpdater]:
    """A host without systemd whose one product is its updater."""
    founded = Workspace(tmp_path / "founded").found("--product", PRODUCT, *WAVES)
    repo = copied(founded, tmp_path / "repo")
    with serving(repo.store) as web:
        host = LocalUpdater(tmp_path / "host", trees)
        host.repo, host.web = repo, web
        try:
            assert host.enroll(web.url, repo.root_file, "host-1").exit_code == 0
            host.supervise()
            host.eventually(lambda: resident(host.state) == "1.0.0")
            yield host
        finally:
            host.close()


def order(host: LocalUpdater, version: str, behaviour: str, trial_s: int = 0) -> None:
    """Publish a version of the updater and order it to everybody."""
    tree = host.builder.build(host.repo.base / "builds" / version, behaviour)
    host.repo.add(version, tree, "--start-s", "20", "--trial-s", str(trial_s))
    host.repo.do("rollout", "start", CHANNEL, version, "--strategy", "immediate")
    host.repo.sign_and_publish()


def test_a_dead_updater_is_replaced_by_the_one_before(local):
    """Where nobody else starts a supervisor again, the tick that judges does."""
    order(local, "1.1.0", "crashes")
    local.eventually(lambda: ("update_rollback", "ok", "version") in local.history())
    local.eventually(lambda: resident(local.state) == "1.0.0" and local.stands == "IDLE")


@pytest.mark.parametrize("behaviour", ["blind", "boasts"])
def test_an_updater_that_could_not_update_any_more_goes_back(local, behaviour):
    """It runs and reads the journal; whether it refuses what is good or only boasts, it is found."""
    order(local, "1.1.0", behaviour)
    local.eventually(lambda: ("update_rollback", "ok", "version") in local.history())
    assert ("update_healthcheck", "failed", "unproven") in local.history()
    local.eventually(lambda: resident(local.state) == "1.0.0" and local.stands == "IDLE")


def test_a_network_that_fails_is_waited_for(local):
    """That the new version could not be fetched once more says nothing about it, and it shows it again."""
    tries = 0

    def drops(handler: Handler) -> None:
        nonlocal tries
        tries += 1
        (hang_up if 1 < tries <= 1 + TRIES else Handler.serve_file)(handler)

    local.web.faults[".tar.zst"] = drops
    order(local, "1.1.0", "good")
    local.eventually(lambda: (local.stands, resident(local.state)) == ("IDLE", "1.1.0"))
    assert tries == 2 + TRIES
    assert ("update_healthcheck", "ok", "") in local.history()


def test_a_new_updater_does_not_judge_itself(local):
    """A tick of the version on trial hands over to the settled one, whoever has started it."""
    order(local, "1.1.0", "good", trial_s=5)
    local.eventually(lambda: resident(local.state) == "1.1.0")  # before that its tick would start another
    local.kill_supervisor()
    if holder := locking.holder(local.state):
        holder.end()
    done = subprocess.run(local.slot_command("current", "tick"), env=local.environment, check=False)
    assert (done.returncode, local.stands, resident(local.state)) == (0, "IDLE", None)
    assert ("update_healthcheck", "ok", "") in local.history()
