"""Launching without this terminal: the same command again in a session of its own, and how to follow it."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from harness.base.child import start
from harness.base.files import make_folder
from harness.base.folder_watch import FolderWatch
from harness.base.job_home import JobHome
from harness.base.state import open_state
from harness.base.texts import shown
from harness.cli.options import Place
from harness.cli.output import print_lines, say
from harness.ledger.job_queries import head
from harness.ledger.lock import refuse_if_held
from harness.planning.choice import Choice
from harness.planning.preconditions import Again
from harness.views.ledger_reading import is_planned, reading
from harness.views.wording import clean_lines

_PATIENCE_S = 60.0
_LOOK_S = 1.0
_TAIL_LINES = 40


@dataclass(frozen=True, slots=True)
class LaunchWords:
    """The options of a launch that its detached twin gets."""

    settings: tuple[str, ...]
    instance: str | None
    choice: Choice
    again: Again

    def as_arguments(self) -> list[str]:
        choice = self.choice
        chosen = ["--first", str(choice.first)] if choice.first is not None else []
        chosen += [word for item in choice.only for word in ("--only", item)]
        chosen += [word for batches in choice.batches for word in ("--batch", str(batches))]
        chosen += ["--until", choice.until] if choice.until is not None else []
        settings = [word for setting in self.settings for word in ("--set", setting)]
        which = ["--as", self.instance] if self.instance is not None else []
        switches = [*(["--keep"] if self.again.keep else []), *(["--add"] if self.again.add else [])]
        switches += ["--changed"] if self.again.changed else []
        return [*which, *settings, *chosen, *switches]


def detach_and_wait(place: Place, words: LaunchWords) -> int:
    """Start the launch in a session of its own and wait until its run has begun, or it is over.

    0 when it runs; else the exit code it ended with, after what it said.
    """
    refuse_if_held(place.state)
    log = JobHome(make_folder(place.state)).launch_log
    before = _runs(place.state)
    with os.fdopen(open_state(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), "ab") as out:
        began = out.tell()
        child = _start(place, words, out.fileno())
    asyncio.run(_until_begun(place.state, child, before))
    code = child.poll()
    if code is not None:
        say(clean_lines(_tail(log, began)))
        return code if code >= 0 else 128 - code
    print_lines([f"running in the background, pid {child.pid}; output goes to {shown(log)}"])
    print_lines(f"  {place.command(verb)}" for verb in ("status", "watch", "cancel"))
    return 0


def _start(place: Place, words: LaunchWords, out: int) -> "subprocess.Popen[bytes]":
    """SIGHUP is ignored from before the first instruction: the end of the terminal is no reason to stop.

    `-P`: a module of the job's folder is not taken for one of ours. `--trust`: a person was asked, here.
    """
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        launch = (sys.executable, "-P", "-m", "harness", "launch", str(place.manifest), "--plain", "--trust")
        return start((*launch, *words.as_arguments()), streams=(subprocess.DEVNULL, out, out))
    finally:
        signal.signal(signal.SIGHUP, before)


async def _until_begun(state: Path, child: "subprocess.Popen[bytes]", before: int) -> None:
    """Returns when a new run is in the ledger, the child is over, or patience is at its end."""
    never = asyncio.Event()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE_S):
            with FolderWatch() as watch:
                watch.watch([state])
                while child.poll() is None and _runs(state) <= before:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(_LOOK_S):
                            await watch.changed(never)


def _runs(state: Path) -> int:
    if not is_planned(state):
        return 0
    with reading(state) as db:
        return head(db).run


def _tail(log: Path, began: int) -> str:
    with os.fdopen(open_state(log, os.O_RDONLY), "rb") as file:
        file.seek(began)
        text = file.read().decode(errors="replace")
    return "\n".join(text.splitlines()[-_TAIL_LINES:])
