"""Makes the stub program that stands in for a session, and reads what it noted."""

import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Stub:
    """One executable file; its argument, or BENCH_TIMES in its environment, names the file for its times."""

    program: Path
    language: str


def make_stub(folder: Path) -> Stub:
    """Compile it into `folder`; without a compiler it is a Python program, and the tables say so."""
    compiler = shutil.which("cc")
    program = folder / "stub"
    if compiler is not None:
        subprocess.run([compiler, "-O2", "-o", str(program), str(HERE / "stub.c")], check=True)
        return Stub(program, "in C")
    program.write_text(f"#!{sys.executable} -IS\n{(HERE / 'stub.py').read_text()}")
    program.chmod(0o755)
    return Stub(program, "in Python: its start and end add about 15 ms to every gap")


def gaps_ms(times: Iterable[Path]) -> list[float]:
    """From each session's end to the next one's start, in the order of the starts."""
    alive = sorted(
        (int(start), int(end)) for path in times for start, end in map(str.split, path.read_text().splitlines())
    )
    return [(after[0] - before[1]) / 1e6 for before, after in pairwise(alive)]
