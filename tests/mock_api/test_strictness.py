"""A scene is asked what the session was told, and nothing of what its attempt's files hold beside that."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.job.prompt_names import named_in
from harness.job.template import CONTRACT_HEADING, environment_of_prompts
from harness.rehearsal.brief import Briefing, PhaseBriefing
from harness.rehearsal.prompt_values import Telling, Untold, UntoldError
from harness.rehearsal.question import Question, question_of
from harness.rehearsal.request_history import RequestHistory

ASK = Callable[..., Question]
TALE = "Once upon a time there was a miller who had three sons, his mill, an ass and a cat; " * 8


def told(text: str, value: Any, *, named: bool = True) -> Any:
    return Telling(text, ["Standing instructions about California"]).part_told(value, "it", named=named)


FORMS = [
    ("of Ada Lovelace, born", "Ada Lovelace"),
    ("ADA   LOVELACE", "Ada Lovelace"),
    ('{"said": "he \\"said\\"\\nso \\u00fc"}', 'he "said"\nso ü'),
    ("Caf\u00e9 &amp; Co", "Cafe\u0301 & Co"),
    ("?q=new%20york+city", "new york city"),
    ("costs 1,234.50 dollars", 1234.5),
    ("costs 1234.50 dollars", "1234.5"),
    ("number 7.", 7),
    ("kind: a", "a"),
    ("on 21.11.2026", "2026-11-21"),
    ("\u3053\u306e\u732b\u306f", "\u732b"),
    ("why ???", "???"),
    (f"about California {TALE}", "California"),
]


@pytest.mark.parametrize(("text", "value"), FORMS)
def test_a_value_is_found_in_whatever_form_a_template_has_given_it(text: str, value: Any) -> None:
    assert told(text, value) == value


@pytest.mark.parametrize(
    "value", ["a", 1, "1", "yes", "Ada Lovelace", 1234.5, "\u732b", ["x", "y"], {"a": {"b": "xyz"}}]
)
def test_what_is_not_in_the_request_is_untold(value: Any) -> None:
    assert isinstance(told("Say 10 things at once, eyes open, of Charles Babbage.", value), Untold)


def test_a_short_value_that_the_template_does_not_name_is_no_proof() -> None:
    assert isinstance(told("Step 1: be good", 1, named=False), Untold)
    assert isinstance(told("Summarize well", "well", named=False), Untold)
    nothings: list[Any] = [None, True, "", []]
    for nothing in nothings:
        assert told("nothing to look for", nothing) == nothing
        assert isinstance(told("true null", nothing, named=False), Untold)
    assert told("nothing here", "California", named=False) == "California", "it stands in the instructions"


def test_of_a_long_text_the_part_that_is_there_is_told() -> None:
    part = told(f"Text: {TALE[:200]}...", TALE)
    assert TALE.startswith(part) and 190 <= len(part) <= 202
    assert isinstance(told("Once upon a time there was a dog.", TALE), Untold)


def test_lists_keep_their_places_and_what_is_missing_in_them_says_so_when_it_is_used() -> None:
    row = told("S1L1: gatto = cat", {"legos": [["S1L1", "composite", "gatto", "cat"]]})["legos"][0]
    assert [row[0], row[2], row[3]] == ["S1L1", "gatto", "cat"]
    with pytest.raises(UntoldError, match=r"it.legos\[0\]\[1\] is not in the request"):
        assert row[1] == "composite"


@pytest.fixture
def ask(tmp_path: Path) -> ASK:
    """ask(template, *rows, id=".id", **spec) -> the question of the session whose prompt the template makes."""

    def ask(template: str, *rows: dict[str, Any], id: str | None = ".id", **more: Any) -> Question:
        items = [{"file": None, "records": [], **row, "data": row.get("data", {})} for row in rows]
        views = [
            {**item["data"], "id": item["id"], "data": item["data"], "records": item["records"], "path": item["file"]}
            for item in items
        ]
        values = {"items": views, "item": views[0], "vars": more.get("vars", {}), "context": more.get("context", {})}
        task = environment_of_prompts().from_string(template).render(values)
        ids = "\n".join(item["id"] for item in items)
        body = {"messages": [{"role": "user", "content": f"Batch 1.\n\n{task}\n\n{CONTRACT_HEADING}\n\n{ids}"}]}
        output = {"file": "output.json", "shape": "array", "key": ".id", "item": ".id", "schema": None}
        spec = {"attempt": 1, "phase": "main", "batch": "1", "items": items, "output": output, **more}
        briefing = Briefing(True, {"main": PhaseBriefing("prompts/task.md", id, named_in(template))})
        return question_of(body, spec, "s", 0, RequestHistory(tmp_path / "log.jsonl"), briefing)

    return ask


LEAD = {"id": "L7", "data": {"id": "L7", "company": "Acme Rockets", "stars": 3}}
SCHOOL = {"id": "Utah State", "data": {"name": "Utah State", "state": "UT", "priority": 1}}
TOPIC = {"id": "volcanoes", "data": {"id": "volcanoes"}}
SCAN = {"id": "in/a.pdf", "data": {"file": "in/a.pdf", "name": "a.pdf", "size": 9}, "file": "input/a.pdf"}
GOOD = [
    ("About {{ item.company }}", LEAD, ".id"),
    ("{{ item.data | tojson }}", LEAD, ".id"),
    ("{{ item.stars }} stars", LEAD, ".id"),
    ("{{ item.id }}", SCHOOL, ".name"),
    ("{{ item.name }}", SCHOOL, ".name"),
    ("{{ item.id }}", TOPIC, ".id"),
    ("Read {{ item.path }}", SCAN, None),
    ("Read input/{{ item.name }}", SCAN, None),
    ("{{ item.id }}", {"id": "x", "data": {"value": "x"}}, "."),
    ("{{ item.records[0] | tojson }}", {**TOPIC, "records": [{"id": "volcanoes", "text": "hot hills"}]}, ".id"),
]
SILENT = "Write a good summary. Be careful. Step 1 of 3: look."


@pytest.mark.parametrize(("template", "row", "id_"), GOOD)
def test_a_prompt_that_names_its_item_passes_and_one_without_the_names_does_not(
    ask: ASK, template: str, row: dict[str, Any], id_: str | None
) -> None:
    assert ask(template, row, id=id_).untold is None
    untold = ask(SILENT, row, id=id_).untold
    assert untold is not None
    assert untold.startswith(f"prompts/task.md gives a session only the id of {row['id']!r}: ")


BAD = [
    ("{{ item.id }}", LEAD, ".id", "company, stars are not in the request"),
    ("{% if item.company %}Write about it{% endif %}", LEAD, ".id", "company, stars are not"),
    ("{{ item.company | length }}", LEAD, ".id", "company, stars are not"),
    ("{% for one in items %}{{ loop.index }} {% endfor %}", LEAD, ".id", "company, stars are not"),
    ("{% if false %}{{ item.company }}{% endif %}", LEAD, ".id", "company, stars are not"),
    ("{{ item.file }} {{ item.id }}", SCAN | {"file": "input/1-a.pdf"}, None, "path is not in the request"),
    ("{{ item.id }}", {**TOPIC, "records": [{"text": "hot hills"}]}, ".id", "records is not in the request"),
]


@pytest.mark.parametrize(("template", "row", "id_", "why"), BAD)
def test_a_prompt_that_only_seems_to_name_its_item_does_not_pass(
    ask: ASK, template: str, row: dict[str, Any], id_: str | None, why: str
) -> None:
    assert why in (ask(template, row, id=id_).untold or "")


def test_a_scene_is_asked_what_was_told_and_hears_what_was_not(ask: ASK) -> None:
    question = ask(
        "About {{ item.company }}, {{ vars.course }}", LEAD, vars={"course": "ita", "seeds": 20}, context={"a": ["zzz"]}
    )
    (item,) = question.ask.items
    assert (dict(item["data"]), item["id"], item["records"]) == ({"company": "Acme Rockets"}, "L7", [])
    assert (question.ask.vars, question.ask.context) == ({"course": "ita"}, {})
    for told_of, name in ((item["data"], "stars"), (question.ask.vars, "seeds"), (question.ask.context, "a")):
        with pytest.raises(UntoldError, match="is not in the request, so the session does not know it"):
            told_of[name]
    with pytest.raises(KeyError):
        item["data"]["never"]


def test_what_a_tool_has_read_is_told_and_a_subagents_request_demands_nothing(ask: ASK, tmp_path: Path) -> None:
    data = {"id": "L7", "text": "a tale of two cities"}
    row: dict[str, Any] = {"id": "L7", "file": None, "records": [], "data": data}
    output = {"file": "output.json", "shape": "array", "key": ".id", "item": ".id", "schema": None}
    spec = {"attempt": 1, "phase": "main", "batch": "1", "items": [row], "output": output}
    result = {"type": "tool_result", "tool_use_id": "t", "content": "1\u2192A Tale of Two Cities"}
    messages = [{"role": "user", "content": "look at it"}, {"role": "user", "content": [result]}]
    briefing = Briefing(True, {"main": PhaseBriefing("the prompt", ".id", named_in("look at it"))})
    question = question_of({"messages": messages}, spec, "s", 0, RequestHistory(tmp_path / "log.jsonl"), briefing)
    assert question.ask.items[0]["data"]["text"] == "a tale of two cities"
    assert question.untold is None and question.ask.ids == ["L7"]
