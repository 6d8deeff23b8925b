"""A Landlock domain around a session's programs, and a smaller one around everything that its tools start.

The kernel lets a process look into another one (its open files, its memory, its environment in /proc), signal it and
connect to its abstract sockets only inside its own domain and below. So what runs in a tool cannot write into the
pipe of the CLI that started it, and nothing in a session reaches the abstract sockets of this machine's desktop.

A process can only restrict itself, so that must happen between two execs. The program that does it is assembled here:
some twenty system calls in a row, in an ELF file of 1 KiB. It costs 0.1 ms and needs nothing in the sandbox; an
interpreter would cost 15 ms for each command, and its installation would have to be shown.
"""

import ctypes
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from harness.executors.syscalls import Processor, number

SCOPES_FROM: Final = 6
"""The version of Landlock, Linux 6.12, that keeps signals and abstract sockets in as well."""

_WRITE_FILE, _TRUNCATE, _REFER = 1 << 1, 1 << 14, 1 << 13
_REMOVE_OR_MAKE = 0x1FF0
_SCOPES = 0b11
_PATH_BENEATH = 1
_NO_NEW_PRIVS = 38
_JOIN_SESSION_KEYRING = 1
_HERE = -100
_PATH_ONLY = 0o10000000
_CLOSED_BY_EXEC = 0o2000000
_RULES, _PLACE = 100, 101
"""The descriptors that the program works with: fixed, so that nothing has to be remembered."""

_FAILED = 126
_COMPLAINT = b"harness: the kernel did not take the Landlock domain; nothing was started\n"
_BASE = 0x400000
_HEAD_BYTES = 64 + 56
_ALIGNMENT = 0x10000
_MACHINES: dict[Processor, int] = {"x86_64": 62, "aarch64": 183}

Argument = int | bytes | Literal["result"]
"""A number, the address of these bytes, or what the call before this one gave."""


@dataclass(frozen=True, slots=True)
class Call:
    """One system call with constant arguments; `result` can only be the first of them."""

    name: str
    arguments: tuple[Argument, ...]
    may_fail: bool = False


def version() -> int:
    """The kernel's Landlock version; 0 where it has none or it is switched off."""
    if sys.platform != "linux":
        return 0
    create_ruleset = number("landlock_create_ruleset", "x86_64")  # the same on every processor
    return max(0, int(ctypes.CDLL(None).syscall(create_ruleset, None, 0, 1)))


def confining_program(of: Processor, kernel: int, writable: Sequence[str]) -> bytes:
    """An executable that enters a domain and then executes its own arguments; `kernel` is the version of Landlock.

    In the domain files can be changed beneath `writable` only, which must be there. It ends with 126 and a line on
    standard error when the kernel refuses, and with 127 when there is no such program. It also takes a session keyring
    of its own, where the kernel has them.
    """
    handled = _WRITE_FILE | _REMOVE_OR_MAKE | (_REFER if kernel >= 2 else 0) | (_TRUNCATE if kernel >= 3 else 0)
    scopes = _SCOPES if kernel >= SCOPES_FROM else 0
    ruleset = struct.pack("<QQQ", handled, 0, scopes)[: 24 if scopes else 8]
    calls = [
        Call("keyctl", (_JOIN_SESSION_KEYRING, 0), may_fail=True),
        Call("prctl", (_NO_NEW_PRIVS, 1, 0, 0, 0)),
        Call("landlock_create_ruleset", (ruleset, len(ruleset), 0)),
        Call("dup3", ("result", _RULES, _CLOSED_BY_EXEC)),
    ]
    for path in writable:
        rule = struct.pack("<Qi", handled, _PLACE)
        calls += [
            Call("openat", (_HERE, path.encode() + b"\0", _PATH_ONLY | _CLOSED_BY_EXEC)),
            Call("dup3", ("result", _PLACE, _CLOSED_BY_EXEC)),
            Call("landlock_add_rule", (_RULES, _PATH_BENEATH, rule, 0)),
        ]
    calls.append(Call("landlock_restrict_self", (_RULES, 0)))
    return _assembled(of, calls)


def _assembled(of: Processor, calls: Sequence[Call]) -> bytes:
    """The ELF file: code, then the bytes that it points to. Twice, because their addresses follow from its length."""
    write = _x86_64 if of == "x86_64" else _aarch64
    data = b""
    offsets: dict[bytes, int] = {}
    for piece in (_COMPLAINT, *(argument for call in calls for argument in call.arguments)):
        if isinstance(piece, bytes) and piece not in offsets:
            offsets[piece] = len(data)
            data += piece.ljust(-len(piece) % 8 + len(piece), b"\0")
    size = len(write(calls, offsets))
    start = _BASE + _HEAD_BYTES + size
    code = write(calls, {piece: start + offset for piece, offset in offsets.items()})
    assert len(code) == size
    whole = _HEAD_BYTES + size + len(data)
    ident = b"\x7fELF" + bytes((2, 1, 1)) + bytes(9)
    head = struct.pack("<HHIQQQIHHHHHH", 2, _MACHINES[of], 1, _BASE + _HEAD_BYTES, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    readable_and_executable = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, whole, whole, _ALIGNMENT)
    return ident + head + readable_and_executable + code + data


_MOV_IMMEDIATE = (b"\xbf", b"\xbe", b"\xba", b"\x41\xba", b"\x41\xb8")
"""x86_64: mov edi, esi, edx, r10d, r8d. The upper half becomes zero, which is right for addresses below 4 GiB, for
numbers, and for -100 as a descriptor, of which the kernel takes the lower half."""


def _x86_64(calls: Sequence[Call], addresses: dict[bytes, int]) -> bytes:
    def number_of(name: str) -> int:
        return number(name, "x86_64") or 0

    def loaded(arguments: Sequence[Argument]) -> bytes:
        code = b""
        for register, argument in zip(_MOV_IMMEDIATE, arguments, strict=False):
            if argument == "result":
                code += b"\x89\xc7"  # mov edi, eax
            else:
                value = addresses[argument] if isinstance(argument, bytes) else int(argument)
                code += register + struct.pack("<I", value & 0xFFFFFFFF)
        return code

    def made(name: str, arguments: Sequence[Argument]) -> bytes:
        return loaded(arguments) + b"\xb8" + struct.pack("<I", number_of(name)) + b"\x0f\x05"  # mov eax; syscall

    failing = made("write", (2, _COMPLAINT, len(_COMPLAINT))) + made("exit_group", (_FAILED,))
    code = b""
    for call in calls:
        code += made(call.name, call.arguments)
        if not call.may_fail:
            code += b"\x85\xc0\x79" + bytes((len(failing),)) + failing  # test eax, eax; jns over it
    # The stack at the start: how many words, the words, 0, the environment.
    code += b"\x48\x8b\x7c\x24\x10"  # mov rdi, [rsp+16]: the first argument is the program
    code += b"\x48\x8d\x74\x24\x10"  # lea rsi, [rsp+16]: and its words begin there
    code += b"\x48\x8b\x04\x24\x48\x8d\x54\xc4\x10"  # mov rax, [rsp]; lea rdx, [rsp+rax*8+16]
    return code + made("execve", ()) + made("exit_group", (127,))


def _aarch64(calls: Sequence[Call], addresses: dict[bytes, int]) -> bytes:
    def words(*instructions: int) -> bytes:
        return struct.pack(f"<{len(instructions)}I", *instructions)

    def mov(register: int, value: int) -> bytes:
        """Always two instructions, movz and movk: what is negative is a descriptor, and 32 bits wide."""
        low, high = value & 0xFFFF, value >> 16 & 0xFFFF
        return words(0xD2800000 | low << 5 | register, 0xF2A00000 | high << 5 | register)

    def made(name: str, arguments: Sequence[Argument]) -> bytes:
        code = b""
        for register, argument in enumerate(arguments):
            if argument != "result":  # which is in x0 already
                code += mov(register, addresses[argument] if isinstance(argument, bytes) else int(argument))
        return code + mov(8, number(name, "aarch64") or 0) + words(0xD4000001)  # svc #0

    failing = made("write", (2, _COMPLAINT, len(_COMPLAINT))) + made("exit_group", (_FAILED,))
    over = 0x36F80000 | (len(failing) // 4 + 1) << 5  # tbz w0, #31, over it
    code = b""
    for call in calls:
        code += made(call.name, call.arguments)
        if not call.may_fail:
            code += words(over) + failing
    # ldr x0, [sp, #16]; add x1, sp, #16; ldr x2, [sp]; add x2, sp, x2, lsl #3; add x2, x2, #16
    code += words(0xF9400BE0, 0x910043E1, 0xF94003E2, 0x8B226FE2, 0x91004042)
    return code + made("execve", ()) + made("exit_group", (127,))
