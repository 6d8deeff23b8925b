"""`select`, which of many items are worked on, and `keys`, as they are written in a manifest."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field

from harness.job.model import STRICT, Whole


class Category(BaseModel):
    """What kind of thing an item is."""

    model_config = STRICT

    from_: str = Field(alias="from")
    """Path of the text that tells, `.title` for instance."""
    words: dict[str, list[str]] | None = None
    """Category -> words; the first category of which a word is in the text. Without it the text is the category."""
    default: str | None = None
    """The category of all others; without it they have none."""
    match: Literal["words", "substring"] = "words"
    """`words`: a word matches as a whole, in any case; `substring`: anywhere in the text, `ad` in `trade` too."""


def _as_category(value: object) -> object:
    """A path is short for {from: path}."""
    return {"from": value} if isinstance(value, str) else value


class Select(BaseModel):
    """Which items are worked on: the best of each category first, then the next best. The others are skipped."""

    model_config = STRICT

    top: Annotated[int, Field(ge=1, le=200_000), Whole] | None = None
    """Most items; by default all."""
    by: str | None = None
    """Path of the score, the highest first; by default the order of the items. Without a score an item comes last."""
    best: Literal["highest", "lowest"] = "highest"
    """Which scores of `by` are the best."""
    category: Annotated[
        Category | None, BeforeValidator(_as_category, json_schema_input_type=Category | str | None)
    ] = None
    """With it, the best item of each category comes before any second one. `.kind` is short for {from: .kind}."""
    min_categories: Annotated[int, Field(ge=1, le=10_000), Whole] | None = None
    """Fewest categories among what is selected; fewer are refused, or stop the job."""
    not_in: str | None = None
    """Pattern of earlier outputs below the job's folder, `output/*/newsletters.json`: an item whose id or title is in
    one of their records is skipped."""


class Keys(BaseModel):
    """Variables of your environment that `backend: command` and checks get, by their names; a Claude session does not
    see them. `check` says which are set, and nothing ever says what they are."""

    model_config = STRICT

    required: list[str] = []
    """Without one of these nothing is launched."""
    optional: list[str] = []
    """Those that are set are passed on, too."""
