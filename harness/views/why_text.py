"""The story of one item in words, for a terminal."""

import json
from collections.abc import Iterator
from datetime import timedelta

from harness.base.clock import from_text
from harness.base.commands import NextCommand, command_at
from harness.base.durations import in_words
from harness.core.money import in_words as money
from harness.views.attempt_rows import AttemptView, ItemVerdict
from harness.views.fault_words import fault_text
from harness.views.messages import text_of
from harness.views.reason_words import reasons_text
from harness.views.selection_text import why_left_out
from harness.views.why import AttemptStory, Chapter, ItemHistory, KeptRecords
from harness.views.wording import clean, counted, date_time, shorten

_MOST_WROTE = 600
_MOST_RECORDS = 10
_SAID = {
    "accepted": "accepted",
    "struck": "rejected, strike",
    "returned": "rejected, no strike",
    "failed": "failed",
    "again": "inconclusive, no strike",
}


def lines(story: ItemHistory) -> Iterator[str]:
    """Line by line, safe to print."""
    if story.rehearsal:
        yield "(rehearsal)"
    for number, chapter in enumerate(story.chapters):
        if number:
            yield ""
        yield from _chapter(chapter, story)


def _chapter(chapter: Chapter, story: ItemHistory) -> Iterator[str]:
    made = f", made from {clean(chapter.parent)}" if chapter.parent not in (None, chapter.item) else ""
    again = f", round {chapter.round}" if chapter.round > 1 else ""
    strikes = f", {counted(chapter.strikes, 'strike')}" if chapter.strikes else ""
    yield f"{clean(chapter.item)} in {clean(chapter.phase)}{made}: {chapter.state}{strikes}{again}"
    if chapter.state in ("failed", "blocked", "pending") and chapter.reasons:
        yield f"  because: {clean(reasons_text(chapter.reasons))}"
    if chapter.left_out is not None:
        yield f"  because: {why_left_out(chapter.left_out)}"
    if not chapter.attempts and chapter.state not in ("blocked", "skipped"):
        yield "  no attempt yet"
    for told in chapter.attempts:
        yield from _attempt(told, story)
    yield from _records(chapter, story)


def _attempt(told: AttemptStory, story: ItemHistory) -> Iterator[str]:
    view = told.attempt
    yield f"  attempt {view.id}, {view.batch}, {date_time(view.started_at)}{_took(view)}"
    if view.ended_at is None:
        yield "    still running"
    if told.verdict is not None:
        yield f"    {_verdict(told.verdict)}"
    if told.wrote is not None:
        yield f"    output: {shorten(told.wrote, _MOST_WROTE)}"
    if view.fault is not None:
        yield f"    {clean(view.fault)}, blame: {view.blame}: {clean(fault_text(view.why))}"
    yield f"    {clean(view.model or view.backend)}, session {clean(view.session_id or 'unknown')}"
    yield f"    prompt {view.prompt_sha[:16]}{_cost(view)}"
    for note in view.notes:
        yield f"    note: {clean(text_of(note))}"
    if view.invented:
        yield f"    unexpected ids: {clean(', '.join(view.invented))}"
    for name, sha, size in view.outputs:
        yield f"    wrote {clean(name)}, {size:,} bytes, artifact {sha[:16]}"
    yield f"    {clean(str(story.state / view.folder))}"


def _took(view: AttemptView) -> str:
    return f", {in_words(timedelta(seconds=view.duration_s))}" if view.duration_s is not None else ""


def _cost(view: AttemptView) -> str:
    if view.charged_microusd is None:
        return f", {money(view.reserved_microusd)} reserved" if view.reserved_microusd else ""
    cost = money(view.charged_microusd)
    if not view.cost_known:
        cost = f"{cost} (not reported: charged at its reservation)" if view.charged_microusd else "cost not reported"
    tokens = f"{view.input_tokens + view.cache_read_tokens + view.cache_write_tokens:,} input tokens"
    return f", {cost}, {tokens}, {view.output_tokens:,} output tokens"


def _verdict(verdict: ItemVerdict) -> str:
    reasons = f": {clean(reasons_text(verdict.reasons))}" if verdict.reasons else ""
    return f"{_SAID[verdict.said]}{reasons}"


def _records(chapter: Chapter, story: ItemHistory) -> Iterator[str]:
    for each in chapter.withdrawn:
        told = f"withdrawn {date_time(each.at)} by {clean(each.who)}: {clean(each.why)}"
        yield f"  {counted(len(each.kept.records), 'record')} of attempt {each.kept.attempt} {told}"
        yield from _lying(each.kept, command_at(story.state, "why", chapter.item, "--json"))
    if chapter.kept is not None:
        rejudged = ", rejected then, accepted by rejudge" if chapter.kept.rejudged else ""
        records = counted(len(chapter.kept.records), "record")
        if chapter.kept.source:
            made = f"attempt {chapter.kept.attempt} there, {date_time(from_text(chapter.kept.made_at))}"
            yield f"  {records} reused from {clean(chapter.kept.source)} ({made}), checked by the current checks"
        else:
            yield f"  {records} accepted from attempt {chapter.kept.attempt}{rejudged}"
        yield from _lying(chapter.kept, command_at(story.state, "show", chapter.item))


def _lying(kept: KeptRecords, all_of_it: NextCommand) -> Iterator[str]:
    """Where the records lie, and the beginning of them; `all_of_it` is the command that prints them whole."""
    place = kept.place
    yield f"    bytes {place.offset}-{place.offset + place.length_bytes} of fragment {place.sha[:12]}"
    whole = [clean(json.dumps(record, ensure_ascii=False)) for record in kept.records]
    seen = [shorten(text, _MOST_WROTE) for text in whole[:_MOST_RECORDS]]
    yield from (f"    {text}" for text in seen)
    if seen != whole:
        more = f"and {len(whole) - len(seen):,} more; " if len(seen) < len(whole) else ""
        yield f"    {more}all: `{clean(str(all_of_it))}`"
