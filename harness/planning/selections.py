"""Selections: of a source before its job is planned, and of what a phase made as soon as all of it is there."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field

from harness.base.errors import Problem, UsageError
from harness.base.nouns import plural
from harness.base.texts import shown
from harness.core.events import Event, ItemSkipped, SelectionMade
from harness.core.messages import Message, message
from harness.core.types import Item
from harness.evaluation.bounded import Bounded
from harness.job.job import Job, SelectSpec
from harness.ledger import item_queries
from harness.ledger.flow import follow_selection
from harness.ledger.job_queries import planned
from harness.ledger.phase_queries import has_selecting_phase
from harness.ledger.selection_queries import candidates, due
from harness.ledger.store import Ledger
from harness.planning.select import LeftOut, NoCategoriesError, Selection, SelectionError, TooFewCategoriesError, select
from harness.sources.earlier import earlier_names
from harness.sources.read import SourceReading, read
from harness.sources.rows import SourceError


def read_items(job: Job) -> SourceReading:
    """The items of the job. UsageError with every problem."""
    with closing(Bounded()) as bounded:
        return read(job, bounded)


def to_be_worked_on(job: Job, items: Sequence[Item]) -> Selection:
    """What the source's selection is, or would be today. UsageError when it cannot be made."""
    if job.items.select is not None:
        with planned(job.home.ledger) as db:
            if db is not None:
                known = set(item_queries.selected_items(db))
                return Selection(tuple(item for item in items if str(item.id) in known))
    return selected(job, items)


def selected(job: Job, items: Sequence[Item], taken: Sequence[Item] = ()) -> Selection:
    """Which items of the source are worked on; `taken` were selected before. UsageError when it cannot be made."""
    spec = job.items.select
    if spec is None:
        return Selection(tuple(items))
    try:
        selection = select(items, spec, _earlier(job, spec), taken)
    except SelectionError as error:
        raise UsageError(
            [Problem(shown(job.manifest), f"items.select: {error}", _hint(error, spec, job.noun))]
        ) from None
    if not (selection.chosen or taken):
        message = f"items.select: nothing is left: all {len(items):,} are in earlier outputs ({spec.not_in})"
        raise UsageError([Problem(shown(job.manifest), message, "bring new ones, or take not_in out")])
    return selection


def _hint(error: SelectionError, spec: SelectSpec, noun: str) -> str:
    if isinstance(error, NoCategoriesError):
        return "name the field that contains the category"
    if isinstance(error, TooFewCategoriesError):
        words = " add words to category," if spec.category is not None and spec.category.words is not None else ""
        return f"bring {plural(noun)} of other categories,{words} or lower min_categories"
    return "name the field with the score"


def _earlier(job: Job, spec: SelectSpec) -> dict[str, str]:
    try:
        return earlier_names(job, spec)
    except SourceError as error:
        raise UsageError(list(error.problems)) from None


def skipped(phase: int, left_out: Sequence[LeftOut]) -> list[Event]:
    """The events of items that were left out, and that were added before."""
    return [ItemSkipped(phase, each.item.id, each.why, dict(each.facts)) for each in left_out]


def made(phase: int, selection: Selection) -> SelectionMade:
    """The event that tells of a selection as a whole."""
    counts = {name or "": number for name, number in selection.counts().items()}
    return SelectionMade(phase, len(selection.chosen), len(selection.chosen) + len(selection.left_out), counts)


@dataclass(slots=True)
class Selections:
    """The selections of one run. `problem`: why one that is due cannot be made; the job stops for it in the end."""

    job: Job
    ledger: Ledger
    problem: Message | None = None
    _earlier: dict[int, dict[str, str]] = field(default_factory=dict)

    def prepare(self) -> None:
        """Read the earlier outputs, once a run. UsageError for one that cannot be read."""
        job = self.job
        self._earlier = {phase.number: _earlier(job, phase.select) for phase in job.phases if phase.select}

    def make(self) -> None:
        """Make every selection that is due, each in one transaction with the batches that follow."""
        if not self._earlier and not self._is_planned_to_select():
            return
        self.problem, stuck = None, set[int]()
        while ready := [phase for phase in due(self.ledger.db) if phase not in stuck]:
            if not self._make(ready[0]):
                stuck.add(ready[0])

    def _is_planned_to_select(self) -> bool:
        return has_selecting_phase(self.ledger.db)

    def _make(self, number: int) -> bool:
        phase, ledger = self.job.phase(number), self.ledger
        waiting, taken = candidates(ledger.db, number)
        try:
            selection = (
                Selection(tuple(waiting))
                if phase.select is None
                else select(waiting, phase.select, self._earlier.get(number), taken)
            )
        except SelectionError as error:
            self.problem = message("nothing_selected", phase=phase.name, detail=str(error))
            return False
        with ledger.transaction() as transaction:
            if waiting:
                transaction.record([*skipped(number, selection.left_out), made(number, selection)])
            follow_selection(transaction, number)
        return True
