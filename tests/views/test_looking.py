"""Who looks at a run never ends it."""

import threading
from pathlib import Path

import pytest

from harness.base.errors import LedgerDamagedError
from harness.views.follow import looking


def test_a_run_that_cannot_be_shown_goes_on(tmp_path: Path) -> None:
    looked: list[str] = []

    def look() -> None:
        looked.append("once more")
        raise LedgerDamagedError("it cannot be read")

    with looking(tmp_path, look):
        pass
    assert looked


def test_C09_a_machine_without_another_thread_shows_only_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def refused(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    with looking(tmp_path, lambda: looked.append("at the end")):
        assert not looked
    assert looked == ["at the end"]
