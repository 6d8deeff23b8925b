"""Sends a speech over a live connection, and breaks or silences the connection where the fault asks for it."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from harness.rehearsal.rehearsal import Speech
from harness.rehearsal.wire import event

Headers = Mapping[str, str]


class LiveConnections:
    """The open connections by the caller's address, so that one can be broken in the middle of an answer."""

    def __init__(self) -> None:
        self._by_peer: dict[tuple[str, int], asyncio.Transport] = {}

    def opened(self, transport: asyncio.Transport) -> None:
        self._by_peer[transport.get_extra_info("peername")[:2]] = transport

    def closed(self, transport: asyncio.Transport) -> None:
        self._by_peer = {peer: open_ for peer, open_ in self._by_peer.items() if open_ is not transport}

    def break_off(self, scope: Scope) -> None:
        """Close the caller's connection after what was sent so far."""
        transport = self._by_peer.get(tuple(scope["client"]))
        if transport is not None:
            transport.close()


def protocol_for(live: LiveConnections) -> type[asyncio.Protocol]:
    """Uvicorn's HTTP protocol, whose connections are known to `live`."""

    class Protocol(H11Protocol):
        _own: asyncio.Transport | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
            self._own = transport
            live.opened(transport)
            super().connection_made(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            if self._own is not None:
                live.closed(self._own)
            super().connection_lost(exc)

    return Protocol


class Channel:
    """One request's connection."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, live: LiveConnections) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._live = live

    async def stream(self, speech: Speech, headers: Headers) -> float:
        """The speech as server-sent events, in its manner. Returns which share was sent before the caller left."""
        await self._start(200, {**headers, "content-type": "text/event-stream; charset=utf-8"})
        events = list(speech.message.events())
        match speech.manner:
            case "whole" | "late":
                await self._end(b"".join(events))
            case "slow":
                return await self._drip(events, speech.seconds)
            case "cut":
                await self._more(b"".join(speech.message.first_half()))
                await self.drop()
            case "stall":
                await self._more(b"".join(speech.message.first_half()))
                await self.hang()
            case "garbage":
                await self._end(
                    events[0] + b'event: content_block_start\ndata: {"type": "content_blo<!DOCTYPE html>\n\n'
                )
            case "sse_error":
                error = {"type": "overloaded_error", "message": "Overloaded"}
                await self._end(events[0] + event("error", error=error))
        return 1.0

    async def whole(self, status: int, body: object, headers: Headers, after_s: float = 0.0) -> None:
        """One JSON body."""
        if after_s:
            await asyncio.sleep(after_s)
        await self._start(status, {**headers, "content-type": "application/json"})
        await self._end(json.dumps(body, ensure_ascii=False).encode(errors="replace"))

    async def hang(self) -> None:
        """Say nothing more until the caller goes away."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def drop(self) -> None:
        """Break the connection after what was sent so far."""
        self._live.break_off(self._scope)
        await self.hang()

    async def _drip(self, events: list[bytes], seconds: float) -> float:
        pieces = _evenly(events, 20)
        for sent, piece in enumerate(pieces, 1):
            await self._more(piece)
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds / len(pieces)):
                    await self.hang()
                    return sent / len(pieces)
        await self._end(b"")
        return 1.0

    async def _start(self, status: int, headers: Headers) -> None:
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def _more(self, body: bytes) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def _end(self, body: bytes) -> None:
        await self._send({"type": "http.response.body", "body": body})


def _evenly(events: list[bytes], most: int) -> list[bytes]:
    size = -(-len(events) // most)
    return [b"".join(events[start : start + size]) for start in range(0, len(events), size)]
