"""An account of what a rehearsal's provider would have billed, and whether the ledger knows of it.

It shares no code with the house: its own price list, its own sums over the request log's token counts.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.checker.record import Record

PRICES = {
    "claude-sonnet-5-5": (2, 10, 2.5, 4, 0.1),
    "claude-opus-5-5": (4, 20, 5, 8, 0.2),
    "claude-opus-4-8": (5, 25, 6.25, 10, 0.5),
    "claude-haiku-4-5": (1, 5, 1.25, 2, 0.1),
}
"""Dollars for a million tokens: in, out, written for five minutes, written for an hour, read."""


def bill(state: Path) -> dict[int, Decimal]:
    """Dollars of each attempt: of every answer that began, whole or not. Models without a price here are left out."""
    requests = {}
    for line in (state / "rehearsal" / "requests.jsonl").read_text().splitlines():
        try:
            request = json.loads(line)
        except ValueError:
            continue  # cut off by a kill
        requests[request["number"]] = request  # the last line of a number counts
    sums: dict[int, Decimal] = defaultdict(Decimal)
    for request in requests.values():
        if request["usage"] and request["model"] in PRICES:
            sums[request["attempt"]] += _price(request["model"], request["usage"])
    return dict(sums)


def _price(model: str, usage: dict[str, Any]) -> Decimal:
    input_, output, write_5m, write_1h, read = (Decimal(str(each)) for each in PRICES[model])
    for_an_hour = usage["cache_creation"]["ephemeral_1h_input_tokens"]
    cost: Decimal = (
        usage["input_tokens"] * input_
        + usage["output_tokens"] * output
        + (usage["cache_creation_input_tokens"] - for_an_hour) * write_5m
        + for_an_hour * write_1h
        + usage["cache_read_input_tokens"] * read
    )
    return cost / 1_000_000


def disagreements(record: Record) -> Iterator[str]:
    """Where the ledger knows of less than was billed: in all, and of each attempt that has ended."""
    if not (record.state / "rehearsal" / "requests.jsonl").exists():
        return
    billed = bill(record.state)
    reserved = {entry["attempt"]: entry["reserved_microusd"] for entry in record.of("AttemptStarted")}
    charged = {entry["attempt"]: entry["charged_microusd"] for entry in record.of("UsageSettled")}
    for attempt, usd in billed.items():
        known = charged.get(attempt, reserved.get(attempt, 0))
        if usd * 1_000_000 > known:
            yield f"attempt {attempt} was billed ${usd:.6f}, the ledger knows of ${known / 1e6:.6f}"
