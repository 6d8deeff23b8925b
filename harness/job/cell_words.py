"""How the manifest names cells of workbooks: to take a value from, and to write results into."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag


class Cell(BaseModel):
    """A value out of a workbook, for a var, a prompt or standing instructions."""

    xlsx: str
    """The workbook (.xlsx, .xlsm), relative to the manifest."""
    cell: str
    """`Sheet!B2`; `Sheet!A1:C9` is a list of rows, a range of one row or column (`Sheet!B2:B`) a list of values."""
    default: Any = None
    """What counts while the cell is empty; without it, that is an error."""
    json_: bool = Field(default=False, alias="json")
    """Read the text in the cell as JSON; otherwise it stays text."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class WriteBack(BaseModel):
    """Statuses and results in columns of a copy of a workbook."""

    xlsx: str | None = None
    """The workbook; by default that of the items."""
    sheet: str | None = None
    """Its sheet; by default that of the items, or the only one."""
    header: Annotated[int, Field(ge=1, le=1_048_576)] | None = None
    """Number of the row that names the columns, where it is not found."""
    id: str | None = None
    """Path of an item's id in a row; by default as under items."""
    columns: dict[str, str]
    """Name of a column -> what goes into it: `.state`, `.reason`, `.attempts`, or a path in the record. A column that
    is not there is added at the right."""
    to: str | None = None
    """The copy; by default NAME.results.xlsx beside the merged file, or beside the workbook."""
    in_place: bool = False
    """Write into the workbook itself. What it was before is kept beside it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


TEXT_TAG, CELL_TAG = "<text>", "<cell>"
"""What pydantic puts into the place of a problem with one of these."""
TextOrCell = Annotated[
    Annotated[Cell, Tag(CELL_TAG)] | Annotated[str, Tag(TEXT_TAG)],
    Discriminator(lambda value: CELL_TAG if isinstance(value, dict | Cell) else TEXT_TAG),
]
