"""How a session of each backend is made, what it shows of the machine, and what a lost one has told: one row each."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from harness.backends.claude import ClaudeSession
from harness.backends.cli_start import shown_cli
from harness.backends.cli_stream import StreamReading
from harness.backends.command import CommandSession, shown_program, told_cost
from harness.backends.session import Paths, Session, SessionStart
from harness.backends.start_request import Launch
from harness.backends.terminal import TerminalSession
from harness.backends.usage_count import Count
from harness.core.models import asked_by
from harness.core.types import SessionFacts
from harness.job.backend_kinds import Backend
from harness.job.job import Job, PhaseSpec, SessionSpec


@dataclass(frozen=True, slots=True)
class BackendRow:
    """What is done differently for each backend; what each one is, is in `job.backend_kinds`."""

    make_session: Callable[[SessionStart], Session]
    shown: Callable[[Job, PhaseSpec, Mapping[str, str]], Launch]
    """A launch with the program and the files of its sessions, without arguments and environment."""
    told: Callable[[SessionSpec, str, Paths], SessionFacts]
    """What a lost session had told by then."""


def make_session(start: SessionStart) -> Session:
    """The session of an attempt; nothing is started yet."""
    return _BACKENDS[start.spec.session.backend].make_session(start)


def facts_left(session: SessionSpec, session_id: str, paths: Paths) -> SessionFacts:
    """What a lost session had told by then, as its files say."""
    return _BACKENDS[session.backend].told(session, session_id, paths)


def exposed(job: Job, phase: PhaseSpec, environ: Mapping[str, str]) -> Launch:
    """What a session of a phase would be shown of this machine, before there is an attempt: for `plan --mounts` and the
    preflight. The sessions themselves use the same parts.

    FileNotFoundError when the program is not there.
    """
    return _BACKENDS[phase.session.backend].shown(job, phase, environ)


def _told_in_stream(session: SessionSpec, session_id: str, paths: Paths) -> SessionFacts:
    """How much had come of a broken answer is not kept: its cost is unknown."""
    count = Count(hears_begins=session.kind.speaks == "stream-json")
    reading = StreamReading(session_id, count=count, asked=asked_by(session))
    with suppress(OSError), paths.stream.open("rb") as lines:
        for line in lines:
            with suppress(ValueError, RecursionError):
                told = json.loads(line)
                if isinstance(told, dict):
                    reading.take(told)
    facts = reading.facts()
    return replace(facts, cost_usd=None) if facts.broken_answers else facts


def _told_by_program(session: SessionSpec, session_id: str, paths: Paths) -> SessionFacts:
    return SessionFacts(session_id=session_id, cost_usd=told_cost(paths.work))


_BACKENDS: Final[Mapping[Backend, BackendRow]] = MappingProxyType(
    {
        "claude": BackendRow(ClaudeSession, shown_cli, _told_in_stream),
        "terminal": BackendRow(TerminalSession, shown_cli, _told_in_stream),
        "command": BackendRow(CommandSession, shown_program, _told_by_program),
    }
)
