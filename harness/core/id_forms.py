"""Which item an id means that came back in another form: composed or not, a number for a text, with spaces around it.

Only where it can mean no other item of the group. Other spellings, `acme` for `Acme`, are named and never taken.
"""

import re
import unicodedata
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from harness.base.ids import ItemId
from harness.core.types import Json

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,400}(\.[0-9]{1,400})?")


class Ids:
    """The ids of a group."""

    def __init__(self, ids: Iterable[ItemId]) -> None:
        self._exact = frozenset(ids)
        self._texts: dict[str, set[ItemId]] = {}
        self._numbers: dict[Decimal, set[ItemId]] = {}
        for id_ in self._exact:
            self._texts.setdefault(_text(id_), set()).add(id_)
            if _NUMBER.fullmatch(id_):
                self._numbers.setdefault(Decimal(id_), set()).add(id_)

    def meant(self, id_: Json) -> ItemId | None:
        """The item that this can only mean; None when it means none, or may mean several."""
        if not is_id(id_):
            return None
        if isinstance(id_, str) and id_ in self._exact:
            return ItemId(id_)
        found = self._texts.get(_text(id_), set())
        if not found and not isinstance(id_, str):  # 7 is the 007 of a list whose zeros no number has
            found = self._numbers.get(Decimal(str(id_)), set())
        return next(iter(found)) if len(found) == 1 else None


def is_id(value: Json) -> bool:
    """A text or a number."""
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def are_one(name: str, id_: Json) -> bool:
    """Does this id mean the same as the name of a member or a file?"""
    return Ids([ItemId(name)]).meant(id_) is not None


def _text(id_: Json) -> str:
    return unicodedata.normalize("NFC", str(id_)).strip()
