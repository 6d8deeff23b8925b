"""The sweeps: every call of a small real run is killed or fails, one run per call.

python -m tests.sweeps.sweep [kills | errors]      all of them, two at a time
"""

import os
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.sweeps.injecting import Point, Where, after_a_kill, after_an_error, calm, count
from tests.sweeps.nights import EDITED, FIRST, REUSING, Night

KILLED: dict[Where, tuple[str, ...]] = {
    "main": (
        *("write", "pwrite64", "fsync", "fdatasync", "rename", "unlink", "unlinkat", "rmdir", "ftruncate", "mkdir"),
        *("chmod", "vfork", "clone3", "kill"),
    ),
    "state": ("openat",),
    "outputs": ("openat", "write", "fsync", "rename", "mkdir"),
}
"""Which calls are killed. `openat` is counted on the job's paths alone; hundreds of others load the program."""

ERRORS: dict[str, tuple[str, ...]] = {
    "openat": ("EMFILE", "ENOSPC", "EROFS", "EIO"),
    "write": ("ENOSPC", "EIO"),
    "pwrite64": ("ENOSPC", "EIO"),
    "fsync": ("EIO", "ENOSPC"),
    "fdatasync": ("EIO",),
    "rename": ("ENOSPC", "EROFS", "EIO"),
    "mkdir": ("ENOSPC", "EROFS"),
    "unlink": ("EROFS",),
    "ftruncate": ("EIO",),
    "vfork": ("EAGAIN",),
    "clone3": ("EAGAIN",),
}
CHANGING = ("pwrite64", "fdatasync", "fsync", "rename", "mkdir", "write")
PLANTED = (
    ("publish_before_commit", "fdatasync", 1, 0),
    ("commit_before_artifact", "rename", 1, 0),
    ("commit_before_artifact", "pwrite64", 7, 91),
    ("say_before_commit", "pwrite64", 15, 75),
)
"""A fault, the calls whose kills show it, each so many-th, and how many before the last one that was when it was last
looked for."""
LATER = (REUSING, EDITED)
"""Of their many writes into the ledger each fourth is killed, of everything else each."""
MANY, EVERY_OF_MANY = ("pwrite64", "openat"), 4
SEED = 20
COMPOUND_EVERY = 20
Verdict = list[str] | None


@dataclass
class Swept:
    """How many points were hit, and what was broken."""

    points: int = 0
    broken: list[str] = field(default_factory=list)

    def add(self, verdict: Verdict) -> None:
        if verdict is not None:
            self.points += 1
            self.broken += verdict


def sweep_kills() -> Swept:
    """Every call of KILLED, until the run ends unhit; for some of them three random kills inside the resume."""
    swept = Swept()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for where, calls in KILLED.items():
            for call in calls:
                _until_unhit(pool, swept, lambda k, call=call, where=where: after_a_kill(Point(call, k, where=where)))  # type: ignore[misc]
        for night in LATER:
            for where, calls in KILLED.items():
                points = [
                    point for call in calls for point in kills(where, call, EVERY_OF_MANY if call in MANY else 1, night)
                ]
                for verdict in pool.map(partial(after_a_kill, night=night), points):
                    swept.add(verdict)
        for verdict in pool.map(lambda points: after_a_kill(points[0], then=points[1]), compounds(COMPOUND_EVERY)):
            swept.add(verdict)
    return swept


def sweep_errors() -> Swept:
    """Every call of ERRORS on the job's paths, once and for ever: of many a dozen, spread evenly."""
    swept = Swept()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        points = [point for call, names in ERRORS.items() for name in names for point in errors(call, name, 12)]
        for verdict in pool.map(after_an_error, points):
            swept.add(verdict)
        for night in LATER:
            points = [each for call, names in ERRORS.items() for name in names for each in errors(call, name, 3, night)]
            for verdict in pool.map(partial(after_an_error, night=night), points):
                swept.add(verdict)
    return swept


def kills(where: Where, call: str, every: int, night: Night = FIRST) -> Iterator[Point]:
    """Each `every`-th kill point of this call, from a place that the seed decides; at least one if there is any."""
    calls = count(call, where, night)
    if not calls:
        return
    first = 1 + random.Random(f"{SEED} {where} {call}").randrange(min(every, calls))
    yield from (Point(call, k, where=where) for k in range(first, calls + 1, every))


def compounds(every: int, calls: Sequence[str] = CHANGING) -> Iterator[tuple[Point, list[Point]]]:
    """Some kill points, each with three in a row inside what follows."""
    draw = random.Random(SEED)
    for call in calls:
        for point in kills("main", call, every):
            yield point, [Point(draw.choice(CHANGING), draw.randint(1, 12)) for _ in range(3)]


def errors(call: str, error: str, most: int, night: Night = FIRST) -> Iterator[Point]:
    """Once and for ever, at most so many points each, evenly spread over the run."""
    where: Where = "main" if call in ("vfork", "clone3") else "state"
    calls = count(call, where, night)
    for for_ever in (False, True):
        step = -(-calls // most)
        first = 1 + random.Random(f"{SEED} {call} {error} {for_ever}").randrange(min(step, calls))
        yield from (Point(call, k, f"error={error}", where, for_ever) for k in range(first, calls + 1, step))


def finds(
    fault: str, call: str, every: int = 1, before: int = 0, where: Where = "main", night: Night = FIRST
) -> list[str]:
    """What the kills of this call show of a planted fault, no more than needed: where it was found last, then from the
    last call on."""
    last = count(call, where, night)
    for k in (max(1, last - before), *range(last, 0, -every)):
        broken = after_a_kill(Point(call, k, where=where), fault=fault, night=night)
        if broken:
            return broken
    return []


def _until_unhit(pool: ThreadPoolExecutor, swept: Swept, play: Callable[[int], Verdict]) -> None:
    waiting: list[Future[Verdict]] = []
    k, was_unhit = 0, False
    while not was_unhit:
        while len(waiting) < 4:
            k += 1
            waiting.append(pool.submit(play, k))
        verdict = waiting.pop(0).result()
        swept.add(verdict)
        was_unhit = verdict is None
    for each in waiting:
        swept.add(each.result())


def sweep(scratch: Path) -> bool:
    """All of it, for the soak: kills, failing calls, and the planted faults that the kills must show."""
    passed = True
    for name, swept in (("kill", sweep_kills()), ("error", sweep_errors())):
        print(f"{name} points swept: {swept.points}, broken: {len(swept.broken)}", flush=True)
        print("\n".join(swept.broken[:20]))
        passed &= not swept.broken
    for night in (FIRST, *LATER):
        kinds = calm(night).kinds
        print(f"kills of the night {night.name!r} visited entries of the kinds {', '.join(sorted(kinds))}")
        passed &= night.writes <= kinds
    found = [finds(*planted) for planted in PLANTED]
    found += [finds("copy_before_note", "fsync", where="outputs", night=REUSING)]
    print(f"planted faults found by the kills: {sum(map(bool, found))} of {len(found)}")
    return passed and all(found)


if __name__ == "__main__":
    sys.exit(not sweep(Path()))
