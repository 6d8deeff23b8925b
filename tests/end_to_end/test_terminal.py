"""A job on the interactive CLI, end to end; `make soak` plays the long evenings."""

import json

from tests.end_to_end.conftest import MakeJob


def test_a_setting_alone_plays_a_job_at_a_terminal_without_a_network(small: MakeJob) -> None:
    job = small("plain", 1)
    job.settings, job.is_alone = ("session.backend=terminal",), True
    said = job.play()
    assert said.code == 0, said.all
    assert json.loads(job.merged()["all.json"]) == [{"id": "i01", "text": "about word 1"}]
    assert [entry["fault"] for entry in job.record().of("AttemptEnded")] == [None]
    assert all(entry["backend"] == "terminal" for entry in job.record().of("AttemptStarted"))
    job.assert_laws_hold()
