"""The SDK's Transport, implemented once, by us: every raw line is on disk before anybody parses it.

The SDK gets the control protocol only (handshake, interrupt, answers to its requests); everything else goes straight
to `observe`, raw. So a kind of message that the SDK does not know cannot end a session, and nobody has to keep the
SDK's own queue empty. The pipe is read to its end whatever the SDK does.
"""

import asyncio
import errno
import json
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.backends.session_record import MOST_LINE_BYTES, Drain, Liner, Recorder, Redactor
from harness.backends.start_request import Launch, Starter
from harness.base.termination import wait_gone
from harness.core.messages import Message

_CHUNK_BYTES = 262_144
_STREAM_HEAD_BYTES = 128 * 1024 * 1024
_STREAM_TAIL_BYTES = 8 * 1024 * 1024
_ERRORS_HEAD_BYTES = 1024 * 1024
_ERRORS_TAIL_BYTES = 1024 * 1024
_EVENT, _PIECE = b'{"type":"stream_event"', b'"content_block_delta"'
_HEAD_OF_EVENT_BYTES = 100
MOST_STREAM_BYTES = 1024**3
"""Of one session, in all: a stream above this ends it."""

MOST_CONTROL = 64
MOST_CONTROL_BYTES = 8 * 1024 * 1024
"""Control messages of one session, in all: the CLI 2.1.329 sends two."""

_RESPONSES = ("success", "error")
_REQUESTS = ("can_use_tool", "hook_callback", "mcp_message")
"""What the CLI answers and asks over the control protocol; the SDK's reader dies of some others."""

_STAY_S = 10.0
"""What a process gets to end by itself after its last result."""

_GRACE_S = 2.0
_DRAIN_S = 5.0

Line = Mapping[str, Any]


class _Control:
    """The control messages that wait for the SDK. All are counted, also those that it cannot read: it need not read."""

    def __init__(self) -> None:
        self.come: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        """None after the last one."""
        self._seen = 0
        self._seen_bytes = 0

    def take(self, message: dict[str, Any], size: int) -> bool:
        """False when there were more than any session needs."""
        self._seen += 1
        self._seen_bytes += size
        if self._seen > MOST_CONTROL or self._seen_bytes > MOST_CONTROL_BYTES:
            return False
        if _is_known(message):
            self.come.put_nowait(message)
        return True


class RecordedTransport:
    """One process that speaks JSON lines. Structurally a `claude_agent_sdk.Transport` (a test holds it to that)."""

    def __init__(
        self,
        starter: Starter,
        launch: Launch,
        redactor: Redactor,
        stream: Path,
        errors: Path,
        observe: Callable[[Line], None],
    ) -> None:
        self.over = asyncio.Event()
        """Set when a result line came, or the process printed its last."""
        self.overlong = False
        """A line was longer than anything of ours ever is; the process was ended for it."""
        self.overfull: Message | None = None
        """What its stream had too much of; the process was ended for it."""
        self._starter = starter
        self._launch = launch
        self._observe = observe
        self._redactor = redactor
        self._stream = Recorder(stream, redactor, head_bytes=_STREAM_HEAD_BYTES, tail_bytes=_STREAM_TAIL_BYTES)
        self._errors = Recorder(errors, redactor, head_bytes=_ERRORS_HEAD_BYTES, tail_bytes=_ERRORS_TAIL_BYTES)
        self._control = _Control()
        self._process: Process | None = None
        self._readers: list[asyncio.Task[None]] = []

    @property
    def failure(self) -> OSError | None:
        """What kept lines from being written, if anything did."""
        return self._stream.failure

    async def connect(self) -> None:
        """Start the process. OSError when that cannot be done."""
        process = await self._starter.start(self._launch)
        assert process.stdout is not None
        assert process.stderr is not None
        self._process = process
        self._readers = [
            asyncio.create_task(self._read_stream(process.stdout)),
            asyncio.create_task(self._read_errors(process.stderr)),
        ]

    async def write(self, data: str) -> None:
        if self._process is None or self._process.stdin is None or self._process.stdin.is_closing():
            raise BrokenPipeError(errno.EPIPE, "the session takes no more input")
        self._process.stdin.write(data.encode())
        await self._process.stdin.drain()

    async def read_messages(self) -> AsyncIterator[dict[str, Any]]:
        """The control messages, until the process has printed its last; then ConnectionError, so that nobody goes on
        waiting for an answer."""
        try:
            while (message := await self._control.come.get()) is not None:
                yield message
        except GeneratorExit:  # whoever read is gone, and nobody could end this session through it any more
            if not self.over.is_set():
                self.overfull = self.overfull or Message("reader_ended")
                self.over.set()
            raise
        raise ConnectionResetError(errno.ECONNRESET, "the session has ended")

    async def end_input(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def is_ready(self) -> bool:
        return self._process is not None and not self.over.is_set()

    async def close(self) -> None:
        """End the process: by itself, politely, for good; each bounded. Everything it printed is on disk then."""
        await self.end_input()
        if self._process is not None:
            if not await wait_gone([self._process.pid], 0 if self.overfull else _STAY_S):
                await self._starter.end(_GRACE_S)
            await self._starter.end(0)
            await self._finish_reading()
        self._stream.close()
        self._errors.close()

    async def exit_code(self) -> int | None:
        """The exit code; negative for a signal; None when it never started or cannot be told."""
        if self._process is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_DRAIN_S):
                    return await self._process.wait()
        return None

    async def _finish_reading(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_S):
                await asyncio.gather(*self._readers, return_exceptions=True)
        for reader in self._readers:
            reader.cancel()
        self._starter.close()  # who could not be found may hold the other ends; the exit code waits for them

    async def _read_stream(self, pipe: asyncio.StreamReader) -> None:
        liner, read_bytes = Liner(), 0
        try:
            while chunk := await pipe.read(_CHUNK_BYTES):
                read_bytes += len(chunk)
                if read_bytes > MOST_STREAM_BYTES:
                    self.overfull = Message("stream_too_long", {"limit_mib": MOST_STREAM_BYTES >> 20})
                for line in liner.push(chunk) if not self.overfull else ():
                    self._take(line)
                if self.overfull:
                    await self._starter.end(0)
                    return
                if liner.pending_bytes > MOST_LINE_BYTES:
                    self.overlong = True
                    self._stream.write(liner.rest()[:_CHUNK_BYTES] + b"\n")
                    await self._starter.end(0)
            if rest := liner.rest():
                self._take(rest)
        finally:
            self._control.come.put_nowait(None)
            self.over.set()

    async def _read_errors(self, pipe: asyncio.StreamReader) -> None:
        drain = Drain(self._errors)
        while chunk := await pipe.read(_CHUNK_BYTES):
            drain.feed(chunk)
        drain.flush()

    def _take(self, raw: bytes) -> None:
        """Record one line, then see what it says. What is no JSON object is only recorded.

        The pieces of an answer are not recorded: the whole of it follows in a line of its own.
        """
        if not (raw.startswith(_EVENT) and _PIECE in raw[:_HEAD_OF_EVENT_BYTES]):
            self._stream.write(raw)
        try:
            message = json.loads(self._redactor.clean(raw))
        except (ValueError, RecursionError):
            return
        if not isinstance(message, dict):
            return
        kind = message.get("type")
        if isinstance(kind, str) and kind.startswith("control_"):
            if not self._control.take(message, len(raw)):
                self.overfull = Message("too_many_control_messages")
            return
        self._observe(message)
        if kind == "result":
            self.over.set()


def _is_known(message: Mapping[str, Any]) -> bool:
    """Whether it is a control message that the SDK can read."""
    response, request = message.get("response"), message.get("request")
    match message.get("type"):
        case "control_response" if isinstance(response, dict):
            return response.get("subtype") in _RESPONSES and isinstance(response.get("request_id"), str)
        case "control_request" if isinstance(request, dict):
            return request.get("subtype") in _REQUESTS and isinstance(message.get("request_id"), str)
    return False
