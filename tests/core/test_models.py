"""Laws of the names of models: what was asked is what may answer, however it is written."""

from dataclasses import replace
from decimal import Decimal

import pytest

from harness.core.models import AskedModels, asked_by, canonical, full_name
from harness.core.prices import price_of
from tests.core.sessions import SESSION


def asked(model: str | None, *fallback: str, **env: str) -> AskedModels:
    return asked_by(replace(SESSION, model=model, fallback=fallback, env=env))


@pytest.mark.parametrize(
    ("model", "answered"),
    [
        ("sonnet", "claude-sonnet-5-5"),
        ("sonnet[1m]", "claude-sonnet-5-5"),
        ("opus", "claude-opus-5-5-20261001"),
        ("claude-haiku-4-5", "claude-haiku-4-5-20251001"),
        ("claude-opus-4-8", "us.anthropic.claude-opus-4-8-v1:0"),
        ("arn:aws:bedrock:eu-west-1:1:inference-profile/eu.anthropic.claude-opus-4-8-v1:0", "claude-opus-4-8"),
        ("us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5@20250929"),
        ("opus-4-8", "claude-opus-4-8"),
        ("opusplan", "claude-sonnet-5-5"),
        ("opusplan", "claude-opus-5-5"),
        ("gpt", "gpt"),
    ],
)
def test_a_model_that_was_asked_is_known_by_any_of_its_names(model: str, answered: str) -> None:
    assert asked(model).is_answered_by(answered)


@pytest.mark.parametrize(
    ("model", "answered"),
    [
        ("sonnet", "claude-sonnet-5"),
        ("opus", "claude-opus-4-8"),
        ("claude-opus-4-0", "claude-opus-5-5"),
        ("haiku", "x"),
    ],
)
def test_any_other_model_was_not_asked(model: str, answered: str) -> None:
    assert asked(model).unasked([answered]) == (answered,)


def test_a_named_fallback_may_answer_and_no_other() -> None:
    two = asked("opus", "opus-4-8")
    assert two.unasked(["claude-opus-5-5", "claude-opus-4-8", "claude-opus-5"]) == ("claude-opus-5",)


def test_an_alias_is_what_the_manifest_says_it_is_and_in_a_cloud_its_family() -> None:
    mapped = asked("sonnet", ANTHROPIC_DEFAULT_SONNET_MODEL="claude-opus-4-8")
    assert mapped.names == ("claude-opus-4-8",)
    assert not mapped.is_answered_by("claude-sonnet-5-5")
    cloud = asked("sonnet", CLAUDE_CODE_USE_BEDROCK="1")
    assert cloud.is_answered_by("claude-sonnet-4-5-20250929")
    assert not cloud.is_answered_by("claude-opus-5-5")


def test_a_name_that_says_no_model_is_whatever_answers() -> None:
    for name in ("my-deployment", "arn:aws:bedrock:eu-west-1:1:application-inference-profile/abc", None):
        assert asked(name).is_answered_by("claude-sonnet-4-5-20250929")


def test_a_short_id_is_priced_and_passed_on_in_full() -> None:
    assert full_name("opus-4-8[1m]") == "claude-opus-4-8[1m]"
    for name in ("opus", "claude-opus-4-8", "opusplan"):
        assert full_name(name) == name
    assert canonical("opus-4-8") == "claude-opus-4-8"
    price = price_of("opus-4-8")
    assert price is not None
    assert price.rates.input == Decimal(5)
