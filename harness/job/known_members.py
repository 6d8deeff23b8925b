"""Which members of a record a job knows: those that `fields` names, and those that its checks and later phases name.

What a session adds beyond them is dropped before any check sees it: nobody asked for it, and nobody knows its type.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from harness.base.paths import steps_of
from harness.job.checker import ManifestChecker
from harness.job.job import CheckSpec, OutputSpec, PhaseSpec
from harness.job.sessions import files_of

_NAME = re.compile(r"""\.([A-Za-z_]\w*)|"([^"\n]{1,200})"|'([^'\n]{1,200})'""")
_TAG = re.compile(r"\{[{%](.*?)[%}]\}", re.DOTALL)
_MOST_BYTES = 1024 * 1024


def known_members(
    checker: ManifestChecker, fields: Iterable[str], paths: Sequence[str], checks: Sequence[CheckSpec]
) -> frozenset[str]:
    """Names of members at the top of a record. `paths`: where its key and its item are."""
    known = {*fields}
    for path in paths:
        known |= {step for step in (steps_of(path) or ())[:1] if isinstance(step, str)}
    for check in checks:
        known |= {name for text in _texts_of(checker, check) for name in _names(text)}
    return frozenset(known)


def with_known_by_later(checker: ManifestChecker, phases: Sequence[PhaseSpec]) -> tuple[PhaseSpec, ...]:
    """The phases; each knows as well what its successors make items of, ask for in prompts or read with a program."""
    return tuple(_with_known_by(checker, phase, phases[number:]) for number, phase in enumerate(phases, 1))


def _with_known_by(checker: ManifestChecker, phase: PhaseSpec, later: Sequence[PhaseSpec]) -> PhaseSpec:
    output: OutputSpec = phase.output
    if output.known is None or not later:
        return phase
    named: set[str] = set()
    for each in later:
        templates = (each.session.prompt, each.session.instructions)
        tags = [tag for text in templates for tag in _TAG.findall(text)]
        texts = [each.rows or "", each.id or "", each.plan or "", *tags, *_programs(checker, each.session.command)]
        texts += [text for check in each.output.checks for text in _texts_of(checker, check)]
        named |= {name for text in texts for name in _names(text)}
    return replace(phase, output=replace(output, known=output.known | named))


def _texts_of(checker: ManifestChecker, check: CheckSpec) -> Iterator[str]:
    if check.jq is not None:
        yield check.jq
    if check.schema is not None:
        yield json.dumps(check.schema, ensure_ascii=False)
    if check.python is not None:
        yield _read(check.python[0])
    yield from _programs(checker, check.command or ())


def _programs(checker: ManifestChecker, words: Sequence[str]) -> Iterator[str]:
    return (_read(file) for file in files_of(checker, words) if file.is_file())


def _read(file: Path) -> str:
    with file.open("rb") as opened:
        return opened.read(_MOST_BYTES).decode(errors="ignore")


def _names(text: str) -> Iterator[str]:
    """What is written as `.name` or as a quoted text: in jq, Python, JavaScript, templates and JSON alike."""
    return (name or double or single for name, double, single in _NAME.findall(text))
