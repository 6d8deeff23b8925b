"""A pytest plugin that writes which test runs which line of the package, and how long it takes: a file a process."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import coverage
import pytest

TRACES = "MUTATION_TRACES"
"""The environment's name of the folder to write to."""
_ROOT = Path(__file__).resolve().parents[2]
_TRACED = coverage.Coverage(data_file=None, include=[f"{_ROOT}/harness/*"], config_file=False)
_SECONDS: dict[str, float] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    if not _SECONDS:
        _TRACED.start()
    _TRACED.switch_context(item.nodeid)
    began, failed = time.monotonic(), item.session.testsfailed
    result = yield
    if item.session.testsfailed == failed:  # one that fails by itself can tell nothing
        _SECONDS[item.nodeid] = round(time.monotonic() - began, 3)
    return result


def pytest_sessionfinish() -> None:
    if not _SECONDS:
        return
    _TRACED.stop()
    data: Any = _TRACED.get_data()
    reached = {
        str(Path(file).relative_to(_ROOT)): {
            line: sorted(set(tests) & _SECONDS.keys()) for line, tests in data.contexts_by_lineno(file).items()
        }
        for file in data.measured_files()
    }
    text = json.dumps({"seconds": _SECONDS, "reached": reached})
    (Path(os.environ[TRACES]) / f"{os.getpid()}.json").write_text(text, encoding="utf-8")
