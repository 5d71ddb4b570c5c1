"""Who a host is over the years: cohorts, copies of its disk, leaving and coming back."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from metadata import places
from metadata.fields import AgentId
from tests.agent.reporting import HEADER, forget_pauses, paste, peek, read, report_to, stages, token
from tests.agent.scene import AGENT, Scene
from tests.support.host import Host
from tests.support.machine import Machine
from tests.support.nginx import dropping
from tests.support.systemd import may_mount
from tests.support.taker import Taker, status, taking


@pytest.fixture
def taker() -> Iterator[Taker]:
    """A place for reports."""
    with taking() as taker:
        yield taker


@pytest.fixture
def member(scene: Scene, taker: Taker) -> Scene:
    """A host that was enrolled by token, runs 1.0.0 and reports."""
    report_to(scene, taker.url)
    paste(scene.host, token(scene), "--agent-id", AGENT)
    scene.release("1.0.0")
    assert scene.host.tick().exit_code == 0
    return scene


def identity_of(host: Host) -> Any:
    """Return what a host wrote down."""
    return json.loads((host.state / "identity" / "agent.json").read_bytes())


def identity(scene: Scene) -> Any:
    """Return what the scene's host wrote down."""
    return identity_of(scene.host)


def salt(scene: Scene) -> str:
    """Return the channel's salt."""
    return str(scene.forge.read("agent.stable", "rollout/agent/stable/policy")["salt"])


def cohort_on(scene: Scene, route: str) -> str:
    """Return an id whose place begins with some digits."""
    ids = (f"cluster-{number}" for number in range(10_000))
    return next(one for one in ids if places.place(salt(scene), one).startswith(route))


@pytest.mark.parametrize("name", [".", ".."])
def test_no_host_is_called_as_folders_are(scene, name):
    """Reports lie in a folder of their host, and there is none for such a name, in a report neither."""
    done = scene.host.run("enroll", "--token", token(scene), f"--agent-id={name}")
    assert (done.exit_code, f"not an agent id: '{name}'" in done.stderr) == (2, True)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(name, AgentId)


def test_hosts_of_a_cohort_stand_in_one_place(member, taker, another_host):
    """The place is that of the cohort, here and in what is reported; the host's own routes stay its own."""
    cohort = cohort_on(member, "7")
    paste(member.host, identity(member)["token"], "--cohort-id", cohort)
    assert member.host.tick().exit_code == 0
    told = [report for report in read(taker.envelopes()) if report.stage == "enroll"]
    assert [report.cohort_id for report in told] == [None, cohort]
    shown = member.host.run("explain").stdout
    assert f"with the place of cohort {cohort}" in shown
    assert places.own_digits(AGENT) in shown
    said = member.repo.run("agents", "explain", AGENT, "--cohort-id", cohort).stdout
    assert places.place(salt(member), cohort)[:16] in said
    assert f"it takes the place of cohort {cohort}" in said


def test_a_cohort_moves_together(scene, another_host):
    """Two hosts of one cohort wait for the same moment; a third has a turn of its own."""
    scene.ready()
    hosts = [another_host(f"member-{number}") for number in (1, 2, 3)]
    cohort = cohort_on(scene, "7")
    for host in hosts[:2]:
        url, root = scene.web.url, str(scene.repo.root_file)
        assert host.run("enroll", "--url", url, "--root", root, "--cohort-id", cohort).exit_code == 0
        assert identity_of(host)["cohort_id"] == cohort
    for host in hosts:
        assert host.tick().exit_code == 0
    scene.add("1.1.0")
    scene.order("1.1.0", "--spread-s", "43200")
    decisions = [host.tick().entry["decision"] for host in hosts]
    assert [one["rule"] for one in decisions] == ["not_yet"] * 3
    assert decisions[0]["until"] == decisions[1]["until"] != decisions[2]["until"]


def test_a_cohort_is_left_with_an_empty_word(member):
    """The host stands by its own id again; a name that is none is refused."""
    text = identity(member)["token"]
    paste(member.host, text, "--cohort-id", "cluster-1")
    assert identity(member)["cohort_id"] == "cluster-1"
    paste(member.host, text, "--cohort-id", "")
    assert identity(member)["cohort_id"] is None
    done = member.host.run("enroll", "--token", text, "--cohort-id", "two words")
    assert (done.exit_code, "cohort id" in done.stderr) == (2, True)


def test_a_host_that_leaves_runs_on_and_is_not_updated(member, taker):
    """It says so once, keeps what runs, refuses what a person asks for, and says how it comes back."""
    done = member.host.run("leave", "--json")
    assert done.exit_code == 0, done.stderr
    assert stages(read(taker.envelopes()))[-1] == "leave"
    member.release("1.1.0")
    before = len(taker.shown)
    assert (member.host.tick().rule, member.host.runs) == ("left", "1.0.0")
    assert len(taker.shown) == before
    for command, code in ((("check",), 13), (("rollback",), 13), (("update",), 13), (("leave",), 0)):
        assert member.host.run(*command).exit_code == code, command
    assert "enroll --token" in member.host.run("doctor").stdout
    assert len(taker.shown) == before


def test_a_host_that_left_comes_back_under_its_old_key(member, taker):
    """The same paste enrols it again; the numbers of its reports go on."""
    before = identity(member)
    assert member.host.run("leave").exit_code == 0
    paste(member.host, before["token"])
    after = identity(member)
    assert (after["agent"], after["key"], after["left_at"]) == (before["agent"], before["key"], "")
    member.release("1.1.0")
    assert member.host.tick().exit_code == 0
    assert member.host.runs == "1.1.0"
    reports = read(taker.envelopes())
    assert [one for one in stages(reports) if one in {"enroll", "leave"}] == ["enroll", "leave", "enroll"]
    assert [report.seq for report in reports] == list(range(1, len(reports) + 1))


def test_a_farewell_waits_for_the_place(member, taker):
    """A host that leaves while nobody listens says so when somebody does."""
    taker.answer = status(503)
    assert member.host.run("leave").exit_code == 0
    taker.answer = status(201)
    taker.taken.clear()
    forget_pauses(member.host)
    assert member.host.tick().exit_code == 0
    assert stages(peek(taker.envelopes())) == ["leave"]


def test_nobody_leaves_in_the_middle_of_a_trial(member):
    """An update comes to its end first."""
    member.host.query("UPDATE product SET state = 'ON_TRIAL'")
    done = member.host.run("leave")
    assert (done.exit_code, "is ON_TRIAL" in done.stderr) == (15, True)


def test_a_copied_disk_image_is_shown_as_a_clone(scene, tmp_path):
    """Both machines report in the same hour under the same numbers, and nothing that either says is lost."""
    may_mount()
    with dropping(tmp_path / "nginx") as box:
        report_to(scene, box.url)
        one = Machine(tmp_path / "one")
        paste(one, token(scene, *HEADER), "--agent-id", AGENT)
        assert one.tick().exit_code == 0
        copy = one.copied(tmp_path / "copy")
        for machine in (copy, one):
            machine.query("DELETE FROM memory WHERE key LIKE 'heartbeat/%'")  # as if a day had passed
            assert machine.tick().exit_code == 0
        assert len(box.files) == 3
        found = scene.repo.do("fleet", "collect", box.folder)
        assert (found["counted"], found["clones"]) == (3, [AGENT])
        assert found["conflicts"] == [{"agent": AGENT, "seq": 3}]
        assert [one["agent"] for one in scene.repo.do("fleet", "query", "clones")] == [AGENT]
        assert "tidegate-agent enroll --again" in copy.run("doctor").stdout
        assert copy.run("enroll", "--again").exit_code == 0
        assert copy.tick().exit_code == 0
        assert "copy of its disk" not in copy.run("doctor").stdout
        assert scene.repo.do("fleet", "collect", box.folder)["enrolled"] == [identity_of(copy)["agent"]]
        for machine in (one, copy):
            machine.close()


def test_a_machine_is_told_apart_and_not_told(scene, taker, tmp_path):
    """What reports carry is neither the machine's id nor the digest that the host keeps of it."""
    may_mount()
    report_to(scene, taker.url)
    host = Machine(tmp_path / "one")
    paste(host, token(scene), "--agent-id", AGENT)
    assert host.tick().exit_code == 0
    told = {report.machine for report in read(taker.envelopes())}
    assert len(told) == 1
    assert told.isdisjoint({"", host.machine_id.read_text().strip(), identity_of(host)["machine"]})
    host.close()
