"""The command that a person or a program runs next about a job, as data; `views` and `cli` put it into sentences."""

import shlex
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

from harness.base.instances import origin_of
from harness.base.texts import shown

DEFAULT_MANIFEST: Final = "job.yaml"
_ABOUT_AN_ITEM: Final = ("show", "why")
"""Here the manifest comes behind the item."""


@dataclass(frozen=True, slots=True)
class NextCommand:
    """`harness VERB` with its words, about the job, instance or rehearsal of one manifest (as a user names it)."""

    verb: str
    words: tuple[str, ...] = ()
    manifest: str = DEFAULT_MANIFEST
    instance: str | None = None
    rehearsal: bool = False

    def __str__(self) -> str:
        """As a shell reads it: `harness status course.yaml --as acme --rehearsal`; the default manifest is left out.

        A rehearsal is continued with `rehearse`, not with `launch`.
        """
        verb, rehearsal = self.verb, self.rehearsal
        if rehearsal and verb == "launch":
            verb, rehearsal = "rehearse", False
        file = () if self.manifest == DEFAULT_MANIFEST else (self.manifest,)
        told = (*self.words, *file) if verb in _ABOUT_AN_ITEM else (*file, *self.words)
        which = () if self.instance is None else ("--as", self.instance)
        return shlex.join(["harness", verb, *told, *which, *(["--rehearsal"] if rehearsal else [])])

    def as_json(self) -> dict[str, Any]:
        """As a fact of a message; `NextCommand(**facts)` reads it."""
        return {**asdict(self), "words": list(self.words)}

    def plus(self, *words: str) -> Self:
        """The same with more words."""
        return replace(self, words=(*self.words, *words))

    def other(self, verb: str, *words: str) -> "NextCommand":
        """Another command about the same job, with these words alone."""
        return replace(self, verb=verb, words=words)


LAUNCH: Final = NextCommand("launch")


def command_at(state: Path, verb: str, *words: str) -> NextCommand:
    """About the job or rehearsal that this is the state folder of."""
    origin = origin_of(state)
    return NextCommand(verb, words, shown(origin.manifest), origin.instance, origin.rehearsal)
