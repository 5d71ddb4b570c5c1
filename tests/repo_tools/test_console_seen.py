"""The console in a real browser: a rollout from form to store, and hosts that attack whoever looks."""

import os
import shutil
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tests.bench import large
from tests.support.chromium import DESK, PHONE, Reader, chromium, reading
from tests.support.console import opened
from tests.support.dashboards import Seen
from tests.support.workspace import HERE

WATCHED = """
window.bars = [];
new MutationObserver(() => {
  for (const bar of document.querySelectorAll("#jobs progress")) window.bars.push(bar.position);
}).observe(document.getElementById("jobs"), { childList: true, subtree: true });
"""
"""Notes how full the bars are that stand on the page, while they do."""
ATTACK = "<img src=/hit onerror=window.hit=1>"


@pytest.fixture(scope="module")
def browser():
    """A running Chromium."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def steering(browser, rolled, tmp_path):
    """A person who came in by the link, at the page from which to steer; 1.5.0 is added."""
    rolled.add("1.5.0")
    with opened(rolled, tmp_path / "session.json") as console, browser.new_context() as context:
        page = context.new_page()
        page.goto(console.link)
        page.get_by_role("link", name="Steer").click()
        page.get_by_role("heading", name="Steer", level=1).wait_for()
        yield page


def do(page, section: str, button: str) -> str:
    """Press a button of a section, and return what is said when it is done."""
    card = page.locator(f"#{section}")
    card.get_by_role("button", name=button, exact=True).click()
    said = card.locator("output code")
    said.first.wait_for()
    return str(card.locator("output").first.inner_text())


def test_the_way_in_complains_of_nothing(browser, rolled, tmp_path):
    """From the link to the pages the browser finds all that it asks for, the picture of the tab, too."""
    with opened(rolled, tmp_path / "session.json") as console, reading(browser, console.link) as reader:
        reader.page.goto(reader.url)
        reader.page.get_by_role("link", name="History").click()
        reader.page.get_by_role("heading", name="History", level=1).wait_for()
        assert reader.troubles == []


def test_a_rollout_is_steered_from_the_first_form_to_the_store(steering, rolled):
    """Plan, prepare, sign, publish, brake: each shows its command, and the store has what was published."""
    steering.locator("#start-version").select_option("1.5.0")
    steering.locator("#strategy").select_option("manual")
    planned = do(steering, "start", "Show what it would do")
    assert "tidegate rollout plan --strategy=manual agent/stable 1.5.0" in planned
    assert "must be signed by: agent.stable.canary" in planned
    assert "nothing was collected yet" in planned
    steering.locator("#start-reason").fill("July release")
    assert "July release" in do(steering, "start", "Prepare it")
    steering.get_by_text("agent.stable.canary: 1.4.2 → 1.5.0").first.wait_for()
    assert "tidegate sign --yes" in do(steering, "staged", "Sign all of it")
    steering.get_by_text("signed by rollouts").first.wait_for()
    assert "tidegate publish" in do(steering, "staged", "Publish")
    steering.get_by_text("Nothing is prepared.").wait_for()
    desk = rolled.desk().published()
    assert "1.5.0" in str(rolled.do("rollout", "status", "stable")["waves"][0]["order"]["version"])
    assert desk.tree.live_view("agent.stable.canary") is not None
    steering.locator("#brake-reason").fill("crash loops")
    assert "tidegate brake" in do(steering, "brake", "Brake")
    steering.get_by_role("link", name="Rollout").click()
    steering.get_by_role("link", name="Brake").click()
    steering.get_by_role("heading", name="Brake").wait_for()


def test_what_was_prepared_after_the_page_was_read_is_shown_before_it_is_signed(steering, rolled):
    """Nobody signs with one click what somebody else prepared meanwhile; the next click signs both."""
    rolled.do("policy", "stable", "--poll", "10m")
    assert "no longer what was read" in do(steering, "staged", "Sign all of it")
    steering.locator("#staged li", has_text="agent.stable: ").wait_for()
    assert not any(one["signed"] for one in rolled.do("status")["signatures"])
    steering.locator("#staged").get_by_role("button", name="Sign all of it").click()
    steering.get_by_text("Everybody who must has signed").wait_for()


def test_a_channel_is_offered_the_versions_of_its_own_product(browser, tmp_path):
    """Versions of another product cannot be chosen, its newest stands first; a release says whose it is."""
    work = large.founded(tmp_path / "place", str(tmp_path / "store"), 2)
    work.do("release", "add", "2.0.0", work.build("2.0.0"), "--platform", HERE, "--product", "relay")
    with opened(work, tmp_path / "session.json") as console, browser.new_context() as context:
        page = context.new_page()
        page.goto(console.link)
        page.get_by_role("link", name="Steer").click()
        page.locator("#rows").wait_for(state="attached")
        for channel, newest in (("relay/stable", "2.0.0"), ("agent/beta", "1.0.1")):  # nothing was collected
            page.locator("#find-channel").select_option(channel)
            expect(page.locator("#update-version")).to_have_value(newest)
        for channel, versions in (
            ("relay/stable", ["2.0.0", "1.0.1", "1.0.0"]),
            ("agent/beta", ["1.0.1", "1.0.0"]),
        ):
            page.locator("#start-channel").select_option(channel)
            offered = page.locator("#start-version option:not([disabled])")
            expect(offered).to_have_text(versions)
            expect(page.locator("#start-version")).to_have_value(versions[0])
        expect(page.locator("#product option")).to_have_text(["agent", "relay", "store"])


def test_no_action_chooses_a_channel_anew(browser, tmp_path):
    """The disaster: somebody promotes, or brakes, in a product that the page chose in the meantime."""
    work = large.founded(tmp_path / "place", str(tmp_path / "store"), 2)
    with opened(work, tmp_path / "session.json") as console, browser.new_context() as context:
        page = context.new_page()
        page.goto(console.link)
        page.get_by_role("link", name="Steer").click()
        chosen = {"#going-channel": "agent/beta", "#brake-channel": "relay/stable"}
        for select, channel in chosen.items():
            page.locator(select).select_option(channel)
        assert "tidegate brake relay/stable" in do(page, "brake", "Brake")
        page.locator("#brake output a").wait_for()
        for select, channel in chosen.items():
            expect(page.locator(select)).to_have_value(channel)


def test_a_brake_goes_out_alone(steering, rolled):
    """It waits for no signer of what else is prepared, and brings nothing of that out."""
    do(steering, "brake", "Brake")
    steering.locator("#brake output a").wait_for()
    assert "--role=agent.stable.brake" in do(steering, "staged", "Sign what is ticked")
    steering.get_by_text("Signed. Hosts see it once it is published.").wait_for()
    assert "--role=agent.stable.brake" in do(steering, "staged", "Publish what is ticked")
    expect(steering.locator("#braked")).to_contain_text("The brake of agent/stable is on.")
    assert rolled.do("rollout", "status", "stable")["brake"]["hold"]
    assert list(rolled.desk().tree.staged()) == ["agent.releases"]


def test_a_page_whose_console_has_ended_says_so(browser, rolled, tmp_path):
    """Who presses the brake there learns at once that nothing is braked, and what works instead."""
    with browser.new_context() as context:
        page = context.new_page()
        with opened(rolled, tmp_path / "session.json") as console:
            page.goto(console.link)
            page.get_by_role("link", name="Steer").click()
            page.get_by_text("nothing was collected yet").wait_for()
            expect(page.locator("#gone")).to_be_hidden()
        expect(page.locator("#gone")).to_contain_text("tidegate brake works without it")
        page.locator("#brake").get_by_role("button", name="Brake", exact=True).click()
        expect(page.locator("#brake output")).to_contain_text("No answer came")


def test_a_plan_goes_when_what_was_planned_is_changed(steering):
    """The disaster: the plan of a gated rollout stands beside the button that starts everybody at once."""
    steering.locator("#strategy").select_option("gated")
    assert "--strategy=gated" in do(steering, "start", "Show what it would do")
    steering.locator("#strategy").select_option("immediate")
    expect(steering.locator("#start output")).to_be_hidden()


def test_every_action_says_what_comes_next(steering, rolled):
    """The disaster: "done" is read as braked; and what is complete is offered to be paused."""
    going = steering.locator("#going")
    going.get_by_text("No rollout is under way").wait_for()
    assert not going.get_by_role("button", name="Pause", exact=True).is_visible()
    do(steering, "brake", "Brake")
    steering.get_by_text("Nothing is braked until it is signed and published").wait_for()
    assert steering.locator("#brake output a").get_attribute("href") == "#staged"
    steering.locator("#staged input[type=checkbox]:checked").uncheck()
    do(steering, "staged", "Take it back")
    steering.get_by_text("Taken back: what was prepared is gone.").wait_for()
    steering.get_by_text("Nothing is prepared.").wait_for()
    rolled.add("1.5.0")
    steering.reload()
    steering.locator("#start-version").select_option("1.5.0")
    steering.locator("#strategy").select_option("manual")
    do(steering, "start", "Prepare it")
    steering.locator("#start output a").wait_for()
    do(steering, "staged", "Sign all of it")
    steering.get_by_text("Hosts see it once it is published").wait_for()
    steering.get_by_text("signed by rollouts").first.wait_for()
    do(steering, "staged", "Publish")
    going.get_by_text("The rollout that is under way").wait_for()
    going.get_by_text("1.5.0, stable-0002.").wait_for()
    assert going.get_by_role("button", name="Pause", exact=True).is_visible()


def test_what_goes_on_is_paused_and_braked_and_let_go_again(steering, rolled):
    """Pause, resume, brake and lift from the page: hosts are ordered just that once it is published."""

    def brought_out(section, button):
        said = do(steering, section, button)
        steering.get_by_role("button", name="Sign all of it").click()
        steering.get_by_text("Everybody who must has signed").wait_for()
        do(steering, "staged", "Publish")
        steering.get_by_text("Nothing is prepared.").wait_for()
        found = rolled.do("rollout", "status", "stable")
        return said, found["waves"][0]["order"]["state"], [one["rollout"] for one in found["brake"]["hold"]]

    rolled.publish_release("1.5.0", strategy="manual")
    steering.reload()
    said, state, held = brought_out("going", "Pause")
    assert ("tidegate rollout pause agent/stable" in said, state, held) == (True, "hold", [])
    said, state, held = brought_out("going", "Resume")
    assert ("tidegate rollout resume agent/stable" in said, state, held) == (True, "go", [])
    said, state, held = brought_out("brake", "Brake")
    both = ["stable-0001", "stable-0002"]  # the other waves are ordered the first one still
    assert ("tidegate brake agent/stable" in said, state, held) == (True, "go", both)
    expect(steering.locator("#braked")).to_contain_text("It holds stable-0001, stable-0002 since")
    expect(steering.locator("#promote")).to_have_class("quiet")
    said, state, held = brought_out("brake", "Lift all of it")
    assert ("tidegate brake --release agent/stable" in said, state, held) == (True, "go", [])
    expect(steering.locator("#braked")).to_be_empty()
    expect(steering.locator("#promote")).to_have_class("go")


def test_a_release_that_is_added_shows_how_far_it_is(steering, tmp_path):
    """What takes long has a bar that fills, and its command beside it."""
    source = tmp_path / "build"
    source.mkdir()
    (source / "agent").write_bytes(os.urandom(8 << 20))
    steering.evaluate(WATCHED)
    steering.locator("#add-version").fill("1.6.0")
    steering.locator("#platform").fill(HERE)
    steering.locator("#path").fill(str(source))
    steering.locator("#probe").fill("agent --version")
    steering.locator("#expect").fill("{version}")
    said = do(steering, "add", "Add it")
    assert "'--expect={version}'" in said
    bars = steering.evaluate("window.bars")
    assert bars == sorted(bars)
    assert bars[-1] > 0


def test_everybody_can_steer(steering):
    """With a screen reader, a keyboard, in light or dark or on a phone: nothing serious, nothing cut off."""
    assert Reader(steering, steering.url).unfit("console-steer") == {}
    steering.keyboard.press("Tab")
    assert steering.evaluate("document.activeElement.textContent") == "Skip to the content"


def test_the_brake_is_always_in_sight(steering):
    """However far down a page somebody is, the way to the brake is on the screen, and leads there."""
    for size in (DESK, PHONE):
        steering.set_viewport_size(size)
        steering.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        link = steering.get_by_role("banner").get_by_role("link", name="Brake")
        expect(link).to_be_in_viewport(ratio=1)
        link.click()
        expect(steering.get_by_role("heading", name="Brake")).to_be_in_viewport(ratio=1)


def test_what_hosts_say_is_text_here_too(browser, real_time, tmp_path):
    """The disaster: a host's report signs with the keys of whoever looks at it."""
    seen = Seen(shutil.copytree(real_time, tmp_path / "place"))
    chorus = seen.rollout.chorus
    names = chorus.names("canary", 2)
    chorus.at = seen.rollout.start - timedelta(hours=1)
    chorus.join(names)
    failure = {"stage": "update_healthcheck", "outcome": "failed"}
    seen.rollout.tell(names, failure, reason=ATTACK, detail=ATTACK)
    seen.rollout.collection.collect()
    with opened(seen.repo, tmp_path / "session.json") as console, browser.new_context() as context:
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(console.link)
        for place in ("Failures", "Steer"):
            page.get_by_role("link", name=place).click()
            page.get_by_text(ATTACK).first.wait_for()
        page.get_by_role("link", name="Hosts").click()
        page.get_by_label("Part of an id").fill(names[0])
        page.get_by_role("button", name="Find").click()
        for title in ("Hosts", names[0]):
            if title != "Hosts":
                page.get_by_role("link", name=title, exact=True).click()
                page.get_by_text(ATTACK).first.wait_for()
            page.get_by_role("heading", level=1, name=title).wait_for()
            assert Reader(page, page.url).unfit(f"console-{'hosts' if title == 'Hosts' else 'host'}") == {}
        assert page.evaluate("window.hit") is None
        assert not [url for url in asked if url.endswith("/hit")]
