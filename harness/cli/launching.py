"""Commands that run a job: launch, which also resumes, and rehearse."""

from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.options import (
    DEFAULT_MANIFEST,
    First,
    Keep,
    Manifest,
    Only,
    Place,
    Plain,
    Reset,
    Settings,
)

if TYPE_CHECKING:
    from harness.job.job import Job
    from harness.supervisor.running import RunOptions


def launch(
    manifest: Manifest = DEFAULT_MANIFEST,
    settings: Settings = None,
    first: First = None,
    only: Only = None,
    keep: Keep = False,
    reset: Reset = False,
    detach: Annotated[bool, typer.Option("--detach", help="Run without this terminal; say how to follow it.")] = False,
    plain: Plain = False,
) -> None:
    """Run the job; the same command continues it after any stop. A finished job does nothing."""
    import os
    from pathlib import Path

    from harness.backends.supply import find_supply
    from harness.cli.detaching import Words, detach_and_wait
    from harness.cli.resetting import reset_now
    from harness.job.load import load
    from harness.ledger.shared_holds import state_home
    from harness.supervisor.opening import Choice
    from harness.supervisor.running import RunOptions

    job = load(manifest, settings=settings or ())
    shared = state_home(os.environ, Path.home())
    credential = find_supply(job, os.environ, Path.home(), shared)
    if reset:
        reset_now(job)
    if detach:
        words = Words(tuple(settings or ()), first, tuple(only or ()), keep=keep)
        raise typer.Exit(detach_and_wait(Place(manifest, rehearsal=False), words))
    options = RunOptions(credential, Choice(first, tuple(only or ())), keep, shared_state=shared)
    raise typer.Exit(_play(Place(manifest, rehearsal=False), job, options, plain=plain))


def rehearse(
    manifest: Manifest = DEFAULT_MANIFEST,
    settings: Settings = None,
    faults: Annotated[
        str, typer.Option("--faults", metavar="SPEC", help="Troubles to meet, such as '529@3 limit:60s@10'.")
    ] = "",
    seed: Annotated[int, typer.Option("--seed", help="Another seed, other made-up answers.")] = 0,
    first: First = None,
    only: Only = None,
    keep: Keep = False,
    reset: Reset = False,
    plain: Plain = False,
) -> None:
    """Play the whole job without a model: real sessions, a local stand-in for the provider; costs nothing."""
    from harness.cli.printing import print_lines, say
    from harness.cli.rehearsing import aftermath, serving
    from harness.cli.resetting import refuse_if_held, reset_now
    from harness.job.load import load
    from harness.rehearsal.faults import parse_faults
    from harness.supervisor.opening import Choice, make_state_folder
    from harness.supervisor.running import RunOptions

    job = load(manifest, settings=settings or (), rehearsal=True)
    parse_faults(faults)
    place, choice = Place(manifest, rehearsal=True), Choice(first, tuple(only or ()))
    refuse_if_held(job)
    if reset:
        reset_now(job)
    make_state_folder(job)
    say("rehearsal: no model, no cost; nothing of it counts as done")
    with serving(job, faults, seed) as server:
        credential = server.credential if server else None
        code = _play(place, job, RunOptions(credential, choice, keep), plain=plain)
    print_lines(aftermath(job))
    raise typer.Exit(code)


def _play(place: Place, job: "Job", options: "RunOptions", *, plain: bool) -> int:
    """Run it with live progress on standard error, and say at the end how it went."""
    from datetime import UTC, datetime

    from harness.base.files import make_folder
    from harness.cli.printing import print_lines, say
    from harness.supervisor.running import run_job
    from harness.views.live import showing
    from harness.views.status import read_status
    from harness.views.status_text import lines
    from harness.views.wording import clean

    make_folder(job.state)
    with showing(job.state, plain=plain) as display:
        finished = run_job(job, options, display.heard)
    if finished.exit_code > 1:
        say(f"stopped: {clean(finished.reason)}")
    now = datetime.now(UTC)
    print_lines(lines(read_status(job.state, now), now, place.named))
    return finished.exit_code
