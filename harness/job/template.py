"""Prompt templates: the sandbox they run in, the names they may use, and what can be said of one before it runs."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from harness.base.instances import VAR
from harness.base.spelling import nearest

if TYPE_CHECKING:
    from jinja2 import nodes
    from jinja2.sandbox import ImmutableSandboxedEnvironment

NAMES = frozenset({"item", "items", "batch", "output", "vars", "reasons", "context"})
BATCH_NAMES = frozenset({"number", "first", "last", "size", "label"})
OUTPUT_NAMES = frozenset({"file", "shape", "path", "key", "item"})
COUNTED = "\0counted"
"""What counts the steps of every loop of a template; no template can name it (`prompts/bounded_fill.py`)."""
CONTRACT_HEADING = "## Output"
"""Begins what the harness itself appends to every prompt; the task is above it."""

_UNSEEN = re.compile(r"\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_BACKTICKS = re.compile(r"`{3,}")


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with a template, with the line and the column of the template, from 1."""

    line: int
    column: int
    message: str


def complaints_about(text: str, *, vars_names: Collection[str], batch_size: int) -> list[Complaint]:
    """Syntax, unknown names, unknown `vars.x`, `batch.x` and `output.x`; all at once, in the order of the lines."""
    from jinja2 import TemplateSyntaxError

    environment = environment_of_prompts()
    try:
        tree = environment.parse(text)
        if escaping := list(_about_escaping(tree)):
            return escaping
        environment.compile(tree)
        tree = environment.parse(text)
    except TemplateSyntaxError as error:
        return [Complaint(error.lineno, 1, error.message or "cannot be read as a template")]
    unknown = _undeclared(tree) - set(environment.globals)
    names = NAMES | {VAR} if VAR in vars_names else NAMES
    complaints = [
        _complaint(text, node.lineno, node.name, _about_name(node.name, batch_size))
        for node in _names(tree)
        if node.name in unknown and (node.name not in names or (node.name == "item" and batch_size > 1))
    ]
    complaints += _about_attributes(text, tree, vars_names)
    complaints += _about_other_files(tree)
    return sorted(set(complaints), key=lambda complaint: (complaint.line, complaint.column))


def uses(text: str, name: str) -> bool:
    """True when a template looks the name up."""
    return name in _undeclared(environment_of_prompts().parse(text))


@lru_cache(maxsize=1)
def environment_of_prompts() -> "ImmutableSandboxedEnvironment":
    """The sandbox: plain values only, nothing of them can be changed, an unknown name is an error, no other files."""
    from jinja2 import StrictUndefined, Undefined, nodes, pass_context
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Sandbox(ImmutableSandboxedEnvironment):
        """`item.items` is the field `items` of an item, not a method of a dict."""

        def getattr(self, obj: Any, attribute: str) -> Any:
            if isinstance(obj, Mapping) and attribute in obj:
                return obj[attribute]
            return super().getattr(obj, attribute)

        def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
            for loop in list(source.find_all(nodes.For)):
                counted = nodes.Filter(loop.iter, COUNTED, [], [], None, None, lineno=loop.lineno)
                loop.iter = counted.set_environment(self)
            return super()._generate(source, *args, **kwargs)

    @pass_context  # and so nothing is printed, or worked out, before there are values
    def printed(context: Any, value: Any) -> Any:
        if isinstance(value, Undefined):
            return value
        if callable(value):
            raise TypeError(f"{getattr(value, '__name__', 'this')} is not a value but something to call")
        return visible(value) if isinstance(value, str) else to_json(value)

    @pass_context
    def counted(context: Any, values: Any) -> Any:
        count = context.parent.get(COUNTED)
        return values if count is None else count(values)

    environment = Sandbox(
        undefined=StrictUndefined, finalize=printed, trim_blocks=True, lstrip_blocks=True, optimized=False
    )
    environment.filters[COUNTED] = counted
    environment.filters["tojson"] = to_json
    environment.filters["fenced"] = fenced
    del environment.globals["lipsum"]
    return environment


def to_json(value: Any, indent: int | None = None) -> str:
    """JSON with every letter as it is; numbers, true, false and null as JSON writes them."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def visible(text: str) -> str:
    """The text as it is, but for characters that act on a terminal or hide text: they are written out, `\\u001b`."""
    return _UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def fenced(value: Any, language: str = "") -> str:
    """The value as a block that cannot be left: the fence is longer than any run of backticks in it."""
    text = visible(value) if isinstance(value, str) else to_json(value, indent=2)
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _undeclared(tree: "nodes.Template") -> set[str]:
    """`meta.find_undeclared_variables`, but nothing constant is worked out on the way."""
    from jinja2.meta import TrackingCodeGenerator

    generator = TrackingCodeGenerator(environment_of_prompts())
    generator.optimizer = None
    generator.visit(tree)
    return generator.undeclared_identifiers


def _names(tree: "nodes.Template") -> "list[nodes.Name]":
    from jinja2 import nodes

    return [node for node in tree.find_all(nodes.Name) if node.ctx == "load"]


def _about_name(name: str, batch_size: int) -> str:
    if name == "item":
        return f"'item' is for batches of one and this phase takes {batch_size}; write {{% for item in items %}}"
    if name == VAR:
        return "'as' is the name of an instance of this job, and none was named; name one, such as --as acme"
    return f"unknown name {name!r}{nearest(name, NAMES) or f', known are {_listed(NAMES)}'}"


def _about_attributes(text: str, tree: "nodes.Template", vars_names: Collection[str]) -> list[Complaint]:
    from jinja2 import nodes

    known: dict[str, Collection[str]] = {"vars": vars_names, "batch": BATCH_NAMES, "output": OUTPUT_NAMES}
    complaints = []
    looked_up: list[nodes.Getattr | nodes.Getitem] = [*tree.find_all(nodes.Getattr), *tree.find_all(nodes.Getitem)]
    for node in looked_up:
        if not isinstance(node.node, nodes.Name) or node.node.name not in known:
            continue
        attribute = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)
        owner = node.node.name
        if isinstance(attribute, str) and attribute not in known[owner] and not hasattr({}, attribute):
            near = nearest(attribute, known[owner]) or f", known are {_listed(known[owner])}"
            complaints.append(_complaint(text, node.lineno, attribute, f"unknown name '{owner}.{attribute}'{near}"))
    return complaints


def _about_other_files(tree: "nodes.Template") -> list[Complaint]:
    from jinja2 import nodes

    kinds = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)
    return [
        Complaint(node.lineno, 1, "a prompt cannot take in other files; name them under session.instructions")
        for node in tree.find_all(kinds)
    ]


def _about_escaping(tree: "nodes.Template") -> Iterator[Complaint]:
    """Jinja2 works this value out when it reads the template, whatever that takes."""
    from jinja2 import nodes

    for node in tree.find_all(nodes.EvalContextModifier):
        if not all(isinstance(option.value, nodes.Const) for option in node.options):
            yield Complaint(node.lineno, 1, "autoescape takes true or false")


def _complaint(text: str, line: int, word: str, message: str) -> Complaint:
    lines = text.split("\n")
    column = re.search(rf"\b{re.escape(word)}\b", lines[line - 1]) if 0 < line <= len(lines) else None
    return Complaint(line, column.start() + 1 if column else 1, message)


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "none"
