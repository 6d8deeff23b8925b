"""What `doctor` looks at: each examination tries the thing itself and says what it found."""

import asyncio
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from harness import __version__
from harness.backends.bundled import bundled_version, is_as_released, untested
from harness.backends.cli_start import cli_folder
from harness.backends.credentials import Supply
from harness.backends.helper import HelperSupply
from harness.backends.login import LoginHome, LoginSupply
from harness.backends.managed import forbids_bypass, managed_files
from harness.backends.supply import find_supply
from harness.base.child import run
from harness.base.errors import HarnessError, UsageError
from harness.base.folder_watch import FolderWatch
from harness.evaluation.bounded import Bounded
from harness.evaluation.persistent_child import BoundedError
from harness.executors.containment import choose, in_words
from harness.executors.guardian import Guardian
from harness.executors.keep_awake import Awake
from harness.executors.preflight import preflight
from harness.job.job import Job
from harness.job.load import load
from harness.ledger.shared_holds import state_home
from harness.views.messages import text_of
from harness.views.wording import clean

Grade = Literal["ok", "note", "broken"]
_LEAST_FREE_BYTES = 1024**3
_NO_ROOM_BYTES = 100 * 1024**2
REINSTALL = f"{sys.executable} -m pip install --force-reinstall {{}}"
_FIXED_SQLITE = (3, 51, 3)
_VERSION_S = 60


@dataclass(frozen=True, slots=True)
class Finding:
    """`broken`: sessions cannot run; `note`: worth knowing."""

    what: str
    grade: Grade
    says: str
    cure: str = ""
    """What to do about it."""

    def lines(self) -> list[str]:
        """For a terminal: one line, and one below it with the cure."""
        cure = [f"        {'':<10}  hint: {self.cure}"] if self.cure else []
        return [f"{self.grade:<6}  {self.what:<10}  {self.says}", *cure]


async def examine(manifest: Path, load_job: Callable[[], Job], *, run_helper: bool = False) -> AsyncIterator[Finding]:
    """One finding after the other. Nothing of the job is run, except its helper when that is asked for.

    Without a manifest, the machine is examined for a job that needs nothing special.
    """
    yield Finding("harness", "ok", f"{__version__}, Python {sys.version.split()[0]} at {sys.executable}")
    with tempfile.TemporaryDirectory(prefix="harness-doctor-") as scratch:
        job, of_the_manifest = _job(manifest, load_job, Path(scratch))
        yield of_the_manifest
        yield claude(Path(scratch))
        yield jq()
        for finding in bundle():
            yield finding
        yield _sqlite()
        for finding in await sandbox(replace(job, state=Path(scratch) / "state")):
            yield finding
        for finding in _managed():
            yield finding
        yield await credential(job, is_own=of_the_manifest.grade == "ok", run_helper=run_helper)
        yield disk(job.folder if of_the_manifest.grade == "ok" else Path.cwd())
        yield await _watching(Path(scratch))
        yield _awake()


def _job(manifest: Path, load_job: Callable[[], Job], scratch: Path) -> tuple[Job, Finding]:
    if not manifest.exists():
        (scratch / "items.csv").write_text("id\n1\n")
        (scratch / "job.yaml").write_text(
            "items: {file: items.csv}\nsession: {prompt: 'look at it'}\noutput: {key: .id}\n"
        )
        job = load(scratch / "job.yaml", rehearsal=True)
        return job, Finding("manifest", "note", f"{clean(str(manifest))} not found; only this machine is checked")
    return load_job(), Finding("manifest", "ok", clean(str(manifest)))


def claude(scratch: Path) -> Finding:
    """The CLI that the SDK brings along, asked for its version with nothing of the user's around it."""
    try:
        program = cli_folder() / "claude"
        env = {
            "PATH": os.defpath, "HOME": str(scratch), "CLAUDE_CONFIG_DIR": str(scratch), "DISABLE_AUTOUPDATER": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
        }  # fmt: skip
        asked = run([program, "--version"], env=env, cwd=scratch, timeout_s=_VERSION_S)
        said = clean(asked.output.decode(errors="replace")).strip()
        problem = "" if asked.code == 0 else f"it ended with {asked.code}"
    except OSError as error:
        said, problem = "", str(error)
    if problem:
        says = f"the bundled CLI does not start: {clean(problem)}"
        return Finding("claude", "broken", says, REINSTALL.format("claude-agent-sdk"))
    return Finding("claude", "ok", f"{said}, bundled with the SDK")


def bundle() -> Iterator[Finding]:
    """Is the CLI what was released, and one that was tested?"""
    try:
        version, is_released = bundled_version(), is_as_released()
    except OSError:  # said already
        return
    if is_released is None:
        yield Finding("claude", "note", "no checksum of the bundled CLI is available")
    elif not is_released:
        hint = "the bundled CLI does not match its package (sha256 differs); reinstall claude-agent-sdk"
        yield Finding("claude", "broken", hint, REINSTALL.format("claude-agent-sdk"))
    if says := untested(version):
        yield Finding("claude", "note", clean(says))


def _sqlite() -> Finding:
    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info >= _FIXED_SQLITE:
        return Finding("sqlite", "ok", f"{version}, after the fix of the WAL-reset bug (3.51.3)")
    says = (
        f"{version}, before the fix of the WAL-reset bug (3.51.3); harmless here: one process writes, on one connection"
    )
    return Finding("sqlite", "note", says)


async def sandbox(job: Job) -> list[Finding]:
    """Not only looked at: a probe tries to get out."""
    try:
        containment = choose(job)
        with Guardian() as guardian:
            refused = await preflight(containment, job, guardian)
    except UsageError as error:
        return [Finding("sandbox", "broken", clean(p.message), clean(p.hint or "")) for p in error.problems]
    except HarnessError as error:
        return [Finding("sandbox", "broken", clean(error.message), clean(error.hint or ""))]
    grade: Grade = "ok" if containment.is_kernel_sandbox else "note"
    tried = f"; {len(refused)} escape attempts, all blocked" if refused else "; it hides nothing from a session"
    found = [Finding("sandbox", grade, clean(f"{containment.describe()}{tried}"))]
    if containment.is_kernel_sandbox:
        found += [Finding("sandbox", "note", clean(weakness)) for weakness in in_words(containment, job)]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        says = "running as root; sandboxed sessions have no capabilities, but another user is safer"
        found.append(Finding("user", "note", says))
    return found


def _managed() -> Iterator[Finding]:
    """A company's settings for Claude Code; most machines have none."""
    files = managed_files()
    if files:
        rules = "; they forbid bypassPermissions, so sessions run under rules (dontAsk)" if forbids_bypass() else ""
        yield Finding("managed", "ok", clean(f"settings of {', '.join(map(str, files))} reach every session{rules}"))


async def credential(job: Job, *, is_own: bool, run_helper: bool) -> Finding:
    """Which one would be used, never its value."""
    if is_own and job.is_free():
        return Finding("credential", "ok", "not needed: every phase uses `backend: command`")
    try:
        found = find_supply(job, os.environ, Path.home(), state_home(os.environ, Path.home()))
    except UsageError as error:
        says = "; ".join(problem.message for problem in error.problems)
        cure = "; ".join(problem.hint for problem in error.problems if problem.hint)
        grade: Grade = "broken" if is_own else "note"
        return Finding("credential", grade, clean(f"{says}; not needed for a rehearsal"), clean(cure))
    if found is None:
        return Finding("credential", "ok", "not needed: session.env routes sessions to a cloud provider")
    if isinstance(found, HelperSupply) and not run_helper:
        return Finding(
            "credential", "note", clean(f"{found.describe()}; not tested: `harness doctor --helper` runs it")
        )
    return await _supply(found)


async def _supply(found: Supply) -> Finding:
    """A login is only read."""
    now = datetime.now(UTC)
    if isinstance(found, HelperSupply) and (failure := await found.ask(now)):
        return Finding("credential", "broken", clean(f"{found.describe()}: {text_of(failure)}"))
    says = found.describe()
    if hold := found.hold(now):
        says += f"; starts wait: {text_of(hold[1])}"
    if not isinstance(found, LoginSupply) and LoginHome.of(os.environ, Path.home()).read() is not None:
        says += "; the Claude Code login on this machine is not used (`auth: login` would use it)"
    return Finding("credential", "note" if hold else "ok", clean(says))


def disk(folder: Path) -> Finding:
    """Where the job lies: its ledger, what sessions leave, the outputs."""
    free = shutil.disk_usage(folder).free
    says = f"{free / 1024**3:,.1f} GB free in the job's folder"
    if free < _NO_ROOM_BYTES:
        says = f"{free / 1024**2:,.0f} MB free in the job's folder; a run needs {_NO_ROOM_BYTES // 1024**2} MB to start"
        return Finding("disk", "broken", says, f"make room in {clean(str(folder))}, or move the job to another disk")
    return Finding("disk", "note" if free < _LEAST_FREE_BYTES else "ok", says)


def jq() -> Finding:
    """Rows and checks are read with it, in a child of its own."""
    try:
        with closing(Bounded()) as bounded:
            found = bounded.jq(".a + 1", [{"a": 1}], {})
    except BoundedError as error:
        return Finding("jq", "broken", f"jq does not run: {clean(error.message)}", REINSTALL.format("jq"))
    is_right = found == [[2]]
    return Finding("jq", "ok", "jq works") if is_right else Finding("jq", "broken", f"1 + 1 is {found!r}")


def _awake() -> Finding:
    with Awake("doctor looks whether this can be had") as awake:
        grade: Grade = "ok" if awake.is_held() else "note"
        return Finding("awake", grade, f"while a job runs, this machine {clean(awake.describe())}")


async def _watching(scratch: Path) -> Finding:
    """A file is written, and the watch has to tell."""

    async def is_told() -> bool:
        with FolderWatch() as watch:
            if not watch.watch([scratch]):
                return False
            await asyncio.to_thread((scratch / "watched").write_text, "x")
            async with asyncio.timeout(10):
                await watch.changed(asyncio.Event())
            return True

    if await is_told():
        return Finding("watching", "ok", "the kernel reports file writes (inotify)")
    return Finding("watching", "note", "no inotify; output files are polled once a second")
