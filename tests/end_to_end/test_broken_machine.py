"""A machine on which no session survives: the run stops, says so, and struck nobody."""

from tests.end_to_end.conftest import MakeJob

KILLED = "import os\nos.kill(os.getpid(), 9)\n"


def test_sessions_that_are_always_killed_stop_the_run_instead_of_going_on_for_ever(programs: MakeJob) -> None:
    job = programs(KILLED, 3, budget="none", budget_per_session="none")
    said = job.play()
    assert said.code == 4 and "10 sessions in a row failed because of this host" in said.err, said.all
    assert job.count("AttemptStarted") <= 2 * 10 and not job.count("ItemStruck") and not job.count("ItemFailed")
    assert job.status()["counts"]["pending"] == 3
    job.assert_laws_hold()
