"""Small programs of the user that run beside the sessions: what they print, bounded in time and size."""

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_MOST_BYTES = 65536


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
