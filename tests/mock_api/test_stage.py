"""A scene is asked in a process of its own, and cannot stop the server."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from harness.rehearsal.prompt_values import ToldValue, Untold
from harness.rehearsal.scene import InjectedFault, Text, Tool, Turn
from harness.rehearsal.script import ReplyError
from harness.rehearsal.stage import SceneError, SceneStage


def _scene(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "scenes.py"
    path.write_text(text, encoding="utf-8")
    return path


ENDLESS = """
def scene(ask):
    deeper(ask)

def deeper(ask):
    while True:
        pass
"""


def test_an_endless_scene_is_told_with_its_line_and_ended(tmp_path: Path, asking: Any) -> None:
    stage = SceneStage(_scene(tmp_path, ENDLESS), longest_s=0.2)
    with pytest.raises(SceneError, match=r"scenes\.py:[67]: no answer after 0\.2 s"):
        asyncio.run(stage.answer(asking("A1").ask))
    stage.close()


def test_a_scene_may_import_what_lies_beside_it(tmp_path: Path, asking: Any) -> None:
    (tmp_path / "beside_the_scene.py").write_text("WORD = 'found'\n", encoding="utf-8")
    text = "from beside_the_scene import WORD\nfrom harness.rehearsal.scene import Text, Turn\n"
    stage = SceneStage(_scene(tmp_path, text + "def scene(ask): return Turn([Text(WORD)])\n"))
    assert asyncio.run(stage.answer(asking("A1").ask)) == Turn([Text("found")])


def test_the_line_is_the_scenes_own_even_when_it_breaks_deeper(tmp_path: Path, asking: Any) -> None:
    text = "import json\ndef scene(ask):\n    return json.loads('{')\n"
    with pytest.raises(SceneError, match=r"scenes\.py:3: JSONDecodeError") as caught:
        asyncio.run(SceneStage(_scene(tmp_path, text)).answer(asking("A1").ask))
    assert "decoder.py" in caught.value.trace


def test_a_reply_under_a_fault_is_checked_too(tmp_path: Path, asking: Any) -> None:
    text = (
        "from harness.rehearsal.scene import InjectedFault\ndef scene(ask): return InjectedFault('529', then='later')\n"
    )
    with pytest.raises(SceneError, match="must return Records, Turn or InjectedFault, got 'later'"):
        asyncio.run(SceneStage(_scene(tmp_path, text)).answer(asking("A1").ask))


REMEMBERS = """
import datetime, decimal
from harness.rehearsal.scene import Records, Text, Tool, InjectedFault, Turn
def scene(ask):
    if ask.vars["want"] == "untold":
        return Turn([Text(ask.context["before"][0]["name"])])
    if ask.vars["want"] == "no json":
        return Records([{"id": {1, 2}}])
    said = f"{ask.count('529', phase='main')} {ask.rng_of('A1').random()}"
    turn = Turn([Text(said), Tool("Read", {"file_path": "x"})], tag="t", cost=decimal.Decimal("0.10"))
    return InjectedFault("529", 2, "tag", turn, seconds=3)
"""


def test_a_scene_in_its_own_process_asks_and_answers_as_in_ours(tmp_path: Path, asking: Any) -> None:
    """What it counts, what it was not told, and each part of its reply cross over."""

    class Past:
        def count(self, name: str, match: Mapping[str, object]) -> int:
            return 7 if (name, match) == ("529", {"phase": "main"}) else 0

    async def play(want: str) -> Any:
        given = replace(ask, vars=ToldValue({"want": want}, ["secret"], "vars"), history=Past())
        return await stage.answer(replace(given, context={"before": [Untold("context.before[0]")]}))

    ask = asking("A1").ask
    stage = SceneStage(_scene(tmp_path, REMEMBERS))
    turn = Turn([Text(f"7 {ask.rng_of('A1').random()}"), Tool("Read", {"file_path": "x"})], None, "t", Decimal("0.10"))
    reply = asyncio.run(play("reply"))
    assert reply == InjectedFault("529", 2, "tag", turn, seconds=3)
    with pytest.raises(SceneError, match=r"scenes\.py:6: context\.before\[0\] is not in the request") as caught:
        asyncio.run(play("untold"))
    assert caught.value.is_untold
    with pytest.raises(ReplyError, match=r"the records are not valid JSON: .*set"):
        asyncio.run(play("no json"))
    stage.close()


def test_a_scene_that_ends_its_process_is_told_and_the_next_question_is_answered(tmp_path: Path, asking: Any) -> None:
    text = "import os\nfrom harness.rehearsal.scene import Text, Turn\ndef scene(ask):\n"
    text += "    if ask.seed == 1:\n        os._exit(0)\n    print('noise')\n    return Turn([Text('well')])\n"
    stage = SceneStage(_scene(tmp_path, text))
    ask = asking("A1").ask
    with pytest.raises(SceneError, match=r"scenes\.py: ended before it answered"):
        asyncio.run(stage.answer(replace(ask, seed=1)))
    assert asyncio.run(stage.answer(replace(ask, seed=2))) == Turn([Text("well")])
    stage.close()


def test_a_scene_of_0_1_0_still_injects_faults_under_their_old_name(tmp_path: Path, asking: Any) -> None:
    text = "from harness.rehearsal.scene import Trouble\ndef scene(ask): return Trouble('529', times=2)\n"
    stage = SceneStage(_scene(tmp_path, text))
    assert asyncio.run(stage.answer(asking("A1").ask)) == InjectedFault("529", times=2)
