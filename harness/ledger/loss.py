"""A ledger that is gone: there are attempts that only a ledger can have started."""

import os
from pathlib import Path

from harness.base.commands import command_at
from harness.base.errors import LedgerDamagedError
from harness.base.job_home import JobHome, attempt_number


def refuse_lost(state: Path) -> None:
    """LedgerDamagedError when a state folder holds attempts and no ledger. A job that never ran has neither."""
    path = JobHome(state).ledger
    last = last_attempt_folder(state) if not path.exists() else None
    if last is not None:
        raise LedgerDamagedError(f"{path} is missing, but {last} was made by it", hint=how_to_go_on(state))


def last_attempt_folder(state: Path) -> Path | None:
    """The folder of the attempt that was started last; each is made after its start was committed."""
    folder = JobHome(state).attempts
    if not folder.is_dir():
        return None
    with os.scandir(folder) as found:
        numbered = ((number, path.name) for path in found if (number := attempt_number(path.name)) is not None)
        _, last = max(numbered, default=(0, None))
    return folder / last if last is not None else None


def how_to_go_on(state: Path) -> str:
    """The hint when a ledger is gone, or older than the attempts."""
    anew = command_at(state, "launch", "--reset")
    return f"restore the ledger, or start over with `{anew}`, which moves everything to a backup folder"
