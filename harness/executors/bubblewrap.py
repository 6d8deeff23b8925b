"""The kernel sandbox: a whole session in bubblewrap, which sees a list of mounts and never the root of this machine."""

import os
import shutil
import subprocess
from functools import cached_property
from pathlib import Path
from typing import Literal

from harness.backends.launch import Launch, View
from harness.base.processes import IS_LINUX, children
from harness.executors.folder import AttemptFolder
from harness.executors.walls import Wrapped

VIEW = View("/mnt/work", "/mnt/config", "/mnt/tmp", "/mnt/input")
"""The same in every attempt, so that prompts are the same too."""

_LINKED_FOLDERS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = (
    "passwd",
    "group",
    "hosts",
    "resolv.conf",
    "nsswitch.conf",
    "host.conf",
    "gai.conf",
    "services",
    "protocols",
    "ssl/certs",
    "ssl/openssl.cnf",
    "pki/tls/certs",
    "pki/ca-trust/extracted",
    "ca-certificates",
    "crypto-policies",
    "alternatives",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "mime.types",
)
"""What programs need of /etc; keys, shadow and everything local stay out."""

_WALLS = (
    "--unshare-pid",
    "--unshare-ipc",
    "--unshare-uts",
    "--die-with-parent",
    "--new-session",
    "--cap-drop",
    "ALL",
)
"""Without --cap-drop ALL a session of root could remount the root writable and unmount the masks (measured)."""

_PROC = ("--proc", "/proc", "--remount-ro", "/proc")
"""Read-only, because bubblewrap 0.8 leaves /proc/sys to its file modes: a session of root without any capability could
write kernel.core_pattern and so run a program outside (measured; the preflight tries it)."""

_NOBODY = ("--uid", "65534", "--gid", "65534")
_USERS = (("--unshare-user", "--disable-userns"), ("--unshare-user",), ())
"""The best that this kernel and this bubblewrap can do: a user namespace of its own, in which no further ones can be
made; there a session of root is nobody, and still reads and writes what is ours."""

_MEMORY = ("--size", str(1 << 30), "--tmpfs")
"""Folders in memory are bounded; TMPDIR is on disk, and watched."""

_NO_MORE = ("--remount-ro", "/mnt", "--remount-ro", "/")
"""Both are in memory too, and hold nothing but mounts."""

_SYSTEM = ("/usr", *_LINKED_FOLDERS)
_TRIAL_S = 20


class Bubblewrap:
    """Own pid, ipc and uts namespaces, no capabilities, narrow mounts; the network stays shared, for the API."""

    name: Literal["bubblewrap"] = "bubblewrap"
    is_kernel_sandbox = True

    def __init__(self, program: str) -> None:
        self._program = program

    def view(self, folder: AttemptFolder) -> View:
        return VIEW

    def wrap(self, folder: AttemptFolder, launch: Launch) -> Wrapped:
        shown = [*self._folders(folder)]
        for here, there in (*((path, str(path)) for path in self._readable(launch)), *launch.shown):
            shown += ["--ro-bind", str(here), there]
        walls = (*shown, "--chdir", VIEW.work, *_NO_MORE, *_WALLS, *self._user)
        argv = (self._program, *self._system, *walls, "--", *launch.argv)
        return Wrapped(argv, dict(launch.env), None)

    def polite(self, pid: int) -> list[int]:
        """All but bubblewrap itself: the one outside takes everything down at once when it ends, the one inside is
        pid 1 of its namespace and hears nothing but SIGKILL."""
        inside = [deeper for child in children(pid) for deeper in children(child)]
        return [*inside, *(below for top in inside for below in _below(top))]

    def describe(self) -> str:
        own = "user, pid, ipc and uts" if self._user else "pid, ipc and uts"
        return f"bubblewrap: own {own} namespaces, no capabilities, narrow mounts ({self._program})"

    def why_not(self) -> str:
        """Why it cannot be used here; empty when it works."""
        return _failure((self._program, *self._system, *_WALLS, *self._user, "--", "/usr/bin/env", "true"))

    @cached_property
    def _user(self) -> tuple[str, ...]:
        for own in _USERS:
            user = (*own, *(_NOBODY if own and os.getuid() == 0 else ()))
            if not _failure((self._program, *self._system, *_WALLS, *user, "--", "/usr/bin/env", "true")):
                return user
        return ()

    @cached_property
    def _system(self) -> tuple[str, ...]:
        arguments = ["--ro-bind", "/usr", "/usr"]
        for folder in map(Path, _LINKED_FOLDERS):
            if folder.is_symlink():
                arguments += ["--symlink", str(folder.readlink()), str(folder)]
            elif folder.is_dir():
                arguments += ["--ro-bind", str(folder), str(folder)]
        for name in _ETC:
            path = f"/etc/{name}"
            if Path(path).exists():
                arguments += ["--ro-bind", path, path]
        zone = Path("/etc/localtime")
        if zone.is_symlink() and zone.resolve().is_relative_to("/usr"):
            arguments += ["--symlink", str(zone.resolve()), "/etc/localtime"]
        devices = ("--dev", "/dev", *_MEMORY, "/dev/shm", "--remount-ro", "/dev")  # noqa: S108
        return (*arguments, *devices, *_PROC, *_MEMORY, "/tmp", "--tmpfs", "/mnt")  # noqa: S108

    def _folders(self, folder: AttemptFolder) -> tuple[str, ...]:
        bound = ["--bind", str(folder.work), VIEW.work, "--bind", str(folder.tmp), VIEW.tmp]
        if folder.config.exists():
            bound += ["--bind", str(folder.config), VIEW.config]
        if folder.input.exists():
            bound += ["--ro-bind", str(folder.input), VIEW.input]
        return tuple(bound)

    def _readable(self, launch: Launch) -> list[Path]:
        """What is to be seen at its own path, parents before children, nothing twice."""
        wanted = set(launch.readable)
        if not any(launch.argv[0].startswith(f"{there}/") for _, there in launch.shown):
            wanted |= _home_of(Path(launch.argv[0]))
        return sorted(path for path in wanted if not any(path.is_relative_to(system) for system in _SYSTEM))


def why_not(search_path: str | None = None) -> str:
    """Why bubblewrap cannot be used here; empty when it works (tried: about 10 ms)."""
    if not IS_LINUX:
        return "it needs Linux"
    program = shutil.which("bwrap", path=search_path)
    if program is None:
        return "bwrap is not installed"
    return Bubblewrap(program).why_not()


def _failure(trial: tuple[str, ...]) -> str:
    try:
        ended = subprocess.run(trial, capture_output=True, timeout=_TRIAL_S, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"it did not start: {error}"
    said = ended.stderr.decode(errors="replace").strip()[:200]
    return "" if ended.returncode == 0 else f"it ended with {ended.returncode}: {said}"


def _below(pid: int) -> list[int]:
    found = children(pid)
    return [*found, *(deeper for child in found for deeper in _below(child))]


def _home_of(program: Path) -> set[Path]:
    """The folders a program outside the system needs: its prefix (a virtual environment, an interpreter's home).

    Never a folder that holds the user's home or that is no installation: then only the file itself.
    """
    if not program.is_absolute():
        return set()
    found: set[Path] = set()
    for path in {program, program.resolve()}:
        prefix = path.parent.parent
        is_installed = path.parent.name in ("bin", "shims") and prefix.name != ".local" and not _holds_home(prefix)
        found.add(prefix if is_installed else path)
    return found


def _holds_home(folder: Path) -> bool:
    home = Path(os.path.expanduser("~")).resolve()  # noqa: PTH111  Path.home() raises where there is no home
    return home.is_relative_to(folder.resolve())
