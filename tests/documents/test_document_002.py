"""Document 002, every name and claim of it: it has no fenced block but its front matter, which is read as it stands."""

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.covers import covers

ROOT = Path(__file__).resolve().parents[2]
FRONT_MATTER = Path(__file__).with_name("blocks_002") / "front_matter.yaml.txt"
REQUIRED = "ANTHROPIC_API_KEY"


@pytest.fixture(scope="module")
def runner() -> Any:
    """scripts/batch_runner.py, imported."""
    spec = importlib.util.spec_from_file_location("document_002_runner", ROOT / "scripts" / "batch_runner.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["document_002_runner"] = module
    spec.loader.exec_module(module)
    return module


@covers("F85", "F86", "F87", "F104", "A40")
def test_the_front_matter_loads_and_all_that_it_provides_is_there(runner: Any) -> None:
    told = yaml.safe_load(FRONT_MATTER.read_text())
    assert (told["phase"], told["plan"], told["subsystem"]) == ("08-manual-execution", 1, "orchestration")
    for name in ("BatchRunner", "select_diverse_topics", "check_api_keys", "CostTracker", "MAX_BUDGET"):
        assert hasattr(runner, name), name
    assert any("$40" in each for each in told["provides"])
    categories = next(each for each in told["key-decisions"] if "8 e-com categories" in each)
    assert [name.strip() for name in categories.split(":")[1].split(",")] == list(runner.CATEGORIES)


@covers("F88", "F91", "A36")
def test_the_budget_is_forty_dollars_and_exactly_forty_is_the_end(runner: Any) -> None:
    assert runner.MAX_BUDGET == 40
    tracker = runner.CostTracker()
    assert tracker.can_continue()
    tracker.add(39.99)
    assert tracker.can_continue()
    assert tracker.add(0.01) == pytest.approx(40)
    assert not runner.CostTracker(total=40.0).can_continue()
    assert not runner.CostTracker(total=40.01).can_continue()
    assert runner.BatchRunner("never-launched").can_continue()


@covers("F89", "F92", "F93", "F94", "F101", "A33", "A34", "A35")
def test_eight_topics_of_at_least_six_categories_by_substrings_the_best_first(runner: Any) -> None:
    words = [names[0] for names in runner.CATEGORIES.values()]
    topics = [{"title": f"about {word} {number}", "outlier_score": number} for number in range(8) for word in words]
    chosen = runner.select_diverse_topics(topics[:60], count=8)
    assert len(chosen) == 8
    assert len({topic["ecom_category"] for topic in chosen}) == 8
    assert topics[0].keys() == {"title", "outlier_score"}  # copies
    scores = [topic["outlier_score"] for topic in chosen]
    assert scores == sorted(scores, reverse=True)
    few = [{"title": f"shipping {number}", "outlier_score": number} for number in range(12)]
    assert [topic["title"] for topic in runner.select_diverse_topics(few, count=3)] == [
        "shipping 11", "shipping 10", "shipping 9"
    ]  # fmt: skip
    assert runner.categorize_topic("How app stores happen") == "platform_tools"
    assert runner.categorize_topic("Resourcing a team") == "product_sourcing"  # a substring, as the document says
    assert runner.categorize_topic("Nothing of that") == "platform_tools"
    assert runner.select_diverse_topics([]) == []
    assert len(runner.select_diverse_topics([{"title": "no score"}, {"title": "ads", "outlier_score": 1}])) == 2


@covers("F90", "F99", "F100", "A37")
def test_one_key_is_required_four_are_optional_and_no_value_is_told(runner: Any) -> None:
    secret = "sk-ant-api03-made-up-0123456789"
    ready = runner.check_api_keys({REQUIRED: secret})
    assert ready == {
        "ready": True,
        "missing_required": [],
        "missing_optional": ["REDDIT_CLIENT_ID", "PERPLEXITY_API_KEY", "TUBELAB_API_KEY", "APIFY_TOKEN"],
        "available_optional": [],
    }
    missing = runner.check_api_keys({"APIFY_TOKEN": "x1", REQUIRED: " "})
    assert (missing["ready"], missing["missing_required"]) == (False, [REQUIRED])
    assert missing["available_optional"] == ["APIFY_TOKEN"]
    assert secret not in json.dumps(ready)
