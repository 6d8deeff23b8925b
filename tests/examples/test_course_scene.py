"""The scene of the course: faults where they were planned, healed by reasons or after one time, always the same end."""

import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from harness.rehearsal.scene import Ask, InjectedFault, Records, Tool, Turn
from tests.covers import covers


@dataclass
class Tags:
    """A request log that holds nothing but tags."""

    tags: list[str] = field(default_factory=list)

    def count(self, name: str, match: Mapping[str, object]) -> int:
        return self.tags.count(name)


@pytest.fixture(scope="session")
def scenes(course: Any) -> Any:
    return importlib.import_module("scenes")


def ask_of(
    course: Any, phase: str, number: int, *, reasons: dict[str, list[str]] | None = None, log: Tags | None = None
) -> Ask:
    items = (
        course.lego_items(number) if phase == "baskets" else course.seed_items(number, translated=phase != "translate")
    )
    return Ask(
        phase=phase, batch=str(number), items=items, ids=[item["id"] for item in items], tries=0, attempt=1,
        reasons=reasons or {}, vars={"course": "ita_for_eng"},
        output={"file": "out.json", "shape": "array", "key": ".[0]"},
        context=course.context(phase, number), cwd="/mnt/work", turn=0, prompt="", tool_results=[], seed=1, history=log,
    )  # fmt: skip


def right(course: Any, phase: str, number: int) -> Any:
    here = slice((number - 1) * 20, number * 20)
    if phase == "baskets":
        return {item["id"]: course.baskets[item["id"]] for item in course.lego_items(number)}
    return (course.pairs if phase == "translate" else course.decompositions)[here]


def rejected(course: Any, phase: str, number: int, records: Any) -> dict[str, list[str]]:
    """What the judge says of a whole answer."""
    ask = ask_of(course, phase, number)
    by_id = {name: [basket] for name, basket in records.items()} if phase == "baskets" else {r[0]: [r] for r in records}
    items = [item for item in ask.items if item["id"] in by_id]
    name = {"translate": "translation", "decompose": "decomposition", "baskets": "baskets"}[phase]
    found: dict[str, list[str]] = course.as_read(getattr(course.checks, f"check_{name}")(items, by_id, ask.context))
    return found


def test_twenty_seeds_meet_a_fault_and_a_hundred_meet_every_kind(scenes: Any) -> None:
    assert [fault for (_, number), fault in scenes.FAULTS.items() if number == 1] == ["left out", "half_file"]
    wanted = {"left out", "broken_json", "foreign seed", "hang", "half_file", "die_after_writing", "naive"}
    assert wanted <= set(scenes.FAULTS.values())


@pytest.mark.parametrize("phase", ["translate", "decompose", "baskets"])
def test_underneath_every_fault_lies_the_right_answer(course: Any, scenes: Any, phase: str) -> None:
    wrong = []
    for number in range(1, 35):
        end = healed(course, scenes, phase, number)
        if not isinstance(end, Records) or end.records != right(course, phase, number):
            wrong.append((number, end))
    assert not wrong


def healed(course: Any, scenes: Any, phase: str, number: int) -> Any:
    """The scene's answer to a batch once each of its faults has come and was told."""
    reply = scenes.scene(ask_of(course, phase, number, log=Tags()))
    for _ in range(3):
        match reply:
            case InjectedFault(then=then, times=times, tag=tag):
                assert times == 1 and tag
                reply = then
            case Turn(tag=tag):
                reply = scenes.scene(ask_of(course, phase, number, log=Tags([str(tag)])))
            case Records(records=records) if reasons := rejected(course, phase, number, records):
                reply = scenes.scene(ask_of(course, phase, number, reasons=reasons))
    return reply


@pytest.mark.parametrize(
    ("phase", "number", "kind"),
    [
        ("decompose", 1, "tiling_failure: Missing LEGO: 'dov'è la stazione'"),
        *[("decompose", number, "fd_violation") for number in (2, 3, 4, 5)],
        ("baskets", 3, "gate_violation"),
    ],
)
def test_a_fault_of_content_is_refused_with_its_reason(
    course: Any, scenes: Any, phase: str, number: int, kind: str
) -> None:
    reply = scenes.scene(ask_of(course, phase, number))
    reasons = rejected(course, phase, number, reply.records)
    assert reasons and all(any(reason.startswith(kind) for reason in found) for found in reasons.values())


@covers("A84")
def test_the_foreign_seed_comes_once_and_its_own_is_missing(course: Any, scenes: Any) -> None:
    reply = scenes.scene(ask_of(course, "translate", 2, log=Tags()))
    assert isinstance(reply, Turn)
    (write,) = (block for block in reply.blocks if isinstance(block, Tool))
    ids = [record[0] for record in json.loads(write.input["content"])]
    assert ids == ["S0621", *[f"S{number:04}" for number in range(22, 41)]]
    assert write.input["file_path"] == "/mnt/work/out.json"


def test_a_hang_costs_the_clocks_once_in_668_seeds(course: Any, scenes: Any) -> None:
    replies = [scenes.scene(ask_of(course, "translate", number, log=Tags())) for number in range(1, 35)]
    assert [r.name for r in replies if isinstance(r, InjectedFault)].count("hang") == 1
