"""How a run begins: what a person chose for it, as values, and what it takes over from other jobs."""

from collections.abc import Collection
from dataclasses import dataclass, field

from harness.planning.choice import Choice, chosen_roots
from harness.planning.job_plan import Agreed
from harness.supervisor.output_files import OutputFiles
from harness.supervisor.record_reuse import reuse
from harness.supervisor.run_context import RunContext


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
