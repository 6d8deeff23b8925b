"""Commands that review failed and accepted work: rejudge, reject, redo."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from harness.base.reason import Reason
from harness.cli.control import ask, split_words
from harness.cli.options import As, OfRehearsal, Place, Settings, Trust, words_of
from harness.cli.output import print_lines, say
from harness.views.reason_words import reasons_text

if TYPE_CHECKING:
    from harness.job.job import Job
    from harness.ledger.past_attempts import Acceptance
    from harness.ledger.phase_queries import PhaseName
    from harness.ledger.withdrawal import Word
    from harness.review.rejudge import Rejudged

_MOST_LINES = 20

ItemWords = Annotated[list[str] | None, typer.Argument(metavar="[MANIFEST] [ITEM]...", help="Items, by id.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation; required without a terminal.")]


def rejudge(
    words: ItemWords = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Only report what would be accepted and which done items would fail; change nothing."
        ),
    ] = False,
    settings: Settings = None,
    trust: Trust = False,
    instance: As = None,
    rehearsal: OfRehearsal = False,
) -> None:
    """Re-run the checks on saved output; accept what now passes (no new sessions)."""
    import asyncio

    from harness import api
    from harness.cli.trust import must_be_trusted
    from harness.review.chosen_items import refuse_unrejected
    from harness.views.ledger_reading import reading

    place, items = split_words(words or [], rehearsal, instance)
    with reading(place.state) as db:
        refuse_unrejected(db, items, done_too=check)
    job = place.load(settings)
    asked = [*items, *(["--check"] if check else []), *words_of(settings)]
    must_be_trusted(job, settings or (), place.command("rejudge", *asked), trust=trust)
    rejudged = asyncio.run(api.review(job, api.Rejudge(tuple(items), only_look=check)))
    print_lines(_rejudged_lines(job, rejudged, only_looked=check))
    if rejudged.recovered and not check:
        say(f"merged{_what_is_left(place, job)}")
    if rejudged.doubtful:
        say(f"`{place.command('reject', 'ITEM', '--why', 'TEXT')}` withdraws one")


def _what_is_left(place: Place, job: "Job") -> str:
    """Behind `merged`: what the next launch goes on with."""
    from harness.ledger.counts import job_counts
    from harness.views.ledger_reading import reading
    from harness.views.wording import clean, counted

    with reading(place.state) as db:
        pending = job_counts(db).pending
    launch = place.command("launch")
    if pending:
        return f"; {counted(pending, clean(job.noun))} still pending: `{launch}` continues"
    return f"; if later phases have new work, `{launch}` continues with it" if len(job.phases) > 1 else ""


def reject(
    words: ItemWords = None,
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="What is wrong; included in the next prompt.")] = "",
    phase: Annotated[
        str, typer.Option("--phase", metavar="NAME", help="The phase, if the id is done in several.")
    ] = "",
    yes: Yes = False,
    settings: Settings = None,
    instance: As = None,
    rehearsal: OfRehearsal = False,
) -> None:
    """Remove accepted records from the merge and retry with your reason in the prompt."""
    from harness.base.errors import Problem, UsageError
    from harness.ledger.lock import is_held
    from harness.ledger.spool import Request, who_am_i
    from harness.ledger.withdrawal import Word

    place, items = split_words(words or [], rehearsal, instance)
    if not items or not why.strip():
        message = "expected the ids of done items and --why TEXT"
        raise UsageError([Problem("reject", message, f"`{place.command('why', 'ITEM')}` shows what was accepted")])
    taken, seen = _done_ones(place, items, phase)
    _agree(place, taken, yes=yes, always=False)
    if is_held(place.home.lock):
        number = taken[0].batch.phase
        asked = tuple(str(each.item) for each in taken)
        if ask(place, Request("reject", who_am_i(), items=asked, phase=number, seen=seen, why=why)):
            say(f"withdrawn: {_named(taken)}; each will be retried")
        return
    _withdraw(place, place.load(settings), taken, Word(who_am_i(), why, (Reason.said(why),)), keep=False)


def redo(
    manifest: Annotated[list[str] | None, typer.Argument(metavar="[MANIFEST]", help="The job's manifest.")] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where",
            metavar="CONDITION",
            help="prompt=old, fingerprint=old, model=NAME, phase=NAME, batch=N, item=ID, attempt<N, reused=all; "
            "repeatable: all must match.",
        ),
    ] = None,
    yes: Yes = False,
    settings: Settings = None,
    instance: As = None,
    rehearsal: OfRehearsal = False,
) -> None:
    """Redo items whose records were produced by an older prompt, model or manifest."""
    import asyncio

    from harness.base.errors import Problem, UsageError
    from harness.ledger.lock import refuse_if_held
    from harness.ledger.spool import who_am_i
    from harness.ledger.withdrawal import Word
    from harness.review.selection import FORMS, matching, parse
    from harness.review.withdraw import refuse_other_changes
    from harness.views.ledger_reading import reading

    place, rest = split_words(manifest or [], rehearsal, instance)
    if rest or not where:
        message = f"expected --where with one of {FORMS}"
        single = place.command("redo", "--where", f"item={rest[0] if rest else 'ID'}")
        raise UsageError([Problem("redo", message, f"a single item: `{single}`")])
    job = place.load(settings)
    conditions = parse(where, job)
    refuse_if_held(job.state)
    with reading(place.state) as db:
        taken = matching(db, job, conditions)
    if not taken:
        say("no done item matches; nothing was changed")
        return
    asyncio.run(refuse_other_changes(job))
    _agree(place, taken, yes=yes, always=True)
    _withdraw(place, job, taken, Word(who_am_i(), f"redo where {' and '.join(where)}", kind="redo"), keep=True)


def _withdraw(place: Place, job: "Job", taken: "Sequence[Acceptance]", word: "Word", *, keep: bool) -> None:
    import asyncio

    from harness.review.withdraw import withdraw_from_job

    gone = asyncio.run(withdraw_from_job(job, taken, word, keep=keep))
    print_lines([f"withdrawn: {_named(gone)}" if gone else "nothing was withdrawn: it is no longer done"])
    say(f"they stay out of the merge until `{place.command('launch')}` has redone them")


def _done_ones(place: Place, items: list[str], phase: str) -> "tuple[list[Acceptance], int]":
    """The acceptances to be taken back, all of one phase, and the newest entry seen. UsageError when it is unclear."""
    from harness.ledger.entry_queries import last_seq
    from harness.review.chosen_items import done_items
    from harness.views.ledger_reading import reading

    with reading(place.state) as db:
        return done_items(db, place.state, items, phase), last_seq(db)


def _agree(place: Place, taken: "Sequence[Acceptance]", *, yes: bool, always: bool) -> None:
    """Say what will be taken back before it is done, and ask when it is more than was named. UsageError for a no."""
    from harness.base.errors import Problem, UsageError
    from harness.ledger.phase_queries import phases
    from harness.ledger.withdrawal import derived_from_all
    from harness.views.ledger_reading import reading

    with reading(place.state) as db:
        named = {phase.number: phase for phase in phases(db)}
        lost = [made.phase for made in derived_from_all(db, taken)]
    is_asked = not yes and (always or bool(lost))
    for line in _consequences([each.batch.phase for each in taken], lost, named, "would" if is_asked else "will"):
        say(line)
    if not is_asked:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            [Problem("confirmation", "stdin is not a terminal, so nothing was changed", "pass `--yes` to confirm")]
        )
    if not typer.confirm("Continue?", err=True):
        raise UsageError([Problem("stopped", "nothing was changed", None)])


def _consequences(taken: list[int], lost: list[int], phases: "dict[int, PhaseName]", will: str) -> list[str]:
    from harness.views.wording import clean, counted

    def told(numbers: list[int], number: int) -> str:
        phase = phases[number]
        return counted(numbers.count(number), clean(phase.noun)) + (
            f" of {clean(phase.name)}" if len(phases) > 1 else ""
        )

    lines = [f"{will} be withdrawn and redone: {told(taken, number)}" for number in sorted(set(taken))]
    return lines + [
        f"derived from those, {will} be removed until redone: {told(lost, number)}" for number in sorted(set(lost))
    ]


def _rejudged_lines(job: "Job", rejudged: "Rejudged", *, only_looked: bool) -> list[str]:
    from harness.views.wording import clean, counted

    def named(phase: int, item: str) -> str:
        return f"{clean(job.phase(phase).name)}: {clean(item)}" if len(job.phases) > 1 else clean(item)

    phases = {each.phase for each in rejudged.recovered}
    noun = job.phase(phases.pop()).noun if len(phases) == 1 else job.noun if not phases else "item"
    found = [f"  {named(each.phase, each.item)}, from attempt {each.attempt}" for each in rejudged.recovered]
    nothing = "it has no saved output to check"
    left = [
        f"  {named(each.phase, each.item)} still fails: {clean(reasons_text(each.reasons) or nothing)}"
        for each in rejudged.left
    ]
    would = "would be " if only_looked else ""
    lines = [*_first(found), *_first(left)]
    lines.append(f"{counted(len(found), clean(noun))} {would}accepted at no cost; {len(left):,} unchanged")
    for doubt in rejudged.doubtful:
        lines.append(f"  {named(doubt.phase, doubt.item)} is done, but: {clean(reasons_text(doubt.reasons))}")
    if only_looked:
        lines.append(f"{len(rejudged.doubtful):,} done would fail the current checks; nothing was changed")
    return lines


def _first(lines: list[str]) -> list[str]:
    """The first so many, and how many more there are."""
    return [*lines[:_MOST_LINES], *([f"  and {len(lines) - _MOST_LINES:,} more"] if lines[_MOST_LINES:] else [])]


def _named(taken: "Sequence[Acceptance]") -> str:
    from harness.views.wording import listed

    return listed([str(each.item) for each in taken])
