"""Each planted fault is refused, for the reason that it is."""

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.covers import covers

Change = Callable[[Any], None]


def reasons_for_pair(course: Any, change: Change, seed_id: str = "S0001") -> list[str]:
    pair = copy.deepcopy(course.pairs[int(seed_id[1:]) - 1])
    change(pair)
    (item,) = (item for item in course.seed_items(1) if item["id"] == seed_id)
    found = course.checks.check_translation([item], {seed_id: [pair]}, {})
    return list(course.as_read(found).get(seed_id, []))


@covers("F199")
@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda pair: pair.__setitem__(0, "S0002"), "bad_id"),
        (lambda pair: pair[1].__setitem__(1, "I want to speak Italian now."), "wrong_seed"),
        (lambda pair: pair[1].__setitem__(0, pair[1][1]), "untranslated"),
        (lambda pair: pair[1].__setitem__(0, "Voglio parlare italiano?"), "punctuation"),
        (lambda pair: pair[1].__setitem__(0, "PerchÃ© italiano."), "encoding"),
        (lambda pair: pair[1].__setitem__(0, "Voglio parlare tedesco."), "vocabulary: 'italian' is 'italiano'"),
        (lambda pair: pair[1].__setitem__(0, " "), "schema"),
        (lambda pair: pair.append("a note"), "schema"),
    ],
)
def test_a_wrong_translation_is_refused(course: Any, change: Change, kind: str) -> None:
    assert [reason for reason in reasons_for_pair(course, change) if reason.startswith(kind)]


def test_the_glossary_binds_the_first_hundred_seeds_only(course: Any) -> None:
    item = {"id": "S0101", "data": {"known": "Open the window.", "course": "ita_for_eng"}}
    records = {"S0101": [["S0101", ["Apri lo sportello.", "Open the window."]]]}
    assert course.checks.check_translation([item], records, {}) == {}


def test_two_records_for_one_seed_are_refused(course: Any) -> None:
    pair = course.pairs[0]
    found = course.checks.check_translation(course.seed_items(1)[:1], {"S0001": [pair, pair]}, {})
    assert found["S0001"][0]["type"] == "duplicate_id"


def reasons_for_cut(course: Any, change: Change, seed_id: str = "S0001") -> list[str]:
    record = copy.deepcopy(course.seed(seed_id))
    change(record)
    (item,) = (item for item in course.seed_items(1, translated=True) if item["id"] == seed_id)
    found = course.checks.check_decomposition([item], {seed_id: [record]}, {})
    return list(course.as_read(found).get(seed_id, []))


def renumbered(record: Any) -> None:
    for number, row in enumerate(record[2], 1):
        row[0] = f"{record[0]}L{number:02}"


def without_speak(record: Any) -> None:
    record[2] = [row for row in record[2] if row[2] != "parlare"]
    renumbered(record)


def turned_round(record: Any) -> None:
    record[2].reverse()
    renumbered(record)


def cut_apart(record: Any, target: str, pieces: list[str]) -> None:
    at = next(at for at, row in enumerate(record[2]) if row[2] == target)
    record[2][at : at + 1] = [["", "B", piece, f"known of {piece}"] for piece in pieces]
    renumbered(record)


@covers("F182", "F188", "F200")
@pytest.mark.parametrize(
    ("seed_id", "change", "reason"),
    [
        ("S0001", without_speak, "tiling_failure: Missing LEGO: 'parlare'"),
        ("S0001", turned_round, "tiling_failure: LEGOs out of order"),
        ("S0001", lambda record: record[2][1].__setitem__(2, "cantare"), "tiling_failure: Extra LEGO: 'cantare'"),
        ("S0001", lambda record: record[2][1].__setitem__(0, "S0001L01"), "duplicate_id: S0001L01 is there twice"),
        ("S0001", lambda record: record[2][1].__setitem__(0, "S0002L02"), "bad_id: expected S0001L02"),
        ("S0001", lambda record: record.__setitem__(0, "S0009"), "bad_id: expected S0001"),
        ("S0001", lambda record: record[1].__setitem__(0, "Vorrei parlare."), "wrong_seed"),
        ("S0001", lambda record: record[2][3].pop(), "missing_components: S0001L04 'con te'"),
        ("S0001", lambda record: record[2][3][4].pop(), "missing_components: S0001L04 'con te'"),
        ("S0001", lambda record: record[2][3][4].reverse(), "missing_components: the parts of S0001L04"),
        ("S0001", lambda record: record[2][3].__setitem__(1, "B"), "missing_components: S0001L04 'con te'"),
        ("S0001", lambda record: record[2][3][4][0].__setitem__(2, "S0001L01"), "missing_feeder: S0001L04"),
        ("S0001", lambda record: record[2][0].__setitem__(1, "X"), "schema: S0001L01 is of type 'X'"),
        ("S0001", lambda record: record[2].clear(), "schema"),
        ("S0001", lambda record: record[2][0].pop(), "schema"),
        ("S0001", lambda record: cut_apart(record, "con te", ["con", "te"]), "over_granularization: S0001L04 'con'"),
        ("S0008", lambda record: cut_apart(record, "lui ha aperto", ["lui ha", "aperto"]), "unbonded_auxiliary"),
        (
            "S0002",
            lambda record: cut_apart(record, "la pasta fresca", ["la", "pasta", "fresca"]),
            "unbonded_article: S0002L03 'la'",
        ),
        ("S0009", lambda record: cut_apart(record, "non voglio", ["non", "voglio"]), "standalone_negation: S0009L01"),
        (
            "S0018",
            lambda record: cut_apart(record, "lei mi ha detto che", ["lei mi", "ha detto che"]),
            "unbonded_clitic",
        ),
    ],
)
def test_a_wrong_decomposition_is_refused(course: Any, seed_id: str, change: Change, reason: str) -> None:
    assert [found for found in reasons_for_cut(course, change, seed_id) if found.startswith(reason)]


def as_if_known(course: Any, row: list[Any]) -> list[str]:
    """What is said of S0001 when an earlier batch had this row."""
    earlier = {"decompose": [["S0000", ["x", "x"], [row]]]}
    (item,) = course.seed_items(1, translated=True)[:1]
    found = course.checks.check_decomposition([item], {"S0001": [course.seed("S0001")]}, earlier)
    return list(course.as_read(found).get("S0001", []))


@covers("F188", "A79")
def test_a_known_phrase_keeps_its_target_across_batches(course: Any) -> None:
    (reason,) = as_if_known(course, ["S0000L01", "B", "chiacchierare", "to speak"])
    assert reason.startswith("fd_violation: 'to speak' is 'chiacchierare' in S0000L01, here (S0001L02) it is 'parlare'")


def test_a_target_keeps_its_first_known_phrase(course: Any) -> None:
    (reason,) = as_if_known(course, ["S0000L01", "B", "Parlare", "to talk"])
    assert reason.startswith("fcfs_violation: 'parlare' is 'to talk' in S0000L01")


def test_the_same_piece_may_come_again(course: Any) -> None:
    assert as_if_known(course, ["S0000L01", "B", "Parlare", "To speak"]) == []


def test_a_collision_within_a_batch_sends_both_back(course: Any) -> None:
    first, second = copy.deepcopy(course.seed("S0001")), copy.deepcopy(course.seed("S0002"))
    second[2][1][3] = "to speak"
    found = course.judge_decompositions(1, [first, second])
    assert {seed: reason[:12] for seed, (reason, *_) in found.items()} == {
        "S0001": "fd_violation", "S0002": "fd_violation",
    }  # fmt: skip


def test_a_retried_seed_is_not_held_against_its_own_earlier_record(course: Any) -> None:
    items = course.seed_items(1, translated=True)[:1]
    old = copy.deepcopy(course.seed("S0001"))
    old[2][1][3] = "to talk"
    records = {"S0001": [course.seed("S0001")]}
    assert course.checks.check_decomposition(items, records, {"decompose": [old]}) == {}


LEGO = "S0030L02"


def reasons_for_basket(course: Any, change: Change) -> list[str]:
    basket = copy.deepcopy(course.baskets[LEGO])
    change(basket)
    items = [item for item in course.lego_items(2) if item["id"] == LEGO]
    found = course.checks.check_baskets(items, {LEGO: [basket]}, course.context("baskets", 2))
    return list(course.as_read(found).get(LEGO, []))


@covers("F201")
@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda basket: basket["lego"].__setitem__(0, "altro"), "wrong_lego"),
        (lambda basket: basket["e"].clear(), "empty_basket"),
        (lambda basket: basket["d"]["2"].clear(), "empty_basket"),
        (lambda basket: basket["d"].pop("5"), "schema"),
        (lambda basket: basket["e"].append(["x"]), "schema"),
        (lambda basket: basket["e"].append(["voglio restare", "I want to stay"]), "missing_lego"),
        (lambda basket: basket["e"].append([basket["lego"][0] + " elefante", "x"]), "gate_violation"),
        (lambda basket: basket["e"][0].__setitem__(1, "something else"), "known_mismatch"),
        (lambda basket: basket["d"]["3"].extend(basket["d"]["2"]), "window"),
        (lambda basket: basket["e"].extend(basket["d"]["2"]), "phrase_length"),
    ],
)
def test_a_wrong_basket_is_refused(course: Any, change: Change, kind: str) -> None:
    assert reasons_for_basket(course, lambda basket: None) == []
    assert [reason for reason in reasons_for_basket(course, change) if reason.startswith(kind)]


@covers("A79")
def test_a_phrase_with_a_later_lego_says_where_that_comes(course: Any) -> None:
    rows = [row for record in course.decompositions[:40] for row in record[2]]
    seen = {row[2] for row in rows if row[0] <= LEGO}
    late = next(row for row in rows if row[0] > LEGO and row[2] not in seen)
    lego = course.baskets[LEGO]["lego"]
    phrase = [f"{lego[0]} {late[2]}", f"{lego[1]} {late[3]}"]
    (reason,) = reasons_for_basket(course, lambda basket: basket["d"]["2"].append(phrase))
    assert reason.startswith("gate_violation") and f"comes with {late[0]}" in reason


def write_merged(course: Any, folder: Path) -> None:
    for name, value in (
        ("seed_pairs.json", course.pairs),
        ("lego_pairs.json", course.decompositions),
        ("lego_baskets.json", course.baskets),
    ):
        (folder / name).write_text(json.dumps(value))


def judge_alone(course: Any, what: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, course.folder / "checks.py", what, folder, "ita_for_eng"]
    return subprocess.run(command, capture_output=True, text=True)


@covers("A85")
def test_merged_files_are_judged_on_their_own(course: Any, tmp_path: Path) -> None:
    write_merged(course, tmp_path)
    for what in ("translation", "decomposition", "baskets"):
        judged = judge_alone(course, what, tmp_path)
        assert (judged.returncode, judged.stdout, judged.stderr) == (0, "", "")


def test_a_fault_in_a_merged_file_is_told_with_exit_1(course: Any, tmp_path: Path) -> None:
    write_merged(course, tmp_path)
    (tmp_path / "seed_pairs.json").write_text(json.dumps([*course.pairs[:5], *course.pairs[6:]]))
    broken = copy.deepcopy(course.decompositions)
    without_speak(broken[0])
    (tmp_path / "lego_pairs.json").write_text(json.dumps(broken))
    (tmp_path / "lego_baskets.json").write_text(json.dumps({**course.baskets, "S0999L01": {}}))
    assert "S0006: missing_record" in judge_alone(course, "translation", tmp_path).stdout
    judged = judge_alone(course, "decomposition", tmp_path)
    assert judged.returncode == 1
    assert "S0001: tiling_failure: Missing LEGO: 'parlare'\n" in judged.stdout
    assert "S0999L01: bad_id: no such LEGO" in judge_alone(course, "baskets", tmp_path).stdout


def test_a_wrong_word_on_the_command_line_is_a_usage_error(course: Any, tmp_path: Path) -> None:
    assert judge_alone(course, "everything", tmp_path).returncode == 2
