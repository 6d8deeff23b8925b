"""Checks a manifest while it is resolved: collects problems at their places and finds the files it names."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.base.errors import Problem
from harness.base.home import at_home
from harness.base.instances import VAR, with_instance
from harness.base.paths import is_plain, path_to
from harness.base.sheet import Workbooks
from harness.base.spelling import nearest
from harness.base.texts import TextError, in_yaml, must_be_file, read_text
from harness.evaluation.bounded import Bounded
from harness.evaluation.persistent_child import BoundedError
from harness.job.complaints import Complaints
from harness.job.document import Document
from harness.job.job import CellRead
from harness.job.yaml_text import ValuePath

MOST_PROMPT_BYTES = 1024 * 1024
MOST_SCHEMA_BYTES = 4 * 1024 * 1024

_UNNAMED = f"{{{VAR}}}"
_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


class ManifestChecker(Complaints):
    """What is found wrong with values, and the files and programs that they name."""

    def __init__(
        self,
        document: Document,
        folder: Path,
        bounded: Bounded,
        silenced: Sequence[ValuePath],
        problems: list[Problem],
        *,
        instance: str | None = None,
    ) -> None:
        super().__init__(document, silenced, problems)
        self.folder = folder
        self.instance = instance
        self.vars: dict[str, Any] = {}
        self._bounded = bounded
        self._compiled: set[str] = set()
        self.workbooks = Workbooks()
        self.cells: list[CellRead] = []
        """What was read out of workbooks, in order."""
        self.files: list[Path] = []
        """Every file that was found by the name it has in the manifest."""

    def fill(self, path: ValuePath, text: str, *, keep: frozenset[str] = frozenset()) -> str:
        """`text` with every `{name}` replaced by the value of that var; names in `keep` stay as they are."""

        def value_of(match: re.Match[str]) -> str:
            name = match[1]
            if name in keep:
                return match[0]
            if name == VAR and name not in self.vars:
                hint = "name one, --as acme or whatever it is; `harness status` lists those there are"
                self.complain(path, "{as} stands for the name of an instance, and this launch has none", hint)
                return match[0]
            if name not in self.vars:
                self.complain(path, f"{{{name}}} is not one of vars{nearest(name, self.vars)}")
                return match[0]
            value = self.vars[name]
            if isinstance(value, dict | list) or value is None:
                self.complain(path, f"{{{name}}} is not a string or a number, so it cannot be used here")
                return match[0]
            return str(value).lower() if isinstance(value, bool) else str(value)

        return _PLACEHOLDER.sub(value_of, text)

    def fill_known(self, text: str) -> str:
        """`text` with `{name}` replaced where a var of that name is text or a number, and `~/` by the home folder;
        anything else stays."""

        def value_of(match: re.Match[str]) -> str:
            value = self.vars.get(match[1])
            return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else match[0]

        filled = _PLACEHOLDER.sub(value_of, text)
        return at_home(filled) if filled.startswith("~/") else filled

    def written(self, text: str, target: Path) -> Path:
        """Where a file that the job writes lies, `text` being how the manifest names it: that of an instance has the
        instance's name in it, `posts@acme.json`, unless the text says with `{as}` where that stands, or one of its
        folders is called like the instance."""
        is_apart = self.instance is None or _UNNAMED in text or self.instance in target.parent.parts
        return target if is_apart or self.instance is None else with_instance(target, self.instance)

    def file(self, path: ValuePath, text: str) -> Path | None:
        """The absolute path of a file that must exist; None and a problem when it does not."""
        filled = self.fill(path, text)
        named = self.named(path, filled)
        if named is None or (_UNNAMED in filled and VAR not in self.vars):  # that is said already
            return None
        target = self.folder / named
        try:
            must_be_file(target)
        except TextError as error:
            self.complain(path, _below(error.message, self.folder), _below(error.hint, self.folder))
            return None
        self.files.append(target)
        return target

    def named(self, path: ValuePath, text: str) -> str | None:
        """A path with `~` expanded; None and a problem when there is no such home folder."""
        try:
            return at_home(text)
        except ValueError as error:
            self.complain(path, str(error), "write it out, or relative to the manifest")
            return None

    def text(self, path: ValuePath, file: Path, *, most_bytes: int = MOST_PROMPT_BYTES) -> str | None:
        """The text of a file; None and a problem about the file, or about the value that names it."""
        try:
            return read_text(file, most_bytes=most_bytes)
        except TextError as error:
            if error.line is None:
                self.complain(path, f"{_below(str(file), self.folder)}: {error.message}", error.hint)
            else:
                self.note(error.at(self.shown(file)))
            return None

    def shown(self, file: Path) -> str:
        """A file of the job as messages name it: as far from here as the manifest itself is."""
        here = Path(self.document.name).parent
        try:
            return str(here / file.relative_to(self.folder))
        except ValueError:
            return str(file)

    def plain_path(self, path: ValuePath, text: str) -> None:
        """Complain unless `text` is a plain path such as `.id` or `.a[0].b`."""
        if not is_plain(text):
            name = text.removeprefix(".")
            meant = f".{name}" if is_plain(f".{name}") else path_to(name)
            hint = f"did you mean {in_yaml(meant)}?" if name and name[0] not in "[." else None
            self.complain(path, f"expected a path such as .id or .a[0].b, got {text!r}", hint)

    def jq(self, path: ValuePath, program: str) -> None:
        """Complain unless `program` compiles with the vars as its variables."""
        if program in self._compiled:
            return
        self._compiled.add(program)
        try:
            self._bounded.check_jq(program, tuple(self.vars))
        except BoundedError as error:
            hint = "$as is the name of an instance: name one, --as acme or whatever it is"
            is_unnamed = VAR not in self.vars and re.search(rf"\${VAR}\b", program)
            self.complain(
                path, f"{program!r} is not a valid jq program: {one_line(error.message)}", hint if is_unnamed else None
            )

    def judged(self, schema: Any, records: Sequence[Any]) -> Sequence[Sequence[str]]:
        """What a schema says against each record; nothing when it cannot be asked: that is noted elsewhere."""
        try:
            found = self._bounded.schema(schema, records)
            return [[f"{each.facts['at']}: {each.facts['message']}" for each in of_record] for of_record in found]
        except BoundedError:
            return [[] for _ in records]

    def is_true(self, program: str, records: Sequence[Any]) -> list[bool]:
        """Whether a jq check takes each record; true when it cannot be asked: that is noted elsewhere."""
        try:
            outcomes = self._bounded.jq_each(program, records, self.vars)
        except BoundedError:
            return [True for _ in records]
        return [bool(each.results) and all(result is True for result in each.results) for each in outcomes]

    def schema(self, path: ValuePath, file: Path, schema: Any) -> bool:
        """Complain, and False, unless `schema` is a JSON Schema that needs no other file."""
        if not isinstance(schema, dict):
            self.complain(path, f"{self.shown(file)}: expected a JSON Schema, an object")
            return False
        try:
            self._bounded.check_schema(schema)
        except BoundedError as error:
            self.complain(path, f"{self.shown(file)} is not a valid JSON Schema: {one_line(error.message)}")
            return False
        return True


def one_line(text: str) -> str:
    """The text with every run of white space made one space, cut to 300 characters."""
    text = " ".join(text.split())
    return text if len(text) <= 300 else f"{text[:297]}..."


def _below(text: str | None, folder: Path) -> Any:
    """The text with paths below the folder made relative to it."""
    return text and text.replace(f"{folder}/", "")
