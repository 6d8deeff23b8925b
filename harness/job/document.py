"""The manifest as written, with `--set` laid over it: plain values, and where each of them was written."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.base.errors import Problem
from harness.base.texts import TextError, read_text, shown
from harness.job.old_words import in_todays_words, key_of_today
from harness.job.yaml_text import MOST_BYTES, Node, TextPlace, ValuePath, parse


@dataclass(frozen=True, slots=True)
class Document:
    """`value` is what pydantic reads; `where` finds the place of anything in it."""

    name: str
    value: Any
    root: Node
    settings: tuple[ValuePath, ...] = ()
    """Paths that `--set` wrote, in order."""
    old_words: tuple[str, ...] = ()
    """A line for each word of an earlier version that the manifest holds."""

    def where(self, path: ValuePath, *, of_key: bool = False) -> str:
        """`job.yaml:9:3`, or `--set vars.seeds` for what came from the command line."""
        for setting in reversed(self.settings):
            if path[: len(setting)] == setting:
                return f"--set {dotted(setting)}"
        place = self.root.place_at(path, of_key=of_key)
        return f"{self.name}:{place.line}:{place.column}"

    def has(self, path: ValuePath) -> bool:
        """True when something is written at the path."""
        value = self.value
        for step in path:
            if not _holds(value, step):
                return False
            value = value[step]
        return True


def dotted(path: ValuePath) -> str:
    """`('output', 'check', 0, 'jq')` -> `output.check[0].jq`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def read_document(path: Path, settings: Sequence[str], problems: list[Problem]) -> Document | None:
    """The manifest with its settings; None when there is nothing that could be looked at. Adds to `problems`."""
    name = shown(path)
    try:
        text = read_text(path, most_bytes=MOST_BYTES)
    except TextError as error:
        problem = error.at(name)
        problems.append(replace(problem, hint=problem.hint or _where_a_manifest_is(path)))
        return None
    parsed = parse(text, name)
    problems.extend(parsed.problems)
    if parsed.root is None:
        return None
    root, old_words = in_todays_words(parsed.root, name)
    value = root.plain()
    if not isinstance(value, dict):
        problems.append(Problem(f"{name}:{_line_and_column(parsed.root.place)}", "expected keys such as 'items:'"))
        return None
    document = Document(name, value, root, old_words=old_words)
    for setting in settings:
        document = _with_setting(document, setting, problems)
    return document


def _where_a_manifest_is(path: Path) -> str | None:
    """For one that is a folder, or not there."""
    folder = path if path.is_dir() else path.parent
    if path.is_dir() and (path / "job.yaml").is_file():
        return f"did you mean {shown(path / 'job.yaml')}?"
    if path.is_file() or not folder.is_dir():
        return None
    return f"`{shlex.join(['harness', 'init', *([] if folder == Path() else [str(folder)])])}` writes a first job.yaml"


def _with_setting(document: Document, setting: str, problems: list[Problem]) -> Document:
    """`vars.seeds=100`: the value is YAML. What is written nowhere yet is made; a list must be there already."""
    key, equals, text = setting.partition("=")
    steps = key_of_today(tuple(key.strip().split(".")))
    if not equals or not all(steps):
        hint = "for instance --set vars.seeds=100"
        problems.append(Problem(f"--set {setting}", "expected key=value, the key with dots", hint))
        return document
    parsed = parse(text, f"--set {key}")
    if parsed.root is None or parsed.problems:
        problems.extend(Problem(f"--set {key}", problem.message, problem.hint) for problem in parsed.problems)
        return document
    value = "" if not text.strip() else parsed.root.plain()
    try:
        path = _put(document.value, steps, value)
    except ValueError as error:
        problems.append(Problem(f"--set {key}", str(error)))
        return document
    return replace(document, settings=(*document.settings, path))


def _put(top: Any, steps: Sequence[str], value: Any) -> ValuePath:
    """Write `value` into `top` in place; the path as it is now known. ValueError when a step leads nowhere."""
    path: list[str | int] = []
    holder = top
    for number, step in enumerate(steps):
        last = number == len(steps) - 1
        if isinstance(holder, list):
            if not step.isdigit() or int(step) >= len(holder):
                raise ValueError(f"{dotted(tuple(path))} is a list of {len(holder)}, {step!r} is none of its numbers")
            index = int(step)
            path.append(index)
            if last:
                holder[index] = value
            holder = holder[index]
        elif isinstance(holder, dict):
            path.append(step)
            if last:
                holder[step] = value
            elif holder.get(step) is None:
                holder[step] = {}
            holder = holder[step]
        else:
            raise ValueError(f"{dotted(tuple(path))} is {holder!r}, it has no {step!r}")
    return tuple(path)


def _holds(value: Any, step: str | int) -> bool:
    if isinstance(step, int):
        return isinstance(value, list) and step < len(value)
    return isinstance(value, dict) and step in value


def _line_and_column(place: TextPlace) -> str:
    return f"{place.line}:{place.column}"
