"""Who this host is and whom it trusts: its id, its key, the repository, the pinned root."""

import hashlib
import re
import uuid
from pathlib import Path

import msgspec
from securesystemslib.signer import CryptoSigner

from agent import files, locking
from metadata.errors import MalformedError, UnsuitableError, UsageError
from metadata.fields import AgentId

MACHINE_ID = Path("/etc/machine-id")
"""Every copy of a disk gets another one at its first boot, where images are made as systemd asks for it."""
NUMBER = "next-report"
"""Who speaks, and the number of its next report."""
ENROLL_HINT = "run: tidegate-agent enroll --token TOKEN, or with --url URL --root FILE"


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What enrolment settled."""

    agent: AgentId
    url: str
    root_sha256: str
    ring: str | None = None
    cohort_id: str | None = None
    """The id whose place the host takes in every channel; its own unless given."""
    machine: str | None = None
    """What tells the machine from a copy of its disk; None where the system does not say."""
    scope: list[str] | None = None
    """``product/channel`` names that a registration token allows; None without a token."""
    key: str = ""
    """The agent's private key, PKCS #8; in this file, so that id and key are one even after a power cut."""
    token: str = ""
    """The registration token; without one, nobody would believe this host's reports and it sends none."""
    labels: dict[str, str] = {}
    """What the token says about this host."""
    headers: dict[str, str] = {}
    """What the place for reports wants to see."""
    enrolment: str = ""
    """Names this enrolment, which the collector is told of once."""
    left_at: str = ""
    """When the host left; empty while it follows."""


def folder(state: Path) -> Path:
    """Return where the identity is kept."""
    return state / "identity"


def load(state: Path) -> tuple[Identity, bytes]:
    """Return the identity and the pinned root.

    Raises:
        UnsuitableError: The host is not enrolled.
        MalformedError: The files are damaged.
    """
    place = folder(state)
    try:
        identity = msgspec.json.decode((place / "agent.json").read_bytes(), type=Identity)
        root = (place / "root.json").read_bytes()
    except FileNotFoundError as error:
        raise UnsuitableError("this host is not enrolled", ENROLL_HINT) from error
    except (OSError, ValueError, RecursionError) as error:
        raise MalformedError(f"the identity in {place} cannot be read: {error}", "enroll again") from error
    if hashlib.sha256(root).hexdigest() != identity.root_sha256:
        raise MalformedError(
            f"{place}/root.json is not the root that was pinned", "restore it or enroll again"
        )
    return identity, root


def fresh_id() -> str:
    """Return an id that nobody has."""
    return str(uuid.uuid4())


def make(url: str, root: bytes, agent_id: str | None) -> Identity:
    """Return a new identity.

    Raises:
        UsageError: The id or the URL cannot be used.
    """
    agent = agent_id or fresh_id()
    check_id("an agent id", agent)
    check_url(url)
    digest = hashlib.sha256(root).hexdigest()
    return Identity(agent=agent, url=url.rstrip("/"), root_sha256=digest, machine=machine())


def check_id(what: str, text: str) -> None:
    """Refuse what cannot be an id.

    Raises:
        UsageError: It cannot.
    """
    if not re.fullmatch(r"(?!\.\.?$)[A-Za-z0-9._-]{1,64}", text):
        hint = "use letters, digits, dots, _ and -; at most 64, but not . or .."
        raise UsageError(f"not {what}: {text!r}", hint)


def check_url(url: str) -> None:
    """Refuse what is no address of a repository.

    Raises:
        UsageError: It is none.
    """
    if not url.startswith(("http://", "https://", "file:///")):
        raise UsageError(f"not a repository URL: {url!r}", "write it with https://, or file:/// for a folder")


def machine(salt: str = "tidegate") -> str | None:
    """Return a digest of the machine's own id, which is not told to others as it is: machine-id(5).

    Args:
        salt: Digests under different salts cannot be recognised as the same machine's.
    """
    try:
        text = MACHINE_ID.read_text().strip()
    except OSError:
        return None
    return hashlib.sha256(f"{salt}/{text}".encode()).hexdigest()[:32] if text else None


def exists(state: Path) -> bool:
    """Return whether this host is enrolled."""
    return (folder(state) / "agent.json").exists()


def keep(state: Path, identity: Identity, root: bytes) -> None:
    """Write a new identity; the file that makes it one comes last.

    Raises:
        UnsuitableError: The state folder cannot be used.
    """
    place = folder(state)
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        place.mkdir(exist_ok=True, mode=0o700)
        files.write(place / "root.json", root)
        files.write(place / "agent.json", msgspec.json.format(msgspec.json.encode(identity)) + b"\n")
    except OSError as error:
        raise locking.unusable(state, error) from error


def next_number(state: Path, agent: str) -> int:
    """Return the number of an agent's next report as it is kept beside the key: it outlives the journal."""
    try:
        who, number = (folder(state) / NUMBER).read_text().split()
        return max(1, int(number)) if who == agent else 1
    except (OSError, ValueError):
        return 1


def keep_number(state: Path, agent: str, number: int) -> None:
    """Keep the number of an agent's next report."""
    if next_number(state, agent) != number:
        files.write(folder(state) / NUMBER, f"{agent} {number}\n".encode())


def fresh_key() -> str:
    """Return a new Ed25519 key (RFC 8032), as PKCS #8."""
    return CryptoSigner.generate_ed25519().private_bytes.decode()
