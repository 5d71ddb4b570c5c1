"""Networks of other people: mirrors, proxies, certificates of one's own, redirects, servers that are busy."""

import json
import shutil
import ssl
import time
from hashlib import sha256

import pytest

from agent.fetch import Fetcher
from agent.settings import Network
from metadata.errors import UnreachableError
from repo_tools.demo.fleet import Port
from tests.support.proxy import proxying
from tests.support.tls import Authority
from tests.support.web import Handler, answer, busy, cut, first, redirect, serving


def network(scene, **settings: object) -> None:
    """Give the host a way to its repository."""
    lines = [f"{name} = {_toml(value)}" for name, value in settings.items()]
    scene.host.write_settings(top="\n".join(["[network]", *lines]))


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f'"{name}" = {json.dumps(value[name])}' for name in value) + " }"
    return json.dumps(value)


@pytest.fixture
def authority(tmp_path) -> Authority:
    """Somebody whose certificates only this host believes."""
    return Authority(tmp_path / "authority")


def test_a_private_network(scene, authority):
    """A certificate of one's own on both sides, and a header that is the key of a private CDN."""
    with serving(scene.repo.store, tls=authority.server(asks=True)) as web:
        scene.web = web
        assert scene.enroll().exit_code == 11
        mine = authority.certificate("host-1")
        network(scene, ca=str(authority.file), certificate=str(mine), headers={"X-CDN-Key": "letmein"})
        scene.ready()
        scene.release("1.1.0")
        scene.host.tick()
        assert scene.host.runs == "1.1.0"
        assert {headers["X-CDN-Key"] for _, headers in web.headers} == {"letmein"}
        assert "may be read by others" in scene.host.run("doctor").stdout
        scene.host.settings.chmod(0o600)
        assert scene.host.run("doctor").exit_code == 0


def through(port: int, password: str) -> str:
    """Return how settings name a proxy on loopback."""
    return f"http://host:{password}@127.0.0.1:{port}"


def test_a_proxy_with_a_password(scene):
    """The proxy of the settings is used for everything; doctor names one that is gone, and no password."""
    with proxying("host", "secret") as proxy:
        network(scene, proxy=through(proxy.port, "wrong"))
        assert scene.enroll().exit_code == 11
        network(scene, proxy=through(proxy.port, "secret"))
        scene.ready()
        assert any(path.endswith(".tar.zst") for path in proxy.passed)
        assert all(path.startswith(scene.web.url) for path in proxy.passed)
    network(scene, proxy=through(Port().number, "secret"))
    said = scene.host.run("doctor").stdout
    assert ("does not answer" in said, "secret" in said) == (True, False)


def test_a_redirect_is_followed_to_https_and_tells_nobody_else(scene, authority):
    """The rules are the same there, and the header was meant for the repository alone."""
    scene.ready()
    scene.release("1.1.0")
    artifact = scene.artifact("1.1.0")
    place = f"/targets/{artifact.relative_to(scene.repo.store / 'targets')}"
    with serving(scene.repo.store, tls=authority.server()) as other:
        network(scene, ca=str(authority.file), headers={"X-CDN-Key": "letmein"})
        scene.web.faults[artifact.name] = redirect(f"{other.url}{place}")
        scene.host.tick()
        assert scene.host.runs == "1.1.0"
        assert [headers["X-CDN-Key"] for _, headers in other.headers] == [None]


def test_a_certificate_of_the_host_is_shown_at_home_alone(tmp_path, authority):
    """Where a redirect leads, nobody learns which host it was that came."""
    (tmp_path / "file").write_text("content")
    shown: list[object] = []

    def look(handler: Handler) -> None:
        shown.append(handler.connection.getpeercert())
        handler.serve_file()

    curious = authority.server(asks=True)
    curious.verify_mode = ssl.CERT_OPTIONAL
    with serving(tmp_path, tls=authority.server(asks=True)) as home, serving(tmp_path, tls=curious) as other:
        home.faults["/moved"] = redirect(f"{other.url}/file")
        other.faults["/file"] = look
        mine = Network(ca=str(authority.file), certificate=str(authority.certificate("host-1")))
        assert Fetcher(mine).get(f"{other.url}/file", 100) == b"content"
        assert Fetcher(mine).get(f"{home.url}/moved", 100) == b"content"
    assert [bool(one) for one in shown] == [True, False]


def test_redirects_in_a_circle(tmp_path, authority):
    """They are followed five times."""
    with serving(tmp_path, tls=authority.server()) as web:
        web.faults["/"] = redirect("/")
        with pytest.raises(UnreachableError, match="redirects more than 5 times"):
            Fetcher(Network(ca=str(authority.file))).get(f"{web.url}/", 100)
        assert len(web.requests) == 6


def test_a_repository_that_leads_in_a_circle(scene, authority, tmp_path):
    """A tick that is sent from place to place ends as one that reached nothing, and what runs goes on."""
    scene.ready()
    pid = scene.host.pid
    with serving(tmp_path, tls=authority.server()) as web:
        web.faults[""] = redirect(f"{web.url}/again")
        scene.web.faults["timestamp.json"] = redirect(f"{web.url}/begin")
        network(scene, ca=str(authority.file))
        done = scene.host.tick()
    assert (done.exit_code, scene.host.runs, scene.host.pid) == (11, "1.0.0", pid), done.stderr
    assert "redirects more than 5 times" in done.stderr


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_is_busy_for_a_moment(scene, status):
    """It is waited for once, and not past the time that a request has."""
    scene.ready()
    scene.release("1.1.0")
    scene.web.faults["timestamp.json"] = first(busy(status, "1"))
    assert scene.host.tick().exit_code == 0
    assert scene.host.runs == "1.1.0"
    scene.web.faults["timestamp.json"] = busy(status, "1")
    scene.web.forget()
    assert scene.host.tick().exit_code == 11
    assert scene.web.asked("timestamp.json") == 2


def test_what_changed_in_the_middle_is_not_glued_together(tmp_path):
    """The rest is asked for on condition that it is the rest of the same file."""
    data = bytes(range(256)) * 8
    (tmp_path / "artifact").write_bytes(data)

    def half(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("ETag", '"one"')
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data[:1000])

    with serving(tmp_path) as web:
        web.faults["/artifact"] = first(half)
        digest = "7" * 64
        with pytest.raises(Exception, match="is not what was signed"):
            Fetcher().download(f"{web.url}/artifact", tmp_path / "copy", len(data), digest)
        assert [headers["If-Range"] for _, headers in web.headers] == [None, '"one"']
        assert web.ranges == [("/artifact", 1000)]


def test_a_cap_keeps_a_download_whole(scene):
    """What may not come faster comes all the same."""
    scene.ready()
    network(scene, most_bytes_per_s=16_384)
    scene.release("1.1.0")
    assert scene.host.tick().exit_code == 0
    assert scene.host.runs == "1.1.0"


def test_no_second_brings_more_than_the_cap(tmp_path):
    """Bytes are counted against the clock: on average no more come than the settings say."""
    data, cap = bytes(49_152), 32_768
    (tmp_path / "artifact").write_bytes(data)
    with serving(tmp_path) as web:
        begun = time.monotonic()
        fetcher = Fetcher(Network(most_bytes_per_s=cap))
        fetcher.download(f"{web.url}/artifact", tmp_path / "copy", len(data), sha256(data).hexdigest())
    assert len(data) / (time.monotonic() - begun) <= cap
    assert (tmp_path / "copy").read_bytes() == data


@pytest.fixture
def mirror(scene, tmp_path):
    """A second place for the same repository, which is a copy made whenever it is asked for."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    with serving(folder) as web:
        scene.mirror = web
        scene.bring = lambda: shutil.copytree(scene.repo.store, folder, dirs_exist_ok=True)
        yield web


def test_a_mirror_stands_in_for_a_repository_that_is_gone(scene, mirror):
    """It is asked in the same tick, and first for an hour: nobody waits for a dead server at each poll."""
    scene.ready()
    network(scene, mirrors=[mirror.url])
    scene.release("1.1.0")
    scene.bring()
    scene.web.faults[""] = answer(503)
    assert scene.host.tick().exit_code == 0
    assert scene.host.runs == "1.1.0"
    scene.web.faults.clear()
    scene.web.forget()
    scene.host.tick()
    assert scene.web.requests == []


def test_a_mirror_that_is_behind(scene, mirror):
    """An older repository, however well signed, is passed over for a newer one."""
    scene.ready()
    scene.bring()
    scene.release("1.1.0")
    scene.host.tick()
    network(scene, mirrors=[scene.web.url])
    identity = scene.host.state / "identity" / "agent.json"
    identity.write_text(identity.read_text().replace(scene.web.url, mirror.url))
    done = scene.host.tick()
    assert (done.exit_code, done.rule, scene.host.runs) == (0, "current", "1.1.0"), done.stderr


@pytest.mark.parametrize("lacks", ["artifact", "bytes of its own", "role"])
def test_a_file_that_one_place_lacks_comes_from_another(scene, mirror, lacks):
    """What is missing or altered in one place does not hold up what another has."""
    scene.ready()
    network(scene, mirrors=[mirror.url])
    scene.release("1.1.0")
    scene.bring()
    artifact = scene.artifact("1.1.0")
    if lacks == "artifact":
        scene.web.faults[artifact.name] = cut(artifact.read_bytes(), 500)
    elif lacks == "role":
        scene.web.faults["agent.stable.canary.json"] = answer(404)
    else:
        scene.web.faults[artifact.name] = answer(200, bytes(artifact.stat().st_size))
    done = scene.host.tick()
    assert (done.exit_code, scene.host.runs) == (0, "1.1.0"), done.stderr


def test_a_login_page_in_between(scene):
    """A portal that answers everything with a page of its own is named beside the repository's owner."""
    scene.ready()
    scene.web.faults[""] = answer(200, b"<html>log in</html>")
    done = scene.host.tick()
    assert done.exit_code == 10, done.stderr
    assert "a proxy or a login page in between" in done.stderr


def test_a_server_that_refuses(scene):
    """What is refused is not called missing, and the hint names keys and certificates."""
    scene.ready()
    scene.web.faults["timestamp.json"] = lambda handler: handler.send_error(403)
    done = scene.host.tick()
    assert done.exit_code == 11, done.stderr
    assert "timestamp.json is refused (HTTP 403)" in done.stderr
    assert "correct headers or certificate" in done.stderr
