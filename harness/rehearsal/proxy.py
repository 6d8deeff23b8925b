"""The way to the web of a rehearsal: a proxy on loopback that passes for every site, and lets nothing out.

Sessions with WebFetch have it as HTTPS_PROXY, with their session id as the user and a secret as the password. The CLI
asks `api.anthropic.com` whether a domain may be fetched; that is answered here too. Every page that was asked for is a
line in web.jsonl: `{"time", "session", "url", "status"}`.
"""

import asyncio
import base64
import binascii
import hmac
import json
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from harness.base.clock import to_text
from harness.rehearsal.certificates import Authority
from harness.rehearsal.pages import Web, WebError
from harness.rehearsal.scene import Page

_PROVIDER: Final = "api.anthropic.com"
_MOST_HEAD_BYTES: Final = 64 * 1024
_HEAD_S: Final = 300.0
_PAGE_S: Final = 10.0
_STATUS_OF_A_BROKEN_SCENE: Final = 500


@dataclass(frozen=True, slots=True)
class Site:
    """Where a tunnel leads, and who dug it."""

    host: str
    port: int
    session: str

    def url(self, target: str) -> str:
        return f"https://{self.host}{'' if self.port == 443 else f':{self.port}'}{target}"


class WebProxy:
    """Serves a scene's web to its sessions."""

    def __init__(self, web: Web, log: Path, secret: str, failed: Callable[[str], None]) -> None:
        """`failed` is told what is wrong with the scene."""
        self._web = web
        self._log = log
        self._secret = secret
        self._failed = failed
        self._authority = Authority()

    @property
    def authority(self) -> str:
        """The certificate that its sessions trust, PEM."""
        return self._authority.pem

    async def serve(self, listener: socket.socket) -> asyncio.Server:
        """Start serving on this socket, which listens already."""
        return await asyncio.start_server(self._accept, sock=listener, limit=_MOST_HEAD_BYTES)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, ValueError, EOFError, asyncio.LimitOverrunError, TimeoutError):
            await self._tunnel(reader, writer)
        writer.close()

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (method, target), headers = await _head(reader)
        session = self._session(headers.get("proxy-authorization", ""))
        if session is None:
            await _answer(writer, 407, "", {"proxy-authenticate": "Basic"})
            return
        if method != "CONNECT":
            await _answer(writer, 405, "only https")
            return
        host, _, port = target.rpartition(":")
        site = Site(host.strip("[]").lower(), int(port), session)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await writer.drain()
        await writer.start_tls(self._authority.context(site.host))
        while True:
            (method, target), headers = await _head(reader)
            await reader.readexactly(int(headers.get("content-length", "0")))
            await self._serve(site, method, target, writer)

    def _session(self, authorization: str) -> str | None:
        """Who asks; None for whoever does not know the secret."""
        kind, _, word = authorization.partition(" ")
        try:
            user, _, password = base64.b64decode(word).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        known = hmac.compare_digest(password.encode(), self._secret.encode())
        return user if kind.lower() == "basic" and known else None

    async def _serve(self, site: Site, method: str, target: str, writer: asyncio.StreamWriter) -> None:
        if site.host == _PROVIDER:
            domain = urlsplit(target).query.removeprefix("domain=")
            told = json.dumps({"domain": domain, "can_fetch": True})
            await _answer(writer, 200, told, {"content-type": "application/json"})
            return
        url = site.url(target)
        page = await self._page(url)
        self._note(site.session, url, page.status)
        headers = {"content-type": page.type} | ({"location": page.location} if page.location else {})
        await _answer(writer, page.status, "" if method == "HEAD" else page.text, headers)

    async def _page(self, url: str) -> Page:
        """In a thread: a scene's own function may take its time, and others are served."""
        try:
            async with asyncio.timeout(_PAGE_S):
                return await asyncio.to_thread(self._web.page, url)
        except TimeoutError:
            self._failed(f"pages: no answer for {url} after {_PAGE_S:g} s")
        except WebError as error:
            self._failed(str(error))
        return Page("the scene failed", status=_STATUS_OF_A_BROKEN_SCENE)

    def _note(self, session: str, url: str, status: int) -> None:
        line = {"time": to_text(datetime.now(UTC)), "session": session, "url": url, "status": status}
        with self._log.open("a", encoding="utf-8") as log:
            log.write(json.dumps(line, ensure_ascii=False) + "\n")


async def _head(reader: asyncio.StreamReader) -> tuple[tuple[str, str], dict[str, str]]:
    """Method and target, and the headers by their names in lower case. ValueError when it is no request."""
    async with asyncio.timeout(_HEAD_S):
        head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    pairs = (line.partition(":") for line in lines)
    return (method, target), {name.strip().lower(): value.strip() for name, _, value in pairs}


async def _answer(writer: asyncio.StreamWriter, status: int, body: str, headers: dict[str, str] | None = None) -> None:
    content = body.encode(errors="replace")
    known = HTTPStatus(status).phrase if status in {each.value for each in HTTPStatus} else "status"
    told = {**(headers or {}), "content-length": str(len(content))}
    lines = [f"HTTP/1.1 {status} {known}", *(f"{name}: {value}" for name, value in told.items())]
    writer.write("\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + content)
    await writer.drain()
