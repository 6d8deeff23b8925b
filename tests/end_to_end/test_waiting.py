"""What keeps every start back is told while it does: a window, a rate."""

import signal
from datetime import datetime, timedelta

from tests.end_to_end.conftest import MakeJob
from tests.end_to_end.playing import WORKER, Job, Running, until


def _ended(job: Job, running: Running) -> None:
    running.signal(signal.SIGINT)
    assert running.end().code == 3
    assert job.status()["holds"] == []
    assert not (job.state / "waiting.json").exists()


def test_a_wait_for_the_window_is_told_with_its_end(programs: MakeJob) -> None:
    opens, closes = datetime.now() + timedelta(hours=2), datetime.now() + timedelta(hours=3)
    window = f"{opens:%H:%M}-{closes:%H:%M}"
    job = programs(WORKER, 2, window=window)
    running = job.begin()
    until(lambda: running.is_over() or (job.state / "waiting.json").exists(), "the wait")
    status = job.status()
    assert status["state"] == "holding"
    (hold,) = status["holds"]
    assert (hold["kind"], hold["facts"]) == ("outside_window", {"window": window})
    told = datetime.fromisoformat(hold["until"]).astimezone()
    assert f"{told:%H:%M}" == f"{opens:%H:%M}" and told > datetime.now().astimezone()
    assert f"Hold (outside the window {window}): until " in job.ask("status").out
    _ended(job, running)


def test_a_wait_for_the_rate_is_told_with_its_end(programs: MakeJob) -> None:
    job = programs(WORKER, 2, rate="1/h")
    running = job.begin()
    until(lambda: running.is_over() or job.status()["state"] == "holding", "the wait")
    status = job.status()
    assert (status["counts"]["done"], status["counts"]["pending"]) == (1, 1)
    (hold,) = status["holds"]
    assert (hold["kind"], hold["facts"]) == ("at_rate", {"rate": "1/h"})
    left = datetime.fromisoformat(hold["until"]) - datetime.now().astimezone()
    assert timedelta(minutes=50) < left <= timedelta(hours=1)
    _ended(job, running)
