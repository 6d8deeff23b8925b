"""`harness plan --write FILE --by model`: a session composes the batches, as a job of its own beside the job's."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer

from harness.backends.supply import find_supply
from harness.base.errors import Problem, UsageError
from harness.base.files import write_private
from harness.cli.launch import play
from harness.cli.options import Place
from harness.cli.output import say
from harness.cli.plan_write import composed, rejections
from harness.cli.rehearse import serving
from harness.cli.reset import reset_now
from harness.cli.trust import must_be_trusted
from harness.core.money import in_words
from harness.core.types import Item, Json
from harness.job.batch_plan import TOP
from harness.job.job import Job, Samples
from harness.job.vendors import CURE, other_vendor
from harness.ledger import money_queries
from harness.ledger.item_queries import has_open_items
from harness.ledger.lock import refuse_if_held
from harness.ledger.shared_holds import state_home
from harness.planning.changes import what_is_new
from harness.planning.composer_job import ID, REQUEST, composer_job, request_of
from harness.planning.state_folder import has_state, make_state_folder
from harness.supervisor.run_options import RunOptions
from harness.views.ledger_reading import is_planned, reading
from harness.views.wording import clean, shorten

DEFAULT_MODEL = "sonnet"


@dataclass(frozen=True, slots=True)
class ByModel:
    """What came of it: the plan, or why each answer was rejected; and what it cost, over all answers."""

    plan: Json | None
    reasons: tuple[str, ...]
    cost_microusd: int
    report: str
    """The command that shows it all."""


def compose_by_model(place: Place, job: Job, items: Sequence[Item], model: str | None, *, trust: bool) -> ByModel:
    """Ask for a plan; once more, with the reasons, where it is rejected. UsageError, BrokenSetupError and the like when
    nothing could be asked; typer.Exit when the run was stopped, which the same command goes on with."""
    beside = Place(place.manifest.with_name(f"{place.manifest.stem}.plan.yaml"), place.rehearsal, place.instance)
    refuse_if_held(beside.state)
    asked = composer_job(job, beside.state, beside.state / REQUEST, _claude(model, job))
    if job.rehearsal and job.scene is None:  # generated from a schema, no plan would have the job's ids
        asked = replace(asked, samples=Samples(job.manifest, {ID: ({"id": ID, **composed(job, items)},)}))
    must_be_trusted(job, (), place.command("plan", "--write", "plan.json", "--by", "model"), trust=trust)
    _begin(asked, request_of(job, items))
    code = _run(beside, asked)
    if code > 1:
        say("the plan was not composed because the run was stopped; run the same command to continue")
        raise typer.Exit(code)
    return _came(asked, str(beside.command("report")))


def _claude(model: str | None, job: Job) -> str:
    """UsageError with the cure for a model of another vendor."""
    name = model or next((p.session.model for p in job.phases if p.session.model), None) or DEFAULT_MODEL
    if (vendor := other_vendor(name)) is not None:
        raise UsageError([Problem("--model", f"{name!r} is a model of {vendor}", CURE)])
    return name


def _begin(asked: Job, request: Json) -> None:
    """Where an unfinished one asks for the same, it goes on; any other is moved to a backup."""
    content = (json.dumps(request, ensure_ascii=False) + "\n").encode()
    make_state_folder(asked)
    write_private(asked.items.file or Path(), content)
    if has_state(asked) and (what_is_new(asked) or not _is_open(asked)):
        reset_now(asked)
        make_state_folder(asked)
        write_private(asked.items.file or Path(), content)


def _is_open(asked: Job) -> bool:
    if not is_planned(asked.state):
        return False
    with reading(asked.state) as db:
        return has_open_items(db)


def _run(beside: Place, asked: Job) -> int:
    if asked.rehearsal:
        with serving(asked, "", 0) as server:
            return play(beside, asked, RunOptions(server.credential if server else None), [], plain=True)
    shared = state_home(os.environ, Path.home())
    supply = find_supply(asked, os.environ, Path.home(), shared)
    return play(beside, asked, RunOptions(supply, shared_state=shared), [], plain=True)


def _came(asked: Job, report: str) -> ByModel:
    merged = asked.phases[0].output.merge
    records: list[Any] = json.loads(merged.read_bytes()) if merged is not None and merged.exists() else []
    with reading(asked.state) as db:
        spent = money_queries.money(db).spent
    return ByModel(records[0][TOP] if records else None, tuple(rejections(asked.state)), spent, report)


def said_of(came: ByModel) -> list[str]:
    """What a person is told of it."""
    cost = in_words(came.cost_microusd)
    if came.plan is not None:
        return [f"composed by the model for {cost}; `{came.report}` shows how"]
    answers = [f"rejected: {shorten(clean(reason), 300)}" for reason in came.reasons]
    return [*answers, f"composed by rules instead; the answers cost {cost}; `{came.report}` shows them"]


def with_origin(plan: Json, came: ByModel) -> Json:
    """The file as it is written: who composed it stands beside the plan, where nothing reads it."""
    cost = {"cost_usd": came.cost_microusd / 1_000_000}
    if came.plan is not None:
        return {TOP: came.plan, "composed": {"by": "model", **cost}}
    return {**plan, "composed": {"by": "rules", "because": list(came.reasons), **cost}}
