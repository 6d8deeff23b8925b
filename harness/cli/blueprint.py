"""The job that `init` proposes for a folder: guessed from what lies in it, so that nothing has to be asked."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness.base.errors import Problem
from harness.base.texts import TextError, read_text
from harness.views.wording import listed

_MOST_BYTES: Final = 64 * 1024 * 1024
_SUFFIXES: Final = (".json", ".jsonl", ".ndjson", ".csv")
_OURS: Final = frozenset(
    {"job.schema.json", "batch_progress.json", "package.json", "package-lock.json", "tsconfig.json"}
)
_ID_NAMES: Final = ("id", "key", "name", "slug", "title", "url", "email", "code", "value")
_FILE_SUFFIXES: Final = (".pdf", ".txt", ".md", ".html", ".docx", ".eml", ".png", ".jpg", ".jpeg", ".xml")
_ABOUT_A_PROJECT: Final = re.compile(r"(readme|licen[cs]e|changelog|contributing|requirements|agents|claude)\b", re.I)
_OTHER_MARKS: Final = {";": "semicolons", "\t": "tabs", "|": "upright strokes"}
_PLACES: Final = (".", "data", "input", "inbox", "items")


@dataclass(frozen=True, slots=True)
class Source:
    """Where the items would come from. `id` and `rows` are None where the manifest needs none."""

    count: int
    file: str | None = None
    files: str | None = None
    rows: str | None = None
    id: str | None = None
    noun: str = "item"


@dataclass(frozen=True, slots=True)
class Survey:
    """What lies in a folder: the source that is proposed, other lists, and files that a person has to save anew."""

    source: Source | None
    others: tuple[Source, ...] = ()
    unread: tuple[Problem, ...] = ()


def survey(folder: Path) -> Survey:
    """The file with the most rows that have a unique field, else the folder with the most alike files, else None."""
    tables: list[Source] = []
    unread: list[Problem] = []
    for path in _candidates(folder):
        try:
            tables += [table] if (table := _table(folder, path)) is not None else []
        except TextError as error:
            unread.append(error.at(path.relative_to(folder).as_posix()))
    lists = tables or list(_heaps(folder))
    source = max(lists, key=lambda each: each.count) if lists else None
    return Survey(source, tuple(table for table in tables if table != source), tuple(unread))


def _candidates(folder: Path) -> Iterator[Path]:
    for place in _PLACES:
        if (folder / place).is_dir():
            for path in sorted((folder / place).iterdir()):
                if path.suffix.lower() in _SUFFIXES and path.is_file() and path.name not in _OURS:
                    yield path


def _table(folder: Path, path: Path) -> Source | None:
    """None when the file holds no rows, or no field of them tells them apart. TextError when it is to be saved anew."""
    text = read_text(path, most_bytes=_MOST_BYTES)
    try:
        steps, rows = _rows(path, text)
    except (ValueError, csv.Error):
        return None
    is_json = path.suffix.lower() == ".json"
    field = _unique_field(rows, may_be_numbers=is_json)
    if field is None:
        return None
    stream = f"{_path(steps) if steps else '.'}[]{_as_text(field, rows)}" if is_json else None
    id_ = ".value" if field == "" else _path(field)
    where = path.relative_to(folder).as_posix()
    return Source(len(rows), file=where, rows=stream, id=id_, noun=_singular(steps or path.stem))


def _rows(path: Path, text: str) -> tuple[str, Sequence[Any]]:
    """The key of the list within a JSON object (else empty), and the rows."""
    match path.suffix.lower():
        case ".csv":
            reader = csv.DictReader(io.StringIO(text))
            _must_have_commas(reader.fieldnames or ())
            return "", list(reader)
        case ".json":
            return _longest_list(json.loads(text))
        case _:
            return "", [json.loads(line) for line in text.splitlines() if line.strip()]


def _must_have_commas(header: Sequence[str]) -> None:
    """TextError for a header of one cell that another mark cuts into several."""
    for mark, name in _OTHER_MARKS.items():
        if len(header) == 1 and mark in header[0]:
            seen = listed(header[0].split(mark))
            raise TextError(f"has {name} between its columns ({seen}), expected commas", hint="save it with commas")


def _longest_list(document: Any) -> tuple[str, Sequence[Any]]:
    if isinstance(document, list):
        return "", document
    lists = {key: value for key, value in document.items() if isinstance(value, list)} if _is_row(document) else {}
    if not lists:
        return "", ()
    key = max(lists, key=lambda name: len(lists[name]))
    return key, lists[key]


def _is_row(value: Any) -> bool:
    return isinstance(value, dict)


def _path(name: str) -> str:
    return f".{name}" if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) else f".[{json.dumps(name)}]"


def _as_text(field: str, rows: Sequence[Any]) -> str:
    """What makes text of ids that are numbers; ids are text."""
    if all(isinstance(row if field == "" else row[field], str) for row in rows):
        return ""
    return " | tostring" if field == "" else f" | {_path(field)} |= tostring"


def _unique_field(rows: Sequence[Any], *, may_be_numbers: bool) -> str | None:
    """The name of a field that is there in every row, short, and different in each; empty when a row is bare text."""
    kinds = (str, int) if may_be_numbers else (str,)
    if not rows:
        return None
    if all(isinstance(row, kinds) and not isinstance(row, bool) for row in rows):
        return "" if _tell_apart([{"value": row} for row in rows], "value", kinds) else None
    if not all(map(_is_row, rows)):
        return None
    names = [name for name in rows[0] if isinstance(name, str)]
    known = {name.casefold(): name for name in names}
    ordered = [known[name] for name in _ID_NAMES if name in known]
    ordered += [name for name in names if name not in ordered]
    return next((name for name in ordered if _tell_apart(rows, name, kinds)), None)


def _tell_apart(rows: Sequence[Mapping[str, Any]], name: str, kinds: tuple[type, ...]) -> bool:
    values = [row.get(name) for row in rows]
    if not all(isinstance(value, kinds) and not isinstance(value, bool) for value in values):
        return False
    texts = [str(value).strip() for value in values]
    usable = all(0 < len(text) <= 200 and "\n" not in text for text in texts)
    return usable and len({text.casefold() for text in texts}) == len(texts)


def _heaps(folder: Path) -> Iterator[Source]:
    """This folder, or ones in it, with at least two files of one kind that people have agents read."""
    inside = [path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    for place in (folder, *inside):
        for suffix in _FILE_SUFFIXES:
            names = [path.stem for path in place.glob(f"*{suffix}") if path.is_file() and path.name[0] != "."]
            told = [name for name in names if not (place == folder and _ABOUT_A_PROJECT.match(name))]
            if len(told) >= 2 and place.name != "prompts":
                pattern = (place / f"*{suffix}").relative_to(folder).as_posix()
                yield Source(len(names), files=pattern, noun="file")


def _singular(words: str) -> str:
    """`schools` -> `school`; `target_leads` -> `lead`; a word that is no plural says nothing: `item`."""
    word = re.split(r"[^A-Za-z]+", words.strip())[-1]
    if re.fullmatch(r"[A-Za-z]{2,}ies", word):
        return f"{word[:-3]}y"
    if re.fullmatch(r"[A-Za-z]{2,}(ss|x|ch|sh)es", word):
        return word[:-2]
    return word[:-1] if re.fullmatch(r"[A-Za-z]{2,}[^s\W]s", word) else "item"
