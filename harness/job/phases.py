"""The phases of a job: which comes from which, with what sessions and outputs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.base.spelling import nearest
from harness.job.batch_plan import BatchPlan
from harness.job.chain import batch_size_of, join_of, plan_of
from harness.job.checker import ManifestChecker
from harness.job.job import OutputSpec, PhaseSpec
from harness.job.known_members import with_known_by_later
from harness.job.manifest import DerivedItems, Manifest, Output, Phase
from harness.job.outputs import resolve_output
from harness.job.select_rules import resolve_select
from harness.job.sessions import (
    Layered,
    Level,
    complain_about_misplaced,
    complain_about_rehearsal,
    lay,
    resolve_session,
)
from harness.job.yaml_text import ValuePath

ONLY_PHASE = "main"
"""The name of the one phase of a job without `phases`."""


@dataclass(frozen=True, slots=True)
class _WrittenPhase:
    """One phase as written: `place` is where its fields stand, () for a job of one phase."""

    name: str
    place: ValuePath
    phase: Phase
    has_output: bool


def resolve_phases(
    checker: ManifestChecker,
    manifest: Manifest,
    *,
    rehearsal: bool,
    target_of: Callable[[Path], Path],
    given: BatchPlan | None = None,
) -> tuple[PhaseSpec, ...]:
    """Every phase in the order of the manifest, with all that is wrong noted at the checker.

    `given`: the batch plan of the job's items, where it names one.
    """
    written = _written(checker, manifest)
    _check_order(checker, written)
    real = {phase.name: lay(_levels(manifest, phase)) for phase in written}
    rehearsed = {phase.name: lay([*_levels(manifest, phase), _rehearsal_level(manifest)]) for phase in written}
    complain_about_misplaced(checker, tuple(real.values()))
    specs = []
    for number, phase in enumerate(written, 1):
        complain_about_rehearsal(checker, real[phase.name], rehearsed[phase.name], rehearsal)
        layered = rehearsed[phase.name] if rehearsal else real[phase.name]
        size = batch_size_of(manifest, phase.phase, number, given)
        specs.append(
            _phase(checker, manifest, written, number, (layered, size), rehearsal=rehearsal, target_of=target_of)
        )
    _check_merges(checker, written, specs)
    return with_known_by_later(checker, specs)


def _written(checker: ManifestChecker, manifest: Manifest) -> list[_WrittenPhase]:
    if not manifest.phases:
        if manifest.output is None:
            checker.complain(
                ("output",), "missing: what must a session leave behind?", "for instance output: {key: .id}"
            )
        phase = Phase(output=manifest.output or Output())
        return [_WrittenPhase(ONLY_PHASE, (), phase, manifest.output is not None)]
    if manifest.output is not None:
        checker.complain(("output",), "is for a job of one phase; with phases each has its own", of_key=True)
    written = []
    for name, phase in manifest.phases.items():
        place = ("phases", name)
        has_output = "output" in phase.model_fields_set
        if not has_output:
            checker.complain((*place, "output"), "missing: what must a session leave behind?", of_key=True)
        written.append(_WrittenPhase(name, place, phase, has_output))
    return written


def _levels(manifest: Manifest, phase: _WrittenPhase) -> list[Level]:
    job: Level = (("session",), manifest.session)
    return [job, ((*phase.place, "session"), phase.phase.session)] if phase.place else [job]


def _rehearsal_level(manifest: Manifest) -> Level:
    return ("rehearsal", "session"), manifest.rehearsal.session


def _phase(
    checker: ManifestChecker,
    manifest: Manifest,
    written: list[_WrittenPhase],
    number: int,
    session: tuple[Layered, int],
    *,
    rehearsal: bool,
    target_of: Callable[[Path], Path],
) -> PhaseSpec:
    """`session`: what is written of it, and how many items it has at most."""
    layered, batch_size = session
    name, place, phase = written[number - 1].name, written[number - 1].place, written[number - 1].phase
    made = phase.items
    if made is not None:
        checker.jq((*place, "items", "rows"), made.rows)
        checker.plain_path((*place, "items", "id"), made.id)
    plan = plan_of(checker, place, phase) if number > 1 else None
    names = [other.name for other in written]
    spec = PhaseSpec(
        number=number,
        name=name,
        noun=_noun(manifest, written, name),
        from_=names.index(phase.from_) + 1 if phase.from_ in names else None,
        needs=phase.needs,
        rows=made.rows if made else None,
        id=made.id if made else None,
        batch_size=batch_size,
        session=resolve_session(
            checker, layered, batch_size, rehearsal=rehearsal, by_rules=manifest.sandbox == "permissions"
        ),
        output=_output(checker, written[number - 1], batch_size, target_of),
        most=(made or DerivedItems(rows="")).most,
        join=join_of(checker, manifest, (*place, "items"), made),
        takes_all=made is None or made.left_out == "refuse",
        plan=plan,
        select=resolve_select(checker, (*place, "items", "select"), made.select) if made else None,
    )
    _check_evidence(checker, written[number - 1].place, spec)
    return spec


def _check_evidence(checker: ManifestChecker, place: ValuePath, spec: PhaseSpec) -> None:
    """Only a Claude session that may fetch pages can have any."""
    if not spec.output.evidence:
        return
    if not spec.session.asks_model:
        hint = "test the records of a program with output.check"
        checker.complain((*place, "output", "evidence"), "is read in the stream of a session of backend: claude", hint)
    elif "WebFetch" not in spec.session.tools:
        tools = f"[{', '.join([*spec.session.tools, 'WebFetch'])}]"
        message = "no session can fetch pages: WebFetch is not one of its tools"
        checker.complain((*place, "output", "evidence"), message, f"write session.tools: {tools}")


def _output(
    checker: ManifestChecker, written: _WrittenPhase, batch_size: int, target_of: Callable[[Path], Path]
) -> OutputSpec:
    return resolve_output(checker, (*written.place, "output"), written.phase.output, batch_size, target_of)


def _noun(manifest: Manifest, written: list[_WrittenPhase], name: str) -> str:
    """What an item of the phase is called: as in the nearest phase above that makes its own."""
    by_name = {phase.name: phase.phase for phase in written}
    seen: set[str] = set()
    at: str | None = name
    while at in by_name and at not in seen:
        seen.add(at)
        made = by_name[at].items
        if made is not None:
            return made.noun or "item"
        at = by_name[at].from_
    return manifest.noun


def _check_order(checker: ManifestChecker, written: list[_WrittenPhase]) -> None:
    """Every phase comes from an earlier one, but the first; no cycles."""
    names = [phase.name for phase in written]
    origins = {phase.name: phase.phase.from_ for phase in written}
    in_cycle = _check_cycles(checker, written, origins)
    for number, each in enumerate(written):
        place, phase = each.place, each.phase
        if phase.from_ is None:
            if number > 0:
                hint = f"write from: {names[number - 1]}, or move the first phase to the front"
                checker.complain((*place, "from"), "missing: only the first phase has none", hint, of_key=True)
            if phase.items is not None:
                checker.complain(
                    (*place, "items"),
                    "needs `from`; the first phase takes the items of the job",
                    of_key=True,
                )
            if phase.needs == "earlier":
                checker.complain((*place, "needs"), "`earlier` needs `from`, which this phase does not have")
        elif phase.from_ not in names:
            checker.complain((*place, "from"), f"unknown phase {phase.from_!r}{nearest(phase.from_, names)}")
        elif each.name not in in_cycle and names.index(phase.from_) >= number:
            checker.complain((*place, "from"), f"phase {phase.from_!r} comes later; write it above {each.name!r}")
    if written and written[0].phase.from_ is not None and not in_cycle and written[0].phase.from_ not in names[1:]:
        checker.complain((*written[0].place, "from"), "the first phase cannot have one")


def _check_cycles(
    checker: ManifestChecker, written: list[_WrittenPhase], origins: Mapping[str, str | None]
) -> set[str]:
    """The names of all phases that lie on a cycle; each cycle is told once, at its first phase."""
    in_cycle: set[str] = set()
    for each in written:
        trail = [each.name]
        while (origin := origins.get(trail[-1])) is not None and origin not in trail:
            trail.append(origin)
        if origin == each.name and each.name not in in_cycle:
            in_cycle.update(trail)
            circle = " -> ".join([*trail, each.name])
            checker.complain((*each.place, "from"), f"the phases go round in a circle: {circle}")
    return in_cycle


def _check_merges(checker: ManifestChecker, written: list[_WrittenPhase], specs: list[PhaseSpec]) -> None:
    taken: dict[str, str] = {}
    for each, spec in zip(written, specs, strict=True):
        if spec.output.merge is None:
            continue
        target = str(spec.output.merge).casefold()
        place = (*each.place, "output", "merge")
        for other, name in taken.items():
            if target == other:
                checker.complain(place, f"phase {name!r} merges into the same file")
            elif target.startswith(f"{other}/") or other.startswith(f"{target}/"):
                checker.complain(place, f"phase {name!r} merges into a folder around or below this")
        taken[target] = spec.name
