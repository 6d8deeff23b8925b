"""What a session's next request would send, and find in the provider's cache: an upper estimate, from what its answers
and the stream say."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_OVERHEAD_TOKENS: Final = 16_000
"""Upper bound for the CLI's own prompt and its tools (measured: 2,500 to 10,000)."""

_BYTES_PER_TOKEN: Final = 3
"""Against us: prose has about four."""

_CACHE_LIFE_S: Final = 240.0
"""What the last answer read or wrote is in the provider's cache for five minutes at least."""

_PICTURE_TOKENS: Final = 5_000
"""A picture is at most about 4,800 tokens, however many bytes it has."""

_READ: Final = ("cache_read_input_tokens", "cache_creation_input_tokens")


@dataclass(slots=True)
class Conversation:
    """Its size, and what of it is cached."""

    _fresh_bytes: int
    """Added since the last answer began; at first the prompt."""
    _context_tokens: int = field(default=_OVERHEAD_TOKENS, init=False)
    _cached_tokens: int = field(default=0, init=False)
    _cached_at: float = field(default=0.0, init=False)
    _is_kept_for_an_hour: bool = field(default=False, init=False)
    """Its cache entries are; the CLI asks for five minutes with a key of the API."""
    _geo: object = field(default=None, init=False)
    """Where the last answer came from; it has a price."""

    def add(self, content: Any) -> None:
        self._fresh_bytes += size_of(content)

    def answer_begins(self, usage: Mapping[str, Any], now: float) -> None:
        """The next request finds the prompt of this one in the cache."""
        written = mapping(usage.get("cache_creation"))
        self._is_kept_for_an_hour |= number(written.get("ephemeral_1h_input_tokens")) > 0
        self._cached_tokens, self._cached_at = sum(number(usage.get(name)) for name in _READ), now
        self._geo = usage.get("inference_geo")
        self._fresh_bytes = 0

    def answer_ends(self, usage: Mapping[str, Any]) -> None:
        self._context_tokens = sum(number(usage.get(name)) for name in ("input_tokens", *_READ, "output_tokens"))

    def usage_of_next(self, most_tokens: int, output_tokens: int, now: float) -> dict[str, Any]:
        """The most expensive usage of a request that is sent now, in a context of at most `most_tokens`."""
        context = min(self._context_tokens + -(-self._fresh_bytes // _BYTES_PER_TOKEN), most_tokens)
        read = min(self._cached_tokens, context) if now - self._cached_at < _CACHE_LIFE_S else 0
        return {
            "cache_read_input_tokens": read,
            "cache_creation_input_tokens": context - read,
            "cache_creation": {"ephemeral_1h_input_tokens": context - read if self._is_kept_for_an_hour else 0},
            "inference_geo": self._geo,
            "output_tokens": output_tokens,
        }


def size_of(content: Any) -> int:
    """Bytes of text in a content block or a list of them; a picture counts as what it is charged."""
    if isinstance(content, str):
        return len(content.encode(errors="replace"))
    if isinstance(content, list):
        return sum(map(size_of, content))
    if not isinstance(content, dict):
        return 0
    if content.get("type") == "image":
        return _PICTURE_TOKENS * _BYTES_PER_TOKEN
    if isinstance(content.get("input"), dict):
        return len(json.dumps(content["input"]))
    return sum(
        size_of(value) for key, value in content.items() if key in ("text", "content", "thinking", "source", "data")
    )


def mapping(value: Any) -> Mapping[str, Any]:
    """What a line should have there; empty for anything else."""
    return value if isinstance(value, dict) else {}


def number(value: Any) -> int:
    """A count that a line should have there; 0 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else 0
