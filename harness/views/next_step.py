"""What helps most now about a job, as data: `status` and the end of a run word it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from harness.base.commands import NextCommand
from harness.views.status import Status

Bound = Literal["budget", "caps", "deadline"]


@dataclass(frozen=True, slots=True)
class NextStep:
    """One of `commands`, the likeliest first; before it, `reached` is to be raised in the manifest (without that, the
    same command would get no further), and `resume` lifts a pause."""

    commands: tuple[NextCommand, ...]
    reached: Bound | None = None
    resume: NextCommand | None = None


def about(status: Status, manifest: str, verb: str, *words: str) -> NextCommand:
    """A command about the job of this status; `manifest` is how the user names it."""
    return NextCommand(verb, words, manifest, status.instance, status.rehearsal)


def next_step(status: Status, manifest: str, settings: Sequence[str] = ()) -> NextStep:
    """`settings` are the words that another launch needs too."""
    match status.state:
        case "running" | "holding":
            return NextStep((about(status, manifest, "watch"),))
        case "paused":
            return NextStep((about(status, manifest, "resume"),))
        case "finished" if status.waiting_requests:
            return _launch(status, manifest, settings)
        case "finished" if status.counts.failed or status.failed:
            return NextStep((about(status, manifest, "retry", "--failed"), about(status, manifest, "report")))
        case "finished":
            return NextStep((about(status, manifest, "report"),))
        case "new" | "stopped":
            return _launch(status, manifest, settings)
    assert_never(status.state)


def _launch(status: Status, manifest: str, settings: Sequence[str]) -> NextStep:
    reached = _bound_reached(status)
    words = _without(settings, reached) if reached else tuple(settings)
    is_paused = status.head is not None and status.head.paused
    resume = about(status, manifest, "resume") if is_paused else None
    return NextStep((about(status, manifest, "launch", *words),), reached, resume)


def _without(words: Sequence[str], bound: Bound) -> tuple[str, ...]:
    """The settings but for those of a bound that was reached: with them, the same command would get no further."""
    pairs = zip(words[::2], words[1::2], strict=True)
    return tuple(word for pair in pairs if pair[1].split("=")[0].split(".")[0] != bound for word in pair)


def _bound_reached(status: Status) -> Bound | None:
    """What in the manifest the last run came up against."""
    why = status.head.run_message if status.head else None
    match why.kind if why else None:
        case "budget":
            return "budget"
        case "cap_sessions" | "cap_turns" | "cap_tokens":
            return "caps"
        case "deadline" if why and why.facts.get("is_date"):  # a time of day comes again
            return "deadline"
    return None
