"""The master report: four statistics, one CSV per school, and text that stays text."""

import csv
import importlib
import io
import json
import sys
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import openpyxl
import pytest

from tests.covers import covers

ROOT = Path(__file__).resolve().parents[2]
TODAY = date(2026, 1, 31)
BOISE, HAWAII, UTAH = "Boise State University", "University of Hawaiʻi at Mānoa", "University of Utah"
HOSTILE = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", '=HYPERLINK("http://x")', "https://x.example", "007"]


def _load() -> ModuleType:
    if str(ROOT / "scripts") not in sys.path:
        sys.path.insert(0, str(ROOT / "scripts"))
    return importlib.import_module("master_report")


def _coach(name: str, overlap: str, steps: int = 1) -> dict[str, Any]:
    step = {"years": "2019", "school": "Troy University", "position": "Assistant", "source_url": "https://x.invalid/"}
    return {
        "name": name,
        "position": "Head Coach",
        "career": [step] * steps,
        "nmdp_overlap": overlap,
        "overlap_details": "",
        "data_quality": "low",
    }


def _report(school: str, *coaches: dict[str, Any]) -> dict[str, Any]:
    return {"school": school, "retrieved": "2026-01-31", "coaches": list(coaches), "notes": ""}


def _write(tmp_path: Path, *reports: dict[str, Any]) -> list[Path]:
    """The reports of a list of three schools, of which `reports` are done."""
    module = _load()
    schools = [
        {"name": BOISE, "state": "ID", "conference": "Pac-12"},
        {"name": HAWAII, "state": "HI", "conference": "Mountain West"},
        {"name": UTAH, "state": "UT", "conference": "Big 12"},
    ]
    merged = tmp_path / "warm_leads.json"
    merged.write_text(json.dumps(reports))
    drives = tmp_path / "drives.json"
    drives.write_text('{"_comment": "SYNTHETIC drives"}')
    leads = module.read_leads("West", schools, merged, {UTAH: "name at least one coach"}, drives)
    paths: list[Path] = module.write_reports(leads, tmp_path / "output", TODAY)
    return paths


def _rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


def _cells(path: Path, sheet: str) -> list[list[Any]]:
    return [[cell.value for cell in row] for row in openpyxl.load_workbook(path)[sheet].iter_rows()]


@covers("F56")
def test_the_summary_holds_the_four_statistics_and_every_school_that_is_missing(tmp_path: Path) -> None:
    done = (_report(BOISE, _coach("A", "YES"), _coach("B", "NO")), _report(HAWAII, _coach("C", "YES")))
    _, workbook, *_ = _write(tmp_path, *done)
    assert _cells(workbook, "Summary") == [
        ["Batch", "West"],
        ["Total schools processed", 2],
        ["Total coaches researched", 3],
        ["Total NMDP overlaps found", 2],
        ["Schools with most overlaps", f"{BOISE}, {HAWAII}"],
        ["Table of donor drives", "SYNTHETIC drives"],
        ["Schools without a report", 1],
        [UTAH, "name at least one coach"],
    ]


def test_a_school_without_overlaps_is_never_among_those_with_most(tmp_path: Path) -> None:
    _, workbook, *_ = _write(tmp_path, _report(BOISE, _coach("A", "NO")))
    assert ["Schools with most overlaps", "none"] in _cells(workbook, "Summary")


@covers("F55")
def test_there_is_one_csv_per_school_and_the_master_is_all_of_them(tmp_path: Path) -> None:
    done = (_report(BOISE, _coach("A", "YES", steps=3)), _report(HAWAII, _coach("B", "NO"), _coach("C", "NO")))
    master, _, *singles = _write(tmp_path, *done)
    assert master.name == "master_report_2026-01-31.csv"
    assert [path.name for path in singles] == [f"{BOISE}_2026-01-31.csv", f"{HAWAII}_2026-01-31.csv"]
    assert _rows(master) == [row for path in singles for row in _rows(path)]
    assert [(row["School Searched"], row["Coach Name"]) for row in _rows(master)] == [
        (BOISE, "A"),
        (HAWAII, "B"),
        (HAWAII, "C"),
    ]
    assert _rows(master)[0]["Career 3"] == "2019 Troy University, Assistant <https://x.invalid/>"


def test_the_warm_leads_come_first_and_each_territory_has_a_sheet(tmp_path: Path) -> None:
    (tmp_path / "territories.json").write_text('{"_comment": "x", "North/West": ["ID", "WA"], "Islands": ["HI"]}')
    (tmp_path / "school_locations.json").write_text(f'{{"{BOISE}": {{"county": "Ada", "state": "ID"}}}}')
    done = (_report(BOISE, _coach("A", "YES"), _coach("C", "NO")), _report(HAWAII, _coach("B", "NO")))
    master, workbook, *_ = _write(tmp_path, *done)
    assert openpyxl.load_workbook(workbook).sheetnames == ["Warm leads", "Summary", "Master", "Islands", "North-West"]
    assert [row[5] for row in _cells(workbook, "Warm leads")] == ["Coach Name", "A"]
    assert [row[5] for row in _cells(workbook, "North-West")] == ["Coach Name", "A", "C"]
    assert [(row["County"], row["Territory"]) for row in _rows(master)] == [
        ("Ada", "North/West"),
        ("Ada", "North/West"),
        ("", "Islands"),
    ]


@pytest.mark.parametrize("name", ["Warm Leads", "master", "History", "", "///", "x" * 40, "'quoted'", "a\0b", "[1]"])
def test_a_territory_of_any_name_has_a_sheet_that_opens(tmp_path: Path, name: str) -> None:
    (tmp_path / "territories.json").write_text(json.dumps({name: ["ID"]}))
    _, workbook, *_ = _write(tmp_path, _report(BOISE, _coach("A", "YES")))
    first, summary, master, own = openpyxl.load_workbook(workbook).sheetnames
    assert (first, summary, master) == ("Warm leads", "Summary", "Master")
    assert _cells(workbook, own)[1][5] == "A"


@pytest.mark.parametrize("text", HOSTILE)
def test_text_never_becomes_a_formula_a_number_or_a_link(tmp_path: Path, text: str) -> None:
    master, workbook, *_ = _write(tmp_path, _report(BOISE, _coach(text, "YES")))
    cell = openpyxl.load_workbook(workbook)["Master"]["F2"]
    assert (cell.data_type, cell.hyperlink) == ("s", None)
    assert str(cell.value).replace("_x000D_", "\r").strip() == text.strip()
    assert _rows(master)[0]["Coach Name"] in (text, f"'{text}")
    assert _rows(master)[0]["Coach Name"][0] not in "=+-@\t\r\n"


def test_characters_that_no_spreadsheet_takes_are_shown_as_replaced(tmp_path: Path) -> None:
    master, workbook, *_ = _write(tmp_path, _report(BOISE, _coach("a\0b\x1bc\ud800d\uffff", "YES")))
    assert _rows(master)[0]["Coach Name"] == "a\ufffdb\ufffdc\ufffdd\ufffd"
    assert _cells(workbook, "Master")[1][5] == "a\ufffdb\ufffdc\ufffdd\ufffd"


@pytest.mark.parametrize("character", ["x", "🏈"])
def test_a_cell_too_long_for_excel_is_cut_aloud_and_whole_in_the_csv(tmp_path: Path, character: str) -> None:
    coach = _coach("A", "YES") | {"overlap_details": character * 40_000}
    master, workbook, *_ = _write(tmp_path, _report(BOISE, coach))
    csv.field_size_limit(1_000_000)
    assert _rows(master)[0]["Overlap Details"] == character * 40_000
    header, row = _cells(workbook, "Master")
    cut = row[header.index("Overlap Details")]
    assert cut.endswith("x … [cut, whole in the CSV]".replace("x", character))
    assert 32_700 < len(cut.encode("utf-16-le")) // 2 <= 32_767


def test_a_name_that_is_no_file_name_stays_in_the_folder(tmp_path: Path) -> None:
    module = _load()
    name = "../../escape"
    leads = module.Leads("West", [{"name": name}], {name: _report(name, _coach("A", "NO"))}, {}, "")
    paths = module.write_reports(leads, tmp_path / "output", TODAY)
    assert paths[2].parent == tmp_path / "output" / "schools"
    assert paths[2].exists()


def test_before_the_first_school_is_done_the_report_is_empty_but_there(tmp_path: Path) -> None:
    master, workbook = _write(tmp_path)
    assert _rows(master) == []
    assert ["Schools without a report", 3] in _cells(workbook, "Summary")
