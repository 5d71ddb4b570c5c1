"""What was found once: each of these came out of a parser as something else than a refusal."""

import json
import os
import shutil
import subprocess

import pytest

from agent import processes
from repo_tools.signed.views import ISSUED_FIELD, SEQ_FIELD
from tests.fuzz.mutate import DEEP
from tests.fuzz.table import TABLE

DEEP_LIST = b"[" * DEEP + b"]" * DEEP
NOT_UTF8 = b'{"\xff": 1}'
READ_BY_PEOPLE = (
    "plan of a rollout",
    "key file",
    "key that travelled",
    "earlier audit",
    "last honest timestamp",
)


@pytest.mark.parametrize("data", [DEEP_LIST, NOT_UTF8], ids=["deep", "bytes"])
@pytest.mark.parametrize("name", [*READ_BY_PEOPLE, "signature file", "workspace", "settings", "identity"])
def test_files_that_no_decoder_takes(name, data):
    """A file that is nested without an end, or is no UTF-8, is malformed, and no bug in the program."""
    assert not TABLE[name].try_on(data)


@pytest.mark.parametrize(
    "data",
    [
        *(
            b"[]",
            b"null",
            DEEP_LIST,
            b'{"agent": []}',
            b'{"agent": {"command": "x", "folder": "/", "stop_s": 1}}',
        ),
        b'{"agent": {"command": ["x\\u0000"], "folder": "/", "stop_s": 1}}',
        b'{"agent": {"command": ["x"], "folder": ["/"], "stop_s": 1}}',
        b'{"agent": {"command": ["x"], "folder": "/", "stop_s": 1, "restarts": []}}',
        b'{"agent": {"command": ["x"], "folder": "/", "stop_s": 1, "pid": -1}}',
        b'{"agent": {"command": [], "folder": "/", "stop_s": 1}}',
        b'{"\\udcff": {"command": ["/nonexistent/x"], "folder": "/", "stop_s": 1}}',
        b'{"\\ud800": {"command": ["/nonexistent/x"], "folder": "/", "stop_s": 1}}',
    ],
)
def test_services_that_make_no_sense(data):
    """A supervisor starts without them, and the next tick tells it anew what should run."""
    assert TABLE["services"].try_on(data)


def test_a_program_whose_name_is_no_text(tmp_path):
    """A product may be called what it likes: the supervisor still tells its process from others."""
    program = tmp_path / os.fsdecode(b"\xff\xfe")
    shutil.copy("/bin/sleep", program)
    with subprocess.Popen([program, "1000"]) as ran:
        try:
            assert processes.Process(ran.pid, processes.born(ran.pid)).alive()
        finally:
            ran.kill()


@pytest.mark.parametrize("data", [b"host-1 0", b"host-1 -7"])
def test_a_number_of_reports_below_the_first(data):
    """A host whose note was damaged numbers its next report as one that every collector takes."""
    assert TABLE["next report"].try_on(data)


@pytest.mark.parametrize("data", [b"[]", b'{"boots": "2"}', b'{"budget_s": null}', DEEP_LIST])
def test_an_open_trial_that_makes_no_sense(data):
    """The guard says that it cannot look after it, and looks after the others."""
    assert not TABLE["open trial"].try_on(data)


@pytest.mark.parametrize("said", [b"9" * 400, b"NaN", b"1e999", b"-Infinity"])
def test_an_open_trial_without_an_end(said):
    """A time that no clock comes to is none, or the trial would be nobody's to end."""
    (seed,) = TABLE["open trial"].seeds()
    changed = seed.replace(b'"budget_s": 700.0', b'"budget_s": ' + said)
    assert changed != seed
    assert not TABLE["open trial"].try_on(changed)


@pytest.mark.parametrize("data", [b"7", b'{"places": 7}', b'{"places": [[]], "taken": {}, "folders": {}}'])
def test_an_index_of_copies_that_makes_no_sense(data):
    """A way back goes on without the configuration, and says so."""
    assert not TABLE["backup"].try_on(data)


@pytest.mark.parametrize("data", [b'{"seq": "4"}', b"{", b"[]", DEEP_LIST])
def test_a_journal_that_remembers_nonsense(data):
    """It is told as a journal that makes no sense, with what to do about it."""
    assert not TABLE["cursor in the journal"].try_on(data)


def test_a_journal_whose_damage_is_no_text():
    """The database names what is damaged in the bytes that are; the journal is damaged all the same."""
    (seed,) = TABLE["journal"].seeds()
    changed = seed.replace(b"tablequarantine", b"tablequaran\x97ine")
    assert changed != seed
    assert not TABLE["journal"].try_on(changed)


def test_a_line_that_is_no_request():
    """Whoever speaks to the socket in riddles does not end the supervisor."""
    assert not TABLE["control socket"].try_on(b"[" * 60_000 + b"\n")


def saying(name: str, field: str, said: object) -> bytes:
    """Return a parser's seed with one signed field changed."""
    (seed,) = TABLE[name].seeds()
    value = json.loads(seed)
    assert field in value["signed"]
    value["signed"][field] = said
    return json.dumps(value).encode()


@pytest.mark.parametrize("said", ["1.0.31", None, []])
def test_a_highest_number_that_is_none(said):
    """A releases role that counts in words is malformed."""
    name = "agent.releases in a workspace"
    assert not TABLE[name].try_on(saying(name, SEQ_FIELD, said))


@pytest.mark.parametrize("said", ["yesterday", 7, "2026-11-22T12:00:00", "0001-01-01T00:00:00+23:59"])
def test_an_issue_time_that_is_none(said):
    """A timestamp that was signed at no time is malformed, wherever it is read."""
    name = "timestamp in a store"
    assert not TABLE[name].try_on(saying(name, ISSUED_FIELD, said))


@pytest.mark.parametrize("data", [b'{"signed": []}', b'{"signed": {"meta": {"snapshot.json": {}}}}'])
def test_a_timestamp_that_stops_a_clean_up(data):
    """What was published is not removed on the word of a file that makes no sense."""
    assert not TABLE["timestamp that is cleaned up"].try_on(data)


@pytest.mark.parametrize(
    "data", [b'{"checks": [{"state": "\\ud800"}]}', b'{"checks": [{"state": ["\\ud800"]}]}']
)
def test_half_a_character_from_a_product(data):
    """A product that answers what is no text is unwell, and its trial ends as trials do."""
    assert TABLE["value that a product answers"].try_on(data)


@pytest.mark.parametrize("end", [b"Content-Length: 99\r\n\r\nok", b"Transfer-Encoding: chunked\r\n\r\nz\r\n"])
def test_a_product_that_hangs_up_in_the_middle(end):
    """Its answer is no answer, and the reason is the one that there is."""
    assert TABLE["answer of a product"].try_on(b"HTTP/1.1 200 OK\r\n" + end)


@pytest.mark.parametrize("data", [b"0001-01-01T00:00:00+23:59", b"9999-12-31T23:59:59-23:59"])
def test_a_time_before_all_calendars(data):
    """A time that UTC cannot write is none, whatever its own zone makes of it."""
    assert not TABLE["moment"].try_on(data)
