"""Decides how one request is answered: the scene's reply, the faults on it, and what has healed."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, assert_never

from harness.rehearsal.fault_orders import FaultOrder
from harness.rehearsal.injected_faults import INJECTED_FAULTS, OUTAGES
from harness.rehearsal.question import Question
from harness.rehearsal.refusals import Refuse, refusal_of, usage_limit
from harness.rehearsal.request_history import RequestHistory
from harness.rehearsal.scene import Ask, InjectedFault, Records, Reply, Text, Turn
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
    fault: str | None = None
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
    """Resolves one reply; faults wrap replies and may be nested."""

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
            case InjectedFault():
                return self._faulty(reply)
        assert_never(reply)

    def _faulty(self, fault: InjectedFault) -> tuple[Script | None, Played]:
        tag = fault.tag or self._default_tag(fault)
        if not self._strikes(fault, tag):
            return self._scripted(self._then(fault))
        tags = (tag, fault.name) if self._is_counted_now(fault, tag) else ()
        if fault.name == "limit":
            return None, replace(self._new_limit(fault), tags=tags)
        refusal = refusal_of(fault, self._question.ask.model)
        if refusal is not None:
            return None, Played(refusal, tags, fault.name)
        if fault.name == "hang":
            return None, Played(Vanish("hang"), tags, fault.name)
        script, below = self._scripted(self._then(fault))
        if script is None:
            return None, below
        above = replace(below, tags=(*tags, *below.tags), fault=fault.name)
        if is_spoiler(fault.name):
            return spoil(fault.name, script, self._question.ask, fault.params), above
        manner = next(manner for manner in _MANNERS if manner == fault.name)
        return script, replace(above, act=Say(Turn([]), manner, float(fault.params.get("seconds", 0.0))))

    def _strikes(self, fault: InjectedFault, tag: str) -> bool:
        kind = INJECTED_FAULTS[fault.name]
        if kind.streaming_only and not self._question.stream:
            return False
        if lasts_s := float(fault.params.get("seconds", 0.0)) if fault.name in OUTAGES else 0.0:
            began = self._past.first_tagged_s(tag)
            return began is None or self._now_s < began + lasts_s
        if fault.times is None:
            return True
        if kind.counts == "requests":
            return self._past.count(tag, {}) < fault.times
        struck = self._past.sessions_tagged(tag)
        return self._question.ask.session in struck or len(struck) < fault.times

    def _is_counted_now(self, fault: InjectedFault, tag: str) -> bool:
        """A session that was struck before is not counted again."""
        if INJECTED_FAULTS[fault.name].counts == "requests":
            return True
        return self._question.ask.session not in self._past.sessions_tagged(tag)

    def _then(self, fault: InjectedFault) -> Reply:
        return fault.then or without_scene(self._question)

    def _new_limit(self, fault: InjectedFault) -> Played:
        # Whole seconds, as in the header: nobody may be let in before the reset that was told.
        until = float(int(self._now_s + float(fault.params["seconds"]) + 0.999))
        return _limited(until, self._now_s, str(fault.params["window"]))

    def _default_tag(self, fault: InjectedFault) -> str:
        ask = self._question.ask
        return f"{fault.name} {ask.phase} {ask.batch} {','.join(ask.ids)}"


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
    return Played(usage_limit(until, now_s, window), fault="limit", until=until, note=window)
