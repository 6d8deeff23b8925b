"""An evening of five schools, as played on either way of speaking to Claude Code, in a network of its own."""

import signal
from dataclasses import dataclass
from pathlib import Path

from tests.end_to_end.playing import Job, Said, small_job, until

SILENCE_S = 6


@dataclass(frozen=True)
class Evening:
    """What is the same on every backend, and what was left running."""

    merged: dict[str, bytes]
    strikes: int
    faults: tuple[str, ...]
    """Of all attempts, in order; empty where one ended well."""
    left: tuple[int, ...]
    said: Said


def play_evening(folder: Path, home: Path, backend: str) -> tuple[Job, Evening]:
    """Five schools: one is interrupted (Ctrl-C) and resumed, one hangs, one meets the usage limit."""
    session = {
        "model": "sonnet",
        "prompt": "Say something about {% for item in items %}{{ item.word }}{% endfor %}.",
        "tools": ["Read", "Write", "Bash"],
        "silence": f"{SILENCE_S}s",
    }
    job = small_job(folder, home, "evening", 5, session=session, parallel=1)
    job.settings, job.is_alone = (f"session.backend={backend}",), True
    running = job.begin()
    until(lambda: running.is_over() or _held(job), "the session that is held")
    running.signal(signal.SIGINT)
    said = running.end()
    assert said.code == 3, said.all
    left = job.orphans()
    said = job.play()
    left += job.orphans()
    faults = tuple(entry["fault"] or "" for entry in job.record().of("AttemptEnded"))
    return job, Evening(job.merged(), job.count("ItemStruck"), faults, tuple(left), said)


def _held(job: Job) -> bool:
    """The tool runs: the process that it started is there."""
    return any(b"tail\0-f\0/dev/null" in _command(pid) for pid in job.sessions())


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
