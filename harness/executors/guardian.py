"""The guardian: one small process beside a run, which ends the run's sessions when the run is killed.

Walls end with the supervisor too (`--die-with-parent`), but only once they stand; without walls nothing else would end
a session before the next launch.
"""

import secrets
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from harness.base.marks import RUN_MARK
from harness.executors import guardian_program

_PATIENCE_S = 3.0


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
        """Start it, unless it is there (it may have been killed). OSError when this machine starts nothing more."""
        if self._process is not None and self._process.poll() is None:
            return
        self._let_go()
        package = Path(guardian_program.__file__).parents[2]
        self._process = subprocess.Popen(
            (sys.executable, "-P", "-s", "-m", guardian_program.__name__, self._run),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PYTHONPATH": str(package)},
            cwd="/",
            start_new_session=True,  # Ctrl-C in the terminal must not end it before us
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
        if process is None:
            return
        with suppress(OSError):
            process.communicate(timeout=_PATIENCE_S)
