"""From a phase and the items of one group to what its session is told: one pass over plain values, in a sandbox."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from types import TracebackType
from typing import TYPE_CHECKING, Final

from harness.base.artifacts import sha_of
from harness.base.errors import Problem, UsageError
from harness.base.ids import ItemId, Sha
from harness.core.inputs import input_paths
from harness.core.types import BatchView, Item, Json
from harness.job.job import PhaseSpec, SessionSpec
from harness.job.template import environment_of_prompts, uses
from harness.prompts.contract import contract
from harness.prompts.layout import first_line, laid_out, retry_part

if TYPE_CHECKING:
    from jinja2 import Template

MOST_CHARACTERS: Final = 800_000
"""Of one prompt; about the context window of the largest model."""

_MOST_BAD_GROUPS = 5
_MOST_NAMES = 20
_FOR, _MORE = ", for ", ", ..."
_TEMPLATE_FILE = "<template>"
_QUOTED = re.compile(r"'(\w+)'(?: is undefined)?$")


class UnknownNameError(UsageError):
    """The template asks for something that is not there."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """`prompt` is the user's turn, `instructions` the appended system prompt; `sha` is the hash of both."""

    prompt: str
    instructions: str
    sha: Sha


def render(
    phase: PhaseSpec,
    job_vars: Mapping[str, Json],
    items: Sequence[Item],
    batch: BatchView,
    reasons: Mapping[ItemId, Sequence[str]],
    context: Mapping[str, Sequence[Json]],
    output_path: str,
) -> Rendered:
    """What the session of one group is told. `output_path` is the output file as the session sees it.

    UsageError, with the line of the template, when the template asks for something that these items do not have.
    """
    values: dict[str, Json] = {
        "items": [_view(item, reasons, path) for item, path in _with_paths(items)],
        "batch": {
            "number": batch.number,
            "label": batch.label,
            "first": batch.first,
            "last": batch.last,
            "size": batch.size,
        },
        "output": {
            "file": phase.output.file,
            "shape": phase.output.shape,
            "path": output_path,
            "key": phase.output.key,
            "item": phase.output.item,
        },
        "vars": dict(job_vars),
        "reasons": {item.id: list(reasons.get(item.id, ())) for item in items},
        "context": {name: list(records) for name, records in context.items()},
    }
    if len(items) == 1:
        values["item"] = values["items"][0]
    task = _filled(phase.session, values)
    prompt = (
        laid_out(first_line(phase, batch), task, retry_part(items, reasons), contract(phase, items, output_path))
        .encode(errors="replace")
        .decode()
    )
    if len(prompt) > MOST_CHARACTERS:
        message = f"the prompt of batch {batch.label} has {len(prompt):,} characters, more than {MOST_CHARACTERS:,}"
        raise UsageError([Problem(phase.session.prompt_name, message, "make batch.size smaller")])
    instructions = phase.session.instructions
    return Rendered(prompt, instructions, sha_of(f"{instructions}\0{prompt}".encode()))


def uses_context(phase: PhaseSpec) -> bool:
    """True when the phase's template looks at `context`."""
    return _uses(phase.session.prompt, "context")


def check(
    phase: PhaseSpec, job_vars: Mapping[str, Json], groups: Iterable[tuple[BatchView, Sequence[Item]]]
) -> list[Problem]:
    """What would go wrong if the first few bad groups were rendered now: each trouble once, with its template line."""
    troubles: dict[tuple[str, str], Problem] = {}
    bad_groups = 0
    for batch, items in groups:
        try:
            render(phase, job_vars, items, batch, {}, {}, f"/{phase.output.file}")
        except UsageError as error:
            bad_groups += 1
            for problem in error.problems:
                key = (problem.where, problem.message.partition(_FOR)[0])
                known = troubles.get(key, problem)
                more = "" if known is problem or known.message.endswith(_MORE) else _MORE
                troubles[key] = replace(known, message=f"{known.message}{more}")
        if bad_groups >= _MOST_BAD_GROUPS:
            break
    return list(troubles.values())


def _with_paths(items: Sequence[Item]) -> list[tuple[Item, str | None]]:
    paths = input_paths(items)
    return [(item, paths.get(item.id)) for item in items]


def _view(item: Item, reasons: Mapping[ItemId, Sequence[str]], path: str | None) -> dict[str, Json]:
    """The row's own fields, and above them `id`, `data`, `records`, `reasons` and, for a file, `path`."""
    data = dict(item.data)
    view: dict[str, Json] = {**data, "id": item.id, "data": data, "records": list(item.records)}
    view["reasons"] = list(reasons.get(item.id, ()))
    return view if path is None else {**view, "path": path}


def _filled(session: SessionSpec, values: Mapping[str, Json]) -> str:
    from jinja2 import TemplateError, UndefinedError

    try:
        return _template(session.prompt).render(values)
    except UndefinedError as error:
        problem = _problem(session, error, _undefined_in_words(error, values))
        raise UnknownNameError([replace(problem, hint=_names_of(values["items"][0]))]) from None
    except (
        TemplateError,
        ArithmeticError,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        RecursionError,
    ) as error:
        raise UsageError([_problem(session, error, f"{error or type(error).__name__}")]) from None


@lru_cache(maxsize=64)
def _template(text: str) -> "Template":
    return environment_of_prompts().from_string(text)


@lru_cache(maxsize=64)
def _uses(text: str, name: str) -> bool:
    return uses(text, name)


def _problem(session: SessionSpec, error: Exception, message: str) -> Problem:
    line = _line(error.__traceback__) or getattr(error, "lineno", None) or 1
    return Problem(f"{session.prompt_name}:{line}:{_column(session.prompt, line, str(error))}", message)


def _column(text: str, line: int, message: str) -> int:
    """Where the name that the message quotes stands in that line of the template; 1 when it does not."""
    name, lines = _QUOTED.search(message), text.split("\n")
    found = re.search(rf"\b{re.escape(name[1])}\b", lines[line - 1]) if name and 0 < line <= len(lines) else None
    return found.start() + 1 if found else 1


def _line(traceback: TracebackType | None) -> int | None:
    """The line of the template that was being rendered."""
    line = None
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == _TEMPLATE_FILE:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line


def _undefined_in_words(error: Exception, values: Mapping[str, Json]) -> str:
    message = str(error).replace("'dict object' has no attribute", "there is no")
    if message == "'item' is undefined":
        return f"'item' is for a group of one and this has {len(values['items'])}; write {{% for item in items %}}"
    names = ", ".join(f"{item['id']!r}" for item in values["items"][:3])
    return f"{message}{_FOR}{names}" + (_MORE if len(values["items"]) > 3 else "")


def _names_of(view: Mapping[str, Json]) -> str:
    names = ", ".join(list(view)[:_MOST_NAMES]) + (_MORE if len(view) > _MOST_NAMES else "")
    is_file = "path" in view and "text" not in view
    return f"an item has {names}" + ("; what a file says the session reads at item.path" if is_file else "")
