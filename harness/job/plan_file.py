"""The batch plan that a manifest names, `batch: {plan: plan.json}`: read, with every flaw at its place."""

from dataclasses import replace
from pathlib import Path

from harness.base.commands import NextCommand
from harness.base.errors import Problem
from harness.base.json_places import spots
from harness.base.strict_json import RefusedError, document_of
from harness.base.texts import TextError, place_of, read_text, shown
from harness.job.batch_plan import BatchPlan, read_plan
from harness.job.bounds import Bounds, Rate
from harness.job.checker import ManifestChecker
from harness.job.manifest import Manifest
from harness.job.plan_flaws import Flaw
from harness.job.yaml_text import ValuePath

_MOST_BYTES = 16 * 1024 * 1024


def resolve_plan(checker: ManifestChecker, manifest: Manifest) -> tuple[Path, BatchPlan] | None:
    """The plan for the first phase's items and its file; None where the manifest names none, or none can be read.
    One with problems, which are noted, is still held against the items, so that all is told at once."""
    place, named = _named(manifest)
    if named is None:
        return None
    text = checker.named(place, checker.fill(place, named))
    if text is None:
        return None
    file = checker.folder / text
    if file.suffix.lower() != ".json":
        checker.complain(place, f"expected a file that ends with .json, got {text!r}")
        return None
    if not file.exists():
        writes = NextCommand("plan", ("--write", checker.shown(file)), checker.document.name)
        checker.complain(place, f"the file {text!r} does not exist", f"`{writes}` writes it")
        return None
    if checker.file(place, named) is None:
        return None
    plan, problems = plan_in(file, manifest.noun)
    for problem in problems:
        checker.note(problem)
    return None if plan is None or not plan.batches else (file, plan)


def plan_in(file: Path, noun: str) -> tuple[BatchPlan | None, list[Problem]]:
    """The plan in a file, and all that is wrong with it, each at file:line:column."""
    try:
        text = read_text(file, most_bytes=_MOST_BYTES)
    except TextError as error:
        return None, [error.at(shown(file))]
    try:
        value = document_of(text)
    except RefusedError as error:
        place = () if error.offset is None else place_of(text, error.offset)
        return None, [Problem(":".join([shown(file), *map(str, place)]), str(error))]
    plan, flaws = read_plan(value, noun)
    return plan, placed(file, flaws)


def placed(file: Path, flaws: list[Flaw]) -> list[Problem]:
    """Flaws as problems, at their places in a file that is JSON, in the order of the file."""
    if not flaws:
        return []
    text = read_text(file, most_bytes=_MOST_BYTES)
    offsets = {spot.path: spot.offset for spot in spots(text) if not spot.is_key}
    found = sorted((_offset(offsets, flaw.path), number, flaw) for number, flaw in enumerate(flaws))
    return [
        Problem(":".join([shown(file), *map(str, place_of(text, offset))]), f"{_name(flaw)}{flaw}")
        for offset, _, flaw in found
    ]


def _offset(offsets: dict[tuple[str | int, ...], int], path: tuple[str | int, ...]) -> int:
    """Of the value, or of the nearest one around it that is there."""
    while path and path not in offsets:
        path = path[:-1]
    return offsets.get(path, 0)


def _name(flaw: Flaw) -> str:
    names = [step for step in flaw.path if isinstance(step, str)]
    return f"{names[-1]}: " if names else ""


def tighter(rate: Rate | None, other: Rate | None) -> Rate | None:
    """The one that lets fewer sessions start."""
    rates = [each for each in (rate, other) if each is not None]
    return min(rates, key=lambda each: each.starts / each.per.total_seconds(), default=None)


def at_pace(bounds: Bounds, plan: BatchPlan | None) -> Bounds:
    """The bounds, with the plan's rate where that is tighter."""
    return replace(bounds, rate=tighter(bounds.rate, plan.pace.rate)) if plan is not None else bounds


def _named(manifest: Manifest) -> tuple[ValuePath, str | None]:
    """The plan of the first phase: its own, or the job's."""
    for name, phase in list(manifest.phases.items())[:1]:
        if phase.batch is not None:
            return ("phases", name, "batch", "plan"), phase.batch.plan
    return ("batch", "plan"), manifest.batch.plan
