"""From a phase and the items of one group to what its session is told: one pass over plain values, in a sandbox."""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache

from harness.base.artifacts import sha_of
from harness.base.errors import Problem, UsageError
from harness.base.ids import ItemId
from harness.base.instances import VAR
from harness.core.input_hash import input_paths
from harness.core.types import BatchView, Item, Json
from harness.core.work import Rendered, Work
from harness.evaluation.bounded import Bounded
from harness.job.job import PhaseSpec
from harness.job.template import uses
from harness.prompts.bounded_fill import MOST_CHARACTERS, filled
from harness.prompts.contract import contract
from harness.prompts.layout import first_line, laid_out, retry_part

_MOST_BAD_GROUPS = 5
_MOST_NAMES = 20
_MORE = ", ..."
_NO_SUCH_KEY = "'dict object' has no attribute"
_QUOTED = re.compile(r"'(\w+)'(?: is undefined)?$")


@dataclass(frozen=True, slots=True)
class UnknownName(Problem):
    """`cause` is what the template engine said; the message names the first items that it is about."""

    cause: str = ""
    names_all: bool = True


class UnknownTemplateNameError(UsageError):
    """The template asks for something that is not there."""


class TooMuchToFillError(UsageError):
    """Filling the template takes too long, too much memory, or gives too long a prompt."""


def render(work: Work, job_vars: Mapping[str, Json], output_path: str, makes: Sequence[PhaseSpec] = ()) -> Rendered:
    """What the session of one group is told. `output_path` is the output file as the session sees it, `makes` are the
    phases whose items are derived from its records.

    UsageError, with the line of the template, when the template asks for something that these items do not have, or
    passes a bound (TooMuchToFillError).
    """
    with closing(Bounded()) as bounded:
        return _rendered(work, _values(work, job_vars, output_path), bounded, makes)


def uses_context(phase: PhaseSpec) -> bool:
    """True when the phase's template looks at `context`."""
    return _uses(phase.session.prompt, "context")


def check(job_vars: Mapping[str, Json], groups: Iterable[Work]) -> list[Problem]:
    """What would go wrong if the first few bad groups were rendered now: each problem once, with its template line."""
    found: dict[tuple[str, str], UnknownName] = {}
    bad_groups = 0
    with closing(Bounded()) as bounded:
        for work in groups:
            try:
                _rendered(work, _values(work, job_vars, f"/{work.output.file}"), bounded)
            except TooMuchToFillError as error:
                return [*found.values(), *error.problems]  # the next group would take as long
            except UsageError as error:
                bad_groups += 1
                for problem in map(_as_unknown, error.problems):
                    known = found.setdefault((problem.where, problem.cause), problem)
                    if known is not problem and known.names_all:
                        more = replace(known, message=f"{known.message}{_MORE}", names_all=False)
                        found[known.where, known.cause] = more
            if bad_groups >= _MOST_BAD_GROUPS:
                break
    return list(found.values())


def _values(work: Work, job_vars: Mapping[str, Json], output_path: str) -> dict[str, Json]:
    batch, output = work.view, work.output
    values: dict[str, Json] = {
        "items": [_view(item, work.reasons, path) for item, path in _with_paths(work.items)],
        "batch": {
            "number": batch.number,
            "label": batch.label,
            "first": batch.first,
            "last": batch.last,
            "size": batch.size,
        },
        "output": {
            "file": output.file,
            "shape": output.shape,
            "path": output_path,
            "key": output.key,
            "item": output.item,
        },
        "vars": dict(job_vars),
        "reasons": {item.id: list(work.reasons.get(item.id, ())) for item in work.items},
        "context": {name: list(records) for name, records in work.context.items()},
    }
    if VAR in job_vars:
        values[VAR] = job_vars[VAR]
    return {**values, "item": values["items"][0]} if len(work.items) == 1 else values


def _rendered(work: Work, values: Mapping[str, Json], bounded: Bounded, makes: Sequence[PhaseSpec] = ()) -> Rendered:
    phase, batch = work.phase, work.view
    task = _filled(phase, batch, values, bounded)
    told = contract(phase, work.items, values["output"]["path"], makes)
    prompt = laid_out(first_line(phase, batch), task, retry_part(work.items, work.reasons), told)
    prompt = prompt.encode(errors="replace").decode()
    if len(prompt) > MOST_CHARACTERS:
        message = f"the prompt of batch {batch.label} has {len(prompt):,} characters, more than {MOST_CHARACTERS:,}"
        raise TooMuchToFillError([Problem(phase.session.prompt_name, message, "make batch.size smaller")])
    instructions = phase.session.instructions
    return Rendered(prompt, instructions, sha_of(f"{instructions}\0{prompt}".encode()))


def _with_paths(items: Sequence[Item]) -> list[tuple[Item, str | None]]:
    paths = input_paths(items)
    return [(item, paths.get(item.id)) for item in items]


def _view(item: Item, reasons: Mapping[ItemId, Sequence[str]], path: str | None) -> dict[str, Json]:
    """The row's own fields, and above them `id`, `data`, `records`, `reasons` and, for a file, `path`."""
    data = dict(item.data)
    view: dict[str, Json] = {**data, "id": item.id, "data": data, "records": list(item.records)}
    view["reasons"] = list(reasons.get(item.id, ()))
    return view if path is None else {**view, "path": path}


def _filled(phase: PhaseSpec, batch: BatchView, values: Mapping[str, Json], bounded: Bounded) -> str:
    session = phase.session
    outcome = filled(session.prompt, values, bounded)
    if not outcome.problem:
        return outcome.text
    where = f"{session.prompt_name}:{outcome.line}:{_column(session.prompt, outcome.line, outcome.problem)}"
    if outcome.is_undefined:
        hint = _names_of(values["items"][0]) + _names_written(phase)
        raise UnknownTemplateNameError([_unknown(where, outcome.problem, values, hint)])
    if outcome.is_too_much:
        said = f"the prompt of batch {batch.label} {outcome.problem}"
        raise TooMuchToFillError([Problem(where, said, "make batch.size smaller, or the template simpler")])
    raise UsageError([Problem(where, outcome.problem)])


@lru_cache(maxsize=64)
def _uses(text: str, name: str) -> bool:
    return uses(text, name)


def _column(text: str, line: int, message: str) -> int:
    """Where the name that the message quotes stands in that line of the template; 1 when it does not."""
    name, lines = _QUOTED.search(message), text.split("\n")
    found = re.search(rf"\b{re.escape(name[1])}\b", lines[line - 1]) if name and 0 < line <= len(lines) else None
    return found.start() + 1 if found else 1


def _unknown(where: str, cause: str, values: Mapping[str, Json], hint: str) -> UnknownName:
    items = values["items"]
    if cause == "'item' is undefined":  # of jinja2, as the text below
        message = f"'item' is for a group of one and this has {len(items)}; write {{% for item in items %}}"
        return UnknownName(where, message, hint, cause)
    names = ", ".join(f"{item['id']!r}" for item in items[:3]) + (_MORE if len(items) > 3 else "")
    message = f"{cause.replace(_NO_SUCH_KEY, 'there is no')}, for {names}"
    return UnknownName(where, message, hint, cause, names_all=len(items) <= 3)


def _as_unknown(problem: Problem) -> UnknownName:
    """Another problem of a template: it names no items."""
    if isinstance(problem, UnknownName):
        return problem
    return UnknownName(problem.where, problem.message, problem.hint, problem.message)


def _names_written(phase: PhaseSpec) -> str:
    """Columns that are in the workbook, and of no item."""
    back = phase.output.write_back
    return f"; write_back fills {', '.join(back.columns)}: no part of an item" if back is not None else ""


def _names_of(view: Mapping[str, Json]) -> str:
    names = ", ".join(list(view)[:_MOST_NAMES]) + (_MORE if len(view) > _MOST_NAMES else "")
    is_file = "path" in view and "text" not in view
    return f"an item has {names}" + ("; what a file says the session reads at item.path" if is_file else "")
