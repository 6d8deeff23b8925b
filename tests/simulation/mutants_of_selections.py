"""Mutants of selections: when they are made, what was taken before, and which are the best."""

import sqlite3
from functools import partial

import pytest

from harness.core.types import Item
from harness.ledger import selection_queries as waiting
from harness.planning import select as planning
from harness.planning import selections
from tests.simulation.mutant import Mutant, listed_in

MUTANTS: list[Mutant] = []
mutant = partial(listed_in, MUTANTS)


@mutant("V22", night=32)
def _selected_before_all_is_there(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(waiting, "_OPEN", "SELECT 1 FROM items WHERE phase = :phase AND false")


@mutant("V22", night=32)
def _what_was_selected_before_takes_no_place(patch: pytest.MonkeyPatch) -> None:
    found = waiting.candidates

    def forgetful(db: sqlite3.Connection, phase: int) -> tuple[list[Item], list[Item]]:
        return found(db, phase)[0], []

    patch.setattr(selections, "candidates", forgetful)


@mutant("V22", night=32)
def _the_worst_are_selected(patch: pytest.MonkeyPatch) -> None:
    ranked = planning._ranked
    patch.setattr(planning, "_ranked", lambda items, spec: ranked(items, spec)[::-1])
