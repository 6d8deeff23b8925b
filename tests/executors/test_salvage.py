"""What a lost supervisor left of an attempt: its processes are ended, those of others are not, its output is kept."""

import asyncio
import json
import os
import signal
from typing import TYPE_CHECKING

from harness.base.marks import FOLDER_MARK, STATE_MARK, TOKEN_MARK, folder_identity, marked, state_digest
from harness.core.types import Ending

if TYPE_CHECKING:
    from tests.executors.conftest import Bench


def test_T09_salvage_ends_what_is_left_and_freezes_it(bench: "Bench") -> None:
    spec = bench.stub("hang-after-file")

    async def lose_and_salvage() -> Ending:
        executor = bench.executor()
        program = [*spec.session.command]
        work = spec.folder / "work"
        work.mkdir(parents=True)
        (work / "items.json").write_text('[{"id": "a", "data": 1}]')
        orphan = await asyncio.create_subprocess_exec(
            *program,
            cwd=work,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            env={"HARNESS_OUTPUT": "output.json", TOKEN_MARK: spec.token, STATE_MARK: state_digest(bench.job().state)},
            start_new_session=True,
        )
        assert orphan.stdout is not None
        assert await orphan.stdout.readline() == b"written\n"
        ending = await executor.salvage(spec.identity, spec.work)
        await orphan.wait()
        return ending

    ending = asyncio.run(lose_and_salvage())
    assert marked(TOKEN_MARK, spec.token) == []
    assert ending.fault is not None
    assert ending.fault.kind == "supervisor_lost"
    assert ending.facts.cost_usd is None
    assert json.loads(bench.content(ending)) == [{"id": "a", "echo": 1}]


def test_salvage_leaves_alone_what_belongs_to_the_folder_that_this_one_is_a_copy_of(bench: "Bench") -> None:
    spec = bench.stub("ok")

    async def salvage_beside() -> int | None:
        marks = {TOKEN_MARK: spec.token, STATE_MARK: state_digest(bench.folder / "the original"), FOLDER_MARK: "1:2"}
        theirs = await asyncio.create_subprocess_exec("sleep", "3600", env={"PATH": os.environ["PATH"], **marks})
        await bench.executor().salvage(spec.identity, spec.work)
        alive = theirs.returncode
        theirs.kill()
        await theirs.wait()
        return alive

    assert asyncio.run(salvage_beside()) is None


def test_salvage_finds_the_processes_of_a_folder_that_was_moved(bench: "Bench") -> None:
    spec = bench.stub("ok")
    bench.job().state.mkdir(parents=True)

    async def move_and_salvage() -> int:
        marks = {TOKEN_MARK: spec.token, FOLDER_MARK: folder_identity(bench.job().state)}
        orphan = await asyncio.create_subprocess_exec("sleep", "3600", env={"PATH": os.environ["PATH"], **marks})
        await bench.executor().salvage(spec.identity, spec.work)
        return await orphan.wait()

    assert asyncio.run(move_and_salvage()) == -signal.SIGKILL


def test_salvage_of_an_attempt_that_never_got_its_folder_is_empty(bench: "Bench") -> None:
    spec = bench.stub("ok")
    ending = asyncio.run(bench.executor().salvage(spec.identity, spec.work))
    assert ending.artifacts == ()
    assert ending.fault is not None
    assert ending.fault.kind == "supervisor_lost"
