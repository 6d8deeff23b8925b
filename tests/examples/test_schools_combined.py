"""`generate_master_report.py --from FOLDER`: CSV files, whoever made them, in one report, or told what is wrong."""

import csv
import subprocess
import sys
from datetime import date
from pathlib import Path

import openpyxl

from tests.covers import covers

ROOT = Path(__file__).resolve().parents[2]
HEAD = "School Searched,State,Coach Name,Current Position,Career 1,NMDP Overlap,Overlap Details,Data Quality\n"


def _combine(folder: Path, script: str = "generate_master_report.py") -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, str(ROOT / "scripts" / script), "--from", str(folder)]
    return subprocess.run(argv, cwd=folder.parent, capture_output=True, text=True, check=False)


def _school(folder: Path, name: str, *rows: str, day: str = "2026-01-31", head: str = HEAD) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}_{day}.csv").write_text(head + "".join(f"{row}\n" for row in rows), encoding="utf-8")


@covers("F80", "A16")
def test_the_csvs_of_a_folder_become_one_report_with_the_warm_leads_first(tmp_path: Path) -> None:
    schools = tmp_path / "schools"
    wyoming, oregon, boise = "University of Wyoming", "University of Oregon", "Boise State University"
    _school(schools, oregon, f"{oregon},OR,A,Head Coach,2019 Troy,yes,Troy 2019,high", f"{oregon},OR,B,Coach,,NO,,low")
    _school(schools, wyoming, f"{wyoming},WY,C,Coach,'=1+1,YES,x,low", f'{wyoming},WY,D,"two\nlines",,no,,low')
    _school(schools, boise, f"{boise},ID,old,Coach,,YES,,low", day="2025-12-31")
    _school(schools, boise, day="2026-01-01")
    said = _combine(schools, "aggregate_results.py")
    assert (said.returncode, said.stderr) == (0, ""), said.stderr
    assert said.stdout.splitlines()[:5] == [
        "Total schools processed: 3",
        "Total coaches researched: 4",
        "Total NMDP overlaps found: 2",
        f"Schools with most overlaps: {oregon}, {wyoming}",
        f"left out, there is a newer one of the school: {schools / boise}_2025-12-31.csv",
    ]
    master = tmp_path / f"master_report_{date.today()}"
    with master.with_suffix(".csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["Coach Name"], row["County"], row["Territory"]) for row in rows] == [
        ("A", "Lane", "Pacific Northwest"),
        ("B", "Lane", "Pacific Northwest"),
        ("C", "Albany", "Rocky Mountains"),
        ("D", "Albany", "Rocky Mountains"),
    ]
    assert rows[2]["Career 1"] == "'=1+1", "still text, and quoted once"
    book = openpyxl.load_workbook(master.with_suffix(".xlsx"))
    assert book.sheetnames == ["Warm leads", "Summary", "Master", "Pacific Northwest", "Rocky Mountains"]
    warm = list(book["Warm leads"].iter_rows(values_only=True))
    assert [row[5] for row in warm] == ["Coach Name", "A", "C"]
    assert warm[2][7] == "=1+1" and book["Warm leads"]["H3"].data_type == "s"


def test_everything_wrong_in_the_files_is_told_at_once_with_file_and_line(tmp_path: Path) -> None:
    schools = tmp_path / "schools"
    _school(schools, "a", "A,WA,x,y,,YES,,low", "A,WA,x,y,,MAYBE,,low", "A,WA,x", ",WA,x,y,,NO,,low")
    _school(schools, "b", head="School Searched,Coach Name,Overlap\n")
    _school(schools, "c", head=HEAD.replace("State", "Province"))
    _school(schools, "d", 'D,WA,"never closed')
    _school(schools, "e", "E,WA,x,y,,NO,,low", "F,WA,x,y,,NO,,low")
    (schools / "f.csv").write_bytes(HEAD.encode() + b"caf\xe9\n")
    said = _combine(schools)
    assert said.returncode == 2 and said.stdout == ""
    for expected in (
        "a_2026-01-31.csv:3: NMDP Overlap: expected YES or NO, got 'MAYBE'",
        "a_2026-01-31.csv:4: expected 8 cells, got 3",
        "a_2026-01-31.csv:5: names no school, or no coach",
        "b_2026-01-31.csv:1: expected the column 'NMDP Overlap'",
        "c_2026-01-31.csv:1: no such column: 'Province'",
        "d_2026-01-31.csv:2: is not valid CSV",
        "e_2026-01-31.csv: is about several schools: E, F",
        "f.csv:2: is not UTF-8",
    ):
        assert expected in said.stderr, said.stderr
    assert not list(tmp_path.glob("master_report*"))


def test_a_folder_without_any_says_what_writes_them(tmp_path: Path) -> None:
    said = _combine(tmp_path / "none")
    assert said.returncode == 2
    assert "has no CSV files of schools" in said.stderr and "generate_master_report.py" in said.stderr
