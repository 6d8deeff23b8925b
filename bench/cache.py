"""What the lead and the stable prefix save: 34 batches with 30 KB of standing instructions on the real CLI.

The accounts are the rehearsal server's: the provider's rules for its prompt cache, and list prices. Every answer begins
after a second, as a model's does: what a request writes is found by others only then.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from bench.machine import describe
from bench.rehearsals import rehearse, write_job
from bench.tables import spread, table, verdict
from harness.core.prices import cost_of
from harness.rehearsal.cache import tokens
from harness.rehearsal.request_log import LoggedRequest, read_log

BATCHES, SIZE = 34, 20
INSTRUCTIONS_BYTES = 30_000
GOAL_READ, GOAL_ABOVE_FLOOR = 97.0, 5.0
HEADS = (
    "variant",
    "at once",
    "requests",
    "prefix tokens",
    "read of it %",
    "input $",
    "(c) floor $",
    "above (c) %",
    "whole s",
)
MANIFEST = """job: cache
items: {{file: items.jsonl}}
batch: {{size: {size}}}
session: {{model: sonnet, prompt: prompt.md{instructions}}}
output: {{fields: {{id: string, text: string}}, merge: merged.json}}
parallel: {parallel}
budget: $40
rehearsal: {{scene: scene.py}}
"""
_SCENE = """from harness.rehearsal.scene import Ask, Records, Reply, InjectedFault


def scene(ask: Ask) -> Reply:
    records = [{"id": item["id"], "text": item["data"]["text"]} for item in ask.items]
    return InjectedFault("late", times=None, seconds=1, then=Records(records))
"""
_TASK = "Write down what each of these says.\n\n{% for item in items %}{{ item.id }}: {{ item.text }}\n{% endfor %}"


@dataclass(frozen=True, slots=True)
class Account:
    """What the requests of one run cost on their way in, by the server's accounts."""

    requests: int
    prefix_tokens: int
    """Tools and system prompt, the same in every request of the run."""
    read_share: float
    """Of the prefix's tokens in all requests but the first, how many were billed as cache reads."""
    input_usd: Decimal
    floor_usd: Decimal
    """The same requests, had the prefix been written once and read ever after."""
    wall_s: float

    def above(self, floor_usd: Decimal) -> float:
        """Percent."""
        return float((self.input_usd / floor_usd - 1) * 100)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="bench.cache", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="4 batches")
    parser.add_argument("--parallel", default="1,4,8")
    parser.add_argument("--repeats", type=int, default=1)
    options = parser.parse_args(arguments)
    batches = 4 if options.quick else BATCHES
    widths = [int(width) for width in options.parallel.split(",")]
    measured: dict[tuple[str, int], list[Account]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        print(describe(Path(name)), "\n", flush=True)
        for _ in range(options.repeats):
            for variant in VARIANTS:
                for width in widths:
                    measured.setdefault((variant, width), []).append(_played(Path(name), variant, width, batches))
    rows = [_row(variant, width, accounts, measured[OURS, width]) for (variant, width), accounts in measured.items()]
    title = f"{batches} batches of {SIZE}, {INSTRUCTIONS_BYTES:,} bytes of instructions, list prices of sonnet"
    print(table(title, HEADS, rows))
    ours = [account for (variant, _), accounts in measured.items() if variant == OURS for account in accounts]
    least = min(account.read_share for account in ours)
    most = max(account.above(account.floor_usd) for account in ours)
    print(verdict(f"{least:.1f} % read after the lead >= {GOAL_READ:g} %", -least, -GOAL_READ))
    print(verdict(f"{most:.1f} % above the floor <= {GOAL_ABOVE_FLOOR:g} %", most, GOAL_ABOVE_FLOOR))


OURS, IN_PROMPT, NO_LEAD = "as it is", "(a) all in the prompt", "(b) no lead"
VARIANTS = (OURS, IN_PROMPT, NO_LEAD)


def _played(root: Path, variant: str, parallel: int, batches: int) -> Account:
    with tempfile.TemporaryDirectory(dir=root) as name:
        folder = Path(name)
        rules = _instructions()
        in_prompt = variant == IN_PROMPT
        (folder / "rules.md").write_text(rules)
        (folder / "prompt.md").write_text(f"{rules}\n\n{_TASK}" if in_prompt else _TASK)
        (folder / "scene.py").write_text(_SCENE)
        instructions = "" if in_prompt else ", instructions: [rules.md]"
        manifest = MANIFEST.format(size=SIZE, instructions=instructions, parallel=parallel)
        write_job(folder, manifest, [f"S{number:04d}" for number in range(1, batches * SIZE + 1)])
        program = ("-m", "bench.without_lead") if variant == NO_LEAD else ("-m", "harness")
        wall_s = rehearse(folder, program).wall_s
        log = read_log(folder / ".harness/job.rehearsal/rehearsal/requests.jsonl")
        return _account(log, wall_s)


def _instructions() -> str:
    """Plain text of the size asked for, no two lines alike."""
    lines: list[str] = []
    while sum(map(len, lines)) < INSTRUCTIONS_BYTES:
        number = len(lines) + 1
        lines.append(f"Rule {number}: a sentence about day {number} is written down as it stands, in one line.\n")
    return "".join(lines)[:INSTRUCTIONS_BYTES]


def _account(log: Sequence[LoggedRequest], wall_s: float) -> Account:
    answered = [request for request in log if request.usage is not None]
    prefixes = {request.prefix_sha for request in answered}
    if len(prefixes) != 1:
        raise SystemExit(f"the sessions of one phase do not share their prefix: there are {len(prefixes)}")
    chars = next(chars for request in answered for sha, chars, _ in request.breakpoints if sha in prefixes)
    read = sum(min(request.cached_chars, chars) for request in answered[1:])
    costs = [_input_usd(request, 0) for request in answered]
    unread = [tokens(chars) - tokens(min(request.cached_chars, chars)) for request in answered]
    floor = [_input_usd(request, spared) for request, spared in zip(answered, [0, *unread[1:]], strict=True)]
    return Account(
        requests=len(answered),
        prefix_tokens=tokens(chars),
        read_share=100 * read / (chars * (len(answered) - 1)),
        input_usd=sum(costs, Decimal(0)),
        floor_usd=sum(floor, Decimal(0)),
        wall_s=wall_s,
    )


def _input_usd(request: LoggedRequest, spared: int) -> Decimal:
    """What the request's input cost, had `spared` tokens been read from the cache instead of written to it."""
    usage = dict(request.usage or {})
    split = dict(usage.get("cache_creation") or {})
    kind = "ephemeral_1h_input_tokens" if split.get("ephemeral_1h_input_tokens") else "ephemeral_5m_input_tokens"
    split[kind] = split.get(kind, 0) - spared
    usage |= {
        "output_tokens": 0,
        "cache_creation": split,
        "cache_creation_input_tokens": usage["cache_creation_input_tokens"] - spared,
        "cache_read_input_tokens": usage["cache_read_input_tokens"] + spared,
    }
    cost = cost_of(request.model, usage)
    if cost is None or usage["cache_creation_input_tokens"] < 0:
        raise SystemExit(f"request {request.number} cannot be priced: {request.model}, {request.usage}")
    return cost


def _row(variant: str, parallel: int, accounts: Sequence[Account], ours: Sequence[Account]) -> list[str]:
    """The floor is that of the job as it is: the prefix with the instructions in it, written once."""
    floors = [account.floor_usd for account in ours]
    return [
        variant,
        str(parallel),
        str(accounts[0].requests),
        f"{accounts[0].prefix_tokens:,}",
        spread([account.read_share for account in accounts]),
        spread([float(account.input_usd) for account in accounts], 4),
        spread([float(floor) for floor in floors], 4),
        spread([account.above(floor) for account, floor in zip(accounts, floors, strict=True)]),
        spread([account.wall_s for account in accounts]),
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
