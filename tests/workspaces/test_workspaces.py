"""Every kind of workspace keeps the laws of `laws.py`, and each law can be broken: a fault a law, and one is caught."""

import shutil
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.base.artifacts import ArtifactStore
from harness.core.messages import Message
from harness.core.seam import Collected, Workspace, WorkspaceMount
from harness.core.types import Artifact
from harness.workspaces.empty import EmptyWorkspace
from harness.workspaces.kinds import workspace_of
from tests.workspaces import laws
from tests.workspaces.laws import LAWS, Law

KINDS: dict[str, Workspace] = {"empty": EmptyWorkspace()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_a_workspace_keeps_the_laws(kind: str, law: Law, tmp_path: Path) -> None:
    law(KINDS[kind], tmp_path)


def test_no_kind_is_left_out() -> None:
    made: Any = None
    assert type(workspace_of(made)) in {type(workspace) for workspace in KINDS.values()}


class NotTidied(EmptyWorkspace):
    def tidy(self, place: Path) -> Sequence[Message]:
        return ()


class LeavesLinksOut(EmptyWorkspace):
    def tidy(self, place: Path) -> Sequence[Message]:
        out = place / "out"
        target = out.readlink() if out.is_symlink() else None
        notes = super().tidy(place)
        if target is not None:
            out.symlink_to(target)
        return notes


class TakesTheOutputAway(EmptyWorkspace):
    def tidy(self, place: Path) -> Sequence[Message]:
        (place / "out.json").unlink(missing_ok=True)
        return super().tidy(place)


class TidiesBeyondLinks(EmptyWorkspace):
    def tidy(self, place: Path) -> Sequence[Message]:
        for found in place.glob("*/.envrc"):
            found.unlink()
        return super().tidy(place)


class OpenStore(EmptyWorkspace):
    """A store of objects that all attempts share, shown writable."""

    def mounts(self, place: Path) -> Sequence[WorkspaceMount]:
        return (*super().mounts(place), WorkspaceMount(place.parent.parent / "store", "store", is_writable=True))


class ReadOnly(EmptyWorkspace):
    def mounts(self, place: Path) -> Sequence[WorkspaceMount]:
        return (WorkspaceMount(place),)


class FollowsLinks(EmptyWorkspace):
    def collect(self, place: Path, output: Any, ids: Sequence[str], store: ArtifactStore) -> Collected:
        name = output.file.replace("{id}", ids[0])
        if not (place / name).is_file():
            return super().collect(place, output, ids, store)
        content = (place / name).read_bytes()
        return Collected((Artifact(name, store.put(content), len(content)),), ())


class TakesEverything(EmptyWorkspace):
    def collect(self, place: Path, output: Any, ids: Sequence[str], store: ArtifactStore) -> Collected:
        found = super().collect(place, output, ids, store)
        given = [Artifact(path.name, store.put(path.read_bytes()), 5) for path in place.glob("items.json")]
        return Collected((*found.artifacts, *given), ())


class TidiesTooEarly(EmptyWorkspace):
    def collect(self, place: Path, output: Any, ids: Sequence[str], store: ArtifactStore) -> Collected:
        self.tidy(place)
        return super().collect(place, output, ids, store)


class NoFolders(EmptyWorkspace):
    def prepare(self, place: Path, files: Sequence[str]) -> None:
        super().prepare(place, ())


class ForEverybody(EmptyWorkspace):
    def prepare(self, place: Path, files: Sequence[str]) -> None:
        super().prepare(place, files)
        place.chmod(0o755)


class Beside(EmptyWorkspace):
    def prepare(self, place: Path, files: Sequence[str]) -> None:
        super().prepare(place, files)
        (place.parent / "index").write_text("")


class BringsItems(EmptyWorkspace):
    def prepare(self, place: Path, files: Sequence[str]) -> None:
        super().prepare(place, files)
        (place / "items.json").write_text("of the repository")


class KeepsAll(EmptyWorkspace):
    def remove(self, place: Path, keep: Collection[str] = ()) -> bool:
        return place.is_dir() if keep else super().remove(place)


class KeepsNothing(EmptyWorkspace):
    def remove(self, place: Path, keep: Collection[str] = ()) -> bool:
        return super().remove(place)


class LeavesFiles(EmptyWorkspace):
    def remove(self, place: Path, keep: Collection[str] = ()) -> bool:
        is_there = super().remove(place, keep)
        (place.parent / "lock").write_text("")
        return is_there


class RaisesWhenGone(EmptyWorkspace):
    def remove(self, place: Path, keep: Collection[str] = ()) -> bool:
        if keep:
            return super().remove(place, keep)
        shutil.rmtree(place)
        return True


FAULTS: list[tuple[Workspace, Law]] = [
    (NotTidied(), laws.what_stays_is_harmless),
    (LeavesLinksOut(), laws.what_stays_is_harmless),
    (TakesTheOutputAway(), laws.output_survives_tidying),
    (TidiesBeyondLinks(), laws.tidying_touches_nothing_outside),
    (OpenStore(), laws.only_the_place_is_writable),
    (ReadOnly(), laws.only_the_place_is_writable),
    (FollowsLinks(), laws.collecting_follows_no_link),
    (TakesEverything(), laws.what_an_attempt_is_given_is_not_collected),
    (TidiesTooEarly(), laws.collecting_leaves_everything_where_it_is),
    (NoFolders(), laws.the_folders_of_expected_files_are_there),
    (ForEverybody(), laws.it_lies_in_its_place_alone),
    (Beside(), laws.it_lies_in_its_place_alone),
    (BringsItems(), laws.its_names_are_free_for_what_an_attempt_is_given),
    (KeepsAll(), laws.what_is_kept_stays_and_nothing_else),
    (KeepsNothing(), laws.what_is_kept_stays_and_nothing_else),
    (LeavesFiles(), laws.removed_is_gone),
    (RaisesWhenGone(), laws.removed_is_gone),
]


@pytest.mark.parametrize(("workspace", "law"), FAULTS, ids=lambda each: getattr(each, "__name__", type(each).__name__))
def test_a_fault_breaks_its_law(workspace: Workspace, law: Law, tmp_path: Path) -> None:
    with pytest.raises((AssertionError, OSError)):
        law(workspace, tmp_path)
