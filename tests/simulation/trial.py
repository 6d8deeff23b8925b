"""Plays seeds and says what they violate: one night, pairs of nights that must come to the same, and mutants."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import chain
from pathlib import Path

import pytest

from harness.core import events as e
from harness.ledger.store import Ledger
from tests.simulation.mutant import Mutant
from tests.simulation.script import Script, costly, draw, fair
from tests.simulation.universe import Played, Universe
from tests.simulation.virtual import VirtualClock
from tests.simulation.watcher import without_tokens

_MEMORY = Path("/dev/shm")
_PAIR_EACH = 40
"""A night that is played again under other clocks or another order costs three nights."""


@dataclass(frozen=True, slots=True)
class Violation:
    """What a seed has violated."""

    seed: int
    script: Script
    what: str

    @property
    def law(self) -> str:
        """`V4b`, or the kind of error: what a shrunk script must still violate."""
        return self.what.split(":")[0].split(" ")[0]


@dataclass(slots=True)
class Tally:
    """What came of several seeds."""

    seeds: int = 0
    sessions: int = 0
    lives: int = 0
    kills: int = 0
    codes: Counter[int] = field(default_factory=Counter)
    situations: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        self.seeds += other.seeds
        self.sessions += other.sessions
        self.lives += other.lives
        self.kills += other.kills
        self.codes.update(other.codes)
        self.situations.update(other.situations)
        self.violations += other.violations


@contextmanager
def folder() -> Iterator[Path]:
    """A folder for one seed."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None, prefix="simulated-") as name:
        yield Path(name)


def play(seed: int, script: Script | None = None) -> Played:
    """One night; raises what it violates."""
    with folder() as path:
        return Universe(seed, path, script).play()


def broken_money(seeds: Iterable[int]) -> list[Violation]:
    """What nights violate whose answers break off."""
    return [found for seed in seeds if (found := violated(seed, costly(seed)))]


def violated(seed: int, script: Script) -> Violation | None:
    """What this night violates, if anything."""
    try:
        play(seed, script)
    except Exception as error:
        return Violation(seed, script, in_words(error))
    return None


def in_words(error: BaseException) -> str:
    """The first error that is no group: `V4: ...` for a broken invariant, kind and text for any other."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    text = str(error).split("\n")[0]
    return text if text.startswith("V") and isinstance(error, AssertionError) else f"{type(error).__name__}: {text}"


def nights(seeds: Iterable[int]) -> Tally:
    """Each seed's night, and for some of them the pairs."""
    tally = Tally()
    for seed in seeds:
        tally.seeds += 1
        script = draw(seed)
        with folder() as path:
            universe = Universe(seed, path, script)
            try:
                played = universe.play()
                tally.sessions += played.sessions
                tally.lives += played.lives
                tally.codes[played.finished.exit_code] += 1
                if seed % _PAIR_EACH == 0:
                    clock_pair(seed)
                    order_pair(seed)
            except Exception as error:
                tally.violations.append(Violation(seed, script, in_words(error)))
            tally.kills += universe.kills
            tally.situations.update(universe.situations)
    return tally


def clock_pair(seed: int) -> None:
    """V16: where no limit, window or deadline speaks, jumps of the wall clock change nothing at all."""
    drawn = draw(seed)
    timeless = Script(
        items=drawn.items,
        batch_size=drawn.batch_size,
        parallel=drawn.parallel,
        phases=drawn.phases,
        needs=drawn.needs,
        makes_items=drawn.makes_items,
        selects=drawn.selects,
        fault_rates=drawn.fault_rates,
        poison=drawn.poison,
        calm_s=drawn.calm_s,
    )
    jumps = ((40.0, 86_400.0), (120.0, -90_000.0), (400.0, 3_600.0))
    told = [_told(seed, script) for script in (timeless, replace(timeless, jumps=jumps))]
    assert told[0] == told[1], f"V16: seed {seed} is another night when the clock is set"


def _told(seed: int, script: Script) -> list[object]:
    with folder() as path:
        universe = Universe(seed, path, script)
        universe.play()
        return [without_tokens(event) for event in universe.events()]


def order_pair(seed: int) -> None:
    """V14: alone or eight at once, killed or not, the merged bytes are the same."""
    script = fair(seed)
    alone, many = (play(seed, replace(script, parallel=parallel)) for parallel in (1, 8))
    if {alone.finished.exit_code, many.finished.exit_code} <= {0, 1}:
        assert alone.merges == many.merges, f"V14: seed {seed} merges other bytes in parallel"


def half_a_budget(seed: int) -> None:
    """V25: of two phases, a budget for half of the sessions leaves results that are finished, not only begun."""
    script = Script(items=24, phases=2, parallel=seed % 4 + 1, budget=Decimal(3), makes_items=seed % 2 == 1)
    with folder() as path:
        universe = Universe(seed, path, script)
        finished = universe.play().finished
        done = [sum(phase == number for number, _ in universe.watcher.accepted) for phase in (1, 2)]
    assert finished.message.kind == "budget", f"V25: the budget was to run out: {finished.message}"
    assert 0 < done[0] < script.items, f"V25: {done[0]} of {script.items} were begun"
    assert 2 * done[1] >= done[0] - script.parallel, f"V25: {done[0]} were begun, {done[1]} finished"


def three_dollars(seeds: Sequence[int]) -> None:
    """Sessions of $0.07 to $0.20, and one that would cost $0.60 and is cut at its own budget: nothing is spent beyond
    the job's, which is raised in every other night."""
    script = Script(items=18, parallel=4, budget=Decimal(3), poison={"i003": "dear"}, calm_s=1e6)
    codes: Counter[int] = Counter()
    cut = 0
    for seed in seeds:
        with folder() as path:
            universe = Universe(seed, path, replace(script, raises=seed % 2 * 3))
            played = universe.play()
            assert universe.world.billed() <= (universe.job.budget or 0)
            faults = [event.fault for event in universe.events() if isinstance(event, e.AttemptEnded)]
        cut += faults.count("session_budget")
        codes[played.finished.exit_code] += 1
        assert played.finished.exit_code == (3 if seed % 2 == 0 else 1)
    assert codes[3] == len(seeds) // 2
    assert cut >= len(seeds)


def accepted_once(seed: int) -> None:
    """V6: the ledger itself refuses a second acceptance."""
    phase = e.PlannedPhase(1, "only", "item", 0, "own", False, 1)
    accepted = e.ItemAccepted(1, 1, "a", "00", 0, 1, 1)
    with folder() as path:
        ledger = Ledger.open(path / "ledger.db", VirtualClock(), durable=False)
        try:
            ledger.record(e.JobPlanned("job", "item", True, "0", {}, (phase,), 1))
            ledger.record(e.ItemAdded(1, "a", None, "a", "1", 1, {}, ""), e.BatchPlanned(1, 1, 0, ("a",), 1))
            started = e.AttemptStarted(1, "t", 1, 1, 1, 0, ("a",), "s", "claude", "sonnet", "", 0, "attempts/1")
            ledger.record(started, accepted)
            with pytest.raises(Exception):  # noqa: B017 whichever guard stands first
                ledger.record(accepted)
        except pytest.fail.Exception:
            raise AssertionError("V6: an item was accepted twice") from None
        finally:
            ledger.close()


_CATCHERS: dict[str, Callable[[int], object]] = {
    "night": lambda seed: play(seed),
    "clock": clock_pair,
    "order": order_pair,
    "law": accepted_once,
    "budget": half_a_budget,
    "money": lambda seed: play(seed, costly(seed)),
}


def caught(mutant: Mutant, seeds: Iterable[int]) -> Violation | None:
    """The first seed that catches the mutant, its own night before all others; None when it survives them all."""
    with pytest.MonkeyPatch.context() as patch:
        mutant.plant(patch)
        for seed in chain([mutant.night], seeds):
            try:
                _CATCHERS[mutant.layer](seed)
            except Exception as error:
                return Violation(seed, draw(seed), in_words(error))
    return None
