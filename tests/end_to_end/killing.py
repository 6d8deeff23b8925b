"""Kills supervisors at random moments, each time followed by the same command, and looks at what is left."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from tests.end_to_end.playing import Job, Running, Said, until

Sign = Literal["launched", "run", "attempt", "request", "accepted", "time"]
"""What is waited for before the random delay: the process; the first such thing of its life; or nothing but time."""

SIGNS: tuple[Sign, ...] = ("request", "launched", "attempt", "accepted", "run")
_ENTRY = {"run": "RunStarted", "attempt": "AttemptStarted", "accepted": "ItemAccepted"}


@dataclass
class Kills:
    """What was seen around the kills of one job."""

    signs: list[Sign] = field(default_factory=list)
    after_s: list[float] = field(default_factory=list)
    """Seconds from the start of the process to its kill."""
    alive: list[int] = field(default_factory=list)
    """Session processes at the moment of the kill."""
    gone_after_s: list[float] = field(default_factory=list)
    """How long it took until no process of a session was left."""


def play_killed(job: Job, signs: Sequence[Sign], draw: random.Random, seen: Kills, longest_s: float = 0.4) -> Said:
    """Start and kill once per sign, at a random delay after it, then let the job run to its end.

    A job that is over before its kill is not killed any more. After each kill the laws must hold.
    """
    for sign in signs:
        before = {kind: job.count(kind) for kind in _ENTRY.values()}
        asked = len(job.record().requests)
        running = job.begin()
        began = time.monotonic()
        _wait_for(sign, job, running, before, asked)
        delay_s = draw.uniform(0, 20 * longest_s if sign == "time" else longest_s)
        at = time.monotonic() + delay_s
        until(lambda running=running, at=at: running.is_over() or time.monotonic() >= at, "the moment")  # type: ignore[misc]
        if running.is_over():
            return running.end()
        seen.signs.append(sign)
        seen.after_s.append(time.monotonic() - began)
        seen.alive.append(len(job.sessions()))
        running.kill()
        killed = time.monotonic()
        until(lambda: not job.sessions(), "sessions to end with their supervisor", 30)
        seen.gone_after_s.append(time.monotonic() - killed)
        job.assert_laws_hold()
    return job.play()


def _wait_for(sign: Sign, job: Job, running: Running, before: dict[str, int], asked: int) -> None:
    def is_there() -> bool:
        if running.is_over() or sign in ("launched", "time"):
            return True
        if sign == "request":
            return len(job.record().requests) > asked
        return job.count(_ENTRY[sign]) > before[_ENTRY[sign]]

    until(is_there, f"a first {sign}")
