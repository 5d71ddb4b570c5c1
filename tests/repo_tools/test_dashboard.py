"""The static dashboard: what it says, what it leaves out, and how it comes into a store."""

import json
import shutil
from datetime import timedelta

import pytest

from metadata.errors import ConflictError
from repo_tools.pages import site, writing
from repo_tools.store.folder import FolderStore
from tests.repo_tools.conftest import NOON
from tests.support.dashboards import LOG, SITE, Seen, page
from tests.support.workspace import Workspace


@pytest.fixture(scope="module")
def seen(real_time, tmp_path_factory):
    """A rollout in canary, and a dashboard of it."""
    seen = Seen(shutil.copytree(real_time, tmp_path_factory.mktemp("seen") / "place"))
    seen.build()
    return seen


def test_the_fleet_is_counted(seen):
    """Every present host is in one state, and the states add up."""
    status = json.loads((seen.status / "status.json").read_text())
    hosts = status["channels"]["agent/stable"]
    assert hosts.pop("hosts") == sum(hosts.values()) == 26
    assert {kind: number for kind, number in hosts.items() if number} == {
        "current": 24,
        "back": 1,
        "silent": 1,
    }
    assert status["rollouts"] == {"agent/stable": {"rollout": "stable-0002", "version": "1.5.0"}}


def test_versions_are_drawn_over_time(seen):
    """The areas end at the numbers of the table, and began before with the version that ran then."""
    desk = seen.repo.desk()
    [fleet] = site.gather(desk, seen.repo.folder / "lake", full=False).fleet
    drawn = {layer.label: layer.counts for layer in fleet.timeline.layers}
    assert {label: counts[-1] for label, counts in drawn.items() if counts[-1]} == dict(fleet.versions)
    assert drawn["1.0.0"][0] == 26
    assert all(label in "".join(seen.texts().values()) for label in ('class="chart"', "color-0", "color-1"))


def test_the_rollout_says_what_it_waits_for_and_who_can_go_on(seen):
    """The gate's own sentence, the wave's counts, and the holders of the keys that come next."""
    shown = page(seen.status, "rollout.agent.stable.html")
    assert "2 of 6 hosts failed, 1 of them without a sign of life" in shown
    assert "tidegate brake agent/stable" in shown
    assert "July release" in shown
    assert "1 of rollouts, online" in shown


def test_what_is_only_staged_is_not_shown(seen):
    """The site shows what hosts can read, whatever somebody prepares."""
    seen.repo.do("brake", "stable", "--reason", "only a thought")
    seen.build()
    try:
        assert all("only a thought" not in text for text in seen.texts().values())
    finally:
        seen.repo.do("unstage", "agent.stable.brake")


def test_hosts_stay_unnamed_unless_asked_for(seen):
    """No id, label or log stands anywhere in the site; with --full they do."""
    seen.build()
    whole = "\n".join(seen.texts().values())
    told = [*seen.canary, SITE, LOG.splitlines()[1]]
    assert [text for text in told if text in whole] == []
    seen.build("--full", "--to", str(seen.repo.base / "inside"))
    inside = "\n".join(path.read_text() for path in (seen.repo.base / "inside").rglob("*.html"))
    assert [text for text in (*seen.canary[4:], SITE, LOG.splitlines()[1]) if text not in inside] == []
    assert [name for name in seen.canary[:4] if f">{name}<" in inside] == []


def test_nobody_names_hosts_to_all_readers_by_accident(rolled):
    """The disaster: one word too many, and everybody who reads the store knows each host that fails."""
    refused = rolled.run("dashboard", "build", "--full")
    assert (refused.exit_code, "say --yes" in refused.stderr) == (2, True)
    assert not (rolled.store / "status").exists()
    for options in (("--to", rolled.base / "inside"), ("--yes",)):
        assert rolled.run("dashboard", "build", "--full", *options).exit_code == 0
    assert "old files removed" in rolled.run("dashboard", "build").stdout


def test_what_named_hosts_goes_with_the_next_build_that_does_not(seen, tmp_path):
    """Pages that tell hosts apart do not stay for a day as others do, wherever a writer was killed."""
    desk, store = seen.repo.desk(), FolderStore(str(tmp_path), tmp_path)
    lake = seen.repo.folder / "lake"
    writing.write(store, site.rendered(site.gather(desk, lake, full=True), desk.now), desk.now)
    plain = site.rendered(site.gather(desk, lake, full=False), desk.now)
    dying = Dying(str(tmp_path), tmp_path)
    object.__setattr__(dying, "left", 2)
    with pytest.raises(KeyboardInterrupt):
        writing.write(dying, plain, desk.now)
    assert writing.write(store, plain, desk.now).removed > 0
    left = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert [name for name in (*seen.canary, SITE, LOG.splitlines()[1]) if name in left] == []


def test_without_news_nothing_is_written_but_the_time(seen):
    """A build that says the same is the same build: only the small status file is new."""
    seen.build()
    before = {path: path.stat().st_mtime_ns for path in seen.status.rglob("*.*")}
    assert seen.build()["created"] == 0
    changed = [path.name for path, at in before.items() if path.stat().st_mtime_ns != at]
    assert set(changed) <= {"status.json"}


class Dying(FolderStore):
    """A store whose writer is killed before one of its steps."""

    left: int

    def _step(self) -> None:
        object.__setattr__(self, "left", self.left - 1)
        if self.left < 0:
            raise KeyboardInterrupt

    def create(self, name, data):
        """Create a file, or die."""
        self._step()
        super().create(name, data)

    def replace(self, name, data, expected):
        """Replace a file, or die."""
        self._step()
        super().replace(name, data, expected)


class Raced(FolderStore):
    """A store in which somebody else is always faster."""

    def replace(self, name, data, expected):
        """Find other content than was expected."""
        super().replace(name, b"theirs", expected)
        super().replace(name, data, expected)


def test_a_file_that_was_cut_off_is_written_anew(seen):
    """A copy that broke off leaves a page empty; the next build heals it instead of calling it done."""
    build = json.loads((seen.status / "status.json").read_text())["build"]
    whole = {path: path.read_bytes() for path in (seen.status / "builds" / build).iterdir()}
    for path in whole:
        path.write_bytes(b"")
    assert seen.build()["created"] == len(whole)
    assert {path: path.read_bytes() for path in whole} == whole


def test_a_page_of_somebody_else_is_not_replaced(seen, tmp_path):
    """Who names the wrong folder keeps what stands there."""
    (tmp_path / "status").mkdir()
    (tmp_path / "status" / "index.html").write_text("mine")
    result = seen.repo.run("dashboard", "build", "--to", tmp_path)
    assert (result.exit_code, "is no dashboard's" in result.stderr) == (13, True)
    assert [path.name for path in (tmp_path / "status").iterdir()] == ["index.html"]


def test_two_that_build_at_once_are_told_so(seen, tmp_path):
    """The slower one learns what happened in words about dashboards, and what to do."""
    desk = seen.repo.desk()
    made = site.rendered(site.gather(desk, tmp_path / "nothing", full=False), desk.now)
    with pytest.raises(ConflictError, match="somebody else wrote the dashboard") as raised:
        writing.write(Raced(str(tmp_path), tmp_path), made, desk.now)
    assert raised.value.hint == "build it again"


def test_readers_never_see_half_a_build(seen, tmp_path):
    """Wherever a writer is killed, all that the index leads to is there and is of one build."""
    desk = seen.repo.desk()
    old = site.rendered(site.gather(desk, tmp_path / "nothing", full=False), desk.now)
    new = site.rendered(site.gather(desk, seen.repo.folder / "lake", full=True), desk.now)
    assert old.build != new.build
    fresh = [name for name in new.once if name not in old.once]
    for steps in range(len(fresh) + 2):
        folder = tmp_path / str(steps)
        writing.write(FolderStore(str(folder), folder), old, desk.now)
        dying = Dying(str(folder), folder)
        object.__setattr__(dying, "left", steps)
        with pytest.raises(KeyboardInterrupt):
            writing.write(dying, new, desk.now)
        index = (folder / "status" / "index.html").read_bytes()
        assert index in {old.index, new.index}
        led = old if index == old.index else new
        assert [name for name in led.once if (folder / "status" / name).read_bytes() != led.once[name]] == []


def test_what_nobody_reads_any_more_goes_after_a_day(seen, tmp_path):
    """Pages of earlier builds stay for those who have them open, and are removed then."""
    desk = seen.repo.desk()
    store = FolderStore(str(tmp_path), tmp_path)
    old = site.rendered(site.gather(desk, tmp_path / "nothing", full=False), desk.now)
    new = site.rendered(site.gather(desk, seen.repo.folder / "lake", full=False), desk.now)
    writing.write(store, old, desk.now)
    assert writing.write(store, new, desk.now).removed == 0
    later = desk.now + writing.KEPT + timedelta(hours=1)
    writing.write(store, old, desk.now)
    assert writing.write(store, new, later).removed == 0, "somebody may have just been led to it"
    done = writing.write(store, new, later)
    gone = [name for name in old.once if name not in new.once]
    assert done.removed == len(gone) == 6
    assert [name for name in gone if (tmp_path / "status" / name).exists()] == []
    assert all((tmp_path / "status" / name).exists() for name in new.once)


def test_what_expires_soon_stands_out(rolled):
    """A role whose life is half over is to be renewed, and one that is nearly over is late."""
    states = []
    for days in (0, 50, 30):
        rolled.now += timedelta(days=days)
        rolled.do("refresh")
        rolled.do("dashboard", "build")
        shown = page(rolled.store / "status", "audit.html")
        states.append([text for text in ("fine", "renew it", "late") if f">{text}</span>" in shown])
    assert states == [["fine"], ["fine", "renew it"], ["fine", "late"]]


def test_every_page_says_that_hosts_start_nothing(rolled):
    """The disaster: "go", it says, while hosts start nothing since nobody refreshed the timestamp."""

    def shown(hours):
        rolled.now = NOON + timedelta(hours=hours)
        rolled.do("dashboard", "build")
        pages = ("fleet.html", "rollout.agent.stable.html", "audit.html")
        return [page(rolled.store / "status", name) for name in pages]

    assert all("standstill" not in text for text in shown(23))
    stale = shown(30)
    assert all("Hosts of agent/stable start nothing" in text for text in stale)
    assert ("tidegate refresh" in stale[0], ">late</span>" in stale[2]) == (True, True)
    assert "start nothing: the timestamp was signed 30 hours ago" in rolled.run("check").stdout
    ended = shown(24 * 5)
    assert all("Hosts start nothing by what has expired:</strong> timestamp" in text for text in ended)
    assert ">expired</span>" in ended[2]
    ended = shown(24 * 400)
    assert all("<code>tidegate renew</code>, then <code>tidegate publish</code>" in text for text in ended)


def test_failures_of_now_are_told_from_those_of_all_rollouts(seen):
    """The table keeps what failed in every rollout; the sentence above counts what is ordered now."""
    seen.build()
    shown = page(seen.status, "failures.html")
    wanted = ("In what waves are ordered now, 1 host failed or went back", "Of every rollout so far")
    assert missing(shown, *wanted) == []


def test_a_repository_without_hosts_has_a_dashboard(work):
    """Before the first report, and before the first rollout, every page says what will stand there."""
    work.do("dashboard", "build")
    shown = "".join(path.read_text() for path in (work.store / "status").rglob("*.html"))
    empty = ("No host of this channel was heard of yet", "No rollout yet", "No host ever reported a failure")
    assert [text for text in empty if text not in shown] == []


def test_a_job_writes_it_into_a_bucket(bucket, seen, as_role):
    """With the collector's rights alone it is written, written again without news, and tidied up."""
    seen.repo.do("dashboard", "build")
    as_role("collector")
    first = seen.repo.do("dashboard", "build", "--to", bucket.location)
    assert first["created"] > 0
    assert seen.repo.do("dashboard", "build", "--to", bucket.location)["created"] == 0
    cut = f"updates/status/builds/{first['build']}/audit.html"
    bucket.server.client().put_object(Bucket=bucket.name, Key=cut, Body=b"<!doctype")
    assert seen.repo.do("dashboard", "build", "--to", bucket.location)["created"] == 1
    index = bucket.head("updates/status/index.html")
    assert (index["CacheControl"], index["ContentType"]) == ("public, max-age=60", "text/html")
    assert "immutable" in bucket.head(f"updates/status/builds/{first['build']}/audit.html")["CacheControl"]


def missing(text, *wanted):
    """Return what does not stand in a text."""
    return [one for one in wanted if one not in text]


def test_an_earlier_rollout_has_a_page(seen):
    """What was ordered before, by whom, and what its hosts came to, is still there when another follows."""
    seen.build()
    assert "rollout.agent.stable.1.html" in page(seen.status, "rollout.agent.stable.html")
    shown = page(seen.status, "rollout.agent.stable.1.html")
    assert missing(shown, "1.4.2", "stable-0001", "another rollout followed", "signed by") == []


def test_a_recalled_rollout_keeps_its_numbers(seen, tmp_path):
    """After a recall the page of what was recalled says whom it had hurt, and the fleet's what is on."""
    place = Workspace(shutil.copytree(seen.repo.base, tmp_path / "place"))
    place.do("rollout", "recall", "stable", "1.4.2", "--from", "==1.5.0", "--reason", "crash loops")
    place.sign_and_publish()
    place.do("dashboard", "build")
    status = place.store / "status"
    assert "recalls ==1.5.0" in page(status, "fleet.html")
    before = page(status, "rollout.agent.stable.2.html")
    assert missing(before, "stable-0002", "healthy</dt><dd>4", "failed</dt><dd>1", "July release") == []
