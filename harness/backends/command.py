"""Backend `command`: the user's own program does the work of a session.

It gets the prompt on standard input, its working folder as cwd, `items.json` there, and HARNESS_ATTEMPT,
HARNESS_PHASE, HARNESS_BATCH, HARNESS_OUTPUT (and HARNESS_CONTEXT) in its environment. It costs nothing unless it
writes `usage.json`: {"cost_usd": 0.01}. docs/command.md tells users.
"""

import asyncio
import errno
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path

from harness.backends.session import MOST_COST_USD, SessionStart
from harness.backends.session_record import Drain, Recorder, Redactor
from harness.backends.start_request import Launch
from harness.base.termination import wait_gone
from harness.core.messages import Message, message
from harness.core.symptoms import Symptoms
from harness.core.types import SessionFacts
from harness.job.job import Job, PhaseSpec

_USAGE_FILE = "usage.json"
_MOST_USAGE_BYTES = 65536
_HEAD_BYTES = 8 * 1024 * 1024
_TAIL_BYTES = 1024 * 1024
_CHUNK_BYTES = 65536
_GRACE_S = 5.0
_LAST_WORDS_S = 3.0
"""What is in the pipes of an ended program is read at once, unless somebody goes on writing into them."""
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


class CommandSession:
    """One run of the program. It ended well when it exits with 0."""

    def __init__(self, start: SessionStart) -> None:
        self._keys = start.keys
        self._spec = start.spec
        self._paths = start.paths
        self._starter = start.starter
        self._pulse = start.pulse
        self._environ = start.environ
        self._symptoms = Symptoms()
        self._notes: tuple[Message, ...] = ()
        self._left: tuple[Message, ...] = ()
        self._was_interrupted = False

    async def run(self) -> None:
        try:
            process = await self._starter.start(self._launch())
        except OSError as error:
            self._symptoms = Symptoms(errno=error.errno or errno.EIO, text=str(error))
            return
        self._pulse.beat("tool")
        self._pulse.event("started")
        drains = [
            asyncio.create_task(self._drain(process.stdout, self._paths.stream)),
            asyncio.create_task(self._drain(process.stderr, self._paths.errors)),
        ]
        try:
            await wait_gone([process.pid], None)
            await self._starter.end(0)  # what it left behind may hold the pipes open
            _, held = await asyncio.wait(drains, timeout=_LAST_WORDS_S)
            self._starter.close()
            failures = await asyncio.gather(*drains)
            code = await process.wait()
        finally:
            for drain in drains:
                drain.cancel()
        if held:
            self._left = (message("pipe_held"),)
        self._symptoms = _symptoms_of(code, next((failure for failure in failures if failure), None))

    async def interrupt(self) -> None:
        self._was_interrupted = True
        await self._starter.end(_GRACE_S)

    def facts(self) -> SessionFacts:
        usage = self._paths.work / _USAGE_FILE
        cost, self._notes = _read_usage(usage)
        if (self._was_interrupted or self._symptoms.signal is not None) and not usage.exists():
            cost = None  # it may have been about to say
        return SessionFacts(session_id=self._spec.session_id, cost_usd=cost, turns=1)

    def symptoms(self) -> Symptoms:
        return self._symptoms

    def notes(self) -> tuple[Message, ...]:
        return (*self._left, *self._notes)

    async def _drain(self, pipe: asyncio.StreamReader | None, path: Path) -> OSError | None:
        """Take everything the program prints into a file; returns the disk's error, if there was one."""
        assert pipe is not None
        recorder = None
        while chunk := await pipe.read(_CHUNK_BYTES):
            self._pulse.beat()
            if recorder is None:  # most programs print nothing: no file for nothing
                recorder = Recorder(path, Redactor(self._keys.values()), head_bytes=_HEAD_BYTES, tail_bytes=_TAIL_BYTES)
                drain = Drain(recorder)
            drain.feed(chunk)
        if recorder is None:
            return None
        drain.flush()
        recorder.close()
        return recorder.failure

    def _launch(self) -> Launch:
        spec, view = self._spec, self._starter.view
        program = find_program(spec.session.command[0], self._environ)
        variables = {
            **self._keys,
            "PATH": f"{program.parent}:{_SYSTEM_PATH}" if str(program.parent) not in _SYSTEM_PATH else _SYSTEM_PATH,
            "LANG": self._environ.get("LANG", "C.UTF-8"),
            "HOME": view.tmp,
            "TMPDIR": view.tmp,
            "HARNESS_ATTEMPT": str(spec.id),
            "HARNESS_PHASE": spec.work.phase.name,
            "HARNESS_BATCH": spec.work.batch.label,
            "HARNESS_OUTPUT": spec.output.file,
        }
        if zone := self._environ.get("TZ"):
            variables["TZ"] = zone
        if spec.work.context:
            variables["HARNESS_CONTEXT"] = "context.json"
        argv = (str(program), *spec.session.command[1:])
        return Launch(argv, variables, readable=spec.readable, stdin=self._paths.prompt)


def told_cost(work: Path) -> Decimal | None:
    """What a program that may not have ended had said it cost; None when it had not said."""
    return _read_usage(work / _USAGE_FILE)[0] if (work / _USAGE_FILE).exists() else None


def shown_program(job: Job, phase: PhaseSpec, environ: Mapping[str, str]) -> Launch:
    """What its sessions are shown. FileNotFoundError when the program is not there."""
    return Launch((str(find_program(phase.session.command[0], environ)),), {}, job.readable)


def find_program(word: str, environ: Mapping[str, str]) -> Path:
    """The program's absolute path, by the user's own PATH. FileNotFoundError when there is none."""
    found = shutil.which(word, path=environ.get("PATH") or os.defpath)
    if found is None:
        raise FileNotFoundError(errno.ENOENT, "no such program", word)
    return Path(found).absolute()


def _symptoms_of(code: int, failure: OSError | None) -> Symptoms:
    number = -code if code < 0 else None
    ended_well = False if code == 0 else None
    symptoms = Symptoms(exit_code=code, signal=number, is_error=ended_well)
    return replace(symptoms, errno=failure.errno, is_error=None) if failure else symptoms


def _read_usage(path: Path) -> tuple[Decimal | None, tuple[Message, ...]]:
    """What the program says it cost: 0 without the file; None (not known) when the file is no use."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return Decimal(0), ()
    except OSError as error:
        return None, (message("usage_unreadable", file=_USAGE_FILE, error=error.strerror),)
    try:
        content = os.read(descriptor, _MOST_USAGE_BYTES)
    except OSError as error:  # a folder, or a pipe that nobody writes to
        return None, (message("usage_unreadable", file=_USAGE_FILE, error=error.strerror),)
    finally:
        os.close(descriptor)
    try:
        cost = Decimal(str(json.loads(content)["cost_usd"]))
    except (ValueError, KeyError, TypeError, InvalidOperation, RecursionError):
        return None, (message("usage_malformed", file=_USAGE_FILE),)
    if not cost.is_finite() or not 0 <= cost < MOST_COST_USD:
        return None, (message("usage_impossible", file=_USAGE_FILE, cost=str(cost)),)
    return cost, ()
