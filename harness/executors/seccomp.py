"""The filter of system calls for a session behind bubblewrap, assembled here: a program of the kernel's classic BPF.

It closes what namespaces do not: the kernel's keyrings, which are per user and hold Kerberos tickets and keys of file
systems, and calls of the kernel that ordinary work never needs and that most holes are found in. What it refuses fails
with EPERM, as it would without the privilege, so programs take their usual other way.
"""

import errno
import struct
from collections.abc import Mapping

from harness.executors.syscalls import Processor, number

_REFUSED = (
    *("add_key", "request_key"),
    *("bpf", "perf_event_open", "userfaultfd", "fanotify_init", "lookup_dcookie", "kcmp"),
    *("io_uring_setup", "io_uring_enter", "io_uring_register"),
    *("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease", "pidfd_getfd"),
    *("mount", "umount2", "pivot_root", "move_mount", "open_tree", "open_tree_attr", "mount_setattr"),
    *("statmount", "listmount", "lsm_set_self_attr", "semget", "msgget"),
    *("fsopen", "fsconfig", "fsmount", "fspick", "name_to_handle_at", "open_by_handle_at"),
    *("setns", "unshare"),
    *("init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot"),
    *("swapon", "swapoff", "acct", "quotactl", "quotactl_fd", "nfsservctl", "syslog", "vhangup"),
    *("settimeofday", "clock_settime", "clock_adjtime", "iopl", "ioperm"),
)
_NEW_NAMESPACES = 0x7E020000
"""The CLONE_NEW... flags of clone(), but for CLONE_NEWTIME, which only clone3() takes."""

_JOIN_SESSION_KEYRING = 1
_FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}
"""Sockets that programs use; AF_VSOCK, AF_ALG, AF_BLUETOOTH and forty more are doors out or into the kernel."""

_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
"""Types into a terminal on behalf of whoever sits before it."""

_ARCHITECTURE: Mapping[Processor, int] = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32 = 0x40000000
"""A second set of numbers for the same calls on x86_64."""

_MOST_SHARED_BYTES = 4096
"""Of a segment of shmget(), whose memory no process need show. PostgreSQL takes 56 bytes, as a lock, and a namespace
has 4,096 segments at most; who wants more has mmap() and shm_open(), which are counted."""

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
_NUMBER, _ARCH, _FIRST, _SECOND, _THIRD = 0, 4, 16, 24, 32
"""Where a filter finds the number, the architecture, and the lower halves of three arguments (little endian)."""
_UPPER = 4
"""From the lower half of an argument to its upper half."""


def filter_for(of: Processor) -> bytes:
    """The program, as `bwrap --seccomp` takes it: 8 bytes for each instruction."""
    refuse, allow = _answer(errno.EPERM), _instruction(_RETURN, _ALLOW)
    code = [_instruction(_LOAD, _ARCH), _instruction(_EQUAL, _ARCHITECTURE[of], 1, 0), refuse]
    code.append(_instruction(_LOAD, _NUMBER))
    if of == "x86_64":
        code += [_instruction(_AT_LEAST, _X32, 0, 1), refuse]
    for name in _REFUSED:
        if (call := number(name, of)) is not None:
            code += [_instruction(_EQUAL, call, 0, 1), refuse]
    # glibc falls back to clone(), whose flags can be looked at, when there is no clone3().
    code += _when("clone3", of, [_answer(errno.ENOSYS)])
    flags = [_instruction(_LOAD, _FIRST), _instruction(_ANY_BIT, _NEW_NAMESPACES, 0, 1), refuse, allow]
    code += _when("clone", of, flags)
    fresh = [_instruction(_LOAD, _FIRST), _instruction(_EQUAL, _JOIN_SESSION_KEYRING, 1, 0), refuse]
    code += _when("keyctl", of, [*fresh, _instruction(_LOAD, _SECOND), _instruction(_EQUAL, 0, 1, 0), refuse, allow])
    for name in ("socket", "socketpair"):
        known = [_instruction(_EQUAL, family, len(_FAMILIES) - at, 0) for at, family in enumerate(_FAMILIES.values())]
        code += _when(name, of, [_instruction(_LOAD, _FIRST), *known, _answer(errno.EAFNOSUPPORT), allow])
    typing = [_instruction(_EQUAL, request, 2 - at, 0) for at, request in enumerate((_TIOCSTI, _TIOCLINUX))]
    code += _when("ioctl", of, [_instruction(_LOAD, _SECOND), *typing, allow, refuse])
    code += _when("shmget", of, _small(_SECOND, _MOST_SHARED_BYTES))
    # Limits of another process than the caller may be read (no third argument) and not set. The calls for priorities
    # take the numbers of the caller's own threads as well, which a filter cannot tell from other processes.
    own = [_instruction(_LOAD, _FIRST), _instruction(_EQUAL, 0, 0, 1), allow]
    code += _when("prlimit64", of, [*own, *_small(_THIRD, 0)])
    return b"".join([*code, allow])


def _small(argument: int, most: int) -> list[bytes]:
    """Allowed when that argument is `most` or less."""
    upper = [_instruction(_LOAD, argument + _UPPER), _instruction(_EQUAL, 0, 0, 2)]
    lower = [_instruction(_LOAD, argument), _instruction(_AT_LEAST, most + 1, 0, 1)]
    return [*upper, *lower, _answer(errno.EPERM), _instruction(_RETURN, _ALLOW)]


def _when(name: str, of: Processor, then: list[bytes]) -> list[bytes]:
    """`then`, which ends in an answer on every way through it, for this call only."""
    call = number(name, of)
    assert call is not None
    return [_instruction(_EQUAL, call, 0, len(then)), *then]


def _answer(error: int) -> bytes:
    return _instruction(_RETURN, _REFUSE | error)


def _instruction(code: int, operand: int, when_true: int = 0, when_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, when_true, when_false, operand)
