"""Watching a service until a trial's verdict: the one loop that waits."""

import time
from collections.abc import Callable

from agent import clock
from agent.health import Health
from agent.services import Service
from agent.trial import Trial, Verdict

SERVICE = "service"
LOOK_S = 0.5
"""How often the service itself is looked at; a crash loop shows within a second or two."""


def watch(
    service: Service, health: Health, trial: Trial, begun_s: float, between: Callable[[Trial], str]
) -> Verdict:
    """Observe until the verdict.

    Args:
        service: What is watched.
        health: Its probes.
        trial: The judgement; its entries are ``SERVICE`` and the probes' numbers.
        begun_s: Awake seconds when the trial began.
        between: Called between observations; a reason that it returns ends the trial as lost.
    """
    due = dict.fromkeys(range(len(health.entries)), 0.0)
    while True:
        at_s = clock.awake_s() - begun_s
        status = service.status()
        if service.runs:
            trial.observe(SERVICE, at_s, status.running, status.text)
            trial.observe_restarts(SERVICE, at_s, status.restarts)
        for number, entry in enumerate(health.entries):
            if at_s >= due[number]:
                answer = health.ask(entry)
                at_s = clock.awake_s() - begun_s
                trial.observe(str(number), at_s, answer.ok, answer.text)
                due[number] = at_s + min(entry.interval_s, max(1.0, trial.trial_s))
        if verdict := trial.verdict(clock.awake_s() - begun_s):
            return verdict
        if reason := between(trial):
            trial.last_failure = reason
            return "lost"
        time.sleep(LOOK_S)


def entries_of(service: Service, health: Health) -> list[str]:
    """Return the names of everything that must hold; with files only and no probe, nothing can be watched."""
    return [*([SERVICE] if service.runs else []), *map(str, range(len(health.entries)))]
