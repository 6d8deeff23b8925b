"""Takes the output of a work folder into the store: what is judged is this copy, whatever happens to the file later."""

import errno
import os
import stat
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from harness.base.artifacts import ArtifactStore
from harness.base.beneath import opened_file, opened_folder
from harness.base.reason import Reason, cut_text
from harness.core.id_forms import are_one
from harness.core.messages import Message, message
from harness.core.names import around, file_name_for
from harness.core.seam import Collected
from harness.core.types import Artifact, OutputFault
from harness.job.job import OutputSpec

_MOST_NAMES: Final = 8
_MOST_ENTRIES: Final = 10_000


class _RefusedError(Exception):
    """Why a file cannot be taken: a kind, without the `file`."""

    def __init__(self, kind: str, **facts: object) -> None:
        super().__init__(kind)
        self.reason = Reason(kind, facts)

    def of(self, name: str) -> OutputFault:
        return OutputFault(name, self.reason.with_facts(file=name))


def freeze(
    work: Path, output: OutputSpec, ids: Sequence[str], store: ArtifactStore, *, most_bytes: int | None = None
) -> Collected:
    """Copy the output file, or for shape `files` one file for each of `ids`, into the store.

    Never follows a link, never blocks on a pipe. A file that changes meanwhile gives some mixture: the copy is what
    counts, and a torn one does not parse. For shape `files` a missing file is no fault here; its item is missing.
    Raises OSError only for what is our problem: the store cannot be written.
    """
    most_bytes = output.limit if most_bytes is None else most_bytes
    if output.shape == "files":
        return _freeze_files(work, output, ids, store, most_bytes)
    try:
        return Collected((_take(work, output.file, store, most_bytes),), ())
    except FileNotFoundError:
        fault = _missing(output.file, output.file, work)
    except _RefusedError as refused:
        fault = refused.of(output.file)
    return Collected((), (fault,))


def _freeze_files(
    work: Path, output: OutputSpec, ids: Sequence[str], store: ArtifactStore, most_bytes: int
) -> Collected:
    artifacts: list[Artifact] = []
    faults: list[OutputFault] = []
    expected = [file_name_for(output.file, id_) for id_ in ids]
    for name in expected:
        try:
            artifacts.append(_take(work, name, store, most_bytes))
        except FileNotFoundError:
            continue
        except _RefusedError as refused:
            faults.append(refused.of(name))
    if not artifacts and not faults:
        faults.append(_missing(output.file, expected[0], work))
    return Collected(tuple(artifacts), tuple(faults), _invented(work, output.file, set(expected)))


def _take(work: Path, name: str, store: ArtifactStore, most_bytes: int) -> Artifact:
    try:
        return _take_as(work, name, name, store, most_bytes)
    except FileNotFoundError:
        other = _spelled_otherwise(work, name)
        if other is None:
            raise
        return _take_as(work, other, name, store, most_bytes)


def _take_as(work: Path, found: str, name: str, store: ArtifactStore, most_bytes: int) -> Artifact:
    with _opened(work, found) as opened:
        descriptor = os.dup(opened)  # what the store raises is our problem, and none of this file
    try:
        stored = store.put_pieces(_pieces(descriptor, most_bytes))
    finally:
        os.close(descriptor)
    return Artifact(name, stored.sha, stored.size_bytes)


def _spelled_otherwise(work: Path, name: str) -> str | None:
    """The one name in the same folder that is the same but for its Unicode form: some systems decompose names."""
    folder, slash, last = name.rpartition("/")
    alike = [each for each in _names(work / folder) if are_one(last, each)]
    return f"{folder}{slash}{alike[0]}" if len(alike) == 1 else None


@contextmanager
def _opened(work: Path, name: str) -> Iterator[int]:
    """A descriptor of the file, reached component by component so that no link on the way is ever followed."""
    *folders, last = Path(name).parts
    if Path(name).is_absolute() or ".." in folders:
        raise _RefusedError("file_outside")
    try:
        with opened_folder(work, folders) as folder:
            _must_be_plain(os.lstat(last, dir_fd=folder))
            with opened_file(last, folder) as descriptor:
                _must_be_plain(os.fstat(descriptor))
                yield descriptor
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _refused(error) from None


def _must_be_plain(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise _RefusedError("file_not_regular", found=_kind(status.st_mode))
    if status.st_nlink > 1:
        raise _RefusedError("file_hard_link", names=status.st_nlink)


def _pieces(descriptor: int, most_bytes: int) -> Iterator[bytes]:
    """The bytes; never more than the limit, however fast the file grows or however sparse it is."""
    size = os.fstat(descriptor).st_size
    if size > most_bytes:
        raise _RefusedError("file_too_large", bytes=size, limit=most_bytes)
    taken = 0
    while piece := _read(descriptor):
        taken += len(piece)
        if taken > most_bytes:
            raise _RefusedError("file_growing", limit=most_bytes)
        yield piece


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 20)
    except OSError as error:
        raise _refused(error) from None


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFLNK: "symbolic link",
        stat.S_IFDIR: "folder",
        stat.S_IFIFO: "pipe",
        stat.S_IFSOCK: "socket",
        stat.S_IFCHR: "device",
        stat.S_IFBLK: "device",
    }
    return kinds.get(stat.S_IFMT(mode), "special file")


def _refused(error: OSError) -> _RefusedError:
    if error.errno in {errno.ELOOP, errno.ENOTDIR}:
        return _RefusedError("file_behind_link")
    return _RefusedError("file_unreadable", error=os.strerror(error.errno or 0))


def _missing(pattern: str, name: str, work: Path) -> OutputFault:
    """With what is in the work folder instead."""
    names = _names(work)
    found, more = [cut_text(each, 80) for each in names[:_MOST_NAMES]], max(0, len(names) - _MOST_NAMES)
    return OutputFault(pattern, Reason("file_missing", {"file": name, "found": found, "more": more}))


def _names(folder: Path) -> list[str]:
    """Sorted names in a folder, without dot files; the first so many when there are very many."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for _, entry in zip(range(_MOST_ENTRIES), entries, strict=False)]
    except OSError:
        return []
    return sorted(name for name in names if not name.startswith("."))


def _invented(work: Path, pattern: str, expected: set[str]) -> tuple[Message, ...]:
    """Notes on files that look like outputs of items nobody asked for; only beside the expected ones."""
    folder, _, name = pattern.rpartition("/")
    if around(folder) is not None or (ends := around(name)) is None:
        return ()
    before, after = ends
    beside = [f"{folder}/{found}" if folder else found for found in _names(work / folder)]
    alike = [found for found in beside if found.rpartition("/")[2].startswith(before) and found.endswith(after)]
    known = {unicodedata.normalize("NFC", each) for each in expected}
    invented = [found for found in alike if unicodedata.normalize("NFC", found) not in known and (before or after)]
    return tuple(message("file_invented", file=cut_text(found, 80)) for found in invented[:_MOST_NAMES])
