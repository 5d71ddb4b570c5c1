"""The workspace: a folder of plain files in which release managers prepare what is published.

::

    tidegate.toml     where the repository is published, defaults for release add
    root.json         the newest root: what hosts enrol with
    staged/metadata/  roles being prepared, with whatever signatures they have
    staged/targets/   files being prepared, under the names they will have in the store

Nothing in it is secret; it works in git, where ``.gitignore`` keeps the artifacts out and ``.gitattributes``
says how two sides meet.
"""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

import msgspec

from metadata.errors import ConflictError, MalformedError, UsageError
from repo_tools import files
from repo_tools.store.options import S3Options

SETTINGS = "tidegate.toml"
LAKE = "lake"
"""Where what hosts reported is kept, unless somebody says otherwise."""
_LOCK = ".lock"
_LARGE = ("*.tar.*", "*.zip", "*.bin")
_MERGED = "/staged/base/* merge=union\n"
"""Whoever prepared a role on top of the older version is asked to rebase it; lines of both sides say so."""
_IGNORED = "/.lock\n/.pack-*\n" + "".join(f"/staged/targets/releases/**/{name}\n" for name in _LARGE)


class ReleaseDefaults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``release add`` takes when its options do not say otherwise; one section for each product."""

    probe: str | None = None
    """Command that the staged version must answer, such as ``bin/agent --version``."""
    expect: str | None = None
    """Word in its answer; ``{version}`` stands for the version."""
    health: list[str] = []
    """As the option ``--health`` has them."""
    pre_switch: str | None = None
    """Command that each host runs before a switch; exit 75 puts it off."""
    post_switch: str | None = None
    """Command that each host runs when the new version has been started."""
    hook_s: int = 60
    """How long each of them may take."""
    start_s: int = 120
    trial_s: int = 600
    soak_s: int = 14_400


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``tidegate.toml`` holds."""

    store: str
    """Where the repository is published: a folder, ``file:///…``, or ``s3://bucket/prefix``."""
    mirrors: list[str] = []
    """Further stores that are kept the same; publishing is decided in the first."""
    s3: S3Options = S3Options()
    """How every store in S3 is reached; a store's URL may say otherwise: ``s3://bucket/prefix?region=…``."""
    product: dict[str, ReleaseDefaults] = {}


@dataclass(frozen=True)
class Workspace:
    """A workspace on disk."""

    folder: Path
    settings: Settings

    @classmethod
    def open(cls, folder: Path) -> "Workspace":
        """Return the workspace in a folder.

        Raises:
            UsageError: There is none.
            MalformedError: Its settings cannot be read.
        """
        path = folder / SETTINGS
        try:
            settings = msgspec.toml.decode(path.read_bytes(), type=Settings)
        except FileNotFoundError as error:
            hint = "go to the workspace, name it with -C DIR, or make one with tidegate init"
            raise UsageError(f"no workspace in {folder}: {SETTINGS} is missing", hint) from error
        except (OSError, ValueError, RecursionError) as error:
            raise MalformedError(
                f"{path} cannot be read: {error}", "mend it; an unknown key is an error"
            ) from error
        return cls(folder, settings)

    @property
    def program(self) -> str:
        """What a command to paste begins with, so that it works where this one was typed."""
        return "tidegate" if self.folder == Path() else f"tidegate -C {quote(str(self.folder))}"

    def write_settings(self, product: str) -> None:
        """Make the folder a workspace; the last step of founding one."""
        files.write(self.folder / ".gitignore", _IGNORED.encode())
        files.write(self.folder / ".gitattributes", _MERGED.encode())
        store = msgspec.json.encode(self.settings.store).decode()
        files.write(self.folder / SETTINGS, _TEMPLATE.format(store=store, product=product).encode())

    @property
    def staged_metadata(self) -> Path:
        """Where roles are prepared."""
        return self.folder / "staged" / "metadata"

    def staged_root(self) -> bytes | None:
        """Return the root that is being prepared, or None."""
        path = self.staged_metadata / "root.json"
        return path.read_bytes() if path.is_file() else None

    @property
    def staged_targets(self) -> Path:
        """Where files are prepared."""
        return self.folder / "staged" / "targets"

    @property
    def root_file(self) -> Path:
        """The newest root that is known here."""
        return self.folder / "root.json"

    def root_bytes(self) -> bytes:
        """Return the newest root that is known here."""
        try:
            return self.root_file.read_bytes()
        except OSError as error:
            hint = "take root.json from where this workspace came from"
            raise MalformedError(f"{self.root_file} cannot be read: {error.strerror}", hint) from error

    def defaults(self, product: str) -> ReleaseDefaults:
        """Return a product's defaults for ``release add``."""
        return self.settings.product.get(product, ReleaseDefaults())

    @contextmanager
    def alone(self, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
        """Keep other commands out while this one changes the workspace.

        Args:
            on_wait: Called before another one that is at work is waited for; None: nobody waits.

        Raises:
            ConflictError: Another one is at work.
        """
        with (self.folder / _LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if on_wait is None:
                    hint = "wait until it is done, and try again"
                    raise ConflictError(f"another tidegate is at work in {self.folder}", hint) from error
                on_wait()
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def refuse_existing(folder: Path) -> None:
    """Refuse a folder that is a workspace already.

    Raises:
        UsageError: It is.
    """
    if (folder / SETTINGS).exists():
        raise UsageError(f"{folder} is a workspace already; nothing was changed", "choose another folder")


_TEMPLATE = """\
# Where the repository is published.
store = {store}

# Defaults for `tidegate release add`; its options win.
[product.{product}]
# probe = "bin/{product} --version"
# expect = "{{version}}"
# health = ["http://127.0.0.1:8222/healthz"]
# start_s = 120
# trial_s = 600
# soak_s = 14400
"""
