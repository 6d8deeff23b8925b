"""Where everything lies that this program keeps of a job: its state folder, and what each name in it is.

<job folder>/.harness/<stem>/        `<stem>@<name>` of an instance, `<stem>.rehearsal` of a rehearsal (base.instances)
    lock                    held by the kernel for the one supervisor
    ledger.db               the truth; beside it SQLite's own -wal and -shm
    ledger.seal             the clean-shutdown mark: the hash of a closed ledger
    ballast                 room on the disk that is let go when it is full (the reserve file)
    waiting.json            what keeps every start back just now
    written_back.json       which workbooks are written, and up to which entry
    launch.log              what a detached launch prints
    control/                requests of other terminals, a small file each
    artifacts/              frozen contents that are too large for the ledger
    attempts/               a folder each: 000123-p1-b007, 000124-p1-b007.2
    rehearsal/              the log of the mock API, where this is a rehearsal's
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HARNESS: Final = ".harness"
"""The folder beside the manifests that holds the state folders of all their jobs."""
LEDGER: Final = "ledger.db"
_ATTEMPTS: Final = "attempts"
_ATTEMPT: Final = re.compile(rf"{_ATTEMPTS}/[0-9]{{6,}}-p[0-9]+-b[0-9.]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class JobHome:
    """The paths of one state folder; none of them need exist."""

    root: Path

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def ledger(self) -> Path:
        return self.root / LEDGER

    @property
    def clean_shutdown(self) -> Path:
        return mark_of(self.ledger)

    @property
    def reserve_file(self) -> Path:
        return self.root / "ballast"

    @property
    def waiting_note(self) -> Path:
        return self.root / "waiting.json"

    @property
    def written_back(self) -> Path:
        return self.root / "written_back.json"

    @property
    def launch_log(self) -> Path:
        return self.root / "launch.log"

    @property
    def control(self) -> Path:
        return self.root / "control"

    @property
    def artifacts(self) -> Path:
        return self.root / "artifacts"

    @property
    def attempts(self) -> Path:
        return self.root / _ATTEMPTS

    def attempt(self, number: int, phase: int, batch: int, part: int = 0) -> Path:
        """The folder of one attempt: `attempts/000123-p1-b007`."""
        label = f"b{batch:03d}" + (f".{part}" if part else "")
        return self.attempts / f"{number:06d}-p{phase}-{label}"

    @property
    def rehearsal(self) -> Path:
        return self.root / "rehearsal"

    @property
    def folders(self) -> tuple[Path, ...]:
        """Those that a job always has."""
        return self.control, self.artifacts, self.attempts


def mark_of(ledger: Path) -> Path:
    """The clean-shutdown mark beside a ledger."""
    return ledger.with_suffix(".seal")


def is_attempt_folder(relative: str) -> bool:
    """Is it named as our own are? What a ledger of somebody else says is never a way to another place."""
    return _ATTEMPT.fullmatch(relative) is not None


def attempt_number(name: str) -> int | None:
    """The number in the name of an attempt's folder; None for a name that has none."""
    number = name.partition("-")[0]
    return int(number) if number.isdigit() else None
