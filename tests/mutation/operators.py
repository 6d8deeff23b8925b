"""Mutations that Cosmic Ray does not make: a statement that is lost, a text that is empty."""

from collections.abc import Container, Iterator
from typing import Any

from cosmic_ray.operators.operator import Operator
from parso.python.tree import ExprStmt, Function, Keyword, PythonNode, String

_COMPOUND = ("funcdef", "classdef", "if_stmt", "while_stmt", "for_stmt", "try_stmt", "with_stmt", "except_clause")
_NO_TEXT = ("raise_stmt", "fstring_expr")
"""An f-string of 3.11 has no room for other quotes."""
Span = tuple[tuple[int, int], tuple[int, int]]


class DropStatement(Operator):  # type: ignore[misc]  # Cosmic Ray has no types
    """A statement that is a call, or an assignment to an attribute or an item, becomes `pass`."""

    def mutation_positions(self, node: Any) -> Iterator[Span]:
        if _is_call(node) or _is_assignment_with_effect(node):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        return Keyword("pass", node.start_pos, node.get_first_leaf().prefix)

    @classmethod
    def examples(cls) -> tuple[()]:
        return ()


class EmptyText(Operator):  # type: ignore[misc]  # Cosmic Ray has no types
    """A text of more than one letter becomes empty. Docstrings stay, and the words of errors: no test reads them."""

    def mutation_positions(self, node: Any) -> Iterator[Span]:
        if isinstance(node, String) and len(node.value) > 3 and not (_is_docstring(node) or _is_within(node, _NO_TEXT)):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        node.value = 'b""' if node.value[0] in "bB" else '""'
        return node

    @classmethod
    def examples(cls) -> tuple[()]:
        return ()


def is_in_a_body(node: Any) -> bool:
    """Whether the node belongs to what a function does; annotations, defaults and decorators do not."""
    while node.parent is not None:
        if isinstance(node.parent, Function) and node is node.parent.children[-1]:
            return True
        if node.type == "annassign":
            return False
        node = node.parent
    return False


def statement_of(node: Any) -> tuple[int, int]:
    """The first and the last line of the statement around a node; of a compound one, those of its head."""
    while node.parent is not None and node.parent.type not in ("suite", "file_input", *_COMPOUND):
        node = node.parent
    return node.start_pos[0], node.end_pos[0] - (node.end_pos[1] == 0)


def _is_statement(node: Any) -> bool:
    return node.parent is not None and node.parent.type == "simple_stmt" and node.parent.children[0] is node


def _is_call(node: Any) -> bool:
    if not isinstance(node, PythonNode) or not _is_statement(node):
        return False
    last = node.children[-1]
    return node.type in ("atom_expr", "power") and last.type == "trailer" and last.children[0].value == "("


def _is_assignment_with_effect(node: Any) -> bool:
    return isinstance(node, ExprStmt) and _is_statement(node) and node.children[0].type in ("atom_expr", "power")


def _is_within(node: Any, kinds: Container[str]) -> bool:
    while node is not None and node.type not in kinds:
        node = node.parent
    return node is not None


def _is_docstring(node: Any) -> bool:
    return bool(node.parent.type == "simple_stmt")
