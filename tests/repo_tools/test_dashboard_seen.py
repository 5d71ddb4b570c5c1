"""The dashboard in a real browser: with script and without, light and dark, on a phone, and under attack."""

import shutil
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.support.chromium import chromium, reading
from tests.support.dashboards import Seen
from tests.support.nginx import serving

PAGES = ("Fleet", "Rollout", "Failures", "History", "Audit")
ATTACKS = {
    "script": "<script>window.hit=1</script>",
    "image": "\"'><img src=/hit onerror=window.hit=1>",
    "link": "javascript:window.hit=1",
    "style": "</style><style>*{display:none}</style><link rel=stylesheet href=//attack.example.com/x.css>",
    "vector": "<svg/onload=window.hit=1>",
    "template": "{{ 7*7 }}{% raw %}${7*7}",
    "hidden": "\u202etxt.exe\u202c\u2066\u200b\u0000\u001b[31m",
    "huge": "A" * 900 + "\u0301" * 50,
}


@pytest.fixture(scope="module")
def seen(real_time, tmp_path_factory):
    """A fleet in which one host writes nothing but attacks, and a dashboard that names hosts."""
    seen = Seen(shutil.copytree(real_time, tmp_path_factory.mktemp("seen") / "place"))
    attack = "".join(ATTACKS.values())
    every = dict.fromkeys(("reason", "detail", "running", "to", "from_", "wave"), attack)
    said: dict[str, Any] = {
        **every,
        "labels": dict(zip(ATTACKS.values(), ATTACKS.values(), strict=True)),
        "clock": {attack: attack},
    }
    decision = {"rule": attack, "text": attack, "version": attack, attack: attack}
    chorus = seen.rollout.chorus
    names = chorus.names("canary", 7)[6:]
    chorus.at = seen.rollout.start - timedelta(hours=1)
    chorus.join(names)
    failure = {"stage": "update_healthcheck", "outcome": "failed"}
    seen.rollout.tell(names, failure, {"stage": "heartbeat", "decision": decision}, **said)
    seen.rollout.tell(names, failure, **said, rollout=attack, after=timedelta(hours=2))
    seen.build("--full", "--yes")
    return seen


@pytest.fixture(scope="module")
def url(seen, tmp_path_factory):
    """Where nginx serves it."""
    with serving(tmp_path_factory.mktemp("nginx"), seen.repo.store, "dashboard.conf", 403) as url:
        yield f"{url}/status/"


@pytest.fixture(scope="module")
def browser():
    """A running Chromium."""
    with chromium() as browser:
        yield browser


@pytest.mark.parametrize("script", [True, False])
def test_every_page_can_be_read(browser, url, script):
    """With script or without, all pages say what they must, and nothing comes from elsewhere."""
    with reading(browser, url, java_script_enabled=script) as reader:
        shown = {}
        for name in PAGES:
            reader.open(name)
            shown[name] = reader.text
        assert "27 hosts present" in shown["Fleet"]
        assert "without a sign of life" in shown["Rollout"]
        assert "update_healthcheck" in shown["Failures"]
        assert "agent 1.5.0" in shown["History"]
        assert "Every signature in the published history holds" in shown["Audit"]
        assert {urlsplit(one).netloc for one in reader.asked} == {urlsplit(url).netloc}
        assert reader.troubles == []


@pytest.mark.parametrize("name", [*PAGES, "host", "earlier"])
def test_everybody_can_use_every_page(browser, url, name):
    """Light or dark, wide or on a phone: axe finds nothing serious, and nothing is wider than the window."""
    on_the_way = {"host": "Failures", "earlier": "Rollout"}
    with reading(browser, url, bypass_csp=True) as reader:
        reader.open(on_the_way.get(name, name))
        if name == "host":
            reader.page.locator("td", has_text="silent").locator("..").get_by_role("link").first.click()
        elif name == "earlier":
            reader.page.get_by_role("link", name="stable-0001").click()
        reader.page.get_by_role("heading", level=1).wait_for()
        assert reader.unfit(f"dashboard-{name.lower()}") == {}


def test_nothing_that_a_host_says_is_obeyed(browser, seen, url):
    """Every field of a report is an attack on the reader; all of it is shown as text, and nothing runs."""
    with reading(browser, url) as reader:
        reader.open("Failures")
        links = reader.page.locator("main a").evaluate_all("all => all.map(one => one.href)")
        for address in [*links, *(f"{url}#{name}" for name in ("history.html", "audit.html"))]:
            reader.page.goto(address)
            reader.page.get_by_role("heading", level=1).wait_for()
            assert reader.page.evaluate("window.hit") is None
            assert reader.page.locator("main :is(script, img, style, link, iframe, form)").count() == 0
            assert reader.page.locator("[href^='javascript:'], [onload], [onerror], [style]").count() == 0
            assert not set(reader.page.content()) & set("\u202e\u2066\u200b\0\x1b")
        assert {urlsplit(one).netloc for one in reader.asked} == {urlsplit(url).netloc}
        assert [one for one in reader.asked if "hit" in one] == []
        assert reader.troubles == []
        for name in ("Fleet", "Failures", "History"):
            reader.open(name)
            assert "<script>window.hit=1</script>" in reader.text
            assert len(reader.text) < 20_000


def test_what_slipped_in_would_not_run(browser, seen, url):
    """Markup that is put into a page by force is stopped by the page's own policy."""
    page = seen.status / "forced.html"
    index = (seen.status / "index.html").read_text()
    forced = "".join(ATTACKS[name] for name in ("script", "image", "vector", "style"))
    page.write_text(index.replace("</main>", f"{forced}</main>"))
    with reading(browser, url) as reader:
        reader.page.goto(f"{url}forced.html")
        reader.page.get_by_role("heading", level=1).wait_for()
        assert reader.page.evaluate("window.hit") is None
        assert reader.page.get_by_role("heading", level=1).is_visible()
        assert sum("Content Security Policy" in one for one in reader.troubles) >= 4
    page.unlink()


def test_times_are_told_in_the_readers_zone(browser, url):
    """With script a reader in Tokyo reads Tokyo's time; without, UTC, and the page says which."""
    with reading(browser, url, timezone_id="Asia/Tokyo", locale="en-GB") as reader:
        reader.open("Audit")
        assert "Times are Asia/Tokyo" in reader.page.inner_text("footer")
        assert "Z" not in reader.page.locator("main time").first.inner_text()
    with reading(browser, url, timezone_id="Asia/Tokyo", java_script_enabled=False) as reader:
        reader.open("Audit")
        assert "Times are UTC" in reader.page.inner_text("footer")
        assert reader.page.locator("main time").first.inner_text().endswith("Z")


def test_an_open_page_follows_the_newest_build(browser, seen, url):
    """A page that is open shows the next build by itself, and asks only a small file whether there is one."""
    with reading(browser, url) as reader:
        reader.page.clock.install()
        reader.open("Rollout")
        assert "The brake holds it" not in reader.text
        seen.repo.do("brake", "stable", "--reason", "crash loops")
        seen.repo.sign_and_publish()
        seen.build("--full", "--yes")
        reader.page.clock.run_for(31_000)
        reader.page.get_by_text("The brake holds it.").wait_for()
        reader.page.get_by_role("link", name="Audit").click()
        reader.page.get_by_text("What expires when").first.wait_for()
        assert reader.troubles == []


def test_a_page_that_nobody_builds_anew_tells_of_a_standstill(browser, url):
    """Nobody refreshes and nobody builds: a page says by the reader's clock that hosts start nothing."""
    later = datetime.now(UTC) + timedelta(days=2)
    note = "Hosts start nothing since"
    with reading(browser, url) as reader:
        reader.open("Rollout")
        assert note not in reader.text
        reader.page.clock.set_fixed_time(later)
        reader.open("Rollout")
        reader.page.get_by_text(note).wait_for()
        assert "unless timestamp was signed anew" in reader.text
        assert "tidegate refresh" in reader.text
        assert reader.troubles == []
    with reading(browser, url) as reader:
        reader.page.clock.install()
        reader.open("Rollout")
        reader.page.clock.fast_forward(timedelta(days=2) // timedelta(milliseconds=1))
        reader.page.get_by_text(note).wait_for()
    with reading(browser, url, java_script_enabled=False) as reader:
        reader.open("Rollout")
        assert note not in reader.text


def test_looking_for_news_costs_next_to_nothing(url):
    """The small file that open pages ask for is not sent again while it is the same."""
    first = requests.get(f"{url}status.json", timeout=60)
    again = requests.get(f"{url}status.json", headers={"If-None-Match": first.headers["etag"]}, timeout=60)
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert len(first.content) < 1_000


def test_a_link_to_a_page_stays_good(browser, seen, url):
    """The index leads to the newest build's page of a name, so that links need no build in them."""
    with reading(browser, url) as reader:
        reader.page.goto(f"{url}#rollout.agent.stable.html")
        reader.page.wait_for_url("**/builds/*/rollout.agent.stable.html")
        assert "stable-0002" in reader.text


def test_hosts_can_be_searched(browser, seen, url):
    """Of many hosts a reader finds one by a part of its name, or by what it has in common with others."""
    with reading(browser, url) as reader:
        reader.open("Failures")
        rows = reader.page.locator("table.searched tbody tr")
        everybody = rows.count()
        reader.page.get_by_label("Search").fill(seen.canary[4])
        assert [row.inner_text().split()[0] for row in rows.all() if row.is_visible()] == [seen.canary[4]]
        reader.page.get_by_label("Search").fill("")
        assert sum(row.is_visible() for row in rows.all()) == everybody > 1


def test_the_keyboard_is_enough(browser, url):
    """The first stop skips the navigation, and the pages are in reach from there."""
    with reading(browser, url) as reader:
        reader.page.goto(url)
        reader.page.keyboard.press("Tab")
        assert reader.page.evaluate("document.activeElement.textContent") == "Skip to the content"
        for _ in range(3):
            reader.page.keyboard.press("Tab")
        reader.page.keyboard.press("Enter")
        reader.page.get_by_role("heading", level=1, name="Failures").wait_for()
