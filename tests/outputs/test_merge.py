"""The merge is the accepted set in item order, byte for byte, however the records came in; what is not ours is kept."""

import csv
import io
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.base.artifacts import ArtifactStore
from harness.base.errors import BrokenSetupError, LedgerDamagedError
from harness.base.ids import Sha
from harness.base.slices import ItemSlice, Slice
from harness.job.job import Shape
from harness.outputs import merge
from harness.outputs.formats import MOST_MORE_COLUMNS
from harness.outputs.merge import hash_of, keep_aside, prepare, publish
from harness.outputs.parse import canonical
from tests.covers import covers
from tests.outputs.merging import merged_bytes, modes, put_files, put_records, spec_of, store_in

RECORD = st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(max_size=5) | st.lists(st.integers()))


@covers("F183", "F192")
def test_an_array_has_one_record_a_line_in_item_order(tmp_path: Path, store: ArtifactStore) -> None:
    late = put_records(store, {"B": [{"id": "B"}], "A": [{"id": "A", "n": 2**60 + 1}, {"id": "A", "é": "x\ny"}]})
    content = merged_bytes(tmp_path / "out/all.json", [late["A"], late["B"]], spec_of(), store)
    assert content.decode() == ('[\n{"id":"A","n":1152921504606846977},\n{"id":"A","é":"x\\ny"},\n{"id":"B"}\n]\n')


@covers("A69")
def test_an_object_is_keyed_and_loses_no_record(tmp_path: Path, store: ArtifactStore) -> None:
    pieces = put_records(store, {"A": [{"id": "A", "k": "x"}], "B": [{"id": "B", "k": "x"}, {"id": "B", "k": 7}]})
    content = merged_bytes(tmp_path / "all.json", list(pieces.values()), spec_of("object", key=".k"), store)
    assert json.loads(content) == {
        "x": {"id": "A", "k": "x"},
        "x (2)": {"id": "B", "k": "x"},
        "7": {"id": "B", "k": 7},
    }


@pytest.mark.parametrize(
    ("name", "shape", "content"),
    [("a.json", "array", b"[]\n"), ("a.json", "object", b"{}\n"), ("a.jsonl", "array", b""), ("a.csv", "array", b"")],
)
def test_nothing_accepted_is_an_empty_merge(
    tmp_path: Path, store: ArtifactStore, name: str, shape: Shape, content: bytes
) -> None:
    assert merged_bytes(tmp_path / name, [], spec_of(shape), store) == content


def test_json_lines_are_the_records(tmp_path: Path, store: ArtifactStore) -> None:
    pieces = put_records(store, {"A": [{"id": "A"}, ["A"]]})
    assert merged_bytes(tmp_path / "all.jsonl", list(pieces.values()), spec_of(), store) == b'{"id":"A"}\n["A"]\n'


def test_csv_columns_are_the_fields_and_then_what_else_was_seen(tmp_path: Path, store: ArtifactStore) -> None:
    schema: dict[str, Any] = {"properties": {"vendor": {}, "total": {}}}
    pieces = put_records(
        store, {"A": [{"total": 1.5, "id": "A", "vendor": "é"}], "B": [{"id": "B", "more": [1, {"x": None}]}]}
    )
    content = merged_bytes(tmp_path / "all.csv", list(pieces.values()), spec_of(schema=schema), store)
    assert content.decode() == 'id,vendor,total,more\r\nA,é,1.5,\r\nB,,,"[1,{""x"":null}]"\r\n'


def test_a_csv_of_very_wide_records_is_bounded_and_loses_nothing(tmp_path: Path, store: ArtifactStore) -> None:
    wide = [{"id": f"S{n}", **{f"f{n}_{m}": m for m in range(400)}} for n in range(60)]
    put = put_records(store, {str(record["id"]): [record] for record in wide})
    content = merged_bytes(
        tmp_path / "all.csv", put.values(), spec_of(schema={"properties": {"id": {}}}), store
    ).decode()
    header, *rows = csv.reader(io.StringIO(content, newline=""))
    assert len(header) == 1 + MOST_MORE_COLUMNS + 1 and header[-1] == "(other fields)"
    for record, row in zip(wide, rows, strict=True):
        cells = {name: cell for name, cell in zip(header, row[:-1], strict=False) if cell}
        found = {**cells, **json.loads(row[-1] or "{}")}
        assert {k: str(v) for k, v in found.items()} == {k: str(v) for k, v in record.items()}


def test_I16_every_cell_of_a_csv_is_read_back_as_the_record_says(tmp_path: Path, store: ArtifactStore) -> None:
    """Also what a spreadsheet would take for a formula, or for two cells; a number keeps all its digits."""
    cells = ["=1+1", "+cmd|x", "@acme", "- first", "\t=1", "\r=1", "+49 30 1234", "x;=1+1", " a ", "x\ny", '"', "'"]
    rest: list[Any] = [-(10**20) - 1, 1.5, True, None]
    pieces = put_records(store, {"A": [{f"=c{n}": cell for n, cell in enumerate([*cells, *rest])}], "B": [{"=c0": ""}]})
    content = merged_bytes(tmp_path / "all.csv", list(pieces.values()), spec_of(), store).decode()
    header, row, blank = csv.reader(io.StringIO(content, newline=""))
    assert header == [f"=c{n}" for n in range(len(cells) + 4)]
    assert row == [*cells, "-100000000000000000001", "1.5", "true", ""]
    assert blank == [""] * len(row)
    assert '"x;=1+1"' in content, "a reader whose separator is ; does not see a second cell"


def test_a_row_of_nothing_is_still_a_row(tmp_path: Path, store: ArtifactStore) -> None:
    pieces = put_records(store, {"A": [{"a": None}], "B": [{"a": ""}]})
    content = merged_bytes(tmp_path / "all.csv", list(pieces.values()), spec_of(), store).decode()
    assert list(csv.reader(io.StringIO(content, newline=""))) == [["a"], [""], [""]]


# --- any order, the same bytes ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("umask")
def test_results_have_the_modes_of_the_umask_and_a_persons_chmod_stays(tmp_path: Path, store: ArtifactStore) -> None:
    pieces = list(put_records(store, {"A": [{"id": "A"}]}).values())
    target = tmp_path / "new" / "below" / "all.json"
    merged_bytes(target, pieces, spec_of(), store)
    assert modes(target.parent.parent, target.parent, target) == ["750", "750", "640"]
    target.chmod(0o604)
    merged_bytes(target, pieces, spec_of(), store)
    assert modes(target) == ["604"]
    target.unlink()
    target.parent.chmod(0o2770)
    merged_bytes(target, pieces, spec_of(), store)
    assert target.stat().st_gid == target.parent.stat().st_gid and modes(target) == ["640"]


@covers("F183", "A70")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(
    records=st.dictionaries(st.text(min_size=1, max_size=3), st.lists(RECORD, min_size=1, max_size=3), max_size=8),
    suffix=st.sampled_from(["json", "jsonl", "csv"]),
    shape=st.sampled_from(["array", "object"]),
    seed=st.integers(0, 2**32),
)
def test_O15_any_completion_order_and_any_grouping_give_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, records: dict[str, list[Any]], suffix: str, shape: Shape, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("merge")
    store = store_in(folder)
    together = put_records(store, records)
    whole = merged_bytes(folder / f"whole.{suffix}", [together[id_] for id_ in records], spec_of(shape), store)

    chance = random.Random(seed)
    left = list(records)
    chance.shuffle(left)
    apart: dict[str, ItemSlice] = {}
    while left:
        group = [left.pop() for _ in range(chance.randint(1, len(left)))]
        apart |= put_records(store, {id_: records[id_] for id_ in group})
    assert merged_bytes(folder / f"apart.{suffix}", [apart[id_] for id_ in records], spec_of(shape), store) == whole
    if suffix == "jsonl":
        assert whole.decode().split("\n")[:-1] == [canonical(one) for group in records.values() for one in group]


def test_more_fragments_than_may_be_open_are_read_in_any_order(tmp_path: Path, store: ArtifactStore) -> None:
    pieces = [put_records(store, {f"I{n}": [{"id": f"I{n}"}], f"J{n}": [{"id": f"J{n}"}]}) for n in range(100)]
    in_order = [fragment[f"{letter}{n}"] for letter in "IJ" for n, fragment in enumerate(pieces)]
    before = _open_files()
    most = 0

    def watched() -> Iterator[ItemSlice]:
        nonlocal most
        for piece in in_order:
            most = max(most, _open_files())
            yield piece

    merged = json.loads(merged_bytes(tmp_path / "all.json", watched(), spec_of(), store))
    assert [record["id"] for record in merged] == [f"{letter}{n}" for letter in "IJ" for n in range(100)]
    assert _open_files() == before
    assert most <= before + 40


def _open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


# --- targets that are not ours ----------------------------------------------------------------------------------------


def test_O16_what_is_at_the_target_is_seen_and_kept_aside(tmp_path: Path, store: ArtifactStore) -> None:
    target = tmp_path / "all.json"
    assert hash_of(target) is None
    target.write_text("mine")
    assert hash_of(target) is not None
    assert keep_aside(target) == tmp_path / "all.json.edited-1"
    target.mkdir()
    assert hash_of(target) is not None
    assert keep_aside(target) == tmp_path / "all.json.edited-2"
    merged_bytes(target, [], spec_of(), store)
    assert (tmp_path / "all.json.edited-1").read_text() == "mine"


def test_O16_a_link_or_a_pipe_is_never_taken_for_ours(tmp_path: Path, store: ArtifactStore) -> None:
    target = tmp_path / "all.json"
    merged = prepare(tmp_path / "elsewhere.json", [], spec_of(), store)
    publish(merged)
    target.symlink_to("elsewhere.json")
    assert hash_of(target) not in {None, merged.sha}
    keep_aside(target)
    os.mkfifo(target)
    assert hash_of(target) not in {None, merged.sha}


def test_O16_a_reader_of_the_old_merge_keeps_it_until_it_closes(tmp_path: Path, store: ArtifactStore) -> None:
    target = tmp_path / "all.json"
    merged_bytes(target, [], spec_of(), store)
    with target.open("rb") as reader:
        merged_bytes(target, list(put_records(store, {"A": [1]}).values()), spec_of(), store)
        assert reader.read() == b"[]\n"


def test_O16_a_target_that_cannot_be_written_is_told_in_words_and_leaves_nothing(
    tmp_path: Path, store: ArtifactStore
) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(BrokenSetupError, match=r"cannot merge into .*all\.json"):
        prepare(tmp_path / "file" / "all.json", [], spec_of(), store)


def test_O16_a_full_disk_leaves_the_old_merge_and_no_rest(
    tmp_path: Path, store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "all.json"
    before = merged_bytes(target, [], spec_of(), store)
    pieces = list(put_records(store, {"A": [1]}).values())

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BrokenSetupError, match="No space left"):
        prepare(target, pieces, spec_of(), store)
    assert target.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.json", "artifacts"]


def test_what_killed_merges_left_beside_the_target_is_removed(tmp_path: Path, store: ArtifactStore) -> None:
    target = tmp_path / "all.json"
    prepare(target, [], spec_of(), store)  # and never published
    (tmp_path / ".all.json.0123abcd.old").mkdir()
    (tmp_path / ".all.json.notours.tmp").write_text("keep")
    merged_bytes(target, [], spec_of(), store)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".all.json.notours.tmp", "all.json", "artifacts"]


# --- damage -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["array", "files"])
def test_T04_a_changed_or_missing_artifact_is_refused(tmp_path: Path, store: ArtifactStore, shape: Shape) -> None:
    pieces = put_files(store, {"A": b"one"})
    spec = spec_of(shape, "{id}.md")
    artifact = store.path(Sha(store.put(b"one")) if shape == "files" else pieces[0].slice.sha)
    artifact.chmod(0o600)
    content = artifact.read_bytes()
    artifact.write_bytes(content[:-2] + b"x" + content[-1:])
    with pytest.raises(LedgerDamagedError, match="has been changed"):
        prepare(tmp_path / "all", pieces, spec, store)
    artifact.unlink()
    with pytest.raises(LedgerDamagedError, match="is missing"):
        prepare(tmp_path / "all", pieces, spec, store)
    assert [path.name for path in tmp_path.iterdir()] == ["artifacts"]


def test_a_slice_that_is_not_whole_lines_of_the_fragment_is_refused(tmp_path: Path, store: ArtifactStore) -> None:
    piece = put_records(store, {"A": [1, 2]})["A"]
    for offset, length in ((0, 3), (0, 5), (4, 2)):
        with pytest.raises(LedgerDamagedError, match="no records at"):
            prepare(
                tmp_path / "all.json", [ItemSlice(piece.item, Slice(piece.slice.sha, offset, length))], spec_of(), store
            )


def test_O17_the_pieces_are_streamed(tmp_path: Path, store: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each piece is written before the next but few is asked for; nothing is collected."""
    (piece,) = put_records(store, {"A": [{"x": "y" * 100_000}]}).values()
    ahead = 0
    worst = 0
    real = merge._Counted.__iter__

    def pieces() -> Any:
        nonlocal ahead, worst
        for _ in range(50):
            ahead += 1
            worst = max(worst, ahead)
            yield piece

    def counted(self: Any) -> Any:
        nonlocal ahead
        for line in real(self):
            yield line
            ahead -= 1

    monkeypatch.setattr(merge._Counted, "__iter__", counted)
    prepare(tmp_path / "all.json", pieces(), spec_of(), store)
    assert worst == 1
