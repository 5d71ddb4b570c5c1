"""A repository with a drop box in which agents speak, and what the collector makes of it."""

from pathlib import Path
from typing import Any

import duckdb

from tests.support.voices import Voice
from tests.support.workspace import Workspace


class Collection:
    """A repository, its drop box, and what was collected."""

    def __init__(self, repo: Workspace, box: Path) -> None:
        self.repo = repo
        self.box = box
        self.token = self.make_token()

    def make_token(self, *options: str) -> str:
        """Return a registration token."""
        return str(self.repo.do("fleet", "token", "--url", "https://updates.example.com", *options)["token"])

    def voice(self, name: str, token: str | None = None) -> Voice:
        """Return an agent that has a token and has said nothing."""
        return Voice(self.box, name, self.token if token is None else token)

    def collect(self, location: str | Path = "") -> Any:
        """Run the collector."""
        return self.repo.do("fleet", "collect", location or self.box)

    @property
    def lake(self) -> Path:
        """Where what was collected is."""
        return self.repo.folder / "lake"

    def rows(self, columns: str = "agent, seq") -> list[Any]:
        """Return what is in the lake."""
        files = self.lake / "reports" / "dt=*" / "*.parquet"
        with duckdb.connect() as db:
            statement = f"SELECT {columns} FROM read_parquet('{files}') ORDER BY agent, seq"
            return db.execute(statement).fetchall()

    def asides(self) -> list[tuple[str, str]]:
        """Return the agent and the reason of everything that was set aside."""
        with duckdb.connect(str(self.lake / "state.duckdb"), read_only=True) as db:
            return db.execute("SELECT agent, reason FROM aside ORDER BY ALL").fetchall()
