"""Jobs on the real CLI whose answers cost more than the CLI tells, and what an account of its own bills for them."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from random import Random

from tests.checker.bill import bill, disagreements
from tests.checker.laws import broken_laws
from tests.end_to_end.playing import Job, small_job, until

KINDS = ("plain", "cut", "broken again", "529", "500", "garbage", "sse_error", "stall", "reads", "dear", "long")
CAP, BUDGET = Decimal("0.25"), Decimal(12)


@dataclass(frozen=True)
class Account:
    """What one job came to. `told` is what the sessions said; all in dollars."""

    billed: Decimal
    charged: Decimal
    told: Decimal
    most: Decimal
    """Billed for a single attempt."""
    problems: tuple[str, ...]


def costly_job(
    scratch: Path, kinds: Sequence[str] | Mapping[str, str], items: int, budget: Decimal, **fields: object
) -> Job:
    """Six at a time, every session capped at $0.25, prompts of 20 KB."""
    home = scratch.with_name(f"{scratch.name}-home")
    home.mkdir()
    job = small_job(
        scratch,
        home,
        "costly",
        items,
        parallel=6,
        max_output=4000,
        budget=f"${budget}",
        budget_per_session=f"${CAP}",
        vars={"padding": "word " * 4_000},
        **fields,
    )
    (job.folder / "kinds.json").write_text(json.dumps(kinds))
    manifest = json.loads((job.folder / job.manifest).read_text())
    manifest["session"] |= {
        "tools": ["Bash", "Read", "Write"],
        "silence": "8s",
        "prompt": "{{ vars.padding }} Say something about {% for item in items %}{{ item.word }}, {% endfor %}",
    }
    (job.folder / job.manifest).write_text(json.dumps(manifest))
    return job


def account(job: Job, budget: Decimal, strikes: int = 3) -> Account:
    """Looked at from outside: the request log, priced by the checker, against the ledger's entries."""
    record = job.record()
    billed = bill(job.state)
    problems = [*disagreements(record), *broken_laws(job.state, strikes=strikes)]
    settled = record.of("UsageSettled")
    reserved = {
        entry["attempt"]: Decimal(entry["reserved_microusd"]) / 1_000_000 for entry in record.of("AttemptStarted")
    }
    for attempt, usd in billed.items():
        if usd > reserved[attempt]:
            problems.append(f"attempt {attempt} was billed ${usd}, ${reserved[attempt]} were reserved")
    total = sum(billed.values(), Decimal(0))
    if total > budget:
        problems.append(f"${total} were billed of a budget of ${budget}")
    charged = Decimal(sum(entry["charged_microusd"] for entry in settled)) / 1_000_000
    told = Decimal(sum(entry["told_microusd"] or 0 for entry in settled)) / 1_000_000
    return Account(total, charged, told, max(billed.values()), tuple(problems))


def _kill_after(job: Job, requests: int, *words: str) -> None:
    running = job.begin(*words)
    until(lambda: running.is_over() or len(job.record().requests) >= requests, "requests")
    running.kill()
    until(lambda: not job.sessions(), "sessions to end")


def costly_night(scratch: Path, seed: int) -> bool:
    """One seed: everything is drawn; the supervisor is killed up to twice, and the job is gone on with."""
    draw = Random(f"costly {seed}")
    job = costly_job(scratch, KINDS, 18, BUDGET)
    kills = seed % 3
    for number in range(kills):
        _kill_after(job, draw.randint(8, 30) * (number + 1), "--seed", str(seed))
    said = job.play("--seed", str(seed))
    seen = account(job, BUDGET)
    faults = Counter(entry["fault"] for entry in job.record().of("AttemptEnded") if entry["fault"])
    met = ", ".join(f"{name} x{times}" for name, times in sorted(faults.items()))
    print(
        f"seed {seed}: {kills} kills, exit code {said.code}; {job.count('AttemptStarted')} sessions, "
        f"billed ${seen.billed:.4f} of ${BUDGET}, at most ${seen.most:.4f} for one; told ${seen.told:.4f}, "
        f"charged ${seen.charged:.4f}; {met}",
        *seen.problems,
        sep="\n  ",
        flush=True,
    )
    return not seen.problems and said.code in (0, 1, 3) and "accounts disagree" not in said.all
