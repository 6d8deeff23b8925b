"""Replies of a scene as JSON, on their way from the scene's process to the server, and what is wrong with one."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from harness.rehearsal.scene import InjectedFault, Records, Reply, Text, Tool, Turn


def document_of(reply: Reply) -> dict[str, Any]:
    """`{"records"}`, `{"blocks"}` or `{"fault"}` with their other fields. What is in it may be no JSON yet."""
    match reply:
        case Records(records=records, notes=notes, fetch=fetch):
            plain = dict(records) if isinstance(records, Mapping) else list(records)
            return {"records": plain, "notes": notes, "fetch": None if fetch is None else list(fetch)}
        case Turn(blocks=blocks, stop=stop, tag=tag, cost=cost):
            told = str(cost) if isinstance(cost, Decimal) else cost
            return {"blocks": [_block(block) for block in blocks], "stop": stop, "tag": tag, "cost": told}
        case InjectedFault():
            then = None if reply.then is None else document_of(reply.then)
            params = dict(reply.params)
            return {"fault": reply.name, "times": reply.times, "tag": reply.tag, "then": then, "params": params}


def reply_of(document: Mapping[str, Any]) -> Reply:
    """The other way."""
    if "records" in document:
        return Records(document["records"], document["notes"], document["fetch"])
    if "blocks" in document:
        blocks = [Text(each["text"]) if "text" in each else Tool(**each) for each in document["blocks"]]
        cost = document["cost"]
        return Turn(blocks, document["stop"], document["tag"], Decimal(cost) if isinstance(cost, str) else cost)
    then = None if document["then"] is None else reply_of(document["then"])
    return InjectedFault(document["fault"], document["times"], document["tag"], then, **document["params"])


def problem_of(reply: Any) -> str | None:
    """Why this is no reply; None when it is one."""
    match reply:
        case InjectedFault(then=None):
            return None
        case InjectedFault(then=then):
            return problem_of(then)
        case Records(records=records):
            is_fit = isinstance(records, dict | list | tuple)
            return None if is_fit else f"Records takes a list or a dict, got {records!r:.80}"
        case Turn(blocks=blocks):
            wrong = [block for block in blocks if not isinstance(block, Text | Tool)]
            return f"a Turn is made of Text and Tool, got {wrong[0]!r:.80}" if wrong else None
    return f"scene(ask) must return Records, Turn or InjectedFault, got {reply!r:.80}"


def _block(block: Text | Tool) -> dict[str, Any]:
    return {"text": block.text} if isinstance(block, Text) else {"name": block.name, "input": dict(block.input)}
