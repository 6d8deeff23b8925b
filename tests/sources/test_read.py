"""Items: read from each kind of source, named, told apart; or refused with the place of each problem."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.base.errors import UsageError
from harness.base.ids import ItemId
from harness.core.types import Item
from harness.evaluation.bounded import Bounded
from harness.sources.read import read
from tests.covers import covers
from tests.sources.conftest import ids, job_of, reading, refusals


def test_rows_of_json_by_a_plain_path_keep_big_integers(bounded: Bounded) -> None:
    found = reading(bounded, '{"a": {"b": [{"id": "x", "n": 1152921504606846977}]}}', "i.json", ', rows: ".a.b[]"')
    assert found.items == (Item(ItemId("x"), {"id": "x", "n": 1152921504606846977}),)


def test_rows_of_json_by_jq_may_use_vars(bounded: Bounded) -> None:
    text = json.dumps({"seeds": [{"id": f"S{n:04}"} for n in range(1, 11)]})
    found = reading(bounded, text, "i.json", ', rows: ".seeds[:$n][]"', vars={"n": 3})
    assert ids(found) == ["S0001", "S0002", "S0003"]


@covers("A68")
def test_values_of_an_object_are_rows_too(bounded: Bounded) -> None:
    assert ids(reading(bounded, '{"x": {"id": "a"}, "y": {"id": "b"}}', "i.json")) == ["a", "b"]


def test_bare_values_are_rows_with_a_value(bounded: Bounded) -> None:
    found = reading(bounded, '["a", "b"]', "i.json", ", id: .value")
    assert found.items[0] == Item(ItemId("a"), {"value": "a"})
    assert ids(reading(bounded, '["a", "b"]', "i.json", ', id: "."')) == ["a", "b"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_I05_jsonl_with_any_line_ends_and_a_byte_order_mark(bounded: Bounded, end: str) -> None:
    text = "\ufeff" + end.join(['{"id": "a", "x": "one\u2028line"}', "", '{"id": "b"}'])
    assert ids(reading(bounded, text, "i.jsonl")) == ["a", "b"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_I05_csv_with_any_line_ends_quotes_and_a_byte_order_mark(bounded: Bounded, end: str) -> None:
    text = "\ufeff" + end.join(["id,name", 'a,"two', 'lines"', "", "b,x", ""])
    found = reading(bounded, text, "i.csv")
    assert found.items[1].data == {"id": "b", "name": "x"}
    assert str(found.items[0].data["name"]).split() == ["two", "lines"]


def test_files_are_items_in_the_order_of_their_paths(bounded: Bounded) -> None:
    for name in ["b.txt", "a.txt", "sub/c.txt", ".hidden.txt", ".git/x.txt", "out.json", "z.md"]:
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(name)
    found = read(job_of('{files: "**/*"}'), bounded)
    assert ids(found) == ["a.txt", "b.txt", "sub/c.txt", "z.md"]
    assert found.items[2].file == Path.cwd() / "sub/c.txt"
    assert found.items[2].data == {"file": "sub/c.txt", "name": "c.txt", "size": 9}


def test_I02_links_that_lead_out_are_refused(bounded: Bounded, tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = tmp_path_factory.mktemp("elsewhere") / "secret.txt"
    secret.write_text("secret")
    Path("a.txt").write_text("a")
    Path("link.txt").symlink_to(secret)
    Path("dead.txt").symlink_to("nothing")
    Path("inside.txt").symlink_to("a.txt")
    with pytest.raises(UsageError) as caught:
        read(job_of('{files: "*.txt"}'), bounded)
    assert [str(problem).split("\n")[0] for problem in caught.value.problems] == [
        "dead.txt: is a link that leads nowhere",
        f"link.txt: is a link that leads out of the job's folder, to {secret}",
    ]


def test_H5_no_link_is_followed_to_items_whatever_it_is_and_wherever_it_leads(bounded: Bounded) -> None:
    for name in (".env", ".git/config", "in/a.txt", "other/in/b.txt"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(name)
    Path("in/invoice.txt").symlink_to("../.env")
    Path("in/x.txt").symlink_to("../.git/config")
    Path("in/again.txt").symlink_to("a.txt")
    Path("in/deep").symlink_to("../other/in")
    told = refused(bounded, '{files: "in/*.txt"}')
    assert [line.split(",")[0] for line in told] == [
        f"in/invoice.txt: is a link that leads to {Path.cwd()}/.env",
        f"in/x.txt: is a link that leads to {Path.cwd()}/.git/config",
    ]
    assert refused(bounded, '{files: "in/*/*.txt"}') == [
        f"in/deep: is a link to the folder {Path.cwd()}/other/in, and no link is followed to items"
    ]
    for name in ("invoice", "x"):
        Path(f"in/{name}.txt").unlink()
    reading = read(job_of('{files: "in/**/*.txt"}'), bounded)
    files = {str(item.id): item.file for item in reading.items}
    assert files == {"in/a.txt": Path.cwd() / "in/a.txt", "in/again.txt": Path.cwd() / "in/a.txt"}
    assert reading.warnings == ("in/deep: links to folders, in which no items are looked for",)


def refused(bounded: Bounded, items: str) -> list[str]:
    with pytest.raises(UsageError) as caught:
        read(job_of(items), bounded)
    return [str(problem).split("\n")[0] for problem in caught.value.problems]


def test_H5_a_folder_of_inputs_on_another_disk_is_named_as_the_hint_says(
    bounded: Bounded, tmp_path_factory: pytest.TempPathFactory
) -> None:
    disk = tmp_path_factory.mktemp("disk") / "scans"
    (disk / "old").mkdir(parents=True)
    (disk / "d.txt").write_text("x")
    (disk / "old" / "e.txt").write_text("y")
    Path("docs").symlink_to(disk)
    with pytest.raises(UsageError) as caught:
        read(job_of('{files: "docs/*.txt"}'), bounded)
    (problem,) = caught.value.problems
    hint = f'name that folder itself: items: {{files: "{disk}/*.txt"}}'
    assert problem.hint == hint and problem.message.startswith(f"is a link to the folder {disk}, ")
    (item,) = read(job_of(hint.partition("items: ")[2]), bounded).items
    assert (item.id, item.file, item.data["size"]) == ("scans/d.txt", disk / "d.txt", 1)
    assert [item.id for item in read(job_of(f'{{files: "{disk}/**/e.txt"}}'), bounded).items] == ["scans/old/e.txt"]
    (disk / "s.txt").symlink_to("/etc/passwd")
    (told,) = refused(bounded, hint.partition("items: ")[2])
    assert told.endswith(f"s.txt: is a link that leads out of {disk}, to /etc/passwd")


def test_acceptance_empty_items_are_a_problem(bounded: Bounded) -> None:
    assert refusals(bounded, "[]", "i.json") == ["i.json: holds no items"]
    assert refusals(bounded, "\n\n", "i.jsonl") == ["i.jsonl: holds no items"]
    assert refusals(bounded, "id,name\n", "i.csv") == ["i.csv: holds no items"]
    with pytest.raises(UsageError, match="holds no items"):
        read(job_of('{files: "*.pdf"}'), bounded)


@covers("A26")
def test_acceptance_a_duplicate_id_names_both_places(bounded: Bounded) -> None:
    text = '[\n  {"id": "a"},\n  {"id": "b"},\n  {"id": "a"}\n]'
    assert refusals(bounded, text, "i.json") == ["i.json:4:3: duplicate id 'a': it is also at i.json:2:3"]
    assert refusals(bounded, '{"id": "a"}\n\n{"id": "a"}\n', "i.jsonl") == [
        "i.jsonl:3: duplicate id 'a': it is also at i.jsonl:1"
    ]
    assert refusals(bounded, 'id,x\na,"1\n2"\na,3\n', "i.csv") == ["i.csv:4: duplicate id 'a': it is also at i.csv:2"]
    assert refusals(bounded, text, "i.json", ', rows: ".[] | select(.id)"') == [
        "i.json (row 3): duplicate id 'a': it is also at i.json (row 1)"
    ]


@pytest.mark.parametrize(("one", "two"), [("Café", "Cafe\u0301"), ("ID", "id"), ("Straße", "STRASSE"), ("ﬁ", "FI")])
def test_I01_ids_that_differ_in_case_or_composition_only_are_the_same(bounded: Bounded, one: str, two: str) -> None:
    text = "\n".join(json.dumps({"id": each}) for each in (one, two))
    (refusal,) = refusals(bounded, text, "i.jsonl")
    assert refusal.startswith(f"i.jsonl:2: duplicate id {two!r}: it is also at i.jsonl:1, there written {one!r}")


@pytest.mark.parametrize(
    "id_", ["../../etc/x", "/abs", "a/b", ".", "CON", "-rf", "😀👨‍👩‍👧", "שלום", "a b", "x" * 200, "{{ 7*7 }}"]
)
def test_I01_strange_ids_are_only_names(bounded: Bounded, id_: str) -> None:
    assert ids(reading(bounded, json.dumps([{"id": id_}]), "i.json")) == [id_]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ('""', "the id is empty"),
        ('"  "', "the id is empty"),
        ('" a"', "starts or ends with white space"),
        ('"a\\u0000"', "a control character"),
        ('"a\\nb"', "a control character"),
        ('"\\u001b[31m"', "a control character"),
        ('"a\\u202eb"', "turns the direction"),
        ('"' + "x" * 4_097 + '"', "has 4,097 characters, more than 4,096"),
        ("7.0", "the id at .id is the number 7.0, expected text or a whole number"),
        ("null", "the id at .id is null, expected text"),
        ("true", "the id at .id is true, expected text"),
        ('["a"]', "the id at .id is a list, expected text"),
        ('"\\ud800"', "half of a surrogate pair"),
    ],
)
def test_I01_what_cannot_be_an_id_is_refused_with_its_place(bounded: Bounded, value: str, words: str) -> None:
    (refusal,) = refusals(bounded, f'[{{"id": "ok"}},\n{{"id": {value}}}]', "i.json")
    assert refusal.startswith("i.json:2:1: ")
    assert words in refusal
    assert "\x1b" not in refusal and "\u202e" not in refusal


def test_a_row_without_id_tells_what_it_has(bounded: Bounded) -> None:
    assert refusals(bounded, "name,state\nx,CA\n", "i.csv") == ["i.csv:2: has no id at .id; it has .name, .state"]


@pytest.mark.parametrize("path", [".id", ".reviewid", ".Review_ID"])
def test_a_wrong_path_of_the_id_is_one_problem_with_its_rows_and_a_near_name(path: str, bounded: Bounded) -> None:
    rows = "review_id,text\n" + "".join(f"{n},fine\n" for n in range(40))
    with pytest.raises(UsageError) as caught:
        reading(bounded, rows, "i.csv", f", id: {path}")
    [problem] = caught.value.problems
    assert problem.message == f"has no id at {path}; it has .review_id, .text; the same in 39 more rows"
    assert (problem.where, problem.hint) == ("i.csv:2", "did you mean '.review_id'?")


def test_ids_that_are_no_whole_numbers_are_one_problem_beside_others(bounded: Bounded) -> None:
    rows = '{"id": 1.5}\n{"id": "a"}\n{"id": 2.5}\n{"id": ""}\n{"no": 1}\n'
    numbers, empty, missing = refusals(bounded, rows, "i.jsonl")
    assert (
        numbers == "i.jsonl:1: the id at .id is the number 1.5, expected text or a whole number; the same in 1 more row"
    )
    assert empty.startswith("i.jsonl:4: ")
    assert missing == "i.jsonl:5: has no id at .id; it has .no"


def test_all_rows_that_are_wrong_are_told_at_once(bounded: Bounded) -> None:
    text = "\n".join(['{"id": "a"}', '{"id": 7.5}', '{"id": ""}', '{"id": "A"}', '{"x": 1}'])
    assert [refusal.split(": ")[0] for refusal in refusals(bounded, text, "i.jsonl")] == [
        "i.jsonl:2",
        "i.jsonl:3",
        "i.jsonl:4",
        "i.jsonl:5",
    ]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("i.json", b'[{"id": "caf\xe9"}]', "i.json:1:13: is not UTF-8: byte 0xe9 at offset 12"),
        ("i.jsonl", b'{"id": "a"}\n{"id": "\xff"}\n', "i.jsonl:2:9: is not UTF-8: byte 0xff at offset 20"),
        ("i.csv", b"id\na\n\xc3\n", "i.csv:3:1: is not UTF-8: byte 0xc3 at offset 5"),
        ("i.csv", b"\xef\xbb\xbfid\n\xff\n", "i.csv:2:1: is not UTF-8: byte 0xff at offset 6"),
        ("i.csv", b"id\na\0b\n", "i.csv:2:2: holds a NUL character"),
        ("i.jsonl", b'{"id": "a"}\n\0\n', "i.jsonl:2:1: holds a NUL character"),
        ("i.jsonl", b"\x1f\x8b\x08\x00rest", "i.jsonl: is compressed (gzip), expected text"),
        ("i.json", b'[{"id": "a"},\n {"id": }]', "i.json:2:9: is not JSON: expecting value"),
        ("i.json", b'[{"id": "a",\n "x": 1, "x": 2}]', "i.json:2:10: duplicate key 'x'"),
        ("i.json", b'[{"id": "a", "x": NaN}]', "i.json: cannot be read as JSON: NaN is not JSON"),
        ("i.json", b"[" * 200_000, "i.json: cannot be read as JSON: is nested too deeply"),
        ("i.jsonl", b'{"id": "a"}\n{"id": \n', "i.jsonl:2:8: is not JSON: expecting value"),
        ("i.csv", b"id,x\na,1,2\nb\n", "i.csv:2:1: has 3 cells where the header has 2"),
        ("i.csv", b"id,id\na,b\n", "i.csv:1:1: columns 1 and 2 are both called 'id'"),
        ("i.csv", b"id,\na,b\n", "i.csv:1:1: column 2 has no name in the header"),
        ("i.csv", b"", "i.csv:1:1: has no header: the first line must name the columns"),
        ("i.csv", b'id\na\n"b\nc\n', "i.csv:3:1: is not CSV: a quote that is opened here is never closed"),
    ],
)
def test_I05_unreadable_sources_are_told_with_their_place(
    bounded: Bounded, name: str, content: bytes, expected: str
) -> None:
    assert refusals(bounded, content, name)[0].startswith(expected)


def test_rows_that_are_not_there_or_no_list_are_told(bounded: Bounded) -> None:
    text = '{"school": [], "n": 5}'
    assert refusals(bounded, text, "i.json", ', rows: ".schools[]"') == [
        "i.json: rows: the file has nothing at .schools; the file has 'school', 'n'"
    ]
    assert refusals(bounded, text, "i.json", ', rows: ".n[]"') == [
        "i.json: rows: expected a list at .n, got the number 5"
    ]


def test_a_row_with_too_many_cells_names_what_needs_quotes(bounded: Bounded) -> None:
    for mark, name in ((",", "commas"), (";", "semicolons")):
        with pytest.raises(UsageError) as caught:
            reading(bounded, "id,x,y\na,1,2,3\nb,1,2\n".replace(",", mark), "i.csv")
        assert caught.value.problems[0].hint == f"a cell with {name} in it needs quotes around it"


def test_every_ragged_row_is_told(bounded: Bounded) -> None:
    assert [each.split(": ")[0] for each in refusals(bounded, "id,x\na,1,2\nb,1\nc\n", "i.csv")] == [
        "i.csv:2:1",
        "i.csv:4:1",
    ]


def test_I04_huge_rows_lines_and_cells_are_refused(bounded: Bounded) -> None:
    big = "x" * (1024 * 1024 + 1)
    assert (
        "more than the 1,048,576 that one item may have"
        in refusals(bounded, f'[{{"id":"a","x":"{big}"}}]', "i.json")[0]
    )
    assert "i.jsonl:2:1: is a line of more than" in refusals(bounded, '{"id": "a"}\n"' + big + '"', "i.jsonl")[0]
    assert "i.csv:2" in refusals(bounded, f'id,x\na,"{big}"\n', "i.csv")[0]


def test_I04_more_items_than_a_job_may_have_are_refused(bounded: Bounded) -> None:
    assert refusals(bounded, "id\n" + "".join(f"{n}\n" for n in range(200_001)), "i.csv") == [
        "i.csv: holds more than 200,000 items, the most that one job takes"
    ]


def test_I04_a_file_above_the_limit_is_refused_unread(bounded: Bounded) -> None:
    for name, size in [("i.json", 33), ("i.jsonl", 129), ("i.csv", 129)]:
        with Path(name).open("wb") as file:
            file.truncate(size * 1024 * 1024)
        with pytest.raises(UsageError, match="is larger than"):
            read(job_of(f"{{file: {name}}}"), bounded)


def test_a_bad_jq_at_run_time_is_a_problem(bounded: Bounded) -> None:
    (refusal,) = refusals(bounded, '{"a": 5}', "i.json", ', rows: ".a | keys[]"')
    assert refusal.startswith("i.json: rows: '.a | keys[]': ")


@covers("A87")
def test_A87_mojibake_is_told_and_left_alone(bounded: Bounded) -> None:
    found = reading(bounded, '[{"id": "a", "x": "fine é – “ok”"},\n {"id": "b", "x": "cafÃ© â€“ âœ“"}]', "i.json")
    (warning,) = found.warnings
    assert warning.startswith("i.json:2:2: 1 row looks like UTF-8 that was read as Windows-1252, for instance 'Ã©'")
    assert found.items[1].data["x"] == "cafÃ© â€“ âœ“"


@covers("A87")
@given(st.text(st.characters(min_codepoint=0xA0, max_codepoint=0x2FFF, exclude_categories=["Cc", "Cs"]), min_size=1))
def test_A87_what_was_garbled_is_noticed(text: str) -> None:
    from harness.sources.mojibake import mojibake_in

    garbled = "".join(
        byte.decode("cp1252") if byte not in (b"\x81", b"\x8d", b"\x8f", b"\x90", b"\x9d") else chr(byte[0])
        for byte in (bytes([number]) for number in text.encode())
    )
    assert mojibake_in(garbled) is not None
