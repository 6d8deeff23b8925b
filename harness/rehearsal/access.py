"""Who may talk to the rehearsal's server: those who know its path, under its own name, with a body of bearable size.

Its address is on 127.0.0.1, which every user of the machine can reach, and every page in a browser that has a name
resolved to it. So the base URL that sessions get carries a secret, which is in no argument and in no file.
"""

import hmac
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from harness.rehearsal.refusals import Refuse

MOST_BODY_BYTES: Final = 64 * 1024 * 1024
"""Twice what the real API takes."""
_OWN_NAMES: Final = ("127.0.0.1", "localhost")


class BodyTooLargeError(Exception):
    """The request's body is above MOST_BODY_BYTES; `too_large` answers it."""


async def too_large(request: Request, error: Exception) -> Response:
    """The answer to a body that turned out too large while it came in."""
    return _too_large()


class Porter:
    """An ASGI application around another one, which sees the path without the secret in front."""

    def __init__(self, inner: ASGIApp, path: str) -> None:
        self._inner = inner
        self._path = path.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1").rpartition(":")
        own, path = self._path, scope["raw_path"] if scope.get("raw_path") else scope["path"].encode()
        if (host[0] or host[2]) not in _OWN_NAMES:
            await _refused(403, "permission_error", "this server is called 127.0.0.1")(scope, receive, send)
        elif not hmac.compare_digest(path[: len(own)], own) or path[len(own) : len(own) + 1] != b"/":
            await _refused(404, "not_found_error", "there is nothing here")(scope, receive, send)
        elif _length(headers.get(b"content-length", b"")) > MOST_BODY_BYTES:
            await _too_large()(scope, receive, send)
        else:
            below = path[len(own) :]
            inner = {**scope, "path": below.decode("latin-1"), "raw_path": below}
            await self._inner(inner, _bounded(receive), send)


def _bounded(receive: Receive) -> Receive:
    """The same body, which raises when it grows too large: a body in chunks tells no length before."""
    taken = 0

    async def receive_some() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > MOST_BODY_BYTES:
            raise BodyTooLargeError
        return message

    return receive_some


def _length(header: bytes) -> int:
    return int(header) if header.isdigit() else 0


def _too_large() -> JSONResponse:
    return _refused(413, "request_too_large", f"the request is above {MOST_BODY_BYTES:,} bytes")


def _refused(status: int, type_: str, message: str) -> JSONResponse:
    headers = {"connection": "close"}  # what is left of the body is not waited for
    return JSONResponse(Refuse(status, type_, message).body("req_rehearsal_0"), status, headers)
