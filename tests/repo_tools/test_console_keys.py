"""Who signs is shown before anything is typed into the console, and what is typed opens keys once."""

import os
import subprocess
import sys

import boto3
import pytest

from tests.support import localstack, softhsm
from tests.support.chromium import PATIENCE_MS, chromium
from tests.support.console import opened
from tests.support.workspace import PRODUCT, Workspace

PHRASE = "four random words here"
FOUNDED = ("--product", PRODUCT, "--solo")


@pytest.fixture(scope="module")
def browser():
    """A running Chromium."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def page(browser):
    """A page of it."""
    with browser.new_context() as context:
        context.set_default_timeout(PATIENCE_MS)
        yield context.new_page()


def apart(work, *words):
    """Run a command as a process of its own: libraries of tokens keep the first settings that they see."""
    line = [sys.executable, "-m", "repo_tools", "-C", str(work.folder), *map(str, words)]
    subprocess.run(line, env={**os.environ, **work.environ}, check=True, capture_output=True)


def steering(page, console):
    """Enter, and wait for the page from which to steer."""
    page.goto(console.link)
    page.get_by_role("link", name="Steer").click()
    page.get_by_role("heading", name="Keys that are here").wait_for()


def signed(page, field, secret):
    """Type what opens a key, and sign."""
    page.locator(field).fill(secret)
    page.get_by_role("button", name="Sign all of it").click()


def test_a_pin_is_typed_into_the_page(page, tmp_path):
    """The token's key and its id stand there before its PIN is asked for; a wrong PIN signs nothing."""
    token = softhsm.token(tmp_path / "softhsm")
    work = Workspace(tmp_path / "place")
    work.secrets = {**token.environ, "TIDEGATE_PIN": softhsm.PIN}
    apart(work, "key", "new", "token", "--uri", token.make(2, "prime256v1"), "--owner", "alice@example.com")
    apart(
        work,
        "init",
        work.folder,
        *FOUNDED,
        "--store",
        work.store,
        "--no-passphrase",
        "--key",
        "rollouts=token",
    )
    apart(work, "publish")
    work.secrets = dict(token.environ)
    work.do("policy", "stable", "--poll", "10m")
    keyid = next(one["keyid"] for one in work.do("key", "list") if one["name"] == "token")
    with opened(work, tmp_path / "session.json") as console:
        steering(page, console)
        told = page.locator("#hands").inner_text()
        assert "token (alice@example.com)" in told
        assert keyid[:16] in told
        assert page.locator("#passphrase").count() == 0
        signed(page, "#pin", "654321")
        page.locator("#staged output", has_text="key token does not sign agent.stable").wait_for()
        signed(page, "#pin", softhsm.PIN)
        page.get_by_text("Everybody who must has signed").wait_for()
        assert softhsm.PIN not in console.get("jobs").text


@pytest.fixture
def locked(tmp_path):
    """A workspace in which a policy waits for a key that needs its passphrase."""
    work = Workspace(tmp_path)
    work.secrets = {"TIDEGATE_PASSPHRASE": PHRASE}
    work.do("init", work.folder, *FOUNDED, "--store", work.store)
    work.do("publish")
    work.do("policy", "stable", "--poll", "10m")
    work.secrets = {}
    return work


def test_without_javascript_no_passphrase_gets_into_an_address(browser, locked, tmp_path):
    """The disaster: a form that the browser sends by itself puts what was typed into its history."""
    with (
        opened(locked, tmp_path / "session.json") as console,
        browser.new_context(java_script_enabled=False) as context,
    ):
        page = context.new_page()
        steering(page, console)
        page.get_by_text("What can be done here needs JavaScript").wait_for()
        for field in ("#passphrase", "#brake button", "#search"):
            page.locator(field).first.wait_for(state="hidden")
        assert {one.get_attribute("method") for one in page.locator("form[data-post]").all()} == {"post"}


def test_a_passphrase_is_typed_into_the_page(page, locked, tmp_path):
    """Keys in files say that they need one; it opens those of signing and of publishing, and is not kept."""
    work = locked
    with opened(work, tmp_path / "session.json") as console:
        steering(page, console)
        assert "Needs your passphrase" in page.locator("#hands").inner_text()
        assert page.locator("#pin").count() == 0
        signed(page, "#passphrase", PHRASE)
        page.get_by_text("Everybody who must has signed").wait_for()
        page.locator("#passphrase").fill(PHRASE)
        page.get_by_role("button", name="Publish", exact=True).click()
        page.get_by_text("Nothing is prepared.").wait_for()
        assert PHRASE not in console.get("jobs").text


def test_a_key_service_signs_from_the_page(page, tmp_path):
    """Nothing is typed for a key in a key service: whoever may use it may sign."""
    (tmp_path / "service").mkdir()
    with localstack.running(tmp_path / "service") as environ:
        work = Workspace(tmp_path / "place")
        work.secrets = environ
        apart(work, "key", "new", "service", "--uri", f"awskms:{made_in(environ)}")
        usual = ("--store", work.store, "--no-passphrase", "--key", "rollouts=service")
        apart(work, "init", work.folder, *FOUNDED, *usual)
        apart(work, "publish")
        work.do("policy", "stable", "--poll", "10m")
        with opened(work, tmp_path / "session.json") as console:
            steering(page, console)
            assert "Needs nothing typed" in page.locator("#hands").inner_text()
            assert page.locator("#staged input[type=password]").count() == 0
            page.get_by_role("button", name="Sign all of it").click()
            page.get_by_text("Everybody who must has signed").wait_for()
            page.get_by_role("button", name="Publish", exact=True).click()
            page.get_by_text("Nothing is prepared.").wait_for()


def made_in(environ):
    """Make a key in the service, and return its id."""
    kms = boto3.client(
        "kms",
        endpoint_url=environ["AWS_ENDPOINT_URL_KMS"],
        region_name=environ["AWS_DEFAULT_REGION"],
        aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
    )
    made = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    return made["KeyMetadata"]["KeyId"]
