"""The console: one person comes in, and what is done from it is what the same command does."""

import json
import shlex
import signal
from pathlib import Path

import click
import pytest
import requests

from repo_tools.cli import cli
from repo_tools.cli.app import App
from repo_tools.console import lines
from tests.support.console import WAIT_S, opened
from tests.support.host import eventually
from tests.support.workspace import Workspace

ACTIONS = [
    lines.Start(channel="stable", version="1.5.0", preset="fast", urgent=True, retry=1, reason="a reason"),
    lines.Start(channel="stable", version="1.5.0", preset="fast", urgent=True, dry_run=True),
    lines.Promote(channel="stable", early=True, dry_run=True),
    lines.Pause(channel="stable", waves=["canary", "early"]),
    lines.Resume(channel="agent/stable"),
    lines.Brake(channel="stable", rollout="stable-0001", reason="crash loops"),
    lines.Lift(channel="stable"),
    lines.Recall(channel="stable", version="1.4.2", recalled="==1.5.0", until="7d", waves=["canary"]),
    lines.Recall(
        channel="stable", version="1.4.2", recalled="<=1.5.0", hosts=lines.Hosts(labels={"site": "fra1"})
    ),
    lines.Update(channel="stable", version="1.5.0", hosts=lines.Hosts(ids=["host-1", "host-2"]), retry=2),
    lines.AddRelease(version="1.5.0", path="/srv/build", platform="linux-x86_64", health=["tcp:[::1]:80"]),
    lines.Sign(roles=["agent.stable.brake"], keys=["rollouts"]),
    lines.Sign(if_staged=64 * "0"),
    lines.Publish(dry_run=True),
    lines.Publish(if_staged=64 * "0"),
    lines.Unstage(),
    lines.Unstage(if_staged=64 * "0"),
    lines.Unstage(roles=["agent.stable.early"]),
]
"""One or more of each."""


@pytest.fixture
def console(rolled, tmp_path):
    """The console of a repository in which 1.5.0 is added and not published."""
    rolled.add("1.5.0")
    with opened(rolled, tmp_path / "session.json") as found:
        yield found


@pytest.mark.parametrize("action", ACTIONS, ids=lambda one: type(one).__name__)
def test_every_action_is_a_command_that_anybody_can_type(action):
    """What the console shows is read by the real parser, word for word as it is run."""
    program, *words = shlex.split(lines.shown(action.words()))
    context = click.Context(cli, info_name=program, obj=App(Path()), **cli.context_settings)
    command: click.Command = cli
    args = words
    while isinstance(command, click.Group):
        _, found, args = command.resolve_command(context, args)
        assert found is not None
        command = found
    assert command.make_context(command.name, list(args), parent=context).params
    assert words == action.words()


@pytest.mark.parametrize("text", ["--help", "-C/etc", "--reason=mine", "; rm -rf ~", "$(id)"])
def test_no_value_becomes_an_option(text):
    """The disaster: a version called --urgent, typed into a form, starts every host at once."""
    action = lines.Start(channel=text, version=text, reason=text)
    *options, mark, channel, version = action.words()
    assert (channel, version) == (text, text)
    assert f"--reason={text}" in [*options, mark]
    assert (mark == "--") == text.startswith("-")


def test_only_who_has_the_link_comes_in_and_only_once(console):
    """The link opens once, and leaves a strict cookie that is shown below one address alone."""
    browser, home = console.entered
    with browser:
        [cookie] = browser.cookies
        assert f"{console.url}{cookie.path}" == home
        assert cookie.has_nonstandard_attr("HttpOnly")
        assert cookie.get_nonstandard_attr("SameSite") == "Strict"
        assert cookie.expires is None
        page = browser.get(home, timeout=WAIT_S)
        assert (page.status_code, page.headers["referrer-policy"]) == (200, "no-referrer")
        assert console.secret not in page.text + home
        assert browser.get(f"{home}api/v1/status", timeout=WAIT_S).status_code == 200
        assert browser.get(f"{console.url}/api/v1/status", timeout=WAIT_S).status_code == 401
    assert requests.get(console.link, timeout=WAIT_S).status_code == 403


def test_the_browser_is_led_by_a_file_that_nobody_else_reads(rolled, tmp_path):
    """Everybody sees command lines: the browser's names a file, and the link stands in there."""
    seen, program = tmp_path / "seen", tmp_path / "browser"
    looks = 'f="${1#file://}"; { echo "$1"; stat -c %a "$f"; cat "$f"; }'
    program.write_text(f"#!/bin/sh\n{looks} >{seen}.new; mv {seen}.new {seen}\n")
    program.chmod(0o755)
    rolled.secrets["BROWSER"] = f"{program} %s"
    with opened(rolled, tmp_path / "session.json", options=()) as console:
        eventually(seen.exists)
        line, mode, page = seen.read_text().split("\n", 2)
        assert (line.startswith("file://"), "key=" in line, mode) == (True, False, "600")
        assert console.link in page


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_console_that_ends_takes_its_secret_along(rolled, tmp_path, end):
    """A script that waits for the next console's file would read the last one's."""
    session = tmp_path / "session.json"
    with opened(rolled, session, end=end):
        assert session.exists()
    assert not session.exists()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://evil.example.com"}, 403),
        ({"origin": "http://127.0.0.1:1"}, 403),
        ({}, 403),
        ({"host": "evil.example.com"}, 421),
    ],
)
def test_another_site_does_nothing_through_the_browser(console, headers, status):
    """The disaster: a page that the release manager has open promotes a rollout in their name."""
    browser, home = console.entered
    with browser:
        url = f"{home}api/v1/rollouts/start"
        body = {"channel": "stable", "version": "1.5.0"}
        refused = browser.post(url, json=body, headers=headers, timeout=WAIT_S)
        assert refused.status_code == status
        assert "default-src 'none'" in refused.headers["content-security-policy"]
        own = browser.post(
            url, json=body | {"dry_run": True}, headers={"origin": console.url}, timeout=WAIT_S
        )
        assert own.status_code == 200, own.text
    assert console.get("jobs").json()[0]["line"].startswith("tidegate rollout plan")


def test_a_rollout_from_the_console(console, rolled):
    """Start, sign and publish: each answers with its command line, and all of it is in the audit trail."""
    planned = console.post("rollouts/start", channel="stable", version="1.5.0", dry_run=True).json()
    assert planned["result"]["dry_run"] is True
    assert planned["line"] == "tidegate rollout plan --strategy=gated stable 1.5.0"
    assert "nothing was collected yet" in planned["result"]["forecast"]["why"]
    started = console.post(
        "rollouts/start", channel="stable", version="1.5.0", strategy="manual", reason="July"
    )
    assert started.json()["line"] == "tidegate rollout start --strategy=manual --reason=July stable 1.5.0"
    assert "agent.stable.canary" in json.dumps(console.get("status").json()["staged"])
    missing = console.post("publish")
    assert (missing.status_code, missing.json()["exit_code"]) == (409, 16)
    assert console.post("sign").status_code == 200
    assert console.post("publish").status_code == 200
    waves = console.get("rollouts/agent/stable").json()["waves"]
    assert [one["order"]["version"] for one in waves] == ["1.5.0", "1.4.2", "1.4.2"]
    assert "July" in rolled.run("log").stdout


def test_two_consoles_bring_out_nothing_that_the_other_prepared_unseen(console, rolled, tmp_path):
    """The disaster: two people prepare at once, and one signs what nobody read; neither's work is lost."""
    with opened(rolled, tmp_path / "second.json") as second:
        console.post("rollouts/start", channel="stable", version="1.5.0", strategy="manual", reason="July")
        read = console.get("status").json()["digest"]
        again = second.post("rollouts/start", channel="stable", version="1.4.2", reason="mine")
        assert again.json()["exit_code"] != 0, again.text
        second.post("brake", channel="stable", reason="crash loops")
        refused = console.post("sign", if_staged=read)
        assert (refused.status_code, refused.json()["exit_code"]) == (409, 15)
        assert "what is staged is no longer what was read" in "".join(refused.json()["notes"])
        assert console.post("unstage", if_staged=read).status_code == 409
        assert console.post("publish", if_staged=read).status_code == 409
        now = second.get("status").json()
        assert all(reason in str(now["staged"]) for reason in ("July", "crash loops"))
        assert {tuple(one["signed"]) for one in now["signatures"]} == {()}
        signed = second.post("sign", if_staged=now["digest"])
        assert signed.json()["line"] == f"tidegate sign --yes --if-staged={now['digest']}"
        assert second.get("status").json()["digest"] == now["digest"]
        assert console.post("publish", if_staged=now["digest"]).status_code == 200
    log = rolled.run("log").stdout
    assert all(reason in log for reason in ("July", "crash loops"))


def test_one_host_is_updated(console, rolled):
    """What a host would do is told with its rule; it is ordered the newest release that is published."""
    seen = console.get("agents/host-1/updates/available").json()
    assert seen["decision"]["rule"] == "base"
    rolled.sign_and_publish()
    done = console.post("agents/host-1/update", reason="asked for it")
    assert done.json()["line"] == "tidegate agents select --id=host-1 '--reason=asked for it'"
    assert done.json()["result"]["waves"][0]["name"] == "canary"
    refused = console.post("agents/host-1/update", version="9.9.9")
    assert (refused.status_code, refused.json()["exit_code"]) == (422, 13)
    assert "there is no release 9.9.9" in "".join(refused.json()["notes"])


def test_mistakes_are_told(console):
    """Unknown fields, wrong types and places that are not there are answered in words, as all errors are."""
    nul = {"channel": "stable", "version": "1.5.0", "reason": "a\0b"}
    typed, named = {"channel": "stable", "version": 7}, {"chanel": "stable", "version": "1.5.0"}
    for body in (nul, {"channel": "stable"}, typed, named):
        answer = console.post("rollouts/start", **body)
        assert answer.status_code == 400
        assert answer.json()["notes"][0].startswith("error: ")
    for place in ("brake", "sign", "agents/host-1/update"):
        empty = console.session.post(f"{console.url}/api/v1/{place}", timeout=WAIT_S)
        assert (empty.status_code, "the body is empty" in empty.json()["notes"][0]) == (400, True)
    assert console.get("jobs/99").json()["notes"] == ["error: there is no job 99"]
    assert console.post("rollouts/start", channel="none", version="1.5.0").status_code == 400


def test_trying_does_nothing(console):
    """The disaster: a script that previews every step signs with real keys; that is refused."""
    console.post("rollouts/start", channel="stable", version="1.5.0", strategy="manual")
    assert console.post("sign", dry_run=True).status_code == 400
    assert all(one["missing"] for one in console.get("status").json()["signatures"])


def test_no_code_is_read_from_where_it_was_started(rolled, tmp_path):
    """The disaster: whoever can push a file to the workspace runs code beside the keys."""
    (rolled.folder / "click.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with opened(rolled, tmp_path / "session.json", rolled.folder) as console:
        assert console.get("status").status_code == 200
    assert not (tmp_path / "ran").exists()


def test_secrets_are_used_and_not_kept(tmp_path):
    """A passphrase opens a key once; it is on no command line, in no answer, and wrong ones are refused."""
    work = Workspace(tmp_path / "place")
    work.secrets["TIDEGATE_PASSPHRASE"] = "four random words here"
    usual = ("--product", "agent", "--store", str(work.store), "--solo")
    work.do("init", work.folder, *usual)
    work.add("1.0.0")
    work.secrets.clear()
    with opened(work, tmp_path / "session.json") as console:
        assert "nobody to ask" in "".join(console.post("sign").json()["notes"])
        wrong = console.post("sign", passphrase="four other words here")
        assert wrong.json()["exit_code"] != 0
        done = console.post("sign", passphrase="four random words here")
        assert done.json()["exit_code"] == 0, done.text
        assert "random words" not in console.get("jobs").text
