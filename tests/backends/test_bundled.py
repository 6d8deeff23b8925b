"""The CLI that comes with the SDK: its version is held against those tested, its bytes against its package."""

from pathlib import Path

import pytest

from harness.backends import bundled
from harness.backends.bundled import TESTED, bundled_version, is_as_released, untested


def test_the_bundled_cli_is_one_that_was_tested_and_is_what_was_released() -> None:
    assert untested(bundled_version()) is None
    assert is_as_released() is True


def test_a_cli_of_other_bytes_is_not_the_released_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "claude").write_bytes(b"#!/bin/sh\n")
    monkeypatch.setattr(bundled, "cli_folder", lambda: tmp_path)
    assert is_as_released() is False
    monkeypatch.setattr(bundled, "_DISTRIBUTION", "no-such-package")
    assert is_as_released() is None


@pytest.mark.parametrize(
    ("version", "is_known"),
    [
        *((known, True) for known in TESTED),
        *((other, False) for other in ("2.1.328", "2.1.4000", "2.2.0", "3", "", "2.1.330-beta", "latest")),
    ],
)
def test_a_version_outside_of_those_tested_is_told(version: str, is_known: bool) -> None:
    assert (untested(version) is None) == is_known
    assert is_known or TESTED[1] in (untested(version) or "")
