"""The guardian: one small process beside a run, which ends the run's sessions when the run is killed.

A sandbox ends with the supervisor too (`--die-with-parent`), but only once it is complete; without a sandbox nothing
else would end a session before the next launch.
"""

import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from harness.base.child import StandingChild
from harness.base.errors import BrokenSetupError
from harness.base.marks import RUN_MARK
from harness.executors import guardian_program

_START_S = 20.0
_PATIENCE_S = 3.0
_PROGRAM = f"import sys; sys.path.append(sys.argv[1]); from {guardian_program.__name__} import main; main(sys.argv[2])"
"""Behind what is installed: nothing of ours may stand before the standard library."""


class Guardian:
    """Must stand before a session is started, and is told at the end that all is well."""

    def __init__(self) -> None:
        self._run = secrets.token_hex(12)
        self._child: StandingChild | None = None

    @property
    def mark(self) -> Mapping[str, str]:
        """What every process of this run has in its environment."""
        return {RUN_MARK: self._run}

    def stand(self) -> None:
        """Start it, unless it is there (it may have been killed), and wait until it is at its post: about 40 ms.

        OSError when this machine starts nothing more, BrokenSetupError when it does not come up.
        """
        if self._child is not None and self._child.is_there():
            return
        self._let_go()
        package = Path(guardian_program.__file__).parents[2]
        self._child = child = StandingChild((sys.executable, "-I", "-c", _PROGRAM, str(package), self._run), env={})
        if not child.first_words(1, _START_S):
            said = child.complaint().splitlines()
            self._let_go()
            raise BrokenSetupError(
                f"the guardian of this run does not start: {said[-1] if said else 'it does not answer'}",
                hint="it is a Python program beside each run, which ends its sessions should the run be killed",
            )

    def close(self) -> None:
        """Tell it that nothing is left to end."""
        if self._child is not None:
            self._child.tell(b"\n")
        self._let_go()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _let_go(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.let_go(_PATIENCE_S)
