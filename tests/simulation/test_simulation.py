"""Simulated nights that must hold what is promised, and the mutants that prove that they would notice."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.covers import covers
from tests.simulation.mutant import Mutant
from tests.simulation.mutants import MUTANTS
from tests.simulation.regressions import REGRESSIONS
from tests.simulation.script import Script, draw
from tests.simulation.shrinking import as_regression, shrink
from tests.simulation.trial import Violation, broken_money, caught, folder, half_a_budget, nights, play, three_dollars
from tests.simulation.universe import Universe

SEEDS = 300
"""A sample; `python -m tests.soak nights` plays 10,000."""
BLOCK = 50
MUTANT_SEEDS = 200


@covers("F162")
@pytest.mark.parametrize("block", range(0, SEEDS, BLOCK))
def test_the_promise_holds_in_every_simulated_night(block: int) -> None:
    tally = nights(range(block, block + BLOCK))
    assert not tally.violations, "\n".join(f"seed={each.seed} {each.what}" for each in tally.violations)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_no_guard_can_be_removed_unnoticed(mutant: Mutant) -> None:
    violation = caught(mutant, range(MUTANT_SEEDS))
    assert violation is not None, f"{mutant.name!r} survived {MUTANT_SEEDS} seeds"
    assert any(words in violation.what for words in mutant.caught_by), violation.what


@pytest.mark.parametrize(("seed", "script"), REGRESSIONS)
def test_what_once_broke_holds(seed: int, script: Script) -> None:
    play(seed, script)


@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_an_item_that_crashes_every_session_fails_alone_and_all_others_are_done(batch_size: int) -> None:
    script = Script(items=6, batch_size=batch_size, parallel=2, poison={"i005": "deadly"})
    for seed in range(6):
        with folder() as path:
            universe = Universe(seed, path, script)
            assert universe.play().finished.exit_code == 1
            states = universe.watcher.states
            assert [item for (_, item), state in sorted(states.items()) if state != "done"] == ["i005"]


def test_what_is_billed_is_in_the_ledger_and_within_the_budget_when_answers_break_off() -> None:
    """A sample of the 200 of `python -m tests.soak money`."""
    assert not broken_money(range(8))


@pytest.mark.parametrize("seed", range(4))
def test_a_budget_for_half_of_the_work_leaves_finished_results(seed: int) -> None:
    half_a_budget(seed)


def test_a_failing_script_shrinks_to_what_matters() -> None:
    def again(seed: int, script: Script) -> Violation | None:
        return Violation(seed, script, "V9: so it is") if script.outages and script.items >= 3 else None

    script = replace(draw(3), items=17, outages=((5.0, 20.0), (30.0, 40.0)), calm_s=0.0)
    smallest = shrink(Violation(3, script, "V9: so it was"), again)
    assert smallest.script == Script(items=3, outages=((30.0, 40.0),))
    assert "(3, Script(items=3, outages=((30.0, 40.0),)))" in as_regression(smallest)
    assert eval(repr(script), {"Script": Script, "Decimal": Decimal}) == script


def test_the_same_seed_is_the_same_night_whatever_the_hash_seed() -> None:
    """V15."""
    program = "from tests.simulation.trial import play\nfor seed in range(6): print(play(seed).digest)"
    told = set()
    for hash_seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            check=True,
            text=True,
        )
        told.add(hashlib.sha256(done.stdout.encode()).hexdigest())
    told.add(hashlib.sha256("".join(f"{play(seed).digest}\n" for seed in range(6)).encode()).hexdigest())
    assert len(told) == 1


@pytest.mark.parametrize("parallel", [1, 4, 8])
def test_P02_an_outage_of_two_hours_costs_at_most_twenty_starts(parallel: int) -> None:
    script = Script(items=24, parallel=parallel, outages=((30.0, 7230.0),), calm_s=7230.0)
    with folder() as path:
        universe = Universe(parallel, path, script)
        played = universe.play()
        within = [each for each in universe.world.sessions.values() if 30 <= each.began_s < 7230]
    assert played.finished.exit_code == 0
    assert 1 <= len(within) <= 20


def test_a_budget_of_three_dollars_is_never_exceeded_in_40_nights() -> None:
    """Sessions of $0.07 to $0.20, and one that would cost $0.60 and is cut at its own budget."""
    three_dollars(range(40))
