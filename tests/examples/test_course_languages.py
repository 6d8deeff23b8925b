"""Each folder of languages/ is a whole course: every seed, every right record, the hard rules, and its own prompts."""

import collections
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.base.errors import UsageError
from harness.job.load import load
from tests.covers import covers
from tests.examples.conftest import COURSE, course_of

ROOT = COURSE.parents[1]
COURSES = sorted(path.name for path in (COURSE / "languages").iterdir())


@pytest.fixture(scope="module")
def spanish() -> Any:
    return course_of("spa_for_eng", 100)


def test_there_is_an_italian_and_a_spanish_course() -> None:
    assert COURSES == ["ita_for_eng", "spa_for_eng"]


@pytest.mark.parametrize("name", COURSES)
def test_every_lexicon_knows_every_seed_and_has_one_target_and_one_known(course: Any, name: str) -> None:
    lexicon = course.grammar.Lexicon.load(str(COURSE / "languages" / name / "lexicon.json"))
    for seed in course.seeds:
        assert lexicon.parse(seed["known"])
    chunks = [chunk for of_category in lexicon.of_category.values() for chunk in of_category]
    for side in ("known", "target"):
        counts = collections.Counter(getattr(chunk, side).lower() for chunk in chunks)
        assert [text for text, count in counts.items() if count > 1] == []


@covers("F208")
def test_the_right_records_of_the_spanish_course_pass_its_judges(spanish: Any) -> None:
    assert spanish.pairs[0][1] == ["Quiero hablar italiano contigo ahora.", "I want to speak Italian with you now."]
    for number in range(1, 6):
        pairs = {pair[0]: [pair] for pair in spanish.pairs}
        assert spanish.checks.check_translation(spanish.seed_items(number), pairs, {}) == {}
        cut = spanish.decompositions[(number - 1) * 20 : number * 20]
        assert spanish.judge_decompositions(number, cut) == {}
        baskets = {name: [basket] for name, basket in spanish.baskets.items()}
        context = spanish.context("baskets", number)
        assert spanish.checks.check_baskets(spanish.lego_items(number), baskets, context) == {}


def test_an_answer_in_the_language_of_another_course_is_rejected(course: Any, spanish: Any) -> None:
    pairs = {pair[0]: [pair] for pair in course.pairs}
    found = spanish.checks.check_translation(spanish.seed_items(1), pairs, {})
    assert len(found) >= 15
    assert {reason["type"] for reasons in found.values() for reason in reasons} == {"vocabulary", "wrong_language"}


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("el", "unbonded_article"),
        ("quiero un", "unbonded_article"),
        ("han", "unbonded_auxiliary"),
        ("no", "standalone_negation"),
        ("me", "unbonded_clitic"),
        ("de", "over_granularization"),
    ],
)
def test_the_hard_rules_are_those_of_the_language(spanish: Any, target: str, kind: str) -> None:
    record = ["S0004", ["Necesitas permanecer.", "You need to stay."], [["S0004L01", "B", target, "x"]]]
    (reasons,) = spanish.judge_decompositions(1, [record]).values()
    assert any(reason.startswith(kind) for reason in reasons), reasons


def test_a_spanish_question_opens_with_its_mark(spanish: Any) -> None:
    seed = {"id": "S0200", "known": "Where did you buy the bread?", "course": "spa_for_eng"}
    item = {"id": "S0200", "data": seed}
    for target, rejected in (("Dónde compraste el pan?", True), ("¿Dónde compraste el pan?", False)):
        records = {"S0200": [["S0200", [target, seed["known"]]]]}
        assert bool(spanish.checks.check_translation([item], records, {})) == rejected
    assert spanish.grammar.translate(spanish.lexicon, seed["known"]) == "¿Dónde compraste el pan?"


def test_no_language_is_named_outside_of_its_folder() -> None:
    """But for the seeds, which are the same English sentences for all."""
    names = re.compile(r"\b(Italian|Spanish|italiano|español)\b")
    prompts = [*(COURSE / "prompts").glob("*.md"), COURSE / "checks.py", COURSE / "tiling.py", COURSE / "rules.py"]
    assert [path.name for path in prompts if names.search(path.read_text(encoding="utf-8"))] == []
    for name, others in (("ita_for_eng", "Spanish"), ("spa_for_eng", "Italian")):
        job = load(COURSE / "course.yaml", settings=[f"vars.course={name}"])
        for phase in job.phases:
            told = phase.session.instructions.replace("speak Italian", "")
            assert others not in told and len(told) > 3_000


def test_a_course_without_a_folder_is_refused() -> None:
    with pytest.raises(UsageError, match="the file 'languages/fra_for_eng/"):
        load(COURSE / "course.yaml", settings=["vars.course=fra_for_eng"])


def _generate(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "HARNESS_TRUST": "1", "LANG": "C.UTF-8"}
    return subprocess.run(
        [sys.executable, folder / "scripts/generate_course.py", *words], env=env, capture_output=True, text=True
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The scripts and the example, as they lie in a checkout."""
    made = shutil.ignore_patterns("__pycache__", ".harness", "output")
    shutil.copytree(COURSE, tmp_path / "examples/course", ignore=made)
    (tmp_path / "scripts").mkdir()
    for name in ("project.py", "generate_course.py"):
        shutil.copy(ROOT / "scripts" / name, tmp_path / "scripts" / name)
    return tmp_path


@covers("F207", "F210")
def test_a_code_is_generated_as_document_004_names_it_and_two_lie_beside_each_other(checkout: Path) -> None:
    output = checkout / "examples/course/output"
    for code, first in (("spa_for_eng_20seeds", "Quiero"), ("ita_for_eng_s0001-0003", "Voglio")):
        done = _generate(checkout, code, "--program", "--plain")
        assert done.returncode == 0, done.stderr
        pairs = json.loads((output / f"{code}_by_program/seed_pairs.json").read_bytes())
        assert pairs[0][1][0].startswith(first) and len(pairs) == (20 if "20" in code else 3)
    assert f"course-command.yaml --as {code}_by_program`" in done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("fra_for_eng_20seeds", "there is no language folder for 'fra_for_eng'"),
        ("spa_for_eng_0", "expected seeds between 1 and 668"),
        ("spa_for_eng_s0030-0001", "expected seeds between 1 and 668"),
        ("spa_for_eng_s0001-0669", "expected seeds between 1 and 668"),
        ("spa_for_eng_all", "expected the seeds as 100, 100seeds, s0001-0030 or full"),
        ("spanish", "expected a code such as ita_for_eng_100"),
        ("../ita_for_eng", "expected a code such as ita_for_eng_100"),
    ],
)
def test_a_code_that_cannot_be_generated_is_refused(code: str, told: str, checkout: Path) -> None:
    done = _generate(checkout, code)
    assert (done.returncode, done.stdout) == (2, "") and told in done.stderr
    if code.startswith("fra"):
        assert "there are ita_for_eng, spa_for_eng" in done.stderr
    assert not (checkout / "examples/course/.harness").exists()
