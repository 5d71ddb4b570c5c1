"""What a person at the host may ask: enrol, look, pin, go back, verify, examine."""

import hashlib
import json

import pytest

from tests.support.workspace import CHANNEL, Workspace


def test_enrolling_pins_root_and_id(scene):
    """Enrolment answers with what it settled, and is the same when it is done again."""
    done = scene.host.run(
        *("enroll", "--url", f"{scene.web.url}/", "--root", str(scene.repo.root_file)),
        *("--agent-id", "host-1", "--json"),
    )
    digest = hashlib.sha256(scene.repo.root_file.read_bytes()).hexdigest()
    assert (done.exit_code, done.json) == (
        0,
        {"agent": "host-1", "url": scene.web.url, "root_sha256": digest},
    )
    assert scene.host.enroll(scene.web.url, scene.repo.root_file).exit_code == 0
    assert scene.host.run("status", "--json").json["agent"] == "host-1"


def test_a_host_without_a_name_gets_one(scene):
    """A random id serves as well."""
    done = scene.host.enroll(scene.web.url, scene.repo.root_file)
    assert done.exit_code == 0
    assert len(scene.host.run("status", "--json").json["agent"]) == 36


def test_a_wrong_root_is_refused_and_nothing_is_written(scene, tmp_path):
    """A repository that does not answer to the root that was given is not trusted."""
    other = Workspace(tmp_path / "other").found()
    done = scene.host.enroll(scene.web.url, other.root_file)
    assert (done.exit_code, scene.host.state.exists()) == (12, False)


def test_an_enrolled_host_refuses_another_root_url_or_id(scene, tmp_path):
    """A host that is enrolled does not change sides by a command."""
    scene.enroll()
    other = Workspace(tmp_path / "other").found()
    assert scene.host.enroll(scene.web.url, other.root_file).exit_code == 15
    assert scene.host.enroll("http://127.0.0.1:9", scene.repo.root_file).exit_code == 15
    assert scene.host.enroll(scene.web.url, scene.repo.root_file, "host-2").exit_code == 15


@pytest.mark.parametrize(
    ("url", "agent", "exit_code"), [("ftp://example.com", "host-1", 2), ("http://127.0.0.1:9", "host 1", 2)]
)
def test_enrolling_with_nonsense(scene, url, agent, exit_code):
    """An address that is none and a name that cannot be one are matters of usage."""
    assert scene.host.enroll(url, scene.repo.root_file, agent).exit_code == exit_code
    assert not scene.host.state.exists()


def test_enrolling_with_a_file_that_is_no_root(scene, tmp_path):
    """A root file that cannot be read or understood is named as the trouble."""
    assert scene.host.enroll(scene.web.url, tmp_path / "absent.json").exit_code == 2
    (tmp_path / "root.json").write_text("{}")
    done = scene.host.enroll(scene.web.url, tmp_path / "root.json")
    assert (done.exit_code, "root.json" in done.stderr) == (10, True)


def test_status_has_the_form_that_others_rely_on(scene):
    """Agent, products, and for each what runs, its state, its wave and the decision."""
    scene.ready()
    document = scene.host.run("status", "--json").json
    assert document == {
        "agent": "host-1",
        "products": [
            {
                "name": "agent",
                "running": "1.0.0",
                "state": "IDLE",
                "wave": "canary",
                "decision": {
                    "action": "stay",
                    "rule": "current",
                    "version": "1.0.0",
                    "until": None,
                    "text": "1.0.0 is what the canary wave runs",
                },
            }
        ],
    }
    assert "agent 1.0.0 [IDLE, wave canary]" in scene.host.run("status").stdout


def test_check_decides_and_changes_nothing(scene):
    """The decision of this moment, in the form of ``status``; nothing is begun and nothing is noted."""
    scene.ready()
    scene.release("1.1.0")
    before = scene.host.history(), scene.host.run("status", "--json").json, scene.host.versions
    done = scene.host.run("check", "--json")
    assert (done.exit_code, done.rule) == (0, "update")
    assert done.entry["decision"]["version"] == "1.1.0"
    assert done.json.keys() == before[1].keys()
    assert done.entry.keys() == before[1]["products"][0].keys()
    assert (scene.host.history(), scene.host.run("status", "--json").json, scene.host.versions) == before
    assert scene.host.runs == "1.0.0"


def test_check_shows_a_refusal_as_a_result(scene):
    """A refused decision is an answer and no error."""
    scene.ready()
    scene.release("1.1.0")
    scene.forge.policy(revoked=[{"version": "1.1.0"}])
    done = scene.host.run("check", "--json")
    assert (done.exit_code, done.rule, done.entry["decision"]["action"]) == (0, "revoked", "refuse")
    scene.web.faults["timestamp.json"] = lambda handler: handler.send_error(500)
    assert scene.host.run("check").exit_code == 11


def test_update_tells_a_person_how_it_went(scene):
    """0 for done, 13 for a refusal, 14 for a trial that went back."""
    scene.ready()
    scene.release("1.1.0")
    assert scene.host.run("update").exit_code == 0
    assert scene.host.runs == "1.1.0"
    scene.release("1.2.0", "unhealthy", "--start-s", "1")
    assert scene.host.run("update").exit_code == 14
    given_up = scene.host.run("update")
    assert (given_up.exit_code, "(quarantined)" in given_up.stdout) == (13, True)
    scene.recall("1.1.0", "==1.2.0")
    recalled = scene.host.run("update")
    assert (
        recalled.exit_code,
        "1.2.0 is the newest release of agent; this host gave it up" in recalled.stdout,
    ) == (
        13,
        True,
    )
    scene.release("1.3.0")
    scene.forge.policy(revoked=[{"version": "1.3.0"}])
    assert scene.host.run("update").exit_code == 13
    assert scene.host.runs == "1.1.0"


def test_a_refusal_is_noted_once(scene):
    """History tells when a refusal began, and does not repeat it at each poll."""
    scene.ready()
    scene.release("1.1.0")
    scene.forge.policy(revoked=[{"version": "1.1.0"}])
    for _ in range(2):
        scene.host.tick()
    assert scene.host.history().count(("refusal", "deferred", "revoked")) == 1


def test_explain_names_route_wave_and_rule(scene):
    """Where the order came from and which rule answered."""
    scene.ready()
    document = scene.host.run("explain", "--json").json
    (entry,) = document["products"]
    assert (document["agent"], entry["wave"], entry["rule"]) == ("host-1", "canary", "current")
    assert entry["route"] == hashlib.sha256(b"host-1").hexdigest()[:16]
    assert entry["rollout"] == "stable-0001"
    text = scene.host.run("explain").stdout
    assert f"route {entry['route']}, wave canary" in text


def test_history_tells_what_happened_newest_first(scene):
    """One line for each event, with the versions it went from and to."""
    scene.ready()
    events = scene.host.run("history", "--json").json["events"]
    assert [event["stage"] for event in events] == [
        *("update_healthcheck", "update_install", "update_verify", "update_download")
    ]
    assert {(event["from"], event["to"], event["wave"]) for event in events} == {(None, "1.0.0", "canary")}
    assert len(scene.host.run("history", "--limit", "2").stdout.splitlines()) == 3


def test_an_operator_goes_back_and_stays_there(scene):
    """A local rollback holds until a higher release is ordered."""
    scene.ready()
    scene.release("1.1.0")
    scene.host.tick()
    done = scene.host.run("rollback", "--json")
    assert (done.exit_code, done.entry["running"], scene.host.runs) == (0, "1.0.0", "1.0.0")
    assert scene.host.tick().rule == "pinned"
    scene.release("1.2.0")
    scene.host.tick()
    assert scene.host.runs == "1.2.0"
    assert scene.host.tick().rule == "current"


def test_an_operator_goes_back_and_a_failed_trial_returns(scene):
    """A rollback is on trial like any other change."""
    scene.ready("1.0.0", "old", "--start-s", "8")
    scene.release("1.1.0", "migrates")
    scene.host.tick()
    done = scene.host.run("rollback")
    assert (done.exit_code, scene.host.runs) == (14, "1.1.0")


def test_nothing_to_go_back_to(scene):
    """A first version has none before it."""
    scene.ready()
    assert scene.host.run("rollback").exit_code == 13
    assert scene.host.runs == "1.0.0"


def test_a_pin_keeps_and_unpin_lets_go(scene):
    """A pin from the command line counts until it is taken off."""
    scene.ready()
    scene.release("1.1.0")
    done = scene.host.run("pin", ">=1.0,<1.1", "--json")
    assert (done.exit_code, done.json["pins"]) == (0, {"agent": ">=1.0,<1.1"})
    assert scene.host.tick().rule == "pinned"
    assert scene.host.run("unpin", "--json").json["pins"] == {"agent": ""}
    scene.host.tick()
    assert scene.host.runs == "1.1.0"


def test_a_pin_that_excludes_what_runs_says_so(scene):
    """Nothing is changed by it, and a slip of the pen is seen at once."""
    scene.ready()
    done = scene.host.run("pin", ">=2.0", "--json")
    assert (done.exit_code, done.json["pins"], scene.host.runs) == (0, {"agent": ">=2.0"}, "1.0.0")
    assert "warning: agent runs 1.0.0, which the pin excludes" in done.stderr
    assert "excludes" not in scene.host.run("pin", ">=1.0").stderr


def test_a_host_that_came_back_does_not_say_that_it_left(scene):
    """After enrolling again the next tick decides."""
    scene.ready()
    assert scene.host.run("leave").exit_code == 0
    assert "left" in scene.host.run("status").stdout
    assert scene.enroll().exit_code == 0
    assert "the next tick decides" in scene.host.run("status").stdout


@pytest.mark.parametrize(("pin", "exit_code"), [("between 1 and 2", 10), ("", 2)])
def test_a_pin_that_is_none(scene, pin, exit_code):
    """A range that says nothing is refused."""
    scene.ready()
    assert scene.host.run("pin", pin).exit_code == exit_code


def test_a_pin_of_the_settings_counts(scene):
    """The settings' own pin holds without a command, and yields when what runs is revoked."""
    scene.ready()
    scene.host.write_settings('pin = "<1.1"')
    scene.release("1.1.0")
    assert scene.host.tick().rule == "pinned"
    scene.forge.policy(revoked=[{"version": "1.0.0"}])
    scene.host.tick()
    assert scene.host.runs == "1.1.0"


def test_a_version_on_disk_is_verified_file_by_file(scene):
    """What was changed, added or removed after the install is found."""
    scene.ready()
    done = scene.host.run("verify", "--json")
    assert (done.exit_code, done.json) == (0, {"differences": {"agent": []}})
    folder = scene.host.root / "agent" / "versions" / "1.0.0"
    with (folder / "bin" / "agent").open("a") as program:
        program.write("# changed\n")
    (folder / "added").touch()
    (folder / "share" / "notes.txt").unlink()
    done = scene.host.run("verify", "--json")
    assert done.exit_code == 12
    assert done.json["differences"]["agent"] == [
        *("share/notes.txt is missing", "added was added", "bin/agent was changed")
    ]


def test_nothing_to_verify(scene):
    """A host without the product says so."""
    scene.enroll()
    assert scene.host.run("verify").exit_code == 13


def test_a_held_channel_is_told_with_its_reason(scene):
    """Whoever looks at a host learns why it waits."""
    scene.ready()
    scene.release("1.1.0")
    scene.repo.do("brake", CHANNEL, "--reason", "crash loops in eu")
    scene.repo.sign_and_publish()
    done = scene.host.tick()
    assert "crash loops in eu" in done.entry["decision"]["text"]
    assert json.loads(done.stdout)["products"][0]["state"] == "IDLE"


def test_usage(scene):
    """What does not exist is a matter of usage, and help is never an error."""
    assert scene.host.run("dance").exit_code == 2
    assert scene.host.run("--help").exit_code == 0
    assert scene.host.run("tick", "--help").exit_code == 0
