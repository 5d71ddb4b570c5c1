"""Hosts are counted into waves: from the roster, by lot, again and again, and in the midst of no rollout."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.chorus import Chorus
from tests.support.collection import Collection
from tests.support.workspace import Workspace

AT = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
COUNTS = ("--count", "--wave", "canary=1", "--wave", "early=3")


class Small:
    """A small fleet and its repository."""

    def __init__(self, repo: Workspace, box) -> None:
        box.mkdir()
        self.repo = repo
        self.collection = Collection(repo, box)
        self.chorus = Chorus(self.collection, AT)

    def join(self, *names: str, **fields) -> None:
        """Enrol hosts, and collect what they say."""
        self.chorus.join(names)
        self.chorus.say(names, {"stage": "heartbeat"}, **fields)
        self.collection.collect()

    def waves(self, *options: str) -> dict[str, list[str]]:
        """Give waves their hosts, sign and publish; return who is in them by name."""
        said = self.repo.do("waves", "stable", *options)
        if said.get("changes"):
            self.repo.sign_and_publish()
        return {wave["name"]: wave["by_name"] for wave in said["waves"]}


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """The folder of a repository that was founded for counts, with 1.4.2 everywhere; never changed."""
    folder = tmp_path_factory.mktemp("counted") / "place"
    waves = ("--count", "--wave", "canary=1", "--wave", "early=3", "--wave", "full=rest", "--ring", "staging")
    work = Workspace(folder).found("--store", "../store", *waves)
    work.publish_release("1.4.2")
    work.promote()
    return folder


@pytest.fixture
def small(counted, tmp_path):
    """The same, with a roster that is empty."""
    return Small(Workspace(shutil.copytree(counted, tmp_path / "place")), tmp_path / "box")


def names(count, first=0):
    """Return ids of hosts."""
    return [f"host-{number:02}" for number in range(first, first + count)]


def test_founding_says_how_waves_get_their_hosts(tmp_path):
    """Nobody has enrolled yet: the waves are there, and the next step is named."""
    work = Workspace(tmp_path)
    said = work.run(
        "init",
        work.folder,
        "--product",
        "agent",
        "--store",
        "../store",
        "--solo",
        "--count",
        "--no-passphrase",
    )
    assert said.exit_code == 0, said.stderr
    assert "tidegate waves stable --count --wave canary=1 --wave early=3" in said.stdout
    assert [
        line.split()[1:3] for line in said.stdout.splitlines() if line.startswith(("canary", "early"))
    ] == [
        ["1", "host"],
        ["3", "hosts"],
    ]


def test_hosts_are_counted_in_from_the_roster(small):
    """One host in canary, three in early, the rest in full; counted again, nothing changes."""
    small.join(*names(12))
    found = small.waves(*COUNTS)
    assert [len(found[wave]) for wave in ("canary", "early", "full")] == [1, 3, 0]
    shown = small.repo.do("waves", "stable")
    assert [wave["hosts"] for wave in shown["waves"]] == [1, 3, 8]
    [canary] = found["canary"]
    assert small.repo.do("agents", "explain", canary, "--running", "1.4.2")["wave"] == "canary"
    again = small.repo.run("waves", "stable", *COUNTS)
    assert "every wave is so already; nothing was staged" in again.stdout
    assert not small.repo.do("status")["staged"]
    small.repo.do("check")


def test_who_is_gone_makes_room_and_who_is_new_changes_nothing(small):
    """A forgotten canary is replaced, everybody else stays, and new hosts go to the rest."""
    small.join(*names(12))
    before = small.waves(*COUNTS)
    small.join(*names(5, first=50))
    assert small.waves("--count") == before
    [canary] = before["canary"]
    small.repo.do("fleet", "forget", canary, "--reason", "scrapped")
    said = small.repo.run("waves", "stable", "--count", "--dry-run").stdout
    assert f"loses {canary} (forgotten)" in said
    after = small.waves("--count")
    assert len(after["canary"]) == 1
    assert after["canary"] != before["canary"]
    assert after["early"] == before["early"]


def test_a_roster_that_changes_half_way_is_counted_again(small):
    """A host is forgotten between the count and the signatures: the same command replaces it."""
    small.join(*names(6))
    [canary] = small.repo.do("waves", "stable", *COUNTS)["waves"][0]["by_name"]
    small.repo.do("fleet", "forget", canary, "--reason", "scrapped")
    found = small.waves(*COUNTS)
    assert canary not in found["canary"]
    assert [len(found[wave]) for wave in ("canary", "early")] == [1, 3]
    small.repo.do("check")


def test_the_diff_is_shown_and_a_dry_run_stages_nothing(small):
    """Who would gain and lose which host stands there by name, with whose signatures it takes."""
    small.join(*names(4))
    said = small.repo.do("waves", "stable", *COUNTS, "--dry-run")
    assert said["moves"][0].startswith("canary gains host-")
    assert [one["role"] for one in said["signatures"]] == [
        "agent.stable",
        "agent.stable.canary",
        "agent.stable.early",
    ]
    assert not small.repo.do("status")["staged"]


def test_a_roster_with_too_few_hosts_is_said(small):
    """With two hosts, early gets the one that is left, and the answer says so."""
    small.join(*names(2))
    said = small.repo.do("waves", "stable", *COUNTS)
    assert "early has 1 host, not 3: the roster has no more to spare" in said["moves"]


def test_without_a_roster_nobody_is_counted_in(small):
    """The error names the next step; hosts by name need no roster."""
    done = small.repo.run("waves", "stable", *COUNTS)
    assert (done.exit_code, "nothing was collected" in done.stderr) == (13, True)
    assert len(small.waves("--wave", "canary=id:host-1,id:host-2")["canary"]) == 2


def test_a_ring_is_first_and_counts(small):
    """A host that a ring puts into canary fills its seat."""
    token = small.collection.make_token("--ring", "staging")
    small.collection.voice("tester", token).join()
    small.join(*names(6))
    assert small.waves(*COUNTS)["canary"] == []
    shown = small.repo.do("waves", "stable")
    assert [wave["hosts"] for wave in shown["waves"]] == [1, 3, 3]
    assert len(small.waves("--count", "--wave", "canary=2")["canary"]) == 1


def test_a_host_that_takes_no_update_is_drawn_last(small):
    """A pinned host would leave a canary of one without a word."""
    small.join(*names(3), decision={"rule": "pinned"})
    small.join("free")
    assert small.waves("--count", "--wave", "canary=1")["canary"] == ["free"]


def test_nobody_changes_waves_in_the_midst_of_a_rollout(small):
    """A recall of canary alone would miss a host that left it; later it is allowed again."""
    small.join(*names(12))
    small.waves(*COUNTS)
    small.repo.publish_release("1.5.0", strategy="manual")
    done = small.repo.run("waves", "stable", "--count", "--wave", "canary=2")
    assert done.exit_code == 13
    assert "no host may change its wave while canary 1.5.0 and full 1.4.2 run" in done.stderr
    assert "what is only staged is taken back by tidegate unstage" in done.stderr
    small.repo.promote()
    small.repo.promote()
    assert len(small.waves("--count", "--wave", "canary=2")["canary"]) == 2


def test_nobody_changes_waves_while_hosts_still_spread(small):
    """Another place would let hosts start long before their turn."""
    small.join(*names(12))
    small.waves(*COUNTS)
    small.repo.add("1.5.0")
    small.repo.do("rollout", "start", "stable", "1.5.0", "--strategy", "immediate", "--spread-s", "6h")
    small.repo.sign_and_publish()
    done = small.repo.run("waves", "stable", "--wave", "canary=5")
    assert (done.exit_code, "start by stable-0002" in done.stderr) == (13, True)


def test_shares_become_counts_and_counts_shares(small):
    """A channel changes from one to the other, and its policy and delegations stay in step."""
    small.join(*names(12))
    small.waves("--wave", "canary=25", "--wave", "early=50")
    shares = [wave["share"] for wave in small.repo.do("waves", "stable")["waves"]]
    assert shares == ["up to 25 %", "up to 50 %", "up to 100 %"]
    small.repo.do("check")
    assert [len(found) for found in small.waves(*COUNTS).values()] == [1, 3, 0]
    small.repo.do("check")


def test_hosts_that_were_named_are_told_by_their_ids(small):
    """Nobody was heard of yet: whoever puts hosts into a wave by name reads names, then and later."""
    wish = ("waves", "stable", "--wave", "canary=id:host-1,host-2")
    assert "canary gains host-1, host-2" in small.repo.run(*wish, "--dry-run").stdout
    [canary, *_] = small.repo.do(*wish)["waves"]
    assert canary["by_name"] == ["host-1", "host-2"]
    assert "host-1, host-2" in small.repo.run("waves", "stable").stdout


def test_a_rollout_by_waves_needs_a_first_one(tmp_path):
    """Where nobody was counted in yet, everybody would be first: that is refused, unless it is meant."""
    work = Workspace(tmp_path).found("--count")
    work.add("1.5.0")
    for strategy in ("manual", "gated", "scheduled"):
        done = work.run("rollout", "start", "stable", "1.5.0", "--strategy", strategy)
        assert done.exit_code == 13
        assert "nobody was counted into canary yet, so everybody would be first" in done.stderr
    work.do("rollout", "start", "stable", "1.5.0", "--strategy", "immediate", "--dry-run")


def test_an_empty_wave_is_passed_over(small):
    """With one host in canary and none for early, the rollout goes on to the rest."""
    small.join("alone")
    small.waves(*COUNTS)
    small.repo.publish_release("1.5.0", strategy="manual")
    small.repo.promote()
    status = small.repo.do("rollout", "status", "stable")["waves"]
    assert {wave["name"]: wave["order"] and wave["order"]["version"] for wave in status} == {
        "canary": "1.5.0",
        "early": None,
        "full": "1.5.0",
    }


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--count", "--wave", "canary=0"), "not a number of hosts"),
        (("--count", "--wave", "canary=one"), "not a number of hosts"),
        (("--count",), "there is no number to keep"),
        (("--wave", "canary=50", "--wave", "early=25"), "25 does not come after 50"),
        (("--wave", "beta=5"), "no wave 'beta'"),
        (("--count", "--wave", "full=3"), "full is everybody else"),
        (("--wave", "canary=id:host-1", "--wave", "early=id:host-1"), "host-1 is named twice"),
        (("--wave", "canary=id:no/slash"), "no/slash"),
        (("--wave", "canary=200"), "at most 100"),
    ],
)
def test_wishes_that_make_no_sense(small, options, words):
    """Each is refused with the reason, and nothing is staged."""
    small.join("alone")
    done = small.repo.run("waves", "stable", *options)
    assert (done.exit_code, done.stdout) == (2, ""), done.stdout
    assert words in done.stderr
    assert not small.repo.do("status")["staged"]
