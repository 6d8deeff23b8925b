"""Names made from ids are always one harmless path component, and never the same for two ids."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.item_ids import folded
from harness.core.names import around, file_name_for, fixed_folder, safe_name, same_file
from tests.covers import covers


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


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("{relpath}", "in/deep/scan 1.tar.gz"),
        ("out/{dir}/{stem}.md", "out/in/deep/scan 1.tar.md"),
        ("{dir}/{basename}_summary.{ext}", "in/deep/scan 1.tar_summary.gz"),
        ("{name}.md", "scan 1.tar.gz.md"),
        ("{ext}/{stem}", "gz/scan 1.tar"),
    ],
)
def test_parts_of_a_path_stand_where_the_pattern_has_them(pattern: str, name: str) -> None:
    assert file_name_for(pattern, "in/deep/scan 1.tar.gz") == name


def test_a_path_without_folders_or_without_an_ending_leaves_no_trace_of_them() -> None:
    assert file_name_for("{dir}/{stem}.{ext}", "README") == "README"
    assert file_name_for("out/{dir}/{name}", "README") == "out/README"
    assert file_name_for("{stem}.md", "in/review 01.txt") == "review 01.md"


def test_no_part_of_a_path_is_lost_whatever_it_begins_with() -> None:
    assert file_name_for("{relpath}", "a/.b/-c/!d/e").count("/") == 4
    assert file_name_for("{relpath}", "/a/b") == "a/b"


@covers("A60")
@given(st.text(max_size=40), st.sampled_from(["{relpath}", "{dir}/{name}", "{dir}/{stem}.{ext}", "x/{relpath}.md"]))
def test_I01_no_path_leads_out_of_the_folder(id_: str, pattern: str) -> None:
    name = file_name_for(pattern, id_)
    assert name and not name.startswith("/")
    for part in name.split("/"):
        assert part not in ("", ".", "..") and not set(part) & set("\\\0\n\r") and not part.startswith(("-", "."))


@covers("A62")
def test_two_items_that_would_write_one_file_are_told() -> None:
    assert same_file("{stem}.md", ["in/a.txt", "in/b.txt", "old/A.txt"]) == ("in/a.txt", "old/A.txt", "A.md")
    assert same_file("{dir}/{stem}.md", ["in/a.txt", "old/a.txt"]) is None
    assert same_file("{dir}/{stem}.md", ["in/a.txt", "in/a.pdf"]) == ("in/a.txt", "in/a.pdf", "in/a.md")
    assert same_file("{id}.md", ["in/a.txt", "old/a.txt"]) is None
    for ids in (["a.txt", "a/b.txt"], ["a/b.txt", "a.txt"]):  # one is a folder on the way to the other
        found = same_file("{dir}/{stem}", ids)
        assert found is not None and {*found[:2]} == {*ids}


def test_what_is_fixed_in_a_pattern_is_known() -> None:
    assert around("a-{stem}.{ext}.md") == ("a-", ".md") and around("report.json") is None
    assert [fixed_folder(each) for each in ("out/x/{id}.md", "{dir}/{stem}", "out/a{dir}/b")] == ["out/x", "", "out"]


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
