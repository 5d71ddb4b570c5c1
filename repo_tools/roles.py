"""Names: roles, target paths, and how long each role's signature lasts.

The tree is that of the design: ``targets`` delegates ``<product>.releases``, ``<product>.<channel>`` and
``fleet``; a channel delegates ``brake``, ``selected`` and its waves.
"""

from dataclasses import dataclass
from datetime import timedelta

from metadata.errors import UsageError
from repo_tools import names

TOP_LEVEL = ("root", "targets", "snapshot", "timestamp")
ONLINE = ("snapshot", "timestamp")
FLEET = "fleet"
ENROLLMENT_PATH = "fleet/enrollment"
BRAKE, SELECTED, POLICY = "brake", "selected", "policy"
NOT_WAVES = (BRAKE, SELECTED)
MAX_JUMP = 100
"""A version far ahead of the published one can never be taken back: clients remember the highest."""

_LIFETIME_DAYS = {"root": 365, "targets": 180, "snapshot": 7, "timestamp": 3, FLEET: 180}
_WAVE_DAYS = 90
LONG = 2
"""Times its usual life: none of our tools signs a role for longer."""
_OTHER_DAYS = 180


@dataclass(frozen=True)
class Channel:
    """A channel of a product, and the names that belong to it."""

    product: str
    name: str

    def __str__(self) -> str:
        return f"{self.product}/{self.name}"

    @property
    def role(self) -> str:
        """The channel role."""
        return f"{self.product}.{self.name}"

    def below(self, name: str) -> str:
        """Return the role of a wave, of ``brake`` or of ``selected``."""
        return f"{self.role}.{name}"

    def path(self, leaf: str) -> str:
        """Return the target path of a route, of ``policy`` or of ``brake``."""
        return f"rollout/{self.product}/{self.name}/{leaf}"


def releases(product: str) -> str:
    """Return the role that lists a product's releases."""
    return f"{product}.releases"


def release_path(product: str, version: str, name: str = "release.json") -> str:
    """Return the target path of a release's document, or of a file beside it."""
    return f"releases/{product}/{version}/{name}"


def parent(role: str) -> str:
    """Return the role that delegates to ``role``; ``root`` for the top-level ones and itself."""
    if role in TOP_LEVEL:
        return "root"
    return role.rpartition(".")[0] if role.count(".") == 2 else "targets"


def lifetime(role: str) -> timedelta:
    """Return how long a role's signature lasts."""
    default = _WAVE_DAYS if is_wave(role) else _OTHER_DAYS
    return timedelta(days=_LIFETIME_DAYS.get(role, default))


def is_wave(role: str) -> bool:
    """Return whether a role is a wave's."""
    return role.count(".") == 2 and role.rpartition(".")[2] not in NOT_WAVES


def check_version(version: str) -> None:
    """Refuse a version that cannot stand in target paths.

    Raises:
        UsageError: It has an epoch or a local part, or is not a version in normal form.
    """
    names.check_version(version)
    if "!" in version or "+" in version:
        hint = "publish it without an epoch and a local part, such as 1.5.0"
        raise UsageError(f"version {version!r} cannot stand in a path that every TUF client reads", hint)
