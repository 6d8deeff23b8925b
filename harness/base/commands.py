"""What a person types next about a job: command lines with the manifest and the switch that they need."""

import shlex
from pathlib import Path

from harness.base.instances import origin_of
from harness.base.texts import shown

_ABOUT_AN_ITEM = ("show", "why")
"""Here the manifest comes behind the item."""


def command_line(verb: str, manifest: str, *words: str, rehearsal: bool = False, instance: str | None = None) -> str:
    """`harness status course.yaml --as acme --rehearsal`; the default manifest is left out.

    A rehearsal is continued with `rehearse`, not with `launch`.
    """
    if rehearsal and verb == "launch":
        verb, rehearsal = "rehearse", False
    file = [] if manifest == "job.yaml" else [manifest]
    told = [*words, *file] if verb in _ABOUT_AN_ITEM else [*file, *words]
    which = ["--as", instance] if instance is not None else []
    return shlex.join(["harness", verb, *told, *which, *(["--rehearsal"] if rehearsal else [])])


def command_at(state: Path, verb: str, *words: str) -> str:
    """The same for the job or rehearsal that this is the state folder of."""
    origin = origin_of(state)
    return command_line(verb, shown(origin.manifest), *words, rehearsal=origin.rehearsal, instance=origin.instance)
