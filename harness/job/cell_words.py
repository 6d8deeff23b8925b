"""How a value of the manifest names a cell of a workbook in place of being written out."""

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

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, populate_by_name=True)


TEXT_TAG, CELL_TAG = "<text>", "<cell>"
"""What pydantic puts into the place of a problem with one of these."""
TextOrCell = Annotated[
    Annotated[Cell, Tag(CELL_TAG)] | Annotated[str, Tag(TEXT_TAG)],
    Discriminator(lambda value: CELL_TAG if isinstance(value, dict | Cell) else TEXT_TAG),
]
