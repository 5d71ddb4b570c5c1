"""What happens in the demo, in order; every step is a command line that anybody could type."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from metadata.errors import UnhealthyError
from repo_tools.demo.builds import build
from repo_tools.demo.fleet import Fleet, Host, without_proxy
from repo_tools.demo.web import serving
from repo_tools.store.base import INDEX

WAVES = (("canary", 3), ("early", 5), ("full", 12))
POLL_S = 8
STEP_LIMIT_S = 150
"""The longest that one step may take on a slow machine before the demo gives up."""
LOOK_S = 1.0

Tidegate = Callable[[list[str]], str]
"""Runs one command line of ``tidegate``, and returns its result."""


class Stage:
    """Where the story is shown."""

    def say(self, text: str) -> None:
        """Tell what happens next."""

    def doing(self, text: str) -> None:
        """Tell what takes a while."""

    def typed(self, arguments: list[str]) -> None:
        """Show a command line."""

    def enrolling(self, count: int, total: int) -> None:
        """Show how many hosts are enrolled by now."""

    def fleet(self, fleet: Fleet, versions: dict[str, str | None]) -> None:
        """Show which version answers on which host."""


@dataclass
class Outcome:
    """How it went."""

    seconds: float = 0
    agents: int = 0
    went_back: list[str] = field(default_factory=list)
    """Hosts that tried the bad release and went back on their own."""
    exposed_elsewhere: list[str] = field(default_factory=list)
    """Hosts outside canary that ever saw the bad release; there must be none."""
    versions: dict[str, int] = field(default_factory=dict)
    """How many hosts run which version in the end."""
    dashboard: str = ""
    """Where the dashboard of all that is, for a browser on this machine."""


class Story:
    """One run of the demo."""

    def __init__(self, folder: Path, stage: Stage, tidegate: Tidegate) -> None:
        self._folder = folder
        self._stage = stage
        self._tidegate = tidegate
        self._begun = time.monotonic()
        self._box = folder / "reports"
        names = [f"host-{number:02}" for number in range(1, sum(count for _, count in WAVES) + 1)]
        self._waves = []
        for wave, count in WAVES:
            self._waves.append((wave, names[:count]))
            names = names[count:]

    @contextmanager
    def told(self) -> Iterator[Outcome]:
        """Tell the story; everything runs until the block ends."""
        without_proxy()
        with serving(self._folder / "store") as url:
            fleet = Fleet(self._folder / "hosts", self._waves)
            try:
                yield self._tell(fleet, url)
            finally:
                self._stage.doing(f"ending {len(fleet.hosts)} agents, and the services that they run")
                fleet.stop()

    def _tell(self, fleet: Fleet, url: str) -> Outcome:
        self._found()
        self._stage.say(f"Version 1.0.0 goes to everybody, and {len(fleet.hosts)} agents start.")
        self._release("1.0.0", "immediate", well=True)
        total = len(fleet.hosts)
        self._stage.enrolling(0, total)
        token = self._type("fleet", "token", "--url", url).strip()
        fleet.start(token, lambda count: self._stage.enrolling(count, total))
        self._until(fleet, fleet.hosts, _runs("1.0.0"))

        self._stage.say(
            "Version 1.1.0 cannot reach its database. Only canary gets it, and goes back on its own."
        )
        self._release("1.1.0", "manual", well=False)
        self._until(fleet, fleet.wave("canary"), lambda host: host.seen[-2:] == ["1.1.0", "1.0.0"])

        self._stage.say("Version 1.2.0 mends it: canary first, then early, then everybody.")
        self._release("1.2.0", "manual", well=True)
        for wave, _ in WAVES:
            self._until(fleet, fleet.wave(wave), _runs("1.2.0"))
            self._stage.doing(f"{wave}: waiting until every trial is over")
            self._until(fleet, fleet.wave(wave), Host.settled)
            self._type("rollout", "promote", "stable")
            self._publish()
        return self._outcome(fleet)

    def _found(self) -> None:
        """Count hosts into waves by name: 5 % of 20 is a lottery."""
        waves = [f"{wave}=id:{',id:'.join(names)}" for wave, names in self._waves[:-1]]
        options = [part for wave in [*waves, "full=100"] for part in ("--wave", wave)]
        self._stage.say("A repository with three waves: canary (3 hosts), early (5) and full (12).")
        store = ["--store", str(self._folder / "store"), "--poll-s", str(POLL_S)]
        workspace = str(self._folder / "workspace")
        self._type("init", workspace, "--product", "hello", *options, *store, "--solo", "--no-passphrase")
        self._type("fleet", "reports", "stable", "--url", self._box.as_uri())

    def _show(self) -> str:
        """Collect what hosts said, build the dashboard, and return its address."""
        self._stage.say("What the hosts reported is collected, and shown.")
        place = self._folder / "dashboard"
        self._type("fleet", "collect", str(self._box))
        self._type("dashboard", "build", "--full", "--to", str(place))
        return (place / INDEX).as_uri()

    def _release(self, version: str, strategy: str, *, well: bool) -> None:
        tree = build(self._folder / "builds", version, well=well)
        probe = ["--probe", "bin/hello --version", "--expect", version]
        trial = ["--start-s", "15", "--trial-s", "3", "--soak-s", "1"]
        self._type("release", "add", version, str(tree), "--platform", _platform(), *probe, *trial)
        self._type("rollout", "start", "stable", version, "--strategy", strategy)
        self._publish()

    def _publish(self) -> None:
        self._type("sign", "--yes")
        self._type("publish", "--yes")

    def _type(self, *arguments: str) -> str:
        self._stage.typed(list(arguments))
        where = [] if arguments[0] == "init" else ["-C", str(self._folder / "workspace")]
        return self._tidegate([*where, *arguments])

    def _until(self, fleet: Fleet, hosts: list[Host], done: Callable[[Host], bool]) -> None:
        end = time.monotonic() + STEP_LIMIT_S
        while not all(done(host) for host in hosts):
            if time.monotonic() > end:
                late = ", ".join(host.words() for host in hosts if not done(host))
                raise UnhealthyError(f"the demo waited in vain for {late}", f"look into {self._folder}/hosts")
            time.sleep(LOOK_S)
            self._stage.fleet(fleet, fleet.look())

    def _outcome(self, fleet: Fleet) -> Outcome:
        versions = [version or "nothing" for version in fleet.look().values()]
        self._stage.doing("asking every agent what it wrote down")
        histories = fleet.histories()
        tried = {
            name for name, events in histories.items() if any(event["to"] == "1.1.0" for event in events)
        }
        back = {name for name, events in histories.items() if any(map(_went_back, events))}
        canary = {host.name for host in fleet.wave("canary")}
        dashboard = self._show()
        return Outcome(
            seconds=round(time.monotonic() - self._begun, 1),
            agents=len(fleet.hosts),
            went_back=sorted(back),
            exposed_elsewhere=sorted(tried - canary),
            versions={version: versions.count(version) for version in sorted(set(versions))},
            dashboard=dashboard,
        )


def _runs(version: str) -> Callable[[Host], bool]:
    return lambda host: host.seen[-1:] == [version]


def _went_back(event: dict[str, Any]) -> bool:
    return (event["stage"], event["to"], event["outcome"]) == ("update_rollback", "1.1.0", "ok")


def _platform() -> str:
    name = os.uname()
    return f"{name.sysname}-{name.machine}".lower()
