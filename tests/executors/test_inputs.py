"""Laws of the copies that a session gets of its items' files: no link, no pipe, no half of a path is followed."""

import asyncio
import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.base.sealed import sealed
from harness.core.input_hash import hash_of_input
from harness.core.messages import message
from harness.executors.input_copies import copy_input
from harness.views.fault_words import fault_text
from tests.specs import altered

if TYPE_CHECKING:
    from tests.executors.conftest import Bench


def copied(top: Path, name: str) -> str | int | None:
    """The text of the copy, or the number of the error, which names the file."""
    target = top / "copy"
    target.unlink(missing_ok=True)
    try:
        copy_input(top / name, top, target)
    except OSError as error:
        assert error.filename == str(top / name)
        return error.errno
    assert target.stat().st_mode & 0o777 == 0o400
    return target.read_text()


def test_H5_only_an_ordinary_file_below_its_folder_is_copied(tmp_path: Path) -> None:
    (tmp_path / "real" / "in").mkdir(parents=True)
    (tmp_path / "way").symlink_to("real")  # a link to the job's folder is the user's
    top = tmp_path / "way"
    (top / "in" / "a.txt").write_text("words")
    (top / "secret").write_text("secret")
    (top / "in" / "link.txt").symlink_to("../secret")
    (top / "folder").symlink_to("in")
    os.mkfifo(top / "in" / "pipe")
    assert copied(top, "in/a.txt") == "words"
    assert copied(top, "in/link.txt") == errno.ELOOP
    assert copied(top, "folder/a.txt") == errno.ENOTDIR
    assert copied(top, "in/pipe") == errno.EISDIR
    assert copied(top, "in/none.txt") == errno.ENOENT


@pytest.mark.parametrize(("now", "kind", "says"), [("folder", "no_input_folder", "a link now"), ("words", None, "")])
def test_H5_what_changed_after_planning_is_said_and_a_linked_folder_stops(
    bench: "Bench", now: str, kind: str | None, says: str
) -> None:
    file = bench.folder / "in" / "a.txt"
    file.parent.mkdir()
    file.write_text("words")
    spec = bench.stub("ok", ids=["a"])
    planned = replace(spec.items[0], file=file, sha=hash_of_input(spec.items[0], "another content"))
    if now == "folder":
        file.parent.rename(bench.folder / "elsewhere")
        file.parent.symlink_to("elsewhere")
    ending = asyncio.run(bench.run(altered(spec, items=(planned,))))
    assert (ending.fault and ending.fault.kind) == kind
    assert says in (fault_text(ending.fault.why) if ending.fault else "")
    if not kind:
        assert message("input_changed", item="a") in ending.notes


def test_a_program_finds_the_file_of_its_item_by_what_it_is_told(bench: "Bench") -> None:
    (bench.folder / "a.txt").write_text("words")
    read = "Path(json.loads(Path('items.json').read_text())[0]['file']).read_text()"
    spec = bench.stub("python", read, ids=["a"])
    item = replace(spec.items[0], file=bench.folder / "a.txt")
    item = replace(item, sha=hash_of_input(item, "words"))
    ending = asyncio.run(bench.run(altered(spec, items=(item,))))
    assert json.loads(bench.content(ending))[0]["value"] == "words"


@pytest.mark.linux
def test_L1_what_a_program_reads_cannot_be_written_by_way_of_its_descriptor(tmp_path: Path) -> None:
    (tmp_path / "prompt.md").write_text("do it")
    with sealed(tmp_path / "prompt.md") as descriptor:
        again = os.open(f"/proc/self/fd/{descriptor}", os.O_RDWR)
        with pytest.raises(PermissionError):
            os.write(again, b"x")
        with pytest.raises(PermissionError):
            os.ftruncate(again, 0)
        os.close(again)
        assert os.read(descriptor, 100) == b"do it"
    assert (tmp_path / "prompt.md").read_text() == "do it"
