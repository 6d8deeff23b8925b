"""The watch says when an output stands still, wherever it appears, and never holds anybody up."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from harness.base import folder_watch
from harness.job.job import OutputSpec, Shape
from harness.outputs import watch
from harness.outputs.watch import changes
from tests.covers import covers

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["kernel", "look"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With inotify, and where there is none."""
    if request.param == "look":
        monkeypatch.setattr(folder_watch, "_start", lambda: None)
        monkeypatch.setattr(folder_watch, "LOOK_S", 0.02)


def _spec(file: str, shape: Shape = "array") -> OutputSpec:
    return OutputSpec(file, shape, ".id", ".id", (), None, None)


@asynccontextmanager
async def _watching(work: Path, output: OutputSpec) -> AsyncIterator[tuple[asyncio.Queue[None], asyncio.Event]]:
    """The changes as a queue; the watch has started and ended by itself on the way out."""
    seen: asyncio.Queue[None] = asyncio.Queue()
    stop = asyncio.Event()

    async def listen() -> None:
        async with aclosing(changes(work, output, stop)) as found:
            async for _ in found:
                seen.put_nowait(None)

    async with asyncio.TaskGroup() as group, asyncio.timeout(20):
        group.create_task(listen())
        await asyncio.sleep(0)
        yield seen, stop
        stop.set()


@covers("F181")
@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize(
    ("pattern", "shape", "name"),
    [
        ("out.json", "array", "out.json"),
        ("a/b/out.json", "array", "a/b/out.json"),
        ("{id}.md", "files", "A1.md"),
        ("new/{dir}/{stem}.md", "files", "new/in/deep/a.md"),
        ("{relpath}.md", "files", "in/a.txt.md"),
        ("{id}/report.md", "files", "A1/report.md"),
    ],
)
async def test_an_output_is_seen_wherever_the_manifest_puts_it(
    tmp_path: Path, pattern: str, shape: Shape, name: str
) -> None:
    async with _watching(tmp_path, _spec(pattern, shape)) as (seen, _):
        (tmp_path / "noise.txt").write_text("x")
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("[1]")
        await seen.get()
        (tmp_path / name).write_text("[1, 2]")
        await seen.get()
        assert seen.empty()


@pytest.mark.usefixtures("either_way")
async def test_a_rename_into_place_and_a_file_that_was_there_before_are_seen(tmp_path: Path) -> None:
    (tmp_path / "out.json").write_text("[1]")
    async with _watching(tmp_path, _spec("out.json")) as (seen, _):
        await seen.get()
        (tmp_path / ".tmp").write_text("[1, 2, 3]")
        (tmp_path / ".tmp").rename(tmp_path / "out.json")
        await seen.get()


@pytest.mark.usefixtures("either_way")
async def test_a_folder_that_vanishes_ends_nothing_and_stop_ends_at_once(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    async with _watching(work, _spec("out.json")) as (seen, _):
        (work / "out.json").write_text("[1]")
        await seen.get()
        shutil.rmtree(work)
        await asyncio.sleep(0)
    async with _watching(work, _spec("out.json")) as (seen, _):
        assert seen.empty()


async def test_a_pipe_or_link_in_the_place_of_the_output_is_no_output(tmp_path: Path) -> None:
    (tmp_path / "out.json").symlink_to("/etc/hostname")
    async with _watching(tmp_path, _spec("out.json")) as (seen, _):
        (tmp_path / "out.json").unlink()
        (tmp_path / "out.json").write_text("[1]")
        await seen.get()
        assert seen.empty()


@covers("F181")
async def test_an_output_that_is_still_being_written_is_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = ["[1", ", 2", ", 3]"]
    real = watch._sleep

    async def writes_on(seconds: float, stop: asyncio.Event) -> None:
        await real(0.01, stop)
        if pieces:
            with (tmp_path / "out.json").open("a") as file:
                file.write(pieces.pop(0))

    monkeypatch.setattr(watch, "_sleep", writes_on)
    (tmp_path / "out.json").touch()
    async with _watching(tmp_path, _spec("out.json")) as (seen, _):
        await seen.get()
        assert (tmp_path / "out.json").read_text() == "[1, 2, 3]"
        assert seen.empty()
