"""Several things that may each be refused, so that everything that is wrong is told at once."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from harness.base.errors import Problem, UsageError

T = TypeVar("T")


def together(makers: Sequence[Callable[[], T]]) -> list[T]:
    """What all of them make; or one UsageError with the problems of all."""
    made: list[T] = []
    problems: list[Problem] = []
    for make in makers:
        try:
            made.append(make())
        except UsageError as error:
            problems += error.problems
    if problems:
        raise UsageError(list(dict.fromkeys(problems)))
    return made
