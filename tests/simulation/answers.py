"""What the requests of one session come to: a CLI's stream for the product's own count, and a biller that shares no
code with it.

The provider bills every answer that begins, whole or not. The CLI tells of the whole ones only, and is held to its cap
by them alone; of an answer that broke off it shows the begin, or nothing at all.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from harness.backends.usage_count import Count
from harness.core.fault_kinds import FaultKind
from harness.core.messages import told
from harness.core.types import Fault
from harness.core.work import AttemptSpec

IN, OUT, WRITTEN, READ = Decimal(2), Decimal(10), Decimal("2.5"), Decimal("0.1")
"""Dollars for a million tokens of claude-sonnet-5-5."""

_WINDOW = 200_000
_OWN_PROMPT = 4_000
_MOST_TRIES = 5
_PROSE_BYTES = 4
_UNSEEN_S = 1.0
"""What an answer that nothing is seen of takes at least."""

_OVER = Fault(FaultKind.SESSION_BUDGET, "session", (told("reached the session's budget"),))
_USED_UP = Fault(FaultKind.NETWORK, "provider", (told("answers that broke off have used up the session's budget"),))

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Came:
    """In dollars; `fault` when the session was ended for them, by the CLI or, for broken answers, by the product."""

    billed: Decimal
    told: Decimal
    counted: Decimal
    fault: Fault | None = None

    @property
    def met(self) -> Iterator[str]:
        if self.billed > self.told:
            yield "answers broke off"
        if self.fault == _USED_UP:
            yield "broken answers used up a cap"


def came_of(name: str, rate: float, spec: AttemptSpec, least: int) -> Came:
    """What the requests of the session of that name come to; there are `least` of them, or some more."""
    rng = random.Random(f"answers {name}")
    return Exchange(rng, rate, spec.caps.cost_usd).play(least + rng.randint(0, 2), spec.caps.output_tokens)


@dataclass(slots=True)
class Exchange:
    """One session's requests, one after the other."""

    rng: random.Random
    rate: float
    """Chance that a try comes to nothing."""
    cap: Decimal | None
    count: Count = field(init=False)
    billed: Decimal = field(default=Decimal(0), init=False)
    told: Decimal = field(default=Decimal(0), init=False)
    _context: int = field(default=0, init=False)
    _cached: int = field(default=0, init=False)
    _number: int = field(default=0, init=False)
    _now: float = field(default=0.0, init=False)

    def play(self, requests: int, max_output: int) -> Came:
        first = self._draw_tokens()
        self.count = Count("sonnet", max_output, (first - _OWN_PROMPT) * _PROSE_BYTES, lambda: self._now)
        self._context = first
        for left in range(requests, 0, -1):
            if self.cap is not None and self.told >= self.cap:
                return self._ends(_OVER)
            self._see({"type": "system", "subtype": "status", "status": "requesting"})
            if self._is_beyond() or not self._ask(is_last=left == 1):
                return self._ends(_USED_UP)
        return self._ends()

    def _ask(self, *, is_last: bool) -> bool:
        """The same request until it is answered; False when the session is ended instead."""
        for _ in range(_MOST_TRIES):
            if self.rng.random() >= self.rate:
                break
            for line in self._comes_to_nothing():
                self._see(line)
            if self._is_beyond():
                if self.rng.random() < 0.5:  # it was asked again before the session could be ended
                    self._bill(0)
                return False
        output = self.rng.randint(100, 3_000)
        usage = self._usage()
        self._see(self._begins(usage))
        stop = "end_turn" if is_last else "tool_use"
        self._see(_event(type="message_delta", delta={"stop_reason": stop}, usage={**usage, "output_tokens": output}))
        self.told += self._bill(output)
        fresh = max(0, min(self._draw_tokens() // 4, _WINDOW - self._context - output))
        self._context += output + fresh
        self._see({"type": "user", "message": {"content": [_result("x" * fresh * _PROSE_BYTES)]}})
        return True

    def _comes_to_nothing(self) -> Iterator[Line]:
        match self.rng.choice(["refused", "unseen", "cut", "cut", "cut, then not streamed"]):
            case "refused":
                yield _retry(529)
            case "unseen":
                self._bill(self.rng.randint(1, 800))
                self._now += _UNSEEN_S
                yield _retry(None)
            case "cut":
                yield from self._cut()
                yield _retry(None)
            case _:
                yield from self._cut()

    def _cut(self) -> Iterator[Line]:
        said = self.rng.randint(1, 3_500)
        yield self._begins(self._usage())
        yield _event(type="content_block_delta", delta={"type": "text_delta", "text": "x" * said * _PROSE_BYTES})
        yield {**_event(type="message_stop"), "abandoned_blocks": {}}
        self._bill(said + self.rng.randint(0, 500))

    def _ends(self, fault: Fault | None = None) -> Came:
        self._see({"type": "result", "is_error": fault is not None})
        counted = self.count.usd()
        assert counted is not None
        return Came(self.billed, self.told, counted, fault)

    def _is_beyond(self) -> bool:
        return self.cap is not None and self.count.is_beyond(self.cap)

    def _see(self, line: Line) -> None:
        self.count.take(line)

    def _begins(self, usage: Line) -> Line:
        self._number += 1
        return _event(type="message_start", message={"id": str(self._number), "model": "sonnet", "usage": usage})

    def _usage(self) -> Line:
        written = self._context - self._cached
        return {
            "input_tokens": 0,
            "cache_read_input_tokens": self._cached,
            "cache_creation_input_tokens": written,
            "output_tokens": 1,
        }

    def _bill(self, output: int) -> Decimal:
        cost = (self._cached * READ + (self._context - self._cached) * WRITTEN + output * OUT) / 1_000_000
        self._cached = self._context
        self.billed += cost
        return cost

    def _draw_tokens(self) -> int:
        """Mostly a little, sometimes nearly all that a window holds."""
        most = 140_000 if self.rng.random() < 0.1 else 20_000
        return self.rng.randint(5_000, most)


def _event(**fields: Any) -> Line:
    return {"type": "stream_event", "event": fields}


def _retry(status: int | None) -> Line:
    return {"type": "system", "subtype": "api_retry", "error_status": status}


def _result(text: str) -> Line:
    return {"type": "tool_result", "content": text}
