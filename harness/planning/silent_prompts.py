"""Prompts that pass nothing of an item on: read from their templates, so that `check` can warn before a rehearsal."""

from collections.abc import Iterator, Sequence

from harness.base.errors import Problem
from harness.base.paths import steps_of
from harness.base.texts import first_of, shown
from harness.core.types import Item
from harness.job.document import read_document
from harness.job.job import Job, PhaseSpec
from harness.job.prompt_names import Named, named_in

_OF_EVERY_ITEM = frozenset({"id", "reasons"})
_MOST_ROWS = 200


def silent_prompts(job: Job, items: Sequence[Item]) -> Iterator[str]:
    """One warning for each phase of Claude sessions whose template names nothing that an item's work is about."""
    for phase in job.phases:
        if not phase.session.asks_model or not phase.session.prompt:
            continue
        named = named_in(phase.session.prompt)
        missing = _missing(job, phase, items, named)
        if missing is not None:
            name, place = _name_and_place(job, phase, named)
            yield f"{name} names no field of the item but its id ({place}); {missing}"


def _missing(job: Job, phase: PhaseSpec, items: Sequence[Item], named: Named) -> str | None:
    """What a session is not told, and how to say it; None when the template names something."""
    path = job.id_path(phase.number)
    if path is None:
        if named.has_field("path") or (phase.from_ is not None and named.has_field("records")):
            return None
        return "a session cannot find the file: write {{ item.path }}"
    steps = steps_of(path)
    of_id = set() if steps is None else {str(steps[0])} if steps else {"value"}  # of a bare value
    if phase.from_ is not None:
        if "item" in named.whole or named.fields - _OF_EVERY_ITEM - of_id:
            return None
        return "write {{ item.records[0] | tojson }}, or a field of it"
    others = [name for name in _fields(items) if name not in of_id | _OF_EVERY_ITEM]
    if not others:
        return None if named.has_field("id") or named.fields & of_id else "write {{ item.id }}"
    if "item" in named.whole or named.fields & set(others):
        return None
    example = f"item.{others[0]}" if others[0].isidentifier() else f'item["{others[0]}"]'
    write = f"write {{{{ {example} }}}}, or {{{{ item.data | tojson }}}} for all"
    return f"the prompt does not contain {first_of(others)}: {write}"


def _fields(items: Sequence[Item]) -> list[str]:
    """The names that rows have, those of the first row first."""
    return list(dict.fromkeys(name for item in items[:_MOST_ROWS] for name in item.data))


def _name_and_place(job: Job, phase: PhaseSpec, named: Named) -> tuple[str, str]:
    if phase.session.prompt_name != "<prompt>":
        return phase.session.prompt_name, f"{phase.session.prompt_name}:{named.line}"
    ignored: list[Problem] = []
    document = read_document(job.manifest, (), ignored)
    for path in (("phases", phase.name, "session", "prompt"), ("session", "prompt")):
        if document is not None and document.has(path):
            return ".".join(path), document.where(path)
    return "session.prompt", shown(job.manifest)
