"""batch_progress.json: a projection of the ledger for people, jq and agents; written, never read back."""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.base.clock import to_text
from harness.base.files import write_atomic
from harness.base.nouns import plural, snake
from harness.base.reason import Reason
from harness.ledger.counts import job_counts
from harness.ledger.dashboard import dashboard
from harness.ledger.item_reasons import reasons_of_row

MOST_EDITED = 9
LONGEST_LIST = 10_000
"""Above this many items the lists of names are cut; `harness status --json` has them all."""

_ITEMS = """SELECT first.item, CASE WHEN max(i.state = 'failed') THEN 'failed'
    WHEN max(i.phase = 1 AND i.state = 'skipped') THEN 'skipped'
    WHEN max(i.state = 'running') THEN 'running' WHEN max(i.state IN ('pending', 'blocked')) THEN 'pending'
    ELSE 'done' END AS state, min(i.number) AS number
    FROM (SELECT item, place FROM items WHERE phase = 1 ORDER BY place LIMIT ?) first
    CROSS JOIN items i INDEXED BY items_by_root ON i.root = first.item GROUP BY first.place ORDER BY first.place"""


def build(db: sqlite3.Connection, now: datetime, listed: Callable[[Iterable[Reason]], str]) -> dict[str, Any]:
    """The projection: seed 001's keys, seed 004's dashboard, one compact row per batch, and the entry it reflects."""
    name, noun, rehearsal = db.execute("SELECT name, noun, rehearsal FROM job").fetchone()
    (started,) = db.execute(
        "SELECT coalesce((SELECT started_at FROM attempts ORDER BY id LIMIT 1), planned_at) FROM job"
    ).fetchone()
    (seq,) = db.execute("SELECT coalesce(max(seq), 0) FROM entries").fetchone()
    lists = _names(db)
    counts = job_counts(db)
    projection = {
        "batch_name": name,
        "rehearsal": bool(rehearsal),
        "started": started,
        "last_updated": to_text(now),
        f"current_{snake(noun)}": lists["running"][0] if lists["running"] else None,
        "running": lists["running"],
        "completed": lists["done"],
        "failed": [
            {
                "name": each.item,
                "phase": each.phase,
                "reason": listed(each.reasons),
                "attempts": each.attempts,
                "timestamp": each.settled_at,
            }
            for each in failed_items(db)
        ],
        "pending": lists["pending"],
        "truncated": counts.total > LONGEST_LIST,
        f"total_{snake(plural(noun))}": counts.total,
        "counts": {state: getattr(counts, state) for state in ("pending", "running", "done", "failed", "skipped")},
        **dashboard(db, now),
        "batches": _batches(db),
        "seq": seq,
        "note": "written by harness; changes made here are overwritten, use `harness retry`, `harness pause` ...",
    }
    return {**_plain_vars(db, projection), **projection}


def _plain_vars(db: sqlite3.Connection, taken: Mapping[str, Any]) -> dict[str, Any]:
    """The job's vars that are one word or number, under their own names: seed 004's `course`."""
    recorded: dict[str, str] = json.loads(db.execute("SELECT fingerprint FROM job").fetchone()[0])
    found = {name.removeprefix("vars."): text for name, text in recorded.items() if name.startswith("vars.")}
    values = {name: json.loads(text) for name, text in found.items() if not text.startswith("sha256:")}
    return {name: value for name, value in values.items() if name not in taken and isinstance(value, str | int | float)}


def _names(db: sqlite3.Connection) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {"running": [], "done": [], "pending": [], "failed": [], "skipped": []}
    (phases,) = db.execute("SELECT count(*) FROM phases").fetchone()
    settled = dict[int, int]()
    if phases > 1:
        settled |= db.execute("SELECT number, count(*) FROM numbers WHERE settled = 1 GROUP BY number").fetchall()
    for root, state, number in db.execute(_ITEMS, (LONGEST_LIST,)):
        is_through = phases == 1 or settled.get(number, 0) == phases
        lists["pending" if state == "done" and not is_through else state].append(root)
    return lists


@dataclass(frozen=True, slots=True)
class FailedInProgress:
    """A failed item; `settled_at` as the ledger has it."""

    item: str
    phase: str
    reasons: tuple[Reason, ...]
    attempts: int
    settled_at: str


def failed_items(db: sqlite3.Connection) -> list[FailedInProgress]:
    """In phase and item order."""
    rows = db.execute(
        """SELECT i.item, p.name, i.reasons, i.errors, i.attempts, i.settled_at
           FROM phases p CROSS JOIN items i INDEXED BY items_by_state ON p.phase = i.phase
           WHERE i.state = 'failed' ORDER BY i.phase, i.place"""
    )
    return [
        FailedInProgress(item, phase, reasons_of_row(reasons, errors), attempts, settled_at)
        for item, phase, reasons, errors, attempts, settled_at in rows
    ]


def _batches(db: sqlite3.Connection) -> list[dict[str, Any]]:
    """One row per batch: phase, label, items, done, failed, attempts so far.

    The order and the index are written out: left to itself SQLite walks the whole phase for every batch. Each item is
    looked at once, however many parts its number has: 10,000 derived items in one number took 36 s of processor time
    part by part, and take 0.03 s.
    """
    rows = db.execute(
        """SELECT b.phase, b.number, b.part, b.size, sum(i.state = 'done'), sum(i.state = 'failed'), max(i.attempts)
           FROM (SELECT DISTINCT phase, number FROM
                 (SELECT phase, number FROM batches ORDER BY phase, number, part LIMIT :most)) n
           CROSS JOIN items i INDEXED BY items_by_number ON i.phase = n.phase AND i.number = n.number
           CROSS JOIN batches b ON b.phase = i.phase AND b.number = i.number AND b.part = i.part
           GROUP BY b.phase, b.number, b.part ORDER BY b.phase, b.number, b.part LIMIT :most""",
        {"most": LONGEST_LIST},
    )
    return [
        {
            "phase": phase,
            "batch": f"{number}.{part}" if part else str(number),
            "items": size,
            "done": done,
            "failed": failed,
            "tries": tries,
        }
        for phase, number, part, size, done, failed, tries in rows
    ]


def write(path: Path, projection: dict[str, Any]) -> None:
    """Write it with its own digest, one batch a line; atomic and durable."""
    write_atomic(path, _in_lines({**projection, "digest": _digest(projection)}).encode(), mode=0o644)


def was_edited(path: Path) -> bool:
    """Has a person changed the file since it was written? A file without a digest is none of ours."""
    try:
        found = json.loads(path.read_bytes())
        return "digest" in found and found.pop("digest") != _digest(found)
    except (OSError, ValueError, TypeError, AttributeError):
        return path.exists()


def is_of(path: Path, job: str) -> bool:
    """Was the file written for this job, and not changed by a person since?"""
    try:
        return bool(json.loads(path.read_bytes())["batch_name"] == job) and not was_edited(path)
    except (OSError, ValueError, TypeError, KeyError):
        return False


def set_aside_edited(path: Path, folder: Path) -> Path | None:
    """Keep what a person has changed in the file: its copy in `folder` (at most `MOST_EDITED`); None: nobody did."""
    if not path.exists() or not was_edited(path):
        return None
    kept = edited_copies(folder)
    if len(kept) >= MOST_EDITED:
        return None
    copy = folder / f"{path.stem}.edited-{len(kept) + 1}.json"
    write_atomic(copy, path.read_bytes())
    return copy


def edited_copies(folder: Path) -> list[Path]:
    """What people had changed in the progress file, the oldest first."""
    return sorted(folder.glob("batch_progress.edited-*.json"))


def _digest(projection: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(projection, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:16]


def _in_lines(projection: dict[str, Any]) -> str:
    """JSON with one key a line, and one element a line in lists of objects."""
    lines, encode = [], json.JSONEncoder(ensure_ascii=False).encode
    for key, value in projection.items():
        text = encode(value)
        if isinstance(value, list) and value and isinstance(value[0], dict):
            rows = ",\n".join("    " + encode(row) for row in value)
            text = f"[\n{rows}\n  ]"
        lines.append(f"  {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"
