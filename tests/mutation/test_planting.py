"""Laws of the mutation run: a planted fault is what runs, and the nearest tests are asked first."""

import gc
import importlib.util
from pathlib import Path
from typing import Any

import pytest

from tests.mutation.reach import Reach
from tests.mutation.swapping import swap

TEXT = """\
from functools import lru_cache

class Box:
    @property
    def size(self): return [1 + each for each in (1,)][0]

@lru_cache
def half(number): return number / 2

def apart(): return "untouched"
"""


@pytest.fixture
def box(tmp_path: Path) -> Any:
    (tmp_path / "box.py").write_text(TEXT)
    spec = importlib.util.spec_from_file_location("box", tmp_path / "box.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_fault_is_planted_in_functions_that_are_imported_already(box: Any) -> None:
    one = box.Box()
    gc.freeze()  # as tests/conftest.py does
    faulty = TEXT.replace("1 + each", "5 + each").replace("number / 2", "number * 2")
    assert swap(box.__file__, TEXT, faulty)
    assert (one.size, box.half(10), box.apart()) == (6, 20, "untouched")


def test_a_fault_that_no_function_holds_is_told_from_one_that_is_planted(box: Any) -> None:
    assert not swap(box.__file__, TEXT, f"{TEXT}\nX = 1\n")
    assert not swap(box.__file__, TEXT, TEXT.replace("def apart", "def moved"))


@pytest.fixture
def reach(tmp_path: Path) -> Reach:
    seconds = {"tests/core/test_gate.py::a": 2.0, "tests/core/test_gate.py::b": 1.0, "tests/cli/test_x.py::c": 0.5}
    for file in ("tests/core/test_gate.py", "tests/cli/test_x.py"):
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).write_text("gate")
    return Reach(
        tmp_path, seconds, {("harness/core/gate.py", 7): {"tests/core/test_gate.py::a", "tests/cli/test_x.py::c"}}
    )


@pytest.mark.parametrize(
    ("lines", "within_s", "tests"),
    [
        ((7, 7), 60, ["core/test_gate.py::a", "cli/test_x.py::c", "core/test_gate.py::b"]),
        ((5, 9), 2.5, ["core/test_gate.py::a", "cli/test_x.py::c"]),
        ((7, 7), 0.1, ["core/test_gate.py::a"]),
        ((8, 9), 60, ["core/test_gate.py::b", "core/test_gate.py::a"]),
    ],
)
def test_tests_that_run_the_line_come_first_and_then_those_of_the_room_that_name_the_module(
    reach: Reach, lines: tuple[int, int], within_s: float, tests: list[str]
) -> None:
    assert reach.tests(Path("harness/core/gate.py"), lines, within_s) == [f"tests/{test}" for test in tests]
