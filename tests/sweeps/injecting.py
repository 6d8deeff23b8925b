"""Plays a small real run under strace, which kills it or lets one of its calls fail, and says what was broken."""

import atexit
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import openpyxl

from tests.checker.laws import broken_laws
from tests.checker.record import Record
from tests.sweeps import forge
from tests.sweeps.nights import FIRST, Night

Where = Literal["main", "state", "outputs"]
"""Which calls are counted: all of the main thread; those of the main thread on paths of the job; those of any thread
on the merged file and the progress file, which are written off the loop. strace counts each thread by itself."""


@dataclass(frozen=True)
class Point:
    """One call of one run, and what happens to it."""

    call: str
    when: int
    what: str = "signal=SIGKILL"
    where: Where = "main"
    for_ever: bool = False

    def __str__(self) -> str:
        return f"{self.call} {self.when}{'+' * self.for_ever} ({self.where}): {self.what}"


@dataclass(frozen=True)
class Said:
    """A run that has ended; `code` is negative when a signal ended it."""

    code: int
    text: str
    was_hit: bool = False


class SmallJob:
    """The folder of a night before the run that is swept; it is removed at the end of the block."""

    def __init__(self, fault: str = "none", night: Night = FIRST) -> None:
        self._scratch = Path(tempfile.mkdtemp(prefix="sweep-"))
        self._fault = fault
        self._runs = 0
        self.folder = self._scratch / "job"
        self.trace = self._scratch / "trace"
        self.night = night
        self.state = self.folder / ".harness" / night.state
        self.target = self.folder / night.target
        home = str(self._scratch)
        self.env = {"PATH": os.environ["PATH"], "HOME": home, "LANG": "C.UTF-8", "PYTHONPATH": str(forge.ROOT)}
        self.env |= {"HARNESS_TRUST": "1"}
        if night.after is None:
            self.folder.mkdir()
        else:
            shutil.copytree(_evening_before(night.after), self.folder)
        for name, content in (night.files if night.after is None else night.edits).items():
            (self.folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        self.started_before = len(_started(self))

    def __enter__(self) -> "SmallJob":
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._scratch)

    def run(self, point: Point | None = None, *words: str) -> Said:
        """`harness launch` to its end, whoever ends it."""
        return self.run_traced(self._strace(point) if point else (), *words)

    def run_traced(self, tracing: Sequence[str], *words: str) -> Said:
        """The same under an strace with these options."""
        self.trace.unlink(missing_ok=True)
        errors = self._scratch / "said"
        try:
            code = forge.run([*self._words(), *words], self.folder, self.env, errors, tracing)
        except forge.HungError as error:
            return Said(-signal.SIGKILL, f"it hung: {error}\n{errors.read_text()}", was_hit=True)
        was_hit = code < 0 or (self.trace.exists() and "(INJECTED)" in self.trace.read_text(errors="replace"))
        return Said(code, errors.read_text(errors="replace"), was_hit)

    def begin(self) -> "subprocess.Popen[str]":
        """`harness launch` in a fresh interpreter, running."""
        return subprocess.Popen(
            [sys.executable, str(forge.ENTRY), *self._words()],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self, process: "subprocess.Popen[str]") -> Said:
        """What a run that was begun said, once it is over."""
        try:
            _, text = process.communicate(timeout=forge.CEILING_S)
        except subprocess.TimeoutExpired:
            process.kill()
            _, text = process.communicate()
            text = f"it hung\n{text}"
        return Said(process.returncode, text)

    def _words(self) -> list[str]:
        self._runs += 1
        return [str(self._runs), self._fault, *self.night.words]

    def _strace(self, point: Point) -> list[str]:
        when = f"{point.when}{'+' * point.for_ever}"
        outputs_only = point.where == "outputs"
        paths = [] if point.where == "main" else _paths(self.night, self._runs + 1, outputs_only=outputs_only)
        return [
            *("-o", str(self.trace), *(["-f"] if point.where == "outputs" else [])),
            *(word for path in paths for word in ("-P", str(self.folder / path))),
            *("-e", f"trace={point.call}", "-e", f"inject={point.call}:{point.what}:when={when}"),
        ]


@dataclass(frozen=True)
class Calm:
    """What a run does when nobody disturbs it."""

    paths: list[str]
    """Those of the job that it touches, relative to its folder; the run's number is RUN in them."""
    counts: Counter[tuple[Where, str]]
    """How many calls of a kind it makes, in the thread that makes most."""
    kinds: frozenset[str]
    """Of the entries that it writes."""


@cache
def _evening_before(earlier: Night) -> Path:
    """The job's folder after a calm night; others copy it."""
    job = SmallJob(night=earlier)
    atexit.register(job.__exit__)
    said = job.run()
    assert said.code == 0, said.text
    (job.folder / "ran").unlink()
    return job.folder


@cache
def calm(night: Night = FIRST) -> Calm:
    with SmallJob(night=night) as job:
        before = len(Record(job.state).entries)
        assert job.run_traced(["-f", "-y", "-o", str(job.trace), "-e", f"trace={','.join(_TRACED)}"]).code == 0
        found = _CALL.findall(job.trace.read_text(errors="replace"))
        of_job = re.compile(rf'["<]{re.escape(str(job.folder))}/([^">]+)[">]')
        paths = {path for _, _, told in found for path in of_job.findall(told)} - set(night.files)
        known = sorted(path.replace("00000001", "RUN") for path in paths if "/work/" not in path)
        assert night.target in known, "a calm run merges"
        kinds = frozenset(entry.kind for entry in Record(job.state).entries[before:])
        counts: Counter[tuple[Where, str, str]] = Counter()
        for thread, call, told in found:
            is_main, touched = thread == found[0][0], [path.replace("00000001", "RUN") for path in of_job.findall(told)]
            counts["main", call, thread] += is_main
            counts["state", call, thread] += is_main and any(path in known for path in touched)
            counts["outputs", call, thread] += any(path in known and path.startswith(_OUTPUTS) for path in touched)
    most: Counter[tuple[Where, str]] = Counter()
    for (where, call, _), number in counts.items():
        most[where, call] = max(most[where, call], number)
    return Calm(known, most, kinds)


_CALL = re.compile(r"^(\d+) +(\w+)\((.*)", re.MULTILINE)
_TRACED = (
    *("openat", "write", "pwrite64", "fsync", "fdatasync", "rename", "unlink", "unlinkat", "rmdir", "ftruncate"),
    *("mkdir", "chmod", "vfork", "clone3", "kill"),
)
_OUTPUTS = ("output", "batch_progress", ".batch_progress")


def _paths(night: Night, run: int, *, outputs_only: bool) -> list[str]:
    known = [path.replace("RUN", f"{run:08x}") for path in calm(night).paths]
    return [path for path in known if path.startswith(_OUTPUTS)] if outputs_only else known


def count(call: str, where: Where, night: Night = FIRST) -> int:
    """How many such calls a calm run makes, at most in one thread."""
    return calm(night).counts[where, call]


def after_a_kill(
    point: Point, *, then: Sequence[Point] = (), fault: str = "none", night: Night = FIRST
) -> list[str] | None:
    """What is broken after a kill at `point`, after kills at `then` in the resumes, and after two calm runs.

    None when the run ended without having been hit.
    """
    with SmallJob(fault, night) as job:
        said = job.run(point)
        if not said.was_hit:
            return None
        found = _broken(job, said)
        for each in then:
            found += _broken(job, job.run(each))
        found += _after_calm(job) + _made_anew(job)
        return [f"{night.name} {[str(each) for each in (point, *then)]}: {problem}" for problem in found]


def after_an_error(point: Point, night: Night = FIRST) -> list[str] | None:
    """The same for a call that fails: the run itself must say what is wrong, or survive it."""
    with SmallJob(night=night) as job:
        said = job.run(point)
        if not said.was_hit:
            return None
        found = _broken(job, said)
        if said.code not in (0, 4):
            found.append(f"exit code {said.code}")
        if "Traceback" in said.text or "Exception ignored" in said.text or "never retrieved" in said.text:
            found.append("a traceback")
        if said.code == 4 and not re.search(r"^(error|stopped): .+", said.text, re.MULTILINE):
            found.append("it does not say why it stopped")
        words = f"\n{said.text[-1500:]}" if found else ""
        return [f"{night.name} {point}: {problem}{words}" for problem in found + _after_calm(job)]


def _after_calm(job: SmallJob) -> list[str]:
    """The same command again completes the job; once more does nothing."""
    before = _entries(job)
    found = _finished(job, job.run(), "resume")
    if _entries(job)[: len(before)] != before:
        found.append("entries were lost or changed by the resume")
    merged, attempts = job.target.read_bytes(), _started(job)
    found += _finished(job, job.run(), "third run")
    if job.target.read_bytes() != merged or _started(job) != attempts:
        found.append("the third run did something")
    return found


def _finished(job: SmallJob, said: Said, which: str) -> list[str]:
    found = _broken(job, said)
    if said.code != 0:
        found.append(f"the {which} ended with {said.code}: {said.text[-600:]}")
    if not job.target.exists():
        job.target.parent.mkdir(exist_ok=True)
        job.target.write_text("[]")
    if json.loads(job.target.read_bytes()) != job.night.merged:
        found.append(f"the {which} merged something else")
    for copy, statuses in job.night.statuses.items():
        if (told := _statuses(job.folder / copy)) != statuses:
            found.append(f"after the {which} {copy} says {told}")
    left = _leftovers(job)
    if left:
        found.append(f"the {which} left {left}")
    return found


def _broken(job: SmallJob, said: Said) -> list[str]:
    """The laws that hold at any moment, by what lies there and what a person was told."""
    try:
        return _broken_by(job, said, broken_laws(job.state))
    except sqlite3.DatabaseError as error:
        return [f"the ledger cannot be read: {error}"]


def _broken_by(job: SmallJob, said: Said, found: list[str]) -> list[str]:
    if "it hung" in said.text:
        found.append(said.text)
    record = Record(job.state)
    accepted = {entry["item"] for entry in record.of("ItemAccepted")}
    told = set(re.findall(r"\((i\d)\)  accepted", said.text))
    if not told <= accepted:
        found.append(f"{sorted(told - accepted)} were called accepted and are not")
    merged = {row["id"] for row in json.loads(job.target.read_bytes())} if job.target.exists() else set()
    if not merged <= accepted:
        found.append(f"{sorted(merged - accepted)} are merged and not accepted")
    for entry in record.of("ItemAccepted"):
        try:
            record.records_of(entry)
        except (OSError, AssertionError) as error:
            found.append(f"{entry.key} was accepted, but its record cannot be read: {error}")
    ran = job.folder / "ran"
    started = {str(attempt) for attempt in _started(job)}
    if ran.exists() and not set(ran.read_text().split()) <= started:
        found.append("a session ran that the ledger does not know")
    return found


def _made_anew(job: SmallJob) -> list[str]:
    """What was there before, and a session was started for all the same."""
    started = {
        item for entry in Record(job.state).of("AttemptStarted")[job.started_before :] for item in entry["items"]
    }
    return [f"{item} was made anew" for item in sorted(started & job.night.ready)]


def _statuses(workbook: Path) -> dict[str, str]:
    if not workbook.exists():
        return {}
    _, *rows = openpyxl.load_workbook(workbook, read_only=True).active.iter_rows(max_col=2, values_only=True)
    return {str(item): str(status) for item, status in rows}


def _leftovers(job: SmallJob) -> list[str]:
    """What nobody will need: half files, copies set aside, folders of a preflight that was killed."""
    marks = (".tmp", ".old", ".new", ".new-journal")
    return [
        str(path.relative_to(job.folder))
        for path in sorted(job.folder.rglob("*"))
        if path.name.endswith(marks) or ".edited-" in path.name or "preflight-" in path.name
    ]


def _entries(job: SmallJob) -> list[bytes]:
    return [entry.hash for entry in Record(job.state).entries]


def _started(job: SmallJob) -> list[int]:
    return [entry["attempt"] for entry in Record(job.state).of("AttemptStarted")]
