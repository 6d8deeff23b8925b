"""Every fenced block of document 000, as it was written: what runs as it is, and what it is mended to."""

import asyncio
import importlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.base.errors import UsageError
from harness.job.batch_plan import AT_ONCE, CALLS, Pace, read_plan
from harness.job.load import load
from harness.planning.compose import compose_plan
from tests.covers import covers

BLOCKS = Path(__file__).with_name("blocks_000")
ROOT = Path(__file__).resolve().parents[2]
LEADS = [f"lead_{number:03d}" for number in range(1, 51)]


def document_block() -> dict[str, Any]:
    """The Python block, run with one import line before it."""
    names: dict[str, Any] = {}
    text = "from harness.cli.named_prompt import prompt\n" + (BLOCKS / "composer.py.txt").read_text()
    exec(compile(text, "document 000", "exec"), names)
    return names


@pytest.fixture
def composer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """scripts/batch_composer.py, imported as a program beside it does."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    yield importlib.import_module("batch_composer")
    sys.modules.pop("batch_composer", None)


@covers("F29", "F30", "F11", "A10")
def test_the_python_block_loads_as_written_and_its_model_is_refused_by_name() -> None:
    compose: Callable[..., Any] = document_block()["compose_batch_plan"]
    with pytest.raises(UsageError) as refused:
        asyncio.run(compose({}, {}, {}, {}))
    assert "'gpt-4.1' is a model of OpenAI" in str(refused.value)
    assert "sonnet" in str(refused.value)


@covers("F25", "F31", "A1", "A13")
def test_the_simple_composer_s_batches_are_the_same_and_count_from_1(composer: Any) -> None:
    written = document_block()["compose_batch_plan_simple"](LEADS, 20)["batches"]
    ours = composer.compose_batch_plan_simple(LEADS, 20)["batches"]
    assert [batch["leads"] for batch in written] == [batch["leads"] for batch in ours]
    assert [batch["batch_id"] for batch in written] == [0, 20, 40]
    assert [batch["batch_id"] for batch in ours] == [1, 2, 3]


@covers("F14", "F15", "F16", "F17", "F18", "F19", "F20", "F21", "A6", "A8", "A12")
def test_the_json_block_with_its_dots_filled_in_is_a_plan_of_ours(tmp_path: Path) -> None:
    text = (BLOCKS / "plan.json.txt").read_text()
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(text)
    batches = iter([LEADS[start : start + 10] for start in range(0, 50, 10)])
    filled = json.loads(re.sub(r'\[("lead[^\]]*)?\.\.\.\]', lambda _: json.dumps(next(batches)), text))
    more = [{"batch_id": number, "leads": leads, "estimated_time": "30min"} for number, leads in enumerate(batches, 3)]
    filled["batch_plan"]["batches"] += more
    plan, flaws = read_plan(filled)
    assert (flaws, len(plan.batches), plan.pace) == ([], 5, Pace(10, 3))

    ours = compose_plan(LEADS, 10, priority_order="signal_strength", pace=Pace(10, 3))
    for batch in ours["batch_plan"]["batches"]:
        assert batch.pop("estimated_seconds") == 1800
    assert ours == filled

    (tmp_path / "plan.json").write_text(json.dumps(filled))
    (tmp_path / "leads.json").write_text(json.dumps([{"id": lead} for lead in LEADS]))
    manifest = {
        "items": {"file": "leads.json"}, "noun": "lead", "batch": {"plan": "plan.json"},
        "parallel": 8, "rate": "30/min",
        "session": {"backend": "command", "command": [sys.executable, "-V"]}, "output": {"key": ".id"},
    }  # fmt: skip
    (tmp_path / "job.yaml").write_text(json.dumps(manifest))
    job = load(tmp_path / "job.yaml")
    assert (job.parallel, job.bounds.rate and job.bounds.rate.starts) == (3, 10)
    assert {CALLS, AT_ONCE} == set(filled["batch_plan"]["throttling"])


@covers("F1", "F6", "F7", "F8", "F9", "F10", "F22", "F23")
def test_the_flow_is_the_example_s_chain() -> None:
    """The two diagrams: cells in the order of steps 2 to 6, one model call, and the phases of the position."""
    text = (ROOT / "examples/leads/job.yaml").read_text()
    cells = [
        "Batch Composer Inputs!B2",
        "Batch Composer Inputs!B3",
        "Batch Composer Inputs!B4",
        "Batch Composer Inputs!B6",
    ]
    places = [text.index(cell) for cell in (*cells, "Prompts!C16")]
    assert places == sorted(places)
    phases = [text.index(f"\n  {name}:\n") for name in ("onboard", "prepare", "compose", "dossiers")]
    assert phases == sorted(phases)
