"""What a mutant is, and how one is listed: a guard taken out, and the words of what must catch it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import pytest

Layer = Literal["night", "clock", "order", "law", "money", "budget"]
"""What must catch it: an ordinary simulated night; the same night with and without jumps of the clock; the same night
alone and in parallel; a small law of its own about what the simulation has its own stand-in for; a costly night; a
night whose budget pays for half of the work."""
Plant = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One guard removed. `caught_by`: words of which one must be in what the catcher says."""

    name: str
    plant: Plant
    caught_by: tuple[str, ...]
    layer: Layer = "night"
    night: int = 0
    """A seed that catches it, played first: most nights do not meet what this guard is for. When it has become stale,
    the other seeds still catch the mutant, and the test is only slower."""


def listed_in(
    mutants: list[Mutant], *caught_by: str, layer: Layer = "night", night: int = 0
) -> Callable[[Plant], Plant]:
    """A decorator for what plants a mutant: it goes into this list, by its name."""

    def listed(plant: Plant) -> Plant:
        mutants.append(Mutant(plant.__name__.lstrip("_").replace("_", " "), plant, caught_by, layer, night))
        return plant

    return listed
