"""Backend `claude`: one fresh Claude Code session through the SDK, its prefix cached across sessions."""

import asyncio
import errno
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from harness.backends import model_switches
from harness.backends.cli_start import Outfit
from harness.backends.cli_stream import StreamReading
from harness.backends.lean_sdk import load_sdk
from harness.backends.session import SessionStart
from harness.backends.session_record import Redactor
from harness.backends.transport import Line, RecordedTransport
from harness.backends.usage_count import Count
from harness.core.faults import STATUS_OF_A_BROKEN_SCENE
from harness.core.messages import Message, message
from harness.core.symptoms import Symptoms
from harness.core.types import SessionFacts
from harness.core.work import AttemptSpec

if TYPE_CHECKING:
    from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient, Transport

_INTERRUPT_S = 3.0
_DISCONNECT_S = 30.0
_SWITCHES: Mapping[str, str] = {"CLAUDE_CODE_ENTRYPOINT": "sdk-py"}


class ClaudeSession:
    """One session. Everything that can go wrong in it ends as symptoms."""

    def __init__(self, start: SessionStart) -> None:
        self._spec = start.spec
        self._paths = start.paths
        self._starter = start.starter
        self._outfit = Outfit.of(start)
        self._count = Count.of(start.spec)
        self._reading = StreamReading.of(start.spec, start.pulse, self._count)
        self._spent: asyncio.Task[None] | None = None
        """Ends the session at its cap, which it has reached with answers that the CLI leaves out."""
        self._client: ClaudeSDKClient | None = None
        self._transport: RecordedTransport | None = None
        self._error: Exception | None = None
        self._exit_code: int | None = None

    async def run(self) -> None:
        """Start it, give it the prompt, wait for its result and for the end of its process."""
        try:
            await self._converse()
        except Exception as error:  # the SDK raises bare Exceptions too; what it was is told by the symptoms
            self._error = error
        if self._transport is not None:
            self._exit_code = await self._transport.exit_code()
        if self._count.charges.reached_nobody() and not await self._outfit.may_be_reached():
            self._count.charges.nobody_was_there()

    async def interrupt(self) -> None:
        """The CLI's own interrupt first: it ends a hung tool, and the result then still tells the cost."""
        try:
            async with asyncio.timeout(_INTERRUPT_S):
                if self._client is None:
                    raise ConnectionError("not connected")
                await self._client.interrupt()
        except Exception:  # too early, too late or stuck: then its processes are ended instead
            await self._starter.end(_INTERRUPT_S)

    def facts(self) -> SessionFacts:
        return self._reading.facts()

    def symptoms(self) -> Symptoms:
        seen = self._reading.symptoms()
        code = self._exit_code
        seen = replace(seen, exit_code=code, signal=-code if code is not None and code < 0 else None)
        transport = self._transport
        if self._spec.rehearsal and seen.api_error_status == STATUS_OF_A_BROKEN_SCENE:
            seen = replace(seen, used_tools=False)  # the server is ours: no provider says that, and no session here
        if self._spent is not None:
            return self._spent_too_much(seen)
        if transport is not None and transport.overfull:
            return replace(seen, excess=transport.overfull)
        if transport is not None and transport.overlong:
            return replace(seen, api_error="stream_line_too_long", is_error=True)
        if transport is not None and transport.failure is not None:
            return replace(seen, errno=transport.failure.errno)
        if isinstance(self._error, OSError) and code is None:
            return replace(seen, errno=self._error.errno or errno.EIO, text=str(self._error))
        return seen

    def _spent_too_much(self, seen: Symptoms) -> Symptoms:
        """Broken answers are the provider's doing: they cost no item a strike."""
        cap = self._spec.caps.cost_usd
        if cap is not None and self._count.charges.complete >= cap:
            return replace(seen, subtype="error_max_budget_usd", is_error=True)
        why = "answers that broke off have used up the session's budget"
        return replace(seen, api_error="connection_failed", text=why, is_error=True)

    def notes(self) -> tuple[Message, ...]:
        if self._error is None or self._reading.has_result:
            return ()
        return (message("session_broke_off", error=f"{type(self._error).__name__}: {str(self._error)[:200]}"),)

    async def _converse(self) -> None:
        load_sdk()
        from claude_agent_sdk import ClaudeSDKClient

        _quiet_its_logger()
        self._outfit.lay_out()
        passed = self._outfit.passed()
        transport = RecordedTransport(
            self._starter,
            self._outfit.launch(passed, _arguments(self._spec), _SWITCHES),
            Redactor(self._outfit.secrets(passed)),
            self._paths.stream,
            self._paths.errors,
            self._take,
        )
        self._transport = transport
        client = ClaudeSDKClient(_options(self._spec), cast("Transport", transport))
        try:
            await client.connect()
            self._client = client
            await client.query(self._spec.rendered.prompt)
            await transport.over.wait()
        finally:
            async with asyncio.timeout(_DISCONNECT_S):
                await client.disconnect()
                await transport.close()

    def _take(self, line: Line) -> None:
        self._reading.take(line)
        cap = self._spec.caps.cost_usd
        if cap is not None and self._spent is None and self._count.is_beyond(cap):
            self._spent = asyncio.create_task(self.interrupt())


def _options(spec: AttemptSpec) -> "ClaudeAgentOptions":
    """What the SDK itself sends in its handshake; the process gets its arguments from us."""
    from claude_agent_sdk import ClaudeAgentOptions

    return ClaudeAgentOptions(
        system_prompt={
            "type": "preset",
            "preset": "claude_code",
            "append": spec.rendered.instructions,
            "exclude_dynamic_sections": True,
        },
        skills=[],
        setting_sources=[],
        verbatim_prompts=True,
    )


def _arguments(spec: AttemptSpec) -> list[str]:
    """Of the CLI, for being spoken to in JSON lines."""
    arguments = ["--output-format", "stream-json", "--verbose", "--input-format", "stream-json"]
    arguments += [
        "--include-partial-messages",
        *model_switches.settings_argument(model_switches.settings(spec.session)),
    ]
    if spec.caps.turns is not None:
        arguments += ["--max-turns", str(spec.caps.turns)]
    if spec.caps.cost_usd is not None:
        arguments += ["--max-budget-usd", f"{spec.caps.cost_usd:f}"]
    return arguments


def _quiet_its_logger() -> None:
    """A session that breaks off is told in symptoms; the SDK's logger would print it over the progress display."""
    logger = logging.getLogger("claude_agent_sdk")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
