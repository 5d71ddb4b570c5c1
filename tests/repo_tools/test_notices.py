"""People are told what happened, once each, by messages that prove where they come from."""

import base64
import hmac
import os
import shutil
from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from metadata.errors import UnreachableError
from repo_tools.notices import posting, sending
from repo_tools.notices.events import Event
from tests.support.chorus import BACK, WELL, Chorus
from tests.support.collection import Collection
from tests.support.receiver import receiving
from tests.support.wave import ROLLOUT, VERSION
from tests.support.web import busy, drip, flood
from tests.support.workspace import Workspace

OK = b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.fixture
def hook():
    """A webhook."""
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def secret(tmp_path):
    """A file with a secret."""
    path = tmp_path / "hook.secret"
    path.write_text(f"whsec_{base64.b64encode(os.urandom(32)).decode()}\n")
    return path


@pytest.fixture
def notify(rolled, hook, secret):
    """Run the job; a repository with 1.4.2 everywhere has been told of."""

    def run(*options):
        return rolled.run("--json", "notify", hook.url, "--secret", secret, *options)

    assert run().exit_code == 0
    hook.taken.clear()
    hook.asked.clear()
    rolled.now += timedelta(hours=1)
    return run


def test_a_rollout_is_told_from_its_start_to_its_end(rolled, hook, notify):
    """Each step is told once, whoever took it, and however often the job looks."""
    rolled.publish_release("1.5.0", strategy="manual")
    assert notify().exit_code == 0
    for _ in range(3):
        rolled.now += timedelta(hours=1)
        rolled.do("rollout", "promote", "stable", "--early")
        rolled.sign_and_publish()
    assert [notify().exit_code, notify().exit_code] == [0, 0]
    assert hook.types == ["rollout.started", "rollout.opened", "rollout.opened", "rollout.finished"]
    texts = [hook.body(place)["data"]["text"] for place in range(4)]
    assert texts[0] == "stable-0002 starts 1.5.0 in canary of agent.stable"
    assert texts[-1] == "stable-0002 is complete: 1.5.0 is the base of agent.stable"


def test_what_stops_a_rollout_is_told(rolled, hook, notify):
    """A pause, a brake and a recall, each with its reason."""
    rolled.publish_release("1.5.0")
    for words in (
        ("rollout", "pause", "stable", "--reason", "let me look"),
        ("brake", "stable", "--reason", "crash loops"),
        ("rollout", "recall", "stable", "1.4.2", "--from", "==1.5.0", "--reason", "loses data"),
    ):
        rolled.now += timedelta(minutes=5)
        rolled.do(*words)
        rolled.sign_and_publish()
    notify()
    assert hook.types == [
        "rollout.started",
        *["rollout.held"] * 3,
        "rollout.halted",
        "rollout.recalled",
    ]
    texts = [hook.body(place)["data"]["text"] for place in (1, 4, 5)]
    assert [text.rpartition(": ")[2] for text in texts] == ["let me look", "crash loops", "loses data"]


def test_messages_prove_where_they_come_from(rolled, hook, notify, secret):
    """The signature is that of the Standard Webhooks specification, over id, time and body."""
    rolled.publish_release("1.5.0")
    notify()
    [(headers, body)] = hook.taken
    key = base64.b64decode(secret.read_text().strip().removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.new(key, signed, "sha256").digest()).decode()
    assert headers["webhook-signature"] == f"v1,{wanted}"
    assert int(headers["webhook-timestamp"]) == int(rolled.now.timestamp())


def test_a_webhook_that_fails_is_tried_again(rolled, hook, notify):
    """A hiccup is bridged; an outage ends the job with 11, and the next run sends what is left."""
    rolled.publish_release("1.5.0", strategy="manual")
    hook.failures = 2
    assert notify().exit_code == 0
    rolled.now += timedelta(hours=1)
    rolled.do("brake", "stable", "--rollout", "stable-0002", "--reason", "crash loops")
    rolled.sign_and_publish()
    hook.failures = 4
    done = notify()
    assert (done.exit_code, "answered HTTP 503" in done.stderr) == (11, True)
    assert notify().json["events"][0]["type"] == "rollout.halted"
    assert hook.types == ["rollout.started", "rollout.halted"]


@pytest.mark.parametrize(
    "attack", [flood(OK, bytes(65_536)), drip(OK), drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")]
)
def test_an_answer_without_an_end_is_not_read(rolled, hook, notify, attack):
    """Who says that it took a message has taken it, whatever it says after that."""
    rolled.publish_release("1.5.0")
    hook.answer = attack
    assert [notify().exit_code, len(hook.asked)] == [0, 1]


def test_headers_that_drip_have_an_end():
    """A message has a time that no byte makes longer."""
    with receiving() as hook:
        hook.answer = drip(b"HTTP/1.1 200 OK\r\nX-Header: ")
        with pytest.raises(UnreachableError, match=r"127\.0\.0\.1 does not answer in 1 s"):
            posting.post(hook.url, b"{}", {}, limit_s=1)


def test_a_webhook_that_wants_peace_is_left_in_peace(rolled, hook, notify):
    """Who asks for a long pause is not waited for, and told by a later run."""
    rolled.publish_release("1.5.0")
    hook.answer = busy(429, "100000")
    done = notify()
    assert (done.exit_code, "answered HTTP 429" in done.stderr, len(hook.asked)) == (11, True, 1)
    hook.answer = None
    assert [one["type"] for one in notify().json["events"]] == ["rollout.started"]


def test_a_message_goes_nowhere_else(rolled, hook, notify):
    """A redirect is not followed, not read, and no success; its place is named without its path."""
    rolled.publish_release("1.5.0")
    head = b"HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:9/hunter2\r\n\r\n"
    hook.answer = flood(head, bytes(65_536))
    done = notify()
    assert (done.exit_code, hook.asked) == (11, ["/hook"])
    assert "answered HTTP 307, which leads to http://127.0.0.1:9\n" in done.stderr
    hook.answer = None
    assert [one["type"] for one in notify().json["events"]] == ["rollout.started"]


def test_a_run_has_an_end(rolled, hook, secret, tmp_path):
    """Where the time is over no message is begun, and what was told before is noted."""
    event = Event(kind="hosts.silent", at=rolled.now, subject="one", text="a text")
    slow = replace(sending.hook(hook.url, secret, tmp_path / "notes"), begin_s=0)
    with pytest.raises(UnreachableError, match="is slow"):
        list(slow.tell([event], slow.read(rolled.now), rolled.now))
    assert hook.asked == []


def test_whoever_forgets_what_it_told_tells_the_same_again(rolled, hook, notify):
    """Without its notes the job tells the last day once more, and each event has the id that it had."""
    rolled.publish_release("1.5.0")
    notify()
    shutil.rmtree(rolled.folder / ".cache" / "notified")
    notify("--since", "30m")
    assert [headers["webhook-id"] for headers, _ in hook.taken[:1]] == [
        headers["webhook-id"] for headers, _ in hook.taken[1:]
    ]


def test_what_is_about_to_expire_is_told_once(rolled, hook, notify):
    """Half of a role's life is the time for renewing it; a look without sending tells nobody."""
    rolled.now += timedelta(days=2)
    looked = notify("--dry-run").json["events"]
    assert (hook.types, [one["type"] for one in looked]) == ([], ["role.expiring"])
    assert "timestamp expires at" in looked[0]["text"]
    notify()
    notify()
    assert hook.types == ["role.expiring"]


def test_hosts_that_fell_silent_are_told_once_a_day(real_time, tmp_path, hook, secret):
    """Hosts that missed two heartbeats are counted, and said again on the next day if they still are."""
    repo = Workspace(shutil.copytree(real_time, tmp_path / "place"))
    (tmp_path / "box").mkdir()
    desk = repo.desk()
    chorus = Chorus(Collection(repo, tmp_path / "box"), desk.now - timedelta(days=3))
    chorus.join(["host-1", "host-2"])
    chorus.at = desk.now
    chorus.join(["host-3"])
    repo.do("fleet", "collect", tmp_path / "box")
    for _ in range(2):
        repo.do("notify", hook.url, "--secret", secret, "--since", "0s")
    [silent] = [body for body in map(hook.body, range(len(hook.taken))) if body["type"] == "hosts.silent"]
    assert silent["data"]["text"] == "2 of the hosts of agent.stable were not heard of for two days"


@pytest.mark.parametrize(
    ("url", "text", "code", "says"),
    [
        ("ftp://hooks.example.com", "whsec_" + "A" * 44, 2, "no webhook can be at"),
        ("https://hooks.example.com", "hunter2", 10, "is no secret for webhooks"),
        ("https://hooks.example.com", "whsec_c2hvcnQ=", 10, "is no secret for webhooks"),
    ],
)
def test_what_is_no_webhook(rolled, tmp_path, url, text, code, says):
    """Each mistake is named, and a secret is long enough."""
    path = tmp_path / "secret"
    path.write_text(text)
    done = rolled.run("notify", url, "--secret", path)
    assert (done.exit_code, says in done.stderr) == (code, True)


def test_what_was_collected_is_scraped(canary):
    """Hosts by presence and version and rollouts by outcome, in text that Prometheus reads."""
    names = canary.join("canary", 3)
    canary.tell(names[:2], *WELL, running=VERSION)
    canary.tell(names[2:], *BACK)
    canary.collection.collect()
    text = canary.repo.run("fleet", "metrics").stdout
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["tidegate_hosts", "agent", "stable", "present"] == 3
    assert samples["tidegate_hosts_running", "agent", "stable", VERSION] == 2
    assert samples["tidegate_rollout_hosts", "agent", ROLLOUT, "canary", "ok"] == 2
    assert samples["tidegate_rollout_hosts", "agent", ROLLOUT, "canary", "failed"] == 1
    assert 0 < samples[("tidegate_newest_report_age_seconds",)] < 3 * 86_400
