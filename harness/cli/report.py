"""The command that writes the report."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.options import DEFAULT_MANIFEST, As, AsJson, Manifest, OfRehearsal, Place, Settings, expanded
from harness.cli.output import print_json, print_lines, say

if TYPE_CHECKING:
    from harness.views.report import JobToday

_NO_FILE = {"<prompt>": "its prompt in the manifest"}


def report(
    manifest: Manifest = DEFAULT_MANIFEST,
    settings: Settings = None,
    instance: As = None,
    rehearsal: OfRehearsal = False,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            metavar="FOLDER",
            help="Output folder; default: report/ in the job's state folder.",
            callback=expanded,
        ),
    ] = None,
    summary: Annotated[
        bool, typer.Option("--summary", help="Print a run summary with front matter instead; write nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print the report and write it, with CSV files and a workbook, into a folder."""
    from datetime import UTC, datetime

    from harness.base.texts import shown
    from harness.views.ledger_reading import reading
    from harness.views.report import write_report

    place = Place(manifest, rehearsal, instance)
    with reading(place.state):  # nothing is made for a job that was never run
        pass
    if summary:
        _print_summary(place, settings or [], as_json=as_json)
        return
    _bring_up_to_date(place, settings or [])
    folder = to or place.state / "report"
    folder.mkdir(parents=True, exist_ok=True)
    written = write_report(place.state, folder, _asked(place, settings or []), datetime.now(UTC))
    if as_json:
        print_json(
            {"schema_version": 1, "status": written.status.as_json(), "files": [str(file) for file in written.files]}
        )
    else:
        print_lines(written.text.splitlines())
    say(f"written: {', '.join(shown(file) for file in written.files)}")


def _print_summary(place: Place, settings: list[str], *, as_json: bool) -> None:
    from datetime import UTC, datetime

    from harness.views.summary import summary, summary_lines

    found = summary(place.state, _asked(place, settings), datetime.now(UTC))
    if as_json:
        print_json({"schema_version": 1, **found.front_matter, "sections": found.sections})
    else:
        print_lines(summary_lines(found))


def _bring_up_to_date(place: Place, settings: list[str]) -> None:
    """A run that was killed has left the merged files behind what is done; what keeps them so is said."""
    import asyncio

    from harness.base.errors import HarnessError
    from harness.ledger.lock import is_held
    from harness.review.held_job import bring_up_to_date
    from harness.supervisor.workbook_writer import late
    from harness.views.ledger_reading import reading
    from harness.views.results import results, workbooks
    from harness.views.wording import clean, counted

    if is_held(place.home.lock):
        return
    with reading(place.state) as db:
        merges = [result.target for result in results(db) if not result.is_current]
    backs: list[str] = []
    try:
        job = place.load(settings)
        with reading(place.state) as db:
            backs = late(job, db)
        if merges or backs:
            asyncio.run(bring_up_to_date(job))
        if merges:
            say(f"brought up to date after a killed run: {', '.join(merges)}")
    except (HarnessError, OSError) as error:
        if merges or backs:
            say(f"{', '.join([*merges, *backs])} could not be brought up to date: {error}")
        return
    with reading(place.state) as db:
        for book in workbooks(db, place.state):
            if book.problem is not None:
                hint = f"; {book.problem.hint}, then run the command again" if book.problem.hint else ""
                say(clean(f"{book.target} was not written: {book.problem.where}: {book.problem.message}{hint}"))
            elif book.target in backs:
                say(clean(f"written: {book.target}, {counted(book.rows, 'row')} with statuses and results"))


def _asked(place: Place, settings: list[str]) -> "JobToday":
    """From the manifest as it is now; a manifest that cannot be read any more is no reason to withhold the report."""
    from harness.base.errors import UsageError
    from harness.cli.outline import checks_line
    from harness.cli.plan_write import asked_of_a_composer, is_composer, origin_of_plan
    from harness.views.report import JobToday

    try:
        job = place.load(settings)
    except UsageError as error:
        if is_composer(place.manifest):
            return JobToday(tuple(asked_of_a_composer(place.state)), ())
        note = f"can no longer be read: {error.problems[0].message}"
        return JobToday((("manifest", note),), ())
    several = len(job.phases) > 1
    lines = [("manifest", place.named), ("items", f"{job.noun}, from {job.items.file or job.items.files}")]
    if job.plan_file is not None:
        lines.append(("batches", origin_of_plan(job.plan_file)))
    for phase in job.phases:
        session = phase.session
        who = f"{session.model or 'no model'}" if session.asks_model else " ".join(session.command)
        tools = f", tools {', '.join(session.tools)}" if session.asks_model else ""
        name = phase.name if several else "session"
        prompt = "" if not session.prompt else f"; {_NO_FILE.get(session.prompt_name, session.prompt_name)}"
        lines.append((name, f"{who}{tools}{prompt}; {checks_line(phase)}"))
    bare = [phase.name for phase in job.phases if phase.output.schema is None and not phase.output.checks]
    return JobToday(tuple(lines), tuple(bare if several else ["this job"] if bare else []))
