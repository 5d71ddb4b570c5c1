"""Attacks on the console: by another site, another user of the machine, and by what is typed."""

import http.client
import shutil
from pathlib import Path

import pytest
import requests

from tests.support.console import WAIT_S, opened
from tests.support.workspace import Workspace

START = {"channel": "stable", "version": "1.5.0"}


@pytest.fixture(scope="module")
def place(with_base, tmp_path_factory):
    """A console that nobody changes anything with, and its workspace."""
    folder = tmp_path_factory.mktemp("attacked")
    work = Workspace(shutil.copytree(with_base, folder / "place"))
    work.secrets = {"AWS_SECRET_ACCESS_KEY": "a secret of the environment"}
    with opened(work, folder / "session.json") as found:
        yield work, found


@pytest.fixture(scope="module")
def console(place):
    """The console alone."""
    return place[1]


def asked(console, method, target, headers=(), body=b""):
    """Return the status and the body that a request is answered with."""
    status, told = whole(console, method, target, headers, body)
    return status, told.partition("\n\n")[2]


def whole(console, method, target, headers=(), body=b""):
    """Send a request as it is written, which no library would tidy up, and return all of its answer."""
    host = console.url.removeprefix("http://")
    line = http.client.HTTPConnection(host, timeout=WAIT_S)
    line.putrequest(method, target, skip_host=True)
    for name, value in {"Host": host, "Content-Length": str(len(body)), **dict(headers)}.items():
        line.putheader(name, value)
    line.endheaders(body)
    answer = line.getresponse()
    found = (answer.status, f"{answer.headers}{answer.read().decode(errors='replace')}")
    line.close()
    return found


@pytest.mark.parametrize(
    "name", ["evil.example.com", "127.0.0.1.evil.example.com", "127.0.0.1:1", "127.0.0.1", ""]
)
def test_a_name_that_leads_here_is_refused(console, name):
    """DNS rebinding: a site's own name is made to lead to loopback, and its page reads the console."""
    bearer = {"Host": name, "Authorization": f"Bearer {console.secret}"}
    for target in ("/", "/api/v1/status", "/enter?key=x"):
        assert asked(console, "GET", target, bearer)[0] == 421


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example.com",
        "null",
        "http://127.0.0.1:1",
        "https://{host}",
        "http://{host}.evil.example.com",
    ],
)
def test_no_other_site_posts(console, origin):
    """CSRF: a form or a script of another site, or port, sends what the person's browser would sign."""
    host = console.url.removeprefix("http://")
    browser, home = console.entered
    simple = {"Content-Type": "text/plain", "Origin": origin.format(host=host)}
    with browser:
        refused = browser.post(f"{home}api/v1/rollouts/start", b"{}", headers=simple, timeout=WAIT_S)
    assert refused.status_code == 403
    script = {**simple, "Origin": origin.format(host=host), "Authorization": f"Bearer {console.secret}"}
    assert asked(console, "POST", "/api/v1/rollouts/start", script, b"{}")[0] == 403
    assert console.get("jobs").json() == []


@pytest.mark.parametrize("body", [b'{"channel": "stable", "reason": "\xff"}', b"[" * 100_000, b"\x00", b"{"])
def test_a_body_that_nothing_reads_is_the_askers_fault(console, body):
    """Bytes that are no text, and brackets without end, would be called a bug of the console."""
    bearer = {"Authorization": f"Bearer {console.secret}", "Content-Type": "application/json"}
    status, told = asked(console, "POST", "/api/v1/brake", bearer, body)
    assert (status, "this is a bug" in told) == (400, False)


def test_no_other_site_reads(console):
    """No answer allows another origin to read it, to frame it, or to keep it."""
    headers = {"origin": "http://evil.example.com"}
    answer = console.session.get(f"{console.url}/", headers=headers, timeout=WAIT_S)
    assert "access-control-allow-origin" not in answer.headers
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "no-store"
    asking = {**headers, "access-control-request-method": "POST"}
    ahead = requests.options(f"{console.url}/api/v1/sign", headers=asking, timeout=WAIT_S)
    assert ahead.status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer x"},
        {"Cookie": "tidegate={secret}"},
        {"Referer": "{secret}"},
    ],
)
def test_nothing_but_the_secret_opens(console, headers):
    """Another user of the machine knocks: a guess, nothing, and the secret where it does not belong."""
    told = {name: value.format(secret=console.secret) for name, value in headers.items()}
    for target in (
        "/",
        "/steer",
        "/api/v1/status",
        "/api/v1/openapi/openapi.json",
        f"/{console.secret}/",
    ):
        assert asked(console, "GET", target, told)[0] == 401


def ways_in(console):
    """Yield every operation with each set of what opens it, as the API describes itself."""
    found = console.get("openapi/openapi.json").json()
    assert set(found["components"]["securitySchemes"]) == {"bearer", "cookie", "origin"}
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            for way in operation.get("security", found["security"]):
                yield method.upper(), path, set(way)


def test_what_is_described_opens_and_nothing_less(console):
    """Who writes a client by the description alone comes in everywhere, and needs all that it names."""
    _, home = console.entered
    shown = {
        "bearer": {"Authorization": f"Bearer {console.secret}"},
        "cookie": {"Cookie": f"tidegate={console.secret}"},
        "origin": {"Origin": console.url},
    }

    def is_open(method, path, names):
        base = home if "cookie" in names else f"{console.url}/"
        headers = {name: value for one in names for name, value in shown[one].items()}
        url = base + path.removeprefix("/")
        with requests.request(method, url, headers=headers, stream=True, timeout=WAIT_S) as answer:
            return answer.status_code not in {401, 403}

    for method, path, names in ways_in(console):
        assert names
        assert is_open(method, path, names), (method, path, names)
        assert not any(is_open(method, path, names - {one}) for one in names), (method, path, names)


def test_a_link_opens_once_and_its_key_is_no_session(console):
    """Whoever reads the link in the terminal's history, or in the browser's, comes too late."""
    key = console.link.rpartition("=")[2]
    _, home = console.entered
    assert requests.get(console.link, allow_redirects=False, timeout=WAIT_S).status_code == 403
    place = home.removeprefix(console.url)
    cookies = [
        "",
        f"tidegate={key}",
        "tidegate=",
        f"session={console.secret}",
        f"a=b; tidegate={console.secret}x",
    ]
    for cookie in cookies:  # who reads the address of a page has no cookie
        assert asked(console, "GET", place, {"Cookie": cookie})[0] == 401
    assert asked(console, "GET", place, {"Cookie": f"a=b; tidegate={console.secret}"})[0] == 200
    assert asked(console, "GET", f"/{key}/")[0] == 401
    assert asked(console, "GET", "/api/v1/status", {"Authorization": f"Bearer {key}"})[0] == 401
    assert asked(console, "HEAD", "/enter?key=%00")[0] in {403, 405}


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "TRACE", "PROPFIND"])
@pytest.mark.parametrize(
    "target",
    [
        *("/enter", "/enter?kex=a", "/enter?key=", "/enter?key=x&key=y", "/enter?key=%ff%00", "/%65nter?a"),
        *("/enter/", "/enter/x", "//enter", "/enter;x", "/", "/assets/site.css", "/api/v1/jobs", "/%00", "*"),
    ],
)
def test_the_room_is_told_to_nobody_outside(console, method, target):
    """The disaster: a mistake at the door is answered with a page, and every link of that names the room."""
    _, home = console.entered
    room = home.removeprefix(console.url).strip("/")
    for headers in ({}, {"Cookie": "tidegate=x"}, {"Upgrade": "websocket", "Connection": "Upgrade"}):
        status, told = whole(console, method, target, headers)
        assert (room in told, status >= 400) == (False, True)


@pytest.mark.parametrize(
    "path",
    [
        *(
            "../tidegate.toml",
            "..%2ftidegate.toml",
            "%2e%2e/%2e%2e/etc/passwd",
            "assets/..%5c..%5ctidegate.toml",
        ),
        *("evidence/../../metadata/1.root.json", "evidence/%2e%2e/%2e%2e/metadata/1.root.json"),
        *("evidence//etc/passwd", "evidence/", "%00", "builds/x/../../status.json"),
    ],
)
def test_no_path_leads_out(console, path):
    """What is not a page is not there, however its path is written."""
    _, home = console.entered
    own = {"Cookie": f"tidegate={console.secret}"}
    status, body = asked(console, "GET", home.removeprefix(console.url) + path, own)
    assert status in {400, 404}
    assert not [word for word in ("root:", "store =", "signatures") if word in body]


def test_it_listens_on_loopback_alone(console):
    """No other machine finds a door."""
    port = int(console.url.rpartition(":")[2])
    table = Path("/proc/net/tcp").read_text().splitlines()
    listening = [line.split()[1] for line in table if line.split()[3] == "0A"]
    assert [one for one in listening if one.endswith(f":{port:04X}")] == [f"0100007F:{port:04X}"]


@pytest.mark.parametrize("field", ["passphrase", "pin"])
@pytest.mark.parametrize("secret", ["x" * 70_000, "with\x00nothing"])
def test_a_secret_that_no_key_has_blocks_nothing(console, field, secret):
    """The disaster: a file that a script sends as a passphrase fills a pipe, and the brake waits for good."""
    answer = console.post("sign", **{field: secret})
    assert (answer.status_code, console.get("jobs").json()) == (400, [])


def test_no_secret_is_told(place):
    """No job, error or page tells what was typed, what opens the console, or its environment."""
    _, console = place
    console.post("sign", passphrase="four secret words here", pin="864213")
    console.post("sign", passphrase=7)
    told = console.get("jobs").text + console.post("sign", passphrase=["four secret words here"]).text
    page = console.session.get(f"{console.url}/steer", timeout=WAIT_S).text
    assert "Steer" in page
    for secret in ("secret words", "864213", "secret of the environment"):
        assert secret not in told
        assert secret not in page
    assert console.secret not in told + page
