"""What Landlock and the filter of system calls cost a start of the real CLI behind bubblewrap, in pairs taken in turn.

The CLI starts, finds nobody at the address it is given, and ends: that is its start-up and little else.
"""

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.machine import describe
from bench.tables import median, spread, table, verdict
from harness.backends.cli_start import cli_folder
from harness.backends.start_request import Launch
from harness.base.descriptors import passed_as_descriptors
from harness.base.files import make_folder
from harness.executors.attempt_folder import AttemptFolder
from harness.executors.bubblewrap import VIEW, Bubblewrap
from harness.executors.confinement import Confinement
from harness.workspaces.empty import EmptyWorkspace

GOAL = 1.05
HEADS = ("sandbox", "starts", "ms")
_INSIDE = "/opt/claude"


class Bare(Bubblewrap):
    """Namespaces and mounts alone."""

    def __init__(self) -> None:
        super().__init__("bwrap")
        self._confinement = Confinement(None, 0)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="bench.sandboxes", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2 pairs")
    parser.add_argument("--pairs", type=int, default=25)
    options = parser.parse_args(arguments)
    pairs = 2 if options.quick else options.pairs
    kinds = {"namespaces and mounts": Bare(), "and Landlock, filter, keyring": Bubblewrap("bwrap")}
    taken: dict[str, list[float]] = {name: [] for name in kinds}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        print(describe(Path(name)), "\n", flush=True)
        for number in range(pairs + 1):
            turn = list(kinds) if number % 2 else list(kinds)[::-1]
            for kind in turn:
                seconds = _start(Path(name, f"{number}-{turn.index(kind)}"), kinds[kind])
                if number:  # the first pair finds cold caches
                    taken[kind].append(seconds)
    rows = [[kind, str(pairs), spread([1000 * seconds for seconds in each])] for kind, each in taken.items()]
    print(table("A start of the real CLI behind bubblewrap: median (least-greatest)", HEADS, rows))
    ratios = [new / old for old, new in zip(*taken.values(), strict=True)]
    print(verdict(f"median ratio of the pairs {median(ratios):.3f} <= {GOAL:g}", median(ratios), GOAL))


def _start(root: Path, sandbox: Bubblewrap) -> float:
    """Seconds from the start to the end."""
    folder = AttemptFolder(root, EmptyWorkspace())
    for path in (folder.root, folder.work, folder.tmp, folder.config):
        make_folder(path)
    env = {
        "PATH": os.defpath, "HOME": "/", "CLAUDE_CONFIG_DIR": VIEW.config, "TMPDIR": VIEW.tmp, "IS_SANDBOX": "1",
        "ANTHROPIC_API_KEY": "none", "ANTHROPIC_BASE_URL": "http://127.0.0.1:9", "CLAUDE_CODE_MAX_RETRIES": "0",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1",
    }  # fmt: skip
    argv = (f"{_INSIDE}/claude", "-p", "hi", "--output-format", "stream-json", "--verbose", "--setting-sources=")
    wrapped = sandbox.wrap(folder, Launch(argv, env, shown=((cli_folder(), _INSIDE),)))
    began = time.perf_counter()
    with passed_as_descriptors(wrapped.argv, wrapped.contents) as (words, descriptors):
        ended = subprocess.run(
            words, env=wrapped.env, pass_fds=descriptors, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    taken = time.perf_counter() - began
    if b'"subtype":"init"' not in ended.stdout:
        raise SystemExit(f"the CLI did not start: {ended.stderr.decode(errors='replace')[:500]}")
    return taken


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
