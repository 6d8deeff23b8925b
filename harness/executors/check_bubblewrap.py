"""Sandboxes for the user's checks and scenes: bubblewrap as for sessions, but with the job's folder and no network."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from harness.evaluation.check_sandbox import Allowed, SandboxCommand
from harness.executors.bubblewrap import Bubblewrap
from harness.executors.installations import covered, forbidden_in, is_of_the_system, needed_by
from harness.executors.sandbox import Containment
from harness.job.job import Job

_NO_NETWORK = ("--unshare-net",)


class JobSandboxes:
    """Sandboxes that show the job's folder read-only, with repositories, state folders and credentials in it hidden.

    A folder that is somebody's home, or holds one, is not shown: then only the files that the manifest names are.
    """

    def __init__(self, bubblewrap: Bubblewrap, job: Job) -> None:
        self.folder = job.folder
        self._bubblewrap = bubblewrap
        self._job = job

    def sandbox(
        self, allowed: Allowed, programs: Sequence[Path] = (), shown: Sequence[Path] = ()
    ) -> SandboxCommand | None:
        if "everything" in allowed:
            return None
        named = (*self._job.readable, *self._job.named)
        others = covered(self._others(programs, shown), named)
        mounts = [word for path in sorted(others.paths) if not is_of_the_system(path) for word in _read_only(path)]
        hidden, is_writable = others.hidden, "write" in allowed and self._shows_folder
        if self._shows_folder:
            own = covered([self.folder], named)
            mounts += ["--bind" if is_writable else "--ro-bind", str(self.folder), str(self.folder)]
            hidden |= own.hidden
        for path, is_folder in sorted(hidden):
            mounts += ["--tmpfs", str(path), "--remount-ro", str(path)] if is_folder else _read_only(path, os.devnull)
        options = () if "network" in allowed else self._no_network
        sandbox = self._bubblewrap.sandboxed(mounts, (str(self.folder),) if is_writable else (), options)
        return replace(sandbox, allowed=allowed, folder=self.folder)

    @property
    def weakness(self) -> str:
        """What these sandboxes do not hold on this machine; empty when they hold."""
        if self._no_network:
            return ""
        return "checks and scenes share the network: bubblewrap could not give them one of their own here"

    @cached_property
    def _no_network(self) -> tuple[str, ...]:
        return () if self._bubblewrap.why_not_sandboxed(_NO_NETWORK) else _NO_NETWORK

    @cached_property
    def _shows_folder(self) -> bool:
        return _may_be_shown(self.folder)

    def _others(self, programs: Sequence[Path], shown: Sequence[Path]) -> Iterator[Path]:
        """All but the job's folder: what lies in it is shown with it."""
        yield from shown
        for named in (*self._job.readable, *self._job.named, self._job.items.top(self.folder), *self._named_by_checks):
            for place in dict.fromkeys((named, named.resolve())):
                is_shown = self._shows_folder and place.is_relative_to(self.folder)
                if not is_shown and (place.is_file() or (place.is_dir() and _may_be_shown(place))):
                    yield place
        for program in programs:
            yield from needed_by(program, (self._job.state,))

    @cached_property
    def _named_by_checks(self) -> tuple[Path, ...]:
        """Folders of their Python files, from which they import; paths among the words of commands."""
        found: list[Path] = []
        for check in (check for phase in self._job.phases for check in phase.output.checks):
            if check.python is not None:
                found += [check.python[0].parent, check.python[0]]
            found += [Path(word) for word in check.command or () if word.startswith("/")]
        if self._job.scene is not None:
            found += [self._job.scene.parent, self._job.scene]
        return tuple(found)


def sandboxes_of(containment: Containment, job: Job) -> JobSandboxes | None:
    """None where the sandbox of sessions is not bubblewrap: then checks and scenes run as the user."""
    return JobSandboxes(containment, job) if isinstance(containment, Bubblewrap) else None


def _may_be_shown(folder: Path) -> bool:
    return len(folder.parts) > 1 and next(forbidden_in(folder, ()), None) is None


def _read_only(path: Path, source: Path | str | None = None) -> list[str]:
    return ["--ro-bind", str(source or path), str(path)]
