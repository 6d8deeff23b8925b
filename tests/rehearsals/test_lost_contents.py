"""Contents that are lost while a job runs: the run ends, and what has ended before is in the ledger all the same."""

import json

from tests.rehearsals.conftest import MakeJob

_DESTROYER = """\
import json, os, shutil, sys
items = json.load(open("items.json"))
if os.environ["HARNESS_PHASE"] == "fin":
    shutil.rmtree("../../../artifacts")
    json.dump({"cost_usd": 0.25}, open("usage.json", "w"))
    sys.exit(3)
json.dump([{"id": item["id"], "text": "x" * 70_000} for item in items], open(os.environ["HARNESS_OUTPUT"], "w"))
"""


def test_T04_who_has_ended_is_settled_when_what_the_next_one_needs_is_lost(programs: MakeJob) -> None:
    output = {"fields": {"text": "string"}}
    phases = {"draft": {"output": output}, "fin": {"from": "draft", "output": output}}
    job = programs(_DESTROYER, 3, parallel=1, phases=phases, sandbox="off")
    manifest = json.loads((job.folder / "job.yaml").read_text())
    del manifest["output"]
    (job.folder / "job.yaml").write_text(json.dumps(manifest))
    said = job.play()
    assert said.code == 6 and "is missing from the ledger" in said.err, said.all
    assert job.count("AttemptStarted") == job.count("AttemptEnded") == 4, "the one that did it, and none after it"
    assert job.count("UsageSettled", charged_microusd=250_000) == 1
    assert job.has("RunEnded", exit_code=6)
