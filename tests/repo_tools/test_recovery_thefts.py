"""Keys are stolen: what the owners publish then ends what the thief can do, whole or not at all."""

import pytest

from tests.support.stage import DOCUMENT, ROUTE

STOLEN = [
    ("releases", "agent.releases", 0),
    ("rollouts", "agent.stable", 0),
    ("rollouts", "agent.stable.canary", 0),
    ("rollouts", "agent.stable.early", 3_000),
    ("rollouts", "agent.stable.full", 1_000_000),
    ("rollouts", "agent.stable.brake", 50),
    ("rollouts", "agent.stable.selected", 0),
    ("rollouts", "fleet", 0),
    ("root", "targets", 5_000),
]
"""A key, a role that it signs, and how far ahead a thief signs it; the others have stories of their own."""

WAVES = ("agent.stable.canary", "agent.stable.early", "agent.stable.full")


def test_every_role_has_a_theft(stage):
    """Root, snapshot and timestamp have stories of their own; whatever else is signed is stolen below."""
    signed = {path.name.split(".", 1)[1].removesuffix(".json") for path in stage.roles()}
    assert signed == {role for _key, role, _jump in STOLEN} | {"root", "snapshot", "timestamp"}


@pytest.mark.parametrize(("key", "role", "jump"), STOLEN)
def test_a_stolen_key_is_recovered_from(stage, key, role, jump):
    """Before, the thief is believed; from the recovery on nobody listens, wherever the version had run to."""
    bad = stage.steal(key, role, jump)
    assert stage.old.trusts(ROUTE)
    stage.key("fresh")
    done = stage.work.do("key", "revoke", key, "--compromised", "--new", "fresh")
    step = next(step for step in done["steps"] if step["role"] == role)
    assert (step["live"], step["next"]) == (bad, bad + 1)
    assert stage.old.trusts(ROUTE)
    stage.publish()
    stage.everybody_is_well()
    stage.steal(key, role)
    assert not stage.trusts(role)


def test_a_stolen_root_key_signs_no_more_roots(stage):
    """A root that the thief signs after the recovery is refused by everybody."""
    stage.key("fresh")
    stage.work.do("key", "revoke", "root", "--compromised", "--new", "fresh")
    stage.publish()
    stage.everybody_is_well()
    found = stage.forge.load("root")
    found.signed.version += 1
    stage.forge.sign(found, "root")
    (stage.work.store / "metadata" / "3.root.json").write_bytes(found.to_bytes())
    assert not stage.old.trusts(ROUTE)
    assert not stage.client("after").trusts(ROUTE)


def test_what_a_thief_changed_is_taken_back(stage):
    """The content of the last honest version comes back under a higher number."""
    good = stage.forge.version("agent.releases")
    with stage.forge.edit("agent.releases") as signed:
        signed.targets.clear()
    stage.key("fresh")
    options = ("--compromised", "--new", "fresh", "--good", f"agent.releases={good}")
    stage.work.do("key", "revoke", "releases", *options)
    stage.publish()
    assert stage.old.poll(DOCUMENT) == stage.client("after").poll(DOCUMENT) is not None


def test_what_a_thief_added_goes_and_stays_known(stage):
    """Hosts may have seen its number and its digest: neither is given to another release."""
    good = stage.forge.version("agent.releases")
    stage.work.add("6.6.6")
    stage.work.sign_and_publish()
    digest = stage.forge.load("agent.releases").signed.targets["releases/agent/6.6.6/release.json"].hashes
    stage.key("fresh")
    revoke = ("key", "revoke", "releases", "--compromised", "--new", "fresh")
    stage.work.do(*revoke, "--good", f"agent.releases={good}")
    twice = stage.work.run(*revoke)
    assert "it is staged already that releases signs nothing" in twice.stderr
    assert "tidegate unstage --all begins anew" in twice.stderr
    stage.publish()
    stage.everybody_is_well()
    found = stage.forge.load("agent.releases").signed
    assert found.unrecognized_fields == {
        "x-tidegate-retired": {"6.6.6": digest["sha256"]},
        "x-tidegate-seq": 2,
    }
    stage.work.publish_release("1.5.0")
    assert stage.forge.read("agent.releases", "releases/agent/1.5.0/release.json")["seq"] == 3
    stage.everybody_is_well()


def test_the_id_of_what_a_thief_ordered_is_not_given_again(stage):
    """While hosts follow it, or the brake holds it: a brake, and reports, know a rollout by nothing else."""
    good = [f"--good={role}={stage.forge.version(role)}" for role in WAVES]
    stage.work.publish_release("1.5.0")
    stage.key("fresh")
    stage.work.do("key", "revoke", "rollouts", "--compromised", "--new", "fresh", *good)
    recall = ("rollout", "recall", "stable", "1.4.2", "--from", "==1.5.0")
    stage.work.do(*recall)
    staged = [wave["staged"]["rollout"] for wave in stage.work.do("rollout", "status", "stable")["waves"]]
    assert set(staged) == {"stable-0003"}
    stage.work.do("unstage", "--all")
    stage.work.do("brake", "stable", "--rollout", "stable-0002")
    stage.work.do("key", "revoke", "rollouts", "--compromised", "--new", "fresh", *good)
    stage.publish()
    stage.work.do(*recall)
    stage.publish()
    ordered = [wave["order"]["rollout"] for wave in stage.work.do("rollout", "status", "stable")["waves"]]
    assert set(ordered) == {"stable-0003"}
    stage.everybody_is_well()


def test_what_a_thief_added_is_called_back_first(stage):
    """Where others had ordered it, a release that goes would strand them: it is refused, with the way out."""
    good = stage.forge.version("agent.releases")
    stage.work.publish_release("6.6.6")
    stage.key("fresh")
    revoke = ("key", "revoke", "releases", "--compromised", "--new", "fresh")
    stage.work.do(*revoke, "--good", f"agent.releases={good}")
    stage.work.do("sign", "--yes")
    refused = stage.work.run("publish")
    assert refused.exit_code == 17
    assert "hint: tidegate unstage --all; then stage a rollout recall first" in refused.stderr
    stage.work.do("unstage", "--all")
    stage.work.do("rollout", "recall", "stable", "1.4.2", "--from", "==6.6.6")
    stage.work.do(*revoke, "--good", f"agent.releases={good}")
    stage.publish()
    stage.everybody_is_well()


@pytest.mark.parametrize("version", [10_000, 2**53 - 1, 2**60])
def test_a_fast_forwarded_timestamp(stage, version):
    """Clients that saw the thief's numbers forget them with his key, and go on from the last honest ones."""
    honest = stage.forge.version("timestamp")
    stage.run_away(version)
    assert stage.old.trusts(ROUTE)
    stage.key("online-2")
    options = ("--compromised", "--new", "online-2", "--good", f"timestamp={honest}")
    stage.work.do("key", "revoke", "online", *options)
    (stage.work.keys / "online.pem").unlink()
    stage.publish()
    assert stage.forge.load("timestamp").signed.version >= honest
    stage.everybody_is_well()
    stage.work.publish_release("1.5.0")
    stage.everybody_is_well()


@pytest.mark.parametrize("jump", [10_000, 2**53 - 100])
def test_a_fast_forwarded_snapshot_alone(stage, jump):
    """Its number runs away, the timestamp's does not; clients forget it with the key that signed it."""
    honest = stage.forge.version("timestamp")
    bad = stage.steal("online", "snapshot", jump)
    assert stage.old.trusts(ROUTE)
    stage.key("online-2")
    options = ("--compromised", "--new", "online-2", "--good", f"timestamp={honest}")
    done = stage.work.do("key", "revoke", "online", *options)
    assert {step["role"] for step in done["steps"]} == {"snapshot", "timestamp", "agent.stable.brake"}
    (stage.work.keys / "online.pem").unlink()
    stage.publish()
    listed = stage.forge.load("timestamp").signed.snapshot_meta.version
    assert listed < bad
    stage.everybody_is_well()
    stage.work.publish_release("1.5.0")
    stage.everybody_is_well()


def test_half_a_recovery_is_refused(stage):
    """Whoever publishes a part only breaks clients or leaves the thief a door: each half is stopped."""
    stage.key("fresh")
    stage.work.do("key", "revoke", "rollouts", "--compromised", "--new", "fresh")
    stage.work.do("sign", "--yes")
    staged = stage.work.folder / "staged" / "metadata"
    for name, said in (
        ("targets", "may still sign"),
        ("agent.stable", "is not signed by enough of its new keys"),
        ("agent.stable.full", "is not signed by enough of its new keys"),
    ):
        kept = (staged / f"{name}.json").read_bytes()
        (staged / f"{name}.json").unlink()
        refused = stage.work.run("publish")
        assert refused.exit_code in {16, 17}, refused.stderr
        assert said in refused.stderr or refused.exit_code == 16
        (staged / f"{name}.json").write_bytes(kept)
    stage.publish()
    stage.everybody_is_well()


def test_half_a_recovery_of_the_timestamp_is_refused(stage):
    """To go back to an honest timestamp without a new key would be refused by every client."""
    honest = stage.forge.version("timestamp")
    stage.run_away(10_000)
    refused = stage.work.run("key", "revoke", "rollouts", "--new", "x", "--good", f"timestamp={honest}")
    assert refused.exit_code == 2
    stage.key("online-2")
    options = ("--compromised", "--new", "online-2", "--good", f"timestamp={honest}")
    stage.work.do("key", "revoke", "online", *options)
    stage.work.do("sign", "--yes")
    (stage.work.folder / "staged" / "metadata" / "root.json").unlink()
    assert stage.work.run("publish").exit_code == 17
    assert stage.work.run("refresh").exit_code == 17


def test_a_stolen_key_never_comes_back(stage):
    """Neither a rotation nor another revocation brings back what was called stolen."""
    stage.key("fresh")
    stage.work.do("key", "revoke", "releases", "--compromised", "--new", "fresh")
    stage.publish()
    refused = stage.work.run("key", "rotate", "agent.releases", "--old", "fresh", "--new", "releases")
    assert refused.exit_code == 2
    assert "never signs again" in refused.stderr
