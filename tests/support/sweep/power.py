"""Power cuts on a real ext4: what was not made to last is lost.

The host's disk is an ext4 image on a loop device. Below its page cache, the image holds what a disk would
hold if the power went now; while a tick is stopped after one of its calls, that is copied. Calls between
which nothing reached the disk leave the same disk: each different one is mounted, checked, booted and ticked.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.host import eventually
from tests.support.sweep import judge
from tests.support.sweep.calls import stopping
from tests.support.sweep.lane import Lane
from tests.support.sweep.story import NEW, OLD, Stories, Story
from tests.support.systemd import SystemdHost

IMAGE_BYTES = 192 << 20
"""More than the agent keeps free; a sparse file."""
OPTIONS = "loop,data=ordered,commit=300,noauto_da_alloc,nodiscard"
"""Nothing reaches the disk by itself while a tick runs, and no rename makes up for a forgotten fsync."""
BLOCK_BYTES = 1 << 20
FAST = Path("/dev/shm")
"""Where disks are kept, if there is room in memory: a sweep syncs them thousands of times."""


def skip_without_disks() -> None:
    """Skip the test where an image cannot be mounted."""
    if os.geteuid() != 0:
        pytest.skip("mounting a disk needs root")
    if not shutil.which("mkfs.ext4") or not Path("/dev/loop-control").exists():
        pytest.skip("there is no ext4 or no loop device")
    if not shutil.which("strace"):
        pytest.skip("there is no strace to spoil a call")


@contextlib.contextmanager
def fast_folder() -> Iterator[Path]:
    """Give a folder in memory, where there is one, and remove it in the end."""
    with tempfile.TemporaryDirectory(prefix="sweep-", dir=FAST if FAST.is_dir() else None) as name:
        yield Path(name)


class Disk:
    """One disk: an image, and where it is mounted."""

    def __init__(self, image: Path, place: Path) -> None:
        self.image = image
        self.place = place
        place.mkdir(parents=True)
        with image.open("wb") as file:
            file.truncate(IMAGE_BYTES)
        _run("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=0,nodiscard", str(image))
        self.mount()

    def mount(self) -> None:
        """Put it in place."""
        _run("mount", "-o", OPTIONS, str(self.image), str(self.place))

    def unmount(self) -> None:
        """Take it out, as soon as nobody uses it any more."""
        eventually(
            lambda: (
                subprocess.run(["umount", str(self.place)], capture_output=True, check=False).returncode == 0
            )
        )

    def sync(self) -> None:
        """Make what is there the state from which a story begins."""
        _run("sync", "-f", str(self.place))

    def sum(self) -> int:
        """Return a number for what the disk holds, below the page cache."""
        total = 0
        with self.image.open("rb") as file:
            start = 0
            with contextlib.suppress(OSError):  # there are no more data
                while True:
                    start = os.lseek(file.fileno(), start, os.SEEK_DATA)
                    end = os.lseek(file.fileno(), start, os.SEEK_HOLE)
                    total = zlib.crc32(f"{start}".encode(), total)
                    while start < end:
                        block = os.pread(file.fileno(), min(BLOCK_BYTES, end - start), start)
                        total = zlib.crc32(block, total)
                        start += len(block)
        return total

    def copy(self, target: Path) -> Path:
        """Copy what the disk holds."""
        _run("cp", "--sparse=always", str(self.image), str(target))
        return target

    def swap(self, image: Path) -> None:
        """Put another disk in its place, checked and repaired as at a boot."""
        self.unmount()
        image.replace(self.image)
        checked = subprocess.run(
            ["e2fsck", "-fy", str(self.image)], capture_output=True, text=True, check=False
        )
        assert checked.returncode in {0, 1}, checked.stdout
        self.mount()


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"


@dataclass(frozen=True)
class Cut:
    """What a disk held when the power went."""

    after: int
    """After how many calls."""
    image: Path


class PoweredLane(Lane):
    """A host on a disk of its own."""

    def __init__(self, manager: str, folder: Path, stories: Stories) -> None:
        skip_without_disks()
        self.disk = Disk(folder.with_suffix(".img"), folder / "disk")
        super().__init__(manager, folder, stories)

    def cuts(self, story: Story, wanted: set[int] | None = None) -> list[Cut]:
        """Stop a tick after each of its calls and keep each different disk, or those of ``wanted`` stops."""
        self.prepare(story)
        self.disk.sync()
        found: list[Cut] = []
        last, after = self.disk.sum(), 0
        answer = self.agent(*self.words(story), strace=stopping(), stops=True)
        while "stopped" in answer:
            after += 1
            if wanted is None or after in wanted:
                now = self.disk.sum()
                if now != last or wanted is not None:
                    found.append(Cut(after, self._image(story, after)))
                last = now
            if wanted is not None and after >= max(wanted):
                self.server.end_it()
                break
            answer = self.server.go_on()
        if wanted and not found:  # it waited less often than when it was recorded, and ended before
            found.append(Cut(after, self._image(story, after)))
        return found

    def _image(self, story: Story, after: int) -> Path:
        return self.disk.copy(self.folder / f"cut-{story.name}-{after}.img")

    def survive(self, story: Story, cut: Cut) -> list[str]:
        """Cut the power, boot from what the disk held, look, tick, and look again."""
        self.power_off()
        self.disk.swap(cut.image)
        self.power_on()
        wrong = judge.half(self, story)
        if self.manager == "systemd" and self.runs is None:
            wrong.append("nothing runs after the boot")
        return wrong + judge.healed(self, story, self.heal(story), disk_failed=False)

    def power_off(self) -> None:
        """End everything on the host at once."""
        if isinstance(self.host, SystemdHost):
            self.host.systemd.power_cut()
            self.server.close()
            return
        if self.manager == "child":
            self.host.kill_supervisor()
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (process / "cwd").readlink().is_relative_to(self.disk.place):
                    os.kill(int(process.name), signal.SIGKILL)

    def power_on(self) -> None:
        """Start what starts at boot."""
        if isinstance(self.host, SystemdHost):
            self.host.systemd.boot()
            self.server = self._serve()
            eventually(lambda: self.runs in {OLD, NEW})
        elif self.manager == "child":
            self.boot_supervisor()
        else:
            self.start()

    def close(self) -> None:
        """End everything, and take the disk out."""
        super().close()
        self.disk.unmount()
