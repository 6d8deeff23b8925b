"""Each session says its environment in every way it can, also on purpose in its output when vars.leak is set."""

from harness.rehearsal.scene import Ask, Records, Reply, Tool, Turn

COMMAND = """\
env; env >&2; echo "$ANTHROPIC_API_KEY" | tee leaked.txt; cat /proc/self/environ | tr '\\0' '\\n'; touch said
until [ -e go ]; do sleep 0.05; done"""


def scene(ask: Ask) -> Reply:
    if ask.turn == 0:
        return Turn([Tool("Bash", {"command": COMMAND})])
    text = "\n".join(ask.tool_results) if ask.vars.get("leak") else "nothing told"
    return Records([{"id": item["id"], "text": text} for item in ask.items], notes="\n".join(ask.tool_results))
