"""Commands that run a job: launch, which also resumes, and rehearse."""

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.options import (
    DEFAULT_MANIFEST,
    Add,
    As,
    Batch,
    Changed,
    First,
    Keep,
    Manifest,
    Manifests,
    MostSessions,
    Only,
    Place,
    Plain,
    Reset,
    Settings,
    Trust,
    Until,
    UnusedRehearsal,
    again_at,
    words_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from harness.backends.credentials import Supply
    from harness.job.job import Job
    from harness.planning.choice import Choice
    from harness.planning.preconditions import Again
    from harness.supervisor.outcome import Finished
    from harness.supervisor.run_options import RunOptions


def launch(
    manifests: Manifests = None,
    settings: Settings = None,
    instance: As = None,
    first: First = None,
    only: Only = None,
    batch: Batch = None,
    until: Until = None,
    keep: Keep = False,
    add: Add = False,
    changed: Changed = False,
    reset: Reset = False,
    max_iterations: MostSessions = None,
    detach: Annotated[bool, typer.Option("--detach", help="Run in the background; print how to follow it.")] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print what would run and try the checks on synthetic records; start nothing."),
    ] = False,
    trust: Trust = False,
    plain: Plain = False,
) -> None:
    """Run the job; the same command continues it after any stop. A finished job does nothing.

    Several jobs run in order; each starts when the previous one has finished.
    """
    from harness.base.commands import NextCommand
    from harness.cli.collected_errors import together
    from harness.cli.detach import LaunchWords, detach_and_wait
    from harness.cli.trust import must_be_trusted
    from harness.job.synthetic import refuse_synthetic
    from harness.planning.preconditions import Again, loaded
    from harness.planning.renamed import refuse_renamed
    from harness.supervisor.run_options import RunOptions

    places = [Place(manifest, False, instance) for manifest in manifests or [DEFAULT_MANIFEST]]
    settings = _capped(settings, max_iterations)
    choice = _choice(first, only, batch, until)
    _refuse_for_several(places, choice, detach=detach)
    words = LaunchWords(tuple(settings or ()), instance, choice, Again(keep, add, changed))
    jobs = together([partial(loaded, partial(place.load, settings)) for place in places])
    together([partial(refuse, job) for job in jobs for refuse in (refuse_synthetic, refuse_renamed)[: 2 - reset]])
    asked = [*words.as_arguments(), *(["--reset"] if reset else [])]
    named = [place.named for place in places]
    wanted = NextCommand("launch", (*named[1:], *asked), named[0])
    together([partial(must_be_trusted, job, settings or (), wanted, trust=trust) for job in jobs])
    if dry_run:
        raise typer.Exit(_run_dry(jobs, choice, Again(keep, add, changed, again_at(places[0], settings))))
    supplies = _ready_to_start(jobs, choice, reset=reset)
    if detach:
        _warn_of_weaknesses(jobs[0])
        raise typer.Exit(detach_and_wait(places[0], words))
    options = [
        RunOptions(supply, choice, Again(keep, add, changed, again_at(place, settings)))
        for place, supply in zip(places, supplies, strict=True)
    ]
    raise typer.Exit(_in_turn(zip(places, jobs, options, strict=True), words_of(settings), plain=plain))


def _ready_to_start(jobs: "list[Job]", choice: "Choice", *, reset: bool) -> "list[Supply | None]":
    """The credential of each; what is to start over is moved away when nothing keeps any of them from starting."""
    import asyncio

    from harness import api
    from harness.cli.collected_errors import together
    from harness.cli.reset import reset_now

    supplies = together([partial(asyncio.run, api.ready(job, starts_over=reset)) for job in jobs])
    ready = list(zip(jobs, supplies, strict=True))
    together([partial(_refuse_start, job, supply, choice, reset=reset) for job, supply in ready])
    for job in jobs if reset else ():
        reset_now(job)
    return supplies


def _refuse_for_several(places: list[Place], choice: "Choice", *, detach: bool) -> None:
    from harness.base.errors import Problem, UsageError
    from harness.planning.choice import Choice

    if len(places) > 1 and (detach or choice != Choice()):
        raise UsageError([Problem("launch", "--first, --only, --batch, --until and --detach apply to a single job")])


def _in_turn(runs: "Iterable[tuple[Place, Job, RunOptions]]", words: list[str], *, plain: bool) -> int:
    """The highest exit code; what stops one job would stop the next one too."""
    code = 0
    for place, job, options in runs:
        code = max(code, play(place, job, options, words, plain=plain))
        if code > 1:
            break
    return code


def _capped(settings: list[str] | None, most: int | None) -> list[str] | None:
    """Document 001 calls the cap on sessions `--max-iterations`; said twice, the option holds."""
    return settings if most is None else [*(settings or []), f"caps.sessions={most}"]


def _run_dry(jobs: "list[Job]", choice: "Choice", again: "Again") -> int:
    """0, or 4 when a check is broken. UsageError for what a launch would refuse."""
    import asyncio

    from harness.cli.collected_errors import together
    from harness.cli.dry_run_text import dry_run
    from harness.cli.output import print_lines

    is_broken = False
    for lines, tried in together([partial(asyncio.run, dry_run(job, choice, again)) for job in jobs]):
        print_lines(lines)
        is_broken |= any(each.broken for each in tried)
    return 4 if is_broken else 0


def _refuse_start(job: "Job", supply: "Supply | None", choice: "Choice", *, reset: bool) -> None:
    """UsageError for what keeps a job from starting that is to start over, or is new and has several phases: better now
    than when its second phase begins, at night."""
    import asyncio

    from harness import api
    from harness.planning.preconditions import refuse
    from harness.planning.state_folder import has_state

    is_known = has_state(job)
    if (is_known and reset) or (not is_known and len(job.phases) > 1):
        refuse(asyncio.run(api.check(job, choice=choice, credential=supply, starts_over=is_known)))


def rehearse(
    manifest: Manifest = DEFAULT_MANIFEST,
    settings: Settings = None,
    instance: As = None,
    rehearsal: UnusedRehearsal = False,
    faults: Annotated[
        str, typer.Option("--faults", metavar="SPEC", help="Faults to inject, such as '529@3, limit=60@10'.")
    ] = "",
    seed: Annotated[int, typer.Option("--seed", help="Seed for synthetic records.")] = 0,
    first: First = None,
    only: Only = None,
    batch: Batch = None,
    until: Until = None,
    keep: Keep = False,
    add: Add = False,
    reset: Reset = False,
    trust: Trust = False,
    plain: Plain = False,
) -> None:
    """Play the whole job at no cost: real sessions against a local mock API; no model is called."""
    import asyncio

    from harness import api
    from harness.backends.credentials import rehearsal_credential
    from harness.cli.output import print_lines, say
    from harness.cli.rehearse import advice, aftermath, must_be_playable, nothing_played, serving, sessions_so_far
    from harness.cli.reset import reset_now
    from harness.cli.trust import must_be_trusted
    from harness.ledger.lock import refuse_if_held
    from harness.planning.preconditions import Again, loaded, refuse
    from harness.planning.state_folder import has_state, make_state_folder
    from harness.rehearsal.fault_orders import parse_faults
    from harness.supervisor.run_options import RunOptions
    from harness.views.change_text import the_job_has_changed

    place, choice = Place(manifest, True, instance), _choice(first, only, batch, until)
    job = loaded(partial(place.load, settings))
    parse_faults(faults)
    asked = [*words_of(settings), *(["--faults", faults] if faults else []), *(["--seed", str(seed)] if seed else [])]
    must_be_trusted(job, settings or (), place.command("launch", *asked), trust=trust)
    refuse_if_held(job.state)
    changes = [] if keep or add or reset else asyncio.run(api.changes(job))
    if changes or (reset and has_state(job)):
        to_come = rehearsal_credential("")
        refuse(asyncio.run(api.check(job, choice=choice, credential=to_come, starts_over=True)))
        must_be_playable(job, faults)
        reset_now(job, the_job_has_changed(changes) if changes else "")
    make_state_folder(job)
    say("rehearsal: no model, no cost; nothing here counts as done")
    if ignored := [name for name in ("rate", "window", "deadline", "stop_at") if getattr(job.bounds, name) is not None]:
        say(f"ignored in a rehearsal: {', '.join(ignored)}")
    before = sessions_so_far(job)
    with serving(job, faults, seed) as server:
        options = RunOptions(server.credential if server else None, choice, Again(keep, add))
        code = play(place, job, options, words_of(settings), plain=plain, advice=partial(advice, job, place))
    print_lines(aftermath(job))
    if faults and code < 2 and sessions_so_far(job) == before:
        again = place.command("launch", "--reset", "--faults", faults, *words_of(settings))
        say(nothing_played(job, again))
    raise typer.Exit(code)


def _choice(first: int | None, only: list[str] | None, batch: list[str] | None, until: str | None) -> "Choice":
    from harness.base.errors import Problem, UsageError
    from harness.planning.batch_names import read_batches
    from harness.planning.choice import Choice

    used = [name for name, value in (("--first", first), ("--only", only), ("--batch", batch)) if value]
    if len(used) > 1:
        raise UsageError([Problem(used[0], f"cannot be combined with {used[1]}", "use one of them")])
    return Choice(first, tuple(only or ()), read_batches(batch or ()), until)


def play(
    place: Place,
    job: "Job",
    options: "RunOptions",
    settings: list[str],
    *,
    plain: bool,
    advice: "Callable[[], str | None]" = lambda: None,
) -> int:
    """Run it with live progress on standard error, and say at the end how it went, and what is next."""
    from datetime import UTC, datetime

    from harness import api
    from harness.backends.bundled import bundled_version, untested
    from harness.base.files import make_folder
    from harness.cli.output import print_last, say
    from harness.cli.run_to_end import to_end
    from harness.ledger.lock import refuse_if_held
    from harness.views.facts import left_out
    from harness.views.ledger_reading import reading
    from harness.views.live_display import showing
    from harness.views.messages import stop_line
    from harness.views.status import read_status
    from harness.views.status_text import lines
    from harness.views.wording import clean, counted

    if not job.is_free() and (says := untested(bundled_version())):
        say(f"warning: {clean(says)}; its options, rules and messages may differ")
    refuse_if_held(job.state)  # before its progress is shown as if it were ours
    _warn_of_weaknesses(job)
    make_folder(job.state)
    with showing(job.state, plain=plain, bounds=job.gate) as shown:
        run = partial(
            api.run,
            job,
            choice=options.choice,
            again=options.again,
            credential=options.credential,
            on_event=shown.heard,
            on_commit=shown.committed,
        )
        finished = to_end(job, lambda inbox: run(inbox=inbox))
    if finished.exit_code > 1:
        say(clean(stop_line(finished.message)))
    with reading(job.state) as db:
        out = left_out(db)
    if out:
        more = "" if job.rehearsal else f"; `{place.command('launch', '--add')}` appends them"
        say(f"{counted(out, f'new {clean(job.noun)}')} left out{more}")
    now = datetime.now(UTC)
    said = None if _has_its_own_next_step(finished) else advice()
    print_last(lines(read_status(job.state, now), now, place.named, settings=settings, advice=said))
    return finished.exit_code


def _warn_of_weaknesses(job: "Job") -> None:
    """What the sandbox of this job does not hold on this machine."""
    from harness.cli.output import say
    from harness.executors.containment import choose, in_words
    from harness.views.wording import clean

    for weakness in in_words(choose(job), job):
        say(f"warning: {clean(weakness)}")


def _has_its_own_next_step(finished: "Finished") -> bool:
    """A stop; but for that of a bad pilot, or of a phase that accepts nothing: those are what the advice is about."""
    return finished.exit_code > 1 and finished.message.kind not in ("pilot_failed", "nothing_accepted")
