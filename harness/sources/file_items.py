"""Items that are files: every ordinary file that a glob below a folder finds, and none behind a link."""

import glob
import os
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from harness.base import error_file
from harness.base.errors import Problem
from harness.base.texts import in_yaml, shown, size_in_words
from harness.job.job import Job, below
from harness.sources.rows import MOST_FILE_BYTES, MOST_ITEMS, Rows, SourceError, too_many

_MOST_TOLD = 3
_MOST_BLANK_BYTES = 64


def rows_of_files(job: Job, pattern: str) -> Rows:
    """One row `{file, name, size}` a file, sorted by path; `file` is the path below the job's folder, with `/`; for a
    pattern of another place it begins with the name of the folder before its first wildcard.

    Left out: hidden files and folders, the manifest, the progress file, merged outputs, those of the manifest's other
    instances too. SourceError for a link, or a file behind one, unless it leads to a file that is an item by its own
    name; and for files above the limit.
    """
    top = job.items.top(job.folder)
    found: dict[Path, Path] = {}
    for path in top.glob(below(pattern, top)):
        if not _is_left_out(job, top, path):
            found[path] = path.relative_to(top)
        if len(found) > MOST_ITEMS:
            too_many(top)
    link_of = {path: link for path, relative in found.items() if (link := _first_link(top, relative)) is not None}
    real = {path.resolve(): path for path in found if path not in link_of}
    looked_at = (_problem(job, top, path, link_of.get(path), real) for path in found)
    problems = dict.fromkeys(problem for problem in looked_at if problem is not None)
    if problems:
        raise SourceError(*sorted(problems, key=lambda problem: problem.where))
    other = _other_case(job, pattern, found)
    if not found and other:
        raise SourceError(Problem(shown(job.folder / pattern), "holds no items", other))
    prefix = top.name if pattern.startswith("/") else ""
    named = sorted((PurePosixPath(prefix, relative).as_posix(), path) for path, relative in found.items())
    values = [{"file": name, "name": path.name, "size": path.stat().st_size} for name, path in named]
    files = [real[path.resolve()] if path in link_of else path for _, path in named]
    wrong_case = [f"{shown(job.folder / pattern)}: {other}"] if other else []
    warnings = (*_empty(files), *wrong_case, *_passed_by(top, pattern))
    return Rows(list(values), lambda index: shown(named[index][1]), files, warnings)


def in_any_case(pattern: str) -> str:
    """`in/*.pdf` as a pattern that takes `.PDF` too: `in/*.[pP][dD][fF]`; any other as it is."""
    begin, dot, suffix = pattern.rpartition(".")
    if not dot or not suffix.isascii() or not suffix.isalnum():
        return pattern
    return f"{begin}." + "".join(f"[{c.lower()}{c.upper()}]" if c.isalpha() else c for c in suffix)


def _other_case(job: Job, pattern: str, found: Container[Path]) -> str:
    """What to write for files that differ from the pattern in the case of their ending only; "" without such."""
    wider, top = in_any_case(pattern), job.items.top(job.folder)
    paths = top.glob(below(wider, top)) if wider != pattern else ()
    left = [path for path in paths if path not in found and not _is_left_out(job, top, path)]
    missed = [path.relative_to(top).as_posix() for path in left]
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


def _is_left_out(job: Job, top: Path, path: Path) -> bool:
    relative = path.relative_to(top)
    return any(part.startswith(".") for part in relative.parts) or path.is_dir() or _is_ours(job, path)


def _is_ours(job: Job, path: Path) -> bool:
    ours = [job.manifest, job.folder / "batch_progress.json", *job.written, *job.others]
    if path == job.folder / error_file.NAME and error_file.is_ours(path):
        return True
    return any(path == each or path.is_relative_to(each) for each in ours)


def _first_link(top: Path, relative: Path) -> Path | None:
    """The outermost link on the way from the folder to the file."""
    ways = [top / parent for parent in reversed((relative, *relative.parents)) if parent.parts]
    return next((way for way in ways if way.is_symlink()), None)


def _problem(job: Job, top: Path, path: Path, link: Path | None, real: Mapping[Path, Path]) -> Problem | None:
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError):
        return Problem(shown(path), "is a link that leads nowhere")
    if link is not None and target not in real:
        return _refusal(job, top, path, link)
    if not target.is_file():
        return Problem(shown(path), "is not a regular file")
    if target.stat().st_size > MOST_FILE_BYTES:
        return Problem(shown(path), f"is larger than {size_in_words(MOST_FILE_BYTES)}, the most that one item may have")
    return None


def _refusal(job: Job, top: Path, path: Path, link: Path) -> Problem:
    """A link that a pattern finds is refused, whoever made it; a folder of another place can be named."""
    where = link.resolve()
    if link == path:
        is_out = not where.is_relative_to(top.resolve())
        folder = "the job's folder" if top == job.folder else shown(top)
        leads = f"leads out of {folder}, to {where}" if is_out else f"leads to {where}, which is not an item itself"
        return Problem(shown(link), f"is a link that {leads}", "copy the file there, or remove the link")
    written = job.items.files or ""
    begin = link.relative_to(top).as_posix()
    rest = written.removeprefix(f"{begin}/")
    hint = f'name that folder itself: items: {{files: "{glob.escape(str(where))}/{rest}"}}'
    if rest == written:
        hint = "name that folder in a pattern of its own, or put the files in its place"
    return Problem(shown(link), f"is a link to the folder {where}, and no link is followed to items", hint)


def _passed_by(top: Path, pattern: str) -> Iterator[str]:
    """`**` does not look behind links to folders: told, because files may be missed."""
    if "**" not in pattern:
        return
    links = [
        Path(folder, name)
        for folder, names, _ in os.walk(top)
        for name in _seen(names)
        if Path(folder, name).is_symlink()
    ]
    named = ", ".join(map(shown, sorted(links)[:_MOST_TOLD]))
    if links:
        more = f" and {len(links) - _MOST_TOLD} more" if len(links) > _MOST_TOLD else ""
        yield f"{named}{more}: links to folders, in which no items are looked for"


def _seen(names: list[str]) -> list[str]:
    """Those that are not hidden; the walk does not go into the others."""
    names[:] = [name for name in names if not name.startswith(".")]
    return names
