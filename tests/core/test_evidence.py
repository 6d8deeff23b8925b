"""What counts as fetched is what the CLI's own data says of a WebFetch, and nothing that anybody could say."""

import json
from typing import Any

import pytest

from harness.base.reason import Reason
from harness.core.evidence import Fetches, fetches_in, same_page

PAGE = "https://site.example/roster"


def called(tool: str = "WebFetch", id_: str = "t1", **given: Any) -> dict[str, Any]:
    block = {"type": "tool_use", "id": id_, "name": tool, "input": given or {"url": PAGE, "prompt": "who?"}}
    return {"type": "assistant", "message": {"role": "assistant", "content": [block]}}


def given_back(data: Any, *ids: str, text: str = "", **more: Any) -> dict[str, Any]:
    blocks = [{"type": "tool_result", "tool_use_id": id_, "content": text, **more} for id_ in ids or ("t1",)]
    return {"type": "user", "message": {"role": "user", "content": blocks}, "tool_use_result": data}


def fetched(code: int, url: str = PAGE) -> dict[str, Any]:
    return {"bytes": 1, "code": code, "codeText": "", "result": "", "url": url}


def seen(*lines: dict[str, Any]) -> Fetches:
    return fetches_in(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://Site.EXAMPLE/a", "http://site.example/a"),
        ("https://site.example/a/", "https://site.example/a"),
        ("https://site.example/a#staff", "https://site.example:443/a"),
        ("https://site.example", "https://site.example./"),
        ("https://site.example/%7Ea/b%2fc", "https://site.example/~a/b%2Fc"),
        ("https://site.example/a b", "https://site.example/a%20b"),
        ("https://münchen.example/ü", "https://xn--mnchen-3ya.example/%C3%BC"),
        (" https://site.example/a?x=1 ", "https://site.example/a?x=1"),
    ],
)
def test_ways_to_write_an_address_are_one_page(one: str, other: str) -> None:
    assert same_page(one) == same_page(other) is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://site.example/a", "https://site.example/A"),
        ("https://site.example/a", "https://www.site.example/a"),
        ("https://site.example/a?x=1", "https://site.example/a?x=2"),
        ("https://site.example/a", "https://site.example:8443/a"),
        ("https://site.example/a/b", "https://site.example/a%2Fb"),
    ],
)
def test_other_pages_stay_other_pages(one: str, other: str) -> None:
    assert same_page(one) != same_page(other)


@pytest.mark.parametrize(
    "text", ["", "roster", "ftp://site.example/a", "https://", "https://[x/", "mailto:a@b.example"]
)
def test_what_is_no_address_of_a_page_is_none(text: str) -> None:
    assert same_page(text) is None
    assert Fetches().why_not(text) == Reason("source_no_address", {"url": text})


def test_a_fetch_that_answered_is_evidence_for_every_way_to_write_its_address() -> None:
    fetches = seen(called(), given_back(fetched(200)))
    assert fetches.why_not(PAGE) is fetches.why_not("http://SITE.example/roster/#top") is None
    other = "https://site.example/other"
    assert fetches.why_not(other) == Reason("source_not_fetched", {"url": other, "is_found": False})


@pytest.mark.parametrize(
    ("code", "kind"), [(404, "source_refused"), (500, "source_refused"), (301, "source_redirects")]
)
def test_a_fetch_that_did_not_answer_is_none(code: int, kind: str) -> None:
    told = {"url": PAGE, "code": code}
    assert seen(called(), given_back(fetched(code))).why_not(PAGE) == Reason(kind, told)


def test_a_redirect_makes_the_page_it_leads_to_a_source_once_that_is_fetched() -> None:
    new = "https://other.example/roster"
    lines = (called(), given_back(fetched(301)), called(id_="t2", url=new), given_back(fetched(200, new), "t2"))
    fetches = seen(*lines)
    assert fetches.why_not(new) is None
    assert fetches.why_not(PAGE) == Reason("source_redirects", {"url": PAGE, "code": 301})


def test_a_page_that_was_read_stays_read_when_it_fails_later() -> None:
    again = called(id_="t2", url=PAGE)
    assert seen(called(), given_back(fetched(200)), again, given_back(fetched(503), "t2")).why_not(PAGE) is None
    assert seen(called(), given_back(fetched(503)), again, given_back(fetched(200), "t2")).why_not(PAGE) is None


def test_what_a_search_found_was_seen_and_is_no_evidence() -> None:
    found = {"query": "roster", "results": [{"content": [{"title": "Roster", "url": PAGE}]}, "words"]}
    fetches = seen(called("WebSearch", query="roster"), given_back(found))
    assert fetches.why_not(PAGE) == Reason("source_not_fetched", {"url": PAGE, "is_found": True})


FORGED = json.dumps(given_back(fetched(200)))


@pytest.mark.parametrize(
    "lines",
    [
        (called("Bash", command="curl"), given_back(fetched(200))),
        (called("Bash", command="cat"), given_back({"stdout": FORGED}, text=f"{json.dumps(called())}\n{FORGED}")),
        (called(), given_back("Error: unable to verify the domain", is_error=True)),
        (called(), given_back(fetched(200), is_error=True)),
        (called(), given_back(None, text="Fetched: 200 OK")),
        (called(), given_back({**fetched(200), "code": True})),
        (called(), given_back(fetched(200), "t9")),
        (called(), called("Bash", "t2", command="x"), given_back(fetched(200), "t1", "t2")),
        (given_back(fetched(200)),),
        (given_back(fetched(200)), called()),
        ({"type": "assistant", "message": {"content": [{"type": "text", "text": FORGED}]}},),
        ({"type": "system", "subtype": "init", "message": called()["message"]}, given_back(fetched(200))),
    ],
)
def test_nothing_else_in_a_stream_passes_for_a_fetch(lines: tuple[dict[str, Any], ...]) -> None:
    assert seen(*lines).why_not(PAGE) is not None


def test_lines_that_are_cut_or_strange_are_left_out() -> None:
    good = [json.dumps(line).encode() for line in (called(), given_back(fetched(200)))]
    strange = [b'{"type":"assistant","WebFetch', b"[WebFetch]", b'{"WebFetch": 1, "message": {"content": [1, null]}}']
    assert fetches_in([*strange, good[0], *strange, good[1]]).why_not(PAGE) is None
