"""A founded repository gets another channel, or another product: staged, signed, audited, refused twice."""

import pytest

from tests.support.workspace import HERE


def roles(said):
    """Return who must sign each new role, as an answer says it."""
    return {one["role"]: (one["threshold"], one["keys"]) for one in said["signatures"]}


def test_another_product_is_a_change_like_any_other(rolled):
    """It is staged, signed by the owners and by those who sign already, published, and told to auditors."""
    tried = rolled.do("product", "add", "relay", "--dry-run")
    assert rolled.desk().tree.staged() == []
    said = rolled.do("product", "add", "relay")
    assert roles(said) == roles(tried)
    assert roles(said)["targets"] == (1, ["root"])
    assert roles(said)["relay.releases"] == (1, ["releases"])
    assert roles(said)["relay.stable.brake"] == (1, ["rollouts", "online"])
    assert {text.partition(":")[0] for text in tried["changes"]} == {*rolled.desk().tree.staged()}
    assert tried["changes"][0] == said["changes"][0]
    rolled.sign_and_publish()
    rolled.do("check")
    rolled.do("audit", rolled.store, "--root", rolled.root_file)
    told = rolled.run("log").stdout
    assert "relay.stable needs 1 signature of rollouts, for rollout/relay/stable/*; signed by root" in told
    assert "relay.releases 1: founded; signed by releases" in told


def test_what_comes_next_is_said(rolled):
    """The disaster: a job says "stable", which means two channels from then on."""
    said = rolled.run("product", "add", "relay")
    assert (
        "jobs that say stable alone are refused from now on: say relay/stable, or agent/stable" in said.stdout
    )
    assert f"next: tidegate -C {rolled.folder} sign" in said.stdout
    assert "rollout start relay/stable VERSION" in said.stdout
    refused = rolled.run("rollout", "status", "stable")
    assert (refused.exit_code, "agent/stable, relay/stable" in refused.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("product", "add", "agent"), "there is a product agent already"),
        (("channel", "add", "stable"), "there is a channel agent/stable already"),
        (("channel", "add", "relay/stable"), "no product 'relay'"),
        (("channel", "add", "brake"), "'brake' is reserved and cannot name a channel"),
        (("product", "add", "fleet"), "'fleet' is reserved and cannot name a product"),
        (("product", "add", "Relay"), "not a name for a product: 'Relay'"),
        (("channel", "add", "beta", "--like", "edge"), "no channel 'edge'"),
        (("channel", "add", "beta", "--threshold", "rollouts=2"), "rollouts needs 2 signatures"),
        (("channel", "add", "beta", "--key", "releases=releases"), "not a value for --key"),
        (("channel", "add", "beta", "--key", "rollouts=releases"), "would sign both releases and rollouts"),
        (("channel", "add", "beta", "--wave", "canary=5"), "the last wave must be 100"),
    ],
)
def test_what_cannot_be_added_is_refused(rolled, words, said):
    """Nothing is staged of what is there already, has no name, or could not be signed."""
    refused = rolled.run(*words)
    assert (refused.exit_code, said in refused.stderr) == (2, True), refused.stderr
    assert rolled.desk().tree.staged() == []


def test_adding_twice_is_refused_before_and_after_it_is_published(rolled):
    """A second run never draws another salt over what people have begun to sign."""
    rolled.do("channel", "add", "beta")
    rolled.do("sign", "--yes")
    before = rolled.do("status")
    assert rolled.run("channel", "add", "agent/beta").exit_code == 2
    assert rolled.do("status") == before
    rolled.do("publish")
    assert rolled.run("channel", "add", "beta").exit_code == 2


def test_a_killed_run_is_done_again(rolled):
    """Roles without the one that lets them speak count for nothing, and the next run replaces them."""
    rolled.do("channel", "add", "beta")
    staged = rolled.folder / "staged"
    (staged / "metadata" / "targets.json").unlink()
    (staged / "base" / "targets").unlink()
    assert rolled.run("status").exit_code == 0
    rolled.do("channel", "add", "beta")
    rolled.sign_and_publish()
    assert [wave["name"] for wave in rolled.do("rollout", "status", "beta")["waves"]] == [
        "canary",
        "early",
        "full",
    ]


def test_a_channel_begins_like_another_one(rolled):
    """It has the signers and the policy of the first, and what is withdrawn of the product stays so."""
    rolled.do("policy", "stable", "--poll", "5m", "--allow-now")
    rolled.publish_release("1.5.0")
    rolled.do("rollout", "promote", "stable", "--early")
    rolled.do("release", "revoke", "1.4.2", "--reason", "CVE-2026-0001")
    rolled.sign_and_publish()
    rolled.do("channel", "add", "beta", "--wave", "canary=10", "--wave", "full=100", "--ring", "staging")
    rolled.sign_and_publish()
    stable, beta = (rolled.do("policy", name) for name in ("stable", "beta"))
    assert stable.pop("salt") != beta.pop("salt")
    assert (beta.pop("channel"), beta.pop("waves")) == (
        "beta",
        [{"name": "canary", "percent": "10"}, {"name": "full", "percent": "100"}],
    )
    assert stable.items() >= beta.items()
    assert (beta["poll_s"], beta["revoked"][0]["version"]) == (300, "1.4.2")


def test_a_product_of_other_people(rolled):
    """Another team signs its own releases and rollouts; a thief of its keys reaches no other product."""
    for name in ("carol", "dave"):
        rolled.do("key", "new", name, "--no-passphrase")
    given = ("--key", "releases=carol", "--key", "rollouts=dave")
    said = roles(rolled.do("product", "add", "relay", "--channel", "edge", *given))
    assert {role: keys for role, (_, keys) in said.items() if role.startswith("relay")} == {
        "relay.releases": ["carol"],
        "relay.edge": ["dave"],
        "relay.edge.brake": ["dave", "online"],
        **{f"relay.edge.{name}": ["dave"] for name in ("selected", "canary", "early", "full")},
    }
    rolled.sign_and_publish()
    rolled.do("release", "add", "1.0.0", rolled.build("1.0.0"), "--platform", HERE, "--product", "relay")
    rolled.do("rollout", "start", "edge", "1.0.0", "--strategy", "immediate")
    assert {one["role"] for one in rolled.do("status")["signatures"]} == {
        "relay.releases",
        "relay.edge.canary",
        "relay.edge.early",
        "relay.edge.full",
    }
    rolled.sign_and_publish()


def test_a_stolen_key_gets_no_new_role(rolled):
    """What was called stolen once never signs again, wherever."""
    rolled.do("key", "new", "carol", "--no-passphrase")
    rolled.do("key", "revoke", "rollouts", "--compromised", "--new", "carol")
    refused = rolled.run("channel", "add", "beta", "--key", "rollouts=rollouts")
    assert (refused.exit_code, "rollouts was called stolen" in refused.stderr) == (2, True)


def test_an_addition_is_taken_back_whole(rolled):
    """Half of a channel would let hosts ask for what is not there."""
    rolled.do("channel", "add", "beta")
    refused = rolled.run("unstage", "agent.beta")
    assert refused.exit_code == 13
    rolled.do("unstage", "--all")
    assert rolled.desk().channels() == [rolled.desk().channel("stable")]


def test_rollouts_of_two_products_do_not_mix(rolled):
    """The disaster: both are stable-0002, and starting one by hand ends what a job does for the other."""
    rolled.do("product", "add", "relay")
    rolled.sign_and_publish()
    rolled.add("1.5.0", None, "--product", "agent")
    rolled.do("rollout", "start", "agent/stable", "1.5.0", "--strategy", "gated")
    for version, strategy in (("1.0.0", "immediate"), ("1.1.0", "manual")):
        rolled.add(version, None, "--product", "relay")
        said = rolled.do("rollout", "start", "relay/stable", version, "--strategy", strategy)
        rolled.sign_and_publish()
    assert said["waves"][0]["staged"]["rollout"] == "stable-0002"
    left, gated = (rolled.run("rollout", "advance", f"{name}/stable") for name in ("relay", "agent"))
    assert (left.exit_code, "a job leaves it alone" in left.stdout) == (0, True), left.stdout
    assert (gated.exit_code, "nothing was collected" in gated.stderr) == (13, True), gated.stdout
