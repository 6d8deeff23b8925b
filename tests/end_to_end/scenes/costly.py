"""Answers that break off, stall, are refused at first, read all at once or go on for ever: what each item meets is
drawn for it with the rehearsal's seed from the list in `kinds.json`, or said there for each item."""

import json
from pathlib import Path
from random import Random

from harness.rehearsal.scene import Ask, InjectedFault, Reply, Text, Tool, Turn

READS = 30
BIG = "for n in $(seq 1 40); do head -c 60000 /dev/zero | tr '\\0' 'x' | fold -w 60 > big$n.txt; done"


def scene(ask: Ask) -> Reply:
    kind, key = kind_of(ask), f"{ask.ids[0]} {ask.seed}"
    if kind in ("cut", "529", "500", "garbage", "sse_error", "stall"):
        times = 1 if kind == "stall" else Random(key).randint(1, 3)
        return InjectedFault(kind, times=times, tag=f"{kind} {key}", then=work(ask))
    if kind == "broken again" and ask.turn < 12:  # more than its own cap, if all of it is billed
        going_on = Turn([Text("Going on. " * 20), Tool("Bash", {"command": f"echo {ask.turn}"})])
        return InjectedFault("cut", times=2, tag=f"cut {key} {ask.turn}", then=going_on)
    if kind == "reads" and ask.turn == 0:
        return Turn([Tool("Bash", {"command": BIG})])
    if kind == "reads" and ask.turn == 1:
        return Turn([Tool("Read", {"file_path": f"{ask.cwd}/big{n}.txt"}) for n in range(1, READS + 1)])
    if kind == "dear":
        return Turn([Text("Looking."), Tool("Bash", {"command": f"echo {ask.turn}"})], cost=0.12)
    if kind == "long" and ask.turn == 0:
        return Turn([Text("a long story " * 4_000)])
    return work(ask)


def kind_of(ask: Ask) -> str:
    kinds = json.loads(Path(__file__).with_name("kinds.json").read_text())
    if isinstance(kinds, dict):
        return str(kinds[ask.ids[0]])
    return str(Random(f"kind {ask.ids[0]} {ask.seed}").choice(kinds))


def work(ask: Ask) -> Turn:
    """The file in the first turn that is not spoken for, then the last word."""
    if ask.tool_results and "File created" in ask.tool_results[-1]:
        return Turn([Text("Done.")])
    lines = ", ".join(f'{{"id": "{id_}", "text": "about it"}}' for id_ in ask.ids)
    return Turn([Tool("Write", {"file_path": f"{ask.cwd}/{ask.output['file']}", "content": f"[{lines}]"})])
