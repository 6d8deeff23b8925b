"""One running attempt: its session, its clocks, its end, and what it left, frozen."""

import asyncio
import errno
import os
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Literal

from harness.backends.activity import Pulse
from harness.backends.session import Session
from harness.base.artifacts import ArtifactStore, MemoryStore
from harness.base.clock import Clock
from harness.base.host_errors import in_words, is_full
from harness.base.removal import remove_tree
from harness.core.faults import classify
from harness.core.messages import Message, message
from harness.core.seam import Collected, Judge
from harness.core.symptoms import Symptoms
from harness.core.types import Ending, SessionFacts
from harness.core.work import AttemptSpec, Produced, Work
from harness.evaluation.cancellation import HaltedError
from harness.executors.allowance import Allowance, until_excess, written
from harness.executors.attempt_folder import AttemptFolder
from harness.executors.clocks import STANDSTILL_S, Expired, Standstill, until_expired, until_quiet
from harness.executors.memory import Neighbours
from harness.executors.retention import Keeping
from harness.executors.starter import AttemptStarter
from harness.outputs.watch import changes

_POLITE_S = 10.0
"""What an interrupted session gets to end by itself before its processes are told to."""

_OUT_OF_REACH = (errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.ELOOP)
_GRACE_S = 2.0
_LAST_S = 5.0

Why = Literal["ended", "good", "cancel", "cut", "excess"] | Expired


@dataclass(frozen=True, slots=True)
class Tools:
    """What an attempt is run with; the same for all of a run."""

    store: ArtifactStore
    clock: Clock
    judge: Judge
    allowance: Allowance = field(default_factory=Allowance)
    keeping: Keeping | None = None
    """What bounds the attempts of a job together; None = nothing does."""
    standstill_s: float = STANDSTILL_S
    neighbours: Neighbours = field(default_factory=Neighbours)


class LiveAttempt:
    """Runs one session to its end, whatever ends it."""

    def __init__(
        self,
        spec: AttemptSpec,
        folder: AttemptFolder,
        session: Session,
        starter: AttemptStarter,
        pulse: Pulse,
        tools: Tools,
    ) -> None:
        self._spec = spec
        self._folder = folder
        self._session = session
        self._starter = starter
        self._pulse = pulse
        self._tools = tools
        self._standstill = Standstill(tools.standstill_s)
        self._excess: Message | None = None
        self._left: tuple[Message, ...] = ()
        self._asked: asyncio.Future[Literal["cancel", "cut"]] = asyncio.get_running_loop().create_future()

    async def run(self) -> Ending:
        """The ending; its processes are gone and its files frozen when this returns, or is cancelled."""
        began = self._tools.clock.monotonic()
        running = asyncio.create_task(self._session.run())
        try:
            why = await self._wait(running)
            if why != "ended":
                await self._bring_down(running, hard=why in ("cut", "excess"))
        finally:
            await self._starter.end(0)
            running.cancel()
            await asyncio.wait({running}, timeout=_LAST_S)
            self._starter.close()
        duration = timedelta(seconds=self._tools.clock.monotonic() - began)
        kept = await asyncio.to_thread(self._keep)
        broken = running.exception() if running.done() and not running.cancelled() else None
        return self._ending(why, broken, duration, kept)

    async def interrupt(self, *, hard: bool) -> None:
        """Ask for the end: as a cancellation with grace, or at once. Asked softly and then hard, it is at once."""
        if not self._asked.done():
            self._asked.set_result("cut" if hard else "cancel")
        if hard:
            await self._starter.end(0)

    async def _wait(self, running: "asyncio.Task[None]") -> Why:
        """Until the session ends, or there is a reason to end it."""
        spec, clock, allowance = self._spec, self._tools.clock, self._tools.allowance
        expiry = asyncio.create_task(until_expired(spec.session, self._pulse, clock, self._standstill))
        too_much = partial(self._tools.neighbours.excess, spec.token)
        looking = until_excess(allowance, self._starter.processes, self._folder.writable, clock, too_much)
        excess = asyncio.create_task(looking)
        idle = asyncio.create_task(self._until_good())
        try:
            pending: set[asyncio.Future[Any]] = {running, expiry, excess, idle, self._asked}
            await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                return self._asked.result() if self._asked.done() else "ended"
            if self._asked.done():
                return self._asked.result()
            if excess.done():
                self._excess = excess.result()
                return "excess"
            if expiry.done():
                return expiry.result()
            idle.result()  # an error of the judge is ours: it must not pass for a good end
            return "good"
        finally:
            for watching in (expiry, excess, idle):
                watching.cancel()
            self._tools.neighbours.leave(spec.token)

    async def _until_good(self) -> None:
        """Return when every item has been there and accepted, on a frozen copy, after a time without any event.

        The folder is watched only after a first such time, so a short session never pays for it.
        """
        spec, clock = self._spec, self._tools.clock
        await until_quiet(spec.session.idle_after_output, self._pulse, clock)
        async with aclosing(changes(self._folder.working_folder, spec.output, asyncio.Event())) as changed:
            async for _ in changed:
                self._pulse.event("output")
                await until_quiet(spec.session.idle_after_output, self._pulse, clock)
                if await self._looks_good():
                    return
        await asyncio.Event().wait()

    async def _looks_good(self) -> bool:
        """At a copy of what is there now, of which nothing is kept: a session may write all night."""
        spec = self._spec
        try:
            glance = ArtifactStore(self._folder.glance, MemoryStore())
            frozen, failure = collected(spec.work, self._folder, glance)
            if failure or not frozen.artifacts:
                return False
            produced = Produced(frozen.artifacts, frozen.output_faults, spec.folder)
            judgement = await self._tools.judge(glance, spec.work, produced)
            self._pulse.beat()
            return judgement.is_complete()
        except HaltedError:
            return False
        finally:
            remove_tree(self._folder.glance)

    async def _bring_down(self, running: "asyncio.Task[None]", *, hard: bool) -> None:
        """End the session: politely, then firmly, each for a bounded time."""
        if not hard:
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLITE_S):
                    await self._session.interrupt()
                    await asyncio.wait({running})
            if not running.done():
                await self._starter.end(_GRACE_S)
        await self._starter.end(0)
        await asyncio.wait({running}, timeout=_LAST_S)

    def _keep(self) -> "Kept":
        """All that is to be done with files when the session is over; in one go, for each way to a thread costs."""
        self._excess = self._excess or written(self._tools.allowance, self._folder.writable)
        folder = self._folder
        kept = collected(self._spec.work, folder, self._tools.store)
        self._left = tuple(folder.workspace.tidy(folder.work))
        folder.tidy()
        if self._tools.keeping is not None:
            self._left += tuple(self._tools.keeping.ended(folder.root))
        return kept

    def _ending(self, why: Why, broken: BaseException | None, duration: timedelta, kept: "Kept") -> Ending:
        frozen, failure = kept
        facts = self._session.facts()
        has_stood = self._standstill.was()
        seen = self._session.symptoms()
        excess = self._excess or seen.excess
        symptoms = replace(seen, produced=bool(frozen.artifacts), excess=excess, suspended=has_stood)
        if symptoms.is_error is None:
            symptoms = replace(symptoms, stderr=self._folder.last_error())
        if failure is None and is_full(self._spec.folder):  # what it left may be cut off, through no fault of its own
            failure = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._spec.folder))
        if failure is not None:
            symptoms, why = replace(symptoms, **of_the_disk(failure, self._tools.store.root), is_error=None), "ended"
        if isinstance(why, Expired):
            symptoms = replace(symptoms, clock=why.clock, waited_for=why.waited_for)
        elif why in ("cancel", "cut"):
            symptoms = replace(symptoms, operator=why)
        elif broken is not None:
            symptoms = replace(symptoms, is_error=True, text=f"{type(broken).__name__}: {broken}")
        return Ending(
            artifacts=tuple(frozen.artifacts),
            output_faults=tuple(frozen.output_faults),
            fault=None if why == "good" else classify(symptoms),
            facts=facts,
            duration=duration,
            notes=(
                *frozen.notes,
                *self._left,
                *self._session.notes(),
                *([message("idle_after_output")] if why == "good" else ()),
                *([message("host_suspended")] if has_stood else ()),
            ),
        )


Kept = tuple[Collected, OSError | None]
"""What was collected; the error, when the store could not take it."""


def collected(work: Work, folder: AttemptFolder, store: ArtifactStore) -> Kept:
    """What lies in an attempt's workspace now; with the error, when the store cannot take it."""
    try:
        return folder.workspace.collect(folder.work, work.output, [item.id for item in work.items], store), None
    except OSError as error:
        return Collected((), (), (message("output_not_kept", error=str(error)),)), error


def of_the_disk(error: OSError, place: Path) -> dict[str, Any]:
    """The symptoms of an attempt that a disk failed: number, and which disk it is in words."""
    return {"errno": error.errno or errno.EIO, "text": in_words(error, place).message}


def not_started(spec: AttemptSpec, error: OSError) -> Ending:
    """The ending of an attempt whose folder could not be laid out."""
    symptoms = _missing_input(spec, error) or Symptoms(**of_the_disk(error, spec.folder))
    facts = SessionFacts(session_id=spec.session_id, cost_usd=Decimal(0))
    return Ending((), (), classify(symptoms), facts, timedelta(0))


def _missing_input(spec: AttemptSpec, error: OSError) -> Symptoms | None:
    """Files of items that were there when the job was planned; None when it is something else that failed."""
    files = {item.id: item.file for item in spec.items if item.file is not None}
    failed = next((file for file in files.values() if error.filename in (file, str(file))), None)
    if failed is None or error.errno not in _OUT_OF_REACH:
        return None
    if error.errno == errno.ENOTDIR and failed.parent.is_dir():
        return Symptoms(missing_folder=f"{failed.parent} (it is a link now, or behind one)")
    if not failed.parent.is_dir():
        return Symptoms(missing_folder=str(failed.parent))
    lost = [id_ for id_, file in files.items() if file == failed or file.is_symlink() or not file.is_file()]
    why = " (a link now, and no link is followed)" if error.errno == errno.ELOOP else ""
    return Symptoms(
        missing_input=tuple(map(str, lost)), text=f"{', '.join(lost)}{why}; put it back, then retry the item"
    )
