"""Starts processes: with limits, with pipes that nobody waits at for ever, in a group of their own that ends as one.

`limited` and `staying` are the shells that go before a program; `start` starts one; `PipedChild` answers questions on
its pipes; `StandingChild` stands beside us until it is let go; `run` and `output_of` wait for what a program prints.
"""

import asyncio
import os
import select
import signal
import subprocess
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from harness.base.processes import exit_descriptor

STARTED: Final = b"\0"
"""What an announced child has first among its errors: without it not even its limits, or its sandbox, were made."""
_MOST_BYTES = 65536
_COMPLAINT_S = 1.0

Stream = int | IO[bytes] | None
"""What one of the three standard streams is: a descriptor, a file, PIPE, DEVNULL; None = ours."""
Waiter = Callable[[int, int, float], None]
"""Until poll reports an event of a descriptor. TimeoutError after the deadline (monotonic); may raise what it likes."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the kernel holds each process to, as far as it can; None = as it is. Core files are never written."""

    lock_limit: int | None = None
    """The marks, as `marks.lock_limit` has them; Linux only."""
    cpu_s: int | None = None
    file_blocks: int | None = None
    """512 bytes each."""
    data_kib: int | None = None
    """`-v` would count what V8 only reserves."""
    processes: int | None = None
    open_files: int | None = None
    ends_first: bool = False
    """When memory runs out the kernel ends it, and not the supervisor."""


def limited(argv: Sequence[str], limits: Limits, *, announced: bool = False) -> tuple[str, ...]:
    """The command that runs `argv` within limits; costs about 1 ms. Limits that are lower already stay.

    A shell does it, because that is everywhere and, other than a preexec function, safe beside threads; its builtin
    knows -u or -p for processes and -w or -x for locks. `announced`: `STARTED` is written to its errors before.
    """
    script = f'{{ {"; ".join(_settings(limits))}; }} 2>/dev/null; unset PWD OLDPWD SHLVL; exec "$@"'
    script = f"printf '\\000' >&2; {script}" if announced else script
    return ("/bin/sh", "-c", script, "sh", *argv)


def _settings(limits: Limits) -> list[str]:
    numbers = {
        "-t": limits.cpu_s,
        "-f": limits.file_blocks,
        "-d": limits.data_kib,
        "-n": limits.open_files,
    }
    found = ["ulimit -c 0", *(f"ulimit {flag} {number}" for flag, number in numbers.items() if number is not None)]
    if limits.processes is not None:
        found.append(f"ulimit -u {limits.processes} || ulimit -p {limits.processes}")
    if limits.lock_limit is not None:
        found.append(f"ulimit -w {limits.lock_limit} || ulimit -x {limits.lock_limit}")
    if limits.ends_first:
        found.append("echo 500 >/proc/self/oom_score_adj")
    return found


def staying(argv: Sequence[str], lock_limit: int | None) -> tuple[str, ...]:
    """The command that runs `argv` in a shell that stays, marked, until it has ended.

    A sandbox dies with the thread that started it (PR_SET_PDEATHSIG), and threads end before a child does. So a shell
    stays between: it ends when the sandbox has, and the sandbox's program hears of our end by other ways.
    """
    mark = f"{{ ulimit -w {lock_limit} || ulimit -x {lock_limit}; }} 2>/dev/null; " if lock_limit is not None else ""
    return ("/bin/sh", "-c", f'{mark}"$@"; exit $?', "sh", *argv)


def start(
    argv: Sequence[str],
    *,
    streams: tuple[Stream, Stream, Stream],
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
    descriptors: Sequence[int] = (),
    own_session: bool = True,
) -> "subprocess.Popen[bytes]":
    """Standard input, output and errors are `streams`; of all else it gets `descriptors`. `env` None = ours.

    In a session of its own Ctrl-C in the terminal does not reach it, and it can be ended as a group.
    """
    stdin, stdout, stderr = streams
    return subprocess.Popen(
        argv,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        env=dict(env) if env is not None else None,
        cwd=cwd,
        pass_fds=tuple(descriptors),
        start_new_session=own_session,
        bufsize=0,
    )


def end_group(process: "subprocess.Popen[bytes]") -> int:
    """Kill it and whatever it started in its group, and reap it: its exit code. It must not have been reaped."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def has_ended(process: "subprocess.Popen[bytes]", timeout_s: float, wait: Waiter) -> bool:
    """Wait without reaping, so that its group can still be named; Popen.wait would poll."""
    try:
        descriptor = exit_descriptor(process.pid)
    except ProcessLookupError:
        return True
    try:
        wait(descriptor, select.POLLIN, time.monotonic() + timeout_s)
        return True
    except TimeoutError:
        return False
    finally:
        os.close(descriptor)


def until_ready(descriptor: int, event: int, deadline: float) -> None:
    """The plain `Waiter`."""
    poll = select.poll()
    poll.register(descriptor, event)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise TimeoutError


class PipedChild:
    """A process that reads questions and writes answers. What comes from it may be anything, and may never come."""

    def __init__(self, process: "subprocess.Popen[bytes]", wait: Waiter = until_ready) -> None:
        """`process` was started with pipes as its standard input and output."""
        self.process = process
        self._wait = wait
        assert process.stdin is not None and process.stdout is not None, "start was asked for these pipes"
        self._questions, self._answers = process.stdin, process.stdout
        for pipe in (self._questions, self._answers):
            os.set_blocking(pipe.fileno(), False)

    def write(self, content: bytes, deadline: float) -> None:
        """TimeoutError after the deadline (monotonic), EOFError when it has ended."""
        rest = memoryview(content)
        while rest:
            self._wait(self._questions.fileno(), select.POLLOUT, deadline)
            try:
                rest = rest[os.write(self._questions.fileno(), rest[:65536]) :]
            except BrokenPipeError:
                raise EOFError from None

    def read(self, size: int, deadline: float) -> bytes:
        """Exactly so many bytes; as `write`."""
        content = bytearray()
        while len(content) < size:
            self._wait(self._answers.fileno(), select.POLLIN, deadline)
            piece = os.read(self._answers.fileno(), min(size - len(content), 1 << 20))
            if not piece:
                raise EOFError
            content += piece
        return bytes(content)

    def close(self) -> None:
        """Let go of the pipes."""
        for pipe in (self._questions, self._answers):
            with suppress(OSError):
                pipe.close()


class StandingChild:
    """A small program that stands beside this process until it is let go, or this process is gone: it reads our end of
    its standard input."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        """OSError when this machine starts nothing more."""
        self._process = start(argv, streams=(PIPE, PIPE, PIPE), env=env, cwd="/")

    def is_there(self) -> bool:
        return self._process.poll() is None

    def first_words(self, most: int, seconds: float) -> bytes | None:
        """What it prints first; empty when it ends before, None when it says nothing for so long."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], seconds)
        return os.read(self._process.stdout.fileno(), most) if ready else None

    def complaint(self) -> str:
        """End it; what it said among its errors, of which another process may hold the other end."""
        assert self._process.stderr is not None
        self._process.kill()
        said, deadline = b"", time.monotonic() + _COMPLAINT_S
        with suppress(TimeoutError):
            while len(said) < _MOST_BYTES:
                until_ready(self._process.stderr.fileno(), select.POLLIN, deadline)
                if not (piece := os.read(self._process.stderr.fileno(), _MOST_BYTES)):
                    break
                said += piece
        return said.decode(errors="replace").strip()

    def tell(self, words: bytes) -> None:
        """One that has ended hears nothing."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.write(words)

    def let_go(self, seconds: float, *, asked: bool = False) -> None:
        """Close its input and wait so long for its end; `asked`: by SIGTERM first. Then it is killed with its group."""
        process = self._process
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        if asked:
            process.terminate()
        process.stdin.close()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            end_group(process)
        process.stdout.close()
        process.stderr.close()


@dataclass(frozen=True, slots=True)
class Ran:
    """How a program ended, and what it printed."""

    code: int
    output: bytes = field(repr=False)
    errors: str


def run(
    argv: Sequence[str | Path],
    *,
    timeout_s: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    descriptors: Sequence[int] = (),
) -> Ran:
    """Run a small program to its end; it has nothing to read. OSError when it cannot be started, or takes longer."""
    try:
        ended = subprocess.run(
            argv,
            stdin=DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
            env=dict(env) if env is not None else None,
            cwd=cwd,
            pass_fds=tuple(descriptors),
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"no end within {timeout_s:g} s") from None
    return Ran(ended.returncode, ended.stdout, ended.stderr.decode(errors="replace").strip())


@dataclass(frozen=True, slots=True)
class Printed:
    """How it ended (None: it took too long or printed too much and was ended) and what it printed."""

    code: int | None
    output: bytes = field(repr=False)


async def output_of(argv: Sequence[str], env: Mapping[str, str], cwd: Path, *, timeout_s: float) -> Printed:
    """Run a program to its end, or end it and its group. OSError when it cannot be started. Its errors go nowhere."""
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL, env=dict(env), cwd=cwd, start_new_session=True
    )
    assert process.stdout is not None
    output = b""
    try:
        async with asyncio.timeout(timeout_s):
            while len(output) <= _MOST_BYTES and (piece := await process.stdout.read(_MOST_BYTES)):
                output += piece
            if len(output) <= _MOST_BYTES:
                return Printed(await process.wait(), output)
    except TimeoutError:
        pass
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return Printed(None, b"")
