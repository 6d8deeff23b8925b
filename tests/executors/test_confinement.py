"""Laws of the kernel's half of the sandbox: the filter of system calls, and the program for the Landlock domain."""

import errno
import os
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.backends.cli_start import Outfit
from harness.backends.credentials import Credential
from harness.backends.passed_environment import Passed
from harness.executors.allowance import Allowance
from harness.executors.attempt_folder import AttemptFolder
from harness.executors.bubblewrap import Bubblewrap
from harness.executors.confinement import Confinement
from harness.executors.containment import NoSandbox
from harness.executors.landlock import confining_program, version
from harness.executors.seccomp import filter_for
from harness.executors.starter import AttemptStarter
from harness.executors.syscalls import Processor, number, processor
from harness.workspaces.empty import EmptyWorkspace

if TYPE_CHECKING:
    from tests.executors.conftest import Bench

ALLOWED = 0x7FFF0000
ARCHITECTURES: dict[Processor, int] = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
I386 = 0x40000003

both = pytest.mark.parametrize("of", ["x86_64", "aarch64"])


def judged(program: bytes, architecture: int, number: int, *arguments: int) -> int | str:
    """What the kernel would do with a call: a small interpreter of its classic BPF. An errno, or "allowed"."""
    call = struct.pack("<iIQ6Q", number, architecture, 0, *(*arguments, *[0] * (6 - len(arguments))))
    code = [struct.unpack_from("<HBBI", program, at) for at in range(0, len(program), 8)]
    at = accumulator = 0
    while True:
        operation, if_true, if_false, operand = code[at]
        if operation == 0x20:
            (accumulator,) = struct.unpack_from("<I", call, operand)
            at += 1
            continue
        if operation == 0x06:
            return "allowed" if operand == ALLOWED else operand & 0xFFFF
        is_true = {
            0x15: accumulator == operand,
            0x35: accumulator >= operand,
            0x45: accumulator & operand != 0,
        }[operation]
        at += 1 + (if_true if is_true else if_false)


CALLS: dict[Processor, dict[str, int]] = {
    "x86_64": {
        "shmget": 29,
        "semget": 64,
        "msgget": 68,
        "prlimit64": 302,
        "sched_setaffinity": 203,
        "read": 0,
        "ioctl": 16,
        "socket": 41,
        "socketpair": 53,
        "clone": 56,
        "keyctl": 250,
        "clone3": 435,
    }
    | {"ptrace": 101, "mount": 165, "bpf": 321, "setns": 308, "unshare": 272, "io_uring_setup": 425}
    | {"landlock_restrict_self": 446, "memfd_create": 319, "execve": 59},
    "aarch64": {
        "shmget": 194,
        "semget": 190,
        "msgget": 186,
        "prlimit64": 261,
        "sched_setaffinity": 122,
        "read": 63,
        "ioctl": 29,
        "socket": 198,
        "socketpair": 199,
        "clone": 220,
        "keyctl": 219,
        "clone3": 435,
    }
    | {"ptrace": 117, "mount": 40, "bpf": 280, "setns": 268, "unshare": 97, "io_uring_setup": 425}
    | {"landlock_restrict_self": 446, "memfd_create": 279, "execve": 221},
}


@both
def test_M3_calls_that_ordinary_work_does_not_need_are_refused(of: Processor) -> None:
    program, calls = filter_for(of), CALLS[of]
    for name in ("ptrace", "mount", "bpf", "setns", "unshare", "io_uring_setup"):
        assert judged(program, ARCHITECTURES[of], calls[name]) == errno.EPERM, name
    for name in ("read", "landlock_restrict_self", "memfd_create", "execve"):
        assert judged(program, ARCHITECTURES[of], calls[name]) == "allowed", name


@both
def test_memory_that_no_process_shows_cannot_be_taken_from_system_v(of: Processor) -> None:
    program, calls = filter_for(of), CALLS[of]
    sizes = (0, 56, 4096, 4097, 1 << 31, 1 << 32, (1 << 32) + 56)
    verdicts = [judged(program, ARCHITECTURES[of], calls["shmget"], 0, size, 0o1600) for size in sizes]
    assert verdicts == ["allowed"] * 3 + [errno.EPERM] * 4, "a lock of PostgreSQL's, and no more"
    for name in ("semget", "msgget"):
        assert judged(program, ARCHITECTURES[of], calls[name]) == errno.EPERM, name


@both
def test_a_process_sets_its_own_limits_only(of: Processor) -> None:
    program, prlimit = filter_for(of), CALLS[of]["prlimit64"]
    pointers = (0, 0x1000, 0x7F00_0000_0000)
    assert {judged(program, ARCHITECTURES[of], prlimit, 0, 7, pointer) for pointer in pointers} == {"allowed"}
    others = [judged(program, ARCHITECTURES[of], prlimit, 2, 7, pointer, 0x1000) for pointer in pointers]
    assert others == ["allowed", errno.EPERM, errno.EPERM], "read, and not set"
    assert judged(program, ARCHITECTURES[of], CALLS[of]["sched_setaffinity"], 12) == "allowed", "its own threads"


@both
def test_newer_calls_for_mounts_and_other_processes_are_refused(of: Processor) -> None:
    """open_tree_attr, listmount, statmount, process_mrelease, lsm_set_self_attr: the same on all processors."""
    for call in (467, 458, 457, 448, 460):
        assert judged(filter_for(of), ARCHITECTURES[of], call) == errno.EPERM, call


@both
def test_M3_calls_by_another_numbering_are_refused(of: Processor) -> None:
    program, calls = filter_for(of), CALLS[of]
    assert judged(program, I386, 3) == errno.EPERM
    if of == "x86_64":
        assert judged(program, ARCHITECTURES[of], calls["read"] | 0x40000000) == errno.EPERM, "x32"


@both
def test_M3_a_session_may_take_a_new_keyring_and_look_into_none(of: Processor) -> None:
    program, keyctl = filter_for(of), CALLS[of]["keyctl"]
    assert judged(program, ARCHITECTURES[of], keyctl, 1, 0) == "allowed"
    assert judged(program, ARCHITECTURES[of], keyctl, 1, 0x7FFF0000) == errno.EPERM, "join one by its name"
    for operation in (0, 2, 6, 8, 10, 11, 31):
        assert judged(program, ARCHITECTURES[of], keyctl, operation) == errno.EPERM, operation


@both
def test_M8_sockets_are_the_networks_or_local(of: Processor) -> None:
    program = filter_for(of)
    for name in ("socket", "socketpair"):
        verdicts = {family: judged(program, ARCHITECTURES[of], CALLS[of][name], family) for family in range(46)}
        assert {family for family, verdict in verdicts.items() if verdict == "allowed"} == {1, 2, 10, 16}
        assert {verdict for verdict in verdicts.values() if verdict != "allowed"} == {errno.EAFNOSUPPORT}


@both
def test_a_process_can_be_made_and_a_namespace_cannot(of: Processor) -> None:
    program, calls = filter_for(of), CALLS[of]
    thread = 0x003D0F00
    assert judged(program, ARCHITECTURES[of], calls["clone"], thread) == "allowed"
    assert judged(program, ARCHITECTURES[of], calls["clone"], 17) == "allowed", "fork"
    for shift in (17, 25, 26, 27, 28, 29, 30):
        assert judged(program, ARCHITECTURES[of], calls["clone"], 17 | 1 << shift) == errno.EPERM, shift
    assert judged(program, ARCHITECTURES[of], calls["clone3"]) == errno.ENOSYS, "the C library then uses clone()"


@both
def test_nothing_is_typed_into_somebodys_terminal(of: Processor) -> None:
    program, ioctl = filter_for(of), CALLS[of]["ioctl"]
    verdicts = [judged(program, ARCHITECTURES[of], ioctl, 0, request) for request in (0x5412, 0x541C, 0x5413)]
    assert verdicts == [errno.EPERM, errno.EPERM, "allowed"]


def confined(folder: Path, *words: str, writable: tuple[str, ...], kernel: int) -> subprocess.CompletedProcess[str]:
    here = processor()
    assert here is not None
    program = folder / "confine"
    program.write_bytes(confining_program(here, kernel, writable))
    program.chmod(0o755)
    return subprocess.run([program, *words], capture_output=True, text=True, check=False, env={"WORD": "kept"})


@pytest.mark.linux
@pytest.mark.parametrize("kernel", [1, 2, 3, 6])
def test_H2_files_change_beneath_the_named_folders_only(tmp_path: Path, kernel: int) -> None:
    if kernel > version():
        pytest.skip(f"this kernel has Landlock {version()}")
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    script = f"echo $WORD $0; echo x >{inside}/made && rm {inside}/made && echo done; echo x >{outside}/made"
    ended = confined(tmp_path, "/bin/sh", "-c", script, "name", writable=(str(inside),), kernel=kernel)
    assert ended.stdout == "kept name\ndone\n"
    assert "Permission denied" in ended.stderr
    assert ended.returncode != 0
    assert list(outside.iterdir()) == []


@pytest.mark.linux
def test_H2_a_process_outside_can_neither_be_looked_into_nor_signalled(tmp_path: Path) -> None:
    script = f"readlink /proc/{os.getpid()}/fd/1; readlink /proc/self/fd/1; kill -0 {os.getpid()} && echo reached"
    ended = confined(tmp_path, "/bin/sh", "-c", script, writable=("/dev",), kernel=version())
    assert ended.stdout.startswith("pipe:") and ended.stdout.count("\n") == 1, ended


@pytest.mark.linux
def test_H2_without_its_domain_nothing_is_started(tmp_path: Path) -> None:
    ended = confined(tmp_path, "/bin/echo", "started", writable=("/nonexistent",), kernel=version())
    assert (ended.returncode, ended.stdout) == (126, "")
    assert "did not take the Landlock domain" in ended.stderr
    assert confined(tmp_path, "/nonexistent", writable=("/dev",), kernel=version()).returncode == 127


def test_H2_on_the_other_processor_the_same_calls_are_made_with_the_same_arguments() -> None:
    """Read back from the machine code of aarch64, which cannot be run here."""
    program = confining_program("aarch64", 6, ("/mnt/work", "/dev"))
    (entry,) = struct.unpack_from("<Q", program, 24)
    code = struct.iter_unpack("<I", program[entry - 0x400000 : len(program) // 4 * 4])
    registers: dict[int, int] = {}
    made: list[tuple[int, ...]] = []
    for (word,) in code:
        register, value = word & 31, word >> 5 & 0xFFFF
        if word & 0xFFE00000 == 0xD2800000:  # movz
            registers[register] = value
        elif word & 0xFFE00000 == 0xF2A00000:  # movk, shifted by 16
            registers[register] |= value << 16
        elif word == 0xD4000001:
            made.append((registers[8], *(registers.get(at, -1) for at in range(5))))
            registers = {}
    calls = [call for call in made if call[0] not in (64, 94)]
    names = {219: "keyctl", 167: "prctl", 444: "ruleset", 24: "dup3", 56: "openat", 445: "rule", 446: "restrict"}
    assert [names.get(call[0]) for call in calls[:-1]] == [
        *("keyctl", "prctl", "ruleset", "dup3"),
        *("openat", "dup3", "rule") * 2,
        "restrict",
    ]
    assert calls[-1][0] == 221, "execve"

    def pointed(address: int, size: int) -> bytes:
        return program[address - 0x400000 : address - 0x400000 + size]

    assert pointed(calls[2][1], 24) == struct.pack("<QQQ", 0x7FF2, 0, 3)
    assert [pointed(call[2], 10).split(b"\0")[0] for call in calls if call[0] == 56] == [b"/mnt/work", b"/dev"]
    assert [pointed(call[3], 12) for call in calls if call[0] == 445] == [struct.pack("<Qi", 0x7FF2, 101)] * 2


def test_H2_M3_M8_what_a_kernel_lacks_is_said() -> None:
    old, scopeless = Confinement("x86_64", 0), Confinement("x86_64", 5)
    assert "no Landlock" in " ".join(old.weaknesses().values()) and old.tool_shell is None
    assert set(scopeless.weaknesses()) == {"reach abstract sockets of the host"}
    assert Confinement("x86_64", 6).weaknesses() == {}
    assert "keyrings" in " ".join(Confinement(None, 0).weaknesses().values())


@pytest.mark.linux
def test_M3_a_session_has_a_session_keyring_of_its_own(tmp_path: Path) -> None:
    here = processor()
    assert here is not None
    ask = f"import ctypes; print(ctypes.CDLL(None).syscall({number('keyctl', here)}, 0, -3, 0))"
    ours = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout
    again = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout
    theirs = confined(tmp_path, sys.executable, "-c", ask, writable=("/dev",), kernel=version()).stdout
    assert ours == again and int(ours) > 0, "this kernel has keyrings, and children share ours"
    assert theirs != ours and int(theirs) > 0


@pytest.mark.linux
def test_H2_what_the_clis_own_shell_reads_is_out_of_the_sessions_reach(bench: "Bench") -> None:
    """That shell is not in the domain: a `~/.bash_profile` that the session can write would run there."""
    session = replace(bench.job().phases[0].session, backend="claude", command=(), env={})
    spec = bench.attempt(session)
    folder = AttemptFolder(spec.folder, EmptyWorkspace())
    paths = folder.of_session
    for sandbox, home in ((Bubblewrap("bwrap"), "/"), (NoSandbox("permissions"), str(folder.config))):
        starter = AttemptStarter(sandbox, bench.guardian, folder, {}, Allowance())
        credential = Credential("api_key", "a secret")
        env = Outfit(spec, paths, starter, credential, {}).launch(Passed(), (), {}).env
        assert env["HOME"] == home
        assert env.get("CLAUDE_CODE_SHELL_PREFIX") == sandbox.tool_shell
        assert env.get("HARNESS_WITHHELD", "").split() == (["ANTHROPIC_API_KEY"] if sandbox.tool_shell else [])
