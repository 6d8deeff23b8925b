"""The seams between deciding and doing: what the supervisor asks of an executor, and an executor of a workspace."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from harness.base.artifacts import ArtifactStore
from harness.base.ids import Token
from harness.core.input_hash import INPUT_FOLDER
from harness.core.messages import Message
from harness.core.types import Artifact, Ending, Judgement, OutputFault, SessionEvent
from harness.core.work import AttemptSpec, Identity, Produced, Work
from harness.job.job import OutputSpec

Judge = Callable[[ArtifactStore, Work, Produced], Awaitable[Judgement]]
"""Judges what lies in that store; never raises for what a session wrote. HaltedError when its children are halted."""


class Executor(Protocol):
    """Runs attempts: folder, containment, session, watch and freeze lie behind it. A cluster replaces this alone."""

    async def run(self, spec: AttemptSpec, on_event: Callable[[SessionEvent], None]) -> Ending:
        """Run one attempt to its end; everything it left is frozen and durable in the store when this returns.

        Never raises for what a session does. Cancellation ends the session and all its processes first.
        """
        ...

    async def interrupt(self, token: Token, *, hard: bool = False) -> None:
        """Ask a running attempt to end soon (`hard`: at once). Unknown tokens are no error."""
        ...

    async def salvage(self, lost: Identity, work: Work) -> Ending:
        """The ending of an attempt whose supervisor was lost: leftovers are ended, its folder is frozen."""
        ...

    async def sweep(self) -> int:
        """End every process that a lost supervisor of this job left behind; returns how many there were."""
        ...

    def work_path(self, folder: Path) -> str:
        """The work folder of the attempt folder `folder`, as the session sees it."""
        ...


ITEMS_FILE: Final = "items.json"
CONTEXT_FILE: Final = "context.json"
GIVEN: Final = (INPUT_FOLDER, ITEMS_FILE, CONTEXT_FILE)
"""What an executor adds to a prepared workspace. It is the executor's own, and never part of what is collected."""


@dataclass(frozen=True, slots=True)
class WorkspaceMount:
    """One folder of this machine that a session sees. `path` is relative to its working folder ("" is that folder), or
    absolute."""

    source: Path
    path: str = ""
    is_writable: bool = False


@dataclass(frozen=True, slots=True)
class Collected:
    """What a session left in its workspace. The artifacts are durable in the store."""

    artifacts: tuple[Artifact, ...]
    output_faults: tuple[OutputFault, ...]
    notes: tuple[Message, ...] = ()


class Workspace(Protocol):
    """One kind of place to work in; the same object serves every attempt of a run, from several threads.

    `place` is the attempt's own folder for it. Only the workspace makes it, fills it, takes from it and removes it. A
    session may have put anything there, so no method but `prepare` follows a link in it or starts a program in it.
    `tests/workspaces` holds what every kind must keep.
    """

    def prepare(self, place: Path, files: Sequence[str]) -> None:
        """Make the place ready for a session that is to write `files`, relative names; their folders exist then.

        Not durable: a lost attempt runs again. OSError when this machine cannot.
        """
        ...

    def mounts(self, place: Path) -> Sequence[WorkspaceMount]:
        """What a session sees of it, the working folder first. Everything that is not writable stays as it was."""
        ...

    def collect(self, place: Path, output: OutputSpec, ids: Sequence[str], store: ArtifactStore) -> Collected:
        """Copy the output for the items `ids` into the store, while the session runs or after its end.

        OSError only when the store cannot be written.
        """
        ...

    def tidy(self, place: Path) -> Sequence[Message]:
        """After the session's end: make what stays harmless to whoever looks at it; returns notes. May be repeated."""
        ...

    def remove(self, place: Path, keep: Collection[str] = ()) -> bool:
        """Remove the place, but for the files `keep`, which stay under their names. False when there was none."""
        ...
