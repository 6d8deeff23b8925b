"""Whatever stands where a number, a span or a rate belongs is a job that can run or a problem at its place."""

import itertools
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.base.errors import UsageError
from harness.job.load import load
from harness.job.manifest import Manifest

DURATIONS = [
    "session.timeout",
    "session.first_event",
    "session.silence",
    "session.idle_after_output",
    "grace",
    "helper.lifetime",
    "reuse",
]
COUNTS = [
    "batch.size", "session.max_turns", "strikes", "parallel", "max_output", "pilot", "caps.sessions", "caps.turns",
    "caps.tokens",
]  # fmt: skip
OTHERS = ["budget", "budget_per_session", "rate", "window", "deadline", "stop_at"]
FIELDS = [*DURATIONS, *COUNTS, *OTHERS]

ABSURD = [
    "0", "-1", "1e400", "1" + "0" * 30, "9" * 5000, ".nan", ".inf", "-.inf", "nan", "inf", "''", "[]", "[1]", "{}",
    "true", "99999999999999d", "99999999999999999999/min", "0001-01-01 00:00", "9999-12-31 23:59", "1e309%",
    "$1e30", "$nan", "1_000_000_000_000_000_000", "-5m", "1e-30h",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("items.json").write_text('[{"id": "a"}]')


def _manifest(values: dict[str, str]) -> str:
    """One key a line; `values` are field -> what stands there, the nested ones below their key."""
    lines = ["job: J", "items: {file: items.json}", "auth: helper", "output: {fields: {id: string}}"]
    below = {"session": ["model: sonnet", "prompt: go on please"], "helper": ["command: ['true']"]}
    for field, value in {"budget": "$5", **values}.items():
        outer, _, inner = field.partition(".")
        if inner:
            below.setdefault(outer, []).append(f"{inner}: {value}")
        else:
            lines.append(f"{field}: {value}")
    for outer, inners in below.items():
        lines += [f"{outer}:", *(f"  {inner}" for inner in inners)]
    return "\n".join(lines) + "\n"


def _problems(text: str, *settings: str) -> list[str]:
    """Where each of them is; none when it loads."""
    Path("job.yaml").write_text(text)
    try:
        load(Path("job.yaml"), settings=settings)
    except UsageError as error:
        return [problem.where for problem in error.problems]
    return []


def _place(text: str, field: str) -> str:
    """Line and column of the value of `field`."""
    key = f"{field.split('.')[-1]}: "
    line = next(number for number, line in enumerate(text.splitlines(), 1) if line.strip().startswith(key))
    return f"job.yaml:{line}:{text.splitlines()[line - 1].index(key) + len(key) + 1}"


@pytest.mark.parametrize("field", FIELDS)
def test_an_absurd_value_is_one_problem_at_its_place(field: str) -> None:
    for value in ABSURD:
        text = _manifest({field: value})
        assert _problems(text) == [_place(text, field)], (field, value)
        assert _problems(_manifest({}), f"{field}={value}") == [f"--set {field}"], (field, value)


def test_all_of_them_are_told_at_once() -> None:
    for value in ("-1", "[1]", ".inf", "9" * 5000, "99999999999999d"):
        text = _manifest(dict.fromkeys(FIELDS, value))
        assert sorted(_problems(text)) == sorted(_place(text, field) for field in FIELDS), value


LARGEST = {
    **dict.fromkeys(DURATIONS, "3650d"), "batch.size": "10000", "session.max_turns": "100000", "strikes": "20",
    "parallel": "256", "max_output": "128000", "pilot": "100", "caps.sessions": "1000000000",
    "caps.turns": "1000000000", "caps.tokens": "1000000000000000", "budget": "$1,000,000,000",
    "budget_per_session": "$1,000,000,000", "rate": "100000/s", "deadline": "3650d", "stop_at": "100%",
}  # fmt: skip
SMALLEST = {
    **dict.fromkeys(DURATIONS, "1s"), **dict.fromkeys(COUNTS, "1"), "max_output": "256", "budget": "$0.000001",
    "budget_per_session": "$0.000001", "rate": "1/d", "deadline": "1s", "stop_at": "0.01",
}  # fmt: skip


@pytest.mark.parametrize("values", [LARGEST, SMALLEST], ids=["largest", "smallest"])
def test_the_largest_and_the_smallest_are_a_job_whose_deadline_is_a_date(values: dict[str, str]) -> None:
    assert _problems(_manifest(values)) == []
    job = load(Path("job.yaml"))
    assert job.bounds.deadline is not None
    assert job.bounds.deadline.moment(datetime.now(UTC)) > datetime.now(UTC)


def test_the_fields_that_are_looked_at_here_are_all_that_hold_numbers() -> None:
    schema = Manifest.model_json_schema()

    def holds_number(field: dict[str, object]) -> bool:
        kinds = [field, *field.get("anyOf", [])]  # type: ignore[misc]  # JSON Schema is plain data
        return any({"integer", "number"} & set(_listed(kind.get("type"))) for kind in kinds)

    def _listed(kind: object) -> list[str]:
        return [kind] if isinstance(kind, str) else list(kind) if isinstance(kind, list) else []

    top = {name for name, field in schema["properties"].items() if holds_number(field)}
    parts = {"Batch": "batch", "Session": "session", "Caps": "caps", "Helper": "helper"}
    inner = itertools.chain.from_iterable(
        [f"{part}.{name}" for name, field in schema["$defs"][model]["properties"].items() if holds_number(field)]
        for model, part in parts.items()
    )
    assert top | set(inner) <= set(FIELDS)
