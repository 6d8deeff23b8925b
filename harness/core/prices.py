"""What a model's tokens cost: the price table, and the sums that reservations, reports and rehearsals make with it.

List prices in dollars per million tokens. Source: the model catalog inside the Claude Code CLI 2.1.329, the one that
its `total_cost_usd` is reckoned with; it agrees with the public price list. They change with new models only: to
update, compare this file with the catalog of a newer CLI. A model that is not here has no price, never a guess.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any, Final

from harness.core.models import ALIASES, canonical

_MILLION: Final = Decimal(1_000_000)
_WEB_SEARCH_USD: Final = Decimal("0.01")
CONTEXT_TOKENS: Final = 200_000
_US_ONLY: Final = Decimal("1.1")
"""What every token costs more when it is reckoned in the US only; the CLI's own estimate has it since 2.1.239."""

_LONG_CONTEXT_TOKENS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Rates:
    """Dollars per million tokens, by kind of token."""

    input: Decimal
    output: Decimal
    write_5m: Decimal
    """Written to the prompt cache to live five minutes."""
    write_1h: Decimal
    read: Decimal
    """Read from the prompt cache."""


@dataclass(frozen=True, slots=True)
class Price:
    """The price of one model. `long` applies to the whole request when its prompt has more than `long_above` tokens."""

    model: str
    rates: Rates
    long: Rates | None = None
    long_above: int = 0

    def rates_for(self, prompt_tokens: int) -> Rates:
        if self.long is not None and prompt_tokens > self.long_above:
            return self.long
        return self.rates


def price_of(model: str) -> Price | None:
    """The price of a model by id, dated id or alias (`sonnet`, `claude-haiku-4-5-20251001`); None when unknown."""
    return _PRICES.get(canonical(model))


def known_models() -> tuple[str, ...]:
    """Ids of all models that have a price, newest families first."""
    return tuple(_PRICES)


def known_names() -> tuple[str, ...]:
    """What a manifest may call a model that has a price: aliases and ids."""
    return (*ALIASES, *_PRICES)


def cost_of(model: str, usage: Mapping[str, Any]) -> Decimal | None:
    """Dollars for one response, from the `usage` object of the Messages API; None when the model has no price.

    `input_tokens` excludes what was read from or written to the cache. `cache_creation` splits the writes by time to
    live; without it they count as five-minute writes. Missing or null counts are 0. `inference_geo: us` is dearer.
    """
    price = price_of(model)
    if price is None:
        return None
    read, written = _count(usage, "cache_read_input_tokens"), _count(usage, "cache_creation_input_tokens")
    written_1h = min(written, _count(usage.get("cache_creation") or {}, "ephemeral_1h_input_tokens"))
    fresh = _count(usage, "input_tokens")
    rates = price.rates_for(fresh + read + written)
    tokens = (
        fresh * rates.input
        + _count(usage, "output_tokens") * rates.output
        + (written - written_1h) * rates.write_5m
        + written_1h * rates.write_1h
        + read * rates.read
    )
    searches = _count(usage.get("server_tool_use") or {}, "web_search_requests")
    where = _US_ONLY if usage.get("inference_geo") == "us" else 1
    return tokens * where / _MILLION + searches * _WEB_SEARCH_USD


def context_of(model: str) -> int:
    """Most tokens of a prompt that are reserved for: a million for a `[1m]` model name, else 200,000.

    Sessions are held to it (`backends/cli_start.py`): many models would take a million without being asked.
    """
    return _LONG_CONTEXT_TOKENS if "[1m]" in model.lower() else CONTEXT_TOKENS


@cache
def worst_response_usd(model: str, max_output_tokens: int, context_tokens: int = CONTEXT_TOKENS) -> Decimal | None:
    """The dearest that a single response can be: a full context, all of it written to the cache for an hour, and the
    longest answer, reckoned in the US only, as an account may be set. None when the model has no price. A `[1m]` model
    name counts a context of a million tokens."""
    price = price_of(model)
    if price is None:
        return None
    context_tokens = max(context_tokens, context_of(model))
    rates = price.rates_for(context_tokens)
    dearest_input = max(rates.input, rates.write_5m, rates.write_1h)
    return (context_tokens * dearest_input + max_output_tokens * rates.output) * _US_ONLY / _MILLION


def _count(usage: Mapping[str, Any], name: str) -> int:
    value = usage.get(name)
    return value if isinstance(value, int) and value > 0 else 0


def _rates(input_: str, output: str, write_5m: str, write_1h: str, read: str) -> Rates:
    return Rates(Decimal(input_), Decimal(output), Decimal(write_5m), Decimal(write_1h), Decimal(read))


def _table() -> dict[str, Price]:
    by_rates: dict[tuple[str, ...], Rates] = {
        ("claude-fable-5-2", "claude-mythos-5-2"): _rates("8", "40", "10", "16", "0.2"),
        ("claude-fable-5-1", "claude-mythos-5-1"): _rates("10", "50", "12.5", "20", "0.25"),
        ("claude-fable-5", "claude-mythos-5"): _rates("10", "50", "12.5", "20", "1"),
        ("claude-opus-5-5",): _rates("4", "20", "5", "8", "0.2"),
        ("claude-opus-5", "claude-opus-4-8", "claude-opus-4-7", "claude-opus-4-6", "claude-opus-4-5"): _rates(
            "5", "25", "6.25", "10", "0.5"
        ),
        ("claude-opus-4-1", "claude-opus-4-0"): _rates("15", "75", "18.75", "30", "1.5"),
        ("claude-sonnet-5-5",): _rates("2", "10", "2.5", "4", "0.1"),
        ("claude-sonnet-5",): _rates("2", "10", "2.5", "4", "0.2"),
        ("claude-sonnet-4-6", "claude-sonnet-4-5", "claude-sonnet-4-0", "claude-3-7-sonnet"): _rates(
            "3", "15", "3.75", "6", "0.3"
        ),
        ("claude-haiku-4-5",): _rates("1", "5", "1.25", "2", "0.1"),
        ("claude-3-5-haiku",): _rates("0.8", "4", "1", "1.6", "0.08"),
    }
    table = {model: Price(model, rates) for models, rates in by_rates.items() for model in models}
    short, long = _rates("0.1", "0.5", "0.125", "0.2", "0.01"), _rates("0.5", "2.5", "0.625", "1", "0.05")
    table["claude-haiku-5-5"] = Price("claude-haiku-5-5", short, long, long_above=100_000)
    return table


_PRICES: Final = _table()
