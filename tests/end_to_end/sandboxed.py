"""One session of the real CLI that makes the tool calls it is given, in a sandbox of the test's choosing."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any

from harness.backends.credentials import rehearsal_credential
from harness.core.types import Ending
from harness.core.work import AttemptSpec
from harness.executors.sandbox import Containment
from harness.rehearsal.process import RehearsalServer
from tests.executors.conftest import Bench
from tests.specs import altered

_SCENE = """
from harness.rehearsal.scene import Records, Tool, Turn

TURNS = {turns!r}

def scene(ask):
    if ask.turn < len(TURNS):
        filled = [(name, {{key: text.replace("CWD", ask.cwd) for key, text in given.items()}})
                  for name, given in TURNS[ask.turn]]
        return Turn([Tool(name, given) for name, given in filled])
    return Records([{{"id": id_}} for id_ in ask.ids])
"""

Call = tuple[str, dict[str, str]]
"""A tool and what it is given; `CWD` stands for the session's working folder."""


@dataclass(frozen=True)
class Played:
    """What came of it: `answers` to the calls in order, each with whether the tool said that it had failed."""

    spec: AttemptSpec
    ending: Ending
    answers: list[tuple[str, bool]]

    @property
    def work(self) -> Path:
        return self.spec.folder / "work"

    def said(self) -> dict[str, str]:
        """The lines `name: outcome` of all answers."""
        lines = (line for text, _ in self.answers for line in text.splitlines())
        return dict(line.split(": ", 1) for line in lines if ": " in line)


def play(
    bench: Bench,
    sandbox: Containment,
    tools: Sequence[str],
    calls: Sequence[Call],
    prepare: Callable[[AttemptSpec], AttemptSpec] = lambda spec: spec,
    run_with: Mapping[str, Any] = MappingProxyType({}),
) -> Played:
    """Run it to its end; calls of one tool that follow each other are made in one turn. `prepare` may put files into
    its folder before it starts."""
    session = replace(bench.job().phases[0].session, backend="claude", model="sonnet", command=(), tools=tuple(tools))
    spec = altered(bench.attempt(session, ["a"]), cost_usd=None)
    scene = bench.folder / f"scene{spec.id}.py"
    scene.write_text(_SCENE.format(turns=[list(turn) for _, turn in groupby(calls, itemgetter(0))]))
    spec = prepare(spec)

    async def run() -> Ending:
        server = await RehearsalServer.start(bench.job().state, scene)
        try:
            credential = rehearsal_credential(server.url, "api_key")
            return await bench.executor(sandbox, credential, tools=run_with).run(spec, bench.hear)
        finally:
            await server.stop()

    with bench.guardian:
        ending = asyncio.run(run())
    return Played(spec, ending, _answers(spec.folder / "stream.jsonl")[: len(calls)])


def _answers(stream: Path) -> list[tuple[str, bool]]:
    """In the order of the calls, whichever ended first; nothing for a call whose session was ended."""
    order: list[str] = []
    answers: dict[str, tuple[str, bool]] = {}
    for line in stream.read_text().splitlines():
        message = json.loads(line)
        blocks = message["message"]["content"] if message.get("type") in ("assistant", "user") else []
        for block in blocks:
            if block.get("type") == "tool_use":
                order.append(block["id"])
            elif block.get("type") == "tool_result":
                text = block["content"] if isinstance(block["content"], str) else json.dumps(block["content"])
                answers[block["tool_use_id"]] = (text, bool(block.get("is_error")))
    return [answers.get(id_, ("", True)) for id_ in order]
