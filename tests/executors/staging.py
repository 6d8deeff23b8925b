"""Attempts of the real CLI on a rehearsal server, for tests."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.backends.credentials import rehearsal_credential
from harness.core.types import Ending
from harness.core.work import AttemptSpec
from harness.executors.bubblewrap import Bubblewrap
from harness.executors.sandbox import Containment
from harness.rehearsal.process import RehearsalServer

if TYPE_CHECKING:
    from tests.executors.conftest import Bench


SCENE = """
from harness.rehearsal.scene import Records, Text, Tool, InjectedFault, Turn

def scene(ask):
    good = Records([{"id": id_, "turn": ask.turn} for id_ in ask.ids], notes="all done")
    match ask.ids[0].split("-")[0]:
        case "fault":
            return InjectedFault(ask.ids[0].removeprefix("fault-"), times=None, then=good)
        case "switch":
            return InjectedFault("refusal", times=None, then=good) if ask.model == "claude-sonnet-5-5" else good
        case "hang":
            return Turn([Tool("Bash", {"command": "touch started; tail -f /dev/null", "timeout": 600000})])
        case "after":
            return InjectedFault("die_after_writing", times=None, then=good)
        case "outside":
            if ask.turn == 0:
                return Turn([Tool("Write", {"file_path": ask.vars["outside"], "content": "x"})])
            return Turn([Text("done")])
        case "environment":
            if ask.turn == 0:
                return Turn([Tool("Bash", {"command": "env; ls -la /; ls -a $HOME"})])
            return Turn([Text("done")])
        case "asks":
            return Turn([Text("Shall I write the file?")])
        case "paid":
            return Turn([Tool("Read", {"file_path": f"{ask.cwd}/x"})], cost=0.6)
        case "lookaround":
            if ask.turn == 0:
                return Turn([Tool("Read", {"file_path": f"{ask.cwd}/input/scan.txt"})])
            return Records([{"id": id_, "seen": ask.tool_results[-1]} for id_ in ask.ids])
    return good
"""


class Stage:
    """A bench, a server that plays the scene, and the credential that leads to it."""

    def __init__(self, bench: "Bench", server: RehearsalServer) -> None:
        self.bench = bench
        self.server = server
        self.sandbox: Containment = Bubblewrap("bwrap")

    def spec(self, *ids: str, **session: Any) -> AttemptSpec:
        changes: dict[str, Any] = {"backend": "claude", "model": "sonnet", "instructions": "Be brief.", "command": ()}
        return self.bench.attempt(replace(self.bench.job().phases[0].session, **(changes | session)), ids)

    async def run(self, spec: AttemptSpec, sandbox: Containment | None = None) -> Ending:
        self.bench.events.clear()
        credential = rehearsal_credential(self.server.url)
        return await self.bench.executor(sandbox or self.sandbox, credential).run(spec, self.bench.hear)

    def requests(self, spec: AttemptSpec) -> list[dict[str, Any]]:
        entries = map(json.loads, self.server.log.read_text().splitlines())
        return [entry for entry in entries if entry["session"] == spec.session_id]


@contextmanager
def staged(bench: "Bench") -> Iterator[Stage]:
    scene = bench.folder / "scene.py"
    scene.write_text(SCENE)
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(RehearsalServer.start(bench.job().state, scene))
    try:
        yield Stage(bench, server)
    finally:
        loop.run_until_complete(server.stop())
        loop.close()
