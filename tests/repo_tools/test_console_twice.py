"""The console's page when clicks come twice, answers late, and the line is cut for a while."""

import pytest
from playwright.sync_api import Route, expect

from tests.support.chromium import chromium
from tests.support.console import opened


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
