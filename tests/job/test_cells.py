"""Values out of cells of workbooks: vars, prompts and instructions, and what is said of cells that hold none."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from harness.cli.outline import cell_lines
from harness.job.change import Change
from harness.job.fingerprint import differences, fingerprint
from harness.job.job import Job
from harness.job.load import load
from tests.covers import covers
from tests.job.conftest import problems

MANIFEST = """\
job: Test
vars:
{vars}
items: {{file: items.json, rows: ".rows[]"}}
session: {session}
output: {{merge: out.json}}
budget: $40
"""
SESSION = '{model: sonnet, prompt: "Work on {{ item.id }}."}'
INPUTS = "Batch Composer Inputs"


@pytest.fixture(autouse=True)
def inputs(folder: Path) -> None:
    save(lambda book: None)


def save(change: Callable[[Any], None]) -> None:
    """inputs.xlsx: the sheets of document 000."""
    book = openpyxl.Workbook()
    sheet, prompts = book.active, book.create_sheet("Prompts")
    sheet.title = INPUTS
    for cell, value in {"B2": "10 a batch", "B3": '{"size": "50+"}', "B4": 7, "D1": "a", "D2": "b", "E1": 1}.items():
        sheet[cell] = value
    prompts["C16"] = "Plan {{ item.id }} by\n{{ vars.strategy }}."
    prompts["C17"] = "Always be brief."
    change(book)
    book.save("inputs.xlsx")


def manifest(session: str = SESSION, **cells: str) -> str:
    written = cells or {"strategy": f"{INPUTS}!B2"}
    lines = [f"  {name}: {{xlsx: inputs.xlsx, cell: {_quoted(cell)}" for name, cell in written.items()]
    return MANIFEST.format(vars="\n".join(f"{line}}}" for line in lines), session=session)


def _quoted(cell: str) -> str:
    place, comma, more = cell.partition(",")
    return f'"{place}"{comma}{more}'


def job_of(text: str, *settings: str) -> Job:
    Path("job.yaml").write_text(text)
    return load(Path("job.yaml"), settings=settings)


@covers("F13")
@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (f"{INPUTS}!B2", "10 a batch"),
        (f"'{INPUTS}'!$B$2", "10 a batch"),
        (f"{INPUTS.lower()}!b2", "10 a batch"),
        (f"{INPUTS}!B4", 7),
        (f"{INPUTS}!B3", '{"size": "50+"}'),
        (f"{INPUTS}!B3, json: true", {"size": "50+"}),
        (f"{INPUTS}!B9, default: none at all", "none at all"),
        (f"{INPUTS}!B2, default: none at all", "10 a batch"),
        (f"{INPUTS}!D1:E2", [["a", 1], ["b", None]]),
        (f"{INPUTS}!D1:D9", ["a", "b"]),
        (f"{INPUTS}!D:D", ["a", "b"]),
        (f"{INPUTS}!D2:D", ["b"]),
        (f"{INPUTS}!D1:E1", ["a", 1]),
    ],
)
def test_a_var_is_what_its_cell_or_range_holds(cell: str, value: Any) -> None:
    assert job_of(manifest(x=cell)).vars == {"x": value}


@covers("F6")
def test_a_prompt_and_instructions_come_out_of_cells_and_messages_name_the_cell() -> None:
    prompt = "{xlsx: inputs.xlsx, cell: Prompts!C16}"
    session = (
        f"{{model: sonnet, prompt: {prompt}, instructions: [{{xlsx: inputs.xlsx, cell: Prompts!C17}}, prompt.md]}}"
    )
    job = job_of(manifest(session))
    assert job.phases[0].session.prompt == "Plan {{ item.id }} by\n{{ vars.strategy }}."
    assert job.phases[0].session.prompt_name == "inputs.xlsx:Prompts!C16"
    assert job.phases[0].session.instructions == "Always be brief.\n\nWork on {{ item.id }}."
    assert [line.replace("\\n", "|") for line in cell_lines(job)] == [
        f'vars.strategy = "10 a batch", inputs.xlsx:{INPUTS}!B2',
        'session.prompt = "Plan {{ item.id }} by|{{ vars.strategy }}.", inputs.xlsx:Prompts!C16',
        'session.instructions[0] = "Always be brief.", inputs.xlsx:Prompts!C17',
    ]
    save(lambda book: book["Prompts"].__setitem__("C16", "line 1\n{{ vars.nonsense }}"))
    assert problems(manifest(session))[0].startswith("inputs.xlsx:Prompts!C16:2:9: unknown name 'vars.nonsense'")


def test_a_changed_cell_is_a_changed_job_and_a_moved_one_is_none() -> None:
    session = "{model: sonnet, prompt: {xlsx: inputs.xlsx, cell: Prompts!C16}}"
    before = fingerprint(job_of(manifest(session)))
    save(lambda book: book[INPUTS].__setitem__("Z1", "elsewhere"))
    assert differences(before, fingerprint(job_of(manifest(session)))) == []
    save(lambda book: book[INPUTS].__setitem__("B2", "7 a batch"))
    changed = fingerprint(job_of(manifest(session)))
    assert differences(before, changed) == [
        Change("field_changed", "vars.strategy", before='"10 a batch"', now='"7 a batch"')
    ]
    save(lambda book: book["Prompts"].__setitem__("C16", "Plan {{ item.id }} by {{ vars.strategy }} again"))
    assert differences(before, fingerprint(job_of(manifest(session)))) == [Change("field_changed", "session.prompt")]
    Path("strategy.md").write_text("Plan {{ item.id }} by {{ vars.strategy }} again")
    from_cell, from_file = (job_of(manifest(f"{{model: sonnet, prompt: {each}}}")) for each in (
        "{xlsx: inputs.xlsx, cell: Prompts!C16}", "strategy.md"))  # fmt: skip
    assert differences(fingerprint(from_cell), fingerprint(from_file)) == []


def test_a_setting_takes_the_place_of_a_cell() -> None:
    assert job_of(manifest(), "vars.strategy=mine").vars == {"strategy": "mine"}
    assert job_of(manifest(), f"vars.strategy.cell={INPUTS}!B4").vars == {"strategy": 7}


@covers("A3")
def test_everything_that_is_wrong_with_cells_is_told_at_once_with_sheet_and_cell() -> None:
    def spoil(book: Any) -> None:
        sheet = book[INPUTS]
        sheet["F1"], sheet["F2"], sheet["F3"] = "#REF!", "=1+1", "{not json"
        sheet["F1"].data_type = "e"

    save(spoil)
    cells = {
        "a": "B9",
        "b": "F1",
        "c": "F2",
        "d": "F3, json: true",
        "e": "D1:E2, json: true",
        "f": "no cell",
        "g": "ZZZZ1",
        "h": "H1:I9",
    }
    cells = {name: f"{INPUTS}!{cell}" for name, cell in cells.items()} | {"i": "Promts!A1", "j": "A1"}
    said = problems(manifest(**cells))
    where = f"inputs.xlsx:{INPUTS}"
    assert [each.partition(": ")[2] for each in said] == [
        f"vars.a: {where}!B9 is empty",
        f"vars.b: {where}!F1 holds the error #REF!",
        f"vars.c: {where}!F2 has a formula and no value: the program that saved the workbook does not calculate",
        f"vars.d: {where}!F3 is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        "vars.e.json: is for one cell, not for a range",
        f"vars.f.cell: expected a cell or a range, such as Sheet!B2, Sheet!A1:C9 or Sheet!B:B, got '{INPUTS}!no cell'",
        f"vars.g.cell: expected a cell or a range, such as Sheet!B2, Sheet!A1:C9 or Sheet!B:B, got '{INPUTS}!ZZZZ1'",
        f"vars.h: {where}!H1:I9 is empty",
        "vars.i: inputs.xlsx has no sheet 'Promts'",
        "vars.j: inputs.xlsx has 2 sheets, and none is named",
    ]
    assert said[0].startswith("job.yaml:3:6: ")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("{xlsx: inputs.xlsx}", "vars.x.cell: missing"),
        ("{xlsx: inputs.xlsx, cel: A1, cell: A1}", "vars.x.cel: unknown key"),
        ("{xlsx: none.xlsx, cell: A1}", "vars.x.xlsx: the file 'none.xlsx' does not exist"),
        (
            "{xlsx: items.json, cell: A1}",
            "vars.x.xlsx: expected a file that ends with .xlsx or .xlsm, got 'items.json'",
        ),
    ],
)
def test_a_var_that_names_no_cell_of_a_workbook_is_refused(value: str, said: str) -> None:
    text = MANIFEST.format(vars=f"  x: {value}", session=SESSION)
    assert any(each.partition(": ")[2].startswith(said) for each in problems(text)), problems(text)


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("{xlsx: inputs.xlsx, cell: Batch Composer Inputs!B4}", "holds the number 7, expected text"),
        ("{xlsx: inputs.xlsx, cell: Batch Composer Inputs!D1:D2}", "holds several cells, expected text"),
        ("{xlsx: inputs.xlsx, cell: Prompts!A1}", "inputs.xlsx:Prompts!A1 is empty"),
        ("{xlsx: inputs.xlsx, cell: Prompts!C16, of: 1}", "session.prompt.of: unknown key"),
        ("{xlsx: inputs.xlsx}", "session.prompt.cell: missing"),
        ("5", "session.prompt: expected text, got 5"),
    ],
)
def test_a_prompt_that_is_no_text_in_a_cell_is_refused(prompt: str, said: str) -> None:
    text = MANIFEST.format(vars="  strategy: x", session=f"{{model: sonnet, prompt: {prompt}}}")
    assert any(said in each for each in problems(text)), problems(text)
