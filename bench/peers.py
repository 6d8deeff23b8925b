"""The overhead bench beside other programs that run one session after the other: the same run, the same stub.

The Python ones are installed into a virtual environment of their own in a temporary folder, GNU parallel is unpacked
there from its Debian package; what cannot be had is named with the reason.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench import overhead
from bench.children import Ran, must, run
from bench.machine import describe
from bench.stubs import Stub, gaps_ms, make_stub
from bench.tables import median, p95, spread, table, verdict

SESSIONS, REPEATS = 200, 3
PACKAGES = ("ralph-py==0.4.0", "ralphify==0.3.0", "inspect_ai==0.3.285")
HEADS = ("program", "median ms", "p95 ms", "CPU ms/session", "own peak MB", "runs x N", "what it keeps")


class UnavailableError(Exception):
    """Why a program cannot be measured here."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where everything lies: `python` is the peers' own interpreter."""

    root: Path
    stub: Stub
    python: Path


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of one program."""

    gaps: list[float]
    ran: Ran


@dataclass(frozen=True, slots=True)
class Peer:
    """A program under test. `keeps` says what is left of its run after a kill; None = nothing."""

    name: str
    keeps: str | None
    measure: Callable[[Place, int], Measured]
    runs: list[Measured] = field(default_factory=list)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="bench.peers", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="20 sessions, once")
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    options = parser.parse_args(arguments)
    sessions, repeats = (20, 1) if options.quick else (options.sessions, options.repeats)
    peers = _peers()
    missing: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        root = Path(name)
        place = Place(root, make_stub(root), _virtual_environment(root))
        print(describe(root), f"\nstub: 50 ms, {place.stub.language}\n", flush=True)
        for _ in range(repeats):
            for peer in peers:
                if peer.name not in missing:
                    try:
                        peer.runs.append(peer.measure(place, sessions))
                    except UnavailableError as why:
                        missing[peer.name] = str(why)
    rows = [_row(peer, sessions, missing.get(peer.name)) for peer in sorted(peers, key=_median)]
    print(table("Gap between one session's end and the next one's start, side by side", HEADS, rows))
    for line in _verdicts(peers):
        print(line)


def _peers() -> list[Peer]:
    ours = "every item, attempt, artifact and record; synced to disk"
    return [
        Peer("harness, sandbox off", ours, partial(_harness, "off")),
        Peer("harness, bubblewrap", ours, partial(_harness, "bubblewrap")),
        Peer("xargs -P1", None, _xargs),
        Peer("GNU parallel --joblog --resume", "which items ended; not synced", _parallel),
        Peer("ralph-py -d 0", "how many iterations; not synced", _ralph_py),
        Peer("ralphify", None, _ralphify),
        Peer("inspect_ai eval-set", "which samples ended, their logs; not synced", _inspect),
    ]


def _harness(sandbox: str, place: Place, sessions: int) -> Measured:
    sample = overhead.sample(place.root, place.stub, sandbox, sessions)
    return Measured(sample.gaps, sample.ran)


def _xargs(place: Place, sessions: int) -> Measured:
    return _shell(place, sessions, f"seq {sessions} >list; exec xargs -P1 -n1 {place.stub.program} times <list")


def _parallel(place: Place, sessions: int) -> Measured:
    program = shutil.which("parallel") or _unpacked(place.root)
    words = f"--will-cite -j1 --joblog joblog --resume {place.stub.program} times"
    return _shell(place, sessions, f"seq {sessions} >list; exec {program} {words} <list")


def _ralph_py(place: Place, sessions: int) -> Measured:
    """It starts a program named `claude`."""
    tools = place.root / "tools"
    tools.mkdir(exist_ok=True)
    shutil.copy(place.stub.program, tools / "claude")
    program = _entry(place, "ralph-py", "ralph.cli", "app")
    words = f"run 'do it' --max-iter {sessions} --delay 0"
    return _shell(place, sessions, f"HOME=$PWD PATH={tools}:$PATH exec {program} {words}")


def _ralphify(place: Place, sessions: int) -> Measured:
    program = _entry(place, "ralphify", "ralphify", "main")

    def prepare(folder: Path) -> None:
        (folder / "job").mkdir()
        (folder / "job" / "RALPH.md").write_text(f"---\nagent: {place.stub.program} times\n---\ndo it\n")

    return _shell(place, sessions, f"HOME=$PWD exec {program} run job -n {sessions}", prepare)


_EVAL = """import sys
from inspect_ai import Task, eval_set, task
from inspect_ai.dataset import Sample
from inspect_ai.solver import Generate, TaskState, solver
from inspect_ai.util import subprocess


@solver
def stub():
    async def solve(state: TaskState, generate: Generate) -> TaskState:
        await subprocess([sys.argv[1], "times"])
        return state
    return solve


@task
def items():
    return Task(dataset=[Sample(input=str(n), id=n) for n in range(1, int(sys.argv[2]) + 1)], solver=stub())


eval_set([items()], log_dir="logs", model="mockllm/model", max_samples=1, max_tasks=1, display="none")
"""


def _inspect(place: Place, sessions: int) -> Measured:
    home = _installed(place, "inspect_ai")
    words = f"env PYTHONPATH={home} {place.python} eval.py {place.stub.program} {sessions}"
    return _shell(place, sessions, f"HOME=$PWD exec {words}", lambda folder: _write(folder / "eval.py", _EVAL))


def _write(path: Path, text: str) -> None:
    path.write_text(text)


def _shell(place: Place, sessions: int, line: str, prepare: Callable[[Path], None] = lambda folder: None) -> Measured:
    """Run a line of shell in a folder of its own; each session appends to the file that BENCH_TIMES names."""
    folder = Path(tempfile.mkdtemp(dir=place.root))
    prepare(folder)
    ran = run(["/bin/sh", "-c", line], folder, {"BENCH_TIMES": str(folder / "times"), "PYTHONPATH": ""})
    gaps = gaps_ms([folder / "times"]) if (folder / "times").exists() else []
    if len(gaps) != sessions - 1:
        raise UnavailableError(f"{len(gaps) + 1 if gaps else 0} of {sessions} sessions ran: {_last_words(ran)}")
    return Measured(gaps, must(ran))


def _last_words(ran: Ran) -> str:
    return " ".join(ran.said.split())[-160:] or f"exit code {ran.exit_code}"


def _virtual_environment(root: Path) -> Path:
    """Each package is installed on its own, so that one that cannot be had takes no other with it."""
    subprocess.run([sys.executable, "-m", "venv", str(root / "venv")], check=True)
    python = root / "venv" / "bin" / "python"
    for package in PACKAGES:
        log = root / f"{package.split('==')[0]}.log"
        with log.open("wb") as said:
            pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
            argv = [*pip, "--target", str(_home(root, package.split("==")[0])), package]
            subprocess.run(argv, stdout=said, stderr=said, check=False)
    return python


def _home(root: Path, package: str) -> Path:
    """Two of them install a command named `ralph`: each has a folder of its own."""
    return root / f"site-{package}"


def _installed(place: Place, package: str) -> Path:
    home = _home(place.root, package)
    if not home.exists():
        log = place.root / f"{package}.log"
        raise UnavailableError(f"could not be installed: {' '.join(log.read_text(errors='replace').split())[-160:]}")
    return home


def _entry(place: Place, package: str, module: str, function: str) -> str:
    """What the package's command does, without the command."""
    home = _installed(place, package)
    return f"env PYTHONPATH={home} {place.python} -c 'from {module} import {function}; {function}()'"


def _unpacked(root: Path) -> Path:
    """GNU parallel out of its Debian package; it is one Perl program."""
    program = root / "debian/usr/bin/parallel"
    if not program.exists():
        try:
            subprocess.run(["apt-get", "download", "-q", "parallel"], cwd=root, check=True, capture_output=True)
            package = next(root.glob("parallel_*.deb"))
            subprocess.run(["dpkg", "-x", str(package), str(root / "debian")], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError, StopIteration) as error:
            raise UnavailableError(f"is not installed, and its Debian package could not be had: {error}") from None
    return program


def _median(peer: Peer) -> float:
    return median([median(each.gaps) for each in peer.runs]) if peer.runs else float("inf")


def _row(peer: Peer, sessions: int, why_missing: str | None) -> list[str]:
    keeps = peer.keeps or "nothing"
    if why_missing is not None:
        return [peer.name, "-", "-", "-", "-", "-", f"not measured: {why_missing}"]
    return [
        peer.name,
        spread([median(each.gaps) for each in peer.runs]),
        spread([p95(each.gaps) for each in peer.runs]),
        spread([1000 * each.ran.cpu_s / sessions for each in peer.runs]),
        spread([each.ran.rss_mb for each in peer.runs], 0),
        f"{len(peer.runs)} x {sessions}",
        keeps,
    ]


def _verdicts(peers: Sequence[Peer]) -> list[str]:
    by_name: Mapping[str, Peer] = {peer.name: peer for peer in peers}
    ours = _median(by_name["harness, sandbox off"])
    return [
        verdict(f"harness {ours:.1f} < {peer.name} {_median(peer):.1f} ms", ours, _median(peer))
        for peer in peers
        if peer.keeps and peer.runs and not peer.name.startswith("harness")
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
