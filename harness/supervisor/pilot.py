"""The pilot: a few batches run ahead, then one verdict on what the rest will cost and when it will be ready."""

from datetime import datetime
from typing import Literal

from harness.base.clock import to_text
from harness.core.events import GroupsChosen
from harness.core.forecast import Forecast, Range, forecast, judge_pilot, left_over
from harness.core.money import to_micro
from harness.core.pace import by_the_clock, left_at
from harness.core.reserve import reservation
from harness.core.run_events import PilotJudged, PilotStarted, Shortfall
from harness.ledger import group_queries, item_queries, money_queries, run_queries
from harness.ledger.cost_samples import rests, samples
from harness.planning.pilot_batches import batches_ahead
from harness.supervisor.run_context import RunContext


class Pilot:
    """Runs the chosen batches of the first phase ahead of all others, and what follows from them."""

    def __init__(self, run: RunContext) -> None:
        self._run = run
        self._is_on = False
        self._used: list[float] = []

    @property
    def is_on(self) -> bool:
        """The pilot's batches run and no verdict has been given yet."""
        return self._is_on

    def begin(self) -> None:
        """Park everything else, if the job wants a pilot and has not had one. A killed pilot goes on."""
        db = self._run.ledger.db
        batches = batches_ahead(db, self._run.job.pilot)
        if not batches:
            return
        state = run_queries.pilot_state(db)
        roots = item_queries.members(db, batches)
        chosen = tuple(int(group.id) for group in group_queries.queued_groups(db) if set(group.roots.values()) <= roots)
        events = [GroupsChosen(chosen)] if state == "started" else [PilotStarted(batches), GroupsChosen(chosen)]
        self._run.ledger.record(*events)
        self._is_on = True

    def note_use(self, utilization: float | None) -> None:
        """What the provider said of the plan's window while the pilot ran."""
        if self._is_on and utilization is not None:
            self._used.append(utilization)

    def judge(self, deadline: datetime | None) -> PilotJudged:
        """Commit the verdict and let the other batches go, good or not: a person decides by running on. `deadline`: of
        this run."""
        db, job, now = self._run.ledger.db, self._run.job, self._run.clock.now()
        done, settled = item_queries.done_and_settled(db)
        verdict = judge_pilot(done, settled)
        to_come = by_the_clock(forecast(samples(db), rests(db, job.parallel)), job.bounds, now)
        open_ = item_queries.open_roots(db)

        def left(seconds: float) -> int:
            return left_at(deadline, now, seconds, job.bounds, open_) if deadline is not None else 0

        spent = money_queries.money(db).spent
        names = {phase.number: phase.name for phase in job.phases}
        judged = PilotJudged(
            is_good=verdict.is_good,
            accepted=done,
            of=settled,
            cost_low_microusd=spent + int(to_come.cost_microusd.low),
            cost_high_microusd=spent + int(to_come.cost_microusd.high),
            seconds_low=round(to_come.seconds.low, 1),
            seconds_high=round(to_come.seconds.high, 1),
            unknown=tuple(names[phase] for phase in to_come.unknown),
            plan_share=self._plan_share(),
            open=open_,
            deadline=to_text(deadline) if deadline is not None else "",
            left_low=left(to_come.seconds.low),
            left_high=left(to_come.seconds.high),
            shortfalls=self._shortfalls(to_come, open_),
            rehearsal=job.rehearsal,
        )
        self._run.ledger.record(judged, GroupsChosen(None))
        self._is_on = False
        return judged

    def _shortfalls(self, to_come: Forecast, open_: int) -> tuple[Shortfall, ...]:
        """What the rest will not, or may not, fit into: the budget and the caps."""
        job, db = self._run.job, self._run.ledger.db
        used, caps = run_queries.run_state(db).used, job.bounds.caps
        bounds: list[tuple[Literal["budget", "sessions", "turns", "tokens"], int, float, Range]] = []
        if job.budget is not None:
            budget, cost = to_micro(job.budget), to_come.cost_microusd
            each = (cost.low + cost.high) / 2 / max(1.0, to_come.starts)
            set_aside = max(reservation(job, phase) for phase in job.phases)  # also for the last one
            room = budget - money_queries.money(db).spent - max(0.0, set_aside - each)
            bounds.append(("budget", budget, room, cost))
        capped: tuple[tuple[Literal["sessions", "turns", "tokens"], int | None, int], ...] = (
            ("sessions", caps.sessions, used.sessions),
            ("turns", caps.turns, used.turns),
            ("tokens", caps.tokens, used.tokens),
        )
        for what, cap, so_far in capped:
            if cap is not None and used.sessions:
                needed = to_come.starts * so_far / used.sessions
                bounds.append((what, cap, cap - so_far, Range(needed, needed)))
        found = (Shortfall(what, limit, *left_over(room, needed, open_)) for what, limit, room, needed in bounds)
        return tuple(each for each in found if each.left_high)

    def _plan_share(self) -> float | None:
        """What the rest would use of the plan's window, by what the pilot used of it."""
        if len(self._used) < 2:
            return None
        db = self._run.ledger.db
        sessions = run_queries.run_state(db).used.sessions
        remaining = sum(rest.items for rest in rests(db, 1))
        settled = sum(sample.items_settled for sample in samples(db))
        per_item = (self._used[-1] - self._used[0]) / max(1, settled)
        return round(max(0.0, per_item * remaining), 3) if sessions else None
