"""From job.yaml to Job: everything that is wrong is told at once, each with its line and column."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.base.errors import Problem, UsageError
from harness.base.instances import VAR, state_folder
from harness.evaluation.bounded import Bounded
from harness.evaluation.check_sandbox import Allowed
from harness.job.batch_plan import BatchPlan
from harness.job.bounds import Bounds, JobCaps, parse_deadline, parse_rate, parse_share, parse_window
from harness.job.cells import NOTHING, is_cell, var_of
from harness.job.checker import ManifestChecker
from harness.job.document import Document, read_document
from harness.job.instance_settings import (
    check_instance,
    kept_settings,
    name_of_instance,
    refuse_no_name,
    targets_of_others,
)
from harness.job.items import resolve_items
from harness.job.job import EXACT_ID, PLACEHOLDERS, CellRead, ItemsSpec, Job, PhaseSpec
from harness.job.keys import resolve_keys
from harness.job.manifest import Manifest
from harness.job.outputs import has_function
from harness.job.phases import resolve_phases
from harness.job.plan_file import at_pace, resolve_plan
from harness.job.pydantic_errors import problem_of
from harness.job.reuse_sources import resolve_reuse
from harness.job.sample_records import resolve_samples
from harness.job.sessions import files_of, resolve_helper
from harness.job.write_back import with_write_backs
from harness.job.yaml_text import ValuePath


class ManifestError(UsageError):
    """All problems of a manifest; `job` when its items can be read in spite of them, to tell what is wrong there, too.

    It is for nothing else: other parts of it are what the problems are about.
    """

    def __init__(self, problems: Sequence[Problem], job: Job | None) -> None:
        super().__init__(problems)
        self.job = job


def load(
    path: Path,
    *,
    settings: Sequence[str] = (),
    rehearsal: bool = False,
    without_plan: bool = False,
    instance: str | None = None,
) -> Job:
    """The job that the manifest at `path` asks for, with `settings` such as `vars.seeds=100` laid over it; `instance`
    is the name of one of several jobs that it is the manifest of.

    Reads the manifest and the files that it names, but no items; `without_plan` leaves its batch plan unread, which is
    then about to be written. ManifestError carries all problems, in the order of the manifest's lines; nothing is
    written.
    """
    refuse_no_name(instance)
    problems: list[Problem] = []
    document = read_document(path, settings, problems)
    if document is None:
        raise UsageError(problems)
    manifest, silenced = _validated(document, problems)
    job, can_be_read = None, False
    if manifest is not None:
        bounded = Bounded()
        try:
            folder = path.absolute().parent.resolve()
            checker = ManifestChecker(document, folder, bounded, silenced, problems, instance=instance)
            kept = kept_settings(settings, instance)
            job = _resolved(checker, manifest, folder / path.name, kept, rehearsal=rehearsal, without_plan=without_plan)
            can_be_read = checker.is_fine("items", "vars")
        finally:
            bounded.close()
    if problems:
        found = sorted(problems, key=lambda problem: _reading_order(problem, document.name))
        raise ManifestError(found, job if can_be_read else None)
    assert job is not None
    return job


def _validated(document: Document, problems: list[Problem]) -> tuple[Manifest | None, list[ValuePath]]:
    """The manifest, and the places that are not to be complained about again.

    What cannot be read is left out of a second look (a misspelt key is taken for the one that was meant), so that the
    rest can still be resolved. None when even that says nothing.
    """
    silenced = _complain_about_nothing(document, problems)
    value = _without(document.value, silenced)
    for _ in range(3):
        try:
            return Manifest.model_validate(value), silenced
        except ValidationError as error:
            found = [problem_of(details, document) for details in error.errors(include_url=False)]
        problems += [each.problem for each in found if each.problem not in problems]
        silenced += [each.path for each in found]
        silenced += [each.meant for each in found if each.meant and _take_for(value, each.path, each.meant)]
        value = _without(value, [each.path for each in found])
    return None, silenced


def _take_for(value: Any, path: ValuePath, meant: ValuePath) -> bool:
    """Put what stands at `path` also where it was meant, unless something stands there already."""
    holder = value
    for step in path[:-1]:
        holder = holder[step]
    misplaced = holder[path[-1]]
    for step in meant[len(path) - 1 : -1]:
        holder = holder.setdefault(step, {})
    if not isinstance(holder, dict) or meant[-1] in holder:
        return False
    holder[meant[-1]] = misplaced
    return True


def _complain_about_nothing(document: Document, problems: list[Problem]) -> list[ValuePath]:
    """A key with nothing behind it is a slip: it would quietly mean the default, or no bound at all."""
    empty = [path for path in _nothings(document.value, ()) if path[:1] != ("vars",)]
    unread = {problem.where for problem in problems}  # it was complained about already
    for path in empty:
        if document.where(path) in unread:
            continue
        hint = "leave the key out for its default; the word none switches a bound off"
        key = ".".join(map(str, path))
        problems.append(Problem(document.where(path, of_key=True), f"{key}: nothing is written here", hint))
    return empty


def _nothings(value: Any, path: ValuePath) -> list[ValuePath]:
    if value is None:
        return [path]
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, part in parts for found in _nothings(part, (*path, key))]


def _without(value: Any, paths: Sequence[ValuePath]) -> Any:
    """A copy without what is at the paths; items of lists are taken out from the end, so that indexes hold."""
    value = copy.deepcopy(value)
    for path in sorted(set(paths), key=lambda path: [str(step).zfill(9) for step in path], reverse=True):
        holder = value
        try:
            for step in path[:-1]:
                holder = holder[step]
            del holder[path[-1]]
        except (KeyError, IndexError, TypeError):
            continue
    return value


def _reading_order(problem: Problem, manifest: str) -> tuple[bool, int, int]:
    """Problems of the manifest by line and column, then the others as they were found."""
    place = problem.where.removeprefix(f"{manifest}:").split(":")
    if problem.where.startswith(f"{manifest}:") and all(part.isdigit() for part in place):
        return False, int(place[0]), int(place[-1])
    return problem.where != manifest, 0, 0


def _resolved(
    checker: ManifestChecker,
    manifest: Manifest,
    path: Path,
    settings: tuple[str, ...],
    *,
    rehearsal: bool,
    without_plan: bool,
) -> Job:
    checker.vars = _vars(checker, manifest, path)
    if path.stem.endswith(".rehearsal"):
        message = f"a manifest cannot be called {path.name!r}: its state would be that of a rehearsal"
        checker.note(Problem(checker.document.name, message, "rename it"))
    state = state_folder(path, checker.instance, rehearsal=rehearsal)
    given = None if without_plan else resolve_plan(checker, manifest)
    plan = given[1] if given else None
    phases, items = _phases_and_items(checker, manifest, plan, state if rehearsal else None)
    budget, per_session = manifest.budget, manifest.budget_per_session
    written = manifest.job if manifest.job is not None else checker.folder.name or "job"
    return Job(
        name=name_of_instance(written, _name(checker, ("job",), written), checker.instance),
        noun=_name(checker, ("noun",), manifest.noun),
        manifest=path,
        folder=checker.folder,
        state=state,
        rehearsal=rehearsal,
        scene=_scene(checker, manifest),
        vars=checker.vars,
        items=items,
        phases=phases,
        strikes=manifest.strikes,
        parallel=_at_once(manifest, plan),
        budget=budget,
        budget_per_session=per_session if per_session is not None or budget is None else budget / 10,
        max_output=manifest.max_output,
        grace=manifest.grace,
        sandbox=manifest.sandbox,
        auth=manifest.auth,
        readable=_readable(checker, manifest, phases),
        pilot=manifest.pilot,
        bounds=at_pace(_bounds(manifest), plan),
        helper=resolve_helper(checker, manifest),
        reuse=resolve_reuse(checker, manifest, path, rehearsal=rehearsal),
        keys=resolve_keys(checker, manifest.keys),
        named=tuple(dict.fromkeys(checker.files)),
        strict=manifest.rehearsal.strict,
        samples=resolve_samples(checker, manifest.rehearsal, phases),
        plan=plan,
        plan_file=given[0] if given else None,
        cells=_once(checker.cells),
        instance=checker.instance,
        settings=settings,
        others=tuple(targets_of_others(checker, manifest, path, checker.instance)),
        scene_allow=_scene_allow(checker, manifest),
        old_words=checker.document.old_words,
    )


def _phases_and_items(
    checker: ManifestChecker, manifest: Manifest, plan: BatchPlan | None, rehearsed_in: Path | None
) -> tuple[tuple[PhaseSpec, ...], ItemsSpec]:
    """What is done, and on what; a rehearsal writes its files below `rehearsed_in`."""
    targets = _targets(checker.folder, rehearsed_in)
    phases = resolve_phases(checker, manifest, rehearsal=rehearsed_in is not None, target_of=targets, given=plan)
    _check_money(checker, manifest, is_real=rehearsed_in is None and any(p.session.asks_model for p in phases))
    items = resolve_items(checker, manifest)
    phases, items = with_write_backs(checker, manifest, phases, items, rehearsed_in)
    phases = tuple(_exactly(phase) for phase in phases) if items.exact else phases
    _check_paths(checker, manifest, phases, items.id)
    _check_targets(checker, manifest, phases, items)
    return phases, items


def _check_targets(checker: ManifestChecker, manifest: Manifest, phases: Sequence[PhaseSpec], items: ItemsSpec) -> None:
    """No phase merges into a file that is somebody else's."""
    for number, phase in enumerate(phases):
        if phase.output.merge is not None and phase.output.merge == checker.folder / "batch_progress.json":
            checker.complain(("output",), "batch_progress.json is written by harness itself; merge into another file")
        if phase.output.merge is not None and phase.output.merge in (items.file, items.match):
            place: ValuePath = ("phases", phase.name, "output", "merge") if manifest.phases else ("output", "merge")
            checker.complain(place, f"phase {number + 1} would overwrite a file that the items come from")


def _at_once(manifest: Manifest, plan: BatchPlan | None) -> int:
    """The smaller of the manifest's and the plan's."""
    return min(manifest.parallel, plan.pace.at_once or manifest.parallel) if plan else manifest.parallel


def _once(cells: Sequence[CellRead]) -> tuple[CellRead, ...]:
    """Phases may share a prompt; what a var holds need not be hashable."""
    return tuple({(cell.field, cell.place): cell for cell in cells}.values())


def _check_paths(checker: ManifestChecker, manifest: Manifest, phases: Sequence[PhaseSpec], id_: str) -> None:
    """Parts of paths are for items that are files; those of the folder, where the id is the whole path."""
    of_files: set[int] = set()
    for phase in phases:
        place: ValuePath = ("phases", phase.name, "output") if manifest.phases else ("output",)
        used = [name for name in PLACEHOLDERS[1:] if phase.output.shape == "files" and name in phase.output.file]
        if phase.rows is None and (phase.from_ in of_files if phase.from_ else manifest.items.files is not None):
            of_files.add(phase.number)
            if id_ != ".file" and (in_tree := [name for name in used if name in ("{relpath}", "{dir}")]):
                hint = "leave items.id out, or write {name}"
                checker.complain((*place, "file"), f"{in_tree[0]} is for items whose id is their path", hint)
        elif used:
            checker.complain((*place, "file"), f"{used[0]} is for items that are files (items.files); write {{id}}")


def _exactly(phase: PhaseSpec) -> PhaseSpec:
    return replace(phase, exact=True, output=replace(phase.output, file=phase.output.file.replace("{id}", EXACT_ID)))


def _bounds(manifest: Manifest) -> Bounds:
    caps = manifest.caps
    return Bounds(
        rate=parse_rate(manifest.rate) if manifest.rate else None,
        window=parse_window(manifest.window) if manifest.window else None,
        deadline=parse_deadline(manifest.deadline) if manifest.deadline else None,
        stop_at=parse_share(manifest.stop_at) if manifest.stop_at else None,
        overage=manifest.overage,
        caps=JobCaps(caps.sessions, caps.turns, caps.tokens),
    )


def _vars(checker: ManifestChecker, manifest: Manifest, path: Path) -> dict[str, Any]:
    for name in manifest.vars:
        if not name.isascii() or not name.isidentifier():
            message = f"{name!r} cannot name a var; expected letters, digits and _, as in {{{{ vars.course }}}}"
            checker.complain(("vars", name), message, of_key=True)
    checker.vars = {name: value for name, value in manifest.vars.items() if not is_cell(value)}
    if checker.instance is not None:
        check_instance(checker, manifest, path, checker.instance)
        checker.vars[VAR] = checker.instance
    found = {name: var_of(checker, ("vars", name), value) for name, value in manifest.vars.items() if is_cell(value)}
    read = {
        name: "" if (value := found.get(name, written)) is NOTHING else value for name, written in manifest.vars.items()
    }
    return read if checker.instance is None else {**read, VAR: checker.instance}


def _name(checker: ManifestChecker, path: ValuePath, text: str) -> str:
    filled = checker.fill(path, text).strip()
    if not filled or len(filled) > 200 or not all(map(str.isprintable, filled)):
        checker.complain(path, f"expected one line of at most 200 characters, got {filled[:80]!r}")
    return filled


def _targets(folder: Path, state: Path | None) -> Callable[[Path], Path]:
    """Where a merged file goes: where the manifest says, or below `output` of the state folder of a rehearsal."""

    def target_of(merge: Path) -> Path:
        if state is None:
            return merge
        below = merge.relative_to(folder) if merge.is_relative_to(folder) else Path("outside", *merge.parts[1:])
        return state / below if below.parts[0] == "output" and len(below.parts) > 1 else state / "output" / below

    return target_of


def _check_money(checker: ManifestChecker, manifest: Manifest, *, is_real: bool) -> None:
    if is_real and "budget" not in manifest.model_fields_set:
        hint = "write an amount such as budget: $40, or budget: none"
        checker.complain(("budget",), "missing: a real run needs a budget", hint)
    has_cap = "budget_per_session" not in manifest.model_fields_set or manifest.budget_per_session is not None
    if manifest.budget is not None and not has_cap:
        checker.complain(("budget_per_session",), "a budget needs a bound for each session; write an amount")


def _scene(checker: ManifestChecker, manifest: Manifest) -> Path | None:
    place = ("rehearsal", "scene")
    if manifest.rehearsal.scene is None:
        return None
    file = checker.file(place, manifest.rehearsal.scene)
    return file if file is not None and has_function(checker, place, file, "scene", ("ask",)) else None


def _scene_allow(checker: ManifestChecker, manifest: Manifest) -> Allowed:
    if manifest.rehearsal.allow and manifest.rehearsal.scene is None:
        checker.complain(("rehearsal", "allow"), "has an effect only together with a scene", of_key=True)
    return frozenset(manifest.rehearsal.allow)


def _readable(checker: ManifestChecker, manifest: Manifest, phases: Sequence[Any]) -> tuple[Path, ...]:
    """Files that `command`, the checks and the instructions name, once each."""
    paths: list[Path] = []
    for phase in phases:
        paths += files_of(checker, phase.session.command)
        for check in phase.output.checks:
            paths += [check.python[0]] if check.python else []
            paths += files_of(checker, check.command or ())
    sessions = [manifest.session, *(phase.session for phase in manifest.phases.values() if phase.session)]
    for session in sessions:
        names = [name for name in session.instructions if isinstance(name, str)]
        paths += [checker.folder / checker.fill_known(name) for name in names]
    return tuple(dict.fromkeys(paths))
