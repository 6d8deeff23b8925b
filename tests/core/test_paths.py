"""Plain paths read what jq would read, and keep what jq would lose."""

import pytest

from harness.base.paths import MISSING, is_plain, read_path
from harness.core.types import Json


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (".", {"a": [{"b": 1}, {"b": 2}], "odd key": {"x-y": 3}, "n": None}),
        (".a[1].b", 2),
        (".a.[0].b", 1),
        (".a[-1]", {"b": 2}),
        ('."odd key"["x-y"]', 3),
        ('.["odd key"]."x-y"', 3),
        (" .n ", None),
    ],
)
def test_a_plain_path_reads_what_is_there(path: str, expected: Json) -> None:
    value = {"a": [{"b": 1}, {"b": 2}], "odd key": {"x-y": 3}, "n": None}
    assert is_plain(path)
    assert read_path(value, path) == expected


@pytest.mark.parametrize("path", [".b", ".a.b", ".a[2]", ".a[-3]", ".n.x", ".[0]"])
def test_what_is_not_there_is_missing_and_never_null(path: str) -> None:
    assert read_path({"a": [1, 2], "n": None}, path) is MISSING


@pytest.mark.parametrize(
    "path", ["", "id", ".a | .b", ".[]", ".a[]", ".a?", "..", ".a..b", ".a-b", ".1", ".[1:2]", '."\\(1)"']
)
def test_other_jq_is_not_plain(path: str) -> None:
    assert not is_plain(path)
    with pytest.raises(ValueError, match="plain path"):
        read_path({}, path)


def test_O08_integers_beyond_2_53_are_kept() -> None:
    assert read_path({"id": 2**60 + 1}, ".id") == 2**60 + 1
