"""What a seed draws before anything starts: the job, what goes wrong when, and what people do about it."""

import random
from dataclasses import dataclass, field, fields, replace
from datetime import time, timedelta
from decimal import Decimal
from typing import Literal

from harness.job.batch_plan import NO_PACE, Pace
from harness.job.bounds import Bounds, Deadline, JobCaps, Rate, Window

Poison = Literal["rejected", "refused", "silent", "dear", "deadly", "odd", "liar"]
"""An item whose record is always wrong; one that the model refuses in any company; one that makes the output empty;
one that costs more than a session may spend; one on which every session crashes; one at whose record a check raises;
one whose sessions forge what the CLI would say of limits, refusals and costs, once they have called a tool."""

Ask = Literal["cancel", "cancel now", "pause", "resume", "retry"]
Span = tuple[float, float]
"""From and to, in seconds of the world's monotonic time."""

FAULTS = (
    "wrong",
    "missing",
    "mistaken",
    "invented",
    "broken",
    "crash",
    "cut",
    "write_then_crash",
    "expensive",
    "costless",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """Everything has a default that means "nothing special", so that a shrunk script names only what matters."""

    items: int = 1
    batch_size: int = 1
    parallel: int = 1
    strikes: int = 3
    phases: int = 1
    needs: Literal["own", "earlier", "previous"] = "own"
    makes_items: bool = False
    plan: tuple[int | None, int | None] | None = None
    """Derived items come in the batches of a plan, which allows so many starts a minute, and so many at once."""
    selects: int | None = None
    """Of the items that the last phase makes at most so many are worked on."""
    budget: Decimal | None = None
    raises: int = 0
    """How often a person doubles the budget when it is used up."""
    rate: tuple[int, float] | None = None
    window: tuple[str, str] | None = None
    deadline_s: float | None = None
    stop_at: float | None = None
    most_sessions: int | None = None
    pilot: int | None = None
    crash_rate: float = 0.0
    """Chance of a kill at every commit and every fsync."""
    power_rate: float = 0.0
    """Share of kills that take the whole machine: what was not fsynced may be gone, or torn."""
    orphan_rate: float = 0.0
    """Chance that a session outlives its supervisor, and writes its output later."""
    fault_rates: dict[str, float] = field(default_factory=dict)
    poison: dict[str, Poison] = field(default_factory=dict)
    broken_answers: float = 0.0
    """Chance that a request comes to nothing, and is billed; above 0, sessions with a cap are made of requests."""
    outages: tuple[Span, ...] = ()
    limits: tuple[Span, ...] = ()
    limit_stated: Literal["right", "early", "not", "absurd"] = "right"
    """What the provider says about the end of a limit; `early` = it stays on after its stated reset."""
    refusals: tuple[Span, ...] = ()
    """While these last, the credential is refused."""
    full_disk: tuple[Span, ...] = ()
    stalls: tuple[Span, ...] = ()
    """Sessions that run into one stand still, and are released in another order afterwards."""
    reserve: tuple[Span, ...] = ()
    """While these last, the plan is used to 95 %, and sessions say so."""
    other_jobs: tuple[Span, ...] = ()
    """At `from`, another job on the credential meets a limit that ends at `to`."""
    jumps: tuple[tuple[float, float], ...] = ()
    asks: tuple[tuple[float, Ask], ...] = ()
    until: tuple[int, ...] = ()
    """The phase at which people have each of the first runs stop; the later ones have none."""
    added: tuple[int, ...] = ()
    """How many items people add to the source, each time when a run has ended."""
    calm_s: float = 0.0
    """From here on nothing but poison goes wrong."""
    is_fair: bool = False
    """What an item comes to does not depend on when, or in whose company, it is tried."""

    def bounds(self) -> Bounds:
        return Bounds(
            rate=Rate(self.rate[0], timedelta(seconds=self.rate[1])) if self.rate else None,
            window=Window(*(time.fromisoformat(text) for text in self.window)) if self.window else None,
            deadline=Deadline(timedelta(seconds=self.deadline_s)) if self.deadline_s else None,
            stop_at=self.stop_at,
            caps=JobCaps(sessions=self.most_sessions),
        )

    def pace(self) -> Pace:
        """Of the plan in every record."""
        return Pace(*self.plan) if self.plan else NO_PACE

    def __repr__(self) -> str:
        """Python that makes this script again, and says only what is not the default."""
        blank = Script()
        said = [
            f"{each.name}={getattr(self, each.name)!r}"
            for each in fields(self)
            if getattr(self, each.name) != getattr(blank, each.name)
        ]
        return f"Script({', '.join(said)})"


def draw(seed: int) -> Script:
    """The script of a seed."""
    rng = random.Random(f"script {seed}")
    items, calm_s = rng.choice([rng.randint(1, 6), rng.randint(4, 24)]), rng.uniform(500, 4000)
    drawn = Script(
        items=items,
        batch_size=rng.randint(1, 8),
        parallel=rng.randint(1, 8),
        strikes=rng.choice([1, 2, 3, 3, 3]),
        phases=rng.choice([1, 1, 2, 3]),
        needs=rng.choice(["own", "earlier", "previous"]),
        makes_items=rng.random() < 0.5,
        crash_rate=rng.choice([0.0, 0.005, 0.03]),
        power_rate=rng.choice([0.0, 0.5]),
        orphan_rate=rng.choice([0.0, 0.5]),
        pilot=rng.choice([None] * 6 + [1, 3]),
        fault_rates=_fault_rates(rng),
        poison=_poison(rng, items),
        calm_s=calm_s,
        jumps=_jumps(rng, calm_s),
        asks=_asks(rng, calm_s),
    )
    script = _with_added(random.Random(f"added {seed}"), _with_windows(rng, _with_bounds(rng, drawn)))
    script = _with_odd(random.Random(f"odd {seed}"), _with_deadly(random.Random(f"deadly {seed}"), script))
    script = _with_liars(random.Random(f"liars {seed}"), script)
    script = _with_plan(random.Random(f"plan {seed}"), script)
    script = _with_selection(random.Random(f"selects {seed}"), script)
    script = _with_broken_answers(random.Random(f"answers {seed}"), script)
    return _with_until(random.Random(f"until {seed}"), script)


def fair(seed: int) -> Script:
    """A script under which the outcome of every item is fixed: parallelism, order and kills may not change a byte."""
    rng = random.Random(f"fair {seed}")
    items = rng.randint(2, 16)
    poison: dict[str, Poison] = {item: kind for item, kind in _poison(rng, items).items() if kind != "dear"}
    drawn = Script(
        items=items,
        batch_size=rng.randint(1, 6),
        strikes=rng.choice([2, 3]),
        phases=rng.choice([1, 2]),
        needs=rng.choice(["own", "earlier", "previous"]),
        makes_items=rng.random() < 0.5,
        crash_rate=rng.choice([0.0, 0.02]),
        orphan_rate=0.5,
        fault_rates={"wrong": 0.2, "crash": 0.1},
        poison=poison,
        limits=_windows(rng, 0.4),
        calm_s=3000,
        is_fair=True,
    )
    return _with_selection(random.Random(f"selects {seed}"), drawn)


def costly(seed: int) -> Script:
    """Six at a time, kills, and answers most of which break off; some items would cost more than a session may."""
    rng = random.Random(f"costly {seed}")
    return Script(
        items=18,
        parallel=6,
        budget=Decimal(rng.choice([4, 9, 20])),
        raises=rng.choice([0, 2]),
        crash_rate=rng.choice([0.0, 0.01]),
        orphan_rate=0.5,
        fault_rates={"crash": 0.05, "missing": 0.1},
        poison={f"i{number:03d}": "dear" for number in range(18) if rng.random() < 0.3},
        broken_answers=rng.choice([0.2, 0.5, 0.8]),
        calm_s=1500,
    )


def _with_added(rng: random.Random, script: Script) -> Script:
    if rng.random() < 0.8:
        return script
    added = tuple(rng.randint(1, 9) for _ in range(rng.randint(1, 3)))
    more = {
        item: kind for item, kind in _poison(rng, script.items + sum(added)).items() if int(item[1:]) >= script.items
    }
    return replace(script, added=added, poison=script.poison | more)


def _with_plan(rng: random.Random, script: Script) -> Script:
    if not script.makes_items or script.phases == 1 or rng.random() < 0.5:
        return script
    return replace(script, plan=(rng.choice([None, 2, 4, 10]), rng.choice([None, 1, 2, 3])))


def _with_selection(rng: random.Random, script: Script) -> Script:
    if rng.random() < 0.5 or script.phases == 1 or not script.makes_items or script.plan:
        return script
    return replace(script, selects=rng.randint(1, 9))


def _with_broken_answers(rng: random.Random, script: Script) -> Script:
    if rng.random() < 0.75:
        return script
    return replace(script, broken_answers=rng.choice([0.1, 0.3, 0.5]), budget=script.budget or Decimal(40))


def _with_deadly(rng: random.Random, script: Script) -> Script:
    if rng.random() < 0.9:
        return script
    return replace(script, poison=script.poison | {f"i{rng.randrange(script.items):03d}": "deadly"})


def _with_liars(rng: random.Random, script: Script) -> Script:
    if rng.random() < 0.85:
        return script
    liars: dict[str, Poison] = {f"i{rng.randrange(script.items):03d}": "liar" for _ in range(rng.randint(1, 2))}
    return replace(script, poison=script.poison | liars)


def _with_odd(rng: random.Random, script: Script) -> Script:
    if rng.random() < 0.85:
        return script
    odd = rng.sample(range(script.items), min(script.items, rng.choice([1, 1, 2, 4])))
    return replace(script, poison=script.poison | {f"i{number:03d}": "odd" for number in odd})


def _fault_rates(rng: random.Random) -> dict[str, float]:
    worst = rng.choice([0.0, 0.05, 0.2])
    return {kind: worst * rng.random() for kind in FAULTS} if worst else {}


def _poison(rng: random.Random, items: int) -> dict[str, Poison]:
    rate = rng.choice([0, 0, 0, 0.05, 0.3, 0.3, 1])
    kinds: list[Poison] = ["rejected", "rejected", "refused", "silent", "dear"]
    if rate == 1:  # nothing can come of it: the prompt or the set-up is broken
        kinds = [rng.choice(kinds)]
    return {f"i{number:03d}": rng.choice(kinds) for number in range(items) if rng.random() < rate}


def _windows(rng: random.Random, chance: float, longest_s: float = 1500) -> tuple[Span, ...]:
    if rng.random() >= chance:
        return ()
    begin = rng.uniform(0, 1200)
    return ((begin, begin + rng.uniform(10, longest_s)),)


def _with_windows(rng: random.Random, script: Script) -> Script:
    return replace(
        script,
        outages=_windows(rng, 0.3),
        limits=_windows(rng, 0.3),
        limit_stated=rng.choice(["right", "right", "early", "not", "absurd"]),
        refusals=_windows(rng, 0.1, 300),
        full_disk=_windows(rng, 0.15, 120),
        stalls=_windows(rng, 0.2, 600),
        other_jobs=_windows(rng, 0.15, 900),
    )


def _with_bounds(rng: random.Random, script: Script) -> Script:
    """Most seeds have none: what holds them back would hide what else goes wrong."""
    budget = rng.choice([None, None, None, Decimal(3), Decimal(9), Decimal(40)])
    script = replace(script, budget=budget, raises=rng.choice([0, 1, 4]) if budget else 0)
    match rng.choice(["", "", "", "rate", "window", "deadline", "stop_at", "caps"]):
        case "rate":
            return replace(script, rate=(rng.randint(1, 6), rng.choice([10.0, 60.0])))
        case "window":
            return replace(script, window=rng.choice([("22:05", "23:00"), ("20:00", "22:10"), ("23:00", "01:00")]))
        case "deadline":
            return replace(script, deadline_s=rng.uniform(60, 2000))
        case "stop_at":
            return replace(script, stop_at=0.9, reserve=_windows(rng, 1.0))
        case "caps":
            return replace(script, most_sessions=rng.randint(1, 30), raises=rng.choice([0, 3]))
    return script


def _jumps(rng: random.Random, calm_s: float) -> tuple[tuple[float, float], ...]:
    if rng.random() < 0.8:
        return ()
    by = [3600.0, -3600.0, 86_400.0, -86_400.0, 30.0, -30.0]
    return tuple(sorted((rng.uniform(0, calm_s), rng.choice(by)) for _ in range(rng.randint(1, 3))))


def _asks(rng: random.Random, calm_s: float) -> tuple[tuple[float, Ask], ...]:
    """At most some of each; whoever pauses resumes, and asks for the failed ones when all is over."""
    asks: list[tuple[float, Ask]] = []
    for _ in range(rng.choice([0, 0, 0, 1, 2])):
        at = rng.uniform(0, min(calm_s, 1500))
        match rng.choice(["cancel", "twice", "now", "pause", "resume", "retry"]):
            case "cancel":
                asks.append((at, "cancel"))
            case "twice":
                asks += [(at, "cancel"), (at + rng.uniform(0, 40), "cancel")]
            case "now":
                asks.append((at, "cancel now"))
            case "pause":
                asks += [(at, "pause"), (at + rng.uniform(1, 600), "resume")]
            case "resume":
                asks.append((at, "resume"))
            case "retry":
                asks.append((at, "retry"))
    if rng.random() < 0.15:
        asks.append((calm_s + 60, "retry"))
    return tuple(sorted(asks))


def _with_until(rng: random.Random, script: Script) -> Script:
    """Some people look at what one phase has made before they let the next one begin."""
    if script.phases == 1 or rng.random() < 0.7:
        return script
    return replace(script, until=tuple(rng.randint(1, script.phases) for _ in range(rng.randint(1, 3))))
