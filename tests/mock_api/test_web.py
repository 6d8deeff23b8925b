"""The web of a rehearsal: the pages that a scene declares, for its own sessions alone, and nothing of the real one."""

import asyncio
import base64
import http.client
import json
import socket
import ssl
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.rehearsal.pages import Web, WebError, web_of
from harness.rehearsal.proxy import WebProxy
from harness.rehearsal.scene import Page
from harness.rehearsal.stage import SceneError, SceneStage

ROSTER = "https://site.example/roster"


class Browser:
    """Somebody who knows the proxy."""

    def __init__(self, web: Web, log: Path) -> None:
        self.failed: list[str] = []
        self.proxy = WebProxy(web, log, "secret", self.failed.append)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(self.proxy.serve(self._listener))
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def get(self, host: str, target: str, user: str = "session-1:secret") -> tuple[int, dict[str, str], str]:
        trust = ssl.create_default_context(cadata=self.proxy.authority)
        connection = http.client.HTTPSConnection(*self._listener.getsockname(), context=trust)
        word = base64.b64encode(user.encode()).decode()
        connection.set_tunnel(host, headers={"Proxy-Authorization": f"Basic {word}"})
        connection.request("GET", target)
        answer = connection.getresponse()
        told = answer.status, dict(answer.getheaders()), answer.read().decode()
        connection.close()
        return told

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


@pytest.fixture
def browsing(tmp_path: Path) -> Iterator[Callable[[Web], Browser]]:
    made: list[Browser] = []

    def browse(web: Web) -> Browser:
        made.append(Browser(web, tmp_path / "web.jsonl"))
        return made[-1]

    yield browse
    for browser in made:
        browser.close()


def test_a_session_gets_the_pages_of_the_scene_and_each_is_noted(
    browsing: Callable[[Web], Browser], tmp_path: Path
) -> None:
    browser = browsing(Web({ROSTER: "Coach One", "https://old.example/x": Page(location=ROSTER)}))
    assert browser.get("site.example", "/roster")[::2] == (200, "Coach One")
    assert browser.get("SITE.example", "/roster/")[0] == 200
    moved = browser.get("old.example", "/x")
    assert (moved[0], moved[1]["location"]) == (301, ROSTER)
    assert browser.get("site.example", "/nothing")[0] == 404
    allowed = json.loads(browser.get("api.anthropic.com", "/api/web/domain_info?domain=site.example")[2])
    assert allowed == {"domain": "site.example", "can_fetch": True}
    noted = [json.loads(line) for line in (tmp_path / "web.jsonl").read_text().splitlines()]
    assert [(line["session"], line["url"], line["status"]) for line in noted] == [
        ("session-1", ROSTER, 200),
        ("session-1", f"{ROSTER}/", 200),
        ("session-1", "https://old.example/x", 301),
        ("session-1", "https://site.example/nothing", 404),
    ]
    assert browser.failed == []


def test_who_does_not_know_the_secret_gets_nothing(browsing: Callable[[Web], Browser]) -> None:
    browser = browsing(Web())
    for user in ("session-1:guess", ":", "session-1"):
        with pytest.raises(OSError, match="407"):
            browser.get("site.example", "/roster", user)
    with pytest.raises(ssl.SSLCertVerificationError):  # nobody but its sessions trusts it
        strangers = http.client.HTTPSConnection(*browser._listener.getsockname())
        strangers.set_tunnel("site.example", headers={"Proxy-Authorization": "Basic czpzZWNyZXQ="})
        strangers.request("GET", "/")


def test_a_function_for_pages_that_fails_is_told_and_answers_500(browsing: Callable[[Web], Browser]) -> None:
    def pages(url: str) -> Any:
        return 5 if url.endswith("five") else 1 / 0

    browser = browsing(Web(pages))
    assert browser.get("site.example", "/five")[0] == browser.get("site.example", "/x")[0] == 500
    five, divided = browser.failed
    assert "is a text or a Page, got 5" in five and "ZeroDivisionError" in divided


def test_without_pages_every_address_has_one_that_says_it_is_synthetic() -> None:
    assert "synthetic page" in Web().page(ROSTER).text
    assert Web().search("anything") == [("https://rehearsal.invalid/found", "https://rehearsal.invalid/found")]


def test_a_search_finds_what_the_scene_says() -> None:
    declared = Web({ROSTER: "x"}, {"Roster": [("R", ROSTER)], "staff": [("S", "https://site.example/s")]})
    assert declared.search("the roster and STAFF") == [("R", ROSTER), ("S", "https://site.example/s")]
    assert declared.search("weather") == []
    assert Web({ROSTER: "x"}).search("weather") == [(ROSTER, ROSTER)]
    assert Web(searches=lambda query: [(query, ROSTER)]).search("q") == [("q", ROSTER)]
    with pytest.raises(WebError, match="searches: ZeroDivisionError"):
        Web(searches=lambda query: 1 / 0).search("q")  # type: ignore[arg-type,return-value]
    with pytest.raises(WebError, match=r"expected \(title, address\), got 'x'"):
        Web(searches=lambda query: "x").search("q")  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ("pages = 5", "pages is {address: text} or a function pages(url)"),
        ("pages = {'roster': 'x'}", "expected an address such as https://example.edu/roster, got 'roster'"),
        ("pages = {'https://a.example': 5}", "the page at https://a.example is a text or a Page, got 5"),
        ("searches = []", "searches is {words: [(title, address)]} or a function searches(query)"),
        ("searches = {'a': ['b']}", "searches: expected (title, address), got 'b'"),
    ],
)
def test_a_web_of_another_form_is_told_before_anything_runs(tmp_path: Path, declared: str, said: str) -> None:
    (tmp_path / "scene.py").write_text(f"def scene(ask): ...\n{declared}\n")
    with pytest.raises(SceneError, match=r"^scene\.py: ") as caught:
        SceneStage(tmp_path / "scene.py")
    assert said in str(caught.value)


def test_a_page_that_leads_elsewhere_is_a_redirect() -> None:
    assert Page(location=ROSTER).status == 301 and Page(location=ROSTER, status=302).status == 302
    with pytest.raises(ValueError, match="expected 200 to 599, got 99"):
        Page("x", 99)
    assert web_of(textwrap) == Web()
