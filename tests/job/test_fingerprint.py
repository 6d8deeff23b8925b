"""The fingerprint changes with what shapes the records, and with nothing else."""

from pathlib import Path

import pytest

from harness.job.change import Change
from harness.job.fingerprint import differences, fingerprint
from harness.job.load import load

JOB = """
vars: {course: ita}
items: {file: items.json, rows: ".rows[]"}
session: {model: sonnet, prompt: prompt.md, instructions: [rules.md]}
output: {schema: schema.json, check: [{python: "checks.py:check"}, {command: [python3, tool.py]}], merge: out.json}
budget: $40
"""


def changed(field: str, before: str | None = None, now: str | None = None, *files: str) -> Change:
    return Change("field_changed", field, before=before, now=now, files=files)


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    (tmp_path / "items.json").write_text("{}")
    (tmp_path / "prompt.md").write_text("Do {{ item.id }}")
    (tmp_path / "rules.md").write_text("Be true")
    (tmp_path / "schema.json").write_text('{"type": "object"}')
    (tmp_path / "checks.py").write_text("def check(items, records, context):\n    return {}\n")
    (tmp_path / "tool.py").write_text("")
    path = tmp_path / "job.yaml"
    path.write_text(JOB)
    return path


@pytest.mark.parametrize(
    ("setting", "change"),
    [
        ("session.model=haiku", changed("session.model", '"sonnet"', '"haiku"')),
        ("batch.size=20", changed("batch.size", "1", "20")),
        ("vars.course=spa", changed("vars.course", '"ita"', '"spa"')),
        ("vars.more=1", Change("field_added", "vars.more", now="1")),
        ("order=[.priority]", changed("order", "[]", '[".priority"]')),
        ("session.tools=[Write, Bash]", changed("session.tools", '["Read", "Write"]', '["Bash", "Write"]')),
        ("session.prompt=do all of {{ items }}", changed("session.prompt")),
        ("items.id=.name", changed("items.id", '".id"', '".name"')),
        ("output.check.0.says=no", changed("output.check[0]")),
        ("output.merge=other.json", changed("output.merge", '"out.json"', '"other.json"')),
    ],
)
def test_T13_what_shapes_records_is_a_change(manifest: Path, setting: str, change: Change) -> None:
    settings = [setting] if setting != "batch.size=20" else [setting, "session.prompt=do all of {{ items }}"]
    changes = differences(fingerprint(load(manifest)), fingerprint(load(manifest, settings=settings)))
    assert change in changes
    assert len(changes) == len(settings)


@pytest.mark.parametrize("name", ["prompt.md", "rules.md", "schema.json", "checks.py", "tool.py"])
def test_T13_the_content_of_each_file_counts(manifest: Path, name: str) -> None:
    before = fingerprint(load(manifest))
    file = manifest.parent / name
    file.write_text(file.read_text().replace("{}", '{"a": "b"}').replace('"object"', '["object"]') + "\n# x\n" * (
        file.suffix != ".json"
    ))  # fmt: skip
    (change,) = differences(before, fingerprint(load(manifest)))
    assert change == changed(change.field, None, None, *([name] if name in {"checks.py", "tool.py"} else []))


def test_a_fingerprint_of_an_old_ledger_that_names_no_files_differs_in_nothing(manifest: Path) -> None:
    now = fingerprint(load(manifest))
    old = {name: value for name, value in now.items() if not name.startswith("file ")}
    assert len(old) < len(now)
    assert differences(old, now) == differences(now, old) == []
    (manifest.parent / "tool.py").write_text("more")
    assert differences(old, fingerprint(load(manifest))) == [changed("output.check[1]")]


@pytest.mark.parametrize(
    "setting",
    ["budget=none", "parallel=9", "strikes=5", "session.timeout=1h", "grace=5s", "noun=school", "max_output=900"],
)
def test_T13_what_only_operates_does_not_count(manifest: Path, setting: str) -> None:
    assert differences(fingerprint(load(manifest)), fingerprint(load(manifest, settings=[setting]))) == []


def test_the_place_of_the_job_and_the_order_of_tools_do_not_count(manifest: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    moved.mkdir()
    for file in list(tmp_path.iterdir()):
        if file.is_file():
            (moved / file.name).write_bytes(file.read_bytes())
    settings = ["session.tools=[Write, Read]"]
    assert differences(fingerprint(load(manifest)), fingerprint(load(moved / "job.yaml", settings=settings))) == []


def test_a_recorded_fingerprint_is_text_only(manifest: Path) -> None:
    recorded = fingerprint(load(manifest))
    assert all(isinstance(name, str) and isinstance(value, str) for name, value in recorded.items())
    assert str(manifest.parent) not in str(recorded)
    assert differences({**recorded, "gone": "1"}, recorded) == [Change("field_removed", "gone", before="1")]


@pytest.mark.parametrize(
    ("name", "does_count"),
    [("worker.py", True), ("rules.md", True), ("settings.yaml", True), ("tool", True), ("state.json", False),
     ("rows.csv", False), ("cache.db", False)],
)  # fmt: skip
def test_T13_of_the_files_of_a_command_those_count_that_people_write(
    name: str, does_count: bool, manifest: Path
) -> None:
    session = f"{{backend: command, command: [python3, worker.py, {name}], prompt: count them}}"
    (manifest.parent / "worker.py").write_text("")
    file = manifest.parent / name
    file.write_text("#!/bin/sh\n") if name == "tool" else file.write_text("")
    settings = [f"session={session}"]
    before = fingerprint(load(manifest, settings=settings))
    file.write_text(file.read_text() + "more\n")
    changes = differences(before, fingerprint(load(manifest, settings=settings)))
    assert changes == ([changed("session.command", None, None, name)] if does_count else [])


@pytest.mark.parametrize("word", ["state.json", "./state.json", "output/", "output"])
def test_T13_what_a_program_makes_is_the_same_word_when_it_is_there(word: str, manifest: Path) -> None:
    (manifest.parent / "worker.py").write_text("")
    settings = [f"session={{backend: command, command: [python3, worker.py, {word}], prompt: count them}}"]
    before = fingerprint(load(manifest, settings=settings))
    (manifest.parent / "state.json").write_text("")
    (manifest.parent / "output").mkdir()
    assert differences(before, fingerprint(load(manifest, settings=settings))) == []


def test_T13_a_first_word_counts_whatever_it_is_called(manifest: Path) -> None:
    tool = manifest.parent / "tool.json"
    tool.write_text("")
    tool.chmod(0o755)
    settings = ["session={backend: command, command: [tool.json], prompt: count them}"]
    before = fingerprint(load(manifest, settings=settings))
    tool.write_text("more")
    assert differences(before, fingerprint(load(manifest, settings=settings))) == [
        changed("session.command", None, None, "tool.json")
    ]


@pytest.mark.parametrize(
    ("setting", "change"),
    [
        ("sandbox=bubblewrap", changed("sandbox", '"auto"', '"bubblewrap"')),
        ("strikes=5", changed("strikes", "3", "5")),
        ("max_output=4000", changed("max_output", "16000", "4000")),
        ("budget_per_session=1", changed("budget_per_session", '"4"', '"1"')),
        ("session.timeout=90s", changed("session.timeout", "1200.0", "90.0")),
        ("session.silence=none", Change("field_removed", "session.silence", before="600.0")),
        ("session.max_turns=7", Change("field_added", "session.max_turns", now="7")),
        ("rehearsal.strict=false", changed("rehearsal.strict", "true", "false")),
    ],
)
def test_a_setting_that_decides_how_sessions_run_makes_another_rehearsal_and_the_same_real_job(
    manifest: Path, setting: str, change: Change
) -> None:
    for rehearsal, told in ((True, [change]), (False, [])):
        before = fingerprint(load(manifest, settings=["session.model=sonnet"], rehearsal=rehearsal))
        after = fingerprint(load(manifest, settings=["session.model=sonnet", setting], rehearsal=rehearsal))
        assert differences(before, after) == told


def test_how_many_items_a_record_may_make_asks_no_real_job_and_makes_another_rehearsal(tmp_path: Path) -> None:
    (tmp_path / "items.json").write_text("[]")
    path = tmp_path / "job.yaml"
    path.write_text("""
items: {file: items.json}
session: {model: sonnet, prompt: "Do {{ item.id }}"}
phases:
  one: {output: {fields: {parts: array}}}
  two: {from: one, items: {rows: ".parts[]"}, output: {fields: {n: integer}}}
budget: $4
""")
    settings = ["phases.two.items.most=5000"]
    for rehearsal, told in ((True, [changed("phases.two.items.most", "1000", "5000")]), (False, [])):
        before = fingerprint(load(path, rehearsal=rehearsal))
        assert not any(name.endswith("items.most") for name in before), "a default is no part of it"
        assert differences(before, fingerprint(load(path, settings=settings, rehearsal=rehearsal))) == told
