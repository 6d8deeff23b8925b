"""What is accepted of a session's own words: a tool of it can write into its stream as well as the CLI can.

a limit or refusal before any tool was called    at once: it holds or stops everybody
the same after a tool call, a claim              costs nobody else anything: one start goes ahead, and what that
                                                 is told before it calls a tool is accepted
the same claim by one group for the fourth time  the session's own doing
a model that was neither asked for nor named     nothing of the session is accepted
a cost                                           at most what a session can cost
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from harness.base.reason import Reason
from harness.core.fault_kinds import FaultKind
from harness.core.faults import consequence
from harness.core.messages import Message, message
from harness.core.money import to_micro
from harness.core.open_attempt import Open
from harness.core.types import Ending, Fault, Judgement, Rejected

_OURS = (
    FaultKind.BROKEN_CHECK,
    FaultKind.CLI_MISSING,
    FaultKind.DISK,
    FaultKind.NO_INPUT_FOLDER,
    FaultKind.UNKNOWN_QUESTION,
)
"""Seen by this program itself."""


def is_claim(kind: str | None, blame: str | None, evidence: Mapping[str, Any]) -> bool:
    """A word that would hold or stop others, told after a tool call. Takes what a fault or its entry says."""
    if kind is None or kind in _OURS or blame not in ("provider", "config") or not evidence.get("used_tools"):
        return False
    return consequence(kind) in ("hold", "wait", "stop")


def claims(fault: Fault | None) -> bool:
    """The same of a fault."""
    return fault is not None and is_claim(fault.kind, fault.blame, fault.evidence)


def stays_suspected(told: Fault | None) -> bool:
    """Of a breakdown and a claim it stays with the group that it is its own."""
    return told is not None and (told.blame == "host" or claims(told))


def as_claim(fault: Fault, *, is_transient: bool) -> Fault:
    """A claim as it is recorded: nobody's doing while it counts as transient, then the session's."""
    if is_transient:
        return fault.because(message("claimed"))
    return replace(fault.because(message("claimed_too_often")), blame="session")


def of_asked_models(ending: Ending, judgement: Judgement) -> tuple[Ending, Judgement]:
    """As it is, unless a model answered that was neither requested nor allowed: then nothing in it is good."""
    unasked = ending.facts.unasked
    if not unasked or judgement.broken_check is not None:
        return ending, judgement
    why = message("unasked_models", models=list(unasked))
    nothing = {item: Rejected((Reason("unasked_model", {"models": list(unasked)}),)) for item in judgement.verdicts}
    told = ending.fault
    evidence = {"unasked": list(unasked)}
    if told is not None and told.blame in ("host", "operator"):
        fault = Fault(FaultKind.UNASKED_MODEL, told.blame, (*told.why, why), evidence=evidence)
    elif ending.facts.is_set_up_unasked:
        fault = Fault(FaultKind.WRONG_MODEL, "config", (why,), evidence=evidence)
    else:
        fault = Fault(FaultKind.UNASKED_MODEL, "session", (why,), evidence=evidence)
    return replace(ending, fault=fault), replace(judgement, verdicts=nothing, usable=False)


def notes_on_cost(open_: Open, ending: Ending) -> tuple[Message, ...]:
    """Where more was told, or counted in the stream, than a session can cost."""
    found = [
        cost for cost in (ending.facts.cost_usd, ending.facts.counted_usd) if cost is not None and cost.is_finite()
    ]
    told, most = to_micro(max(found, default=Decimal(0))), open_.most_microusd
    if most is None or told <= most:
        return ()
    return (message("cost_impossible", told_microusd=told, most_microusd=most),)


def is_held(open_: Open, now: datetime) -> bool:
    """Whether this job waits for the end of a hold already: others have met what is claimed."""
    return open_.held_until is not None and now < open_.held_until
