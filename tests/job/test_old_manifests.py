"""Manifests of earlier versions load: those of their examples and their documentation, and one with every field.

The files that they name stand beside them, as small as they can be.
"""

from pathlib import Path

import pytest

from harness.job.load import load

GOLDEN = Path(__file__).resolve().parents[1] / "golden/manifests"
MANIFESTS = sorted(path.relative_to(GOLDEN).as_posix() for path in GOLDEN.glob("*/*.yaml"))


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_of_every_version_loads(name: str) -> None:
    for rehearsal in (False, True):
        job = load(GOLDEN / name, rehearsal=rehearsal)
        assert job.phases
