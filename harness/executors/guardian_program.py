"""A small program that runs one command and sees to it that nothing of it outlives the supervisor.

    guardian_program.py LIFE_FD GRACE_S -- COMMAND...

LIFE_FD is the reading end of a pipe; when it is at its end the supervisor is gone. Then, or at SIGTERM: SIGTERM to all
of the command's processes, after GRACE_S seconds SIGKILL. When the command ends, what it left behind is killed, and
its exit code is passed on (128 + n for a signal n). Started by path, alone: it imports nothing of the package, and of
the standard library only what starts fast (pathlib and subprocess would cost 20 ms a session).
"""

import ctypes
import os
import select
import signal
import sys
import time

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_IS_LINUX = sys.platform.startswith("linux")


def main(life: int, grace_s: float, command: list[str]) -> int:
    """Run it; returns the exit code."""
    if _IS_LINUX:
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    wake, wake_writer = os.pipe()
    for end in (wake, wake_writer):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
    for number in (*_SIGNALS, signal.SIGCHLD):
        signal.signal(number, lambda _number, _frame: None)
    leader = _start(command, life)
    code = _watch(leader, life, wake, grace_s)
    _clear(leader)
    return code if code >= 0 else 128 - code


def _start(command: list[str], life: int) -> int:
    """Fork and become the leader of a session of its own; it dies when this guardian is killed."""
    guardian = os.getpid()
    leader = os.fork()
    if leader:
        return leader
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (*_SIGNALS, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    if _IS_LINUX:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != guardian:
            os._exit(137)
    os.close(life)
    try:
        os.execvp(command[0], command)  # noqa: S606  no shell: that is the point
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
        os._exit(127)


def _watch(leader: int, life: int, wake: int, grace_s: float) -> int:
    """Sleep until the leader has ended; returns its exit code, negative for a signal."""
    kill_at: float | None = None
    while True:
        code = _reap(leader)
        if code is not None:
            return code
        sources = [wake] if kill_at is not None else [wake, life]
        patience = None if kill_at is None else max(0.0, kill_at - time.monotonic())
        ready, _, _ = select.select(sources, [], [], patience)
        asked = life in ready or _heard_signal(wake, ready)
        if kill_at is None and asked:
            _send_all(leader, signal.SIGTERM)
            kill_at = time.monotonic() + grace_s
        elif kill_at is not None and time.monotonic() >= kill_at:
            _send_all(leader, signal.SIGKILL)
            kill_at = time.monotonic() + 1.0


def _heard_signal(wake: int, ready: list[int]) -> bool:
    """True when one of the signals that ask for the end came (a child's end wakes us too)."""
    if wake not in ready:
        return False
    try:
        return bool(set(os.read(wake, 512)) & set(map(int, _SIGNALS)))
    except BlockingIOError:
        return False


def _reap(leader: int) -> int | None:
    """Collect every ended child; the leader's exit code when it was among them."""
    code = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if pid == 0:
            return code
        if pid == leader:
            code = os.waitstatus_to_exitcode(status)


def _clear(leader: int) -> None:
    """Kill what is left of the command, round after round, until nothing is."""
    for _ in range(100):
        _reap(leader)
        if not _descendants():
            return
        _send_all(leader, signal.SIGKILL)
        time.sleep(0.005)


def _send_all(leader: int, number: int) -> None:
    for pid in _descendants():
        try:
            os.kill(pid, number)
        except OSError:
            continue
    try:
        os.killpg(leader, number)
    except OSError:
        return


def _descendants() -> list[int]:
    """Every living process below this one."""
    parents = _parents_linux() if _IS_LINUX else _parents_elsewhere()
    found: list[int] = []
    waiting = [os.getpid()]
    while waiting:
        parent = waiting.pop()
        below = [pid for pid, its_parent in parents.items() if its_parent == parent]
        found += below
        waiting += below
    return found


def _parents_linux() -> dict[int, int]:
    parents: dict[int, int] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208  see above
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123  see above
                    state, parent = file.read().rpartition(b")")[2].split()[:2]
            except OSError:
                continue
            if state != b"Z":
                parents[int(name)] = int(parent)
    return parents


def _parents_elsewhere() -> dict[int, int]:
    import subprocess

    listed = subprocess.run(["ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=False).stdout
    pairs = (line.split() for line in listed.splitlines())
    return {int(pair[0]): int(pair[1]) for pair in pairs if len(pair) == 2}


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[4:]))
