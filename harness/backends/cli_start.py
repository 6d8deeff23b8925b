"""What every session of Claude Code is started with, whichever way it is spoken to: program, arguments, environment.

The figures and switches are those of the CLI 2.1.329 that the SDK brings along.
"""

import errno
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.backends import model_switches
from harness.backends.credentials import VARIABLE, Credential, RehearsedWeb
from harness.backends.managed import forbids_bypass
from harness.backends.passed_environment import PROXIES, Passed, passed_on
from harness.backends.reach import is_within_reach
from harness.backends.session import Paths, SessionStart
from harness.backends.start_request import WITHHELD, Launch, Starter, View
from harness.base.errors import UsageError
from harness.base.files import write_private
from harness.core.prices import CONTEXT_TOKENS, context_of
from harness.core.work import AttemptSpec
from harness.job.environment import ALLOWED, uses_cloud
from harness.job.job import Job, PhaseSpec
from harness.job.tools import EDITING, READING

INSIDE = "/opt/claude"
"""Where the CLI lies in the sandbox; the same on every machine."""

_NOBODYS_HOME = "/"
"""Of the CLI in the sandbox, where it has CLAUDE_CONFIG_DIR: a folder that no tool can write into."""

_PROVIDER = "https://api.anthropic.com"
_INSTRUCTIONS = "instructions.md"
_AUTHORITY = "rehearsal.pem"
_MOST_RETRIES = 4
"""Of the CLI, per request: about 10 s of 529s. Longer waits are the gate's, which frees the slot."""

_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"

SWITCHES: Mapping[str, str] = {
    "LANG": "C.UTF-8",
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


@dataclass(frozen=True, slots=True)
class Outfit:
    """Of one session. `credential` may be None when it asks a cloud."""

    spec: AttemptSpec
    paths: Paths
    starter: Starter
    credential: Credential | None
    environ: Mapping[str, str]

    @classmethod
    def of(cls, start: SessionStart) -> "Outfit":
        return cls(start.spec, start.paths, start.starter, start.credential, start.environ)

    def lay_out(self) -> None:
        """Write the files that the arguments name. OSError."""
        write_private(self.paths.config / _INSTRUCTIONS, self.spec.rendered.instructions.encode(errors="replace"))
        if web := self._web():
            write_private(self.paths.config / _AUTHORITY, web.authority.encode())

    def passed(self) -> Passed:
        """A rehearsal is given nothing: it needs no proxy, and no way to a model. UsageError."""
        if self.credential is not None and self.credential.rehearsal:
            return Passed()
        return passed_on(self.spec.session.env, self.environ)

    def _web(self) -> RehearsedWeb | None:
        """In a rehearsal, for a session that may fetch pages."""
        has_web = "WebFetch" in self.spec.session.tools
        return self.credential.web if self.credential is not None and has_web else None

    def secrets(self, passed: Passed) -> tuple[str, ...]:
        """What must not be written anywhere."""
        return (*(self.credential.secrets() if self.credential else ()), *passed.secrets)

    def launch(self, passed: Passed, own: Sequence[str], switches: Mapping[str, str]) -> Launch:
        """`own`: the arguments, `switches`: the variables, of the one way of speaking to it."""
        folder = cli_folder()
        sandboxed = self.starter.is_kernel_sandbox
        program = f"{INSIDE}/claude" if sandboxed else str(folder / "claude")
        return Launch(
            argv=(program, *own, *_arguments(self.spec, self.starter.view, sandboxed=sandboxed)),
            env={**self._environment(passed, sandboxed=sandboxed), **switches},
            readable=(*self.spec.readable, *passed.files),
            shown=((folder, INSIDE),) if sandboxed else (),
        )

    async def may_be_reached(self) -> bool:
        """Whether the provider can be, right now; of a cloud, and behind a proxy, that cannot be told."""
        if self.credential is None or self.passed().variables.keys() & PROXIES:
            return True
        return await is_within_reach(self.credential.base_url or _PROVIDER)

    def _environment(self, passed: Passed, *, sandboxed: bool) -> dict[str, str]:
        """Built from nothing: the session inherits none of our variables."""
        view = self.starter.view
        variables = {
            "PATH": _SYSTEM_PATH,
            "HOME": view.config,
            "CLAUDE_CONFIG_DIR": view.config,
            "TMPDIR": view.tmp,
            "CLAUDE_CODE_TMPDIR": view.tmp,
            **SWITCHES,
            **model_switches.switches(self.spec.session),
            "CLAUDE_CODE_MAX_OUTPUT_TOKENS": str(self.spec.caps.output_tokens),
            **passed.variables,
            **_bounded_context(self.spec),
        }
        if self.credential is not None and not uses_cloud(self.spec.session.env):
            variables |= self.credential.environment()
        if web := self._web():
            variables |= web.environment(self.spec.session_id, f"{view.config}/{_AUTHORITY}")
        if sandboxed:
            variables["IS_SANDBOX"] = "1"
        if self.starter.tool_shell is not None:
            # The CLI starts that program with a shell of its own, which reads ~/.bash_profile when it is a login shell.
            variables["HOME"] = _NOBODYS_HOME
            variables["CLAUDE_CODE_SHELL_PREFIX"] = self.starter.tool_shell
            variables[WITHHELD] = " ".join(sorted(_secret_names(variables)))
        return variables


def cli_folder() -> Path:
    """The folder of the CLI that the SDK brings along. FileNotFoundError when it is not there."""
    found = importlib.util.find_spec("claude_agent_sdk")
    folder = Path(found.origin).parent / "_bundled" if found and found.origin else None
    if folder is None or not (folder / "claude").is_file():
        raise FileNotFoundError(errno.ENOENT, "claude-agent-sdk brings no Claude Code CLI on this platform", "claude")
    return folder


def shown_cli(job: Job, phase: PhaseSpec, environ: Mapping[str, str]) -> Launch:
    """What its sessions are shown. FileNotFoundError when the program is not there."""
    files: tuple[Path, ...] = ()
    if not job.rehearsal:
        try:
            files = passed_on(phase.session.env, environ).files
        except UsageError:  # a $NAME that is not set: said where sessions start
            files = ()
    return Launch((f"{INSIDE}/claude",), {}, (*job.readable, *files), ((cli_folder(), INSIDE),))


def _secret_names(variables: Mapping[str, str]) -> set[str]:
    """Those that only the CLI itself needs: nothing that a tool starts asks a model."""
    return {name for name in variables if name in VARIABLE.values() or ALLOWED.get(name) == "secret"}


def _bounded_context(spec: AttemptSpec) -> dict[str, str]:
    """Where dollars are promised, no request is longer than what is reserved for.

    Most models take a million tokens, whatever their name says. These make the CLI refuse to send more than three
    quarters of what is reserved for, by its own estimate of four characters a token; Read then gives what there is
    room for. With a summary in between (compaction) it would send everything once more, at any length.
    """
    context = context_of(spec.session.model or "")
    if spec.caps.cost_usd is None or context > CONTEXT_TOKENS:
        return {}
    return {
        "DISABLE_COMPACT": "1",
        "CLAUDE_CODE_MAX_CONTEXT_TOKENS": str(context),
        "CLAUDE_CODE_BLOCKING_LIMIT_OVERRIDE": str(context * 3 // 4),
    }


def _arguments(spec: AttemptSpec, view: View, *, sandboxed: bool) -> list[str]:
    """The CLI's arguments: nothing of the user's data is among them, and no secret.

    The same for every attempt of a phase but for --session-id, so the prefix that the cache sees is the same.
    """
    session = spec.session
    arguments = [f"--session-id={spec.session_id}", "--strict-mcp-config", "--setting-sources="]
    arguments += ["--disable-slash-commands", "--tools", ",".join(session.tools)]
    if sandboxed and not forbids_bypass():
        arguments += ["--permission-mode", "bypassPermissions"]
    else:
        rules = _everything(session.tools) if sandboxed else _rules(session.tools, view)
        arguments += ["--permission-mode", "dontAsk", "--allowedTools", ",".join(rules)]
    arguments += model_switches.arguments(session)
    if spec.rendered.instructions:
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
