"""Which record belongs to which item: sets, not counts. An id that can only mean one item is taken for it, and spelled
as planned (core/id_forms.py); what only looks alike is named."""

import json
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import islice
from typing import Final

from harness.base.ids import ItemId
from harness.base.paths import put_at, read_path
from harness.base.reason import Reason
from harness.core.id_forms import Ids, is_id
from harness.core.messages import Message, message
from harness.core.types import Json
from harness.job.job import OutputSpec
from harness.outputs.parse import FoundRecord, canonical

_MOST_INVENTED: Final = 100
_MOST_NAMED: Final = 8
_MOST_COMPARED: Final = 200
_MOST_CHARACTERS: Final = 120


@dataclass(slots=True)
class Matched:
    """The records of a file by item. An item is in `records`, or `rejected` says why not, or `missing` does.

    `records` is in item order, each item's records in output order.
    """

    records: dict[ItemId, tuple[Json, ...]] = field(default_factory=dict)
    rejected: dict[ItemId, list[Reason]] = field(default_factory=dict)
    missing: dict[ItemId, list[Reason]] = field(default_factory=dict)
    invented: tuple[str, ...] = ()
    notes: list[Message] = field(default_factory=list)


def match(found: Sequence[FoundRecord], ids: Sequence[ItemId], output: OutputSpec) -> Matched:
    """Compare what came back with what was asked for."""
    matcher = _Matcher(Ids(ids), output)
    for one in found:
        matcher.take(one)
    return matcher.matched(ids)


class _Matcher:
    """Collects the records of one file."""

    def __init__(self, expected: Ids, output: OutputSpec) -> None:
        self._expected = expected
        self._output = output
        self._records: dict[ItemId, list[Json]] = {}
        self._rejected: dict[ItemId, list[Reason]] = {}
        self._by_key: dict[str, tuple[ItemId, str]] = {}
        """Key -> the item and the content of its first record."""
        self._strange: dict[str, Json] = {}
        self._nameless = 0
        self._equal = 0
        self._respelled: dict[ItemId, Json] = {}
        self._dropped: Counter[str] = Counter()

    def take(self, one: FoundRecord) -> None:
        id_ = read_path(one.record, self._output.item)
        if not is_id(id_):
            self._nameless += 1
        elif (item := self._expected.meant(id_)) is None:
            self._strange.setdefault(canonical(id_), id_)
        else:
            known = self._known(one)
            self._take_for(item, known if id_ == item else self._as_planned(known, item, id_))

    def _known(self, one: FoundRecord) -> FoundRecord:
        """Without members that nobody asked for: no check is written for what may be in them."""
        known = self._output.known
        if known is None or not isinstance(one.record, dict) or one.record.keys() <= known:
            return one
        self._dropped.update(sorted(one.record.keys() - known))
        return FoundRecord({name: value for name, value in one.record.items() if name in known}, one.problem)

    def _as_planned(self, one: FoundRecord, item: ItemId, id_: Json) -> FoundRecord:
        self._respelled[item] = id_
        return FoundRecord(put_at(one.record, self._output.item, str(item)), one.problem)

    def _take_for(self, item: ItemId, one: FoundRecord) -> None:
        self._records.setdefault(item, [])
        key = read_path(one.record, self._output.key)
        if one.problem is not None:
            self._reject(item, one.problem)
        elif not isinstance(key, str | int) or isinstance(key, bool) or key == "":
            self._reject(item, Reason("bad_key", {"path": self._output.key}, self._output.key))
        elif self._is_new(item, key, one.record):
            self._records[item].append(one.record)

    def _is_new(self, item: ItemId, key: str | int, record: Json) -> bool:
        content = json.dumps(record, sort_keys=True)  # 1, 1.0 and true are three things, unlike in Python
        first = self._by_key.get(canonical(key))
        if first is None:
            self._by_key[canonical(key)] = (item, content)
            return True
        if first[1] == content:
            self._equal += 1
        else:
            for one in {item: None, first[0]: None}:
                facts = {"key": _shown(key), "path": self._output.key}
                self._reject(one, Reason("duplicate_key", facts, self._output.key))
        return False

    def _reject(self, item: ItemId, reason: Reason) -> None:
        reasons = self._rejected.setdefault(item, [])
        if reason not in reasons:
            reasons.append(reason)

    def matched(self, ids: Sequence[ItemId]) -> Matched:
        matched = Matched(rejected=self._rejected)
        missing = [item for item in ids if item not in self._records]
        for item in ids:
            if item in self._rejected or item not in self._records:
                continue
            matched.records[item] = tuple(self._records[item])
        near = _near_misses(missing, list(self._strange.values()))
        for item in missing:
            matched.missing[item] = [self._why_missing(item, near)]
        matched.invented = tuple(_shown(id_) for id_ in islice(self._strange.values(), _MOST_INVENTED))
        matched.notes = list(self._notes())
        return matched

    def _why_missing(self, item: ItemId, near: dict[ItemId, Json]) -> Reason:
        facts = {"id": str(item), "path": self._output.item}
        if item in near:
            return Reason("id_misspelled", {**facts, "got": near[item]})
        return Reason("record_missing", facts)

    def _notes(self) -> Iterator[Message]:
        if self._dropped:
            fields = [[_shown(name), times] for name, times in self._dropped.most_common(_MOST_NAMED)]
            yield message("fields_dropped", fields=fields, more=max(0, len(self._dropped) - _MOST_NAMED))
        for item, id_ in islice(self._respelled.items(), 1):
            got = id_ if isinstance(id_, int | float) else _shown(id_)
            yield message("ids_respelled", ids=len(self._respelled), got=got, id=_shown(str(item)))
        if self._equal:
            yield message("equal_records", records=self._equal)
        if self._nameless:
            yield message("records_without_id", records=self._nameless, path=self._output.item)
        if len(self._strange) > _MOST_INVENTED:
            yield message("ids_invented", ids=len(self._strange), named=_MOST_INVENTED)


def _near_misses(missing: Sequence[ItemId], strange: Sequence[Json]) -> dict[ItemId, Json]:
    """For missing items the strange id that was probably meant. It is named, never taken for it."""
    alike = {_folded(id_): id_ for id_ in reversed(strange[:_MOST_COMPARED])}
    near: dict[ItemId, Json] = {}
    for item in missing[:_MOST_COMPARED]:
        close = get_close_matches(_folded(item), alike, n=1, cutoff=0.9)
        if close:
            near[item] = alike[close[0]]
    return near


def _folded(id_: Json) -> str:
    """What is left of an id when case, spaces, Unicode form and JSON type are ignored."""
    return "".join(unicodedata.normalize("NFKC", str(id_)).casefold().split())


def _shown(id_: Json) -> str:
    return _cut(id_ if isinstance(id_, str) else canonical(id_))


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 1] + "…"
