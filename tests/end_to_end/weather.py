"""Storms over a small job on the real CLI: usage limits, an overloaded provider, a credential withdrawn, money short.

Each prints what was seen and returns whether it was well.
"""

import json
from decimal import Decimal
from pathlib import Path

from tests.checker.laws import broken_laws
from tests.end_to_end.playing import Job, Said, small_job, until

RESET_S = 20
CALM_S = 60
MOST_STARTS = 6
BUDGET, DEARER = Decimal(3), Decimal(20)


def storm(job: Job, *, is_killed: bool) -> bool:
    """Ten items, four at a time, a plan's limit at the first request, its reset 20 s away."""
    words = ("--faults", f"limit={RESET_S}")
    running = job.begin(*words)
    if is_killed:
        until(lambda: running.is_over() or job.has("HoldPlaced"), "the hold")
        running.kill()
        until(lambda: not job.sessions(), "sessions to end")
        running = job.begin(*words)
    said = running.end()
    record = job.record()
    rejections = [asked for asked in record.requests if asked.fault == "limit"]
    first, last_hold = rejections[0].time, max(entry["until"] for entry in record.of("HoldPlaced"))
    starts = record.of("AttemptStarted")
    during = [entry for entry in starts if entry.time > first and entry.time.isoformat() < last_hold]
    after = [entry for entry in starts if entry.time.isoformat() >= last_hold]
    answered = min(asked.time for asked in record.requests if asked.status == 200)
    probes = [entry for entry in after if entry.time < answered]
    print(
        f"limit storm{', supervisor killed while it waits' if is_killed else ''}: exit code {said.code}; "
        f"{len(starts) - len(during) - len(after)} starts before the first rejection, {len(during)} between it and the "
        f"reset, {len(probes)} probe at the reset before the first answer, {len(after) - len(probes)} after that; "
        f"{job.count('ItemStruck')} strikes, {job.count('ItemAccepted')} of 10 items done"
    )
    return _is_well(job, said) and not during and len(probes) == 1 and job.count("ItemStruck") == 0


def overload(job: Job) -> bool:
    """529 to every request of the first minute."""
    said = job.play("--faults", f"529={CALM_S}")
    record = job.record()
    starts = record.of("AttemptStarted")
    refusals = [asked for asked in record.requests if asked.fault == "529"]
    minute = [entry for entry in starts if (entry.time - starts[0].time).total_seconds() <= CALM_S]
    print(
        f"529 for {CALM_S} s: exit code {said.code}; {len(refusals)} requests refused over "
        f"{(refusals[-1].time - refusals[0].time).total_seconds():.0f} s, {len(minute)} starts in that minute, "
        f"{len(starts)} in all; {job.count('ItemStruck')} strikes, {job.count('ItemAccepted')} of 10 items done"
    )
    return _is_well(job, said) and len(minute) <= MOST_STARTS and job.count("ItemStruck") == 0


def withdrawn(job: Job) -> bool:
    """401 to every session from the fifth on."""
    said = job.play("--faults", "401:*@5")
    refused = [entry for entry in job.record().of("AttemptEnded") if entry["fault"] == "auth"]
    starts = job.record().of("AttemptStarted")
    probes = [entry for entry in starts if entry.time > refused[0].time]
    print(
        f"401 from the 5th session on: exit code {said.code}; {len(starts)} starts, {len(refused)} refused, "
        f"{len(probes)} probe; {job.count('ItemStruck')} strikes; it says: {said.err.strip().splitlines()[-1]}"
    )
    return said.code == 4 and len(probes) == 1 and job.count("ItemStruck") == 0 and not broken_laws(job.state)


def money(job: Job) -> bool:
    """$3.00 for eighteen items of which one would cost $0.60 by itself; then the budget is raised."""
    said = job.play()
    billed, dear = _billed(job), job.count("AttemptEnded", fault="session_budget")
    done = job.count("ItemAccepted")
    print(
        f"budget ${BUDGET}: exit code {said.code}; billed ${billed:.4f}, {done} of 18 items done, "
        f"{dear} sessions cut at their own budget"
    )
    kept = said.code == 3 and billed <= BUDGET and dear > 0 and not broken_laws(job.state)
    job.settings = (f"budget=${DEARER}",)
    again = job.play()
    report = job.ask("report").out
    print(
        f"budget ${DEARER}: exit code {again.code}; billed ${_billed(job):.4f}, {job.count('ItemAccepted')} of 18 "
        f"items done, i05 failed after {job.count('AttemptEnded', fault='session_budget')} cuts; "
        f"the report names it: {'i05' in report}"
    )
    return kept and again.code == 1 and _billed(job) <= DEARER and "i05" in report and not broken_laws(job.state)


def weather(scratch: Path) -> bool:
    """All of them."""
    outcomes = [
        storm(_job(scratch, "storm"), is_killed=False),
        storm(_job(scratch, "killed"), is_killed=True),
        overload(_job(scratch, "overload")),
        withdrawn(_job(scratch, "withdrawn")),
    ]
    for number in range(3):
        spending = _job(scratch, f"money{number}", "dear", 18, budget=f"${BUDGET}", budget_per_session="$0.40")
        outcomes.append(money(spending))
    return all(outcomes)


def _job(scratch: Path, name: str, scene: str = "plain", items: int = 10, **fields: object) -> Job:
    home = scratch / f"{name}-home"
    home.mkdir()
    return small_job(scratch / name, home, scene, items, parallel=4, max_output=4000, **fields)


def _is_well(job: Job, said: Said) -> bool:
    if said.code != 0 or (broken := broken_laws(job.state)):
        print(said.all, *([] if said.code else broken), sep="\n")
        return False
    return job.count("ItemAccepted") == 10


def _billed(job: Job) -> Decimal:
    """What the rehearsal's request log says that all of it would have cost."""
    log = job.state / "rehearsal" / "requests.jsonl"
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    return sum((Decimal(row["cost_usd"]) for row in rows if row.get("cost_usd")), Decimal(0))
