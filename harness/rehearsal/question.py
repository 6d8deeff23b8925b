"""From the body of a request to the question that a scene is asked."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from harness.job.template import CONTRACT_HEADING
from harness.rehearsal.brief import Briefing
from harness.rehearsal.cache import as_blocks
from harness.rehearsal.prompt_values import Telling
from harness.rehearsal.scene import Ask, RequestCounts
from harness.rehearsal.script import writes_output
from harness.rehearsal.strictness import CheckedValues, asked

Purpose = Literal["work", "search", "page"]
"""What a request is for: the session's own work, or one that a tool of its makes on the side (WebSearch, WebFetch)."""

SCRIPTED_ID: Final = "toolu_rehearsal_script_"
"""Tool calls that come from Records begin with this; so the next request tells how far the script has been played."""
_MOST_ABOUT: Final = 200
_REMINDER = re.compile(r"<system-reminder>.*?</system-reminder>\s*", re.DOTALL)
_NO_ATTEMPT: Final[Mapping[str, Any]] = {
    "attempt": None,
    "phase": "",
    "batch": "",
    "output": {"file": "output.json", "shape": "array", "key": ".id", "item": ".id", "schema": None},
}


@dataclass(frozen=True, slots=True)
class Question:
    """One request, understood. `ask` is what a scene sees of it."""

    ask: Ask
    known: bool
    """The session belongs to an attempt of the job."""
    step: int
    """Turns of the script that were played: those made of Records, and a scene's own that wrote the output. Neither
    a scene's other turns nor the rests of a broken answer count."""
    has_written: bool
    """A Write was called before."""
    stream: bool
    most_tokens: int
    """The request's own limit on the answer (`max_tokens`)."""
    untold: str | None = None
    """Why the session cannot do its work: the prompt passes nothing of an item. None when it does."""
    purpose: Purpose = "work"
    about: str | None = None
    """What is searched for, or the beginning of what a page is asked."""
    samples: Sequence[Any] = ()
    """Records of the job's own to answer with where no scene says otherwise; none = they are synthetic."""


_LENIENT: Final = Briefing(strict=False)


def question_of(
    body: Mapping[str, Any],
    spec: Mapping[str, Any] | None,
    session: str | None,
    seed: int,
    history: RequestCounts,
    briefing: Briefing = _LENIENT,
) -> Question:
    """`spec` is the attempt's spec.json; None for a session that no attempt owns.

    With a strict briefing, items, vars and context are what of them is found in `body`.
    """
    messages = body.get("messages") or []
    own = spec or _NO_ATTEMPT
    purpose = _purpose(body, spec is not None)
    told = _told(body, own, briefing if purpose == "work" else _LENIENT)
    answers = [as_blocks(message.get("content")) for message in messages if message.get("role") == "assistant"]
    ask = Ask(
        phase=own["phase"],
        batch=own["batch"],
        items=told.items,
        ids=[item["id"] for item in told.items],
        tries=own.get("tries", 0),
        attempt=own["attempt"] or 0,
        reasons=dict(own.get("reasons") or {}),
        vars=told.vars,
        output=_output(own["output"]),
        context=told.context,
        cwd=own.get("cwd") or "/mnt/work",
        turn=len(answers),
        prompt=_prompt(messages),
        tool_results=_tool_results(messages),
        seed=seed,
        session=session or "",
        model=str(body.get("model", "")),
        tools=[str(tool.get("name")) for tool in body.get("tools") or ()],
        history=history,
    )
    calls: list[list[dict[str, Any]]] = [
        [block for block in answer if block.get("type") == "tool_use"] for answer in answers
    ]
    step = sum(
        any(_is_scripted(call) or writes_output(str(call.get("name")), call.get("input") or {}, ask) for call in turn)
        for turn in calls
    )
    has_written = any(call.get("name") == "Write" for turn in calls for call in turn)
    most = body.get("max_tokens")
    stream = body.get("stream") is True
    most_tokens = most if isinstance(most, int) and most > 0 else 128_000
    samples = briefing.records.get(ask.phase, ())
    about = None if purpose == "work" else _about(ask.prompt)
    known = spec is not None
    return Question(ask, known, step, has_written, stream, most_tokens, told.untold, purpose, about, samples)


def _purpose(body: Mapping[str, Any], is_known: bool) -> Purpose:
    """A session always has tools; what WebFetch asks of a page says that there are none (measured), and WebSearch
    offers the provider's own."""
    tools = body.get("tools")
    if any(str(tool.get("type", "")).startswith("web_search") for tool in tools or ()):
        return "search"
    return "page" if is_known and tools == [] else "work"


def _about(prompt: str) -> str:
    """What of such a request's prompt says what is looked for, on one line."""
    return " ".join(prompt.split())[:_MOST_ABOUT]


def _told(body: Mapping[str, Any], own: Mapping[str, Any], briefing: Briefing) -> CheckedValues:
    """What the session was told of its items; everything where nobody is strict."""
    phase = briefing.phases.get(own["phase"])
    if phase is None or not briefing.strict:
        return CheckedValues(
            items=list(own.get("items", ())), vars=dict(own.get("vars") or {}), context=dict(own.get("context") or {})
        )
    messages = body.get("messages") or []
    prompt = _prompt(messages)
    task, heading, contract = prompt.rpartition(f"\n{CONTRACT_HEADING}\n")
    system = "\n".join(_text(block) for block in as_blocks(body.get("system")))
    telling = Telling(task if heading else prompt, [system, *_tool_results(messages)])
    return asked(own, phase, telling, contract if heading else None)


def _is_scripted(call: Mapping[str, Any]) -> bool:
    return str(call.get("id")).startswith(SCRIPTED_ID)


def _output(output: Mapping[str, Any]) -> dict[str, Any]:
    key = output.get("key") or ".id"
    return {**output, "key": key, "item": output.get("item") or key}


def _prompt(messages: list[dict[str, Any]]) -> str:
    """The user's own words in the first message; what the CLI put in front of them is left out."""
    first = next((message for message in messages if message.get("role") == "user"), {})
    texts = [_text(block) for block in as_blocks(first.get("content"))]
    return "\n".join(own for text in texts if (own := _REMINDER.sub("", text).strip()))


def _tool_results(messages: list[dict[str, Any]]) -> list[str]:
    blocks = [block for message in messages for block in as_blocks(message.get("content"))]
    return [
        "\n".join(_text(inner) for inner in as_blocks(block.get("content")))
        for block in blocks
        if block.get("type") == "tool_result"
    ]


def _text(block: Mapping[str, Any]) -> str:
    return str(block.get("text", "")) if block.get("type") == "text" else ""
