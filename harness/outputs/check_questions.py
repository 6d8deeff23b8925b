"""What the checks of a phase say of records: schema, jq, evidence, the user's Python, a command."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness.base.ids import ItemId
from harness.base.paths import read_path
from harness.base.reason import Reason, cut_text
from harness.core.evidence import Fetches
from harness.core.fault_kinds import FaultKind
from harness.core.id_forms import Ids
from harness.core.message_kinds import FindingKind
from harness.core.messages import message
from harness.core.types import Fault, Json
from harness.core.work import Work
from harness.evaluation.bounded import Bounded
from harness.evaluation.check_program import CommandError, run_command
from harness.job.job import CheckSpec
from harness.outputs.suspects import BrokenCheckError, Raised, Reasons

JQ_S: Final = 10.0
SCHEMA_S: Final = 10.0
PYTHON_S: Final = 60.0
COMMAND_S: Final = 120.0
_MOST_SAID: Final = 1000


@dataclass(frozen=True, slots=True)
class Questions:
    """Asks one check about the records of some work. BoundedError or CommandError where it raises."""

    work: Work
    bounded: Bounded
    variables: Mapping[str, Json]
    fetches: Callable[[], Fetches]
    """What the session has fetched; asked only where evidence is."""

    def ask(self, check: CheckSpec, records: Mapping[ItemId, Sequence[Json]], rejected: Reasons) -> Reasons:
        match check.kind:
            case "schema":
                return self._each(records, self._schema(check, _flat(records)))
            case "jq":
                doubtful = [item in rejected for item, group in records.items() for _ in group]
                return self._each(records, self._jq(check, _flat(records), doubtful))
            case "evidence":
                doubtful = [item in rejected for item, group in records.items() for _ in group]
                return self._each(records, self._evidence(check, _flat(records), doubtful))
            case "python":
                return self._python(check, records)
            case "command":
                return self.command(check, records)

    def _each(self, records: Mapping[ItemId, Sequence[Json]], found: Iterable[Sequence[Reason]]) -> Reasons:
        """What a check that looks at one record at a time has found, record by record, as reasons of items."""
        owners = [(item, record) for item, group in records.items() for record in group]
        reasons: Reasons = {}
        for (item, record), complaints in zip(owners, found, strict=True):
            if complaints:
                reasons.setdefault(item, []).extend(self._named(record, complaint) for complaint in complaints)
        return reasons

    def _named(self, record: Json, reason: Reason) -> Reason:
        """With the key of the record when an item may have several."""
        if self.work.output.key == self.work.output.item:
            return reason
        return reason.with_facts(record=read_path(record, self.work.output.key))

    def _schema(self, check: CheckSpec, records: list[Json]) -> list[list[Reason]]:
        complaints = self.bounded.schema(check.schema, records, SCHEMA_S)
        return [[_said(check, complaint) for complaint in found] for found in complaints]

    def _jq(self, check: CheckSpec, records: list[Json], doubtful: Sequence[bool]) -> list[list[Reason]]:
        """`doubtful` records were rejected by a jq check before: one that cannot even be asked there says nothing."""
        assert check.jq is not None
        reasons: list[list[Reason]] = []
        outcomes = self.bounded.jq_each(check.jq, records, self.variables, timeout_s=JQ_S)
        if self.work.output.shape == "files":
            self._must_ask_about_text(check, records, [outcome.error for outcome in outcomes])
        for outcome, is_doubtful in zip(outcomes, doubtful, strict=True):
            if outcome.error is not None:
                reasons.append(
                    []
                    if is_doubtful
                    else [_said(check, Reason("jq_error", {"program": check.jq, "error": outcome.error}))]
                )
            elif outcome.results and all(result is True for result in outcome.results):
                reasons.append([])
            else:
                _must_be_a_word(outcome.results)
                reasons.append([_said(check, Reason("jq_false", {"program": check.jq}))])
        return reasons

    def _evidence(self, check: CheckSpec, records: list[Json], doubtful: Sequence[bool]) -> list[list[Reason]]:
        """`doubtful` records were rejected before: one that names no source, or none that can be read, is left be."""
        fetches, place = self.fetches(), check.jq or ""
        outcomes = self.bounded.jq_each(place, records, self.variables, timeout_s=JQ_S)
        reasons: list[list[Reason]] = []
        for outcome, is_doubtful in zip(outcomes, doubtful, strict=True):
            named = dict.fromkeys(url for url in outcome.results if isinstance(url, str))
            found = [reason for url in named if (reason := fetches.why_not(url)) is not None]
            is_named = outcome.error is None and outcome.results and len(named) == len(set(map(str, outcome.results)))
            if not is_named and not is_doubtful:
                found.append(Reason("source_missing", {"place": place}))
            reasons.append(found)
        return reasons

    def _must_ask_about_text(self, check: CheckSpec, records: list[Json], errors: Sequence[str | None]) -> None:
        """The record of a file is ours but for its text: what raises whatever the text is, no session can mend."""
        record, error = next(
            ((record, error) for record, error in zip(records, errors, strict=True) if error), ({}, "")
        )
        blanks: list[Json] = [{**record, "text": text} for text in ("x", None)]
        others = self.bounded.jq_each(check.jq or "", blanks, self.variables, timeout_s=JQ_S) if error else ()
        if error and "null" in error and all(outcome.error == error for outcome in others):
            said = f"{error}; the check reads {{{', '.join(record)}}} of each file, whatever the text"
            raise BrokenCheckError(broken(check, CommandError(said)))

    def _python(self, check: CheckSpec, records: Mapping[ItemId, Sequence[Json]]) -> Reasons:
        assert check.python is not None
        file, function = check.python
        items, plain, context = self._arguments(records)
        bounded = self.bounded.within(check.allow)
        return self._from_user(check, bounded.python(file, function, items, plain, context, PYTHON_S))

    def command(self, check: CheckSpec, records: Mapping[ItemId, Sequence[Json]]) -> Reasons:
        assert check.command is not None
        items, plain, context = self._arguments(records)
        given = json.dumps({"items": items, "records": plain, "context": context}, ensure_ascii=False)
        rejected = run_command(check.command, given.encode(), COMMAND_S, self.bounded, check.allow)
        if isinstance(rejected, Reason):
            rejected = {item: [rejected] for item in records}
        return self._from_user(check, rejected)

    def _arguments(self, records: Mapping[ItemId, Sequence[Json]]) -> tuple[list[Json], dict[str, Json], Json]:
        """What user checks are called with: the items that came back, their records, the context."""
        items = [
            {"id": item.id, "data": dict(item.data), "records": list(item.records)}
            for item in self.work.items
            if item.id in records
        ]
        plain = {str(item): list(group) for item, group in records.items()}
        return items, plain, {name: list(context) for name, context in self.work.context.items()}

    def _from_user(self, check: CheckSpec, answer: Mapping[str, Sequence[Reason]]) -> Reasons:
        """A reason for an id that nobody asked about would otherwise be lost, and its item accepted."""
        known = Ids(item.id for item in self.work.items)
        reasons: Reasons = {}
        for id_, found in answer.items():
            item = known.meant(id_)
            if item is None:
                raise CommandError(f"it gave reasons for {id_!r:.80}, which is not an item of this group")
            if found:
                reasons[item] = [*reasons.get(item, ()), *(_said(check, reason) for reason in found)]
        return reasons


def _must_be_a_word(results: Sequence[Json]) -> None:
    """A check that yields a number or a text rejects every record, whatever is in it: its author forgot to compare."""
    for result in results:
        if not isinstance(result, bool | None):
            shown = json.dumps(result, ensure_ascii=False)
            raise CommandError(f"it returned {shown:.60}, expected true or false")


def _flat(records: Mapping[ItemId, Sequence[Json]]) -> list[Json]:
    return [record for group in records.values() for record in group]


def name_of(check: CheckSpec) -> str:
    """How messages call a check: `check checks.py:overlaps`."""
    match check.kind:
        case "schema":
            return "the schema"
        case "jq":
            return f"check jq {check.jq!r:.80}"
        case "evidence":
            return f"evidence {check.jq!r:.80}"
        case "python":
            file, function = check.python or (Path(), "")
            return f"check {file.name}:{function}"
        case "command":
            return f"check {' '.join(check.command or ())!r:.80}"


def _said(check: CheckSpec, reason: Reason) -> Reason:
    return reason.with_facts(says=check.says) if check.says else reason


def broken(check: CheckSpec, error: Raised, *, is_sandboxed: bool = False) -> Fault:
    return fault_of(FaultKind.BROKEN_CHECK, "check_broken", check, error, is_sandboxed=is_sandboxed)


def fault_of(fault: FaultKind, kind: FindingKind, check: CheckSpec, error: Raised, *, is_sandboxed: bool) -> Fault:
    name, said = name_of(check), cut_text(error.message, _MOST_SAID)
    why = message(kind, check=name, error=said, denied=error.denied, is_sandboxed=is_sandboxed)
    return Fault(fault, "config", (why,), evidence=_evidence_of(check, error))


def _evidence_of(check: CheckSpec, error: Raised) -> dict[str, Any]:
    told = {"check": name_of(check), "kind": error.kind, "message": error.message}
    return told if error.denied is None else {**told, "barred": error.denied}
