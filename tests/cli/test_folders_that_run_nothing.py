"""A folder with modules named like those of the library runs none of them, however this program was started."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.rehearsal.process import RehearsalServer
from tests.cli.conftest import Desk, merged
from tests.ended import goes

OURS = ("click", "jinja2", "jq", "jsonschema", "psutil", "pydantic", "rich", "starlette", "typer", "uvicorn", "yaml")
_LOADED = "import runpy, sys; print('\\n'.join(sys.modules))"
"""What Python itself has loaded before it comes to a module that it was told to run (`-m`)."""


@pytest.fixture
def poisoned(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a job with a file of its own for every module that may be imported; each leaves its name."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    desk.job({"a": "good"})
    words = [sys.executable, "-I", "-S", "-c", _LOADED]
    loaded = set(subprocess.run(words, capture_output=True, text=True, check=True).stdout.split())
    names = {name for name in (*sys.stdlib_module_names, *OURS) if name not in loaded and name != "__main__"}
    assert {"json", "typer", "sqlite3", "asyncio"} <= names
    for name in names:
        (desk.folder / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write('{name} ')\n")
    return tmp_path / "ran"


def test_python_m_harness_takes_no_module_from_the_folder_nor_do_the_processes_that_it_starts(
    desk: Desk, poisoned: Path
) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(desk.folder.parent), "XDG_STATE_HOME": str(poisoned.parent)}
    for words in (["--help"], ["check"], ["launch", "--detach", "--trust"]):
        argv = [sys.executable, "-m", "harness", *words]
        said = subprocess.run(argv, cwd=desk.folder, env=environment, capture_output=True, text=True)
        assert said.returncode == 0, said
        if pid := re.search(r"pid (\d+)", said.stdout):
            assert goes(int(pid[1]))
        assert not poisoned.exists(), poisoned.read_text()
    assert merged(desk.folder) == [{"id": "a", "n": 1}]


def test_the_rehearsal_server_takes_none_either(desk: Desk, poisoned: Path) -> None:
    state = desk.folder / ".harness/job.rehearsal"
    state.mkdir(parents=True)
    (state / "rehearsal").mkdir()
    for module in desk.folder.glob("*.py"):
        (state / "rehearsal" / module.name).write_bytes(module.read_bytes())

    async def start() -> None:
        async with await RehearsalServer.start(state):
            pass

    asyncio.run(start())
    assert not poisoned.exists(), poisoned.read_text()
