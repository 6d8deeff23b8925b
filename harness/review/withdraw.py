"""Acceptances taken back, for `reject` and `redo`, and out of the merge."""

import re
from collections.abc import Sequence

from harness.base.commands import command_at
from harness.base.errors import BrokenSetupError
from harness.job.job import Job
from harness.ledger.past_attempts import Acceptance
from harness.ledger.withdrawal import Word, derived_from_all, is_busy, withdraw
from harness.planning.changes import CHECKS
from harness.review.held_job import held, write_outputs
from harness.supervisor.lost_attempts import settle_unjudgeable

ASKED = re.compile(rf"(phases\.[^.]+\.)?session\..*|{CHECKS.pattern}")
"""What may have changed when items are done again."""


async def withdraw_from_job(job: Job, taken: Sequence[Acceptance], word: Word, *, keep: bool) -> list[Acceptance]:
    """Take acceptances back, and out of the merge; those that stood are returned.

    `keep`: what has changed about prompts and checks is what the items are made again with. JobHeldError, UsageError.
    """
    async with held(job, ASKED) as (run, kept):
        settle_unjudgeable(run, {(made.phase, made.item) for made in derived_from_all(run.ledger.db, taken)})
        if is_busy(run.ledger.db, taken):
            raise BrokenSetupError(
                "a run was killed while sessions worked on what was made from these items",
                hint=f"`{command_at(job.state, 'launch')}` settles that first",
            )
        with run.ledger.transaction() as transaction:
            if kept is not None and keep:
                transaction.record([kept])
            gone = withdraw(transaction, taken, word)
        await write_outputs(run)
        return gone


async def refuse_other_changes(job: Job) -> None:
    """Before anybody is told what will be taken back: UsageError where `withdraw_from_job` would refuse."""
    async with held(job, ASKED):
        pass
