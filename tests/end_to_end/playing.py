"""Plays jobs as a person does: the real command in processes of its own, from several terminals, killed and resumed."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tests.checker.laws import broken_laws, entries_in_words
from tests.checker.record import Record

ROOT = Path(__file__).resolve().parents[2]
COURSE = ROOT / "examples" / "course"
SCENES = Path(__file__).with_name("scenes")
CEILING_S = 300.0
"""How long a condition is waited for: far above what the slowest machine needs, so that only a hang meets it."""

_LOOK_AGAIN_S = 0.02
_never = threading.Event()
Found = TypeVar("Found")


def until(found: Callable[[], Found], what: str, ceiling_s: float = CEILING_S) -> Found:
    """The first true value of `found`. AssertionError when there is none in time."""
    deadline = time.monotonic() + ceiling_s
    while not (value := found()):
        assert time.monotonic() < deadline, f"waited {ceiling_s:g} s for {what}"
        _never.wait(_LOOK_AGAIN_S)
    return value


@dataclass(frozen=True)
class Said:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return f"exit code {self.code}\n{self.out}\n{self.err}"


class Running:
    """One `harness launch` or `harness rehearse` in a process of its own, as from a terminal."""

    def __init__(self, argv: Sequence[str], cwd: Path, env: Mapping[str, str], said: Path) -> None:
        self._out, self._err = said.with_suffix(".out"), said.with_suffix(".err")
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(
                argv, cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_over(self) -> bool:
        return self._process.poll() is not None

    def signal(self, number: signal.Signals) -> None:
        if not self.is_over():
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL to the supervisor alone; it is gone when this returns."""
        self.signal(signal.SIGKILL)
        self._process.wait()

    def end(self) -> Said:
        """What it said, once it has ended by itself."""
        code = self._process.wait(CEILING_S)
        return Said(code, self._out.read_text(errors="replace"), self._err.read_text(errors="replace"))


@dataclass
class Job:
    """A job in a scratch folder, and everything a person does with it."""

    folder: Path
    home: Path
    manifest: str = "job.yaml"
    rehearsal: bool = True
    settings: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    """Environment variables of its commands, next to PATH, HOME and LANG."""
    started: list[Running] = field(default_factory=list)
    is_alone: bool = False
    """Its runs have a network of their own, with nothing in it but loopback."""

    @property
    def state(self) -> Path:
        stem = Path(self.manifest).stem
        return self.folder / ".harness" / (f"{stem}.rehearsal" if self.rehearsal else stem)

    def begin(self, *words: str) -> Running:
        """`harness rehearse` or `harness launch`, running."""
        verb = "rehearse" if self.rehearsal else "launch"
        settings = [word for setting in self.settings for word in ("--set", setting)]
        return self._start([verb, self.manifest, "--plain", *settings, *words])

    def play(self, *words: str) -> Said:
        """The same, to its end; that is a quiet point."""
        said = self.begin(*words).end()
        assert not (left := self.orphans()), f"processes {left} outlived their run\n{said.all}"
        return said

    def ask(self, verb: str, *words: str) -> Said:
        """Another command, from another terminal."""
        rehearsal = ["--rehearsal"] if self.rehearsal else []
        before = [] if verb in ("why", "show") else [self.manifest]
        after = [self.manifest] if verb in ("why", "show") else []
        return self._start([verb, *before, *words, *after, *rehearsal]).end()

    def status(self) -> dict[str, Any]:
        said = self.ask("status", "--json")
        assert said.code == 0, said.all
        told: dict[str, Any] = json.loads(said.out)
        return told

    def record(self) -> Record:
        """What lies on disk at this moment."""
        return Record(self.state)

    def has(self, kind: str, **fields: object) -> bool:
        """Is there such an entry in the ledger now?"""
        return self.count(kind, **fields) > 0

    def count(self, kind: str, **fields: object) -> int:
        with suppress(FileNotFoundError):
            found = self.record().of(kind)
            return sum(all(entry[name] == value for name, value in fields.items()) for entry in found)
        return 0

    def merged(self) -> dict[str, bytes]:
        """Name of each merged file -> its bytes."""
        targets = {self.folder / entry["target"] for entry in self.record().of("Merged")}
        return {target.name: target.read_bytes() for target in sorted(targets)}

    def sessions(self) -> list[int]:
        """Every process that carries the mark of this state folder, looked for in /proc by ourselves."""
        digest = hashlib.sha256(os.fsencode(self.state.resolve())).hexdigest()[:24]
        mark = f"HARNESS_STATE={digest}".encode()
        return [pid for pid in all_pids() if mark in _environment(pid).split(b"\0")]

    def orphans(self) -> list[int]:
        """Session processes that belong to no living supervisor of ours: none, at every quiet point (V12)."""
        living = {running.pid for running in self.started if not running.is_over()}
        return [pid for pid in self.sessions() if not living & set(_ancestors(pid))]

    def assert_laws_hold(self, strikes: int = 3) -> None:
        broken = broken_laws(self.state, strikes=strikes)
        assert not broken, "\n".join([*broken[:20], entries_in_words(self.record().entries[-400:])])

    def leave_nothing_running(self) -> None:
        """End what this job's tests have left, by process id."""
        for running in self.started:
            running.kill()
        for pid in self.sessions():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _start(self, words: Sequence[str]) -> Running:
        env = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8", "HARNESS_TRUST": "1"}
        env |= self.variables
        said = self.home / f"said-{len(self.started):04d}"
        alone = _ALONE if self.is_alone and words[0] in ("rehearse", "launch") else ()
        running = Running([*alone, sys.executable, "-m", "harness", *words], self.folder, env, said)
        self.started.append(running)
        return running


_LOOPBACK_UP = """
import fcntl, os, socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
    fcntl.ioctl(made, 0x8914, struct.pack("16sh22x", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS: IFF_UP, IFF_RUNNING
os.execv(sys.argv[1], sys.argv[1:])
"""
_OWN_NETWORK = ("unshare", "--net") if os.geteuid() == 0 else ("unshare", "--user", "--map-root-user", "--net")
_ALONE = (*_OWN_NETWORK, sys.executable, "-S", "-c", _LOOPBACK_UP)


def all_pids() -> list[int]:
    """Every process of this machine."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def words_of(pid: int) -> list[str]:
    """The command line of a process; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def _ancestors(pid: int) -> list[int]:
    found = []
    while pid > 1:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
        except OSError:
            break
        found.append(pid)
    return found


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""  # gone, or a zombie


def small_job(folder: Path, home: Path, scene: str, items: int = 4, **fields: Any) -> Job:
    """A job of items i01, i02, ... played by `scenes/<scene>.py`; `fields` are laid over the manifest's."""
    folder.mkdir(parents=True)
    rows = [{"id": f"i{number:02}", "word": f"word {number}"} for number in range(1, items + 1)]
    (folder / "items.json").write_text(json.dumps(rows))
    shutil.copy(SCENES / f"{scene}.py", folder / "scene.py")
    manifest: dict[str, Any] = {
        "job": "Small",
        "items": {"file": "items.json"},
        "batch": {"size": 1},
        "session": {
            "model": "sonnet",
            "prompt": "Say something about {% for item in items %}{{ item.word }}, {% endfor %} {{ vars | tojson }}",
        },
        "output": {"fields": {"id": "string", "text": "string"}, "merge": "output/all.json"},
        "parallel": 2,
        "budget": "$50",
        "budget_per_session": "$1",
        "rehearsal": {"scene": "scene.py"},
        **fields,
    }
    (folder / "job.yaml").write_text(json.dumps(manifest, indent=1))
    return Job(folder, home)


def command_job(folder: Path, home: Path, program: str, items: int = 4, **fields: Any) -> Job:
    """A job whose sessions are the Python program `program` (its text); launched for real, it costs nothing."""
    session = {"backend": "command", "command": ["python3", "-S", "work.py", "gate.txt"]}
    job = small_job(folder, home, "plain", items, session=session, **fields)
    (folder / "work.py").write_text(program)
    (folder / "gate.txt").touch()
    job.rehearsal = False
    return job


WORKER = """\
import json, os
items = json.load(open("items.json"))
records = [{"id": item["id"], "text": "about " + item["data"]["word"]} for item in items]
json.dump(records, open(os.environ["HARNESS_OUTPUT"], "w"))
"""
"""The text of a program that does its work well."""


GATED_WORKER = (
    "import os, sys, time\n"
    "while os.environ['HARNESS_ATTEMPT'] == '1' and not open(sys.argv[1]).read(): time.sleep(0.02)\n"
) + WORKER
"""The same, but its first attempt waits until something is in the job's gate.txt."""


def course_job(folder: Path, home: Path, manifest: str = "course.yaml", seeds: int = 20, *settings: str) -> Job:
    """The course of examples/, in a scratch copy."""
    shutil.copytree(COURSE, folder, ignore=shutil.ignore_patterns("__pycache__", ".harness", "output"))
    return Job(folder, home, manifest, settings=(f"vars.seeds={seeds}", *settings))


def course_verdicts(job: Job) -> list[str]:
    """What the course's checkers say of the merged files, run on their own; empty when all is well."""
    (target,) = {(job.folder / entry["target"]).parent for entry in job.record().of("Merged")}
    said = []
    for phase in ("translation", "decomposition", "baskets"):
        argv = [sys.executable, "checks.py", phase, str(target)]
        ended = subprocess.run(argv, cwd=COURSE, capture_output=True, text=True, check=False)
        if ended.returncode != 0:
            said.append(f"{phase}: {ended.stdout or ended.stderr}")
    return said
