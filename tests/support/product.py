"""A small real product to update: one Python file that serves its version and its health over HTTP.

What it does wrong is told by ``behaviour``, which is part of the build, as a bug is; ``+`` joins several.
"""

import sys
from pathlib import Path

PROGRAM = """#!{interpreter}
import os, pathlib, sys, time

VERSION = {version!r}
DOES = {behaviour!r}.split("+")

if sys.argv[1:] == ["--version"]:
    print("agent", "0.0.1" if "liar" in DOES else VERSION)
    sys.exit(3 if "broken" in DOES else 0)
port, *config = sys.argv[1:]
CONFIG = pathlib.Path(config[0]) if config else pathlib.Path("agent.conf").absolute()
HOME = CONFIG.parent.parent
BORN = time.monotonic()
if "migrates" in DOES:
    CONFIG.write_text("migrated by " + VERSION)
if "old" in DOES and "migrated" in CONFIG.read_text():
    sys.exit("cannot read a migrated configuration")
if "poisons" in DOES:  # what it leaves makes every version unhealthy
    (HOME / "sick").touch()
if "wrecks" in DOES:  # what it leaves keeps every version from starting
    (HOME / "wrecked").touch()
if "heals" in DOES:
    (HOME / "wrecked").unlink(missing_ok=True)
if "crashes" in DOES or (HOME / "wrecked").exists():
    sys.exit(1)
if "trips" in DOES and not (HOME / "tripped").exists():
    (HOME / "tripped").touch()
    sys.exit(1)

import http.server, signal, socket, threading  # what has to end at once has ended: this takes a while

if "fades" in DOES:
    threading.Timer(3, os._exit, [1]).start()
if "nursing" in DOES:  # a helper in a session of its own, which does not care that its parent ends
    import subprocess
    helper = subprocess.Popen(["sh", "-c", "trap '' TERM; sleep 3600"], start_new_session=True)
    (HOME / "helper").write_text(str(helper.pid))
if "slow" in DOES:
    time.sleep(1.5)
if "tidy" in DOES:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit((HOME / "tidied").touch()))
if "stubborn" in DOES:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        sick = "unhealthy" in DOES or pathlib.Path("sick").exists() or (HOME / "sick").exists()
        flaps = "flaps" in DOES and time.monotonic() - BORN > 2
        falls = "delicate" in DOES and (HOME / "pushed").exists()
        well = self.path != "/healthz" or not (sick or flaps or falls)
        body = (VERSION if self.path == "/version" else "ok" if well else "sick").encode()
        self.send_response(200 if well else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    allow_reuse_address = True
    daemon_threads = True


server = Server(("127.0.0.1", int(port)), Handler)
if "notifies" in DOES:  # as sd_notify(3) does
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
server.serve_forever()
"""


def build(folder: Path, version: str, behaviour: str = "good") -> Path:
    """Write a version of the product to ``folder/<version>-<behaviour>`` and return it."""
    tree = folder / f"{version}-{behaviour}"
    program = tree / "bin" / "agent"
    program.parent.mkdir(parents=True, exist_ok=True)
    interpreter = "/nonexistent/python3" if behaviour == "alien" else f"{sys.executable} -IS"
    program.write_text(PROGRAM.format(version=version, behaviour=behaviour, interpreter=interpreter))
    program.chmod(0o755)
    (tree / "share").mkdir(exist_ok=True)
    (tree / "share" / "notes.txt").write_text(f"This is {version}.\n")
    return tree
