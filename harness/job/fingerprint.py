"""What shapes a job's records, as a few lines of text: two runs with the same fingerprint ask for the same.

Shaping: items, order, vars, phases, batch sizes, backends, models, prompts, instructions, tools, programs, outputs,
checks. Operating, and therefore not here: budget, parallel, strikes, times, sandbox, auth, noun, write_back.

It holds what the user wrote: `fields` as text and not the schema that is derived from it, and no value that is this
program's default. So a version that derives or defaults to something else asks no running job whether it has changed;
what is derived has versions of its own (`supervisor.derived`), which the report tells.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from harness.base.artifacts import sha_of
from harness.base.workbook import SUFFIXES as WORKBOOK_SUFFIXES
from harness.job.change import Change, ChangeKind
from harness.job.job import CheckSpec, ItemsSpec, Job, PhaseSpec
from harness.job.manifest import Batch, DerivedItems, Items, Output, Phase, Session
from harness.job.old_fields import schema_of_old_fields

Fingerprint = Mapping[str, str]
"""Field -> its value as JSON, or `sha256:...` of a long one or of a file; in the order of the manifest.

`format` is that of the fingerprint itself, and no difference; ledgers of version 0.1.0 have none (`FIRST_FORMAT`).

Behind them `file FIELD NAME` -> `sha256:...` of each program or check that FIELD names and counts: it tells which has
changed, and is no difference itself. Fingerprints of old ledgers have none of these.
"""

FORMAT = "2"
FIRST_FORMAT = "1"
"""All values, defaults too, and the schema that version 0.1.0 derived from `fields`."""

_FORMAT_KEY = "format"
_OF_A_FILE = "file "
_LONGEST = 120
_SUFFIXES_OF_PEOPLE = re.compile(
    r"\.(py|pyz|sh|bash|zsh|ps1|js|mjs|cjs|ts|rb|pl|php|lua|r|jl|awk|sed|jq|sql|jar"
    r"|md|txt|yaml|yml|toml|ini|cfg|conf|j2|jinja)",
    re.IGNORECASE,
)
_BEGINNINGS_OF_PROGRAMS = (b"#!", b"\x7fELF", b"\xcf\xfa\xed\xfe")


def fingerprint(job: Job) -> Fingerprint:
    """The fingerprint of a job as it is now. Reads the files that commands and checks name."""
    return {_FORMAT_KEY: FORMAT, **_parts(job, FORMAT)}


def fingerprint_like(recorded: Fingerprint, job: Job) -> Fingerprint:
    """The fingerprint of a job as it is now, in the format of a recorded one: only so can the two be compared."""
    form = recorded.get(_FORMAT_KEY, FIRST_FORMAT)
    return fingerprint(job) if form == FORMAT else _parts(job, FIRST_FORMAT)


def _parts(job: Job, form: str) -> Fingerprint:
    parts = dict(_of_items(job, form))
    parts["phases"] = _value([phase.name for phase in job.phases])
    for phase in job.phases:
        prefix = f"phases.{phase.name}." if len(job.phases) > 1 else ""
        parts |= {f"{prefix}{name}": value for name, value in _of_phase(job, phase, form)}
    if job.rehearsal:
        parts |= dict(_of_rehearsal(job, form))
    if form != FIRST_FORMAT:
        parts = {name: value for name, value in parts.items() if not _is_default(name, value)}
    for phase in job.phases:
        prefix = f"phases.{phase.name}." if len(job.phases) > 1 else ""
        parts |= {
            f"{_OF_A_FILE}{prefix}{name} {_relative(job, file)}": _file(file) for name, file in _files(job, phase)
        }
    return parts


def _is_default(name: str, value: str) -> bool:
    """Is this what the manifest means when it says nothing? `name` may begin with `phases.NAME.`."""
    own = _own(name)
    return not own.startswith("vars.") and _defaults().get(own, "null") == value


def _own(name: str) -> str:
    return re.sub(r"^phases\.[^.]+\.", "", name)


@cache
def _defaults() -> Mapping[str, str]:
    """Those of the manifest's models, by the names of a fingerprint; every other default is null."""
    items, session, output = Items(), Session(), Output()
    values = {
        "items.rows": items.rows,
        "items.id": items.id,
        "order": [],
        "needs": Phase().needs,
        "items.made": [None, None],
        "items.most": DerivedItems(rows="").most,
        "batch.size": Batch().size,
        "session.backend": session.backend,
        "session.tools": sorted(session.tools),
        "session.command": [],
        "output.file": output.file,
        "output.shape": output.shape,
        "output.key": output.key,
        "output.item": output.key,
    }
    return {name: _value(value) for name, value in values.items()} | {"session.instructions": _text("")}


def differences(old: Fingerprint, new: Fingerprint) -> list[Change]:
    """What changed, in the order of the manifest; empty when nothing did."""
    found = []
    for name in dict.fromkeys([*new, *old]):
        before, now = (each.get(name, _defaults().get(_own(name))) for each in (old, new))
        if before == now or name == _FORMAT_KEY or name.startswith(_OF_A_FILE):
            continue
        if before is None or now is None:
            kind: ChangeKind = "field_added" if before is None else "field_removed"
            found.append(Change(kind, name, before=_known(before), now=_known(now)))
        elif _known(before) is None or _known(now) is None:
            found.append(Change("field_changed", name, files=_which_files(name, old, new)))
        else:
            found.append(Change("field_changed", name, before=before, now=now))
    return found


def _which_files(name: str, old: Fingerprint, new: Fingerprint) -> tuple[str, ...]:
    """Those that both name and that have another content now."""
    own = f"{_OF_A_FILE}{name} "
    return tuple(key.removeprefix(own) for key in new if key.startswith(own) and old.get(key, new[key]) != new[key])


def _known(value: str | None) -> str | None:
    """None where only a hash of the value was kept."""
    return None if value is None or value.startswith("sha256:") else value


def _of_items(job: Job, form: str) -> Iterator[tuple[str, str]]:
    items = job.items
    if items.file is not None:
        kind = "xlsx" if items.file.suffix.lower() in WORKBOOK_SUFFIXES else "file"
        yield f"items.{kind}", _value(_relative(job, items.file))
        if kind == "xlsx":
            yield "items.sheet", _value(items.sheet)
            yield "items.header", _value(items.header)
        yield "items.rows", _value(items.rows)
        yield "items.id", _value(items.id)
    else:
        yield "items.files", _value(items.files)
        if items.id != ".file":
            yield "items.id", _value(items.id)
    if items.exact:
        yield "items.ids", _value("exact")
    if items.match is not None:
        yield "items.match", _file(items.match)
    if job.plan is not None:
        yield "batch.plan", _value(job.plan.batches)
    if items.select is not None:
        yield "items.select", _value(items.select.as_written)
    yield "order", _value(items.order)
    for name, value in sorted(job.vars.items()):
        yield f"vars.{name}", _value(value)


def _of_rehearsal(job: Job, form: str) -> Iterator[tuple[str, str]]:
    """What decides how a rehearsal ends, and what of a real run only decides how long it takes and what it costs.

    A rehearsal is there to try the settings out: one that was played under others has tried something else.
    """
    yield "rehearsal.scene", _file(job.scene) if job.scene is not None else _value(None)
    if form == FIRST_FORMAT:
        return
    yield "rehearsal.records", _file(job.samples.file) if job.samples is not None else _value(None)
    yield "rehearsal.strict", _value(job.strict)
    yield "rehearsal.allow", _value(sorted(job.scene_allow) or None)
    yield "sandbox", _value(job.sandbox)
    yield "strikes", _value(job.strikes)
    yield "max_output", _value(job.max_output)
    yield "budget_per_session", _value(None if job.budget_per_session is None else str(job.budget_per_session))
    for phase in job.phases:
        prefix = f"phases.{phase.name}." if len(job.phases) > 1 else ""
        clocks = {name: getattr(phase.session, name) for name in ("timeout", "first_event", "silence")}
        for name, bound in {**clocks, "linger": phase.session.idle_after_output}.items():  # as 0.1.0 recorded it
            yield f"{prefix}session.{name}", _value(None if bound is None else bound.total_seconds())
        yield f"{prefix}items.most", _value(phase.most)
        yield f"{prefix}session.max_turns", _value(phase.session.max_turns)
        for number, check in enumerate(phase.output.checks):
            yield f"{prefix}output.check[{number}].allow", _value(sorted(check.allow) or None)


def _of_phase(job: Job, phase: PhaseSpec, form: str) -> Iterator[tuple[str, str]]:
    yield "from", _value(phase.from_ and job.phase(phase.from_).name)
    yield "needs", _value(phase.needs)
    yield "items.made", _value([phase.rows, phase.id])
    yield "batch.size", _value(Batch().size if _is_given(job, phase) else phase.batch_size)
    if phase.plan is not None:
        yield "batch.plan", _value(phase.plan)
    if phase.join is not None:
        yield "items.join", _joined(job, phase.join)
        yield "items.left_out", _value(None if phase.takes_all else "allow")
    if phase.select is not None:
        yield "items.select", _value(phase.select.as_written)
    session, output = phase.session, phase.output
    yield "session.backend", _value(session.backend)
    yield "session.model", _value(session.model)
    if session.fallback:
        yield "session.fallback", _value(session.fallback)
    yield "session.prompt", _text(session.prompt)
    yield "session.instructions", _text(session.instructions)
    yield "session.tools", _value(sorted(session.tools))
    yield "session.command", _words(job, session.command)
    yield "output.file", _value(output.file)
    yield "output.shape", _value(output.shape)
    yield "output.key", _value(output.key)
    yield "output.item", _value(output.item)
    if form == FIRST_FORMAT:
        old = output.schema if output.fields is None else schema_of_old_fields(output.fields)
        yield "output.schema", _text(_canonical(old))
    else:
        for name, text in (output.fields or {}).items():
            yield f"output.fields.{name}", _value(text)
        yield "output.schema", "null" if output.schema is None or output.fields else _text(_canonical(output.schema))
    if output.evidence:
        yield "output.evidence", _value(output.evidence)
    if output.extra is not None:
        yield "output.extra", _value(output.extra)
    for number, check in enumerate(output.checks):
        yield f"output.check[{number}]", _check(job, check)
    yield "output.merge", _value(output.merge and _relative(job, output.merge))


def _is_given(job: Job, phase: PhaseSpec) -> bool:
    """Are its batches cut by a plan, and not by size?"""
    return phase.plan is not None or (job.plan is not None and phase.number == 1)


def _joined(job: Job, join: ItemsSpec) -> str:
    """Where the rows come from, and what they are: which row an item gets shapes it."""
    alone = dict(_of_items(replace(job, items=join, plan=None, vars={}), FORMAT))
    content = _file(join.file) if join.file is not None else None
    return _text(_canonical([sorted(alone.items()), content]))


def _check(job: Job, check: CheckSpec) -> str:
    what: list[Any] = [check.kind, check.says, check.schema, check.jq]
    if check.python is not None:
        what += [_relative(job, check.python[0]), check.python[1], _file(check.python[0])]
    if check.command is not None:
        what.append(_words(job, check.command))
    return _text(_canonical(what))


def _words(job: Job, words: tuple[str, ...]) -> str:
    """The words of a command; of a file of the job that a person writes the content counts, and not where it lies.

    Any other may be what the program itself writes, its state for instance: it counts by its name, there or not.
    """
    found: list[Any] = []
    for place, word in enumerate(words):
        path = Path(word)
        if _counts(job, place, path):
            found.append([_relative(job, path), _file(path)])
        else:
            found.append(_relative(job, path) if _is_ours(job, path) else word.removeprefix("./").removesuffix("/"))
    return _text(_canonical(found)) if found else _value([])


def _files(job: Job, phase: PhaseSpec) -> Iterator[tuple[str, Path]]:
    """The field and the file of each program and each check whose content counts."""
    commands = {"session.command": phase.session.command}
    for number, check in enumerate(phase.output.checks):
        if check.python is not None:
            yield f"output.check[{number}]", check.python[0]
        commands[f"output.check[{number}]"] = check.command or ()
    for name, words in commands.items():
        yield from ((name, Path(word)) for place, word in enumerate(words) if _counts(job, place, Path(word)))


def _counts(job: Job, place: int, path: Path) -> bool:
    """Does the content of this word of a command count?"""
    return _is_ours(job, path) and path.is_file() and (place == 0 or _is_written_by_people(path))


def _is_ours(job: Job, path: Path) -> bool:
    return path.is_absolute() and path.is_relative_to(job.folder)


def _is_written_by_people(path: Path) -> bool:
    if _SUFFIXES_OF_PEOPLE.fullmatch(path.suffix):
        return True
    with path.open("rb") as file:
        return file.read(4).startswith(_BEGINNINGS_OF_PROGRAMS)


def _relative(job: Job, path: Path) -> str:
    return path.relative_to(job.folder).as_posix() if path.is_relative_to(job.folder) else str(path)


def _file(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _text(text: str) -> str:
    return f"sha256:{sha_of(text.encode(errors='surrogatepass'))}"


def _value(value: Any) -> str:
    text = _canonical(value)
    return text if len(text) <= _LONGEST else _text(text)


def _canonical(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
