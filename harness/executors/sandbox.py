"""What every kind of containment can do; the kinds are in bubblewrap and containment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from harness.backends.start_request import Launch, View
from harness.executors.attempt_folder import AttemptFolder


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A launch, made ready to be executed on this machine."""

    argv: tuple[str, ...]
    env: dict[str, str]
    cwd: Path | None
    contents: tuple[tuple[str, bytes], ...] = ()
    """Words of `argv` that stand for the number of a descriptor; the started process can read these bytes from it."""


@dataclass(frozen=True, slots=True)
class Mount:
    """One thing that a session sees. `source` is its path on this machine, empty where it is made for the session."""

    kind: str
    path: str
    source: str


class Containment(Protocol):
    """one kind of sandbox; the same object serves every attempt of a run."""

    @property
    def name(self) -> Literal["bubblewrap", "permissions", "off"]: ...

    @property
    def is_kernel_sandbox(self) -> bool: ...

    @property
    def tool_shell(self) -> str | None:
        """As in `Starter`."""
        ...

    def view(self, folder: AttemptFolder) -> View:
        """Where a session finds its folders."""
        ...

    def wrap(self, folder: AttemptFolder, launch: Launch) -> Wrapped:
        """The command that runs `launch` inside the sandbox. OSError when its program cannot be found."""
        ...

    def polite(self, pid: int) -> list[int]:
        """Whom to ask with SIGTERM, when `pid` is the process that was started."""
        ...

    def describe(self) -> str:
        """One line for `doctor` and the report."""
        ...

    def weaknesses(self) -> Mapping[str, str]:
        """What this sandbox does not hold on this machine: a way of the preflight's -> what to tell the user before a
        start. Other ways, when the preflight finds them open, are holes."""
        ...
