"""What has changed about a job since it was planned, and what a person may type then."""

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from harness.base.artifacts import sha_of
from harness.base.errors import Problem
from harness.base.texts import shown
from harness.core.types import Item, Json
from harness.job.fingerprint import Fingerprint, differences, fingerprint_like
from harness.job.job import Job
from harness.ledger import spool
from harness.ledger.edits import Row
from harness.ledger.past_attempts import extensions, kept_rows, kept_source
from harness.sources.read import hash_of

CHECKS = re.compile(r"(phases\.[^.]+\.)?(output\.(check\[\d+\]|schema|fields\..+)|items\.made)")
"""What may have changed when artifacts are judged again; a phase's `items` are `items.made`."""
_OF_THE_ROWS = re.compile(r"items\.(?!made|select).*|vars\..*")
"""What decides which row belongs to which id."""
_LONGEST_DIFF = 12
_MOST_VALUES = 3
_LONGEST_VALUE = 60


@dataclass(frozen=True, slots=True)
class Changes:
    """`others` in words; `edited`: rows that differ from the planned ones, with what differs; `added`: new items of the
    source, in its order, which `--add` would plan.

    `as_planned` and `left_out` are edited and new items, too, with whose old rows, or without which, a person has said
    to go on; they are no change any more. `source` is a digest of the items of today, `order` of the order in which the
    planned ones stand in it, behind their number ("" where that is as planned).
    """

    others: tuple[str, ...] = ()
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

    def in_words(self) -> list[str]:
        added = (f"item {str(item.id)!r} was added" for item in self.added)
        return [*self.others, *(each.in_words() for each in self.edited), *added]


@dataclass(frozen=True, slots=True)
class Edited:
    """An item whose row of today is not the planned one. `state` is that of the item in the first phase."""

    row: Row
    state: str
    difference: str

    def in_words(self) -> str:
        return f"item {self.row.item!r} was edited: {self.difference}"


def changes_since(job: Job, db: sqlite3.Connection, items: Sequence[Item]) -> Changes:
    """The job and its items of today against what was planned, or kept last."""
    of_items = changed_items(job, db, items)
    return replace(of_items, others=(*differences_of(job, db), *of_items.others))


def differences_of(job: Job, db: sqlite3.Connection) -> list[str]:
    """What has changed about the shaping fields since they were planned, or kept last."""
    recorded = recorded_fingerprint(db)
    return differences(recorded, fingerprint_like(recorded, job))


def is_the_same(job: Job, db: sqlite3.Connection, source: str) -> bool:
    """Nothing that was planned can differ: the source and all that shapes the job are, byte for byte, what they were.

    Most launches go on with such a job, and its items need not be read for it (2 s for 100,000).
    """
    return source == planned_source(db) != "" and not differences_of(job, db)


def planned_source(db: sqlite3.Connection) -> str:
    """The digest of the source when its items were planned last; "" = not known."""
    (planned,) = db.execute("SELECT source FROM job").fetchone()
    return str(planned)


def recorded_fingerprint(db: sqlite3.Connection) -> Fingerprint:
    """What was planned, or kept last."""
    recorded: Fingerprint = json.loads(db.execute("SELECT fingerprint FROM job").fetchone()[0])
    return recorded


def changed_items(job: Job, db: sqlite3.Connection, items: Sequence[Item]) -> Changes:
    """What differs between the items of today and those that were planned, or kept last."""
    rows = db.execute("SELECT item, sha, state = 'skipped' FROM items WHERE phase = 1 ORDER BY place").fetchall()
    planned = {item: sha for item, sha, is_skipped in rows if not is_skipped}
    left_out = {item for item, _, is_skipped in rows if is_skipped}  # that was decided once, whatever they are today
    today = {str(item.id): hash_of(item) for item in items}
    others = _others(list(planned), list(today), [behind for behind, _ in extensions(db)])
    known = [item for item in items if item.id not in left_out]
    edited = edited_items(job, db, [item for item in known if planned.get(str(item.id), "") != today[str(item.id)]])
    added = tuple(item for item in known if item.id not in planned)
    source = sha_of(json.dumps(list(today.items())).encode())
    order = _order(list(planned), today, len(planned)) if others else ""
    found = Changes(tuple(others), edited, added, source=source, order=order)
    return _without_kept(found, db, list(planned), list(today)) if others or edited or added else found


def _others(planned: Sequence[str], today: Sequence[str], cuts: Sequence[int]) -> list[str]:
    """What has become of planned items; `cuts` are the numbers of those that were planned before others were added."""
    there, wanted = set(today), set(planned)
    if gone := [f"item {item!r} was removed" for item in planned if item not in there]:
        return gone
    is_other = _is_in_another_order(planned, [item for item in today if item in wanted], cuts)
    return ["the items are in another order"] if is_other else []


def _order(planned: Sequence[str], today: Iterable[str], number: int) -> str:
    """How the first of the planned items stand in the source: their number, and a digest of their order."""
    first = set(planned[:number])
    return f"{number}:{sha_of(json.dumps([item for item in today if item in first]).encode())}"


def _others_since(kept: str, planned: Sequence[str], today: Sequence[str], cuts: Sequence[int]) -> list[str]:
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
    brought = {row.item: row.sha for posted in spool.waiting(job.state / "control") for row in posted.request.rows}
    found = []
    for item in items:
        row = row_of(job, item)
        planned = db.execute("SELECT sha, data, state FROM items WHERE phase = 1 AND item = ?", (row.item,)).fetchone()
        if planned is None or row.sha in (planned[0], brought.get(row.item)):
            continue
        found.append(Edited(row, planned[2], _difference(json.loads(planned[1]), row.data)))
    return tuple(found)


def may_edit(job: Job, db: sqlite3.Connection) -> bool:
    """Does the manifest still say which row belongs to which id as it did when the job was planned, or kept last?"""
    recorded = recorded_fingerprint(db)
    old, new = (
        {k: v for k, v in each.items() if _OF_THE_ROWS.fullmatch(k)}
        for each in (recorded, fingerprint_like(recorded, job))
    )
    return old == new


def row_of(job: Job, item: Item) -> Row:
    """The row as an entry holds it."""
    file = None
    if item.file is not None:  # a folder that is moved takes its files along
        inside = item.file.is_relative_to(job.folder)
        file = (item.file.relative_to(job.folder) if inside else item.file).as_posix()
    return Row(str(item.id), dict(item.data), hash_of(item), file)


def _difference(before: Json, now: Json) -> str:
    """`url was "a", is now "b"`, for the first few columns that differ."""
    names = [name for name in dict.fromkeys([*before, *now]) if before.get(name) != now.get(name)]
    if not names:
        return "its file has changed"
    told = [f"{name} was {_short(before.get(name))}, is now {_short(now.get(name))}" for name in names[:_MOST_VALUES]]
    return "; ".join([*told, *([f"and {len(names) - _MOST_VALUES} more"] if names[_MOST_VALUES:] else [])])


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


def refusal(job: Job, changes: Changes, typed: str = "harness launch") -> Problem:
    """The job has changed, and how; a dozen changes are named. `typed` is the command that a switch is added to."""
    lines = changes.in_words()
    more = [f"and {len(lines) - _LONGEST_DIFF:,} more"] if lines[_LONGEST_DIFF:] else []
    listed = "".join(f"\n    {line}" for line in [*lines[:_LONGEST_DIFF], *more])
    ways = [f"`{typed} --reset` starts anew and moves ledger and outputs to a backup"]
    if changes.others or changes.edited:
        kept = "goes on; items that have not begun take their rows of today" if changes.edited else "goes on"
        ways.insert(0, f"`{typed} --keep` {kept}, every done record stays")
    if changes.edited:
        switch = "--changed --keep" if changes.others else "--changed"
        ways.insert(0, f"`{typed} {switch}` {_made_again(changes.edited)}")
    if (
        changes.others
        and not changes.edited
        and all(CHECKS.fullmatch(line.split(" ", 1)[0]) for line in changes.others)
    ):
        again = typed.replace("harness launch", "harness rejudge", 1)
        ways.insert(0, f"`{again}` judges by it what was rejected, without a new session, and goes on with it")
    if changes.added:
        switch = "--add --keep" if changes.others or changes.edited else "--add"
        ways.insert(0, f"`{typed} {switch}` plans the new items behind the others and keeps every done record")
    if changes.added and not (changes.others or changes.edited):
        ways.insert(1, f"`{typed} --keep` goes on without them")
    return Problem(shown(job.manifest), f"the job has changed since it was planned:{listed}", "; ".join(ways))


def _made_again(edited: Sequence[Edited]) -> str:
    done = sum(each.state == "done" for each in edited)
    again = "the item" if len(edited) == 1 else f"all {len(edited):,}"
    cost = f"; {done:,} done {'record leaves' if done == 1 else 'ones leave'} the merge until then" if done else ""
    return f"makes {again} again with today's {'row' if len(edited) == 1 else 'rows'}{cost}"
