"""One child process that answers questions for a job, one at a time, and is started afresh when it has ended."""

import json
import os
import signal
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import PIPE, TimeoutExpired
from typing import Any, Literal

from harness.base.child import PipedChild, end_group, start, staying
from harness.base.descriptors import passed_as_descriptors
from harness.base.key_redaction import without_values
from harness.evaluation.cancellation import Halt
from harness.evaluation.check_sandbox import MissingFreedom, SandboxCommand

Kind = Literal["error", "timeout", "memory", "crashed", "too_big"]

CHILD = Path(__file__).with_name("bounded_child.py")
_LENGTH = struct.Struct(">Q")
_NO_MEMORY = 112
_MOST_ANSWER_BYTES = 128 * 1024 * 1024
_START_S = 20.0
"""A new child may need this much longer for its first answer: a cold disk, a busy machine."""


class BoundedError(Exception):
    """The program did not give an answer.

    `error`: it is wrong or raised; `timeout`, `memory`, `too_big`: it passed a limit; `crashed`: its process ended.
    """

    def __init__(self, kind: Kind, message: str, denied: MissingFreedom | None = None) -> None:
        super().__init__(message)
        self.kind: Kind = kind
        self.message = message
        self.denied = denied
        """What the sandbox, or the folder it ran in, seems to have kept it from; None where it did not."""


class PersistentChild:
    """Threads may share it. Started by the first question, killed with its group where it passes a limit."""

    def __init__(
        self,
        memory_bytes: int,
        lock_limit: int,
        halt: Halt,
        sandbox: Callable[[], SandboxCommand | None],
        variables: Mapping[str, str],
    ) -> None:
        """`sandbox` is asked at each start: a folder that it shows may have changed."""
        self._memory_bytes = memory_bytes
        self._lock_limit = lock_limit
        self._halt = halt
        self._sandbox = sandbox
        self._variables = variables
        self._lock = threading.Lock()
        self._child: _Child | None = None

    def ask(self, question: bytes, timeout_s: float) -> dict[str, Any]:
        """What it answers: `ok`, or `kind` and `message`. BoundedError when it gives no answer, HaltedError."""
        with self._lock:
            self._halt.check()
            if self._child is not None and self._child.has_ended():
                self._end()
            slack_s = 0.0
            if self._child is None:
                self._child, slack_s = self._start(), _START_S
            return self._exchange(self._child, question, timeout_s, slack_s)

    def end(self) -> None:
        """Kill it, once it has answered who asked."""
        with self._lock:
            self._end()

    def _start(self) -> "_Child":
        return _Child(self._memory_bytes, self._lock_limit, self._halt, self._sandbox(), self._variables)

    def _exchange(self, child: "_Child", body: bytes, timeout_s: float, slack_s: float) -> dict[str, Any]:
        kept = False
        try:
            answer = child.exchange(body, time.monotonic() + timeout_s + slack_s)
            kept = answer.get("kind") != "memory"
            return answer
        except TimeoutError:
            raise BoundedError("timeout", f"no answer within {timeout_s:g} s") from None
        except EOFError:
            raise _why_ended(child.wait(), timeout_s, child.complaint()) from None
        finally:
            if not kept:
                self._end()

    def _end(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child = None


class _Child:
    """The process and its three pipes: questions, answers, and the lifeline whose end here tells it that we live."""

    def __init__(
        self,
        memory_bytes: int,
        lock_limit: int,
        halt: Halt,
        sandbox: SandboxCommand | None,
        variables: Mapping[str, str],
    ) -> None:
        self._variables = variables
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed by kill()
        theirs, self._lifeline = os.pipe()
        numbers = map(str, (memory_bytes, theirs, lock_limit))
        argv = (sys.executable, "-I", "-B", "-X", "utf8", str(CHILD), *numbers, *variables)
        try:
            with passed_as_descriptors(
                (*(sandbox.argv if sandbox else ()), *argv), sandbox.contents if sandbox else ()
            ) as (words, descriptors):
                self._process = start(
                    staying(words, lock_limit or None) if sandbox else words,
                    streams=(PIPE, PIPE, self._errors),
                    env=variables,
                    cwd="/",
                    descriptors=(theirs, *descriptors),
                )
        except BaseException:
            os.close(self._lifeline)
            self._errors.close()
            raise
        finally:
            os.close(theirs)
        self._pipes = PipedChild(self._process, halt.wait)

    def exchange(self, body: bytes, deadline: float) -> dict[str, Any]:
        """The answer. TimeoutError after the deadline (monotonic), EOFError when the process ended, HaltedError."""
        self._pipes.write(_LENGTH.pack(len(body)) + body, deadline)
        length = _LENGTH.unpack(self._pipes.read(_LENGTH.size, deadline))[0]
        if length > _MOST_ANSWER_BYTES:
            raise EOFError
        answer: dict[str, Any] = json.loads(without_values(self._pipes.read(length, deadline), self._variables))
        return answer

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def wait(self) -> int:
        """Its exit code; a process that only closed its pipe is killed first."""
        try:
            code = self._process.wait(1)
        except TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        return 128 - code if code > 128 else code  # a shell and a sandbox tell of a signal so

    def complaint(self) -> str:
        """Why it, or its sandbox, did not even start; empty when it did, because then its errors go nowhere."""
        self._errors.seek(0)
        lines = self._errors.read(4096).decode(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else ""

    def kill(self) -> None:
        """End it and whatever it started in its session's group; never raises."""
        if self._process.poll() is None:
            end_group(self._process)
        os.close(self._lifeline)  # also ends, by SIGIO, what is left of a group whose leader had already ended
        self._pipes.close()
        self._errors.close()


def _why_ended(code: int, timeout_s: float, complaint: str) -> BoundedError:
    if complaint:
        return BoundedError("crashed", f"the process that runs it did not start: {complaint}")
    if code == -signal.SIGXCPU:
        return BoundedError("timeout", f"used more processor time than its {timeout_s:g} s")
    if code in {-signal.SIGABRT, _NO_MEMORY}:  # libjq calls abort() when it gets no memory (measured)
        return BoundedError("memory", "not enough memory")
    return BoundedError("crashed", f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}")
