"""Records in the shape of the output, and the ways to spoil them."""

import json
from typing import Any

import pytest

from harness.rehearsal.scene import Records, Text, Tool, Turn
from harness.rehearsal.script import OUT_OF_BOUNDS, ReplyError, Script, script_of, spoil
from tests.covers import covers

TWO = [{"id": "A1", "n": 1}, {"id": "A2", "n": 2}]


def _writes(script: Script, turn: int = 0) -> dict[str, str]:
    blocks = script.turns[turn].blocks
    return {block.input["file_path"]: block.input["content"] for block in blocks if isinstance(block, Tool)}


def _content(script: Script, turn: int = 0) -> Any:
    return json.loads(_writes(script, turn)["/mnt/work/output.json"])


@covers("A68")
def test_array_object_one_and_files_are_written_as_asked(asking: Any) -> None:
    assert _content(script_of(Records(TWO), asking("A1", "A2").ask)) == TWO
    by_key = {"A1": TWO[0], "A2": TWO[1]}
    assert _content(script_of(Records(TWO), asking("A1", "A2", shape="object").ask)) == by_key
    assert _content(script_of(Records(by_key), asking("A1", "A2", shape="object").ask)) == by_key
    one = asking("A1", shape="one").ask
    assert _content(script_of(Records(TWO[:1]), one)) == _content(script_of(Records(TWO[0]), one)) == TWO[0]
    files = asking("A1", "../x", shape="files", file="out/{id}.md").ask
    written = _writes(script_of(Records({"A1": "one", "../x": "two"}), files))
    assert written["/mnt/work/out/A1.md"] == "one"
    assert written == _writes(script_of(Records(["one", "two"]), files))
    told = [{"id": "../x", "text": "two"}, {"id": "A1", "text": "one"}]
    assert written == _writes(script_of(Records(told), files))
    assert not any(".." in path for path in written)


@pytest.mark.parametrize(
    ("records", "output"),
    [
        ({"A1": TWO[0]}, {}),
        (TWO, {"shape": "one"}),
        ([{"name": "A1"}], {"shape": "object"}),
        (["one"], {"shape": "files", "file": "{id}.md"}),
        ([{"id": {1, 2}}], {}),
    ],
)
def test_records_that_do_not_fit_the_shape_are_an_error_of_the_scene(records: Any, output: Any, asking: Any) -> None:
    with pytest.raises(ReplyError):
        script_of(Records(records), asking("A1", "A2", **output).ask)


def test_the_spoilers_do_what_their_names_say(asking: Any) -> None:
    ask = asking("A1", "A2").ask
    good = script_of(Records(TWO), ask)

    def spoilt(name: str, **params: Any) -> Script:
        return spoil(name, good, ask, params)

    assert [record["id"] for record in _content(spoilt("wrong_ids"))] == ["A1 rehearsal", "A2 rehearsal"]
    assert _content(spoilt("missing_item")) == TWO[:1]
    assert _content(spoilt("missing_item", item="A1")) == TWO[1:]
    with pytest.raises(ValueError):
        _content(spoilt("broken_json"))
    half = spoilt("half_file")
    with pytest.raises(ValueError):
        _content(half, 0)
    assert _content(half, 1) == TWO
    assert half.turn_at(2).stop == "end_turn"
    assert list(_writes(spoilt("denied"))) == [OUT_OF_BOUNDS]
    assert spoilt("no_file").turns[0] == Turn([Text("rehearsal: done.")], "end_turn")
    assert spoilt("endless").turn_at(500).stop == "tool_use"
    assert [spoilt(name).turn_at(9).stop for name in ("refusal", "max_tokens")] == ["refusal", "max_tokens"]
    assert spoilt("empty").turns[0].blocks == []


@pytest.mark.parametrize("shape", ["object", "one", "files"])
def test_every_shape_can_be_spoilt(shape: str, asking: Any) -> None:
    ids = ["A1"] if shape == "one" else ["A1", "A2"]
    ask = asking(*ids, shape=shape, file="{id}.json" if shape == "files" else "output.json").ask
    good = script_of(Records(TWO[: len(ids)]), ask)
    wrong, missing = spoil("wrong_ids", good, ask, {}), spoil("missing_item", good, ask, {})
    if shape == "object":
        assert _content(wrong) == {
            f"{id_} rehearsal": {**TWO[n], "id": f"{id_} rehearsal"} for n, id_ in enumerate(ids)
        }
        assert _content(missing) == {"A1": TWO[0]}
    elif shape == "one":
        assert _content(wrong)["id"] == "A1 rehearsal"
        assert _writes(missing) == {}
    else:
        assert set(_writes(wrong)) == {"/mnt/work/rehearsal-A1.json", "/mnt/work/rehearsal-A2.json"}
        assert set(_writes(missing)) == {"/mnt/work/A1.json"}


def test_a_turn_that_a_scene_wrote_itself_can_be_spoilt_too(asking: Any) -> None:
    ask = asking("A1", "A2").ask
    write = Tool("Write", {"file_path": "/mnt/work/output.json", "content": json.dumps(TWO)})
    other = Tool("Read", {"file_path": "/mnt/work/input/a.pdf"})
    own = Script((Turn([Text("now"), other, write]),))
    assert spoil("no_file", own, ask, {}).turns[0].blocks == [Text("now"), other]
    halves = spoil("half_file", own, ask, {}).turns[0].blocks
    assert [block.input["content"] for block in halves[2:] if isinstance(block, Tool)] == [
        json.dumps(TWO)[: len(json.dumps(TWO)) // 2],
        json.dumps(TWO),
    ]
