"""Audit: which root a publication is judged by, and where the walk begins."""

from datetime import timedelta

from tests.support.audits import audit, found


def test_a_limit_that_roots_owners_raised_counts_from_its_publication(told):
    """The root that allows more is published before the timestamp that lasts longer."""
    told.do("renew", "--yes", "--limit", "timestamp=5d", "--limit", "snapshot=10d")
    told.do("publish")
    assert found(told) == {}
    told.now += timedelta(hours=1)
    told.do("refresh")
    assert found(told) == {}


def test_a_root_that_was_renewed_late_is_in_force_from_then_on(told):
    """What is published after its renewal is not said to be under the root that had expired."""
    told.now += timedelta(days=400)
    told.do("renew", "--yes")
    told.do("publish")
    for _ in range(2):
        told.now += timedelta(hours=1)
        told.do("refresh")
    assert found(told) == {}
    assert "root" not in {one["role"] for one in audit(told).json["findings"]}


def test_a_root_that_expired_and_was_not_renewed_is_told(told):
    """While nothing succeeds it, the audit says since when hosts refuse it."""
    told.now += timedelta(days=400)
    told.do("refresh")
    said = [one["text"] for one in audit(told).json["findings"] if one["role"] == "root"]
    assert any("root 1 had expired when timestamp" in text for text in said)
    assert any("root 1 has expired on" in text for text in said)


def test_a_later_root_begins_the_audit_there(told):
    """It says so, and raises no alarm about what was signed by keys that this root does not know."""
    told.do("key", "new", "root-2", "--no-passphrase")
    told.do("key", "rotate", "all", "--old", "root", "--new", "root-2")
    told.sign_and_publish()
    known = ("audit", told.store, "--root", told.root_file)
    late = told.run(*known)
    assert late.exit_code == 0, late.stdout
    assert late.stdout.startswith("begins at root 2, which you gave; what came before is not judged")
    assert "everything holds" in late.stdout
    assert told.run("--json", *known).json["counts"]["publications"] == 1
    assert audit(told).json["counts"]["publications"] == 7


def test_a_thief_is_found_from_a_later_root_on(told, forge):
    """Only what came before the given root is left out, and never what is served."""
    stolen = forge.signer("root")
    told.do("key", "new", "root-2", "--no-passphrase")
    told.do("key", "rotate", "all", "--old", "root", "--new", "root-2")
    told.sign_and_publish()
    metadata = forge.load("targets")
    metadata.signed.version += 1
    metadata.signatures.clear()
    metadata.sign(stolen)
    (told.store / "metadata" / f"{metadata.signed.version}.targets.json").write_bytes(metadata.to_bytes())
    forge.seal()
    result = told.run("--json", "audit", told.store, "--root", told.root_file)
    assert result.exit_code == 12
    assert {one["role"] for one in result.json["findings"]} == {"targets"}
