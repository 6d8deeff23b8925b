"""What a session behind bubblewrap is put into beyond mounts and namespaces: a filter of system calls and Landlock
domains, as far as this kernel, this processor and this bubblewrap have them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from harness.backends.start_request import WITHHELD
from harness.executors.landlock import SCOPES_FROM, confining_program, version
from harness.executors.probe_program import (
    ABSTRACT_SOCKETS,
    CREDENTIAL,
    IO_URING,
    KEYRING,
    OTHER_SOCKETS,
    STREAM,
)
from harness.executors.seccomp import filter_for
from harness.executors.syscalls import Processor, processor

_FOLDER = "/opt/harness"
CONFINE, _CONFINE_TOOL, TOOL_SHELL = f"{_FOLDER}/confine", f"{_FOLDER}/confine-tool", f"{_FOLDER}/shell"

_SHELL = f"""#!/bin/sh
for name in ${WITHHELD} {WITHHELD}; do unset "$name"; done
HOME=$TMPDIR
exec {_CONFINE_TOOL} /bin/bash -c "$1"
"""


@dataclass(frozen=True, slots=True)
class ConfinementArguments:
    """Arguments for bubblewrap; those in `contents` stand for descriptors with these bytes."""

    before: tuple[str, ...] = ()
    """To be among the options."""
    program: tuple[str, ...] = ()
    """To stand before the program that is started."""
    contents: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True)
class Confinement:
    """How far it goes. `landlock` is the version of the kernel's, 0 for none; there is none without a processor."""

    processor: Processor | None
    landlock: int

    def given(self, writable: tuple[str, ...], own: tuple[str, ...] = ()) -> ConfinementArguments:
        """For one start. Files can be changed beneath `writable`, which must be there; in `own` by the program that is
        started, and by nothing that its tools start."""
        return _given(self, writable, own)

    def made(self, writable: tuple[str, ...], own: tuple[str, ...]) -> ConfinementArguments:
        """The same, made anew."""
        if self.processor is None:
            return ConfinementArguments()
        contents = [("\0filter", self._filter)]
        before = ["--seccomp", "\0filter"]
        if not self.landlock:
            return ConfinementArguments(tuple(before), (), tuple(contents))
        files = {
            CONFINE: _program(self.processor, self.landlock, (*writable, *own)),
            _CONFINE_TOOL: _program(self.processor, self.landlock, writable),
            TOOL_SHELL: _SHELL.encode(),
        }
        for path, content in files.items() if own else [(CONFINE, files[CONFINE])]:
            word = f"\0{path}"
            before += ["--perms", "0555", "--ro-bind-data", word, path]
            contents.append((word, content))
        return ConfinementArguments(tuple(before), (CONFINE,), tuple(contents))

    @property
    def tool_shell(self) -> str | None:
        """What tools run their commands with, as `shell COMMAND`; None where there is no such thing."""
        return TOOL_SHELL if self.landlock else None

    def describe(self) -> str:
        parts = ["a filter of system calls"] if self.processor else []
        return ", ".join([*parts, f"Landlock {self.landlock}"] if self.landlock else parts)

    def weaknesses(self) -> Mapping[str, str]:
        """As in `Containment`."""
        said: dict[str, str] = {}
        if self.processor is None:
            what = (
                "no filter of system calls here (it is for x86_64 and aarch64): sessions can use keyrings and io_uring"
            )
            said |= dict.fromkeys((KEYRING, IO_URING, OTHER_SOCKETS), what)
        if not self.landlock:
            what = (
                "no Landlock here (it takes Linux 5.13 and bubblewrap 0.5): what Bash starts in a session can write "
                "into the stream of its CLI, read its credential and reach this machine's abstract sockets (D-Bus, X11)"
            )
            said |= dict.fromkeys((STREAM, CREDENTIAL, ABSTRACT_SOCKETS), what)
        elif self.landlock < SCOPES_FROM:
            what = "a kernel before Linux 6.12: sessions can reach abstract sockets of this machine (D-Bus, X11)"
            said[ABSTRACT_SOCKETS] = what
        return said

    @cached_property
    def _filter(self) -> bytes:
        assert self.processor is not None
        return filter_for(self.processor)


@lru_cache
def _given(confinement: Confinement, writable: tuple[str, ...], own: tuple[str, ...]) -> ConfinementArguments:
    """The same in every start of a run."""
    return confinement.made(writable, own)


@lru_cache
def _program(of: Processor, kernel: int, writable: tuple[str, ...]) -> bytes:
    """The same in every start of a run."""
    return confining_program(of, kernel, writable)


def possible() -> tuple[Confinement, ...]:
    """What could be had here, the best first; the last one is none at all."""
    here, none = processor(), Confinement(None, 0)
    return (none,) if here is None else tuple(dict.fromkeys((Confinement(here, version()), Confinement(here, 0), none)))
