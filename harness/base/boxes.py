"""The seam between those who run the user's checks and scenes, and the kernel sandbox that they run in.

A check looks at what a session wrote, and that session may have been turned by what it read. So nothing of the user's
that sees such data runs with the user's own rights: it sees the job's folder, read-only, and nothing of the network.
What it needs beyond that the manifest says (`allow`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol, get_args

Freedom = Literal["network", "write", "everything"]
"""`network`: as the user has it; `write`: it may change files of the job's folder; `everything`: it runs in no box."""

Allowed = frozenset[Freedom]
FREEDOMS: Final[tuple[Freedom, ...]] = get_args(Freedom)
NOTHING: Final[Allowed] = frozenset()

WHAT_IS_MISSING: Final[dict[Freedom, str]] = {
    "network": "it runs in a sandbox without a network",
    "write": "it runs in a sandbox where the job's folder cannot be written",
    "everything": "it runs in a sandbox that shows the job's folder and little else",
}


@dataclass(frozen=True, slots=True)
class Boxed:
    """The beginning of a command: what follows it runs in the box. Words of `contents` as in `handed`."""

    argv: tuple[str, ...]
    contents: tuple[tuple[str, bytes], ...] = ()


class Boxes(Protocol):
    """Makes boxes for the programs of one job."""

    folder: Path
    """The job's, which can be seen in a box."""

    def box(self, allowed: Allowed, programs: Sequence[Path] = (), shown: Sequence[Path] = ()) -> Boxed | None:
        """A box in which these programs can run and these files and folders be read, beside what the job names. None
        when it is allowed everything."""
        ...


OF_A_BOX: Final = (
    "it runs in a sandbox, without a network, that shows the job's folder read-only; "
    "what it needs more it is given by `allow: network`, `write` or `everything` beside it"
)


def cure(freedom: Freedom) -> str:
    """What a person is told of a check or a scene that the box kept from something."""
    return f"{WHAT_IS_MISSING[freedom]}; if it is meant to, write `allow: {freedom}` beside it"
