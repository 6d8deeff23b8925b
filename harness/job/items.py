"""Where the items come from, resolved: the file or the pattern, and how its rows are read and named."""

import os
from pathlib import Path

from harness.base.instances import VAR
from harness.base.paths import is_plain
from harness.base.workbook import SUFFIXES as WORKBOOK_SUFFIXES
from harness.job.checker import ManifestChecker
from harness.job.job import ItemsSpec, below, top_of
from harness.job.manifest import Items, Manifest
from harness.job.select_rules import resolve_select

BY_ROW = "$row"
"""As `items.id`: the number of the row."""
TABLE_SUFFIXES = (".csv", ".tsv")
LINE_SUFFIXES = (".jsonl", ".ndjson", ".txt")
ITEM_SUFFIXES = (".json", *LINE_SUFFIXES, *TABLE_SUFFIXES)
_INSTANCE = frozenset({VAR})
_OTHER_SPREADSHEETS = (".xls", ".xlsb", ".xltx", ".xltm", ".ods", ".numbers")


def resolve_items(checker: ManifestChecker, manifest: Manifest) -> ItemsSpec:
    """The source of the first phase's items; problems for what does not fit together."""
    items = manifest.items
    if [items.file, items.files, items.xlsx].count(None) != 2:
        checker.complain(("items",), "expected exactly one of file, files and xlsx")
    for number, path in enumerate(manifest.order):
        checker.plain_path(("order", number), path.removeprefix("-"))
    file = _file(checker, items.file) if items.file is not None else None
    file = _workbook(checker, items.xlsx) if items.xlsx is not None else file
    _check_sheet(checker, items)
    if items.files is not None:
        for name in ("rows", "encoding", "delimiter", "columns"):
            if name in items.model_fields_set:
                checker.complain(("items", name), "is for items of one file", of_key=True)
    elif not is_plain(items.rows.removesuffix("[]") or "."):
        checker.jq(("items", "rows"), items.rows)
    if file is not None:
        _check_table(checker, items, file)
    if items.select is not None and manifest.batch.plan is not None:
        message = "batch.plan says which items there are, so nothing is left to select"
        checker.complain(("items", "select"), message, "leave one of the two out", of_key=True)
    if items.id != BY_ROW:
        checker.plain_path(("items", "id"), items.id)
    return ItemsSpec(
        file=file,
        files=_glob(checker, items.files) if items.files is not None else None,
        rows=items.rows,
        id=_id(items, file),
        match=checker.file(("items", "match"), items.match) if items.match is not None else None,
        order=tuple(manifest.order),
        encoding=items.encoding,
        delimiter=items.delimiter,
        columns=tuple(name.strip() for name in items.columns or ()),
        exact=items.ids == "exact",
        first_only=items.unique == "first",
        sheet=items.sheet,
        header=items.header,
        trusted=checker.fill(("items", "files"), items.files, keep=_INSTANCE)
        if items.files and checker.instance
        else None,
        select=resolve_select(checker, ("items", "select"), items.select),
    )


def why_no_list(name: str) -> tuple[str, str | None]:
    """Why a file of this name is no list of items, and what to do: message and hint."""
    suffix = Path(name).suffix.lower()
    if suffix in WORKBOOK_SUFFIXES:
        return "is a workbook", f"write items: {{xlsx: {name}}} in place of file"
    if suffix in _OTHER_SPREADSHEETS:
        return "is a workbook of a format that is not supported", "save it as .xlsx"
    if suffix in (".gz", ".zip", ".bz2", ".xz", ".zst", ".parquet"):
        return f"{name!r} is not a text file", "unpack or save it as CSV UTF-8"
    return f"expected a file that ends with {', '.join(ITEM_SUFFIXES)}, got {name!r}", None


def _id(items: Items, file: Path | None) -> str:
    if "id" in items.model_fields_set:
        return items.id
    if items.files is not None:
        return ".file"
    return ".value" if file is not None and file.suffix.lower() == ".txt" and items.delimiter is None else items.id


def _file(checker: ManifestChecker, text: str) -> Path | None:
    file = checker.file(("items", "file"), text)
    if file is not None and file.suffix.lower() not in ITEM_SUFFIXES:
        message, hint = why_no_list(file.name)
        checker.complain(("items", "file"), message, hint)
    return file


def _workbook(checker: ManifestChecker, text: str) -> Path | None:
    file = checker.file(("items", "xlsx"), text)
    if file is not None and file.suffix.lower() not in WORKBOOK_SUFFIXES:
        message, hint = f"expected a file that ends with {' or '.join(WORKBOOK_SUFFIXES)}, got {file.name!r}", None
        if file.suffix.lower() in ITEM_SUFFIXES:
            hint = f"write items: {{file: {file.name}}} in place of xlsx"
        elif file.suffix.lower() in _OTHER_SPREADSHEETS:
            hint = "save it as .xlsx"
        checker.complain(("items", "xlsx"), message, hint)
    return file


def _check_sheet(checker: ManifestChecker, items: Items) -> None:
    """What is for workbooks only, and what is not for them."""
    for name in ("sheet", "header"):
        if name in items.model_fields_set and items.xlsx is None:
            checker.complain(("items", name), "is for workbooks", "write xlsx in place of file", of_key=True)
    for name in ("encoding", "delimiter"):
        if name in items.model_fields_set and items.xlsx is not None:
            checker.complain(("items", name), "is for text files, and a workbook is none", of_key=True)
    if items.header is not None and items.columns is not None:
        message = "a sheet has a header or names of columns in the manifest, not both"
        checker.complain(("items", "columns"), message, "leave one of header and columns out", of_key=True)


def _check_table(checker: ManifestChecker, items: Items, file: Path) -> None:
    suffix = file.suffix.lower()
    is_table = suffix in TABLE_SUFFIXES or (suffix == ".txt" and items.delimiter is not None)
    for name in ("delimiter", "columns"):
        if name in items.model_fields_set and not (is_table or items.xlsx is not None):
            hint = (
                "write delimiter: tab, or whatever stands between them, if this is one" if name == "columns" else None
            )
            checker.complain(("items", name), f"is for tables, {file.name!r} is none", hint, of_key=True)
    names = [name.strip() for name in items.columns or ()]
    if items.columns is not None and (not all(names) or not names or len(set(names)) < len(names)):
        checker.complain(("items", "columns"), "expected a different name for each column")


def _glob(checker: ManifestChecker, text: str) -> str:
    """The pattern; one of another place is absolute, and has a folder before its first wildcard."""
    place = ("items", "files")
    pattern = checker.fill(place, text)
    if pattern.startswith("~/"):
        pattern = os.path.expanduser(pattern)  # noqa: PTH111  the path stays text
    if not pattern.strip() or pattern.startswith("~") or ".." in Path(pattern).parts or "\0" in pattern:
        checker.complain(
            place, f"expected a pattern such as inbox/*.pdf, or /data/inbox/*.pdf for another place, got {pattern!r}"
        )
        return pattern
    top = top_of(pattern, checker.folder)
    if len(top.parts) < 2 or not top.is_dir():
        checker.complain(
            place, f"the folder {str(top)!r} does not exist" if len(top.parts) > 1 else "expected a path with a folder"
        )
        return pattern
    try:
        next(iter(top.glob(below(pattern, top))), None)
    except (ValueError, NotImplementedError, IndexError) as error:
        checker.complain(place, f"{pattern!r} is not a valid pattern: {error}")
    return pattern
