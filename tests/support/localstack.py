"""LocalStack: a key service that speaks the protocol of AWS KMS, in a process of its own."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from repo_tools.demo.fleet import Port
from tests.conftest import ROOT
from tests.support.host import ask, eventually

CACHE = ROOT / ".cache" / "localstack"
PACKAGES = ("localstack-core[base-runtime]==4.12.0", "moto-ext")
UNTIL = "2025-12-15"
"""Its packages pin few of theirs: these are the ones of its time."""
SETTINGS = {
    "SERVICES": "kms,sts,iam",
    "DISABLE_EVENTS": "1",
    "SKIP_SSL_CERT_DOWNLOAD": "1",
    "DNS_ADDRESS": "0",
    "EAGER_SERVICE_LOADING": "0",
}
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextmanager
def running(folder: Path) -> Iterator[dict[str, str]]:
    """Run it on loopback, and yield the environment in which clients find it."""
    port = Port()
    environ = {**os.environ, **SETTINGS, "GATEWAY_LISTEN": f"127.0.0.1:{port}"}
    environ |= {"LOCALSTACK_VOLUME_DIR": str(folder / "volume"), "TMPDIR": str(folder)}
    with (folder / "log").open("wb") as log:
        line = [str(_python()), "-m", "localstack.runtime.main"]
        process = subprocess.Popen(line, env=environ, stdout=log, stderr=log, cwd=folder)
        try:
            url = f"http://127.0.0.1:{port}"
            eventually(
                lambda: process.poll() is not None or ask(f"{url}/_localstack/health") is not None, 120
            )
            assert process.poll() is None, (folder / "log").read_text()
            yield {**CREDENTIALS, "AWS_ENDPOINT_URL_KMS": url}
        finally:
            process.kill()  # it keeps nothing that is worth a tidy end, which takes it ten seconds
            process.wait(60)


def _python() -> Path:
    """Return the interpreter that has it, installed once; skips the test where it cannot be had."""
    CACHE.mkdir(parents=True, exist_ok=True)
    python = CACHE / "venv" / "bin" / "python"
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (CACHE / "ready").exists():
            install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv"]
            into = [str(python), "-m", "uv", "pip", "install", "--quiet", "-p", str(python)]
            for line in (
                [sys.executable, "-m", "venv", "--clear", str(CACHE / "venv")],
                install,
                [*into, "--exclude-newer", UNTIL, *PACKAGES],
            ):
                done = subprocess.run(line, capture_output=True, text=True, check=False)
                if done.returncode != 0:
                    pytest.skip(f"LocalStack cannot be had: {done.stderr.strip()[-300:]}")
            (CACHE / "ready").touch()
    return python
