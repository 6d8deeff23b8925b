"""One step of the loop: settle the attempt that has ended, decide, and record the next start, in one transaction."""

from contextlib import suppress
from dataclasses import dataclass

from harness.base.errors import LedgerDamagedError, UsageError
from harness.core.advance import broken_machine, stopped_by
from harness.core.decide import Snapshot, Start, Stop, Wait, decide
from harness.core.events import AttemptEnded
from harness.core.gate import Closed
from harness.core.messages import message
from harness.core.work import AttemptSpec
from harness.ledger import attempt_queries, group_queries
from harness.planning.selections import Selections
from harness.supervisor.attempt import settle_as_judged
from harness.supervisor.gatekeeper import Gatekeeper
from harness.supervisor.inbox import SessionEnded
from harness.supervisor.output_files import OutputFiles
from harness.supervisor.pilot import Pilot
from harness.supervisor.run_context import RunContext
from harness.supervisor.running_sessions import RunningSession, Sessions
from harness.supervisor.stopping import Stopping


@dataclass(frozen=True, slots=True)
class Step:
    """What was decided, what keeps the gate closed, and the session that begins when its start is committed."""

    decision: Start | Wait | Stop
    closed: Closed | None
    spec: AttemptSpec | None


class Steps:
    """Makes them from what runs, what the gatekeeper says, and how far a stop has gone."""

    def __init__(
        self, run: RunContext, sessions: Sessions, gatekeeper: Gatekeeper, stopping: Stopping, files: OutputFiles
    ) -> None:
        self._run = run
        self._sessions = sessions
        self._gatekeeper = gatekeeper
        self._stopping = stopping
        self._files = files
        self.pilot = Pilot(run)
        self.selections = Selections(run.job, run.ledger)

    def snapshot(self) -> Snapshot:
        """All that the next step depends on."""
        return self._gatekeeper.snapshot(self._sessions.running(), self._stopping.reason, self._stopping.deadline)

    def next(self) -> Step:
        """Look, decide, and record the start if that is it."""
        snapshot = self.snapshot()
        decision = decide(snapshot)
        if not isinstance(decision, Start):
            return Step(decision, snapshot.closed, None)
        if elsewhere := self._gatekeeper.probed_elsewhere():
            return Step(Wait(elsewhere.until, elsewhere.why), elsewhere, None)
        return Step(decision, snapshot.closed, self._start(is_lead=decision.lead))

    def settle_and_next(self, ended: SessionEnded) -> Step:
        """Settle an attempt; the start that takes its place is in the same transaction: a sync less for each."""
        session = self._sessions.ended(ended.attempt)
        if ended.judgement is None:
            return self.next()
        step = None
        with self._run.ledger.joined():
            judgement = self._run.duplicate_ids.rejected_in(ended.judgement)
            recorded = settle_as_judged(self._run, ended.attempt, session.spec.work, ended.ending, judgement)
            self._follow(session, recorded)
            with suppress(LedgerDamagedError):  # of what the next one needs: raised again when this end is committed
                step = self.next()
        step = step or self.next()
        self._gatekeeper.committed(recorded)
        if not self._sessions.running().is_led:
            self._gatekeeper.end_probe()
        return step

    def judge_pilot(self) -> None:
        """The batches that ran ahead are settled."""
        judged = self.pilot.judge(self._stopping.deadline)
        self._files.progress.note()
        if not judged.is_good and self._gatekeeper.next_group() is not None:
            self._stopping.because(Stop("late", message("pilot_failed", accepted=judged.accepted, of=judged.of)))

    def _start(self, *, is_lead: bool) -> AttemptSpec | None:
        attempt, group = self._gatekeeper.next_attempt(), self._gatekeeper.next_group()
        assert group is not None, "decided to start a group that is not there"
        others_wait = is_lead and self._gatekeeper.gate.parallel > 1
        others_wait = others_wait and group_queries.is_another_ready(self._run.ledger.db, self._run.until)
        try:
            spec = self._sessions.start(attempt, group, is_lead=is_lead, others_wait=others_wait)
        except UsageError as error:  # the template asks for what these items do not have
            self._stopping.because(Stop("broken", message("prompt_broken", detail=error.message)))
            return None
        self._gatekeeper.started()
        return spec

    def _follow(self, session: RunningSession, ended: AttemptEnded) -> None:
        """What follows from what was recorded, never from what the session itself said."""
        job = self._run.job
        self._gatekeeper.ended(session.spec, ended, has_answered=session.has_answered)
        reason = stopped_by(ended, rehearsal=job.rehearsal, instance=job.instance)
        if reason is not None and not self._gatekeeper.is_probed_once_more(ended, self._sessions):
            self._stopping.because(Stop("broken", reason))
        if ended.blame == "host" and (broken := broken_machine(attempt_queries.newest_ended(self._run.ledger.db))):
            self._stopping.because(Stop("broken", broken))
        self.selections.make()
        self._files.note([session.spec.work.batch.phase])
