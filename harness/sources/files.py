"""Items that are files: every ordinary file that a glob below the job's folder finds."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness.base.errors import Problem
from harness.base.texts import in_yaml, shown, size_in_words
from harness.job.job import Job
from harness.sources.rows import MOST_FILE_BYTES, MOST_ITEMS, Rows, SourceError, too_many

_MOST_BLANK_BYTES = 64


def rows_of_files(job: Job, pattern: str) -> Rows:
    """One row `{file, name, size}` a file, sorted by path; `file` is the path below the job's folder, with `/`.

    Left out: hidden files and folders, the manifest, the progress file, merged outputs. SourceError for links that
    lead out of the folder or nowhere, and for files above the limit.
    """
    problems: list[Problem] = []
    found: dict[str, Path] = {}
    for path in job.folder.glob(pattern):
        relative = path.relative_to(job.folder)
        if _is_left_out(job, path):
            continue
        if problem := _trouble(job.folder, path):
            problems.append(problem)
        found[relative.as_posix()] = path
        if len(found) > MOST_ITEMS:
            too_many(job.folder)
    if problems:
        raise SourceError(*sorted(problems, key=lambda problem: problem.where))
    if not found and (other := _other_case(job, pattern, found)):
        raise SourceError(Problem(shown(job.folder / pattern), "holds no items", other))
    names = sorted(found)
    values = [{"file": name, "name": found[name].name, "size": found[name].stat().st_size} for name in names]
    files = [found[name] for name in names]
    warnings = [
        *_empty(files),
        *([f"{shown(job.folder / pattern)}: {other}"] if (other := _other_case(job, pattern, found)) else []),
    ]
    return Rows(list(values), lambda index: shown(files[index]), files, tuple(warnings))


def in_any_case(pattern: str) -> str:
    """`in/*.pdf` as a pattern that takes `.PDF` too: `in/*.[pP][dD][fF]`; any other as it is."""
    begin, dot, suffix = pattern.rpartition(".")
    if not dot or not suffix.isascii() or not suffix.isalnum():
        return pattern
    return f"{begin}." + "".join(f"[{c.lower()}{c.upper()}]" if c.isalpha() else c for c in suffix)


def _other_case(job: Job, pattern: str, found: Mapping[str, Path]) -> str:
    """What to write for files that differ from the pattern in the case of their ending only; "" without such."""
    wider = in_any_case(pattern)
    paths = job.folder.glob(wider) if wider != pattern else ()
    missed = [name for path in paths if (name := path.relative_to(job.folder).as_posix()) not in found]
    missed = [name for name in missed if not _is_left_out(job, job.folder / name)]
    if not missed:
        return ""
    more = f" and {len(missed) - 1:,} more differ" if len(missed) > 1 else " differs"
    return f"{min(missed)}{more} in the case of the ending only; to take such too, write files: {in_yaml(wider)}"


def _empty(files: Sequence[Path]) -> Iterator[str]:
    empty = [path for path in files if _is_blank(path)]
    if empty:
        more = f" and {len(empty) - 1:,} more" if len(empty) > 1 else ""
        count = "is empty" if len(empty) == 1 else "are empty"
        yield f"{len(empty):,} of {len(files):,} files {count}: {shown(empty[0])}{more}"


def _is_blank(path: Path) -> bool:
    """Nothing in it, or white space and a byte order mark only."""
    if path.stat().st_size > _MOST_BLANK_BYTES:
        return False
    return not path.read_bytes().removeprefix(b"\xef\xbb\xbf").strip(b"\0\xff\xfe \t\r\n")


def _is_left_out(job: Job, path: Path) -> bool:
    relative = path.relative_to(job.folder)
    return any(part.startswith(".") for part in relative.parts) or path.is_dir() or _is_ours(job, path)


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
