"""What has changed about a job since it was planned, and the ways on: the words of every kind, and where they go."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from harness.base.errors import Problem
from harness.core.run_events import FingerprintKept
from harness.job.change import Change, ChangeKind, JobChanged, Way, WayKind
from harness.views.wording import clean, listed

_MOST_LISTED = 12


def _field(change: Change) -> str:
    """As a manifest of today has it: ledgers keep the name of 0.1.0."""
    return change.field.replace("session.linger", "session.idle_after_output")


def _field_changed(change: Change) -> str:
    if change.before is None or change.now is None:
        return f"{_field(change)} has changed{_behind(', '.join(change.files))}"
    return f"{_field(change)} was {change.before}, is now {change.now}"


def _item_edited(change: Change) -> str:
    columns = [f"{each.name} was {each.before}, is now {each.now}" for each in change.columns]
    more = [f"and {change.more:,} more"] if change.more else []
    return f"item {change.item!r} was edited: {'; '.join([*columns, *more]) or 'its file has changed'}"


def _behind(text: str | None) -> str:
    return f": {text}" if text else ""


CHANGE_WORDS: Final[Mapping[ChangeKind, Callable[[Change], str]]] = {
    "field_changed": _field_changed,
    "field_added": lambda change: f"{_field(change)} was added{_behind(change.now)}",
    "field_removed": lambda change: (
        f"{_field(change)} was removed{f' (it was {change.before})' if change.before else ''}"
    ),
    "item_edited": _item_edited,
    "item_added": lambda change: f"item {change.item!r} was added",
    "item_removed": lambda change: f"item {change.item!r} was removed",
    "items_reordered": lambda change: "the items are in a different order",
    "job_renamed": lambda change: f"the job was called {change.before}, is now {change.now}",
}


def _redo_edited(way: Way) -> str:
    items, rows = ("the edited item", "row") if way.edited == 1 else (f"all {way.edited:,} edited items", "rows")
    leave = "record leaves" if way.done == 1 else "records leave"
    back = "it is" if way.done == 1 else "they are"
    cost = f"; {way.done:,} done {leave} the merged output until {back} redone"
    return f"`{way.command}` redoes {items} with the current {rows}{cost if way.done else ''}"


WAY_WORDS: Final[Mapping[WayKind, Callable[[Way], str]]] = {
    "add": lambda way: f"`{way.command}` appends the new items to the job and keeps every done record",
    "leave_out": lambda way: f"`{way.command}` continues without the new items",
    "rejudge": lambda way: (
        f"`{way.command}` re-runs the checks on saved output, without a new session; "
        "the job then continues with these checks"
    ),
    "redo_edited": _redo_edited,
    "keep": lambda way: f"`{way.command}` continues with the job as it is now; every done record stays",
    "keep_edited": lambda way: (
        f"`{way.command}` continues; items that have not started use the current rows, and every done record stays"
    ),
    "undo_or_keep": lambda way: (
        f"undo the change, or run `{way.command}` to continue with it; then repeat this command"
    ),
    "reset": lambda way: f"`{way.command}` starts over; the ledger and outputs move to a backup folder",
}


def change_line(change: Change) -> str:
    """One line: `session.model was "sonnet", is now "haiku"`."""
    return CHANGE_WORDS[change.kind](change)


def kept_lines(event: FingerprintKept) -> tuple[str, ...]:
    """What a person went on with; older ledgers have sentences."""
    return (*event.differences, *map(change_line, event.changes))


def the_job_has_changed(changes: Sequence[Change]) -> str:
    """`the job has changed (session.prompt has changed)`."""
    return f"the job has changed ({clean(listed([change_line(each) for each in changes]))})"


def worded(problem: Problem) -> Problem:
    """A problem with the sentences that a terminal prints; most have them already."""
    if not isinstance(problem, JobChanged):
        return problem
    message = f"the job has changed since it was planned:{_listed(problem.changes)}"
    return replace(problem, message=message, hint="; ".join(WAY_WORDS[way.kind](way) for way in problem.ways))


def _listed(changes: Sequence[Change]) -> str:
    lines = [change_line(change) for change in changes[:_MOST_LISTED]]
    more = [f"and {len(changes) - _MOST_LISTED:,} more"] if changes[_MOST_LISTED:] else []
    return "".join(f"\n    {line}" for line in [*lines, *more])
