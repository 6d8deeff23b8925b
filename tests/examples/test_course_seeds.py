"""The seeds of the course come out of its lexicon, always the same."""

import collections
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.covers import covers


@covers("F175")
def test_the_generator_writes_the_committed_seeds_byte_for_byte(course: Any, tmp_path: Path) -> None:
    committed = (course.folder / "data" / "canonical_seeds.json").read_bytes()
    for name in ("make_seeds.py", "grammar.py", "languages/ita_for_eng/lexicon.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        shutil.copy(course.folder / name, tmp_path / name)
    (tmp_path / "data").mkdir()
    subprocess.run([sys.executable, "make_seeds.py"], cwd=tmp_path, env={"PYTHONHASHSEED": "11"}, check=True)
    assert (tmp_path / "data" / "canonical_seeds.json").read_bytes() == committed


@covers("F175")
def test_there_are_668_seeds_and_no_two_are_the_same(course: Any) -> None:
    assert [seed["id"] for seed in course.seeds] == [f"S{number:04}" for number in range(1, 669)]
    assert len({seed["known"] for seed in course.seeds}) == 668


@covers("F170")
def test_668_seeds_are_34_batches_and_the_last_has_eight(course: Any) -> None:
    assert len(course.seed_items(34)) == 8
    assert course.seed_items(34)[0]["id"] == "S0661"
    assert course.seed_items(35) == []


def test_a_chunk_has_one_target_and_one_known_apart_from_the_nine_senses(course: Any) -> None:
    content = json.loads((course.folder / "languages" / "ita_for_eng" / "lexicon.json").read_text())
    chunks = [chunk for of_category in course.lexicon.of_category.values() for chunk in of_category]
    for side in ("known", "target"):
        counts = collections.Counter(getattr(chunk, side).lower() for chunk in chunks)
        assert [text for text, count in counts.items() if count > 1] == []
    assert len(content["senses"]) == 9


@covers("F169", "A76")
def test_the_number_of_legos_is_that_of_a_real_course(course: Any) -> None:
    counts = [len(course.lego_items(number)) for number in range(1, 35)]
    assert 2200 <= sum(counts) <= 2500
    assert max(counts) <= 100, "a batch of LEGOs must fit into batch.size of the phase baskets"
    assert min(counts[:-1]) >= 50
