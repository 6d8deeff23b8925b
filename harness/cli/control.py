"""Commands that ask something of a job from any terminal: pause, resume, cancel, retry."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.base.job_home import JobHome
from harness.cli.options import DEFAULT_MANIFEST, As, Manifest, OfRehearsal, Place, UnusedSettings
from harness.cli.output import say

if TYPE_CHECKING:
    from harness.ledger.spool import Request
    from harness.planning.changes import Edited

_PATIENCE_S = 10.0


def pause(
    manifest: Manifest = DEFAULT_MANIFEST,
    settings: UnusedSettings = None,
    instance: As = None,
    rehearsal: OfRehearsal = False,
) -> None:
    """Start no new sessions until `resume`; running sessions finish."""
    from harness.ledger.spool import Request, who_am_i

    place = Place(manifest, rehearsal, instance)
    if ask(place, Request("pause", who_am_i())):
        say(f"paused: running sessions finish, no new sessions until `{place.command('resume')}`")


def resume(
    manifest: Manifest = DEFAULT_MANIFEST,
    settings: UnusedSettings = None,
    instance: As = None,
    rehearsal: OfRehearsal = False,
) -> None:
    """Lift a pause or a hold; after a hold, one session first tests whether the provider responds."""
    from harness.ledger.spool import Request, who_am_i

    place = Place(manifest, rehearsal, instance)
    taken_back = _take_back_pauses(place)
    if not _is_held_back(place):
        if taken_back:
            say("the pause queued for the next launch was withdrawn")
            return
        say("nothing is paused or held, so there is nothing to resume")
        say_if_rehearsed(place, "resume")
        return
    if ask(place, Request("resume", who_am_i())):
        say("resumed: a pause or hold is lifted")


def _take_back_pauses(place: Place) -> bool:
    """With no supervisor there, a pause that nobody has carried out yet needs none to be undone."""
    from harness.ledger.lock import is_held
    from harness.ledger.spool import waiting

    if is_held(place.home.lock):
        return False
    pauses = [posted for posted in waiting(place.home.control) if posted.request.verb in ("pause", "resume")]
    for posted in pauses:
        posted.done()
    return bool(pauses)


def _is_held_back(place: Place) -> bool:
    """Or will be, by a request that nobody has taken yet."""
    from datetime import UTC, datetime

    from harness.views.ledger_reading import is_planned
    from harness.views.status import read_status

    if not is_planned(place.state):
        return True  # who asks says what is to be said about that
    found = read_status(place.state, datetime.now(UTC))
    return bool((found.head and found.head.paused) or found.hold or found.waiting_requests)


def _is_stopping(place: Place) -> bool:
    """The run was asked to stop before, and has not ended."""
    from harness.ledger.job_queries import head
    from harness.views.ledger_reading import is_planned, reading

    if not is_planned(place.state):  # it has just begun
        return False
    with reading(place.state) as db:
        job = head(db)
        return job.run_is_open and job.stopping_until is not None


def cancel(
    manifest: Manifest = DEFAULT_MANIFEST,
    settings: UnusedSettings = None,
    instance: As = None,
    rehearsal: OfRehearsal = False,
    now: Annotated[bool, typer.Option("--now", help="Terminate running sessions at once.")] = False,
) -> None:
    """End the run: let running sessions finish within `grace`, then terminate them. `launch` continues later."""
    from harness.ledger.lock import is_held
    from harness.ledger.spool import Request, who_am_i

    place = Place(manifest, rehearsal, instance)
    if not is_held(place.home.lock):
        say("the job is not running, so there is nothing to cancel")
        say_if_rehearsed(place, "cancel")
        return
    is_second = _is_stopping(place)
    if ask(place, Request("cancel", who_am_i(), now=now)):
        how = "running sessions are terminated now" if now else "running sessions may finish within `grace`"
        if is_second:
            how = "asked a second time, so running sessions are terminated now"
        say(f"stopping: {how}; `{place.command('launch')}` continues later")


def retry(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[MANIFEST] [ITEM]...", help="Ids of failed items.")
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Retry every failed item.")] = False,
    batch: Annotated[
        list[str] | None,
        typer.Option("--batch", metavar="N", help="Retry every failed item of these batches: 2, or 2,4-6, or 2.1."),
    ] = None,
    settings: UnusedSettings = None,
    instance: As = None,
    rehearsal: OfRehearsal = False,
) -> None:
    """Retry failed items: strikes start from 0, each item runs alone, with its current row."""
    from harness.base.errors import Problem, UsageError
    from harness.ledger.spool import Request, who_am_i

    place, items = split_words(words or [], rehearsal, instance)
    if [failed, bool(items), bool(batch)].count(True) != 1:
        message = "expected one of: ids of failed items, --failed, --batch"
        raise UsageError([Problem("retry", message, f"`{place.command('status')}` lists them")])
    if batch:
        items = _failed_in(place, batch)
    chosen = _failed_ones(place, items) if items or failed else []
    if not chosen:
        say(f"{'no item in that batch has' if batch else 'no item has'} failed, so there is nothing to retry")
        if batch:
            done = f"batch={','.join(batch)}"
            say(f"`{place.command('redo', '--where', done)}` redoes its done items")
        return
    rows = tuple(each.row for each in _edited(place, settings, chosen))
    if ask(place, Request("retry", who_am_i(), items=tuple(items), all_failed=failed, rows=rows)):
        from harness.views.wording import listed

        say(f"reopened: {listed(chosen)}")


def _failed_in(place: Place, batch: list[str]) -> list[str]:
    """The failed items of these batches, by id. UsageError for a batch that there is not."""
    from harness.ledger.batch_queries import planned_batches
    from harness.ledger.item_queries import failed_items
    from harness.planning.batch_names import read_batches, refuse_unknown_batches
    from harness.views.ledger_reading import reading

    asked = read_batches(batch)
    with reading(place.state) as db:
        refuse_unknown_batches(asked, planned_batches(db))
        found = [
            each for each in failed_items(db, None) for one in asked if one.holds(each.batch.number, each.batch.part)
        ]
    return list(dict.fromkeys(str(each.item) for each in found))


def _edited(place: Place, settings: list[str] | None, failed: list[str]) -> "list[Edited]":
    """Those of the failed items whose row differs from the planned one; says of each what differs.

    A source that cannot be read, or a manifest that names other rows than the planned one, gives none.
    """
    from harness.base.errors import UsageError
    from harness.ledger.job_queries import planned_source
    from harness.planning.changes import edited_items, may_edit
    from harness.planning.selections import read_items
    from harness.sources.read import digest_of_source
    from harness.views.change_text import change_line
    from harness.views.ledger_reading import reading

    try:
        job = place.load(settings)
        with reading(place.state) as db:
            if planned_source(db) == digest_of_source(job):
                return []
        items = [item for item in read_items(job).items if str(item.id) in failed]
    except (UsageError, OSError) as error:
        say(f"the current rows cannot be read, so the planned rows are used: {error}")
        return []
    with reading(place.state) as db:
        if not may_edit(job, db):
            say("the manifest now selects different rows, so the planned rows are used")
            return []
        found = edited_items(job, db, items)
    for each in found:
        redo = place.command("launch", "--changed")
        what = "used" if each.state == "failed" else f"not used, because it is done: `{redo}` redoes it"
        say(f"{change_line(each.change)} ({what})")
    return [each for each in found if each.state == "failed"]


def split_words(words: list[str], rehearsal: bool, instance: str | None) -> tuple[Place, list[str]]:
    """A first word that ends like a manifest is the manifest; the others are items."""
    if words and words[0].endswith((".yaml", ".yml")):
        return Place(Path(words[0]), rehearsal, instance), words[1:]
    return Place(DEFAULT_MANIFEST, rehearsal, instance), words


def _failed_ones(place: Place, items: list[str]) -> list[str]:
    """The failed items that the request is about. UsageError for an id that has not failed."""
    from harness.base.errors import Problem, UsageError
    from harness.base.ids import ItemId
    from harness.ledger.item_queries import failed_items
    from harness.ledger.past_attempts import acceptances
    from harness.ledger.phase_queries import phase_names
    from harness.views.ledger_reading import reading
    from harness.views.why import state_in_words

    def take_back(item: str) -> str:
        done = acceptances(db, item)
        where = ["--phase", phases[done[-1].batch.phase]] if len(done) > 1 else []
        return f"`{place.command('reject', item, '--why', 'TEXT', *where)}` withdraws it"

    goes_on = f"`{place.command('launch')}` continues with it"
    with reading(place.state) as db:
        phases = phase_names(db)
        wanted = [ItemId(item) for item in items] or None
        found = [str(each.item) for each in failed_items(db, wanted)]
        problems = [
            Problem(repr(item), *state_in_words(db, item, if_done=take_back(item), if_open=goes_on))
            for item in items
            if not failed_items(db, [ItemId(item)])
        ]
    if problems:
        raise UsageError(problems)
    return found


def ask(place: Place, request: "Request") -> bool:
    """Post the request; True when a supervisor has carried it out. Says so when it waits instead."""
    import asyncio

    from harness.ledger.lock import is_held
    from harness.ledger.spool import post
    from harness.views.ledger_reading import reading

    if not is_held(place.home.lock):  # where somebody is at it there is a job, though it may not be planned yet
        with reading(place.state):
            pass
    posted = post(place.home.control, request)
    if not is_held(place.home.lock):
        say(f"no supervisor is running: {request.verb} is queued for the next `{place.command('launch')}`")
        say_if_rehearsed(place, request.verb)
        return False
    if asyncio.run(_is_taken(posted)):
        return True
    say(f"the supervisor has not answered within {_PATIENCE_S:g} s; the request is queued")
    return False


def say_if_rehearsed(place: Place, verb: str) -> None:
    """When its rehearsal runs, that is likely what was meant."""
    from harness.ledger.lock import is_held
    from harness.views.ledger_reading import rehearsal_beside

    beside = rehearsal_beside(place.state)
    if beside is not None and is_held(JobHome(beside).lock):
        say(f"its rehearsal is running: `{place.rehearsed.command(verb)}`")


async def _is_taken(posted: Path) -> bool:
    """Has the request left the spool, at once or within the patience?"""
    import asyncio

    from harness.base.folder_watch import FolderWatch

    never = asyncio.Event()
    try:
        async with asyncio.timeout(_PATIENCE_S):
            with FolderWatch() as watch:
                watch.watch([posted.parent])
                while not _has_gone(posted):
                    await watch.changed(never)
    except TimeoutError:
        return _has_gone(posted)
    return True


def _has_gone(posted: Path) -> bool:
    return not posted.exists()
