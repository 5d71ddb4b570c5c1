"""Places are drawn anew between two rollouts: others are first, and the past stays what it was."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from metadata import places
from repo_tools.collect.placing import Maps, map_of
from repo_tools.collect.records import Standing
from repo_tools.rollouts.moving import redrawn
from repo_tools.rollouts.staging import Change, reshaped
from repo_tools.rollouts.state import read_state
from tests.support.chorus import Chorus
from tests.support.collection import Collection
from tests.support.workspace import Workspace

RESHUFFLED = ("rollout", "start", "stable", "1.5.0", "--reshuffle")
NOBODY = Standing()


def channel(work):
    """Return the channel as it is published."""
    desk = work.desk().published()
    return read_state(desk, desk.only_channel())


def test_a_start_can_draw_places_anew(rolled):
    """The new salt is told before it is signed, and goes out with the order of the first wave."""
    before = channel(rolled).policy.salt
    rolled.add("1.5.0")
    said = rolled.run(*RESHUFFLED).stdout
    assert "policy: new places for all hosts, salt" in " ".join(said.split())
    rolled.sign_and_publish()
    salt = channel(rolled).policy.salt
    assert salt != before
    told = rolled.do("agents", "explain", "host-1", "--running", "1.4.2")
    assert told["place"] == places.place(salt, "host-1")


def test_the_past_is_explained_with_the_places_of_the_past(rolled):
    """Yesterday a host decided by yesterday's place, and an auditor finds nothing wrong."""
    place = places.place(channel(rolled).policy.salt, "host-1")
    yesterday = f"{rolled.now:%Y-%m-%dT%H:%M:%SZ}"
    rolled.now += timedelta(days=1)
    rolled.add("1.5.0")
    rolled.do(*RESHUFFLED)
    rolled.sign_and_publish()
    now = f"{rolled.now:%Y-%m-%dT%H:%M:%SZ}"
    told = [rolled.do("explain", rolled.store, "--agent", "host-1", "--at", at) for at in (yesterday, now)]
    assert [one["place"] for one in told] == [place, places.place(channel(rolled).policy.salt, "host-1")]
    assert rolled.run("audit", rolled.store, "--root", rolled.root_file).exit_code == 0


@pytest.mark.parametrize("options", [(), ("--strategy", "immediate", "--spread-s", "6h")])
def test_nobody_is_drawn_anew_in_the_midst_of_a_rollout(rolled, options):
    """While waves differ, or hosts wait for their turn, it is refused with the reason."""
    rolled.add("1.4.9")
    rolled.do("rollout", "start", "stable", "1.4.9", *options)
    rolled.sign_and_publish()
    rolled.add("1.5.0")
    done = rolled.run(*RESHUFFLED)
    reason = "start by stable-0002" if options else "while canary 1.4.9 and full 1.4.2 run"
    assert (done.exit_code, reason in " ".join(done.stderr.split())) == (13, True), done.stderr
    assert set(rolled.desk().tree.staged()) == {"agent.releases"}


def test_the_same_hosts_are_not_first_twice(rolled):
    """Of 5,000 hosts about one in twenty of the old canaries is a canary again; hosts by name stay."""
    state = channel(rolled)
    canary = state.waves[0].name
    named = Change(routes={canary: [places.own_digits("chosen"), *state.waves[0].routes]})
    drawn = [reshaped(state, redrawn(state, named, salt)) for salt in ("one", "two")]
    hosts = [*(f"host-{number}" for number in range(5_000)), "chosen"]
    first, second = ({host for host in hosts if map_of(one).wave(host, NOBODY) == canary} for one in drawn)
    assert "chosen" in first & second
    assert 200 < len(first) < 300
    assert len(first & second) < 30


def test_reports_count_for_the_wave_of_their_time(real_time, tmp_path):
    """What came before the draw and is collected after it stays with the wave that the host was in."""
    work = Workspace(shutil.copytree(real_time, tmp_path / "place"))
    (tmp_path / "box").mkdir()
    collection = Collection(work, tmp_path / "box")
    chorus = Chorus(collection, datetime.now(UTC) - timedelta(days=1))
    hosts = chorus.names("canary", 4)
    chorus.join(hosts)
    work.add("1.5.0")
    work.do(*RESHUFFLED)
    work.sign_and_publish()
    chorus.at = datetime.now(UTC) + timedelta(minutes=1)
    chorus.say(hosts, {"stage": "heartbeat"})
    collection.collect()
    now = Maps(work.desk().published()).now
    waves = {host: now.wave("agent/stable", host, NOBODY) for host in hosts}
    told = {(agent, seq): wave for agent, seq, wave in collection.rows("agent, seq, wave")}
    assert {told[host, 1] for host in hosts} == {"canary"}
    assert {host: told[host, 2] for host in hosts} == waves
