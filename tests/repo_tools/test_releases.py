"""Releases: what may be added, and what is remembered."""

import bz2
import gzip
import io
import subprocess
import tarfile
from contextlib import contextmanager

import pytest

from metadata.errors import UsageError
from repo_tools.drafting import Ask
from repo_tools.files import silent
from repo_tools.releases import add
from tests.support.workspace import HERE


def test_a_published_version_never_changes(rolled):
    """The same version cannot be added again, whatever it holds."""
    result = rolled.run("release", "add", "1.4.2", rolled.build("1.4.2"), "--platform", "plan9-mips")
    assert result.exit_code == 2
    assert "published already" in result.stderr


@pytest.mark.parametrize("version", ["1.4.2.0", "1.4.2.0.0"])
def test_a_version_in_another_spelling_is_the_same_version(rolled, version):
    """A pin and a recall take both for one, so nobody may hold one of them and let the other go."""
    result = rolled.run("release", "add", version, rolled.build(version), "--platform", "linux-x86_64")
    assert result.exit_code == 2
    assert f"{version} is 1.4.2 in another spelling" in result.stderr
    assert not rolled.do("status")["staged"]


def test_a_staged_or_retired_version_is_known_in_any_spelling(rolled):
    """Hosts may still run what was retired, and what is only staged is published next."""
    rolled.add("1.5")
    staged = rolled.run("release", "add", "1.5.0", rolled.build("1.5.0"), "--platform", "darwin-arm64")
    assert "1.5.0 is 1.5 in another spelling" in staged.stderr
    rolled.sign_and_publish()
    rolled.do("release", "retire", "1.5")
    rolled.sign_and_publish()
    retired = rolled.run("release", "add", "1.5.0", rolled.build("1.5.0"), "--platform", "linux-x86_64")
    assert (staged.exit_code, retired.exit_code) == (2, 2)


def test_a_staged_version_may_get_another_platform(rolled):
    """One version, one document, an artifact for each platform."""
    rolled.add("1.5.0")
    rolled.do("release", "add", "1.5.0", rolled.build("1.5.0"), "--platform", "darwin-arm64")
    shown = rolled.do("release", "show", "1.5.0")
    assert [part["platform"] for part in shown["artifacts"]] == ["darwin-arm64", "linux-x86_64"]
    assert (shown["seq"], shown["published"]) == (2, False)
    result = rolled.run(
        "release", "add", "1.5.0", rolled.build("1.5.0"), "--platform", "a-b", "--trial-s", "1"
    )
    assert result.exit_code == 2


def test_a_staged_rollout_keeps_its_release_as_it_is(rolled):
    """Waves name the document's digest, so platforms come first and the rollout after."""
    rolled.add("1.5.0")
    rolled.do("rollout", "start", "stable", "1.5.0")
    result = rolled.run("release", "add", "1.5.0", rolled.build("1.5.0"), "--platform", "darwin-arm64")
    assert result.exit_code == 13


def test_numbers_only_grow(rolled):
    """Every release ever added counts, in the order of adding."""
    for version in ("1.6.0", "1.4.3"):
        rolled.add(version)
    listed = {item["version"]: item["seq"] for item in rolled.do("release", "list")}
    assert listed == {"1.4.2": 1, "1.6.0": 2, "1.4.3": 3}
    assert rolled.desk().tree.view("agent.releases").highest_seq == 3


@pytest.mark.parametrize("version", ["1.5.0+local", "1!1.5.0", "1.5.0-rc1", "v1.5.0", "1/5", "..", ""])
def test_versions_that_cannot_stand_in_a_path_are_refused(rolled, version):
    """Every TUF client must read the path, and every agent the version."""
    result = rolled.run("release", "add", version, rolled.build("x"), "--platform", "linux-x86_64")
    assert result.exit_code in {2, 10}
    assert not rolled.do("status")["staged"]


def test_a_single_executable_keeps_its_name(rolled, tmp_path):
    """A file is installed under its name, unpacked."""
    program = tmp_path / "nats-server"
    program.write_bytes(b"\x7fELF")
    rolled.do("release", "add", "2.0.0", program, "--platform", "linux-x86_64")
    part = rolled.do("release", "show", "2.0.0")["artifacts"][0]
    assert (part["kind"], part["name"], part["payload_bytes"]) == ("file", "nats-server", 4)
    rolled.do("rollout", "start", "stable", "2.0.0", "--strategy", "immediate")
    rolled.sign_and_publish()


@pytest.mark.parametrize("suffix", [".tgz", ".tar", ".tar.bz2", ".jar", ""])
def test_an_archive_under_another_name_is_no_executable(rolled, tmp_path, suffix):
    """Its first bytes tell, also where it was cut short, or is empty; `--kind file` takes it all the same."""
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w") as archive:
        archive.add(rolled.build("1.5.0"), "agent")
    forms = {
        ".tgz": gzip.compress(inner.getvalue())[:-9],
        ".tar.bz2": bz2.compress(b"x"),
        ".jar": b"PK\3\4..",
        "": b"",
    }
    source = tmp_path / f"agent{suffix}"
    source.write_bytes(forms.get(suffix, inner.getvalue()))
    line = ("release", "add", "1.5.0", str(source), "--platform", "linux-x86_64")
    result = rolled.run(*line)
    assert result.exit_code == 2
    assert "--kind file" in result.stderr
    assert not rolled.do("status")["staged"]
    rolled.do(*line, "--kind", "file")


def test_probes_and_health_are_read_as_people_write_them(rolled):
    """Commands are split as a shell would; `{version}` stands for the version."""
    rolled.add(
        "1.5.0",
        None,
        *("--probe", "bin/agent --say 'hello world'", "--expect", "{version}"),
        *(
            "--health",
            "http://127.0.0.1:1/healthz json=/state expect=up",
            "--health",
            "systemd:nats.service",
            "--health",
            "tcp:127.0.0.1:80",
            "--health",
            "exec:bin/agent ok",
        ),
        *("--trial-s", "90", "--soak-s", "2h", "--notes", "https://example.com/1.5.0"),
    )
    shown = rolled.do("release", "show", "1.5.0")
    assert shown["probe"] == {"exec": ["bin/agent", "--say", "hello world"], "expect": "1.5.0"}
    assert [next(iter(entry)) for entry in shown["health"]] == ["http", "systemd", "tcp", "exec"]
    assert (shown["health"][0]["json"], shown["health"][0]["expect"]) == ("/state", "up")
    assert (shown["trial_s"], shown["soak_s"]) == (90, 7200)


WRONG_HTTP = ("http://x colour=blue", "http://x json=/a", "http://x expect=", "systemd:nats.timer")


@pytest.mark.parametrize("health", ["ftp://x", "tcp:host", "exec:", "exec:'open", "", *WRONG_HTTP])
def test_health_that_means_nothing_is_refused(rolled, health):
    """A typing error is found here and not on a thousand hosts."""
    result = rolled.run(
        "release", "add", "1.5.0", rolled.build("x"), "--platform", "linux-x86_64", "--health", health
    )
    assert result.exit_code == 2
    assert "hint:" in result.stderr


def test_the_workspace_has_defaults_for_a_product(rolled):
    """What every release needs is written once; options win."""
    settings = rolled.folder / "tidegate.toml"
    text = settings.read_text().replace("# trial_s = 600", "trial_s = 30").replace("# probe", "probe")
    settings.write_text(text)
    rolled.add("1.5.0", None, "--soak-s", "5")
    shown = rolled.do("release", "show", "1.5.0")
    assert (shown["trial_s"], shown["soak_s"], shown["probe"]["exec"]) == (30, 5, ["bin/agent", "--version"])


def test_a_misspelt_setting_is_an_error(rolled):
    """Nothing in tidegate.toml is silently ignored."""
    settings = rolled.folder / "tidegate.toml"
    settings.write_text(settings.read_text() + "trail_s = 5\n")
    result = rolled.run("release", "list")
    assert result.exit_code == 10
    assert "trail_s" in result.stderr


def test_a_release_is_built_anew_before_it_is_published(rolled):
    """Nobody has seen it yet: what stands in the way is taken back, and each refusal says how."""
    rolled.add("1.5.0")
    rolled.do("rollout", "start", "stable", "1.5.0")
    program = rolled.build("1.5.0") / "bin" / "agent"
    program.write_text(program.read_text() + "# built anew\n")
    again = ("release", "add", "1.5.0", program.parent.parent, "--platform", HERE)
    refused = rolled.run(*again)
    assert refused.exit_code == 13
    assert "tidegate unstage agent.stable.canary; then add it again" in refused.stderr
    rolled.do("unstage", "agent.stable.canary")
    rolled.do(*again)
    refused = rolled.run(*again, "--trial-s", "1200")
    assert refused.exit_code == 2
    assert "begin again: tidegate unstage agent.releases" in refused.stderr
    rolled.do("unstage", "agent.releases")
    rolled.do(*again, "--trial-s", "1200")
    rolled.sign_and_publish()


def test_what_a_release_was_first_built_as_is_not_published_beside_it(rolled):
    """An archive in place of one executable: only what the release names stays staged, and goes out."""
    folder = "releases/agent/1.5.0"
    program = rolled.build("1.5.0") / "bin" / "agent"
    rolled.do("release", "add", "1.5.0", program, "--platform", "linux-riscv64")
    rolled.do("release", "add", "1.5.0", program, "--platform", HERE, "--kind", "file")
    rolled.do("release", "add", "1.5.0", program.parent.parent, "--platform", HERE)
    expected = {"release.json", "linux-riscv64.bin", f"{HERE}.tar.zst"}
    listed = rolled.desk().tree.view("agent.releases").entries
    assert {path for path in listed if path.startswith(folder)} == {f"{folder}/{one}" for one in expected}
    files = (rolled.folder / "staged" / "targets" / folder).iterdir()
    assert {path.name.partition(".")[2] for path in files} == expected
    rolled.sign_and_publish()
    files = (rolled.store / "targets" / folder).iterdir()
    assert {path.name.partition(".")[2] for path in files} == expected


def test_a_release_that_nothing_looks_after_is_named(rolled):
    """Without a probe and a health check hosts keep whatever runs; that may be meant, and is said."""
    program = rolled.build("1.5.0")
    said = rolled.run("release", "add", "1.5.0", program, "--platform", HERE)
    assert "no probe and no health: hosts keep it when the service runs for 10 min" in said.stderr
    probed = ("--platform", "linux-riscv64", "--probe", "bin/agent --version")
    assert "no probe" not in rolled.run("release", "add", "1.5.1", program, *probed).stderr


def packed_while(work, *words):
    """Add 1.5.0, and run another command in the midst of packing."""
    ended = []

    @contextmanager
    def midst(_what, _size):
        ended.append(work.run(*words))
        yield silent

    ask = Ask("agent", "1.5.0", work.build("1.5.0"), HERE)
    return add(work.desk(), ask, midst), ended[0]


def test_a_brake_waits_for_no_release_that_is_packed(rolled):
    """The disaster: hosts crash on while a large release is packed, since one command has the workspace."""
    added, brake = packed_while(rolled, "brake", "stable", "--reason", "crash loops")
    assert brake.exit_code == 0, brake.stderr
    assert added.release.version == "1.5.0"
    staged = {one["role"] for one in rolled.do("status")["signatures"]}
    assert staged == {"agent.stable.brake", "agent.releases"}
    rolled.sign_and_publish()


def test_a_release_that_is_killed_while_it_is_packed_leaves_nothing_to_commit(rolled):
    """What lies there in the midst is what a kill leaves; git is not told of it in older workspaces."""
    subprocess.run(["git", "init", "-q", rolled.folder], check=True)
    (rolled.folder / ".gitignore").write_text("/.lock\n")
    seen = []

    @contextmanager
    def midst(_what, _size):
        assert list(rolled.folder.glob(".pack-*"))
        listed = subprocess.run(
            ["git", "status", "--porcelain", "-uall"], cwd=rolled.folder, check=True, capture_output=True
        )
        seen.append(listed.stdout.decode())
        yield silent

    add(rolled.desk(), Ask("agent", "1.5.0", rolled.build("1.5.0"), HERE), midst)
    assert seen
    assert all(".pack-" not in one for one in seen)
    assert "tidegate.toml" in seen[0]


def test_what_a_killed_command_packed_goes_with_the_next_one(rolled):
    """Gigabytes that were never added do not stay for ever; what another command packs just now does."""
    dead = rolled.folder / ".pack-dead"
    (dead / "targets").mkdir(parents=True)
    (dead / ".gitignore").write_text("*\n")
    begun = rolled.folder / ".pack-begun"
    begun.mkdir()
    _, beside = packed_while(rolled, "release", "add", "1.5.1", rolled.build("1.5.1"), "--platform", HERE)
    assert beside.exit_code == 0, beside.stderr
    assert [path.name for path in rolled.folder.glob(".pack-*")] == [".pack-begun"]


def test_what_was_staged_while_a_release_was_packed_is_kept(rolled):
    """Numbers and conditions are those of the moment in which it is staged, and not of when packing began."""
    other = ("release", "add", "1.5.1", rolled.build("1.5.1"), "--platform", HERE)
    added, beside = packed_while(rolled, *other)
    assert (beside.exit_code, added.release.seq) == (0, 3)
    assert {one["version"] for one in rolled.do("release", "list")} == {"1.4.2", "1.5.0", "1.5.1"}
    rolled.do("unstage", "--all")
    same = ("release", "add", "1.5.0", rolled.build("1.5.0"), "--platform", "a-b", "--trial-s", "1")
    with pytest.raises(UsageError, match="staged with other conditions"):
        packed_while(rolled, *same)
    assert not list(rolled.folder.glob(".pack-*"))
