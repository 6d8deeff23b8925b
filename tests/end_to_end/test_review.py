"""Acceptance 8: a mended check gives back what it took, on real sessions, and asks nobody for it."""

import json

from tests.end_to_end.conftest import MakeJob
from tests.end_to_end.playing import Job


def _set_check(job: Job, check: dict[str, str]) -> None:
    path = job.folder / job.manifest
    manifest = json.loads(path.read_text())
    manifest["output"]["check"] = [check]
    path.write_text(json.dumps(manifest, indent=1))


def test_a_mended_check_recovers_every_wrongly_failed_item_with_no_request_in_the_log(small: MakeJob) -> None:
    job = small("plain", 5, strikes=1)
    _set_check(job, {"jq": '.text | endswith("2")', "says": "must be the second"})
    said = job.play()
    assert said.code == 1, said.all
    assert len(job.status()["failed"]) == 4
    asked = len(job.record().requests)
    _set_check(job, {"jq": '.text | startswith("about")', "says": "must begin like a text"})
    said = job.ask("rejudge")
    assert said.code == 0, said.all
    assert "4 items accepted at no cost; 0 unchanged" in said.out
    assert len(job.record().requests) == asked
    assert job.status()["counts"]["done"] == 5
    assert [record["id"] for record in json.loads(job.merged()["all.json"])] == ["i01", "i02", "i03", "i04", "i05"]
    job.assert_laws_hold(strikes=1)
    again = job.play()
    assert again.code == 0, again.all
    assert len(job.record().requests) == asked, "a job that was recovered is finished"


def test_a_rejected_item_is_asked_about_again_with_the_reason(small: MakeJob) -> None:
    job = small("plain", 2)
    assert job.play().code == 0
    asked = {request.session for request in job.record().requests}
    said = job.ask("reject", "i01", "--why", "the text is about nothing")
    assert said.code == 0, said.all
    assert job.play().code == 0
    job.assert_laws_hold()
    later = [request for request in job.record().requests if request.session not in asked]
    assert {request.ids for request in later} == {("i01",)}
    newest = max((job.state / "attempts").iterdir())
    assert "the text is about nothing" in (newest / "prompt.md").read_text()
