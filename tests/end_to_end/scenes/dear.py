"""Sessions of $0.07 to $0.20, known for each item; the one of i05 would cost $0.60, and writes its file at the end."""

from random import Random

from harness.rehearsal.scene import Ask, Reply, Text, Tool, Turn

DEAR, STEPS = "i05", 4


def scene(ask: Ask) -> Reply:
    if DEAR in ask.ids and ask.turn < STEPS - 1:
        return Turn([Text("Looking."), Tool("Read", {"file_path": f"{ask.cwd}/nothing.txt"})], cost=0.60 / STEPS)
    if not ask.tool_results or (DEAR in ask.ids and ask.turn == STEPS - 1):
        lines = ", ".join(f'{{"id": "{id_}", "text": "about it"}}' for id_ in ask.ids)
        write = Tool("Write", {"file_path": f"{ask.cwd}/{ask.output['file']}", "content": f"[{lines}]"})
        return Turn([write], cost=_half(ask))
    return Turn([Text("Done.")], cost=_half(ask))


def _half(ask: Ask) -> float:
    return Random("".join(ask.ids)).uniform(0.035, 0.10)
