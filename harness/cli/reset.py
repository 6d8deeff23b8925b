"""Starting over, said aloud."""

import asyncio

from harness import api
from harness.base.texts import shown
from harness.cli.output import say


def reset_now(job: api.Job, why: str = "") -> None:
    """Move everything to a backup, if there is anything, and say so behind `why`."""
    moved = asyncio.run(api.start_over(job))
    if moved is None:
        return
    say(f"{f'{why}: starting over; ' if why else ''}moved the previous state to {shown(moved.backup)}")
    if moved.unheard:
        say(f"pending requests went with it: {', '.join(moved.unheard)}; repeat them if still wanted")
