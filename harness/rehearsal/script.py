"""From a scene's reply to the turns a session plays: the writes of the output file, and the ways to spoil them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from harness.base.paths import MISSING, put_at, read_path
from harness.core.names import file_name_for
from harness.rehearsal.scene import Ask, Records, Text, Tool, Turn
from harness.rehearsal.sources import sources_of

DONE: Final = "rehearsal: done."
OUT_OF_BOUNDS: Final = "/proc/rehearsal-denied/output.json"
"""Where nobody can write, sandboxed or not."""


class ReplyError(Exception):
    """A scene's reply cannot be played; the message tells the scene's author why."""


@dataclass(frozen=True, slots=True)
class Script:
    """The turns of one session; which one is played follows from the conversation so far."""

    turns: tuple[Turn, ...]
    is_own: bool = False
    """Made of Records, not a turn that the scene wrote."""
    dies_after_writing: bool = False

    def turn_at(self, step: int) -> Turn:
        return self.turns[min(step, len(self.turns) - 1)]


def script_of(records: Records, ask: Ask) -> Script:
    """Write the output, say done. ReplyError when the records do not fit the output's shape."""
    writes = [Tool("Write", {"file_path": _inside(ask, name), "content": text}) for name, text in _files(records, ask)]
    fetches = [Tool("WebFetch", {"url": url, "prompt": "What does it say?"}) for url in sources_of(records, ask)]
    first = (Turn(fetches, "tool_use"),) if fetches else ()
    return Script((*first, Turn(writes, "tool_use"), Turn([Text(records.notes or DONE)], "end_turn")), is_own=True)


def writes_output(tool: str, input_: Mapping[str, Any], ask: Ask) -> bool:
    """Whether this tool call writes the output file, or for shape `files` any file."""
    if tool != "Write" or not isinstance(input_.get("content"), str):
        return False
    return ask.output["shape"] == "files" or str(input_.get("file_path")) == _inside(ask, str(ask.output["file"]))


def dump(value: Any) -> str:
    """JSON as a session writes it. ReplyError for what is no JSON."""
    try:
        return json.dumps(value, ensure_ascii=False, indent=1) + "\n"
    except (TypeError, ValueError) as error:
        raise ReplyError(f"the records are not valid JSON: {error}") from None


def _files(records: Records, ask: Ask) -> list[tuple[str, str]]:
    name, shape, content = str(ask.output["file"]), ask.output["shape"], records.records
    if shape == "files":
        return [(file_name_for(name, id_), text) for id_, text in contents_of_files(content, ask)]
    if shape == "array":
        if isinstance(content, Mapping):
            raise ReplyError("the output's shape is array: Records takes a list of records here, got a mapping")
        return [(name, dump(list(content)))]
    if shape == "object":
        return [(name, dump(content if isinstance(content, Mapping) else _keyed(content, ask)))]
    if isinstance(content, Mapping):
        return [(name, dump(content))]
    if len(content) != 1:
        raise ReplyError(f"the output's shape is one: Records takes one record here, got {len(content)}")
    return [(name, dump(content[0]))]


def contents_of_files(content: Sequence[Any] | Mapping[str, Any], ask: Ask) -> list[tuple[str, str]]:
    """Id -> what the file of that item says. ReplyError when there are more or fewer than asked for."""
    return [(id_, _text(value)) for id_, value in _by_id(content, ask).items()]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else dump(value)


def _by_id(content: Sequence[Any] | Mapping[str, Any], ask: Ask) -> Mapping[str, Any]:
    if isinstance(content, Mapping):
        return content
    if len(content) != len(ask.ids):
        raise ReplyError(f"the output's shape is files: expected {len(ask.ids)} contents, got {len(content)}")
    if all(isinstance(one, Mapping) and one.keys() == {"id", "text"} and one["id"] in ask.ids for one in content):
        return {one["id"]: one["text"] for one in content}
    return dict(zip(ask.ids, content, strict=True))


def _keyed(content: Sequence[Any], ask: Ask) -> dict[str, Any]:
    path = str(ask.output["key"])
    keyed: dict[str, Any] = {}
    for record in content:
        key = read_path(record, path)
        if key is MISSING:
            raise ReplyError(f"the output's shape is object: a record has nothing at its key {path}: {record!r:.80}")
        keyed[str(key)] = record
    return keyed


def _inside(ask: Ask, name: str) -> str:
    return f"{ask.cwd.rstrip('/')}/{name}"


# --- spoiling: each takes a good script and returns the faulty one ---


def spoil(name: str, script: Script, ask: Ask, params: Mapping[str, Any]) -> Script:
    """The script with the fault `name` in it."""
    return _SPOILERS[name](script, ask, params)


def is_spoiler(name: str) -> bool:
    return name in _SPOILERS


def _refusal(script: Script, ask: Ask, params: Mapping[str, Any]) -> Script:
    return Script((Turn([Text("I can't help with this.")], "refusal"),))


def _max_tokens(script: Script, ask: Ask, params: Mapping[str, Any]) -> Script:
    return Script((Turn([Text("rehearsal of an answer that is too long " * 20)], "max_tokens"),))


def _empty(script: Script, ask: Ask, params: Mapping[str, Any]) -> Script:
    return Script((Turn([], "end_turn"),))


def _endless(script: Script, ask: Ask, params: Mapping[str, Any]) -> Script:
    return Script((Turn([Tool("Read", {"file_path": _inside(ask, "rehearsal-endless.txt")})], "tool_use"),))


def _no_file(script: Script, ask: Ask, params: Mapping[str, Any]) -> Script:
    return _rewrite(script, ask, lambda write: [])


def _denied(script: Script, ask: Ask, params: Mapping[str, Any]) -> Script:
    return _rewrite(script, ask, lambda write: [Tool("Write", {**write.input, "file_path": OUT_OF_BOUNDS})])


def _broken_json(script: Script, ask: Ask, params: Mapping[str, Any]) -> Script:
    return _rewrite(script, ask, lambda write: [_with_content(write, _cut(write.input["content"], 3, 4))])


def _half_file(script: Script, ask: Ask, params: Mapping[str, Any]) -> Script:
    """Half, then the whole; as turns of their own where the script is ours, in one turn where a scene wrote it."""
    halve: Callable[[Tool], list[Tool]] = lambda write: [_with_content(write, _cut(write.input["content"], 1, 2))]  # noqa: E731
    if script.is_own:
        return replace(script, turns=(_rewrite(script, ask, halve).turns[0], *script.turns))
    return _rewrite(script, ask, lambda write: [*halve(write), write])


def _die_after_writing(script: Script, ask: Ask, params: Mapping[str, Any]) -> Script:
    return replace(script, dies_after_writing=True)


def _wrong_ids(script: Script, ask: Ask, params: Mapping[str, Any]) -> Script:
    def rename(write: Tool) -> list[Tool]:
        if ask.output["shape"] == "files":
            folder, _, name = str(write.input["file_path"]).rpartition("/")
            return [Tool("Write", {**write.input, "file_path": f"{folder}/rehearsal-{name}"})]
        wrong = _each_record(_parsed(write), ask, lambda id_, record: (f"{id_} rehearsal", _renamed(record, ask)))
        return [_with_content(write, dump(wrong))]

    return _rewrite(script, ask, rename)


def _missing_item(script: Script, ask: Ask, params: Mapping[str, Any]) -> Script:
    gone = str(params.get("item") or (ask.ids[-1] if ask.ids else ""))
    path = str(ask.output["item"])

    def leave_out(write: Tool) -> list[Tool]:
        if ask.output["shape"] == "files":
            name = "/" + file_name_for(str(ask.output["file"]), gone)
            return [] if str(write.input["file_path"]).endswith(name) else [write]
        if ask.output["shape"] == "one":
            return []
        drop: _Change = lambda id_, record: None if gone in (id_, _id_at(record, path)) else (id_, record)  # noqa: E731
        return [_with_content(write, dump(_each_record(_parsed(write), ask, drop)))]

    return _rewrite(script, ask, leave_out)


_Spoiler = Callable[[Script, Ask, Mapping[str, Any]], Script]
_Change = Callable[[str, Any], "tuple[str, Any] | None"]
_SPOILERS: Final[Mapping[str, _Spoiler]] = {
    "refusal": _refusal,
    "max_tokens": _max_tokens,
    "empty": _empty,
    "endless": _endless,
    "no_file": _no_file,
    "denied": _denied,
    "broken_json": _broken_json,
    "half_file": _half_file,
    "die_after_writing": _die_after_writing,
    "wrong_ids": _wrong_ids,
    "missing_item": _missing_item,
}


def _rewrite(script: Script, ask: Ask, change: Callable[[Tool], list[Tool]]) -> Script:
    """Every write of the output replaced by what `change` makes of it."""

    def of(turn: Turn) -> Turn:
        blocks: list[Text | Tool] = []
        for block in turn.blocks:
            blocks += (
                change(block) if isinstance(block, Tool) and writes_output(block.name, block.input, ask) else [block]
            )
        if blocks == list(turn.blocks):
            return turn
        if not any(isinstance(block, Tool) for block in blocks):
            return replace(turn, blocks=blocks or [Text(DONE)], stop="end_turn")
        return replace(turn, blocks=blocks)

    return replace(script, turns=tuple(of(turn) for turn in script.turns))


def _with_content(write: Tool, content: str) -> Tool:
    return Tool("Write", {**write.input, "content": content})


def _cut(content: str, numerator: int, denominator: int) -> str:
    return content[: len(content) * numerator // denominator]


def _parsed(write: Tool) -> Any:
    try:
        return json.loads(write.input["content"])
    except ValueError:
        return write.input["content"]  # already spoiled by another fault: left as it is


def _each_record(content: Any, ask: Ask, change: _Change) -> Any:
    """The content of an array, an object or one record, with `change(id or key, record)` applied; None = left out."""
    shape, path = ask.output["shape"], str(ask.output["item"])
    if shape == "array" and isinstance(content, list):
        changed = (change(_id_at(record, path), record) for record in content)
        return [pair[1] for pair in changed if pair is not None]
    if shape == "object" and isinstance(content, dict):
        return dict(pair for key, record in content.items() if (pair := change(key, record)) is not None)
    pair = change(_id_at(content, path), content)
    return content if pair is None else pair[1]


def _id_at(record: Any, path: str) -> str:
    found = read_path(record, path)
    return "" if found is MISSING else str(found)


def _renamed(record: Any, ask: Ask) -> Any:
    """The record under an id that is not one of the asked, at its item path and at its key path."""
    for path in {str(ask.output["key"]), str(ask.output["item"])}:
        found = read_path(record, path)
        if isinstance(found, str | int):
            record = put_at(record, path, found + 1_000_000 if isinstance(found, int) else f"{found} rehearsal")
    return record
