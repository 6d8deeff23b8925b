"""Laws of what a job keeps: bounded in sum, the last try of a batch whole, of older ones what people ask for."""

import json
from functools import partial
from pathlib import Path

import pytest

from harness.core.messages import message
from harness.executors import retention
from harness.executors.attempt_folder import AttemptFolder
from harness.executors.retention import Keeping, size_of
from harness.workspaces.empty import EmptyWorkspace

MIB = 1 << 20


def attempt(attempts: Path, name: str, mib: int, *, shape: str = "array", is_over: bool = True) -> Path:
    folder = attempts / name
    (folder / "work" / "out").mkdir(parents=True)
    (folder / "work" / "rubbish").write_bytes(b"x" * (mib * MIB))
    (folder / "work" / "out" / "a.json").write_text("[]")
    (folder / "stream.jsonl").write_text("what it said")
    pattern = "out/{id}.json" if shape == "files" else "out/a.json"
    spec = {"output": {"file": pattern, "shape": shape}, "items": [{"id": "a"}, {"id": "b"}]}
    (folder / "spec.json").write_text(json.dumps(spec))
    if not is_over:
        (folder / "tmp").mkdir()
    return folder


def left(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


REDUCED = {"work/out/a.json", "stream.jsonl", "spec.json"}
WHOLE = REDUCED | {"work/rubbish"}


def test_L2_ten_tries_of_a_batch_take_the_room_of_one(tmp_path: Path) -> None:
    kept = Keeping(tmp_path, partial(AttemptFolder, workspace=EmptyWorkspace()), most_bytes=1 << 40)
    tries = [attempt(tmp_path, f"{n:06d}-p1-b007", 3, shape="files" if n % 2 else "array") for n in range(1, 11)]
    other = attempt(tmp_path, "000011-p1-b007.1", 3)
    for folder in (*tries, other):
        kept.ended(folder)
    assert [left(folder) for folder in (*tries[:-1], tries[-1], other)] == [REDUCED] * 9 + [WHOLE] * 2
    assert size_of(tmp_path) < 7 * MIB


def test_what_earlier_runs_left_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[str] = []
    monkeypatch.setattr(Keeping, "_measure", lambda keeping, running: measured.append(running))
    kept = Keeping(tmp_path, partial(AttemptFolder, workspace=EmptyWorkspace()), most_bytes=1 << 40)
    for n in (1, 2, 3):
        kept.ended(attempt(tmp_path, f"{n:06d}-p1-b007", 0))
    assert len(measured) == 1


def test_L2_above_the_bound_of_a_job_older_work_goes_and_the_newest_stays(tmp_path: Path) -> None:
    """Those of earlier tries first, then the oldest; one that was lost and is not settled is left alone."""
    old = [attempt(tmp_path, f"{n:06d}-p1-b{n:03d}", 3, is_over=n != 2) for n in range(1, 5)]
    (old[0] / "input").mkdir()
    (old[0] / "input" / "scan.pdf").write_bytes(b"x" * MIB)
    kept = Keeping(tmp_path, partial(AttemptFolder, workspace=EmptyWorkspace()), most_bytes=10 * MIB)
    kept._is_measured = True
    kept._measure("none")
    newest = attempt(tmp_path, "000005-p1-b005", 3)
    notes = kept.ended(newest)
    assert [left(folder) for folder in old] == [REDUCED, WHOLE, REDUCED, WHOLE]
    assert left(newest) == WHOLE and notes == [message("work_folders_reduced", folders=2)]


def test_L2_a_link_in_place_of_an_output_takes_nothing_along(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.json").write_text("theirs")
    folder = attempt(tmp_path / "attempts", "000001-p1-b001", 2)
    (folder / "work" / "out" / "a.json").unlink()
    (folder / "work" / "out").rmdir()
    (folder / "work" / "out").symlink_to(tmp_path / "elsewhere")
    assert retention.reduce(AttemptFolder(folder, EmptyWorkspace()))
    assert left(folder) == {"stream.jsonl", "spec.json"} and (tmp_path / "elsewhere" / "a.json").exists()


def test_an_end_looks_at_the_tries_of_its_own_batch_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many attempts there are: a run of thousands must not get slower from one to the next."""
    looked: list[str] = []

    def label(name: str) -> str:
        looked.append(name)
        return name[7:]

    monkeypatch.setattr("harness.executors.retention._label", label)
    kept = Keeping(tmp_path, partial(AttemptFolder, workspace=EmptyWorkspace()), most_bytes=1 << 40)
    for number in range(1, 41):
        (folder := tmp_path / f"{number:06d}-p1-b{number:03d}").mkdir()
        kept.ended(folder)
    looked.clear()
    (folder := tmp_path / "000041-p1-b007").mkdir()
    kept.ended(folder)
    assert set(looked) == {folder.name}
