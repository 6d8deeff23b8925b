"""The small jobs that are swept: what lies in their folder, what was run before, and what must come of it."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import openpyxl

from harness.ledger.contents import MOST_BYTES


@dataclass(frozen=True, eq=False)
class Night:
    """One run that is swept, by its `words`; the same words resume it."""

    name: str
    files: Mapping[str, str | bytes]
    merged: Sequence[Mapping[str, str]]
    state: str = "job"
    target: str = "output/all.json"
    words: Sequence[str] = ("launch", "--plain")
    after: "Night | None" = None
    """The night that came before it, if any, in the same folder."""
    edits: Mapping[str, str] = field(default_factory=dict)
    """What a person writes between the two."""
    ready: frozenset[str] = frozenset()
    """Items that no session may be started for."""
    statuses: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Copy of a workbook -> id -> what stands in its column Status."""
    writes: frozenset[str] = frozenset()
    """Kinds of entries that a calm run of it must write, so that a kill at each commit of them is visited."""


MORE = "x" * (MOST_BYTES + 1)
"""What the last two records say besides: too much for the ledger, so that their contents are files."""

MANIFEST: dict[str, Any] = {
    "job": "Sweep",
    "items": {"file": "items.json", "select": {"top": 5}},
    "batch": {"size": 1},
    "session": {"backend": "command", "command": ["sh", "work.sh"], "prompt": "do the work"},
    "output": {"fields": {"id": "string", "text": "string"}, "merge": "output/all.json"},
    "parallel": 2,
    "sandbox": "off",
}
WORK = """\
cat > /dev/null
echo "$HARNESS_ATTEMPT" >> "${0%/*}/ran"
more=; [ "$HARNESS_BATCH" -lt 4 ] || more="$(cat "${0%/*}/more")"
printf '[{"id":"i%s","text":"about %s%s"}]' "$HARNESS_BATCH" "$HARNESS_BATCH" "$more" > "$HARNESS_OUTPUT"
"""
ITEMS = ["i1", "i2", "i3", "i4", "i5"]
MERGED = [{"id": item, "text": f"about {item[1:]}{MORE if item > 'i3' else ''}"} for item in ITEMS]

FIRST = Night(
    "first",
    {
        "job.yaml": json.dumps(MANIFEST),
        "items.json": json.dumps([{"id": item} for item in [*ITEMS, "left out"]]),
        "work.sh": WORK,
        "more": MORE,
    },
    MERGED,
    writes=frozenset({"JobPlanned", "ItemSkipped", "AttemptStarted", "ItemAccepted", "UsageSettled", "Merged"}),
)
"""Five items of six, two at a time."""

_CHAIN = {
    "job": "Sweep",
    "noun": "client",
    "items": {"file": "clients.json"},
    "reuse": "30d",
    "session": MANIFEST["session"],
    "phases": {
        "compose": {"output": {"fields": {"batch_plan": "object"}, "merge": "output/plans.json"}},
        "leads": {
            "from": "compose",
            "items": {"rows": ".batch_plan.batches[].leads[]", "left_out": "allow", "noun": "lead"}
            | {"join": {"xlsx": "leads.xlsx", "id": ".id"}},
            "batch": {"plan": ".batch_plan"},
            "output": MANIFEST["output"] | {"write_back": {"columns": {"Status": ".state"}}},
        },
    },
    "parallel": 2,
    "sandbox": "off",
}
_OLD = json.dumps([{"id": "c1", "leads": "1 2"}, {"id": "c2", "leads": "3 4"}])
_NEW = _OLD.replace("1 2", "1 2 5")
_COMPOSE = """\
cat > /dev/null
echo "$HARNESS_ATTEMPT" >> "${0%/*}/ran"
id=$(sed 's/^[^:]*:"\\([^"]*\\)".*/\\1/' items.json)
case $id in
c*) n=0; plan=
    for lead in $(sed 's/.*"leads":"\\([^"]*\\)".*/\\1/' items.json); do
        n=$((n + 1)); plan="$plan${plan:+,}{\\"batch_id\\":$n,\\"leads\\":[\\"i$lead\\"]}"
    done
    printf '[{"id":"%s","batch_plan":{"batches":[%s]}}]' "$id" "$plan" > "$HARNESS_OUTPUT" ;;
*)  more=; case $id in i[45]) more="$(cat "${0%/*}/more")" ;; esac
    printf '[{"id":"%s","text":"about %s%s"}]' "$id" "${id#i}" "$more" > "$HARNESS_OUTPUT" ;;
esac
"""


def _workbook() -> bytes:
    book = openpyxl.Workbook()
    for row in [["id", "Status"], *([item, "new"] for item in ITEMS)]:
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


_FILES: dict[str, str | bytes] = {
    "job.yaml": json.dumps(_CHAIN),
    "clients.json": _OLD,
    "leads.xlsx": _workbook(),
    "work.sh": _COMPOSE,
    "more": MORE,
}
_COPY = "output/leads.results@night.xlsx"
_OF_NIGHT = {"state": "job@night", "target": "output/all@night.json", "files": _FILES}
_ANOTHER = ("launch", "--plain", "--as", "night")

_HALF = Night("half", _FILES, MERGED[2:4], words=("launch", "--plain", "--only", "c2"))

REUSING = Night(
    "reusing",
    merged=MERGED[:4],
    words=_ANOTHER,
    after=_HALF,
    ready=frozenset({"c2", "i3", "i4"}),
    statuses={_COPY: dict.fromkeys(ITEMS[:4], "done") | {"i5": "new"}},
    writes=frozenset({"JobPlanned", "BatchPlanned", "AttemptStarted", "ItemAccepted", "Merged"}),
    **_OF_NIGHT,  # type: ignore[arg-type]
)
"""An instance that takes over what the job without a name has: a client, its plan of batches, its two leads."""

EDITED = Night(
    "edited",
    merged=[*MERGED[:2], MERGED[4], *MERGED[2:4]],
    words=(*_ANOTHER, "--changed"),
    after=REUSING,
    edits={"clients.json": _NEW},
    ready=frozenset({"c2", "i1", "i2", "i3", "i4"}),
    statuses={_COPY: dict.fromkeys(ITEMS, "done")},
    writes=frozenset({"ItemWithdrawn", "ItemReopened", "ItemAdded", "BatchPlanned", "AttemptStarted", "ItemAccepted"}),
    **_OF_NIGHT,  # type: ignore[arg-type]
)
"""The same instance, after a row of a client has changed: its plan is made again, and has one lead more."""

NIGHTS = (FIRST, REUSING, EDITED)
