"""What a job left on disk, read without the house: the entries of ledger.db, the request log, artifacts, merges."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

Key = tuple[int, str]
"""(phase number, item id)"""


@dataclass(frozen=True)
class Entry:
    """One line of the ledger; `body` holds the fields of its event."""

    seq: int
    time: datetime
    kind: str
    body: dict[str, Any]
    text: str
    written: str
    """`time` as it was written, for the hash."""
    hash: bytes

    def __getitem__(self, name: str) -> Any:
        return self.body[name]

    @property
    def keys(self) -> list[Key]:
        """The items of an AttemptStarted, GroupQueued or BatchPlanned."""
        return [(self["phase"], item) for item in self["items"]]

    @property
    def key(self) -> Key:
        """The item that this entry is about."""
        return (self["phase"], self["item"])


@dataclass(frozen=True)
class Asked:
    """One request of the rehearsal's log."""

    number: int
    time: datetime
    session: str | None
    phase: str
    ids: tuple[str, ...]
    status: int | None
    fault: str | None


class Record:
    """One job's state folder, as it lies there now. Nothing is cached over a run: make a new one to look again."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.folder = state.parent.parent
        """The job folder, for the merges' targets."""

    @cached_property
    def entries(self) -> list[Entry]:
        ledger = self.state / "ledger.db"
        if not ledger.exists():
            return []
        db = sqlite3.connect(f"{ledger.resolve().as_uri()}?mode=ro", uri=True, timeout=10)
        try:
            rows = db.execute("SELECT seq, time, kind, body, hash FROM entries ORDER BY seq").fetchall()
        finally:
            db.close()
        return [
            Entry(seq, datetime.fromisoformat(time), kind, json.loads(body), body, time, digest)
            for seq, time, kind, body, digest in rows
        ]

    @cached_property
    def requests(self) -> list[Asked]:
        log = self.state / "rehearsal" / "requests.jsonl"
        return list(_requests(log.read_bytes().splitlines())) if log.exists() else []

    def of(self, *kinds: str) -> list[Entry]:
        """The entries of these kinds, in order."""
        return [entry for entry in self.entries if entry.kind in kinds]

    def _content_of(self, sha: str) -> bytes:
        """Small contents are in the ledger, others are files."""
        db = sqlite3.connect(f"{(self.state / 'ledger.db').resolve().as_uri()}?mode=ro", uri=True, timeout=10)
        try:
            rows = db.execute("SELECT content FROM contents WHERE sha = ?", (sha,)).fetchall()
        finally:
            db.close()
        file = self.state / "artifacts" / sha[:2] / sha
        assert rows or file.exists(), f"content {sha} is missing"
        return bytes(rows[0][0]) if rows else file.read_bytes()

    def states(self) -> dict[Key, str]:
        """The state of every item as the state tables tell it."""
        db = sqlite3.connect(f"{(self.state / 'ledger.db').resolve().as_uri()}?mode=ro", uri=True, timeout=10)
        try:
            return {(phase, item): state for phase, item, state in db.execute("SELECT phase, item, state FROM items")}
        finally:
            db.close()

    def queued(self) -> dict[Key, tuple[str, list[tuple[int, int]]]]:
        """Of every item in a group that is not closed: the group's state and its needs, `(phase, up to number)`."""
        db = sqlite3.connect(f"{(self.state / 'ledger.db').resolve().as_uri()}?mode=ro", uri=True, timeout=10)
        try:
            groups = db.execute("SELECT id, phase, items, state FROM groups WHERE state != 'closed'").fetchall()
            needs = db.execute("SELECT group_id, phase, number FROM needs").fetchall()
        finally:
            db.close()
        return {
            (phase, item): (state, [(of, number) for waits, of, number in needs if waits == group])
            for group, phase, items, state in groups
            for item in json.loads(items)
        }

    def phase_numbers(self) -> dict[str, int]:
        return {phase["name"]: phase["number"] for phase in self.of("JobPlanned")[0]["phases"]}

    def records_of(self, accepted: Entry) -> list[Any]:
        """The records of an ItemAccepted, out of the store; AssertionError when they are not what was stored."""
        sha = accepted["sha"]
        content = self._content_of(sha)
        assert hashlib.sha256(content).hexdigest() == sha, f"artifact {sha} is not what its name says"
        lines = content[accepted["offset"] : accepted["offset"] + accepted["length_bytes"]].splitlines()
        assert len(lines) == accepted["records"], f"artifact {sha} has other records at {accepted['offset']}"
        return [json.loads(line) for line in lines]


def _requests(lines: list[bytes]) -> Iterator[Asked]:
    for line in lines:
        try:
            fields = json.loads(line)
        except ValueError:
            continue  # cut off by a kill: it was never answered
        yield Asked(
            fields["number"],
            datetime.fromisoformat(fields["time"]),
            fields["session"],
            fields["phase"],
            tuple(fields["ids"]),
            fields["status"],
            fields["fault"],
        )
