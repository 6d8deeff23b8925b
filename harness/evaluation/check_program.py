"""Runs a check that is the user's own program: JSON in, exit code and reasons out, within limits of time and size."""

import json
import os
import shutil
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

from harness.base.child import STARTED, Limits, end_group, has_ended, limited, start
from harness.base.descriptors import passed_as_descriptors
from harness.base.key_redaction import without_values
from harness.base.processes import IS_LINUX
from harness.base.reason import Reason
from harness.evaluation.bounded import Bounded
from harness.evaluation.check_answers import OBJECT, reasons_in
from harness.evaluation.check_sandbox import NOTHING, Allowed, MissingFreedom, SandboxCommand

MOST_BYTES: Final = 1024 * 1024
_FILE_BLOCKS: Final = 131072
_DATA_KIB: Final = 4194304
"""Files up to 64 MB, 4 GB of memory."""
_PATH: Final = "/usr/local/bin:/usr/bin:/bin"


class CommandError(Exception):
    """The program did not do what a check does; `kind` is one of the words of BoundedError, or `not_run`."""

    def __init__(self, message: str, kind: str = "error", denied: MissingFreedom | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.denied = denied
        """As of a BoundedError."""


def run_command(
    command: Sequence[str], given: bytes, timeout_s: float, bounded: Bounded, allowed: Allowed = NOTHING
) -> dict[str, list[Reason]] | Reason:
    """Reasons per id; or one that is the reason for every item. Empty = all accepted.

    It runs in a sandbox of the sandboxes that `bounded` has, if any, which allows it that.

    Exit 0 accepts all; 1 rejects: standard output is JSON {id: [reason]} or any text. CommandError for every other
    exit, for more than a megabyte of output, and when the time is over; HaltedError when `bounded` is halted; the whole
    process group is killed then.
    """
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        stdin.write(given)
        stdin.seek(0)
        sandbox = _sandbox(command, bounded, allowed)
        code = _run(command, (stdin, stdout, stderr), timeout_s, bounded, sandbox)
        said, complained = (without_values(_start_of(each), bounded.variables) for each in (stdout, stderr))
    if not complained.startswith(STARTED):
        raise CommandError(f"the process that runs it did not start{_last_line(complained)}", "not_run")
    if code == 0:
        return {}
    complained = complained.removeprefix(STARTED)
    if code != 1 or (not said.strip() and b"Traceback (most recent call last)" in complained):
        kind = _kind(code)
        denied: MissingFreedom | None = "everything" if sandbox is not None and kind == "not_run" else None
        raise CommandError(f"{_how(code)}{_last_line(complained)}", kind, denied)
    return _reasons(said)


def _sandbox(command: Sequence[str], bounded: Bounded, allowed: Allowed) -> SandboxCommand | None:
    if bounded.sandboxes is None:
        return None
    program = shutil.which(command[0])
    return bounded.sandboxes.sandbox(allowed, (Path(os.path.abspath(program)),) if program else ())  # noqa: PTH100  links stay


def _run(
    command: Sequence[str],
    streams: tuple[IO[bytes], IO[bytes], IO[bytes]],
    timeout_s: float,
    bounded: Bounded,
    sandbox: SandboxCommand | None,
) -> int:
    bounded.halt.check()
    lock_limit = bounded.lock_limit if IS_LINUX and bounded.lock_limit else None
    limits = Limits(lock_limit, cpu_s=int(timeout_s) + 1, file_blocks=_FILE_BLOCKS, data_kib=_DATA_KIB)
    argv = limited(command, limits, announced=True)
    with passed_as_descriptors((*(sandbox.argv if sandbox else ()), *argv), sandbox.contents if sandbox else ()) as (
        words,
        descriptors,
    ):
        process = start(
            words,
            streams=streams,
            descriptors=descriptors,
            env={**bounded.variables, "PATH": os.environ.get("PATH", _PATH), "LANG": "C.UTF-8"},
            cwd="/",
        )
    try:
        if not has_ended(process, timeout_s, bounded.halt.wait):
            raise CommandError(f"no end within {timeout_s:g} s", "timeout")
    finally:
        code = end_group(process)
    code = 128 - code if sandbox is not None and code > 128 else code  # a sandbox tells of a signal so
    if code == -signal.SIGXCPU:
        raise CommandError(f"used more processor time than its {timeout_s:g} s", "timeout")
    return code


def _start_of(file: IO[bytes]) -> bytes:
    file.seek(0)
    content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise CommandError(f"it printed more than {MOST_BYTES:,} bytes", "too_big")
    return content


def _reasons(said: bytes) -> dict[str, list[Reason]] | Reason:
    text = said.decode(errors="replace").strip()
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return Reason.of_check(text) if text else Reason("check_silent")
    if not isinstance(answer, dict) or not answer:
        return Reason.of_check(text)
    reasons: dict[str, list[Reason]] = {}
    for id_, words in answer.items():
        listed = reasons_in(words)
        if listed is None:
            expected = f"{{id: [reason]}} on its standard output, with texts or {OBJECT}"
            raise CommandError(f"expected {expected}, got {id_!r:.80}: {words!r:.80}")
        reasons[id_] = [Reason.of_check(each) for each in listed]
    return reasons


def _kind(code: int) -> str:
    return "not_run" if code in (126, 127) else "error" if code > 0 else "crashed"


def _how(code: int) -> str:
    if code == 126 or code == 127:
        return f"it cannot be run (exit {code})"
    return f"it was ended by {signal.Signals(-code).name}" if code < 0 else f"it ended with exit code {code}"


def _last_line(complained: bytes) -> str:
    lines = complained.decode(errors="replace").strip().splitlines()
    return f": {lines[-1][:300]}" if lines else ""
