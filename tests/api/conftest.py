"""Jobs on backend `command` for a program that has the house as a library."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.playing import GATED_WORKER

MakeJob = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> MakeJob:
    """make(name, program=..., items=2, **manifest fields) -> the manifest of a job in a folder of its own.

    The first attempt of the program waits until something is in `gate.json`.
    """

    def made(name: str, program: str = GATED_WORKER, items: int = 2, **fields: Any) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        rows = [{"id": f"i{number:02}", "word": f"word {number}"} for number in range(1, items + 1)]
        (folder / "items.json").write_text(json.dumps(rows))
        (folder / "work.py").write_text(program)
        (folder / "gate.json").touch()
        manifest = {
            "job": name,
            "items": {"file": "items.json"},
            "session": {"backend": "command", "command": ["python3", "-S", "work.py", "gate.json"]},
            "output": {"fields": {"id": "string", "text": "string"}, "merge": "all.json"},
            "parallel": 1,
            **fields,
        }
        path = folder / "job.yaml"
        path.write_text(json.dumps(manifest))
        return path

    return made
