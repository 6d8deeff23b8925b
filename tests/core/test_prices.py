"""The price table, against sums done by hand and one reading of the real CLI."""

from decimal import Decimal

import pytest

from harness.core.prices import cost_of, known_models, price_of, worst_response_usd


def test_the_cost_of_one_response_is_what_the_real_cli_said() -> None:
    usage = {
        "input_tokens": 10,
        "output_tokens": 20,
        "cache_read_input_tokens": 8000,
        "cache_creation_input_tokens": 2000,
    }
    assert cost_of("claude-opus-5-5", usage) == Decimal("0.01204")


def test_an_hour_in_the_cache_costs_more_than_five_minutes() -> None:
    written = {"cache_creation_input_tokens": 1_000_000, "cache_creation": {"ephemeral_1h_input_tokens": 400_000}}
    assert cost_of("sonnet", written) == Decimal("0.6") * Decimal("2.5") + Decimal("0.4") * 4


def test_a_long_prompt_moves_the_whole_request_to_the_dearer_tier() -> None:
    assert cost_of("haiku", {"input_tokens": 100_000}) == Decimal("0.01")
    assert cost_of("haiku", {"input_tokens": 60_000, "cache_read_input_tokens": 40_001}) == Decimal("0.03200005")


def test_inference_in_the_us_only_costs_a_tenth_more_but_not_its_searches() -> None:
    usage = {"input_tokens": 1_000_000, "server_tool_use": {"web_search_requests": 1}}
    assert cost_of("sonnet", usage | {"inference_geo": "us"}) == Decimal("2.21")
    assert cost_of("sonnet", usage | {"inference_geo": "not_available"}) == Decimal("2.01")


def test_web_searches_are_paid_by_the_piece() -> None:
    assert cost_of("sonnet", {"server_tool_use": {"web_search_requests": 3}}) == Decimal("0.03")


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("opus", "claude-opus-5-5"),
        ("best", "claude-opus-5-5"),
        ("fable", "claude-fable-5-2"),
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5"),
        ("claude-opus-4-20250514", "claude-opus-4-0"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
        ("Sonnet[1m]", "claude-sonnet-5-5"),
    ],
)
def test_aliases_and_dated_ids_resolve(name: str, model: str) -> None:
    price = price_of(name)
    assert price is not None
    assert price.model == model


def test_an_unknown_model_has_no_price_and_no_guess() -> None:
    for name in ("claude-opus-9", "gpt", "", "claude"):
        assert price_of(name) is None
        assert cost_of(name, {"input_tokens": 1}) is None
        assert worst_response_usd(name, 16_000) is None


def test_the_worst_response_is_never_below_any_response_of_that_size() -> None:
    for model in known_models():
        worst = worst_response_usd(model, 16_000)
        assert worst is not None
        for ttl in ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"):
            usage = {
                "output_tokens": 16_000,
                "cache_creation_input_tokens": 200_000,
                "cache_creation": {ttl: 200_000},
            }
            cost = cost_of(model, usage)
            assert cost is not None
            assert cost <= worst


def test_a_model_with_a_million_tokens_of_context_reserves_for_them() -> None:
    short, long = worst_response_usd("sonnet", 16_000), worst_response_usd("sonnet[1m]", 16_000)
    assert short == Decimal("0.96") * Decimal("1.1")
    assert long == Decimal("4.16") * Decimal("1.1")
