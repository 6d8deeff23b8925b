"""Acceptance 6: what is wrong with a job is told before anything starts: all of it, with its place, in plain words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.end_to_end.playing import Job

MANIFEST = """\
job: Night
items: {file: items.json, rows: ".rows[]", id: .name, match: aliases.json}
batch: {size: 2}
session:
  model: sonnet
  prompt: prompt.md
phases:
  first:
    output: {key: .name, schema: record.schema.json, check: [{jq: ".size > 0"}], merge: first.json}
  second:
    from: first
    output: {key: .name, merge: second.json}
strikes: 3
budget: $40
"""
FILES = {
    "items.json": '{"rows": [\n  {"name": "Ada"},\n  {"name": "Ben"},\n  {"name": "Cyd"}\n]}\n',
    "aliases.json": '{\n  "Ada": ["A."],\n  "Ben": ["B.", "Twin"],\n  "Cyd": ["C.", "Twin"]\n}\n',
    "prompt.md": "Look at these:\n{% for item in items %}{{ item.name }}\n{% endfor %}",
    "record.schema.json": '{"type": "object", "required": ["name", "size"]}\n',
    "job.yaml": MANIFEST,
}
NOWHERE = {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}
"""Should a session be started after all, it reaches nobody."""
KEY = {**NOWHERE, "ANTHROPIC_API_KEY": "sk-ant-api03-canary-of-the-key"}
TOKEN = {"CLAUDE_CODE_OAUTH_TOKEN": "sk-ant-oat01-canary-of-the-token"}
BOMB = "".join(
    f"  v{number}: &v{number} [{', '.join([f'*v{number - 1}'] * 9) if number else 'lol'}]\n" for number in range(9)
)


@dataclass(frozen=True)
class Bad:
    """One change that makes the job wrong, and everything that is said about it."""

    name: str
    file: str
    old: str
    new: str
    said: str
    variables: Mapping[str, str] = field(default_factory=lambda: KEY)


BAD: list[Bad] = [
    Bad(
        "unknown key",
        "job.yaml",
        "  model:",
        "  modle:",
        "error: job.yaml:5:3: session.modle: unknown key, did you mean 'model'?\n",
    ),
    Bad(
        "wrong type",
        "job.yaml",
        "strikes: 3",
        "strikes: three",
        "error: job.yaml:13:10: strikes: expected a whole number, got 'three'\n",
    ),
    Bad(
        "duplicate id",
        "items.json",
        '"Cyd"',
        '"Ada"',
        "error: items.json:4:3: duplicate id 'Ada': it is also at items.json:2:3\n"
        "  hint: to take the first row of each id, write unique: first under items\n",
    ),
    Bad(
        "missing prompt variable",
        "prompt.md",
        "item.name",
        "item.nmae",
        "error: prompt.md:2:32: there is no 'nmae', for 'Ada', 'Ben', ...\n"
        "  hint: an item has name, id, data, records, reasons\n",
    ),
    Bad(
        "bad jq",
        "job.yaml",
        ".size > 0",
        ".size > ",
        "error: job.yaml:9:67: phases.first.output.check[0].jq: '.size > ' is not a valid jq program: jq: error: "
        "syntax error, unexpected end of file at <top-level>, line 1, column 8: .size > ^ jq: 1 compile error\n",
    ),
    Bad(
        "bad schema",
        "record.schema.json",
        '"object"',
        '"objekt"',
        "error: job.yaml:9:34: phases.first.output.schema: record.schema.json is not a valid JSON Schema: "
        "$.type: 'objekt' is not valid under any of the given schemas\n",
    ),
    Bad(
        "cyclic phases",
        "job.yaml",
        "  first:\n",
        "  first:\n    from: second\n",
        "error: job.yaml:9:11: phases.first.from: the phases go round in a circle: first -> second -> first\n",
    ),
    Bad(
        "YAML bomb",
        "job.yaml",
        "strikes: 3\n",
        f"vars:\n{BOMB}",
        "error: job.yaml:19:12: holds more than 20,000 values, aliases written out\n"
        "  hint: a list of items belongs in a .jsonl or .csv file that items.file names\n",
    ),
    Bad(
        "missing file",
        "job.yaml",
        "items.json",
        "itmes.json",
        "error: job.yaml:2:15: items.file: the file 'itmes.json' does not exist\n  hint: did you mean 'items.json'?\n",
    ),
    Bad("empty items", "items.json", FILES["items.json"], '{"rows": []}', "error: items.json: holds no items\n"),
    Bad(
        "ambiguous alias",
        "items.json",
        '"Ben"',
        '"Twin"',
        "error: items.json:3:3: 'Twin' is ambiguous: it may be 'Ben' or 'Cyd'\n"
        "  hint: use the canonical name, or add an alias to the file that items.match names\n",
    ),
    Bad(
        "two credentials",
        "job.yaml",
        "",
        "",
        "error: credential: ANTHROPIC_API_KEY and CLAUDE_CODE_OAUTH_TOKEN are both set\n"
        "  hint: unset one of them, or write `auth: api_key` or `auth: oauth_token` in the manifest\n",
        {**KEY, **TOKEN},
    ),
]


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    """A job that is right, to be launched for real."""
    (tmp_path / "night").mkdir()
    (tmp_path / "home").mkdir()
    for name, text in FILES.items():
        (tmp_path / "night" / name).write_text(text)
    made = Job(tmp_path / "night", tmp_path / "home", rehearsal=False, variables=dict(KEY))
    yield made
    made.leave_nothing_running()


def change(job: Job, file: str, old: str, new: str) -> None:
    path = job.folder / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))


def assert_refused(job: Job, expected: str) -> None:
    said = job.play()
    assert (said.code, said.out) == (2, ""), said.all
    assert said.err == expected
    assert not (job.state / "attempts").exists() or not list((job.state / "attempts").iterdir())
    assert not job.count("AttemptStarted") and not job.count("JobPlanned")
    assert not job.sessions()


def test_the_job_of_these_tests_is_right(job: Job) -> None:
    said = job.ask("check", "--only", "plan")
    assert said.code == 0, said.all


@pytest.mark.parametrize("bad", BAD, ids=[bad.name for bad in BAD])
def test_a_bad_job_is_refused_with_the_place_and_nothing_is_started(job: Job, bad: Bad) -> None:
    change(job, bad.file, bad.old, bad.new)
    job.variables = dict(bad.variables)
    assert_refused(job, bad.said)


def test_all_problems_are_told_at_once(job: Job) -> None:
    change(job, "job.yaml", "  model:", "  modle:")
    change(job, "job.yaml", ".size > 0", ".size > ")
    change(job, "job.yaml", "strikes: 3", "strikes: three")
    assert_refused(
        job,
        "error: job.yaml:5:3: session.modle: unknown key, did you mean 'model'?\n"
        "error: job.yaml:9:67: phases.first.output.check[0].jq: '.size > ' is not a valid jq program: jq: error: "
        "syntax error, unexpected end of file at <top-level>, line 1, column 8: .size > ^ jq: 1 compile error\n"
        "error: job.yaml:13:10: strikes: expected a whole number, got 'three'\n"
        "3 problems; nothing was started\n",
    )
