"""Sources written down in a folder of their own, and what reading them gives, or says."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.base.errors import UsageError
from harness.evaluation.bounded import Bounded
from harness.job.job import Job
from harness.job.load import load
from harness.sources.read import SourceReading, read

REST = """
session: {model: sonnet, prompt: "work on {{ item.id }}"}
output: {merge: out.json}
budget: none
"""


@pytest.fixture(scope="module")
def bounded() -> Iterator[Bounded]:
    child = Bounded()
    yield child
    child.close()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def job_of(items: str, **more: object) -> Job:
    extra = "".join(f"{key}: {json.dumps(value)}\n" for key, value in more.items())
    Path("job.yaml").write_text(f"items: {items}\n{REST}{extra}")
    return load(Path("job.yaml"))


def reading(bounded: Bounded, content: str | bytes, name: str, spec: str = "", **more: object) -> SourceReading:
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return read(job_of(f"{{file: {name}{spec}}}", **more), bounded)


def refusals(bounded: Bounded, content: str | bytes, name: str, spec: str = "", **more: object) -> list[str]:
    with pytest.raises(UsageError) as caught:
        reading(bounded, content, name, spec, **more)
    assert caught.value.exit_code == 2
    return [f"{problem.where}: {problem.message}" for problem in caught.value.problems]


def ids(found: SourceReading) -> list[str]:
    return [item.id for item in found.items]
