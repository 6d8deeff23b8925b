"""Items that are files: every ordinary file that a glob below the job's folder finds."""

from pathlib import Path

from harness.base.errors import Problem
from harness.base.texts import shown, size_in_words
from harness.job.job import Job
from harness.sources.rows import MOST_FILE_BYTES, MOST_ITEMS, Rows, SourceError, too_many


def rows_of_files(job: Job, pattern: str) -> Rows:
    """One row `{file, name, size}` a file, sorted by path; `file` is the path below the job's folder, with `/`.

    Left out: hidden files and folders, the manifest, the progress file, merged outputs. SourceError for links that
    lead out of the folder or nowhere, and for files above the limit.
    """
    problems: list[Problem] = []
    found: dict[str, Path] = {}
    for path in job.folder.glob(pattern):
        relative = path.relative_to(job.folder)
        if any(part.startswith(".") for part in relative.parts) or path.is_dir() or _is_ours(job, path):
            continue
        if problem := _trouble(job.folder, path):
            problems.append(problem)
        found[relative.as_posix()] = path
        if len(found) > MOST_ITEMS:
            too_many(job.folder)
    if problems:
        raise SourceError(*sorted(problems, key=lambda problem: problem.where))
    names = sorted(found)
    values = [{"file": name, "name": found[name].name, "size": found[name].stat().st_size} for name in names]
    files = [found[name] for name in names]
    return Rows(list(values), lambda index: shown(files[index]), files)


def _is_ours(job: Job, path: Path) -> bool:
    outputs = [phase.output.merge for phase in job.phases if phase.output.merge is not None]
    ours = [job.manifest, job.folder / "batch_progress.json", *outputs]
    return any(path == each or path.is_relative_to(each) for each in ours)


def _trouble(folder: Path, path: Path) -> Problem | None:
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError):
        return Problem(shown(path), "is a link that leads nowhere")
    if not real.is_relative_to(folder):
        return Problem(shown(path), "is a link that leads out of the job's folder", "copy the file into it")
    if not real.is_file():
        return Problem(shown(path), "is no ordinary file")
    if real.stat().st_size > MOST_FILE_BYTES:
        return Problem(shown(path), f"is larger than {size_in_words(MOST_FILE_BYTES)}, the most that one item may have")
    return None
