"""A real Chromium that looks at pages, and notes all that it runs, loads and complains about."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tests.conftest import ROOT

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""What a browser in a test must not do: ask anybody else, or need a sandbox that root has none of."""
PATIENCE_MS = 300_000
"""A browser on a busy machine takes its time."""
PHONE, DESK = ViewportSize(width=390, height=800), ViewportSize(width=1200, height=800)
LOOKS: Mapping[str, tuple[Literal["light", "dark"], ViewportSize]] = {
    "light": ("light", DESK),
    "dark": ("dark", DESK),
    "light-phone": ("light", PHONE),
    "dark-phone": ("dark", PHONE),
}
"""Every way in which pages are looked at: colours, and size of the window."""
PICTURES = ROOT / ".cache" / "screenshots"
"""For people to look at."""


@dataclass
class Reader:
    """Somebody who reads pages."""

    page: Page
    url: str
    """The address of the index."""
    troubles: list[str] = field(default_factory=list)
    """Errors of scripts, what the console complains of, dialogs."""
    asked: list[str] = field(default_factory=list)
    """Every address that the browser asked for."""

    def open(self, title: str = "Fleet") -> None:
        """Open the page of this name, by way of the index."""
        self.page.goto(self.url)
        self.page.get_by_role("navigation").get_by_role("link", name=title, exact=True).click()
        self.page.get_by_role("heading", level=1).wait_for()

    @property
    def text(self) -> str:
        """What is on the page."""
        return self.page.inner_text("main")

    def serious(self) -> list[str]:
        """Return what axe-core finds serious or critical."""
        self.page.evaluate(AXE_SCRIPT)
        found = self.page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
        return [
            f"{one['id']}: {one['nodes'][0]['html']}"
            for one in found
            if one["impact"] in {"serious", "critical"}
        ]

    def unfit(self, name: str) -> dict[str, list[str]]:
        """Return what axe finds, and whether something is cut off, by look; leave a picture of each."""
        found = {}
        PICTURES.mkdir(parents=True, exist_ok=True)
        for look, (scheme, size) in LOOKS.items():
            self.page.emulate_media(color_scheme=scheme)
            self.page.set_viewport_size(size)
            cut = self.page.evaluate("document.documentElement.scrollWidth > innerWidth")
            found[look] = [*self.serious(), *(["wider than the window"] if cut else [])]
            self.page.screenshot(path=PICTURES / f"{name}-{look}.png", full_page=True)
        return {look: troubles for look, troubles in found.items() if troubles}


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a browser until the block ends; skips the test where there is none."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=list(FLAGS), timeout=PATIENCE_MS)
        yield browser
        browser.close()


@contextmanager
def reading(browser: Browser, url: str, **how: Any) -> Iterator[Reader]:
    """Read pages until the block ends.

    Args:
        browser: Which browser.
        url: The address of the index.
        how: What else the reader has, as Playwright names it.
    """
    context = browser.new_context(**{"viewport": DESK, **how})
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    reader = Reader(page, url)
    page.on("pageerror", lambda error: reader.troubles.append(str(error)))
    page.on("console", lambda message: _note(reader, message))
    page.on("dialog", lambda dialog: _refuse(reader, dialog))
    page.on("request", lambda request: reader.asked.append(request.url))
    yield reader
    context.close()


def _refuse(reader: Reader, dialog: Any) -> None:
    reader.troubles.append(dialog.message)
    dialog.dismiss()


def _note(reader: Reader, message: Any) -> None:
    if message.type in {"error", "warning"}:
        reader.troubles.append(message.text)
