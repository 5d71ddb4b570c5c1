"""The console's page when clicks come twice, answers late, and the line is cut for a while."""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import Route, expect

from tests.support.chorus import Chorus
from tests.support.chromium import PATIENCE_MS, chromium
from tests.support.collection import Collection
from tests.support.console import opened
from tests.support.host import eventually
from tests.support.wire import wired


@pytest.fixture(scope="module")
def browser():
    """A running Chromium."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def console(rolled, tmp_path):
    """A console that is open."""
    with opened(rolled, tmp_path / "session.json") as console:
        yield console


@pytest.fixture
def page(browser, rolled, console):
    """The page from which to steer, while 1.5.0 is in canary."""
    rolled.publish_release("1.5.0", strategy="manual")
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(console.link)
        page.get_by_role("link", name="Steer").click()
        page.get_by_text("nothing was collected yet").wait_for()
        yield page


def test_a_double_click_promotes_once(page, console, rolled):
    """The disaster: a hand that trembles prepares two waves, where one was to be seen first."""
    page.locator("#widen input[name=early]").check()
    with rolled.desk().workspace.alone():
        page.get_by_role("button", name="Promote", exact=True).dblclick()
    expect(page.locator("#going output")).to_contain_text("Prepared")
    assert [one["exit_code"] for one in console.get("jobs").json()] == [0]
    assert rolled.desk().tree.staged() == ["agent.stable.early"]


def test_a_plan_keeps_nobody_waiting(page):
    """Who brakes while a plan is made is not held up, and reads no plan where it says what was done."""
    plans: list[Route] = []
    page.route("**/brake", lambda route: plans.append(route) if not plans else route.continue_())
    brake = page.locator("#brake")
    brake.get_by_role("button", name="Show what it would do").click()
    brake.get_by_role("button", name="Brake", exact=True).click()
    expect(brake.locator("output")).to_contain_text("Nothing is braked until")
    with page.expect_response("**/brake"):
        plans[0].continue_()
    expect(brake.locator("output")).to_contain_text("Nothing is braked until")


def test_a_job_that_ended_while_the_line_was_cut_is_shown_as_ended(browser, rolled, console):
    """The disaster: a brake failed while the line was cut, and the page says for good that it runs."""
    with wired(console.url) as wire, browser.new_context(proxy={"server": wire.url}) as context:
        page = context.new_page()
        page.goto(console.link)
        page.get_by_role("link", name="Steer").click()
        with rolled.desk().workspace.alone():
            later = {"prefer": "respond-async"}
            console.post("brake", headers=later, channel="stable", version="9.9.9")
            expect(page.locator("#jobs .badge")).to_have_text("running")
            wire.cut()
            expect(page.locator("#gone")).to_be_visible()
        eventually(lambda: console.get("jobs/1").json()["state"] == "done")
        wire.mend()
        expect(page.locator("#jobs .badge")).to_have_text("exit 2", timeout=PATIENCE_MS)
        expect(page.locator("#gone")).to_be_hidden()


def keep(late: list[Route], route: Route) -> None:
    """Hold a request back."""
    late.append(route)


def test_an_order_goes_to_the_search_that_is_shown(page, rolled, tmp_path):
    """The disaster: a wide search is answered last, or the next one fails, and the wide one is ordered."""
    (tmp_path / "box").mkdir()
    collection = Collection(rolled, tmp_path / "box")
    Chorus(collection, datetime.now(UTC)).join(["host-0"])
    collection.collect()
    late: list[Route] = []
    page.route("**/agents?*search=host-0&*", lambda route: keep(late, route))
    search, find = page.locator("#search"), page.get_by_role("button", name="Find", exact=True)
    for text in ("host-0", "host-000123"):
        search.fill(text)
        find.click()
    expect(page.locator("#found")).to_contain_text("--search=host-000123")
    with page.expect_response("**/agents?*search=host-0&*"):
        late[0].continue_()
    page.locator("#matching").check()
    page.locator("#update-version").select_option("1.5.0")
    page.locator("#hosts").get_by_role("button", name="Show what it would do").click()
    expect(page.locator("#hosts output code")).to_contain_text("--search=host-000123")
    page.locator("#running").fill("zzz")
    find.click()
    expect(page.locator("#found")).to_contain_text("zzz")
    expect(page.locator("#matching")).to_be_disabled()
    expect(page.locator("#matching")).not_to_be_checked()
    expect(page.locator("#rows tr")).to_have_count(0)
