"""One screen before the night: machine, keys and plan, each line tried and with its cure, and what must be mended."""

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from harness.backends.credentials import VARIABLE
from harness.doctor.examination import Finding, bundle, claude, credential, disk, jq, sandbox
from harness.doctor.loop_needs import installed_plugin, missing_for
from harness.doctor.outside import network_and_clock
from harness.job.job import Job
from harness.planning.ralph_loop import LOOP_STEPS
from harness.views.wording import clean

Section = Literal["machine", "keys", "plan"]
SECTIONS: tuple[Section, ...] = ("machine", "keys", "plan")


async def machine(job: Job) -> list[Finding]:
    """What sessions and checks of this job need of this machine."""
    with tempfile.TemporaryDirectory(prefix="harness-check-") as scratch:
        found = []
        if not job.is_free():
            found = [claude(Path(scratch)), *(finding for finding in bundle() if finding.grade == "broken")]
        found_of_it = await sandbox(replace(job, state=Path(scratch) / "state"))
        found += [jq(), *_worst_first(found_of_it)]
    return [*found, disk(job.folder), *await _ralph(job), *network_and_clock(job, datetime.now(UTC))]


async def _ralph(job: Job) -> list[Finding]:
    """Where the folder has the steps of a Ralph loop: what `harness ralph` needs, and `launch` does not."""
    if job.rehearsal or not (job.folder / LOOP_STEPS).is_file():
        return []
    plugin = await installed_plugin()
    found = []
    for problem in missing_for(plugin):
        says = f"`harness ralph` would be refused: {clean(problem.where)}: {clean(problem.message)}"
        found.append(Finding("plugin", "note", says, clean(problem.hint or "")))
    return found or [Finding("plugin", "ok", f"{clean(plugin or '')} is installed, with jq and perl")]


def _worst_first(findings: Sequence[Finding]) -> Iterable[Finding]:
    """Notes on a sandbox that holds are for `doctor`."""
    broken = [finding for finding in findings if finding.grade == "broken"]
    return broken or findings[:1]


async def keys(job: Job) -> list[Finding]:
    """The credential of sessions, and each key that the manifest names; their names, never their values."""
    if job.rehearsal:
        return [Finding("credential", "ok", "not needed for a rehearsal")]
    found = await credential(job, is_own=True, run_helper=False)
    return [found, *_keys(job, found)]


def _keys(job: Job, found: Finding) -> Iterator[Finding]:
    for name in job.keys.required:
        if name == VARIABLE["api_key"] and found.grade == "broken":
            continue  # said already
        if name in job.keys.missing(os.environ):
            yield Finding("key", "broken", f"{name} is required (keys.required) but not set", f"export {name}=...")
        elif name != VARIABLE["api_key"]:
            yield Finding("key", "ok", f"{name} is set")
    is_set = job.keys.set_in(os.environ)
    for name in job.keys.optional:
        yield Finding("key", "ok" if name in is_set else "note", f"{name} is {'' if name in is_set else 'not '}set")


def to_mend(findings: Iterable[Finding]) -> list[Finding]:
    """What keeps the job from running."""
    return [finding for finding in findings if finding.grade == "broken"]


def as_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """For programs: what, grade, says, cure."""
    return [asdict(finding) for finding in findings]
