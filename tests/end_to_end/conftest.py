"""Jobs in scratch folders; whatever they start is ended with the test."""

import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end import playing
from tests.end_to_end.playing import Job

MakeJob = Callable[..., Job]


@pytest.fixture
def make_job(tmp_path: Path) -> Iterator[Callable[[Callable[..., Job]], MakeJob]]:
    """make_job(maker)(*arguments) -> Job in a folder of its own."""
    made: list[Job] = []

    def of(maker: Callable[..., Job]) -> MakeJob:
        def make(*arguments: Any, **fields: Any) -> Job:
            number = len(made)
            home = tmp_path / f"home{number}"
            home.mkdir()
            job = maker(tmp_path / f"job{number}", home, *arguments, **fields)
            made.append(job)
            return job

        return make

    yield of
    for job in made:
        job.leave_nothing_running()


@pytest.fixture
def course(make_job: Callable[[Callable[..., Job]], MakeJob]) -> MakeJob:
    """course(manifest, seeds, *settings) -> the course, in a scratch copy."""
    return make_job(playing.course_job)


@pytest.fixture
def small(make_job: Callable[[Callable[..., Job]], MakeJob]) -> MakeJob:
    """small(scene, items=4, **manifest fields) -> a small job on the real CLI."""
    return make_job(playing.small_job)


@pytest.fixture(scope="session")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The merge of the small job of four items that nobody disturbed, one session after the other.

    Played once: the other workers of a run wait for the first, and read what it kept.
    """
    base = tmp_path_factory.getbasetemp()
    kept = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "untouched"
    kept.mkdir(exist_ok=True)
    with (kept / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (kept / "merged").exists():
            merged = _played_undisturbed(tmp_path_factory.mktemp("untouched"))
            (kept / "new").mkdir()
            for name, content in merged.items():
                (kept / "new" / name).write_bytes(content)
            (kept / "new").rename(kept / "merged")
    return {path.name: path.read_bytes() for path in sorted((kept / "merged").iterdir())}


def _played_undisturbed(folder: Path) -> dict[str, bytes]:
    (folder / "home").mkdir()
    job = playing.small_job(folder / "job", folder / "home", "plain", 4, parallel=1)
    try:
        said = job.play()
        assert said.code == 0, said.all
        return job.merged()
    finally:
        job.leave_nothing_running()


@pytest.fixture
def programs(make_job: Callable[[Callable[..., Job]], MakeJob]) -> MakeJob:
    """programs(text of a program, items=4, **manifest fields) -> a small job on backend `command`."""
    return make_job(playing.command_job)
