"""The rehearsal of the schools job is plainly synthetic, always the same, and brings the faults it promises."""

import importlib.util
import json
import random
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest

from harness.rehearsal.scene import Ask, InjectedFault, Reply, Tool, Turn
from tests.covers import covers

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "data" / "report.schema.json").read_text(encoding="utf-8"))
LISTED = json.loads((ROOT / "data" / "target_schools_west.json").read_text(encoding="utf-8"))["schools"]
SCHOOLS: list[str] = [school["name"] for school in LISTED]


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"schools_{name}", ROOT / name / "schools.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCENE = _load("scenes")


def _ask(school: str, turn: int = 0, *, attempt: int = 1, reasons: list[str] | None = None, seed: int = 1) -> Ask:
    return Ask(
        phase="main",
        batch="1",
        items=[{"id": school, "data": {"name": school}, "file": None, "records": []}],
        ids=[school],
        tries=attempt - 1,
        attempt=attempt,
        reasons={school: reasons} if reasons else {},
        vars={},
        output={"file": "report.json", "shape": "one", "key": ".school", "item": ".school", "schema": SCHEMA},
        context={},
        cwd="/mnt/work",
        turn=turn,
        prompt="",
        tool_results=[],
        seed=seed,
    )


def _turn(reply: Reply | None) -> Turn:
    while isinstance(reply, InjectedFault):
        reply = reply.then
    assert isinstance(reply, Turn)
    return reply


def _tool(ask: Ask) -> Tool:
    return next(block for block in _turn(SCENE.scene(ask)).blocks if isinstance(block, Tool))


def _written(ask: Ask) -> Any:
    tool = _tool(replace(ask, turn=2))
    assert (tool.name, tool.input["file_path"]) == ("Write", "/mnt/work/report.json")
    return json.loads(tool.input["content"])


def _fetched(ask: Ask) -> list[str]:
    blocks = _turn(SCENE.scene(replace(ask, turn=1))).blocks
    return [block.input["url"] for block in blocks if isinstance(block, Tool) and block.name == "WebFetch"]


def _is_accepted(school: str, report: Any) -> bool:
    found: dict[str, list[str]] = _load("checks").overlaps([], {school: [report]}, {})
    return jsonschema.Draft202012Validator(SCHEMA).is_valid(report) and bool(report["coaches"]) and not found


@pytest.mark.parametrize("school", [name for name in SCHOOLS if name not in (SCENE.NEVER_FOUND, SCENE.WRONG_ONCE)])
def test_every_other_school_s_first_report_is_accepted(school: str) -> None:
    assert _is_accepted(school, _written(_ask(school)))


@covers("F60", "F75")
def test_one_school_never_has_a_coach_whatever_it_is_told() -> None:
    for attempt, reasons in ((1, None), (2, ["name at least one coach"]), (3, ["name at least one coach"])):
        report = _written(_ask(SCENE.NEVER_FOUND, attempt=attempt, reasons=reasons))
        assert report["coaches"] == []
        assert not _is_accepted(SCENE.NEVER_FOUND, report)


@covers("F61")
def test_one_school_is_mended_by_its_reasons_and_by_nothing_else() -> None:
    school = SCENE.WRONG_ONCE
    again = _ask(school, attempt=2)
    told = _ask(school, attempt=2, reasons=["'data_quality' is a required property"])
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(_written(_ask(school)))
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(_written(again))
    assert _is_accepted(school, _written(told))


def test_one_school_meets_an_overload_that_heals() -> None:
    reply = SCENE.scene(_ask(SCENE.OVERLOADED))
    assert isinstance(reply, InjectedFault)
    assert (reply.name, reply.times) == ("529", 2)


def test_one_school_names_a_page_that_it_did_not_fetch_until_it_is_told() -> None:
    report = _written(_ask(SCENE.UNREAD))
    last = report["coaches"][-1]["career"][0]["source_url"]
    first, told = (_fetched(_ask(SCENE.UNREAD, reasons=reasons)) for reasons in (None, [f"source {last}"]))
    assert last not in first and [*first, last] == told


def test_every_other_session_fetches_what_its_report_names() -> None:
    for school in set(SCHOOLS) - {SCENE.UNREAD, SCENE.NEVER_FOUND}:
        named = [step["source_url"] for coach in _written(_ask(school))["coaches"] for step in coach["career"]]
        assert set(named) == set(_fetched(_ask(school)))
        assert all(SCENE.pages(url).status == 200 for url in named)
    (roster,) = _fetched(_ask(SCENE.NEVER_FOUND))
    assert SCENE.pages(roster) is None


def test_one_school_s_session_never_ends_by_itself_once_its_report_is_written() -> None:
    reply = SCENE.scene(_ask(SCENE.IDLES, turn=3))
    assert isinstance(reply, InjectedFault)
    assert (reply.name, reply.times) == ("hang", None)
    assert _is_accepted(SCENE.IDLES, _written(_ask(SCENE.IDLES)))


def test_the_faulty_schools_are_five_and_all_in_the_list() -> None:
    faulty = {SCENE.NEVER_FOUND, SCENE.WRONG_ONCE, SCENE.OVERLOADED, SCENE.IDLES, SCENE.UNREAD}
    assert len(faulty) == 5
    assert faulty <= set(SCHOOLS)


def test_a_session_searches_fetches_writes_reads_over_and_ends() -> None:
    school = SCHOOLS[0]
    names = ["WebSearch", "WebFetch", "Write", "Read"]
    assert [_tool(_ask(school, turn)).name for turn in range(4)] == names
    last = _turn(SCENE.scene(_ask(school, 4)))
    assert last.stop == "end_turn"
    assert not [block for block in last.blocks if isinstance(block, Tool)]


def test_a_report_depends_on_the_school_and_the_seed_alone() -> None:
    school = SCHOOLS[0]
    first = _written(_ask(school))
    random.seed(7)
    assert _written(_ask(school, attempt=2, reasons=["wrong"])) == first
    assert _written(_ask(school, seed=2)) != first
    assert len({json.dumps(_written(_ask(name))["coaches"]) for name in SCHOOLS}) == len(SCHOOLS)


def test_nothing_in_a_report_could_be_taken_for_a_fact() -> None:
    for school in SCHOOLS:
        report = _written(_ask(school))
        assert report["notes"].startswith("Rehearsal")
        for coach in report["coaches"]:
            assert coach["name"].startswith("Rehearsal Coach ")
            assert all(step["source_url"].startswith("https://rehearsal.invalid/") for step in coach["career"])


def test_there_are_overlaps_and_there_are_coaches_without() -> None:
    claims = {coach["nmdp_overlap"] for school in SCHOOLS for coach in _written(_ask(school))["coaches"]}
    assert claims == {"YES", "NO"}


def test_the_table_of_drives_is_what_the_scene_makes_up() -> None:
    names = json.loads((ROOT / "data" / "school_aliases.json").read_text(encoding="utf-8"))
    drives = json.loads((ROOT / "data" / "donor_drives.json").read_text(encoding="utf-8"))
    synthetic = {name: SCENE.drive_years(name) for name in names if not name.startswith("_")}
    assert {name: years for name, years in drives.items() if not name.startswith("_")} == {
        name: years for name, years in synthetic.items() if years
    }
    assert set(SCENE.PLACES) <= synthetic.keys()
