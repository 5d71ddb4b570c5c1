"""The collector: what is counted, what is set aside and why; the rest of the numbers never changes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from metadata import places
from metadata.envelope import from_text
from metadata.token import Token
from repo_tools.collect.lake import Lake
from repo_tools.rollouts.state import read_state
from tests.support.collection import Collection
from tests.support.voices import Voice


def test_reports_are_counted_once(collection):
    """Enrolment and reports of two agents are counted; a second run finds nothing new."""
    for name in ("host-1", "host-2"):
        voice = collection.voice(name).join()
        voice.say(voice.report(), voice.report(stage="soak"))
    first = collection.collect()
    assert (first["counted"], first["enrolled"], first["set_aside"]) == (6, ["host-1", "host-2"], {})
    assert collection.collect()["objects"] == 0
    assert collection.rows() == [(name, seq) for name in ("host-1", "host-2") for seq in (1, 2, 3)]


def test_a_report_that_was_sent_twice_is_counted_once(collection):
    """The same flush under another hour, as after an answer that was lost."""
    voice = collection.voice("host-1").join()
    said = voice.envelope(voice.report())
    voice.drop(said)
    collection.collect()
    yesterday = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"
    voice.drop(said, day=yesterday)
    found = collection.collect()
    assert (found["counted"], found["again"], found["conflicts"]) == (0, 1, [])


def test_the_collector_works_out_the_wave(collection):
    """Whatever wave an agent claims, its place decides."""
    voices = [collection.voice(f"host-{number}").join() for number in range(40)]
    for voice in voices:
        voice.say(voice.report(wave="canary"))
    collection.collect()
    desk = collection.repo.desk().published()
    salt = read_state(desk, desk.only_channel()).policy.salt
    assert dict(collection.rows("agent, wave")) == {voice.name: wave_of(salt, voice.name) for voice in voices}


def wave_of(salt: str, agent: str) -> str:
    """Return the wave of a place by the shares that ``init`` gives: 205 and 1,024 of 4,096."""
    here = int(places.place(salt, agent)[:3], 16)
    return "canary" if here < 205 else "early" if here < 1024 else "full"


Attack = Callable[[Collection, Voice], None]


def stranger(collection: Collection, good: Voice) -> None:
    """An agent that never enrolled."""
    voice = collection.voice("stranger")
    voice.say(voice.report())


def forged(collection: Collection, good: Voice) -> None:
    """A report in a known agent's name, by another key."""
    thief = Voice(collection.box, good.name)
    thief.say(thief.report(seq=77))


def for_another(collection: Collection, good: Voice) -> None:
    """An agent's own signature under a report about somebody else."""
    good.drop(good.envelope(good.report(agent="host-9", seq=78)))


def truncated(collection: Collection, good: Voice) -> None:
    """Half a file."""
    path = good.say(good.report(seq=79))
    path.write_bytes(path.read_bytes()[:100])


def oversized(collection: Collection, good: Voice) -> None:
    """A report of a megabyte."""
    good.drop(good.envelope(good.report(seq=80, detail="x" * 1_000_000)))


def changed(collection: Collection, good: Voice) -> None:
    """A report whose signature is of another one."""
    envelope = good.envelope(good.report(seq=81))
    envelope["payload"] = good.envelope(good.report(seq=82, stage="soak"))["payload"]
    good.drop(envelope, seq=81)


def of_another_product(collection: Collection, good: Voice) -> None:
    """A channel that the token does not name."""
    good.say(good.report(seq=83, product="other"))


def misplaced(collection: Collection, good: Voice) -> None:
    """A file under a name that no agent uses."""
    path = good.say(good.report(seq=84))
    path.rename(path.with_name("readme.txt"))


def with_no_token(collection: Collection, good: Voice) -> None:
    """An enrolment that nobody allowed."""
    collection.voice("stranger", "").join()


def with_an_expired_token(collection: Collection, good: Voice) -> None:
    """An enrolment after the token's end."""
    token = collection.make_token("--expires", "1s")
    path = collection.voice("stranger", token).join()
    late = (datetime.now(UTC) + timedelta(hours=1)).timestamp()
    for file in path.box.rglob("stranger/*.json"):
        os.utime(file, (late, late))


def taking_an_id(collection: Collection, good: Voice) -> None:
    """An enrolment under a known id, with a good token and another key."""
    thief = Voice(collection.box, good.name, collection.token)
    thief.say(thief.enrolment(seq=85))


ATTACKS: dict[Attack, tuple[str, str]] = {
    stranger: ("stranger", "unknown"),
    forged: ("host-1", "forged"),
    for_another: ("host-1", "another"),
    truncated: ("host-1", "malformed"),
    oversized: ("host-1", "oversized"),
    changed: ("host-1", "forged"),
    of_another_product: ("host-1", "foreign"),
    misplaced: ("", "misplaced"),
    with_no_token: ("stranger", "token"),
    with_an_expired_token: ("stranger", "expired"),
    taking_an_id: ("host-1", "taken"),
}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_an_attack_changes_no_number(collection, attack):
    """It is set aside with its reason, and everything else is counted."""
    good = collection.voice("host-1").join()
    good.say(good.report())
    attack(collection, good)
    good.say(good.report(seq=3))
    found = collection.collect()
    assert collection.rows() == [("host-1", 1), ("host-1", 2), ("host-1", 3)]
    assert found["enrolled"] == ["host-1"]
    assert collection.asides() == [ATTACKS[attack]]


def test_a_token_enrols_as_many_as_it_says(collection):
    """The third host of a token for two is set aside with everything it said."""
    token = collection.make_token("--uses", "2")
    for number in (1, 2, 3):
        collection.voice(f"host-{number}", token).join()
    found = collection.collect()
    assert found["enrolled"] == ["host-1", "host-2"]
    assert collection.asides() == [("host-3", "used_up")]


def test_a_revocation_ends_reports_and_enrolment(canary, heard):
    """An agent's own, and those of all whom a token enrolled; another repository's token enrols nobody."""
    here = canary.collection
    foreign = heard.do("fleet", "token", "--url", "https://updates.example.com")["token"]
    token = here.make_token()
    voices = [here.voice("host-1").join(), here.voice("host-2", token).join(), here.voice("host-3").join()]
    assert here.collect()["counted"] == 3
    canary.repo.do("fleet", "revoke", "--agent", "host-1", "--token", from_text(token, Token).peek(Token).id)
    canary.repo.sign_and_publish()
    for voice in voices:
        voice.say(voice.report())
    here.voice("host-4", token).join()
    here.voice("host-5", foreign).join()
    found = here.collect()
    assert (found["counted"], found["set_aside"]) == (1, {"revoked": 3, "token": 1})
    assert here.asides() == [(f"host-{n}", "token" if n == 5 else "revoked") for n in (1, 2, 4, 5)]


def test_a_copied_host_is_noticed(collection):
    """Two machines with one identity say different things under one number."""
    one = collection.voice("host-1").join()
    copy = Voice(collection.box, "host-1", collection.token)
    copy.signer = one.signer
    one.say(one.report(seq=2, running="1.0.0"))
    copy.drop(copy.envelope(copy.report(seq=2, running="1.1.0")), seq=20)
    found = collection.collect()
    assert found["conflicts"] == [{"agent": "host-1", "seq": 2}]
    assert collection.rows() == [("host-1", 1), ("host-1", 2)]


def test_an_agent_enrols_again_with_its_old_key(collection):
    """A new key counts when the old one signed it too."""
    voice = collection.voice("host-1").join()
    collection.collect()
    old, voice.signer = voice.signer, type(voice.signer).generate_ed25519()
    voice.drop(voice.envelope(voice.enrolment(), old))
    voice.say(voice.report())
    found = collection.collect()
    assert (found["enrolled"], found["set_aside"]) == (["host-1"], {})
    assert len(collection.rows()) == 3


def test_two_collectors_at_once(collection):
    """The second one waits for nobody and counts nothing twice."""
    collection.voice("host-1").join()
    collection.collect()
    lake = collection.repo.folder / "lake"
    script = f"from pathlib import Path; from repo_tools.collect.lake import Lake; Lake(Path({str(lake)!r}))"
    held = Lake(lake)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    held.close()
    assert "ConflictError" in done.stderr


def test_a_load_that_was_cut_short_is_taken_anew(collection):
    """Files of a load that was never committed are removed, and its objects are read again."""
    voice = collection.voice("host-1").join()
    lake = Lake(collection.repo.folder / "lake")
    orphan = lake.pending / "dt=2026-11-22" / "half.parquet"
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"PAR1")
    lake.close()
    assert collection.collect()["counted"] == 1
    assert not orphan.exists()
    assert json.dumps(collection.rows()) == '[["host-1", 1]]'
    assert voice.name == "host-1"


def test_a_file_that_is_still_empty_is_read_again(collection):
    """A copy that was begun is no report yet, and is counted once it is one."""
    voice = collection.voice("host-1")
    path = voice.say(voice.enrolment())
    whole = path.read_bytes()
    path.write_bytes(b"")
    assert collection.collect()["counted"] == 0
    path.write_bytes(whole)
    assert collection.collect()["counted"] == 1


def test_an_empty_box_says_where_reports_come_from(collection):
    """Two commands that only name each other would lead nowhere."""
    collection.box.mkdir(exist_ok=True)
    said = collection.repo.run("fleet", "collect", collection.box)
    assert f"no report lies in {collection.box}: hosts that enrol by a token send them" in said.stdout
    asked = collection.repo.run("fleet", "query", "versions")
    assert "tidegate fleet reports" in f"{said.stdout}{asked.stderr}"
    collection.voice("host-1").join()
    collection.collect()
    assert "no report lies" not in collection.repo.run("fleet", "collect", collection.box).stdout


def test_a_box_that_is_not_there(collection):
    """The disaster: a job reads a folder that is not mounted, stays green, and misses every failure."""
    done = collection.repo.run("fleet", "collect", collection.box.with_name("boxx"))
    assert (done.exit_code, "there is no folder" in done.stderr) == (11, True)
