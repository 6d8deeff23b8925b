"""Proves the sandbox before anything is started behind them: a probe tries to get out, and is judged from outside."""

import asyncio
import json
import os
import secrets
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
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
from harness.executors.sandbox import Containment, Mount
from harness.executors.starter import AttemptStarter
from harness.job.job import Job, PhaseSpec
from harness.workspaces.kinds import workspace_of

_PROBE_S = 30.0


async def preflight(
    containment: Containment, job: Job, guardian: Guardian, environ: Mapping[str, str] = os.environ
) -> tuple[str, ...]:
    """Try to break out, seeing all that the job's sessions would see; returns what was refused, in words. About 0.1 s.

    What `containment.weaknesses` names may be possible: that is for the user to know, and no reason not to start.

    BrokenSetupError when anything got out, when a program of the job could not be found inside, or when a session could
    not even write in its own folder. Without a kernel sandbox only starting and writing is tested.
    """
    root = job.state / f"preflight-{secrets.token_hex(4)}"
    try:
        return await _probe(containment, job, root, guardian, _launch(job, environ))
    finally:
        remove_tree(root)


async def _probe(containment: Containment, job: Job, root: Path, guardian: Guardian, launch: Launch) -> tuple[str, ...]:
    folder = AttemptFolder(root, workspace_of(job))
    launch = replace(launch, stdin=folder.prompt)
    for path in (folder.root, folder.tmp, folder.config):
        make_folder(path)
    folder.workspace.prepare(folder.work, ())
    secret, door = secrets.token_hex(16), f"harness-{os.getpid()}-{root.name}"
    write_private(root / "secret", secret.encode())
    outside = [folder.root / "unauthorized", *_places(job, root.name)]
    targets: dict[str, object] = {"inside": f"{containment.view(folder).work}/inside"}
    if containment.is_kernel_sandbox:
        targets |= {
            "outside": list(map(str, outside)),
            "secret": str(root / "secret"),
            "ledger": str(_ledger(job, root)),
            "folders": _folders(job, mounts_of(containment.wrap(folder, launch).argv)),
            "programs": list(map(str, launch.programs)),
            "pid": os.getpid(),
            "started": _started(),
            "socket": door,
            "tool_shell": containment.tool_shell,
            "memory": MEMORY_FOLDER_BYTES,
        }
    write_private(folder.prompt, json.dumps(targets).encode())
    with _listening(door):
        said, errors = await _run(containment, folder, guardian, launch)
    unauthorized = [path for path in outside if _remove(path)]
    wrote = (folder.work / "inside").is_file()
    try:
        outcomes: dict[str, probe_program.Outcome] = json.loads(said)
    except ValueError:
        raise _broken(containment, f"a program could not be run in it: {errors or said!r}") from None
    if not wrote:
        raise _broken(containment, f"a session could not write in its own folder: {outcomes[INSIDE]['says']}")
    if lost := [name for name, outcome in outcomes.items() if outcome["kind"] == "find" and outcome["refused"]]:
        raise _broken(containment, f"a session could not {', '.join(lost)}")
    known = {INSIDE, *containment.weaknesses()}
    possible = [name for name, outcome in outcomes.items() if name not in known and _got_out(outcome)]
    possible += [f"write {path}" for path in unauthorized]
    if possible or secret in said:
        raise _broken(containment, f"a session could {', '.join(possible) or 'read a secret'}")
    return tuple(name for name, outcome in outcomes.items() if name not in known and outcome["kind"] != "find")


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
    found = [exposed(job, phase, environ) for phase in job.phases if _is_there(job, phase, environ)]
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


def _is_there(job: Job, phase: PhaseSpec, environ: Mapping[str, str]) -> bool:
    try:
        exposed(job, phase, environ)
    except FileNotFoundError:  # each of its sessions will say so
        return False
    return True


async def _run(containment: Containment, folder: AttemptFolder, guardian: Guardian, launch: Launch) -> tuple[str, str]:
    starter = AttemptStarter(containment, guardian, folder, {TOKEN_MARK: secrets.token_hex(16)}, Allowance())
    try:
        async with asyncio.timeout(_PROBE_S):
            process = await starter.start(launch)
            said, errors = await process.communicate()
    except (OSError, TimeoutError) as error:
        return "", str(error) or type(error).__name__
    finally:
        await starter.end(0)
    return said.decode(errors="replace"), errors.decode(errors="replace").strip()[:300]


def _places(job: Job, name: str) -> list[Path]:
    """Files that a session must not be able to make."""
    home = Path(os.path.expanduser("~"))  # noqa: PTH111  Path.home() raises where there is no home
    return [Path(folder, f".{name}") for folder in (job.state, job.folder, home, "/usr", "/etc", "/var/tmp")]  # noqa: S108


def _folders(job: Job, mounts: Sequence[Mount]) -> dict[str, list[str]]:
    """Folders to look into, each with the names in it on the way to what is meant to be seen."""
    home = Path(os.path.expanduser("~"))  # noqa: PTH111  Path.home() raises where there is no home
    paths = [Path(mount.path) for mount in mounts]
    folders = (job.folder, job.state, home)
    return {
        str(folder): [path.relative_to(folder).parts[0] for path in paths if folder in path.parents]
        for folder in folders
    }


def _ledger(job: Job, root: Path) -> Path:
    """The ledger itself when it is there; a file in its place otherwise."""
    ledger = job.home.ledger
    if ledger.exists():
        return ledger
    write_private(JobHome(root).ledger, b"")
    return JobHome(root).ledger


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


def _broken(containment: Containment, message: str) -> BrokenSetupError:
    return BrokenSetupError(
        f"the preflight of {containment.name} failed: {message}",
        hint='nothing was started; see `harness doctor`, or choose another sandbox in the manifest (`sandbox: "off"` '
        "turns it off)",
    )
