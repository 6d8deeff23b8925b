"""Whether the records of an item can pass at all: what a schema or a jq check says of the id alone, asked in advance.

Every record carries the id of its item. Where that id itself is refused, no session can ever please the check, and
each item would cost its strikes before anybody noticed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from harness.base.ids import ItemId
from harness.base.paths import put_at, steps_of
from harness.core.types import Json
from harness.evaluation.bounded import Bounded
from harness.evaluation.persistent_child import BoundedError
from harness.job.job import OutputSpec

_BASES: Final = ("$schema", "$id", "$defs", "definitions")
_SAYS_NOTHING: Final[tuple[Any, ...]] = ({}, True, {"type": "string"}, {"type": "string", "pattern": r"\S"})
_DEPENDS: Final = re.compile(r"""[^"']\b(and|or|as|if|input|inputs|env|has|keys|reduce|foreach|def)\b|//|,|\$|;""")


def impossible(
    output: OutputSpec, ids: Sequence[ItemId], variables: Mapping[str, Json], bounded: Bounded
) -> Iterator[tuple[str, ItemId, str]]:
    """What refuses it, the item, and why, for items of which no record could pass; only what is certain."""
    steps = steps_of(output.item) or ()
    if output.shape == "files" or not steps or not all(isinstance(step, str) for step in steps):
        return
    names = [str(step) for step in steps]
    records = [put_at({}, output.item, str(id_)) for id_ in ids]
    schemas = [("the schema", output.schema)]
    schemas += [(f"output.check[{number}]", check.schema) for number, check in enumerate(output.checks)]
    for where, schema in schemas:
        about = _about(schema, names)
        if about is not None:
            yield from _by_schema(where, about, names, ids, records, bounded)
    for number, check in enumerate(output.checks):
        if check.jq is not None and _looks_only_at(check.jq, output.item):
            yield from _by_jq(f"output.check[{number}]", check.jq, ids, records, variables, bounded)


def _about(schema: Any, names: Sequence[str]) -> dict[str, Any] | None:
    """The part of a schema that is about the first step of the path; None where that says nothing, or not for sure."""
    if not isinstance(schema, Mapping) or not isinstance(schema.get("properties"), Mapping):
        return None
    inner = schema["properties"].get(names[0], True)
    if inner in _SAYS_NOTHING or '"if"' in str(inner).replace("'", '"'):
        return None
    return {**{base: schema[base] for base in _BASES if base in schema}, "properties": {names[0]: inner}}


def _by_schema(
    where: str, schema: Any, names: Sequence[str], ids: Sequence[ItemId], records: Sequence[Json], bounded: Bounded
) -> Iterator[tuple[str, ItemId, str]]:
    path = "$." + ".".join(names)
    try:
        found = bounded.schema(schema, records, 60.0)
    except BoundedError:
        return
    for id_, complaints in zip(ids, found, strict=True):
        if why := next((each for each in complaints if each.facts["at"] == path), None):
            yield where, id_, f"{why.facts['at']}: {why.facts['message']}"


def _looks_only_at(program: str, path: str) -> bool:
    """`.id | test("^[0-9]+$")`: what it yields depends on nothing but the id."""
    text = program.strip().lstrip("( ")
    rest = re.sub(r'"(?:[^"\\]|\\.)*"', '""', text.removeprefix(path))
    begins = text.startswith(path) and re.match(r"\s*[|=!<>]", rest) is not None
    return begins and "." not in rest and not _DEPENDS.search(rest)


def _by_jq(
    where: str,
    program: str,
    ids: Sequence[ItemId],
    records: Sequence[Json],
    variables: Mapping[str, Json],
    bounded: Bounded,
) -> Iterator[tuple[str, ItemId, str]]:
    try:
        outcomes = bounded.jq_each(program, records, variables, most=len(records) + 1000, timeout_s=60.0)
    except BoundedError:
        return
    for id_, outcome in zip(ids, outcomes, strict=True):
        if outcome.error is not None or any(result is False or result is None for result in outcome.results):
            yield where, id_, outcome.error or f"must be true: {program}"
