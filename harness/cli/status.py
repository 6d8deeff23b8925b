"""Commands that look at a job, running or not, from any terminal: status, watch, show, why, log."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.control import say_if_rehearsed
from harness.cli.options import DEFAULT_MANIFEST, As, AsJson, Manifest, OfRehearsal, Place, Plain, UnusedSettings
from harness.cli.output import print_json, print_lines, say

if TYPE_CHECKING:
    from harness.views.status import Status

ItemId = Annotated[str, typer.Argument(metavar="ITEM", help="The item's id.", show_default=False)]


def status(
    manifest: Manifest = DEFAULT_MANIFEST,
    settings: UnusedSettings = None,
    instance: As = None,
    rehearsal: OfRehearsal = False,
    batches: Annotated[bool, typer.Option("--batches", help="List each batch: state, attempts, cost, time.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the state of the job."""
    from harness.views.instance_list import others_line, planned_instances, read_instances
    from harness.views.ledger_reading import is_planned, rehearsal_beside
    from harness.views.status_text import lines

    place, now = Place(manifest, rehearsal, instance), datetime.now(UTC)
    if batches:
        _print_batches(place, as_json=as_json)
        return
    if instance is None and not is_planned(place.state):
        several = read_instances(manifest, place.named, now, rehearsal=rehearsal)
        if several is not None:
            print_json(several.as_json()) if as_json else print_lines(several.lines())
            return
    found = status_at(place, now, settings)
    if as_json:
        print_json(found.as_json())
    else:
        print_lines(lines(found, now, place.named))
        if instance is None and (names := planned_instances(manifest, rehearsal=rehearsal)):
            print_lines([others_line(names, place.named, rehearsal=rehearsal)])
        if found.state == "new" and rehearsal_beside(place.state) is not None:
            say(f"a rehearsal exists: `{place.rehearsed.command('status')}`")


def _print_batches(place: Place, *, as_json: bool) -> None:
    from harness.ledger.job_queries import head
    from harness.ledger.lock import is_held
    from harness.views.batch_table import batch_lines, batch_rows
    from harness.views.ledger_reading import reading

    held = is_held(place.home.lock)
    with reading(place.state) as db:
        job, rows = head(db), batch_rows(db, is_held=held)
    if as_json:
        print_json({"schema_version": 1, "job": job.name, "batches": [row.as_json() for row in rows]})
    else:
        print_lines(batch_lines(rows))


def status_at(place: Place, now: datetime, settings: list[str] | None = None) -> "Status":
    """Of a job that was never launched, the manifest tells the name; it has to be right then."""
    from harness.views.ledger_reading import is_planned
    from harness.views.status import new, read_status

    if is_planned(place.state):
        return read_status(place.state, now)

    job = place.load(settings)
    return new(job.name, rehearsal=place.rehearsal, instance=place.instance)


def watch(
    manifest: Manifest = DEFAULT_MANIFEST,
    settings: UnusedSettings = None,
    instance: As = None,
    rehearsal: OfRehearsal = False,
    plain: Plain = False,
) -> None:
    """Watch a running job from another terminal, until its run ends."""
    import asyncio

    from harness.ledger.lock import is_held
    from harness.views.follow import until_run_ends
    from harness.views.live_display import showing_another
    from harness.views.status_text import lines

    place = Place(manifest, rehearsal, instance)
    if is_held(place.home.lock):
        with showing_another(place.state, plain=plain):
            asyncio.run(until_run_ends(place.state))
    else:
        say("the job is not running")
        say_if_rehearsed(place, "watch")
    now = datetime.now(UTC)
    print_lines(lines(status_at(place, now), now, place.named))


def show(
    item: ItemId,
    manifest: Manifest = DEFAULT_MANIFEST,
    settings: UnusedSettings = None,
    instance: As = None,
    rehearsal: OfRehearsal = False,
    as_json: Annotated[bool, typer.Option("--json", hidden=True)] = True,
    phase: Annotated[str | None, typer.Option("--phase", metavar="NAME", help="Only this phase.")] = None,
) -> None:
    """Print the accepted records of one item as JSON. For rejected output, see `harness why`."""
    from harness.views.why import history

    place = Place(manifest, rehearsal, instance)
    print_json(history(place.state, item).records_as_json(phase))


def why(
    item: ItemId,
    manifest: Manifest = DEFAULT_MANIFEST,
    settings: UnusedSettings = None,
    instance: As = None,
    rehearsal: OfRehearsal = False,
    as_json: AsJson = False,
) -> None:
    """Explain one item: attempts, verdicts, sessions, costs, and where its records are."""
    from harness.views.why import history
    from harness.views.why_text import lines

    place = Place(manifest, rehearsal, instance)
    found = history(place.state, item)
    if as_json:
        print_json(found.as_json())
    else:
        print_lines(lines(found))


def log(
    manifest: Manifest = DEFAULT_MANIFEST,
    settings: UnusedSettings = None,
    instance: As = None,
    rehearsal: OfRehearsal = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing new entries.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Include planning entries, one per item.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print every entry, one JSON object per line.")] = False,
) -> None:
    """Print the ledger: one line per event, oldest first."""
    import asyncio

    from harness.views.follow import changes
    from harness.views.timeline import Timeline

    place = Place(manifest, rehearsal, instance)
    timeline = Timeline(place.state, everything=everything, as_json=as_json)
    print_lines(timeline.new_lines())

    async def go_on() -> None:
        async for _ in changes(place.state):
            print_lines(timeline.new_lines())

    if follow:
        asyncio.run(go_on())
