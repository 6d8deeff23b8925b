"""Proves the sandbox before anything is started behind them: a probe tries to get out, and is judged from outside."""

import asyncio
import json
import os
import secrets
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from harness.backends.registry import exposed
from harness.backends.start_request import Launch
from harness.base.errors import BrokenSetupError
from harness.base.files import make_folder, write_private
from harness.base.job_home import JobHome
from harness.base.marks import TOKEN_MARK
from harness.base.processes import IS_LINUX
from harness.base.removal import remove_tree
from harness.executors import probe_program
from harness.executors.allowance import MEMORY_FOLDER_BYTES, Allowance
from harness.executors.attempt_folder import AttemptFolder
from harness.executors.bubblewrap import mounts_of
from harness.executors.guardian import Guardian
from harness.executors.probe_program import INSIDE
from harness.executors.sandbox import Containment
from harness.executors.starter import AttemptStarter
from harness.job.job import Job

_PROBE_S = 30.0


async def preflight(
    containment: Containment, job: Job, guardian: Guardian, environ: Mapping[str, str] = os.environ
) -> tuple[str, ...]:
    """Try to break out, seeing all that the job's sessions would see; returns what was refused, in words. About 0.1 s.

    What `containment.weaknesses` names may be possible: that is for the user to know, and no reason not to start.

    BrokenSetupError when anything got out, when a program of the job could not be found inside, or when a session could
    not even write in its own folder. Without a kernel sandbox only starting and writing is tested.
    """
    folder = AttemptFolder.of(job, job.state / f"preflight-{secrets.token_hex(4)}")
    launch = replace(_launch(job, environ), stdin=folder.prompt)
    trial = _Trial(containment, folder, launch, (job.state, job.folder, _home()), job.home.ledger)
    try:
        trial.lay_out()
        return trial.judged(*await trial.run(guardian))
    finally:
        remove_tree(folder.root)


@dataclass(frozen=True, slots=True)
class _Trial:
    """The probe in a folder of its own, and what must be out of its reach. `ours`: folders of the job and the user."""

    containment: Containment
    folder: AttemptFolder
    launch: Launch
    ours: tuple[Path, ...]
    ledger: Path
    secret: str = field(default_factory=partial(secrets.token_hex, 16))

    @property
    def door(self) -> str:
        """The name of a socket of ours."""
        return f"harness-{os.getpid()}-{self.folder.root.name}"

    def outside(self) -> list[Path]:
        """Files that a session must not be able to make."""
        places = (*self.ours, *map(Path, ("/usr", "/etc", "/var/tmp")))  # noqa: S108
        return [self.folder.root / "unauthorized", *(place / f".{self.folder.root.name}" for place in places)]

    def lay_out(self) -> None:
        """Its folder, with what it is to try."""
        for path in (self.folder.root, self.folder.tmp, self.folder.config):
            make_folder(path)
        self.folder.workspace.prepare(self.folder.work, ())
        write_private(self.folder.root / "secret", self.secret.encode())
        ledger = self.ledger
        if not ledger.exists():
            ledger = JobHome(self.folder.root).ledger
            write_private(ledger, b"")
        write_private(self.folder.prompt, json.dumps(self._targets(ledger)).encode())

    def _targets(self, ledger: Path) -> dict[str, object]:
        inside = {"inside": f"{self.containment.view(self.folder).work}/inside"}
        if not self.containment.is_kernel_sandbox:
            return {**inside}
        return {
            **inside,
            "outside": list(map(str, self.outside())),
            "secret": str(self.folder.root / "secret"),
            "ledger": str(ledger),
            "folders": self._folders(),
            "programs": list(map(str, self.launch.programs)),
            "pid": os.getpid(),
            "started": _started(),
            "socket": self.door,
            "tool_shell": self.containment.tool_shell,
            "memory": MEMORY_FOLDER_BYTES,
        }

    def _folders(self) -> dict[str, list[str]]:
        """Folders to look into, each with the names in it on the way to what is meant to be seen."""
        paths = [Path(mount.path) for mount in mounts_of(self.containment.wrap(self.folder, self.launch).argv)]
        return {
            str(folder): [path.relative_to(folder).parts[0] for path in paths if folder in path.parents]
            for folder in self.ours
        }

    async def run(self, guardian: Guardian) -> tuple[str, str]:
        """What the probe says, and its errors."""
        marks = {TOKEN_MARK: secrets.token_hex(16)}
        starter = AttemptStarter(self.containment, guardian, self.folder, marks, Allowance())
        with _listening(self.door):
            try:
                async with asyncio.timeout(_PROBE_S):
                    process = await starter.start(self.launch)
                    said, errors = await process.communicate()
            except (OSError, TimeoutError) as error:
                return "", str(error) or type(error).__name__
            finally:
                await starter.end(0)
        return said.decode(errors="replace"), errors.decode(errors="replace").strip()[:300]

    def judged(self, said: str, errors: str) -> tuple[str, ...]:
        """What was refused. BrokenSetupError for what got out, or could not be done."""
        unauthorized = [path for path in self.outside() if _remove(path)]
        wrote = (self.folder.work / "inside").is_file()
        try:
            outcomes: dict[str, probe_program.Outcome] = json.loads(said)
        except ValueError:
            raise self._broken(f"a program could not be run in it: {errors or said!r}") from None
        if not wrote:
            raise self._broken(f"a session could not write in its own folder: {outcomes[INSIDE]['says']}")
        if lost := [name for name, outcome in outcomes.items() if outcome["kind"] == "find" and outcome["refused"]]:
            raise self._broken(f"a session could not {', '.join(lost)}")
        known = {INSIDE, *self.containment.weaknesses()}
        possible = [name for name, outcome in outcomes.items() if name not in known and _got_out(outcome)]
        possible += [f"write {path}" for path in unauthorized]
        if possible or self.secret in said:
            raise self._broken(f"a session could {', '.join(possible) or 'read a secret'}")
        return tuple(name for name, outcome in outcomes.items() if name not in known and outcome["kind"] != "find")

    def _broken(self, message: str) -> BrokenSetupError:
        return BrokenSetupError(
            f"the preflight of {self.containment.name} failed: {message}",
            hint="nothing was started; see `harness doctor`, or choose another sandbox in the manifest "
            '(`sandbox: "off"` turns it off)',
        )


@contextmanager
def _listening(name: str) -> Iterator[None]:
    """An abstract socket of this machine, which exists in no folder; only Linux has them."""
    if not IS_LINUX:
        yield
        return
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(f"\0{name}")
        door.listen()
        yield


def _got_out(outcome: probe_program.Outcome) -> bool:
    """Writes are judged by what is there afterwards: some paths lie on the sandbox's own, passing file system."""
    return outcome["kind"] == "escape" and not outcome["refused"]


def _launch(job: Job, environ: Mapping[str, str]) -> Launch:
    """The probe, with all before it that sessions of any phase have before them."""
    program = Path(probe_program.__file__)
    found = list(_exposed(job, environ))
    shown = tuple(dict.fromkeys(pair for launch in found for pair in launch.shown))
    programs = [Path(launch.argv[0]) for launch in found]
    readable = dict.fromkeys((program, *(path for launch in found for path in launch.readable)))
    return Launch(
        (sys.executable, "-I", "-S", str(program)),
        {"PATH": os.defpath, "LANG": "C.UTF-8"},
        readable=tuple(path for path in readable if path.exists()),
        shown=shown,
        programs=tuple(dict.fromkeys(programs)),
    )


def _exposed(job: Job, environ: Mapping[str, str]) -> Iterator[Launch]:
    """Of each phase whose program is there; of another each of its sessions will say so."""
    for phase in job.phases:
        with suppress(FileNotFoundError):
            yield exposed(job, phase, environ)


def _home() -> Path:
    return Path(os.path.expanduser("~"))  # noqa: PTH111  Path.home() raises where there is no home


def _started() -> str:
    """Our own start time as the kernel writes it; empty where it does not."""
    with suppress(OSError):
        return Path("/proc/self/stat").read_text(errors="replace").rpartition(")")[2].split()[19]
    return ""


def _remove(path: Path) -> bool:
    """True when it was there."""
    try:
        path.unlink()
    except OSError:
        return False
    return True
