"""Which batches a pilot runs ahead of all others."""

import sqlite3

from harness.ledger import batch_queries, run_queries


def batches_ahead(db: sqlite3.Connection, wanted: int | None) -> tuple[int, ...]:
    """The batches that a run which began now would run ahead; none when the job has had its pilot, or wants none."""
    state = run_queries.pilot_state(db)
    is_fresh = state is None and run_queries.run_state(db).used.sessions == 0
    return (
        spread(batch_queries.batches_of_first_phase(db), wanted) if wanted and (is_fresh or state == "started") else ()
    )


def spread(batches: int, wanted: int) -> tuple[int, ...]:
    """Numbers of batches, first, last and evenly between: 34 by 3 are 1, 17, 34 (the middle one rounded down)."""
    if wanted >= batches:
        return tuple(range(1, batches + 1))
    if wanted == 1:
        return (1,)
    return tuple(sorted({1 + (batches - 1) * index // (wanted - 1) for index in range(wanted)}))
