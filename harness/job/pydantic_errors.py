"""What pydantic found wrong with a manifest, in the words of the manifest and at its places."""

import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from harness.base.errors import Problem
from harness.base.spelling import nearest, nearest_of
from harness.job.cell_words import CELL_TAG, TEXT_TAG
from harness.job.document import Document, dotted
from harness.job.manifest import Manifest
from harness.job.yaml_text import ValuePath

_EXPECTED = {
    "string_type": "text",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "keys and values",
    "model_type": "keys and values",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "decimal_type": "dollars such as $40 or 0.50, or none",
    "decimal_parsing": "dollars such as $40 or 0.50, or none",
    "finite_number": "a finite number",
    "time_delta_type": "a duration such as 90s, 20m or 1h 30m",
    "time_delta_parsing": "a duration such as 90s, 20m or 1h 30m",
}


@dataclass(frozen=True, slots=True)
class FoundProblem:
    """A problem, the path it is about, and for an unknown key the path that was probably meant."""

    path: ValuePath
    problem: Problem
    meant: ValuePath | None = None


def problem_of(error: ErrorDetails, document: Document) -> FoundProblem:
    """Where the error is in the document, and how to say it."""
    path = _path_in(document, error["loc"])
    kind = error["type"]
    if kind == "extra_forbidden":
        meant = _what_was_meant(path)
        hint = f", did you mean {_meant_in_words(path, meant)}?" if meant else ""
        return FoundProblem(
            path, Problem(document.where(path, of_key=True), f"{dotted(path)}: unknown key{hint}"), meant
        )
    if kind == "missing":
        return FoundProblem(path, Problem(document.where(path[:-1], of_key=True), f"{dotted(path)}: missing"))
    if error["loc"] and error["loc"][-1] == "[key]":
        message = f"{dotted(path)}: {path[-1]!r} cannot name a phase; expected a letter, then letters, digits, - or _"
        return FoundProblem(path, Problem(document.where(path, of_key=True), message))
    return FoundProblem(path, Problem(document.where(path), f"{dotted(path)}: {_message(error)}", _hint(error)))


def _meant_in_words(path: ValuePath, meant: ValuePath) -> str:
    """In quotes, with where it belongs."""
    beside = meant[:-1] == path[:-1]
    top_level = " at the top level" if len(meant) == 1 and not beside else ""
    return f"{(str(meant[-1]) if beside else dotted(meant))!r}{top_level}"


def _message(error: ErrorDetails) -> str:
    got = _brief(error["input"])
    if expected := _EXPECTED.get(error["type"]):
        return f"expected {expected}, got {got}"
    if error["type"] == "literal_error":
        choices = error["ctx"]["expected"]
        near = nearest(str(error["input"]), choices.replace("' or '", "', '").strip("'").split("', '"))
        return f"expected {choices}, got {got}{near}"
    if error["type"] == "value_error":
        return error["msg"].removeprefix("Value error, ")
    message = error["msg"].removeprefix("Input should be ")
    return f"expected {message}, got {got}" if message != error["msg"] else f"{message[:1].lower()}{message[1:]}"


def _hint(error: ErrorDetails) -> str | None:
    if error["type"] == "string_type" and isinstance(error["input"], bool | int | float):
        return "put it in quotes"
    if error["type"] == "list_type" and isinstance(error["input"], str):
        return f"write [{error['input']}]"
    return None


def _brief(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return "keys and values"
        case list():
            return "a list"
        case _:
            text = repr(value)
            return text if len(text) <= 80 else f"{text[:77]}..."


def _path_in(document: Document, location: tuple[int | str, ...]) -> ValuePath:
    """The location without the parts that pydantic puts in (`[key]`, names of validators and of union members)."""
    path: ValuePath = ()
    location = tuple(step for step in location if step not in (TEXT_TAG, CELL_TAG))
    for number, step in enumerate(location):
        if document.has((*path, step)) or (number == len(location) - 1 and step != "[key]"):
            path = (*path, step)
    return path


def _what_was_meant(path: ValuePath) -> ValuePath | None:
    """The same key one level further in or at the top, or a key beside it that is spelled nearly so."""
    word = str(path[-1])
    if len(path) == 1:
        for outer, model in _keys_of(Manifest):
            if word in dict(_keys_of(model)):
                return outer, word
    near = nearest_of(word, dict(_keys_of(_model_at(path[:-1]))))
    if near is None and len(path) > 1 and word in dict(_keys_of(Manifest)):
        return (word,)
    return (*path[:-1], near) if near else None


def _model_at(path: ValuePath) -> Any:
    annotation: Any = Manifest
    for step in path:
        annotation = _inside(annotation)
        if isinstance(step, int) or typing.get_origin(annotation) is dict:
            annotation = typing.get_args(annotation)[-1] if typing.get_args(annotation) else Any
        else:
            annotation = dict(_keys_of(annotation)).get(step, Any)
    return annotation


def _keys_of(annotation: Any) -> Iterator[tuple[str, Any]]:
    annotation = _inside(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields: Mapping[str, Any] = annotation.model_fields
        for name, field in fields.items():
            yield field.alias or name, field.annotation


def _inside(annotation: Any) -> Any:
    """The annotation without `None |` and `Annotated`."""
    if typing.get_origin(annotation) is typing.Annotated:
        return _inside(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        members = [member for member in typing.get_args(annotation) if member is not type(None)]
        return _inside(members[0])
    return annotation
