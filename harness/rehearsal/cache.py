"""The prompt-cache account: what a request would have read from and written to the provider's cache.

The rules are the provider's: the cache sees tools, then system, then messages; an entry is the exact prefix up to a
block that carries `cache_control`; it lives 5 minutes or 1 hour, anew with each use; a request finds an entry at one of
its breakpoints or up to 20 blocks before it; below 1,024 tokens nothing is kept; an entry can be used only after the
response that wrote it has begun. Tokens are estimated as a quarter of the characters, rounded up; images and documents
are four characters for each of their tokens (`core.media`).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from harness.core.media import chars_of
from harness.rehearsal.request_log import Breakpoint

Ttl = Literal["5m", "1h"]
_TTL_S: Final[Mapping[str, float]] = {"5m": 300.0, "1h": 3600.0}
_LOOK_BACK: Final = 20
_LEAST_CHARS: Final = 1024 * 4
_MOST_ENTRIES: Final = 10_000
"""Above this, dead entries are swept out."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """The prompt up to and including one block."""

    sha: str
    chars: int
    ttl: Ttl | None
    """Set when this block carries a breakpoint."""
    part: Literal["tools", "system", "messages"]


@dataclass(frozen=True, slots=True)
class Lookup:
    """What one request finds in the cache, in characters of the prompt."""

    chars: int
    read: int
    written: Mapping[Ttl, int]
    breakpoints: tuple[Breakpoint, ...]
    """Entries that the request writes or keeps alive, once its response begins."""
    prefix_sha: str
    """Of tools and system."""

    def usage(self, output_tokens: int) -> dict[str, Any]:
        """The `usage` object of a response."""
        whole, read = tokens(self.chars), tokens(self.read)
        written_5m = tokens(self.read + self.written["5m"]) - read
        written_1h = tokens(self.read + sum(self.written.values())) - read - written_5m
        return {
            "input_tokens": whole - read - written_5m - written_1h,
            "cache_creation_input_tokens": written_5m + written_1h,
            "cache_read_input_tokens": read,
            "cache_creation": {"ephemeral_5m_input_tokens": written_5m, "ephemeral_1h_input_tokens": written_1h},
            "output_tokens": output_tokens,
            "service_tier": "standard",
        }


def tokens(chars: int) -> int:
    """The estimate: four characters a token, rounded up."""
    return -(-chars // 4)


class PromptCache:
    """Entries by the hash of their prefix, with the time they die. Seconds are since 1970."""

    def __init__(self) -> None:
        self._dies: dict[str, float] = {}
        self._ttl: dict[str, Ttl] = {}

    def look(self, body: Mapping[str, Any], now_s: float) -> Lookup:
        """What `body` would read and write now. Changes nothing."""
        prefixes = list(_prefixes(body))
        marked = [index for index, prefix in enumerate(prefixes) if prefix.ttl and prefix.chars >= _LEAST_CHARS]
        hit = max((found for index in marked if (found := self._find(prefixes, index, now_s)) is not None), default=-1)
        read = prefixes[hit].chars if hit >= 0 else 0
        written: dict[Ttl, int] = {"5m": 0, "1h": 0}
        done = read
        for index in marked:
            prefix = prefixes[index]
            if index > hit and prefix.ttl:
                written[prefix.ttl] += prefix.chars - done
                done = prefix.chars
        kept = [index for index in marked if index > hit or prefixes[index].sha in self._dies]
        if hit >= 0 and hit not in kept:
            kept.insert(0, hit)
        touched = tuple((prefix.sha, prefix.chars, self._ttl_of(prefix)) for prefix in map(prefixes.__getitem__, kept))
        shared = [prefix.sha for prefix in prefixes if prefix.part != "messages"]
        return Lookup(prefixes[-1].chars if prefixes else 0, read, written, touched, shared[-1] if shared else "")

    def begin(self, breakpoints: tuple[Breakpoint, ...], now_s: float) -> None:
        """The response has begun: what the request wrote can be used, what it read lives on."""
        for sha, _, ttl in breakpoints:
            kept: Ttl = "1h" if ttl == "1h" else "5m"
            self._ttl[sha] = kept
            self._dies[sha] = max(self._dies.get(sha, 0.0), now_s + _TTL_S[kept])
        if len(self._dies) > _MOST_ENTRIES:
            self._dies = {sha: dies for sha, dies in self._dies.items() if dies > now_s}
            self._ttl = {sha: self._ttl[sha] for sha in self._dies}

    def _ttl_of(self, prefix: Prefix) -> Ttl:
        return prefix.ttl or self._ttl.get(prefix.sha, "5m")

    def _find(self, prefixes: list[Prefix], index: int, now_s: float) -> int | None:
        for back in range(index, max(-1, index - _LOOK_BACK - 1), -1):
            if self._dies.get(prefixes[back].sha, 0.0) > now_s:
                return back
        return None


def _prefixes(body: Mapping[str, Any]) -> Iterator[Prefix]:
    """The prompt block by block, each with the hash of everything up to it."""
    running = hashlib.sha256(str(body.get("model", "")).encode())
    chars = 0
    blocks = list(_blocks(body))
    whole = _ttl(body)  # top-level cache_control: the breakpoint is the last block
    for number, (part, role, block) in enumerate(blocks, 1):
        content = {key: value for key, value in block.items() if key != "cache_control"}
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        running.update(f"\x1e{part}\x1f{role}\x1f{text}".encode(errors="surrogatepass"))
        chars += chars_of(content, text, str(body.get("model", "")))
        ttl = _ttl(block) or (whole if number == len(blocks) else None)
        yield Prefix(running.hexdigest(), chars, ttl, part)


def _blocks(body: Mapping[str, Any]) -> Iterator[tuple[Literal["tools", "system", "messages"], str, dict[str, Any]]]:
    for tool in body.get("tools") or ():
        yield "tools", "", tool
    for block in as_blocks(body.get("system")):
        yield "system", "", block
    for message in body.get("messages") or ():
        for block in as_blocks(message.get("content")):
            yield "messages", str(message.get("role")), block


def as_blocks(content: Any) -> list[dict[str, Any]]:
    """Content of a message as a list of blocks; a bare text is one text block."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [block for block in content or () if isinstance(block, dict)]


def _ttl(block: Mapping[str, Any]) -> Ttl | None:
    control = block.get("cache_control")
    if not isinstance(control, dict):
        return None
    return "1h" if control.get("ttl") == "1h" else "5m"
