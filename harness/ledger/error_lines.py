"""errors.jsonl: what is wrong now, a batch a line, in the shape of document 004; written, never read back."""

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from harness.base import error_file
from harness.base.files import write_atomic
from harness.base.nouns import camel
from harness.base.reason import Reason
from harness.ledger.item_reasons import reasons_of_row

AsError = Callable[[Reason], dict[str, Any]]
"""`{type, field, message}` of a reason."""

_MOST_ITEMS = 10_000
"""Of more the file holds the first; `harness why ITEM --json` has those of each."""

_ITEMS = """SELECT p.name, i.number, p.noun, i.item, i.state, i.attempts, i.reasons, i.errors
    FROM phases p CROSS JOIN items i INDEXED BY items_with_errors ON i.phase = p.phase
    WHERE i.reasons != '[]' AND i.state IN ('pending', 'running', 'failed')
    ORDER BY i.phase, i.number, i.place LIMIT ?"""


def batches_with_errors(db: sqlite3.Connection, as_error: AsError) -> Iterator[dict[str, Any]]:
    """`{batch, phase, status, attempts, errors: [{<noun>Id, type, field, message}], retryScheduled}` of a batch.

    Each that has an item that `failed`, or one that was rejected and goes again: then it is `retrying`. `attempts` are
    those of the item with most.
    """
    for (phase, number), found in groupby(db.execute(_ITEMS, (_MOST_ITEMS,)), key=lambda row: (row[0], row[1])):
        rows = list(found)
        goes_again = any(state != "failed" for _, _, _, _, state, *_ in rows)
        yield {
            "batch": number,
            "phase": phase,
            "status": "retrying" if goes_again else "failed",
            "attempts": max(row[5] for row in rows),
            "errors": [
                {_key_of(noun): item, **as_error(reason)}
                for _, _, noun, item, _, _, reasons, errors in rows
                for reason in reasons_of_row(reasons, errors)
            ],
            "retryScheduled": goes_again,
        }


def _key_of(noun: str) -> str:
    first, *others = noun.split()
    return f"{first}{camel(' '.join(others))}Id"


def place_of(beside: Path, state: Path) -> Path:
    """The file, or one in the state folder where one of that name lies that harness did not write."""
    is_free = not os.path.lexists(beside) or error_file.is_ours(beside)
    return beside if is_free else state / error_file.NAME


def write(path: Path, batches: Iterator[dict[str, Any]]) -> None:
    """Atomic and durable; with nothing to say, no file."""
    content = "".join(json.dumps(batch, ensure_ascii=False) + "\n" for batch in batches)
    if content:
        write_atomic(path, content.encode(), mode=0o644)
    elif error_file.is_ours(path):
        path.unlink(missing_ok=True)
