"""The kernel sandbox: a whole session in bubblewrap, which sees a list of mounts and never the root of this machine."""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath
from typing import Literal

from harness.backends.managed import managed_paths
from harness.backends.start_request import Launch, View
from harness.base.child import run
from harness.base.descriptors import passed_as_descriptors
from harness.base.processes import IS_LINUX, children
from harness.core.seam import WorkspaceMount
from harness.evaluation.check_sandbox import SandboxCommand
from harness.executors.allowance import MEMORY_FOLDER_BYTES
from harness.executors.attempt_folder import AttemptFolder
from harness.executors.confinement import Confinement, possible
from harness.executors.installations import (
    LINKED_FOLDERS,
    MOST_NAMED_ENTRIES,
    SECRETS_OF_THE_SYSTEM,
    SYSTEM,
    Shown,
    covered,
    forbidden_in,
    is_of_the_system,
    needed_by,
)
from harness.executors.sandbox import Mount, Wrapped

VIEW = View("/mnt/work", "/mnt/config", "/mnt/tmp", "/mnt/input")
"""The same in every attempt, so that prompts are the same too."""

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

_SANDBOX = (
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

_NO_CONSOLE = ("--dev-bind", os.devnull, "/dev/console")
"""For a session at a terminal, which bubblewrap makes its console: what tools wrote there would stand on its screen."""

_NOBODY = ("--uid", "65534", "--gid", "65534")
_USERS = (("--unshare-user", "--disable-userns"), ("--unshare-user",), ())
"""The best that this kernel and this bubblewrap can do: a user namespace of its own, in which no further ones can be
made; there a session of root is nobody, and still reads and writes what is ours."""

_MEMORY = ("--size", str(MEMORY_FOLDER_BYTES), "--tmpfs")
"""Folders in memory are bounded; TMPDIR is on disk, and watched."""

_NO_MORE = ("--remount-ro", "/mnt", "--remount-ro", "/")
"""Both are in memory too, and hold nothing but mounts."""

_WRITABLE = (VIEW.tmp, "/tmp", "/dev")  # noqa: S108  in the sandbox
_OF_A_SANDBOX = ("/tmp", "/dev")  # noqa: S108  in the sandbox
_TRIAL_S = 20


class Bubblewrap:
    """Own pid, ipc and uts namespaces, no capabilities, narrow mounts; the network stays shared, for the API."""

    name: Literal["bubblewrap"] = "bubblewrap"
    is_kernel_sandbox = True

    def __init__(self, program: str, kept_out: Sequence[Path] = (), named: Sequence[Path] = ()) -> None:
        """`kept_out`: folders that no mount may show: the job and its state. `named`: what the manifest shows."""
        self._program = program
        self._kept_out = tuple(kept_out)
        self._named = tuple(named)

    def view(self, folder: AttemptFolder) -> View:
        return VIEW

    def wrap(self, folder: AttemptFolder, launch: Launch) -> Wrapped:
        programs = (launch.argv[0], *map(str, launch.programs))
        around = _around(launch.readable, programs, launch.shown, self._kept_out)
        own = (path_inside(mount) for mount in folder.mounts if mount.is_writable)
        given = self._confinement.given((*own, *_WRITABLE), (VIEW.config,) if folder.config.exists() else ())
        managed = [word for path in managed_paths() for word in ("--ro-bind", str(path), str(path))]
        system = (*self._system, *(_NO_CONSOLE if launch.terminal is not None else ()), *managed)
        sandbox = (*system, *self._folders(folder), *around.mounts, *self._closed, *around.closed, *given.before)
        sandbox = (*sandbox, "--chdir", VIEW.work, *_NO_MORE, *_SANDBOX, *self._user)
        argv = (self._program, *sandbox, "--", *given.program, *launch.argv)
        return Wrapped(argv, dict(launch.env), None, given.contents)

    def sandboxed(self, mounts: Sequence[str], writable: Sequence[str], options: Sequence[str]) -> SandboxCommand:
        """The same sandbox around another program of the user's, with these mounts in place of an attempt's folders."""
        given = self._confinement.given((*_OF_A_SANDBOX, *writable))
        sandbox = (*self._system, *self._closed, *mounts, *given.before, "--chdir", "/", *_NO_MORE, *_SANDBOX, *options)
        return SandboxCommand((self._program, *sandbox, *self._user, "--", *given.program), given.contents)

    def why_not_sandboxed(self, options: Sequence[str]) -> str:
        """Why a sandbox with these options cannot be made here; empty when it can."""
        sandbox = self.sandboxed((), (), options)
        return _failure((*sandbox.argv, "/usr/bin/env", "true"), sandbox.contents)

    @property
    def tool_shell(self) -> str | None:
        return self._confinement.tool_shell

    def polite(self, pid: int) -> list[int]:
        """All but bubblewrap itself: the one outside takes everything down at once when it ends, the one inside is
        pid 1 of its namespace and hears nothing but SIGKILL."""
        inside = [deeper for child in children(pid) for deeper in children(child)]
        return [*inside, *(below for top in inside for below in _below(top))]

    def describe(self) -> str:
        own = "user, pid, ipc and uts" if self._user else "pid, ipc and uts"
        parts = [f"own {own} namespaces", "no capabilities", "narrow mounts", self._confinement.describe()]
        return f"bubblewrap: {', '.join(filter(None, parts))} ({self._program})"

    def weaknesses(self) -> Mapping[str, str]:
        unsearched = sorted(_seen(self._named, (), self._kept_out).unsearched)
        return {
            **self._confinement.weaknesses(),
            **{
                f"credentials in {folder}": f"sessions see {str(folder)!r}, which holds too much (above "
                f"{MOST_NAMED_ENTRIES:,} files) to hide all credentials and repositories in it; name a smaller one"
                for folder in unsearched
            },
        }

    def why_not(self) -> str:
        """Why it cannot be used here; empty when it works."""
        return self._tried(self._user, self._confinement)

    @cached_property
    def _user(self) -> tuple[str, ...]:
        for own in _USERS:
            user = (*own, *(_NOBODY if own and os.getuid() == 0 else ()))
            if not self._tried(user, Confinement(None, 0)):
                return user
        return ()

    @cached_property
    def _confinement(self) -> Confinement:
        kinds = possible()
        return next((kind for kind in kinds if not self._tried(self._user, kind)), kinds[-1])

    def _tried(self, user: tuple[str, ...], confinement: Confinement) -> str:
        given = confinement.given(("/tmp",), ("/dev",))  # noqa: S108  both are the sandbox's own
        options = (*self._system, *given.before, *_SANDBOX, *user)
        return _failure((self._program, *options, "--", *given.program, "/usr/bin/env", "true"), given.contents)

    @cached_property
    def _system(self) -> tuple[str, ...]:
        arguments = ["--ro-bind", "/usr", "/usr"]
        for folder in map(Path, LINKED_FOLDERS):
            if folder.is_symlink():
                arguments += ["--symlink", str(folder.readlink()), str(folder)]
            elif folder.is_dir():
                arguments += ["--ro-bind", str(folder), str(folder)]
        for path in filter(os.path.isfile, SECRETS_OF_THE_SYSTEM):
            arguments += ["--ro-bind", os.devnull, path]
        for name in _ETC:
            path = f"/etc/{name}"
            if Path(path).exists():
                arguments += ["--ro-bind", path, path]
        zone = Path("/etc/localtime")
        if zone.is_symlink() and zone.resolve().is_relative_to("/usr"):
            arguments += ["--symlink", str(zone.resolve()), "/etc/localtime"]
        devices = ("--dev", "/dev", *_MEMORY, "/dev/shm", "--remount-ro", "/dev")  # noqa: S108
        kept = (word for path in self._kept_in_system for word in (*_MEMORY, path))
        return (*arguments, *devices, *_PROC, *_MEMORY, "/tmp", "--tmpfs", "/mnt", *kept)  # noqa: S108

    def _folders(self, folder: AttemptFolder) -> tuple[str, ...]:
        bound = []
        for mount in folder.mounts:
            bound += ["--bind" if mount.is_writable else "--ro-bind", str(mount.source), path_inside(mount)]
        bound += ["--bind", str(folder.tmp), VIEW.tmp]
        if folder.config.exists():
            bound += ["--bind", str(folder.config), VIEW.config]
        if folder.input.exists():
            bound += ["--ro-bind", str(folder.input), VIEW.input]
        return tuple(bound)

    @cached_property
    def _closed(self) -> tuple[str, ...]:
        return _closing(self._kept_in_system)

    @cached_property
    def _kept_in_system(self) -> tuple[str, ...]:
        """A job in /usr/src, as containers have them; a home in /usr."""
        found = (path for folder in map(Path, SYSTEM) for path in forbidden_in(folder, self._kept_out))
        return tuple(str(path) for path in found if path.is_dir())


@dataclass(frozen=True, slots=True)
class _Around:
    """Arguments for what a launch is shown at its own path, and those that close the covers in it."""

    mounts: tuple[str, ...]
    closed: tuple[str, ...]


@lru_cache(maxsize=256)
def _around(
    readable: tuple[Path, ...],
    programs: tuple[str, ...],
    shown: tuple[tuple[Path, str], ...],
    kept_out: tuple[Path, ...],
) -> _Around:
    """The same for every session of a phase: put together once in a run."""
    own = tuple(path for path in map(Path, programs) if not any(path.is_relative_to(there) for _, there in shown))
    seen = _seen(readable, own, kept_out)
    return _Around(tuple(_shown(seen, shown)), _closing(str(path) for path, is_folder in seen.hidden if is_folder))


def _closing(folders: Iterable[str]) -> tuple[str, ...]:
    return tuple(word for path in folders for word in ("--remount-ro", path))


def path_inside(mount: WorkspaceMount) -> str:
    """Where a session sees it."""
    return str(PurePosixPath(VIEW.work, mount.path))


def mounts_of(argv: Sequence[str]) -> list[Mount]:
    """The mounts that such a command makes, in its order; later ones lie over earlier ones."""
    found = []
    words = iter(argv)
    for word in words:
        if word == "--":
            break
        if word in _KINDS:
            given = [next(words) for _ in range(1 + (word in _TWO))]
            is_of_this_machine = word in _TWO and word != "--ro-bind-data"
            found.append(Mount(_KINDS[word], given[-1], given[0] if is_of_this_machine else ""))
    return found


_KINDS = {
    "--bind": "writable",
    "--ro-bind": "read-only",
    "--ro-bind-data": "read-only",
    "--symlink": "link",
    "--tmpfs": "in memory",
    "--dev": "devices",
    "--proc": "processes",
}  # fmt: skip
_TWO = ("--bind", "--ro-bind", "--ro-bind-data", "--symlink")


@lru_cache(maxsize=256)
def _seen(readable: tuple[Path, ...], programs: tuple[Path, ...], kept_out: tuple[Path, ...]) -> Shown:
    """Everything that is shown at its own path. Looked for once in a run: its installations stay where they are."""
    needed = (path for program in programs for path in needed_by(program, kept_out))
    return covered((*readable, *needed), named=readable)


def _shown(seen: Shown, shown: Iterable[tuple[Path, str]]) -> Iterator[str]:
    """Parents before children, nothing twice."""
    for path in sorted(seen.paths):
        if not is_of_the_system(path):
            yield from ("--ro-bind", str(path), str(path))
    for here, there in shown:
        yield from ("--ro-bind", str(here), there)
    for path, is_folder in sorted(seen.hidden):
        yield from ("--tmpfs", str(path)) if is_folder else ("--ro-bind", os.devnull, str(path))


def why_not(search_path: str | None = None) -> str:
    """Why bubblewrap cannot be used here; empty when it works (tried: about 10 ms)."""
    if not IS_LINUX:
        return "it needs Linux"
    program = shutil.which("bwrap", path=search_path)
    if program is None:
        return "bwrap is not installed"
    return Bubblewrap(program).why_not()


def _failure(trial: tuple[str, ...], contents: Sequence[tuple[str, bytes]]) -> str:
    try:
        _try(trial, tuple(contents))
    except _FailedTrialError as failed:
        return str(failed)
    return ""


class _FailedTrialError(Exception):
    """What a trial ended with."""


@lru_cache(maxsize=64)
def _try(trial: tuple[str, ...], contents: tuple[tuple[str, bytes], ...]) -> None:
    """What has worked once in this process is not tried again: a launch asked a dozen times. What failed is."""
    try:
        with passed_as_descriptors(trial, contents) as (argv, descriptors):
            ended = run(argv, timeout_s=_TRIAL_S, descriptors=descriptors)
    except OSError as error:
        raise _FailedTrialError(f"it did not start: {error}") from None
    if ended.code != 0:
        raise _FailedTrialError(f"it ended with {ended.code}: {ended.errors[:200]}")


def _below(pid: int) -> list[int]:
    found = children(pid)
    return [*found, *(deeper for child in found for deeper in _below(child))]
