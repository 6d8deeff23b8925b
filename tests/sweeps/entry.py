"""Runs `harness` for the sweeps: names of files that are beside their place can be foretold; a fault can be planted.

    python tests/sweeps/entry.py RUN FAULT ARGUMENT...
    python tests/sweeps/entry.py serve

RUN is a number, the middle part of every such name; FAULT is `none` or one of `PLANTED`. Serving, it forks a process
for each line of JSON on standard input, and prints the process id and, when it is over, the exit code.
"""

import importlib
import json
import os
import secrets
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NoReturn
from unittest.mock import patch

from harness.base import artifacts
from harness.base.ids import Sha
from harness.cli.main import run
from harness.core.settle import settle
from harness.ledger.store import Ledger
from harness.outputs import merge
from harness.supervisor import attempt
from harness.supervisor.workbook_writer import WriteBacks


def _name_everything(run_number: int) -> None:
    """Eight letters are asked for only where a file is made beside its place."""
    original = secrets.token_hex

    def named(size: int | None = None) -> str:
        return f"{run_number:08x}" if size == 4 else original(size)

    patch.object(secrets, "token_hex", named).start()


def publish_before_commit() -> None:
    """The merge is renamed into its place before its hash is in the ledger."""
    original, record = merge.prepare, merge.publish

    def prepared(*arguments: Any) -> merge.Prepared:
        done = original(*arguments)
        record(done)
        return done

    patch.object(merge, "prepare", prepared).start()
    patch.object(merge, "publish", lambda done: None).start()


def commit_before_artifact() -> None:
    """What was accepted is written after the transaction that accepts it."""
    original, commit = artifacts.ArtifactStore.put, Ledger._commit
    late: list[tuple[artifacts.ArtifactStore, bytes]] = []

    def put(self: artifacts.ArtifactStore, content: bytes) -> Sha:
        late.append((self, content))
        return artifacts.sha_of(content)

    def get(self: artifacts.ArtifactStore, sha: Sha) -> bytes:
        waiting = [content for _, content in late if artifacts.sha_of(content) == sha]
        return waiting[0] if waiting else read(self, sha)

    read = artifacts.ArtifactStore.get

    def committed(self: Ledger) -> None:
        commit(self)
        while late:
            original(*late.pop())

    patch.object(artifacts.ArtifactStore, "put", put).start()
    patch.object(artifacts.ArtifactStore, "get", get).start()
    patch.object(Ledger, "_commit", committed).start()


def say_before_commit() -> None:
    """An item is called accepted before that is committed."""
    original = settle

    def settled(open_: Any, ending: Any, judgement: Any, *others: Any) -> Any:
        for item in judgement.verdicts:
            sys.stderr.write(f"00:00:00  Batch 0/0 ({item})  accepted\n")
            sys.stderr.flush()
        return original(open_, ending, judgement, *others)

    patch.object(attempt, "settle", settled).start()


def copy_before_note() -> None:
    """The copy of a workbook is there before it is noted that this job writes it."""
    patch.object(
        WriteBacks, "_about_to", lambda self, phase, note, sha: replace(note, known=(*note.known, sha))
    ).start()


PLANTED: dict[str, Callable[[], None]] = {
    each.__name__: each for each in (publish_before_commit, commit_before_artifact, say_before_commit, copy_before_note)
}


def play(number: str, fault: str, *words: str) -> int:
    _name_everything(int(number))
    if fault != "none":
        PLANTED[fault]()
    return run(words)


def serve() -> None:
    """One process after the other; each as if it had just been started, but for what is loaded."""
    for name in _LOADED:
        importlib.import_module(name)
    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(asked)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _become(asked: dict[str, Any]) -> NoReturn:
    os.setsid()
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    nothing = os.open(os.devnull, os.O_RDWR)
    errors = os.open(asked["errors"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for given, wanted in ((nothing, 0), (nothing, 1), (errors, 2)):
        os.dup2(given, wanted)
    os.close(nothing)
    os.close(errors)
    if asked["waits"]:
        os.kill(os.getpid(), signal.SIGSTOP)
    try:
        code = play(*asked["words"])
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


_LOADED = (
    *("harness.cli.app", "harness.cli.launch", "harness.cli.output", "harness.cli.reset", "harness.job.load"),
    *("harness.supervisor.run", "harness.views.live_display", "harness.views.status", "harness.views.status_text"),
)

if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve()
    else:
        sys.exit(play(*sys.argv[1:]))
