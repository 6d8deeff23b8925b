"""What a rehearsal says when its answers, or its scene, are the fault and not the job."""

import json

from tests.end_to_end.conftest import MakeJob

BROKEN = """\
from harness.rehearsal.scene import Ask, Records, Reply


def scene(ask: Ask) -> Reply:
    return Records([{"id": id, "text": 1 / 0} for id in ask.ids])
"""


def test_a_scene_with_a_bug_stops_the_rehearsal_at_once_and_names_the_line(small: MakeJob) -> None:
    job = small("plain", 3)
    good = (job.folder / "scene.py").read_text()
    (job.folder / "scene.py").write_text(BROKEN)
    said = job.play()
    assert said.code == 4, said.all
    assert "stopped: broken_scene" in said.err
    assert "scene.py:5: ZeroDivisionError: division by zero" in said.err
    assert "fix the scene" in said.err
    assert not job.has("HoldPlaced") and not job.has("ItemStruck")
    (job.folder / "scene.py").write_text(good)
    mended = job.play()
    assert mended.code == 0, mended.all
    assert "the job has changed (rehearsal.scene has changed)" in mended.err
    job.assert_laws_hold()


def test_a_prompt_that_passes_nothing_on_stops_the_rehearsal_and_says_what_to_write(small: MakeJob) -> None:
    job = small("plain", 2, session={"model": "sonnet", "prompt": "Write a good summary. Be careful."})
    said = job.play()
    assert said.code == 4, said.all
    assert "the prompt gives a session only the id of 'i01': word" in said.err
    assert "name it in the prompt, {{ item.company }} for one field" in said.err
    assert "Not in the prompt: the prompt gives a session only the id of 'i01'" in said.out
    assert not job.has("ItemStruck") and "scene" not in said.out
    warned = job.ask("check", "--only", "plan")
    assert "session.prompt names no field of the item but its id (job.yaml:" in warned.err
    assert "the prompt does not contain word: write {{ item.word }}" in warned.err
    job.settings = ("rehearsal.strict=false",)
    loose = job.play()
    assert loose.code == 0, loose.all
    assert "the job has changed (rehearsal.strict was true, is now false)" in loose.err


def test_checks_that_synthetic_answers_cannot_meet_are_said_to_need_fields_or_a_scene(small: MakeJob) -> None:
    output = {"fields": {"text": "string"}, "check": [{"jq": '.text | startswith("http")', "says": "give a link"}]}
    job = small("plain", 2, output=output, rehearsal={})
    said = job.play()
    assert said.code == 1, said.all
    assert "Your checks rejected synthetic records for 2 items" in said.out
    assert said.out.index("mood: good | bad") < said.out.index("rehearsal: {records: samples.json}")
    assert "or a `schema:`, or provide samples or a scene; then `harness rehearse" in said.out
    assert "phase" not in said.out


def test_the_next_step_of_a_stop_comes_before_advice_about_synthetic_answers(small: MakeJob) -> None:
    output = {"fields": {"text": "string"}, "check": [{"jq": '.text | startswith("http")', "says": "give a link"}]}
    said = small("plain", 2, output=output, rehearsal={}, caps={"sessions": 2}).play()
    assert said.code == 3, said.all
    assert "Your checks rejected synthetic records" in said.out
    assert "Next: raise `caps` in job.yaml, then `harness rehearse" in said.out
    assert "Next: express what" not in said.out


def test_a_bad_pilot_of_synthetic_answers_asks_for_fields(small: MakeJob) -> None:
    output = {"fields": {"text": "string"}, "check": [{"jq": '.text | startswith("http")', "says": "give a link"}]}
    said = small("plain", 2, output=output, rehearsal={}, pilot=1).play()
    assert said.code == 3, said.all
    assert "Next: express what the checks require" in said.out


def test_texts_of_files_are_long_enough_and_where_checks_want_more_samples_are_advised(small: MakeJob) -> None:
    checks = [{"jq": ".text | length > 200"}, {"jq": '.text | startswith("Dear")'}]
    output = {"shape": "files", "file": "{id}.md", "check": checks, "merge": "output/letters"}
    said = small("plain", 1, output=output, rehearsal={}).play()
    assert said.code == 1, said.all
    assert "length" not in said.out + said.err
    assert "Next: put texts that your checks accept into samples.json" in said.out
    assert "`fields`" not in said.out


def test_injected_faults_are_not_blamed_on_synthetic_answers(small: MakeJob) -> None:
    job = small("plain", 1, rehearsal={})
    said = job.play("--faults", "no_file:*")
    assert said.code == 1, said.all
    assert "synthetic records" not in said.out


def test_records_that_were_left_out_on_purpose_are_not_called_refused(small: MakeJob) -> None:
    output = {"fields": {"text": "string"}, "check": [{"jq": ".text != 5"}]}
    said = small("plain", 1, rehearsal={}, output=output).play("--faults", "missing_item:*")
    assert said.code == 1, said.all
    assert "synthetic records" not in said.out


def test_of_several_phases_the_one_whose_checks_refuse_is_named(small: MakeJob) -> None:
    wants = {"fields": {"text": "string"}, "check": [{"jq": ".text == 5"}]}
    phases = {"first": {"output": {"fields": {"text": "string"}}}, "second": {"from": "first", "output": wants}}
    job = small("plain", 1, phases=phases, rehearsal={})
    manifest = json.loads((job.folder / "job.yaml").read_text())
    del manifest["output"]
    (job.folder / "job.yaml").write_text(json.dumps(manifest))
    assert "Your checks rejected synthetic records for 1 item in phase second" in job.play().out


def test_samples_are_answers_no_clock_is_waited_for_and_no_check_is_blamed_for_a_fault(small: MakeJob) -> None:
    output = {"fields": {"id": "string", "text": "string"}, "check": [{"jq": '.text | startswith("http")'}]}
    output["merge"] = "output/all.json"
    clocks = {"rate": "1/h", "deadline": "2020-01-01 00:00", "stop_at": "5%"}
    job = small("plain", 3, output=output, rehearsal={"records": "samples.json"}, **clocks)
    samples = [{"id": "i02", "text": "http://two"}, {"id": "x", "text": "http://any"}]
    (job.folder / "samples.json").write_text(json.dumps(samples))
    said = job.play("--faults", "refusal:*/i01, toolong:*/i03")
    assert said.code == 1, said.all
    assert "ignored in a rehearsal: rate, deadline, stop_at" in said.err
    assert "checks rejected" not in said.out
    assert [each["id"] for each in job.status()["failed"]] == ["i01", "i03"]
    assert json.loads(job.merged()["all.json"]) == [samples[0]]
