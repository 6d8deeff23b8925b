"""Models of other vendors are refused by name, wherever a manifest names one; gateways and clouds keep their names."""

import json
from pathlib import Path

import pytest

from harness.base.errors import UsageError
from harness.job.load import load
from harness.job.vendors import other_vendor
from tests.covers import covers


@covers("A10")
@pytest.mark.parametrize(
    ("model", "vendor"),
    [
        ("gpt-4.1", "OpenAI"),
        ("openai/GPT-4o", "OpenAI"),
        ("o3", "OpenAI"),
        ("o4-mini", "OpenAI"),
        ("gemini-2.5-pro", "Google"),
        ("mistral-large", "Mistral"),
        ("llama-3.3-70b", "Meta"),
        ("grok-4", "xAI"),
        ("deepseek-chat", "DeepSeek"),
        ("qwen3-coder", "Alibaba"),
        ("command-r-plus", "Cohere"),
    ],
)
def test_A10_a_model_of_another_vendor_is_known_by_its_name(model: str, vendor: str) -> None:
    assert other_vendor(model) == vendor


@pytest.mark.parametrize(
    "model",
    ["sonnet", "opus", "haiku", "opusplan", "claude-sonnet-5-5", "anthropic.claude-opus-4-8-v1:0", "opus-4-8",
     "eu.anthropic.claude", "anthropic/claude-sonnet-5-5", "my-gateway-name", "default"],
)  # fmt: skip
def test_names_that_may_be_claude_s_pass(model: str) -> None:
    assert other_vendor(model) is None


def test_a_manifest_that_names_one_is_refused_at_each_place_with_the_cure(tmp_path: Path) -> None:
    (tmp_path / "items.json").write_text('[{"id": "a"}]')
    session = {"model": "gpt-4.1", "fallback": ["gemini-2.5-pro"], "prompt": "Look at {{ item.id }}."}
    manifest = {"items": {"file": "items.json"}, "session": session, "output": {"key": ".id"}, "budget": "$1"}
    (tmp_path / "job.yaml").write_text(json.dumps(manifest))
    with pytest.raises(UsageError) as refused:
        load(tmp_path / "job.yaml")
    said = [(problem.message, problem.hint) for problem in refused.value.problems]
    assert [message for message, _ in said] == [
        "session.model: 'gpt-4.1' is a model of OpenAI",
        "session.fallback: 'gemini-2.5-pro' is a model of Google",
    ]
    assert all(hint is not None and "sonnet" in hint for _, hint in said)
