"""SeaweedFS: a real S3, with conditional writes, checksums, multipart uploads and IAM.

One server for each test process; each test gets a bucket and users of its own. A user has exactly the
statements of a file in ``infra/iam``.
"""

import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from repo_tools.demo.fleet import Port
from repo_tools.store import FullStore, S3Options, open_store
from tests.conftest import ROOT
from tests.support.host import eventually

PORTS = ("master.port", "filer.port", "volume.port", "s3.port", "admin.port")
_GRPC = ".grpc"
_OFF = ("-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0")
_OWNER = ("owner", "owner-secret")
_counter = itertools.count()


def program() -> str | None:
    """Return where SeaweedFS is installed; it comes with the development extra."""
    beside = Path(sys.executable).with_name("weed")
    return str(beside) if beside.exists() else shutil.which("weed")


@dataclass
class Seaweed:
    """One running server."""

    url: str
    pid: int
    clients: dict[tuple[str, str, str], Any] = field(default_factory=dict)

    def client(self, service: str = "s3", key: str = _OWNER[0], secret: str = _OWNER[1]) -> Any:
        """Return a boto3 client; the owner's unless told."""
        if (service, key, secret) not in self.clients:
            self.clients[service, key, secret] = boto3.client(
                service,
                endpoint_url=self.url,
                aws_access_key_id=key,
                aws_secret_access_key=secret,
                region_name="us-east-1",
                config=Config(s3={"addressing_style": "path"}, max_pool_connections=32),
            )
        return self.clients[service, key, secret]

    def bucket(self) -> "Bucket":
        """Return a new bucket."""
        name = f"updates-{next(_counter)}"
        self.client().create_bucket(Bucket=name)
        return Bucket(self, name)


@dataclass(frozen=True)
class Bucket:
    """A bucket of one test."""

    server: Seaweed
    name: str

    @property
    def location(self) -> str:
        """The store as tidegate.toml has it."""
        return f"s3://{self.name}/updates?{urlencode({'endpoint': self.server.url})}"

    def store(self, **options: str) -> FullStore:
        """Return the store, as commands open it."""
        return open_store(self.location, Path(), S3Options(**options))  # type: ignore[arg-type]  # texts all

    def user(self, role: str, proof: str = "") -> dict[str, str]:
        """Return the environment of a user who may do what a file in ``infra/iam`` says, and nothing else.

        Args:
            role: The file's name.
            proof: What the user can write, where it may not read.
        """
        text = (ROOT / "infra" / "iam" / f"{role}.json").read_text()
        name = f"{role}-{next(_counter)}"
        iam = self.server.client("iam")
        iam.create_user(UserName=name)
        statements = text.replace("BUCKET", self.name).replace("PREFIX", "updates/")
        policy = iam.create_policy(PolicyName=name, PolicyDocument=statements)["Policy"]["Arn"]
        iam.attach_user_policy(UserName=name, PolicyArn=policy)
        made = iam.create_access_key(UserName=name)["AccessKey"]
        environ = credentials(made["AccessKeyId"], made["SecretAccessKey"])
        client = self.server.client("s3", made["AccessKeyId"], made["SecretAccessKey"])
        eventually(lambda: self._can_write(client, proof) if proof else self._can_read(client))
        return environ

    def names(self) -> list[str]:
        """Return every object's key."""
        pages = self.server.client().get_paginator("list_objects_v2").paginate(Bucket=self.name)
        return [one["Key"] for page in pages for one in page.get("Contents", ())]

    def get(self, key: str) -> bytes:
        """Return an object's content."""
        data: bytes = self.server.client().get_object(Bucket=self.name, Key=key)["Body"].read()
        return data

    def head(self, key: str) -> Mapping[str, Any]:
        """Return what S3 says about an object."""
        found: Mapping[str, Any] = self.server.client().head_object(
            Bucket=self.name, Key=key, ChecksumMode="ENABLED"
        )
        return found

    def _can_read(self, client: Any) -> bool:
        try:
            client.get_object(Bucket=self.name, Key="updates/metadata/none")
        except ClientError as error:
            return bool(error.response["Error"]["Code"] == "NoSuchKey")
        return True

    def _can_write(self, client: Any, key: str) -> bool:
        with suppress(ClientError):
            client.put_object(Bucket=self.name, Key=key)
            return True
        return False


def credentials(key: str = _OWNER[0], secret: str = _OWNER[1]) -> dict[str, str]:
    """Return the environment variables that boto3 reads; the owner's unless told."""
    return {
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@contextmanager
def running(folder: Path) -> Iterator[Seaweed]:
    """Run SeaweedFS with its data in a folder until the block ends."""
    weed = program()
    assert weed is not None
    ports = {name + kind: Port() for name in PORTS for kind in ("", _GRPC)}
    identity = {
        "name": _OWNER[0],
        "credentials": [{"accessKey": _OWNER[0], "secretKey": _OWNER[1]}],
        "actions": ["Admin"],
    }
    (folder / "ids.json").write_text(json.dumps({"identities": [identity]}))
    command = [weed, f"-logdir={folder}", "mini", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    command += [f"-s3.config={folder}/ids.json", "-s3.iam.readOnly=false", *_OFF]
    command += [f"-{name}={port}" for name, port in ports.items()]
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=folder)
    try:
        server = Seaweed(f"http://127.0.0.1:{ports['s3.port']}", process.pid)
        eventually(lambda: process.poll() is not None or _answers(server))
        assert process.poll() is None, (folder / "output").read_text()
        yield server
    finally:
        process.terminate()
        process.wait(60)


def _answers(server: Seaweed) -> bool:
    with suppress(BotoCoreError, ClientError):
        server.client().list_buckets()
        return True
    return False
