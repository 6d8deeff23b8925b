"""The job's lock: a kernel lock that no child inherits and that dies with its holder."""

import fcntl
import json
import os
import socket
import time
from pathlib import Path
from types import TracebackType

from harness.base.clock import Clock, to_text
from harness.base.commands import command_at
from harness.base.errors import BrokenSetupError, JobHeldError
from harness.base.job_home import JobHome
from harness.base.marks import folder_identity
from harness.base.state import open_state

_NOTE_BYTES = 4096


class JobLock:
    """Held from `with` to its end. The text in the file is for people; only the kernel lock counts."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self._clock = clock
        self._descriptor = -1
        self._folder = ""

    def __enter__(self) -> "JobLock":
        self._descriptor = open_state(self.path, os.O_RDWR | os.O_CREAT)
        try:
            is_ours = _take(self._descriptor)
        except OSError as error:
            os.close(self._descriptor)
            raise OSError(error.errno, error.strerror, str(self.path)) from error
        if not is_ours:
            os.close(self._descriptor)
            raise _held(self.path)
        self._folder = folder_identity(self.path.parent)
        note = {"pid": os.getpid(), "host": socket.gethostname(), "since": to_text(self._clock.now())}
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, json.dumps(note).encode(), 0)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._descriptor)

    def is_in_place(self) -> bool:
        """False when somebody removed or replaced the lock file under us: a second supervisor could start.

        BrokenSetupError when its whole folder was moved or deleted: nothing may be written by that path any more.
        """
        try:
            here, ours = self.path.stat(), os.fstat(self._descriptor)
        except (FileNotFoundError, NotADirectoryError):
            if folder_identity(self.path.parent) != self._folder:
                raise self._lost_folder() from None
            return False
        return (here.st_dev, here.st_ino) == (ours.st_dev, ours.st_ino)

    def _lost_folder(self) -> BrokenSetupError:
        """Where it went, as far as the kernel tells."""
        job = self.path.parent.parent.parent
        try:
            now = str(Path(f"/proc/self/fd/{self._descriptor}").readlink())
        except OSError:
            now = ""
        if now.endswith(" (deleted)"):
            hint = "all sessions were terminated; without its folder the job starts over"
            return BrokenSetupError(f"{job}: the job's folder was deleted while it ran", hint=hint)
        moved = f"moved to {Path(now).parent}" if now else "moved or deleted"
        hint = (
            "all sessions were ended, nothing accepted is lost; put it back, or launch where it is now (a job that was "
            "named by its folder needs its old name there, `job: NAME`)"
        )
        return BrokenSetupError(f"{self.path.parent} was {moved} while the job ran", hint=hint)


def _take(descriptor: int) -> bool:
    """Try for a quarter of a second: a reader that asks `is_held` has the lock for a blink. OSError: it takes none."""
    for _ in range(5):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        else:
            return True
    return False


def is_held(path: Path) -> bool:
    """Does a supervisor hold the lock now? On a disk that takes no locks none can.

    BrokenSetupError when it is no plain file.
    """
    try:
        descriptor = open_state(path, os.O_RDONLY)  # also where nothing may be written
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


def refuse_if_held(state: Path) -> None:
    """JobHeldError when a supervisor holds the job of this state folder, before anything is started for it."""
    if is_held(JobHome(state).lock):
        raise _held(JobHome(state).lock)


def _held(path: Path) -> JobHeldError:
    """Who holds it, and what to type about that run."""
    hint = f"`{command_at(path.parent, 'status')}` shows what it does, `{command_at(path.parent, 'cancel')}` ends it"
    return JobHeldError(f"another supervisor holds this job: {_holder_in_words(path)}", hint=hint)


def _holder_in_words(path: Path) -> str:
    try:
        with os.fdopen(open_state(path, os.O_RDONLY), "rb") as file:
            note = json.loads(file.read(_NOTE_BYTES))
        return f"pid {note['pid']} on {note['host']} since {note['since']}"
    except (OSError, BrokenSetupError, ValueError, KeyError, TypeError):
        return "it has not said who it is"
