"""Tiling: the rows of a seed cover its sentence in order, once, and whatever else is listed lies inside a composite."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.covers import covers

WORDS = st.lists(st.from_regex(r"[a-zàèìòù]{1,7}", fullmatch=True), min_size=3, max_size=12, unique=True)
"""Sentences without a word that comes twice: there a row may cover several places, and a swap may change nothing."""


@st.composite
def cuts(draw: st.DrawFn) -> list[list[str]]:
    """A sentence cut at random into at least two pieces."""
    words = draw(WORDS)
    at = sorted(draw(st.sets(st.integers(1, len(words) - 1), min_size=1)))
    return [words[start:end] for start, end in zip([0, *at], [*at, len(words)], strict=True)]


def rows_of(pieces: list[list[str]]) -> list[Any]:
    return [
        [f"S0001L{n:02}", "C" if len(piece) > 1 else "B", " ".join(piece), "x"] for n, piece in enumerate(pieces, 1)
    ]


def sentence_of(pieces: list[list[str]]) -> str:
    text = " ".join(word for piece in pieces for word in piece)
    return f"{text[0].upper()}{text[1:]}."


@given(cuts())
@settings(deadline=None)
def test_any_cut_of_any_sentence_tiles_it(course: Any, pieces: list[list[str]]) -> None:
    assert course.tiling.tiling(course.tiling.tokens(sentence_of(pieces)), rows_of(pieces)) == []


@covers("F206")
@given(cuts(), st.data())
@settings(deadline=None)
def test_a_dropped_piece_is_missed_by_its_words(course: Any, pieces: list[list[str]], data: st.DataObject) -> None:
    lost = data.draw(st.integers(0, len(pieces) - 1))
    rows = rows_of(pieces)[:lost] + rows_of(pieces)[lost + 1 :]
    found = course.tiling.tiling(course.tiling.tokens(sentence_of(pieces)), rows)
    assert found == [f"Missing LEGO: '{' '.join(pieces[lost])}'"]


@given(cuts(), st.data())
@settings(deadline=None)
def test_a_doubled_piece_is_one_too_many(course: Any, pieces: list[list[str]], data: st.DataObject) -> None:
    doubled = data.draw(st.integers(0, len(pieces) - 1))
    rows = rows_of([*pieces[: doubled + 1], *pieces[doubled:]])
    found = course.tiling.tiling(course.tiling.tokens(sentence_of(pieces)), rows)
    assert found == [f"Extra LEGO: '{' '.join(pieces[doubled])}' is there twice"]


@given(cuts(), st.data())
@settings(deadline=None)
def test_two_pieces_that_change_places_are_out_of_order(
    course: Any, pieces: list[list[str]], data: st.DataObject
) -> None:
    left = data.draw(st.integers(0, len(pieces) - 2))
    swapped = [*pieces[:left], pieces[left + 1], pieces[left], *pieces[left + 2 :]]
    (found,) = course.tiling.tiling(course.tiling.tokens(sentence_of(pieces)), rows_of(swapped))
    assert found.startswith("LEGOs out of order")


@given(cuts(), st.data())
@settings(deadline=None)
def test_a_foreign_piece_is_extra(course: Any, pieces: list[list[str]], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(pieces)))
    rows = rows_of([*pieces[:at], ["zzzzzzzzz"], *pieces[at:]])
    found = course.tiling.tiling(course.tiling.tokens(sentence_of(pieces)), rows)
    assert found == ["Extra LEGO: 'zzzzzzzzz'"]


@given(cuts(), st.data())
@settings(deadline=None)
def test_a_feeder_may_be_listed_beside_the_composite_that_contains_it(
    course: Any, pieces: list[list[str]], data: st.DataObject
) -> None:
    composites = [number for number, piece in enumerate(pieces) if len(piece) > 1]
    if not composites:
        return
    number = data.draw(st.sampled_from(composites))
    feeder = [data.draw(st.sampled_from(pieces[number]))]
    sentence = course.tiling.tokens(sentence_of(pieces))
    assert course.tiling.tiling(sentence, rows_of([*pieces[:number], feeder, *pieces[number:]])) == []


def test_overlapping_pieces_do_not_tile(course: Any) -> None:
    rows = rows_of([["voglio", "parlare"], ["parlare", "italiano"]])
    (found,) = course.tiling.tiling(course.tiling.tokens("Voglio parlare italiano."), rows)
    assert found.startswith("LEGOs overlap")


def test_one_row_may_cover_a_word_that_comes_twice(course: Any) -> None:
    rows = rows_of([["piano"], ["e"], ["forte"]])
    assert course.tiling.tiling(course.tiling.tokens("Piano e piano e forte."), rows) == []


def test_a_row_beside_a_base_lego_is_extra_even_if_its_words_are_in_the_sentence(course: Any) -> None:
    rows = [["S0001L01", "B", "la casa", "x"], ["S0001L02", "B", "casa", "x"]]
    assert course.tiling.tiling(course.tiling.tokens("La casa."), rows) != []


def test_case_commas_final_marks_apostrophes_and_composition_do_not_decide(course: Any) -> None:
    tokens = course.tiling.tokens
    assert tokens("Se hai tempo, perché no?") == tokens("se hai tempo perche\u0301 no")
    assert tokens("dell’acqua") == tokens("dell' acqua") == ("dell'", "acqua")
    assert tokens("Dov'è l'ombrello!") == ("dov'", "è", "l'", "ombrello")


def test_many_rows_that_could_cover_in_many_ways_are_judged_at_once(course: Any) -> None:
    rows = rows_of([["a"] * size for size in range(1, 20)])
    assert course.tiling.tiling(("a",) * 60 + ("b",), rows) == ["Missing LEGO: 'b'"]
    course.tiling.tiling(("a",) * 39, [*rows, ["S0001L20", "B", "b", "x"]])
