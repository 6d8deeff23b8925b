"""What check and plan find before anything runs: later prompts, slips in models, small budgets, a job that differs."""

import json
import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.covers import covers

if TYPE_CHECKING:
    from tests.cli.conftest import Desk

RECORD = {
    "type": "object",
    "required": ["id", "parts"],
    "properties": {
        "id": {"type": "string"},
        "parts": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "object", "properties": {"id": {"type": "string"}}},
        },
        "free": {},
    },
}


def two_phases(desk: "Desk", second: str, *, more: str = "", first: str = "fields: {summary: string}") -> None:
    (desk.folder / "leads.csv").write_text("id,company\n1,Acme\n2,Beta\n")
    (desk.folder / "record.json").write_text(json.dumps(RECORD))
    (desk.folder / "second.md").write_text(second)
    (desk.folder / "job.yaml").write_text(
        "noun: lead\nitems: {file: leads.csv, id: .id}\nsession: {model: sonnet}\nbudget: $50\nphases:\n"
        f"  read: {{session: {{prompt: 'about {{{{ item.company }}}}'}}, output: {{{first}}}}}\n"
        f"  rate: {{from: read, session: {{prompt: second.md}}, output: {{fields: {{stars: integer}}}}{more}}}\n"
    )


@pytest.mark.parametrize(
    "second",
    [
        "{{ item.company }} {{ item.records[0].summary }} {{ item.reasons }} {{ batch.number }}",
        "{% for record in context.read %}{{ record.summary }}{% endfor %}",
        "{{ items[0].records[0]['id'] }} {{ item.records[0].odd | default('none') }}",
    ],
)
def test_names_that_will_be_there_are_fine(second: str, desk: "Desk") -> None:
    two_phases(desk, second)
    said = desk.types("check", "--only", "plan")
    assert said.code == 0, said.err
    assert not (desk.folder / ".harness").exists()


@pytest.mark.parametrize(
    ("second", "told"),
    [
        ("fine\n{{ item.records[0].sumary }}", "second.md:2:20: there is no 'sumary'"),
        ("{{ item.record }}", "second.md:1:9: there is no 'record'"),
        ("a\n\n{{ item.town }}", "second.md:3:9: there is no 'town'"),
        ("{{ context.rate }}", "second.md:1:12: there is no 'rate'"),
    ],
)
def test_a_name_that_cannot_exist_is_told_at_its_place(second: str, told: str, desk: "Desk") -> None:
    two_phases(desk, second)
    said = desk.types("check", "--only", "plan")
    assert said.code == 2
    assert told in said.err
    assert "read has summary" in said.err


def test_a_new_job_with_such_a_name_is_not_launched(desk: "Desk", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-none")
    two_phases(desk, "{{ item.record }}")
    said = desk.types("launch")
    assert said.code == 2
    assert "second.md:1:9: there is no 'record'" in said.err
    assert not (desk.folder / ".harness").exists()


def test_what_a_schema_leaves_open_may_hold_anything(desk: "Desk") -> None:
    second = "{{ item.records[0].free.whatever[3].x }} {% if item.records[0].free.n > 3 %}{% endif %}"
    two_phases(desk, second, first="schema: record.json")
    assert desk.types("check", "--only", "plan").code == 0
    two_phases(desk, "{{ item.records[0].nothing_is_known.of_it }}", first="key: .id")
    assert desk.types("check", "--only", "plan").code == 0


@covers("A83")
def test_derived_items_are_seen_as_their_rows_make_them(desk: "Desk") -> None:
    rows = ", items: {rows: '.parts[] | {id: .id, of: .id}', id: .id, noun: part}"
    two_phases(
        desk, "{{ item.id }} {{ item.of }} {{ item.records[0].parts[0].id }}", more=rows, first="schema: record.json"
    )
    assert desk.types("check", "--only", "plan").code == 0
    (desk.folder / "second.md").write_text("{{ item.off }}")
    said = desk.types("check", "--only", "plan")
    assert said.code == 2
    assert "second.md:1:9: there is no 'off'" in said.err


def test_every_phase_calls_its_items_by_their_noun(desk: "Desk") -> None:
    two_phases(desk, "{{ item.id }}", more=", items: {rows: '.parts[]'}", first="schema: record.json")
    assert "rate from read, derives its own items; " in desk.types("check", "--only", "plan").out
    assert "1 lead: 1 (not tried yet)" in desk.types("plan").out
    two_phases(desk, "{{ item.id }}", more=", items: {rows: '.parts[]', noun: part}", first="schema: record.json")
    assert "rate from read, derives its own items, each a part; " in desk.types("check", "--only", "plan").out


def test_a_serial_phase_is_tried_without_and_with_its_own_records(desk: "Desk") -> None:
    two_phases(desk, "{{ context.rate[0].stars }}", more=", needs: previous")
    first = desk.types("check", "--only", "plan")
    assert first.code == 2
    assert "second.md:1:" in first.err
    (desk.folder / "second.md").write_text("{% for one in context.rate %}{{ one.stras }}{% endfor %}")
    assert "there is no 'stras'" in desk.types("check", "--only", "plan").err
    (desk.folder / "second.md").write_text("{% for one in context.rate %}{{ one.stars }}{% endfor %}")
    assert desk.types("check", "--only", "plan").code == 0


def test_a_prompt_that_cannot_be_tried_is_a_warning(desk: "Desk") -> None:
    (desk.folder / "odd.json").write_text('{"type": "object", "not": {"required": ["id"]}}')
    two_phases(desk, "{{ item.records[0].x }}", first="schema: odd.json")
    said = desk.types("check", "--only", "plan")
    assert said.code == 0
    assert "warning: the prompt of phase rate was not tried: no synthetic record can be made for phase read" in said.err


def test_the_prompt_of_a_later_phase_is_shown_with_synthetic_records(desk: "Desk") -> None:
    two_phases(desk, "Rate this: {{ item.records[0].summary }}")
    said = desk.types("plan", "--prompt", "--phase", "rate")
    assert said.code == 0
    assert "Rate this: rehearsal summary" in said.out
    assert "synthetic" in said.err
    unknown = desk.types("plan", "--prompt", "--phase", "rat")
    assert unknown.code == 2
    assert "did you mean 'rate'?" in unknown.err
    assert "about Acme" in desk.types("plan", "--prompt", "--phase", "read").out


def test_a_model_that_nobody_knows_is_warned_of(desk: "Desk") -> None:
    two_phases(desk, "x")
    said = desk.types("check", "--only", "plan", "--set", "session.model=sonet")
    assert said.code == 0
    assert "warning: the model 'sonet' of phase read is not known to this program, did you mean 'sonnet'?" in said.err
    assert "is not known to this program" not in desk.types("check", "--only", "plan").err


def test_a_budget_that_pays_no_session_is_told_by_check(desk: "Desk") -> None:
    two_phases(desk, "{{ item.nothing }}")
    said = desk.types("check", "--only", "plan", "--set", "budget=$0.50")
    assert said.code == 2
    assert "budget $0.50 cannot pay for one session" in said.err
    assert "there is no 'nothing'" in said.err, "all at once"


def test_check_refuses_what_launch_would_and_plan_says_so(desk: "Desk") -> None:
    desk.job({"1": "good", "2": "good"})
    desk.has_typed("launch", "--first", "1")
    assert desk.types("check", "--only", "plan").code == 0
    (desk.folder / "items.jsonl").write_text('{"id": "1", "how": "good", "x": 2}\n{"id": "2", "how": "good"}\n')
    said = desk.types("check", "--only", "plan")
    assert said.code == 2
    assert "item '1' was edited" in said.err
    assert "`harness launch --keep`" in said.err
    assert "2 numbers from items.jsonl" in said.out
    planned = desk.types("plan")
    assert planned.code == 0
    assert "`launch` would refuse: the job has changed since it was planned" in planned.err
    assert "1 number: 2" in planned.out
    assert desk.types("rehearse").code == 0
    (desk.folder / "items.jsonl").write_text('{"id": "1", "how": "good", "x": 3}\n')
    assert desk.types("check", "--only", "plan", "--rehearsal").code == 0
    assert "the next rehearsal will start over: the job has changed" in desk.types("plan", "--rehearsal").err


def test_a_time_of_day_that_has_passed_is_told_to_be_tomorrow(desk: "Desk") -> None:
    now = datetime.now().astimezone()
    past, to_come = now - timedelta(minutes=2), now + timedelta(minutes=20)
    for stem, moment in (("late", past), ("soon", to_come)):
        desk.job({"1": "good"}, more=f"deadline: {moment:%H:%M}\n", stem=stem)
        is_today = (moment >= now) == (moment.date() == now.date())
        told = f"ends {'' if is_today else 'tomorrow '}at {moment:%H:%M}"
        for command in ("check", "plan", "launch"):
            said = desk.types(command, f"{stem}.yaml")
            assert told in said.out + said.err, command


@pytest.mark.linux
def test_H4_plan_prints_the_very_mounts_that_a_session_finds(desk: "Desk") -> None:
    (desk.folder / "look.py").write_text(
        "import json, os\n"
        "lines = [line.split()[4] for line in open('/proc/self/mountinfo')]\n"
        "json.dump([{'id': '1', 'mounts': lines}], open(os.environ['HARNESS_OUTPUT'], 'w'))\n"
    )
    (desk.folder / "list.csv").write_text("id\n1\n")
    (desk.folder / "job.yaml").write_text(
        f"items: {{file: list.csv}}\nsession: {{backend: command, command: [{sys.executable}, look.py]}}\n"
        "output: {merge: out.json}\n"
    )
    told = desk.types("plan", "--mounts", "--json").json()
    assert told["sandbox"].startswith("bubblewrap") and [phase["phase"] for phase in told["phases"]] == ["main"]
    mounts = told["phases"][0]["mounts"]
    assert f"    read-only  {desk.folder / 'look.py'}\n" in desk.types("plan", "--mounts").out
    assert not desk.folder.joinpath(".harness").exists()
    assert desk.types("launch", "--plain").code == 0
    (record,) = json.loads((desk.folder / "out.json").read_text())
    found = {path for path in record["mounts"] if path != "/" and not path.startswith(("/dev/", "/proc/"))}
    assert found == {mount["path"] for mount in mounts if mount["kind"] != "link"} - {"/dev/shm"}
    (desk.folder / "job.yaml").write_text((desk.folder / "job.yaml").read_text() + "sandbox: permissions\n")
    assert "no mounts: sessions see what you see" in desk.types("plan", "--mounts").out


def test_check_tells_what_is_wrong_with_manifest_items_and_bounds_in_one_go(desk: "Desk") -> None:
    desk.job({"1": "good"})
    (desk.folder / "items.jsonl").write_text('{"id": "1"}\n{"id": "1"}\n')
    manifest = (desk.folder / "job.yaml").read_text()
    (desk.folder / "job.yaml").write_text(manifest.replace("prompt: count them", "prompt: 'count {{ itms }}'"))
    both = desk.types("check", "--only", "plan")
    assert both.code == 2 and "unknown name 'itms'" in both.err and "items.jsonl:2" in both.err, both
    (desk.folder / "job.yaml").write_text(f"{manifest}deadline: 2020-01-01 08:00\n")
    bounds = desk.types("check", "--only", "plan")
    assert bounds.code == 2 and "items.jsonl:2" in bounds.err and "has passed" in bounds.err, bounds
    unknown = manifest.replace("items.jsonl", "nowhere.jsonl").replace("count them", "'count {{ x }}'")
    (desk.folder / "job.yaml").write_text(unknown)
    missing = desk.types("check", "--only", "plan").err
    assert missing.count("nowhere.jsonl") == 1 and "unknown name 'x'" in missing, missing


def test_check_finds_that_the_program_of_rehearsals_is_not_there(desk: "Desk") -> None:
    desk.job({"1": "good"})
    head, tail = (desk.folder / "job.yaml").read_text().split("rehearsal: {session: {command: [")
    rest = tail.split(", worker.py]", 1)[1]
    (desk.folder / "job.yaml").write_text(f"{head}rehearsal: {{session: {{command: [no-such-program]{rest}")
    said = desk.types("check", "--only", "plan")
    assert said.code == 2 and "rehearsal.session.command: the program 'no-such-program' does not exist" in said.err, (
        said
    )
