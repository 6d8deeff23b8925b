"""The benches run: a figure that nobody can get any more is no figure. What they say is theirs; no test times it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["bench.scale", "--quick", "--sizes", "20"], "merging"),
        (["bench.overhead", "--quick", "--sandbox", "off"], "off: median"),
        (["bench.big_outputs", "--quick"], "reached"),
    ],
)
def test_a_bench_prints_its_table(words: list[str], says: str, tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(tmp_path), "LANG": "C.UTF-8"}
    said = subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr
    assert says in said.stdout
