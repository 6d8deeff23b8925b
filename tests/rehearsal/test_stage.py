"""A scene is asked in a thread of its own, and cannot stop the server."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from harness.rehearsal.scene import Text, Turn
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
    before = set(threading.enumerate())
    with pytest.raises(SceneError, match=r"scenes\.py:[67]: no answer after 0\.2 s"):
        asyncio.run(stage.answer(asking("A1").ask))
    for thread in set(threading.enumerate()) - before:
        thread.join(30)
        assert not thread.is_alive()


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


def test_a_reply_under_a_trouble_is_checked_too(tmp_path: Path, asking: Any) -> None:
    text = "from harness.rehearsal.scene import Trouble\ndef scene(ask): return Trouble('529', then='later')\n"
    with pytest.raises(SceneError, match="must return Records, Turn or Trouble, got 'later'"):
        asyncio.run(SceneStage(_scene(tmp_path, text)).answer(asking("A1").ask))
