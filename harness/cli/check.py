"""Commands that look before anything runs: check, plan, schema."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from harness.cli.options import (
    DEFAULT_MANIFEST,
    As,
    AsJson,
    Manifest,
    OfRehearsal,
    Place,
    Settings,
    Trust,
    again_at,
    expanded,
)
from harness.cli.output import print_json, print_lines, say

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Sequence

    from harness.api import Plan
    from harness.core.types import Item
    from harness.core.work import Rendered
    from harness.doctor.examination import Finding
    from harness.job.job import Job
    from harness.planning.queue import Planned

_BROKEN_SETUP = 4


def check(
    manifest: Manifest = DEFAULT_MANIFEST,
    settings: Settings = None,
    instance: As = None,
    rehearsal: OfRehearsal = False,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="SECTION", help="keys, machine or plan; repeatable. Default: all three."),
    ] = None,
    live: Annotated[
        bool,
        typer.Option("--live", help="Also run one session of the cheapest model, for at most $0.05; asks first."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --live: do not ask for confirmation.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check that the job is ready: manifest, plan and cost, machine, keys. Starts nothing.

    Exit code 0: ready. 2: fix the manifest or the items. 4: fix the machine, a key or a check.
    """
    import asyncio

    from harness import api
    from harness.base.errors import UsageError
    from harness.doctor import readiness
    from harness.planning.preconditions import Again, loaded

    place = Place(manifest, rehearsal, instance)
    sections = _sections(only)
    job = loaded(lambda: place.load(settings)) if "plan" in sections else place.load(settings)
    if live:
        _must_be_allowed(place, job, settings, yes=yes)
    told: dict[str, Any] = {}
    refused: UsageError | None = None
    found: dict[str, list[Finding]] = {}
    if "plan" in sections:
        try:
            again = Again(launch=again_at(place, list(settings or ())))
            planned = asyncio.run(api.plan(job, again=again, in_full=True))
            told = _plan_section(job, planned, as_json=as_json)
            found["checks"] = list(_checks(job, planned.selection.chosen))
        except UsageError as error:
            refused = error
    looks = {"machine": readiness.machine, "keys": readiness.keys}
    for section in [each for each in looks if each in sections]:
        found[section] = _found(looks[section](job))
    broken = readiness.to_mend([each for findings in found.values() for each in findings])
    if live and not broken and refused is None:
        found["live"] = [_live(job)]
        broken = readiness.to_mend(found["live"])
    if as_json:
        findings = {name: readiness.as_json(each) for name, each in found.items()}
        print_json({"schema_version": 1, **told, **findings, "ready": refused is None and not broken})
    else:
        print_lines(line for findings in found.values() for each in findings for line in each.lines())
    if refused is not None:
        raise refused
    _say_whether_ready(manifest, sections if only else (), [each.what for each in broken])


def _say_whether_ready(manifest: Path, sections: "Sequence[str]", broken: "Sequence[str]") -> None:
    from harness.views.wording import clean, counted

    if broken:
        say(f"not ready: {counted(len(broken), 'problem')} to fix ({', '.join(broken)})")
        raise typer.Exit(_BROKEN_SETUP)
    part = f": {', '.join(sections)}" if sections else ""
    say(f"{clean(str(manifest))} is ready{part}")


def _checks(job: "Job", items: "Sequence[Item]") -> "Iterator[Finding]":
    """The checks of each phase, tried as `launch --dry-run` tries them; programs only where the folder is trusted."""
    import asyncio

    from harness import api
    from harness.cli.dry_run_text import tried_in_words
    from harness.cli.trust import is_trusted
    from harness.doctor.examination import Finding
    from harness.views.wording import clean

    each = [check for phase in job.phases for check in phase.output.checks]
    if any(check.python or check.command for check in each) and not is_trusted(job):
        cure = "`harness launch --dry-run` asks, then tries them"
        yield Finding("checks", "note", "not tried: the programs in this folder are not trusted yet", cure)
    elif each:
        for tried in asyncio.run(api.try_checks(job, items)):
            yield Finding(
                "checks", "broken" if tried.broken else "ok", f"{clean(tried.phase)}: {tried_in_words(tried)}"
            )


def _found(look: "Coroutine[Any, Any, list[Finding]]") -> "list[Finding]":
    import asyncio

    return asyncio.run(look)


def _live(job: "Job") -> "Finding":
    from harness.cli.run_to_end import run_to_end
    from harness.doctor.live_check import live

    return live(job, run_to_end)


def _sections(only: list[str] | None) -> "Sequence[str]":
    from harness.base.errors import Problem, UsageError
    from harness.doctor.readiness import SECTIONS

    if unknown := [name for name in only or () if name not in SECTIONS]:
        expected = f"expected one of {', '.join(SECTIONS)}"
        raise UsageError([Problem("--only", f"unknown section {name!r}; {expected}") for name in unknown])
    return [name for name in SECTIONS if not only or name in only]


def _must_be_allowed(place: Place, job: "Job", settings: "Sequence[str] | None", *, yes: bool) -> None:
    """A session costs money, however little; and a helper that prints the key is a program of the folder."""
    import sys

    from harness.base.errors import Problem, UsageError
    from harness.cli.trust import must_be_trusted

    if job.rehearsal or job.is_free():
        return
    if job.helper is not None:
        must_be_trusted(job, settings or (), place.command("check", "--live"), trust=False)
    if yes:
        return
    if not sys.stdin.isatty():
        problem = "one session of the cheapest model costs up to $0.05; stdin is not a terminal"
        raise UsageError([Problem("--live", problem, "`harness check --live --yes` runs it without asking")])
    if not typer.confirm("Run one session of the cheapest model, for at most $0.05?", err=True):
        raise typer.Exit(0)


def _plan_section(job: "Job", planned: "Plan", *, as_json: bool) -> "dict[str, Any]":
    """What would run, printed unless it is for programs. UsageError for what a launch would refuse."""
    from harness.base.errors import UsageError
    from harness.cli.outline import outline, outline_as_json
    from harness.job.change import JobChanged
    from harness.job.synthetic import refuse_synthetic
    from harness.planning.preconditions import problems_of
    from harness.views.wording import clean

    problems = list(planned.problems)
    if any(not isinstance(problem, JobChanged) for problem in problems):
        raise UsageError(problems)
    problems += problems_of(lambda: refuse_synthetic(job))
    for warning in planned.warnings:
        say(f"warning: {clean(warning)}")
    if not as_json:
        print_lines(outline(job, planned.selection, datetime.now(UTC)))
    if problems:
        raise UsageError(problems)
    return outline_as_json(job, planned.selection, planned.warnings)


def plan(
    manifest: Manifest = DEFAULT_MANIFEST,
    settings: Settings = None,
    instance: As = None,
    rehearsal: OfRehearsal = False,
    prompt: Annotated[bool, typer.Option("--prompt", help="Print the prompt of the next session.")] = False,
    phase: Annotated[
        str, typer.Option("--phase", metavar="NAME", help="With --prompt: for a later phase, with synthetic records.")
    ] = "",
    add: Annotated[bool, typer.Option("--add", help="Include what `launch --add` would plan.")] = False,
    mounts: Annotated[bool, typer.Option("--mounts", help="Print the files that sessions can see.")] = False,
    write: Annotated[
        Path | None,
        typer.Option(
            "--write", metavar="FILE", help="Write a batch plan for `batch: {plan: FILE}`.", callback=expanded
        ),
    ] = None,
    by: Annotated[
        str, typer.Option("--by", metavar="rules|model", help="With --write: how batches are composed.")
    ] = "rules",
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="With --by model: the model; default: the job's.")
    ] = None,
    trust: Trust = False,
    as_json: AsJson = False,
) -> None:
    """Show what would run, why, and what it may cost. Starts nothing, except with `--by model`."""
    import asyncio

    from harness import api
    from harness.cli.plan_text import plan_as_json, refusals
    from harness.planning.preconditions import Again, loaded

    place = Place(manifest, rehearsal, instance)
    if write is not None or by != "rules" or model:
        _write_plan(place, settings, write, _Composer(by, model, trust))
        return
    job = loaded(lambda: place.load(settings))
    if mounts:
        _print_mounts(job, as_json=as_json)
        return
    planned = asyncio.run(api.plan(job, again=Again(add=add, launch=again_at(place, settings))))
    for line in refusals(job, planned):
        say(line)
    items = planned.selection.chosen
    if prompt or phase:
        told = _prompt_of(job, items, phase)
        if phase and phase != job.phases[0].name:
            say("its records are synthetic, derived from the earlier phases; real prompts are kept in attempts/")
        _print_prompt(told)
        return
    if as_json:
        print_json(plan_as_json(job, planned.groups))
    else:
        _print_plan(job, items, planned.groups)


def _print_plan(job: "Job", items: "Sequence[Item]", groups: "Sequence[Planned]") -> None:
    from harness.cli.outline import cell_lines, gate_line, money_line, not_in_lines, pilot_line
    from harness.cli.plan_text import plan_lines
    from harness.planning.earlier_outputs import unmatched_patterns
    from harness.planning.queue import pilot_to_come
    from harness.views.wording import clean

    for warning in unmatched_patterns(job):
        say(f"warning: {clean(warning)}")
    print_lines([*plan_lines(job, groups), f"  {money_line(job)}"])
    print_lines(f"  cell: {line}" for line in cell_lines(job))
    print_lines(f"  select: {line}" for line in not_in_lines(job))
    if ahead := pilot_to_come(job, items):
        print_lines([f"  pilot: {pilot_line(ahead)}"])
    if gate := gate_line(job.gate, datetime.now(UTC)):
        print_lines([f"  gate: {gate}"])


class _Composer(NamedTuple):
    """Who composes a plan."""

    by: str
    model: str | None
    trust: bool


def _write_plan(place: Place, settings: Settings, file: Path | None, composer: _Composer) -> None:
    from harness.cli.plan_write import composed, pace_line, refuse_writing, write_plan
    from harness.planning.selections import read_items

    file = refuse_writing(file, composer.by, composer.model)
    job = place.load(settings, without_plan=True)
    items = read_items(job).items
    plan, said = composed(job, items), [pace_line(job)]
    if composer.by == "model":
        from harness.cli.plan_by_model import compose_by_model, said_of, with_origin

        came = compose_by_model(place, job, items, composer.model, trust=composer.trust)
        plan, said = with_origin(plan, came), said_of(came)
    for line in [*write_plan(file, plan, job.noun), *said]:
        say(line)


def _print_mounts(job: "Job", *, as_json: bool) -> None:
    from harness.cli.mounts import mount_lines, mounts_as_json, seen_by_phase

    says, seen = seen_by_phase(job)
    if as_json:
        print_json(mounts_as_json(job, says, seen))
    else:
        print_lines(mount_lines(job, says, seen))


def _prompt_of(job: "Job", items: "Sequence[Item]", phase: str) -> "Rendered | None":
    from harness.executors.containment import choose, work_path
    from harness.planning.prompt_preview import prompt_of

    return prompt_of(job, items, phase, lambda folder: work_path(choose(job), job, folder))


def _print_prompt(told: "Rendered | None") -> None:
    from harness.views.wording import clean_lines

    if told is None:
        say("nothing is ready to run")
        return
    if told.instructions:
        say("--- standing instructions, the same in every session of the phase ---")
        print_lines([clean_lines(told.instructions)])
        say("--- prompt ---")
    print_lines([clean_lines(told.prompt)])


def schema() -> None:
    """Print the JSON Schema of the manifest, for editors."""
    from harness.job.schema import manifest_schema

    print_json(manifest_schema())
