"""Synthetic records of a job's fields or schema: plainly so, and valid. The same seed and id give the same record."""

import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Any, Final, Self

from harness.base.paths import MISSING, put_at, read_path
from harness.evaluation.bounded_schema import as_python, translated
from harness.job.job import PhaseSpec
from harness.samples.addresses import with_addresses
from harness.samples.patterns import text_like
from harness.samples.seed import rng_of

SIGN: Final = "rehearsal"
_DEEPEST: Final = 12
_SENTENCES: Final = (
    "This text is synthetic: no model wrote it, and nothing in it is true. It is as long as a short letter, so that "
    "checks of length pass that would pass one. It has a few sentences, and ends here.\n\n"
    "What your own checks want to find in it, samples of your own can have."
)

Schema = Mapping[str, Any]


class SampleError(Exception):
    """No valid record can be generated from this schema; the message says where it fails."""


@dataclass(frozen=True, slots=True)
class SampleSpec:
    """What the records of a phase have to be like. `key` and `item` are the paths of their ids, `evidence` the programs
    that find the addresses of sources in them, `vars` what these programs see."""

    phase: str
    shape: str = "array"
    key: str = ".id"
    item: str = ".id"
    schema: Schema | None = None
    evidence: Sequence[str] = ()
    vars: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    @classmethod
    def of(cls, phase: PhaseSpec, variables: Mapping[str, Any]) -> Self:
        """Of a phase as its manifest has it, but for the addresses of its sources."""
        output = phase.output
        return cls(phase.name, output.shape, output.key, output.item, output.schema, vars=variables)

    def rng_of(self, id_: str) -> random.Random:
        """A new generator for an item."""
        return rng_of(self.seed, self.phase, "item", id_)


def sampled(spec: SampleSpec, ids: Sequence[str], samples: Sequence[Any]) -> Sequence[Any] | Mapping[str, Any]:
    """An answer out of a user's samples: for an item those that name it, else any of them with its id put in; of files
    a mapping from id to text. One record where the shape is one."""
    if spec.shape == "files" and all(isinstance(sample, str) for sample in samples):
        return {id_: spec.rng_of(id_).choice(samples) for id_ in ids}
    records = [record for id_ in ids for record in _samples_of(spec, id_, samples)]
    return records[:1] if spec.shape == "one" else records


def _samples_of(spec: SampleSpec, id_: str, samples: Sequence[Any]) -> list[Any]:
    own = [sample for sample in samples if str(read_path(sample, spec.item)) == id_]
    if own or spec.shape == "files":
        return own[:1] if spec.shape == "files" and own else own or [spec.rng_of(id_).choice(samples)]
    record = spec.rng_of(id_).choice(samples)
    for path in (spec.key, spec.item):
        record = _named(record, path, id_)
    return [record]


def synthetic(spec: SampleSpec, ids: Sequence[str]) -> list[Any]:
    """One record for each id, in order; the same for an item whatever group it is in. SampleError."""
    return [_record(spec, id_) for id_ in ids]


def _record(spec: SampleSpec, id_: str) -> Any:
    schema, rng = spec.schema, spec.rng_of(id_)
    if spec.shape == "files" and _is_any_text(schema):
        return f"{SIGN} of {id_}\n\n{_words(rng)}. {_SENTENCES}\n"
    record = _Generator(schema, rng).value(schema, "") if schema else {"note": _words(rng)}
    for path in (spec.key, spec.item):
        if spec.shape != "files" or read_path(record, path) is not MISSING:
            record = _named(record, path, id_)
    if spec.evidence:
        record = with_addresses(record, spec.evidence, spec.vars, spec.rng_of)
    if schema:
        _check(record, schema)
    return record


def _is_any_text(schema: Schema | None) -> bool:
    """Of a file: nothing but that it is a text is asked of what it says."""
    return schema is None or schema.get("properties", {}).get("text", {"type": "string"}) == {"type": "string"}


def _named(record: Any, path: str, id_: str) -> Any:
    """The record with the item's id at `path`, as a number where the schema wanted one there."""
    there = read_path(record, path)
    is_number = isinstance(there, int) and not isinstance(there, bool) and id_.isascii() and id_.isdigit()
    try:
        return put_at(record, path, int(id_) if is_number else id_)
    except ValueError as error:
        raise SampleError(f"the id of an item has no place in a synthetic record: {error}") from None


def _check(record: Any, schema: Schema) -> None:
    from jsonschema import validators
    from jsonschema.exceptions import SchemaError
    from referencing.exceptions import Unresolvable

    try:
        kind = validators.validator_for(schema, default=validators.Draft202012Validator)
        validator = kind(translated(schema, {}))
        problem = next(iter(validator.iter_errors(record)), None)
    except (SchemaError, Unresolvable) as error:
        raise SampleError(f"the schema cannot be used: {error}") from None
    if problem is not None:
        raise SampleError(f"cannot generate a valid record at {problem.json_path}: {problem.message}; write a scene")


def _words(rng: random.Random) -> str:
    return f"{SIGN} {rng.randrange(16**6):06x}"


class _Generator:
    """Walks a schema and generates a value for each part."""

    def __init__(self, root: Schema, rng: random.Random) -> None:
        self._root = root
        self._rng = rng

    def value(self, schema: Any, name: str, depth: int = 0) -> Any:
        if depth > _DEEPEST:
            raise SampleError(f"the schema is nested without end at {name!r}; write a scene")
        if not isinstance(schema, Mapping):
            return _words(self._rng)  # `true`: anything will do
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._rng.choice(list(schema["enum"]))
        match self._type(schema):
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, name, depth)
            case "integer":
                return int(self._number(schema, whole=True))
            case "number":
                return float(self._number(schema, whole=False))
            case "boolean":
                return self._rng.random() < 0.5
            case "null":
                return None
        return self._string(schema, name)

    def _resolved(self, schema: Schema) -> Schema:
        """The schema with local references followed and allOf, anyOf, oneOf, then folded in (the first choice)."""
        for _ in range(_DEEPEST):
            if "$ref" in schema:
                rest = {key: value for key, value in schema.items() if key != "$ref"}
                schema = _merged(self._target(str(schema["$ref"])), rest)
            elif "allOf" in schema:
                rest = {key: value for key, value in schema.items() if key != "allOf"}
                for part in schema["allOf"]:
                    rest = _merged(rest, self._resolved(part))
                schema = rest
            elif choice := next((key for key in ("oneOf", "anyOf") if schema.get(key)), None):
                rest = {key: value for key, value in schema.items() if key != choice}
                schema = _merged(rest, schema[choice][0])
            else:
                return schema
        raise SampleError("the schema refers to itself without end; write a scene")

    def _target(self, ref: str) -> Schema:
        target: Any = self._root
        try:
            if not ref.startswith("#"):
                raise KeyError(ref)
            for part in ref[1:].split("/")[1:]:
                target = target[part.replace("~1", "/").replace("~0", "~")]
        except (KeyError, TypeError):
            raise SampleError(f"the schema's reference {ref!r} leads nowhere in it") from None
        return target if isinstance(target, Mapping) else {}

    def _type(self, schema: Schema) -> str:
        type_ = schema.get("type")
        if isinstance(type_, list):
            type_ = next((one for one in type_ if one != "null"), "null")
        if isinstance(type_, str):
            return type_
        if "properties" in schema or "required" in schema:
            return "object"
        if "items" in schema or "minItems" in schema:
            return "array"
        return "number" if "minimum" in schema or "maximum" in schema else "string"

    def _object(self, schema: Schema, depth: int) -> dict[str, Any]:
        properties = schema.get("properties", {})
        required = list(schema.get("required", ()))
        names = list(dict.fromkeys([*properties, *required])) if depth < _DEEPEST // 2 else required
        made = {name: self.value(properties.get(name, True), name, depth + 1) for name in names}
        extra = schema.get("additionalProperties", True)
        for number in range(1, schema.get("minProperties", 0) - len(made) + 1):
            made[f"{SIGN} {number}"] = self.value(extra, SIGN, depth + 1)
        return made

    def _array(self, schema: Schema, name: str, depth: int) -> list[Any]:
        first = [self.value(part, name, depth + 1) for part in schema.get("prefixItems", ())]
        least = max(schema.get("minItems", 0), min(1, schema.get("maxItems", 1)))
        made, tries = first, 0
        while len(made) < least and tries < 50 * least:
            tries += 1
            one = self.value(schema.get("items", True), name, depth + 1)
            if not (schema.get("uniqueItems") and one in made):
                made.append(one)
        return made

    def _number(self, schema: Schema, *, whole: bool) -> Fraction:
        """A multiple of the schema's step within its bounds, exactly."""
        step = _exact(schema.get("multipleOf")) or Fraction(1 if whole else "0.01")
        if whole:
            step = Fraction(step.numerator)  # the multiples of n/d that are whole are those of n
        above, below = _exact(schema.get("exclusiveMinimum")), _exact(schema.get("exclusiveMaximum"))
        low = max((bound for bound in (_exact(schema.get("minimum")), above) if bound is not None), default=None)
        high = min((bound for bound in (_exact(schema.get("maximum")), below) if bound is not None), default=None)
        if low is None:
            low = Fraction(0) if high is None or high > 0 else high - 100 * step
        if high is None:
            high = low + max(Fraction(100), 100 * step)
        first, last = math.ceil(low / step), math.floor(high / step)
        first += above is not None and first * step <= above
        last -= below is not None and last * step >= below
        if first <= last:
            return self._rng.randint(first, last) * step
        return low if whole or "multipleOf" in schema else (low + high) / 2  # narrower than a step

    def _string(self, schema: Schema, name: str) -> str:
        plain = self._plain_text(schema, name)
        if "pattern" not in schema or _matches(schema["pattern"], plain):
            return plain
        day = self._day(schema)
        for moment in (day.isoformat(), f"{day.isoformat()}T00:00:00Z", f"{day:%d.%m.%Y}", f"{day:%m/%d/%Y}"):
            if _is_whole(schema["pattern"], moment):  # else a year would be any four digits
                return moment
        text = text_like(as_python(schema["pattern"]), self._rng)
        if text is None:
            raise SampleError(f"no text can be generated for the pattern {schema['pattern']!r}; write a scene")
        return text

    def _day(self, schema: Schema) -> date:
        """A day within the schema's bounds, else of the last year or this one."""
        first, last = (_as_day(schema.get(name)) for name in ("formatMinimum", "formatMaximum"))
        year = timedelta(days=364)
        if first is None:
            first = date(date.today().year - 1, 1, 1) if last is None else last - min(year, last - date.min)
        if last is None:
            last = first + min(2 * year, date.max - first)
        return first + timedelta(days=self._rng.randrange(max(0, (last - first).days) + 1))

    def _plain_text(self, schema: Schema, name: str) -> str:
        """Text of the schema's format and length that says what it is."""
        day = self._day(schema)
        number = self._rng.randrange(16**4)
        formats = {
            "date": day.isoformat(),
            "date-time": f"{day.isoformat()}T00:00:00Z",
            "time": "00:00:00Z",
            "duration": "P1D",
            "email": f"{SIGN}-{number:04x}@example.invalid",
            "uri": f"https://example.invalid/{SIGN}/{number:04x}",
            "url": f"https://example.invalid/{SIGN}/{number:04x}",
            "hostname": f"{SIGN}-{number:04x}.example.invalid",
            "ipv4": "192.0.2.1",
            "ipv6": "2001:db8::1",
            "uuid": f"00000000-0000-4000-8000-{self._rng.randrange(16**12):012x}",
        }
        if schema.get("format") in formats:
            return formats[schema["format"]]
        text = f"{SIGN} {name} {number:04x}" if name else _words(self._rng)
        return text.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength")]


def _matches(pattern: str, text: str) -> bool:
    try:
        return re.search(as_python(pattern), text) is not None
    except re.error:  # a pattern that is none
        return False


def _is_whole(pattern: str, text: str) -> bool:
    """The pattern wants exactly such a text, from its first to its last character."""
    try:
        found = re.search(pattern, text)
    except re.error:
        return False
    return found is not None and found.span() == (0, len(text))


def _exact(number: Any) -> Fraction | None:
    """A number of a schema as a fraction; None for what is none, `true` of old drafts among it."""
    if isinstance(number, bool) or not isinstance(number, int | float):
        return None
    return Fraction(str(number))


def _as_day(text: Any) -> date | None:
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):
        return None


def _merged(one: Schema, other: Schema) -> dict[str, Any]:
    """Both schemas as one: properties and required together, else the second wins."""
    merged = {**one, **other}
    for key in ("properties", "$defs"):
        if key in one and key in other:
            merged[key] = {**one[key], **other[key]}
    if "required" in one and "required" in other:
        merged["required"] = list(dict.fromkeys([*one["required"], *other["required"]]))
    return merged
