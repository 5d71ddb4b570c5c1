"""Enrolment: pin a root, see that the repository answers to it, then write down who this host is."""

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from agent import clock, identity
from agent.fetch import Fetcher
from agent.identity import Identity
from agent.journal import Journal
from agent.repository import OWNER_HINT, Repository, check_root
from agent.settings import Network, Settings
from metadata.documents import Enrollment
from metadata.envelope import Sealed, from_text, public_keys
from metadata.errors import ConflictError, TidegateError, UntrustedError, UsageError
from metadata.fields import time_text
from metadata.strict import decode
from metadata.token import Token

ENROLLMENT = "fleet/enrollment"
MAX_ROOT_BYTES = 512_000
"""python-tuf's own limit for a root."""
ASK = "ask for a new registration token"


@dataclass(frozen=True)
class Invitation:
    """What a host is to be enrolled with."""

    url: str
    root: bytes
    text: str = ""
    """The registration token as it was pasted; empty without one."""
    token: Token | None = None
    sealed: Sealed | None = None


def by_root(url: str, root_file: Path) -> Invitation:
    """Return what an operator wrote: a URL, and a root file that came on a trusted way.

    Raises:
        UsageError: The file cannot be read.
        MalformedError: It is no root.
    """
    try:
        root = root_file.read_bytes()
    except OSError as error:
        raise UsageError(f"root file {root_file} cannot be read: {error.strerror}") from error
    check_root(root_file, root)
    return Invitation(url.rstrip("/"), root)


def by_token(text: str, network: Network) -> Invitation:
    """Return what a registration token says, with the root that it names; nothing of it is believed yet.

    Raises:
        MalformedError: It is no token.
        UnreachableError: Its repository does not answer.
        UntrustedError: The root there is another.
    """
    sealed = from_text(text, Token)
    token = sealed.peek(Token)
    identity.check_url(token.url)
    name = f"{token.url.rstrip('/')}/metadata/{token.root_version}.root.json"
    root = Fetcher(network).get(name, MAX_ROOT_BYTES)
    if hashlib.sha256(root).hexdigest() != token.root_sha256:
        raise UntrustedError(f"{name} is not the root that the token pins", OWNER_HINT)
    return Invitation(token.url.rstrip("/"), root, "".join(text.split()), token, sealed)


def by_identity(settings: Settings) -> Invitation:
    """Return what this host was enrolled with.

    Raises:
        UnsuitableError: It was not.
    """
    who, root = identity.load(settings.state_folder)
    if not who.token:
        return Invitation(who.url, root)
    sealed = from_text(who.token, Token)
    return Invitation(who.url, root, who.token, sealed.peek(Token), sealed)


def enrol(
    settings: Settings,
    invitation: Invitation,
    agent_id: str | None,
    *,
    cohort_id: str | None = None,
    again: bool = False,
) -> Identity:
    """Return the host's identity; enrolling again with the same changes nothing.

    Args:
        settings: Where the identity is kept.
        invitation: What to enrol with.
        agent_id: The host's id; a random one unless given.
        cohort_id: The id whose place the host takes; empty for its own, None for what it has.
        again: Make a new identity although there is one: for a host that was copied from another.

    Raises:
        UsageError: The id or URL cannot be used.
        ConflictError: The host is enrolled with another root, URL or id.
        UnreachableError, UntrustedError: The repository does not answer to this root, or does not allow the
            token; nothing was written.
    """
    state = settings.state_folder
    have = identity.load(state) if identity.exists(state) else None
    if have is not None and again:
        agent_id = agent_id or identity.fresh_id()
    elif have is not None:
        _refuse_another(have, invitation, agent_id, state)
        invitation = invitation if invitation.text else by_identity(settings)
        same_place = cohort_id is None or cohort_id == (have[0].cohort_id or "")
        if invitation.text == have[0].token and same_place and not have[0].left_at:
            return have[0]
        agent_id = have[0].agent
    root = have[1] if have else invitation.root
    wanted = identity.make(invitation.url, root, agent_id)
    wanted = msgspec.structs.replace(wanted, cohort_id=_cohort(have, cohort_id))
    with _trusted(wanted, root, settings.network) as repository:
        wanted = _allowed(wanted, invitation, repository)
    wanted = msgspec.structs.replace(wanted, key=_key(have, again=again), enrolment=identity.fresh_id())
    identity.keep(state, wanted, root)
    if have is not None and have[0].left_at:
        _forget_leaving(settings)
    return wanted


def _forget_leaving(settings: Settings) -> None:
    """Let the next tick decide; a journal that cannot be written says so then."""
    with contextlib.suppress(TidegateError):
        journal = Journal(settings.state_folder / "journal.db")
        with contextlib.closing(journal):
            journal.remember({f"decision/{product.name}": None for product in settings.product})


def _key(have: tuple[Identity, bytes] | None, *, again: bool) -> str:
    """Return the key that the host has; a known id is believed again only with its old key."""
    return (have[0].key if have and not again else "") or identity.fresh_key()


def _cohort(have: tuple[Identity, bytes] | None, said: str | None) -> str | None:
    if said:
        identity.check_id("a cohort id", said)
    return said or (have[0].cohort_id if have and said is None else None)


def _refuse_another(
    have: tuple[Identity, bytes], invitation: Invitation, agent_id: str | None, state: Path
) -> None:
    who, root = have
    same_root = invitation.token is not None or invitation.root == root
    if (who.url, True) == (invitation.url, same_root) and agent_id in {None, who.agent}:
        return
    hint = f"remove {identity.folder(state)} first if this host is meant to move"
    raise ConflictError(f"this host is enrolled as {who.agent} at {who.url}", hint)


@contextlib.contextmanager
def _trusted(wanted: Identity, root: bytes, network: Network) -> Iterator[Repository]:
    """Give the repository as it answers to the root; what is kept of it is thrown away."""
    with tempfile.TemporaryDirectory() as scratch:
        yield Repository(Path(scratch), [wanted.url], root, Fetcher(network))


def _allowed(wanted: Identity, invitation: Invitation, repository: Repository) -> Identity:
    """Return the identity with what its token says, once the repository's owners stand behind the token."""
    token, sealed = invitation.token, invitation.sealed
    if token is None or sealed is None:
        return wanted
    target = repository.find(ENROLLMENT)
    if target is None or target.role != "fleet":
        raise UntrustedError(f"{wanted.url} enrols nobody by token", OWNER_HINT)
    enrollment = decode(repository.read(target), Enrollment)
    sealed.verify(public_keys(enrollment.keys), "the registration token")
    if token.id in enrollment.revoked_tokens:
        raise UntrustedError(f"registration token {token.id} was revoked", ASK)
    if wanted.agent in enrollment.revoked_agents:
        raise UntrustedError(f"agent {wanted.agent} was revoked", "enrol with --again to get a new id")
    if clock.now() >= token.expires:
        raise UntrustedError(f"registration token {token.id} expired at {time_text(token.expires)}", ASK)
    return msgspec.structs.replace(
        wanted,
        ring=token.ring,
        scope=token.channels,
        token=invitation.text,
        labels=token.labels,
        headers=token.headers,
    )
