"""The last request of a session, and what it may cost as long as no answer to it has begun."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from harness.backends.charges import Charges
from harness.backends.conversation import Conversation
from harness.core.prices import context_of

UNSEEN_TOKENS: Final = 1_000
"""Of an answer that breaks off, what was on its way: the CLI shows nothing of what comes together with the break."""

_FASTEST_TOKENS_S: Final = 400
"""Against us: what a model writes in a second at the most, of an answer of which nothing was heard until it broke."""

_BREAK_IS_SAID_S: Final = 0.5
"""That an answer broke off is said in the same breath (0.01 s); what is said later is about the request after it."""


class PendingRequest:
    """`hears_begins`: answers are heard of as they begin; in a transcript only once they are complete."""

    def __init__(
        self,
        model: str,
        max_output_tokens: int,
        prompt_bytes: int,
        monotonic: Callable[[], float],
        *,
        hears_begins: bool,
    ) -> None:
        self.model = model
        """Asked for ("" = not known yet)."""
        self.is_open = False
        """It is under way, and no answer to it has begun."""
        self.hears_begins = hears_begins
        self._max_output_tokens = max_output_tokens
        self._conversation = Conversation(prompt_bytes)
        self._monotonic = monotonic
        self._at = self._again_at = 0.0
        self._is_streamed = True
        """It would be heard of as soon as its answer begins."""

    def next_sends(self, content: Any) -> None:
        """The request after the answer that is under way sends this, too."""
        self._conversation.add(content)

    def begin(self, *, is_streamed: bool) -> None:
        self._at = self._monotonic()
        self.again(is_streamed=is_streamed and self.hears_begins)

    def again(self, *, is_streamed: bool, is_open: bool = True) -> None:
        """The CLI sends the same once more, or (not `is_open`) would have."""
        self.is_open, self._is_streamed, self._again_at = is_open, is_streamed, self._monotonic()

    def answer_begins(self, usage: Mapping[str, Any]) -> None:
        self._conversation.answer_begins(usage, self._monotonic())

    def answer_is_heard(self) -> None:
        """It has begun, and comes piece by piece."""
        self.is_open, self._is_streamed = False, True

    def answer_ends(self, usage: Mapping[str, Any]) -> None:
        self._conversation.answer_ends(usage)
        self.is_open = False

    @property
    def may_be_lost(self) -> bool:
        """It is under way, and what is said of a lost connection is said of it: not of the answer before it."""
        return self.is_open and (self._is_streamed or not self.hears_begins or self._is_under_way_for_a_while())

    @property
    def is_asked_again_streamed(self) -> bool:
        """Once the CLI does without streaming, it does so until this request is answered."""
        return self.hears_begins and not (self.is_open and not self._is_streamed and self._is_under_way_for_a_while())

    def _is_under_way_for_a_while(self) -> bool:
        return self._monotonic() - self._again_at >= _BREAK_IS_SAID_S

    def cost(self, charges: Charges, elapsed_s: object = None) -> Decimal:
        """An upper estimate, if no answer is ever seen; of one that is not streamed it may have been long.

        `elapsed_s`: how long it was under way, where that is told; else since it was heard of.
        """
        output_tokens = UNSEEN_TOKENS if self._is_streamed else self._longest(elapsed_s)
        usage = self._conversation.usage_of_next(context_of(self.model), output_tokens, self._monotonic())
        return charges.price(self.model, usage)

    def _longest(self, elapsed_s: object) -> int:
        """Tokens of an answer that nothing was heard of."""
        if self.hears_begins:
            return self._max_output_tokens
        told = elapsed_s if isinstance(elapsed_s, float) else self._monotonic() - self._at
        return min(self._max_output_tokens, UNSEEN_TOKENS + int(max(told, 0) * _FASTEST_TOKENS_S))
