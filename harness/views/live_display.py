"""Progress while a job runs: a live display on a terminal, plain lines elsewhere; both only read."""

import contextlib
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

from harness.base.durations import in_words
from harness.base.errors import HarnessError
from harness.core.types import SessionEvent
from harness.job.bounds import Bounds
from harness.views import status_text
from harness.views.follow import looking, looking_when_woken
from harness.views.messages import text_of
from harness.views.status import Current, Status, read_status
from harness.views.ticker import Ticker, stopping_line
from harness.views.wording import clean, day_time, shorten

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

_SHORTEST_S = 0.5
_SHARE = 20
"""A reading that took 0.1 s is not done again for 2 s."""
_MOST_ROWS = 12


class Display(Protocol):
    """Something that shows how a run goes on."""

    def heard(self, event: SessionEvent) -> None:
        """A sign of life; called on the supervisor's loop, so it only takes note."""
        ...

    def look(self) -> None:
        """Something may have changed in the ledger; called on a thread of its own."""
        ...


@dataclass(frozen=True, slots=True)
class DisplayHooks:
    """What a run of this process calls, on its loop; both only take note, and a thread of the display does the rest."""

    heard: Callable[[SessionEvent], None]
    """Of signs of life of its sessions."""
    committed: Callable[[int], None]
    """After each commit of its ledger."""


@contextmanager
def showing(
    state: Path, *, plain: bool = False, stream: TextIO | None = None, bounds: Bounds | None = None
) -> Iterator[DisplayHooks]:
    """A display of a run of this process, for the length of the block, on standard error: live on a terminal, else one
    line per event. The run wakes it at each commit. `bounds` of the job that runs say when it ends.
    """
    with _display(state, plain, stream or sys.stderr, bounds) as display, looking_when_woken(display.look) as committed:
        yield DisplayHooks(display.heard, committed)


@contextmanager
def showing_another(state: Path, *, plain: bool = False, stream: TextIO | None = None) -> Iterator[None]:
    """The same of a run of another process: it follows the files of the ledger by itself, whoever writes them."""
    with _display(state, plain, stream or sys.stderr) as display, looking(state, display.look):
        yield


@contextmanager
def _display(state: Path, plain: bool, stream: TextIO, bounds: Bounds | None = None) -> Iterator[Display]:
    if plain or not stream.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        yield PlainDisplay(state, stream, bounds)
        return
    display = LiveDisplay(state, stream, bounds)
    try:
        yield display
    finally:
        display.close()


class PlainDisplay:
    """One line for each attempt that starts or ends: for logs, pipes and screen readers."""

    def __init__(self, state: Path, stream: TextIO, bounds: Bounds | None = None) -> None:
        self._ticker = Ticker(state, bounds)
        self._stream = stream

    def heard(self, event: SessionEvent) -> None:
        """The ledger tells it all."""

    def look(self) -> None:
        for tick in self._ticker.new():
            self._stream.write(f"{tick.text}\n")
        self._stream.flush()


class LiveDisplay:
    """The moment as a block that is drawn anew, and above it a line for each attempt that ended."""

    def __init__(self, state: Path, stream: TextIO, bounds: Bounds | None = None) -> None:
        from rich.console import Console

        self._state = state
        self._ticker = Ticker(state, bounds)
        self._console = Console(file=stream, highlight=False)
        self._live: Live | None = None
        self._doing: dict[int, str] = {}
        self._status: Status | None = None
        self._not_before = 0.0
        self._grace_ends: datetime | None = None

    def heard(self, event: SessionEvent) -> None:
        if event.kind == "ended":
            self._doing.pop(event.attempt, None)
        elif event.kind != "started" and (event.kind != "limit" or event.is_rejected or event.is_overage):
            self._doing[event.attempt] = _doing(event)

    def look(self) -> None:
        from rich.text import Text

        for tick in self._ticker.new():
            self._grace_ends = tick.grace_ends or self._grace_ends
            if not tick.starts:
                self._console.print(Text(tick.text), soft_wrap=True)
        if self._live is None and self._is_under_way():
            self._begin()

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _is_under_way(self) -> bool:
        """Not before the run has begun, so that a refusal is not drawn over. The commit with which it begins may be the
        last one for hours: this reads however short ago the last reading was."""
        self._not_before = 0.0
        self._read(datetime.now(UTC))
        return self._status is not None and self._status.head is not None and self._status.head.run_is_open

    def _begin(self) -> None:
        from rich.live import Live

        self._live = Live(get_renderable=self._picture, console=self._console, refresh_per_second=2, transient=True)
        self._live.start()

    def _picture(self) -> "RenderableType":
        """Called by rich's own thread, twice a second; reads the ledger on a connection of its own."""
        from rich.console import Group
        from rich.text import Text

        now = datetime.now(UTC)
        self._read(now)
        if self._status is None:
            return Text("starting")
        return Group(*(Text(line, overflow="ellipsis", no_wrap=True) for line in self._lines(self._status, now)))

    def _read(self, now: datetime) -> None:
        began = time.monotonic()
        if began < self._not_before:
            return
        with contextlib.suppress(HarnessError, sqlite3.Error, OSError):  # the next look will do
            self._status = read_status(self._state, now)
        took = time.monotonic() - began
        self._not_before = time.monotonic() + max(_SHORTEST_S, _SHARE * took) - 0.05

    def _lines(self, status: Status, now: datetime) -> Iterator[str]:
        yield ""
        yield status_text.headline(status)
        yield f"{_bar(status)} {status_text.counts_line(status)}"
        for current in status.current[:_MOST_ROWS]:
            yield self._row(current, now)
        if len(status.current) > _MOST_ROWS:
            yield f"  and {len(status.current) - _MOST_ROWS} more"
        if status.hold is not None:
            until, why = status.hold
            yield f"Hold ({clean(text_of(why))}) until {day_time(until, now)}, in {in_words(until - now)}"
        if self._grace_ends is not None:
            yield stopping_line(len(status.current), (self._grace_ends - now).total_seconds())
        ends = status.estimated_completion
        about = f"; estimated completion {day_time(ends, now)}, in {in_words(ends - now)}" if ends else ""
        yield f"{status_text.usage_line(status)}{about}"

    def _row(self, current: Current, now: datetime) -> str:
        doing = self._doing.get(current.attempt, "")
        return f"  {current.batch}  {in_words(now - current.started_at)}{f'  {doing}' if doing else ''}"


def _doing(event: SessionEvent) -> str:
    text = shorten(event.text, 60)
    match event.kind:
        case "tool":
            return text
        case "retrying":
            return f"retrying the provider {text}".rstrip()
        case "limit":
            return f"limit: {text}"
        case "output":
            return f"wrote {text}".rstrip()
        case _:
            return "thinks"


def _bar(status: Status, width: int = 24) -> str:
    total = status.counts.total or 1
    filled = status.counts.settled * width // total
    return f"[{'#' * filled}{'.' * (width - filled)}]"
