"""Text of items and models is harmless wherever people read it."""

import json
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.views.report import mark
from harness.views.wording import as_json, at_moment, clean, clean_lines, counted, listed, shorten, shorten_id
from tests.covers import covers


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;new title\x07name", "name"),
        ("\x1b]52;c;cm0gLXJm\x1b\\name", "name"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("a\x9b2Jb", "ab"),
        ("a\rb\nc\td", "a b c d"),
        ("\u202egnp.exe", "gnp.exe"),
        ("bell\x07 back\x08 nul\x00", "bell back nul"),
        ("half \x1b", "half "),
        ("\ud800", "\ufffd"),
    ],
)
def test_I16_nothing_that_steers_a_terminal_is_left(hostile: str, shown: str) -> None:
    assert clean(hostile) == shown


@given(st.text())
def test_I16_clean_text_is_one_printable_line(text: str) -> None:
    cleaned = clean(text)
    assert "\x1b" not in cleaned
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in cleaned)
    assert len(cleaned.splitlines()) <= 1
    cleaned.encode()


def test_clean_lines_keep_their_ends() -> None:
    assert clean_lines("a\x1b[1m\nb\x07") == "a\nb"


@pytest.mark.parametrize("text", ["a|b", "*bold*", "<script>", "[x](javascript:1)", "`code`", "~~x~~", "&lt;", "_em_"])
def test_I16_markdown_means_nothing_but_itself(text: str) -> None:
    marked = mark(text)
    for sign in "|*<>[]`~&":
        assert f"\\{sign}" in marked or sign not in text
    assert mark("_em_") == "\\_em\\_"
    assert mark("OAUTH_TOKEN") == "OAUTH_TOKEN"
    assert "\n" not in mark("a\nb")


@covers("A90")
@pytest.mark.parametrize(
    ("number", "noun", "words"),
    [(1, "school", "1 school"), (24, "school", "24 schools"), (2, "company", "2 companies"), (2, "batch", "2 batches"),
     (2, "day", "2 days"), (3, "person", "3 people"), (1000, "LEGO", "1,000 LEGOs"), (0, "seed", "0 seeds")],
)  # fmt: skip
def test_counts_carry_their_noun(number: int, noun: str, words: str) -> None:
    assert counted(number, noun) == words


def test_long_lists_and_long_texts_are_cut_with_a_sign() -> None:
    assert listed(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
    assert listed(["a"]) == "a"
    assert shorten("x" * 100, 10) == "x" * 9 + "…"


@pytest.mark.parametrize(
    ("days", "told"), [(0, "at 04:28"), (1, "tomorrow at 04:28"), (2, "on Sun 22 Nov at 04:28"), (-1, "on Thu 19 Nov")]
)
def test_a_moment_that_is_not_today_is_told_with_its_day(days: int, told: str) -> None:
    now = datetime(2026, 11, 20, 4, 20).astimezone()
    moment = datetime(2026, 11, 20 + days, 4, 28).astimezone()
    assert at_moment(moment, now).startswith(told)


def test_addresses_that_begin_alike_stay_apart_when_they_are_cut() -> None:
    urls = [f"https://jobs.example.com/apply?{'x' * 300}{n}" for n in range(2)]
    assert [shorten_id(url, 40) for url in urls] == [f"https://jobs.exampl…{'x' * 19}{n}" for n in range(2)]
    assert listed(urls, 2) == ", ".join(shorten_id(url, 40) for url in urls)
    assert shorten_id("x" * 40, 40) == "x" * 40


def test_L7_json_on_a_terminal_holds_no_control_and_is_the_same_value() -> None:
    value = {"a": "x\x9b31m\x85\x7f\u202e\u2028\ufeff\ud800", "b": "Zoë 👩\u200d👧 ‌fa", "c": [1, 2.5, None]}
    for indent in (None, 2):
        text = as_json(value, indent=indent)
        assert not set("\x9b\x85\x7f\u202e\u2028\ufeff\ud800") & set(text)
        assert json.loads(text) == value and "Zoë 👩\u200d👧" in text
