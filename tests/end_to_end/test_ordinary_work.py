"""Acceptance 4: in the sandbox a session's Bash does what people give it to do, and `doctor --sandbox` shows it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli.rehearse import mock_api
from harness.cli.run_to_end import run_to_end
from harness.doctor import ordinary_work
from harness.doctor.ordinary_work import do_ordinary_work, examine_work

pytestmark = pytest.mark.linux


def test_ordinary_work_is_done_in_the_sandbox(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "harness", "doctor", "--sandbox", "--json"]
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8"}
    asked = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    says = [finding["says"] for finding in json.loads(asked.stdout)["findings"] if finding["what"] == "work"]
    everywhere = [
        "python -m venv, pip install of a wheel",
        "pytest",
        "sqlite3",
        "sockets between two processes of its own",
    ]
    programs = {"git": "git init, commit and clone", "node": "node -e", "make": "make -j2"}
    here = [name for program, name in programs.items() if shutil.which(program, path="/usr/local/bin:/usr/bin:/bin")]
    for name in (*everywhere, *here, "sockets between two processes of its own"):
        assert f"{name}: ok" in says, asked.stdout
    assert len(says) == 8


def test_work_that_the_sandbox_would_not_let_be_done_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ordinary_work._SCRIPT.read_text().splitlines()
    forbidden = tmp_path / "work.sh"
    head = "\n".join(line for line in lines if not line.startswith("work "))
    forbidden.write_text(f"{head}\nmakes() {{ touch /usr/made; }}\nwork makes true makes\nwork needs false makes\n")
    monkeypatch.setattr(ordinary_work, "_SCRIPT", forbidden)
    said = dict(do_ordinary_work(tmp_path, mock_api, run_to_end))
    assert said["needs"] == "none here"
    assert said["makes"].startswith("failed: touch: ") and "/usr/made" in said["makes"]


def test_where_no_session_may_use_bash_doctor_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    (finding,) = examine_work(mock_api, run_to_end)
    assert finding.grade == "broken" and "bwrap is not installed" in finding.says
