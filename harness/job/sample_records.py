"""Sample records to rehearse with, `rehearsal: {records: samples.json}`: read, and held against each phase's output."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness.base.errors import Problem
from harness.base.paths import MISSING, read_path
from harness.base.spelling import nearest
from harness.base.texts import place_of
from harness.job.checker import ManifestChecker, one_line
from harness.job.job import OutputSpec, PhaseSpec, Samples
from harness.job.manifest import Rehearsal

_PLACE: Final = ("rehearsal", "records")
_MOST_BYTES: Final = 32 * 1024 * 1024
_WHITE: Final = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True, slots=True)
class _Sample:
    """A record and where it stands: the offset of its first character."""

    value: Any
    offset: int


def resolve_samples(checker: ManifestChecker, rehearsal: Rehearsal, phases: Sequence[PhaseSpec]) -> Samples | None:
    """The samples that the manifest names; None when it names none. All that is wrong with them is noted."""
    if rehearsal.records is None:
        return None
    if rehearsal.scene is not None:
        checker.complain(_PLACE, "a scene is named as well, which says every record; write one of them", of_key=True)
    file = checker.file(_PLACE, rehearsal.records)
    if file is not None and file.suffix.lower() not in (".json", ".jsonl", ".ndjson"):
        checker.complain(_PLACE, f"expected a file that ends with .json or .jsonl, got {file.name!r}")
        return None
    text = checker.text(_PLACE, file, most_bytes=_MOST_BYTES) if file is not None else None
    if file is None or text is None:
        return None
    reading = _SampleReading(checker, file, text)
    by_phase = reading.by_phase(phases)
    for phase in phases:
        reading.judge(phase, by_phase.get(phase.name, []))
    reading.tell()
    return Samples(file, {name: tuple(sample.value for sample in samples) for name, samples in by_phase.items()})


class _SampleReading:
    """One file of samples, and what is wrong with it."""

    def __init__(self, checker: ManifestChecker, file: Path, text: str) -> None:
        self._checker = checker
        self._file = file
        self._text = text
        self._found: list[tuple[int, str]] = []

    def by_phase(self, phases: Sequence[PhaseSpec]) -> dict[str, list[_Sample]]:
        """Phase name -> its samples."""
        try:
            if self._file.suffix.lower() != ".json":
                samples = list(self._lines())
            elif self._text.lstrip()[:1] == "{" and len(phases) > 1:
                return self._named(phases)
            else:
                samples = self._list(_after(self._text, 0))
        except json.JSONDecodeError as error:
            self._note(error.pos, f"is not valid JSON: {error.msg}")
            return {}
        if len(phases) > 1:
            names = ", ".join(phase.name for phase in phases)
            self._note(0, f"expected an object with a list of records for each phase ({names})")
            return {}
        return {phases[0].name: samples} if phases else {}

    def judge(self, phase: PhaseSpec, samples: Sequence[_Sample]) -> None:
        """Note each sample that the schema or a jq check of the phase would refuse, or that names no item."""
        output = phase.output
        fitting = [sample for sample in samples if self._has_its_shape(output, sample)]
        values = [sample.value for sample in fitting]
        if not values:
            return
        if output.schema is not None:
            for sample, complaints in zip(fitting, self._checker.judged(output.schema, values), strict=True):
                for complaint in complaints:
                    self._note(sample.offset, complaint)
        for check in output.checks:
            if check.jq is not None and output.shape != "files":
                for sample, is_true in zip(fitting, self._checker.is_true(check.jq, values), strict=True):
                    if not is_true:
                        self._note(sample.offset, f"a check refuses it: {check.says or check.jq}")

    def tell(self) -> None:
        """Note at the checker what was found, in the order of the file."""
        for offset, message in sorted(self._found, key=lambda found: found[0]):
            line, column = place_of(self._text, offset)
            self._checker.note(Problem(f"{self._checker.shown(self._file)}:{line}:{column}", message))

    def _has_its_shape(self, output: OutputSpec, sample: _Sample) -> bool:
        if output.shape == "files":
            is_text = output.schema is None
            if is_text and not isinstance(sample.value, str):
                self._note(sample.offset, "expected a text, the whole content of one file")
            return not is_text
        for path in dict.fromkeys((output.key, output.item)):
            if read_path(sample.value, path) is MISSING:
                self._note(sample.offset, f"has nothing at {path}, where the id of its item belongs")
                return False
        return True

    def _lines(self) -> Iterator[_Sample]:
        offset = 0
        for line in self._text.splitlines(keepends=True):
            if line.strip():
                try:
                    yield _Sample(json.loads(line), offset)
                except json.JSONDecodeError as error:
                    raise json.JSONDecodeError(error.msg, self._text, offset + error.pos) from None
            offset += len(line)

    def _list(self, at: int) -> list[_Sample]:
        """The elements of the array that begins at `at`, and nothing but white space behind it."""
        samples, end = self._elements(at)
        if (rest := _after(self._text, end)) < len(self._text):
            raise json.JSONDecodeError("Extra data", self._text, rest)
        return samples

    def _elements(self, at: int) -> tuple[list[_Sample], int]:
        """The elements of the array at `at`, and where it ends."""
        value, end = _DECODER.raw_decode(self._text, at)
        if not isinstance(value, list):
            self._note(at, "expected a list of records")
            return [], end
        samples = []
        inside = _after(self._text, at + 1)
        for one in value:
            samples.append(_Sample(one, inside))
            inside = _after(self._text, _DECODER.raw_decode(self._text, inside)[1])
            inside = _after(self._text, inside + 1)  # the comma, or the end of the array
        return samples, end

    def _named(self, phases: Sequence[PhaseSpec]) -> dict[str, list[_Sample]]:
        """The lists of an object, by the names of its members."""
        known = [phase.name for phase in phases]
        json.loads(self._text)  # the walk below expects JSON
        found: dict[str, list[_Sample]] = {}
        at = _after(self._text, _after(self._text, 0) + 1)
        while self._text[at] == '"':
            name, end = _DECODER.raw_decode(self._text, at)
            if name not in known:
                self._note(at, f"unknown phase {name!r}{nearest(name, known)}")
            value_at = _after(self._text, _after(self._text, end) + 1)
            found[name], end = self._elements(value_at)
            at = _after(self._text, end)
            at = _after(self._text, at + 1) if self._text[at] == "," else at
        return {name: samples for name, samples in found.items() if name in known}

    def _note(self, offset: int, message: str) -> None:
        self._found.append((offset, one_line(message)))


_DECODER: Final = json.JSONDecoder()


def _after(text: str, at: int) -> int:
    """The next character that is no white space."""
    found = _WHITE.match(text, at)
    return found.end() if found else at
