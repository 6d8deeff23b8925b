"""Words that older versions wrote into entries are read for ever, and no longer written."""

import json

import pytest

from harness.core.codec import UnreadableEntryError, decode, encode
from harness.core.events import AttemptEnded, GroupQueued


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
