"""Runs the checks of a phase over the records that came back: schema, jq, the user's Python, a command; in order."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness.base.bounded import Bounded, BoundedError
from harness.base.ids import ItemId
from harness.base.paths import read_path
from harness.core.faults import BROKEN_CHECK
from harness.core.types import AttemptSpec, Fault, Json
from harness.job.job import CheckSpec
from harness.outputs.command import CommandError, run_command

JQ_S: Final = 10.0
SCHEMA_S: Final = 10.0
PYTHON_S: Final = 60.0
COMMAND_S: Final = 120.0

Reasons = dict[ItemId, list[str]]


class BrokenCheckError(Exception):
    """A check itself failed; `fault` says which and how. Nothing may be concluded from it."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.detail)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Checker:
    """The checks of one attempt. `run` blocks; call it in a thread."""

    spec: AttemptSpec
    bounded: Bounded
    variables: Mapping[str, Json]

    def run(self, records: Mapping[ItemId, Sequence[Json]]) -> Reasons:
        """Why items are rejected. An item that one check rejects is not shown to the next.

        Raises BrokenCheckError when a check does not work.
        """
        rejected: Reasons = {}
        for check in self._checks():
            clean = {item: group for item, group in records.items() if item not in rejected}
            if not clean:
                break
            try:
                rejected |= self._one(check, clean)
            except (BoundedError, CommandError) as error:
                raise BrokenCheckError(_broken(check, error)) from None
        return rejected

    def _checks(self) -> list[CheckSpec]:
        output = self.spec.output
        first = [CheckSpec("schema", None, schema=output.schema)] if output.schema is not None else []
        return [*first, *output.checks]

    def _one(self, check: CheckSpec, records: Mapping[ItemId, Sequence[Json]]) -> Reasons:
        match check.kind:
            case "schema":
                return self._each(records, lambda flat: self._schema(check, flat))
            case "jq":
                return self._each(records, lambda flat: self._jq(check, flat))
            case "python":
                return self._python(check, records)
            case "command":
                return self._command(check, records)

    def _each(
        self, records: Mapping[ItemId, Sequence[Json]], judged: Callable[[list[Json]], list[list[str]]]
    ) -> Reasons:
        """A check that looks at one record at a time: all records of all items in one go."""
        owners = [(item, record) for item, group in records.items() for record in group]
        reasons: Reasons = {}
        for (item, record), found in zip(owners, judged([record for _, record in owners]), strict=True):
            if found:
                reasons.setdefault(item, []).extend(self._named(record, reason) for reason in found)
        return reasons

    def _named(self, record: Json, reason: str) -> str:
        """With the key of the record when an item may have several."""
        if self.spec.output.key == self.spec.output.item:
            return reason
        return f"record {read_path(record, self.spec.output.key)!r}: {reason}"

    def _schema(self, check: CheckSpec, records: list[Json]) -> list[list[str]]:
        complaints = self.bounded.schema(check.schema, records, SCHEMA_S)
        return [[_said(check, complaint) for complaint in found] for found in complaints]

    def _jq(self, check: CheckSpec, records: list[Json]) -> list[list[str]]:
        assert check.jq is not None
        reasons: list[list[str]] = []
        for outcome in self.bounded.jq_each(check.jq, records, self.variables, timeout_s=JQ_S):
            if outcome.error is None and outcome.results and all(result is True for result in outcome.results):
                reasons.append([])
            elif outcome.error is not None:
                reasons.append([f"{check.says or check.jq} (jq: {outcome.error})"])
            else:
                reasons.append([check.says or f"must be true: {check.jq}"])
        return reasons

    def _python(self, check: CheckSpec, records: Mapping[ItemId, Sequence[Json]]) -> Reasons:
        assert check.python is not None
        file, function = check.python
        items, plain, context = self._arguments(records)
        return self._from_user(check, self.bounded.python(file, function, items, plain, context, PYTHON_S))

    def _command(self, check: CheckSpec, records: Mapping[ItemId, Sequence[Json]]) -> Reasons:
        assert check.command is not None
        items, plain, context = self._arguments(records)
        given = json.dumps({"items": items, "records": plain, "context": context}, ensure_ascii=False)
        rejected = run_command(check.command, given.encode(), COMMAND_S)
        if isinstance(rejected, str):
            rejected = {item: [rejected] for item in records}
        return self._from_user(check, rejected)

    def _arguments(self, records: Mapping[ItemId, Sequence[Json]]) -> tuple[list[Json], dict[str, Json], Json]:
        """What user checks are called with: the items that came back, their records, the context."""
        items = [
            {"id": item.id, "data": dict(item.data), "records": list(item.records)}
            for item in self.spec.items
            if item.id in records
        ]
        plain = {str(item): list(group) for item, group in records.items()}
        return items, plain, {name: list(context) for name, context in self.spec.context.items()}

    def _from_user(self, check: CheckSpec, answer: Mapping[str, Sequence[str]]) -> Reasons:
        """A reason for an id that nobody asked about would otherwise be lost, and its item accepted."""
        known = {item.id for item in self.spec.items}
        for id_ in answer:
            if id_ not in known:
                raise CommandError(f"it gave reasons for {id_!r:.80}, which is no item of this group")
        return {ItemId(id_): [_said(check, reason) for reason in found] for id_, found in answer.items() if found}


def name_of(check: CheckSpec) -> str:
    """How messages call a check: `check checks.py:overlaps`."""
    match check.kind:
        case "schema":
            return "the schema"
        case "jq":
            return f"check jq {check.jq!r:.80}"
        case "python":
            file, function = check.python or (Path(), "")
            return f"check {file.name}:{function}"
        case "command":
            return f"check {' '.join(check.command or ())!r:.80}"


def _said(check: CheckSpec, reason: str) -> str:
    return f"{check.says}: {reason}" if check.says else reason


def _broken(check: CheckSpec, error: BoundedError | CommandError) -> Fault:
    evidence: dict[str, Any] = {"check": name_of(check), "kind": error.kind, "message": error.message}
    return Fault(BROKEN_CHECK, "config", f"{name_of(check)} is broken: {error.message}"[:1000], evidence=evidence)
