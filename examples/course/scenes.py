"""The course without a model: right answers from the grammar, and the faults that real sessions have made.

Faults are chosen by phase and batch, and heal: those of content by the reasons of the retry, as a model's would, the
others after one time, counted in the request log. What is accepted in the end is always the same.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from grammar import Lexicon
from worker import answer

from harness.rehearsal.scene import Ask, InjectedFault, Records, Reply, Text, Tool, Turn


@cache
def lexicon_of(course: str) -> Lexicon:
    """The words of one course."""
    return Lexicon.load(str(Path(__file__).with_name("languages") / course / "lexicon.json"))


FAULTS = {
    ("translate", 2): "foreign seed",
    ("translate", 3): "broken_json",
    ("translate", 4): "hang",
    ("translate", 5): "die_after_writing",
    ("decompose", 1): "left out",
    ("decompose", 2): "naive",
    ("decompose", 3): "naive",
    ("decompose", 4): "naive",
    ("decompose", 5): "naive",
    ("baskets", 1): "half_file",
    ("baskets", 3): "gate",
    ("baskets", 5): "missing_item",
}
"""What goes wrong first, by phase and batch. Batches 11 to 15, 21 to 25, ... are like 1 to 5, but hang no more: a hang
takes as long as the clocks allow."""


def scene(ask: Ask) -> Reply:
    """The answer to one request of one session."""
    right = answer(lexicon_of(ask.vars["course"]), ask.phase, ask.items, ask.context)
    number = int(ask.batch.partition(".")[0])
    fault = FAULTS.get((ask.phase, (number - 1) % 10 + 1))
    good = Records(right, notes=f"Wrote {len(ask.ids)} records to {ask.output['file']}.")
    match fault:
        case None:
            return good
        case "foreign seed":
            return _foreign_seed(ask, right) or good
        case "left out":
            return Records(_left_out(ask, right))
        case "naive":
            return Records(_naive(ask, right))
        case "gate":
            return Records(_too_early(ask, right))
        case "hang" if number != 4:
            return good
        case _:
            return InjectedFault(fault, times=1, tag=f"{fault} in {ask.phase} {number}", then=good)


def _foreign_seed(ask: Ask, right: list[Any]) -> Reply | None:
    """Once: the first seed comes back under an id of another batch."""
    tag = f"foreign seed in {ask.phase} {ask.batch}"
    if ask.turn > 0 or ask.count(tag) > 0:
        return None
    strange = [[f"S{int(right[0][0][1:]) + 600:04}", right[0][1]], *right[1:]]
    write = Tool("Write", {"file_path": f"{ask.cwd}/{ask.output['file']}", "content": json.dumps(strange)})
    return Turn([Text(f"[{ask.phase} {ask.batch}] writing the file"), write], tag=tag)


def _left_out(ask: Ask, right: list[Any]) -> list[Any]:
    """The last LEGO of the batch's third seed is forgotten until a reason says so."""
    third = f"S{(int(ask.ids[0][1:]) - 1) // 20 * 20 + 3:04}"
    return [
        [record[0], record[1], record[2][:-1]] if record[0] == third and third not in ask.reasons else record
        for record in right
    ]


def _naive(ask: Ask, right: list[Any]) -> list[Any]:
    """Seeds are cut as if nothing had been learned before, until the reasons tell of the collision."""
    unaware = answer(lexicon_of(ask.vars["course"]), ask.phase, ask.items, {})
    return [known if known[0] in ask.reasons else naive for known, naive in zip(right, unaware, strict=True)]


def _too_early(ask: Ask, right: dict[str, Any]) -> dict[str, Any]:
    """The first LEGO of the batch is practised with one that the learner has not met yet, until a reason says so."""
    first = ask.ids[0]
    rows = [row for record in ask.context["decompose"] for row in record[2]]
    met = {row[2] for row in rows if row[0] <= first}
    later = next((row for row in rows if row[2] not in met), None)
    if first in ask.reasons or not first.endswith("L01") or later is None:
        return right
    target, known = right[first]["lego"]
    windows = {**right[first]["d"], "2": [[f"{target} {later[2]}", f"{known} {later[3]}"]]}
    return {**right, first: {**right[first], "d": windows}}
