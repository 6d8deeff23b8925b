"""Thousands of simulated nights and every mutant: `python -m tests.simulation.soak [seeds [first seed]]`.

Half of the seeds are always the same, half are of today. A seed that violates something is shrunk and printed with the
commit, as an entry for regressions.py.
"""

import gc
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from tests.simulation.mutants import MUTANTS
from tests.simulation.shrinking import as_regression, shrink
from tests.simulation.situations import never_met
from tests.simulation.trial import Tally, Violation, caught, nights

SEEDS = 10_000
MUTANT_SEEDS = 2_000
_CHUNK = 50
_ENOUGH_FOR_ALL = 5_000
"""In fewer seeds the rare situations may well not come up."""
_MOST_SHRUNK = 3


def soak(seeds: int = SEEDS, first: int | None = None) -> bool:
    """Play, print what was seen, and say whether all of it was well."""
    today = int(datetime.now(UTC).strftime("%Y%m%d")) * 10_000 if first is None else first
    fixed = range(seeds // 2) if first is None else range(0)
    drawn = range(today, today + seeds - len(fixed))
    print(f"seeds 0 to {len(fixed) - 1} and {drawn.start} to {drawn.stop - 1}" if fixed else f"seeds from {first}")
    with ProcessPoolExecutor(os.cpu_count(), initializer=_collect_seldom) as pool:
        began = time.monotonic()
        tally = Tally()
        chunks = [range(at, min(at + _CHUNK, each.stop)) for each in (fixed, drawn) for at in each[::_CHUNK]]
        for part in pool.map(nights, chunks):
            tally.add(part)
        took = time.monotonic() - began
        _tell(tally, took)
        for shrunk in pool.map(shrink, tally.violations[:_MOST_SHRUNK]):
            _tell_violation(shrunk)
        survivors = _mutants(pool)
    missing = never_met(tally.situations) if seeds >= _ENOUGH_FOR_ALL else []
    print(f"situations: {len(tally.situations)} kinds met, never met: {', '.join(missing) or 'none'}")
    return not tally.violations and not survivors and not missing


def _collect_seldom() -> None:
    """Of a night hardly anything is garbage before its end: looked for at each 700 new objects, it took a tenth of the
    time."""
    gc.freeze()
    gc.set_threshold(10_000)


def _tell(tally: Tally, took_s: float) -> None:
    codes = ", ".join(f"{number} x {code}" for code, number in sorted(tally.codes.items()))
    print(
        f"simulation: {tally.seeds} seeds, {tally.sessions} sessions, {tally.lives} lives, {tally.kills} crashes, "
        f"exit codes {codes}, violations {len(tally.violations)}, {took_s:.0f} s",
        flush=True,
    )
    for what, number in Counter(each.law for each in tally.violations).most_common():
        example = next(each for each in tally.violations if each.law == what)
        print(f"  {number} x {what}, such as seed={example.seed}: {example.what}", flush=True)


def _tell_violation(shrunk: Violation) -> None:
    print(f"seed={shrunk.seed} commit={_commit()} {shrunk.what}\n  for tests/simulation/regressions.py:")
    print(as_regression(shrunk), flush=True)


def _mutants(pool: ProcessPoolExecutor) -> list[str]:
    """Names of the mutants that survived, or were caught by something else than what must catch them."""
    began = time.monotonic()
    survivors = [name for name, is_caught in pool.map(_is_caught, range(len(MUTANTS))) if not is_caught]
    count = len(MUTANTS) - len(survivors)
    print(f"mutants caught {count}/{len(MUTANTS)}, {time.monotonic() - began:.0f} s", flush=True)
    for name in survivors:
        print(f"  survived: {name}")
    return survivors


def _is_caught(number: int) -> tuple[str, bool]:
    mutant = MUTANTS[number]
    violation = caught(mutant, range(MUTANT_SEEDS))
    return mutant.name, violation is not None and any(words in violation.what for words in mutant.caught_by)


def _commit() -> str:
    asked = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(asked, cwd=Path(__file__).parent, capture_output=True, text=True).stdout.strip() or "unknown"


def main(words: Sequence[str]) -> int:
    return 0 if soak(*(int(word) for word in words[:2])) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
