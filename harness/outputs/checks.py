"""Runs the checks of a phase over the records that came back: schema, jq, the user's Python, a command; in order."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import NoReturn

from harness.base.ids import ItemId
from harness.core.evidence import Fetches
from harness.core.fault_kinds import FaultKind
from harness.core.message_kinds import FindingKind
from harness.core.settle import MOST_CHECKS_RAISED
from harness.core.types import Fault, Item, Json
from harness.core.work import Work
from harness.evaluation.bounded import Bounded
from harness.evaluation.check_program import CommandError
from harness.evaluation.persistent_child import BoundedError
from harness.job.job import CheckSpec
from harness.outputs.check_questions import PYTHON_S, Questions, broken, fault_of
from harness.outputs.suspects import (
    BrokenCheckError,
    ItemRecords,
    KnownGood,
    Raised,
    RaisedCheckError,
    Reasons,
    suspects,
)


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

    @property
    def _questions(self) -> Questions:
        return Questions(self.work, self.bounded, self.variables, self.fetches)

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
            return self._questions.ask(check, records, rejected)

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
                    self._questions.command(check, {})
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
        asked = replace(self._questions, work=replace(self.work, items=(known.item,)))
        try:
            asked.ask(check, {known.item.id: known.records}, {})
        except (BoundedError, CommandError) as again:
            self._is_broken(place, check, again)

    def _is_broken(self, place: tuple[int, int], check: CheckSpec, error: Raised) -> NoReturn:
        fault = broken(check, error, is_sandboxed=self._is_sandboxed(check))
        if error.kind == "timeout":  # any other breakdown costs no time
            self.breakdowns.broke(place, fault)
        raise BrokenCheckError(fault)

    def _raised(self, check: CheckSpec, kind: FindingKind, error: Raised) -> Fault:
        return fault_of(FaultKind.CHECK_RAISED, kind, check, error, is_sandboxed=self._is_sandboxed(check))

    def _is_sandboxed(self, check: CheckSpec) -> bool:
        """The sandbox may have had a part in what went wrong."""
        return check.kind == "command" and self.bounded.sandboxes is not None and "everything" not in check.allow

    def _item(self, id_: ItemId) -> Item:
        return next(item for item in self.work.items if item.id == id_)

    def _checks(self) -> list[CheckSpec]:
        output = self.work.output
        first = [CheckSpec("schema", None, schema=output.schema)] if output.schema is not None else []
        return [*first, *output.checks, *(CheckSpec("evidence", None, jq=program) for program in output.evidence)]
