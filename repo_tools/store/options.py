"""How S3 is reached and written; credentials come from where every AWS program finds them."""

from collections.abc import Mapping
from typing import Literal
from urllib.parse import parse_qsl

import msgspec

from metadata.errors import UsageError


class S3Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The section ``[s3]`` of ``tidegate.toml``; the query of a store's URL wins over it."""

    endpoint: str | None = None
    """URL of an S3 that is not Amazon's."""
    region: str | None = None
    profile: str | None = None
    """Of the AWS configuration files."""
    storage_class: str | None = None
    """For files below ``targets/``; metadata is read at every poll and stays in the standard class."""
    server_side_encryption: Literal["AES256", "aws:kms", "aws:kms:dsse"] | None = None
    kms_key_id: str | None = None
    lanes: int = 10
    """How many requests run at once (the AWS command line's default)."""

    def overlaid(self, query: str) -> "S3Options":
        """Return the options with those of a URL's query over them.

        Raises:
            UsageError: It names an option that does not exist.
        """
        given: Mapping[str, str] = dict(parse_qsl(query))
        try:
            return msgspec.convert({**msgspec.structs.asdict(self), **given}, S3Options, strict=False)
        except msgspec.ValidationError as error:
            raise UsageError(
                f"the store's options {query!r} make no sense: {error}", "name options of [s3]"
            ) from error
