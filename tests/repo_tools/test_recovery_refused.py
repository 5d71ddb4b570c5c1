"""A recovery that is refused leaves nothing behind, and one that is staged can be given up."""

import shutil

import pytest

from tests.support.stage import Stage
from tests.support.workspace import Workspace

NO_SUCH = "hint: tidegate log --role agent.stable.brake lists its versions"
ONLINE = ("key", "revoke", "online", "--compromised")


def untouched(work: Workspace) -> bool:
    """Return whether nothing is staged, and everything can be read and published."""
    assert not (work.folder / "staged" / "honest.json").exists()
    assert work.do("status")["staged"] == []
    return work.run("refresh").exit_code == 0


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--new", "fresh", "--good", "timestamp=41"), 12, "tidegate log --role timestamp"),
        (("--good", "timestamp=1"), 2, "--new KEY"),
        (("--new", "fresh", "--good", "timestamp=1", "--good", "agent.stable.brake=41"), 12, NO_SUCH),
    ],
)
def test_a_refused_recovery_changes_nothing(stage, options, code, said):
    """A number that there is not, or a key that was forgotten: the right command works afterwards."""
    stage.key("fresh")
    refused = stage.work.run(*ONLINE, *options)
    assert (refused.exit_code, said in refused.stderr) == (code, True), refused.stderr
    assert untouched(stage.work)
    stage.work.do(*ONLINE, "--new", "fresh", "--good", f"timestamp={stage.forge.version('timestamp')}")
    stage.publish()
    stage.everybody_is_well()


@pytest.mark.parametrize("version", [10_000, 2**53 - 1, 2**60])
def test_nobody_goes_on_from_a_timestamp_that_ran_ahead(stage, version):
    """What follows a thief's number can never be taken back, and above 2^53 no client need read it."""
    good = stage.forge.version("timestamp")
    stage.run_away(version)
    refreshed = stage.work.run("refresh").exit_code == 0
    assert refreshed == (version < 2**53 - 1)
    stage.run_away(version)
    stage.key("fresh")
    refused = stage.work.run(*ONLINE, "--new", "fresh")
    assert refused.exit_code == 13
    assert f"timestamp {version} has run ahead" in refused.stderr
    stage.work.do(*ONLINE, "--new", "fresh", "--good", f"timestamp={good}")
    stage.publish()
    stage.everybody_is_well()


def test_a_timestamp_of_an_earlier_online_key_is_no_start(stage):
    """Whoever the key of today replaced signed it: clients would refuse it."""
    stage.key("online-2")
    stage.work.do("key", "rotate", "all", "--old", "online", "--new", "online-2")
    stage.publish()
    stage.key("fresh")
    options = ("--compromised", "--new", "fresh", "--good", "timestamp=1")
    refused = stage.work.run("key", "revoke", "online-2", *options)
    assert refused.exit_code == 13
    assert "timestamp 1 is not signed by online-2" in refused.stderr
    assert untouched(stage.work)


def test_a_lost_online_key_is_replaced_as_a_stolen_one(stage):
    """In peace the old key signs along, so a rotation without it ends nowhere: it says what does not."""
    (stage.work.keys / "online.pem").unlink()
    stage.key("fresh")
    stage.work.do("key", "rotate", "all", "--old", "online", "--new", "fresh")
    stage.work.do("sign", "--yes")
    refused = stage.work.run("publish", "--at-once")
    assert refused.exit_code == 16
    assert "unstage --all, and tidegate key revoke online --compromised --new KEY" in refused.stderr
    stage.work.do("unstage", "--all")
    assert "if it is lost: tidegate key revoke online" in stage.work.run("refresh").stderr
    stage.work.do(*ONLINE, "--new", "fresh")
    stage.publish()
    stage.everybody_is_well()


@pytest.mark.parametrize("left", ['{"timestamp": 41}', '{"timestamp": 1}', "{"])
def test_a_recovery_is_given_up_whatever_it_starts_from(stage, left):
    """A merge may bring a start without what belongs to it, or tear its file."""
    (stage.work.folder / "staged" / "honest.json").write_text(left)
    done = stage.work.do("unstage", "--all")
    assert done["changes"] == ["the timestamp from which a recovery was to start"]
    assert untouched(stage.work)


def test_a_recovery_that_somebody_else_published_blocks_nobody(stage: Stage):
    """Everybody has a copy of what is staged; that of the others is tidied up by whatever publishes next."""
    stage.key("fresh")
    good = stage.forge.version("timestamp")
    stage.run_away(10_000)
    stage.work.do(*ONLINE, "--new", "fresh", "--good", f"timestamp={good}")
    stage.work.do("sign", "--yes")
    copy = Workspace(stage.work.base)
    copy.folder = stage.work.base / "copy"
    shutil.copytree(stage.work.folder, copy.folder)
    stage.publish()
    assert copy.run("status").exit_code == 0
    copy.do("publish")
    assert untouched(copy)
    stage.everybody_is_well()
