"""Fills a template within bounds of steps, time, memory and length; one that can pass them in one step, in a child.

What costs no more than its loops and values do (`unbounded_at`) is filled here and its steps are counted, because a
child costs 200 ms. Anything else, such as `range`, arithmetic, macros or a text that grows by itself, is filled by
the bounded child, where a single step can take neither all memory nor all time.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from harness.core.types import Json
from harness.evaluation.bounded import Bounded
from harness.evaluation.persistent_child import BoundedError
from harness.job.template import COUNTED, environment_of_prompts

if TYPE_CHECKING:
    from jinja2 import Environment, Template, nodes

MOST_CHARACTERS: Final = 800_000
"""Of one prompt; about the context window of the largest model."""
MOST_STEPS: Final = 1_000_000
MOST_CPU_S: Final = 5.0
_CHILD_S = 8.0
_OFTEN = 100

_TEMPLATE_FILE = "<template>"
_PLAIN_FILTERS = frozenset({
    "abs", "attr", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "fenced", "first", "float",
    "groupby", "int", "items", "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr",
    "reverse", "round", "safe", "select", "selectattr", "sort", "string", "sum", "title", "tojson", "trim",
    "unique", "upper", "urlencode", "wordcount",
})  # fmt: skip
_GROWING_FILTERS = frozenset({"fenced", "tojson", "escape", "e", "urlencode"})
_PLAIN_METHODS = frozenset({"items", "keys", "values", "get", "upper", "lower", "strip", "startswith", "endswith"})
_MOST_GROWTH = 3
"""Filters within each other that make a text longer: each may double it."""


@dataclass(frozen=True, slots=True)
class Filled:
    """`text`, or else what went wrong and the line of the template, from 1, at which it did."""

    text: str = ""
    problem: str = ""
    line: int = 1
    is_undefined: bool = False
    is_too_much: bool = False


class TooMuchError(Exception):
    """The template passed a bound."""


def filled(text: str, values: Mapping[str, Json], bounded: Bounded) -> Filled:
    """What the template becomes. The child is started only when the template needs it. Blocks for at most 8 s, and
    20 s more when the child is to start on a busy machine."""
    line = unbounded_at(text)
    if line is None:
        return attempt(text, values)
    try:
        root = str(Path(__file__).parents[2])
        argument = {"text": text, "values": values}
        return Filled(**bounded.call(root, __name__, "answer", argument, _CHILD_S))
    except BoundedError as error:
        what = {"timeout": "takes too long", "memory": "needs too much memory", "too_big": "becomes too long"}
        return Filled(problem=what.get(error.kind, error.message), line=line, is_too_much=error.kind in what)


def answer(argument: Mapping[str, Json]) -> dict[str, Json]:
    """What the child does: `attempt`, as JSON."""
    return asdict(attempt(argument["text"], argument["values"]))


def attempt(text: str, values: Mapping[str, Json]) -> Filled:
    """Fill it here, counting steps and characters."""
    from jinja2 import UndefinedError

    template = _template(text)
    parts: list[str] = []
    stream = template.root_render_func(template.new_context({**values, COUNTED: _counter()}))
    try:
        _take(stream, parts, template.environment)
    except UndefinedError as error:
        return Filled(problem=str(error), line=_line(error), is_undefined=True)
    except TooMuchError as error:
        return Filled(problem=str(error), line=_line(error) if error.__traceback__ else 1, is_too_much=True)
    except MemoryError as error:
        return Filled(problem="needs too much memory", line=_line(error), is_too_much=True)
    except _raised_by_templates() as error:
        return Filled(problem=f"{error or type(error).__name__}", line=_line(error))
    return Filled("".join(parts))


def _raised_by_templates() -> tuple[type[Exception], ...]:
    from jinja2 import TemplateError

    values = (LookupError, TypeError, ValueError, AttributeError)
    return TemplateError, ArithmeticError, RecursionError, MemoryError, TooMuchError, *values


def _take(stream: Iterator[str], parts: list[str], environment: "Environment") -> None:
    size = 0
    try:
        for part in stream:
            size += len(part)
            if size > MOST_CHARACTERS:
                stream.throw(TooMuchError(f"becomes longer than {MOST_CHARACTERS:,} characters"))  # type: ignore[attr-defined]  # a generator
            parts.append(part)
    except _raised_by_templates():
        environment.handle_exception()  # raises it again, with the lines of the template


def _counter() -> Callable[[Iterable[Any]], Iterator[Any]]:
    steps, most_s = 0, time.thread_time() + MOST_CPU_S

    def counted(values: Iterable[Any]) -> Iterator[Any]:
        nonlocal steps
        for value in values:
            steps += 1
            if steps > MOST_STEPS:
                raise TooMuchError(f"takes more than {MOST_STEPS:,} steps")
            if not steps % _OFTEN and time.thread_time() > most_s:
                raise TooMuchError(f"takes more than {MOST_CPU_S:g} s of processor time")
            yield value

    return counted


@lru_cache(maxsize=64)
def _template(text: str) -> "Template":
    return environment_of_prompts().from_string(text)


def _line(error: BaseException) -> int:
    """The line of the template that was being rendered."""
    line, traceback = 1, error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == _TEMPLATE_FILE:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line


@lru_cache(maxsize=64)
def unbounded_at(text: str) -> int | None:
    """The line of the first thing whose cost is not bounded by loops over values and their size; None without one."""
    tree = environment_of_prompts().parse(text)
    return min((node.lineno for node in _unbounded(tree)), default=None)


def _unbounded(tree: "nodes.Template") -> "Iterator[nodes.Node]":
    from jinja2 import nodes

    for node in tree.find_all(nodes.Node):
        if not _is_plain(node):
            yield node


def _is_plain(node: "nodes.Node") -> bool:
    from jinja2 import nodes

    match node:
        case nodes.Filter():
            given = [*node.args, *(pair.value for pair in node.kwargs)]
            is_known = node.name in _PLAIN_FILTERS or node.name == "join"
            if node.name == "map" and node.args:  # with the name of another filter
                is_known = getattr(node.args[0], "value", None) in _PLAIN_FILTERS - _GROWING_FILTERS
            return is_known and all(_is_small(each) for each in given) and _growth(node) <= _MOST_GROWTH
        case nodes.Call(node=nodes.Getattr(attr=name)):
            return name in _PLAIN_METHODS
        case nodes.Call():
            return False
        case nodes.For():
            return not node.recursive
        case nodes.Assign():
            return isinstance(node.target, nodes.Name) and not any(map(_may_grow, _below(node.node)))
        case nodes.Add():
            return any(isinstance(side, nodes.Const) and _is_small(side) for side in (node.left, node.right))
        case nodes.Name():
            return node.name not in {"range", "namespace", "joiner", "cycler", "dict"}
    plain = (nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.Getattr, nodes.Getitem, nodes.Const)
    asks = (nodes.Test, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.CondExpr, nodes.Keyword)
    makes = (nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair, nodes.Concat, nodes.Slice, nodes.Neg, nodes.Pos)
    shrinks = (nodes.Sub, nodes.Div, nodes.FloorDiv)
    return isinstance(node, plain + asks + makes + shrinks)


def _is_small(node: "nodes.Node") -> bool:
    """A word or a number: what a filter is told, and nothing that comes from a value."""
    from jinja2 import nodes

    match node:
        case nodes.Const(value=str() as text):
            return len(text) <= 100
        case nodes.Const(value=int() | float() as number):
            return abs(number) <= 100
        case nodes.Const():
            return True
        case nodes.List():
            return not node.items
        case _:
            return False


def _may_grow(node: "nodes.Node") -> bool:
    """In a name that is set, it could be used to make itself longer again and again."""
    from jinja2 import nodes

    if isinstance(node, nodes.Filter):
        return node.name in _GROWING_FILTERS or node.name == "join"
    return isinstance(node, nodes.Concat | nodes.List | nodes.Tuple | nodes.Dict) and any(node.iter_child_nodes())


def _growth(node: "nodes.Node") -> int:
    from jinja2 import nodes

    return sum(isinstance(each, nodes.Filter) and _may_grow(each) for each in _below(node))


def _below(node: "nodes.Node") -> "Iterator[nodes.Node]":
    """The node and everything in it."""
    from jinja2 import nodes

    yield node
    yield from node.find_all(nodes.Node)
