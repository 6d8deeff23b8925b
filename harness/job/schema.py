"""The JSON Schema of a manifest, for editors and for people; made of the pydantic model alone."""

import ast
import inspect
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from pydantic import BaseModel

from harness.job.manifest import Bound, Caps, Manifest, Session

_NULL = {"type": "null"}
_ISO_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?")


def manifest_schema() -> dict[str, Any]:
    """Draft 2020-12, with the descriptions of the model, always in the same order."""
    schema = Manifest.model_json_schema(by_alias=True, mode="validation")
    for model in _models(Manifest):
        _describe(model, schema if model is Manifest else schema["$defs"].get(model.__name__, {}))
    _name_none(Manifest, schema)
    for model in (Session, Caps):
        _name_none(model, schema["$defs"][model.__name__])
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Harness job",
        "description": "One job of agent-loop-harness: what job.yaml may hold.",
    }
    plain: dict[str, Any] = _tidied(schema)
    return {**head, **{key: part for key, part in plain.items() if key not in head}}


def _models(model: type[BaseModel]) -> set[type[BaseModel]]:
    """All models of the package; those of which this one consists are among them."""
    below = [deeper for each in BaseModel.__subclasses__() for deeper in (each, *_below(each))]
    return {each for each in below if each.__module__.startswith(__package__)} | {model}


def _below(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for each in model.__subclasses__():
        yield from (each, *_below(each))


def _describe(model: type[BaseModel], part: dict[str, Any]) -> None:
    """The text below a field is its description. Read from the source here and not by pydantic when a model is loaded,
    which every command would pay for."""
    properties = part.get("properties", {})
    for owner in reversed([each for each in model.__mro__ if issubclass(each, BaseModel) and each is not BaseModel]):
        for name, text in _texts_below_fields(owner):
            field = model.model_fields.get(name)
            if field is not None and (key := field.alias or name) in properties:
                properties[key]["description"] = text


def _texts_below_fields(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    (statement,) = ast.parse(inspect.getsource(model)).body
    assert isinstance(statement, ast.ClassDef)
    for pair in pairwise(statement.body):
        match pair:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, inspect.cleandoc(text)


def _name_none(model: type[BaseModel], part: dict[str, Any]) -> None:
    """A bound is switched off by the word none, in YAML a text; null is written nowhere."""
    for name, field in model.model_fields.items():
        if Bound in field.metadata:
            choices = part["properties"][name]["anyOf"]
            choices[choices.index(_NULL)] = {"const": "none"}


def _tidied(part: Any, *, is_names: bool = False) -> Any:
    """Without null and the titles that pydantic makes out of names; durations as people write them. `is_names`: the
    keys of `part` are names of the user's."""
    if isinstance(part, list):
        return [_tidied(each) for each in part if each != _NULL]
    if not isinstance(part, dict):
        return part
    if is_names:
        return {name: _tidied(each) for name, each in part.items()}
    return {
        key: _duration(value) if key == "default" else _tidied(value, is_names=key in ("properties", "$defs"))
        for key, value in part.items()
        if key != "title" and not (key == "default" and value is None)
    }


def _duration(default: Any) -> Any:
    """`PT1M30S` -> `1m 30s`; anything else stays."""
    match = _ISO_DURATION.fullmatch(default) if isinstance(default, str) else None
    if match is None:
        return default
    return " ".join(f"{number}{unit}" for number, unit in zip(match.groups(), "hms", strict=True) if number)
