"""Putting a value at a plain path, without touching the original."""

import pytest

from harness.base.paths import put_at, read_path


@pytest.mark.parametrize("path", [".id", ".a.b", '.["x y"].z', ".list[1].id", "."])
def test_what_is_put_is_read_back_and_the_original_stays(path: str) -> None:
    original = {"id": 1, "list": [{"id": 1}, {"id": 2}]}
    changed = put_at(original, path, "new")
    assert read_path(changed, path) == "new"
    assert original == {"id": 1, "list": [{"id": 1}, {"id": 2}]}


@pytest.mark.parametrize("path", [".list[7]", ".id.deeper", ".list.name", "not plain"])
def test_a_path_that_leads_nowhere_is_refused(path: str) -> None:
    with pytest.raises(ValueError):
        put_at({"id": 1, "list": []}, path, "new")
