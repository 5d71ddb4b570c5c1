"""A release manager at the console, in a real browser, through a bad release and the one that mends it.

Pictures of the pages on the way are kept below ``.cache/screenshots/story``, for people to look at.
"""

import shutil
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.support.chorus import BACK, SWITCHED, Chorus
from tests.support.chromium import DESK, PATIENCE_MS, PICTURES, Reader, chromium
from tests.support.collection import Collection
from tests.support.console import opened
from tests.support.workspace import HERE, Workspace

STEPS = PICTURES / "story"


class Manager:
    """A person at the page from which to steer."""

    def __init__(self, page, repo):
        self.page, self.repo = page, repo

    def do(self, section, button):
        """Press a button, and return the command line when it is done and the page is up to date."""
        card = self.page.locator(f"#{section}")
        with self.page.expect_response(lambda one: one.url.endswith("/steer")):
            with self.page.expect_response(lambda one: one.request.method == "POST") as answer:
                card.get_by_role("button", name=button, exact=True).click()
            job = answer.value.json()
        assert job["exit_code"] == 0, job["notes"]
        return job["line"]

    def add(self, version):
        """Add a release that was built here."""
        self.page.locator("#add-version").fill(version)
        self.page.locator("#platform").fill(HERE)
        self.page.locator("#path").fill(str(self.repo.build(version)))
        return self.do("add", "Add it")

    def start(self, version, strategy, reason):
        """Prepare a rollout."""
        self.page.locator("#start-version").select_option(version)
        self.page.locator("#strategy").select_option(strategy)
        self.page.locator("#start-reason").fill(reason)
        return self.do("start", "Prepare it")

    def recall(self, version, recalled, reason):
        """Prepare a recall."""
        self.page.locator("#recall-version").select_option(version)
        self.page.locator("#recalled").fill(recalled)
        self.page.locator("#recall-reason").fill(reason)
        return self.do("recall", "Prepare it")

    def pick(self, count, version, reason):
        """Order a release to the first hosts of the list."""
        self.page.locator("#rows tr").first.wait_for()
        for box in self.page.locator("#rows input").all()[:count]:
            box.check()
        self.page.get_by_text(f"{count} hosts are ticked").wait_for()
        self.page.locator("#update-version").select_option(version)
        self.page.locator("#update-reason").fill(reason)
        return self.do("hosts", "Prepare it")

    def order_again(self, version):
        """Order a release once more to everybody whom a search finds, and take that back."""
        self.page.locator("#running").fill("==1.4.2")
        self.page.locator("form[data-find]").get_by_role("button", name="Find").click()
        self.page.get_by_text("18 hosts, page 1 of 1").wait_for()
        self.page.get_by_text("tidegate agents list --running===1.4.2").wait_for()
        self.page.locator("#matching").check()
        self.page.locator("#update-version").select_option(version)
        self.page.locator("#retry").fill("1")
        line = self.do("hosts", "Prepare it")
        self.do("staged", "Take it back")
        return line

    def bring_out(self):
        """Sign what is prepared, and publish it."""
        self.page.get_by_role("button", name="Sign all of it").wait_for()
        self.do("staged", "Sign all of it")
        self.page.get_by_text("Everybody who must has signed").wait_for()
        self.do("staged", "Publish")
        self.page.get_by_text("Nothing is prepared.").wait_for()

    def look(self, name):
        """Take a picture of the page."""
        self.page.screenshot(path=STEPS / f"{name}.png", full_page=True)

    def go(self, name):
        """Go to a page by its link."""
        self.page.get_by_role("link", name=name, exact=True).first.click()
        self.page.get_by_role("heading", level=1).wait_for()


@pytest.fixture
def fleet(real_time, tmp_path):
    """A fleet that runs 1.4.2, four hosts of it in canary."""
    repo = Workspace(shutil.copytree(real_time, tmp_path / "place"))
    (tmp_path / "box").mkdir()
    chorus = Chorus(Collection(repo, tmp_path / "box"), datetime.now(UTC) - timedelta(days=1))
    for wave, count in (("canary", 4), ("full", 14)):
        chorus.join(chorus.names(wave, count))
    chorus.say(fleet_names(chorus), {"stage": "heartbeat"}, running="1.4.2")
    chorus.collection.collect()
    return chorus


def fleet_names(chorus):
    """Return every host."""
    return [*chorus.names("canary", 4), *chorus.names("full", 14)]


@pytest.fixture
def manager(fleet, tmp_path):
    """Somebody who came in by the link."""
    STEPS.mkdir(parents=True, exist_ok=True)
    repo = fleet.collection.repo
    with (
        opened(repo, tmp_path / "session.json") as console,
        chromium() as browser,
        browser.new_context() as context,
    ):
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.goto(console.link)
        found = Manager(page, repo)
        found.page.set_viewport_size(DESK)
        found.go("Steer")
        yield found


def publish_what_fails(manager, fleet):
    """Add 1.5.0, start it gated, sign and publish."""
    page = manager.page
    manager.look("before")
    manager.add("1.5.0")
    expect(page.locator("#start-version")).to_have_value("1.5.0", timeout=PATIENCE_MS)
    expect(page.locator("#brake-version")).to_have_value("")
    see_the_plan(manager)
    manager.start("1.5.0", "gated", "July release")
    manager.look("prepared")
    manager.bring_out()


def see_the_plan(manager):
    """Who takes it, when, what they download, and who must sign stand there before anything is prepared."""
    section = manager.page.locator("#start")
    section.get_by_role("button", name="Show what it would do").click()
    rows = section.locator("output tbody tr")
    expect(rows).to_have_count(3, timeout=PATIENCE_MS)
    assert [row.locator("td").nth(1).inner_text() for row in rows.all()] == ["4", "0", "14"]
    assert "on evidence" in rows.nth(1).inner_text()
    told = section.locator("output").inner_text()
    assert ("in an hour" in told, "must be signed by: agent.stable.canary" in told) == (True, True)
    manager.look("plan")


def see_canary_fail(manager, fleet):
    """Every canary host goes back; all pages are looked at."""
    page = manager.page
    fleet.at = datetime.now(UTC)
    canary = fleet.names("canary", 4)
    fleet.say(canary, *BACK, rollout="stable-0002", to="1.5.0", running="1.4.2", detail="out of memory")
    fleet.collection.collect()
    for name in ("Fleet", "Rollout", "Failures", "History", "Audit"):
        manager.go(name)
        manager.look(name.lower())
        if name in {"Rollout", "Failures"}:
            page.get_by_text("rolled back").first.wait_for()


def recall_it(manager, fleet):
    """Send hosts back to 1.4.2."""
    manager.go("Steer")
    assert "rollout recall --from===1.5.0" in manager.recall("1.4.2", "==1.5.0", "out of memory")
    manager.bring_out()


def order_what_mends_it(manager, fleet):
    """Add 1.5.1, and order it to twelve hosts."""
    manager.add("1.5.1")
    manager.bring_out()
    assert "agents select --running===1.4.2 --retry=1 agent/stable 1.5.1" in manager.order_again("1.5.1")
    line = manager.pick(12, "1.5.1", "before everybody else")
    assert (line.count("--id="), line.endswith("agent/stable 1.5.1")) == (12, True)
    manager.look("twelve")
    manager.bring_out()


def promote_it(manager, fleet):
    """Start 1.5.1, and promote it to every wave."""
    page = manager.page
    canary = fleet.names("canary", 4)
    manager.start("1.5.1", "manual", "mends 1.5.0")
    manager.bring_out()
    fleet.at = datetime.now(UTC)
    fleet.say(canary, *SWITCHED, rollout="stable-0005", to="1.5.1", running="1.5.1")
    fleet.collection.collect()
    for wave in ("early", "full"):
        page.locator("#going input[name=early]").check()
        assert "rollout promote --early" in manager.do("going", "Promote")
        page.get_by_text(f"agent.stable.{wave}: ").first.wait_for()
        manager.bring_out()


@pytest.mark.slow
def test_a_release_manager_recalls_what_fails_and_brings_out_what_mends_it(manager, fleet):
    """Publish 1.5.0 gated, see canary fail, recall, order 1.5.1 to twelve hosts first, promote it to all."""
    for step in (publish_what_fails, see_canary_fail, recall_it, order_what_mends_it, promote_it):
        step(manager, fleet)
    page, repo = manager.page, manager.repo
    orders = repo.do("rollout", "status", "stable")["waves"]
    assert [one["order"]["version"] for one in orders] == ["1.5.1", "1.5.1", "1.5.1"]
    log = repo.run("log").stdout
    assert all(
        reason in log for reason in ("July release", "out of memory", "before everybody", "mends 1.5.0")
    )
    assert Reader(page, page.url).unfit("story/after") == {}
