"""A rehearsal server for a test, and a way to call it over raw HTTP."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx2

from harness.rehearsal.process import RehearsalServer

Call = Callable[..., Awaitable[httpx2.Response]]


def body_of(**changes: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": [{"type": "text", "text": "do it"}]}]
    return {"model": "claude-sonnet-5-5", "max_tokens": 16_000, "stream": True, "messages": messages, **changes}


def with_server(
    state: Path, use: Callable[[RehearsalServer, Call], Coroutine[Any, Any, None]], scene: str = "", **options: Any
) -> None:
    """Runs `use(server, call)` against a server; `scene` is the text of a scene file."""
    file = state / "scenes.py" if scene else None
    if file:
        state.mkdir(parents=True, exist_ok=True)
        file.write_text(HEAD + scene, encoding="utf-8")

    async def run() -> None:
        async with (
            await RehearsalServer.start(state, file, **options) as server,
            httpx2.AsyncClient(base_url=server.url, timeout=20) as client,
        ):

            def call(session: str = "", **changes: Any) -> Awaitable[httpx2.Response]:
                headers = {"x-claude-code-session-id": session} if session else {}
                return client.post("/v1/messages?beta=true", json=body_of(**changes), headers=headers)

            await use(server, call)

    asyncio.run(run())


HEAD = "from harness.rehearsal.scene import Ask, Records, Text, Tool, InjectedFault, Turn\n"
"""The first line of every scene here; the scene's own text begins in line 2."""


def events(response: httpx2.Response) -> list[dict[str, Any]]:
    assert response.headers["content-type"].startswith("text/event-stream")
    return [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: ")]
