"""Decides how one request is answered: the scene's reply, the troubles on it, and what has healed."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, assert_never

from harness.rehearsal.fault_orders import FaultOrder
from harness.rehearsal.injected_faults import OUTAGES, TROUBLES
from harness.rehearsal.question import Question
from harness.rehearsal.refusals import Refuse, refusal_of, usage_limit
from harness.rehearsal.request_history import RequestHistory
from harness.rehearsal.scene import Ask, Records, Reply, Text, Trouble, Turn
from harness.rehearsal.script import Script, is_spoiler, script_of, spoil
from harness.samples.records import SampleSpec, sampled, synthetic

Manner = Literal["whole", "slow", "late", "cut", "stall", "garbage", "sse_error"]
_MANNERS: tuple[Manner, ...] = ("slow", "late", "cut", "stall", "garbage", "sse_error")


@dataclass(frozen=True, slots=True)
class Say:
    """Answer with a turn; `manner` is what happens to the stream."""

    turn: Turn
    manner: Manner = "whole"
    seconds: float = 0.0
    """For slow: how long the answer takes; for late: how long until it begins."""
    is_script: bool = False
    """The turn comes from Records: its tool calls are marked as such."""


@dataclass(frozen=True, slots=True)
class Vanish:
    """No response at all: the connection stays silent (hang) or breaks (drop)."""

    how: Literal["hang", "drop"]


Act = Say | Refuse | Vanish


@dataclass(frozen=True, slots=True)
class Played:
    """What the server does with one request, and what it writes into the log about it."""

    act: Act
    tags: tuple[str, ...] = ()
    trouble: str | None = None
    until: float | None = None
    """The reset of the usage limit, in seconds since 1970."""
    note: str | None = None


def play(question: Question, reply: Reply, orders: Iterable[FaultOrder], past: RequestHistory, now_s: float) -> Played:
    """The answer to one request: the first fitting order lies on top of the reply, the others below it.

    ReplyError or SampleError when the reply cannot be played.
    """
    if now_s < past.limit_until:
        return _limited(past.limit_until, now_s, past.limit_window)
    ordinal = past.ordinal(question.ask.session)
    for order in reversed([order for order in orders if order.is_for(question.ask, ordinal)]):
        reply = order.over(reply)
    return _Player(question, past, now_s).played(reply)


class _Player:
    """Resolves one reply; troubles wrap replies and may be nested."""

    def __init__(self, question: Question, past: RequestHistory, now_s: float) -> None:
        self._question = question
        self._past = past
        self._now_s = now_s

    def played(self, reply: Reply) -> Played:
        script, below = self._scripted(reply)
        if script is None:
            return below
        turn = script.turn_at(self._question.step)
        if script.dies_after_writing and self._question.has_written:
            return replace(below, act=Vanish("drop"))
        tags = (*below.tags, turn.tag) if turn.tag else below.tags
        assert isinstance(below.act, Say)
        return replace(below, act=replace(below.act, turn=turn, is_script=script.is_own), tags=tags)

    def _scripted(self, reply: Reply) -> tuple[Script | None, Played]:
        """The script with the manner it is spoken in; no script when nothing is said at all."""
        spoken = Played(Say(Turn([])))
        match reply:
            case Records():
                return script_of(reply, self._question.ask), spoken
            case Turn():
                return Script((reply,)), spoken
            case Trouble():
                return self._troubled(reply)
        assert_never(reply)

    def _troubled(self, trouble: Trouble) -> tuple[Script | None, Played]:
        tag = trouble.tag or self._default_tag(trouble)
        if not self._strikes(trouble, tag):
            return self._scripted(self._then(trouble))
        tags = (tag, trouble.name) if self._is_counted_now(trouble, tag) else ()
        if trouble.name == "limit":
            return None, replace(self._new_limit(trouble), tags=tags)
        refusal = refusal_of(trouble, self._question.ask.model)
        if refusal is not None:
            return None, Played(refusal, tags, trouble.name)
        if trouble.name == "hang":
            return None, Played(Vanish("hang"), tags, trouble.name)
        script, below = self._scripted(self._then(trouble))
        if script is None:
            return None, below
        above = replace(below, tags=(*tags, *below.tags), trouble=trouble.name)
        if is_spoiler(trouble.name):
            return spoil(trouble.name, script, self._question.ask, trouble.params), above
        manner = next(manner for manner in _MANNERS if manner == trouble.name)
        return script, replace(above, act=Say(Turn([]), manner, float(trouble.params.get("seconds", 0.0))))

    def _strikes(self, trouble: Trouble, tag: str) -> bool:
        kind = TROUBLES[trouble.name]
        if kind.streaming_only and not self._question.stream:
            return False
        if lasts_s := float(trouble.params.get("seconds", 0.0)) if trouble.name in OUTAGES else 0.0:
            began = self._past.first_tagged_s(tag)
            return began is None or self._now_s < began + lasts_s
        if trouble.times is None:
            return True
        if kind.counts == "requests":
            return self._past.count(tag, {}) < trouble.times
        struck = self._past.sessions_tagged(tag)
        return self._question.ask.session in struck or len(struck) < trouble.times

    def _is_counted_now(self, trouble: Trouble, tag: str) -> bool:
        """A session that was struck before is not counted again."""
        if TROUBLES[trouble.name].counts == "requests":
            return True
        return self._question.ask.session not in self._past.sessions_tagged(tag)

    def _then(self, trouble: Trouble) -> Reply:
        return trouble.then or without_scene(self._question)

    def _new_limit(self, trouble: Trouble) -> Played:
        # Whole seconds, as in the header: nobody may be let in before the reset that was told.
        until = float(int(self._now_s + float(trouble.params["seconds"]) + 0.999))
        return _limited(until, self._now_s, str(trouble.params["window"]))

    def _default_tag(self, trouble: Trouble) -> str:
        ask = self._question.ask
        return f"{trouble.name} {ask.phase} {ask.batch} {','.join(ask.ids)}"


def without_scene(question: Question) -> Reply:
    """What is answered when no scene says otherwise: samples or synthetic records, or to a stranger a line of text."""
    ask = question.ask
    if not question.known:
        return Turn([Text(f"rehearsal: no model is here. The prompt has {len(ask.prompt)} characters.")])
    spec = sample_spec(ask)
    if question.samples:
        return Records(sampled(spec, ask.ids, question.samples))
    records = synthetic(spec, ask.ids)
    return Records(records[:1] if spec.shape == "one" else records)


def sample_spec(ask: Ask) -> SampleSpec:
    """What is asked of the records that this request is about."""
    output = ask.output
    return SampleSpec(
        phase=ask.phase,
        shape=output["shape"],
        key=str(output["key"]),
        item=str(output["item"]),
        schema=output.get("schema"),
        evidence=output.get("evidence") or (),
        vars=ask.vars,
        seed=ask.seed,
    )


def _limited(until: float, now_s: float, window: str) -> Played:
    return Played(usage_limit(until, now_s, window), trouble="limit", until=until, note=window)
