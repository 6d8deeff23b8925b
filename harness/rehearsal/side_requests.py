"""What is answered on the side: to the search of a WebSearch, and to the reading of a page that WebFetch fetched."""

import re
from dataclasses import dataclass
from typing import Final

from harness.rehearsal.pages import Results, Web
from harness.rehearsal.question import Question
from harness.rehearsal.scene import Text, Tool, Turn

_QUERY: Final = re.compile(r"(?:search for the query|query):?\s*(.*)", re.DOTALL | re.IGNORECASE)
_PAGE: Final = re.compile(r"^---\n(.*)\n---$", re.DOTALL | re.MULTILINE)
_MOST_READ: Final = 2000


@dataclass(frozen=True, slots=True)
class ServerTool(Tool):
    """A call of a tool that the provider itself runs."""


@dataclass(frozen=True, slots=True)
class SideResult:
    """What that call brought; stands right behind it in a turn."""

    results: Results


@dataclass(frozen=True, slots=True)
class SideTurn(Turn):
    """A turn that may hold what only a provider says."""

    searches: int = 0
    """How many searches are billed for it."""


def side_turn(question: Question, web: Web) -> SideTurn:
    """The answer to a request that a tool makes. WebError when what the scene declares is of another form."""
    if question.purpose == "search":
        query = query_of(question.ask.prompt)
        blocks = [
            ServerTool("web_search", {"query": query}),
            SideResult(web.search(query)),
            Text(f"Results for {query!r}."),
        ]
        return SideTurn(blocks, "end_turn", searches=1)  # type: ignore[arg-type]  # Found is for the wire alone
    return SideTurn([Text(f"rehearsal: the page says: {_content(question.ask.prompt)}")], "end_turn")


def query_of(prompt: str) -> str:
    """The words that are searched for, as the CLI asks for them."""
    found = _QUERY.search(prompt)
    return (found[1] if found else prompt).strip()


def _content(prompt: str) -> str:
    """Of the page, which the CLI puts between two lines of dashes; else all that was sent."""
    between = _PAGE.search(prompt)
    return (between[1] if between else prompt).strip()[:_MOST_READ]
