"""What clock a server has, as it dates its own answers."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any


@dataclass
class Dated:
    """The newest answer's date."""

    ahead: timedelta | None = None
    """How far this machine's clock is ahead of the server's; None before the first date."""

    def note(self, parsed: Mapping[str, Any], **_said: Any) -> None:
        """Look at an answer that boto3 has parsed."""
        date = parsed.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        with suppress(TypeError, ValueError):  # some servers say none, or nonsense
            self.ahead = datetime.now(UTC) - parsedate_to_datetime(date)
