"""An upgrade refuses no running job: what version 0.1.0 planned goes on under this one."""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from harness.job.change import Change
from harness.job.fingerprint import differences, fingerprint, fingerprint_like
from harness.job.load import load

if TYPE_CHECKING:
    from tests.cli.conftest import Desk

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


def test_a_job_that_the_first_version_left_half_done_goes_on(desk: "Desk") -> None:
    old = GOLDEN / "jobs/0.1.0"
    shutil.copytree(old, desk.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("state"))
    shutil.copytree(old / "state", desk.folder / ".harness/job")
    before = (desk.folder / "output/profiles.json").read_text()
    gone_on = desk.types("launch")
    assert gone_on.code == 0, gone_on.err
    merged = (desk.folder / "output/profiles.json").read_text()
    assert merged.startswith(before.removesuffix("\n]\n"))
    assert [record["id"] for record in json.loads(merged)] == ["1", "2", "3", "4", "5", "6"]
    assert desk.types("status", "--json").json()["usage"]["sessions"] == 6, "nothing that was done is made again"
    assert desk.types("launch").code == 0
    letters = sorted(path.name for path in (desk.folder / "output/letters").iterdir())
    assert letters == [f"{number}.md" for number in range(1, 7)]


def test_the_fingerprint_that_the_first_version_recorded_is_understood() -> None:
    folder = GOLDEN / "fingerprints/0.1.0"
    recorded, job = json.loads((folder / "recorded.json").read_text()), load(folder / "job.yaml")
    assert differences(recorded, fingerprint_like(recorded, job)) == []
    other = load(folder / "job.yaml", settings=["phases.profile.output.fields.score=integer 1..6"])
    assert differences(recorded, fingerprint_like(recorded, other)) == [
        Change("field_changed", "phases.profile.output.schema")
    ]


def test_a_fingerprint_holds_what_was_written_and_no_default() -> None:
    folder = GOLDEN / "fingerprints/0.1.0"
    now = fingerprint(load(folder / "job.yaml"))
    assert now["phases.profile.output.fields.score"] == '"integer 1..5"'
    assert not [name for name in now if name.endswith((".schema", ".backend", ".file")) and "people" not in name][1:]
    assert "phases.profile.output.shape" not in now
    plain = load(folder / "job.yaml", settings=["phases.profile.output.shape=array", "phases.profile.needs=own"])
    assert dict(fingerprint(plain)) == dict(now), "to write a default changes nothing"
