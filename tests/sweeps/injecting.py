"""Plays a small real run under strace, which kills it or lets one of its calls fail, and says what was broken."""

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

from harness.ledger.contents import MOST_BYTES
from tests.checker.laws import broken_laws
from tests.checker.record import Record
from tests.sweeps import forge

MANIFEST = {
    "job": "Sweep",
    "items": {"file": "items.json", "select": {"top": 5}},
    "batch": {"size": 1},
    "session": {"backend": "command", "command": ["sh", "work.sh"], "prompt": "do the work"},
    "output": {"fields": {"id": "string", "text": "string"}, "merge": "output/all.json"},
    "parallel": 2,
    "sandbox": "off",
}
WORK = """\
cat > /dev/null
echo "$HARNESS_ATTEMPT" >> "${0%/*}/ran"
more=; [ "$HARNESS_BATCH" -lt 4 ] || more="$(cat "${0%/*}/more")"
printf '[{"id":"i%s","text":"about %s%s"}]' "$HARNESS_BATCH" "$HARNESS_BATCH" "$more" > "$HARNESS_OUTPUT"
"""
ITEMS = ["i1", "i2", "i3", "i4", "i5"]
MORE = "x" * (MOST_BYTES + 1)
"""What the last two records say besides: too much for the ledger, so that their contents are files."""
MERGED = [{"id": item, "text": f"about {item[1:]}{MORE if item > 'i3' else ''}"} for item in ITEMS]

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
    """Five items of six, two at a time, in a folder of its own that is removed at the end of the block."""

    def __init__(self, fault: str = "none", work: str = WORK) -> None:
        self._scratch = Path(tempfile.mkdtemp(prefix="sweep-"))
        self._fault = fault
        self._runs = 0
        self.folder = self._scratch / "job"
        self.trace = self._scratch / "trace"
        self.state = self.folder / ".harness" / "job"
        home = str(self._scratch)
        self.env = {"PATH": os.environ["PATH"], "HOME": home, "LANG": "C.UTF-8", "PYTHONPATH": str(forge.ROOT)}
        self.env |= {"HARNESS_TRUST": "1"}
        self.folder.mkdir()
        (self.folder / "job.yaml").write_text(json.dumps(MANIFEST))
        (self.folder / "more").write_text(MORE)
        (self.folder / "items.json").write_text(json.dumps([{"id": item} for item in [*ITEMS, "left out"]]))
        (self.folder / "work.sh").write_text(work)

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
        return [str(self._runs), self._fault, "launch", "--plain"]

    def _strace(self, point: Point) -> list[str]:
        when = f"{point.when}{'+' * point.for_ever}"
        paths = [] if point.where == "main" else _paths(self._runs + 1, outputs_only=point.where == "outputs")
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


@cache
def calm() -> Calm:
    with SmallJob() as job:
        assert job.run_traced(["-f", "-y", "-o", str(job.trace), "-e", f"trace={','.join(_TRACED)}"]).code == 0
        found = _CALL.findall(job.trace.read_text(errors="replace"))
        of_job = re.compile(rf'["<]{re.escape(str(job.folder))}/([^">]+)[">]')
        paths = {path for _, _, told in found for path in of_job.findall(told)} - {"job.yaml", "items.json", "work.sh"}
        known = sorted(path.replace("00000001", "RUN") for path in paths if "/work/" not in path)
        assert "output/all.json" in known, "a calm run merges"
        counts: Counter[tuple[Where, str, str]] = Counter()
        for thread, call, told in found:
            is_main, touched = thread == found[0][0], [path.replace("00000001", "RUN") for path in of_job.findall(told)]
            counts["main", call, thread] += is_main
            counts["state", call, thread] += is_main and any(path in known for path in touched)
            counts["outputs", call, thread] += any(path in known and path.startswith(_OUTPUTS) for path in touched)
    most: Counter[tuple[Where, str]] = Counter()
    for (where, call, _), number in counts.items():
        most[where, call] = max(most[where, call], number)
    return Calm(known, most)


_CALL = re.compile(r"^(\d+) +(\w+)\((.*)", re.MULTILINE)
_TRACED = (
    *("openat", "write", "pwrite64", "fsync", "fdatasync", "rename", "unlink", "unlinkat", "rmdir", "ftruncate"),
    *("mkdir", "chmod", "vfork", "clone3", "kill"),
)
_OUTPUTS = ("output", "batch_progress", ".batch_progress")


def _paths(run: int, *, outputs_only: bool) -> list[str]:
    known = [path.replace("RUN", f"{run:08x}") for path in calm().paths]
    return [path for path in known if path.startswith(_OUTPUTS)] if outputs_only else known


def count(call: str, where: Where) -> int:
    """How many such calls a calm run makes, at most in one thread."""
    return calm().counts[where, call]


def after_a_kill(point: Point, *, then: Sequence[Point] = (), fault: str = "none") -> list[str] | None:
    """What is broken after a kill at `point`, after kills at `then` in the resumes, and after two calm runs.

    None when the run ended without having been hit.
    """
    with SmallJob(fault) as job:
        said = job.run(point)
        if not said.was_hit:
            return None
        found = _broken(job, said)
        for each in then:
            found += _broken(job, job.run(each))
        return [f"{[str(each) for each in (point, *then)]}: {problem}" for problem in found + _after_calm(job)]


def after_an_error(point: Point) -> list[str] | None:
    """The same for a call that fails: the run itself must say what is wrong, or survive it."""
    with SmallJob() as job:
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
        return [f"{point}: {problem}{words}" for problem in found + _after_calm(job)]


def _after_calm(job: SmallJob) -> list[str]:
    """The same command again completes the job; once more does nothing."""
    before = _entries(job)
    found = _finished(job, job.run(), "resume")
    if _entries(job)[: len(before)] != before:
        found.append("entries were lost or changed by the resume")
    merged, attempts = (job.folder / "output" / "all.json").read_bytes(), _started(job)
    found += _finished(job, job.run(), "third run")
    if (job.folder / "output" / "all.json").read_bytes() != merged or _started(job) != attempts:
        found.append("the third run did something")
    return found


def _finished(job: SmallJob, said: Said, which: str) -> list[str]:
    found = _broken(job, said)
    if said.code != 0:
        found.append(f"the {which} ended with {said.code}: {said.text[-600:]}")
    if not (job.folder / "output" / "all.json").exists():
        (job.folder / "output").mkdir(exist_ok=True)
        (job.folder / "output" / "all.json").write_text("[]")
    if json.loads((job.folder / "output" / "all.json").read_bytes()) != MERGED:
        found.append(f"the {which} merged something else")
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
    target = job.folder / "output" / "all.json"
    merged = {row["id"] for row in json.loads(target.read_bytes())} if target.exists() else set()
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
