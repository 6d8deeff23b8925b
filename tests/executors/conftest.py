"""Builders for executor tests: a job, attempts of it, and an executor that runs them on this machine."""

import asyncio
import json
import os
import secrets
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from harness.backends.credentials import Credential
from harness.base.artifacts import ArtifactStore
from harness.base.clock import SystemClock
from harness.base.ids import AttemptId, ItemId, Sha, Token
from harness.base.processes import become_subreaper
from harness.core.seam import Judge
from harness.core.types import BatchRef, Ending, Item, Judgement, Rejected, SessionEvent
from harness.core.work import AttemptSpec, Identity, Produced, Rendered, SessionCaps, Work
from harness.executors.containment import NoSandbox
from harness.executors.guardian import Guardian
from harness.executors.local import LocalExecutor
from harness.executors.running_attempt import Tools
from harness.executors.sandbox import Containment
from harness.job.job import ItemsSpec, Job, KeysSpec, OutputSpec, PhaseSpec, SessionSpec
from tests.specs import altered

STUB = Path(__file__).parent.parent / "stubs" / "session.py"

OUTPUT = OutputSpec(file="output.json", shape="array", key=".id", item=".id", checks=(), schema=None, merge=None)

SESSION = SessionSpec(
    backend="command",
    model=None,
    prompt="do it",
    prompt_name="<prompt>",
    instructions="",
    tools=("Read", "Write"),
    command=(sys.executable, str(STUB), "ok"),
    timeout=timedelta(minutes=2),
    first_event=timedelta(seconds=60),
    silence=timedelta(seconds=60),
    idle_after_output=timedelta(seconds=30),
    max_turns=None,
)


async def nothing_good(store: ArtifactStore, work: Work, produced: Produced) -> Judgement:
    return Judgement({item.id: Rejected((), missing=True) for item in work.items}, usable=False)


@dataclass
class Bench:
    """One job in a temporary folder, and what its attempts told."""

    folder: Path
    events: list[SessionEvent] = field(default_factory=list)
    attempts: int = 0
    on_event: Callable[[SessionEvent], None] = lambda event: None
    guardian: Guardian = field(default_factory=Guardian)

    @property
    def store(self) -> ArtifactStore:
        return ArtifactStore(self.folder / "artifacts")

    def job(self, **changes: Any) -> Job:
        phase = PhaseSpec(1, "main", "item", None, "own", None, None, 1, SESSION, OUTPUT)
        job = Job(
            name="test",
            noun="item",
            manifest=self.folder / "job.yaml",
            folder=self.folder,
            state=self.folder / ".harness" / "job",
            rehearsal=False,
            scene=None,
            vars={},
            items=ItemsSpec(None, None, "", "", None, ()),
            phases=(phase,),
            strikes=3,
            parallel=1,
            budget=None,
            budget_per_session=None,
            max_output=16000,
            grace=timedelta(seconds=30),
            sandbox="auto",
            auth=None,
            readable=(),
        )
        return replace(job, **changes)

    def executor(
        self,
        containment: Containment | None = None,
        credential: Credential | None = None,
        judge: Judge = nothing_good,
        tools: Mapping[str, Any] = MappingProxyType({}),
        keys: Mapping[str, str] = MappingProxyType({}),
        **job: Any,
    ) -> LocalExecutor:
        """`tools` changes what its attempts are run with: `allowance`, `standstill_s`; `keys` are set, and the job's.
        Orphans come to us, as they come to the command line."""
        become_subreaper()
        return LocalExecutor(
            job=self.job(**{"keys": KeysSpec(tuple(keys)), **job}),
            tools=Tools(self.store, SystemClock(), judge, **tools),
            containment=containment or NoSandbox("off"),
            guardian=self.guardian,
            credential=credential,
            environ={"PATH": os.environ["PATH"], **keys},
        )

    def program(self, text: str, ids: Sequence[str] = ("a",), **session: Any) -> AttemptSpec:
        """An attempt of a Python program, given as its text."""
        path = self.folder / f"program{self.attempts}.py"
        path.write_text(text)
        session |= {"command": (sys.executable, "-S", str(path))}
        return self.attempt(replace(SESSION, **session), ids, readable=(path,))

    def stub(self, scenario: str, *arguments: str, ids: Sequence[str] = ("a", "b"), **session: Any) -> AttemptSpec:
        """An attempt of the stub program."""
        command = (sys.executable, str(STUB), scenario, *arguments)
        return self.attempt(replace(SESSION, command=command, **session), ids)

    def attempt(self, session: SessionSpec, ids: Sequence[str] = ("a", "b"), **changes: Any) -> AttemptSpec:
        self.attempts += 1
        phase = PhaseSpec(1, "main", "item", None, "own", None, None, 20, session, OUTPUT)
        spec = AttemptSpec(
            identity=Identity(
                AttemptId(self.attempts),
                Token(secrets.token_hex(16)),
                str(uuid.uuid4()),
                self.job().state / "attempts" / f"{self.attempts:06d}-p1-b007",
            ),
            work=Work(phase, BatchRef(1, 7), tuple(Item(ItemId(id_), {"id": id_}) for id_ in ids)),
            rendered=Rendered(session.prompt, session.instructions, Sha("")),
            caps=SessionCaps(Decimal(1), session.max_turns, 16000),
            readable=(STUB,),
            rehearsal=False,
        )
        return altered(spec, **changes)

    async def run(self, spec: AttemptSpec, containment: Containment | None = None, **executor: Any) -> Ending:
        return await self.executor(containment, **executor).run(spec, self.hear)

    def hear(self, event: SessionEvent) -> None:
        self.events.append(event)
        self.on_event(event)

    def content(self, ending: Ending) -> bytes:
        return self.store.get(ending.artifacts[0].sha)


def laid_out(folder: Path) -> Bench:
    (folder / "artifacts").mkdir()
    (folder / "job.yaml").touch()
    return Bench(folder)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = laid_out(tmp_path)
    with bench.guardian:
        yield bench


@pytest.fixture(scope="session")
def make_bench() -> Callable[[Path], Bench]:
    return laid_out


@asynccontextmanager
async def capturing(port: int) -> AsyncIterator[tuple[int, list[dict[str, Any]]]]:
    """A relay to the server at `port`; gives its own port and the JSON bodies of the POSTs that pass."""
    bodies: list[dict[str, Any]] = []

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if b"content-length" in line), 0)
        body = await reader.readexactly(size)
        if body:
            bodies.append(json.loads(body))
        behind_reader, behind = await asyncio.open_connection("127.0.0.1", port)
        behind.write(head.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n") + body)
        while chunk := await behind_reader.read(65536):
            writer.write(chunk)
        behind.close()
        writer.close()

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], bodies
    finally:
        server.close()


@pytest.fixture(scope="session")
def capture() -> Any:
    return capturing
