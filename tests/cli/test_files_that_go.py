"""An item's file that is deleted after planning costs that item alone, with a way out; nothing else stops."""

import sys
from typing import TYPE_CHECKING

import pytest

from tests.checker.laws import broken_laws

if TYPE_CHECKING:
    from tests.cli.conftest import Desk

READER = """\
import json, os

records = [
    {"id": item["id"], "text": open(os.path.join("input", os.path.basename(item["id"]))).read()}
    for item in json.load(open("items.json"))
]
json.dump(records, open(os.environ["HARNESS_OUTPUT"], "w"))
"""


def files_job(desk: "Desk", number: int, size: int) -> None:
    (desk.folder / "inbox").mkdir()
    for at in range(1, number + 1):
        (desk.folder / "inbox" / f"{at}.txt").write_text(f"text {at}")
    (desk.folder / "reader.py").write_text(READER)
    (desk.folder / "job.yaml").write_text(
        f'items: {{files: "inbox/*.txt"}}\nbatch: {{size: {size}}}\nparallel: 1\n'
        f"session: {{backend: command, command: [{sys.executable}, reader.py], prompt: read them}}\n"
        "output: {merge: out.json}\n"
    )


@pytest.mark.parametrize("size", [1, 4, 12])
def test_a_deleted_file_fails_its_item_only_and_putting_it_back_is_the_way_out(size: int, desk: "Desk") -> None:
    files_job(desk, 12, size)
    desk.has_typed("launch", "--only", "inbox/1.txt")
    for gone in (3, 4):
        (desk.folder / "inbox" / f"{gone}.txt").unlink()
    refused = desk.types("launch")
    assert refused.code == 2
    assert "item 'inbox/3.txt' was removed" in refused.err
    kept = desk.types("launch", "--keep")
    assert kept.code == 1
    status = desk.types("status", "--json").json()
    assert [failed["id"] for failed in status["failed"]] == ["inbox/3.txt", "inbox/4.txt"]
    assert "inbox/3.txt; put it back, then retry the item" in status["failed"][0]["reason"]
    assert (status["counts"]["done"], status["counts"]["failed"]) == (10, 2)
    assert "Next: `harness retry --failed`" in kept.out
    for gone in (3, 4):
        (desk.folder / "inbox" / f"{gone}.txt").write_text(f"text {gone}")
    assert desk.types("retry", "--failed").code == 0
    assert desk.types("launch").code == 0
    assert not broken_laws(desk.folder / ".harness/job")


def test_a_folder_that_is_gone_stops_the_job_and_fails_nobody(desk: "Desk") -> None:
    files_job(desk, 4, 1)
    desk.has_typed("launch", "--first", "1")
    (desk.folder / "inbox").rename(desk.folder / "elsewhere")
    (desk.folder / "job.yaml").write_text(
        (desk.folder / "job.yaml").read_text().replace('"inbox/*.txt"', '"elsewhere/*.txt"')
    )
    stopped = desk.types("launch", "--keep")
    assert stopped.code == 4
    assert "the folder of an item's file does not exist" in stopped.err
    assert "put it back, then run the same command again" in stopped.err
    assert desk.types("status", "--json").json()["counts"]["failed"] == 0
