"""What the documentation tells readers to type works."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from repo_tools.demo.fleet import Port
from tests.conftest import ROOT
from tests.project.transcripts import (
    ON_SYSTEMD,
    Command,
    Enter,
    commands,
    end_background,
    here,
    pages,
    run,
)
from tests.support.systemd import Systemd, skip_without_systemd

PAGE_PORTS = re.compile(r"\b180\d\d\b")
"""Ports of servers in pages; something else may have them while their commands are run here."""
SAMPLE = """# Page

```console
$ printf 'one\\ntwo\\n' > file
$ cat file
one
…
$ echo a \\
  b
a b
$ mkdir -p sub && cd sub && export WHERE=here
$ echo "$WHERE $(basename "$PWD")"
here sub
$ make help
```

<!-- not run: it would take the machine down -->

```console
$ poweroff
```

```text
$ false
```
"""


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_work(page, tmp_path):
    """Each command exits 0 and shows what the page shows."""
    work, home = tmp_path / "work", tmp_path / "home"
    work.mkdir()
    home.mkdir()
    text = page.read_text(encoding="utf-8")
    ports = {port: Port() for port in PAGE_PORTS.findall(text)}
    text = PAGE_PORTS.sub(lambda found: str(ports[found[0]]), text)
    try:
        with reader(text, tmp_path) as enter:
            for command in commands(text):
                if command.not_run:
                    continue
                done = run(command, work, home, enter)
                assert done.returncode == 0, f"{command.line}\n{done.stdout}{done.stderr}"
                assert command.matches(done.stdout), f"{command.line}\n{done.stdout}"
    finally:
        end_background(tmp_path)


@contextmanager
def reader(text: str, folder: Path) -> Iterator[Enter]:
    """Enter the machine that a page is about."""
    if ON_SYSTEMD not in text:
        yield here
        return
    skip_without_systemd()
    systemd = Systemd(folder / "systemd").boot()
    try:
        yield systemd.inside
    finally:
        systemd.close()


def test_commands_are_found_and_compared(tmp_path):
    """Console blocks are read, other blocks are not, and a reason keeps a block from being run."""
    found = list(commands(SAMPLE))
    programs = ["printf", "cat", "echo", "mkdir", "echo", "make", "poweroff"]
    assert [command.line.split()[0] for command in found] == programs
    assert [command.not_run for command in found] == [""] * 6 + ["it would take the machine down"]
    for command in found[:6]:
        done = run(command, tmp_path, tmp_path)
        assert done.returncode == 0, done.stderr
        assert command.matches(done.stdout)


def test_other_output_is_noticed():
    """A page that shows what no longer comes fails."""
    assert not Command("cat", "one\n").matches("two\n")
    assert Command("cat", "one …\n").matches("one or more\n")
    assert Command("cat").matches("anything\n")
