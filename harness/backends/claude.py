"""Backend `claude`: one fresh Claude Code session through the SDK, made so that its prefix is cached across sessions.

The figures and switches are those of the CLI 2.1.329 that the SDK brings along.
"""

import asyncio
import errno
import importlib.util
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from harness.backends import models
from harness.backends.counting import Count
from harness.backends.credentials import VARIABLE, Credential, RehearsedWeb
from harness.backends.launch import WITHHELD, Launch, Starter, View
from harness.backends.managed import forbids_bypass
from harness.backends.passing import PROXIES, Passed, passed_on
from harness.backends.pulse import Pulse
from harness.backends.reach import is_within_reach
from harness.backends.record import Blotter
from harness.backends.session import Paths
from harness.backends.stream import Reading
from harness.backends.transport import Line, RecordedTransport
from harness.base.files import write_private
from harness.core.faults import STATUS_OF_A_BROKEN_SCENE
from harness.core.models import asked_by
from harness.core.prices import CONTEXT_TOKENS, context_of
from harness.core.symptoms import Symptoms
from harness.core.types import AttemptSpec, SessionFacts
from harness.job.environment import ALLOWED, uses_cloud
from harness.job.tools import EDITING, READING

if TYPE_CHECKING:
    from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient, Transport

INSIDE = "/opt/claude"
"""Where the CLI lies in the sandbox; the same on every machine."""

_NOBODYS_HOME = "/"
"""Of the CLI behind walls, where it has CLAUDE_CONFIG_DIR: a folder that no tool can write into."""

_PROVIDER = "https://api.anthropic.com"
_INSTRUCTIONS = "instructions.md"
_AUTHORITY = "rehearsal.pem"
_MOST_RETRIES = 4
"""Of the CLI, per request: about 10 s of 529s. Longer waits are the gate's, which frees the slot."""

_INTERRUPT_S = 3.0
_DISCONNECT_S = 30.0
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"

_SWITCHES: Mapping[str, str] = {
    "LANG": "C.UTF-8",
    "CLAUDE_CODE_ENTRYPOINT": "sdk-py",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_TELEMETRY": "1",
    "DISABLE_ERROR_REPORTING": "1",
    # These two make tools and system prompt byte-identical in every session, whatever its prompt and folder.
    "CLAUDE_CODE_ATTRIBUTION_HEADER": "0",
    "CLAUDE_CODE_DISABLE_AUTO_MEMORY": "1",
    # Else the branch and the state of a repository around the folder come before the prompt.
    "CLAUDE_CODE_DISABLE_GIT_INSTRUCTIONS": "1",
    # With background tasks a command past its time would keep the process alive after its result.
    "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",
    "CLAUDE_CODE_MAX_RETRIES": str(_MOST_RETRIES),
}


class ClaudeSession:
    """One session. Everything that can go wrong in it ends as symptoms."""

    def __init__(
        self,
        spec: AttemptSpec,
        paths: Paths,
        starter: Starter,
        pulse: Pulse,
        credential: Credential | None,
        environ: Mapping[str, str],
    ) -> None:
        """`credential` may be None when the session asks a cloud."""
        self._spec = spec
        self._paths = paths
        self._starter = starter
        self._credential = credential
        self._environ = environ
        self._count = Count(
            spec.session.model or "",
            spec.max_output_tokens,
            len((spec.prompt + spec.instructions).encode(errors="replace")),
        )
        self._reading = Reading(spec.session_id, pulse, self._count, asked_by(spec.session))
        self._spent: asyncio.Task[None] | None = None
        """Ends the session at its cap, which it has reached with answers that the CLI leaves out."""
        self._client: ClaudeSDKClient | None = None
        self._transport: RecordedTransport | None = None
        self._trouble: Exception | None = None
        self._exit_code: int | None = None

    async def run(self) -> None:
        """Start it, give it the prompt, wait for its result and for the end of its process."""
        try:
            await self._converse()
        except Exception as trouble:  # the SDK raises bare Exceptions too; what it was is told by the symptoms
            self._trouble = trouble
        if self._transport is not None:
            self._exit_code = await self._transport.exit_code()
        if self._count.has_reached_nobody() and not await self._may_be_reached():
            self._count.nobody_was_there()

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
        if isinstance(self._trouble, OSError) and code is None:
            return replace(seen, errno=self._trouble.errno or errno.EIO, text=str(self._trouble))
        return seen

    def _spent_too_much(self, seen: Symptoms) -> Symptoms:
        """Broken answers are the provider's doing: they cost no item a strike."""
        cap = self._spec.cost_cap_usd
        if cap is not None and self._count.completed() >= cap:
            return replace(seen, subtype="error_max_budget_usd", is_error=True)
        why = "answers that broke off have used up the session's budget"
        return replace(seen, api_error="connection_failed", text=why, is_error=True)

    def notes(self) -> tuple[str, ...]:
        if self._trouble is None or self._reading.has_result:
            return ()
        return (f"the session broke off: {type(self._trouble).__name__}: {str(self._trouble)[:200]}",)

    async def _converse(self) -> None:
        from claude_agent_sdk import ClaudeSDKClient

        _quiet_its_logger()
        write_private(self._paths.config / _INSTRUCTIONS, self._spec.instructions.encode(errors="replace"))
        if web := self._web():
            write_private(self._paths.config / _AUTHORITY, web.authority.encode())
        passed = self._passed()
        own = self._credential.secrets() if self._credential else ()
        transport = RecordedTransport(
            self._starter,
            self._launch(passed),
            Blotter((*own, *passed.secrets)),
            self._paths.stream,
            self._paths.errors,
            self._take,
        )
        self._transport = transport
        client = ClaudeSDKClient(_options(self._spec), cast("Transport", transport))
        try:
            await client.connect()
            self._client = client
            await client.query(self._spec.prompt)
            await transport.over.wait()
        finally:
            async with asyncio.timeout(_DISCONNECT_S):
                await client.disconnect()
                await transport.close()

    def _take(self, line: Line) -> None:
        self._reading.take(line)
        cap = self._spec.cost_cap_usd
        if cap is not None and self._spent is None and self._count.is_beyond(cap):
            self._spent = asyncio.create_task(self.interrupt())

    async def _may_be_reached(self) -> bool:
        """Now, right after; of a cloud, and behind a proxy, that cannot be told."""
        if self._credential is None or self._passed().variables.keys() & PROXIES:
            return True
        return await is_within_reach(self._credential.base_url or _PROVIDER)

    def _passed(self) -> Passed:
        """A rehearsal is given nothing: it needs no proxy, and no way to a model."""
        if self._credential is not None and self._credential.rehearsal:
            return Passed()
        return passed_on(self._spec.session.env, self._environ)

    def _web(self) -> RehearsedWeb | None:
        """In a rehearsal, for a session that may fetch pages."""
        has_web = "WebFetch" in self._spec.session.tools
        return self._credential.web if self._credential is not None and has_web else None

    def _launch(self, passed: Passed) -> Launch:
        view = self._starter.view
        folder = cli_folder()
        sandboxed = self._starter.is_kernel_sandbox
        program = f"{INSIDE}/claude" if sandboxed else str(folder / "claude")
        return Launch(
            argv=(program, *_arguments(self._spec, view, sandboxed=sandboxed)),
            env=self._environment(view, passed, sandboxed=sandboxed),
            readable=(*self._spec.readable, *passed.files),
            shown=((folder, INSIDE),) if sandboxed else (),
        )

    def _environment(self, view: View, passed: Passed, *, sandboxed: bool) -> dict[str, str]:
        """Built from nothing: the session inherits none of our variables."""
        variables = {
            "PATH": _SYSTEM_PATH,
            "HOME": view.config,
            "CLAUDE_CONFIG_DIR": view.config,
            "TMPDIR": view.tmp,
            "CLAUDE_CODE_TMPDIR": view.tmp,
            **_SWITCHES,
            **models.switches(self._spec.session),
            "CLAUDE_CODE_MAX_OUTPUT_TOKENS": str(self._spec.max_output_tokens),
            **passed.variables,
            **_bounded_context(self._spec),
        }
        if self._credential is not None and not uses_cloud(self._spec.session.env):
            variables |= self._credential.environment()
        if web := self._web():
            variables |= web.environment(self._spec.session_id, f"{view.config}/{_AUTHORITY}")
        if sandboxed:
            variables["IS_SANDBOX"] = "1"
        if self._starter.tool_shell is not None:
            # The CLI starts that program with a shell of its own, which reads ~/.bash_profile when it is a login shell.
            variables["HOME"] = _NOBODYS_HOME
            variables["CLAUDE_CODE_SHELL_PREFIX"] = self._starter.tool_shell
            variables[WITHHELD] = " ".join(sorted(_secret_names(variables)))
        return variables


def _secret_names(variables: Mapping[str, str]) -> set[str]:
    """Those that only the CLI itself needs: nothing that a tool starts asks a model."""
    return {name for name in variables if name in VARIABLE.values() or ALLOWED.get(name) == "secret"}


def cli_folder() -> Path:
    """The folder of the CLI that the SDK brings along. FileNotFoundError when it is not there."""
    found = importlib.util.find_spec("claude_agent_sdk")
    folder = Path(found.origin).parent / "_bundled" if found and found.origin else None
    if folder is None or not (folder / "claude").is_file():
        raise FileNotFoundError(errno.ENOENT, "claude-agent-sdk brings no Claude Code CLI on this platform", "claude")
    return folder


def _bounded_context(spec: AttemptSpec) -> dict[str, str]:
    """Where dollars are promised, no request is longer than what is reserved for.

    Most models take a million tokens, whatever their name says. These make the CLI refuse to send more than three
    quarters of what is reserved for, by its own estimate of four characters a token; Read then gives what there is
    room for. With a summary in between (compaction) it would send everything once more, at any length.
    """
    context = context_of(spec.session.model or "")
    if spec.cost_cap_usd is None or context > CONTEXT_TOKENS:
        return {}
    return {
        "DISABLE_COMPACT": "1",
        "CLAUDE_CODE_MAX_CONTEXT_TOKENS": str(context),
        "CLAUDE_CODE_BLOCKING_LIMIT_OVERRIDE": str(context * 3 // 4),
    }


def _options(spec: AttemptSpec) -> "ClaudeAgentOptions":
    """What the SDK itself sends in its handshake; the process gets its arguments from us."""
    from claude_agent_sdk import ClaudeAgentOptions

    return ClaudeAgentOptions(
        system_prompt={
            "type": "preset",
            "preset": "claude_code",
            "append": spec.instructions,
            "exclude_dynamic_sections": True,
        },
        skills=[],
        setting_sources=[],
        verbatim_prompts=True,
    )


def _arguments(spec: AttemptSpec, view: View, *, sandboxed: bool) -> list[str]:
    """The CLI's arguments: nothing of the user's data is among them, and no secret.

    The same for every attempt of a phase but for --session-id, so the prefix that the cache sees is the same.
    """
    session = spec.session
    arguments = ["--output-format", "stream-json", "--verbose", "--input-format", "stream-json"]
    arguments += ["--include-partial-messages"]
    arguments += [f"--session-id={spec.session_id}", "--strict-mcp-config", "--setting-sources="]
    arguments += ["--disable-slash-commands", "--tools", ",".join(session.tools)]
    if sandboxed and not forbids_bypass():
        arguments += ["--permission-mode", "bypassPermissions"]
    else:
        rules = _everything(session.tools) if sandboxed else _rules(session.tools, view)
        arguments += ["--permission-mode", "dontAsk", "--allowedTools", ",".join(rules)]
    arguments += models.arguments(session)
    if session.max_turns is not None:
        arguments += ["--max-turns", str(session.max_turns)]
    if spec.cost_cap_usd is not None:
        arguments += ["--max-budget-usd", f"{spec.cost_cap_usd:f}"]
    if spec.instructions:
        arguments += ["--append-system-prompt-file", f"{view.config}/{_INSTRUCTIONS}"]
    return arguments


def _rules(tools: tuple[str, ...], view: View) -> list[str]:
    """Permission rules for `dontAsk`: reading and writing in the session's own folder, everything else as named.

    Rules for Write are written as Edit rules, and rules for Grep and Glob as Read rules; those by their own names would
    match nothing, and Grep without a path would match the whole machine (measured).
    """
    rules = {"Edit(./**)"} if EDITING & set(tools) else set()
    if READING & set(tools):
        rules |= {"Read(./**)", f"Read(/{view.input}/**)"}
    return sorted(rules | set(tools) - EDITING - READING)


def _everything(tools: tuple[str, ...]) -> list[str]:
    """Rules that hold nothing back: the sandbox does, and whatever a company's own settings say."""
    files = {"Edit(//**)"} if EDITING & set(tools) else set()
    return sorted(files | set(tools) - EDITING)


def _quiet_its_logger() -> None:
    """A session that breaks off is told in symptoms; the SDK's logger would print it over the progress display."""
    logger = logging.getLogger("claude_agent_sdk")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
