"""A state folder that came with a download leads no command to another file, and lets none wait."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.base.errors import BrokenSetupError
from harness.base.state import open_state
from harness.ledger import clean_shutdown
from harness.ledger.lock import is_held

if TYPE_CHECKING:
    from tests.cli.conftest import Desk

PRECIOUS = b"export PATH=~/bin:$PATH\n"
Put = Callable[[Path, Path], None]


def _link(path: Path, target: Path) -> None:
    path.symlink_to(target)


def _second_name(path: Path, target: Path) -> None:
    os.link(target, path)


def _pipe(path: Path, target: Path) -> None:
    os.mkfifo(path)


EVERY_COMMAND = (
    ("status",),
    ("watch",),
    ("why", "a"),
    ("report",),
    ("plan",),
    ("pause",),
    ("retry", "a"),
    ("reject", "a", "--why", "x", "--yes"),
    ("launch", "--plain"),
    ("launch", "--detach", "--trust"),
    ("launch", "--reset", "--trust"),
)
EVERY_KIND = pytest.mark.parametrize("put", [_link, _second_name, _pipe])


@pytest.fixture
def state(desk: "Desk") -> Iterator[Path]:
    """Of a job that is done; what must stay as it is lies outside of its folder."""
    desk.job({"a": "good"})
    assert desk.types("launch", "--plain", "--trust").code == 0
    yield desk.folder / ".harness" / "job"


@pytest.fixture
def precious(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("home") / "bashrc"
    path.write_bytes(PRECIOUS)
    return path


def test_no_command_writes_or_waits_behind_a_lock_that_is_no_plain_file(
    desk: "Desk", state: Path, precious: Path
) -> None:
    for put in (_link, _second_name, _pipe):
        (state / "lock").unlink()
        put(state / "lock", precious)
        for words in (("reject", "a", "--why", "x", "--yes"), ("status",), ("launch", "--plain"), ("pause",)):
            said = desk.types(*words)
            assert said.code == 4 and "expected a regular file at" in said.err and "/lock" in said.err, (
                put,
                words,
                said,
            )
        assert precious.read_bytes() == PRECIOUS


def test_a_ledger_or_log_that_is_no_plain_file_is_refused_before_it_is_opened(
    desk: "Desk", state: Path, precious: Path
) -> None:
    kept = state.with_name("kept.db")
    shutil.copy(state / "ledger.db", kept)
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
        for put in (_link, _second_name, _pipe):
            (state / name).unlink(missing_ok=True)
            put(state / name, kept if name == "ledger.db" else precious)
            for words in (("status",), ("launch", "--plain"), ("reject", "a", "--why", "x", "--yes"), ("report",)):
                said = desk.types(*words)
                assert said.code == 6 and f"{name} is not a regular file" in said.err, (name, put, words, said)
            (state / name).unlink()
            if not (state / "ledger.db").exists():
                shutil.copy(kept, state / "ledger.db")
    assert precious.read_bytes() == PRECIOUS


def test_a_folder_of_the_state_that_is_a_link_is_refused_by_every_command(
    desk: "Desk", state: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("other") / "folder"
    for folder in (state, state.parent, state / "control", state / "artifacts", state / "attempts"):
        folder.rename(elsewhere)
        folder.symlink_to(elsewhere)
        before = sorted(elsewhere.rglob("*"))
        for words in EVERY_COMMAND:
            said = desk.types(*words)
            assert said.code == 4 and f"{folder} is a link" in said.err, (words, said)
        assert sorted(elsewhere.rglob("*")) == before
        folder.unlink()
        elsewhere.rename(folder)
    elsewhere.symlink_to(desk.folder)  # the job's folder itself may lie behind one
    assert desk.types("status", str(elsewhere / "job.yaml")).code == 0


def test_a_detached_launch_appends_to_no_other_file(desk: "Desk", state: Path, precious: Path) -> None:
    for put in (_link, _second_name, _pipe):
        put(state / "launch.log", precious)
        said = desk.types("launch", "--detach", "--trust")
        assert said.code == 4 and "expected a regular file at" in said.err and "/launch.log" in said.err
        (state / "launch.log").unlink()
    assert precious.read_bytes() == PRECIOUS


def test_a_mark_that_is_no_plain_file_or_has_no_end_is_a_broken_one(state: Path, precious: Path) -> None:
    ledger, path = state / "ledger.db", state / "ledger.seal"
    whole = path.read_bytes()
    assert clean_shutdown.look(ledger) == "whole"
    precious.write_bytes(whole)
    for put in (_link, _second_name, _pipe):
        path.unlink()
        put(path, precious)
        assert clean_shutdown.look(ledger) == "broken", put
    path.unlink()
    path.symlink_to("/dev/zero")
    assert clean_shutdown.look(ledger) == "broken"
    clean_shutdown.remove(ledger)
    assert clean_shutdown.look(ledger) == "none"
    path.write_bytes(whole + b"0")
    assert clean_shutdown.look(ledger) == "broken"


@EVERY_KIND
@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_RDWR | os.O_CREAT])
def test_what_is_no_plain_file_of_one_name_is_not_opened(tmp_path: Path, precious: Path, put: Put, flags: int) -> None:
    put(tmp_path / "it", precious)
    with pytest.raises(BrokenSetupError, match="expected a regular file at"):
        open_state(tmp_path / "it", flags)
    assert not is_held(tmp_path / "missing")
