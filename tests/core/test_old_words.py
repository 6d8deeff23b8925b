"""Words that older versions wrote into entries are read for ever, and no longer written."""

import json

import pytest

from harness.base.reason import Reason
from harness.core.codec import UnreadableEntryError, decode, encode
from harness.core.events import AttemptEnded, GroupQueued
from harness.core.rejections import ItemError, as_recorded


@pytest.mark.parametrize(
    ("stored", "today"),
    [
        ("well", "succeeded"),
        ("partly", "partial"),
        ("whole", "failed"),
        ("excused", "no_strike"),
        ("stopped", "stopped"),
    ],
)
def test_the_outcome_of_an_old_entry_is_read_in_todays_words(stored: str, today: str) -> None:
    ended = AttemptEnded(
        7, "stopped", None, None, '"outcome":"well"', 1.5, "s", "m", "1", evidence={"outcome": "whole"}
    )
    body = encode(ended).replace('"outcome":"stopped"', f'"outcome":"{stored}"')
    read = decode("AttemptEnded", body)
    assert isinstance(read, AttemptEnded)
    assert (read.outcome, read.detail, read.evidence) == (today, ended.detail, ended.evidence)
    assert f'"outcome":"{today}"' in encode(read)


def test_the_fields_of_an_old_queued_group_are_read_under_todays_names() -> None:
    told = {"group": 3, "phase": 1, "number": 2, "part": 0, "items": ["believed"], "tries": 1, "why": "again"}
    old = told | {"believed": 2, "last_excused": 9, "doubted": True}
    read = decode("GroupQueued", json.dumps(old, separators=(",", ":")))
    assert read == GroupQueued(3, 1, 2, 0, ("believed",), 1, "again", 2, 9, True)
    assert {"believed", "last_excused", "doubted"}.isdisjoint(json.loads(encode(read)))


@pytest.mark.parametrize(
    "body", ['{"outcome":"well"', '["outcome"]', '{"outcome":"well","x":"outcome"}', '"believed":']
)
def test_what_only_looks_like_an_old_entry_is_unreadable_and_not_a_crash(body: str) -> None:
    for kind in ("AttemptEnded", "GroupQueued"):
        with pytest.raises(UnreadableEntryError):
            decode(kind, body)


def test_reasons_of_today_stand_for_themselves_and_texts_of_before_for_what_they_say() -> None:
    today = (Reason("jq_false", {"program": ".n > 0"}),)
    assert as_recorded(today, ("an old text",)) == today
    assert as_recorded((), ()) == ()
    (old,) = as_recorded((), ("an old text",), (ItemError("check", "an old text"),))
    assert (old.kind, old.facts["type"]) == ("said", "check")
    assert [reason.kind for reason in as_recorded((), ("one", "two"), (ItemError("check", "one"),))] == ["said"] * 2
