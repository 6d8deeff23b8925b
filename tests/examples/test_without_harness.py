"""Each script that somebody types, with a Python that has no harness: a sentence and what to do, never a traceback."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TYPED = sorted(
    str(file.relative_to(ROOT))
    for file in (*ROOT.glob("scripts/*"), ROOT / "examples/leads/make_workbook.py")
    if file.is_file()
    and (file.suffix == ".sh" or "\nif __name__ ==" in file.read_text() or "runpy" in file.read_text())
)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scripts and examples without a .venv, and a python3 that finds no package."""
    made = tmp_path_factory.mktemp("checkout")
    for name in ("scripts", "examples/leads"):
        shutil.copytree(ROOT / name, made / name)
    (made / "bin").mkdir()
    (made / "bin/python3").write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    (made / "bin/python3").chmod(0o755)
    return made


@pytest.mark.parametrize("script", TYPED)
def test_a_script_without_the_package_says_what_installs_it(checkout: Path, script: str) -> None:
    words = ["bash" if script.endswith(".sh") else "python3", str(checkout / script)]
    env = {"PATH": f"{checkout}/bin:{os.defpath}"}
    said = subprocess.run(words, cwd="/", env=env, capture_output=True, text=True, check=False)
    assert said.returncode == 2
    assert said.stderr.splitlines() == [
        "the package `harness` is not installed here",
        "  hint: `make demo` installs it into .venv",
    ]
