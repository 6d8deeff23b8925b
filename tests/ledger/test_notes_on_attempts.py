"""Notes on attempts are recorded as kinds and facts, whoever made them, and those of older versions stay readable."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from harness.base.clock import SystemClock
from harness.base.ids import Sha
from harness.base.slices import Slice
from harness.core import events as e
from harness.core.codec import decode, encode
from harness.core.events import AttemptEnded
from harness.core.messages import Message, message, told
from harness.core.run_events import RunStarted
from harness.core.settle import settle
from harness.core.types import Ending, Judgement, SessionFacts
from harness.ledger.attempt_queries import noted
from harness.ledger.recorded_attempts import newest_attempt
from harness.ledger.store import Ledger, rebuild, state_of
from tests.core.settling import GOOD, NOW, an_attempt

_SUSPENDED = message("host_suspended")
_FENCE = message("markdown_fence", file="output.json")


def _ended(of_session: tuple[Message, ...], of_output: tuple[Message, ...]) -> AttemptEnded:
    """What is recorded of a session that left one good item."""
    open_ = an_attempt([0])
    member = open_.members[0]
    ending = Ending((), (), None, SessionFacts(), timedelta(seconds=1), of_session)
    judgement = Judgement({member.id: GOOD}, usable=True, notes=of_output)
    *_, ended = settle(open_, ending, judgement, {member.id: Slice(Sha("sha"), 0, 1)}, NOW)
    assert isinstance(ended, AttemptEnded)
    return ended


def test_the_notes_of_a_session_and_of_its_judgement_are_recorded_in_this_order() -> None:
    assert _ended((_SUSPENDED,), (_FENCE,)).noted == (_SUSPENDED, _FENCE)


def test_a_note_survives_the_ledger_unchanged() -> None:
    ended = _ended((_SUSPENDED,), (message("fields_dropped", fields=[["x", 2]], more=0),))
    assert decode("AttemptEnded", encode(ended)) == ended


def test_texts_of_older_versions_load_and_stand_before_what_is_recorded_today(tmp_path: Path) -> None:
    body = json.loads(encode(replace(_ended((), ()), notes=("ended while it lingered",))))
    del body["noted"]
    old = decode("AttemptEnded", json.dumps(body))
    assert isinstance(old, AttemptEnded)
    ledger = _running(tmp_path / "ledger.db")
    ledger.record(replace(old, attempt=1, noted=(_FENCE,)))
    (found,) = noted(ledger.db)
    assert found.notes == (told("ended while it lingered"), _FENCE)
    newest = newest_attempt(ledger.db)
    assert newest is not None and newest.notes == found.notes
    assert state_of(rebuild(ledger.db)) == state_of(ledger.db)


def _running(path: Path) -> Ledger:
    """One item, in an attempt that runs."""
    ledger = Ledger.open(path, SystemClock())
    phase = e.PlannedPhase(1, "main", "item", 0, "own", False, 1)
    ledger.record(
        e.JobPlanned("job", "item", True, "0", {}, (phase,), 1),
        e.ItemAdded(1, "a", None, "a", "00000001", 1, {}, "sha"),
        e.BatchPlanned(1, 1, 0, ("a",), 1),
        RunStarted(1, "host", "0", 1, None, "off", "none"),
        e.AttemptStarted(1, "token", 1, 1, 1, 0, ("a",), "session", "claude", None, "sha", 0, "attempts/1"),
    )
    return ledger
