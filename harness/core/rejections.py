"""Every kind of reason for rejecting an item, with an example: what a ledger may hold, and what has words.

A kind is never renamed and never means something else; old ledgers hold it. A fact may be added: a reason of an older
version lacks it. Two facts may stand beside those of any kind that is about a record: `record`, the key of the one
record of several that is meant, and `says`, the words that the manifest gave to the check.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from harness.base.reason import Reason
from harness.core.types import Fault


@dataclass(frozen=True, slots=True)
class Kind:
    """`type` is the word for programs, of errors.jsonl and `--json`; `example` has all facts of the kind."""

    type: str
    example: Reason


@dataclass(frozen=True, slots=True)
class ItemError:
    """What ledgers of before recorded beside each text: `type` and `field` as they are of a reason today."""

    type: str
    message: str
    field: str | None = None


def _kind(type_: str, kind: str, field: str | None = None, /, **facts: object) -> tuple[str, Kind]:
    return kind, Kind(type_, Reason(kind, facts, field))


_OUT: Final = "output.json"

# fmt: off
KINDS: Final[Mapping[str, Kind]] = dict((
    # a text of somebody else
    _kind("rejected", "said", text="the address is that of another school"),
    _kind("check", "check", ".coaches[0]", message="two coaches share a name", type="duplicate_name"),
    _kind("check", "check_silent"),
    _kind("check_raised", "check_raised", message="check.py:12: KeyError: 'n'"),
    # the session
    _kind("session", "session_fault", fault="refused", why=[{"kind": "refused", "facts": {}}]),
    _kind("unasked_model", "unasked_model", models=["claude-haiku-4-5"]),
    _kind("blocked", "blocked", state="failed", phase="translate"),
    # the output file
    _kind("missing_output", "file_missing", file=_OUT, found=["notes.txt", "out.json"], more=3),
    _kind("unreadable_output", "file_outside", file="../output.json"),
    _kind("unreadable_output", "file_not_regular", file=_OUT, found="symbolic link"),
    _kind("unreadable_output", "file_hard_link", file=_OUT, names=2),
    _kind("unreadable_output", "file_behind_link", file="notes/S1.md"),
    _kind("unreadable_output", "file_unreadable", file=_OUT, error="Permission denied"),
    _kind("unreadable_output", "file_too_large", file=_OUT, bytes=9_000_000, limit=8_388_608),
    _kind("unreadable_output", "file_growing", file=_OUT, limit=8_388_608),
    _kind("unreadable_output", "file_empty", file="notes/S1.md"),
    _kind("unreadable_output", "not_json", file=_OUT, problem="not JSON at byte 17: Expecting value ('None,')"),
    _kind("unreadable_output", "wrong_shape", file=_OUT, shape="array", key=".id", got="object"),
    # which record belongs to which item
    _kind("missing_output", "record_missing", id="S0001", path=".id"),
    _kind("missing_output", "id_misspelled", id="S0001", path=".id", got="s 0001"),
    _kind("bad_id", "bad_key", ".id", path=".id"),
    _kind("duplicate_id", "duplicate_key", ".id", key="S0001", path=".id"),
    _kind("unreadable_output", "key_differs", ".id", name="S0001", path=".id", got="S0002"),
    _kind("unreadable_output", "key_has_no_place", name="S0001", path=".[0]"),
    # checks
    _kind("schema", "schema", ".coaches[0].name", at="$.coaches[0]", message="'name' is a required property"),
    _kind("jq", "jq_false", program=".coaches | length > 0"),
    _kind("jq", "jq_error", program=".coaches | length > 0", error="Cannot iterate over null"),
    _kind("evidence", "source_missing", place=".sources[]"),
    _kind("evidence", "source_no_address", url="see above"),
    _kind("evidence", "source_not_fetched", url="https://a.example/x", is_found=True),
    _kind("evidence", "source_unreachable", url="https://a.example/x"),
    _kind("evidence", "source_redirects", url="https://a.example/x", code=302),
    _kind("evidence", "source_refused", url="https://a.example/x", code=404),
    # what a later phase makes of the records
    _kind("rows", "rows_error", noun="LEGO", error="Cannot iterate over null (null)"),
    _kind("rows", "rows_no_list", noun="LEGO", path=".legos", got="'none'"),
    _kind("rows", "rows_too_many", noun="LEGO", count=5000, most=1000, phase="baskets"),
    _kind("bad_id", "row_without_id", noun="LEGO", path=".id", row="{'lego': 'parlare'}"),
    _kind("bad_id", "row_id_unusable", noun="LEGO", problem="the id ' L1' starts or ends with white space"),
    _kind("duplicate_id", "row_repeated", noun="LEGO", id="L1"),
    _kind("duplicate_id", "row_made_twice", phase="baskets", item="S0002", maker="S0001", id="L1", path=".id"),
    _kind("unknown_id", "row_unknown", noun="lead", id="lead_01", meant="lead_001"),
    _kind("left_out", "rows_left_out", noun="lead", ids=["lead_002"], more=0),
    _kind("plan", "row_unplanned", noun="lead", id="lead_003"),
    _kind("plan", "plan_missing", ".batch_plan", path=".batch_plan"),
    _kind("plan", "plan_flaw", ".batch_plan.batches[0].leads", flaw="not_a_list", got="nothing"),
    # what a selection leaves out
    _kind("left_out", "in_earlier_output", file="2026-11.json", name="Bitcoin at 90,000"),
    _kind("left_out", "not_among_top", rank=9, of=60, top=8, score=0.4, category="pricing"),
    # how many
    _kind("more", "more", number=80),
))
# fmt: on


def type_of(reason: Reason) -> str:
    """The word for programs: of a user's check the one that it gave, of a session's fault that fault."""
    told = {"check": "type", "session_fault": "fault", "said": "type"}.get(reason.kind)
    known = KINDS.get(reason.kind)
    return str(reason.facts.get(told or "") or (known.type if known else reason.kind))


def as_recorded(
    rejections: Sequence[Reason], reasons: Sequence[str] = (), errors: Sequence[ItemError] = ()
) -> tuple[Reason, ...]:
    """The reasons of an event or a row: those of ledgers of before are the texts that they were."""
    if rejections or not reasons:
        return tuple(rejections)
    known = errors if len(errors) == len(reasons) else [ItemError("", text) for text in reasons]
    return tuple(_said(text, error) for text, error in zip(reasons, known, strict=True))


def of_fault(fault: Fault) -> Reason:
    """Of an item whose session failed as a whole."""
    return Reason("session_fault", {"fault": str(fault.kind), "why": [each.as_json() for each in fault.why]})


def _said(text: str, error: ItemError) -> Reason:
    """With the message alone, where it is another text than the one for the model."""
    more = {"message": error.message} if error.message != text else {}
    return Reason("said", {"text": text, **({"type": error.type} if error.type else {}), **more}, error.field)
