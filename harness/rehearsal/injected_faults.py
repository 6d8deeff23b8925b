"""The named faults that a rehearsal can make: what each is called, how it is counted, what may be set on it."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

CountedBy = Literal["requests", "sessions"]
"""What `times` counts: single requests (the CLI's own retries included), or whole sessions. A session that was
chosen stays chosen, or the CLI's automatic second try would heal what was meant for the session."""


@dataclass(frozen=True, slots=True)
class InjectedFaultKind:
    """One named fault. `params` are the keyword arguments it takes, with their defaults."""

    name: str
    says: str
    counts: CountedBy
    params: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    streaming_only: bool = False
    """Only a streamed answer can have it; the CLI's non-streaming second try is answered properly."""


def _seconds(default: float) -> Mapping[str, object]:
    return MappingProxyType({"seconds": default})


_KINDS: Final = (
    InjectedFaultKind(
        "limit",
        "429 usage limit of a plan; every request is refused until its reset",
        "requests",
        MappingProxyType({"seconds": 60.0, "window": "five_hour"}),
    ),
    InjectedFaultKind("throttle", "429 with retry-after, no usage limit", "requests", _seconds(1)),
    InjectedFaultKind("529", "529 overloaded; with seconds an outage that long", "requests", _seconds(0)),
    InjectedFaultKind("500", "500 internal server error; with seconds an outage that long", "requests", _seconds(0)),
    InjectedFaultKind("401", "401 invalid key", "requests"),
    InjectedFaultKind("403", "403 organization disabled", "requests"),
    InjectedFaultKind("credit", "400 credit balance too low", "requests"),
    InjectedFaultKind("model404", "404 no such model", "requests"),
    InjectedFaultKind("toolong", "400 prompt is too long", "sessions"),
    InjectedFaultKind("refusal", "the model refuses (stop_reason refusal, category cyber)", "sessions"),
    InjectedFaultKind("max_tokens", "the answer runs into the output limit (stop_reason max_tokens)", "sessions"),
    InjectedFaultKind("empty", "an answer without content", "sessions"),
    InjectedFaultKind("stall", "the stream stops in the middle and stays open", "requests", streaming_only=True),
    InjectedFaultKind("hang", "no response headers at all", "requests"),
    InjectedFaultKind("cut", "the connection breaks in the middle of the stream", "requests", streaming_only=True),
    InjectedFaultKind("garbage", "the stream turns into bytes that are not JSON", "requests", streaming_only=True),
    InjectedFaultKind("sse_error", "an error event inside the stream", "requests", streaming_only=True),
    InjectedFaultKind("slow", "the response arrives slowly, over some seconds", "requests", _seconds(5)),
    InjectedFaultKind(
        "late", "the answer begins after some seconds; its prompt is in the cache only then", "requests", _seconds(2)
    ),
    InjectedFaultKind("denied", "writes where it may not, then says done", "sessions"),
    InjectedFaultKind("wrong_ids", "every record comes back under an id that nobody asked for", "sessions"),
    InjectedFaultKind("missing_item", "the last record (or the one of `item`) is left out", "sessions", {"item": ""}),
    InjectedFaultKind("half_file", "writes half of the file first, the whole in a second Write", "sessions"),
    InjectedFaultKind("broken_json", "the file is cut off and stays so", "sessions"),
    InjectedFaultKind("no_file", "says done without having written anything", "sessions"),
    InjectedFaultKind("endless", "never stops calling tools", "sessions"),
    InjectedFaultKind("die_after_writing", "writes the file, then every connection of the session breaks", "sessions"),
)

INJECTED_FAULTS: Final[Mapping[str, InjectedFaultKind]] = MappingProxyType({kind.name: kind for kind in _KINDS})

OUTAGES: Final = ("529", "500")
"""With `seconds` they refuse everything that long, from the first request on, however often that is."""


def closest(word: str, words: Mapping[str, object]) -> str | None:
    """The word that was probably meant, or None."""
    found = difflib.get_close_matches(word, list(words), n=1, cutoff=0.5)
    return found[0] if found else None
