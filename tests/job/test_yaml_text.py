"""YAML as a manifest may use it: scalars of the core schema, marks, and bombs that do not go off."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harness.job.yaml_text import MOST_DEPTH, Node, TextPlace, parse


def plain(text: str) -> Any:
    parsed = parse(text, "job.yaml")
    assert parsed.problems == ()
    assert parsed.root is not None
    return parsed.root.plain()


def complaints(text: str) -> list[str]:
    return [f"{problem.where}: {problem.message}" for problem in parse(text, "job.yaml").problems]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("off", "off"),
        ("012", 12),
        ("0o17", 15),
        ("0x1F", 31),
        ("12:30", "12:30"),
        ("22:00-07:00", "22:00-07:00"),
        ("2026-11-20", "2026-11-20"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1_000", "1_000"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("'12'", "12"),
        ('"true"', "true"),
        ("$40", "$40"),
        ("1152921504606846977", 1152921504606846977),
        ("S0001", "S0001"),
    ],
)
def test_I03_plain_scalars_are_read_by_the_core_schema(written: str, meant: object) -> None:
    value = plain(f"a: {written}\n")["a"]
    assert value == meant
    assert type(value) is type(meant)


@pytest.mark.parametrize("written", [".inf", "-.inf", ".NaN", "1e999", "9" * 5000])
def test_I03_numbers_that_json_cannot_hold_are_refused(written: str) -> None:
    assert complaints(f"a: {written}\n")[0].startswith("job.yaml:1:4: ")


def test_I03_a_duplicate_key_names_both_lines() -> None:
    assert complaints("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n") == [
        "job.yaml:5:3: duplicate key 'c', first at line 3",
    ]


def test_I03_all_that_is_wrong_is_told_at_once() -> None:
    text = "a: !!str 1\nb: .nan\na: 2\nc: !!python/object/apply:os.system [id]\n"
    assert [complaint.split(": ")[0] for complaint in complaints(text)] == [
        "job.yaml:1:4",
        "job.yaml:2:4",
        "job.yaml:3:1",
        "job.yaml:4:4",
    ]


def test_I03_an_alias_bomb_is_refused_where_it_grows_too_large() -> None:
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    text += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    (complaint,) = complaints(text)
    assert complaint.startswith("job.yaml:5:")
    assert "more than 20,000 values" in complaint


def test_I03_many_aliases_are_refused() -> None:
    text = "a: &a x\n" + "".join(f"k{n}: *a\n" for n in range(200))
    assert complaints(text) == ["job.yaml:102:7: holds more than 100 aliases"]


def test_I03_an_alias_within_itself_is_refused() -> None:
    assert complaints("a: &a\n  b: [*a]\n") == ["job.yaml:2:7: the alias *a stands within itself"]


def test_I03_an_honest_alias_is_read() -> None:
    assert plain("a: &a {x: [1]}\nb: *a\n") == {"a": {"x": [1]}, "b": {"x": [1]}}


def test_I03_depth_is_bounded_also_through_aliases() -> None:
    assert "nested more than 50 deep" in complaints("[" * 100_000)[0]
    half = MOST_DEPTH // 2 + 1
    text = f"a: &a {'[' * half}1{']' * half}\nb: {'[' * half}*a{']' * half}\n"
    assert complaints(text) == [f"job.yaml:2:{4 + half}: is nested more than 50 deep"]


def test_I03_many_values_are_refused() -> None:
    assert "more than 20,000 values" in complaints("[" + "1," * 30_000 + "]")[0]


def test_I03_merge_keys_are_plain_keys() -> None:
    assert plain("<<: {a: 1}\nb: 2\n") == {"<<": {"a": 1}, "b": 2}


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a: [1\nb: 2\n", "job.yaml:2:2"),
        ("a: b: c\n", "job.yaml:1:5"),
        ("a:\n\tb: 1\n", "job.yaml:2:1"),
        ("a: @b\n", "job.yaml:1:4"),
        ("a: 'b\n", "job.yaml:2:1"),
        ("a: 1\n---\nb: 2\n", "job.yaml:2:1"),
        ("a: x\x01y\n", "job.yaml:1:5"),
        ("*x\n", "job.yaml:1:1"),
        ("[a]: 1\n", "job.yaml:1:1"),
        ('a: "\\0"\n', "job.yaml:1:4"),
        ('a: "\\ud800"\n', "job.yaml:1:4"),
    ],
)
def test_broken_text_is_told_with_its_place(text: str, where: str) -> None:
    assert complaints(text)[0].startswith(f"{where}: ")


def test_nothing_at_all_is_an_empty_mapping() -> None:
    assert plain("") == plain("# a comment\n") == plain("---\n") == {}


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**70), max_value=2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc é0~", max_size=5), inner, max_size=4),
    max_leaves=15,
)


@given(st.dictionaries(st.text("abcxyz", min_size=1, max_size=4), VALUES, max_size=4))
def test_any_json_is_read_as_what_it_is(value: dict[str, Any]) -> None:
    # JSON is YAML 1.2, but for floats such as 1e+16, which PyYAML's scanner and the core schema both take.
    assert plain(json.dumps(value, ensure_ascii=True)) == value


@given(st.dictionaries(st.text("abcxyz", min_size=1, max_size=4), VALUES, min_size=1, max_size=4), st.booleans())
def test_every_value_is_found_at_its_mark(value: dict[str, Any], flow: bool) -> None:
    text = yaml.safe_dump(value, allow_unicode=True, default_flow_style=flow, sort_keys=False, width=40)
    parsed = parse(text, "job.yaml")
    if parsed.root is None:
        return
    for path, node in nodes_below(parsed.root, ()):
        assert parsed.root.place_at(path) == node.place
        rest = text.split("\n")[node.place.line - 1][node.place.column - 1 :]
        match node.content:
            case bool() | int() | float():
                assert rest[0] in "-+.0123456789tfTF"
            case dict() | list():
                assert rest and not rest[0].isspace()
            case _:
                pass


def nodes_below(node: Node, path: tuple[str | int, ...]) -> list[tuple[tuple[str | int, ...], Node]]:
    match node.content:
        case dict() as entries:
            below = [(key, entry.node) for key, entry in entries.items()]
        case list() as nodes:
            below = list(enumerate(nodes))
        case _:
            below = []
    return [(path, node), *(found for step, inner in below for found in nodes_below(inner, (*path, step)))]


@given(st.text(max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    parsed = parse(text, "job.yaml")
    assert parsed.root is not None or parsed.problems
    for problem in parsed.problems:
        assert problem.where.startswith("job.yaml:")


def test_places_of_keys_and_values() -> None:
    root = parse("session:\n  model: sonnet\n  tools: [Read, Wirte]\n", "job.yaml").root
    assert root is not None
    assert root.place_at(("session", "tools", 1)) == TextPlace(3, 17)
    assert root.place_at(("session", "tools"), of_key=True) == TextPlace(3, 3)
    assert root.place_at(("session", "prompt", "x")) == TextPlace(2, 3)


def test_a_question_mark_inside_braces_is_told_its_quotes() -> None:
    assert "in quotes, as in note: 'string?'" in complaints("output: {fields: {note: string?}}")[0]
