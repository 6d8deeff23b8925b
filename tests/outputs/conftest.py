"""A court for what sessions have written: it judges one work folder, and says what came of each item."""

import asyncio
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.base.artifacts import ArtifactStore
from harness.base.ids import ItemId
from harness.base.reason import Reason
from harness.core.evidence import Fetches
from harness.core.types import Accepted, Artifact, BatchRef, Item, Judgement, OutputFault, Rejected
from harness.core.work import Work
from harness.evaluation.bounded import Bounded
from harness.job.job import CheckSpec, OutputSpec, PhaseSpec, SessionSpec, Shape
from harness.outputs.checks import Breakdowns, Checker
from harness.outputs.judge import judge
from harness.outputs.suspects import KnownGood
from harness.workspaces.freeze import freeze
from tests.outputs.merging import store_in

SESSION = SessionSpec(
    "command", None, "", "<prompt>", "", (), ("true",), None, None, None, timedelta(seconds=1), None
)  # fmt: skip


@pytest.fixture(scope="module")
def bounded() -> Iterator[Bounded]:
    bounded = Bounded()
    yield bounded
    bounded.close()


class Court:
    """Judges what is written into one work folder."""

    def __init__(self, folder: Path, bounded: Bounded) -> None:
        self.folder = folder
        self.bounded = bounded
        self.store = ArtifactStore(folder / "artifacts")
        self.store.root.mkdir()
        (folder / "work").mkdir()
        self.ids = ["A1", "A2", "A3"]
        self.output = OutputSpec("out.json", "array", ".id", ".id", (), None, None)
        self.making: Sequence[PhaseSpec] = ()
        self.breakdowns = Breakdowns()
        self.accepted: KnownGood | None = None
        self.fetches = Fetches()
        self.context: Mapping[str, Sequence[Any]] = {}

    def shape(self, shape: Shape, file: str = "out.json") -> None:
        self.output = replace(self.output, shape=shape, file=file)

    def check(self, **fields: Any) -> None:
        (kind,) = fields.keys() - {"says"}
        check = CheckSpec(kind, fields.pop("says", None), **fields)  # type: ignore[arg-type]  # one of the four words
        self.output = replace(self.output, checks=(*self.output.checks, check))

    def python(self, text: str) -> None:
        (self.folder / "checks.py").write_text(text)
        self.check(python=(self.folder / "checks.py", "check"))

    def write(self, name: str, content: bytes | str) -> None:
        (self.folder / "work" / name).write_bytes(content.encode() if isinstance(content, str) else content)

    def judge(self, records: Any = None) -> Judgement:
        if records is not None:
            self.write("out.json", json.dumps(records))
        frozen = freeze(self.folder / "work", self.output, self.ids, self.store)
        return self.judge_frozen(frozen.artifacts, frozen.output_faults)

    def judge_frozen(self, artifacts: Sequence[Artifact], faults: Sequence[OutputFault]) -> Judgement:
        known = (lambda: self.accepted, lambda: self.fetches)
        checker = Checker(self.work(), self.bounded, {"limit": 3}, self.breakdowns, *known)
        made = judge(self.work(), artifacts, faults, self.store, checker, self.making)
        return asyncio.run(made)

    def work(self) -> Work:
        items = tuple(Item(ItemId(id_), {"id": id_, "n": place}) for place, id_ in enumerate(self.ids))
        phase = PhaseSpec(1, "main", "item", None, "own", None, None, 20, SESSION, self.output)
        return Work(phase, BatchRef(1, 1), items, context=self.context)


@pytest.fixture
def court(tmp_path: Path, bounded: Bounded) -> Court:
    return Court(tmp_path, bounded)


def outcome_of(judgement: Judgement) -> dict[str, Any]:
    """Records of accepted items, reasons of rejected ones, `missing` for missing ones."""
    told: dict[str, Any] = {}
    for item, verdict in judgement.verdicts.items():
        if isinstance(verdict, Accepted):
            told[item] = list(verdict.records)
        else:
            told[item] = "missing" if verdict.missing else list(verdict.reasons)
    return told


def why(kind: str, field: str | None = None, /, **facts: Any) -> Reason:
    """A reason with exactly these facts."""
    return Reason(kind, facts, field)


def reasons_for(judgement: Judgement, item: str) -> tuple[Reason, ...]:
    verdict = judgement.verdicts[ItemId(item)]
    assert isinstance(verdict, Rejected)
    return verdict.reasons


GOOD = [{"id": "A1"}, {"id": "A2"}, {"id": "A3"}]


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return store_in(tmp_path)


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)
