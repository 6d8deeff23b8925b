"""What must hold before anything of a job starts: `check` finds every problem, in one order, for all who ask.

Asked by `check`, `plan`, `launch`, `rehearse`, `launch --dry-run`, a reset, and once more under the job's lock.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from harness.base.commands import LAUNCH, NextCommand
from harness.base.errors import Problem, UsageError
from harness.base.ids import ItemId
from harness.base.spelling import nearest
from harness.base.texts import shown
from harness.core.item_ids import folded
from harness.core.money import in_words, to_micro
from harness.core.names import same_file
from harness.core.prices import known_names, price_of
from harness.core.reserve import reservation
from harness.core.types import Item
from harness.core.work import Work
from harness.evaluation.bounded import Bounded
from harness.job.job import Job
from harness.job.load import ManifestError
from harness.ledger import item_queries
from harness.ledger.job_queries import planned
from harness.ledger.loss import refuse_lost
from harness.ledger.selection_queries import candidates
from harness.outputs.possible import impossible
from harness.planning.batches import batches_of
from harness.planning.changes import Changes, Edited, changes_since, refusal
from harness.planning.choice import Choice, batches_known, refuse_unknown
from harness.planning.earlier_outputs import not_in
from harness.planning.later_phases import problems_ahead
from harness.planning.output_targets import refuse_foreign_targets
from harness.planning.renamed import refuse_renamed
from harness.planning.select import Selection
from harness.planning.selections import read_items, selected
from harness.planning.workbook_layout import refuse_bad_write_backs, refuse_foreign_copies
from harness.prompts import render
from harness.sources.read import SourceReading, joined_rows

EVERYTHING = Choice()


@dataclass(frozen=True, slots=True)
class Again:
    """What a person said about a job that was planned before. `changed`: edited items are made again with their rows of
    today. `launch` is the command that was given, without these switches."""

    keep: bool = False
    add: bool = False
    changed: bool = False
    launch: NextCommand = LAUNCH

    def accepts(self, changes: Changes) -> bool:
        """It says of each kind of change what is to be done."""
        return (
            (self.keep or not changes.others)
            and (self.keep or self.changed or not changes.edited)
            and (self.keep or self.add or not changes.added)
        )


NOTHING_SAID = Again()


@dataclass(frozen=True, slots=True)
class KnownJob:
    """A job that was planned before: its ledger, what has changed since, and what a person said to that."""

    db: sqlite3.Connection
    changes: Changes = field(default_factory=Changes)
    again: Again = field(default_factory=Again)

    def unplanned(self, items: Sequence[Item]) -> tuple[Item, ...]:
        """Those of the source that are not planned, whether a person has said so or not."""
        new = {item.id for item in (*self.changes.added, *self.changes.left_out)}
        return tuple(item for item in items if item.id in new)

    def extension(self, job: Job, items: Sequence[Item]) -> Selection:
        """What is planned behind the others now. UsageError when it cannot be selected."""
        new = self.unplanned(items) if self.again.add else ()
        return selected(job, new, candidates(self.db, 1)[1]) if new else Selection(())

    def edited(self) -> tuple[Edited, ...]:
        """Items that take their rows of today."""
        as_planned = self.changes.as_planned if self.again.changed else ()
        return (*self.changes.edited, *as_planned)


@dataclass(frozen=True, slots=True)
class Look:
    """How a job is looked at. `known`: None for a job that is new, or `starts_over`."""

    now: datetime
    bounded: Bounded
    known: KnownJob | None = None
    in_full: bool = False
    """Also what takes long: the prompts of all items and of later phases, and the sources that phases join."""
    starts_over: bool = False
    """What it has written before is moved away first."""
    sandbox: Callable[[], object] = lambda: None
    """Raises UsageError for tools that this machine cannot hold."""


def check(job: Job, items: Sequence[Item] | None, choice: Choice, look: Look) -> list[Problem]:
    """Every problem that keeps the job from starting, each once. `items`: those of the source; None where they are as
    they were planned, and not read, or where they cannot be read."""
    problems: list[Problem] = []
    for asked in (
        _of_the_manifest(job, look),
        _of_the_choice(job, items, choice, look),
        _of_the_outputs(job, items, look),
        _of_the_prompts(job, items, look),
    ):
        problems += [problem for each in asked for problem in problems_of(each)]
    if look.in_full and items is not None:
        at = {problem.where for problem in problems}  # phases may share a template
        ahead = problems_ahead(job, _chosen(job, items, look)).problems
        problems += [problem for problem in ahead if problem.where not in at]
    return list(dict.fromkeys(problems))


def check_before(job: Job, items: Sequence[Item], choice: Choice, again: Again, look: Look) -> list[Problem]:
    """The same for a job that is not running, with what its ledger says, if it has one. A rehearsal that has changed
    starts over. LedgerDamagedError for a lost ledger."""
    refuse_lost(job.state)
    with planned(job.home.ledger) as db:
        known = KnownJob(db, changes_since(job, db, items), again) if db is not None else None
        if job.rehearsal and known is not None and known.changes.listed():
            look, known = replace(look, starts_over=True), None
        return [*problems_of(partial(refuse_renamed, job)), *check(job, items, choice, replace(look, known=known))]


def refuse(problems: Sequence[Problem]) -> None:
    """UsageError with all of them, if there are any."""
    if problems:
        raise UsageError(problems)


def problems_of(look: Callable[[], object]) -> list[Problem]:
    """What it raises as UsageError."""
    try:
        look()
    except UsageError as error:
        return list(error.problems)
    return []


def loaded(load: Callable[[], Job]) -> Job:
    """The job. ManifestError with what is wrong with the manifest, the files that it names and the items: one does not
    hide the other."""
    try:
        return load()
    except ManifestError as error:
        of_items = problems_of(partial(read_items, error.job)) if error.job is not None else []
        raise ManifestError([*error.problems, *of_items], error.job) from None


def reading(job: Job, look: Look) -> SourceReading:
    """The items. UsageError with what is wrong with them, and with what can be said without them."""
    try:
        return read_items(job)
    except UsageError as error:
        raise UsageError(list(dict.fromkeys([*error.problems, *check(job, None, EVERYTHING, look)]))) from None


Looks = Iterator[Callable[[], object]]


def _of_the_manifest(job: Job, look: Look) -> Looks:
    yield partial(_refuse_unpriced_fallbacks, job)
    yield partial(_refuse_small_budget, job)
    if look.known is None:
        yield partial(_refuse_past_deadline, job, look.now)
    yield look.sandbox


def _of_the_choice(job: Job, items: Sequence[Item] | None, choice: Choice, look: Look) -> Looks:
    """What has changed since the job was planned, and what the words of the command line name."""
    known = look.known
    if known is not None:
        ids = item_queries.selected_items(known.db)
        if items is None:
            source = item_queries.first_phase_items(known.db)
            yield partial(refuse_unknown, job, ids, choice, batches_known(job, (), known.db), source)
            return
        if not known.again.accepts(known.changes):
            yield partial(_raise, [refusal(job, known.changes, known.again.launch)])
            return
        yield partial(_refuse_bad_extension, job, items, choice, known)
    elif items is not None:
        yield partial(_refuse_bad_choice, job, items, choice)


def _of_the_outputs(job: Job, items: Sequence[Item] | None, look: Look) -> Looks:
    if look.known is None and not look.starts_over:
        yield partial(refuse_foreign_targets, job)
        yield partial(refuse_foreign_copies, job)
    yield partial(refuse_bad_write_backs, job, [item.id for item in items or ()])
    if items is not None and (look.known is None or look.in_full):
        yield partial(_refuse_impossible, job, _chosen(job, items, look), look.bounded)
    if look.in_full:
        yield partial(joined_rows, job, look.bounded)
        yield partial(not_in, job)


def _of_the_prompts(job: Job, items: Sequence[Item] | None, look: Look) -> Looks:
    if items is None:
        return
    if look.known is None or look.in_full:
        yield partial(refuse_bad_prompts, job, _chosen(job, items, look))
    else:
        edited = {each.row.item for each in look.known.edited()}
        yield partial(refuse_bad_prompts, job, [item for item in items if str(item.id) in edited])
        if look.known.again.add:
            yield partial(refuse_bad_prompts, job, look.known.unplanned(items))


def _chosen(job: Job, items: Sequence[Item], look: Look) -> Sequence[Item]:
    """What would be selected; none where that cannot be said, which is a problem of its own."""
    if look.known is not None and job.items.select is not None:
        known = set(item_queries.selected_items(look.known.db))
        return [item for item in items if str(item.id) in known]
    try:
        return selected(job, items).chosen
    except UsageError:
        return ()


def _raise(problems: Sequence[Problem]) -> None:
    raise UsageError(problems)


def _refuse_bad_choice(job: Job, items: Sequence[Item], choice: Choice) -> None:
    selection = selected(job, items)
    batches = batches_known(job, selection.chosen)
    refuse_unknown(job, selection.ids(), choice, batches, [str(item.id) for item in items])


def _refuse_bad_extension(job: Job, items: Sequence[Item], choice: Choice, known: KnownJob) -> None:
    """Words that name nothing, and new items whose ids or files are too like those of old ones."""
    extension = known.extension(job, items)
    before = item_queries.selected_items(known.db)
    batches = batches_known(job, extension.chosen, known.db)
    ids = [*before, *extension.ids()]
    looks: list[Callable[[], object]] = [
        partial(refuse_unknown, job, ids, choice, batches, [str(item.id) for item in items])
    ]
    if extension.chosen or known.changes.others:
        looks.append(partial(_refuse_same_files, job, before, extension.chosen))
    looks.append(partial(refuse_like_ids, job, item_queries.first_phase_items(known.db), extension.chosen))
    refuse([problem for each in looks for problem in problems_of(each)])


def refuse_bad_prompts(job: Job, items: Sequence[Item]) -> None:
    """Render the prompt of every first-phase batch (0.15 ms each). UsageError with the first few problems."""
    batches = batches_of(job, items)
    works = (Work(job.phases[0], batch.ref, batch.items, (batch.first, batch.last)) for batch in batches)
    refuse(render.check(job.vars, works))


def refuse_like_ids(job: Job, planned: Sequence[str], new: Sequence[Item]) -> None:
    """UsageError for ids of new items that differ from a planned one in case or form only."""
    known = {folded(item, exact=job.items.exact): item for item in planned}
    alike = [(item.id, known.get(folded(item.id, exact=job.items.exact))) for item in new]
    refuse(
        [
            Problem(
                shown(job.manifest),
                f"the new item {str(id_)!r} is called like {old!r}, which was planned before",
                "give it another id",
            )
            for id_, old in alike
            if old is not None
        ]
    )


def _refuse_same_files(job: Job, planned: Sequence[str], new: Sequence[Item]) -> None:
    """UsageError where parts of paths give two items one file, and one may have left the source since it was planned.

    Those that are in the source together were told apart when it was read.
    """
    for phase in job.phases:
        if found := same_file(phase.output.file, [*planned, *(item.id for item in new)]):
            old, other, name = found
            message = f"{old!r}, which was planned before, and {other!r} would both be written as {name!r}"
            raise UsageError([Problem(shown(job.manifest), message, "give the file of the new one another name")])


def _refuse_impossible(job: Job, items: Sequence[Item], bounded: Bounded) -> None:
    """UsageError where a check refuses the ids of items, which every record of theirs has to carry."""
    problems: list[Problem] = []
    of_source: set[int] = set()
    for phase in job.phases:
        if phase.rows is not None or (phase.from_ is not None and phase.from_ not in of_source):
            continue  # its ids are made on the way
        of_source.add(phase.number)
        found: dict[str, list[tuple[ItemId, str]]] = {}
        for where, id_, why in impossible(phase.output, [item.id for item in items], dict(job.vars), bounded):
            found.setdefault(where, []).append((id_, why))
        prefix = f"phases.{phase.name}." if len(job.phases) > 1 else ""
        for where, refused in found.items():
            id_, why = refused[0]
            more = f" (and so for {len(refused) - 1:,} more)" if len(refused) > 1 else ""
            message = f"{prefix}{where}: no record of the item {id_!r:.80} could ever pass{more}: {why}"
            problems.append(Problem(shown(job.manifest), message, "every record carries the id of its item, as a text"))
    if problems:
        raise UsageError(problems)


def _refuse_small_budget(job: Job) -> None:
    """One reservation above the budget could never start."""
    if job.budget is None:
        return
    for phase in job.phases:
        needed = reservation(job, phase)
        if needed > to_micro(job.budget):
            message = (
                f"budget {in_words(to_micro(job.budget))} cannot pay for one session: a session of phase "
                f"{phase.name} reserves {in_words(needed)} (its cap and one worst response)"
            )
            raise UsageError(
                [Problem(shown(job.manifest), message, "raise budget, or lower budget_per_session or max_output")]
            )


def _refuse_unpriced_fallbacks(job: Job) -> None:
    """A model that may answer must have a price, or nothing could be reserved for it."""
    problems = [
        Problem(
            shown(job.manifest),
            f"fallback {name!r} of phase {phase.name} has no price here{nearest(name, known_names())}",
            "name a model that has one, or leave fallback out: then no other model answers",
        )
        for phase in job.phases
        for name in phase.session.fallback
        if price_of(name) is None
    ]
    if problems:
        raise UsageError(problems)


def _refuse_past_deadline(job: Job, now: datetime) -> None:
    """For a job that is about to be planned: a deadline that is a moment of the past lets nothing start."""
    deadline = job.gate.deadline
    if deadline is not None and deadline.moment(now) <= now:
        message = f"{deadline.in_words()} has passed, so nothing could start"
        raise UsageError([Problem(shown(job.manifest), message, "name a later one, or take it out")])
