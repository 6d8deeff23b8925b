"""The request log and the sums over it."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from harness.rehearsal.play import Played, Vanish
from harness.rehearsal.request_history import RequestHistory
from harness.rehearsal.request_log import LoggedRequest, account, read_log

USAGE = {"input_tokens": 1, "cache_read_input_tokens": 20, "cache_creation_input_tokens": 300, "output_tokens": 4000}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "requests.jsonl"


@pytest.fixture
def line(logged: Callable[..., LoggedRequest], asking: Any) -> Callable[..., LoggedRequest]:
    """line(number, **fields) -> LoggedRequest"""

    def make(number: int, **fields: Any) -> LoggedRequest:
        return replace(logged(number, asking("A1", "Ä\n2"), Played(Vanish("drop"), ("tag",), "529", 5.0)), **fields)

    return make


def test_what_was_logged_is_read_back_whole(path: Path, line: Any) -> None:
    request = line(1, cost_usd=Decimal("0.0123"), breakpoints=(("ab", 3, "1h"),), usage=USAGE, error="x", note="y")
    RequestHistory(path).append(request)
    assert read_log(path) == [request]


def test_a_line_of_0_1_0_names_its_fault_by_another_key(path: Path, line: Any) -> None:
    path.write_bytes(line(1).to_line().replace(b'"fault": "529"', b'"trouble": "529"'))
    assert [request.fault for request in read_log(path)] == ["529"]


def test_a_line_cut_off_by_a_kill_is_left_out_and_harms_no_other(path: Path, line: Any) -> None:
    RequestHistory(path).append(line(1))
    for cut in (1, 50, len(line(2).to_line()) - 1):
        path.write_bytes(line(1).to_line() + line(2).to_line()[:cut])
        past = RequestHistory(path)
        assert past.next_number == 2
        past.append(line(2))
        assert [request.number for request in read_log(path)] == [1, 2]


def test_no_log_is_an_empty_account(path: Path) -> None:
    assert read_log(path) == []
    assert account(path).requests == 0


def test_the_account_sums_by_model_and_in_all(path: Path, line: Any) -> None:
    past = RequestHistory(path)
    past.append(line(1, session="a", usage=USAGE, cost_usd=Decimal("0.1"), fault=None))
    past.append(line(2, session="a", usage=USAGE, cost_usd=Decimal("0.2"), fault=None))
    past.append(line(3, session="b", model="other", usage=USAGE, cost_usd=None, error="scenes.py:3: no"))
    past.append(line(4, session="b", model="other", cost_usd=Decimal(0), error="scenes.py:3: no"))
    for number, session in ((5, "c"), (6, "c"), (7, "d")):
        past.append(line(number, session=session, fault="missing_item", model="none", cost_usd=Decimal(0)))
    sums = account(path)
    assert (sums.requests, sums.sessions, sums.cost_usd) == (7, 4, Decimal("0.3"))
    assert sums.faults == {"529": 2, "missing_item": 2}, "529 is met by requests, missing_item by sessions"
    assert sums.errors == ("scenes.py:3: no",)
    sonnet = sums.by_model["claude-sonnet-5-5"]
    assert (sonnet.input_tokens, sonnet.cache_read_input_tokens) == (2, 40)
    assert (sonnet.cache_creation_input_tokens, sonnet.output_tokens) == (600, 8000)
    assert sums.by_model["other"].unpriced == 1
