"""Counts of a job with several phases, taken from indexes, are those of a look at every item."""

import random
import sqlite3
from contextlib import closing

from harness.ledger.counts import Counts, job_counts
from harness.ledger.tables import STATE


def _random_job(seed: int) -> sqlite3.Connection:
    rng = random.Random(seed)
    db = sqlite3.connect(":memory:")
    db.executescript(STATE)
    phases, numbers = rng.randint(2, 4), rng.randint(1, 4)
    db.executemany("INSERT INTO phases VALUES(?, ?, 'n', ?, 'own', 0, 9, 0, 0, 0, 0)",
                   [(phase, f"p{phase}", phase - 1) for phase in range(1, phases + 1)])  # fmt: skip
    left_out: set[str] = set()
    weights = rng.choices([1, 0.1, 6], k=6)
    for number in range(1, numbers + 1):
        for phase in range(1, phases + 1):
            if rng.random() < 0.7:
                db.execute("INSERT INTO numbers VALUES(?, ?, ?)", (phase, number, rng.random() < 0.9))
            for index in range(3):
                if phase > 1 and rng.random() < 0.3:
                    continue
                state = rng.choices(["pending", "running", "done", "failed", "blocked", "skipped"], weights)[0]
                root = f"r{number}.{index}"
                if phase > 1 and root in left_out:
                    continue
                left_out |= {root} if phase == 1 and state == "skipped" else set()
                values = (phase, root if phase == 1 else f"{root}/{phase}", root, f"{index}", number, state)
                row = "?, ?, NULL, ?, ?, ?, 0, ?, 0, 1, 0, '{}', '', NULL, '[]', NULL, '[]', 0, NULL"
                db.execute(f"INSERT INTO items VALUES({row})", values)
    return db


def _by_looking_at_all(db: sqlite3.Connection) -> Counts:
    (phases,) = db.execute("SELECT count(*) FROM phases").fetchone()
    counts = dict.fromkeys(("pending", "running", "done", "failed", "blocked", "skipped"), 0)
    for root, number in db.execute("SELECT root, min(number) FROM items GROUP BY root").fetchall():
        states = {row[0] for row in db.execute("SELECT state FROM items WHERE root = ?", (root,))}
        query = "SELECT count(*) FROM numbers WHERE number = ? AND settled = 1"
        is_through = db.execute(query, (number,)).fetchone()[0] == phases
        (first,) = db.execute("SELECT state FROM items WHERE root = ? AND phase = 1", (root,)).fetchone()
        worst = next((state for state in ("failed", "running", "pending") if state in states), None)
        worst = "skipped" if first == "skipped" else worst
        counts[worst or ("done" if is_through else "pending")] += 1
    return Counts(**counts)


def test_counts_from_indexes_are_counts_of_all_items() -> None:
    wrong = {}
    for seed in range(60):
        with closing(_random_job(seed)) as db:
            counted, there = job_counts(db), _by_looking_at_all(db)
        if counted != there:
            wrong[seed] = (counted, there)
    assert not wrong
