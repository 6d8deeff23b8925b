"""Batches as people name them on the command line: `2`, `2,4-6`, and `2.1` for a part of batch 2."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from harness.base.errors import Problem, UsageError

_NAME = re.compile(r"(\d{1,9})(?:\.(\d{1,9})|\s*-\s*(\d{1,9}))?")
_MOST_PARTS_TOLD = 10


@dataclass(frozen=True, slots=True)
class BatchRange:
    """From `first` to `last` with all their parts, or one `part` of one of them; the same in all phases."""

    first: int
    last: int
    part: int | None = None

    def holds(self, number: int, part: int) -> bool:
        return self.first <= number <= self.last and self.part in (None, part)

    def __str__(self) -> str:
        if self.part is not None:
            return f"{self.first}.{self.part}"
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


def read_batches(texts: Sequence[str]) -> tuple[BatchRange, ...]:
    """`["2,4-6", "7.1"]`. UsageError with everything that names no batch."""
    found: list[BatchRange] = []
    problems: list[Problem] = []
    for word in (word.strip() for text in texts for word in text.split(",")):
        match = _NAME.fullmatch(word)
        first, part, last = (int(each) if each else None for each in match.groups()) if match else (None, None, None)
        if not first or part == 0 or (last is not None and last < first):
            problems.append(Problem("--batch", f"expected a batch such as 2, 2,4-6 or 2.1, got {word!r:.80}"))
        else:
            found.append(BatchRange(first, last or first, part))
    if problems:
        raise UsageError(problems)
    return tuple(found)


def refuse_unknown_batches(asked: Sequence[BatchRange], known: Collection[tuple[int, int]]) -> None:
    """UsageError for all that are not among the planned ones; `known` are numbers and parts, 0 where there are none."""
    most = max((number for number, _ in known), default=0)
    problems = []
    for batches in asked:
        if batches.last > most:
            those = f"there are 1 to {most:,}" if most > 1 else "there is batch 1 only" if most else "none is planned"
            problems.append(Problem("--batch", f"there is no batch {max(batches.first, most + 1):,}", those))
        elif batches.part is not None and not any(batches.holds(*each) for each in known):
            parts = sorted({part for number, part in known if number == batches.first and part})
            told = ", ".join(f"{batches.first}.{part}" for part in parts[:_MOST_PARTS_TOLD])
            hint = f"its parts are {told}" if parts else f"it is not cut into parts (yet): --batch {batches.first}"
            problems.append(Problem("--batch", f"there is no batch {batches}", hint))
    if problems:
        raise UsageError(problems)
