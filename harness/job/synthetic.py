"""Data that is marked synthetic: a job may be rehearsed on it, and not launched."""

import json
from collections.abc import Iterator
from pathlib import Path

from harness.base.errors import Problem, UsageError
from harness.base.texts import shown
from harness.job.job import Job

MARKS = ("synthetic", "_synthetic")
"""Keys at the top of a JSON file: true, or a text that says what belongs there instead."""
_MOST_TEXT = 300


def refuse_synthetic(job: Job) -> None:
    """UsageError for a real launch while a file that the job names is marked synthetic; a rehearsal may use it."""
    if job.rehearsal:
        return
    problems = [
        Problem(
            shown(file),
            "is marked synthetic, so a real launch would pay for results that mean nothing",
            f"replace it{f' by {wanted}' if wanted else ' by real data'}, without the key {mark!r}; `harness rehearse` "
            "works as it is",
        )
        for file, mark, wanted in _synthetic_files(job)
    ]
    if problems:
        raise UsageError(problems)


def _synthetic_files(job: Job) -> Iterator[tuple[Path, str, str]]:
    """File, the key that marks it, and what belongs there when it says so."""
    named = [*job.readable, *(file for file in (job.items.file, job.items.match) if file is not None)]
    named += [job.folder / value for value in job.vars.values() if isinstance(value, str) and value.endswith(".json")]
    for file in dict.fromkeys(named):
        told = _head_of(file) if file.suffix.lower() == ".json" else {}
        for mark in MARKS:
            value = told.get(mark)
            if value is True or (isinstance(value, str) and value.strip()):
                yield file, mark, " ".join(value.split())[:_MOST_TEXT] if isinstance(value, str) else ""


def _head_of(file: Path) -> dict[str, object]:
    """The object in a file; empty for whatever else is in it. Most files are not even parsed."""
    try:
        content = file.read_bytes() if file.is_file() else b""
        told = json.loads(content) if b'synthetic"' in content else None
    except (OSError, ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
