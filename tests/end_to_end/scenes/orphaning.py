"""Each session leaves a daemon in a session of its own, and then hangs in its Bash tool."""

from harness.rehearsal.scene import Ask, Reply, Tool, Turn

COMMAND = """\
setsid sh -c 'trap "" TERM HUP; echo $$ > daemon.pid; while :; do sleep 3600; done' </dev/null >/dev/null 2>&1 &
tail -f /dev/null"""


def scene(ask: Ask) -> Reply:
    return Turn([Tool("Bash", {"command": COMMAND, "timeout": 600_000})])
