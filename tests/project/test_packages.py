"""Packages: what is required is pinned, and what is pinned is what was tested, byte for byte."""

from configparser import ConfigParser

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT

LOCK = ROOT / "requirements.lock"


def pinned() -> dict[str, str]:
    """Return the version of each package in the lock file."""
    entries = LOCK.read_text().replace("\\\n", "").splitlines()
    return dict(entry.split(";")[0].split()[0].split("==") for entry in entries)


def required() -> list[Requirement]:
    """Return what the project and its development extra ask for, with the extras that this one includes."""
    settings = ConfigParser()
    settings.read(ROOT / "setup.cfg")
    lines = settings["options"]["install_requires"].split("\n")
    for extra in settings["options.extras_require"].values():
        lines += extra.split("\n")
    return [Requirement(line.split(" #")[0]) for line in lines if line.strip() and not line.startswith("#")]


def test_every_requirement_is_pinned():
    """A fresh machine installs the lock alone, so it must satisfy setup.cfg; ``make lock`` renews it."""
    found = pinned()
    wanted = [one for one in required() if one.name != "tidegate"]
    versions = {one: found.get(canonicalize_name(one.name)) for one in wanted}
    missing = [str(one) for one, version in versions.items() if not version or version not in one.specifier]
    assert missing == []


def test_every_pinned_package_has_a_digest():
    """What make installs is what was tested, whichever mirror it comes from."""
    entries = LOCK.read_text().replace("\\\n", "").splitlines()
    assert [line for line in entries if "==" not in line or "--hash=sha256:" not in line] == []
