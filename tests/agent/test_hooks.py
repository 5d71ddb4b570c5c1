"""Hooks around a switch: they may put it off, may lose a trial, and never stop what runs."""

import json
import os
import signal

import pytest

from agent import processes
from agent.processes import Process
from tests.agent.test_crashes import dies_in
from tests.support.host import eventually
from tests.support.workspace import CHANNEL

HOOK = """#!/bin/sh
# notes each call, and does what a test asks for
echo "$1 $TIDEGATE_ACTION $TIDEGATE_PRODUCT ${{TIDEGATE_FROM:-nothing}} $TIDEGATE_TO" >>{folder}/calls
echo "first line of $1"
echo "second line of $1"
if [ -e {folder}/does-$1 ]; then . {folder}/does-$1; fi
"""


class Hooks:
    """The hooks that the settings of a scene's host name."""

    def __init__(self, scene, limit_s: int = 2) -> None:
        self.folder = scene.host.folder
        program = self.folder / "hook"
        program.write_text(HOOK.format(folder=self.folder))
        program.chmod(0o755)
        named = ((moment, json.dumps([str(program), moment])) for moment in ("pre_switch", "post_switch"))
        scene.host.write_settings(
            "\n".join(f"{name} = {{ exec = {call}, timeout_s = {limit_s} }}" for name, call in named)
        )

    def make(self, moment: str, does: str) -> None:
        """Let a hook end with a line of shell."""
        (self.folder / f"does-{moment}").write_text(does)

    def mend(self, moment: str) -> None:
        """Let a hook end well again."""
        (self.folder / f"does-{moment}").unlink()

    @property
    def calls(self) -> list[str]:
        """What the hooks were told, and forget it."""
        path = self.folder / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines


def test_a_hook_puts_a_switch_off_until_it_agrees(scene):
    """Exit 75 is neither a failure nor news each time, and the switch happens when it is over."""
    hooks = Hooks(scene)
    scene.ready()
    assert hooks.calls == ["pre_switch update agent nothing 1.0.0", "post_switch update agent nothing 1.0.0"]
    pid = scene.host.pid
    hooks.make("pre_switch", "echo three users are at work; exit 75")
    scene.release("1.1.0")
    for _ in range(2):
        done = scene.host.tick()
        assert (done.exit_code, done.rule, done.entry["decision"]["action"]) == (0, "deferred", "wait")
    assert "three users are at work" in done.entry["decision"]["text"]
    assert (scene.host.runs, scene.host.pid, scene.host.stands) == ("1.0.0", pid, "IDLE")
    assert scene.host.history().count(("update_verify", "deferred", "pre_switch")) == 1
    hooks.mend("pre_switch")
    scene.host.tick()
    assert (scene.host.runs, hooks.calls[-1]) == ("1.1.0", "post_switch update agent 1.0.0 1.1.0")
    told = scene.host.query("SELECT detail FROM event WHERE reason = 'post_switch' ORDER BY id DESC")[0][0]
    assert told.endswith("first line of post_switch\nsecond line of post_switch")


@pytest.mark.parametrize("does", ["exit 3", "exec sleep 600"])
def test_a_hook_that_fails_before_the_switch_harms_nothing(scene, does):
    """Whether it fails or hangs, what runs goes on, and the next attempt waits longer."""
    hooks = Hooks(scene)
    scene.ready()
    pid = scene.host.pid
    hooks.make("pre_switch", does)
    scene.release("1.1.0")
    assert [scene.host.tick().rule for _ in range(2)] == ["backoff", "backoff"]
    assert (scene.host.runs, scene.host.pid, scene.host.stands) == ("1.0.0", pid, "IDLE")
    assert scene.host.history()[-1] == ("update_verify", "failed", "pre_switch")
    assert len(hooks.calls) == 3
    hooks.mend("pre_switch")
    assert scene.host.run("quarantine", "lift", "1.1.0").exit_code == 0
    scene.host.tick()
    assert scene.host.runs == "1.1.0"


def test_a_hook_that_fails_after_the_switch_loses_the_trial(scene):
    """The host goes back, and the operator's own hook hears of it, so that it can undo what it did."""
    hooks = Hooks(scene)
    scene.ready()
    hooks.make("post_switch", 'test "$TIDEGATE_ACTION" = back || exit 1')
    scene.release("1.1.0")
    done = scene.host.tick()
    assert (done.exit_code, done.rule, scene.host.runs) == (0, "quarantined", "1.0.0")
    assert hooks.calls[-1] == "post_switch back agent 1.0.0 1.1.0"
    assert ("update_install", "failed", "hook") in scene.host.history()
    assert "post_switch of the settings" in scene.host.details("update_rollback")


def test_a_release_brings_its_own_hooks(scene):
    """They run in the new version's folder, before those of the settings."""
    Hooks(scene)
    scene.ready()
    commands = (
        "--pre-switch",
        "bin/agent --version",
        "--post-switch",
        "bin/agent --version",
        "--hook-s",
        "2m",
    )
    scene.release("1.1.0", "good", *commands)
    scene.host.tick()
    said = scene.host.query(
        "SELECT detail FROM event WHERE reason LIKE '%_switch' AND \"to\" = '1.1.0' ORDER BY id"
    )
    owners = [(text.split()[0], text.split()[3].rstrip(",")) for (text,) in said]
    assert owners == [
        (name, owner) for name in ("pre_switch", "post_switch") for owner in ("release", "settings")
    ]
    assert "agent 1.1.0" in said[0][0]


def test_going_back_by_hand_asks_the_hooks_too(scene):
    """A person is told at once that it is not the moment."""
    hooks = Hooks(scene)
    scene.ready()
    scene.release("1.1.0")
    scene.host.tick()
    hooks.make("pre_switch", "exit 75")
    done = scene.host.run("rollback")
    assert (done.exit_code, scene.host.runs, scene.host.stands) == (14, "1.1.0", "IDLE")
    assert "pre_switch of the settings" in done.stderr
    hooks.mend("pre_switch")
    assert scene.host.run("rollback").exit_code == 0
    assert (scene.host.runs, hooks.calls[-1]) == ("1.0.0", "post_switch rollback agent 1.1.0 1.0.0")


@pytest.mark.parametrize(
    ("moment", "stage"), [("pre_switch", "update_verify"), ("post_switch", "update_install")]
)
def test_a_hook_whose_tick_was_killed_is_ended_before_the_next_step(scene, moment, stage):
    """It runs once at a time, with all that it waits for, and history says that it was ended."""
    hooks = Hooks(scene, 600)
    scene.ready()
    told = hooks.folder / "told"
    work = f"sleep 600 & echo $! >{told}.new; echo $$ >>{told}.new; mv {told}.new {told}; wait"
    hooks.make(moment, f"if ! [ -e {told} ]; then {work}; fi")
    scene.release("1.1.0")
    tick = scene.host.begin("tick")
    eventually(told.exists)
    os.killpg(tick.pid, signal.SIGKILL)
    tick.communicate()
    left = [Process(int(pid), processes.born(int(pid))) for pid in told.read_text().split()]
    assert [one.alive() for one in left] == [True, True]
    scene.host.tick()
    assert (scene.host.runs, [one.alive() for one in left]) == ("1.1.0", [False, False])
    assert (stage, "failed", "left_running") in scene.host.history()
    assert sum(line.startswith(f"{moment} update agent 1.0.0") for line in hooks.calls) == 2


def test_a_host_that_was_made_ready_for_nothing_is_told(scene):
    """When the tick dies and nothing is ordered any more, the operator's own hook undoes its work."""
    hooks = Hooks(scene)
    scene.ready()
    scene.release("1.1.0")
    dies_in(scene.host, "SWITCHING")
    scene.host.query("UPDATE product SET state = 'STAGED'")  # it died a moment before the journal had it
    assert hooks.calls[-1] == "pre_switch update agent 1.0.0 1.1.0"
    scene.repo.do("brake", CHANNEL, "--version", "1.1.0", "--reason", "wait")
    scene.repo.sign_and_publish()
    scene.host.tick()
    assert (scene.host.runs, scene.host.stands) == ("1.0.0", "IDLE")
    assert hooks.calls == ["post_switch back agent 1.0.0 1.1.0"]
    scene.host.tick()
    assert hooks.calls == []


@pytest.mark.parametrize("moment", ["pre_switch", "post_switch"])
def test_a_hook_that_cannot_be_started_speaks_against_the_host(scene, moment):
    """A program that is not there says nothing about any version: the host waits and tries again."""
    scene.ready()
    scene.host.write_settings(f'{moment} = {{ exec = ["/nonexistent/hook"] }}')
    scene.release("1.1.0")
    done = scene.host.tick()
    assert (done.rule, scene.host.runs, scene.host.installed) == ("backoff", "1.0.0", "1.0.0")
    assert "/nonexistent/hook: No such file" in scene.host.details(
        "update_verify" if moment == "pre_switch" else "update_install"
    )


def test_a_hook_of_the_release_that_cannot_be_started_speaks_against_the_release(scene):
    """The disaster: a release whose own hook starts nowhere is taken for the hosts' trouble, and goes on."""
    scene.ready()
    scene.release("1.1.0", "good", "--post-switch", "/nonexistent/hook")
    scene.host.tick()
    assert (scene.host.runs, scene.host.installed) == ("1.0.0", "1.0.0")
    assert "/nonexistent/hook: No such file" in scene.host.details("update_install")
    assert scene.host.tick().rule == "quarantined"
