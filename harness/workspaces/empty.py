"""The workspace `empty`: a folder that holds nothing but what the attempt is given."""

import os
import secrets
import stat
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from harness.base.artifacts import ArtifactStore
from harness.base.files import make_folder
from harness.base.removal import remove_tree
from harness.core.input_hash import INPUT_FOLDER
from harness.core.messages import Message, message
from harness.core.seam import Collected, WorkspaceMount
from harness.job.job import OutputSpec
from harness.workspaces.disarm import SETTINGS, disarm
from harness.workspaces.freeze import freeze

_MOST_KEPT_BYTES: Final = 64 << 20


class EmptyWorkspace:
    """Implements `core.seam.Workspace`."""

    def prepare(self, place: Path, files: Sequence[str]) -> None:
        """Make the folder, and the folders of the files in it."""
        make_folder(place)
        for name in files:
            make_folder((place / name).parent)

    def mounts(self, place: Path) -> Sequence[WorkspaceMount]:
        """The folder alone, writable."""
        return (WorkspaceMount(place, is_writable=True),)

    def collect(self, place: Path, output: OutputSpec, ids: Sequence[str], store: ArtifactStore) -> Collected:
        """The output files."""
        return freeze(place, output, ids, store)

    def tidy(self, place: Path) -> Sequence[Message]:
        """Disarm what lies in it, and name the settings that no session has loaded."""
        return (*_ignored(place), *disarm(place))

    def remove(self, place: Path, keep: Collection[str] = ()) -> bool:
        """Files to keep that are links, or larger than 64 MiB, go too."""
        if not place.is_dir() or place.is_symlink():
            return False
        kept = place.with_name(f".{place.name}-{secrets.token_hex(4)}") if keep else None
        if kept is not None:
            make_folder(kept)
            _move(place, kept, keep)
        remove_tree(place)
        if kept is not None:
            kept.rename(place)
        return True


def _move(place: Path, kept: Path, names: Collection[str]) -> None:
    real = os.path.realpath(place)
    for name in names:
        source = place / name
        with suppress(OSError, ValueError):
            status = source.lstat()
            is_its_own = stat.S_ISREG(status.st_mode) and os.path.realpath(source) == os.path.join(real, name)  # noqa: PTH118
            if is_its_own and status.st_size <= _MOST_KEPT_BYTES:
                make_folder((kept / name).parent)
                source.rename(kept / name)


def _ignored(place: Path) -> Iterator[Message]:
    """A note on settings that lie in it, put there by the session or by an item's file."""
    beside = ("", f"{INPUT_FOLDER}/")
    found = [f"{where}{name}" for where in beside for name in SETTINGS if os.path.lexists(f"{place}/{where}{name}")]
    if found:
        yield message("settings_ignored", files=found)
