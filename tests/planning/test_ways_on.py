"""A changed job is refused with what has changed and the ways on, as data: which ways depends on what has changed."""

from pathlib import Path
from typing import cast

import pytest

from harness.base.commands import NextCommand
from harness.base.ids import ItemId
from harness.core.types import Item
from harness.job.change import Change
from harness.job.job import Job
from harness.job.load import load
from harness.ledger.edits import EditedRow
from harness.planning.changes import Changes, Edited, refusal

MANIFEST = """
items: {file: items.json}
session: {model: haiku, prompt: count them}
output: {fields: {n: integer}}
budget: $5
"""
LAUNCH = NextCommand("launch", ("--set", "vars.a=1"), "west.yaml", "acme")
CHECK = Change("field_changed", "output.check[0]")
OF_A_PHASE = Change("field_added", "phases.two.output.fields.name", now='"string"')
MODEL = Change("field_changed", "session.model", before='"sonnet"', now='"haiku"')
GONE = Change("item_removed", item="output.check[0]")
NEW = cast("Item", type("Stub", (), {"id": ItemId("B")})())
EDITED = tuple(
    Edited(EditedRow(item, {}, "0", None), state, Change("item_edited", item=item))
    for item, state in (("A", "done"), ("C", "failed"))
)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    folder = tmp_path_factory.mktemp("job")
    (folder / "items.json").write_text("[]")
    (folder / "job.yaml").write_text(MANIFEST)
    return load(Path(folder / "job.yaml"))


@pytest.mark.parametrize(
    ("changes", "ways"),
    [
        (Changes((CHECK,)), ["rejudge", "keep", "reset"]),
        (Changes((CHECK, OF_A_PHASE)), ["rejudge", "keep", "reset"]),
        (Changes((CHECK, MODEL)), ["keep", "reset"]),
        (Changes((GONE,)), ["keep", "reset"]),
        (Changes((CHECK,), EDITED), ["redo_edited", "keep_edited", "reset"]),
        (Changes((), EDITED), ["redo_edited", "keep_edited", "reset"]),
        (Changes(added=(NEW,)), ["add", "leave_out", "reset"]),
        (Changes((MODEL,), added=(NEW,)), ["add", "keep", "reset"]),
        (Changes((CHECK,), added=(NEW,)), ["add", "rejudge", "keep", "reset"]),
    ],
)
def test_the_ways_on_follow_from_what_has_changed(changes: Changes, ways: list[str], job: Job) -> None:
    refused = refusal(job, changes, LAUNCH)
    assert [way.kind for way in refused.ways] == ways
    assert refused.changes == changes.listed()


def test_each_way_is_the_command_that_was_typed_with_its_switch(job: Job) -> None:
    found = refusal(job, Changes((MODEL,), EDITED, (NEW,)), LAUNCH)
    typed = "harness launch west.yaml --set vars.a=1"
    assert [str(way.command) for way in found.ways] == [
        f"{typed} --add --keep --as acme",
        f"{typed} --changed --keep --as acme",
        f"{typed} --keep --as acme",
        f"{typed} --reset --as acme",
    ]
    assert [(way.edited, way.done) for way in found.ways] == [(0, 0), (2, 1), (0, 0), (0, 0)]


def test_rejudging_takes_the_settings_along(job: Job) -> None:
    (way, *_) = refusal(job, Changes((CHECK,)), LAUNCH).ways
    assert str(way.command) == "harness rejudge west.yaml --set vars.a=1 --as acme"
