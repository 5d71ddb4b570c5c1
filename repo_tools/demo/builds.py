"""The product of the demo: a web service of a few lines, in three versions."""

from pathlib import Path

SERVICE = '''#!/usr/bin/env python3
"""hello, a service for a demo: answers its version, and whether it is well."""
import http.server, sys

VERSION, WELL = {version!r}, {well!r}
if sys.argv[1:] == ["--version"]:
    raise SystemExit(print("hello", VERSION))


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        health = (200, "ok") if WELL else (503, "cannot reach the database")
        status, text = (200, VERSION) if self.path == "/version" else health
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
'''


def build(folder: Path, version: str, *, well: bool) -> Path:
    """Write one version below ``folder`` and return its tree."""
    program = folder / version / "bin" / "hello"
    program.parent.mkdir(parents=True)
    program.write_text(SERVICE.format(version=version, well=well))
    program.chmod(0o755)
    return folder / version
