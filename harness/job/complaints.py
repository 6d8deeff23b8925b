"""What is found wrong with a manifest, each problem once and at its place."""

from collections.abc import Sequence

from harness.base.errors import Problem
from harness.job.document import Document, dotted
from harness.job.yaml_text import ValuePath


class Complaints:
    """Everything that is found wrong goes into `problems`; nothing is raised, so that all is told at once."""

    def __init__(self, document: Document, silenced: Sequence[ValuePath], problems: list[Problem]) -> None:
        """`silenced`: values that were found unreadable; nothing more is said of them."""
        self.document = document
        self.problems = problems
        self._silenced = tuple(silenced)
        self._complained = {path[0] for path in silenced if path}

    def is_fine(self, *keys: str) -> bool:
        """Was nothing found wrong below these keys of the manifest?"""
        return self._complained.isdisjoint(keys)

    def complain(self, path: ValuePath, message: str, hint: str | None = None, *, of_key: bool = False) -> None:
        """Note a problem at a value of the manifest; once, and not where the value was already found unreadable."""
        if any(path[: len(silenced)] == silenced for silenced in self._silenced):
            return
        self._complained |= set(path[:1])
        self.note(Problem(self.document.where(path, of_key=of_key), f"{dotted(path)}: {message}", hint))

    def note(self, problem: Problem) -> None:
        """Note a problem elsewhere, once."""
        if problem not in self.problems:
            self.problems.append(problem)
