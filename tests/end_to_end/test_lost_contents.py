"""Contents that are lost while a job runs: the run ends, and what has ended before is in the ledger all the same."""

import json
import shutil
from typing import Any

from tests.end_to_end.conftest import MakeJob
from tests.end_to_end.playing import Job, until

_DESTROYER = """\
import json, os, shutil, sys
items = json.load(open("items.json"))
if os.environ["HARNESS_PHASE"] == "fin":
    shutil.rmtree("../../../artifacts")
    json.dump({"cost_usd": 0.25}, open("usage.json", "w"))
    sys.exit(3)
json.dump([{"id": item["id"], "text": "x" * 70_000} for item in items], open(os.environ["HARNESS_OUTPUT"], "w"))
"""


def drafting(programs: MakeJob, program: str, items: int, **fields: Any) -> Job:
    """Two phases; what the first one makes is too large for the ledger, and lies in files."""
    output = {"fields": {"text": "string"}}
    phases = {"draft": {"output": output}, "fin": {"from": "draft", "output": output}}
    job: Job = programs(program, items, phases=phases, sandbox="off", **fields)
    manifest = json.loads((job.folder / "job.yaml").read_text())
    del manifest["output"]
    (job.folder / "job.yaml").write_text(json.dumps(manifest))
    return job


def test_T04_who_has_ended_is_settled_when_what_the_next_one_needs_is_lost(programs: MakeJob) -> None:
    job = drafting(programs, _DESTROYER, 3, parallel=1)
    said = job.play()
    assert said.code == 6 and "is missing from the ledger" in said.err, said.all
    assert job.count("AttemptStarted") == job.count("AttemptEnded") == 2, "the one that did it, and none after it"
    assert job.count("UsageSettled", charged_microusd=250_000) == 1
    assert job.has("RunEnded", exit_code=6)


_HANGING = """\
import json, os, sys, time
items = json.load(open("items.json"))
if os.environ["HARNESS_PHASE"] == "fin" and os.path.exists("../../../../../hang"):
    json.dump({"cost_usd": 0.25}, open("usage.json", "w"))
    time.sleep(1000)
size = 70_000 if os.environ["HARNESS_PHASE"] == "draft" else 1
json.dump([{"id": item["id"], "text": "x" * size} for item in items], open(os.environ["HARNESS_OUTPUT"], "w"))
"""


def test_T04_what_a_killed_run_worked_on_can_be_taken_back_when_it_is_lost(programs: MakeJob) -> None:
    """Its attempts cannot be judged without what they had been given, so they are settled with what is taken back."""
    job = drafting(programs, _HANGING, 2)
    hang = job.folder / "hang"
    hang.touch()
    running = job.begin()
    told = job.state.glob
    until(lambda: running.is_over() or len([*told("attempts/*-p2-*/work/usage.json")]) == 2, "both of the second phase")
    running.kill()
    hang.unlink()
    shutil.rmtree(job.state / "artifacts")
    said = job.play()
    assert said.code == 6 and "is missing from the ledger" in said.err and "reject" in said.err, said.all
    assert job.count("AttemptEnded") == 2, "a backup may bring back what the others had been given"
    taken = job.ask("reject", "i01", "i02", "--phase", "draft", "--why", "it is lost", "--yes")
    assert taken.code == 0, taken.all
    assert job.count("AttemptEnded") == 4
    assert job.count("ItemStruck") == 0
    assert job.count("UsageSettled", charged_microusd=250_000) == 2, "what they had told to cost is known"
    assert job.play().code == 0
    job.assert_laws_hold()
