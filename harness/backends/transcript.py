"""The transcript of an interactive session, as lines of the stream that `backends/cli_stream.py` reads.

The CLI appends to it in its configuration folder. Measured with 2.1.332:

    user                        the prompt, as it was sent; results of tools; `toolDenialKind`, `interruptedMessageId`
    api-request                 a request begins; a further one without an answer in between is a retry
    assistant                   one for each block of an answer, with its usage; `stop_reason` once it is complete
    assistant isApiErrorMessage the CLI gives up: `apiError`, `apiErrorStatus`, `apiErrorParams.rate_limit_info`
    system/turn_duration        the turn is over

The begin of an answer is not in it: what has come of one that breaks off is not known, and estimated by its time.
"""

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from harness.backends.session_record import MOST_LINE_BYTES, Liner
from harness.backends.transport import MOST_STREAM_BYTES, Line
from harness.base.beneath import opened_file, opened_folder, opened_folder_in
from harness.core.messages import Message, message

_PROJECTS: Final = "projects"
_ACCOUNT: Final = ".claude.json"
_MOST_ACCOUNT_BYTES: Final = 8 * 1024 * 1024
_CHUNK_BYTES: Final = 1024 * 1024
_MOST_FOLDERS: Final = 16
_MAIN: Final = "repl_main_thread"
_CAPITAL = re.compile(r"(?<=[a-z])[A-Z]")
_OTHER_NAMES: Final = {"supersedes_uuids": "supersedes"}
_REQUESTING: Final[Line] = {"type": "system", "subtype": "status", "status": "requesting"}
_KINDS: Final = ("user", "assistant", "system", "api-request")


@dataclass(frozen=True, slots=True)
class _Request:
    id: str
    at: float


class _Requests:
    """Requests without an answer, oldest first."""

    def __init__(self) -> None:
        self._open: list[_Request] = []
        self._answered = ""
        """The request that was answered last: it may be written down after its answer, and the next one before it."""

    def __bool__(self) -> bool:
        return bool(self._open)

    def begin(self, entry: Mapping[str, Any]) -> bool:
        """False for one whose answer was there before."""
        is_new = entry.get("id") != self._answered
        if is_new:
            self._open.append(_Request(str(entry.get("id")), _moment(entry.get("timestamp"))))
        return is_new

    def retries(self, answer: Mapping[str, Any], *, is_failure: bool) -> Iterator[Line]:
        """Whatever was asked before the request that is answered here has been asked again; what the provider said to
        that is known only when it says so at the last, too."""
        answered = self._answered = str(answer.get("requestRef"))
        ids = [request.id for request in self._open]
        if answered not in ids and not is_failure:
            return
        before = ids.index(answered) if answered in ids else max(len(ids) - 1, 0)
        status = answer.get("apiErrorStatus") if is_failure else None
        for number, (request, following) in enumerate(pairwise(self._open[: before + 1]), 1):
            retry = {"type": "system", "subtype": "api_retry", "attempt": number, "error_status": status}
            yield {**retry, "elapsed_s": following.at - request.at}
        self._open = [] if is_failure else self._open[before + 1 :]


class _Account:
    """What a session in JSON says of itself at its end, kept on the way."""

    def __init__(self) -> None:
        self.failure: Mapping[str, Any] | None = None
        """The line with which the CLI gave up."""
        self.turns = 0
        self.stop_reason: str | None = None
        self._said = ""
        self._denials: list[dict[str, Any]] = []
        self._calls: dict[str, dict[str, Any]] = {}
        self._answer: str | None = None

    def take_results(self, entry: Mapping[str, Any]) -> None:
        """Of tools: which calls were denied."""
        for block in _blocks(_mapping(entry.get("message"))):
            call = self._calls.pop(str(block.get("tool_use_id")), None)
            if call is not None and entry.get("toolDenialKind") not in (None, "user-rejected"):
                self._denials.append(call)

    def take_answer(self, line: Line, message: Mapping[str, Any], *, is_failure: bool) -> None:
        self._said = _text_of(message.get("content")) or self._said
        if is_failure:
            self.failure = line
            return
        if message.get("id") != self._answer:
            self._answer = str(message.get("id"))
            self.turns += 1
        stop = message.get("stop_reason")
        self.stop_reason = stop if isinstance(stop, str) else self.stop_reason
        for block in _blocks(message):
            if block.get("type") == "tool_use":
                self._calls[str(block.get("id"))] = {"tool_name": block.get("name"), "tool_input": block.get("input")}

    def result(self, subtype: str, reason: str) -> dict[str, Any]:
        failure = self.failure or {}
        return {
            "type": "result",
            "subtype": subtype,
            "is_error": subtype != "success" or self.failure is not None,
            "terminal_reason": "api_error" if failure else reason,
            "api_error_status": failure.get("api_error_status"),
            "stop_reason": self.stop_reason,
            "result": self._said,
            "num_turns": self.turns,
            "permission_denials": self._denials,
        }


class Translation:
    """From entries to lines, in order."""

    def __init__(self, session_id: str, model: str | None) -> None:
        self.prompt: str | None = None
        """What was sent; None as long as nothing was."""
        self.is_over = False
        """The turn has ended, by the CLI's own word."""
        self.was_interrupted = False
        self._session_id = session_id
        self._model = model
        self._account = _Account()
        self._requests = _Requests()

    @property
    def turns(self) -> int:
        return self._account.turns

    @property
    def stop_reason(self) -> str | None:
        """Of the last answer that is complete."""
        return self._account.stop_reason

    def lines(self, entry: Mapping[str, Any]) -> Iterator[Line]:
        """What one entry comes to. Those of subagents, and of kinds that tell nothing, come to nothing."""
        if entry.get("isSidechain") is True or entry.get("type") not in _KINDS:
            return
        match entry["type"]:
            case "user":
                yield from self._of_user(entry)
            case "assistant":
                yield from self._of_assistant(entry)
            case "system":
                self.is_over |= entry.get("subtype") == "turn_duration"
                yield _in_snake_case(entry)
            case "api-request" if str(entry.get("querySource", _MAIN)).startswith(_MAIN):
                if not self.is_over and self._requests.begin(entry):
                    yield _REQUESTING

    def result(self, *, subtype: str, reason: str, account: Mapping[str, Any]) -> Line:
        """The line that a session in JSON ends with; `account` as `account_of` gives it."""
        told = {"total_cost_usd": account.get("lastCost"), "modelUsage": account.get("lastModelUsage")}
        known = {name: value for name, value in told.items() if value is not None}
        return {**self._account.result(subtype, reason), "session_id": self._session_id, **known}

    def _of_user(self, entry: Mapping[str, Any]) -> Iterator[Line]:
        if self.prompt is None and entry.get("isMeta") is not True:
            self.prompt = _text_of(_mapping(entry.get("message")).get("content"))
            yield {
                "type": "system",
                "subtype": "init",
                "session_id": self._session_id,
                "model": self._model,
                "claude_code_version": entry.get("version"),
            }
        self.was_interrupted |= "interruptedMessageId" in entry
        self._account.take_results(entry)
        yield _in_snake_case(entry)

    def _of_assistant(self, entry: Mapping[str, Any]) -> Iterator[Line]:
        line, message = _in_snake_case(entry), _mapping(entry.get("message"))
        is_failure = entry.get("isApiErrorMessage") is True
        yield from self._requests.retries(entry, is_failure=is_failure)
        limit = _mapping(_mapping(entry.get("apiErrorParams")).get("rate_limit_info")) or entry.get("quotaLimits")
        if isinstance(limit, dict):
            yield {"type": "rate_limit_event", "rate_limit_info": limit}
        self._account.take_answer(line, message, is_failure=is_failure)
        self.is_over |= is_failure
        yield line
        if self._requests:
            yield _REQUESTING


class Transcript:
    """Follows the file. Whatever the session has put in its place, only a file below `config` is read, and bounded."""

    def __init__(self, config: Path, session_id: str) -> None:
        self.excess: Message | None = None
        """What it had too much of; then nothing more is read."""
        self._config = config
        self._name = f"{session_id}.jsonl"
        self._at = 0
        self._liner = Liner()

    @property
    def folders(self) -> list[Path]:
        """Where it may appear or grow, outermost first."""
        projects = self._config / _PROJECTS
        return [self._config, projects, *(projects / name for name in self._projects())]

    def entries(self) -> Iterator[Mapping[str, Any]]:
        """Those that were added since the last call."""
        for project in self._projects():
            with (
                suppress(OSError),
                opened_folder(self._config, (_PROJECTS,)) as projects,
                opened_folder_in(project, projects) as folder,
                opened_file(self._name, folder) as descriptor,
            ):
                yield from self._read(descriptor)
                return

    def _projects(self) -> list[str]:
        with suppress(OSError), opened_folder(self._config, (_PROJECTS,)) as projects:
            return sorted(os.listdir(projects))[:_MOST_FOLDERS]  # noqa: PTH208  of a descriptor
        return []

    def _read(self, descriptor: int) -> Iterator[Mapping[str, Any]]:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return
        while not self.excess and (chunk := os.pread(descriptor, _CHUNK_BYTES, self._at)):
            self._at += len(chunk)
            for raw in self._liner.push(chunk):
                with suppress(ValueError, RecursionError):
                    entry = json.loads(raw)
                    if isinstance(entry, dict):
                        yield entry
            if self._at > MOST_STREAM_BYTES or self._liner.pending_bytes > MOST_LINE_BYTES:
                self.excess = message("transcript_too_long", limit_mib=MOST_STREAM_BYTES >> 20)


def account_of(config: Path, work: str, session_id: str) -> Mapping[str, Any]:
    """What the CLI itself wrote down of the session's cost as it ended (lastCost, lastModelUsage); empty if nothing."""
    with suppress(OSError, ValueError, RecursionError), opened_folder(config, ()) as folder:
        with opened_file(_ACCOUNT, folder) as descriptor:
            content = os.read(descriptor, _MOST_ACCOUNT_BYTES)
        told = _mapping(_mapping(_mapping(json.loads(content)).get("projects")).get(work))
        return told if told.get("lastSessionId") == session_id else {}
    return {}


def _in_snake_case(entry: Mapping[str, Any]) -> Line:
    """An entry with the names of the stream; `message` is what it is in both."""
    named = {_CAPITAL.sub(lambda found: f"_{found[0].lower()}", name): value for name, value in entry.items()}
    return {_OTHER_NAMES.get(name, name): value for name, value in named.items() if name not in _DROPPED}


_DROPPED: Final = ("cwd", "git_branch", "user_type", "entrypoint", "parent_uuid", "is_sidechain")
"""What repeats others, or is of no use to anybody."""


def _text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    return "\n".join(str(_mapping(block)["text"]) for block in blocks if isinstance(_mapping(block).get("text"), str))


def _blocks(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    content = message.get("content")
    return [_mapping(block) for block in content] if isinstance(content, list) else []


def _moment(value: Any) -> float:
    """Seconds since 1970; 0 for what is no time."""
    with suppress(ValueError, TypeError):
        return datetime.fromisoformat(value).timestamp()
    return 0.0


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
