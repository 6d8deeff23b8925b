"""The command that begins a job: init."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.options import expanded
from harness.cli.output import print_lines, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.planning.proposal import Survey


def init(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="[FOLDER]", help="The job's folder, created if missing; or a list file.", callback=expanded
        ),
    ] = Path(),
) -> None:
    """Create a job from the files in a folder: manifest, editor schema, prompt. Ready to rehearse.

    Given a list (leads.csv, leads.xlsx), it writes the job next to it.
    """
    from harness.base.errors import Problem, UsageError
    from harness.cli.trust import trust_own
    from harness.planning.first_job import first_job
    from harness.planning.proposal import Survey, is_list, survey

    only = None
    if folder.exists() and not folder.is_dir():
        if not is_list(folder):
            raise UsageError(
                [
                    Problem(
                        str(folder), "is neither a folder nor a list", "name a folder; the default is the current one"
                    )
                ]
            )
        folder, only = folder.parent, folder
    seen = survey(folder, only) if folder.is_dir() else Survey(None)
    if seen.source is None and seen.unread:
        raise UsageError(seen.unread)
    files = first_job(seen.source)
    taken = [name for name in files if (folder / name).exists()]
    if taken:
        hint = "move it away, or edit it and run `harness check`"
        raise UsageError([Problem(str(folder / name), "already exists; nothing was written", hint) for name in taken])
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    trust_own(folder / "job.yaml")
    for line in _found(seen):
        say(line)
    print_lines(str(folder / name) for name in files)
    say("Next: edit prompts/task.md and output.fields in job.yaml, then")
    for command in (*([f"cd {folder}"] if folder != Path() else []), "harness check", "harness rehearse"):
        say(f"  {command}")


_MOST_NAMED = 10


def _found(seen: "Survey") -> "Iterator[str]":
    from harness.views.wording import clean, counted

    if seen.source is None:
        yield "found no list of items and no folder of files; wrote three example items"
    else:
        where = clean(seen.source.where)
        by = f", identified by {clean(seen.source.id)}" if seen.source.id and seen.source.id != "$row" else ""
        yield f"found {counted(seen.source.count, seen.source.noun)} in {where}{by}"
        yield from (f"note: {clean(note)}" for note in seen.source.notes)
    for other in seen.others[:_MOST_NAMED]:
        yield (
            f"not used: {clean(other.where)} ({counted(other.count, other.noun)}); "
            f"to use it, set in job.yaml: items: {clean(other.in_yaml())}"
        )
    if len(seen.others) > _MOST_NAMED:
        yield f"not used: {counted(len(seen.others) - _MOST_NAMED, 'more list')}"
    for problem in seen.unread[:_MOST_NAMED]:
        hint = f"; {problem.hint}" if problem.hint else ""
        yield clean(f"not read: {problem.where}: {problem.message}{hint}")
    yield from (f"not used: {clean(passed)}" for passed in seen.passed_over[:_MOST_NAMED])
