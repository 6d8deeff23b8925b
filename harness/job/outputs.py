"""What a session must leave behind, resolved: schemas read, checks compiled, the merged file named."""

import ast
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from harness.base.errors import Problem
from harness.base.job_home import HARNESS
from harness.base.paths import steps_of
from harness.job.checker import MOST_SCHEMA_BYTES, ManifestChecker
from harness.job.fields import schema_of_fields
from harness.job.job import PLACEHOLDERS, TELLING_APART, CheckSpec, OutputSpec
from harness.job.known_members import known_members
from harness.job.manifest import Check, Output
from harness.job.room_for_keys import refuses_text_at
from harness.job.sessions import check_program, words_of
from harness.job.yaml_text import ValuePath

MERGE_SUFFIXES = (".json", ".jsonl", ".csv")
RESERVED_FILES = frozenset({"items.json", "context.json", "usage.json"})
"""Files of the work folder that are written by the harness or mean something to it."""
_LIMIT = 8 * 2**20
_LIMIT_OF_FILES = 64 * 2**20
OF_A_FILE = frozenset({"id", "file", "sha", "size", "text"})
_OF_A_CHECK = ("items", "records", "context")


def resolve_output(
    checker: ManifestChecker, path: ValuePath, output: Output, batch_size: int, target_of: Callable[[Path], Path]
) -> OutputSpec:
    """The output of one phase. `target_of` says where a merged file really goes (elsewhere in a rehearsal)."""
    file = checker.fill((*path, "file"), output.file, keep=_kept(checker))
    _check_file(checker, path, output, file)
    if output.shape == "one" and batch_size > 1:
        checker.complain((*path, "shape"), f"one record needs batches of one, this phase takes {batch_size} at a time")
    item = output.item if output.item is not None else output.key
    checker.plain_path((*path, "key"), output.key)
    if output.item is not None:
        checker.plain_path((*path, "item"), output.item)
    merge = _merge(checker, path, output)
    checks = tuple(_checks(checker, path, output))
    sources = [CheckSpec("evidence", None, jq=program) for program in _evidence(checker, path, output)]
    drops = output.fields is not None and output.shape != "files" and output.extra in (None, "drop")
    if output.extra is not None and output.fields is None:
        hint = "in a schema, write additionalProperties instead" if output.schema_ is not None else None
        checker.complain((*path, "extra"), "has an effect only together with `fields`", hint)
    return OutputSpec(
        file=file,
        shape=output.shape,
        key=output.key,
        item=item,
        checks=checks,
        schema=_record_schema(checker, path, output),
        merge=target_of(merge) if merge is not None else None,
        limit=output.limit if output.limit is not None else (_LIMIT_OF_FILES if output.shape == "files" else _LIMIT),
        known=known_members(checker, output.fields or (), (output.key, item), (*checks, *sources)) if drops else None,
        extra=output.extra,
        fields=output.fields,
        evidence=tuple(output.evidence),
    )


def _evidence(checker: ManifestChecker, path: ValuePath, output: Output) -> tuple[str, ...]:
    for number, program in enumerate(output.evidence):
        checker.jq((*path, "evidence", number), program)
    return tuple(output.evidence)


def _kept(checker: ManifestChecker) -> frozenset[str]:
    """Placeholders stay, but where a var has had their name for longer than there are any."""
    names = frozenset(name.strip("{}") for name in PLACEHOLDERS)
    return names - (frozenset(checker.vars) - {"id", "stem"})


def _check_file(checker: ManifestChecker, path: ValuePath, output: Output, file: str) -> None:
    place = (*path, "file")
    pure = PurePosixPath(file)
    if not file or file.endswith("/") or not all(map(str.isprintable, file)):
        checker.complain(place, f"expected the name of a file, got {file!r}")
    elif pure.is_absolute() or ".." in pure.parts or file.startswith("~"):
        checker.complain(place, f"{file!r} leads out of the session's own folder; write a name such as output.json")
    elif file in RESERVED_FILES or pure.parts[0] == "input":
        checker.complain(place, f"{file!r} is taken: the harness puts something there; choose another name")
    used = [name for name in PLACEHOLDERS if name in file]
    if output.shape == "files" and not any(name in file for name in TELLING_APART):
        expected = f"{', '.join(TELLING_APART[:-1])} or {TELLING_APART[-1]} in the name, such as '{{id}}.md'"
        checker.complain(place, f"shape: files needs {expected}, got {file!r}")
    if output.shape != "files" and used:
        checker.complain(place, f"{used[0]} in the name is for shape: files")
    unknown = set(output.fields or ()) - OF_A_FILE if output.shape == "files" else ()
    if unknown:
        message = f"the record of a file has {', '.join(sorted(OF_A_FILE))}, and no {', '.join(sorted(unknown))}"
        checker.complain((*path, "fields"), message, "ask for it in the prompt, and look for it in .text with a check")


def _merge(checker: ManifestChecker, path: ValuePath, output: Output) -> Path | None:
    if output.merge is None:
        return None
    place = (*path, "merge")
    text = checker.fill(place, output.merge)
    if not text.strip() or not all(map(str.isprintable, text)):
        checker.complain(place, f"expected the name of a file, got {text!r}")
        return None
    named = checker.named(place, text)
    if named is None:
        return None
    merge = checker.written(output.merge, _normal(checker.folder / named))
    if merge in (checker.folder, checker.folder / Path(checker.document.name).name):
        checker.complain(place, f"{text!r} is the job itself; choose another name")
    elif HARNESS in merge.parts:
        checker.complain(place, "the folder .harness is the harness's own; choose another place")
    elif output.shape != "files" and merge.is_dir():
        checker.complain(place, f"{text!r} is a folder, expected a file")
    elif output.shape == "files" and merge.is_file():
        checker.complain(place, f"{text!r} is a file, expected a folder: shape: files merges into one")
    elif output.shape != "files" and merge.suffix.lower() not in MERGE_SUFFIXES:
        checker.complain(place, f"expected a name that ends with {', '.join(MERGE_SUFFIXES)}, got {text!r}")
    return merge


def _normal(path: Path) -> Path:
    """Without `.` and `..`, links not followed: the target need not exist."""
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and len(parts) > 1:
            parts.pop()
        elif part != ".":
            parts.append(part)
    return Path(*parts)


def _record_schema(checker: ManifestChecker, path: ValuePath, output: Output) -> Mapping[str, Any] | None:
    if output.fields is not None and output.schema_ is not None:
        checker.complain((*path, "fields"), "is short for a schema, and there is a schema as well; write one of them")
    if output.schema_ is not None:
        return _schema(checker, (*path, "schema"), output.schema_, output)
    return _schema_of_fields(checker, path, output) if output.fields is not None else None


def _schema_of_fields(checker: ManifestChecker, path: ValuePath, output: Output) -> Mapping[str, Any]:
    fields = output.fields or {}
    schema = schema_of_fields(fields)
    for carried in _carried(output):
        if why := refuses_text_at(schema, carried):
            place = (*path, "fields", *(steps_of(carried) or ())[:1])
            hint = "leave it out: every record carries the id of its item, a text"
            checker.complain(place, f"{why}, where the id of the item is, so no record could ever pass", hint)
    if output.extra == "refuse":
        own: dict[str | int, Any] = {
            step: {} for carried in (output.key, *_carried(output)) for step in (steps_of(carried) or ())[:1]
        }
        return {**schema, "properties": {**own, **schema["properties"]}, "additionalProperties": False}
    return schema


def _carried(output: Output) -> tuple[str, ...]:
    """Where a record has the id of its item."""
    return (".id" if output.shape == "files" else output.item if output.item is not None else output.key,)


def _schema(checker: ManifestChecker, path: ValuePath, name: str, output: Output) -> Mapping[str, Any] | None:
    file = checker.file(path, name)
    text = checker.text(path, file, most_bytes=MOST_SCHEMA_BYTES) if file else None
    if file is None or text is None:
        return None
    try:
        schema: Any = json.loads(text)
    except json.JSONDecodeError as error:
        checker.note(Problem(f"{checker.shown(file)}:{error.lineno}:{error.colno}", f"is not valid JSON: {error.msg}"))
        return None
    except (RecursionError, ValueError) as error:
        checker.complain(path, f"{checker.shown(file)} is not valid JSON: {error}")
        return None
    if not checker.schema(path, file, schema):
        return None
    (carried,) = _carried(output)
    if why := refuses_text_at(schema, carried):
        hint = f"every record carries the id of its item, a text, at {carried}; add that to the schema's properties"
        checker.complain(path, f"{checker.shown(file)} {why}, so no record could ever pass", hint)
    return dict(schema)


def _checks(checker: ManifestChecker, path: ValuePath, output: Output) -> list[CheckSpec]:
    specs = []
    for number, check in enumerate(output.check):
        place = (*path, "check", number)
        kinds = [
            name
            for name, value in (
                ("schema", check.schema_),
                ("jq", check.jq),
                ("python", check.python),
                ("command", check.command),
            )
            if value is not None
        ]
        if len(kinds) != 1:
            got = f"got {' and '.join(kinds)}" if kinds else "got none"
            checker.complain(place, f"expected exactly one of schema, jq, python, command, {got}")
            continue
        if check.allow and kinds[0] in ("schema", "jq"):
            checker.complain((*place, "allow"), "is for python and command; schema and jq need nothing", of_key=True)
        if spec := _check(checker, (*place, kinds[0]), check, output):
            specs.append(spec)
    return specs


def _check(checker: ManifestChecker, place: ValuePath, check: Check, output: Output) -> CheckSpec | None:
    if check.schema_ is not None:
        schema = _schema(checker, place, check.schema_, output)
        return CheckSpec("schema", check.says, schema=schema) if schema is not None else None
    if check.jq is not None:
        checker.jq(place, check.jq)
        return CheckSpec("jq", check.says, jq=check.jq)
    if check.python is not None:
        python = _python(checker, place, check.python)
        return CheckSpec("python", check.says, python=python, allow=frozenset(check.allow)) if python else None
    words = words_of(checker, check.command or [])
    check_program(checker, place, words)
    return CheckSpec("command", check.says, command=words, allow=frozenset(check.allow))


def _python(checker: ManifestChecker, place: ValuePath, text: str) -> tuple[Path, str] | None:
    name, colon, function = text.rpartition(":")
    if not colon or not function.isidentifier():
        checker.complain(place, f"expected a file and a function such as checks.py:check, got {text!r}")
        return None
    file = checker.file(place, name)
    if file is None or not has_function(checker, place, file, function, _OF_A_CHECK):
        return None
    return file, function


def has_function(
    checker: ManifestChecker, place: ValuePath, file: Path, function: str, arguments: Sequence[str]
) -> bool:
    """True when a Python file defines the function at its top level, callable with these by place. Runs nothing."""
    text = checker.text(place, file)
    if text is None:
        return False
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None) or 1
        column = getattr(error, "offset", None) or 1
        checker.note(
            Problem(f"{checker.shown(file)}:{line}:{column}", f"is not valid Python: {getattr(error, 'msg', error)}")
        )
        return False
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == function]
    if not found:
        names = ", ".join(node.name for node in tree.body if isinstance(node, ast.FunctionDef)) or "no function"
        checker.complain(place, f"{checker.shown(file)} has no function {function!r}; it has {names}")
        return False
    if not _takes(found[-1].args, len(arguments)):
        where = f"{checker.shown(file)}:{found[-1].lineno}:{found[-1].col_offset + 1}"
        count = "1 argument" if len(arguments) == 1 else f"{len(arguments)} arguments"
        checker.note(Problem(where, f"{function} must take {count}: {function}({', '.join(arguments)})"))
        return False
    return True


def _takes(signature: ast.arguments, count: int) -> bool:
    positional = [*signature.posonlyargs, *signature.args]
    required = len(positional) - len(signature.defaults)
    needs_keyword = any(default is None for default in signature.kw_defaults)
    return required <= count and (count <= len(positional) or signature.vararg is not None) and not needs_keyword
