"""The instances of one manifest, `--as NAME`: where each of them stands."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.base.commands import NextCommand
from harness.base.instances import instances_of, state_folder
from harness.core.money import in_words as money
from harness.views.ledger_reading import is_planned
from harness.views.status import SCHEMA_VERSION, Status, read_status
from harness.views.status_text import counts_line, state_word
from harness.views.wording import clean


@dataclass(frozen=True, slots=True)
class Instances:
    """Those of a manifest that were launched (or rehearsed), by their names."""

    manifest: str
    rehearsal: bool
    found: tuple[tuple[str, Status], ...]

    def as_json(self) -> dict[str, Any]:
        """Shape: `{schema_version, instances: [as status --json]}`."""
        return {"schema_version": SCHEMA_VERSION, "instances": [status.as_json() for _, status in self.found]}

    def lines(self) -> Iterator[str]:
        """One line an instance, and how to look at one of them."""
        width = max(len(name) for name, _ in self.found)
        for name, status in self.found:
            spent = f", {money(status.head.spent_microusd)}" if status.head and status.head.spent_microusd else ""
            yield f"{clean(name):<{width}}  {state_word(status)}: {counts_line(status)}{spent}"
        first = self.found[0][0]
        yield f"Next: `{NextCommand('status', (), self.manifest, first, self.rehearsal)}`"


def read_instances(manifest: Path, named: str, now: datetime, *, rehearsal: bool) -> Instances | None:
    """None when there are none."""
    names = planned_instances(manifest, rehearsal=rehearsal)
    found = tuple((name, read_status(state_folder(manifest, name, rehearsal=rehearsal), now)) for name in names)
    return Instances(named, rehearsal, found) if found else None


def planned_instances(manifest: Path, *, rehearsal: bool) -> list[str]:
    """Their names; without those whose first launch was refused, which leaves an empty ledger."""
    names = instances_of(manifest, rehearsal=rehearsal)
    return [name for name in names if is_planned(state_folder(manifest, name, rehearsal=rehearsal))]


def others_line(names: Sequence[str], manifest: str, *, rehearsal: bool) -> str:
    """Under the status of the job itself: `Instances: acme, beta (`harness status --as acme`)`."""
    command = NextCommand("status", (), manifest, names[0], rehearsal)
    return f"Instances: {', '.join(map(clean, names))} (`{command}`)"
