"""Runs jq, JSON Schema and the user's Python in a child process with limits; the supervisor itself runs none of them.

jq holds the interpreter's lock and aborts the whole process when memory ends; a regular expression may take for ever; a
user's check may do anything. The child has no environment but the job's keys, cwd `/`, a session of its own, limits on
memory and processor time, and a deadline here. One that passes a limit is killed with its group; the next call starts
another. With sandboxes it runs in one, which is made once for the child and not for each call.
"""

import json
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from harness.base.reason import MOST_FIELD_CHARACTERS, Reason, cut_text
from harness.evaluation.cancellation import Halt
from harness.evaluation.check_sandbox import NOTHING, Allowed, MissingFreedom, SandboxCommand, Sandboxes
from harness.evaluation.denials import denied
from harness.evaluation.persistent_child import CHILD, BoundedError, PersistentChild

Json = Any
"""A JSON value; `core.types.Json`, which this room may not import."""

_PORTION_BYTES = 4 * 1024 * 1024
_READER_BYTES = 1024 * 1024 * 1024
_READER_S = 120.0


@dataclass(frozen=True, slots=True)
class JqOutcome:
    """What a jq program yielded for one value; `error` is set when it raised for this value (`results` is empty)."""

    results: list[Json]
    error: str | None = None


class Bounded:
    """One persistent child. Methods block and may be called from any thread; calls are answered one at a time.

    Values are sent in portions of 4 MB; `timeout_s` is for each portion. The child is started by the first call.
    """

    def __init__(
        self,
        *,
        memory_bytes: int = 512 * 1024 * 1024,
        lock_limit: int = 0,
        halt: Halt | None = None,
        sandboxes: Sandboxes | None = None,
        allowed: Allowed = NOTHING,
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`variables` are all that the user's programs have in their environment, beside PATH and LANG.

        Without `sandboxes` the child, and the user's Python in it, has the user's rights; `allowed`: of its sandbox."""
        self._memory_bytes = memory_bytes
        self.variables = dict(variables)
        self.sandboxes = sandboxes
        self._allowed = allowed
        self.lock_limit = lock_limit
        """What marks its processes as those of a job (`processes.lock_limit`); 0 = none."""
        self._lock = threading.Lock()
        self._others: dict[Allowed | None, Bounded] = {}
        """A child for each kind of sandbox, and one, None, that reads files of ours."""
        self.halt = halt or Halt()
        """Called: the child is killed whatever it does, and each call raises HaltedError."""
        self._child = PersistentChild(memory_bytes, lock_limit, self.halt, self._sandbox, self.variables)

    def jq(
        self,
        program: str,
        values: Sequence[Json],
        variables: Mapping[str, Json],
        *,
        most: int = 100_000,
        timeout_s: float = 10.0,
    ) -> list[list[Json]]:
        """All results of `program` for each value, `most` in all. BoundedError also when it raises for one value."""
        outcomes = self.jq_each(program, values, variables, most=most, timeout_s=timeout_s)
        for number, outcome in enumerate(outcomes, 1):
            if outcome.error is not None:
                where = f"value {number}: " if len(outcomes) > 1 else ""
                raise BoundedError("error", f"{where}{outcome.error}")
        return [outcome.results for outcome in outcomes]

    def jq_each(
        self,
        program: str,
        values: Sequence[Json],
        variables: Mapping[str, Json],
        *,
        most: int = 100_000,
        timeout_s: float = 10.0,
    ) -> list[JqOutcome]:
        """Like `jq`, but an error that one value caused belongs to that value's outcome."""
        outcomes: list[JqOutcome] = []
        for portion in _portions(values):
            left = most - sum(len(outcome.results) for outcome in outcomes)
            question = {"do": "jq", "program": program, "variables": dict(variables), "texts": portion, "most": left}
            answers = self._ask(question, timeout_s)
            outcomes += [JqOutcome(answer["results"], answer.get("error")) for answer in answers]
        return outcomes

    def check_jq(self, program: str, variables_names: Sequence[str]) -> None:
        """BoundedError when `program` does not compile."""
        self._ask({"do": "check_jq", "program": program, "variables": list(variables_names)}, 10.0)

    def schema(self, schema: Json, records: Sequence[Json], timeout_s: float = 10.0) -> list[list[Reason]]:
        """For each record the reasons of kind `schema`, at most 20; none when valid."""
        complaints: list[list[Reason]] = []
        for portion in _portions(records):
            answers = self._ask({"do": "schema", "schema": schema, "texts": portion}, timeout_s)
            complaints += [
                [
                    Reason("schema", {"at": path, "message": said}, cut_text(field, MOST_FIELD_CHARACTERS))
                    for path, field, said in found
                ]
                for found in answers
            ]
        return complaints

    def check_schema(self, schema: Json) -> None:
        """BoundedError when `schema` is no JSON Schema or a reference of it leads out of it."""
        self._ask({"do": "check_schema", "schema": schema}, 10.0)

    def python(
        self, file: Path, function: str, items: Json, records: Json, context: Json, timeout_s: float
    ) -> dict[str, list[Reason]]:
        """Reasons per id, from `function(items, records, context)` of `file`, loaded afresh in a process of its own.

        An exception in it is a BoundedError `checks.py:12: ValueError: ...`.
        """
        question = {"do": "python", "file": str(file), "function": function}
        question |= {"items": items, "records": records, "context": context}
        answer: dict[str, list[Any]] = self._ask(question, timeout_s)
        return {id_: [Reason.of_check(said) for said in listed] for id_, listed in answer.items()}

    def check_python(self, file: Path, function: str, timeout_s: float) -> None:
        """BoundedError when `file` cannot be loaded or has no such function; it is not called."""
        self._ask({"do": "load", "file": str(file), "function": function}, timeout_s)

    def call(self, package: str, module: str, function: str, argument: Json, timeout_s: float) -> Any:
        """What a function of a module answers, JSON in and out; `package` is the folder that it is found below."""
        question = {"do": "call", "package": package, "module": module, "function": function}
        return self._ask({**question, "argument": argument}, timeout_s)

    def refusal(self, file: Path, most_bytes: int, most_records: int) -> str | None:
        """Why a big file is no JSON that may be read here (`strict_json`); None when it is.

        In a child of its own, so that nobody else's check waits for it; one file at a time.
        """
        with self._lock:
            if None not in self._others:
                reader = Bounded(memory_bytes=_READER_BYTES, lock_limit=self.lock_limit, halt=self.halt)
                self._others[None] = reader
        question = {"do": "refusal", "path": str(file), "most_bytes": most_bytes, "most_records": most_records}
        try:
            refusal: str | None = self._others[None]._ask(question, _READER_S)
        except BoundedError as error:
            return f"it cannot be read: {error.message}"
        return refusal

    def within(self, allowed: Allowed) -> "Bounded":
        """The one whose child is in a sandbox that allows this; it is closed with this one."""
        if self.sandboxes is None or allowed == self._allowed:
            return self
        with self._lock:
            if allowed not in self._others:
                self._others[allowed] = Bounded(
                    memory_bytes=self._memory_bytes,
                    lock_limit=self.lock_limit,
                    halt=self.halt,
                    sandboxes=self.sandboxes,
                    allowed=allowed,
                    variables=self.variables,
                )
            return self._others[allowed]

    def close(self) -> None:
        """End the child, for good."""
        with self._lock:
            for each in (self, *self._others.values()):
                each._child.end()
            self.halt.close()

    def _ask(self, question: Mapping[str, Json], timeout_s: float) -> Any:
        answer = self._child.ask(_text({**question, "timeout_s": timeout_s}).encode(), timeout_s)
        if "kind" in answer:
            raise BoundedError(answer["kind"], answer["message"], self._denied(answer.get("cause"), question))
        return answer["ok"]

    def _sandbox(self) -> SandboxCommand | None:
        if self.sandboxes is None:
            return None
        return self.sandboxes.sandbox(self._allowed, (Path(sys.executable),), (CHILD.parents[1],))

    def _denied(self, cause: Mapping[str, Json] | None, question: Mapping[str, Json]) -> MissingFreedom | None:
        """What the sandbox kept the user's Python from; not of a path that a record names, which is its own doing."""
        if cause is None or _is_named(cause.get("path"), question.get("records")):
            return None
        return denied(cause, self._allowed, self.sandboxes.folder if self.sandboxes else None)


def _portions(values: Sequence[Json]) -> Iterator[list[str]]:
    """The values as JSON texts, in lists of about 4 MB, in order; one empty list when there are none."""
    portion: list[str] = []
    size = 0
    for value in values:
        portion.append(_text(value))
        size += len(portion[-1])
        if size >= _PORTION_BYTES:
            yield portion
            portion, size = [], 0
    if portion or not values:
        yield portion


def _is_named(path: Json, records: Json) -> bool:
    return isinstance(path, str) and json.dumps(path)[1:-1] in json.dumps(records)


def _text(value: Json) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise BoundedError("error", f"not a JSON value: {error}") from None
