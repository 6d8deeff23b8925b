"""A file counts only as one whole JSON value within limits; what is odd is noted, what is broken is never mended."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.base.strict_json import Oddity
from harness.job.job import OutputSpec, Shape
from harness.outputs.parse import FoundRecord, Parsed, Unparsed, canonical, parse
from tests.outputs.conftest import why

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def _spec(shape: Shape = "array", key: str = ".id") -> OutputSpec:
    return OutputSpec("output.json", shape, key, key, (), None, Path("/nowhere/merged.json"))


def _records(content: bytes, shape: Shape = "array", key: str = ".id") -> list[Any]:
    parsed = parse(content, _spec(shape, key))
    assert isinstance(parsed, Parsed), parsed
    assert all(found.problem is None for found in parsed.found)
    return [found.record for found in parsed.found]


def _reason(content: bytes, shape: Shape = "array", most_bytes: int = 1 << 20) -> str:
    parsed = parse(content, _spec(shape), most_bytes=most_bytes)
    assert isinstance(parsed, Unparsed) and parsed.reason.kind == "not_json", parsed
    return str(parsed.reason.facts["problem"])


# --- truncation -------------------------------------------------------------------------------------------------------


@given(st.lists(JSON, max_size=4), st.booleans())
def test_O02_truncation_is_never_repaired(records: list[Any], fenced: bool) -> None:
    content = json.dumps(records, ensure_ascii=False).encode()
    whole = b"```json\n" + content + b"\n```" if fenced else content
    assert _records(whole) == records
    for end in range(len(whole)):
        _reason(whole[:end])


def test_O02_a_cut_file_is_called_cut_off() -> None:
    assert "cut off: it ends at byte 14" in _reason(b'[{"id": "A1"},')
    assert "cut off" in _reason(b'[{"id": "A')


# --- the canonical form -----------------------------------------------------------------------------------------------


@given(st.lists(JSON, max_size=5))
def test_the_canonical_form_reads_back_as_itself(records: list[Any]) -> None:
    once = canonical(_records(json.dumps(records).encode()))
    assert canonical(_records(once.encode())) == once


def test_the_canonical_form_is_compact_keeps_the_order_and_every_letter() -> None:
    assert canonical(_records('[ {"z": "é", "a": [1, 2.50]} ]'.encode())) == '[{"z":"é","a":[1,2.5]}]'


def test_O08_integers_beyond_2_53_are_kept() -> None:
    assert _records(b"[9007199254740993, 1152921504606846977]") == [2**53 + 1, 2**60 + 1]


# --- accepted and noted -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "odd"),
    [
        (b"\xef\xbb\xbf[1]", "byte_order_mark"),
        (b"[\r\n1]\r\n", "crlf"),
        (b"```json\n[1]\n```\n", "markdown_fence"),
        (b"\n ```\n[1]\n  ```", "markdown_fence"),
    ],
)
def test_O03_a_fence_a_bom_and_crlf_are_accepted_and_noted(content: bytes, odd: Oddity) -> None:
    parsed = parse(content, _spec())
    assert parsed == Parsed((FoundRecord(1),), (odd,))


def test_O03_a_fence_inside_a_text_is_no_fence() -> None:
    assert _records(b'["```json\\n```"]') == ["```json\n```"]


# --- refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"Here it is:\n[1]", "not JSON at byte 0"),
        ("[1]\nDéjà done.".encode(), "after the JSON value at byte 4"),
        ("\ufeff[\"é\"] x".encode(), "after the JSON value at byte 10"),
        (b"```json\n[1]\n```\nDone.", "text after the markdown fence at byte 15"),
        (b"```json\n[1]\n", "never closed"),
        ("[1]".encode("utf-16"), "UTF-16"),
        ("[1]".encode("utf-16-le"), "NUL at byte 1"),
        (b'["a\x00b"]', "NUL at byte 3"),
        ('["é"]'.encode("latin-1"), r"byte 2 \(0xe9\) is not UTF-8"),
        (b"", "empty"),
        (b" \n\t", "empty"),
        (b"\xef\xbb\xbf", "empty"),
    ],
)  # fmt: skip
def test_O03_prose_and_other_encodings_are_refused_with_the_offset(content: bytes, reason: str) -> None:
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(_reason(content))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[NaN]", "NaN is not JSON"),
        (b"[-Infinity]", "-Infinity is not JSON"),
        (b"[1e999]", "1e999 is too big"),
        (b"[" + b"9" * 5000 + b"]", "5,000 digits"),
        (b"[" + b"9" * 1001 + b"]", "1,001 digits"),
        (b'["\\ud800"]', "surrogate"),
        (b'[{"a\\uDFFF": 1}]', "surrogate"),
        (b"[" * 100_000 + b"]" * 100_000, "nested more than 200"),
        (b"[" * 100_000, "nested more than 200"),
        (b'{"a":' * 201 + b"1" + b"}" * 201, "nested more than 200"),
        (b"[" + b" " * (1 << 20) + b"]", "1,048,578 bytes, more than 1,048,576"),
    ],
)
def test_O08_what_a_merger_could_not_write_is_refused(content: bytes, reason: str) -> None:
    assert reason in _reason(content)


def test_O08_brackets_in_texts_are_no_depth_and_200_is_deep_enough() -> None:
    assert _records(b'["' + b"[" * 1000 + b'\\"[", 1]') == ["[" * 1000 + '"[', 1]
    assert len(_records(b"[" * 200 + b"]" * 200)) == 1
    assert _records(b'["\\\\", ' + b"[], " * 300 + b'"\\\\\\"[["]')[-1] == '\\"[['


def test_O08_depth_is_counted_across_a_long_file() -> None:
    filler = b'"[", [], ' * 20_000
    assert "nested more than 200" in _reason((b"[" * 150) + filler + (b"[" * 51) + b"]" * 201)
    assert len(_records((b"[" * 150) + filler + (b"[" * 50) + b"]" * 200)) == 1


def test_O08_a_whole_surrogate_pair_is_a_character() -> None:
    assert _records(b'["\\ud83d\\ude00"]') == ["😀"]


def test_O05_a_key_twice_in_one_object_is_refused() -> None:
    assert "the key 'a' is twice" in _reason(b'[{"a": 1, "b": 2, "a": 1}]')


# --- shapes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "shape", "expected", "got"),
    [
        (b'{"id": "A1"}', "array", "array", "object"),
        (b"[]", "object", "object", "array"),
        (b'[{"id": "A1"}]', "one", "one object", "array"),
        (b'"A1"', "one", "one object", "string"),
        (b"null", "array", "array", "null"),
        (b"true", "array", "array", "boolean"),
        (b"1", "array", "array", "number"),
    ],
)
def test_O04_another_shape_is_refused(content: bytes, shape: Shape, expected: str, got: str) -> None:
    assert parse(content, _spec(shape)) == Unparsed(why("wrong_shape", shape=expected, key=".id", got=got))


@pytest.mark.parametrize("content", [b'{"id": "A1"}\n{"id": "A2"}\n', b"[1] [2]"])
def test_O04_two_values_are_refused(content: bytes) -> None:
    assert re.search("after the JSON value at byte (13|4)", _reason(content))


def test_an_object_gives_records_that_carry_their_names() -> None:
    content = b'{"A1": {"n": 1}, "A2": {"n": 2, "id": "A2"}, "A3": [4]}'
    assert _records(content, "object") == [{"n": 1, "id": "A1"}, {"n": 2, "id": "A2"}, {"value": [4], "id": "A3"}]


def test_a_record_filed_under_another_name_is_a_problem_of_that_name() -> None:
    parsed = parse(b'{"A1": {"id": "A2"}}', _spec("object"))
    assert parsed == Parsed((FoundRecord({"id": "A1"}, why("key_differs", ".id", name="A1", path=".id", got='"A2"')),))


def test_one_record_may_be_an_array_when_its_key_is_an_index() -> None:
    assert _records(b'["A1", ["x"]]', "one", ".[0]") == [["A1", ["x"]]]


@pytest.mark.parametrize(
    ("written", "is_kept"),
    [
        (b"0.1", True), (b"1.10", True), (b"-12345.678901234567", True), (b"1e5", True), (b"1e22", True),
        (b"0.1000000000000000055511151231257827", True), (b"9007199254740992.0", True),
        (b"1.7976931348623157e308", True), (b"2.2250738585072014e-308", True), (b"0.0", True), (b"-0e5", True),
        (b"9007199254740993.0", False), (b"-12345678901234567.89", False), (b"0.12345678901234567891", False),
        (b"9007199254740993e0", False), (b"123456789012345678901e5", False), (b"1e-400", False),
    ],
)  # fmt: skip
def test_O08_a_number_keeps_its_digits_or_is_refused_with_them(written: bytes, is_kept: bool) -> None:
    parsed = parse(b'[{"id": "A", "deep": [{"n": ' + written + b"}]}]", _spec())
    if is_kept:
        assert isinstance(parsed, Parsed)
    else:
        assert (
            isinstance(parsed, Unparsed)
            and f"the number {written.decode()} has more digits" in parsed.reason.facts["problem"]
        )
