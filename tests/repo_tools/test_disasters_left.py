"""What the checks prevent that looks at everything at once: files that nobody stored, and neglect."""

from datetime import timedelta

from metadata import places
from tests.agent.forge import Forge
from tests.support.disasters import BASE, CANARY, Danger, disaster


@disaster("clients")
def test_a_file_that_nobody_stored_is_missed_before_it_is_listed(danger):
    """A route that leads to a document which is not there: clients find it, and none can download it."""
    host = danger.host("full")
    Forge(danger.work).select(host, "1.4.2")
    danger.work.add("1.5.0")
    route = f"{BASE}/{places.pick_route(host)}"
    assert "is listed, and targets/rollout/agent/stable/" in danger.refusal()
    danger.publish_anyway()
    assert not danger.breaks(danger.client("one"), route)
    assert danger.downloads(route).startswith("no targets/rollout/agent/stable/")


@disaster("stale")
def test_a_repository_that_nobody_refreshes_starts_nothing(danger):
    """Monitoring hears of it before the timestamp expires, when hosts already start nothing new."""
    danger.start("1.5.0")
    danger.work.sign_and_publish()
    host = danger.host("canary")
    assert danger.decision(host, "1.4.2")["decision"]["rule"] == "update"
    danger.wait(hours=25)
    result = danger.work.run("--json", "check")
    assert result.exit_code == 17
    said = [one["text"] for one in result.json["findings"] if one["rule"] == "stale"]
    assert said == ["agents of agent/stable start nothing: the timestamp was signed 25 hours ago"]
    assert danger.decision(host, "1.4.2")["decision"]["rule"] == "stale"
    danger.work.do("refresh")
    assert danger.work.run("check").exit_code == 0
    assert danger.decision(host, "1.4.2")["decision"]["rule"] == "update"


@disaster("future")
def test_a_timestamp_of_the_future_hides_that_nothing_new_comes(danger):
    """A thief's date keeps a frozen repository fresh, days after agents would have stopped."""
    danger.start("1.5.0")
    danger.work.sign_and_publish()
    year = timedelta(days=365)
    Forge(danger.work).seal(issued_ago=-year, expires_in=year)
    result = danger.work.run("--json", "check")
    assert result.exit_code == 17
    said = [one["text"] for one in result.json["findings"] if one["rule"] == "future"]
    assert said == ["the timestamp was signed in the future: 2027-11-22T12:00:00Z"]
    danger.wait(hours=25)
    assert danger.decision(danger.host("canary"), "1.4.2")["decision"]["rule"] == "update"


@disaster("expiry")
def test_a_root_that_expires_stops_everybody_for_good(danger):
    """Refreshing does not help: without a root that counts nothing counts, and the keys lie in a safe."""
    danger.work.add("1.5.0")
    near(danger, "root", days=60)
    assert "root expires in 60 days, on 2027-01-21" in danger.refusal()
    danger.publish_anyway()
    assert not danger.breaks(danger.client("one"), f"{BASE}/policy")
    danger.wait(days=61)
    danger.work.do("refresh")
    assert "expired" in danger.breaks(danger.client("two"), f"{BASE}/policy")


@disaster("expiry")
def test_a_role_that_hardly_ever_expires_can_be_held_back_for_years(danger):
    """Hosts that somebody keeps from newer versions never notice by this one; the auditor is told, too."""
    danger.start("1.5.0")
    danger.restage(CANARY, expires=danger.now + timedelta(days=3650))
    danger.publish_anyway()
    said = [one for one in danger.work.do("check")["findings"] if one["rule"] == "expiry"]
    text = "agent.stable.canary expires in 3,650 days, and 90 are usual"
    assert [(one["level"], one["text"]) for one in said] == [("warning", text)]
    answer = danger.work.do("audit", danger.work.store, "--root", danger.work.root_file)
    assert [one["rule"] for one in answer["findings"] if one["role"] == CANARY] == ["stretched"]
    danger.wait(days=3)
    danger.work.do("refresh")
    assert danger.work.do("check")["expiry_days"][CANARY] > 3600


def near(danger: Danger, role: str, days: int) -> None:
    """Stage a role that is signed for a short time only."""
    with danger.change(role) as signed:
        signed.unrecognized_fields["x-note"] = "renewed by hand"
    danger.restage(role, expires=danger.now + timedelta(days=days))


@disaster("orphans")
def test_a_role_that_nobody_signed_anew_is_lost_to_every_client(danger):
    """Half a recovery: the new key is named, and what the old one signed is all there is."""
    path = "releases/agent/1.4.2/release.json"
    client = danger.client("one")
    danger.reads(client, path)
    danger.work.do("key", "new", "fresh", "--no-passphrase")
    danger.work.do("key", "revoke", "releases", "--compromised", "--new", "fresh")
    danger.work.desk().tree.drop("agent.releases")
    assert "agent.releases is not signed by enough of its new keys" in danger.refusal()
    danger.publish_anyway()
    assert "agent.releases was signed by 0/1 keys" in danger.breaks(client, path)


@disaster("stolen_keys")
def test_half_a_recovery_leaves_the_thief_a_door(danger):
    """The channel calls the key stolen, and targets still lets it sign the channel itself."""
    danger.work.do("key", "new", "fresh", "--no-passphrase")
    danger.work.do("key", "revoke", "rollouts", "--compromised", "--new", "fresh")
    danger.work.desk().tree.drop("targets")
    assert "rollouts was called stolen and may still sign agent.stable" in danger.refusal()
    danger.publish_anyway()
    thief, client = Forge(danger.work), danger.client("one")
    with thief.edit("agent.stable", key="rollouts") as signed:
        signed.targets[f"{BASE}/policy"] = thief.put(f"{BASE}/policy", b"{}")
    stolen = thief.load("agent.stable").signed.targets[f"{BASE}/policy"].hashes["sha256"]
    assert danger.reads(client, f"{BASE}/policy")[f"{BASE}/policy"] == stolen
