"""YAML as a manifest may use it: plain values, each with its place; all that is wrong with the text at once.

Scalars are read by the core schema of YAML 1.2: `no`, `12:30` and dates are text, `012` is twelve. Tags, merge keys,
recursive aliases and duplicate keys are refused; size, depth, nodes and aliases are bounded.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import yaml

from harness.base.errors import Problem
from harness.base.texts import place_of

MOST_BYTES = 1024 * 1024
MOST_NODES = 20_000
MOST_ALIASES = 100
MOST_DEPTH = 50

_NULL = re.compile(r"~|null|Null|NULL|")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")

ValuePath = tuple[str | int, ...]
"""Where a value is: the keys and indexes that lead to it from the top."""


@dataclass(frozen=True, slots=True)
class TextPlace:
    """Line and column, both from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """One key of a mapping, with the place of the key, and its value."""

    place: TextPlace
    node: "Node"


@dataclass(frozen=True, slots=True)
class Node:
    """A value and the place where it starts. An alias is the very node that it names."""

    place: TextPlace
    content: "bool | int | float | str | Mapping[str, KeyEntry] | Sequence[Node] | None"
    weight: int = 1
    """How many nodes it is when every alias below it is written out."""
    height: int = 0

    def plain(self) -> Any:
        """The value as dicts, lists, text, numbers, booleans and None; nothing is shared."""
        match self.content:
            case Mapping() as entries:
                return {key: entry.node.plain() for key, entry in entries.items()}
            case str() as text:
                return text
            case Sequence() as nodes:
                return [node.plain() for node in nodes]
            case scalar:
                return scalar

    def place_at(self, path: ValuePath, *, of_key: bool = False) -> TextPlace:
        """The place of the value at `path`, or of its key; of the nearest thing around it when it is not there."""
        node, key_place = self, self.place
        for step in path:
            match node.content:
                case Mapping() as entries if step in entries:
                    node, key_place = entries[str(step)].node, entries[str(step)].place
                case str():
                    break
                case Sequence() as nodes if isinstance(step, int) and -len(nodes) <= step < len(nodes):
                    node, key_place = nodes[step], nodes[step].place
                case _:
                    break
        return key_place if of_key else node.place


@dataclass(frozen=True, slots=True)
class YamlText:
    """What was read; `root` is None when the text is too broken to say."""

    root: Node | None
    problems: tuple[Problem, ...]


def parse(text: str, name: str) -> YamlText:
    """Read one document. Problems are told about `name:line:column`; an empty text is an empty mapping."""
    if len(text) > MOST_BYTES:
        return YamlText(None, (Problem(name, f"is larger than {MOST_BYTES // 1024 // 1024} MB"),))
    builder = _Builder(name)
    try:
        root = builder.document(yaml.parse(text, Loader=yaml.SafeLoader))
    except _StopError:
        root = None
    except yaml.reader.ReaderError as error:
        line, column = place_of(text, error.position)
        builder.complain(TextPlace(line, column), f"the character {chr(int(error.character))!r} may not stand in YAML")
        root = None
    except yaml.MarkedYAMLError as error:
        builder.complain(_place(error.problem_mark or error.context_mark), _syntax_in_words(error))
        root = None
    return YamlText(root, tuple(builder.problems))


class _StopError(Exception):
    """No use reading on; the problem has been noted."""


class _Builder:
    """Builds nodes out of PyYAML's events, which come lazily, so that a bomb is refused before it is held."""

    def __init__(self, name: str) -> None:
        self.problems: list[Problem] = []
        self._name = name
        self._events: Iterator[Any] = iter(())
        self._anchors: dict[str, Node | None] = {}
        self._nodes = 0
        self._aliases = 0

    def document(self, events: Iterator[Any]) -> Node:
        self._events = events
        next(events)
        event = next(events)
        if isinstance(event, yaml.StreamEndEvent):
            return Node(TextPlace(1, 1), {})
        root = self._node(next(events), 0)
        next(events)
        after = next(events)
        if not isinstance(after, yaml.StreamEndEvent):
            self._stop(after, "a second document starts here, expected one")
        return Node(root.place, {}) if root.content is None else root

    def complain(self, place: TextPlace, message: str, hint: str | None = None) -> None:
        self.problems.append(Problem(f"{self._name}:{place.line}:{place.column}", message, hint))

    def _stop(self, event: Any, message: str, hint: str | None = None) -> NoReturn:
        self.complain(_place(event.start_mark), message, hint)
        raise _StopError

    def _node(self, event: Any, depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, depth)
        self._count(event, 1)
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self.complain(_place(event.start_mark), f"tags such as {tag} are not read", "write the value without it")
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            node = Node(_place(event.start_mark), self._scalar(event))
        elif depth >= MOST_DEPTH:
            self._stop(event, f"is nested more than {MOST_DEPTH} deep")
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(event, depth)
        else:
            node = self._mapping(event, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _count(self, event: Any, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MOST_NODES:
            hint = "a list of items belongs in a .jsonl or .csv file that items.file names"
            self._stop(event, f"holds more than {MOST_NODES:,} values, aliases written out", hint)

    def _alias(self, event: Any, depth: int) -> Node:
        self._aliases += 1
        if self._aliases > MOST_ALIASES:
            self._stop(event, f"holds more than {MOST_ALIASES} aliases")
        if event.anchor not in self._anchors:
            self._stop(event, f"the alias *{event.anchor} has no anchor before it")
        node = self._anchors[event.anchor]
        if node is None:
            self._stop(event, f"the alias *{event.anchor} stands within itself")
        self._count(event, node.weight)
        if depth + node.height > MOST_DEPTH:
            self._stop(event, f"is nested more than {MOST_DEPTH} deep")
        return node

    def _sequence(self, start: Any, depth: int) -> Node:
        nodes: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            nodes.append(self._node(event, depth + 1))
        return _container(start, nodes, nodes)

    def _mapping(self, start: Any, depth: int) -> Node:
        entries: dict[str, KeyEntry] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            place = _place(event.start_mark)
            key = self._key(event, depth)
            node = self._node(next(self._events), depth + 1)
            if key in entries:
                first = entries[key].place
                self.complain(place, f"duplicate key {key!r}, first at line {first.line}")
            else:
                entries[key] = KeyEntry(place, node)
        return _container(start, entries, [entry.node for entry in entries.values()])

    def _key(self, event: Any, depth: int) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            if isinstance(event, yaml.AliasEvent):
                self._stop(event, "an alias cannot be a key")
            self._stop(event, "a key must be a word", "quote text that starts with { or [")
        self._node(event, depth)
        return _joined(event.value) or ""

    def _scalar(self, event: Any) -> bool | int | float | str | None:
        text = _joined(event.value)
        if text is None:
            self.complain(_place(event.start_mark), f"{event.value!r} holds a character that no text may hold")
            return ""
        if event.style is not None:
            return text
        try:
            return scalar_of(text)
        except ValueError as error:
            self.complain(_place(event.start_mark), str(error))
            return None


def _joined(text: str) -> str | None:
    """The text with pairs of surrogates, which JSON escapes in pairs, made one character; None for a half or a NUL."""
    try:
        return None if "\0" in text else text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        return None


def scalar_of(text: str) -> bool | int | float | str | None:
    """What a plain scalar means in the core schema of YAML 1.2. ValueError for numbers that JSON cannot hold."""
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
        return text[0] in "tT"
    if _NO_NUMBER.fullmatch(text):
        raise ValueError(f"{text} is not a number; quote it if it is text")
    if (_INT.fullmatch(text) or _OCTAL.fullmatch(text) or _HEX.fullmatch(text)) and len(text) > 300:
        raise ValueError(f"a number of {len(text):,} digits; quote it if it is text")
    if _INT.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text):
        return int(text[2:], 8)
    if _HEX.fullmatch(text):
        return int(text[2:], 16)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if not math.isfinite(number):
            raise ValueError(f"the number {text[:40]} is too large; quote it if it is text")
        return number
    return text


def _container(start: Any, content: Any, below: Sequence[Node]) -> Node:
    return Node(
        place=_place(start.start_mark),
        content=content,
        weight=1 + sum(node.weight for node in below),
        height=1 + max((node.height for node in below), default=0),
    )


def _place(mark: Any) -> TextPlace:
    return TextPlace(mark.line + 1, mark.column + 1) if mark is not None else TextPlace(1, 1)


def _syntax_in_words(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or "cannot be read as YAML"
    if "mapping values are not allowed" in problem:
        return "a second ': ' on this line; quote the text that holds it"
    if "'\\t'" in problem:
        return "a tab cannot indent YAML; use spaces"
    if "'%'" in problem or "'@'" in problem or "'`'" in problem:
        return f"not YAML: {problem}; quote the text"
    if "'?'" in problem:
        return "a ? inside { } or [ ] has to stand in quotes, as in note: 'string?'"
    if error.context and error.context_mark:
        return f"not YAML: {error.context} that starts at line {error.context_mark.line + 1}: {problem}"
    return f"not YAML: {problem}"
