"""The web of a rehearsal: the pages and search results that a scene declares, and what is there when it declares none.

    pages = {"https://goutes.edu/roster": "Roster: A. Rivera", "https://old.edu/x": Page(location="https://new.edu/x")}
    searches = {"roster": [("Roster", "https://goutes.edu/roster")]}

Each may be a function instead: `pages(url)` returns a text, a Page or None, `searches(query)` a list of (title, url).
Without `pages` every address has a page marked synthetic; without `searches` a search finds the declared pages.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from harness.core.evidence import same_page
from harness.rehearsal.scene import Page
from harness.samples.seed import SYNTHETIC_SITE

_MOST_RESULTS: Final = 10

Pages = Mapping[str, str | Page] | Callable[[str], str | Page | None]
Results = Sequence[tuple[str, str]]
"""Titles and addresses."""

Searches = Mapping[str, Results] | Callable[[str], Results]


class WebError(Exception):
    """What a scene declares of its web is of another form; the message tells its author which."""


@dataclass(frozen=True, slots=True)
class Web:
    """What sessions find. WebError when a scene's function raises, or returns something else than it should."""

    pages: Pages | None = None
    searches: Searches | None = None

    def page(self, url: str) -> Page:
        """The page at this address; one with status 404 where there is none."""
        if self.pages is None:
            return Page(f"<html><title>Rehearsal</title><body><p>A synthetic page at {url}</p></body></html>")
        found = _asked("pages", self.pages, url) if callable(self.pages) else _looked_up(self.pages, url)
        if found is None:
            return Page("<html><body>no such page</body></html>", status=404)
        return _as_page(found, url)

    def search(self, query: str) -> Results:
        """What a search finds, at most ten."""
        if self.searches is None:
            addresses = list(self.pages) if isinstance(self.pages, Mapping) else [f"{SYNTHETIC_SITE}/found"]
            return [(url, url) for url in addresses][:_MOST_RESULTS]
        found = _asked("searches", self.searches, query) if callable(self.searches) else self._declared(query)
        return _as_results(found)[:_MOST_RESULTS]

    def _declared(self, query: str) -> Any:
        """Those of every key that is a part of the query, whatever its case."""
        assert isinstance(self.searches, Mapping)
        words = query.casefold()
        return [result for key, results in self.searches.items() if key.casefold() in words for result in results]


def web_of(scene: Any) -> Web:
    """The web that a scene's module declares. WebError when it is of another form."""
    pages, searches = getattr(scene, "pages", None), getattr(scene, "searches", None)
    if pages is not None and not callable(pages):
        if not isinstance(pages, Mapping):
            raise WebError("pages is {address: text} or a function pages(url)")
        for url, page in pages.items():
            if not isinstance(url, str) or same_page(url) is None:
                raise WebError(f"pages: expected an address such as https://example.edu/roster, got {url!r:.80}")
            _as_page(page, url)
    if searches is not None and not callable(searches):
        if not isinstance(searches, Mapping):
            raise WebError("searches is {words: [(title, address)]} or a function searches(query)")
        for results in searches.values():
            _as_results(results)
    return Web(pages, searches)


def _asked(name: str, function: Callable[[str], Any], argument: str) -> Any:
    try:
        return function(argument)
    except WebError:
        raise
    except Exception as error:
        raise WebError(f"{name}: {type(error).__name__}: {error}") from None


def _looked_up(pages: Mapping[str, str | Page], url: str) -> str | Page | None:
    wanted = same_page(url)
    return next((page for address, page in pages.items() if same_page(address) == wanted), None)


def _as_page(found: Any, url: str) -> Page:
    if isinstance(found, str):
        return Page(found)
    if not isinstance(found, Page):
        raise WebError(f"pages: the page at {url} is a text or a Page, got {found!r:.80}")
    return found


def _as_results(found: Any) -> list[tuple[str, str]]:
    listed = list(found) if isinstance(found, list | tuple) else [found]
    for each in listed:
        is_pair = isinstance(each, list | tuple) and len(each) == 2 and all(isinstance(one, str) for one in each)
        if not is_pair:
            raise WebError(f"searches: expected (title, address), got {each!r:.80}")
    return [(each[0], each[1]) for each in listed]
