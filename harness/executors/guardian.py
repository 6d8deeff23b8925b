"""The guardian: one small process beside a run, which ends the run's sessions when the run is killed.

Walls end with the supervisor too (`--die-with-parent`), but only once they stand; without walls nothing else would end
a session before the next launch.
"""

import os
import secrets
import select
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from harness.base.errors import BrokenSetupError
from harness.base.marks import RUN_MARK
from harness.base.termination import wait_or_kill
from harness.executors import guardian_program

_START_S = 20.0
_PATIENCE_S = 3.0
_PROGRAM = f"import sys; sys.path.append(sys.argv[1]); from {guardian_program.__name__} import main; main(sys.argv[2])"
"""Behind what is installed: nothing of ours may stand before the standard library."""


class Guardian:
    """Must stand before a session is started, and is told at the end that all is well."""

    def __init__(self) -> None:
        self._run = secrets.token_hex(12)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def mark(self) -> Mapping[str, str]:
        """What every process of this run has in its environment."""
        return {RUN_MARK: self._run}

    def stand(self) -> None:
        """Start it, unless it is there (it may have been killed), and wait until it is at its post: about 40 ms.

        OSError when this machine starts nothing more, BrokenSetupError when it does not come up.
        """
        if self._process is not None and self._process.poll() is None:
            return
        self._let_go()
        package = Path(guardian_program.__file__).parents[2]
        self._process = process = subprocess.Popen(
            (sys.executable, "-I", "-c", _PROGRAM, str(package), self._run),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={},
            cwd="/",
            start_new_session=True,  # Ctrl-C in the terminal must not end it before us
        )
        assert process.stdout is not None and process.stderr is not None
        ready, _, _ = select.select([process.stdout], [], [], _START_S)
        if not (ready and os.read(process.stdout.fileno(), 1)):
            process.kill()
            said = process.stderr.read().decode(errors="replace").strip().splitlines()
            self._let_go()
            raise BrokenSetupError(
                f"the guardian of this run does not start: {said[-1] if said else 'it does not answer'}",
                hint="it is a Python program beside each run, which ends its sessions should the run be killed",
            )

    def close(self) -> None:
        """Tell it that nothing is left to end."""
        process = self._process
        if process is not None and process.stdin is not None:
            with suppress(OSError):
                process.stdin.write(b"\n")
                process.stdin.flush()
        self._let_go()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _let_go(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            wait_or_kill(process, _PATIENCE_S)
