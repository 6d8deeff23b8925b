"""An example of every kind of change, way on and next step; those of messages and reasons stand in the core."""

from collections.abc import Mapping
from typing import Final

from harness.base.commands import NextCommand
from harness.job.change import Change, ChangeKind, Column, Way, WayKind
from harness.views.next_step import NextStep

_LAUNCH: Final = NextCommand("launch", ("--set", "vars.week=49"), "west.yaml")

CHANGES: Final[Mapping[ChangeKind, tuple[Change, ...]]] = {
    "field_changed": (
        Change("field_changed", "session.model", before='"sonnet"', now='"haiku"'),
        Change("field_changed", "session.prompt"),
        Change("field_changed", "output.check[1]", files=("checks.py", "words.txt")),
    ),
    "field_added": (
        Change("field_added", "vars.more", now="1"),
        Change("field_added", "output.schema"),
    ),
    "field_removed": (
        Change("field_removed", "session.max_turns", before="40"),
        Change("field_removed", "items.match"),
    ),
    "item_edited": (
        Change("item_edited", item="Lakeside", columns=(Column("url", '"a.example"', '"b.example"'),)),
        Change("item_edited", item="Lakeside", columns=(Column("n", "1", "2"), Column("m", "null", "3")), more=4),
        Change("item_edited", item="inbox/3.pdf"),
    ),
    "item_added": (Change("item_added", item="Ridgeview"),),
    "item_removed": (Change("item_removed", item="Lakeside"),),
    "items_reordered": (Change("items_reordered"),),
    "job_renamed": (Change("job_renamed", before="'West'", now="'West Region'"),),
}

WAYS: Final[Mapping[WayKind, tuple[Way, ...]]] = {
    "add": (Way("add", _LAUNCH.plus("--add")),),
    "leave_out": (Way("leave_out", _LAUNCH.plus("--keep")),),
    "rejudge": (Way("rejudge", _LAUNCH.other("rejudge")),),
    "redo_edited": (
        Way("redo_edited", _LAUNCH.plus("--changed"), edited=1),
        Way("redo_edited", _LAUNCH.plus("--changed"), edited=7, done=1),
        Way("redo_edited", _LAUNCH.plus("--changed"), edited=7, done=3),
    ),
    "keep": (Way("keep", _LAUNCH.plus("--keep")),),
    "keep_edited": (Way("keep_edited", _LAUNCH.plus("--keep")),),
    "undo_or_keep": (Way("undo_or_keep", _LAUNCH.plus("--keep")),),
    "reset": (Way("reset", _LAUNCH.plus("--reset")),),
}

STEPS: Final[Mapping[str, NextStep]] = {
    "run": NextStep((_LAUNCH,)),
    "one of two": NextStep((_LAUNCH.other("retry", "--failed"), _LAUNCH.other("report"))),
    "resume": NextStep((_LAUNCH,), resume=_LAUNCH.other("resume")),
    "budget": NextStep((_LAUNCH,), "budget"),
    "caps": NextStep((_LAUNCH,), "caps"),
    "deadline": NextStep((_LAUNCH,), "deadline"),
    "all": NextStep((_LAUNCH,), "budget", _LAUNCH.other("resume")),
}
