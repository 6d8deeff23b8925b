"""Runs the checks of a phase over the records that came back: schema, jq, the user's Python, a command; in order."""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NoReturn

from harness.base.ids import ItemId
from harness.base.paths import read_path
from harness.base.reason import Reason, cut_text
from harness.core.evidence import Fetches
from harness.core.fault_kinds import FaultKind
from harness.core.id_forms import Ids
from harness.core.message_kinds import FindingKind
from harness.core.messages import message
from harness.core.settle import MOST_CHECKS_RAISED
from harness.core.types import Fault, Item, Json
from harness.core.work import Work
from harness.evaluation.bounded import Bounded, BoundedError
from harness.evaluation.check_program import CommandError, run_command
from harness.job.job import CheckSpec
from harness.outputs.suspects import (
    BrokenCheckError,
    ItemRecords,
    KnownGood,
    Raised,
    RaisedCheckError,
    Reasons,
    suspects,
)

JQ_S: Final = 10.0
SCHEMA_S: Final = 10.0
PYTHON_S: Final = 60.0
COMMAND_S: Final = 120.0
_MOST_SAID: Final = 1000


def _nothing_known() -> KnownGood | None:
    return None


class Breakdowns:
    """What this run knows of its checks: the broken ones, which are not run again, and records that each let pass."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._broken: dict[tuple[int, int], Fault] = {}
        self._slow: Counter[tuple[int, int]] = Counter()
        self._passed: dict[tuple[int, int], KnownGood] = {}
        self.big = asyncio.Lock()
        """Who holds it judges a big file."""

    @contextmanager
    def turn(self, place: tuple[int, int], check: CheckSpec) -> Iterator[None]:
        """To run a check in: phase and number of it. BrokenCheckError when it is known to be broken.

        One at a time, so that nobody waits long for what is broken; commands run beside each other.
        """
        with nullcontext() if check.kind == "command" else self._turn:
            if place in self._broken:
                raise BrokenCheckError(self._broken[place])
            yield

    def passed(self, place: tuple[int, int], known: KnownGood) -> None:
        """The check let these records pass."""
        self._passed[place] = known
        self._slow.pop(place, None)

    def known(self, place: tuple[int, int]) -> KnownGood | None:
        """Records that the check let pass in this run."""
        return self._passed.get(place)

    def broke(self, place: tuple[int, int], fault: Fault) -> None:
        """The check is broken; whoever waits for it is told so at once."""
        self._broken[place] = fault

    def was_slow(self, place: tuple[int, int]) -> bool:
        """It ran out of time, and nothing shows that it works: True when that is enough."""
        self._slow[place] += 1
        return self._slow[place] >= MOST_CHECKS_RAISED


@dataclass(frozen=True, slots=True)
class Checker:
    """The checks of some work. `run` blocks; call it in a thread."""

    work: Work
    bounded: Bounded
    variables: Mapping[str, Json]
    breakdowns: Breakdowns = field(default_factory=Breakdowns)
    """The same for all attempts of a run."""
    accepted: Callable[[], KnownGood | None] = _nothing_known
    """An item of this phase that was accepted before; asked only when a check raises."""
    fetches: Callable[[], Fetches] = Fetches
    """What the session has fetched; asked only where evidence is."""

    def run(self, records: Mapping[ItemId, Sequence[Json]]) -> Reasons:
        """Why items are rejected. An item that one check rejects is not shown to the next, which may rely on it.

        jq checks that stand beside each other are asked all, and evidence is of every record, so that the next try
        hears of everything at once.

        Raises BrokenCheckError when a check does not work, HaltedError when nobody waits any more.
        """
        rejected: Reasons = {}
        for kind, several in groupby(enumerate(self._checks()), key=lambda numbered: numbered[1].kind):
            clean = {item: group for item, group in records.items() if item not in rejected}
            for number, check in several:
                shown = {item: group for item, group in clean.items() if kind == "jq" or item not in rejected}
                shown = dict(records) if kind == "evidence" else shown
                if not shown:
                    return rejected
                place = (self.work.batch.phase, number)
                with self.breakdowns.turn(place, check):
                    found = self._answer(place, check, shown, rejected)
                for item, reasons in found.items():
                    rejected[item] = [*rejected.get(item, ()), *reasons]
        return rejected

    def _answer(self, place: tuple[int, int], check: CheckSpec, shown: ItemRecords, rejected: Reasons) -> Reasons:
        """Why items are rejected; where the check raises, at which of them it does (outputs/suspects.py)."""

        def ask(records: ItemRecords) -> Reasons:
            return self._one(check, records, rejected)

        try:
            found = ask(shown)
            passed = [item for item in shown if item not in found and item not in rejected]
        except (BoundedError, CommandError) as error:
            self._must_load(place, check)
            suspected = suspects(shown, ask, error, sees_all=check.kind in ("python", "command"))
            self._must_not_be_denied(check, suspected.raised.values(), rejected | suspected.reasons)
            found, passed = suspected.answer(), suspected.passed
            if not passed:
                self._must_work(place, check, error, rejected | found)
        for item in passed[:1]:
            self.breakdowns.passed(place, KnownGood(self._item(item), shown[item]))
        return found

    def _must_load(self, place: tuple[int, int], check: CheckSpec) -> None:
        """BrokenCheckError when it does not even work without a record: no record is to blame."""
        try:
            match check.kind:
                case "schema":
                    self.bounded.check_schema(check.schema)
                case "jq" | "evidence":
                    self.bounded.check_jq(check.jq or "", tuple(self.variables))
                case "python":
                    file, function = check.python or (Path(), "")
                    self.bounded.within(check.allow).check_python(file, function, PYTHON_S)
                case "command":
                    self._command(check, {})
        except (BoundedError, CommandError) as error:
            if check.kind == "command" and error.kind != "not_run":
                return  # it may well raise when there is nothing to look at
            self._is_broken(place, check, error)

    def _must_not_be_denied(self, check: CheckSpec, raised: Iterable[Raised], reasons: Reasons) -> None:
        """RaisedCheckError when the sandbox kept the check from something at a record, whatever it says of others:
        that is no record's doing."""
        for error in raised:
            if error.denied is not None:
                raise RaisedCheckError(self._raised(check, "check_barred", error), reasons)

    def _must_work(self, place: tuple[int, int], check: CheckSpec, error: Raised, reasons: Reasons) -> None:
        """BrokenCheckError when it raises at a record known to be good too, RaisedCheckError when none is known.

        One that this run has seen it let pass, else one that was accepted before.
        """
        known = self.breakdowns.known(place) or self.accepted()
        if known is None:
            slow = error.kind == "timeout" and self.breakdowns.was_slow(place)
            if slow:
                self._is_broken(place, check, error)
            raise RaisedCheckError(self._raised(check, "check_raised", error), reasons)
        asked = replace(self, work=replace(self.work, items=(known.item,)))
        try:
            asked._one(check, {known.item.id: known.records}, {})
        except (BoundedError, CommandError) as again:
            self._is_broken(place, check, again)

    def _is_broken(self, place: tuple[int, int], check: CheckSpec, error: Raised) -> NoReturn:
        fault = _broken(check, error, is_sandboxed=self._is_boxed(check))
        if error.kind == "timeout":  # any other breakdown costs no time
            self.breakdowns.broke(place, fault)
        raise BrokenCheckError(fault)

    def _raised(self, check: CheckSpec, kind: FindingKind, error: Raised) -> Fault:
        return _fault(FaultKind.CHECK_RAISED, kind, check, error, is_sandboxed=self._is_boxed(check))

    def _is_boxed(self, check: CheckSpec) -> bool:
        """The sandbox may have had a part in what went wrong."""
        return check.kind == "command" and self.bounded.sandboxes is not None and "everything" not in check.allow

    def _item(self, id_: ItemId) -> Item:
        return next(item for item in self.work.items if item.id == id_)

    def _checks(self) -> list[CheckSpec]:
        output = self.work.output
        first = [CheckSpec("schema", None, schema=output.schema)] if output.schema is not None else []
        return [*first, *output.checks, *(CheckSpec("evidence", None, jq=program) for program in output.evidence)]

    def _one(self, check: CheckSpec, records: Mapping[ItemId, Sequence[Json]], rejected: Reasons) -> Reasons:
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
                return self._command(check, records)

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
            raise BrokenCheckError(_broken(check, CommandError(said)))

    def _python(self, check: CheckSpec, records: Mapping[ItemId, Sequence[Json]]) -> Reasons:
        assert check.python is not None
        file, function = check.python
        items, plain, context = self._arguments(records)
        bounded = self.bounded.within(check.allow)
        return self._from_user(check, bounded.python(file, function, items, plain, context, PYTHON_S))

    def _command(self, check: CheckSpec, records: Mapping[ItemId, Sequence[Json]]) -> Reasons:
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


def _broken(check: CheckSpec, error: Raised, *, is_sandboxed: bool = False) -> Fault:
    return _fault(FaultKind.BROKEN_CHECK, "check_broken", check, error, is_sandboxed=is_sandboxed)


def _fault(fault: FaultKind, kind: FindingKind, check: CheckSpec, error: Raised, *, is_sandboxed: bool) -> Fault:
    name, said = name_of(check), cut_text(error.message, _MOST_SAID)
    why = message(kind, check=name, error=said, denied=error.denied, is_sandboxed=is_sandboxed)
    return Fault(fault, "config", (why,), evidence=_told(check, error))


def _told(check: CheckSpec, error: Raised) -> dict[str, Any]:
    told = {"check": name_of(check), "kind": error.kind, "message": error.message}
    return told if error.denied is None else {**told, "barred": error.denied}
