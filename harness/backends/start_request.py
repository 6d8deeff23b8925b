"""What a backend asks of whoever starts its process: the program, its environment, and what it may see."""

from asyncio.subprocess import Process
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

WITHHELD: Final = "HARNESS_WITHHELD"
"""The variable with the names, separated by blanks, of those that nothing which a tool starts gets."""


@dataclass(frozen=True, slots=True)
class View:
    """Where the attempt's folders are, as the session sees them."""

    work: str
    config: str
    tmp: str
    input: str


@dataclass(frozen=True, slots=True)
class Launch:
    """One program to start. Every path in `argv` and `env` is as the session sees it."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    """The whole environment; nothing of ours is inherited. Secrets travel here and nowhere else."""
    readable: tuple[Path, ...] = ()
    """Files and folders shown read-only, at their own paths."""
    shown: tuple[tuple[Path, str], ...] = ()
    """Files and folders shown read-only under another path: (here, there). Only where `View` differs from here."""
    stdin: Path | None = None
    """A file whose content it reads; the file itself it cannot reach. None = a pipe that we write to."""
    terminal: int | None = None
    """A terminal that it reads from and writes to, in place of `stdin` and of a pipe for its output: our descriptor of
    its end, which we close once it was started."""
    programs: tuple[Path, ...] = ()
    """Programs beside the one in `argv` that must be able to run: their installations are shown too."""


class Starter(Protocol):
    """Starts processes for one attempt, inside its containment."""

    view: View
    is_kernel_sandbox: bool
    """The kernel keeps the session in: only then may permission checks be bypassed."""

    tool_shell: str | None
    """A program that runs `COMMAND` as `tool_shell COMMAND`, where it sees and reaches nothing of the session's own
    processes, and without the variables that `WITHHELD` names. None where there is none."""

    async def start(self, launch: Launch) -> Process:
        """Start it with pipes for output (but for `terminal`) and errors. OSError when it cannot be started."""
        ...

    async def end(self, grace: float) -> None:
        """Ask the session's processes to end, and kill what is left after `grace` seconds. Nothing stays."""
        ...

    def close(self) -> None:
        """Let go of the process's pipes, whoever else holds them; only once it has ended."""
        ...
