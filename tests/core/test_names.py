"""Names made from ids are always one harmless path component, and never the same for two ids."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.item_ids import folded
from harness.core.names import file_name_for, safe_name, same_stem


@pytest.mark.parametrize("id_", ["S0001", "Universidad de Chile", "Cal Poly (SLO)", "été", "a.b", "Texas A&M", "日本"])
def test_an_ordinary_id_is_its_own_name(id_: str) -> None:
    assert file_name_for("{id}.md", id_) == f"{id_}.md"


@pytest.mark.parametrize(
    "id_",
    ["../../etc/x", "/abs", "a/b", ".", "..", "", "a\0b", "a\nb", "x" * 300, "CON", "nul.txt", "-rf", ".hidden", "a\\b",
     "$(id)", "{id}", "~root", "a ", "\u202egnp.exe", unicodedata.normalize("NFD", "é"), "x~0123456789abcdef",
     "\ud800"],
)  # fmt: skip
def test_I01_a_dangerous_id_never_becomes_a_path(id_: str) -> None:
    name = safe_name(id_)
    assert name != id_
    _assert_harmless(name)


def test_a_stem_is_the_end_of_a_path_and_two_of_one_stem_are_told() -> None:
    assert file_name_for("{stem}.md", "in/review 01.txt") == "review 01.md"
    _assert_harmless(file_name_for("{stem}", "in/..txt"))
    assert same_stem("{stem}.md", ["in/a.txt", "in/b.txt", "old/A.txt"]) == ("in/a.txt", "old/A.txt", "A.md")
    assert same_stem("{id}.md", ["in/a.txt", "old/a.txt"]) is None


@given(st.text(max_size=400))
def test_every_id_gives_one_harmless_component(id_: str) -> None:
    _assert_harmless(safe_name(id_))


@given(st.lists(st.text(alphabet="aA/._- ~0\u0301é", max_size=6), unique=True, max_size=20))
def test_different_ids_give_different_names(ids: list[str]) -> None:
    assert len({safe_name(id_) for id_ in ids}) == len(ids)


def _assert_harmless(name: str) -> None:
    assert name not in {"", ".", ".."}
    assert not set(name) & set('/\\\0\n\r:*?"<>|$`{}')
    assert not name.startswith((".", "-", " "))
    assert len(name.encode()) <= 150


@given(st.text(min_size=1))
def test_with_exact_ids_names_that_differ_in_case_only_are_two_files(id_: str) -> None:
    names = {file_name_for("{exact_id}.md", each) for each in (id_, id_.upper(), id_.lower(), id_.swapcase())}
    assert len({folded(name) for name in names}) == len({id_, id_.upper(), id_.lower(), id_.swapcase()})
