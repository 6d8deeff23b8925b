"""A workbook (.xlsx, .xlsm) as the package of XML parts that it is; bounded before anything of it is unpacked."""

import hashlib
import io
import itertools
import posixpath
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree
from xml.parsers import expat

from harness.base.errors import Problem
from harness.base.texts import TextError, must_be_file, shown, size_in_words

SUFFIXES: Final = (".xlsx", ".xlsm")
MOST_PACKED_BYTES: Final = 100 * 2**20
MOST_UNPACKED_BYTES: Final = 256 * 2**20
"""Of all parts of XML together; pictures and the like are not unpacked."""
MOST_PARTS: Final = 10_000
MAIN: Final = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
RELATION_ID: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRICT: Final = "http://purl.oclc.org/ooxml/"
_RELATIONS = "{http://schemas.openxmlformats.org/package/2006/relationships}"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_READ_BY_LIBRARIES = (".xml", ".rels")
_CHUNK = 64 * 1024


class WorkbookError(Exception):
    """A workbook, or cells of it, cannot be read. Each problem names the file, or `leads.xlsx:Leads!B7`."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class SheetPart:
    """One sheet of cells, as the workbook lists it. `part` is the name of its XML in the package."""

    name: str
    part: str
    is_hidden: bool


@dataclass(frozen=True, slots=True)
class Workbook:
    """What one file held when it was read; later changes of the file change nothing here."""

    path: Path
    content: bytes
    sha: str
    archive: zipfile.ZipFile
    main: str
    """The name of the part that lists the sheets."""
    sheets: tuple[SheetPart, ...]
    is_calculated: bool
    """False where the program that saved it left the values of formulas to the next one that opens it."""

    @property
    def name(self) -> str:
        """As messages name it."""
        return shown(self.path)

    def find(self, name: str | None) -> SheetPart:
        """The sheet of this name, in any case; without a name the only one that is not hidden. WorkbookError."""
        if name is not None:
            wanted = name.strip().casefold()
            for sheet in self.sheets:
                if sheet.name.strip().casefold() == wanted:
                    return sheet
            raise WorkbookError(Problem(self.name, f"has no sheet {name!r:.80}", f"it has {self._sheets_in_words()}"))
        seen = [sheet for sheet in self.sheets if not sheet.is_hidden]
        if len(seen) != 1:
            what = f"has {len(seen)} sheets, and none is named" if seen else "has no sheet that is not hidden"
            raise WorkbookError(Problem(self.name, what, f"name one of {self._sheets_in_words()}"))
        return seen[0]

    def _sheets_in_words(self) -> str:
        return ", ".join(f"{sheet.name!r}{' (hidden)' if sheet.is_hidden else ''}" for sheet in self.sheets[:20])

    def read(self, part: str) -> bytes:
        """The bytes of a part. WorkbookError where the package is damaged."""
        with in_words(self.name):
            return self.archive.read(part)


def open_workbook(path: Path) -> Workbook:
    """The workbook at `path`. WorkbookError when it is missing, no workbook, encrypted, damaged or too large."""
    name = shown(path)
    content = _content(path, name)
    with in_words(name):
        archive = zipfile.ZipFile(io.BytesIO(content))
        parts = archive.infolist()
        names = {each.filename for each in parts}
        _check_bounds(name, parts)
        if len(names) < len(parts):
            raise _refusal(name, "contains a part twice, which no spreadsheet program writes", "save it again")
        if any(each.flag_bits & 1 for each in parts):
            raise _refusal(name, "is encrypted", "save it without a password")
        main = _main_part(archive, names, name)
        for each in parts:
            if each.filename.lower().endswith(_READ_BY_LIBRARIES):
                _refuse_definitions(archive, each.filename, name)
        tree = ElementTree.fromstring(archive.read(main))  # noqa: S314  bounded, and without definitions: see above
        if tree.tag.startswith(f"{{{_STRICT}"):
            raise _refusal(name, "is saved as Strict Open XML", 'save it as "Excel Workbook (.xlsx)"')
        sheets = tuple(_sheets(archive, main, tree, names))
    if not sheets:
        raise _refusal(name, "has no sheet of cells", None)
    calculation = tree.find(f"{MAIN}calcPr")
    asks = calculation is not None and calculation.get("fullCalcOnLoad") in ("1", "true")
    return Workbook(path, content, hashlib.sha256(content).hexdigest(), archive, main, sheets, not asks)


def copy_name(path: Path, word: str) -> Path:
    """`leads.before.xlsx` beside `leads.xlsx`, with a number behind the word when that is taken."""
    marks = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
    names = (path.with_name(f"{path.stem}.{word}{mark}{path.suffix}") for mark in marks)
    return next(name for name in names if not name.exists())


def relations_of(archive: zipfile.ZipFile, part: str) -> Mapping[str, tuple[str, str]]:
    """Id -> (last word of the type, part) of what a part refers to within the package."""
    folder, base = posixpath.split(part)
    name = posixpath.join(folder, "_rels", f"{base}.rels")
    try:
        tree = ElementTree.fromstring(archive.read(name))  # noqa: S314  of a workbook that was opened here
    except KeyError:
        return {}
    found = {}
    for each in tree.iter(f"{_RELATIONS}Relationship"):
        if each.get("TargetMode") != "External":
            target = posixpath.normpath(posixpath.join("/", folder, each.get("Target", ""))).lstrip("/")
            found[each.get("Id", "")] = (each.get("Type", "").rpartition("/")[2], target)
    return found


def walk(archive: zipfile.ZipFile, part: str, handlers: Mapping[str, Callable[..., Any]]) -> None:
    """Read a part once with these handlers of expat, names of elements as `namespace}name`; flat in memory."""
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    for name, handler in handlers.items():
        setattr(parser, name, handler)
    with archive.open(part) as file:
        while chunk := file.read(_CHUNK):
            parser.Parse(chunk)
        parser.Parse(b"", True)


@contextmanager
def in_words(name: str) -> Iterator[None]:
    """WorkbookError for whatever zipfile, expat and openpyxl raise over a file that is not as it should be."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, ElementTree.ParseError, expat.ExpatError) as error:
        raise _refusal(name, f"is damaged: {error}", "open it in Excel or LibreOffice and save it again") from error
    except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError, OSError, RuntimeError) as error:
        said = f"{type(error).__name__}: {error}"[:200]
        raise _refusal(name, f"cannot be read: {said}", "open it in Excel or LibreOffice and save it again") from error


def _refusal(name: str, message: str, hint: str | None) -> WorkbookError:
    return WorkbookError(Problem(name, message, hint))


def _content(path: Path, name: str) -> bytes:
    try:
        if must_be_file(path) > MOST_PACKED_BYTES:
            raise TextError(f"is larger than {size_in_words(MOST_PACKED_BYTES)}, the most that is read of a workbook")
        content = path.read_bytes()
    except TextError as error:
        raise WorkbookError(error.at(name)) from None
    except OSError as error:
        raise _refusal(name, f"cannot be read: {error.strerror}", None) from None
    if content.startswith(b"PK\x03\x04"):
        return content
    if content.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in content:
            raise _refusal(name, "is encrypted", "save it without a password")
        raise _refusal(name, "is a workbook of the old kind (.xls)", "save it as .xlsx")
    start = content[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html", b"<table")):
        raise _refusal(name, "is a web page and no workbook", "open it in Excel or LibreOffice and save it as .xlsx")
    if not start:
        raise _refusal(name, "is empty", None)
    if b"\0" not in content[:512]:
        hint = "a CSV file is named so: items: {file: leads.csv}; else save it as .xlsx"
        raise _refusal(name, "contains text and is not a workbook", hint)
    raise _refusal(name, "is not a workbook", "save it as .xlsx")


def _check_bounds(name: str, parts: list[zipfile.ZipInfo]) -> None:
    if len(parts) > MOST_PARTS:
        raise _refusal(name, f"has {len(parts):,} parts, more than the {MOST_PARTS:,} that are read", None)
    unpacked = sum(each.file_size for each in parts if each.filename.lower().endswith(_READ_BY_LIBRARIES))
    if unpacked > MOST_UNPACKED_BYTES:
        most = size_in_words(MOST_UNPACKED_BYTES)
        raise _refusal(name, f"unpacks to {size_in_words(unpacked)}, more than the {most} that are read", None)


def _main_part(archive: zipfile.ZipFile, names: set[str], name: str) -> str:
    if "mimetype" in names and b"opendocument" in archive.read("mimetype"):
        raise _refusal(name, "is an OpenDocument file", "save it as .xlsx")
    if "xl/workbook.bin" in names:
        raise _refusal(name, "is a binary workbook (.xlsb)", "save it as .xlsx")
    if "[Content_Types].xml" not in names or "_rels/.rels" not in names:
        raise _refusal(name, "is a zip file and no workbook", "save it as .xlsx")
    _refuse_definitions(archive, "_rels/.rels", name)
    main = next((part for kind, part in relations_of(archive, "").values() if kind == "officeDocument"), "")
    if main not in names or not main.startswith("xl/"):
        raise _refusal(name, "is not a workbook", "save it as .xlsx")
    return main


def _refuse_definitions(archive: zipfile.ZipFile, part: str, name: str) -> None:
    """Entities can grow without end, and no program writes them into a workbook."""

    def refuse(*_: object) -> None:
        raise _refusal(name, f"has a document type in its part {part!r}, which is not allowed", "save it again")

    parser = expat.ParserCreate()
    started: list[str] = []
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = lambda tag, _: started.append(tag)
    with archive.open(part) as file:
        while not started and (chunk := file.read(_CHUNK)):
            parser.Parse(chunk)


def _sheets(archive: zipfile.ZipFile, main: str, tree: ElementTree.Element, names: set[str]) -> Iterator[SheetPart]:
    relations = relations_of(archive, main)
    for sheet in tree.iter(f"{MAIN}sheet"):
        kind, part = relations.get(sheet.get(RELATION_ID, ""), ("", ""))
        if kind == "worksheet" and part in names:
            yield SheetPart(sheet.get("name", ""), part, sheet.get("state", "visible") != "visible")
