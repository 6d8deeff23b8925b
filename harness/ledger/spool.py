"""The control spool: another terminal asks, the supervisor turns each request into an event.

    .harness/<stem>/control/<time ns>-<random>.json      one request, renamed into place

A request that nobody takes waits for the next launch.
"""

import asyncio
import getpass
import json
import os
import re
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import pydantic

from harness.base.errors import BrokenSetupError
from harness.base.files import make_folder, write_atomic
from harness.base.folder_watch import FolderWatch
from harness.base.state import open_state
from harness.ledger.edits import EditedRow

_MOST_BYTES = 16 * 1024 * 1024
_REQUEST = re.compile(r"[0-9].*\.json")

Verb = Literal["cancel", "pause", "resume", "retry", "reject"]


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asked. For `retry`: `items` by id, or every failed one, `rows` are those of today that differ from
    what was planned; for `cancel`: `now` = without grace.

    For `reject`: `items` of `phase`, as far as they were accepted up to the entry `seen`.
    """

    verb: Verb
    who: str
    items: tuple[str, ...] = ()
    all_failed: bool = False
    now: bool = False
    phase: Annotated[int, pydantic.Field(ge=0, le=10_000)] = 0
    seen: int = 0
    why: str = ""
    rows: tuple[EditedRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Posted:
    """A request as it lies in the spool."""

    path: Path
    request: Request

    def done(self) -> None:
        """Take it out of the spool, after its event is committed. Carried out twice after a crash, it does no harm."""
        self.path.unlink(missing_ok=True)


def who_am_i() -> str:
    """User and process, for the record: `anna (pid 4711)`."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = str(os.getuid())
    return f"{name} (pid {os.getpid()})"


def post(folder: Path, request: Request) -> Path:
    """Put a request into the spool; durable when it returns. The file is gone when it was carried out."""
    path = make_folder(folder) / f"{time.time_ns():020d}-{secrets.token_hex(4)}.json"
    write_atomic(path, json.dumps(asdict(request)).encode())
    return path


def waiting(folder: Path) -> list[Posted]:
    """Requests in the order they were posted. What is no request of ours is left alone."""
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if _REQUEST.fullmatch(entry.name))
    except FileNotFoundError:
        return []
    if not names:
        return []  # at every step of the loop; to make the adapter takes 1 ms
    posted: list[Posted] = []
    adapter = pydantic.TypeAdapter(Request)
    for path in (folder / name for name in names):
        try:
            posted.append(Posted(path, adapter.validate_json(_content(path))))
        except (OSError, BrokenSetupError, ValueError):
            continue
    return posted


def forget_cancels(folder: Path) -> None:
    """By who has just taken the job's lock: a cancel that nobody took was meant for a run that is over."""
    for posted in waiting(folder):
        if posted.request.verb == "cancel":
            posted.done()


def _content(path: Path) -> bytes:
    """Of a plain file of a request's size that this user, root or the owner of the folder has made; anything else is
    an OSError, BrokenSetupError or ValueError, and nothing is waited for."""
    descriptor = open_state(path, os.O_RDONLY)
    try:
        found = os.fstat(descriptor)
        is_ours = found.st_uid in (0, os.geteuid(), path.parent.stat().st_uid)
        if found.st_size > _MOST_BYTES or not is_ours:
            raise ValueError(f"{path} is not a request")
        return os.read(descriptor, _MOST_BYTES)
    finally:
        os.close(descriptor)


async def arrivals(folder: Path) -> AsyncIterator[None]:
    """Yields whenever something was put into the spool; nothing wakes while nothing comes."""
    make_folder(folder)
    never = asyncio.Event()
    with FolderWatch() as watch:
        watch.watch([folder])
        while True:
            await watch.changed(never)
            yield None
