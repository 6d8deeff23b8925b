"""The seam between those who run the user's checks and scenes, and the kernel sandbox that they run in.

A check looks at what a session wrote, and that session may have been turned by what it read. So nothing of the user's
that sees such data runs with the user's own rights: it sees the job's folder, read-only, and nothing of the network.
What it needs beyond that the manifest says (`allow`).
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol, get_args

Freedom = Literal["network", "write", "everything"]
"""`network`: as the user has it; `write`: it may change files of the job's folder; `everything`: no sandbox."""

Allowed = frozenset[Freedom]
FREEDOMS: Final[tuple[Freedom, ...]] = get_args(Freedom)
NOTHING: Final[Allowed] = frozenset()

MissingFreedom = Freedom | Literal["place"]
"""What a program would have needed; `place`: a relative path led nowhere, for it runs in another folder."""

WHAT_IS_MISSING: Final[dict[Freedom, str]] = {
    "network": "it runs in a sandbox without a network",
    "write": "it runs in a sandbox where the job's folder cannot be written",
    "everything": "it runs in a sandbox that shows the job's folder and little else",
}


@dataclass(frozen=True, slots=True)
class SandboxCommand:
    """The beginning of a command: what follows runs in the sandbox. `contents` as in `passed_as_descriptors`."""

    argv: tuple[str, ...]
    contents: tuple[tuple[str, bytes], ...] = ()
    allowed: Allowed = NOTHING
    folder: Path = Path("/")
    """The job's, which can be seen in it."""


def to_json(sandbox: SandboxCommand) -> bytes:
    """For a process that makes the sandbox in our place."""
    contents = [[word, base64.b64encode(content).decode()] for word, content in sandbox.contents]
    return json.dumps(
        {"argv": sandbox.argv, "contents": contents, "allowed": sorted(sandbox.allowed), "folder": str(sandbox.folder)}
    ).encode()


def from_json(text: bytes) -> SandboxCommand:
    told = json.loads(text)
    contents = tuple((word, base64.b64decode(content)) for word, content in told["contents"])
    return SandboxCommand(tuple(told["argv"]), contents, frozenset(told["allowed"]), Path(told["folder"]))


class Sandboxes(Protocol):
    """Makes sandboxes for the programs of one job."""

    folder: Path
    """The job's, which can be seen in a sandbox."""

    def sandbox(
        self, allowed: Allowed, programs: Sequence[Path] = (), shown: Sequence[Path] = ()
    ) -> SandboxCommand | None:
        """A sandbox in which these programs can run and these files and folders be read, beside what the job names.
        None when it is allowed everything."""
        ...


OF_A_SANDBOX: Final = (
    "it runs in a sandbox, without a network, that shows the job's folder read-only; "
    "what it needs more it is given by `allow: network`, `write` or `everything` beside it"
)


def cure(freedom: MissingFreedom) -> str:
    """What a person is told of a check or a scene that the sandbox, or the folder it runs in, kept from something."""
    if freedom == "place":
        return "it runs in /, not in its own folder: begin a path with Path(__file__).parent"
    return f"{WHAT_IS_MISSING[freedom]}; if it is meant to, write `allow: {freedom}` beside it"
