"""The named troubles that a rehearsal can make: what each is called, how it is counted, what may be set on it."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

Counts = Literal["requests", "sessions"]
"""What `times` counts: single requests (the CLI's own retries included), or whole sessions. A session that was
chosen stays chosen, or the CLI's automatic second try would heal what was meant for the session."""


@dataclass(frozen=True, slots=True)
class TroubleKind:
    """One named trouble. `params` are the keyword arguments it takes, with their defaults."""

    name: str
    says: str
    counts: Counts
    params: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    streaming_only: bool = False
    """Only a streamed answer can have it; the CLI's non-streaming second try is answered properly."""


def _seconds(default: float) -> Mapping[str, object]:
    return MappingProxyType({"seconds": default})


_KINDS: Final = (
    TroubleKind(
        "limit",
        "429 usage limit of a plan; every request is refused until its reset",
        "requests",
        MappingProxyType({"seconds": 60.0, "window": "five_hour"}),
    ),
    TroubleKind("throttle", "429 with retry-after, no usage limit", "requests", _seconds(1)),
    TroubleKind("529", "529 overloaded; with seconds an outage that long", "requests", _seconds(0)),
    TroubleKind("500", "500 internal server error; with seconds an outage that long", "requests", _seconds(0)),
    TroubleKind("401", "401 invalid key", "requests"),
    TroubleKind("403", "403 organization disabled", "requests"),
    TroubleKind("credit", "400 credit balance too low", "requests"),
    TroubleKind("model404", "404 no such model", "requests"),
    TroubleKind("toolong", "400 prompt is too long", "sessions"),
    TroubleKind("refusal", "the model refuses (stop_reason refusal, category cyber)", "sessions"),
    TroubleKind("max_tokens", "the answer runs into the output limit (stop_reason max_tokens)", "sessions"),
    TroubleKind("empty", "an answer without content", "sessions"),
    TroubleKind("stall", "the stream stops in the middle and stays open", "requests", streaming_only=True),
    TroubleKind("hang", "no response headers at all", "requests"),
    TroubleKind("cut", "the connection breaks in the middle of the stream", "requests", streaming_only=True),
    TroubleKind("garbage", "the stream turns into something that is no JSON", "requests", streaming_only=True),
    TroubleKind("sse_error", "an error event inside the stream", "requests", streaming_only=True),
    TroubleKind("slow", "the answer drips in over some seconds", "requests", _seconds(5)),
    TroubleKind(
        "late", "the answer begins after some seconds; its prompt is in the cache only then", "requests", _seconds(2)
    ),
    TroubleKind("denied", "writes where it may not, then says done", "sessions"),
    TroubleKind("wrong_ids", "every record comes back under an id that nobody asked for", "sessions"),
    TroubleKind("missing_item", "the last record (or the one of `item`) is left out", "sessions", {"item": ""}),
    TroubleKind("half_file", "writes half of the file first, the whole in a second Write", "sessions"),
    TroubleKind("broken_json", "the file is cut off and stays so", "sessions"),
    TroubleKind("no_file", "says done without having written anything", "sessions"),
    TroubleKind("endless", "never stops calling tools", "sessions"),
    TroubleKind("die_after_writing", "writes the file, then every connection of the session breaks", "sessions"),
)

TROUBLES: Final[Mapping[str, TroubleKind]] = MappingProxyType({kind.name: kind for kind in _KINDS})

OUTAGES: Final = ("529", "500")
"""With `seconds` they refuse everything that long, from the first request on, however often that is."""


def closest(word: str, words: Mapping[str, object]) -> str | None:
    """The word that was probably meant, or None."""
    found = difflib.get_close_matches(word, list(words), n=1, cutoff=0.5)
    return found[0] if found else None
