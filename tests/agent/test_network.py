"""Networks that fail: the product runs on, and the next tick goes on where this one stopped."""

import pytest

from repo_tools.demo.fleet import Port
from tests.support.web import answer, cut, endless, first, hang_up, whole

EVERYTHING = ""


def fails_then_works(scene, exit_code: int = 11) -> None:
    """A tick fails and leaves the product alone; without the faults the next one updates."""
    pid = scene.host.pid
    done = scene.host.tick()
    assert done.exit_code == exit_code, done.stderr
    assert (scene.host.runs, scene.host.pid) == ("1.0.0", pid)
    assert scene.host.run("status", "--json").entry["state"] == "IDLE"
    scene.web.faults.clear()
    scene.web.forget()
    assert scene.host.tick().exit_code == 0
    assert scene.host.runs == "1.1.0"


@pytest.mark.parametrize("fault", [answer(500), answer(404), hang_up, endless, cut(b"x" * 99, 9)])
def test_a_timestamp_that_does_not_come(scene, fault):
    """Without a timestamp there is nothing to decide on."""
    scene.ready()
    scene.release("1.1.0")
    scene.web.faults["timestamp.json"] = fault
    fails_then_works(scene)


def test_a_server_that_is_not_there(scene):
    """A connection that is refused or cut is unreachable."""
    scene.ready()
    scene.release("1.1.0")
    scene.web.faults[EVERYTHING] = hang_up
    fails_then_works(scene)


def test_a_withheld_role_moves_nobody_to_another_wave(scene):
    """A delegated role that is not there is an error and not the end of the search."""
    scene.ready()
    scene.add("1.1.0")
    scene.order("1.1.0")
    scene.web.faults["agent.stable.canary.json"] = answer(404)
    fails_then_works(scene)


def test_a_document_that_does_not_come(scene):
    """A release document is needed for a decision."""
    scene.ready()
    scene.release("1.1.0")
    scene.web.faults["release.json"] = answer(503)
    fails_then_works(scene)


def test_a_cut_download_goes_on_where_it_stopped(scene):
    """Bytes that came are not asked for again, within one tick."""
    scene.ready()
    scene.release("1.1.0")
    artifact = scene.artifact("1.1.0")
    scene.web.faults[artifact.name] = first(cut(artifact.read_bytes(), 500))
    assert scene.host.tick().exit_code == 0
    assert scene.host.runs == "1.1.0"
    assert [start for path, start in scene.web.ranges if path.endswith(artifact.name)] == [500]


@pytest.mark.parametrize("reset", [False, True], ids=["hang up", "reset"])
def test_a_download_goes_on_in_the_next_tick(scene, reset):
    """What an earlier tick has fetched is kept."""
    scene.ready()
    scene.release("1.1.0")
    artifact = scene.artifact("1.1.0")
    scene.web.faults[artifact.name] = cut(artifact.read_bytes(), 500, reset=reset)
    fails_then_works(scene)
    if not reset:  # a reset may take bytes with it that had arrived
        assert [start for _, start in scene.web.ranges] == [500]


def test_a_server_without_ranges(scene):
    """A server that always sends the whole file is fine too."""
    scene.ready()
    scene.release("1.1.0")
    artifact = scene.artifact("1.1.0")
    scene.web.faults[artifact.name] = first(cut(artifact.read_bytes(), 500), whole)
    assert scene.host.tick().exit_code == 0
    assert scene.host.runs == "1.1.0"


def test_an_endless_artifact(scene):
    """Nothing longer than what was signed is kept."""
    scene.ready()
    scene.release("1.1.0")
    scene.web.faults[scene.artifact("1.1.0").name] = endless
    pid = scene.host.pid
    done = scene.host.tick()
    assert (done.exit_code, scene.host.pid) == (11, pid)
    scene.web.faults.clear()
    scene.host.tick()
    assert scene.host.runs == "1.1.0"


def test_a_damaged_half_of_a_download(scene):
    """A half that does not fit, as after a power cut, is thrown away and fetched anew."""
    scene.ready()
    scene.release("1.1.0")
    artifact = scene.artifact("1.1.0")
    scene.web.faults[artifact.name] = cut(artifact.read_bytes(), 500)
    scene.host.tick()
    (half,) = (scene.host.state / "downloads").rglob("*.zst")
    half.write_bytes(bytes(half.stat().st_size))
    scene.web.faults.clear()
    assert scene.host.tick().exit_code == 12
    assert scene.host.tick().exit_code == 0
    assert scene.host.runs == "1.1.0"


def test_enrolling_where_nobody_answers(scene):
    """Enrolment needs the repository once, and writes nothing without it."""
    done = scene.host.enroll(f"http://127.0.0.1:{Port()}", scene.repo.root_file)
    assert (done.exit_code, scene.host.state.exists()) == (11, False)
    assert "hint: " in done.stderr
