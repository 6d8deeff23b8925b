"""The program of course-command.yaml writes what the grammar says, from the files that the harness gives it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize("phase", ["translate", "decompose", "baskets"])
def test_the_program_writes_the_records_of_its_phase(course: Any, tmp_path: Path, phase: str) -> None:
    items = course.lego_items(3) if phase == "baskets" else course.seed_items(3, translated=phase == "decompose")
    (tmp_path / "items.json").write_text(json.dumps(items))
    (tmp_path / "context.json").write_text(json.dumps(course.context(phase, 3)))
    variables = {"HARNESS_PHASE": phase, "HARNESS_OUTPUT": "out.json"}
    if phase != "translate":
        variables["HARNESS_CONTEXT"] = "context.json"
    words = [
        course.folder / name for name in ("worker.py", "grammar.py", "phrases.py", "languages/ita_for_eng/lexicon.json")
    ]
    subprocess.run([sys.executable, "-S", *words], cwd=tmp_path, env=variables, check=True)
    expected = {
        "translate": course.pairs[40:60],
        "decompose": course.decompositions[40:60],
        "baskets": {item["id"]: course.baskets.get(item["id"]) for item in items},
    }
    assert json.loads((tmp_path / "out.json").read_text()) == expected[phase]


def test_the_program_starts_without_what_it_does_not_need(course: Any) -> None:
    code = "import sys, worker; print([n for n in ('typing', 'phrases', 'pathlib', 'unicodedata') if n in sys.modules])"
    command = [sys.executable, "-S", "-c", code]
    found = subprocess.run(command, cwd=course.folder, env={}, check=True, capture_output=True, text=True)
    assert found.stdout == "[]\n"
