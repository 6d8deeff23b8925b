"""Starts the process of one attempt inside its sandbox, and ends everything that came of it."""

import asyncio
import os
from asyncio.subprocess import PIPE, Process, SubprocessStreamProtocol
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from functools import partial

from harness.backends.start_request import Launch
from harness.base.descriptors import passed_as_descriptors
from harness.base.marks import TOKEN_MARK, has_mark, lock_limit, marked
from harness.base.processes import children, descendants, is_subreaper, reap, reap_namespaces
from harness.base.sealed import sealed
from harness.base.termination import end_found, end_tree
from harness.executors.allowance import Allowance, limited
from harness.executors.attempt_folder import AttemptFolder
from harness.executors.guardian import Guardian
from harness.executors.sandbox import Containment

_STREAM_LIMIT_BYTES = 1 << 20


class AttemptStarter:
    """Starts the process of one attempt and ends everything that came of it."""

    def __init__(
        self,
        containment: Containment,
        guardian: Guardian,
        folder: AttemptFolder,
        marks: Mapping[str, str],
        allowance: Allowance,
    ) -> None:
        self.view = containment.view(folder)
        self.is_kernel_sandbox = containment.is_kernel_sandbox
        self.tool_shell = containment.tool_shell
        self._containment = containment
        self._guardian = guardian
        self._folder = folder
        self._marks = {**marks, **guardian.mark}
        self._allowance = allowance
        self._process: Process | None = None
        self._transport: asyncio.SubprocessTransport | None = None

    async def start(self, launch: Launch) -> Process:
        """Start it in a session of its own, so that a Ctrl-C in the terminal reaches only the supervisor.

        Must be called on the main thread: PR_SET_PDEATHSIG, on which --die-with-parent rests, is tied to the thread.
        """
        self._guardian.stand()
        wrapped = self._containment.wrap(self._folder, launch)
        with ExitStack() as closing:
            argv, descriptors = closing.enter_context(passed_as_descriptors(wrapped.argv, wrapped.contents))
            source, output = PIPE, PIPE
            if launch.terminal is not None:
                source = output = launch.terminal
            elif launch.stdin is not None:
                source = closing.enter_context(sealed(launch.stdin))
            loop = asyncio.get_running_loop()
            self._transport, protocol = await loop.subprocess_exec(
                partial(SubprocessStreamProtocol, _STREAM_LIMIT_BYTES, loop),
                *limited(argv, self._allowance, lock_limit(self._marks)),
                stdin=source,
                stdout=output,
                stderr=PIPE,
                env={**wrapped.env, **self._marks},
                cwd=wrapped.cwd,
                pass_fds=descriptors,
                start_new_session=True,
            )
        self._process = Process(self._transport, protocol, loop)
        return self._process

    async def end(self, grace: float) -> None:
        """Ask, wait at most `grace` seconds, kill; leftovers that went elsewhere too. 0 = kill at once."""
        process = self._process
        if process is not None and process.returncode is None:
            polite = self._containment.polite(process.pid) if grace > 0 else ()
            await end_tree(polite, lambda: self._living(process), grace)
        await self._end_adopted()

    def close(self) -> None:
        """Let go of its pipes: a process that could not be found may hold the other ends for ever."""
        for number in (0, 1, 2):
            pipe = self._transport.get_pipe_transport(number) if self._transport is not None else None
            if pipe is not None:
                pipe.close()

    def processes(self, most: int) -> list[int]:
        """Those of the session, wherever they went; no more than `most`."""
        if self._process is None:
            return []
        tops = [self._process.pid]
        if is_subreaper():
            tops += self._adopted(children(os.getpid()))
        found = [pid for top in tops for pid in (top, *descendants(top, most))]
        if not (self.is_kernel_sandbox or is_subreaper()) and len(found) < most:
            found = list(dict.fromkeys([*found, *marked(TOKEN_MARK, self._marks[TOKEN_MARK])]))
        return found[:most]

    def _living(self, process: Process) -> list[int]:
        """Its own process first: with a kernel sandbox all others end with it, however fast they multiply."""
        below = descendants(process.pid)
        return [process.pid, *below] if process.returncode is None else below

    async def _end_adopted(self) -> None:
        """End what lost its parent: adopted by us where we are a subreaper, as the command line is; else, in a program
        that has us as a library, it is looked for by its mark (5 ms)."""
        if not is_subreaper():
            token = self._marks[TOKEN_MARK]
            await end_found(lambda: marked(TOKEN_MARK, token), 0)
            return
        mine = self._adopted(reap_namespaces())
        if mine:
            await end_tree((), lambda: [pid for top in mine for pid in (*descendants(top), top)], 0)
            reap(mine)
            if self._adopted(children(os.getpid())):
                await self._end_adopted()

    def _adopted(self, ours: Iterable[int]) -> list[int]:
        """Which of our children are not the session's own process, but carry its mark."""
        started = self._process.pid if self._process else None
        return [pid for pid in ours if pid != started and has_mark(pid, TOKEN_MARK, self._marks[TOKEN_MARK])]
