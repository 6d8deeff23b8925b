"""How a run begins: what a person chose for it, as values, and what has to be settled before anything starts."""

from collections.abc import Collection
from dataclasses import dataclass, field

from harness.core.decide import Stop
from harness.evaluation.cancellation import HaltedError
from harness.ledger import attempt_queries
from harness.planning.choice import Choice, chosen_roots
from harness.planning.job_plan import Agreed
from harness.supervisor.attempt import judge_and_settle, salvage
from harness.supervisor.output_files import OutputFiles
from harness.supervisor.record_reuse import reuse
from harness.supervisor.run_context import RunContext
from harness.supervisor.stopping import Stopping


@dataclass(frozen=True, slots=True)
class Beginning:
    """`starts_nothing`: settle what a lost run left open, bring the outputs up to date, and stop."""

    choice: Choice = field(default_factory=Choice)
    agreed: Agreed = field(default_factory=Agreed)
    starts_nothing: bool = False


async def take_over(run: RunContext, beginning: Beginning, files: OutputFiles) -> None:
    """Take over records of other jobs; items whose rows were edited are made again."""
    edited: Collection[str] = {row.item for row in beginning.agreed.rows}
    files.note(await reuse(run, chosen_roots(run.ledger.db, beginning.choice), edited))


async def salvage_all(run: RunContext, files: OutputFiles, stopping: Stopping) -> None:
    """Settle every attempt that a lost supervisor left open, from its folder; a valid file counts."""
    await run.executor.sweep()
    for lost in attempt_queries.unsettled(run.ledger.db):
        spec, ending = await salvage(run, lost)
        try:
            await judge_and_settle(run, spec, ending)
        except HaltedError:
            return
        files.merger.note(spec.work.batch.phase)
        if (reason := attempt_queries.stopped_by(run.ledger.db, spec.id)) is not None:
            stopping.because(Stop("broken", reason))
            return
