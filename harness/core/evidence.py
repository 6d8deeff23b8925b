"""Which pages a session really fetched, read in its own stream: the session's word for it is no evidence.

What a WebFetch gave back stands twice in the stream: in words for the model, and as data (`tool_use_result`) that the
CLI wrote. Only the data counts. A page is fetched when its answer had a status of 2xx; within one site the CLI follows
redirects by itself, and one that leads to another site is an answer of its own (3xx): the session fetches that page
then, and that one is the source. Results of a WebSearch are addresses that were seen, nothing more.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlsplit

from harness.base.reason import Reason

_FETCH, _SEARCH = "WebFetch", "WebSearch"
_MOST_PENDING: Final = 4096
_MOST_SHOWN: Final = 200
_PORTS: Final = {"http": 80, "https": 443}
_TELLING: Final = (b"Web", b"tool_use_result")
_ESCAPE: Final = re.compile("%[0-9a-fA-F]{2}")
_UNRESERVED: Final = re.compile(r"[A-Za-z0-9._~-]")


def same_page(url: str) -> str | None:
    """What two addresses of one page have in common; None for what is no address of a page on the web.

    Not told apart: http and https (the CLI fetches both by https), case of the host, the port that goes without saying,
    a final slash, a fragment, and ways of escaping.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return None
    scheme, host = parts.scheme.lower(), (parts.hostname or "").rstrip(".")
    if scheme not in _PORTS or not host or any(map(str.isspace, parts.netloc)):
        return None
    try:
        host = host.encode("idna").decode() if not host.isascii() else host
    except UnicodeError:
        return None
    shown = "" if port is None or port in _PORTS.values() else f":{port}"
    query = f"?{_escaped(parts.query)}" if parts.query else ""
    return f"{host}{shown}{_escaped(parts.path).rstrip('/')}{query}"


def _escaped(text: str) -> str:
    """Escaped the same, whichever way it was: what needs no escape has none."""

    def plain(found: re.Match[str]) -> str:
        char = chr(int(found[0][1:], 16))
        return char if _UNRESERVED.fullmatch(char) else found[0].upper()

    return quote(_ESCAPE.sub(plain, text), safe="%/:?#[]@!$&'()*+,;=~", errors="replace")


@dataclass(slots=True)
class Fetches:
    """What the lines of a stream say of the web; `codes`: page -> status of its best answer, 0 = none came."""

    codes: dict[str, int] = field(default_factory=dict)
    found: set[str] = field(default_factory=set)
    """Pages that a search named."""
    _asked: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Calls without a result so far: id -> tool, page."""

    def take(self, line: Mapping[str, Any]) -> None:
        """One parsed line of the stream."""
        blocks = [block for block in _list(_mapping(line.get("message")).get("content")) if isinstance(block, dict)]
        if line.get("type") == "assistant":
            for block in blocks:
                self._call(block)
        elif line.get("type") == "user":
            results = [block for block in blocks if block.get("type") == "tool_result"]
            if len(results) == 1:  # with several, nobody could say whose the data is
                self._result(results[0], line.get("tool_use_result"))

    def why_not(self, url: str) -> Reason | None:
        """Why this address is no evidence; None when its page was fetched."""
        page, told = same_page(url), {"url": url[:_MOST_SHOWN]}
        if page is None:
            return Reason("source_no_address", told)
        code = self.codes.get(page)
        if code is None:
            return Reason("source_not_fetched", {**told, "is_found": page in self.found})
        if code == 0:
            return Reason("source_unreachable", told)
        if 200 <= code < 300:
            return None
        return Reason("source_redirects" if 300 <= code < 400 else "source_refused", {**told, "code": code})

    def _call(self, block: Mapping[str, Any]) -> None:
        id_, name, asked = block.get("id"), block.get("name"), _mapping(block.get("input"))
        if block.get("type") != "tool_use" or not isinstance(id_, str) or name not in (_FETCH, _SEARCH):
            return
        page = same_page(str(asked.get("url", ""))) or ""
        if len(self._asked) < _MOST_PENDING:
            self._asked[id_] = (str(name), page)

    def _result(self, block: Mapping[str, Any], data: Any) -> None:
        tool, page = self._asked.pop(str(block.get("tool_use_id")), ("", ""))
        told = _mapping(data)
        if tool == _FETCH and page:
            code = told.get("code")
            is_good = block.get("is_error") is not True and isinstance(code, int) and not isinstance(code, bool)
            self._saw(page, code if is_good and isinstance(code, int) else 0)
        elif tool == _SEARCH:
            for results in map(_mapping, _list(told.get("results"))):
                named = (_mapping(each).get("url") for each in _list(results.get("content")))
                pages = (same_page(url) for url in named if isinstance(url, str))
                self.found |= {each for each in pages if each is not None}

    def _saw(self, page: str, code: int) -> None:
        """The best answer stays: a page that was read once was read."""
        before = self.codes.get(page)
        if before is None or not 200 <= before < 300:
            self.codes[page] = code


def fetches_in(lines: Iterable[bytes]) -> Fetches:
    """All that a recorded stream says; lines that are cut or none of the CLI's are left out."""
    fetches = Fetches()
    for line in lines:
        if not any(word in line for word in _TELLING) or line.startswith(b'{"type":"stream_event"'):
            continue
        try:
            told = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(told, dict):
            fetches.take(told)
    return fetches


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
