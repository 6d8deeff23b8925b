"""The merged file or folder of a phase: a function of pieces in item order and the store, and of nothing else.

In three steps, so that a crash between any two loses nothing: `prepare` writes it whole beside the target, the caller
commits its hash, `publish` renames it into place.
"""

import hashlib
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import IO, Final

from harness.base.artifacts import ArtifactStore, sha_of
from harness.base.errors import BrokenSetupError
from harness.base.files import make_users_folder, open_for_user, sync_folder
from harness.base.ids import ItemId, Sha
from harness.base.slices import Fragments, ItemSlice, Slice
from harness.core.types import Accepted
from harness.job.job import OutputSpec
from harness.outputs.formats import as_array, as_csv, as_lines, as_object
from harness.outputs.merged_folder import copy_files, hash_of_folder, swap_folders
from harness.outputs.parse import canonical

_BESIDE: Final = re.compile(r"\.[0-9a-f]{8}\.(tmp|old)")


@dataclass(frozen=True, slots=True)
class Fragment:
    """All that one attempt got accepted: canonical JSON, one record a line, items in the order given."""

    content: bytes
    slices: Mapping[ItemId, Slice]


def fragment(accepted: Mapping[ItemId, Accepted], order: Sequence[ItemId]) -> Fragment:
    """Nothing is written; the same records in the same order are the same bytes."""
    lines = {item: "".join(f"{canonical(record)}\n" for record in accepted[item].records).encode() for item in order}
    content = b"".join(lines.values())
    sha, ends = sha_of(content), accumulate(map(len, lines.values()))
    slices = {
        item: Slice(sha, end - len(each), len(each)) for (item, each), end in zip(lines.items(), ends, strict=True)
    }
    return Fragment(content, slices)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A whole merge beside its target, durable. `sha` is what `hash_of(target)` gives once it is published."""

    temporary: Path
    target: Path
    sha: Sha
    records: int
    size_bytes: int


def prepare(target: Path, pieces: Iterable[ItemSlice], output: OutputSpec, store: ArtifactStore) -> Prepared:
    """Write the merge beside `target`, in the format of its suffix, or a folder for shape `files`.

    Streams: memory does not grow with the number of records. LedgerDamagedError when an artifact is not what was
    stored, BrokenSetupError when the file system refuses; nothing is left behind then, nor of merges that were killed.
    """
    with _in_words(target):
        make_users_folder(target.parent)
        _remove_leftovers(target)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with _in_words(target), Fragments(store) as fragments:
            if output.shape == "files":
                return _prepare_folder(target, temporary, pieces, output, fragments, store)
            return _prepare_file(target, temporary, pieces, output, fragments)
    except BaseException:
        _remove(temporary)
        raise


def publish(prepared: Prepared) -> None:
    """Rename it into place; durable when it returns. A folder that was there is swapped out and removed."""
    target, temporary = prepared.target, prepared.temporary
    with _in_words(target):
        if temporary.is_dir() and target.is_dir():
            old = swap_folders(temporary, target, target.with_name(f".{target.name}.{secrets.token_hex(4)}.old"))
            sync_folder(target.parent)
            shutil.rmtree(old, ignore_errors=True)
        else:
            temporary.replace(target)
            sync_folder(target.parent)


def hash_of(target: Path) -> Sha | None:
    """What lies at `target` now, to tell whether it is what was merged; None when there is nothing.

    A link, a pipe or a device is never ours: it gets a hash that no merge has.
    """
    with _in_words(target):
        try:
            mode = target.lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            return None
        if stat.S_ISREG(mode):
            with target.open("rb") as file:
                return Sha(hashlib.file_digest(file, "sha256").hexdigest())
        if stat.S_ISDIR(mode):
            return hash_of_folder(target)
        return Sha(f"{stat.S_IFMT(mode):064x}")


def keep_aside(target: Path) -> Path:
    """Rename what lies at `target` to the first free `<name>.edited-N`, so that a merge can take its place."""
    number = 1
    while os.path.lexists(aside := target.with_name(f"{target.name}.edited-{number}")):
        number += 1
    with _in_words(target):
        target.rename(aside)
        sync_folder(target.parent)
    return aside


def _prepare_file(
    target: Path, temporary: Path, pieces: Iterable[ItemSlice], output: OutputSpec, fragments: Fragments
) -> Prepared:
    counted = _Counted(_lines(pieces, fragments))
    with _beside(temporary, target) as file:
        match target.suffix.lower():
            case ".jsonl":
                written = _write(file, as_lines(counted))
            case ".csv":
                with tempfile.TemporaryFile(dir=target.parent) as spool:
                    written = _write(file, as_csv(counted, output, spool))
            case _ if output.shape == "object":
                written = _write(file, as_object(counted, output.key))
            case _:
                written = _write(file, as_array(counted))
        file.flush()
        os.fsync(file.fileno())
    return Prepared(temporary, target, written.sha, counted.count, written.size_bytes)


def _prepare_folder(
    target: Path,
    temporary: Path,
    pieces: Iterable[ItemSlice],
    output: OutputSpec,
    fragments: Fragments,
    store: ArtifactStore,
) -> Prepared:
    counted = _Counted(_lines(pieces, fragments))
    size_bytes = copy_files(counted, temporary, target, output.file, store)
    return Prepared(temporary, target, hash_of_folder(temporary), counted.count, size_bytes)


def _lines(pieces: Iterable[ItemSlice], fragments: Fragments) -> Iterator[bytes]:
    for piece in pieces:
        yield from fragments.lines(piece.slice)


class _Counted:
    """Counts what passes."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = lines
        self.count = 0

    def __iter__(self) -> Iterator[bytes]:
        for line in self._lines:
            self.count += 1
            yield line


@dataclass(frozen=True, slots=True)
class _WrittenMerge:
    sha: Sha
    size_bytes: int


def _write(file: IO[bytes], content: Iterable[bytes]) -> _WrittenMerge:
    digest = hashlib.sha256()
    size = 0
    for piece in content:
        file.write(piece)
        digest.update(piece)
        size += len(piece)
    return _WrittenMerge(Sha(digest.hexdigest()), size)


@contextmanager
def _beside(path: Path, target: Path) -> Iterator[IO[bytes]]:
    with os.fdopen(open_for_user(path, target), "wb", buffering=1 << 20) as file:
        yield file


def _remove_leftovers(target: Path) -> None:
    """What merges of this target left when they were killed; one supervisor merges, so nobody else's is in work."""
    for path in target.parent.iterdir():
        if path.name.startswith(f".{target.name}.") and _BESIDE.fullmatch(path.name[len(target.name) + 1 :]):
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def _in_words(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        said = f"cannot merge into {str(target)!r}: {error.strerror or error}"
        raise BrokenSetupError(said, hint="fix that, then launch again; nothing is lost") from error
