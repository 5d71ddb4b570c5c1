"""Enrolment: pin a root, see that the repository answers to it, then write down who this host is."""

import tempfile
from pathlib import Path

from agent import identity
from agent.fetch import Fetcher
from agent.identity import Identity
from agent.repository import Repository, check_root
from agent.settings import Settings
from metadata.errors import ConflictError, UsageError


def enrol(settings: Settings, url: str, root_file: Path, agent_id: str | None) -> Identity:
    """Return the host's identity; enrolling again with the same root and URL changes nothing.

    Raises:
        UsageError: The root file cannot be read, or the id or URL cannot be used.
        MalformedError: It is no root.
        ConflictError: The host is enrolled with another root, URL or id.
        UnreachableError, UntrustedError: The repository does not answer to this root; nothing was written.
    """
    try:
        root = root_file.read_bytes()
    except OSError as error:
        raise UsageError(f"root file {root_file} cannot be read: {error.strerror}") from error
    wanted = identity.make(url, root, agent_id)
    check_root(root_file, root)
    if identity.exists(settings.state_folder):
        have, _ = identity.load(settings.state_folder)
        same_id = agent_id in {None, have.agent}
        if (have.url, have.root_sha256) == (wanted.url, wanted.root_sha256) and same_id:
            return have
        hint = f"remove {identity.folder(settings.state_folder)} first if this host is meant to move"
        raise ConflictError(f"this host is enrolled as {have.agent} at {have.url}", hint)
    with tempfile.TemporaryDirectory() as scratch:
        Repository(Path(scratch), wanted.url, root, Fetcher())
    identity.keep(settings.state_folder, wanted, root)
    return wanted
