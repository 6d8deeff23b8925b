"""What may differ between a job as it was planned and as it is today, as data; `views.change_text` words it."""

from dataclasses import dataclass
from typing import Literal

from harness.base.commands import NextCommand
from harness.base.errors import Problem

ChangeKind = Literal[
    "field_changed",
    "field_added",
    "field_removed",
    "item_edited",
    "item_added",
    "item_removed",
    "items_reordered",
    "job_renamed",
]


@dataclass(frozen=True, slots=True)
class Column:
    """One value of an item's row that differs, before and now as JSON."""

    name: str
    before: str
    now: str


@dataclass(frozen=True, slots=True)
class Change:
    """`field` is that of the manifest (`phases.two.session.model`), `item` an id; "" where the kind has none.

    `before` and `now` are JSON; None = there is none, or only a hash of it is known. `files`: those that the field
    names and whose content differs. `columns`: the first few that differ in the row of an edited item, and how many
    `more` do; none = it is the item's file.
    """

    kind: ChangeKind
    field: str = ""
    item: str = ""
    before: str | None = None
    now: str | None = None
    files: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    more: int = 0


WayKind = Literal["add", "leave_out", "rejudge", "redo_edited", "keep", "keep_edited", "undo_or_keep", "reset"]
"""What a person can do about a changed job: plan new items; go on without them; judge old outputs by the new checks;
make edited items again; go on; go on, waiting items with their rows of today; undo the change, or go on; start over."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way on, and the command for it. `edited` and `done`: how many items are made again, and were done."""

    kind: WayKind
    command: NextCommand
    edited: int = 0
    done: int = 0


@dataclass(frozen=True, slots=True)
class JobChanged(Problem):
    """The job is not the one that was planned. `message` is only the name of this problem."""

    changes: tuple[Change, ...] = ()
    ways: tuple[Way, ...] = ()
