"""Runs the checks of a phase over the records that came back: schema, jq, the user's Python, a command; in order."""

import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
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


class Breakdowns:
    """The checks that ran out of time in this run: judgements that wait for one do not run it again."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._known: dict[tuple[int, int], Fault] = {}

    @contextmanager
    def turn(self, phase: int, number: int, check: CheckSpec) -> Iterator[None]:
        """To run a check in, the phase's `number`-th. BrokenCheckError when it is known to be broken, or breaks now."""
        if check.kind == "command":  # these run beside each other
            with self._noted(phase, number, check):
                yield
        else:
            with self._turn, self._noted(phase, number, check):
                yield

    @contextmanager
    def _noted(self, phase: int, number: int, check: CheckSpec) -> Iterator[None]:
        if known := self._known.get((phase, number)):
            raise BrokenCheckError(known)
        try:
            yield
        except (BoundedError, CommandError) as error:
            fault = _broken(check, error)
            if error.kind == "timeout":  # any other breakdown costs no time, and may be of one group only
                self._known[phase, number] = fault
            raise BrokenCheckError(fault) from None


@dataclass(frozen=True, slots=True)
class Checker:
    """The checks of one attempt. `run` blocks; call it in a thread."""

    spec: AttemptSpec
    bounded: Bounded
    variables: Mapping[str, Json]
    breakdowns: Breakdowns = field(default_factory=Breakdowns)
    """The same for all attempts of a run."""

    def run(self, records: Mapping[ItemId, Sequence[Json]]) -> Reasons:
        """Why items are rejected. An item that one check rejects is not shown to the next, which may rely on it.

        jq checks that stand beside each other are asked all, so that the next try hears of everything at once.

        Raises BrokenCheckError when a check does not work, HaltedError when nobody waits any more.
        """
        rejected: Reasons = {}
        for kind, several in groupby(enumerate(self._checks()), key=lambda numbered: numbered[1].kind):
            clean = {item: group for item, group in records.items() if item not in rejected}
            for number, check in several:
                shown = {item: group for item, group in clean.items() if kind == "jq" or item not in rejected}
                if not shown:
                    return rejected
                with self.breakdowns.turn(self.spec.batch.phase, number, check):
                    for item, reasons in self._one(check, shown, rejected).items():
                        rejected[item] = [*rejected.get(item, ()), *reasons]
        return rejected

    def _checks(self) -> list[CheckSpec]:
        output = self.spec.output
        first = [CheckSpec("schema", None, schema=output.schema)] if output.schema is not None else []
        return [*first, *output.checks]

    def _one(self, check: CheckSpec, records: Mapping[ItemId, Sequence[Json]], rejected: Reasons) -> Reasons:
        match check.kind:
            case "schema":
                return self._each(records, self._schema(check, _flat(records)))
            case "jq":
                doubtful = [item in rejected for item, group in records.items() for _ in group]
                return self._each(records, self._jq(check, _flat(records), doubtful))
            case "python":
                return self._python(check, records)
            case "command":
                return self._command(check, records)

    def _each(self, records: Mapping[ItemId, Sequence[Json]], found: Iterable[Sequence[str]]) -> Reasons:
        """What a check that looks at one record at a time has found, record by record, as reasons of items."""
        owners = [(item, record) for item, group in records.items() for record in group]
        reasons: Reasons = {}
        for (item, record), complaints in zip(owners, found, strict=True):
            if complaints:
                reasons.setdefault(item, []).extend(self._named(record, complaint) for complaint in complaints)
        return reasons

    def _named(self, record: Json, reason: str) -> str:
        """With the key of the record when an item may have several."""
        if self.spec.output.key == self.spec.output.item:
            return reason
        return f"record {read_path(record, self.spec.output.key)!r}: {reason}"

    def _schema(self, check: CheckSpec, records: list[Json]) -> list[list[str]]:
        complaints = self.bounded.schema(check.schema, records, SCHEMA_S)
        return [[_said(check, complaint) for complaint in found] for found in complaints]

    def _jq(self, check: CheckSpec, records: list[Json], doubtful: Sequence[bool]) -> list[list[str]]:
        """`doubtful` records were rejected by a jq check before: one that cannot even be asked there says nothing."""
        assert check.jq is not None
        reasons: list[list[str]] = []
        outcomes = self.bounded.jq_each(check.jq, records, self.variables, timeout_s=JQ_S)
        if self.spec.output.shape == "files":
            self._must_ask_about_text(check.jq, records, [outcome.error for outcome in outcomes])
        for outcome, is_doubtful in zip(outcomes, doubtful, strict=True):
            if outcome.error is not None:
                reasons.append([] if is_doubtful else [f"{check.says or check.jq} (jq: {outcome.error})"])
            elif outcome.results and all(result is True for result in outcome.results):
                reasons.append([])
            else:
                _must_be_a_word(outcome.results)
                reasons.append([check.says or f"must be true: {check.jq}"])
        return reasons

    def _must_ask_about_text(self, program: str, records: list[Json], errors: Sequence[str | None]) -> None:
        """The record of a file is ours but for its text: what raises whatever the text is, no session can mend."""
        record, error = next(
            ((record, error) for record, error in zip(records, errors, strict=True) if error), ({}, "")
        )
        blanks: list[Json] = [{**record, "text": text} for text in ("x", None)]
        others = self.bounded.jq_each(program, blanks, self.variables, timeout_s=JQ_S) if error else ()
        if error and "null" in error and all(outcome.error == error for outcome in others):
            raise CommandError(f"{error}; it looks at {{{', '.join(record)}}} of each file, whatever the text")

    def _python(self, check: CheckSpec, records: Mapping[ItemId, Sequence[Json]]) -> Reasons:
        assert check.python is not None
        file, function = check.python
        items, plain, context = self._arguments(records)
        return self._from_user(check, self.bounded.python(file, function, items, plain, context, PYTHON_S))

    def _command(self, check: CheckSpec, records: Mapping[ItemId, Sequence[Json]]) -> Reasons:
        assert check.command is not None
        items, plain, context = self._arguments(records)
        given = json.dumps({"items": items, "records": plain, "context": context}, ensure_ascii=False)
        rejected = run_command(check.command, given.encode(), COMMAND_S, self.bounded)
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


def _must_be_a_word(results: Sequence[Json]) -> None:
    """A check that yields a number or a text rejects every record, whatever is in it: its author forgot to compare."""
    for result in results:
        if not isinstance(result, bool | None):
            shown = json.dumps(result, ensure_ascii=False)
            raise CommandError(f"it yields {shown:.60}, expected true or false")


def _flat(records: Mapping[ItemId, Sequence[Json]]) -> list[Json]:
    return [record for group in records.values() for record in group]


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
