"""Jobs played on the real Claude Code CLI against the rehearsal server, and what the kernel tells of them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.children import environment, peak_mb

_LOOK_S = 0.25
_TICKS = os.sysconf("SC_CLK_TCK")


def write_job(folder: Path, manifest: str, ids: Sequence[str]) -> None:
    """A job folder whose items have an id and a text each."""
    rows = [{"id": id_, "text": f"Sentence {id_} is about the number of its day."} for id_ in ids]
    (folder / "items.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    (folder / "job.yaml").write_text(manifest)


@dataclass(slots=True)
class Watched:
    """What was seen of one rehearsal. Memory in MB; PSS counts a shared page by its share."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    """Of everything: supervisor, server, sessions."""
    supervisor_cpu_s: float = 0.0
    supervisor_mb: float = 0.0
    server_cpu_s: float = 0.0
    session_mb: dict[int, float] = field(default_factory=dict)
    """First process of a session -> the most that all of its processes had at one moment."""
    most_at_once: int = 0
    most_together_mb: float = 0.0

    def session_cpu_s(self) -> float:
        """Of one session, on average."""
        return (self.cpu_s - self.supervisor_cpu_s - self.server_cpu_s) / max(1, len(self.session_mb))


def rehearse(folder: Path, program: Sequence[str] = ("-m", "harness")) -> Watched:
    """Play the job in `folder` to its end and watch. SystemExit when it does not end with 0."""
    seen = Watched()
    began = time.perf_counter()
    with (folder / ".said").open("wb+") as said:
        argv = [sys.executable, *program, "rehearse", "--plain"]
        child = subprocess.Popen(
            argv, cwd=folder, env=environment(), stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
        code = None
        try:
            while code is None:
                time.sleep(_LOOK_S)
                _look(child.pid, seen)
                pid, status, used = os.wait4(child.pid, os.WNOHANG)
                code = os.waitstatus_to_exitcode(status) if pid else None
        except BaseException:
            child.send_signal(signal.SIGTERM)
            child.wait()
            raise
        child.returncode = code
        seen.wall_s = time.perf_counter() - began
        seen.cpu_s = used.ru_utime + used.ru_stime
        if code:
            said.seek(0)
            raise SystemExit(f"the rehearsal ended with {code}:\n{said.read().decode(errors='replace')[-3000:]}")
    return seen


def _look(supervisor: int, seen: Watched) -> None:
    seen.supervisor_mb = max(seen.supervisor_mb, peak_mb(Path(f"/proc/{supervisor}/status")))
    seen.supervisor_cpu_s = max(seen.supervisor_cpu_s, _cpu_s(supervisor))
    together, at_once = 0.0, 0
    for child in _children(supervisor):
        words = _words(child)
        if "harness.rehearsal.server" in words:
            seen.server_cpu_s = max(seen.server_cpu_s, _cpu_s(child))
        elif any(word.startswith("--session-id") for word in words):
            now_mb = sum(_pss_mb(pid) for pid in _tree(child))
            seen.session_mb[child] = max(seen.session_mb.get(child, 0.0), now_mb)
            together, at_once = together + now_mb, at_once + 1
    seen.most_at_once = max(seen.most_at_once, at_once)
    seen.most_together_mb = max(seen.most_together_mb, together)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


def _tree(pid: int) -> list[int]:
    return [pid, *(below for child in _children(pid) for below in _tree(child))]


def _words(pid: int) -> list[str]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    return []


def _cpu_s(pid: int) -> float:
    """Of the process itself, without its children."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS
    return 0.0


def _pss_mb(pid: int) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0
