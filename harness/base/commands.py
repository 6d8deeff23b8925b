"""What a person types next about a job: command lines with the manifest and the switch that they need."""

import shlex
from pathlib import Path

from harness.base.texts import shown

_REHEARSAL = ".rehearsal"
_ABOUT_AN_ITEM = ("show", "why")
"""Here the manifest comes behind the item."""


def command_line(verb: str, manifest: str, *words: str, rehearsal: bool = False) -> str:
    """`harness status course.yaml --rehearsal`; the default manifest is left out.

    A rehearsal is continued with `rehearse`, not with `launch`.
    """
    if rehearsal and verb == "launch":
        verb, rehearsal = "rehearse", False
    file = [] if manifest == "job.yaml" else [manifest]
    told = [*words, *file] if verb in _ABOUT_AN_ITEM else [*file, *words]
    return shlex.join(["harness", verb, *told, *(["--rehearsal"] if rehearsal else [])])


def command_at(state: Path, verb: str, *words: str) -> str:
    """The same for the job or rehearsal that this is the state folder of."""
    folder, stem = state.absolute().parent.parent, state.name.removesuffix(_REHEARSAL)
    manifest = next((path for end in ("yaml", "yml") if (path := folder / f"{stem}.{end}").exists()), None)
    named = shown(manifest or folder / f"{stem}.yaml")
    return command_line(verb, named, *words, rehearsal=state.name.endswith(_REHEARSAL))
