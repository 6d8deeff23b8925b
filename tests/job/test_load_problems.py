"""Manifests that are wrong: every problem at its line and column, all at once, and nothing else happens."""
# ruff: noqa: E501 - messages stand here as they are printed, one line each

from pathlib import Path

import pytest

from harness.base.errors import UsageError
from harness.job.load import load
from harness.job.tools import BUILT_IN_TOOLS
from tests.covers import covers
from tests.job.conftest import GOOD, problems


def test_the_pattern_of_these_tests_is_right(folder: Path) -> None:
    Path("job.yaml").write_text(GOOD)
    assert load(Path("job.yaml")).name == "Test"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("  model: sonnet", "  modle: sonnet", "job.yaml:9:3: session.modle: unknown key, did you mean 'model'?"),
        ("strikes: 3", "strikes: three", "job.yaml:19:10: strikes: expected a whole number, got 'three'"),
        ("strikes: 3", "strikes: 0", "job.yaml:19:10: strikes: expected greater than or equal to 1, got 0"),
        ("job: Test", "job: 5", "job.yaml:1:6: job: expected text, got 5"),
        ("  model: sonnet", "  model: sonnet\n  budget: $1", "job.yaml:10:3: session.budget: unknown key, did you mean 'budget' at the top level?"),
        ("strikes: 3", "model: opus", "job.yaml:19:1: model: unknown key, did you mean 'session.model'?"),
        ("budget: $40", "budget: lots", "job.yaml:20:9: budget: expected dollars such as $40 or 0.50, or none, got 'lots'"),
        ("budget: $40", "", "job.yaml:1:1: budget: missing: a real run needs a budget"),
        ("budget: $40", "budget:", "job.yaml:20:1: budget: nothing is written here"),
        ("  model: sonnet\n", "", "job.yaml:9:3: session.model: missing: a real run needs one, for instance sonnet"),
        ("  prompt: prompt.md\n", "", "job.yaml:9:3: session.prompt: missing: what shall a session do?"),
        ("prompt.md", "promt.md", "job.yaml:10:11: session.prompt: the file 'promt.md' does not exist"),
        ("items.json", "missing.json", "job.yaml:4:9: items.file: the file 'missing.json' does not exist"),
        ("items.json", "items.xml", "job.yaml:4:9: items.file: the file 'items.xml' does not exist"),
        ("[Read, Write]", "[Read, Wirte]", "job.yaml:11:17: session.tools[1]: unknown tool 'Wirte', did you mean 'Write'?"),
        ("[Read, Write]", "[Read]", "job.yaml:11:10: session.tools: a session without the tool Write cannot leave an output file"),
        ("  key: .id", "  key: id", "job.yaml:13:8: output.key: expected a path such as .id or .a[0].b, got 'id'"),
        ("[.priority]", "[a b]", "job.yaml:7:9: order[0]: expected a path such as .id or .a[0].b, got 'a b'"),
        ("schema.json", "{}", "job.yaml:14:11: output.schema: expected text, got keys and values"),
        ("out.json", "out.txt", "job.yaml:18:10: output.merge: expected a name that ends with .json, .jsonl, .csv, got 'out.txt'"),
        ("out.json", "items.json", "job.yaml:18:10: output.merge: phase 1 would overwrite a file that the items come from"),
        ("out.json", "job.yaml", "job.yaml:18:10: output.merge: 'job.yaml' is the job itself; choose another name"),
        ("out.json", ".harness/x.json", "job.yaml:18:10: output.merge: the folder .harness is the harness's own; choose another place"),
        ("checks.py:check", "checks.py:chekc", "job.yaml:17:15: output.check[1].python: checks.py has no function 'chekc'; it has check"),
        ("checks.py:check", "checks.py", "job.yaml:17:15: output.check[1].python: expected a file and a function such as checks.py:check, got 'checks.py'"),
        ("{course: ita}", "{course-x: ita}", "job.yaml:2:8: vars.course-x: 'course-x' cannot name a var; expected letters, digits and _, as in {{ vars.course }}"),
        ("job: Test", 'job: "{cuorse}"', "job.yaml:1:6: job: {cuorse} is not one of vars, did you mean 'course'?"),
        ("strikes: 3", "strikes: 3\nstrikes: 4", "job.yaml:20:1: duplicate key 'strikes', first at line 19"),
        ("strikes: 3", "sandbox: of", "job.yaml:19:10: sandbox: expected 'auto', 'bubblewrap', 'permissions' or 'off', got 'of', did you mean 'off'?"),
        ("strikes: 3", "session: {}", "job.yaml:19:1: duplicate key 'session', first at line 8"),
        ("strikes: 3", "grace: soon", "job.yaml:19:8: grace: expected a duration such as 90s, 20m or 1h 30m, got 'soon'"),
    ],
)  # fmt: skip
def test_each_problem_is_told_at_its_place(folder: Path, old: str, new: str, expected: str) -> None:
    assert old in GOOD
    assert problems(GOOD.replace(old, new)) == [expected]


@pytest.mark.parametrize("word", ["permissions", "guardian"])
def test_H1_without_a_kernel_sandbox_every_tool_that_no_rule_holds_is_refused_at_its_place(
    folder: Path, word: str
) -> None:
    """`guardian` is the old word. Refused is what is not known to be held: a list of what is allowed."""
    held = ["Read", "Write", "Edit", "NotebookEdit", "Grep", "Glob", "WebFetch", "WebSearch"]
    others = sorted(BUILT_IN_TOOLS - set(held))
    sandboxed = GOOD.replace("strikes: 3", f"sandbox: {word}")
    Path("job.yaml").write_text(sandboxed.replace("[Read, Write]", f"[{', '.join(held)}]"))
    loaded = load(Path("job.yaml"))
    assert (loaded.sandbox, list(loaded.phases[0].session.tools)) == ("permissions", held)
    said = problems(sandboxed.replace("[Read, Write]", f"[Write, {', '.join(others)}]"))
    assert len(said) == len(others) and {"EnterWorktree", "SendMessage", "ListAgents", "Skill", "Agent"} <= set(others)
    for at, tool in enumerate(others, start=1):
        does = "runs programs" if tool in ("Bash", "Monitor", "Workflow") else "reaches beyond a session's own folder"
        told = f"session.tools[{at}]: tool {tool} {does} and needs a kernel sandbox, which sandbox: permissions is not"
        assert said[at - 1].endswith(told) and said[at - 1].startswith("job.yaml:11:"), said


def test_acceptance_bad_jq_is_told_at_its_line(folder: Path) -> None:
    (first, second) = problems(GOOD.replace('".x | length > 0"', '".x | ["').replace('".rows[]"', '".rows | bad("'))
    assert first.startswith("job.yaml:5:9: items.rows: '.rows | bad(' is not a valid jq program: ")
    assert second.startswith("job.yaml:16:11: output.check[0].jq: '.x | [' is not a valid jq program: ")


def test_jq_knows_the_vars_and_no_others(folder: Path) -> None:
    (problem,) = problems(GOOD.replace('".x | length > 0"', '".x == $course and .y == $other"'))
    assert problem.startswith("job.yaml:16:11: output.check[0].jq: ")
    assert "$other" in problem


def test_acceptance_a_bad_schema_is_told_at_its_line(folder: Path) -> None:
    (folder / "schema.json").write_text('{"type": "objekt"}')
    (problem,) = problems(GOOD)
    assert problem.startswith("job.yaml:14:11: output.schema: schema.json is not a valid JSON Schema: ")
    (folder / "schema.json").write_text('{"type":\n "object"')
    (problem,) = problems(GOOD)
    assert problem.startswith("schema.json:2:10: is not valid JSON: ")


@pytest.mark.parametrize(
    ("schema", "key", "says"),
    [
        ('{"additionalProperties": false, "properties": {"x": {}}}', ".id", "forbids 'id'"),
        ('{"additionalProperties": false, "patternProperties": {"^x": {}}}', ".id", "forbids 'id'"),
        ('{"properties": {"id": false}}', ".id", "forbids 'id'"),
        ('{"properties": {"id": {"type": "integer"}}}', ".id", "wants integer at .id"),
        ('{"properties": {"a": {"properties": {}, "additionalProperties": false}}}', ".a.id", "forbids 'id'"),
    ],
)
@pytest.mark.parametrize("shape", ["array", "object", "one"])
def test_a_schema_without_room_for_the_id_is_told_before_anything_runs(
    folder: Path, shape: str, schema: str, key: str, says: str
) -> None:
    (folder / "schema.json").write_text(schema)
    text = GOOD.replace("key: .id", f"key: {key}\n  shape: {shape}")
    expected = f"job.yaml:15:11: output.schema: schema.json {says}, so no record could ever pass"
    assert problems(text) == [expected]


@pytest.mark.parametrize(
    "schema",
    [
        '{"additionalProperties": false, "properties": {"id": {"type": "string"}}}',
        '{"additionalProperties": false, "patternProperties": {"^i": {}}}',
        '{"properties": {"id": {"type": ["null", "string"]}}}',
        '{"additionalProperties": {"type": "string"}}',
    ],
)
def test_a_schema_that_may_have_room_for_the_id_is_taken(folder: Path, schema: str) -> None:
    (folder / "schema.json").write_text(schema)
    Path("job.yaml").write_text(GOOD)
    load(Path("job.yaml"))


def test_acceptance_an_unknown_name_in_a_prompt_is_told_with_the_line_of_the_template(folder: Path) -> None:
    (folder / "prompt.md").write_text("Do\n{{ itm.id }} of {{ vars.cuorse }}\n{{ batch.nr }}\n")
    assert problems(GOOD) == [
        "prompt.md:2:4: unknown name 'itm', did you mean 'item'?",
        "prompt.md:2:25: unknown name 'vars.cuorse', did you mean 'course'?",
        "prompt.md:3:10: unknown name 'batch.nr', known are first, label, last, number, size",
    ]


def test_a_broken_template_is_told_with_its_line(folder: Path) -> None:
    (folder / "prompt.md").write_text("Do\n{% for x in items %}\n{{ x.id }}\n")
    (problem,) = problems(GOOD)
    assert problem.startswith("prompt.md:2:1: ") or problem.startswith("prompt.md:3:1: ")
    (folder / "prompt.md").write_text("{{ item.id | shuot }}")
    (problem,) = problems(GOOD)
    assert problem == "prompt.md:1:1: No filter named 'shuot'."


def test_a_prompt_written_in_the_manifest_is_told_there(folder: Path) -> None:
    assert problems(GOOD.replace("prompt.md", '"Do {{ foo }} now"'))[0].startswith(
        "job.yaml:10:11: session.prompt: unknown name 'foo'"
    )


def test_item_is_for_batches_of_one(folder: Path) -> None:
    (problem,) = problems(GOOD + "batch: {size: 20}\n")
    assert (
        problem == "prompt.md:1:12: 'item' is for batches of one and this phase takes 20; write {% for item in items %}"
    )


CYCLE = """
items: {file: items.json}
session: {model: sonnet, prompt: "work well"}
budget: none
phases:
  first: {output: {}}
  second: {from: third, output: {}}
  third: {from: second, output: {}}
"""


def test_acceptance_cyclic_phases_are_told_once(folder: Path) -> None:
    assert problems(CYCLE) == [
        "job.yaml:7:18: phases.second.from: the phases go round in a circle: second -> third -> second"
    ]
    own = CYCLE.replace("from: third", "from: second").replace(
        "from: second, output: {}}\n  third", "from: second, output: {}}\n  third"
    )
    assert "second -> second" in problems(own)[0]


@covers("A88")
@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("from: third", "from: thrid", "job.yaml:7:18: phases.second.from: unknown phase 'thrid', did you mean 'third'?"),
        ("from: third, ", "", "job.yaml:7:3: phases.second.from: missing: only the first phase has none"),
        ("  first: {output: {}}\n", "  first: {from: second, output: {}}\n", "job.yaml:6:17: phases.first.from: phase 'second' comes later; write it above 'first'"),
    ],
)  # fmt: skip
def test_phases_are_held_together_by_from(folder: Path, old: str, new: str, expected: str) -> None:
    assert expected in problems(CYCLE.replace(old, new))


def test_two_phases_cannot_merge_into_one_file(folder: Path) -> None:
    text = CYCLE.replace("from: third, output: {}", "from: first, output: {merge: a.json}")
    text = text.replace("from: second, output: {}", "from: second, output: {merge: ./b/../A.json}")
    assert problems(text) == ["job.yaml:8:41: phases.third.output.merge: phase 'second' merges into the same file"]


def test_output_must_be_written(folder: Path) -> None:
    text = "items: {file: items.json}\nsession: {model: a, prompt: do it}\nbudget: none\n"
    assert problems(text) == ["job.yaml:1:1: output: missing: what must a session leave behind?"]
    text += "output: {}\nphases:\n  a: {}\n"
    assert problems(text) == [
        "job.yaml:4:1: output: is for a job of one phase; with phases each has its own",
        "job.yaml:6:3: phases.a.output: missing: what must a session leave behind?",
    ]


def test_one_record_needs_batches_of_one(folder: Path) -> None:
    (folder / "prompt.md").write_text("all of {{ items }}")
    text = GOOD.replace("  key: .id", "  key: .id\n  shape: one") + "batch: {size: 2}\n"
    assert problems(text) == [
        "job.yaml:14:10: output.shape: one record needs batches of one, this phase takes 2 at a time"
    ]


@pytest.mark.parametrize("name", ["../x.json", "/etc/x.json", "items.json", "input/x.json", "", "~/x", "a\tb"])
def test_an_output_file_stays_in_the_sessions_folder(folder: Path, name: str) -> None:
    (problem,) = problems(GOOD.replace("  key: .id", f'  key: .id\n  file: "{name}"'))
    assert problem.startswith("job.yaml:14:9: output.file: ")


def test_a_file_has_no_fields_and_only_a_path_has_a_stem(folder: Path) -> None:
    text = "items: {file: items.json}\nsession: {model: m, prompt: do it}\nbudget: 1\noutput:\n"
    assert problems(f'{text}  shape: files\n  file: "{{stem}}.md"\n  fields: {{text: string, mood: string}}\n') == [
        "job.yaml:6:9: output.file: {stem} is for items that are files (items.files); write {id}",
        "job.yaml:7:11: output.fields: the record of a file has file, id, sha, size, text, and no mood",
    ]
    assert problems(f'{text}  file: "{{stem}}.md"\n') == [
        "job.yaml:5:9: output.file: {stem} in the name is for shape: files"
    ]
    assert problems(f'{text}  shape: files\n  file: "{{dir}}/out.{{ext}}"\n')[0] == (
        "job.yaml:6:9: output.file: shape: files needs {id}, {relpath}, {name}, {basename} or {stem} in the name, "
        "such as '{id}.md', got '{dir}/out.{ext}'"
    )
    named = text.replace("output:", "vars: {name: mine}\noutput:")  # a var has its name for longer
    (folder / "job.yaml").write_text(f'{named}  file: "{{name}}.json"\n')
    assert load(folder / "job.yaml").phase(1).output.file == "mine.json"


def test_a_check_has_exactly_one_kind(folder: Path) -> None:
    text = GOOD.replace('- jq: ".x | length > 0"', '- {jq: ".x", schema: schema.json}\n    - {says: hm}')
    assert problems(text) == [
        "job.yaml:16:7: output.check[0]: expected exactly one of schema, jq, python, command, got schema and jq",
        "job.yaml:17:7: output.check[1]: expected exactly one of schema, jq, python, command, got none",
    ]


def test_all_problems_are_told_at_once_in_the_order_of_the_lines(folder: Path) -> None:
    text = GOOD
    for old, new in [
        ("job: Test", 'job: "{nothing}"'),
        ("items.json", "missing.json"),
        ("  model: sonnet", "  modle: sonnet"),
        ("[Read, Write]", "[Read, Wirte]"),
        ('".x | length > 0"', '".x | ["'),
        ("strikes: 3", "strikes: many"),
        ("budget: $40", "budget: $40\nbudget: $50"),
    ]:
        text = text.replace(old, new)
    assert [problem.split(": ")[0] for problem in problems(text)] == [
        "job.yaml:1:6",
        "job.yaml:4:9",
        "job.yaml:9:3",
        "job.yaml:11:17",
        "job.yaml:16:11",
        "job.yaml:19:10",
        "job.yaml:21:1",
    ]


def test_acceptance_a_yaml_bomb_is_refused_with_its_line(folder: Path) -> None:
    bomb = "vars:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    (problem,) = problems(GOOD.replace("vars: {course: ita}\n", "") + bomb)
    assert problem.startswith("job.yaml:25:")


def test_a_manifest_that_cannot_be_read_is_a_problem(folder: Path) -> None:
    for path, message in [("none.yaml", "does not exist"), (".", "is a folder")]:
        with pytest.raises(UsageError, match=message):
            load(Path(path))
    (folder / "job.yaml").write_bytes(b"job: caf\xe9\n")
    with pytest.raises(UsageError) as caught:
        load(Path("job.yaml"))
    assert str(caught.value.problems[0]).startswith("job.yaml:1:9: is not UTF-8: byte 0xe9 at offset 8")
    (folder / "job.yaml").write_bytes("job: x\n".encode("utf-16"))
    with pytest.raises(UsageError, match="is UTF-16"):
        load(Path("job.yaml"))
    (folder / "job.yaml").write_bytes(b"# " + b"x" * 1024 * 1024)
    with pytest.raises(UsageError, match="larger than 1 MB"):
        load(Path("job.yaml"))


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("vars.seeds", "--set vars.seeds: expected key=value, the key with dots"),
        ("session.modle=x", "--set session.modle: session.modle: unknown key, did you mean 'model'?"),
        ("strikes=many", "--set strikes: strikes: expected a whole number, got 'many'"),
        ("output.check.7.jq=.", "--set output.check.7.jq: output.check is a list of 2, '7' is none of its numbers"),
        ("job.x=1", "--set job.x: job is 'Test', it has no 'x'"),
        ("session.prompt=no.md", "--set session.prompt: session.prompt: the file 'no.md' does not exist"),
    ],
)
def test_a_wrong_setting_is_told_as_what_was_typed(folder: Path, setting: str, expected: str) -> None:
    assert problems(GOOD, setting) == [expected]


def test_a_setting_that_is_no_yaml_is_told(folder: Path) -> None:
    assert problems(GOOD, "session.tools=[Read")[0].startswith("--set session.tools: not YAML: ")


def test_a_budget_needs_a_bound_for_each_session(folder: Path) -> None:
    assert problems(GOOD + "budget_per_session: none\n") == [
        "job.yaml:21:21: budget_per_session: a budget needs a bound for each session; write an amount"
    ]


def test_no_manifest_may_be_called_like_a_rehearsal(folder: Path) -> None:
    Path("job.rehearsal.yaml").write_text(GOOD)
    with pytest.raises(UsageError, match="its state would be that of a rehearsal"):
        load(Path("job.rehearsal.yaml"))
