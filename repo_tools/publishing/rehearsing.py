"""Let real clients read a publication before it is public."""

from dataclasses import replace

from metadata.errors import SignaturesMissingError
from repo_tools.checks.calm import calming
from repo_tools.checks.clients import Overlay, Rehearsal, last_pasts, moved, rehearsal
from repo_tools.checks.facts import Finding, gather
from repo_tools.checks.known import Known
from repo_tools.desk import Desk
from repo_tools.keys.passphrase import Passphrases
from repo_tools.publishing.publish import Publication, prepare, sealed
from repo_tools.signed.sealing import Sealed
from repo_tools.signing import missing
from repo_tools.store import TIMESTAMP, Store

FEW = 3
"""How many earlier publications a publisher lets clients remember; ``tidegate check`` takes them all."""


def rehearse(desk: Desk, publication: Publication, seals: Sealed) -> list[Finding]:
    """Return what clients refuse of a publication: a new one, and ones that know the last few.

    The new one asks for everything that the publication can touch, the others for what it moves. What is live
    was read and verified before, and is not read from the store again for each of them.
    """
    known = Known(desk)
    pasts = last_pasts(desk, known, FEW)
    known.expect(pasts)
    act = replace(_act(desk, publication, seals, known), moved=moved(desk))
    return list(act.findings(known, pasts))


def staged(desk: Desk) -> Rehearsal:
    """Return a rehearsal of what is staged, as it would be published now; nobody is asked for a passphrase.

    Raises:
        SignaturesMissingError: It is not signed yet, or the online key is not at hand.
        UsageError: The online key needs a passphrase that was not given.
    """
    if missing(desk):
        raise SignaturesMissingError("signatures are missing", "tidegate sign")
    quiet = Desk(desk.workspace, desk.keys, Passphrases(desk.passphrases.given), desk.now)
    quiet.store, quiet.live, quiet.tree = desk.store, desk.live, desk.tree
    publication = prepare(quiet)
    return _act(desk, publication, sealed(quiet, publication), desk.store)


def _act(desk: Desk, publication: Publication, seals: Sealed, store: Store) -> Rehearsal:
    new = {name: data for name, data in publication.files.items() if isinstance(data, bytes)}
    new |= dict([seals.snapshot] if seals.snapshot else [])
    mild = calming(gather(desk, publishing=True))
    new |= {seals.history: seals.timestamp, TIMESTAMP: seals.timestamp}
    return rehearsal(desk, Overlay(store, new), publication.files, mild=mild)
