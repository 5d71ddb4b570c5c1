"""The doctor: the ten most likely problems of a host, each found for real and told with its mend."""

import json
import shutil
import subprocess
from datetime import timedelta

import pytest

from agent.checkup import LONGEST_TICK_S, held
from repo_tools.demo.fleet import Port
from tests.support.host import Host
from tests.support.systemd import may_mount


def wrong(host: Host, **environment: str) -> dict[str, tuple[str, str]]:
    """Return what the doctor finds wrong: text and mend of each check."""
    done = host.run("doctor", "--json", environment=environment)
    found = {
        entry["check"]: (entry["text"], entry["mend"]) for entry in done.json["checks"] if not entry["ok"]
    }
    assert done.exit_code == (14 if found else 0), done.stderr
    assert all(mend for _, mend in found.values())
    return found


def test_the_doctor_finds_nothing(scene):
    """On a healthy host every check is fine."""
    scene.ready()
    done = scene.host.run("doctor", "--json")
    assert done.exit_code == 0, done.stdout
    assert [entry["check"] for entry in done.json["checks"]] == [
        *("settings", "disk", "permissions", "identity", "journal", "proxy", "repository", "clock"),
        *("product agent", "decision agent"),
    ]


def test_the_doctor_names_what_is_wrong(scene):
    """Each trouble is told with its mend."""
    scene.ready()
    subprocess.run([scene.host.folder / "ctl", "stop"], check=True)
    scene.web.faults["timestamp.json"] = lambda handler: handler.send_error(500)
    done = scene.host.run("doctor", "--json")
    wrong = {entry["check"]: entry["mend"] for entry in done.json["checks"] if not entry["ok"]}
    assert (done.exit_code, set(wrong)) == (14, {"repository", "product agent"})
    assert all(wrong.values())


def test_a_mirror_that_does_not_answer(scene):
    """Each place is asked by itself: a tick would go on with another, and nobody would hear of it."""
    scene.ready()
    gone = f"http://127.0.0.1:{Port()}"
    scene.host.write_settings(top=f'[network]\nmirrors = ["{scene.web.url}/", "{gone}"]')
    assert set(wrong(scene.host)) == {f"mirror {gone}"}
    scene.web.faults[""] = lambda handler: handler.send_error(500)
    assert set(wrong(scene.host)) == {"repository", f"mirror {scene.web.url}/", f"mirror {gone}"}


def test_a_proxy_that_does_not_answer(scene):
    """A proxy that somebody left in the environment is named before the repository is blamed."""
    scene.ready()
    found = wrong(scene.host, http_proxy=f"http://127.0.0.1:{Port()}", no_proxy="")
    assert set(found) == {"proxy", "repository"}
    assert "no_proxy" in found["proxy"][1]


def test_a_clock_that_is_behind_and_a_role_that_has_expired(scene):
    """Signed times are what a clock is compared with, and what expired is named."""
    scene.ready()
    scene.forge.seal(issued_ago=-timedelta(hours=2))
    assert wrong(scene.host)["clock"][1] == "set this host's clock"
    with scene.forge.edit("agent.stable") as signed:
        signed.expires -= timedelta(days=1_000)
    text, mend = wrong(scene.host)["decision agent"]
    assert "expired" in text
    assert "clock" in mend


def test_a_copied_disk(scene):
    """An identity that was made on another machine is that machine's."""
    scene.ready()
    path = scene.host.state / "identity" / "agent.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"machine": "another"}))
    assert "enroll --again" in wrong(scene.host)["identity"][1]


def test_a_platform_for_which_there_is_nothing(scene):
    """A mistaken platform is told beside what the host is."""
    scene.ready()
    scene.host.write_settings('platform = "linux-pdp11"')
    text, mend = wrong(scene.host)["decision agent"]
    assert "nothing for linux-pdp11" in text
    assert "this host is linux-" in mend


def test_open_doors(scene):
    """What others may read or write, and should not, is told with the command that mends it."""
    scene.ready()
    scene.host.state.chmod(0o755)
    assert wrong(scene.host)["permissions"][1] == f"chmod 700 {scene.host.state}"
    scene.host.state.chmod(0o700)
    scene.host.settings.chmod(0o666)
    assert wrong(scene.host)["permissions"][1] == f"chmod 644 {scene.host.settings}"
    scene.host.settings.chmod(0o644)
    assert wrong(scene.host) == {}


@pytest.mark.parametrize(
    ("options", "check", "mend"),
    [("size=1m", "disk", "free some space"), ("ro", "permissions", "make that file system writable")],
)
def test_a_disk_that_is_full_or_cannot_be_written(scene, options, check, mend):
    """What keeps every update from its place is found before one begins."""
    may_mount()
    scene.ready()
    mount = f'mount -t tmpfs -o {options} tmpfs {scene.host.root} && exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", mount, "sh", *scene.host.command("doctor", "--json")]
    done = subprocess.run(command, env=scene.host.environment, capture_output=True, text=True, check=False)
    found = {entry["check"]: entry["mend"] for entry in json.loads(done.stdout)["checks"]}
    assert mend in found[check]


def test_another_one_at_work(scene):
    """Who holds the lock is named, and that the other checks must wait."""
    scene.ready()
    (scene.host.folder / "hold-stop").touch()
    scene.release("1.1.0")
    tick = scene.host.begin("tick")
    scene.host.eventually((scene.host.folder / "held").exists)
    done = scene.host.run("doctor")
    assert (done.exit_code, f"process {tick.pid} has been at work" in done.stdout) == (0, True)
    (scene.host.folder / "hold-stop").unlink()
    tick.communicate(timeout=120)
    assert scene.host.runs == "1.1.0"


@pytest.mark.parametrize(("age_s", "ok"), [(60, True), (LONGEST_TICK_S, True), (LONGEST_TICK_S + 60, False)])
def test_one_that_is_stuck(age_s, ok):
    """A process that holds the lock for longer than any tick may take is to be ended."""
    found = held(4711, age_s)
    assert (found.ok, "kill -9 4711" in found.mend) == (ok, not ok)


def test_configuration_that_is_not_there(scene):
    """A path that somebody mistyped would not come back, and is named before it must."""
    scene.ready()
    text = scene.host.settings.read_text()
    scene.host.settings.write_text(text.replace(str(scene.host.config.parent), "/nonexistent/etc"))
    assert "/nonexistent/etc of the settings is not there" in wrong(scene.host)["config agent"][0]


def test_files_for_monitoring_that_have_no_place(scene):
    """What no tick could leave there is named with its setting, and what could be left is fine."""
    scene.ready()
    file = scene.host.folder / "file"
    file.touch()
    for path, why in ((scene.host.folder, "it is a folder"), (file / "below", "file is no folder")):
        scene.host.write_settings(top=f'metrics = "{path}"')
        text, mend = wrong(scene.host)["monitoring"]
        assert (text.startswith(f"the metrics file {path} cannot be"), text.endswith(why)) == (True, True)
        assert "correct metrics in the settings" in mend
    scene.host.write_settings(top=f'status = "{scene.host.folder}/run/status.json"')
    assert wrong(scene.host) == {}


def test_keys_that_are_demanded_and_not_there(scene):
    """Without them nothing would be installed any more, which is found before the next release."""
    scene.ready()
    keyring = scene.host.folder / "keys.gpg"
    scene.host.write_settings(f'attestations = ["gpg"]\ngpg_keyring = "{keyring}"')
    assert set(wrong(scene.host)) == {"keyring agent"}
    keyring.touch()
    assert wrong(scene.host) == {}


def test_a_product_that_is_gone(scene):
    """It is named, and status does not say any more that it is what the wave runs."""
    scene.ready()
    scene.host.tick()
    place = scene.host.root / "agent"
    shutil.rmtree(place / "versions" / "1.0.0")
    assert "which is gone" in wrong(scene.host)["place agent"][0]
    shown = scene.host.run("status").stdout
    assert "not installed" in shown
    assert "(current)" not in shown


def test_a_link_that_is_gone_or_a_folder(scene):
    """It is named, and so is the update that cannot go on for it."""
    scene.ready()
    current = scene.host.root / "agent" / "current"
    current.unlink()
    assert "although a version was installed" in wrong(scene.host)["place agent"][0]
    current.mkdir()
    assert scene.host.tick().exit_code == 13
    found = wrong(scene.host)
    assert "is no link" in found["place agent"][0]
    assert "cannot go on since" in found["update agent"][0]


def test_a_file_in_the_place_of_the_versions(scene):
    """It is named with the command that moves it away."""
    scene.ready()
    versions = scene.host.root / "agent" / "versions"
    versions.rename(versions.with_name("aside"))
    versions.touch()
    assert "mv " in wrong(scene.host)["place agent"][1]
