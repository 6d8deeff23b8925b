"""What `harness plan --write` does: composes the batches of a job and writes them as a file that the job can name."""

import json
import math
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from harness.base.durations import in_words
from harness.base.errors import Problem, UsageError
from harness.base.files import make_users_folder, write_atomic
from harness.base.texts import shown
from harness.core.events import ItemStruck
from harness.core.money import in_words as in_dollars
from harness.core.types import Item, Json
from harness.job.batch_plan import MOST_CALLS, Pace, read_plan
from harness.job.job import Job
from harness.ledger.cost_samples import samples
from harness.ledger.item_reasons import reasons_of_event
from harness.ledger.store import entries
from harness.outputs.merge import keep_aside
from harness.planning.compose import TIME_PER_LEAD, compose_plan
from harness.views.ledger_reading import is_planned, reading
from harness.views.reason_words import reasons_text
from harness.views.wording import clean, counted


def composed(job: Job, items: Sequence[Item]) -> Json:
    """The plan by rules: the manifest's order, batch size, rate and parallel."""
    first = job.items.order[0].removeprefix("-").removeprefix(".") if job.items.order else None
    return compose_plan(
        [str(item.id) for item in items],
        job.phases[0].batch_size,
        priority_order=first,
        pace=Pace(_per_minute(job), job.parallel),
        time_per_lead=time_per_item(job),
    )


def time_per_item(job: Job) -> timedelta:
    """As measured by the sessions of the first phase so far, else `TIME_PER_LEAD`."""
    if not is_planned(job.state):
        return TIME_PER_LEAD
    with reading(job.state) as db:
        first = next((each for each in samples(db) if each.phase == 1 and each.items_settled), None)
    return timedelta(seconds=max(1, round(first.seconds / first.items_settled))) if first else TIME_PER_LEAD


def _per_minute(job: Job) -> int | None:
    """The manifest's rate in starts a minute, at least 1."""
    rate = job.bounds.rate
    if rate is None:
        return None
    return max(1, min(MOST_CALLS, math.floor(rate.starts * 60 / rate.per.total_seconds())))


def refuse_writing(file: Path | None, by: str, model: str | None) -> Path:
    """The file to write; UsageError for options that do not fit together."""
    problems = []
    if file is None:
        problems.append(Problem("--by", "requires --write", "add --write plan.json"))
    if by not in ("rules", "model"):
        problems.append(Problem("--by", f"expected rules or model, got {by!r:.40}"))
    if model is not None and by != "model":
        problems.append(Problem("--model", "requires --by model", "add --by model"))
    if problems or file is None:
        raise UsageError(problems)
    return file


def write_plan(file: Path, plan: Json, noun: str) -> list[str]:
    """Write the plan; what is said about it. A plan of other content that lies there is renamed, anything else there
    is refused."""
    content = (json.dumps(plan, ensure_ascii=False, indent=2) + "\n").encode()
    aside = _make_room(file, content, noun)
    make_users_folder(file.parent)
    write_atomic(file, content, mode=None)
    read, _ = read_plan(plan, noun)
    leads = sum(map(len, read.batches))
    batches = f"{counted(len(read.batches), 'batch')} of at most {read.largest}"
    return [f"wrote {clean(shown(file))}: {counted(leads, clean(noun))} in {batches}", *aside]


def pace_line(job: Job) -> str:
    """How the times of a plan were reckoned."""
    each = time_per_item(job)
    known = "not measured yet" if each == TIME_PER_LEAD else "as measured so far"
    return f"estimated at {in_words(each)} for one {clean(job.noun)}, {known}"


def origin_of_plan(file: Path) -> str:
    """`plan.json, composed by rules, for the model's answers were rejected: 1. ...; 2. ...; they cost $0.02`."""
    value = json.loads(file.read_bytes())
    composed = value.get("composed") if isinstance(value, dict) else None
    if not isinstance(composed, dict) or composed.get("by") not in ("rules", "model"):
        return shown(file)
    paid, reasons = composed.get("cost_usd"), composed.get("because")
    cost = in_dollars(round(paid * 1_000_000)) if isinstance(paid, int | float) else "an unknown amount"
    if composed["by"] == "model":
        return f"{shown(file)}, composed by a model for {cost}"
    told = reasons if isinstance(reasons, list) else []
    because = "; ".join(f"{number}. {reason}" for number, reason in enumerate(told, 1))
    return f"{shown(file)}, composed by rules because the model's answers were rejected: {because}; they cost {cost}"


def is_composer(manifest: Path) -> bool:
    """Is it what `--by model` calls its own job? No file has that name."""
    return manifest.stem.endswith(".plan") and not manifest.exists()


def asked_of_a_composer(state: Path) -> Iterator[tuple[str, str]]:
    """For its report: who asked, and why each answer was rejected."""
    yield "asked by", "`harness plan --write FILE --by model`"
    for number, reasons in enumerate(rejections(state), 1):
        yield f"answer {number}", f"rejected: {reasons}"


def rejections(state: Path) -> list[str]:
    """Why each answer of a composer was rejected, in order."""
    with reading(state) as db:
        struck = [each.event for each in entries(db) if isinstance(each.event, ItemStruck)]
    return [reasons_text(reasons_of_event(event)) for event in struck]


def _make_room(file: Path, content: bytes, noun: str) -> list[str]:
    if file.suffix.lower() != ".json":
        raise UsageError([Problem("--write", f"expected a file that ends with .json, got {str(file)!r}")])
    if not file.exists():
        return []
    try:
        before = file.read_bytes()
        plan, _ = read_plan(json.loads(before), noun)
    except (OSError, ValueError) as error:
        raise UsageError([_no_plan(file)]) from error
    if not plan.batches:
        raise UsageError([_no_plan(file)])
    return [] if before == content else [f"the previous plan is kept as {keep_aside(file).name}"]


def _no_plan(file: Path) -> Problem:
    return Problem(shown(file), "already exists and is not a batch plan", "name another file, or move it away")
