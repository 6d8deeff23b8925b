"""What settle has to know about an attempt that is about to end."""

from dataclasses import dataclass
from datetime import datetime

from harness.base.ids import ItemId
from harness.core.types import BatchRef


@dataclass(frozen=True, slots=True)
class Member:
    """One item of the attempt's group, as the ledger knows it."""

    id: ItemId
    strikes: int
    root: str
    place: str


@dataclass(frozen=True, slots=True)
class Open:
    """An attempt without its end: what settle has to know about it and its surroundings."""

    attempt: int
    group: int
    batch: BatchRef
    members: tuple[Member, ...]
    tries: int
    no_strike_retries: int
    last_no_strike: int | None
    suspected: bool
    """Its breakdowns are its own: it was suspected before, in other company or alone."""
    breakdowns: int
    """How often this machine has broken a session of its first item; 0 while it counts as transient anyway."""
    others_withstood: bool
    """Some attempt that started after the first breakdown of those in a row has ended well."""
    others_ended_well: bool
    """Some attempt that started after this group's last no-strike fault has ended well."""
    batch_repeated: bool
    """This batch has had its one repeat of a whole failure."""
    reserved_microusd: int
    provider_faults_in_a_row: int
    next_group: int
    strikes_allowed: int
    checks_raised: int = 0
    """How many attempts of its phase, the last ones that were judged in this run, ended because a check raised."""
    held_until: datetime | None = None
    """What this job is held until already."""
    most_microusd: int | None = None
    """What a session can cost at most; None = no bound is known."""
