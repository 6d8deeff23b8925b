"""Tokens and dollars of one session, as the lines of its stream tell them."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from harness.backends.conversation import mapping, number
from harness.backends.session import MOST_COST_USD


@dataclass(frozen=True, slots=True)
class Tokens:
    """Of one answer, or of all."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(
            self.input + other.input,
            self.output + other.output,
            self.cache_read + other.cache_read,
            self.cache_write + other.cache_write,
        )


class SessionAccount:
    """What was told: answer by answer, and at the end in all."""

    def __init__(self) -> None:
        self.result: Mapping[str, Any] | None = None
        """The line that says it in all; None as long as it has not come."""
        self._answers: dict[str, Tokens] = {}
        """Per message id: the CLI repeats an answer's usage on each of its blocks."""

    def answered(self, message_id: str | None, usage: Mapping[str, Any]) -> None:
        self._answers[message_id or str(len(self._answers))] = Tokens(
            number(usage.get("input_tokens")),
            number(usage.get("output_tokens")),
            number(usage.get("cache_read_input_tokens")),
            number(usage.get("cache_creation_input_tokens")),
        )

    def tokens(self) -> Tokens:
        """Of all models that were used: the result's own account, else the sum over the answers that were seen."""
        per_model = mapping((self.result or {}).get("modelUsage"))
        told = [_of_model(mapping(entry)) for entry in per_model.values()]
        return sum(told or self._answers.values(), Tokens())

    def cost_usd(self, *, is_counted: bool) -> Decimal | None:
        """None when no result told it, or when it says 0 although answers were paid for (the CLI does on errors), and
        they were not counted by us."""
        told = (self.result or {}).get("total_cost_usd")
        if isinstance(told, bool) or not isinstance(told, int | float) or not 0 <= told < MOST_COST_USD:
            return None
        if told == 0 and self.tokens() != Tokens() and not is_counted:
            return None
        return Decimal(str(told))


def _of_model(entry: Mapping[str, Any]) -> Tokens:
    return Tokens(
        number(entry.get("inputTokens")),
        number(entry.get("outputTokens")),
        number(entry.get("cacheReadInputTokens")),
        number(entry.get("cacheCreationInputTokens")),
    )
