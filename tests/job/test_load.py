"""A manifest that is right becomes a Job: resolved, absolute, with the defaults of the model."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from harness.base.errors import UsageError
from harness.job.load import load
from tests.covers import covers

QUICK = """
items: {files: "inbox/*.pdf"}
session: {model: haiku, prompt: "Read {{ item.path }} and take out vendor, date and total."}
output: {fields: {vendor: string, date: date, total: number}, merge: invoices.csv}
budget: $5
"""


def write(folder: Path, text: str, **files: str) -> Path:
    """Write job.yaml and the files named by keyword, `a__b_json` -> `a/b.json`."""
    for name, content in files.items():
        path = folder / ".".join(name.replace("__", "/").rsplit("_", 1))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    manifest = folder / "job.yaml"
    manifest.write_text(text, encoding="utf-8")
    return manifest


def test_the_quick_job_is_complete_with_its_defaults(tmp_path: Path) -> None:
    job = load(write(tmp_path, QUICK))
    (phase,) = job.phases
    assert (job.name, job.noun, job.strikes, job.parallel) == (tmp_path.name, "item", 3, 1)
    assert job.state == tmp_path / ".harness" / "job"
    assert (job.budget, job.budget_per_session) == (Decimal(5), Decimal("0.5"))
    assert (phase.number, phase.name, phase.from_, phase.batch_size) == (1, "main", None, 1)
    assert (phase.session.model, phase.session.tools) == ("haiku", ("Read", "Write"))
    assert phase.session.prompt.startswith("Read {{ item.path }}")
    assert phase.session.prompt_name == "<prompt>"
    assert phase.session.timeout == timedelta(minutes=20)
    assert (phase.output.file, phase.output.shape, phase.output.key, phase.output.item) == (
        "output.json",
        "array",
        ".id",
        ".id",
    )
    assert phase.output.merge == tmp_path / "invoices.csv"
    assert phase.output.schema is not None
    assert phase.output.schema["required"] == ["vendor", "date", "total"]


PHASES = """
job: "{course}_{seeds}"
noun: seed
vars: {course: ita, seeds: 20}
items: {file: data/{course}.json, rows: ".seeds[:$seeds][]"}
batch: {size: 20}
session: {model: sonnet, timeout: 40m, prompt: prompts/all.md, instructions: [prompts/rules.md]}
phases:
  translate:
    output: {key: ".[0]", merge: "out/{course}/pairs.json"}
  decompose:
    from: translate
    needs: previous
    session: {model: haiku, tools: [Write]}
    output: {key: ".[0]", merge: "out/{course}/legos.json"}
  baskets:
    from: decompose
    needs: earlier
    items: {rows: ".[2][]", id: ".[0]", noun: LEGO}
    batch: {size: 100}
    output: {shape: object}
rehearsal: {session: {timeout: 5s}}
budget: none
"""


@pytest.fixture
def phases(tmp_path: Path) -> Path:
    prompt, rules = "{% for item in items %}{{ item.id }}{% endfor %}", "# Rules\r\nBe true.\n"
    return write(tmp_path, PHASES.replace("data/{course}.json", '"data/{course}.json"'), data__ita_json="{}",
                 prompts__all_md=prompt, prompts__rules_md=rules)  # fmt: skip


def test_phases_inherit_field_by_field(phases: Path) -> None:
    job = load(phases)
    translate, decompose, baskets = job.phases
    assert [phase.session.model for phase in job.phases] == ["sonnet", "haiku", "sonnet"]
    assert decompose.session.tools == ("Write",)
    assert decompose.session.timeout == timedelta(minutes=40)
    assert decompose.session.prompt == translate.session.prompt
    assert decompose.session.prompt_name.endswith("prompts/all.md")
    assert baskets.session.instructions == "# Rules\nBe true."
    assert (translate.from_, decompose.from_, baskets.from_) == (None, 1, 2)
    assert (decompose.needs, baskets.needs) == ("previous", "earlier")
    assert (baskets.rows, baskets.id, baskets.noun, baskets.batch_size) == (".[2][]", ".[0]", "LEGO", 100)
    assert baskets.most == 1000
    assert load(phases, settings=["phases.baskets.items.most=5"]).phases[2].most == 5
    assert decompose.noun == "seed"
    assert job.budget is None and job.budget_per_session is None


@covers("F176")
def test_vars_fill_paths_and_the_name(phases: Path) -> None:
    job = load(phases, settings=["vars.seeds=100"])
    assert job.name == "ita_100"
    assert job.vars == {"course": "ita", "seeds": 100}
    assert job.items.file == phases.parent / "data/ita.json"
    assert job.phases[0].output.merge == phases.parent / "out/ita/pairs.json"


def test_a_rehearsal_has_its_own_state_outputs_and_session(phases: Path) -> None:
    job = load(phases, rehearsal=True)
    assert job.rehearsal
    assert job.state == phases.parent / ".harness" / "job.rehearsal"
    assert {phase.session.timeout for phase in job.phases} == {timedelta(seconds=5)}
    assert job.phases[0].output.merge == job.state / "output/out/ita/pairs.json"
    for phase in job.phases:
        assert phase.output.merge is None or phase.output.merge.is_relative_to(job.state)


@pytest.mark.parametrize(
    ("merge", "below"),
    [
        ("invoices.csv", "output/invoices.csv"),
        ("output/invoices.csv", "output/invoices.csv"),
        ("./output/../out/a.csv", "output/out/a.csv"),
    ],
)
def test_a_rehearsal_merges_below_its_state(tmp_path: Path, merge: str, below: str) -> None:
    job = load(write(tmp_path, QUICK.replace("invoices.csv", merge)), rehearsal=True)
    assert job.phases[0].output.merge == job.state / below


@pytest.mark.parametrize("merge", ["../elsewhere/a.csv", "/tmp/a.csv", "output/../../output/a.csv"])
def test_a_rehearsal_merges_nowhere_else_whatever_is_written(tmp_path: Path, merge: str) -> None:
    job = load(write(tmp_path, QUICK.replace("invoices.csv", merge)), rehearsal=True)
    assert job.phases[0].output.merge is not None
    assert job.phases[0].output.merge.is_relative_to(job.state / "output")


def test_a_rehearsal_needs_neither_model_nor_budget(tmp_path: Path) -> None:
    text = QUICK.replace("model: haiku, ", "").replace("budget: $5", "")
    assert load(write(tmp_path, text), rehearsal=True).budget is None
    with pytest.raises(UsageError) as caught:
        load(write(tmp_path, text))
    assert [problem.message.split(":")[0] for problem in caught.value.problems] == ["budget", "session.model"]


COMMAND = """
items: {file: items.jsonl}
session: {backend: command, command: [python3, worker.py, --fast, nothing.py]}
output: {check: [{command: [python3, checks/check.py]}, {python: "checks/check.py:check", says: "no"}]}
rehearsal: {session: {command: [python3, worker.py]}}
"""


def test_words_of_a_command_that_exist_are_absolute_and_readable(tmp_path: Path) -> None:
    check = "def check(items, records, context):\n    return {}\n"
    job = load(write(tmp_path, COMMAND, items_jsonl="", worker_py="", checks__check_py=check))
    (phase,) = job.phases
    assert phase.session.command == ("python3", str(tmp_path / "worker.py"), "--fast", "nothing.py")
    assert job.readable == (tmp_path / "worker.py", tmp_path / "checks/check.py")
    assert job.is_free()
    assert job.budget is None
    first, second = phase.output.checks
    assert first.command == ("python3", str(tmp_path / "checks/check.py"))
    assert (second.kind, second.says, second.python) == ("python", "no", (tmp_path / "checks/check.py", "check"))


def test_a_setting_may_be_flow_yaml_and_reach_into_lists(tmp_path: Path) -> None:
    path = write(tmp_path, QUICK)
    job = load(path, settings=["session.tools=[Read, Write, WebSearch]", "parallel=4", "budget=none", "vars.a.b=1"])
    assert job.phases[0].session.tools == ("Read", "Write", "WebSearch")
    assert (job.parallel, job.budget, job.vars) == (4, None, {"a": {"b": 1}})
    listed = write(tmp_path, QUICK.replace("merge:", "check: [{jq: '.a'}], merge:"))
    job = load(listed, settings=["output.check.0.jq=.total > 0"])
    assert job.phases[0].output.checks[0].jq == ".total > 0"


def test_the_prompt_may_be_a_file_whose_name_has_a_space(tmp_path: Path) -> None:
    text = QUICK.replace('"Read {{ item.path }} and take out vendor, date and total."', '"my prompt.md"')
    path = write(tmp_path, text)
    (tmp_path / "my prompt.md").write_text("Look at {{ item.path }}")
    assert load(path).phases[0].session.prompt == "Look at {{ item.path }}"


@pytest.mark.parametrize("mark", ["\ufeff", ""])
def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path, mark: str) -> None:
    assert load(write(tmp_path, mark + QUICK.lstrip())).items.files == "inbox/*.pdf"
