"""The executor of this machine: every attempt in a private folder, in the sandbox, ended and frozen by the rules."""

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from harness.backends.activity import Pulse
from harness.backends.credentials import Supply
from harness.backends.registry import facts_left, make_session
from harness.backends.session import Session, SessionStart
from harness.base.ids import Token
from harness.base.marks import (
    FOLDER_MARK,
    STATE_MARK,
    TOKEN_MARK,
    folder_identity,
    has_mark,
    of_job,
    state_digest,
)
from harness.base.termination import end_found
from harness.core.fault_kinds import FaultKind
from harness.core.faults import classify
from harness.core.messages import Message, message
from harness.core.symptoms import Symptoms
from harness.core.types import Ending, SessionEvent
from harness.core.work import AttemptSpec, Identity, Work
from harness.executors.allowance import written
from harness.executors.attempt_folder import AttemptFolder
from harness.executors.guardian import Guardian
from harness.executors.running_attempt import LiveAttempt, Tools, collected, not_started, of_the_disk
from harness.executors.sandbox import Containment
from harness.executors.starter import AttemptStarter
from harness.executors.unauthorized_changes import changes, guarded, looks
from harness.job.job import Job
from harness.job.key_values import keys_of


class LocalExecutor:
    """Runs attempts of one job on this machine; implements `core.seam.Executor`.

    `credential` may be None when no phase needs one of Anthropic's. Of `environ`, sessions get PATH, LANG, TZ, proxies
    and what `session.env` names.
    """

    def __init__(
        self,
        *,
        job: Job,
        tools: Tools,
        containment: Containment,
        guardian: Guardian,
        credential: Supply | None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._job = job
        self._tools = tools
        self._containment = containment
        self._guardian = guardian
        self._credential = credential
        self._environ = environ
        self._keys = keys_of(job, environ)
        self._marks = {STATE_MARK: state_digest(job.state), FOLDER_MARK: folder_identity(job.state)}
        self._running: dict[Token, LiveAttempt] = {}

    def work_path(self, folder: Path) -> str:
        """The work folder of the attempt folder `folder`, as the session sees it."""
        return self._containment.view(self._folder(folder)).work

    async def run(self, spec: AttemptSpec, on_event: Callable[[SessionEvent], None]) -> Ending:
        """Run one attempt to its end. Never raises for what a session does; cancelled, it ends the session first."""
        folder = self._folder(spec.folder)
        try:
            prepared = await self._prepared(spec, folder)
        except OSError as error:
            return not_started(spec, error)
        marks = {TOKEN_MARK: spec.token, **self._marks}
        starter = AttemptStarter(self._containment, self._guardian, folder, marks, self._tools.allowance)
        pulse = Pulse(spec.id, self._tools.clock.monotonic, on_event, spec.session.kind.speaks != "nothing")
        live = LiveAttempt(spec, folder, self._session(spec, folder, starter, pulse), starter, pulse, self._tools)
        self._running[spec.token] = live
        guarding = guarded(folder, spec, self._job, is_kernel_sandbox=self._containment.is_kernel_sandbox)
        before = looks(guarding)
        try:
            ending = await live.run()
            ending = replace(ending, notes=(*ending.notes, *prepared, *changes(before, looks(guarding))))
            if ending.fault is not None and ending.fault.kind == FaultKind.TOO_BIG:
                ending = await self._relieved(folder, ending)
        finally:
            del self._running[spec.token]
            if not folder.is_tidy():
                await asyncio.to_thread(folder.put_away)
        on_event(SessionEvent(spec.id, "ended"))
        return ending

    async def interrupt(self, token: Token, *, hard: bool = False) -> None:
        """Ask a running attempt to end soon (`hard`: at once). Unknown tokens are no error."""
        live = self._running.get(token)
        if live is not None:
            await live.interrupt(hard=hard)

    async def salvage(self, lost: Identity, work: Work) -> Ending:
        """The ending of an attempt whose supervisor was lost: leftovers are ended, its folder is frozen.

        The cost is known only when the session had told it. In a copy of a job's folder the processes of the original
        carry the same token: they are not ours to end.
        """
        await end_found(lambda: [pid for pid in of_job(self._job.state) if has_mark(pid, TOKEN_MARK, lost.token)], 0)
        folder = self._folder(lost.folder)
        frozen, failure = collected(work, folder, self._tools.store)
        left = folder.workspace.tidy(folder.work)
        folder.put_away()
        return Ending(
            artifacts=tuple(frozen.artifacts),
            output_faults=tuple(frozen.output_faults),
            fault=classify(
                Symptoms(**of_the_disk(failure, self._tools.store.root)) if failure else Symptoms(lost=True)
            ),
            facts=facts_left(work.phase.session, lost.session_id, folder.of_session),
            duration=timedelta(0),
            notes=(*frozen.notes, *left),
        )

    async def sweep(self) -> int:
        """End every process that an earlier supervisor of this job left behind; returns how many there were."""
        return await end_found(lambda: of_job(self._job.state), 0)

    def _folder(self, root: Path) -> AttemptFolder:
        return AttemptFolder.of(self._job, root)

    async def _prepared(self, spec: AttemptSpec, folder: AttemptFolder) -> list[Message]:
        top = self._job.items.top(self._job.folder)
        lay_out = partial(folder.prepare, spec, self._containment.view(folder), self._job.vars, top)
        has_files = any(item.file is not None for item in spec.items)  # the way to a thread costs more than the rest
        return await asyncio.to_thread(lay_out) if has_files else lay_out()

    async def _relieved(self, folder: AttemptFolder, ending: Ending) -> Ending:
        """A work folder that is too big is not kept: a few of them would fill the disk for everybody."""
        excess = written(self._tools.allowance, folder.own_folders)
        if excess is None:
            return ending
        await asyncio.to_thread(folder.workspace.remove, folder.work)
        return replace(ending, notes=(*ending.notes, message("work_folder_removed", excess=excess.as_json())))

    def _session(self, spec: AttemptSpec, folder: AttemptFolder, starter: AttemptStarter, pulse: Pulse) -> Session:
        credential = self._credential.current() if self._credential and spec.session.kind.needs_credential else None
        start = SessionStart(spec, folder.of_session, starter, pulse, self._environ, credential, self._keys)
        return make_session(start)
