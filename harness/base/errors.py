"""Errors that end a command, and the exit codes they carry.

    HarnessError                    exit  what it means
      UsageError                     2    usage, manifest or input is wrong; nothing was started
      StoppedError                   3    stopped with items pending: budget, operator
      BrokenSetupError               4    infrastructure, authentication or a broken set-up
      JobHeldError                   5    another supervisor holds the job
      LedgerDamagedError             6    the ledger is damaged, or newer than this program; refused to guess

    0 every item done, 1 finished and some failed, 130/143 ended by a second signal: these are not errors.

A fault of a session is never an exception: it is a `Fault` value (core.types).
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with what the user wrote.

    `where` is `file:line:column`, `file`, or a command line word; lines and columns count from 1.
    """

    where: str
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}"
        return f"{text}\n  hint: {self.hint}" if self.hint else text


class HarnessError(Exception):
    """Any error that a command reports in words instead of a traceback."""

    exit_code = 4

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(HarnessError):
    """What the user wrote is wrong. Carries every problem that was found, in the order of the files."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        if not problems:
            raise ValueError("a UsageError needs at least one Problem")
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class StoppedError(HarnessError):
    """Stopped on purpose with items pending; the same command continues."""

    exit_code = 3


class BrokenSetupError(HarnessError):
    """Infrastructure, authentication or the set-up is broken; a person has to mend something first."""

    exit_code = 4


class JobHeldError(HarnessError):
    """Another supervisor holds this job."""

    exit_code = 5


class LedgerDamagedError(HarnessError):
    """The ledger cannot be trusted; nothing was written to it."""

    exit_code = 6


def first_of(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error that is no group: what a person has to read."""
    first = errors.exceptions[0]
    return first_of(first) if isinstance(first, BaseExceptionGroup) else first
