"""Puts values into cells of a workbook and leaves every other byte of all its parts as it is.

The XML of one sheet is cut where a cell goes and nowhere else, so pictures, charts, comments, validations, formats,
macros, pivot tables and whatever else a workbook may hold stay what they were.
"""

import io
import math
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from harness.base.errors import Problem
from harness.base.sheet import area_of, cell_of, letters
from harness.base.workbook import SheetPart, Workbook, WorkbookError, in_words

Value = str | int | float | bool | None
"""Of a cell; None empties it and keeps its looks."""

MOST_CHARACTERS: Final = 32_767
"""Of one cell, counted in UTF-16 as Excel does."""
MOST_COPIED_BYTES: Final = 2**30
CUT: Final = " [cut: the cell cannot hold more]"
_EXACT_WHOLE = 2**53
_TAG = re.compile(rb"<[^<>\"']*(?:\"[^\"]*\"[^<>\"']*|'[^']*'[^<>\"']*)*>")
_SPANS = re.compile(rb"\sspans\s*=\s*(?:\"[^\"]*\"|'[^']*')")
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LOOKS_ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_BEFORE_CALCULATION = ("sheets", "functionGroups", "externalReferences", "definedNames")


@dataclass(frozen=True, slots=True)
class Edit:
    """Bytes from `begin` to `end` are replaced."""

    begin: int
    end: int
    content: bytes


@dataclass(slots=True)
class _Cell:
    column: int
    begin: int
    end: int
    """0 until its end tag was seen."""
    style: str
    has_formula: bool = False


@dataclass(slots=True)
class _Row:
    begin: int
    """Of its start tag."""
    inside: int
    """Where its cells begin."""
    is_empty: bool
    """`<row r="7"/>`"""
    prefix: str
    cells: list[_Cell] = field(default_factory=list)
    close: int = 0


def with_values(
    book: Workbook, part: SheetPart, values: Mapping[int, Mapping[int, Value]], *, header: int | None = None
) -> bytes:
    """The whole workbook with these values in cells of one sheet: row -> column -> value, in rows that the sheet has.

    New cells of the row `header` look like the last one in it. Text is text, whatever it begins with. Programs
    calculate formulas anew when they open it. WorkbookError for a cell that has a formula or lies within merged cells,
    and for a sheet that cannot be cut.
    """
    where = f"{book.name}:{part.name}"
    content = book.read(part.part)
    with in_words(book.name):
        places = _places(content, set(values), where)
        edits = list(_edits(content, places, values, where, header))
        changed = {part.part: _applied(content, edits)}
        if _has_formulas(book):
            changed[book.main] = _asking_for_calculation(book.read(book.main))
        return _package(book, changed)


@dataclass(slots=True)
class _Places:
    """Where things stand in the XML of a sheet, in bytes."""

    rows: dict[int, _Row] = field(default_factory=dict)
    dimension: tuple[int, str] | None = None
    merged: list[str] = field(default_factory=list)


class _Finding:
    """Handlers of expat that find the rows that are wanted."""

    def __init__(self, content: bytes, wanted: set[int]) -> None:
        self.places = _Places()
        self._content = content
        self._wanted = wanted
        self._number = self._column = 0
        self._row: _Row | None = None
        self._cell: _Cell | None = None
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end

    def _start(self, tag: str, attributes: Mapping[str, str]) -> None:
        at = self.parser.CurrentByteIndex
        prefix, colon, name = tag.rpartition(":")
        if name == "row":
            self._number = int(float(attributes.get("r", self._number + 1)))
            self._column = 0
            self._row = None
            if self._number in self._wanted:
                written = _tag_at(self._content, at)
                is_empty = written.endswith(b"/>")
                self._row = _Row(at, at + len(written), is_empty, prefix + colon)
                self.places.rows[self._number] = self._row
        elif name == "c" and self._row is not None:
            place = cell_of(attributes["r"]) if "r" in attributes else None
            self._column = place[1] if place else self._column + 1
            written = _tag_at(self._content, at)
            end = at + len(written) if written.endswith(b"/>") else 0
            self._cell = _Cell(self._column, at, end, attributes.get("s", ""))
            self._row.cells.append(self._cell)
        elif name == "f" and self._cell is not None:
            self._cell.has_formula = True
        elif name == "dimension":
            self.places.dimension = at, attributes.get("ref", "")
        elif name == "mergeCell":
            self.places.merged.append(attributes.get("ref", ""))

    def _end(self, tag: str) -> None:
        at = self.parser.CurrentByteIndex
        name = tag.rpartition(":")[2]
        if name == "c" and self._cell is not None:
            self._cell.end = self._cell.end or at + len(_tag_at(self._content, at))
            self._cell = None
        elif name == "row" and self._row is not None:
            self._row.close = self._row.inside if self._row.is_empty else at
            self._row = None


def _places(content: bytes, wanted: set[int], where: str) -> _Places:
    declared = re.match(rb"\s*<\?xml[^>]*encoding\s*=\s*[\"']([^\"']*)", content.removeprefix(b"\xef\xbb\xbf"))
    if declared is not None and declared[1].lower() not in (b"utf-8", b"utf8", b"us-ascii"):
        raise WorkbookError(Problem(where, "is XML of another encoding than UTF-8", "save it in Excel or LibreOffice"))
    finding = _Finding(content, wanted)
    finding.parser.Parse(content, True)
    if missing := wanted - set(finding.places.rows):
        raise WorkbookError(Problem(f"{where}!{min(missing)}", "this row does not exist in the sheet"))
    return finding.places


def _tag_at(content: bytes, at: int) -> bytes:
    match = _TAG.match(content, at)
    if match is None:
        raise ValueError(f"no tag at byte {at}")
    return match[0]


def _edits(
    content: bytes, places: _Places, values: Mapping[int, Mapping[int, Value]], where: str, header: int | None
) -> Iterator[Edit]:
    problems = []
    columns = {column for cells in values.values() for column in cells}
    merged = [
        area
        for text in places.merged
        if (area := area_of(text)) is not None and any(area.left <= column <= area.right for column in columns)
    ]
    for number, cells in values.items():
        row = places.rows[number]
        there = {cell.column: cell for cell in row.cells}
        for column in cells:
            place = f"{where}!{letters(column)}{number}"
            if column in there and there[column].has_formula:
                problems.append(Problem(place, "has a formula, which a result would replace", "name another column"))
            inside = [
                a for a in merged
                if a.top <= number <= a.bottom and a.left <= column <= a.right and (a.top, a.left) != (number, column)
            ]  # fmt: skip
            if inside:
                problems.append(Problem(place, "is part of merged cells", "unmerge them, or name another column"))
        looks = row.cells[-1].style if number == header and row.cells else ""
        yield from _edits_of_row(content, row, number, cells, looks)
    if problems:
        raise WorkbookError(*problems[:20])
    if places.dimension is not None:
        yield from _edit_of_dimension(content, *places.dimension, values)


def _edits_of_row(content: bytes, row: _Row, number: int, cells: Mapping[int, Value], looks: str) -> Iterator[Edit]:
    there = {cell.column: cell for cell in row.cells}
    added: dict[int, bytes] = {}
    for column in sorted(cells):
        cell, value = there.get(column), cells[column]
        written = _written(row.prefix, f"{letters(column)}{number}", cell.style if cell else looks, value)
        if cell is not None:
            yield Edit(cell.begin, cell.end, written)
        elif value is not None:
            behind = next((each.begin for each in row.cells if each.column > column), row.close)
            added[behind] = added.get(behind, b"") + written
    tag = content[row.begin : row.inside]
    plain = _SPANS.sub(b"", tag)  # of a width that may be another one now; programs find it out by themselves
    if row.is_empty:
        if inside := added.get(row.close, b""):
            close = f"</{row.prefix}row>".encode()
            yield Edit(row.begin, row.inside, plain[:-2].rstrip() + b">" + inside + close)
        return
    if plain != tag and added:
        yield Edit(row.begin, row.inside, plain)
    yield from (Edit(at, at, cell) for at, cell in added.items())


def _edit_of_dimension(content: bytes, at: int, ref: str, values: Mapping[int, Mapping[int, Value]]) -> Iterator[Edit]:
    area = area_of(ref)
    columns = [column for cells in values.values() for column in cells]
    if area is None or not columns or max(columns) <= area.right:
        return
    tag = _tag_at(content, at)
    new = f"{letters(min(area.left, *columns))}{area.top}:{letters(max(columns))}{area.bottom}"
    yield Edit(at, at + len(tag), tag.replace(ref.encode(), new.encode()))


def _written(prefix: str, place: str, style: str, value: Value) -> bytes:
    looks = f" s={quoteattr(style)}" if style else ""
    begin, end = f'<{prefix}c r="{place}"{looks}', f"</{prefix}c>"
    if isinstance(value, bool):
        text = f'{begin} t="b"><{prefix}v>{int(value)}</{prefix}v>{end}'
    elif isinstance(value, int | float) and abs(value) <= _EXACT_WHOLE and math.isfinite(value):
        text = f"{begin}><{prefix}v>{value!r}</{prefix}v>{end}"
    elif value is None:
        text = f"{begin}/>"
    else:
        inside = f'<{prefix}t xml:space="preserve">{escape(as_text(str(value)))}</{prefix}t>'
        text = f'{begin} t="inlineStr"><{prefix}is>{inside}</{prefix}is>{end}'
    return text.encode()


def as_text(text: str) -> str:
    """The text as a cell can hold it: cut with a word where it is too long, without what XML cannot hold."""
    plain = _NO_XML.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _LOOKS_ESCAPED.sub("_x005F_", cut_to_cell(plain))


def cut_to_cell(text: str) -> str:
    """As much of a text as one cell holds. Excel counts in UTF-16: an emoji is two characters."""
    units = text.encode("utf-16-le", "surrogatepass")
    if len(units) <= 2 * MOST_CHARACTERS:
        return text
    return units[: 2 * (MOST_CHARACTERS - len(CUT))].decode("utf-16-le", "ignore") + CUT


def _applied(content: bytes, edits: Sequence[Edit]) -> bytes:
    pieces, at = [], 0
    for edit in sorted(edits, key=lambda edit: (edit.begin, edit.end)):
        pieces += [content[at : edit.begin], edit.content]
        at = edit.end
    return b"".join([*pieces, content[at:]])


def _has_formulas(book: Workbook) -> bool:
    return any(re.search(rb"<(?:\w+:)?f[\s/>]", book.read(sheet.part)) is not None for sheet in book.sheets)


def _asking_for_calculation(content: bytes) -> bytes:
    """The part of the workbook, so that formulas over the new values are calculated when it is opened."""
    ends: dict[str, int] = {}
    open_tags: list[int] = []
    found: list[tuple[int, str]] = []
    parser = expat.ParserCreate()

    def start(tag: str, attributes: Mapping[str, str]) -> None:
        open_tags.append(parser.CurrentByteIndex)
        if tag.rpartition(":")[2] == "calcPr":
            found.append((parser.CurrentByteIndex, attributes.get("fullCalcOnLoad", "")))

    def end(tag: str) -> None:
        begin = open_tags.pop()
        is_empty = _tag_at(content, begin).endswith(b"/>")
        last = begin if is_empty else parser.CurrentByteIndex
        ends[tag] = last + len(_tag_at(content, last))

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.Parse(content, True)
    if found:
        at, asks = found[0]
        tag = _tag_at(content, at)
        if asks:
            new = re.sub(rb"(\sfullCalcOnLoad\s*=\s*)(?:\"[^\"]*\"|'[^']*')", rb'\1"1"', tag)
        else:
            end_of = b"/>" if tag.endswith(b"/>") else b">"
            new = tag.removesuffix(end_of).rstrip() + b' fullCalcOnLoad="1"' + end_of
        return _applied(content, [Edit(at, at + len(tag), new)])
    behind = [(at, tag) for tag, at in ends.items() if tag.rpartition(":")[2] in _BEFORE_CALCULATION]
    at, name = max(behind)
    prefix = f"{name.rpartition(':')[0]}:" if ":" in name else ""
    return _applied(content, [Edit(at, at, f'<{prefix}calcPr fullCalcOnLoad="1"/>'.encode())])


def _package(book: Workbook, changed: Mapping[str, bytes]) -> bytes:
    """The zip file anew: its parts in their order, all but the changed ones with the same bytes."""
    if sum(each.file_size for each in book.archive.infolist()) > MOST_COPIED_BYTES:
        raise WorkbookError(Problem(book.name, "unpacks to more than 1 GB, the most that is copied"))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for old in book.archive.infolist():
            new = zipfile.ZipInfo(old.filename, old.date_time)
            new.external_attr, new.create_system = old.external_attr, old.create_system
            new.compress_type = zipfile.ZIP_STORED if old.compress_type == zipfile.ZIP_STORED else zipfile.ZIP_DEFLATED
            archive.writestr(new, changed.get(old.filename) or book.archive.read(old.filename))
    return out.getvalue()
