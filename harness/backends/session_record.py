"""What a session printed, kept in its folder: secrets redacted, growth bounded, lines whole."""

import base64
import json
import os
import re
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote_from_bytes, quote_plus

MOST_LINE_BYTES = 32 * 1024 * 1024
"""A stream line above this ends the session: nothing of ours ever needs one."""

_KEY = re.compile(rb"sk-ant-[A-Za-z0-9_\-]{8,}")
_REDACTED = b"[secret]"
_LEAST = 4
_LEAST_BASE64 = 6
_CHUNK_BYTES = 65536
_OVERLAP_BYTES = 4096
"""Kept back when an endless line is cut for the log, so that a secret is not cut in two."""


class Redactor:
    """Redacts secrets in bytes: the given values in every form that usual programs write them in, and whatever looks
    like a key of Anthropic's."""

    def __init__(self, secrets: Iterable[str]) -> None:
        found = {form for value in secrets if len(value) >= _LEAST for form in forms_of(value)}
        self._values = sorted(found, key=len, reverse=True)

    def clean(self, content: bytes) -> bytes:
        for value in self._values:
            content = content.replace(value, _REDACTED)
        return _KEY.sub(_REDACTED, content) if b"sk-ant-" in content else content


def forms_of(secret: str) -> set[bytes]:
    """As it is; within JSON, and within JSON that is text of JSON; as URLs quote it; and base64, wherever it begins in
    what was encoded. Not found: forms that somebody makes on purpose, and base64 in which a line ends."""
    raw = secret.encode(errors="surrogateescape")
    lines = {raw, *_in_json(secret), *(form for once in _in_json(secret) for form in _in_json(once.decode()))}
    quoted = {quote_from_bytes(raw, safe=safe) for safe in ("", "/", "/:@")} | {quote_plus(raw)}
    urls = {form.encode() for text in quoted for form in (text, re.sub("%..", lambda found: found[0].lower(), text))}
    return {form for form in (*lines, *urls, *_in_base64(raw)) if len(form) >= _LEAST}


def _in_json(text: str) -> set[bytes]:
    texts = {json.dumps(text, ensure_ascii=ascii_)[1:-1] for ascii_ in (True, False)}
    texts |= {each.replace("/", "\\/") for each in texts}
    return {each.encode(errors="surrogateescape") for each in texts}


def _in_base64(raw: bytes) -> Iterator[bytes]:
    """What of it does not depend on the bytes before and behind, for each of the three places where it may begin."""
    for before in range(3):
        whole = base64.b64encode(bytes(before) + raw)
        certain = whole[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        if len(certain) >= _LEAST_BASE64:
            yield certain
            yield certain.replace(b"+", b"-").replace(b"/", b"_")


class Recorder:
    """Appends pieces to a file: the first `head_bytes` of them at once, then the last `tail_bytes` when closed.

    A piece is written before anybody parses it. An error of the disk is kept in `failure` and ends the writing, never
    the session's pipe.
    """

    def __init__(self, path: Path, redactor: Redactor, *, head_bytes: int, tail_bytes: int) -> None:
        self.failure: OSError | None = None
        self._redactor = redactor
        self._head_left = head_bytes
        self._tail_most = tail_bytes
        self._tail: deque[bytes] = deque()
        self._tail_bytes = 0
        self._dropped = 0
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

    def write(self, line: bytes) -> None:
        """Keep one piece: a line with its end, or several."""
        clean = self._redactor.clean(line)
        if self._head_left >= len(clean):
            self._head_left -= len(clean)
            self._append(clean)
            return
        self._head_left = 0
        self._tail.append(clean)
        self._tail_bytes += len(clean)
        while self._tail_bytes > self._tail_most and len(self._tail) > 1:
            oldest = self._tail.popleft()
            self._tail_bytes -= len(oldest)
            self._dropped += len(oldest)

    def close(self) -> None:
        """Write the tail; further closing does nothing."""
        if self._descriptor < 0:
            return
        if self._dropped:
            self._append(b"\n[%d bytes left out]\n" % self._dropped)
        for piece in self._tail:
            self._append(piece)
        os.close(self._descriptor)
        self._descriptor = -1

    def _append(self, content: bytes) -> None:
        if self.failure is not None or self._descriptor < 0:
            return
        try:
            left = memoryview(content)
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError as error:
            self.failure = error


class Liner:
    """Cuts chunks into lines, in linear time."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.pending_bytes = 0

    def push(self, chunk: bytes) -> list[bytes]:
        """The lines that `chunk` completes, each with its end."""
        if b"\n" not in chunk:
            self._pieces.append(chunk)
            self.pending_bytes += len(chunk)
            return []
        *lines, rest = b"".join((*self._pieces, chunk)).split(b"\n")
        self._pieces = [rest] if rest else []
        self.pending_bytes = len(rest)
        return [line + b"\n" for line in lines]

    def rest(self) -> bytes:
        """What came after the last end of a line."""
        pending = b"".join(self._pieces)
        self._pieces = []
        self.pending_bytes = 0
        return pending


class Drain:
    """Takes whatever a pipe brings into a recorder, so that it never fills up: whole lines, as many as came at once."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        lines, end, self._rest = (self._rest + chunk).rpartition(b"\n")
        if end:
            self._recorder.write(lines + end)
        if len(self._rest) > _CHUNK_BYTES:
            self._recorder.write(self._rest[:-_OVERLAP_BYTES])
            self._rest = self._rest[-_OVERLAP_BYTES:]

    def flush(self) -> None:
        """Write what came after the last end of a line."""
        if self._rest:
            self._recorder.write(self._rest)
            self._rest = b""
