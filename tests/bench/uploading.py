"""Uploading artifacts to SeaweedFS, against ``aws s3 cp`` on the same files, side by side."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from statistics import median

from repo_tools.store.lanes import in_lanes
from tests.bench.measure import Row
from tests.support import seaweed
from tests.support.seaweed import Bucket, credentials

FILES = 40
FILE_BYTES = 25 * 1_000_000
"""Forty artifacts of 25 MB are 1 GB."""
SLOWEST = 1 / 0.9
"""At least 0.9 times the speed of the peer."""


def awscli(folder: Path) -> str:
    """Return the AWS command line, installed apart: it pins a botocore of its own."""
    program = folder / "awscli" / "bin" / "aws"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", program.parent.parent], check=True)
        subprocess.run([program.with_name("pip"), "install", "--quiet", "awscli"], check=True)
    return str(program)


def rows(folder: Path, python: str, runs: int) -> list[Row]:
    """Measure both, in turn."""
    peer = awscli(folder.parent)
    shutil.rmtree(folder, ignore_errors=True)
    artifacts = folder / "artifacts"
    artifacts.mkdir(parents=True)
    digests: dict[str, str] = {}
    for number in range(FILES):
        data = os.urandom(FILE_BYTES)
        (artifacts / f"{number}.tar.zst").write_bytes(data)
        digests[f"{number}.tar.zst"] = sha256(data).hexdigest()
    ours, theirs = list[float](), list[float]()
    for run in range(runs):
        (folder / str(run)).mkdir()
        with seaweed.running(folder / str(run)) as server:
            both = [
                (theirs, lambda: _peer(peer, artifacts, server.bucket())),
                (ours, lambda: _ours(artifacts, digests, server.bucket())),
            ]
            for taken, work in both if run % 2 else reversed(both):  # who is second finds a busier disk
                os.sync()
                taken.append(_taken(work))
        shutil.rmtree(folder / str(run))
    shutil.rmtree(artifacts)
    return [
        Row("upload of 1 GB in 40 files, to aws s3 cp", median(ours), "s", SLOWEST, median(theirs)),
    ]


def _taken(work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _ours(artifacts: Path, digests: dict[str, str], bucket: Bucket) -> None:
    os.environ.update(credentials())
    store = bucket.store()
    in_lanes(
        store.lanes,
        lambda name: store.upload(f"targets/{name}", artifacts / name, digests[name]),
        digests,
    )


def _peer(program: str, artifacts: Path, bucket: Bucket) -> None:
    command = [program, "--endpoint-url", bucket.server.url, "--region", "us-east-1", "s3", "cp"]
    command += ["--recursive", "--quiet", str(artifacts), f"s3://{bucket.name}/peer/"]
    subprocess.run(command, env={**os.environ, **credentials()}, check=True)
