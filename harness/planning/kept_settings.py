"""Settings that an instance of a manifest was planned with: its later commands need not repeat them."""

from dataclasses import dataclass
from pathlib import Path

from harness.base.instances import state_folder
from harness.base.job_home import JobHome
from harness.ledger.job_queries import planned
from harness.ledger.loss import refuse_lost
from harness.ledger.past_attempts import kept_settings


@dataclass(frozen=True, slots=True)
class KeptSettings:
    """`is_of_the_other`: a rehearsal takes those of its job, or a job those of its rehearsal."""

    settings: tuple[str, ...] = ()
    is_of_the_other: bool = False


def settings_of_instance(manifest: Path, instance: str | None, *, rehearsal: bool) -> KeptSettings:
    """Of the instance; before it is planned, of its rehearsal, or a rehearsal's of the instance: else what was
    rehearsed with one client's file would be launched with another's. LedgerDamagedError for a lost ledger."""
    if instance is None:
        return KeptSettings()
    for of_rehearsal in (rehearsal, not rehearsal):
        home = JobHome(state_folder(manifest, instance, rehearsal=of_rehearsal))
        refuse_lost(home.root)
        with planned(home.ledger) as db:
            if db is not None:
                return KeptSettings(kept_settings(db), is_of_the_other=of_rehearsal != rehearsal)
    return KeptSettings()
