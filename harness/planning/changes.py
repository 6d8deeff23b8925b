"""What has changed about a job since it was planned, and which ways on a person has then."""

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from harness.base.artifacts import sha_of
from harness.base.commands import LAUNCH, NextCommand
from harness.base.texts import shown
from harness.core.types import Item, Json
from harness.job.change import Change, Column, JobChanged, Way
from harness.job.fingerprint import differences, fingerprint_like
from harness.job.job import Job
from harness.ledger import spool
from harness.ledger.edits import EditedRow
from harness.ledger.item_queries import planned_data, planned_rows
from harness.ledger.job_queries import name_of, planned, planned_source, recorded_fingerprint
from harness.ledger.past_attempts import extensions, kept_rows, kept_source
from harness.planning.selections import read_items
from harness.sources.read import hash_of

CHECKS = re.compile(r"(phases\.[^.]+\.)?(output\.(check\[\d+\]|schema|fields\..+)|items\.made)")
"""What may have changed when artifacts are judged again; a phase's `items` are `items.made`."""
_OF_THE_ROWS = re.compile(r"items\.(?!made|select).*|vars\..*")
"""What decides which row belongs to which id."""
_MOST_COLUMNS = 3
_LONGEST_VALUE = 60


@dataclass(frozen=True, slots=True)
class Changes:
    """`others`: fields, removed items, the order; `edited`: rows that differ from the planned ones, with what differs;
    `added`: new items of the source, in its order, which `--add` would plan.

    `as_planned` and `left_out` are edited and new items, too, with whose old rows, or without which, a person has said
    to go on; they are no change any more. `source` is a digest of the items of today, `order` of the order in which the
    planned ones stand in it, behind their number ("" where that is as planned).
    """

    others: tuple[Change, ...] = ()
    edited: tuple["Edited", ...] = ()
    added: tuple[Item, ...] = ()
    as_planned: tuple["Edited", ...] = ()
    left_out: tuple[Item, ...] = ()
    source: str = ""
    order: str = ""

    def rows(self) -> dict[str, str]:
        """As `FingerprintKept` has them."""
        edited = {each.row.item: each.row.sha for each in (*self.edited, *self.as_planned)}
        added = {str(item.id): hash_of(item) for item in (*self.added, *self.left_out)}
        return {**edited, **added, **({"": self.order} if self.order else {})}

    def listed(self) -> tuple[Change, ...]:
        """All of them, new items last."""
        added = (Change("item_added", item=str(item.id)) for item in self.added)
        return (*self.others, *(each.change for each in self.edited), *added)


@dataclass(frozen=True, slots=True)
class Edited:
    """An item whose row of today is not the planned one. `state` is that of the item in the first phase."""

    row: EditedRow
    state: str
    change: Change


def changes_since(job: Job, db: sqlite3.Connection, items: Sequence[Item]) -> Changes:
    """The job and its items of today against what was planned, or kept last."""
    of_items = changed_items(job, db, items)
    return replace(of_items, others=(*differences_of(job, db), *of_items.others))


def differences_of(job: Job, db: sqlite3.Connection) -> list[Change]:
    """What has changed about the shaping fields since they were planned, or kept last."""
    recorded = recorded_fingerprint(db)
    return differences(recorded, fingerprint_like(recorded, job))


def is_the_same(job: Job, db: sqlite3.Connection, source: str) -> bool:
    """Nothing that was planned can differ: the source and all that shapes the job are, byte for byte, what they were.

    Most launches go on with such a job, and its items need not be read for it (2 s for 100,000).
    """
    return source == planned_source(db) != "" and not differences_of(job, db)


def changed_items(job: Job, db: sqlite3.Connection, items: Sequence[Item]) -> Changes:
    """What differs between the items of today and those that were planned, or kept last."""
    rows = planned_rows(db)
    planned = {row.item: row.sha for row in rows if row.state != "skipped"}
    left_out = {row.item for row in rows if row.state == "skipped"}  # that was decided once, whatever they are today
    today = {str(item.id): hash_of(item) for item in items}
    others = _others(list(planned), list(today), [behind for behind, _ in extensions(db)])
    known = [item for item in items if item.id not in left_out]
    edited = edited_items(job, db, [item for item in known if planned.get(str(item.id), "") != today[str(item.id)]])
    added = tuple(item for item in known if item.id not in planned)
    source = sha_of(json.dumps(list(today.items())).encode())
    order = _order(list(planned), today, len(planned)) if others else ""
    found = Changes(tuple(others), edited, added, source=source, order=order)
    return _without_kept(found, db, list(planned), list(today)) if others or edited or added else found


def _others(planned: Sequence[str], today: Sequence[str], cuts: Sequence[int]) -> list[Change]:
    """What has become of planned items; `cuts` are the numbers of those that were planned before others were added."""
    there, wanted = set(today), set(planned)
    if gone := [Change("item_removed", item=item) for item in planned if item not in there]:
        return gone
    is_other = _is_in_another_order(planned, [item for item in today if item in wanted], cuts)
    return [Change("items_reordered")] if is_other else []


def _order(planned: Sequence[str], today: Iterable[str], number: int) -> str:
    """How the first of the planned items stand in the source: their number, and a digest of their order."""
    first = set(planned[:number])
    return f"{number}:{sha_of(json.dumps([item for item in today if item in first]).encode())}"


def _others_since(kept: str, planned: Sequence[str], today: Sequence[str], cuts: Sequence[int]) -> list[Change]:
    """Without the order that was kept; those that were added since stand behind it."""
    number = int(kept.partition(":")[0] or 0)
    if not kept or _order(planned, today, number) != kept:
        return _others(planned, today, cuts)
    return _others(planned[number:], today, [cut - number for cut in cuts if cut > number])


def _without_kept(found: Changes, db: sqlite3.Connection, planned: Sequence[str], today: Sequence[str]) -> Changes:
    """What a person has not said yet to go on with: one more row that is edited does not ask for the others again."""
    if kept_source(db) == found.source:
        return replace(found, others=(), edited=(), added=(), as_planned=found.edited, left_out=found.added)
    rows = kept_rows(db)
    as_planned = tuple(each for each in found.edited if rows.get(each.row.item) == each.row.sha)
    left_out = tuple(item for item in found.added if rows.get(str(item.id)) == hash_of(item))
    return replace(
        found,
        others=tuple(_others_since(rows.get("", ""), planned, today, [behind for behind, _ in extensions(db)])),
        edited=tuple(each for each in found.edited if each not in as_planned),
        added=tuple(item for item in found.added if item not in left_out),
        as_planned=as_planned,
        left_out=left_out,
    )


def edited_items(job: Job, db: sqlite3.Connection, items: Sequence[Item]) -> tuple[Edited, ...]:
    """Those of these items that were planned with another row; rows that a waiting `retry` brings are no difference."""
    brought = {row.item: row.sha for posted in spool.waiting(job.home.control) for row in posted.request.rows}
    found = []
    for item in items:
        row = row_of(job, item)
        planned = planned_data(db, row.item)
        if planned is None or row.sha in (planned[0].sha, brought.get(row.item)):
            continue
        found.append(Edited(row, planned[0].state, _edit(row.item, planned[1], row.data)))
    return tuple(found)


def may_edit(job: Job, db: sqlite3.Connection) -> bool:
    """Does the manifest still say which row belongs to which id as it did when the job was planned, or kept last?"""
    recorded = recorded_fingerprint(db)
    old, new = (
        {k: v for k, v in each.items() if _OF_THE_ROWS.fullmatch(k)}
        for each in (recorded, fingerprint_like(recorded, job))
    )
    return old == new


def row_of(job: Job, item: Item) -> EditedRow:
    """The row as an entry holds it."""
    file = None
    if item.file is not None:  # a folder that is moved takes its files along
        inside = item.file.is_relative_to(job.folder)
        file = (item.file.relative_to(job.folder) if inside else item.file).as_posix()
    return EditedRow(str(item.id), dict(item.data), hash_of(item), file)


def _edit(item: str, before: Json, now: Json) -> Change:
    """With the first few columns that differ; without any when it is the item's file."""
    names = [name for name in dict.fromkeys([*before, *now]) if before.get(name) != now.get(name)]
    first = tuple(Column(name, _short(before.get(name)), _short(now.get(name))) for name in names[:_MOST_COLUMNS])
    return Change("item_edited", item=item, columns=first, more=len(names) - len(first))


def _short(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."


def _is_in_another_order(planned: Sequence[str], today: Sequence[str], cuts: Sequence[int]) -> bool:
    """Items that were planned at the same time have to be in the order of then; later ones lie behind them."""
    if planned == today:
        return False
    place = {item: at for at, item in enumerate(today)}
    return any(
        place[one] > place[next_] for together in _planned_together(planned, cuts) for one, next_ in pairwise(together)
    )


def _planned_together(planned: Sequence[str], cuts: Sequence[int]) -> Iterator[Sequence[str]]:
    ends = [*cuts, len(planned)]
    return (planned[start:end] for start, end in zip([0, *cuts], ends, strict=True))


def refusal(job: Job, changes: Changes, launch: NextCommand = LAUNCH) -> JobChanged:
    """The job has changed, how, and the ways on, the likeliest first. `launch` is what a switch is added to."""
    listed = changes.listed()
    return JobChanged(shown(job.manifest), JobChanged.__name__, changes=listed, ways=tuple(_ways(changes, launch)))


def _ways(changes: Changes, launch: NextCommand) -> Iterator[Way]:
    is_same = not (changes.others or changes.edited)
    if changes.added:
        yield Way("add", launch.plus("--add", *([] if is_same else ["--keep"])))
    if changes.added and is_same:
        yield Way("leave_out", launch.plus("--keep"))
    if changes.others and not changes.edited and all(map(is_of_a_check, changes.others)):
        yield Way("rejudge", replace(launch, verb="rejudge"))
    if changes.edited:
        done = sum(each.state == "done" for each in changes.edited)
        again = launch.plus("--changed", *(["--keep"] if changes.others else []))
        yield Way("redo_edited", again, len(changes.edited), done)
    if not is_same:
        yield Way("keep_edited" if changes.edited else "keep", launch.plus("--keep"))
    yield Way("reset", launch.plus("--reset"))


def is_of_a_check(change: Change) -> bool:
    """Of a field by which artifacts can be judged again."""
    return CHECKS.fullmatch(change.field) is not None


def what_is_new(job: Job) -> list[Change]:
    """What has changed about a job since it was planned, its name too; empty when it goes on as it is."""
    with planned(job.home.ledger) as db:
        if db is None:
            return []
        name = name_of(db)
        renamed = [] if name == job.name else [Change("job_renamed", before=repr(name), now=repr(job.name))]
        return [*renamed, *changes_since(job, db, read_items(job).items).listed()]
