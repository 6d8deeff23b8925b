"""An upgrade refuses no running job: what version 0.1.0 planned goes on under this one."""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.base.ids import AttemptId
from harness.core.events import AttemptEnded
from harness.core.fault_kinds import FaultKind
from harness.job.change import Change
from harness.job.fingerprint import differences, fingerprint, fingerprint_like
from harness.job.load import load
from harness.ledger.store import entries, opened_for_reading, rebuild, state_of
from tests.checker.laws import broken_laws

if TYPE_CHECKING:
    from tests.cli.conftest import Desk

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


def left_by_the_first_version(desk: "Desk", name: str, state: str = "job") -> Path:
    """The job folder becomes one that 0.1.0 has worked in. Returns its state folder."""
    old = GOLDEN / "jobs" / name
    shutil.copytree(old, desk.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("state"))
    return Path(shutil.copytree(old / "state", desk.folder / ".harness" / state))


def merged_ids(desk: "Desk", file: str) -> list[str]:
    return [record["id"] for record in json.loads((desk.folder / file).read_text())]


def test_a_job_that_the_first_version_left_half_done_goes_on(desk: "Desk") -> None:
    left_by_the_first_version(desk, "0.1.0")
    before = (desk.folder / "output/profiles.json").read_text()
    gone_on = desk.types("launch")
    assert gone_on.code == 0, gone_on.err
    assert (desk.folder / "output/profiles.json").read_text().startswith(before.removesuffix("\n]\n"))
    assert merged_ids(desk, "output/profiles.json") == ["1", "2", "3", "4", "5", "6"]
    assert desk.types("status", "--json").json()["usage"]["sessions"] == 6, "nothing that was done is made again"
    assert desk.types("launch").code == 0
    letters = sorted(path.name for path in (desk.folder / "output/letters").iterdir())
    assert letters == [f"{number}.md" for number in range(1, 7)]


def test_a_job_of_the_first_version_that_was_killed_in_its_second_phase_goes_on_to_its_end(desk: "Desk") -> None:
    """Paused, an item failed, what comes of it blocked, another one opened again, and an attempt without an end."""
    state = left_by_the_first_version(desk, "0.1.0-phases")
    before = desk.types("status", "--json").json()
    assert (before["state"], before["counts"]["done"], before["counts"]["failed"]) == ("stopped", 4, 1)
    assert desk.types("report").code == 0
    assert [desk.types("why", item).code for item in ("4", "5", "7")] == [0, 0, 0]
    profiles = (desk.folder / "output/profiles.json").read_bytes()

    desk.has_typed("resume")
    assert desk.types("launch").code == 1
    assert (desk.folder / "output/profiles.json").read_bytes() == profiles, "that phase was settled"
    assert merged_ids(desk, "output/profiles.json") == ["1", "2", "3", "4", "6", "7", "8"]
    assert merged_ids(desk, "output/letters.json") == ["1", "2", "3", "6", "7", "8"]
    assert merged_ids(desk, "output/signed.json") == ["1", "2", "3", "6", "7", "8"]
    with opened_for_reading(state / "ledger.db") as db:
        assert state_of(rebuild(db)) == state_of(db)
        ended = {entry.event.attempt: entry.event for entry in entries(db) if isinstance(entry.event, AttemptEnded)}
    assert ended[AttemptId(6)].fault == FaultKind.SUPERVISOR_LOST
    assert len(ended) == 16 + 3 + 1 + 1, "three strikes of item 4, the lost batch, and its signatures; nothing twice"
    assert not broken_laws(state)
    assert desk.types("launch").code == 1
    assert desk.types("report").code == 0


@pytest.mark.session
def test_a_rehearsal_of_the_first_version_that_was_killed_during_a_hold_goes_on_to_its_end(desk: "Desk") -> None:
    state = left_by_the_first_version(desk, "0.1.0-held", "job.rehearsal")
    before = desk.types("status", "--rehearsal", "--json").json()
    assert (before["state"], before["counts"]["done"]) == ("stopped", 3)
    gone_on = desk.types("rehearse")
    assert gone_on.code == 0, gone_on.err
    assert merged_ids(desk, ".harness/job.rehearsal/output/profiles.json") == [str(n) for n in range(1, 9)]
    assert not broken_laws(state)


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
