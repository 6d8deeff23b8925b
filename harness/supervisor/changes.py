"""What has changed about a job since it was planned, and what a person may type then."""

import json
import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from harness.base.artifacts import sha_of
from harness.base.errors import Problem
from harness.base.texts import shown
from harness.core.types import Item
from harness.job.fingerprint import Fingerprint, differences, fingerprint
from harness.job.job import Job
from harness.ledger.history import extensions, kept_source
from harness.sources.read import hash_of

CHECKS = re.compile(r"(phases\.[^.]+\.)?(output\.(check\[\d+\]|schema)|items\.made)")
"""What may have changed when artifacts are judged again; `fields` become the schema, a phase's `items` `items.made`."""
_LONGEST_DIFF = 12


@dataclass(frozen=True, slots=True)
class Changes:
    """`others` in words; `added`: new items of the source, in its order, which `--add` would plan.

    `left_out` are new items, too, with which a person has said to go on without them; they are no change any more.
    `source` is a digest of the items of today.
    """

    others: tuple[str, ...] = ()
    added: tuple[Item, ...] = ()
    left_out: tuple[Item, ...] = ()
    source: str = ""

    def in_words(self) -> list[str]:
        return [*self.others, *(f"item {str(item.id)!r} was added" for item in self.added)]


def changes_since(job: Job, db: sqlite3.Connection, items: Sequence[Item]) -> Changes:
    """The job and its items of today against what was planned, or kept last."""
    of_items = changed_items(db, items)
    return replace(of_items, others=(*differences(recorded_fingerprint(db), fingerprint(job)), *of_items.others))


def is_the_same(job: Job, db: sqlite3.Connection, source: str) -> bool:
    """Nothing that was planned can differ: the source and all that shapes the job are, byte for byte, what they were.

    Most launches go on with such a job, and its items need not be read for it (2 s for 100,000).
    """
    (planned,) = db.execute("SELECT source FROM job").fetchone()
    return bool(planned) and planned == source and not differences(recorded_fingerprint(db), fingerprint(job))


def recorded_fingerprint(db: sqlite3.Connection) -> Fingerprint:
    """What was planned, or kept last."""
    recorded: Fingerprint = json.loads(db.execute("SELECT fingerprint FROM job").fetchone()[0])
    return recorded


def changed_items(db: sqlite3.Connection, items: Sequence[Item]) -> Changes:
    """What differs between the items of today and those that were planned, or kept last."""
    planned = dict(db.execute("SELECT item, sha FROM items WHERE phase = 1 ORDER BY place").fetchall())
    today = {str(item.id): hash_of(item) for item in items}
    others = [f"item {item!r} was removed" for item in planned if item not in today]
    others += [f"item {item!r} was edited" for item, sha in today.items() if planned.get(item, sha) != sha]
    if not others and _is_in_another_order(db, list(planned), [item for item in today if item in planned]):
        others.append("the items are in another order")
    added = tuple(item for item in items if item.id not in planned)
    source = sha_of(json.dumps(list(today.items())).encode())
    if (others or added) and kept_source(db) == source:
        return Changes(left_out=added, source=source)
    return Changes(tuple(others), added, source=source)


def _is_in_another_order(db: sqlite3.Connection, planned: Sequence[str], today: Sequence[str]) -> bool:
    """Items that were planned at the same time have to be in the order of then; later ones lie behind them."""
    if planned == today:
        return False
    place = {item: at for at, item in enumerate(today)}
    return any(
        place[one] > place[next_]
        for together in _planned_together(planned, [behind for behind, _ in extensions(db)])
        for one, next_ in pairwise(together)
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
    if changes.others:
        kept = "goes on, with rows as they were planned and files as they are; every done record stays"
        ways.insert(0, f"`{typed} --keep` {kept}")
    if changes.others and all(CHECKS.fullmatch(line.split(" ", 1)[0]) for line in changes.others):
        again = typed.replace("harness launch", "harness rejudge", 1)
        ways.insert(0, f"`{again}` judges by it what was rejected, without a new session, and goes on with it")
    if changes.added:
        switch = "--add --keep" if changes.others else "--add"
        ways.insert(0, f"`{typed} {switch}` plans the new items behind the others and keeps every done record")
    if changes.added and not changes.others:
        ways.insert(1, f"`{typed} --keep` goes on without them")
    return Problem(shown(job.manifest), f"the job has changed since it was planned:{listed}", "; ".join(ways))
