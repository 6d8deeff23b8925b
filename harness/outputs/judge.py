"""The judgement of one attempt: from frozen artifacts to a verdict for each item of its group."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from harness.base.artifacts import ArtifactStore
from harness.base.ids import ItemId
from harness.base.reason import Reason
from harness.core.messages import message
from harness.core.names import file_name_for
from harness.core.types import (
    Accepted,
    Artifact,
    Json,
    Judgement,
    OutputFault,
    Rejected,
    Verdict,
)
from harness.core.work import Work
from harness.evaluation.bounded import Bounded
from harness.job.job import OutputSpec, PhaseSpec
from harness.outputs.checks import Checker
from harness.outputs.derived_items import Derived, Joined, make
from harness.outputs.match import Matched, match
from harness.outputs.parse import NO_BOUND, Parsed, Unparsed, most_records, parse
from harness.outputs.suspects import BrokenCheckError, RaisedCheckError, Reasons

_MOST_REASONS: Final = 20
_MOST_CHARACTERS: Final = 500
_QUICK_BYTES: Final = 16 * 1024
_MOST_TEXT_BYTES: Final = 4 * 1024 * 1024
_CHILD_BYTES: Final = 1024 * 1024
"""A larger file is read in the bounded child first; as a file of the store, which such a one always is."""
_BIG_BYTES: Final = 1024 * 1024
"""Larger files are judged one at a time."""


async def judge(
    work: Work,
    artifacts: Sequence[Artifact],
    output_faults: Sequence[OutputFault],
    store: ArtifactStore,
    checker: Checker,
    making: Sequence[PhaseSpec],
    joined: Joined = MappingProxyType({}),
) -> Judgement:
    """One verdict per item of `work`. A function of the frozen bytes, the work and the checks alone.

    `making` are the phases whose `from` is this one, `joined` the rows of sources that they join. What may take long
    runs in a thread; cancelling leaves that thread to end by the checks' own time limits, or by the halt of their
    `Bounded`, which is a HaltedError here.
    LedgerDamagedError when an artifact is gone.
    """
    if _is_quick(work, artifacts, making):
        return judge_here(work, artifacts, output_faults, store, checker, making, joined)
    if _is_big(work, artifacts):  # one at a time: each may take a hundred times the memory of a small one
        async with checker.breakdowns.big:
            return await asyncio.to_thread(judge_here, work, artifacts, output_faults, store, checker, making, joined)
    return await asyncio.to_thread(judge_here, work, artifacts, output_faults, store, checker, making, joined)


def _is_quick(work: Work, artifacts: Sequence[Artifact], making: Sequence[PhaseSpec]) -> bool:
    """No child is asked, and what there is to read is read before a thread would have begun."""
    asks_nobody = work.output.schema is None and not work.output.checks and not making
    return asks_nobody and sum(artifact.size_bytes for artifact in artifacts) <= _QUICK_BYTES


def _is_big(work: Work, artifacts: Sequence[Artifact]) -> bool:
    """What will be in memory at once: of shape `files` the texts that checks look at."""
    if work.output.shape == "files":
        return sum(each.size_bytes for each in artifacts if each.size_bytes <= _MOST_TEXT_BYTES) > _BIG_BYTES
    return any(artifact.size_bytes > _BIG_BYTES for artifact in artifacts)


def judge_here(
    work: Work,
    artifacts: Sequence[Artifact],
    output_faults: Sequence[OutputFault],
    store: ArtifactStore,
    checker: Checker,
    making: Sequence[PhaseSpec],
    joined: Joined = MappingProxyType({}),
) -> Judgement:
    """`judge`, blocking."""
    if work.output.shape == "files":
        matched = _match_files(work, artifacts, output_faults, store)
    else:
        matched = _match_file(work, artifacts, output_faults, store, checker.bounded)
    verdicts: dict[ItemId, Verdict]
    try:
        rejected = checker.run(for_checks(work.output, matched.records, store))
        rest = {item: group for item, group in matched.records.items() if item not in rejected}
        made = make(making, rest, checker.bounded, checker.variables, joined)
    except RaisedCheckError as suspected:
        answered = matched.missing.keys() | matched.rejected.keys() | suspected.reasons.keys()
        judged = replace(work, items=tuple(item for item in work.items if item.id in answered))
        not_judged: dict[ItemId, Verdict] = {item.id: Rejected(()) for item in work.items}
        verdicts = not_judged | _verdicts(judged, matched, suspected.reasons, None)
        notes = tuple(matched.notes)
        return Judgement(verdicts, _usable(matched), matched.invented, notes, raised_check=suspected.fault)
    except BrokenCheckError as broken:
        nothing = Rejected(())
        verdicts = {item.id: nothing for item in work.items}
        return Judgement(verdicts, _usable(matched), matched.invented, tuple(matched.notes), broken.fault)
    verdicts = _verdicts(work, matched, rejected | made.rejected, made)
    return Judgement(verdicts, _usable(matched), matched.invented, tuple(matched.notes))


def _match_file(
    work: Work,
    artifacts: Sequence[Artifact],
    faults: Sequence[OutputFault],
    store: ArtifactStore,
    bounded: Bounded,
) -> Matched:
    """The records of the one output file; every item is missing when there is no file that could be read."""
    ids = [item.id for item in work.items]
    for artifact in artifacts:
        if artifact.name == work.output.file:
            parsed = _parsed(artifact, work, store, bounded)
            if isinstance(parsed, Unparsed):
                return _all_missing(ids, parsed.reason.with_facts(file=artifact.name))
            matched = match(parsed.found, ids, work.output)
            matched.notes[:0] = [message(kind, file=artifact.name) for kind in parsed.odd]
            return matched
    return _all_missing(ids, *([fault.reason for fault in faults] or [_no_file(work.output.file)]))


def _parsed(artifact: Artifact, work: Work, store: ArtifactStore, bounded: Bounded) -> Parsed | Unparsed:
    """A big file is read in a child first: what it holds must be few enough values to be held here."""
    most = most_records(len(work.items))
    if artifact.size_bytes > _CHILD_BYTES:
        store.open(artifact.sha).close()  # LedgerDamagedError when it is gone: that is nobody's output
        bound = most if work.output.shape != "one" else NO_BOUND
        refusal = bounded.refusal(store.path(artifact.sha), artifact.size_bytes, bound)
        if refusal is not None:
            return Unparsed(Reason("not_json", {"problem": refusal}))
    return parse(store.get(artifact.sha), work.output, most_records=most)


def _match_files(
    work: Work, artifacts: Sequence[Artifact], faults: Sequence[OutputFault], store: ArtifactStore
) -> Matched:
    """For one file per item: the record is what identifies its bytes."""
    matched = Matched()
    by_name = {artifact.name: artifact for artifact in artifacts}
    refused = {fault.name: fault.reason for fault in faults}
    for item in work.items:
        name = file_name_for(work.output.file, item.id)
        artifact = by_name.get(name)
        if artifact is None and name in refused:
            matched.rejected[item.id] = [refused[name]]
        elif artifact is None:
            matched.missing[item.id] = [_no_file(name)]
        elif _is_blank(artifact, store):
            matched.rejected[item.id] = [Reason("file_empty", {"file": name})]
        else:
            record = {"id": item.id, "file": name, "sha": artifact.sha, "size": artifact.size_bytes}
            matched.records[item.id] = (record,)
    return matched


def _is_blank(artifact: Artifact, store: ArtifactStore) -> bool:
    with store.open(artifact.sha) as source:
        return not any(piece.strip() for piece in iter(lambda: source.read(1 << 20), b""))


def _all_missing(ids: Iterable[ItemId], *reasons: Reason) -> Matched:
    return Matched(missing={id_: list(reasons) for id_ in ids})


def _no_file(name: str) -> Reason:
    return Reason("file_missing", {"file": name, "found": [], "more": 0})


def for_checks(
    output: OutputSpec, records: Mapping[ItemId, tuple[Json, ...]], store: ArtifactStore
) -> Mapping[ItemId, Sequence[Json]]:
    """As checks see them: for shape `files` also with the `text`, null when it is not UTF-8 or more than 4 MB."""
    if output.shape != "files":
        return records
    return {item: [{**record, "text": _text_of(record, store)} for record in group] for item, group in records.items()}


def _text_of(record: dict[str, Any], store: ArtifactStore) -> str | None:
    if record["size"] > _MOST_TEXT_BYTES:
        return None
    try:
        return store.get(record["sha"]).decode()
    except UnicodeDecodeError:
        return None


def _verdicts(work: Work, matched: Matched, rejected: Reasons, made: Derived | None) -> dict[ItemId, Verdict]:
    """`made` is None where every record is rejected."""
    verdicts: dict[ItemId, Verdict] = {}
    for item in work.items:
        if item.id in matched.missing:
            verdicts[item.id] = Rejected(_bounded(matched.missing[item.id]), missing=True)
        elif reasons := matched.rejected.get(item.id) or rejected.get(item.id):
            verdicts[item.id] = Rejected(_bounded(reasons))
        else:
            assert made is not None, f"{item.id!r} is neither missing nor rejected"
            verdicts[item.id] = Accepted(matched.records[item.id], made.items[item.id], made.paces[item.id])
    return verdicts


def _usable(matched: Matched) -> bool:
    return bool(matched.records or matched.rejected)


def _bounded(reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    """Each once, in their order; texts in them cut."""
    each = [reason for place, reason in enumerate(reasons) if reason not in reasons[:place]]
    cut = [reason.cut(_MOST_CHARACTERS) for reason in each]
    if len(cut) > _MOST_REASONS:
        cut = [*cut[: _MOST_REASONS - 1], Reason("more", {"number": len(cut) - _MOST_REASONS + 1})]
    return tuple(cut)
