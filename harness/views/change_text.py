"""What has changed about a job since it was planned, and the ways on, in words."""

from collections.abc import Sequence
from typing import assert_never

from harness.base.errors import Problem
from harness.core.run_events import FingerprintKept
from harness.job.change import Change, JobChanged, Way

_MOST_LISTED = 12


def change_line(change: Change) -> str:
    """One line: `session.model was "sonnet", is now "haiku"`."""
    match change.kind:
        case "field_changed" if change.before is None or change.now is None:
            return f"{change.field} has changed{_behind(', '.join(change.files))}"
        case "field_changed":
            return f"{change.field} was {change.before}, is now {change.now}"
        case "field_added":
            return f"{change.field} was added{_behind(change.now)}"
        case "field_removed":
            return f"{change.field} was removed{f' (it was {change.before})' if change.before else ''}"
        case "item_edited":
            return f"item {change.item!r} was edited: {_columns(change)}"
        case "item_added":
            return f"item {change.item!r} was added"
        case "item_removed":
            return f"item {change.item!r} was removed"
        case "items_reordered":
            return "the items are in a different order"
        case "job_renamed":
            return f"the job was called {change.before}, is now {change.now}"
    assert_never(change.kind)


def _behind(text: str | None) -> str:
    return f": {text}" if text else ""


def _columns(change: Change) -> str:
    if not change.columns:
        return "its file has changed"
    told = [f"{each.name} was {each.before}, is now {each.now}" for each in change.columns]
    return "; ".join([*told, *([f"and {change.more:,} more"] if change.more else [])])


def kept_lines(event: FingerprintKept) -> tuple[str, ...]:
    """What a person went on with; ledgers of before have sentences."""
    return (*event.differences, *map(change_line, event.changes))


def way_line(way: Way) -> str:
    """One way on: a command, and what it does."""
    match way.kind:
        case "add":
            does = "appends the new items to the job and keeps every done record"
        case "leave_out":
            does = "continues without the new items"
        case "rejudge":
            does = "re-runs the checks on saved output, without a new session; the job then continues with these checks"
        case "redo_edited":
            does = _redone(way)
        case "keep":
            does = "continues with the job as it is now; every done record stays"
        case "keep_edited":
            does = "continues; items that have not started use today's rows, every done record stays"
        case "undo_or_keep":
            return f"undo the change, or run `{way.command}` to continue with it; then repeat this command"
        case "reset":
            does = "starts over; the ledger and outputs move to a backup folder"
        case _:
            assert_never(way.kind)
    return f"`{way.command}` {does}"


def _redone(way: Way) -> str:
    items, rows = ("the edited item", "row") if way.edited == 1 else (f"all {way.edited:,} edited items", "rows")
    cost = f"; until then {way.done:,} done {'record leaves' if way.done == 1 else 'records leave'} the merge"
    return f"redoes {items} with today's {rows}{cost if way.done else ''}"


def worded(problem: Problem) -> Problem:
    """A problem with the sentences that a terminal prints; most have them already."""
    if not isinstance(problem, JobChanged):
        return problem
    message = f"the job has changed since it was planned:{_listed(problem.changes)}"
    return Problem(problem.where, message, "; ".join(map(way_line, problem.ways)))


def _listed(changes: Sequence[Change]) -> str:
    lines = [change_line(change) for change in changes[:_MOST_LISTED]]
    more = [f"and {len(changes) - _MOST_LISTED:,} more"] if changes[_MOST_LISTED:] else []
    return "".join(f"\n    {line}" for line in [*lines, *more])
