"""Sessions as the phases see them: job, phase and rehearsal laid over each other field by field, files read."""

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from harness.base.errors import Problem
from harness.base.spelling import nearest
from harness.base.texts import TextError, must_be_file
from harness.job.backend_kinds import KINDS
from harness.job.cell_words import Cell
from harness.job.cells import text_of
from harness.job.checker import ManifestChecker
from harness.job.environment import resolve_env
from harness.job.job import HelperSpec, SessionSpec
from harness.job.manifest import Manifest, Session
from harness.job.template import complaints_about
from harness.job.tools import BUILT_IN_TOOLS, RULES_REMEDY, WRITERS, why_not_by_rules
from harness.job.vendors import CURE, other_vendor
from harness.job.yaml_text import ValuePath

_INTERPRETER = re.compile(r"(python|pypy)[0-9.]*|(ba|da|z|k|a)?sh|node|perl|ruby|php|Rscript")
_PROMPT_SUFFIXES = (".md", ".markdown", ".txt", ".j2", ".jinja", ".jinja2", ".prompt", ".tmpl", ".template")
_ENDS_OF_SENTENCES = (".", "!", "?", ":", ";")
_CLAUDE_ONLY = ("model", "fallback", "instructions", "tools", "max_turns", "env")

Level = tuple[ValuePath, Session | None]
"""Where a session is written in the manifest, and what is written there."""


@dataclass(frozen=True, slots=True)
class Layered:
    """A session after laying; `origin` says for each field where the value in force was written."""

    session: Session
    origin: Mapping[str, ValuePath]
    """Field -> its path; for a field written nowhere, where it would be."""
    levels: tuple[Level, ...]


def lay(levels: Sequence[Level]) -> Layered:
    """Later levels win, field by field; only what is written counts."""
    written = [(path, session) for path, session in levels if session is not None]
    fields = {name: (*levels[0][0], name) for name in Session.model_fields}
    values: dict[str, object] = {}
    for path, session in written:
        for name in session.model_fields_set:
            values[name] = getattr(session, name)
            fields[name] = (*path, name)
    return Layered(Session().model_copy(update=values), fields, tuple(written))


def complain_about_misplaced(checker: ManifestChecker, phases: Sequence[Layered]) -> None:
    """Fields of the one backend that are written where every phase that inherits them uses the other."""
    users: dict[ValuePath, set[bool]] = {}
    """Of each place, whether its sessions ask a model."""
    for layered in phases:
        for name in (*_CLAUDE_ONLY, "command"):
            users.setdefault(layered.origin[name], set()).add(KINDS[layered.session.backend].asks_model)
    for path, asking in users.items():
        if not checker.document.has(path):
            continue
        if path[-1] == "command" and False not in asking:
            checker.complain(path, "is for backend: command", "write backend: command beside it", of_key=True)
        if path[-1] != "command" and asking == {False}:
            checker.complain(path, "is for sessions of Claude Code; a command has none", of_key=True)


def complain_about_rehearsal(checker: ManifestChecker, real: Layered, rehearsed: Layered, in_rehearsal: bool) -> None:
    """A rehearsal must not start the user's real program, and what is written for it must fit its backend."""
    place: ValuePath = ("rehearsal", "session")
    is_command = not KINDS[rehearsed.session.backend].asks_model
    for name in (*_CLAUDE_ONLY, "command"):
        if rehearsed.origin[name] == (*place, name) and (name == "command") != is_command:
            whose = "backend: command" if name == "command" else "sessions of Claude Code"
            checker.complain((*place, name), f"is for {whose}", of_key=True)
    is_for_practice = is_command and rehearsed.origin["command"] == (*place, "command")
    if is_for_practice and not in_rehearsal:
        _program(checker, (*place, "command"), rehearsed.session.command)
    if in_rehearsal and is_command and not is_for_practice:
        what = "a command" if KINDS[real.session.backend].asks_model else "the command of the job"
        hint = "write rehearsal: {session: {command: [...]}}, a program that may run for practice"
        checker.complain((*place, "command"), f"missing: a rehearsal does not start {what}", hint)


def resolve_session(
    checker: ManifestChecker, layered: Layered, batch_size: int, *, rehearsal: bool, by_rules: bool
) -> SessionSpec:
    """Texts read, tools and templates checked, words of `command` made absolute.

    `by_rules`: the manifest wants permission rules, and no kernel sandbox, to keep its sessions in.
    """
    session = layered.session
    is_command = not KINDS[session.backend].asks_model
    prompt, prompt_name = _prompt(checker, layered, batch_size)
    if not is_command and session.model is None and not rehearsal:
        checker.complain(layered.origin["model"], "missing: a real run needs one, for instance sonnet")
    for field, name in () if is_command else _models(session):
        if (vendor := other_vendor(name)) is not None:
            checker.complain(layered.origin[field], f"{name!r} is a model of {vendor}", CURE)
    spec = SessionSpec(
        backend=session.backend,
        model=session.model,
        prompt=prompt,
        prompt_name=prompt_name,
        instructions=_instructions(checker, layered),
        tools=tuple(dict.fromkeys(session.tools)),
        command=(),
        timeout=session.timeout,
        first_event=session.first_event,
        silence=session.silence,
        idle_after_output=session.idle_after_output,
        max_turns=session.max_turns,
        fallback=tuple(dict.fromkeys(session.fallback)),
    )
    if is_command:
        command = _program(checker, layered.origin["command"], session.command)
        return replace(spec, model=None, fallback=(), instructions="", tools=(), max_turns=None, command=command)
    _check_tools(checker, layered, by_rules=by_rules)
    return replace(spec, env={} if rehearsal else resolve_env(checker, layered.origin["env"], session.env))


def words_of(checker: ManifestChecker, words: Sequence[str]) -> tuple[str, ...]:
    """The words with vars filled in; those that name something in the job folder are absolute."""
    return tuple(_word(checker, word) for word in words)


def resolve_helper(checker: ManifestChecker, manifest: Manifest) -> HelperSpec | None:
    """The program that prints the key; None when the manifest names none."""
    helper = manifest.helper
    if helper is None:
        if manifest.auth == "helper":
            checker.complain(
                ("auth",), "helper is not written", "write helper: {command: [...]}, a program that prints a key"
            )
        return None
    words = words_of(checker, helper.command)
    check_program(checker, ("helper", "command"), words)
    return HelperSpec(words, helper.lifetime, helper.gives, tuple(helper.env))


def _models(session: Session) -> list[tuple[str, str]]:
    return [*([("model", session.model)] if session.model else []), *(("fallback", name) for name in session.fallback)]


def files_of(checker: ManifestChecker, words: Sequence[str]) -> tuple[Path, ...]:
    """The files and folders of the job folder among resolved words."""
    paths = [Path(word) for word in words if word.startswith(f"{checker.folder}/")]
    return tuple(path for path in paths if path.exists())


def check_program(checker: ManifestChecker, path: ValuePath, words: Sequence[str]) -> None:
    """Complain when the first word of a command is no program that could be started."""
    if not words or not words[0].strip():
        checker.complain(path, "expected a program and its arguments, got an empty list")
    elif shutil.which(words[0]) is None:
        hint = "a file of the job needs its executable bit, or its interpreter as the first word"
        checker.complain(path, f"the program {words[0]!r} does not exist", hint)
    elif _INTERPRETER.fullmatch(Path(words[0]).name) and len(words) > 1 and not words[1].startswith("-"):
        is_there = Path(words[1]).exists() if words[1].startswith("/") else shutil.which(words[1]) is not None
        if not is_there:
            checker.complain(path, f"the program {words[1]!r} does not exist", "expected it beside the manifest")


def _word(checker: ManifestChecker, word: str) -> str:
    word = checker.fill_known(word)
    inside = word and not word.startswith(("-", "/")) and ".." not in Path(word).parts and "\0" not in word
    target = checker.folder / word
    return str(target) if inside and len(word) < 1000 and target.exists() else word


def _program(checker: ManifestChecker, path: ValuePath, command: Sequence[str] | None) -> tuple[str, ...]:
    if command is None:
        checker.complain(path, "missing: backend: command needs a program, for instance [python3, worker.py]")
        return ()
    words = words_of(checker, command)
    check_program(checker, path, words)
    return words


def _prompt(checker: ManifestChecker, layered: Layered, batch_size: int) -> tuple[str, str]:
    """The template and what it is called. A text with white space that names no file, and looks like the name of none,
    is the template itself."""
    path, text = layered.origin["prompt"], layered.session.prompt
    if isinstance(text, Cell):
        found = text_of(checker, path, text) or ("", "<prompt>")
        _check_template(checker, path, found[0], batch_size, name=found[1])
        return found
    if text is None:
        if KINDS[layered.session.backend].asks_model:
            checker.complain(
                path, "missing: what shall a session do?", "a file such as prompts/job.md, or the text itself"
            )
        return "", "<prompt>"
    if not text.strip():
        checker.complain(path, "is empty")
        return "", "<prompt>"
    named = checker.folder / checker.fill_known(text)
    if any(map(str.isspace, text.strip())) and not _is_file(named):
        if _looks_like_a_file(checker, text.strip()):
            _complain_of_no_file(checker, path, checker.fill_known(text.strip()))
            return "", "<prompt>"
        _check_template(checker, path, text, batch_size)
        return text, "<prompt>"
    file = checker.file(path, text)
    content = checker.text(path, file) if file else None
    if file is None or content is None:
        return "", "<prompt>"
    if not content.strip():
        checker.note(Problem(checker.shown(file), "the prompt is empty"))
    _check_template(checker, path, content, batch_size, name=checker.shown(file))
    return content, checker.shown(file)


def _looks_like_a_file(checker: ManifestChecker, text: str) -> bool:
    """One line that ends as names of prompt files do, or that is a path: a misspelt name, never a task."""
    if "\n" in text or text.endswith(_ENDS_OF_SENTENCES):
        return False
    folder, slash, _ = checker.fill_known(text).rpartition("/")
    return (
        text.lower().endswith(_PROMPT_SUFFIXES)
        or "/" in text.split()[-1]
        or (bool(slash) and (checker.folder / folder).is_dir())
    )


def _complain_of_no_file(checker: ManifestChecker, path: ValuePath, name: str) -> None:
    hint = "if this is the prompt itself, end it with a period"
    near = get_close_matches(
        name, [each.relative_to(checker.folder).as_posix() for each in _beside(checker.folder / name)]
    )
    if near:
        hint = f"did you mean {near[0]!r}? {hint[0].upper()}{hint[1:]}"
    checker.complain(path, f"the file {name!r} does not exist", hint)


def _beside(file: Path) -> list[Path]:
    try:
        return sorted(file.parent.iterdir())
    except (OSError, ValueError):
        return []


def _is_file(path: Path) -> bool:
    try:
        return must_be_file(path) >= 0
    except TextError:
        return False


def _check_template(checker: ManifestChecker, path: ValuePath, text: str, batch_size: int, *, name: str = "") -> None:
    """`name` is that of the file or the cell it comes from."""
    for complaint in complaints_about(text, vars_names=checker.vars, batch_size=batch_size):
        if name:
            checker.note(Problem(f"{name}:{complaint.line}:{complaint.column}", complaint.message))
        else:
            line = f"line {complaint.line}: " if "\n" in text.strip() else ""
            checker.complain(path, f"{line}{complaint.message}")


def _instructions(checker: ManifestChecker, layered: Layered) -> str:
    texts = []
    for number, name in enumerate(layered.session.instructions):
        path = (*layered.origin["instructions"], number)
        if isinstance(name, Cell):
            text = (text_of(checker, path, name) or ("", ""))[0]
        else:
            file = checker.file(path, name)
            text = (checker.text(path, file) if file else None) or ""
        if text:
            texts.append(text.replace("\r\n", "\n").strip("\n"))
    return "\n\n".join(texts)


def _check_tools(checker: ManifestChecker, layered: Layered, *, by_rules: bool) -> None:
    path = layered.origin["tools"]
    tools, refused = layered.session.tools, KINDS[layered.session.backend].refused_tools
    for number, tool in enumerate(tools):
        if tool not in BUILT_IN_TOOLS:
            near = nearest(tool, BUILT_IN_TOOLS) or f", known are {', '.join(sorted(BUILT_IN_TOOLS))}"
            checker.complain((*path, number), f"unknown tool {tool!r}{near}")
        elif tool in refused:
            checker.complain((*path, number), f"tool {tool} {refused[tool]}", "use backend: claude for it")
        elif by_rules and (why := why_not_by_rules(tool)):
            checker.complain((*path, number), f"{why}, which sandbox: permissions is not", RULES_REMEDY)
    if not WRITERS & set(tools) and all(tool in BUILT_IN_TOOLS for tool in tools):
        checker.complain(path, "a session without the tool Write cannot leave an output file")
