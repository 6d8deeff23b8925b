"""Guards taken out of the product, one at a time; whoever trusts the simulation must see each of them caught."""

from tests.simulation import (
    mutants_of_selections,
    mutants_of_the_gate,
    mutants_of_the_items,
    mutants_of_the_ledger,
    mutants_of_the_loop,
)
from tests.simulation.mutant import Mutant

MUTANTS: list[Mutant] = [
    *mutants_of_the_ledger.MUTANTS,
    *mutants_of_the_items.MUTANTS,
    *mutants_of_the_gate.MUTANTS,
    *mutants_of_the_loop.MUTANTS,
    *mutants_of_selections.MUTANTS,
]
