"""A small program that tries to break out of a sandbox, started inside one by the preflight.

    probe_program.py < targets.json

targets: {"inside"} to only write inside, or also {"outside": [path], "secret": path, "ledger": path, "pid", "started",
"folders": {path: [names that may be seen in it]}, "programs": [path], "socket": name of an abstract one outside,
"tool_shell": path or None, "memory": most bytes of a folder in memory}.
Prints {attempt: {"kind", "refused", "says"}}; all but those of kind "inside" and "find" should be refused. Started by
path, alone: it imports nothing of the package.

It must do no harm where the sandbox is missing: whatever it could change about mounts it tries in a mount namespace of
its own, and only when it could not get one (then the kernel refuses the rest too) in the one it found itself in.
"""

import ctypes
import errno
import json
import os
import platform
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

_MS_REMOUNT_BIND = 32 | 4096
_MS_PRIVATE_ALL = (1 << 18) | (1 << 14)
_MNT_DETACH = 2
_CLONE_NEWNS = 0x20000
_PTRACE_SEIZE = 0x4206
_GET_KEYRING, _SESSION_KEYRING = 0, -3
_VSOCK = 40
_LIBC = ctypes.CDLL(None, use_errno=True)

KEYRING = "use the kernel's keyrings"
IO_URING = "use io_uring"
OTHER_SOCKETS = "open sockets other than network sockets"
ABSTRACT_SOCKETS = "reach abstract sockets of the host"
STREAM = "speak in the name of its CLI through a tool"
CREDENTIAL = "read the CLI's credential through a tool"
MEMORY = "fill the memory through a folder"


Outcome = dict[str, Any]
INSIDE = "write inside"


def main(targets: dict[str, Any]) -> dict[str, Outcome]:
    """Try everything; one outcome each, keyed by what was tried, in words."""
    outcomes = {INSIDE: _outcome("inside", lambda: _append(targets["inside"]))}
    if "outside" not in targets:
        return outcomes
    for path in targets["programs"]:
        outcomes[f"find the program {path}"] = _outcome("find", partial(_find, path))
    for path, names in targets["folders"].items():
        outcomes[f"look into {path}"] = _outcome("escape", partial(_look, path, names))
    for path in targets["outside"]:
        outcomes[f"write {path}"] = _outcome("write", partial(_append, path))
    return outcomes | {name: _outcome("escape", attempt) for name, attempt in _attempts(targets).items()}


def _attempts(targets: dict[str, Any]) -> dict[str, Callable[[], object]]:
    """In this order: `get mounts of its own` makes the rest of them harmless."""
    pid, started = int(targets["pid"]), targets["started"]
    return {
        "read a secret": lambda: _read(targets["secret"]),
        "open the ledger": lambda: _append(targets["ledger"], b""),
        "see the supervisor": lambda: _see(pid, started),
        "trace the supervisor": lambda: _trace(pid, started),
        "get mounts of its own": _own_folders,
        "remount the root writable": lambda: _call(_LIBC.mount, None, b"/", None, _MS_REMOUNT_BIND, None),
        "remount /usr writable": lambda: _call(_LIBC.mount, None, b"/usr", None, _MS_REMOUNT_BIND, None),
        "unmount /usr": lambda: _call(_LIBC.umount2, b"/usr", _MNT_DETACH),
        "make a device": lambda: _make_device(f"{targets['inside']}.device"),
        "change the kernel's settings": lambda: os.close(os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY)),
        "keep a capability": _capability,
        KEYRING: lambda: _system_call({"x86_64": 250}.get(platform.machine(), 219), _GET_KEYRING, _SESSION_KEYRING, 0),
        IO_URING: lambda: _system_call(425, 0, None),
        OTHER_SOCKETS: lambda: socket.socket(_VSOCK, socket.SOCK_STREAM).close(),
        ABSTRACT_SOCKETS: lambda: _connect(targets["socket"]),
        STREAM: lambda: _in_a_tool(targets["tool_shell"], "exec 3>/proc/$PROBE/fd/1"),
        CREDENTIAL: lambda: _in_a_tool(targets["tool_shell"], "exec 3</proc/$PROBE/environ"),
        MEMORY: lambda: _folders_in_memory(targets["memory"]),
    }


def _outcome(kind: str, attempt: Callable[[], object]) -> Outcome:
    try:
        return {"kind": kind, "refused": False, "says": str(attempt())}
    except OSError as error:
        return {"kind": kind, "refused": True, "says": error.strerror}


def _read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")[:200]


def _append(path: str, content: bytes = b"probe\n") -> None:
    with Path(path).open("ab") as file:
        file.write(content)


def _find(path: str) -> None:
    """A program that may be started, and what its first line names."""
    if not os.access(path, os.X_OK):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    with Path(path).open("rb") as file:
        line = file.read(256).partition(b"\n")[0]
    words = line[2:].split() if line.startswith(b"#!") else []
    if words and not os.access(words[0], os.X_OK):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))


def _look(folder: str, expected: list[str]) -> list[str]:
    """What is there to see; refused when it is nothing but what leads to something that is shown."""
    found = sorted({path.name for path in Path(folder).iterdir()} - {*expected})
    if not found:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return found[:3]


def _see(pid: int, started: str) -> str:
    """A process with this number that started at that moment is the supervisor; another one is ours."""
    seen = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19]
    if seen != started:
        raise ProcessLookupError(errno.ESRCH, "no such process")
    return seen


def _trace(pid: int, started: str) -> None:
    """Seizing does not stop it, and ends when this program does."""
    _see(pid, started)
    _call(_LIBC.ptrace, _PTRACE_SEIZE, pid, None, None)


def _own_folders() -> None:
    """Ends this program when it holds the privilege but could not make the rest harmless."""
    if _LIBC.unshare(_CLONE_NEWNS) != 0:
        if ctypes.get_errno() != errno.EPERM:
            sys.exit("mounts cannot be tried safely here")
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
    if _LIBC.mount(None, b"/", None, _MS_PRIVATE_ALL, None) != 0:
        sys.exit("mounts of its own, but not private ones")


def _make_device(path: str) -> None:
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    Path(path).unlink()


def _capability() -> str:
    """The bounding set may stay: with no_new_privs nothing of it can be had."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    held = [f"{name} {lines[name].strip()}" for name in ("CapEff", "CapPrm", "CapInh") if int(lines[name], 16)]
    if lines.get("NoNewPrivs", "0").strip() != "1":
        held.append("new privileges")
    if not held:
        raise PermissionError(errno.EPERM, "no capabilities")
    return ", ".join(held)


def _system_call(number: int, *arguments: object) -> str:
    """Only asks: without its arguments an allowed call fails too, in another way."""
    answer = 0 if _LIBC.syscall(number, *arguments) >= 0 else ctypes.get_errno()
    if answer in (errno.EPERM, errno.EACCES, errno.ENOSYS):
        raise OSError(answer, os.strerror(answer))
    return os.strerror(answer)


def _connect(name: str) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(f"\0{name}")


def _in_a_tool(shell: str | None, command: str) -> None:
    """This program stands for the CLI, and `command` for one that its Bash tool was told to run."""
    words = [*([shell] if shell else ["/bin/bash", "-c"]), f"echo started; {command}"]
    ended = subprocess.run(words, env={**os.environ, "PROBE": str(os.getpid())}, capture_output=True, check=False)
    if ended.stdout != b"started\n":
        sys.exit(f"a tool could not run a command: {ended.stderr.decode(errors='replace')[:200]}")
    if ended.returncode != 0:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _folders_in_memory(most: int) -> str:
    sizes = {folder: os.statvfs(folder) for folder in ("/tmp", "/dev/shm")}  # noqa: S108
    large = [folder for folder, size in sizes.items() if size.f_blocks * size.f_frsize > most]
    if not large:
        raise PermissionError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return ", ".join(large)


def _call(function: Any, *arguments: object) -> None:
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    json.dump(main(json.load(sys.stdin)), sys.stdout)
