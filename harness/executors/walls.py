"""What every kind of containment can do; the kinds are in bubblewrap and containment."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from harness.backends.launch import Launch, View
from harness.executors.folder import AttemptFolder


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
    """One kind of walls; the same object serves every attempt of a run."""

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
        """The command that runs `launch` inside the walls. OSError when its program cannot be found."""
        ...

    def polite(self, pid: int) -> list[int]:
        """Whom to ask with SIGTERM, when `pid` is the process that was started."""
        ...

    def describe(self) -> str:
        """One line for `doctor` and the report."""
        ...

    def weaknesses(self) -> Mapping[str, str]:
        """What these walls do not hold on this machine: a way of the preflight's -> what to tell the user before a
        start. Other ways, when the preflight finds them open, are holes."""
        ...


@contextmanager
def handed(argv: Sequence[str], contents: Sequence[tuple[str, bytes]]) -> Iterator[tuple[list[str], tuple[int, ...]]]:
    """`argv` with numbers of descriptors in place of the words of `contents`; and the descriptors, to be passed on.

    What bubblewrap is to do goes by a descriptor too: everybody on this machine, and the session in its /proc/1, could
    read the paths of the user's folders in its arguments.
    """
    opened: list[int] = []
    try:
        numbers = {word: _in_memory(content, opened) for word, content in contents}
        words = [str(numbers.get(word, word)) for word in argv]
        if Path(words[0]).name == "bwrap" and "--" in words:
            end = words.index("--")
            told = b"".join(os.fsencode(word) + b"\0" for word in words[1:end])
            words = [words[0], "--args", str(_in_memory(told, opened)), *words[end:]]
        yield words, tuple(opened)
    finally:
        for number in opened:
            os.close(number)


def _in_memory(content: bytes, opened: list[int]) -> int:
    number = os.memfd_create("harness")
    opened.append(number)
    os.write(number, content)
    os.lseek(number, 0, os.SEEK_SET)
    return number
