"""A role that is being changed."""

from collections.abc import Mapping, Sequence

from tuf.api.metadata import TargetFile, Targets

from repo_tools.signed.views import RETIRED_FIELD, SEQ_FIELD, Entry


class Draft:
    """What may be changed of a targets role; versions, expiry and signatures may not."""

    def __init__(self, signed: Targets) -> None:
        self._signed = signed

    def put(self, entry: Entry) -> None:
        """List a target file, in place of what its path had before."""
        fields = {} if entry.custom is None else {"custom": entry.custom}
        self._signed.targets[entry.path] = TargetFile(
            entry.length, {"sha256": entry.sha256}, entry.path, fields
        )

    def drop(self, path: str) -> None:
        """List a target file no more."""
        self._signed.targets.pop(path, None)

    def delegate_paths(self, role: str, paths: Sequence[str]) -> None:
        """Let a role that is delegated here speak for exactly these paths; who may sign it stays as it is."""
        assert self._signed.delegations is not None  # it names the role
        assert self._signed.delegations.roles is not None
        self._signed.delegations.roles[role].paths = list(paths)

    def remember_seq(self, seq: int) -> None:
        """Keep the highest sequence number ever given."""
        self._signed.unrecognized_fields[SEQ_FIELD] = seq

    def remember_retired(self, digests: Mapping[str, str]) -> None:
        """Keep the digests of release documents that are no longer listed, by version."""
        if digests:
            self._signed.unrecognized_fields[RETIRED_FIELD] = dict(sorted(digests.items()))
