"""The small closed language of `redo --where`: which done items, by the attempt that their records came from."""

import json
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from harness.base.errors import Problem, UsageError
from harness.core.models import canonical
from harness.job.fingerprint import Fingerprint, differences, fingerprint_like
from harness.job.job import Job
from harness.ledger.attempt_queries import origins
from harness.ledger.past_attempts import Acceptance, accepted
from harness.ledger.reuse_queries import origin_of_reused
from harness.planning.batch_names import read_batches

FORMS = "prompt=old, fingerprint=old, model=NAME, phase=NAME, batch=N, item=ID, attempt<N, reused=all"
_FIELDS = re.findall(r"(\w+)[=<]", FORMS)
_CONDITION = re.compile(r"\s*(\w+)\s*(=|<)\s*(.*?)\s*")
_PROMPT = ("session.prompt", "session.instructions")


@dataclass(frozen=True, slots=True)
class RecordOrigin:
    """Where the records of one phase and attempt came from."""

    phase: str
    attempt: int
    """0 for what was taken over from another job."""
    model: str | None
    """The models that answered, with commas between them."""
    asked: Fingerprint
    """The fingerprint of the job when the attempt started, as far as it concerns this phase."""
    today: Fingerprint


@dataclass(frozen=True, slots=True)
class Condition:
    """`field` is a word of FORMS."""

    field: str
    value: str

    def holds(self, origin: RecordOrigin) -> bool:
        match self.field:
            case "prompt":
                return any(origin.asked.get(name) != origin.today.get(name) for name in _PROMPT)
            case "fingerprint":
                return bool(differences(origin.asked, origin.today))
            case "model":
                asked = json.loads(origin.asked.get("session.model", "null"))
                models = [*(origin.model or "").split(", "), *([asked] if asked else [])]
                return canonical(self.value) in map(canonical, models)
            case "phase":
                return self.value == origin.phase
            case "reused":
                return origin.attempt == 0
            case "attempt":
                return 0 < origin.attempt < int(self.value)
            case _:
                return True  # of one item, not of where it came from: see `names`

    def names(self, done: Acceptance) -> bool:
        """True for the batch or the item that is meant, and for every one where the condition is about neither."""
        match self.field:
            case "batch":
                return any(each.holds(done.batch.number, done.batch.part) for each in read_batches([self.value]))
            case "item":
                return done.item == self.value
            case _:
                return True


def parse(texts: Sequence[str], job: Job) -> list[Condition]:
    """The conditions, all of which must hold. UsageError with every one that means nothing."""
    problems: list[Problem] = []
    conditions: list[Condition] = []
    for text in texts:
        problem, condition = _read(text, job)
        problems += [problem] if problem else []
        conditions += [condition] if condition else []
    if problems:
        raise UsageError(problems)
    return conditions


def _read(text: str, job: Job) -> tuple[Problem | None, Condition | None]:
    found = _CONDITION.fullmatch(text)
    if found is None:
        return Problem(f"--where {text!r}", "is not a valid condition", f"expected one of {FORMS}"), None
    field, sign, value = found.groups()
    phases = [phase.name for phase in job.phases]
    match field, sign:
        case (("prompt" | "fingerprint"), "="):
            known: list[str] = ["old"]
        case "phase", "=":
            known = phases
        case "reused", "=":
            known = ["all"]
        case (("model" | "item"), "="):
            known = [value] if value else []
        case "batch", "=":
            read_batches([value])
            known = [value]
        case "attempt", "<":
            known = [value] if re.fullmatch(r"[0-9]{1,9}", value) else []
        case _:
            near = get_close_matches(field, _FIELDS, n=1)
            meant = f"did you mean {near[0]!r}? " if near and near[0] != field else ""
            return Problem(f"--where {text!r}", "is not a valid condition", f"{meant}expected one of {FORMS}"), None
    if value in known:
        return None, Condition(field, value)
    near = get_close_matches(value, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(known) or FORMS}"
    return Problem(f"--where {text!r}", f"{field} knows no {value!r}", hint), None


def matching(db: sqlite3.Connection, job: Job, conditions: Sequence[Condition]) -> list[Acceptance]:
    """The done items that all conditions hold for, in phase and item order."""
    known = origins(db)
    read: dict[tuple[int, str], tuple[Fingerprint, Fingerprint]] = {}
    wanted: dict[tuple[int, int, str | None, str], bool] = {}
    found = []
    for each in accepted(db):
        if not all(condition.names(each) for condition in conditions):
            continue
        phase = each.batch.phase
        made_by = known[each.attempt] if each.attempt else origin_of_reused(db, each.seq)
        model, asked = made_by.model, made_by.fingerprint
        key = (phase, each.attempt, model, asked)
        if key not in wanted:
            if (phase, asked) not in read:
                read[phase, asked] = _then_and_now(json.loads(asked), job, phase)
            origin = RecordOrigin(job.phase(phase).name, each.attempt, model, *read[phase, asked])
            wanted[key] = all(condition.holds(origin) for condition in conditions)
        if wanted[key]:
            found.append(each)
    return found


def _then_and_now(asked: Fingerprint, job: Job, phase: int) -> tuple[Fingerprint, Fingerprint]:
    return _of_phase(asked, job, phase), _of_phase(fingerprint_like(asked, job), job, phase)


def _of_phase(whole: Fingerprint, job: Job, phase: int) -> Fingerprint:
    """What concerns this phase, by the names that a job of one phase has."""
    own = f"phases.{job.phase(phase).name}." if len(job.phases) > 1 else ""
    others = {name: value for name, value in whole.items() if not name.startswith("phases.")}
    return others | {name.removeprefix(own): value for name, value in whole.items() if name.startswith(own)}
