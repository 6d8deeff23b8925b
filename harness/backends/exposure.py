"""What a session of a phase would be shown of this machine, before there is an attempt: for `plan --mounts` and the
preflight. The sessions themselves use the same parts."""

from collections.abc import Mapping
from pathlib import Path

from harness.backends.cli_start import INSIDE, cli_folder
from harness.backends.command import find_program
from harness.backends.passed_environment import passed_on
from harness.backends.start_request import Launch
from harness.base.errors import UsageError
from harness.job.job import Job, PhaseSpec


def exposed(job: Job, phase: PhaseSpec, environ: Mapping[str, str]) -> Launch:
    """A launch with the program and the files of a session of this phase, without arguments and environment.

    FileNotFoundError when the program is not there.
    """
    if phase.session.backend == "command":
        return Launch((str(find_program(phase.session.command[0], environ)),), {}, job.readable)
    files: tuple[Path, ...] = ()
    if not job.rehearsal:
        try:
            files = passed_on(phase.session.env, environ).files
        except UsageError:  # a $NAME that is not set: said where sessions start
            files = ()
    return Launch((f"{INSIDE}/claude",), {}, (*job.readable, *files), ((cli_folder(), INSIDE),))
