"""The course of examples/course, loaded once: its modules, and every record that its grammar gives."""

import importlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.base.reason import Reason
from harness.prompts.retry_words import words_of

COURSE = Path(__file__).resolve().parents[2] / "examples" / "course"
BATCH = 20


@dataclass(frozen=True)
class Course:
    """Modules of the example, its seeds, and the right records of all phases by id, each made batch by batch."""

    folder: Path
    checks: Any
    grammar: Any
    phrases: Any
    tiling: Any
    worker: Any
    lexicon: Any
    seeds: list[dict[str, str]]
    """As the items of the manifest: with the course that each is for."""
    pairs: list[Any]
    decompositions: list[Any]
    baskets: dict[str, Any]

    def seed_items(self, number: int, *, translated: bool = False) -> list[dict[str, Any]]:
        """The items of a batch of seeds, as a check sees them."""
        here = slice((number - 1) * BATCH, number * BATCH)
        records = [[pair] if translated else [] for pair in self.pairs[here]]
        seeds = zip(self.seeds[here], records, strict=True)
        return [{"id": seed["id"], "data": seed, "records": given} for seed, given in seeds]

    def lego_items(self, number: int) -> list[dict[str, Any]]:
        """The LEGOs of a batch, as a check sees them."""
        rows = [row for record in self.decompositions[(number - 1) * BATCH : number * BATCH] for row in record[2]]
        return [
            {"id": row[0], "data": {"id": row[0], "type": row[1], "target": row[2], "known": row[3]}} for row in rows
        ]

    def context(self, phase: str, number: int) -> dict[str, list[Any]]:
        """What batch `number` of a phase waited for."""
        if phase == "decompose":
            return {
                "translate": self.pairs[: number * BATCH],
                "decompose": self.decompositions[: (number - 1) * BATCH],
            }
        return {"decompose": self.decompositions[: number * BATCH]} if phase == "baskets" else {}

    def judge_decompositions(self, number: int, records: list[Any]) -> dict[str, list[str]]:
        """What the judge says of these records of one batch."""
        ids = {record[0] for record in records}
        items = [item for item in self.seed_items(number, translated=True) if item["id"] in ids]
        found = self.checks.check_decomposition(
            items, {record[0]: [record] for record in records}, self.context("decompose", number)
        )
        return self.as_read(found)

    def as_read(self, found: dict[str, list[dict[str, str]]]) -> dict[str, list[str]]:
        """What a judge found, as the model reads it."""
        return {item: [words_of(Reason.of_check(reason)) for reason in reasons] for item, reasons in found.items()}

    def seed(self, seed_id: str) -> Any:
        """The right decomposition of a seed."""
        return self.decompositions[int(seed_id[1:]) - 1]


@pytest.fixture(scope="session")
def course() -> Course:
    """The Italian one."""
    return course_of("ita_for_eng")


def course_of(name: str, most: int = 668) -> Course:
    """One of languages/, its first `most` seeds."""
    if str(COURSE) not in sys.path:
        sys.path.insert(0, str(COURSE))
    names = ("checks", "grammar", "phrases", "tiling", "worker")
    checks, grammar, phrases, tiling, worker = (importlib.import_module(name) for name in names)
    lexicon = grammar.Lexicon.load(str(COURSE / "languages" / name / "lexicon.json"))
    rows = json.loads((COURSE / "data" / "canonical_seeds.json").read_text())["seeds"][:most]
    seeds = [{**row, "course": name} for row in rows]
    pairs: list[Any] = []
    decompositions: list[Any] = []
    baskets: dict[str, Any] = {}
    for start in range(0, len(seeds), BATCH):
        items = [{"id": seed["id"], "data": seed} for seed in seeds[start : start + BATCH]]
        new = worker.answer(lexicon, "translate", items, {})
        pairs += new
        translated = [{**item, "records": [pair]} for item, pair in zip(items, new, strict=True)]
        before = {"decompose": list(decompositions)}
        cut = worker.answer(lexicon, "decompose", translated, before)
        decompositions += cut
        legos = [{"id": row[0]} for record in cut for row in record[2]]
        baskets |= worker.answer(lexicon, "baskets", legos, {"decompose": decompositions})
    return Course(COURSE, checks, grammar, phrases, tiling, worker, lexicon, seeds, pairs, decompositions, baskets)
