"""The whole story of one item: what came before it, what was made of it, every attempt, and where its records lie."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.base.artifacts import ArtifactStore
from harness.base.clock import from_text, to_text
from harness.base.errors import Problem, UsageError
from harness.base.ids import Sha
from harness.base.job_home import JobHome
from harness.base.reason import Reason
from harness.base.slices import Fragments, Slice
from harness.core.events import Event, ItemAccepted, ItemWithdrawn
from harness.core.item_ids import near
from harness.core.money import to_usd
from harness.core.types import Json
from harness.ledger.contents import contents_of
from harness.ledger.entry_queries import event_at, withdrawals
from harness.ledger.item_queries import Relative, item_row, known_ids, relatives, states_of
from harness.ledger.job_queries import head
from harness.ledger.past_attempts import acceptance
from harness.views.attempt_rows import AttemptView, ItemVerdict, attempts_of, verdicts
from harness.views.ledger_reading import reading
from harness.views.messages import text_of as message_text
from harness.views.reason_words import as_error, text_of
from harness.views.rejected import wrote
from harness.views.wording import listed


@dataclass(frozen=True, slots=True)
class KeptRecords:
    """Where accepted records lie in the store, and the records themselves.

    `rejudged`: the attempt's output was rejected first, and accepted by later checks.
    """

    attempt: int
    place: Slice
    records: tuple[Json, ...]
    rejudged: bool = False
    source: str = ""
    """The state folder that they were taken over from, where attempt `attempt` made them at `made_at`."""
    made_at: str = ""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Records that were accepted once, until a person took them back."""

    kept: KeptRecords
    at: datetime
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class AttemptStory:
    """One attempt, and what it said of the item."""

    attempt: AttemptView
    verdict: ItemVerdict | None
    """None while it runs."""
    wrote: str | None = None
    """The beginning of what it wrote about the item, where that was not accepted."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """One item in one phase."""

    phase: str
    item: str
    noun: str
    parent: str | None
    state: str
    strikes: int
    round: int
    reasons: tuple[Reason, ...]
    attempts: tuple[AttemptStory, ...]
    kept: KeptRecords | None
    withdrawn: tuple[Withdrawn, ...] = ()
    left_out: dict[str, Any] | None = None
    """Of one that is skipped: `why`, and the facts that belong to it."""


@dataclass(frozen=True, slots=True)
class ItemHistory:
    """Chapters in phase order: what the item came from, itself, and what was made of it."""

    item: str
    rehearsal: bool
    state: Path
    chapters: tuple[Chapter, ...]

    def records_as_json(self, phase: str | None = None) -> dict[str, Any]:
        """`{"item", "rehearsal", "phases": [{"phase", "item", "state", "records"}]}`, of one phase or of all."""
        names = list(dict.fromkeys(chapter.phase for chapter in self.chapters))
        if phase is not None and phase not in names:
            raise UsageError([Problem(f"phase {phase}", f"{self.item!r} is in {', '.join(names)}")])
        return {
            "item": self.item,
            "rehearsal": self.rehearsal,
            "phases": [
                {
                    "phase": chapter.phase,
                    "item": chapter.item,
                    "state": chapter.state,
                    "records": list(chapter.kept.records) if chapter.kept else [],
                }
                for chapter in self.chapters
                if phase in (None, chapter.phase)
            ],
        }

    def as_json(self) -> dict[str, Any]:
        """Everything, with `schema_version`; keys are added, never renamed or removed."""
        return {
            "schema_version": 1,
            "item": self.item,
            "rehearsal": self.rehearsal,
            "phases": [_chapter_as_json(chapter, self.state) for chapter in self.chapters],
        }


def _chapter_as_json(chapter: Chapter, state: Path) -> dict[str, Any]:
    kept = chapter.kept
    return {
        "phase": chapter.phase,
        "item": chapter.item,
        "parent": chapter.parent,
        "state": chapter.state,
        "strikes": chapter.strikes,
        "round": chapter.round,
        "reasons": [text_of(reason) for reason in chapter.reasons],
        "errors": [as_error(reason) for reason in chapter.reasons],
        "left_out": chapter.left_out,
        "attempts": [_told_as_json(told, state) for told in chapter.attempts],
        "accepted": None if kept is None else _kept_as_json(kept),
        "withdrawn": [
            {**_kept_as_json(each.kept), "at": to_text(each.at), "who": each.who, "why": each.why}
            for each in chapter.withdrawn
        ],
    }


def _kept_as_json(kept: KeptRecords) -> dict[str, Any]:
    return {
        "attempt": kept.attempt,
        "fragment": kept.place.sha,
        "offset": kept.place.offset,
        "length_bytes": kept.place.length_bytes,
        "records": list(kept.records),
        "rejudged": kept.rejudged,
        "source": kept.source,
        "made_at": kept.made_at,
    }


def _told_as_json(told: AttemptStory, state: Path) -> dict[str, Any]:
    view = told.attempt
    fields = asdict(view)
    for name in ("reserved_microusd", "charged_microusd", "fingerprint", "phase", "phase_name", "started_seq"):
        del fields[name]
    return {
        **fields,
        "notes": list(map(message_text, view.notes)),
        "batch": view.batch.label,
        "items": list(view.batch.items),
        "folder": str(state / view.folder),
        "started_at": to_text(view.started_at),
        "ended_at": to_text(view.ended_at) if view.ended_at else None,
        "cost_usd": float(to_usd(view.charged_microusd)) if view.charged_microusd is not None else None,
        "outputs": [{"name": name, "sha": sha, "size_bytes": size} for name, sha, size in view.outputs],
        "verdict": asdict(told.verdict) if told.verdict else None,
        "wrote": told.wrote,
    }


def history(state: Path, item: str) -> ItemHistory:
    """UsageError with near ids when no item is called so."""
    with reading(state) as db, closing(contents_of(JobHome(state).ledger)) as contents:
        rows = relatives(db, item)
        if not rows:
            raise UsageError([Problem(repr(item), *unknown_in_words(db, item))])
        store = ArtifactStore(JobHome(state).artifacts, contents)
        chapters = tuple(_chapter(db, store, phase, name) for phase, name in _family(rows, item))
        return ItemHistory(item, head(db).rehearsal, state, chapters)


def _family(relatives: list[Relative], item: str) -> Iterator[tuple[int, str]]:
    """The item in every phase, what it came from, and what was made of it; in order."""
    parents = {(each.phase, each.item): (each.from_phase, each.parent) for each in relatives if each.parent is not None}
    wanted = {(each.phase, each.item) for each in relatives if each.item == item}
    own = set(wanted)
    for one in list(wanted):
        while one in parents:
            one = parents[one]
            wanted.add(one)
    for each in relatives:  # phases come in order, so a parent is seen before what was made of it
        if parents.get((each.phase, each.item)) in own:
            own.add((each.phase, each.item))
    return ((each.phase, each.item) for each in relatives if (each.phase, each.item) in wanted | own)


def _chapter(db: sqlite3.Connection, store: ArtifactStore, phase: int, item: str) -> Chapter:
    row = item_row(db, phase, item)
    told = tuple(_told(store, view, verdicts(db, view).get(item), item) for view in attempts_of(db, phase, item))
    kept = _kept(db, store, phase, item)
    was_accepted = {each.attempt.id for each in told if each.verdict and each.verdict.said == "accepted"}
    has_lost = row.round > 1 or was_accepted - {kept.attempt if kept else 0}
    withdrawn = tuple(_withdrawn(db, store, phase, item)) if has_lost else ()
    return Chapter(
        row.phase,
        item,
        row.noun,
        row.parent,
        row.state,
        row.strikes,
        row.round,
        row.reasons,
        told,
        kept,
        withdrawn,
        row.left_out,
    )


def _told(store: ArtifactStore, view: AttemptView, verdict: ItemVerdict | None, item: str) -> AttemptStory:
    is_open = verdict is None or verdict.said == "accepted"
    return AttemptStory(view, verdict, None if is_open else wrote(store, view, item))


def _kept(db: sqlite3.Connection, store: ArtifactStore, phase: int, item: str) -> KeptRecords | None:
    found = acceptance(db, phase, item)
    return _read(store, event_at(db, found.seq)) if found is not None else None


def _withdrawn(db: sqlite3.Connection, store: ArtifactStore, phase: int, item: str) -> Iterator[Withdrawn]:
    """Looks through all entries, so it is asked only of items that have lost something."""
    for entry in withdrawals(db, phase, item):
        event = entry.event
        assert isinstance(event, ItemWithdrawn)
        yield Withdrawn(_read(store, event), from_text(entry.time), event.who, event.why)


def _read(store: ArtifactStore, event: Event) -> KeptRecords:
    assert isinstance(event, ItemAccepted | ItemWithdrawn)
    place = Slice(Sha(event.sha), event.offset, event.length_bytes)
    with Fragments(store) as fragments:
        records = tuple(fragments.records(place))
    rejudged = isinstance(event, ItemAccepted) and event.rejudged
    kept = KeptRecords(event.attempt, place, records, rejudged)
    if isinstance(event, ItemAccepted) and event.source:
        return replace(kept, attempt=event.source_attempt, rejudged=False, source=event.source, made_at=event.made_at)
    return kept


def unknown_in_words(db: sqlite3.Connection, item: str) -> tuple[str, str | None]:
    """Message and hint about an id that nobody knows: what it may have been meant for."""
    noun = head(db).noun
    meant = near(item, known_ids(db))
    return f"no {noun} has this id", f"did you mean {listed([repr(name) for name in meant])}?" if meant else None


def state_in_words(
    db: sqlite3.Connection, item: str, if_done: str | None = None, if_open: str | None = None
) -> tuple[str, str | None]:
    """Message and hint about an id that was expected to have failed; `if_done` is the hint for one that is done,
    `if_open` for one that is pending or running."""
    states = list(dict.fromkeys(each.state for each in states_of(db, item)))
    if not states:
        return unknown_in_words(db, item)
    return f"has not failed, it is {' and '.join(states)}", if_done if "done" in states else if_open
