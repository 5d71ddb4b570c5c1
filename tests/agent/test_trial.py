"""Trials that are lost: the host goes back to what ran, and to its configuration."""

import shutil
import stat
from pathlib import Path

import pytest

from tests.agent.reporting import paste, read, report_to, stages, token
from tests.agent.scene import AGENT
from tests.support.host import eventually
from tests.support.taker import taking
from tests.support.web import hang_up

BAD = ("--start-s", "1")
BREAKS = ("--start-s", "5")
"""Terms of a bad release that must come to what it breaks."""


@pytest.mark.parametrize("behaviour", ["unhealthy", "crashes"])
def test_a_bad_release_goes_back(scene, behaviour):
    """A version that is not healthy, or does not stay, is replaced by the one that ran."""
    scene.ready()
    scene.release("1.1.0", behaviour, *BAD)
    done = scene.host.tick()
    assert (done.exit_code, scene.host.runs, done.entry["state"]) == (0, "1.0.0", "IDLE")
    assert scene.host.history()[-2:] == [
        ("update_healthcheck", "failed", "unhealthy"),
        ("update_rollback", "ok", "version"),
    ]
    assert scene.host.tick().rule == "quarantined"


def test_a_state_must_hold(scene):
    """A version that is healthy at first and then is not has lost."""
    scene.ready()
    scene.release("1.1.0", "flaps", "--start-s", "2", "--trial-s", "60")
    scene.host.tick()
    assert scene.host.runs == "1.0.0"


def test_a_service_may_take_its_time_to_start(scene):
    """Refused connections before ``start_s`` are no failure."""
    scene.ready()
    scene.release("1.1.0", "slow")
    scene.host.tick()
    assert scene.host.runs == "1.1.0"


def test_the_configuration_comes_back(scene):
    """What a failed version made of the configuration is undone, and kept beside the copy."""
    scene.ready()
    scene.release("1.1.0", "migrates+unhealthy", *BREAKS)
    scene.host.tick()
    assert scene.host.config.read_text() == "colour = blue\n"
    assert "restored" in scene.host.details("update_rollback")
    (backup,) = (scene.host.state / "backups" / "agent").glob("*-1.1.0")
    assert "migrated by 1.1.0" in next(backup.glob("replaced/**/agent.conf")).read_text()


def test_configuration_behind_a_link_that_leads_to_itself(scene):
    """Such a link leads nowhere, and keeps the agent from nothing."""
    host = scene.host
    (host.folder / "loop").symlink_to("loop")
    host.settings.write_text(host.plain.replace(f'"{host.config.parent}"', f'"{host.folder / "loop"}"'))
    scene.ready()


def test_a_way_back_that_could_not_restore_a_file_says_so(scene):
    """The host is back, and whoever looks at its history or its status learns what is not as it was."""
    scene.ready()
    blocked = scene.host.config.with_name(".agent.conf.tidegate")
    (blocked / "full").mkdir(parents=True)
    scene.release("1.1.0", "migrates+unhealthy", *BREAKS)
    scene.host.tick()
    assert scene.host.history()[-1] == ("update_rollback", "ok", "version")
    assert "ok       version: could not restore " in scene.host.run("history").stdout  # and as much as fits
    said = f"the last way back could not restore {scene.host.config}"
    assert said in scene.host.run("status").stdout
    shutil.rmtree(blocked)
    scene.release("1.2.0")
    scene.host.tick()
    assert "could not restore" not in scene.host.run("status").stdout


def test_copies_of_the_configuration_are_private(scene):
    """Configuration holds secrets; nobody else may read the copies."""
    scene.ready()
    scene.release("1.1.0")
    scene.host.tick()
    (backup,) = (scene.host.state / "backups" / "agent").glob("*-1.1.0")
    assert stat.S_IMODE(backup.stat().st_mode) == 0o700


def test_a_secret_of_the_configuration_is_nowhere_else(scene):
    """After a way back it stands in copies that nobody else can reach, and in nothing that the host says."""
    secret = b"hunter2-4711"
    scene.host.config.write_bytes(b"phrase " + secret)
    scene.host.config.chmod(0o600)
    with taking() as place:
        report_to(scene, place.url)
        paste(scene.host, token(scene), "--agent-id", AGENT)
        for version, *terms in (("1.0.0",), ("1.1.0", "migrates+unhealthy", *BREAKS)):
            scene.release(version, *terms)
            scene.host.tick()
    assert scene.host.config.read_bytes() == b"phrase " + secret
    assert "update_rollback" in stages(said := read(place.envelopes()))
    assert secret.decode() not in f"{said}{scene.host.run('history').stdout}{scene.host.run('doctor').stdout}"
    copies = [path for path in scene.host.folder.rglob("*") if path.is_file() and secret in path.read_bytes()]
    assert len(copies) > 1
    assert not [path for path in copies if may_others_read(path, scene.host.folder)]


def may_others_read(path: Path, top: Path) -> bool:
    """Return whether a file below ``top`` is open to others, and all folders on the way to it are."""
    between = [one for one in path.parents if one.is_relative_to(top)]
    return bool(path.stat().st_mode & 0o044) and all(one.stat().st_mode & 0o011 for one in between)


def test_a_file_that_somebody_else_edited_is_left_alone(scene):
    """What changes after the new version had started was changed by somebody else."""
    scene.ready()
    added, edited = (scene.host.config.with_name(name) for name in ("added.conf", "edited.conf"))
    edited.write_text("old\n")
    scene.release("1.1.0", "migrates+delicate", "--start-s", "8", "--trial-s", "60")
    tick = scene.host.begin("tick")
    eventually(lambda: any((scene.host.state / "backups").glob("agent/*-1.1.0/index.json")))
    index = next((scene.host.state / "backups").glob("agent/*-1.1.0/index.json"))
    eventually(lambda: "started" in index.read_text())
    added.write_text("by an operator\n")
    edited.write_text("by an operator\n")
    (scene.host.folder / "pushed").touch()
    tick.communicate(timeout=120)
    assert scene.host.runs == "1.0.0"
    assert scene.host.config.read_text() == "colour = blue\n"
    assert added.read_text() == edited.read_text() == "by an operator\n"
    assert "left" in scene.host.details("update_rollback")


def test_an_update_that_is_kept_leaves_the_configuration_as_the_new_version_has_it(scene):
    """Only a trial that goes back restores anything."""
    scene.ready()
    scene.release("1.1.0", "migrates")
    scene.host.tick()
    assert (scene.host.runs, scene.host.config.read_text()) == ("1.1.0", "migrated by 1.1.0")


def test_a_liar_is_found_before_anything_stops(scene):
    """A staged version that says another version's name is given up; what runs does not notice."""
    scene.ready()
    pid = scene.host.pid
    scene.release("1.1.0", "liar")
    done = scene.host.tick()
    assert (done.exit_code, done.rule) == (0, "quarantined")
    assert (scene.host.runs, scene.host.pid) == ("1.0.0", pid)
    assert ("update_verify", "failed", "probe") in scene.host.history()
    assert scene.host.versions == ["1.0.0"]


def test_a_probe_that_fails_speaks_against_the_version(scene):
    """A staged version that ends with an error is given up before anything stops."""
    scene.ready()
    pid = scene.host.pid
    scene.release("1.1.0", "broken")
    assert scene.host.tick().rule == "quarantined"
    assert scene.host.pid == pid


def test_a_probe_that_cannot_run_speaks_against_the_host(scene):
    """A missing interpreter is this host's trouble: an error, no quarantine, nothing touched."""
    scene.ready()
    pid = scene.host.pid
    scene.release("1.1.0", "alien")
    done = scene.host.tick()
    assert (done.exit_code, scene.host.runs, scene.host.pid) == (13, "1.0.0", pid)
    assert "could not be started" in done.stderr
    assert scene.host.tick().exit_code == 13
    sick = scene.host.run("doctor")
    assert (sick.exit_code, "every tick has failed since" in sick.stdout) == (14, True), sick.stdout


def test_an_exec_probe_of_the_settings_counts(scene):
    """What the operator asks for is asked in addition to what the release asks for."""
    scene.ready()
    scene.host.health.append('{ exec = ["/bin/sh", "-c", "exit 4"] }')
    scene.host.write_settings()
    scene.release("1.1.0", "good", *BAD)
    scene.host.tick()
    assert scene.host.runs == "1.0.0"
    assert "exited 4" in scene.host.details("update_healthcheck")


@pytest.mark.parametrize("kind", ["tcp", "exec"])
def test_a_release_names_its_own_probes(scene, kind):
    """Health of a release by tcp and by exec, relative to the version's folder."""
    scene.host.health.clear()
    scene.host.write_settings()
    probe = f"tcp:127.0.0.1:{scene.host.port}" if kind == "tcp" else "exec:bin/agent --version"
    scene.ready("1.0.0", "good", "--health", probe)
    scene.release("1.1.0", "good", "--health", "tcp:127.0.0.1:9", *BAD)
    scene.host.tick()
    assert scene.host.installed == "1.0.0"
    assert "tcp 127.0.0.1:9" in scene.host.details("update_healthcheck")


def test_without_probes_the_service_must_run(scene):
    """With no health entry at all, a version is kept when its process stays."""
    scene.host.health.clear()
    scene.host.write_settings()
    scene.ready("1.0.0", "good", "--trial-s", "1")
    scene.release("1.1.0", "crashes", *BAD, "--trial-s", "8")
    scene.host.tick()
    assert scene.host.installed == "1.0.0"


def test_a_network_that_fails_does_not_fail_a_trial(scene):
    """While a version is on trial, nobody needs to answer."""
    scene.ready()
    scene.release("1.1.0", "good", "--trial-s", "3")
    tick = scene.host.begin("tick", "--json")
    eventually(lambda: scene.host.stands == "ON_TRIAL")
    scene.web.faults["timestamp.json"] = hang_up
    scene.web.forget()
    tick.communicate(timeout=120)
    assert (scene.host.runs, scene.host.stands) == ("1.1.0", "IDLE")
    assert ("update_healthcheck", "ok", "") in scene.host.history()
    assert scene.web.asked("timestamp.json") > 1  # during the trial, and by the next decision


def test_a_recall_ends_a_trial(scene):
    """A recall that arrives during the trial sends the host back at once."""
    scene.ready()
    scene.release("1.1.0", "good", "--trial-s", "3600")
    tick = scene.host.begin("tick", "--json")
    eventually(lambda: scene.host.stands == "ON_TRIAL")
    scene.recall("1.0.0", "==1.1.0")
    tick.communicate(timeout=120)
    assert scene.host.runs == "1.0.0"
    assert ("update_healthcheck", "failed", "withdrawn") in scene.host.history()
    assert "it loses data" in scene.host.details("update_healthcheck")


def test_a_revocation_ends_a_trial(scene):
    """A version that is revoked while it is on trial does not stay."""
    scene.ready()
    scene.release("1.1.0", "good", "--trial-s", "3600")
    tick = scene.host.begin("tick", "--json")
    eventually(lambda: scene.host.stands == "ON_TRIAL")
    scene.forge.policy(revoked=[{"version": "1.1.0", "reason": "CVE-2026-0001"}])
    tick.communicate(timeout=120)
    assert scene.host.runs == "1.0.0"
    assert ("update_healthcheck", "failed", "withdrawn") in scene.host.history()


def test_a_trial_does_not_go_back_to_what_was_revoked_meanwhile(scene):
    """The way back is looked at with the newest policy, not with the one from before the switch."""
    scene.ready()
    scene.release("1.1.0", "flaps", "--start-s", "4", "--trial-s", "60")
    tick = scene.host.begin("tick", "--json")
    eventually(lambda: scene.host.stands == "ON_TRIAL")
    scene.forge.policy(revoked=[{"version": "1.0.0", "reason": "CVE-2026-0001"}])
    tick.communicate(timeout=120)
    assert scene.host.installed == "1.1.0"
    assert ("update_rollback", "failed", "no_way_back") in scene.host.history()


def test_a_signed_retry_lifts_the_quarantine(scene):
    """A payload that failed here is tried again when an order asks for it, and only then."""
    scene.ready()
    scene.release("1.1.0", "trips", "--start-s", "8")
    scene.host.tick()
    assert scene.host.tick().rule == "quarantined"
    scene.order("1.1.0", "--retry", "1")
    scene.host.tick()
    assert scene.host.runs == "1.1.0"


def test_a_new_build_is_another_payload(scene):
    """Quarantine holds what failed, not its successor."""
    scene.ready()
    scene.release("1.1.0", "unhealthy", *BAD)
    scene.host.tick()
    scene.release("1.1.1")
    scene.host.tick()
    assert scene.host.runs == "1.1.1"
