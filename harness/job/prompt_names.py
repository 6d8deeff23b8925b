"""What of its items a prompt template names: read from the template, before anything is rendered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from harness.base.instances import VAR
from harness.job.template import environment_of_prompts

if TYPE_CHECKING:
    from jinja2 import nodes

Kind = Literal["items", "item", "vars", "context", "other"]
"""What an expression stands for: the list of items, one of them or its row, the vars, the context, anything else."""

_BOUND: Mapping[str, Kind] = {"items": "items", "item": "item", "vars": "vars", "context": "context"}
_COUNTS = frozenset({"length", "count"})
_ONE_OF_THEM = frozenset({"first", "last", "random"})
_SOME_OF_THEM = frozenset({"list", "sort", "reverse", "unique", "selectattr", "rejectattr", "select", "reject"})


@dataclass(frozen=True, slots=True)
class Named:
    """What a template looks up. `whole` names that are printed or handed on as a whole count as everything in them."""

    fields: frozenset[str] = frozenset()
    """Names below an item: `id`, `path`, `records`, and those of its row."""
    vars: frozenset[str] = frozenset()
    context: frozenset[str] = frozenset()
    """Names of phases."""
    whole: frozenset[Kind] = frozenset()
    """`item`, `vars`, `context`: handed on as a whole somewhere, so everything in it may be told."""
    line: int = 1
    """Where an item is first named, from 1."""

    def has_field(self, name: str) -> bool:
        return "item" in self.whole or name in self.fields

    def has_var(self, name: str) -> bool:
        return "vars" in self.whole or name in self.vars

    def has_context(self, phase: str) -> bool:
        return "context" in self.whole or phase in self.context

    @property
    def names_items(self) -> bool:
        """Some part of an item is named; a loop that only counts them names none."""
        return "item" in self.whole or bool(self.fields)


@lru_cache(maxsize=64)
def named_in(text: str) -> Named:
    """What the template `text` names. Where that cannot be told from the template alone, everything is named.

    Raises nothing that `complaints_about` has not told before: the text must be a template.
    """
    reader = _Reader()
    reader.read(environment_of_prompts().parse(text), dict(_BOUND))
    return Named(
        frozenset(reader.found["item"]),
        frozenset(reader.found["vars"]),
        frozenset(reader.found["context"]),
        frozenset(reader.whole),
        min(reader.lines, default=1),
    )


@dataclass(slots=True)
class _Reader:
    """Walks a template and follows what its names are bound to."""

    found: dict[str, set[str]] = field(default_factory=lambda: {"item": set(), "vars": set(), "context": set()})
    whole: set[Kind] = field(default_factory=set)
    lines: list[int] = field(default_factory=list)

    def read(self, node: "nodes.Node", bound: dict[str, Kind]) -> None:
        """A statement; `bound` is changed by what it sets."""
        from jinja2 import nodes

        match node:
            case nodes.For():
                self._loop(node, bound)
            case nodes.Assign(target=nodes.Name(name=name)):
                bound[name] = self.kind(node.node, bound)
            case nodes.Macro() | nodes.CallBlock():
                inner: dict[str, Kind] = {**bound, **{arg.name: "other" for arg in node.args}}
                for child in node.iter_child_nodes(exclude=("args",)):
                    self.read(child, inner)
            case nodes.With():
                inner = dict(bound)
                for target, value in zip(node.targets, node.values, strict=True):
                    kind = self.kind(value, bound)
                    if isinstance(target, nodes.Name):
                        inner[target.name] = kind
                for child in node.body:
                    self.read(child, inner)
            case nodes.If():
                self.kind(node.test, bound)
                for child in (*node.body, *node.elif_, *node.else_):
                    self.read(child, bound)
            case nodes.Expr():
                self._taken(node, bound)
            case _:
                for child in node.iter_child_nodes():
                    self.read(child, bound)

    def kind(self, node: "nodes.Node", bound: Mapping[str, Kind]) -> Kind:
        """What an expression stands for; notes what it looks up on the way."""
        from jinja2 import nodes

        match node:
            case nodes.Name():
                if node.name == VAR and node.name not in bound:
                    self.found["vars"].add(VAR)
                return bound.get(node.name, "other")
            case nodes.Getattr():
                return self._below(node, node.attr, bound)
            case nodes.Getitem():
                return self._below(node, getattr(node.arg, "value", None), bound)
            case nodes.Call(node=nodes.Getattr() as method):
                return self._called(node, method, bound)
            case nodes.Filter():
                return self._filtered(node, bound)
            case nodes.Test() | nodes.Compare() | nodes.Not() | nodes.And() | nodes.Or():
                for child in node.iter_child_nodes():
                    self.kind(child, bound)  # looked at, not told
                return "other"
            case nodes.CondExpr():
                self.kind(node.test, bound)
                kinds = [self.kind(part, bound) for part in (node.expr1, node.expr2) if part is not None]
                return next((kind for kind in kinds if kind != "other"), "other")
        for child in node.iter_child_nodes():
            self._taken(child, bound)
        return "other"

    def _taken(self, node: "nodes.Node", bound: Mapping[str, Kind]) -> None:
        """The value is printed, or handed on to where it cannot be followed."""
        from jinja2 import nodes

        if not isinstance(node, nodes.Expr):
            self.read(node, dict(bound))
            return
        kind = self.kind(node, bound)
        if kind != "other":
            self.whole.add("item" if kind == "items" else kind)
            self._note(node, kind)

    def _note(self, node: "nodes.Node", kind: Kind) -> None:
        if kind in ("item", "items"):
            self.lines.append(node.lineno)

    def _loop(self, node: "nodes.For", bound: Mapping[str, Kind]) -> None:
        from jinja2 import nodes

        over = self.kind(node.iter, bound)
        inner = dict(bound)
        for name in node.target.find_all(nodes.Name):
            inner[name.name] = "other"
        if isinstance(node.target, nodes.Name):
            inner[node.target.name] = "item" if over == "items" else "other"
        if node.test is not None:
            self.kind(node.test, inner)
        for child in (*node.body, *node.else_):
            self.read(child, inner)

    def _below(self, node: "nodes.Getattr | nodes.Getitem", name: object, bound: Mapping[str, Kind]) -> Kind:
        from jinja2 import nodes

        owner = self.kind(node.node, bound)
        if isinstance(node, nodes.Getitem):
            self._taken(node.arg, bound)
        if owner == "items":
            return "items" if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice) else "item"
        if owner == "other":
            return "other"
        if not isinstance(name, str):
            self.whole.add(owner)  # which one it takes shows only when it is rendered
        elif owner == "item" and name == "data":
            return "item"
        else:
            self.found[owner].add(name)
        self._note(node, owner)
        return "other"

    def _called(self, node: "nodes.Call", method: "nodes.Getattr", bound: Mapping[str, Kind]) -> Kind:
        """A method of a dict: `item.get("text")`, `item.data.items()`; any other call takes what it is given."""
        owner = self.kind(method.node, bound)
        for argument in (*node.args, *node.kwargs):
            self._taken(argument, bound)
        if owner not in ("item", "vars", "context"):
            return "other"
        name = getattr(node.args[0], "value", None) if node.args else None
        if method.attr == "get" and isinstance(name, str):
            if owner == "item" and name == "data":
                return "item"
            self.found[owner].add(name)
        elif method.attr != "keys":
            self.whole.add(owner)
        self._note(node, owner)
        return "other"

    def _filtered(self, node: "nodes.Filter", bound: Mapping[str, Kind]) -> Kind:
        if node.node is None:  # a filter block: its body is read as statements
            return "other"
        for argument in (*node.args, *(keyword.value for keyword in node.kwargs)):
            self._taken(argument, bound)
        kind = self.kind(node.node, bound)
        if kind == "other" or node.name in _COUNTS:
            return "other"
        if kind != "items":
            return self._of_one(node, kind)
        if node.name in _ONE_OF_THEM:
            return "item"
        if node.name in _SOME_OF_THEM:
            return "items"
        attribute = next((keyword.value for keyword in node.kwargs if keyword.key == "attribute"), None)
        name = getattr(attribute, "value", None)
        if node.name in ("map", "join", "groupby", "sum") and isinstance(name, str):
            steps = name.split(".")
            self.found["item"].add(steps[1] if steps[0] == "data" and len(steps) > 1 else steps[0])
        else:
            self.whole.add("item")
        self._note(node, kind)
        return "other"

    def _of_one(self, node: "nodes.Filter", kind: Kind) -> Kind:
        name = getattr(node.args[0], "value", None) if node.args else None
        if node.name == "default":
            return kind
        if node.name == "attr" and isinstance(name, str):
            self.found[kind].add(name)
        else:
            self.whole.add(kind)
        self._note(node, kind)
        return "other"
