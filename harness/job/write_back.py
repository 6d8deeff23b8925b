"""Where statuses and results are written in a workbook, resolved: which one, which rows and columns, and the copy."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from harness.base.job_home import HARNESS
from harness.base.paths import steps_of
from harness.base.spelling import nearest
from harness.base.workbook import SUFFIXES
from harness.job.cell_words import WriteBack
from harness.job.checker import ManifestChecker
from harness.job.items import BY_ROW
from harness.job.job import ItemsSpec, PhaseSpec, WriteBackSpec
from harness.job.manifest import Manifest, Output
from harness.job.outputs import OF_A_FILE
from harness.job.yaml_text import ValuePath

OF_ITEMS: Final = ("state", "reason", "attempts", "id", "record")
"""What a column may take of an item; `.record.x` is the record's own member x, as `.x` is for any other name."""


def with_write_backs(
    checker: ManifestChecker,
    manifest: Manifest,
    phases: Sequence[PhaseSpec],
    items: ItemsSpec,
    rehearsal: Path | None,
) -> tuple[tuple[PhaseSpec, ...], ItemsSpec]:
    """The phases with what they write back, and the items without the columns that this is written into.

    `rehearsal`: the state folder of one, in which the copies go; the workbook itself is never written then.
    """
    found: list[PhaseSpec] = []
    for phase in phases:
        place: ValuePath = ("phases", phase.name, "output") if manifest.phases else ("output",)
        output = manifest.phases[phase.name].output if manifest.phases else manifest.output
        spec = None
        if output is not None and output.write_back is not None:
            spec = _resolved(checker, (*place, "write_back"), output, phase, _rows_of(phase, phases, items))
            _check_columns(checker, (*place, "write_back"), output, phase)
        if spec is not None:
            others = [each.output.write_back.to for each in found if each.output.write_back is not None]
            _check_target(checker, (*place, "write_back"), spec, [*_merges(phases), *others])
            if rehearsal is not None:
                name = f"{spec.to.stem}.results{spec.to.suffix}" if spec.in_place else spec.to.name
                spec = replace(spec, to=rehearsal / "output" / name, in_place=False)
        found.append(replace(phase, output=replace(phase.output, write_back=spec)))
    specs = [phase.output.write_back for phase in found if phase.output.write_back is not None]
    joined = [replace(phase, join=_without(phase.join, specs)) if phase.join else phase for phase in found]
    return tuple(joined), _without(items, specs)


def _rows_of(phase: PhaseSpec, phases: Sequence[PhaseSpec], items: ItemsSpec) -> ItemsSpec:
    """The source that the items of a phase are rows of: the nearest one that is joined, or that of the job."""
    at: PhaseSpec | None = phase
    while at is not None:
        if at.join is not None:
            return at.join
        at = phases[at.from_ - 1] if at.from_ and at.from_ < at.number else None
    return items


def _without(items: ItemsSpec, specs: Sequence[WriteBackSpec]) -> ItemsSpec:
    return replace(items, without=frozenset(name for spec in specs if _is_of(spec, items) for name in spec.columns))


def _resolved(
    checker: ManifestChecker, place: ValuePath, output: Output, phase: PhaseSpec, items: ItemsSpec
) -> WriteBackSpec | None:
    written = output.write_back
    assert written is not None
    is_book = items.file is not None and items.file.suffix.lower() in SUFFIXES
    source = items.file if is_book else None
    if written.xlsx is not None:
        source = checker.file((*place, "xlsx"), written.xlsx)
        if source is not None and source.suffix.lower() not in SUFFIXES:
            checker.complain((*place, "xlsx"), f"expected a file that ends with {' or '.join(SUFFIXES)}")
            return None
    elif source is None and (items.file or items.files):  # else what the items come from was complained about
        checker.complain((*place, "xlsx"), "missing: which workbook? The items come from none", of_key=True)
    if source is None:
        return None
    is_same = is_book and source == items.file
    if written.id is not None:
        checker.plain_path((*place, "id"), written.id)
    elif not is_same and items.id == BY_ROW:
        checker.complain((*place, "id"), "missing: which column has the id of an item?", of_key=True)
    if is_same and items.columns:
        checker.complain(place, "is for a sheet with a header, and items: columns says that it has none")
    key = written.id or items.id
    if key == BY_ROW and items.rows.strip() != ".[]":
        hint = "name the field that identifies a row: items: {id: .name}"
        checker.complain(place, "rows that jq has chosen cannot be found by their numbers", hint)
    to = _target(checker, place, written, source, phase.output.merge)
    return WriteBackSpec(
        source=source,
        sheet=written.sheet or (items.sheet if is_same else None),
        header=written.header or (items.header if is_same else None),
        key=key,
        columns=dict(written.columns),
        to=source if written.in_place else to,
        in_place=written.in_place,
        match=items.match if is_same else None,
    )


def _target(checker: ManifestChecker, place: ValuePath, written: WriteBack, source: Path, merge: Path | None) -> Path:
    if written.to is None:
        beside = merge.parent if merge is not None else source.parent
        return checker.written("", beside / f"{source.stem}.results{source.suffix}")
    if written.in_place:
        message = "is for a copy, and in_place: true writes into the workbook itself"
        checker.complain((*place, "to"), message, "leave one of them out", of_key=True)
    text = checker.fill((*place, "to"), written.to)
    named = checker.named((*place, "to"), text)
    target = checker.written(written.to, Path(checker.folder, named or "results.xlsx"))
    if target.suffix.lower() != source.suffix.lower():
        message = f"expected a name that ends with {source.suffix}, as the workbook does, got {text!r}"
        checker.complain((*place, "to"), message)
    return Path(target.parent.resolve(), target.name)


def _check_target(checker: ManifestChecker, place: ValuePath, spec: WriteBackSpec, others: Sequence[Path]) -> None:
    where = (*place, "to") if checker.document.has((*place, "to")) else place
    if spec.in_place:
        if spec.source in others:
            checker.complain(where, "another phase writes into the same workbook")
    elif spec.to == spec.source or (spec.to.exists() and spec.to.samefile(spec.source)):
        hint = "name another file, or write in_place: true"
        checker.complain(where, "is the workbook itself, which is only changed when that is typed out", hint)
    elif any(spec.to == other or spec.to.is_relative_to(other) for other in others):
        checker.complain(where, f"{spec.to.name!r} is where something else is merged or written")
    elif HARNESS in spec.to.parts and checker.document.has((*place, "to")):
        checker.complain(where, "the folder .harness is the harness's own; choose another place")


def _merges(phases: Sequence[PhaseSpec]) -> list[Path]:
    return [phase.output.merge for phase in phases if phase.output.merge is not None]


def _check_columns(checker: ManifestChecker, place: ValuePath, output: Output, phase: PhaseSpec) -> None:
    """Names of columns, and paths that lead to something that a record may have."""
    assert output.write_back is not None
    columns = output.write_back.columns
    members = _members(output, phase)
    seen: set[str] = set()
    for name, path in columns.items():
        at = (*place, "columns", name)
        plain = " ".join(name.split())
        if not plain or plain != name or plain.casefold() in seen:
            checker.complain(
                at, "expected a different name for each column, without white space around it", of_key=True
            )
        seen.add(plain.casefold())
        checker.plain_path(at, path)
        if members is not None:
            _check_member(checker, at, path, members, is_file=output.shape == "files")
    if not columns:
        checker.complain((*place, "columns"), "expected a column such as Status: .state")
    steps = steps_of(output.write_back.id or "") or ()
    if steps and str(steps[0]) in columns:
        checker.complain((*place, "columns"), f"{steps[0]!r} is the column of the id, which is not written over")


def _members(output: Output, phase: PhaseSpec) -> frozenset[str] | None:
    """What a record has at its top; None where it may have anything."""
    if output.shape == "files":
        return OF_A_FILE - {"text"}  # which is there for checks only
    if output.fields is None or output.extra == "keep":
        return None
    return frozenset((*output.fields, *(str(step) for step in (steps_of(phase.output.key) or ())[:1])))


def _check_member(
    checker: ManifestChecker, at: ValuePath, path: str, members: frozenset[str], *, is_file: bool
) -> None:
    steps = steps_of(path) or ()
    of_record = steps[:1] == ("record",)
    known, name = (members, steps[1:2]) if of_record else ({*OF_ITEMS, *members}, steps[:1])
    if name and isinstance(name[0], str) and name[0] not in known:
        why = f"that of a file has {', '.join(sorted(members))}" if is_file else "`fields` does not name it"
        checker.complain(at, f"no record has {name[0]!r}: {why}{nearest(name[0], known)}")


def _is_of(spec: WriteBackSpec, items: ItemsSpec) -> bool:
    """Is this the sheet that the items come from? One that is not named may be."""
    if spec.source != items.file:
        return False
    names = [name.strip().casefold() for name in (spec.sheet, items.sheet) if name is not None]
    return len(set(names)) < 2
