"""A small real product to update: one Python file that serves its version and its health over HTTP.

What it does wrong is told by ``behaviour``, which is part of the build, as a bug would be.
"""

from pathlib import Path

PROGRAM = """#!/usr/bin/env python3
import http.server, pathlib, sys, time

VERSION = {version!r}
BEHAVIOUR = {behaviour!r}

if sys.argv[1:] == ["--version"]:
    print("agent", "0.0.1" if BEHAVIOUR == "liar" else VERSION)
    sys.exit(3 if BEHAVIOUR == "broken" else 0)
port, *config = sys.argv[1:]
if config and BEHAVIOUR == "migrates":
    pathlib.Path(config[0]).write_text("migrated by " + VERSION)
if config and BEHAVIOUR == "old" and "migrated" in pathlib.Path(config[0]).read_text():
    sys.exit("cannot read a migrated configuration")
if BEHAVIOUR == "crashes":
    sys.exit(1)
BORN = time.monotonic()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        sick = BEHAVIOUR in ("unhealthy", "migrates") or pathlib.Path("sick").exists()
        flaps = BEHAVIOUR == "flaps" and time.monotonic() - BORN > 1
        well = self.path != "/healthz" or not (sick or flaps)
        body = (VERSION if self.path == "/version" else "ok" if well else "sick").encode()
        self.send_response(200 if well else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    allow_reuse_address = True


Server(("127.0.0.1", int(port)), Handler).serve_forever()
"""


def build(folder: Path, version: str, behaviour: str = "good") -> Path:
    """Write a version of the product to ``folder/<version>-<behaviour>`` and return it."""
    tree = folder / f"{version}-{behaviour}"
    program = tree / "bin" / "agent"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(PROGRAM.format(version=version, behaviour=behaviour))
    program.chmod(0o755)
    (tree / "share").mkdir(exist_ok=True)
    (tree / "share" / "notes.txt").write_text(f"This is {version}.\n")
    return tree
